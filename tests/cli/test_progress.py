"""What a sync shows of itself while it runs."""

from __future__ import annotations

import pytest

from oncsync.cli.progress import LiveDisplay, PlainDisplay
from oncsync.engine.run import Tools
from oncsync.engine.watch import Counts
from oncsync.sandbox import Reply
from tests.faults.staging import BUSY, NO_METADATA, ONE_MONTH, Asking, Recorder, answers
from tests.support.world import QUICK_PACE, World

WAITING = Counts(total=4, done=3, files=2, not_ready=1)


class Looking(Recorder):
    """A watcher that notes of how many chunks ONC made us wait for files."""

    def __init__(self) -> None:
        super().__init__()
        self.not_ready: list[int] = []

    def progress(self, counts: Counts) -> None:
        """Notes it."""
        self.not_ready.append(counts.not_ready)


def test_chunks_whose_files_are_not_ready_are_counted_until_they_come(world: World) -> None:
    """onc-api.md 3.3: after the order is over a file may be answered with 202 for a while."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    asked = 0

    def not_yet(parameters: Asking) -> Reply | None:
        nonlocal asked
        asked += 1
        return BUSY if asked < 4 else None

    world.sandbox.interfere = answers(download=not_yet)
    looking = Looking()
    assert world.project().sync(tools=Tools(pace=QUICK_PACE), watcher=looking).exit_code == 0
    assert max(looking.not_ready) == 1
    assert looking.not_ready[-1] == 0


def test_what_is_waited_for_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but zeros would look like a program that hangs."""
    seconds = iter([0.0, 60.0, 60.0])
    PlainDisplay(quiet=False, verbose=False, clock=lambda: next(seconds)).progress(WAITING)
    assert "0 orders alive, 1 not ready at ONC, 0 transfers" in capsys.readouterr().err
    display = LiveDisplay()
    display.progress(WAITING)
    (orders,) = [task.fields["text"] for task in display._bars.tasks if task.description == "orders"]
    display.close()
    assert orders == "3/4 chunks, 0 alive at ONC, 1 not ready at ONC, 0 to order"
