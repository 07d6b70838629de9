"""Limits end or hold a run as they promise: the queue, the quota, the time given, the run window, the exit code."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from oncsync.engine.folder import FolderLock, prepare_folder
from oncsync.engine.loop import Loop
from oncsync.engine.run import Tools
from oncsync.sandbox import Reply, json_reply
from tests.faults.staging import (
    EIGHT_MONTHS,
    NO_METADATA,
    NO_SUCH_FILE,
    ONE_MONTH,
    Asking,
    Clock,
    Recorder,
    a_file,
    a_slow_file,
    answers,
    asked_of,
    chunks_of,
    down,
    refused,
    runs,
    slot_book,
    sync,
    taken_slots,
    the_chunk,
)
from tests.support.records import at
from tests.support.world import CTD_CSV, QUICK_PACE, World, child_environment

AT_NIGHT = '  beginRun: "22:00:00"\n  endRun: "06:00:00"\n  runTimeZone: UTC\n'


def queued(asked: Asking) -> Reply:
    """Gives the state of an order that does not begin."""
    return runs((int(asked["dpRequestId"]), "queued", 0), is_over=False)


# --- The queue of files --------------------------------------------------------------------------------------------


class SlowReader(Recorder):
    """A watcher that takes its time over errors, so that answers and timers come due together."""

    def notice(self, notice: object) -> None:
        super().notice(notice)  # type: ignore[arg-type]
        if getattr(notice, "level", "") == "error":
            time.sleep(0.05)


@pytest.mark.parametrize("size", [1, 2])
def test_a_short_queue_does_not_hang_over_files_that_are_retried_when_their_chunk_fails(
    world: World, size: int
) -> None:
    """R96: file 1 is tried again later, file 2 is restricted; what waits for a dropped file waits for nothing."""
    world.write(
        EIGHT_MONTHS, settings=f"  downloadQueueSize: {size}\n  downloadThreads: 1\n  runThreads: 1\n{NO_METADATA}"
    )

    def download(asked: Asking) -> Reply:
        return {"1": down(), "2": refused(403)}.get(asked["index"], NO_SUCH_FILE)

    world.sandbox.interfere = answers(
        run=lambda asked: runs((int(asked["dpRequestId"]), "complete", 2), is_over=True), download=download
    )
    result = sync(world, watcher=SlowReader())
    assert (result.counts.failed, result.exit_code) == (8, 3)
    assert {chunk.outcome for chunk in chunks_of(world)} == {"failed-permanent"}


# --- The quota -----------------------------------------------------------------------------------------------------


def test_waiting_for_slots_of_another_folder_is_told_once_and_ends_with_them(world: World, tmp_path: Path) -> None:
    """R94: four orders of another folder are alive at the service, and it says so in one line that names it."""
    world.write(ONE_MONTH)
    clock = Clock()
    others = slot_book(world, tmp_path / "elsewhere")
    for number in range(4):
        slot = others.take(f"chunk{number}", 4, clock.now(), timedelta(seconds=0.6))
        assert slot is not None
        others.confirm(slot, 1000 + number, clock.now())
    recorder = Recorder()
    assert sync(world, watcher=recorder).counts.done == 1
    alive = "Waiting: 4 orders of yours are alive at the service, the limit of `runThreads`"
    assert recorder.texts("quota") == [f"{alive}, placed for `{tmp_path / 'elsewhere'}`"]


# --- The time given ------------------------------------------------------------------------------------------------


def test_the_time_given_ends_a_run_whose_orders_are_queued_and_the_next_takes_them_up(world: World) -> None:
    """R140, R155: exit code 7 at once; the orders stay alive and keep their slots."""
    world.write(CTD_CSV, settings=NO_METADATA)
    world.sandbox.interfere = answers(run=queued)
    result = sync(world, max_seconds=0.2)
    assert result.stopped is not None
    assert result.stopped.message == "The time given by `--max-time` is over; 3 of 3 chunks are left"
    assert result.exit_code == 7
    assert [chunk.outcome for chunk in chunks_of(world)] == [None] * 3
    assert len(taken_slots(world)) == 3
    assert world.asked("cancel") == 0
    world.sandbox.interfere = answers(
        status=lambda asked: json_reply({"searchHdrStatus": "COMPLETED"}),
        download=lambda asked: a_file(f"{asked['dpRunId']}.csv") if asked["index"] == "1" else NO_SUCH_FILE,
    )
    recorder = Recorder()
    assert sync(world, watcher=recorder).counts.done == 3
    assert len(recorder.texts("attached")) == 3
    assert world.asked("request") == 3


def test_transfers_under_way_end_when_the_time_given_is_over(world: World) -> None:
    """R140: what is half here is not thrown away; nothing new is asked for."""
    two_months = EIGHT_MONTHS.replace("2015-09-01", "2015-03-01")
    world.write(two_months, settings=NO_METADATA + "  downloadThreads: 1\n")
    clock, begun = Clock(), threading.Event()
    first_asked: list[str] = []

    def run(asked: Asking) -> Reply:
        first_asked.append(asked["dpRequestId"])
        if asked["dpRequestId"] == first_asked[0]:
            return runs((1, "complete", 2), is_over=True)
        return queued(asked)

    def let_time_pass() -> None:
        clock.jump(hours=1)
        time.sleep(0.3)  # the other order is due to be polled several times now, which looks at the time

    def download(asked: Asking) -> Reply:
        if asked["dpRunId"] != "1" or asked["index"] not in ("1", "2"):
            return NO_SUCH_FILE
        return a_slow_file("slow.csv", begun, let_time_pass) if asked["index"] == "1" else a_file("second.csv")

    world.sandbox.interfere = answers(run=run, download=download)
    result = sync(world, max_seconds=1800, tools=clock.tools())
    assert begun.is_set()
    assert result.exit_code == 7
    assert list(world.tree().values()) == [b"x" * 1000 + b"y" * 1000]
    assert not list((world.folder / ".oncsync" / "partial").iterdir())
    assert [asked["index"] for asked in asked_of(world.sandbox, "download")] == ["1"]
    assert sync(world, max_seconds=0.5).exit_code == 7
    assert sorted(path.rpartition("/")[2] for path in world.tree()) == ["second.csv", "slow.csv"]
    assert world.asked("request") == 2


def test_the_time_given_also_ends_the_wait_for_the_run_window(world: World) -> None:
    """R140: under a closed window, at noon."""
    world.write(ONE_MONTH, settings=AT_NIGHT)
    result = sync(world, max_seconds=0.2, tools=Clock(at("2026-11-21T12:00")).tools())
    assert result.exit_code == 7
    assert result.stopped is not None
    assert "--max-time" in result.stopped.message
    assert world.asked("request") == 0


def test_the_time_given_counts_from_the_start_of_the_command(world: World) -> None:
    """R140, R155: a service that takes half an hour to say what there is leaves no time for new orders."""
    clock = Clock()
    world.sandbox.interfere = answers(deployments=lambda asked: clock.jump(minutes=30))
    result = sync(world, max_seconds=900, tools=clock.tools())
    assert result.stopped is not None
    assert result.stopped.message == "The time given by `--max-time` is over; 3 of 3 chunks are left"
    assert result.exit_code == 7
    assert world.asked("request") == 0
    assert sync(world, max_seconds=900, tools=clock.tools()).counts.done == 3


def test_waiting_for_the_folder_counts_in_the_time_given(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R140: `--lock-timeout` gives nobody more time."""
    clock, first = Clock(), FolderLock(world.folder)
    world.project().resolve()
    prepare_folder(world.folder)
    first.__enter__()

    def sleep(seconds: float) -> None:
        clock.jump(minutes=30)
        first.__exit__(None, None, None)

    monkeypatch.setattr(
        "oncsync.engine.planning.FolderLock", lambda *given, **more: FolderLock(*given, **more, sleep=sleep)
    )
    assert sync(world, max_seconds=900, lock_patience=60, tools=clock.tools()).exit_code == 7
    assert world.asked("request") == 0


def test_time_that_is_over_when_all_is_done_stops_nothing(world: World) -> None:
    """Exit code 0: nothing was left."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    clock = Clock()

    def download(asked: Asking) -> Reply:
        if asked["index"] == "1":
            return a_file("only.csv")
        clock.jump(hours=1)
        return NO_SUCH_FILE

    world.sandbox.interfere = answers(run=lambda asked: runs((1, "complete", 1), is_over=True), download=download)
    result = sync(world, max_seconds=1800, tools=clock.tools())
    assert (result.exit_code, result.counts.done, result.stopped) == (0, 1, None)


# --- The run window ------------------------------------------------------------------------------------------------


def test_a_window_that_closes_in_mid_run_lets_the_transfer_end_and_begins_nothing(world: World) -> None:
    """R97-R101 with `--no-wait`: exit code 7 after the file is whole, not in the middle of it."""
    world.write(EIGHT_MONTHS, settings=AT_NIGHT + NO_METADATA + "  runThreads: 1\n")
    clock, begun = Clock(at("2026-11-21T05:30")), threading.Event()

    def let_it_close() -> None:
        clock.jump(hours=2)
        time.sleep(0.2)

    def download(asked: Asking) -> Reply | None:
        return a_slow_file("slow.csv", begun, let_it_close) if asked["index"] == "1" else None

    world.sandbox.interfere = answers(download=download)
    result = sync(world, wait_for_window=False, tools=clock.tools())
    assert begun.is_set()
    assert result.exit_code == 7
    assert result.stopped is not None
    assert result.stopped.message.startswith("The run window is closed until 2026-11-21 22:00 UTC")
    assert list(world.tree().values()) == [b"x" * 1000 + b"y" * 1000]
    assert not list((world.folder / ".oncsync" / "partial").iterdir())
    assert world.asked("request") <= 2
    world.sandbox.interfere = None
    clock.jump(hours=15)
    assert sync(world, wait_for_window=False, tools=clock.tools()).exit_code == 0
    assert world.asked("request") == 8


def test_the_clock_is_looked_at_every_minute_while_the_window_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept, or whose clock was set, begins within a minute of the window's opening."""
    world.write(ONE_MONTH, settings=AT_NIGHT)
    clock = Clock(at("2026-11-21T12:00"))
    waits: list[float] = []
    real_later = Loop.later

    def later(self: Loop, seconds: float, action: Callable[[], None]) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            clock.jump(hours=10, minutes=30)
        real_later(self, min(seconds, 0.01), action)

    monkeypatch.setattr(Loop, "later", later)
    recorder = Recorder()
    tools = Tools(pace=QUICK_PACE, now=clock.now)
    assert sync(world, tools=tools, watcher=recorder).counts.done == 1
    assert waits[:3] == [60.0] * 3
    assert max(waits) <= 60
    assert "which opens at 2026-11-21 22:00 UTC" in recorder.texts("window")[0]


# --- The exit code -------------------------------------------------------------------------------------------------


def test_failed_chunks_win_over_being_stopped(world: World) -> None:
    """Exit codes: 3 before 7; both are told."""
    clock = Clock()

    def request(asked: Asking) -> Reply:
        clock.jump(hours=1)
        return refused(400, 127, "Invalid parameter value", "extension")

    world.write(EIGHT_MONTHS, settings="  runThreads: 1\n")
    world.sandbox.interfere = answers(request=request)
    result = sync(world, max_seconds=1800, tools=clock.tools())
    assert result.stopped is not None
    assert (result.counts.failed, result.exit_code) == (1, 3)
    assert the_chunk(world).outcome == "refused"


def test_failures_of_earlier_syncs_are_not_forgotten_when_there_is_nothing_to_do(world: World) -> None:
    """Exit code 3 as long as something that is wanted failed for good."""
    world.write(ONE_MONTH)
    world.sandbox.interfere = answers(request=lambda asked: refused(403))
    assert sync(world).exit_code == 3
    result = sync(world)
    assert (result.counts.total, result.exit_code) == (0, 3)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pipes end in another way")
@pytest.mark.parametrize("arguments", [["plan", "--json"], ["status"]])
def test_a_reader_that_leaves_early_is_no_failure(world: World, arguments: list[str]) -> None:
    """`oncsync plan --json | head -1` exits 0 and writes nothing on stderr but its own words."""
    world.write(EIGHT_MONTHS.replace("extension: csv", "extension: csv\n    splitDateRange: hour"))
    world.project().resolve()
    ended = subprocess.Popen(
        [sys.executable, "-m", "oncsync", *arguments],
        cwd=world.directory,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert ended.stdout is not None
    ended.stdout.close()
    assert ended.stderr is not None
    said = ended.stderr.read().decode()
    ended.stderr.close()
    assert (ended.wait(timeout=30), said) == (0, "")


def test_a_service_that_announces_and_keeps_silent_is_no_reason_to_wait_for_ever(world: World) -> None:
    """An answer of `run` without any run is asked about until the order is too old."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    clock, polls = Clock(), 0

    def run(asked: Asking) -> Reply:
        nonlocal polls
        polls += 1
        if polls == 3:
            clock.jump(days=3)
        return json_reply([])

    world.sandbox.interfere = answers(run=run)
    result = sync(world, tools=clock.tools())
    assert (result.exit_code, the_chunk(world).reason) == (3, "not ready after 72 h, given up")
    assert polls == 3
    assert taken_slots(world, clock.now()) == []
