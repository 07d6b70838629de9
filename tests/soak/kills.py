"""F1, F3: a thousand kills at random moments, in the worst weather; folders that are done begin anew."""

from __future__ import annotations

import random
import time
from datetime import date
from pathlib import Path

from oncsync.sandbox import Faults, Sandbox
from tests.soak.ledger import Ledger
from tests.soak.site import Site, drive
from tests.soak.soak import Report, check_service, check_tree, storm, tell_processes
from tests.support.world import TOKEN

FIRST_DAY = date(2014, 10, 1)
KILL_EVERY = (0.5, 2.0)
TO_THE_END = 300.0
"""How long a folder may take that is left in peace, in seconds."""


def kill_often(directory: Path, *, chunks: int, kills: int, minutes: float, seed: int, report: Report) -> None:
    """Kills syncs of one folder after another until so many died; compares each folder with an undisturbed one."""
    rng, until, left, number = random.Random(seed), time.monotonic() + 60 * minutes, kills, 0
    while left > 0 and time.monotonic() < until:
        number += 1
        report.tell(f"-- folder {number}, {left} kills left")
        left -= _one_folder(directory / str(number), chunks, left, until, rng, report)
    report.check(left <= 0, f"{kills} kills within the time")


def _one_folder(directory: Path, chunks: int, most_kills: int, until: float, rng: random.Random, report: Report) -> int:
    """Gives how many syncs of the folder were killed on its way to the end."""
    ledger, seed = Ledger(), rng.randrange(1 << 30)
    with Sandbox(token=TOKEN, job_seconds=(0.02, 0.3), sync_seconds=0.05, seed=seed) as sandbox:
        calm = Site(directory / "calm", sandbox.url, chunks, FIRST_DAY)
        site = Site(directory / "kills", sandbox.url, chunks, FIRST_DAY)
        drive(calm, directory / "calm-state", kill_every=None, until=time.monotonic() + TO_THE_END, rng=rng)
        site.take_lock(calm)
        asked_before = len(sandbox.asked)
        ledger.watch(sandbox)

        def note() -> None:
            ledger.note_kill(sandbox)

        with storm(sandbox, seed):
            driven = [drive(site, directory / "state", kill_every=KILL_EVERY, until=until, rng=rng, on_kill=note,
                            most_kills=most_kills)]  # fmt: skip
        sandbox.faults = Faults()
        if not driven[0].is_done:
            end = time.monotonic() + TO_THE_END
            driven.append(drive(site, directory / "state", kill_every=None, until=end, rng=rng))
        tell_processes(driven, report)
        check_service(sandbox, ledger, asked_before, driven, report)
        check_tree(site, calm, report)
    return driven[0].kills
