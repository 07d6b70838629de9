"""What may be stale is ordered again on request only, and never twice (R148)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import msgspec

from oncsync.engine.plan import Plan, Terms, make_plan
from oncsync.engine.staleness import ARCHIVED_AGAIN, known_stale, stale_chunks
from oncsync.state import Order, Stale, State
from tests.caretaking.holding import ASKED, chunk_state, state_of
from tests.support.records import at, make_entry, make_lock, make_request

MONTHS = make_request("2017-05-01", "2017-08-01")
LOCK = make_lock(make_entry("axis", MONTHS))
FIRST = MONTHS.chunks[0].id
STALE = Stale(at=ASKED + timedelta(days=2), count=1, archived=ASKED + timedelta(days=1))
NOW = at("2018-06-01")


def stale_state(number: int = 0, **more: Any) -> State:
    """Gives a state in which everything is here and one chunk may be stale."""
    state = state_of(MONTHS)
    state.chunks[MONTHS.chunks[number].id] = chunk_state(MONTHS, number, stale=STALE, **more)
    return state


def plan(state: State, refresh: Collection[str], lock: Any = LOCK, missing: Any = (), **more: Any) -> Plan:
    return make_plan(lock, state, missing, NOW, Terms(), refresh=refresh, **more)


def steps(*given: Any, **more: Any) -> list[str]:
    return [one.step for one in plan(*given, **more).chunks]


def test_only_what_may_be_stale_is_ordered_again_and_only_on_request() -> None:
    state = stale_state()
    everything = {chunk.id for chunk in MONTHS.chunks}
    assert stale_chunks(LOCK, state) == {FIRST}
    assert steps(state, ()) == ["done", "done", "done"]
    assert steps(state, stale_chunks(LOCK, state)) == ["order", "done", "done"]
    assert steps(state, everything) == ["order", "done", "done"], "another sync may have fetched them meanwhile"
    assert plan(state, {FIRST}).chunks[0].reason == ARCHIVED_AGAIN


def test_a_span_that_had_no_data_is_asked_for_again() -> None:
    assert steps(stale_state(files=(), outcome="empty"), {FIRST}) == ["order", "done", "done"]


def test_a_missing_file_that_may_be_stale_is_not_fetched_from_the_old_order() -> None:
    state = stale_state()
    missing = {(FIRST, state.chunks[FIRST].files[0].key)}
    assert steps(state, (), missing=missing) == ["fetch", "done", "done"]
    assert steps(state, {FIRST}, missing=missing) == ["order", "done", "done"]


def test_a_live_order_is_taken_up_in_place_of_a_second_one() -> None:
    """Rule 3, whether it is asked for or not: so an interrupted refresh goes on with any sync."""
    live = Order(at=ASKED + timedelta(days=3), date_to=MONTHS.chunks[0].end, request_id=7, run_ids=(8,))
    state = stale_state(order=live)
    assert steps(state, {FIRST}) == steps(state, ()) == ["attach", "done", "done"]


def test_a_refresh_that_was_refused_for_good_waits_for_a_person() -> None:
    state = stale_state(outcome="refused", reason="no")
    assert steps(state, {FIRST}) == ["failed", "done", "done"]
    assert steps(state, {FIRST}, retry_failed=True) == ["order", "done", "done"]


def test_what_stale_files_of_another_cut_hold_is_ordered_in_the_new_cut() -> None:
    weekly = make_request("2017-05-01", "2017-08-01", split="week")
    lock = make_lock(make_entry("axis", weekly))
    state = stale_state(1)
    refresh = stale_chunks(lock, state)
    june = {chunk.id for chunk in weekly.chunks if chunk.begin < at("2017-07-01") and chunk.end > at("2017-06-01")}
    assert refresh == june
    assert set(steps(state, (), lock)) == {"covered"}
    assert {one.id for one in plan(state, refresh, lock).chunks if one.step == "order"} == june


def test_other_products_are_left_alone() -> None:
    other = make_request("2017-05-01", "2017-08-01", extension="mat", split="week")
    assert stale_chunks(make_lock(make_entry("axis", other)), stale_state()) == frozenset()


def test_who_never_looked_is_told() -> None:
    """Nothing known and nothing stale are not the same."""
    told: list[str] = []
    assert known_stale(LOCK, state_of(MONTHS), told.append) == frozenset()
    assert "oncsync outdated" in told.pop()
    looked = msgspec.structs.replace(state_of(MONTHS), looked_at=NOW)
    assert known_stale(LOCK, looked, told.append) == frozenset()
    assert known_stale(LOCK, stale_state(), told.append) == {FIRST}
    assert told == []
