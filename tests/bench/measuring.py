"""Measures one thing against another, interleaved, so that a busy machine slows both alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

ROUNDS = 5
Job = Callable[[], object]


class Measure(NamedTuple):
    """One figure to meet: the CPU time of `job` divided by that of `against`.

    `name` is the figure's own (`B11`) or says what it is; `target` is the ratio that may not be passed. With
    `wall` it is not the CPU's time but the clock's.
    """

    name: str
    what: str
    job: Job
    against: Job
    target: float
    rounds: int = ROUNDS
    wall: bool = False


class Measured(NamedTuple):
    """How a measure came out: the ratio of the medians, and the least and largest ratio of one round."""

    measure: Measure
    ratio: float
    least: float
    most: float
    seconds: float
    against_seconds: float

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.measure.target


def take(measure: Measure) -> Measured:
    """Runs both jobs in turn, after one round that does not count."""
    pairs = []
    for number in range(measure.rounds + 1):
        jobs = (measure.job, measure.against) if number % 2 else (measure.against, measure.job)
        spent = {job: _seconds(job, wall=measure.wall) for job in jobs}
        pairs.append((spent[measure.job], spent[measure.against]))
    counted = pairs[1:]
    job, against = (statistics.median(pair[side] for pair in counted) for side in (0, 1))
    ratios = [mine / other for mine, other in counted]
    return Measured(measure, job / against, min(ratios), max(ratios), job, against)


def _seconds(job: Job, *, wall: bool) -> float:
    gc.collect()
    clock = time.perf_counter if wall else time.process_time
    began = clock()
    job()
    return clock() - began
