"""What a sync does while the service wants to be left alone: nothing, and without looking again and again (Q44)."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping

import pytest

from oncsync.engine.run import Tools
from oncsync.engine.watch import Counts
from oncsync.sandbox import Reply
from tests.faults.staging import EIGHT_MONTHS, NO_METADATA, Recorder, asked_of, down, refused, sync
from tests.support.world import QUICK_PACE, World

PAUSE = 0.4
TURNED_AWAY = {
    "429": refused(429, 1, "slow down"),
    "503": down(),
}
THREADS = 2


class TurnsCounted(Recorder):
    """A watcher that notes when the loop turned."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[float] = []

    def progress(self, counts: Counts) -> None:
        """Notes the time."""
        super().progress(counts)
        self.turns.append(time.monotonic())


@pytest.mark.parametrize("status", TURNED_AWAY)
@pytest.mark.parametrize("service", ["request", "run", "download"])
def test_nothing_is_asked_during_the_pause_and_nothing_is_lost(world: World, service: str, status: str) -> None:
    """Q44: orders, polls and transfers wait for the one pause; only what was on its way may still come in."""
    world.write(EIGHT_MONTHS, settings=f"  runThreads: {THREADS}\n  downloadThreads: {THREADS}\n{NO_METADATA}")
    world.project().resolve()
    asked: list[float] = []
    turned_away: list[float] = []
    lock = threading.Lock()

    def interfere(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        with lock:
            asked.append(time.monotonic())
            if turned_away or not path.endswith(f"/{service}"):
                return None
            turned_away.append(asked[-1])
        return dataclasses.replace(TURNED_AWAY[status], headers=(("Retry-After", str(PAUSE)),))

    world.sandbox.interfere = interfere
    recorder = TurnsCounted()
    result = sync(world, watcher=recorder, tools=Tools(pace=QUICK_PACE))
    assert (result.exit_code, result.counts.done) == (0, 8)
    began = turned_away[0]
    during = [moment for moment in asked if began < moment < began + PAUSE * 0.95]
    assert len(during) < 2 * THREADS, "what was on its way"
    turns = [moment for moment in recorder.turns if began + PAUSE * 0.25 < moment < began + PAUSE * 0.95]
    assert len(turns) <= 8 + 2 * THREADS, "the loop rests"
    assert len(asked_of(world.sandbox, "request")) == 8 + (service == "request")
