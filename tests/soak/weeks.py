"""F12: one process syncs for long while clocks jump, tokens are refused and the service restarts; it does not grow."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from oncsync.engine.run import Tools
from oncsync.errors import OncsyncError
from oncsync.project import Project
from oncsync.sandbox import Faults, Sandbox
from oncsync.timespan import UTC
from tests.soak.child import PACE, hurry
from tests.soak.site import Site
from tests.soak.soak import Report, check_tree, storm
from tests.support.world import TOKEN

JUMPS = (-90_000.0, -3_600.0, -1.0, 1.0, 3_600.0, 90_000.0)
"""By how much a clock is set, in seconds."""
GROWTH = 1.05
WARM_UP = 0.3
"""The share of the time after which nothing may grow any more."""


class JumpingClock:
    """The date of a machine whose clock is set now and then; the seconds that pass stay what they are."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._offset, self.jumps = rng, 0.0, 0

    def now(self) -> datetime:
        """Gives the date, after a jump once in 2,000 looks; it never strays by more than two days."""
        if self._rng.random() < 0.0005:
            self.jumps += 1
            self._offset = max(-172_800.0, min(172_800.0, self._offset + self._rng.choice(JUMPS)))
        return datetime.now(UTC) + timedelta(seconds=self._offset)


@contextmanager
def _as_the_user(state_home: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONC_TOKEN", TOKEN)
        patch.setenv("XDG_STATE_HOME", str(state_home))
        yield


def pass_weeks(directory: Path, *, minutes: float, seed: int, report: Report) -> None:
    """Syncs folder after folder in this process; memory and open files must not grow once it is warm."""
    hurry()
    rng, began = random.Random(seed), time.monotonic()
    clock = JumpingClock(rng)
    until, warm_at = began + 60 * minutes, began + 60 * minutes * WARM_UP
    warm, ends, number = (0, 0), 0, 0
    with Sandbox(token=TOKEN, job_seconds=(0.02, 0.2), sync_seconds=0.02, seed=seed) as sandbox:
        calm = Site(directory / "calm", sandbox.url, 40, date(2014, 10, 1))
        with _as_the_user(directory / "calm-state"):
            Project(calm.manifest).sync(tools=Tools(pace=PACE))
        with _as_the_user(directory / "state"):
            while time.monotonic() < until:
                number += 1
                site = Site(directory / str(number), sandbox.url, 40, date(2014, 10, 1))
                site.take_lock(calm)
                with storm(sandbox, seed + number):
                    ends += _sync_to_the_end(site, clock, until + 120)
                sandbox.faults = Faults()
                _sync_to_the_end(site, clock, until + 240)
                sandbox._log._asked.clear()
                if warm == (0, 0) and time.monotonic() > warm_at:
                    warm = _held()
        held = _held()
        report.tell(f"{number} folders, {ends} syncs, {clock.jumps} jumps of the clock")
        report.tell(f"memory {warm[0]} KiB when warm, {held[0]} KiB at the end; open files {warm[1]}, {held[1]}")
        report.check(held[0] <= GROWTH * warm[0], "memory grows by 5 % at most (sandbox included)")
        report.check(held[1] <= warm[1], "the number of open files is constant")
        check_tree(site, calm, report)


def _sync_to_the_end(site: Site, clock: JumpingClock, until: float) -> int:
    """Syncs until nothing is left; gives how many syncs that took."""
    syncs = 0
    while time.monotonic() < until:
        syncs += 1
        try:
            result = Project(site.manifest).sync(retry_failed=True, tools=Tools(pace=PACE, now=clock.now))
        except OncsyncError:
            continue
        if result.exit_code == 0 and not result.plan.counts["wait"]:
            break
    return syncs


def _held() -> tuple[int, int]:
    """Gives the memory of this process in KiB, and how many files it has open."""
    gc.collect()
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(resident.split()[1]), len(list(Path("/proc/self/fd").iterdir()))
