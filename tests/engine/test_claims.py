"""Who wants the chunks that are held: without proof that people gave one up, it counts as wanted (rule 1)."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from oncsync.engine.claims import Asked, AskedBy, judge_claims, needed_spans
from oncsync.lockfile import Lock
from oncsync.state import ChunkState, Started, State, apply_event
from oncsync.timespan import Span
from tests.support.records import at, make_entry, make_lock, make_request, span

NOW = at("2026-11-21")
THREE = make_request("2017-01-01", "2017-04-01")
TWO = make_request("2017-01-01", "2017-03-01")
LAST = THREE.chunks[-1].id


def changed(lock: Lock, digest: str) -> Lock:
    """Gives the lock with another digest of its only entry."""
    import msgspec

    (entry,) = lock.entries
    return make_lock(msgspec.structs.replace(entry, digest=digest))


def held(lock: Lock) -> State:
    """Gives the state after a sync of a lock."""
    state = State(manifest="oncsync.yaml")
    for entry, request, chunk in lock.chunks():
        state.chunks[chunk.id] = ChunkState(
            product=request.product_digest, begin=chunk.begin, end=chunk.end, entry="/".join(entry.key)
        )
    sync(state, lock)
    return state


def sync(state: State, lock: Lock, asked: AskedBy = MappingProxyType({})) -> None:
    """Lets a sync note what its lock wants."""
    claims = judge_claims(lock, state, NOW, asked)
    apply_event(
        state,
        Started(
            at=NOW,
            manifest="oncsync.yaml",
            server="production",
            entries=claims.entries,
            filters=claims.filters,
            released=claims.released,
            claimed=claims.claimed,
        ),
    )


def test_what_the_lock_names_is_released_by_nobody() -> None:
    lock = make_lock(make_entry("a", THREE))
    assert judge_claims(lock, held(lock), NOW, {}).released == ()


def test_an_entry_that_changed_lets_go_of_what_it_no_longer_names() -> None:
    state = held(make_lock(make_entry("a", THREE)))
    lock = changed(make_lock(make_entry("a", TWO)), "another")
    assert judge_claims(lock, state, NOW, {}).released == (LAST,)
    sync(state, lock)
    assert judge_claims(lock, state, NOW, {}).released == (LAST,), "also after a sync"


def test_an_answer_that_shrank_releases_nothing() -> None:
    """The entry says what it always said."""
    state = held(make_lock(make_entry("a", THREE)))
    lock = make_lock(make_entry("a", TWO))
    assert judge_claims(lock, state, NOW, {}).released == ()
    sync(state, lock)
    assert judge_claims(lock, state, NOW, {}).released == ()


def test_an_answer_that_shrinks_after_a_change_releases_nothing() -> None:
    """What a change left in the lock went by itself."""
    state = held(make_lock(make_entry("a", THREE)))
    sync(state, changed(make_lock(make_entry("a", THREE)), "another"))
    lock = changed(make_lock(make_entry("a", TWO)), "another")
    assert judge_claims(lock, state, NOW, {}).released == ()


def asking(begin: str, end: str, *, filters: str = "ctd", name: str = "a") -> dict[str, Asked]:
    """Gives what an entry asks for."""
    return {f"download/{name}": Asked(filters=filters, begin=begin, end=end)}


def test_an_answer_that_shrinks_with_a_change_that_still_asks_for_it_releases_nothing() -> None:
    """Issue 6, 8: the entry is resolved because it was changed; ONC's answer let go of the month all the same."""
    whole, shrunk = make_lock(make_entry("a", THREE)), make_lock(make_entry("a", TWO))
    state = held(whole)
    lock = changed(shrunk, "another")
    assert judge_claims(lock, state, NOW, asking("2017-01-01", "2017-04-01")).released == ()
    assert judge_claims(lock, state, NOW, asking("2017-01-01", "2017-05-01")).released == ()
    assert judge_claims(lock, state, NOW, asking("2017-01-01", "2017-03-01")).released == (LAST,)
    assert judge_claims(lock, state, NOW, {}).released == (LAST,), "nobody knows what it asks for"


def test_a_device_that_people_leave_out_is_given_up() -> None:
    """The place and the product are asked for as ever, and still the files go with the change."""
    whole, shrunk = make_lock(make_entry("a", THREE)), make_lock(make_entry("a", TWO))
    state = held(whole)
    sync(state, whole, asking("2017-01-01", "2017-04-01", filters="all-1"))
    lock = changed(shrunk, "another")
    assert judge_claims(lock, state, NOW, asking("2017-01-01", "2017-04-01", filters="all-2")).released == ()
    assert judge_claims(lock, state, NOW, asking("2017-01-01", "2017-04-01", filters="one-3")).released == (LAST,)


def test_an_answer_that_shrinks_with_a_new_name_releases_nothing() -> None:
    """The entry of the new name takes over what the other ordered."""
    state = held(make_lock(make_entry("a", THREE)))
    lock = make_lock(make_entry("b", TWO))
    asked = asking("2017-01-01", "2017-04-01", name="b")
    claims = judge_claims(lock, state, NOW, asked)
    assert (claims.released, claims.claimed[LAST]) == ((), "download/b")
    sync(state, lock, asked)
    assert judge_claims(lock, state, NOW, asked).released == ()


def test_what_vanished_altogether_is_kept_as_long_as_the_filters_are_the_same() -> None:
    whole, nothing = make_lock(make_entry("a", THREE)), changed(make_lock(make_entry("a")), "another")
    asked = asking("2017-01-01", "2017-04-01")
    state = held(whole)
    sync(state, whole, asked)
    assert judge_claims(nothing, state, NOW, asked).released == ()
    assert len(judge_claims(nothing, state, NOW, asking("2017-01-01", "2017-04-01", filters="adcp")).released) == 3


def test_what_is_here_in_another_cut_is_released_with_the_change_of_the_split() -> None:
    state = held(make_lock(make_entry("a", THREE)))
    year = changed(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01", split="year"))), "another")
    assert len(judge_claims(year, state, NOW, asking("2017-01-01", "2017-04-01")).released) == 3


def test_an_archive_file_that_vanishes_is_kept_as_long_as_the_filters_are_the_same() -> None:
    state = State(
        manifest="oncsync.yaml",
        entries={"download/a": "before"},
        filters={"download/a": "ctd"},
        chunks={LAST: ChunkState(product="", begin=at("2017-02-01"), end=at("2017-02-01"), entry="download/a")},
    )
    nothing = changed(make_lock(make_entry("a")), "another")
    assert judge_claims(nothing, state, NOW, asking("2017-01-01", "2017-04-01")).released == ()
    assert judge_claims(nothing, state, NOW, asking("2017-03-01", "2017-04-01")).released == (LAST,)


def test_an_entry_that_went_lets_go_of_everything() -> None:
    state = held(make_lock(make_entry("a", THREE)))
    assert len(judge_claims(make_lock(), state, NOW, {}).released) == 3


def test_what_is_wanted_again_is_released_no_more() -> None:
    whole = make_lock(make_entry("a", THREE))
    state = held(whole)
    sync(state, make_lock())
    sync(state, whole)
    assert state.released == ()
    assert judge_claims(make_lock(make_entry("a", TWO)), state, NOW, {}).released == ()


def test_an_entry_takes_over_what_another_one_ordered() -> None:
    """Else ONC's answer to it would pass for the other's end."""
    state = held(make_lock(make_entry("a", THREE), make_entry("b", THREE)))
    sync(state, make_lock(make_entry("b", THREE)))
    assert {chunk.entry for chunk in state.chunks.values()} == {"download/b"}
    assert judge_claims(make_lock(make_entry("b", TWO)), state, NOW, {}).released == ()


def test_a_chunk_of_which_nobody_knows_who_wanted_it_is_kept() -> None:
    """A state of an older oncsync."""
    state = held(make_lock(make_entry("a", THREE)))
    state.chunks = {
        key: ChunkState(product=chunk.product, begin=chunk.begin, end=chunk.end) for key, chunk in state.chunks.items()
    }
    assert judge_claims(make_lock(), state, NOW, {}).released == ()


@pytest.mark.parametrize(("now", "released"), [("2017-04-09", 2), ("2017-05-02", 3), ("2017-03-05", 1)])
def test_a_span_that_moves_with_the_clock_lets_go_of_what_it_passed(now: str, released: int) -> None:
    """R150: and of nothing that lies within it, whatever ONC answers."""
    state = held(make_lock(make_entry("a", THREE, relative="-P1M/now")))
    empty = make_lock(make_entry("a", relative="-P1M/now"))
    assert len(judge_claims(empty, state, at(now), {}).released) == released


def test_data_that_another_cut_still_needs_are_needed() -> None:
    """Until its own files are here; and those of a request that is switched off."""
    lock = make_lock(
        make_entry("a", THREE), make_entry("b", make_request("2018-01-01", None, code="X", download=False))
    )
    first, second, third = (chunk.id for chunk in THREE.chunks)
    needed = needed_spans(lock, {first: "done", second: "covered", third: "order"})
    assert needed[THREE.product_digest] == [span("2017-02-01", "2017-04-01")]
    (off,) = (spans for product, spans in needed.items() if product != THREE.product_digest)
    assert off[0].overlaps(Span(at("2030-01-01"), at("2030-02-01")))
