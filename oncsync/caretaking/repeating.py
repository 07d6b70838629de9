"""A sync again and again, for weeks: when each run begins, what ends them all, and which chunks rest meanwhile.

The rules of `oncsync sync --every`. Clock and sleep come in from outside; nothing here is written down, so that a
restart begins afresh. Sources: architecture ("Exit codes", rule 4), R140, R150, R155.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

import msgspec

from oncsync.engine.watch import Counts, Notice, Watcher
from oncsync.errors import InputError, OncsyncError
from oncsync.project import Project
from oncsync.timespan import UTC

SHORTEST_EVERY = timedelta(minutes=1)
LONGEST_EVERY = timedelta(days=31)
LONGEST_REST = timedelta(days=1)
LONGEST_SLEEP = timedelta(minutes=1)
"""How long to sleep before the clock is looked at again, because it may be set or the machine may sleep."""
ENDS_ALL = (4, 70)
"""A refused token needs a person, a bug of ours too; whatever else happens may have passed at the next start."""
ENDS_AT_FIRST = (1, 2, 8)
"""A lock that is out of date, a bad manifest, a place that cannot be written: at the first run they are mistakes of
whoever starts this, later something that somebody is at work on."""
FAILED_FOR_NOW = ("failed-retryable", "expired")
ENDED = ("done", "empty", "failed-permanent", "refused")
MOST_DOUBLINGS = 16


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What tells the time (UTC) and waits (seconds)."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


CLOCK = Clock()


def next_start(first: datetime, every: timedelta, last: datetime, now: datetime) -> datetime:
    """Gives the next start: the first instant of `first` + n * `every` that is not past, after that of the last run.

    Starts that a long run has missed are skipped, never made up for.
    """
    start = first - (first - now) // every * every
    return start + every if start == last else start


def repeat(
    run: Callable[[datetime], object],
    every: timedelta,
    clock: Clock,
    *,
    on_error: Callable[[OncsyncError], None],
    on_wait: Callable[[datetime, int], None],
) -> NoReturn:
    """Calls `run` with the start it belongs to, now and then every so often, until something ends it.

    `on_error` is told what ended a single run, `on_wait` the next start and how many were skipped. Raises what the
    next run would meet as well (`ENDS_ALL`, at the first run `ENDS_AT_FIRST` too), and what is no `OncsyncError`:
    a signal among them, which ends a wait as it ends a run.
    """
    start = first = clock.now()
    while True:
        try:
            run(start)
        except OncsyncError as error:
            if error.exit_code in ENDS_ALL or (start == first and error.exit_code in ENDS_AT_FIRST):
                raise
            on_error(error)
        following = next_start(first, every, start, clock.now())
        on_wait(following, max(0, (following - start) // every - 1))
        start = _wait(first, every, following, clock)


def _wait(first: datetime, every: timedelta, start: datetime, clock: Clock) -> datetime:
    """Waits for a start and gives it: an earlier one when the clock was set back meanwhile."""
    while (left := start - clock.now()) > timedelta():
        if left > every:
            start = next_start(first, every, start, clock.now())
            left = start - clock.now()
        clock.sleep(max(0.0, min(left, LONGEST_SLEEP).total_seconds()))
    return start


class Renewal:
    """Gives the project of each run, read anew, because people edit manifest and lock while runs go on."""

    def __init__(self, make: Callable[[], Project]) -> None:
        self._make = make
        self._last: Project | None = None

    def project(self) -> tuple[Project, InputError | None]:
        """Gives the project, and what is wrong with its manifest now: then it is the one that was read last.

        Raises `InputError` when none could be read before.
        """
        fresh = self._make()
        try:
            fresh.manifest  # noqa: B018  read here, so that what is wrong with it is known before anything begins
        except InputError as error:
            if self._last is None:
                raise
            self._last.notices.clear()
            return self._last, error
        self._last = fresh
        return fresh, None


class Rests:
    """Lets chunks that fail again and again be tried more and more rarely: each time twice as long, at most a day."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._failed: dict[str, tuple[int, datetime]] = {}
        """How often each failed in a row, and when it may be tried again."""

    def at(self, start: datetime) -> frozenset[str]:
        """Gives the ids of the chunks that rest at the start of a run."""
        # A clock that was set back by much must not make anything rest for longer than the longest rest.
        latest = start + max(self._every, LONGEST_REST)
        return frozenset(key for key, (_, due) in self._failed.items() if start < due <= latest)

    def note(self, notice: Notice, start: datetime) -> None:
        """Takes an event of the run that began at `start`."""
        if notice.chunk is None:
            return
        if notice.event in FAILED_FOR_NOW:
            times = self._failed.get(notice.chunk, (0, start))[0] + 1
            rest = self._every * 2 ** min(times - 1, MOST_DOUBLINGS)
            self._failed[notice.chunk] = (times, start + max(self._every, min(rest, LONGEST_REST)))
        elif notice.event in ENDED:
            self._failed.pop(notice.chunk, None)

    def listening(self, watcher: Watcher, start: datetime) -> Watcher:
        """Gives a watcher that passes everything on and notes what fails."""
        return _Listening(self, watcher, start)


class _Listening:
    def __init__(self, rests: Rests, watcher: Watcher, start: datetime) -> None:
        self._rests, self._watcher, self._start = rests, watcher, start

    def notice(self, notice: Notice) -> None:
        self._rests.note(notice, self._start)
        self._watcher.notice(notice)

    def progress(self, counts: Counts) -> None:
        self._watcher.progress(counts)
