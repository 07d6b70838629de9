"""What a sync would do: values in, values out."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.engine.plan import Plan, Terms, entry_terms, make_plan, refresh_wait, settles_at
from oncsync.lockfile import Lock, LockedRequest
from oncsync.state import (
    Ended,
    Event,
    Finished,
    Forgotten,
    Ordered,
    Ordering,
    Outcome,
    Running,
    State,
    apply_event,
)
from oncsync.timespan import LAST_INSTANT
from tests.support.records import at, make_entry, make_file, make_lock, make_request, span, steady

MAY = make_request("2017-05-01", "2017-06-01")
LOCK = make_lock(make_entry("axis", MAY))
LATE = at("2018-01-01")


def plan(lock: Lock, state: State | None = None, now: datetime = LATE, **more: Any) -> Plan:
    """Plans with the default terms."""
    terms = more.pop("terms", Terms())
    return make_plan(lock, state or State(), more.pop("missing", ()), now, terms, **more)


def steps(lock: Lock, state: State | None = None, now: datetime = LATE, **more: Any) -> list[str]:
    return [one.step for one in plan(lock, state, now, **more).chunks]


def ordered(state: State, request: LockedRequest, number: int, asked: datetime, *, runs: int = 1) -> None:
    """Records that a chunk was ordered: `runs` is how far the order got (0: no id, 1: an id, 2: a run, 3: over)."""
    chunk = request.chunks[number]
    events: list[Event] = [
        Ordering(
            at=asked,
            chunk=chunk.id,
            product=request.product_digest,
            begin=chunk.begin,
            end=chunk.end,
            date_to=min(chunk.end, asked),
        ),
        Ordered(at=asked, chunk=chunk.id, request_id=number + 1),
        Running(at=asked, chunk=chunk.id, run_ids=(number + 1,)),
        Ended(at=asked, chunk=chunk.id, run_ids=(number + 1,), counts=(1,)),
    ]
    for event in events[: runs + 1]:
        apply_event(state, event)


def finished(
    request: LockedRequest, asked: datetime = LATE, outcome: Outcome = "done", *, only: int | None = None, **more: Any
) -> State:
    """Gives the state in which chunks of a request were ordered at `asked` and ended."""
    state = State()
    for number, chunk in enumerate(request.chunks):
        if only in (None, number):
            ordered(state, request, number, asked, runs=3)
            apply_event(state, Finished(at=asked, chunk=chunk.id, outcome=outcome, **more))
    return state


def missing_of(request: LockedRequest, number: int = 0) -> set[tuple[str, tuple[int, str]]]:
    return {(request.chunks[number].id, (number + 1, "1"))}


# --- New chunks ----------------------------------------------------------------------------------------------------


def test_a_new_chunk_is_ordered() -> None:
    (one,) = plan(LOCK).chunks
    assert (one.step, one.reason, one.date_to, one.id) == ("order", "new", at("2017-06-01"), MAY.chunks[0].id)


def test_an_open_chunk_is_ordered_up_to_now() -> None:
    """Architecture, "The lock": an open chunk is sent with `dateTo = min(end, now)`."""
    (one,) = plan(LOCK, now=at("2017-05-11T12:00")).chunks
    assert (one.step, one.date_to) == ("order", at("2017-05-11T12:00"))


@pytest.mark.parametrize(
    ("now", "step"), [("2017-04-30T23:59:59.999", "wait"), ("2017-05-01", "wait"), ("2017-05-01T00:00:00.001", "order")]
)
def test_a_chunk_that_has_not_begun_waits(now: str, step: str) -> None:
    assert steps(LOCK, now=at(now)) == [step]


def test_every_chunk_is_planned_once_in_lock_order() -> None:
    """R77: however many requests want it."""
    year = make_request("2017-01-01", "2018-01-01")
    lock = make_lock(make_entry("b", year), make_entry("a", MAY))
    planned = [one.wanted.chunk.begin.month for one in plan(lock).chunks]
    assert planned == [5, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]


def test_a_row_that_is_switched_off_is_not_run_and_its_history_stays() -> None:
    """R107: removed or switched-off rows are kept as history."""
    state = finished(MAY)
    off = make_request(download=False, chunks=())
    assert steps(make_lock(make_entry("By Location!2", off, kind="row")), state) == []
    assert MAY.chunks[0].id in state.chunks


def test_new_rows_become_new_work_and_finished_ones_stay_finished() -> None:
    """R107."""
    june = make_request("2017-06-01", "2017-07-01")
    assert steps(make_lock(make_entry("axis", MAY, june)), finished(MAY)) == ["done", "order"]


def test_a_plan_may_be_limited_to_some_entries() -> None:
    lock = make_lock(make_entry("a", MAY), make_entry("b", make_request(extension="json")))
    assert [one.wanted.entry.name for one in plan(lock, only=("b",)).chunks] == ["b"]


def test_disagreements_about_places_are_passed_on() -> None:
    lock = make_lock(make_entry("a", MAY, path="a"), make_entry("b", MAY, path="b"))
    assert len(plan(lock).warnings) == 1


# --- Chunks that ended well ----------------------------------------------------------------------------------------


def test_a_finished_chunk_needs_nothing() -> None:
    """R109: finished chunks are not ordered again."""
    assert steps(LOCK, finished(MAY)) == ["done"]


def test_no_data_is_an_end() -> None:
    """Rule 4: "no data" is a success, and is not asked for again."""
    (one,) = plan(LOCK, finished(MAY, outcome="empty", reason="no data there")).chunks
    assert (one.step, one.reason) == ("empty", "no data there")


def test_a_missing_file_is_fetched_and_not_ordered() -> None:
    """R109: missing files are fetched."""
    assert steps(LOCK, finished(MAY), missing=missing_of(MAY)) == ["fetch"]


def test_a_missing_file_of_another_chunk_changes_nothing() -> None:
    assert steps(LOCK, finished(MAY), missing={("0" * 20, (1, "1"))}) == ["done"]


# --- Chunks that are under way -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "step", "reason"),
    [
        (0, "order", "asking for it was interrupted"),
        (1, "attach", "ordered before"),
        (2, "attach", "ordered before"),
        (3, "attach", "made, not fetched yet"),
    ],
)
def test_a_live_order_is_taken_up_again(runs: int, step: str, reason: str) -> None:
    """R109, R110, rule 3: never order again what can be re-attached; an order without an id never ran."""
    state = State()
    ordered(state, MAY, 0, LATE, runs=runs)
    (one,) = plan(LOCK, state).chunks
    assert (one.step, one.reason) == (step, reason)


@pytest.mark.parametrize("outcome", ["failed-retryable", "expired"])
def test_a_failure_that_may_pass_goes_on_with_its_order(outcome: Outcome) -> None:
    """R109."""
    state = finished(MAY, outcome=outcome, reason="service down")
    assert steps(LOCK, state) == ["attach"]


@pytest.mark.parametrize(("failures", "rest"), [(1, 0), (2, 0), (3, 15), (5, 60), (9, 240)])
def test_an_order_that_fails_again_and_again_waits_longer_and_longer(failures: int, rest: int) -> None:
    """Rule 3: each costs the service hours, and a timer may start a sync every quarter of an hour."""
    state, key = State(), MAY.chunks[0].id
    for _ in range(failures):
        ordered(state, MAY, 0, LATE)
        apply_event(state, Forgotten(at=LATE, chunk=key, reason="error", is_loss=True))
        apply_event(state, Finished(at=LATE, chunk=key, outcome="failed-retryable", reason="error"))
    end = LATE + timedelta(minutes=rest)
    assert steps(LOCK, state, now=end) == ["order"]
    if rest:
        assert steps(LOCK, state, now=end - timedelta(seconds=1)) == ["rest"]
        assert steps(LOCK, state, now=LATE, retry_failed=True) == ["order"]
        assert steps(LOCK, state, now=LATE - timedelta(days=1)) == ["order"], "a clock that was set back"


def test_an_order_that_is_gone_is_ordered_anew_and_the_reason_told() -> None:
    """R110."""
    state = State()
    ordered(state, MAY, 0, LATE)
    apply_event(state, Forgotten(at=LATE, chunk=MAY.chunks[0].id, reason="410 at the service"))
    (one,) = plan(LOCK, state).chunks
    assert (one.step, one.reason) == ("order", "tried again: 410 at the service")


@pytest.mark.parametrize("outcome", ["failed-permanent", "refused"])
def test_a_failure_for_good_is_tried_again_on_request_only(outcome: Outcome) -> None:
    """Rule 4: every outcome has a rerun policy, and its reason stays readable."""
    state = finished(MAY, outcome=outcome, reason="wrong option")
    (one,) = plan(LOCK, state).chunks
    assert (one.step, one.reason) == ("failed", "wrong option")
    assert steps(LOCK, state, retry_failed=True) == ["order"]


def test_a_refused_order_that_still_has_an_id_is_not_taken_up_again() -> None:
    state = finished(MAY, outcome="refused", reason="restricted")
    assert state.chunks[MAY.chunks[0].id].order is not None
    assert steps(LOCK, state) == ["failed"]


def test_the_order_of_a_refresh_is_taken_up_like_any_other() -> None:
    """R109: the chunk is held already, and its newer order lives."""
    state = finished(MAY, asked=at("2017-05-10"))
    ordered(state, MAY, 0, at("2017-05-20"), runs=2)
    assert steps(LOCK, state, now=at("2017-05-20T01:00")) == ["attach"]


def test_live_orders_come_before_new_ones_and_missing_files() -> None:
    """R94: they count against the limit before anything new begins."""
    year = make_request("2017-01-01", "2017-05-01")
    state = finished(year, only=2)
    ordered(state, year, 3, LATE)
    ordered(state, year, 1, LATE, runs=3)
    planned = plan(make_lock(make_entry("a", year)), state, missing=missing_of(year, 2))
    assert [one.step for one in planned.chunks] == ["order", "attach", "fetch", "attach"]
    assert [(one.step, one.wanted.chunk.begin.month) for one in planned.work] == [
        ("attach", 2),
        ("attach", 4),
        ("fetch", 3),
        ("order", 1),
    ]
    assert planned.counts == {"order": 1, "attach": 2, "fetch": 1}


# --- Open chunks ---------------------------------------------------------------------------------------------------


def test_an_open_chunk_is_ordered_again_after_a_quarter_of_its_length() -> None:
    """Architecture, "The manifest": `refreshOpen` is a quarter of the chunk unless set."""
    asked = at("2017-05-10")
    due = asked + timedelta(days=31) / 4
    state = finished(MAY, asked=asked)
    assert steps(LOCK, state, now=due - timedelta(seconds=1)) == ["wait"]
    assert steps(LOCK, state, now=due) == ["order"]


def test_a_short_chunk_is_not_ordered_more_often_than_every_quarter_of_an_hour() -> None:
    half = make_request("2017-05-01", "2017-05-01T00:30", split="PT30M")
    lock, asked = make_lock(make_entry("a", half)), at("2017-05-01T00:05")
    state = finished(half, asked=asked)
    assert steps(lock, state, now=asked + timedelta(minutes=14, seconds=59)) == ["wait"]
    assert steps(lock, state, now=asked + timedelta(minutes=15)) == ["order"]


@pytest.mark.parametrize(("refresh", "minutes"), [("PT1H", 60), ("PT1M", 1), ("P1D", 1440)])
def test_the_least_time_between_two_orders_may_be_set(refresh: str, minutes: int) -> None:
    asked = at("2017-05-10")
    state = finished(MAY, asked=asked)
    terms = Terms(refresh_open=refresh)
    due = asked + timedelta(minutes=minutes)
    assert steps(LOCK, state, now=due - timedelta(seconds=1), terms=terms) == ["wait"]
    assert steps(LOCK, state, now=due, terms=terms) == ["order"]


def test_a_calendar_step_counts_from_the_chunks_begin() -> None:
    assert refresh_wait(span("2017-02-01", "2017-03-01"), Terms(refresh_open="P1M")) == timedelta(days=28)


@pytest.mark.parametrize(
    ("asked", "step"), [("2017-06-01T23:59:59", "order"), ("2017-06-02", "done"), ("2017-07-01", "done")]
)
def test_a_chunk_asked_for_while_data_could_still_arrive_is_asked_for_once_more(asked: str, step: str) -> None:
    """Architecture: open until its end plus `lateDays` (one day) is past."""
    assert steps(LOCK, finished(MAY, asked=at(asked))) == [step]


def test_how_long_data_may_arrive_may_be_set() -> None:
    state = finished(MAY, asked=at("2017-06-05"))
    assert steps(LOCK, state, terms=Terms(late_days=5)) == ["order"]
    assert steps(LOCK, state, terms=Terms(late_days=4)) == ["done"]
    assert steps(LOCK, finished(MAY, asked=at("2017-06-01")), terms=Terms(late_days=0)) == ["done"]


def test_an_entry_may_have_terms_of_its_own() -> None:
    terms = Terms(late_days=1, max_order_hours=48)
    entry = make_entry("a", MAY, late_days=9.0, metadata=False)
    assert entry_terms(entry, terms) == Terms(late_days=9, max_order_hours=48, metadata=False)
    assert entry_terms(make_entry("a", MAY), terms) is terms
    assert steps(make_lock(entry), finished(MAY, asked=at("2017-06-05"))) == ["order"]


def test_between_its_end_and_the_last_order_a_chunk_is_done_for_now() -> None:
    asked = at("2017-06-01T01:00")
    assert steps(LOCK, finished(MAY, asked=asked), now=at("2017-06-01T12:00")) == ["done"]
    assert steps(LOCK, finished(MAY, asked=asked), now=at("2017-06-02")) == ["order"]
    assert steps(LOCK, finished(MAY, asked=asked, outcome="empty"), now=at("2017-06-01T12:00")) == ["empty"]
    before_its_end = finished(MAY, asked=at("2017-05-31T23:00"))
    moments = (at("2017-05-31T23:59:59"), at("2017-06-01"))
    assert [steps(LOCK, before_its_end, now=moment) for moment in moments] == [["wait"], ["done"]]


def test_a_missing_file_of_an_open_chunk_is_fetched_when_it_is_not_ordered_anyway() -> None:
    state = finished(MAY, asked=at("2017-05-10"))
    missing = missing_of(MAY)
    assert steps(LOCK, state, now=at("2017-05-11"), missing=missing) == ["fetch"]
    assert steps(LOCK, state, now=at("2017-05-30"), missing=missing) == ["order"]


def test_no_data_because_of_the_future_is_never_the_last_word() -> None:
    """Open question 10: code 25 about a span that has begun is a quarrel of clocks, not an empty answer."""
    state = finished(MAY, asked=LATE, outcome="empty", code=25)
    assert steps(LOCK, state) == ["order"]
    open_state = finished(MAY, asked=at("2017-05-02"), outcome="empty", code=25)
    assert steps(LOCK, open_state, now=at("2017-05-03")) == ["wait"]


def test_a_clock_that_was_ahead_does_not_settle_anything() -> None:
    """What it asked for may have lain in the future; once the end has settled all the same, it does no harm."""
    state = finished(MAY, asked=at("2019-01-01"))
    assert steps(LOCK, state, now=at("2017-05-20")) == ["order"]
    assert steps(LOCK, state, now=at("2018-12-31")) == ["done"]
    assert steps(LOCK, finished(MAY, asked=at("2017-05-20")), now=at("2017-05-20")) == ["wait"]
    days = make_lock(make_entry("a", make_request(split="day")))
    assert set(steps(days, state, now=at("2018-12-31"))) == {"order"}


def test_a_plan_for_the_future_alone_says_so() -> None:
    """A clock that is behind would otherwise look like a folder in sync."""
    assert "begins in the future" in plan(LOCK, now=at("2017-05-01")).warnings[0]
    assert plan(LOCK, now=at("2017-05-02")).warnings == ()
    assert plan(make_lock()).warnings == ()


def test_the_end_of_the_calendar_never_settles() -> None:
    assert settles_at(LAST_INSTANT, Terms()) == LAST_INSTANT
    assert settles_at(at("2017-06-01"), Terms(late_days=1e9)) == LAST_INSTANT


# --- Covered chunks ------------------------------------------------------------------------------------------------


def resplit(begin: str, end: str, before: str, after: str, asked: str) -> list[str]:
    """Gives the steps after a request that was finished under one split is cut in another way."""
    state = finished(make_request(begin, end, split=before), asked=at(asked))
    return steps(make_lock(make_entry("a", make_request(begin, end, split=after))), state)


@pytest.mark.parametrize(
    ("before", "after"), [("month", "day"), ("day", "month"), ("all", "week"), ("week", "month"), ("year", "PT6H")]
)
def test_another_split_orders_nothing_again(before: str, after: str) -> None:
    """Architecture, "The folder and the state": a span tiled by held, closed chunks is covered."""
    assert set(resplit("2017-03-05", "2017-05-20", before, after, "2017-07-01")) == {"covered"}


def test_what_was_still_open_under_the_old_split_is_ordered() -> None:
    """Asked on the 15th at noon, all but the last day had settled: days up to the 13th are covered."""
    planned = resplit("2017-05-01", "2017-06-01", "month", "day", "2017-05-15T12:00")
    assert planned == ["covered"] * 13 + ["order"] * 18


def test_a_deployment_that_ends_orders_nothing_again() -> None:
    """The open chunk of a whole month becomes a shorter one: its data were all asked for when they had settled."""
    state = finished(MAY, asked=at("2017-05-25"))
    shorter = make_request("2017-05-01", "2017-05-20")
    assert steps(make_lock(make_entry("a", shorter)), state) == ["covered"]
    too_early = finished(MAY, asked=at("2017-05-20T23:00"))
    assert steps(make_lock(make_entry("a", shorter)), too_early) == ["order"]


def test_a_longer_span_orders_only_what_is_new() -> None:
    longer = make_request("2017-05-01", "2017-07-01", split="month")
    assert steps(make_lock(make_entry("a", longer)), finished(MAY)) == ["done", "order"]


@pytest.mark.parametrize(
    "other", [{"extension": "json"}, {"code": "TSSP"}, {"options": {"dpo_a": "1"}}, {"source": {"deviceCode": "X"}}]
)
def test_other_parameters_cover_nothing(other: dict[str, Any]) -> None:
    state = finished(make_request("2017-05-01", "2017-06-01", **other))
    assert (
        steps(make_lock(make_entry("a", make_request("2017-05-01", "2017-05-03", split="day"))), state) == ["order"] * 2
    )


def test_a_chunk_that_failed_or_lacks_a_file_covers_nothing() -> None:
    days = make_lock(make_entry("a", make_request(split="day")))
    assert set(steps(days, finished(MAY, outcome="failed-retryable"))) == {"order"}
    assert set(steps(days, finished(MAY, outcome="empty", code=25))) == {"order"}
    assert set(steps(days, finished(MAY), missing=missing_of(MAY))) == {"order"}


def test_no_data_covers_like_data() -> None:
    days = make_lock(make_entry("a", make_request(split="day")))
    assert set(steps(days, finished(MAY, outcome="empty"))) == {"covered"}


def test_a_gap_in_what_is_held_is_ordered() -> None:
    """R90: chunks tile exactly; a month of which one day is missing is not covered."""
    days = make_request("2017-05-01", "2017-06-01", split="day")
    state = finished(days)
    del state.chunks[days.chunks[7].id]
    assert steps(LOCK, state) == ["order"]


def test_chunks_that_the_lock_still_wants_cover_nothing_else() -> None:
    """Otherwise a finer download beside a coarser one would never be ordered."""
    lock = make_lock(
        make_entry("months", MAY), make_entry("days", make_request("2017-05-01", "2017-05-03", split="day"))
    )
    assert steps(lock, finished(MAY)) == ["order", "order", "done"]


def test_how_late_data_arrive_for_an_entry_counts_for_what_covers_it() -> None:
    state = finished(MAY, asked=at("2017-06-02"))
    entry = make_entry("a", make_request(split="day"))
    assert set(steps(make_lock(entry), state)) == {"covered"}
    patient = msgspec.structs.replace(entry, late_days=3.0)
    assert steps(make_lock(patient), state) == ["covered"] * 29 + ["order"] * 2


# --- Whatever happened ---------------------------------------------------------------------------------------------


YEAR = make_request("2017-01-01", "2017-07-01")
HISTORY = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 3),
        st.sampled_from([None, "done", "empty", "failed-retryable", "failed-permanent", "refused", "expired"]),
        st.integers(0, 400),
    ),
    max_size=8,
)


@steady(200)
@given(HISTORY, st.integers(0, 500), st.booleans())
def test_every_chunk_gets_exactly_one_step_and_orders_end_in_the_past(
    history: list[tuple[int, int, Outcome | None, int]], today: int, retry_failed: bool
) -> None:
    """R110: whatever a kill left behind, a plan is made, and it never asks for what is still to come."""
    state = State()
    begin = at("2017-01-01")
    for number, runs, outcome, day in history:
        when = begin + timedelta(days=day)
        ordered(state, YEAR, number, when, runs=runs)
        if outcome is not None:
            apply_event(state, Finished(at=when, chunk=YEAR.chunks[number].id, outcome=outcome))
    now = begin + timedelta(days=today)
    planned = plan(make_lock(make_entry("a", YEAR)), state, now, retry_failed=retry_failed)
    assert [one.id for one in planned.chunks] == [chunk.id for chunk in YEAR.chunks]
    for one in planned.work:
        assert one.wanted.chunk.begin < one.date_to <= max(now, begin)
    assert not any(one.step == "failed" for one in planned.chunks if retry_failed)
    live = {
        key for key, chunk in state.chunks.items() if chunk.order and chunk.order.request_id and chunk.outcome is None
    }
    assert not any(one.step == "order" for one in planned.chunks if one.id in live)


@steady(100)
@given(HISTORY, st.integers(0, 500), st.randoms(use_true_random=False))
def test_a_plan_depends_on_what_happened_and_not_on_the_order_in_which_it_is_kept(
    history: list[tuple[int, int, Outcome | None, int]], today: int, chance: Random
) -> None:
    """F9, rule 8: the state's chunks and the lock's entries may stand in any order, each chunk gets the same step."""
    state, begin = State(), at("2017-01-01")
    for number, runs, outcome, day in history:
        when = begin + timedelta(days=day)
        ordered(state, YEAR, number, when, runs=runs)
        if outcome is not None:
            apply_event(state, Finished(at=when, chunk=YEAR.chunks[number].id, outcome=outcome))
    keys = list(state.chunks)
    shuffled = State(chunks={key: state.chunks[key] for key in chance.sample(keys, len(keys))})
    entries = [make_entry("a", YEAR), make_entry("b", MAY), make_entry("c", YEAR)]
    now = begin + timedelta(days=today)
    first = plan(make_lock(*entries), state, now)
    again = plan(make_lock(*chance.sample(entries, len(entries))), shuffled, now)
    assert [(one.id, one.step, one.date_to, one.reason) for one in first.chunks] == [
        (one.id, one.step, one.date_to, one.reason) for one in again.chunks
    ]


def test_files_of_a_dropped_order_do_not_make_a_chunk_whole() -> None:
    """Held files alone are no outcome."""
    state = State()
    ordered(state, MAY, 0, LATE)
    key = MAY.chunks[0].id
    state.chunks[key] = msgspec.structs.replace(state.chunks[key], files=(make_file("a.csv"),), order=None)
    assert steps(LOCK, state) == ["order"]
