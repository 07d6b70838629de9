"""Plan and state at a million chunks against a hundred thousand: time grows with the number, and no faster."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from oncsync.engine.plan import Terms, make_plan
from oncsync.lockfile import Lock
from oncsync.state import ChunkState, State, parse_state, render_state
from tests.bench.measuring import Measure
from tests.support.records import at, make_entry, make_file, make_lock, make_request

NOW = at("2026-11-21")
PER_REQUEST = 8784  # the hours of 2012


def measures() -> Iterator[Measure]:
    """Gives the figures of plan and state (quality.md B13)."""
    small, large, most = _lock_of(100_000), _lock_of(1_000_000), 1.1 * _ratio(1_000_000, 100_000)
    yield Measure(
        "B13", "plan a new folder of 1 M chunks ÷ of 100 k", lambda: _plan(large), lambda: _plan(small), most, rounds=3
    )
    held, held_large = _state_of(_lock_of(20_000)), _state_of(_lock_of(200_000))
    yield Measure(
        "B13",
        "write and read a state of 200 k chunks ÷ of 20 k",
        lambda: parse_state(render_state(held_large), "state.json"),
        lambda: parse_state(render_state(held), "state.json"),
        1.1 * _ratio(200_000, 20_000),
        rounds=3,
    )


def _plan(lock: Lock) -> object:
    return make_plan(lock, State(), (), NOW, Terms())


def _ratio(large: int, small: int) -> float:
    """Gives how many times as many chunks the one lock has as the other."""
    return round(large / PER_REQUEST) / round(small / PER_REQUEST)


@lru_cache(maxsize=4)
def _lock_of(chunks: int) -> Lock:
    requests = [
        make_request("2012-01-01", "2013-01-01", source={"locationCode": f"L{number:04}"}, split="PT1H")
        for number in range(round(chunks / PER_REQUEST))
    ]
    return make_lock(make_entry("wide", *requests))


def _state_of(lock: Lock) -> State:
    """Gives the state in which every chunk of a lock is done."""
    file = make_file("a.csv")
    chunks = {}
    for _, request, chunk in lock.chunks():
        chunks[chunk.id] = ChunkState(product=request.id, begin=chunk.begin, end=chunk.end, outcome="done",
                                      asked_at=NOW, fetched_to=chunk.end, files=(file,))  # fmt: skip
    return State(chunks=chunks)
