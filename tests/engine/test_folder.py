"""The folder: one oncsync at a time, and what lies in it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import portalocker
import pytest

from oncsync.engine.folder import (
    GUARD_FILE,
    FolderLock,
    Holder,
    current_user,
    is_worked_in,
    missing_files,
    prepare_folder,
)
from oncsync.errors import FolderBusyError, FolderError
from oncsync.state import ChunkState, FileRecord, State
from oncsync.timespan import UTC
from tests.support.records import at, make_file
from tests.support.world import child_environment

NOW = at("2026-11-21T12:00")

HOLD = """
import sys
from pathlib import Path
from oncsync.engine.folder import FolderLock

with FolderLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare_folder(tmp_path / "data")
    return tmp_path / "data"


@contextmanager
def held_by_a_child(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs another oncsync that works in the folder as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.communicate(timeout=30)


def lock_file(folder: Path) -> Path:
    return folder / ".oncsync" / "lock"


def write_holder(folder: Path, **members: Any) -> None:
    """Writes who is said to work in the folder."""
    known: dict[str, Any] = {
        "host": socket.gethostname(),
        "user": "someone",
        "process": os.getppid(),
        "since": NOW,
        "heartbeat": NOW,
    }
    lock_file(folder).write_bytes(msgspec.json.encode(Holder(**(known | members))))


@pytest.mark.parametrize("is_beating", [False, True])
def test_a_heartbeat_of_the_future_counts_only_while_it_goes_on(folder: Path, is_beating: bool) -> None:
    """A clock that was set back by a year, or a machine whose clock is ahead: no reason to wait for a year."""
    ahead = NOW + timedelta(days=365)
    write_holder(folder, host="elsewhere", since=ahead, heartbeat=ahead)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if is_beating:
            write_holder(folder, host="elsewhere", since=ahead, heartbeat=ahead + timedelta(seconds=10))

    lock = FolderLock(folder, now=lambda: NOW, sleep=sleep)
    if is_beating:
        with pytest.raises(FolderBusyError, match="elsewhere"), lock:
            pass
    else:
        with lock:
            pass
    assert waits == [15.0]


def let_everyone_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the locks of the system say yes to everybody, as on some cluster file systems."""
    monkeypatch.setattr(portalocker, "lock", lambda stream, flags: None)
    monkeypatch.setattr(portalocker, "unlock", lambda stream: None)


# --- Preparing -----------------------------------------------------------------------------------------------------


def test_a_folder_is_made_with_a_place_of_our_own_that_git_ignores(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    prepare_folder(folder)
    prepare_folder(folder)
    assert (folder / ".oncsync" / "partial").is_dir()
    assert "*" in (folder / ".oncsync" / ".gitignore").read_text().splitlines()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(FolderError, match="is a file, not a folder") as caught:
        prepare_folder(tmp_path / "data")
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("call", ["mkdir", "exists"])
def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def denied(*arguments: Any, **more: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, call, denied)
    with pytest.raises(FolderError, match="permission denied"):
        prepare_folder(tmp_path / "data")


# --- Who works in it -----------------------------------------------------------------------------------------------


def test_a_second_oncsync_is_refused_and_told_who_is_first(folder: Path) -> None:
    """R140: single instance; exit code 6."""
    with held_by_a_child(folder) as process:
        with pytest.raises(FolderBusyError) as caught, FolderLock(folder):
            pass
        error = caught.value
    assert error.exit_code == 6
    for part in (str(folder), f"process {process.pid}", socket.gethostname(), current_user()):
        assert part in error.message
    assert "lock-timeout" in (error.hint or "")


def test_whoever_waited_is_told_how_long_and_not_to_do_what_was_done(folder: Path) -> None:
    slept: list[float] = []
    with (
        FolderLock(folder),
        pytest.raises(FolderBusyError) as caught,
        FolderLock(folder, patience=2, sleep=slept.append),
    ):
        pass
    assert sum(slept) == pytest.approx(2, abs=0.3)
    assert "; 2 s were waited" in caught.value.message
    assert caught.value.hint == "wait for it, or give a longer `--lock-timeout`"


def test_two_in_one_process_are_two(folder: Path) -> None:
    with FolderLock(folder), pytest.raises(FolderBusyError, match=f"process {os.getpid()}"), FolderLock(folder):
        pass


def test_a_folder_that_was_let_go_is_free(folder: Path) -> None:
    for _ in range(2):
        with FolderLock(folder):
            assert msgspec.json.decode(lock_file(folder).read_bytes(), type=Holder).process == os.getpid()
    assert lock_file(folder).read_bytes() == b""


def test_what_an_earlier_holder_left_does_not_garble_our_name(folder: Path) -> None:
    lock_file(folder).write_bytes(b"x" * 5000)
    with FolderLock(folder):
        assert msgspec.json.decode(lock_file(folder).read_bytes(), type=Holder).process == os.getpid()


def test_a_folder_is_let_go_when_the_work_fails(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), FolderLock(folder):
        raise ZeroDivisionError
    with FolderLock(folder):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_folder_whose_holder_was_killed_is_free_at_once(folder: Path) -> None:
    """R110: nobody has to remove a lock by hand."""
    with held_by_a_child(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        with FolderLock(folder):
            pass


def test_patience_waits_for_the_first_to_end(folder: Path) -> None:
    first = FolderLock(folder)
    first.__enter__()
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            first.__exit__(None, None, None)

    with FolderLock(folder, patience=60, sleep=sleep):
        assert len(naps) == 3


def test_patience_ends(folder: Path) -> None:
    naps: list[float] = []
    with FolderLock(folder), pytest.raises(FolderBusyError), FolderLock(folder, patience=5, sleep=naps.append):
        pass
    assert 5 <= sum(naps) <= 5.5


def test_without_patience_nobody_waits(folder: Path) -> None:
    naps: list[float] = []
    with FolderLock(folder), pytest.raises(FolderBusyError), FolderLock(folder, sleep=naps.append):
        pass
    assert naps == []


# --- Where the locks of the system lie -----------------------------------------------------------------------------


def test_a_fresh_heartbeat_keeps_us_out_where_locks_lie(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held_by_a_child(folder) as process:
        let_everyone_in(monkeypatch)
        with pytest.raises(FolderBusyError, match=f"process {process.pid}"), FolderLock(folder):
            pass
    with FolderLock(folder):
        pass


def test_a_fresh_heartbeat_keeps_us_out_where_there_are_no_locks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(stream: object, flags: object) -> None:
        raise portalocker.exceptions.LockException("not supported")

    monkeypatch.setattr(portalocker, "lock", no_locks)
    write_holder(folder)
    with pytest.raises(FolderBusyError, match="someone"), FolderLock(folder, now=lambda: NOW):
        pass
    with FolderLock(folder, now=lambda: NOW + timedelta(minutes=2)):
        pass


@pytest.mark.parametrize(
    ("members", "seconds", "is_free"),
    [
        ({}, 0, False),
        ({}, 60, False),
        ({}, 61, True),
        ({}, -30, False),
        ({"process": 2**22 + 1}, 0, True),
        ({"process": os.getpid()}, 0, True),
        ({"host": "elsewhere"}, 60, False),
        ({"host": "elsewhere"}, 61, True),
        ({"host": "elsewhere", "process": os.getpid()}, 0, False),
    ],
)
def test_a_heartbeat_counts_for_a_minute_and_only_for_another_living_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, Any], seconds: int, is_free: bool
) -> None:
    if sys.platform == "win32" and members.get("process") == 2**22 + 1:
        pytest.skip("processes cannot be looked for there without harm")
    let_everyone_in(monkeypatch)
    write_holder(folder, **members)
    now = NOW + timedelta(seconds=seconds)
    if is_free:
        with FolderLock(folder, now=lambda: now):
            pass
    else:
        with pytest.raises(FolderBusyError, match="someone"), FolderLock(folder, now=lambda: now):
            pass


def test_of_two_that_start_together_where_locks_lie_one_has_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 6, 4: both have looked before either has written; nothing rests on `flock` alone."""
    let_everyone_in(monkeypatch)
    real_look = FolderLock._other_holder
    looked = threading.Barrier(2)

    def look(self: FolderLock) -> Holder | None:
        holder = real_look(self)
        looked.wait(20)
        return holder

    monkeypatch.setattr(FolderLock, "_other_holder", look)
    inside: list[FolderLock] = []
    ended: list[int] = []

    def start() -> None:
        try:
            with FolderLock(folder) as lock:
                inside.append(lock)
                gone.wait(20)
        except FolderBusyError as error:
            ended.append(error.exit_code)
            gone.set()

    gone = threading.Event()
    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(inside), ended) == (1, [6])
    assert lock_file(folder).read_bytes() == b""
    assert not (folder / ".oncsync" / GUARD_FILE).exists()


@pytest.mark.parametrize("is_left", [True, False], ids=["left by a kill", "in use"])
def test_a_guard_that_stays_was_left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch, is_left: bool) -> None:
    """R110: nobody has to remove anything by hand; one that comes and goes belongs to others who start now."""
    guard = folder / ".oncsync" / GUARD_FILE
    guard.touch()
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if not is_left:
            guard.unlink(missing_ok=True)
            guard.touch()
            os.utime(guard, (len(naps), len(naps)))

    if is_left:
        with FolderLock(folder, sleep=sleep):
            assert not guard.exists()
    else:
        with pytest.raises(FolderBusyError), FolderLock(folder, sleep=sleep):
            pass
    assert sum(naps) <= 2.01


def test_nobody_waits_for_a_guard_where_locks_are_honest(folder: Path) -> None:
    naps: list[float] = []
    for _ in range(3):
        with FolderLock(folder, sleep=naps.append):
            assert not (folder / ".oncsync" / GUARD_FILE).exists()
    assert naps == []


def test_a_disk_without_room_for_a_guard_lets_work_begin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **more: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("oncsync.engine.folder.os.open", full)
        lock = FolderLock(folder).__enter__()
    lock.__exit__(None, None, None)


def test_who_finds_another_in_its_place_has_lost_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where locks lie and this process slept for long: the other's name stays, and is told."""
    monkeypatch.setattr("oncsync.engine.folder.HEARTBEAT_SECONDS", 0.001)
    with FolderLock(folder, now=lambda: NOW) as lock:
        for _ in range(400):  # a heartbeat may fall between its look and ours
            write_holder(folder, host="elsewhere")
            lock._thread.join(0.05)
            if not lock._thread.is_alive():
                break
    lost = lock.lost
    assert lost is not None
    assert "elsewhere" in lost.message
    assert lost.exit_code == 6
    assert b"elsewhere" in lock_file(folder).read_bytes()


@pytest.mark.parametrize(
    ("members", "seconds", "is_at_work"),
    [
        ({}, 30, True),
        ({}, 61, False),
        ({}, -61, False),
        ({"host": "elsewhere"}, 60, True),
        ({"process": 2**22 + 1}, 0, False),
    ],
)
def test_somebody_works_in_a_folder_as_long_as_the_heartbeat_is_fresh(
    folder: Path, members: dict[str, Any], seconds: int, is_at_work: bool
) -> None:
    if sys.platform == "win32" and "process" in members:
        pytest.skip("processes cannot be looked for there without harm")
    write_holder(folder, **members)
    assert is_worked_in(folder, NOW + timedelta(seconds=seconds)) is is_at_work


def test_nobody_works_in_a_folder_that_was_let_go_or_is_not_there(folder: Path, tmp_path: Path) -> None:
    with FolderLock(folder):
        assert is_worked_in(folder, datetime.now(UTC))
    assert not is_worked_in(folder, datetime.now(UTC))
    assert not is_worked_in(tmp_path / "absent", NOW)


@pytest.mark.parametrize("content", [b"", b"{", b"junk", b"\xff"])
def test_a_lock_file_that_says_nothing_keeps_nobody_out(folder: Path, content: bytes) -> None:
    lock_file(folder).write_bytes(content)
    with FolderLock(folder):
        pass


def test_the_heartbeat_beats(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.engine.folder.HEARTBEAT_SECONDS", 0.001)
    beaten = threading.Event()
    beats: list[datetime] = []

    def now() -> datetime:
        beats.append(NOW + timedelta(seconds=len(beats)))
        if len(beats) > 5:
            beaten.set()
        return beats[-1]

    with FolderLock(folder, now=now):
        assert beaten.wait(20)
        holder = None
        while holder is None:  # the file may just be being written
            try:
                holder = msgspec.json.decode(lock_file(folder).read_bytes(), type=Holder)
            except msgspec.DecodeError:
                continue
        assert holder.heartbeat > holder.since


def test_a_full_disk_does_not_end_a_sync_by_its_heartbeat(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with FolderLock(folder) as lock:
        monkeypatch.setattr("oncsync.engine.folder.msgspec.json.encode", full)
        lock._write_heartbeat()


def test_a_folder_without_its_place_cannot_be_held(tmp_path: Path) -> None:
    with pytest.raises(FolderError), FolderLock(tmp_path / "absent"):
        pass


def test_the_clock_of_the_machine_is_the_one_by_default(folder: Path) -> None:
    with FolderLock(folder):
        holder = msgspec.json.decode(lock_file(folder).read_bytes(), type=Holder)
    assert abs(datetime.now(UTC) - holder.since) < timedelta(hours=1)


# --- What lies in it -----------------------------------------------------------------------------------------------


def state_of(*files: FileRecord) -> State:
    """Gives a state with one chunk that holds files."""
    chunk = ChunkState(product="p", begin=at("2017-05-01"), end=at("2017-06-01"), outcome="done", files=files)
    return State(chunks={"c": chunk})


ONE = make_file("a.csv", path="x/y/a.csv", content=b"12345")
TWO = make_file("b.csv", index="2", path="x/y/b.csv", content=b"1")


@pytest.fixture
def filled(folder: Path) -> Path:
    """Gives a folder in which both files lie as they should."""
    (folder / "x" / "y").mkdir(parents=True)
    (folder / ONE.path).write_bytes(b"12345")
    (folder / TWO.path).write_bytes(b"1")
    return folder


def test_files_that_are_there_are_not_missing(filled: Path) -> None:
    assert missing_files(filled, state_of(ONE, TWO)) == set()


def test_a_file_that_is_gone_or_has_another_size_is_missing(filled: Path) -> None:
    """R109."""
    (filled / ONE.path).unlink()
    assert missing_files(filled, state_of(ONE, TWO)) == {("c", (1, "1"))}
    (filled / ONE.path).write_bytes(b"")
    assert missing_files(filled, state_of(ONE, TWO)) == {("c", (1, "1"))}


def test_all_files_of_a_directory_that_is_gone_are_missing(folder: Path) -> None:
    assert missing_files(folder, state_of(ONE, TWO)) == {("c", (1, "1")), ("c", (1, "2"))}
    (folder / "x").write_bytes(b"a file where a directory was")
    assert missing_files(folder, state_of(ONE, TWO)) == {("c", (1, "1")), ("c", (1, "2"))}


def test_a_file_in_the_folder_itself_is_found(folder: Path) -> None:
    file = make_file("a.csv", content=b"12")
    (folder / "a.csv").write_bytes(b"12")
    assert missing_files(folder, state_of(file)) == set()


def test_one_name_that_leads_nowhere_does_not_make_its_neighbours_missing(filled: Path) -> None:
    (filled / ONE.path).unlink()
    (filled / ONE.path).symlink_to(filled / "nowhere")
    assert missing_files(filled, state_of(ONE, TWO)) == {("c", (1, "1"))}


def test_a_file_that_was_moved_and_linked_to_is_there(filled: Path, tmp_path: Path) -> None:
    """People move large files to other disks."""
    (filled / ONE.path).rename(tmp_path / "elsewhere")
    (filled / ONE.path).symlink_to(tmp_path / "elsewhere")
    assert missing_files(filled, state_of(ONE, TWO)) == set()


def test_a_directory_in_place_of_a_file_is_a_missing_file(filled: Path) -> None:
    (filled / ONE.path).unlink()
    (filled / ONE.path).mkdir()
    assert ("c", (1, "1")) in missing_files(filled, state_of(ONE, TWO))


def test_a_disk_that_cannot_be_read_is_no_reason_to_fetch_everything_again(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 3: a network drive that hangs is not an empty folder."""

    def broken(path: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "scandir", broken)
    with pytest.raises(FolderError, match=r"Cannot read .*stale file handle"):
        missing_files(filled, state_of(ONE, TWO))
