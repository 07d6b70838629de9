"""What each event makes of the state."""

from __future__ import annotations

from datetime import timedelta

import pytest

from oncsync.state import (
    Arrived,
    Cleared,
    Ended,
    Event,
    FileRecord,
    Finished,
    Forgotten,
    Moved,
    Order,
    Ordered,
    Outcome,
    Refresh,
    Running,
    Started,
    Synced,
)
from tests.state.events import CHUNK, NOON, OTHER, an_order, ordering, state_after
from tests.support.records import at, make_file

LATER = at("2026-11-02")
ONE, TWO = make_file("a.csv", index="1"), make_file("b.csv", index="2")
META = make_file("a.xml", index="meta")
FRESH = make_file("a.csv", run_id=2, path="a.csv", content=b"newer")


def test_a_sync_that_begins_names_what_the_folder_belongs_to() -> None:
    state = state_after(Started(at=NOON, manifest="m.yaml", server="production", settings={"runThreads": 4}))
    assert (state.manifest, state.server, state.settings) == ("m.yaml", "production", {"runThreads": 4})


def test_a_sync_that_ends_says_when() -> None:
    assert state_after(Synced(at=NOON)).synced_at == NOON


def test_an_order_is_known_before_it_is_asked_for() -> None:
    """R110: a kill between asking and the answer is known by an order without an id."""
    chunk = state_after(ordering(options={"dpo_a": "1"}, host="h", user="u")).chunks[CHUNK]
    assert (chunk.product, chunk.begin, chunk.end) == ("p", at("2017-05-01"), at("2017-06-01"))
    assert chunk.order == Order(at=NOON, date_to=at("2017-06-01"), options={"dpo_a": "1"}, host="h", user="u")
    assert (chunk.outcome, chunk.attempts, chunk.corrected) == (None, 0, None)


def test_the_ids_of_an_order_arrive_one_after_the_other() -> None:
    """R109: what re-attaching needs."""
    events: list[Event] = [ordering(), Ordered(at=NOON, chunk=CHUNK, request_id=7)]
    order = state_after(*events).chunks[CHUNK].order
    assert order is not None
    assert (order.request_id, order.run_ids, order.is_ended) == (7, (), False)
    events.append(Running(at=NOON, chunk=CHUNK, run_ids=(8, 9)))
    order = state_after(*events).chunks[CHUNK].order
    assert order is not None
    assert (order.request_id, order.run_ids, order.is_ended) == (7, (8, 9), False)
    events.append(Ended(at=NOON, chunk=CHUNK, run_ids=(8, 9), counts=(2, None)))
    order = state_after(*events).chunks[CHUNK].order
    assert order is not None
    assert (order.run_ids, order.counts, order.is_ended) == ((8, 9), (2, None), True)


def test_a_new_order_drops_what_belonged_to_the_one_before() -> None:
    state = state_after(
        ordering(),
        Finished(at=NOON, chunk=CHUNK, outcome="failed-retryable", reason="fault", notes=("n",)),
        ordering(when=LATER),
    )
    chunk = state.chunks[CHUNK]
    assert chunk.order == Order(at=LATER, date_to=at("2017-06-01"))
    assert (chunk.notes, chunk.arriving) == ((), ())
    assert (chunk.outcome, chunk.reason) == ("failed-retryable", "fault")


@pytest.mark.parametrize("outcome", ["failed-permanent", "refused"])
def test_a_chunk_that_failed_for_good_and_is_ordered_again_has_not_failed(outcome: Outcome) -> None:
    """Rule 3: a kill from here on leaves an order that is taken up, not a failure that hides it."""
    failed = Finished(at=NOON, chunk=CHUNK, outcome=outcome, reason="no", status=400, code=127)
    chunk = state_after(ordering(), failed, ordering(when=LATER)).chunks[CHUNK]
    assert (chunk.outcome, chunk.reason, chunk.status, chunk.code) == (None, None, None, None)


def test_files_arrive_until_the_chunk_is_done() -> None:
    arriving = state_after(*an_order(ONE, META, done=False)).chunks[CHUNK]
    assert (arriving.arriving, arriving.files, arriving.outcome) == ((ONE, META), (), None)
    done = state_after(*an_order(ONE, META)).chunks[CHUNK]
    assert (done.arriving, done.files, done.outcome) == ((), (ONE, META), "done")
    assert (done.asked_at, done.fetched_to, done.at, done.attempts) == (NOON, at("2017-06-01"), NOON, 0)


def test_a_file_that_arrives_twice_is_one_file() -> None:
    again = make_file("a.csv", content=b"again")
    assert state_after(*an_order(ONE, TWO, again, done=False)).chunks[CHUNK].arriving == (TWO, again)


def test_held_files_stand_by_run_and_number_with_the_metadata_last() -> None:
    """Rule 8: the order does not depend on which came first."""
    files = [make_file(f"x{index}", index=index) for index in ("meta", "10", "9", "1", "2")]
    held = state_after(*an_order(*files)).chunks[CHUNK].files
    assert [file.index for file in held] == ["1", "2", "9", "10", "meta"]


def test_files_of_an_open_chunk_are_replaced_when_the_new_ones_are_all_here() -> None:
    """Architecture, "The lock": new files replace the old ones when all of them are whole."""
    under_way = state_after(*an_order(ONE, TWO), *an_order(FRESH, run_id=2, when=LATER, done=False)).chunks[CHUNK]
    assert (under_way.files, under_way.arriving) == ((ONE, TWO), (FRESH,))
    done = state_after(*an_order(ONE, TWO), *an_order(FRESH, run_id=2, when=LATER)).chunks[CHUNK]
    assert (done.files, done.superseded, done.asked_at) == ((FRESH,), (ONE, TWO), LATER)


def test_replaced_files_are_remembered_until_they_are_out_of_the_folder() -> None:
    """R110: a kill before they are removed must not leave them behind for ever."""
    newest = make_file("a.csv", run_id=3)
    events = [*an_order(ONE), *an_order(FRESH, run_id=2), *an_order(newest, run_id=3)]
    assert state_after(*events).chunks[CHUNK].superseded == (ONE, FRESH)
    assert state_after(*events, Cleared(at=LATER, chunk=CHUNK)).chunks[CHUNK].superseded == ()


def test_a_file_fetched_again_replaces_only_itself() -> None:
    """R109: missing files are fetched."""
    again = make_file("a.csv", content=b"again")
    events = [*an_order(ONE, TWO), Arrived(at=LATER, chunk=CHUNK, file=again)]
    chunk = state_after(*events, Finished(at=LATER, chunk=CHUNK, outcome="done")).chunks[CHUNK]
    assert (chunk.files, chunk.superseded) == ((again, TWO), ())


def test_no_data_is_an_outcome_of_its_own_and_takes_no_files_away() -> None:
    """Rule 4, open question 10: an empty answer never deletes what is here, nor what is known of it."""
    empty = Finished(at=LATER, chunk=CHUNK, outcome="empty", reason="no data", status=400, code=33)
    chunk = state_after(*an_order(done=False), empty).chunks[CHUNK]
    assert (chunk.outcome, chunk.reason, chunk.status, chunk.code) == ("empty", "no data", 400, 33)
    chunk = state_after(*an_order(ONE), *an_order(run_id=2, when=LATER, done=False), empty).chunks[CHUNK]
    assert chunk.refresh == Refresh(asked_at=LATER, at=LATER, outcome="empty", reason="no data", status=400, code=33)
    assert (chunk.outcome, chunk.reason) == ("done", None)
    assert (chunk.files, chunk.arriving, chunk.asked_at, chunk.attempts) == ((ONE,), (), NOON, 0)


@pytest.mark.parametrize("outcome", ["empty", "refused", "failed-permanent", "expired"])
def test_an_order_that_brings_nothing_leaves_the_files_the_order_they_came_from(outcome: Outcome) -> None:
    """Rule 3: one of them that is lost is fetched again by it."""
    held = state_after(*an_order(ONE)).chunks[CHUNK]
    ended = Finished(at=LATER, chunk=CHUNK, outcome=outcome, reason="why")
    anew: list[Event] = [ordering(when=LATER), ended]
    lost: list[Event] = [*an_order(TWO, run_id=2, when=LATER, done=False), Forgotten(at=LATER, chunk=CHUNK, reason="")]
    for events in (anew, [*lost, ended], [*lost, *anew]):
        chunk = state_after(*an_order(ONE), *events).chunks[CHUNK]
        assert (chunk.order, chunk.outcome, chunk.files) == (held.order, "done", (ONE,))
        assert (chunk.arriving, chunk.asked_at, chunk.last_asked) == ((), NOON, LATER)


def test_an_order_that_may_still_bring_files_is_taken_up_again() -> None:
    failed = Finished(at=LATER, chunk=CHUNK, outcome="failed-retryable", reason="why")
    events = [*an_order(ONE), *an_order(FRESH, run_id=2, when=LATER, done=False), failed]
    chunk = state_after(*events).chunks[CHUNK]
    assert chunk.order is not None
    assert (chunk.outcome, chunk.order.run_ids, chunk.arriving) == ("done", (2,), (FRESH,))
    chunk = state_after(*events, Finished(at=LATER, chunk=CHUNK, outcome="done")).chunks[CHUNK]
    assert (chunk.files, chunk.superseded) == ((FRESH,), (ONE,))
    assert (chunk.refresh, chunk.held_order, chunk.asked_at) == (None, None, LATER)


def test_an_order_that_the_service_had_made_before_replaces_what_came_of_it_then() -> None:
    """Open question 22: identical orders may share a run, and its files are fetched again."""
    again = make_file("a.csv", content=b"newer")
    chunk = state_after(*an_order(ONE, TWO), *an_order(again, when=LATER)).chunks[CHUNK]
    assert (chunk.files, chunk.superseded) == ((again,), (TWO,))


@pytest.mark.parametrize("outcome", ["failed-retryable", "failed-permanent", "refused", "expired"])
def test_a_failure_keeps_the_order_and_what_arrived(outcome: Outcome) -> None:
    """R109: the next run goes on where this one stopped."""
    events = an_order(ONE, done=False)
    chunk = state_after(*events, Finished(at=LATER, chunk=CHUNK, outcome=outcome, reason="why")).chunks[CHUNK]
    assert (chunk.outcome, chunk.reason, chunk.at) == (outcome, "why", LATER)
    assert chunk.order is not None
    assert (chunk.order.run_ids, chunk.arriving) == ((1,), (ONE,))
    assert (chunk.asked_at, chunk.fetched_to) == (None, None)


@pytest.mark.parametrize("last", [Forgotten(at=LATER, chunk=CHUNK, reason="410"), ordering(when=LATER)])
def test_files_in_their_places_stay_ours_when_their_order_is_dropped(last: Event) -> None:
    """Rule 1: otherwise they would be taken for someone else's, and lie beside their successors for ever."""
    chunk = state_after(*an_order(ONE, done=False), last).chunks[CHUNK]
    assert (chunk.files, chunk.arriving) == ((ONE,), ())
    done = state_after(*an_order(ONE, done=False), last, *an_order(FRESH, run_id=2)).chunks[CHUNK]
    assert (done.files, done.superseded) == ((FRESH,), (ONE,))


@pytest.mark.parametrize("last", [Forgotten(at=LATER, chunk=CHUNK, reason="410"), ordering(when=LATER)])
def test_files_that_waited_to_replace_others_go_with_their_order(last: Event) -> None:
    chunk = state_after(*an_order(ONE), *an_order(FRESH, run_id=2, done=False), last).chunks[CHUNK]
    assert (chunk.files, chunk.arriving) == ((ONE,), ())


def test_an_order_that_is_gone_leaves_a_chunk_that_needs_one() -> None:
    chunk = state_after(*an_order(done=False), Forgotten(at=LATER, chunk=CHUNK, reason="unknown")).chunks[CHUNK]
    assert (chunk.order, chunk.outcome, chunk.reason, chunk.at) == (None, "expired", "unknown", LATER)


def test_orders_that_the_service_lost_are_counted_until_one_ends_well() -> None:
    """Rule 3: an order costs hours there; after so many in a row a person has to look."""
    events: list[Event] = []
    for _ in range(2):
        events += [ordering(), Forgotten(at=LATER, chunk=CHUNK, reason="410", is_loss=True)]
    events += [ordering(), Forgotten(at=LATER, chunk=CHUNK, reason="unknown id")]
    assert state_after(*events).chunks[CHUNK].attempts == 2
    assert state_after(*events, *an_order(ONE)).chunks[CHUNK].attempts == 0
    empty = Finished(at=LATER, chunk=CHUNK, outcome="empty")
    assert state_after(*events, ordering(), empty).chunks[CHUNK].attempts == 0
    failed = Finished(at=LATER, chunk=CHUNK, outcome="failed-retryable")
    assert state_after(*events, ordering(), failed).chunks[CHUNK].attempts == 2


def test_since_when_orders_are_lost_is_known_until_one_ends_well() -> None:
    """The first of them counts, so that an hour of trouble at the service is no word for good."""
    lost = [
        event
        for hours in (1, 2)
        for event in (ordering(), Forgotten(at=NOON + timedelta(hours=hours), chunk=CHUNK, reason="x", is_loss=True))
    ]
    gone = Forgotten(at=LATER, chunk=CHUNK, reason="unknown id")
    assert state_after(ordering(), gone).chunks[CHUNK].failing_since is None
    assert state_after(*lost, ordering(), gone).chunks[CHUNK].failing_since == NOON + timedelta(hours=1)
    assert state_after(*lost, *an_order(ONE)).chunks[CHUNK].failing_since is None


def test_options_that_were_corrected_are_remembered_for_the_next_order() -> None:
    """Architecture, "The lock": a correction after a refusal is recorded in the state; the id stays."""
    events = [ordering(options={"dpo_a": "x"}), ordering(options={"dpo_a": "1"}, is_corrected=True)]
    assert state_after(*events).chunks[CHUNK].corrected == {"dpo_a": "1"}
    assert state_after(*events, ordering()).chunks[CHUNK].corrected == {"dpo_a": "1"}
    assert state_after(events[0]).chunks[CHUNK].corrected is None


def test_a_moved_file_has_another_place_and_replaces_nothing_there() -> None:
    moved = Moved(at=LATER, chunk=CHUNK, run_id=1, index="2", path="new/b.csv")
    held = state_after(*an_order(ONE, TWO), moved).chunks[CHUNK]
    assert [file.path for file in held.files] == ["a.csv", "new/b.csv"]
    replacing = FileRecord(**{name: getattr(TWO, name) for name in TWO.__struct_fields__} | {"replaces": "0" * 64})
    arriving = state_after(*an_order(ONE, replacing, done=False), moved).chunks[CHUNK].arriving
    assert [(file.path, file.replaces) for file in arriving] == [("a.csv", None), ("new/b.csv", None)]


UNKNOWN: list[Event] = [
    Ordered(at=NOON, chunk=OTHER, request_id=1),
    Running(at=NOON, chunk=OTHER, run_ids=(1,)),
    Ended(at=NOON, chunk=OTHER, run_ids=(1,)),
    Arrived(at=NOON, chunk=OTHER, file=ONE),
    Finished(at=NOON, chunk=OTHER, outcome="done"),
    Forgotten(at=NOON, chunk=OTHER, reason="r"),
    Cleared(at=NOON, chunk=OTHER),
    Moved(at=NOON, chunk=OTHER, run_id=1, index="1", path="x"),
]


@pytest.mark.parametrize("event", UNKNOWN, ids=lambda event: type(event).__name__)
def test_events_of_a_chunk_that_is_not_known_are_passed_over(event: Event) -> None:
    assert state_after(ordering(), event) == state_after(ordering())


@pytest.mark.parametrize("event", UNKNOWN[:3], ids=lambda event: type(event).__name__)
def test_events_of_an_order_that_is_gone_are_passed_over(event: Ordered | Running | Ended) -> None:
    events = [*an_order(chunk=OTHER, done=False), Forgotten(at=NOON, chunk=OTHER, reason="gone")]
    assert state_after(*events, event) == state_after(*events)


def test_an_event_of_one_chunk_leaves_the_others_alone() -> None:
    before = state_after(*an_order(ONE), *an_order(TWO, chunk=OTHER, done=False))
    after = state_after(
        *an_order(ONE), *an_order(TWO, chunk=OTHER, done=False), Finished(at=LATER, chunk=OTHER, outcome="done")
    )
    assert after.chunks[CHUNK] == before.chunks[CHUNK]


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a/..", "C:/x", "c:x", "a\\b", "..\\x", "a\0b", ".."]
)
def test_a_place_outside_the_folder_is_no_place(path: str) -> None:
    """Rule 7: a state that came with a folder from elsewhere does not lead out of it."""
    with pytest.raises(ValueError, match="no place in the folder"):
        FileRecord(run_id=1, index="1", name="n", path=path, partial="p", bytes=0, sha256="", at=NOON)


@pytest.mark.parametrize("partial", ["", "/x", "../x", "a/b", "..\\x"])
def test_a_partial_file_lies_in_its_own_folder(partial: str) -> None:
    with pytest.raises(ValueError, match="no place in the folder"):
        FileRecord(run_id=1, index="1", name="n", path="a", partial=partial, bytes=0, sha256="", at=NOON)


@pytest.mark.parametrize("path", ["a..b.csv", "..a/b", "a/...", "~a/b", "a b/é.csv"])
def test_dots_alone_do_not_make_a_place_suspicious(path: str) -> None:
    assert make_file("n", path=path).path == path
