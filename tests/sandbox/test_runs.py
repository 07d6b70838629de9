"""The queue of runs, against a model that goes through time instant by instant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oncsync.sandbox.runs import CANCELLED, COMPLETE, QUEUED, RUNNING, Run, RunQueue

JOBS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 15)), min_size=1, max_size=12)


def ends_by_hand(jobs: list[tuple[int, int]], places: int) -> list[int]:
    """Gives when each job ends when every job takes the place that is free first, in order of arrival."""
    free = [0] * places
    ends = []
    for arrival, duration in jobs:
        place = min(range(places), key=lambda number: free[number])
        free[place] = max(free[place], arrival) + duration
        ends.append(free[place])
    return ends


@given(JOBS, st.integers(1, 4), st.integers(1, 7))
def test_runs_end_when_they_must_however_rarely_one_looks(jobs: list[tuple[int, int]], places: int, every: int) -> None:
    jobs = sorted(jobs, key=lambda job: job[0])
    queue = RunQueue(places)
    runs = [Run(number, duration) for number, (_, duration) in enumerate(jobs)]
    for run, (arrival, _) in zip(runs, jobs, strict=True):
        queue.advance(arrival)
        queue.add(run, arrival)
        assert len(queue.running) <= places
    for now in range(0, 400, every):
        queue.advance(now)
    queue.advance(1000)
    assert [run.completed for run in runs] == ends_by_hand(jobs, places)
    assert len(queue) == 0


@given(st.integers(1, 4), st.integers(1, 12))
def test_at_most_so_many_run_and_the_rest_wait(places: int, count: int) -> None:
    queue = RunQueue(places)
    runs = [Run(number, 10) for number in range(count)]
    for run in runs:
        queue.add(run, 0)
    assert [run.status for run in runs] == [RUNNING if n < places else QUEUED for n in range(count)]
    assert len(queue) == count


def test_a_cancelled_run_frees_its_place_at_once() -> None:
    queue = RunQueue(1)
    first, second, third = (Run(number, 10) for number in range(3))
    for run in (first, second, third):
        queue.add(run, 0)
    queue.drop(second, 1)
    queue.drop(first, 4)
    assert (first.status, second.status, third.status) == (CANCELLED, CANCELLED, RUNNING)
    queue.advance(13.9)
    assert third.status == RUNNING
    queue.advance(14)
    assert third.status == COMPLETE
    assert first.status == CANCELLED
