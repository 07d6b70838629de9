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

import msgspec

from oncsync.atomic import folder_error, write_if_changed
from oncsync.engine.disk import file_size
from oncsync.engine.slots import is_process_alive
from oncsync.errors import FolderBusyError, FolderError
from oncsync.state import FileRecord, State
from oncsync.timespan import UTC

OWN_FOLDER = ".oncsync"
PARTIAL_FOLDER = "partial"
HEARTBEAT_SECONDS = 10.0
STALE_AFTER = timedelta(seconds=60)


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


class FolderLock:
    """Lets one oncsync at a time work in a folder; others wait for `patience` seconds, then learn who holds it.

    The lock of the operating system decides; where it lies (some cluster file systems), a fresh heartbeat of another
    process keeps us out as well.
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience: float = 0.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = folder / OWN_FOLDER / "lock"
        self._folder = folder
        self._patience = patience
        self._now = now
        self._sleep = sleep
        self._stopped = threading.Event()
        self._file: object | None = None

    def __enter__(self) -> FolderLock:
        import portalocker

        waited = 0.0
        while True:
            try:
                stream = open(self._path, "a+b")
            except OSError as error:
                raise folder_error(self._path, error) from error
            try:
                portalocker.lock(stream, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
                holder, is_held = self._other_holder(), False
            except portalocker.exceptions.AlreadyLocked:
                holder, is_held = self._read_holder(), True
            except portalocker.exceptions.LockException:  # a file system without locks
                holder, is_held = self._other_holder(), False
            if holder is None and not is_held:
                break
            stream.close()
            if waited >= self._patience:
                raise _busy(self._folder, holder)
            self._sleep(0.2)
            waited += 0.2
        self._file = stream
        self._since = self._now()
        self._write_heartbeat()
        self._thread = threading.Thread(target=self._beat, name="oncsync-heartbeat", daemon=True)
        self._thread.start()
        return self

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
            os.truncate(self._path, 0)
            portalocker.unlock(stream)  # type: ignore[arg-type]
        except (OSError, portalocker.exceptions.LockException):
            pass
        finally:
            stream.close()  # type: ignore[attr-defined]

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
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

    def _read_holder(self) -> Holder | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Holder)
        except (OSError, msgspec.DecodeError):
            return None

    def _other_holder(self) -> Holder | None:
        """Gives a holder that is alive although the lock could be taken, None when there is none."""
        holder = self._read_holder()
        if holder is None or self._now() - holder.heartbeat > STALE_AFTER:
            return None
        if holder.heartbeat - self._now() > STALE_AFTER and not self._beats_on(holder):
            return None
        if holder.host == socket.gethostname():
            is_other = holder.process != os.getpid() and is_process_alive(holder.process)
            return holder if is_other else None
        return holder

    def _beats_on(self, holder: Holder) -> bool:
        """Watches a heartbeat of the future, which no clock can judge: ours was set back, or the other's is ahead."""
        self._sleep(1.5 * HEARTBEAT_SECONDS)
        return self._read_holder() != holder


def _busy(folder: Path, holder: Holder | None) -> FolderBusyError:
    by = (
        f" since {holder.since:%Y-%m-%d %H:%M} UTC by {holder.user} on {holder.host}, process {holder.process}"
        if holder
        else ""
    )
    return FolderBusyError(f"Another oncsync works in `{folder}`{by}", hint="wait for it, or give `--lock-timeout 10m`")


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
