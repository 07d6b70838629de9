"""The folder: its own place `.oncsync/`, who holds it, what lies in it."""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from oncsync.atomic import folder_error, write_if_changed
from oncsync.engine.disk import file_size, remove_quietly
from oncsync.engine.slots import is_process_alive
from oncsync.errors import FolderBusyError, FolderError
from oncsync.state import FileRecord, State
from oncsync.timespan import UTC

OWN_FOLDER = ".oncsync"
PARTIAL_FOLDER = "partial"
LOCK_FILE = "lock"
HEARTBEAT_SECONDS = 10.0
STALE_AFTER = timedelta(seconds=60)
GUARD_FILE = "lock.guard"
GUARD_SECONDS = 2.0
"""A guard is there for some milliseconds. One that stays for so long was left behind by a process that was killed."""
GUARD_LOOKS = 20


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who works in a folder."""

    host: str
    user: str
    process: int
    since: datetime
    heartbeat: datetime


def check_own_place(folder: Path) -> None:
    """Raises `FolderError` when something in `.oncsync/` is not what oncsync makes there.

    A link or a pipe in it came with a copied folder or a repository, and could lead anywhere.
    """
    own = folder / OWN_FOLDER
    for place in (own, own / PARTIAL_FOLDER):
        if place.is_symlink() or (os.path.lexists(place) and not place.is_dir()):
            raise _strange(place)
    try:
        with os.scandir(own) as entries:
            strange = [
                entry.path for entry in entries if not (entry.is_file(follow_symlinks=False) or _is_folder(entry))
            ]
    except OSError:
        return
    if strange:
        raise _strange(Path(min(strange)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _strange(place: Path) -> FolderError:
    return FolderError(f"`{place}` is not what oncsync makes there", hint="look at it and remove it; nothing was done")


def prepare_folder(folder: Path) -> None:
    """Makes the folder and what oncsync keeps in it; raises `FolderError` when that is not possible."""
    own = folder / OWN_FOLDER
    check_own_place(folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise FolderError(f"`{folder}` is a file, not a folder", hint="choose another `folder`")
        (own / PARTIAL_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise folder_error(folder, error) from error
    write_if_changed(own / ".gitignore", b"# Made by oncsync: nothing in here belongs into a repository\n*\n")


def is_worked_in(folder: Path, now: datetime) -> bool:
    """Whether an oncsync works in a folder now, as far as its heartbeat tells; a folder that is gone has none."""
    holder = _read_holder(folder / OWN_FOLDER / LOCK_FILE)
    return holder is not None and abs(now - holder.heartbeat) <= STALE_AFTER and _may_live(holder)


class FolderLock:
    """Lets one oncsync at a time work in a folder; others wait for `patience` seconds, then learn who holds it.

    The lock of the operating system decides. Where it lies (some cluster file systems), a fresh heartbeat of another
    process keeps us out as well, of two that start together only one gets its name written, and a process that finds
    another's name in the place of its own has lost the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience: float = 0.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = folder / OWN_FOLDER / LOCK_FILE
        self._guard = folder / OWN_FOLDER / GUARD_FILE
        self._folder = folder
        self._patience = patience
        self._now = now
        self._sleep = sleep
        self._stopped = threading.Event()
        self._file: BinaryIO | None = None
        self._lost: FolderBusyError | None = None

    @property
    def lost(self) -> FolderBusyError | None:
        """Who works in the folder by now in our place; None as long as nobody does."""
        return self._lost

    def __enter__(self) -> FolderLock:
        waited = 0.0
        while True:
            try:
                stream = open(self._path, "a+b")
            except OSError as error:
                raise folder_error(self._path, error) from error
            is_ours, holder = self._take(stream)
            if is_ours:
                break
            stream.close()
            if waited >= self._patience:
                raise _busy(self._folder, holder, waited)
            self._sleep(0.2)
            waited += 0.2
        self._file = stream
        self._thread = threading.Thread(target=self._beat, name="oncsync-heartbeat", daemon=True)
        self._thread.start()
        return self

    def _take(self, stream: BinaryIO) -> tuple[bool, Holder | None]:
        """Says whether the folder is ours now; otherwise also who holds it, as far as that can be read."""
        import portalocker

        try:
            portalocker.lock(stream, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.exceptions.AlreadyLocked:
            return False, _read_holder(self._path)
        except portalocker.exceptions.LockException:  # a file system without locks
            pass
        seen = _read_words(self._path)
        holder = self._other_holder()
        if holder is None and self._write_over(seen):
            return True, None
        return False, holder or _read_holder(self._path)

    def _write_over(self, seen: bytes) -> bool:
        """Writes our name where `seen` still stands; False when another was quicker, as a lock that lies lets happen.

        To look and to write is one step, because only one process at a time can make the guard.
        """
        if not self._make_guard():
            return False
        try:
            if _read_words(self._path) != seen:
                return False
            self._since = self._now()
            self._write_heartbeat()
            return True
        finally:
            remove_quietly(self._guard)

    def _make_guard(self) -> bool:
        """Makes the guard, after what a killed process left of it; False when another has it."""
        for is_last in (False, True):
            try:
                os.close(os.open(self._guard, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                if is_last or not self._is_guard_left():
                    return False
                remove_quietly(self._guard)
            except OSError:
                return True  # a full disk must not end a sync here; where locks lie, the heartbeat tells
            else:
                return True
        return False

    def _is_guard_left(self) -> bool:
        """Watches a guard: one that stays as it is was left behind."""
        before = _mark_of(self._guard)
        for _ in range(GUARD_LOOKS):
            if _mark_of(self._guard) != before:
                return False
            self._sleep(GUARD_SECONDS / GUARD_LOOKS)
        return _mark_of(self._guard) == before

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import portalocker

        self._stopped.set()
        self._thread.join(timeout=5)
        stream = self._file
        self._file = None
        assert stream is not None
        try:
            if self._lost is None:
                os.truncate(self._path, 0)
            portalocker.unlock(stream)
        except (OSError, portalocker.exceptions.LockException):
            pass
        finally:
            stream.close()

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            holder = _read_holder(self._path)
            if holder is not None and not _is_this_process(holder) and (other := self._other_holder()) is not None:
                self._lost = _busy(self._folder, other)
                return
            if not self._stopped.is_set():
                self._write_heartbeat()

    def _write_heartbeat(self) -> None:
        holder = Holder(
            host=socket.gethostname(),
            user=current_user(),
            process=os.getpid(),
            since=self._since,
            heartbeat=self._now(),
        )
        try:
            with open(self._path, "r+b") as stream:
                stream.write(msgspec.json.encode(holder) + b"\n")
                stream.truncate()
        except OSError:
            pass  # a full disk must not end a sync here; writing data will say so

    def _other_holder(self) -> Holder | None:
        """Gives a holder that is alive although the lock could be taken, None when there is none."""
        holder = _read_holder(self._path)
        if holder is None or self._now() - holder.heartbeat > STALE_AFTER:
            return None
        if holder.heartbeat - self._now() > STALE_AFTER and not self._beats_on(holder):
            return None
        return holder if _may_live(holder) and not _is_this_process(holder) else None

    def _beats_on(self, holder: Holder) -> bool:
        """Watches a heartbeat of the future, which no clock can judge: ours was set back, or the other's is ahead."""
        self._sleep(1.5 * HEARTBEAT_SECONDS)
        return _read_holder(self._path) != holder


def _read_words(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _read_holder(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(_read_words(path), type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _may_live(holder: Holder) -> bool:
    """Whether a holder's process may run; of another machine's nobody can tell."""
    return holder.host != socket.gethostname() or is_process_alive(holder.process)


def _is_this_process(holder: Holder) -> bool:
    return (holder.host, holder.process) == (socket.gethostname(), os.getpid())


def _mark_of(path: Path) -> tuple[int, int] | None:
    """Tells a file from one that was made in its place later; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _busy(folder: Path, holder: Holder | None, waited: float = 0.0) -> FolderBusyError:
    by = (
        f" since {holder.since:%Y-%m-%d %H:%M} UTC by {holder.user} on {holder.host}, process {holder.process}"
        if holder
        else ""
    )
    message, hint = f"Another oncsync works in `{folder}`{by}", "wait for it, or give `--lock-timeout 10m`"
    if waited:
        message, hint = f"{message}; {waited:.0f} s were waited", "wait for it, or give a longer `--lock-timeout`"
    return FolderBusyError(message, hint=hint)


def current_user() -> str:
    """Gives the name of the user, `unknown` where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def missing_files(folder: Path, state: State) -> set[tuple[str, tuple[int, str]]]:
    """Gives chunk id and file key of every held file that is not in the folder in the size that was recorded.

    Raises `FolderError` when a directory is there but cannot be read: that is no reason to fetch its files again.
    """
    by_directory: dict[str, list[tuple[str, FileRecord]]] = defaultdict(list)
    for chunk, chunk_state in state.chunks.items():
        for file in chunk_state.files:
            by_directory[file.path.rpartition("/")[0]].append((chunk, file))
    missing: set[tuple[str, tuple[int, str]]] = set()
    for directory, files in by_directory.items():
        sizes = _sizes(folder / directory)
        for chunk, file in files:
            size = sizes.get(file.path.rpartition("/")[2])
            if size != file.bytes and file_size(folder / file.path) != file.bytes:
                missing.add((chunk, file.key))
    return missing


def _sizes(directory: Path) -> dict[str, int]:
    """Gives the sizes of the plain files of a directory by name; none when there is no such directory."""
    sizes: dict[str, int] = {}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise folder_error(directory, error, verb="read") from error
    return sizes
