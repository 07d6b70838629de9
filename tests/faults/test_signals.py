"""Asked to end, a sync ends within seconds with its state kept; asked twice, at once (F11, R110)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oncsync.sandbox import Fault, Faults
from tests.faults.staging import NO_METADATA, chunks_of
from tests.support.world import AS_IN_A_TERMINAL, CTD_CSV, TOKEN, World, child_environment, quick_sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are asked to end in another way there"),
]
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (getattr(signal, "SIGHUP", signal.SIGINT), 129)]
LIMIT = 20.0


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service whose jobs take their time."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox(job_seconds=(2.5, 2.5)) as sandbox:
        yield World(tmp_path, sandbox, CTD_CSV, NO_METADATA)


def start(world: World) -> subprocess.Popen[bytes]:
    """Starts `oncsync sync` as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, "sync", "-m", str(world.manifest)],
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def await_that(is_so: Callable[[], bool]) -> None:
    """Waits until something is so, which does not take long."""
    until = time.monotonic() + LIMIT
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def children_of(process: int) -> list[str]:
    """Gives the processes that a process has started and that live."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.parametrize(("number", "code"), CODES)
def test_the_first_signal_ends_a_sync_soon_and_its_orders_are_taken_up(
    slow: World, number: signal.Signals, code: int
) -> None:
    """F11: at most 5 s, nothing left running, one message; no order is placed again."""
    child = start(slow)
    await_that(lambda: slow.sandbox.alive_orders() == 3)
    assert children_of(child.pid) == []
    began = time.monotonic()
    child.send_signal(number)
    _, err = child.communicate(timeout=LIMIT)
    assert time.monotonic() - began <= 5
    assert (child.returncode, b"Traceback" in err) == (code, False)
    assert b"orders at the service stay alive" in err
    assert {chunk.order is not None and chunk.order.request_id is not None for chunk in chunks_of(slow)} == {True}
    assert slow.sync().counts.done == 3
    assert slow.asked("request") == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_the_second_signal_does_not_wait_for_what_is_under_way(world: World, number: signal.Signals, code: int) -> None:
    """F11: immediate, also while a file is on its way; the next sync goes on."""
    world.write(CTD_CSV, settings=NO_METADATA)
    world.sandbox.faults = Faults([Fault("stall", on="dataProductDelivery/download", seconds=60, bytes=100)])
    child = start(world)
    await_that(lambda: world.asked("download") > 0)
    child.send_signal(number)
    time.sleep(0.5)  # the first one is being heeded: calls under way have four seconds to end
    assert child.poll() is None
    began = time.monotonic()
    child.send_signal(number)
    _, err = child.communicate(timeout=LIMIT)
    assert time.monotonic() - began <= 2
    assert child.returncode == code
    assert b"Traceback" not in err
    world.sandbox.faults = Faults()
    world.sandbox.stop()
    world.sandbox.start()
    assert world.sync().counts.done == 3
    assert world.asked("request") == 3
