"""Whether the files that the state calls ours are still what arrived: hashed again, in parallel, changing nothing."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from oncsync.engine.folder import OWN_FOLDER, PARTIAL_FOLDER
from oncsync.naming import LATEST_FOLDER, fold
from oncsync.state import FileRecord, State

BLOCK_BYTES = 256 * 1024
MOST_THREADS = 8

Damage: TypeAlias = Literal["changed", "missing", "unreadable"]


class OurFile(NamedTuple):
    """A file that the state calls ours, with its chunk's id."""

    chunk: str
    file: FileRecord


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of ours that is not as it arrived: its place, its chunk, its index, and what is wrong with it."""

    path: str
    kind: Damage
    reason: str
    chunk: str
    run_id: int
    index: str
    bytes: int
    """The size that was recorded."""


class Sample(msgspec.Struct, frozen=True):
    """Which files are hashed: `part` of every `of`, drawn by `seed`, or, without a seed, the part with that number."""

    part: int
    of: int
    seed: int | None = None

    def choose(self, ours: Sequence[OurFile]) -> set[str]:
        """Gives the paths that are hashed. A numbered part holds a file whatever others come and go."""
        if self.seed is None:
            return {one.file.path for one in ours if _part_of(one.file.path, self.of) == self.part}
        draw = random.Random(self.seed)  # noqa: S311  which files are looked at is no secret
        number = min(len(ours), max(1, round(len(ours) * self.part / self.of)))
        return {one.file.path for one in draw.sample(list(ours), number)}


def _part_of(path: str, parts: int) -> int:
    return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()[:8], "big") % parts + 1


def our_files(state: State) -> list[OurFile]:
    """Gives the files that the state says are here, in the order of their paths."""
    ours = [OurFile(chunk, file) for chunk, one in state.chunks.items() for file in one.files]
    return sorted(ours, key=lambda one: one.file.path)


def check_files(
    folder: Path,
    ours: Sequence[OurFile],
    hashed: Callable[[OurFile], bool] = lambda one: True,
    on_bytes: Callable[[int], None] = lambda number: None,
) -> list[Finding]:
    """Compares sizes, and the SHA-256 of those that `hashed` names, in the order given.

    `on_bytes` hears from any thread how many bytes were read. An interrupt ends within a block of each thread.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="oncsync-verify")
    try:
        found = pool.map(lambda one: check_file(folder, one, hashed(one), on_bytes, stop), ours)
        return [finding for finding in found if finding is not None]
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def check_file(
    folder: Path,
    one: OurFile,
    with_content: bool = True,
    on_bytes: Callable[[int], None] = lambda number: None,
    stop: threading.Event | None = None,
) -> Finding | None:
    """Says what is wrong with one file, None when nothing is. What is no plain file is never opened."""
    file = one.file

    def finding(kind: Damage, reason: str) -> Finding:
        return Finding(
            path=file.path,
            kind=kind,
            reason=reason,
            chunk=one.chunk,
            run_id=file.run_id,
            index=file.index,
            bytes=file.bytes,
        )

    place = folder / file.path
    if not os.path.lexists(place) and is_plain_file(folder / OWN_FOLDER / PARTIAL_FOLDER / file.partial):
        place = folder / OWN_FOLDER / PARTIAL_FOLDER / file.partial  # a kill came before the rename: `sync` ends it
    try:
        status = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return finding("missing", "it is not in the folder")
    except OSError as error:
        return finding("unreadable", (error.strerror or str(error)).lower())
    if not stat.S_ISREG(status.st_mode):
        return finding("changed", "something that is no file lies there")
    if status.st_size != file.bytes:
        return finding("changed", f"{status.st_size} bytes in place of {file.bytes}")
    if not with_content:
        return None
    try:
        digest = _digest(place, on_bytes, stop)
    except FileNotFoundError:
        return finding("missing", "it is not in the folder")
    except OSError as error:
        return finding("unreadable", (error.strerror or str(error)).lower())
    return None if digest in (file.sha256, None) else finding("changed", "its content is another")


def is_plain_file(path: Path) -> bool:
    """Whether a file, or a link to one, lies at a path."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _digest(place: Path, on_bytes: Callable[[int], None], stop: threading.Event | None) -> str | None:
    """Gives a file's SHA-256, None when it was stopped."""
    hasher = hashlib.sha256()
    buffer = bytearray(BLOCK_BYTES)
    view = memoryview(buffer)
    with open(place, "rb", buffering=0) as stream:
        while number := stream.readinto(buffer):
            if stop is not None and stop.is_set():
                return None
            hasher.update(view[:number])
            on_bytes(number)
    return hasher.hexdigest()


def extra_files(folder: Path, state: State, left_out: Iterable[Path] = ()) -> list[str]:
    """Gives the files in the folder that the state does not know, sorted; links to folders are not followed.

    What lies in oncsync's own places (`.oncsync/` and `latest/`) does not count.
    """
    files = (file for one in state.chunks.values() for file in (*one.files, *one.arriving, *one.superseded))
    known = {fold(file.path) for file in files}
    passed_over = {path.resolve() for path in left_out}
    found = (path for path in _walk(folder, "") if fold(path) not in known)
    extra = (path for path in found if (folder / path).resolve() not in passed_over)
    return sorted(path.encode("utf-8", "backslashreplace").decode() for path in extra)


def _walk(folder: Path, below: str) -> Iterator[str]:
    try:
        with os.scandir(folder / below) as scanned:
            entries = list(scanned)
    except OSError:
        return
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            if path not in (OWN_FOLDER, LATEST_FOLDER):
                yield from _walk(folder, path)
        elif not entry.is_dir():
            yield path
