"""`sync --every`: when each run begins, what ends them all, and which chunks rest meanwhile. No test waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.caretaking.repeating import LONGEST_REST, Clock, Renewal, Rests, next_start, repeat
from oncsync.engine.watch import Counts, Notice
from oncsync.errors import (
    DifferenceError,
    FaultError,
    FolderBusyError,
    FolderError,
    InputError,
    OncsyncError,
    StoppedError,
    TokenError,
    UnreachableError,
)
from oncsync.project import Project
from tests.faults.staging import Recorder
from tests.support.records import at

FIRST = at("2026-11-21T12:00:07")
QUARTER = timedelta(minutes=15)
MOST_RUNS = 50


def _nobody(error: OncsyncError) -> None:
    raise AssertionError(error)


class OverError(BaseException):
    """Ends a test's loop, as a signal does."""


class FakeClock:
    """A clock that moves when somebody sleeps, up to a given moment."""

    def __init__(self, until: timedelta) -> None:
        self.time = FIRST
        self.slept: list[float] = []
        self._until = FIRST + until

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        if self.time >= self._until:
            raise OverError
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    @property
    def clock(self) -> Clock:
        """The clock as the runs get it."""
        return Clock(now=self.now, sleep=self.sleep)


def minutes(*starts: datetime) -> list[float]:
    """Gives starts as minutes after the first."""
    return [(start - FIRST).total_seconds() / 60 for start in starts]


def starts_of(run: Callable[[FakeClock, int], None], until: timedelta, every: timedelta = QUARTER) -> list[float]:
    """Runs until a moment; gives the starts, in minutes after the first."""
    clock = FakeClock(until)
    starts: list[datetime] = []

    def once(start: datetime) -> None:
        if len(starts) == MOST_RUNS or clock.time >= FIRST + until:
            raise OverError
        starts.append(start)
        run(clock, len(starts))

    with pytest.raises(OverError):
        repeat(once, every, clock.clock, on_error=lambda error: None, on_wait=lambda start, skipped: None)
    return minutes(*starts)


def lasting(*lengths: float) -> Callable[[FakeClock, int], None]:
    """Gives a run that takes so many minutes, the first the first number, and so on."""

    def run(clock: FakeClock, number: int) -> None:
        clock.time += timedelta(minutes=lengths[min(number, len(lengths)) - 1])

    return run


# --- When ----------------------------------------------------------------------------------------------------------


def test_starts_do_not_drift_however_long_runs_take() -> None:
    """R150, R155: the first start and every quarter of an hour from it on."""
    assert starts_of(lasting(0.7, 3.21, 14.999, 0), timedelta(minutes=61)) == [0, 15, 30, 45, 60]


def test_starts_that_a_long_run_misses_are_skipped_and_never_made_up_for() -> None:
    """R140: runs never overlap, and never follow each other at once to catch up."""
    assert starts_of(lasting(1, 50, 1), timedelta(minutes=100)) == [0, 15, 75, 90]


def test_a_run_that_ends_as_the_next_one_begins_misses_nothing() -> None:
    assert starts_of(lasting(15), timedelta(minutes=50)) == [0, 15, 30, 45]


def test_a_run_that_takes_no_time_does_not_begin_twice_at_one_instant() -> None:
    assert starts_of(lasting(0), timedelta(minutes=31)) == [0, 15, 30]


def test_a_clock_that_is_set_back_neither_stops_the_runs_nor_bunches_them() -> None:
    """By a day, in the second run: the grid stays, the next start is at most two steps away."""

    def run(clock: FakeClock, number: int) -> None:
        clock.time += timedelta(minutes=1) - timedelta(days=number == 2)

    assert starts_of(run, timedelta(minutes=35))[:4] == [0, 15, 30 - 24 * 60, 45 - 24 * 60]


def test_a_clock_that_is_set_while_runs_wait_counts_at_once() -> None:
    clock = FakeClock(timedelta(minutes=-10))
    starts: list[datetime] = []

    def sleep(seconds: float) -> None:
        if len(clock.slept) == 3:
            clock.time -= timedelta(hours=2)
        clock.sleep(seconds)

    clock._until = FIRST + timedelta(days=1)

    def run(start: datetime) -> None:
        starts.append(start)
        if len(starts) == 3:
            raise OverError

    with pytest.raises(OverError):
        repeat(run, QUARTER, Clock(now=clock.now, sleep=sleep), on_error=_nobody, on_wait=lambda start, skipped: None)
    assert minutes(*starts) == [0, -105, -90]


def test_nobody_sleeps_for_more_than_a_minute_at_a_time() -> None:
    """A laptop that was shut, or a clock that was set, is noticed soon."""
    clock = FakeClock(timedelta(minutes=20))
    with pytest.raises(OverError):
        repeat(lambda start: None, QUARTER, clock.clock, on_error=_nobody, on_wait=lambda start, skipped: None)
    assert max(clock.slept) == 60
    assert min(clock.slept) > 0


def test_the_next_start_and_how_many_were_skipped_are_told() -> None:
    clock = FakeClock(timedelta(minutes=59))
    told: list[tuple[datetime, int]] = []

    def run(start: datetime) -> None:
        clock.time += timedelta(minutes=40)

    with pytest.raises(OverError):
        repeat(run, QUARTER, clock.clock, on_error=_nobody, on_wait=lambda *said: told.append(said))
    assert [(minutes(start)[0], skipped) for start, skipped in told] == [(45, 2), (90, 2)]


@given(
    st.integers(60, 31 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 10**5),
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
)
def test_every_start_is_on_the_grid_ahead_and_new(every: timedelta, last: int, gone: timedelta) -> None:
    started = FIRST + last * every
    now = started + gone
    start = next_start(FIRST, every, started, now)
    assert (start - FIRST) % every == timedelta()
    assert now <= start <= now + 2 * every
    assert start != started


# --- What ends it --------------------------------------------------------------------------------------------------


def fate_of(error: BaseException, *, fails_at: int) -> tuple[int, list[OncsyncError]]:
    """Gives how many runs there were, out of four, when one of them fails, and the errors told."""
    clock = FakeClock(timedelta(minutes=45))
    told: list[OncsyncError] = []
    runs = 0

    def run(start: datetime) -> None:
        nonlocal runs
        runs += 1
        if runs == fails_at:
            raise error

    with pytest.raises((OverError, type(error))):
        repeat(run, QUARTER, clock.clock, on_error=told.append, on_wait=lambda start, skipped: None)
    return runs, told


@pytest.mark.parametrize(
    "error",
    [UnreachableError("gone"), FolderBusyError("busy"), FaultError("ill"), StoppedError("closed")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("fails_at", [1, 2])
def test_what_may_pass_is_told_and_the_next_run_comes(error: OncsyncError, fails_at: int) -> None:
    """Exit 3, 5, 6 and 7 of one run are no end."""
    assert fate_of(error, fails_at=fails_at) == (4, [error])


@pytest.mark.parametrize(
    "error",
    [InputError("typo"), DifferenceError("old lock"), FolderError("no such place")],
    ids=lambda error: type(error).__name__,
)
def test_a_mistake_ends_the_first_run_and_is_waited_out_later(error: OncsyncError) -> None:
    """Exit 1, 2 and 8: who starts it with a mistake learns at once; who makes one later is given time to mend it."""
    assert fate_of(error, fails_at=1) == (1, [])
    assert fate_of(error, fails_at=3) == (4, [error])


@pytest.mark.parametrize(
    "error", [TokenError("revoked"), OncsyncError("a bug"), ValueError("a bug"), KeyboardInterrupt()], ids=repr
)
def test_a_token_that_is_refused_a_bug_and_a_signal_end_it_at_any_time(error: BaseException) -> None:
    assert fate_of(error, fails_at=1) == (1, [])
    assert fate_of(error, fails_at=3) == (3, [])


# --- What rests ----------------------------------------------------------------------------------------------------


def failing(rests: Rests, start: datetime, event: str = "failed-retryable") -> None:
    rests.note(Notice(event=event, text="", chunk="a"), start)


def tries(rests: Rests, count: int) -> list[int]:
    """Gives the runs in which a chunk is tried that fails each time, as numbers of starts from 0 on."""
    tried = []
    for number in range(count):
        start = FIRST + number * QUARTER
        if "a" not in rests.at(start):
            tried.append(number)
            failing(rests, start)
    return tried


def test_a_chunk_that_fails_again_and_again_is_tried_more_and_more_rarely_but_every_day() -> None:
    """Issue 6, 7: the rest doubles, up to a day."""
    tried = tries(Rests(QUARTER), 500)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 127, 223, 319, 415]
    assert LONGEST_REST / QUARTER == 96


def test_other_chunks_do_not_rest() -> None:
    rests = Rests(QUARTER)
    for _ in range(5):
        failing(rests, FIRST)
    rests.note(Notice(event="ordered", text="", chunk="b"), FIRST)
    rests.note(Notice(event="failed-retryable", text=""), FIRST)
    assert rests.at(FIRST + QUARTER) == {"a"}


@pytest.mark.parametrize("event", ["done", "empty"])
def test_a_chunk_that_ended_well_begins_afresh(event: str) -> None:
    rests = Rests(QUARTER)
    for _ in range(5):
        failing(rests, FIRST)
    failing(rests, FIRST, event)
    assert not rests.at(FIRST)
    failing(rests, FIRST, "expired")
    assert not rests.at(FIRST + QUARTER)


def test_steps_longer_than_a_day_lose_no_run() -> None:
    rests = Rests(timedelta(days=7))
    for number in range(4):
        assert not rests.at(FIRST + number * timedelta(days=7))
        failing(rests, FIRST + number * timedelta(days=7))


def test_a_clock_that_is_set_back_by_much_lets_nothing_rest_for_long() -> None:
    rests = Rests(QUARTER)
    for _ in range(9):
        failing(rests, FIRST)
    assert rests.at(FIRST) == {"a"}
    assert not rests.at(FIRST - timedelta(days=300))


def test_who_listens_passes_everything_on() -> None:
    recorder = Recorder()
    watcher = Rests(QUARTER).listening(recorder, FIRST)
    watcher.notice(Notice(event="done", text="here", chunk="a"))
    watcher.progress(Counts(alive=3))
    assert recorder.texts("done") == ["here"]
    assert recorder.most_alive == 3


# --- The manifest of each run --------------------------------------------------------------------------------------


def test_each_run_reads_the_manifest_anew_and_a_broken_one_leaves_the_last(tmp_path: Path) -> None:
    """People edit it meanwhile."""
    path = tmp_path / "oncsync.yaml"
    renewal = Renewal(lambda: Project(path))

    def written(text: str) -> tuple[Any, bool]:
        path.write_text(text)
        project, fault = renewal.project()
        return project.manifest.settings.run_threads, fault is not None

    path.write_text("version: 1\ndownlods: []\n")
    with pytest.raises(InputError):
        renewal.project()
    assert written("settings: {runThreads: 2}\ndownloads: []\n") == (2, False)
    assert written("settings: {runThreads: 3}\ndownloads: []\n") == (3, False)
    assert written("settings: {runThreads: 1\n") == (3, True)
    path.unlink()
    project, fault = renewal.project()
    assert (project.manifest.settings.run_threads, isinstance(fault, InputError)) == (3, True)
    assert written("settings: {runThreads: 1}\ndownloads: []\n") == (1, False)
