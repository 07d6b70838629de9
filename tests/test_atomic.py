"""A reader sees the old file or the new one, never half of either."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from oncsync.atomic import folder_error, remove_leftovers, write_atomic, write_if_changed
from oncsync.errors import FolderError

needs_modes = pytest.mark.skipif(os.name == "nt", reason="file modes are those of POSIX")


def test_file_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "lock"
    write_atomic(path, b"one")
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in path.parent.iterdir()] == ["lock"]


def test_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    write_atomic(path, b"one, and more of it")
    write_atomic(path, b"two", durable=True)
    assert path.read_bytes() == b"two"


@needs_modes
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_file_follows_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    path = tmp_path / "lock"
    before = os.umask(umask)
    try:
        write_atomic(path, b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@needs_modes
def test_file_may_be_private(tmp_path: Path) -> None:
    write_atomic(tmp_path / "secret", b"one", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_disk_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    path = tmp_path / "lock"
    write_atomic(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(FolderError) as caught:
        write_atomic(path, b"new")
    assert caught.value.exit_code == 8
    assert str(path) in caught.value.message
    assert os.strerror(code).lower() in caught.value.message
    assert "nothing is lost" in str(caught.value.hint)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    write_atomic(path, b"old")

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new", durable=True)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_durable_bytes_are_on_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    seen: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(path.exists()))
    write_atomic(path, b"one", durable=True)
    assert seen == [False]
    write_atomic(path, b"two")
    assert seen == [False]


def test_place_below_a_file_is_a_folder_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError, match="Cannot write"):
        write_atomic(tmp_path / "file" / "lock", b"one")


def test_folder_in_the_place_of_a_file_is_a_folder_error(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(FolderError):
        write_atomic(tmp_path / "lock", b"one")
    with pytest.raises(FolderError, match="Cannot read"):
        write_if_changed(tmp_path / "lock", b"one")
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_unchanged_file_keeps_its_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert write_if_changed(path, b"one") is True
    os.utime(path, ns=(1, 1))
    assert write_if_changed(path, b"one") is False
    assert path.stat().st_mtime_ns == 1
    assert write_if_changed(path, b"two") is True
    assert path.read_bytes() == b"two"


def test_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    contents = [letter * 200_000 for letter in (b"a", b"b")]
    write_atomic(path, contents[0])
    wrong: list[bytes] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            content = path.read_bytes()
            if content not in contents:
                wrong.append(content[:10])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(50):
            write_atomic(path, contents[turn % 2])
    finally:
        done.set()
        reader.join()
    assert wrong == []


def test_error_without_words_still_says_something(tmp_path: Path) -> None:
    assert "odd" in folder_error(tmp_path, OSError("odd")).message


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "have the disk made writable"),
        (errno.EACCES, "get the right to write there"),
        (errno.EIO, "see that the place is there"),
        (errno.EMFILE, "raise the limit on open files (`ulimit -n`)"),
        (errno.ENFILE, "raise the limit on open files"),
        (errno.EFBIG, "raise the limit on the size of a file (`ulimit -f`)"),
        (errno.EISDIR, "move away the folder that lies where a file has to be"),
        (errno.ENOTDIR, "move away the file that lies where a folder has to be"),
        (errno.ENAMETOOLONG, "choose a shorter"),
    ],
)
def test_the_cure_is_that_of_the_cause(tmp_path: Path, code: int, cure: str) -> None:
    """Space does not help a disk that is read-only."""
    hint = folder_error(tmp_path, OSError(code, os.strerror(code))).hint or ""
    assert hint.startswith(cure)
    assert hint.count("free some space") == (code == errno.ENOSPC)
    reading = folder_error(tmp_path, OSError(code, os.strerror(code)), verb="read").hint or ""
    assert ("ulimit -n" in reading, "see that it can be read" in reading) == ("ulimit -n" in hint, "-n" not in hint)


def test_what_killed_writers_left_is_removed_once_it_is_old_and_nothing_else(tmp_path: Path) -> None:
    """A writer that lives has its file new; under a lock there is none."""
    path = tmp_path / "oncsync.lock"
    old, new = tmp_path / ".oncsync.lock.0123456789ab.part", tmp_path / ".oncsync.lock.ba9876543210.part"
    names = (".other.lock.0123456789ab.part", ".oncsync.lock.mine.part", "oncsync.lock.0123456789ab.part")
    more = (".oncsync.lock.0123456789ab.part.txt", ".oncsyncxlock.0123456789ab.part")
    others = [tmp_path / name for name in names + more]
    for left in (old, new, *others):
        left.write_bytes(b"half")
        if left != new:
            os.utime(left, (1, 1))
    remove_leftovers(path)
    assert set(tmp_path.iterdir()) == {new, *others}
    remove_leftovers(path, older_than=0)
    assert set(tmp_path.iterdir()) == set(others)
    remove_leftovers(tmp_path / "nowhere" / "x")
