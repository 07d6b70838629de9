"""Which files below a directory the lock's archive files can be, by name and size; none of them is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from oncsync.api.listing import judge_size
from oncsync.engine.archived import INDEX, is_let_go
from oncsync.engine.folder import OWN_FOLDER
from oncsync.engine.placement import WantedChunk, plain_path, wanted_chunks
from oncsync.errors import InputError
from oncsync.lockfile import Lock
from oncsync.naming import fold, safe_file_name
from oncsync.state import ChunkState, State

AdoptFate: TypeAlias = Literal[
    "adopt", "here", "duplicate", "differs", "size", "unsized", "unknown", "dropped", "link", "unreadable"
]
"""What becomes of a file: taken in; of a chunk that is here already; the same as one before it; of the same name as
another, with other bytes; of another size than listed; of no listed size; not in the lock; let go on purpose; a link;
not to be read."""


class FoundFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that was found, and what becomes of it. `source` is where it was found, `path` its place in the folder."""

    source: str
    bytes: int
    fate: AdoptFate
    path: str = ""
    chunk: str = ""
    reason: str = ""


class WantedFiles:
    """The archive files of a lock, by what a file on the disk may be called; raises `InputError` for none."""

    def __init__(self, lock: Lock) -> None:
        self.by_name: dict[str, WantedChunk] = {}
        self.by_id: dict[str, WantedChunk] = {}
        for one in wanted_chunks(lock)[0]:
            if one.chunk.file is not None:
                self.by_id[one.chunk.id] = one
                self.by_name.setdefault(one.chunk.file.name, one)
                self.by_name.setdefault(safe_file_name(one.chunk.file.name, one.chunk.id), one)
        if not self.by_id:
            raise InputError(
                "The lock has no archive files", hint="`adopt` takes in files of downloads with `service: archivefile`"
            )


def match_files(folder: Path, wanted: WantedFiles, state: State, directory: Path) -> Iterator[FoundFile]:
    """Yields what is found, in the order of the sources; each chunk takes one file."""
    ours = {fold(file.path) for chunk in state.chunks.values() for file in (*chunk.files, *chunk.arriving)}
    top = folder.resolve()
    taken: dict[str, str] = {}
    for found in _walk(directory, top):
        place = Path(found.source)
        if place.is_relative_to(top) and fold(place.relative_to(top).as_posix()) in ours:
            continue
        one = wanted.by_name.get(place.name)
        if found.fate != "adopt":
            yield found
        elif one is None:
            yield msgspec.structs.replace(found, fate="unknown", reason="the lock has no file of this name")
        else:
            matched = _judge(folder, found, one, state.chunks.get(one.chunk.id))
            if matched.fate == "adopt":
                before = taken.setdefault(one.chunk.id, found.source)
                if before != found.source:
                    matched = msgspec.structs.replace(matched, fate="duplicate", reason=f"as `{before}`")
            yield matched


def _judge(folder: Path, found: FoundFile, wanted: WantedChunk, chunk: ChunkState | None) -> FoundFile:
    listed, key = wanted.chunk.file, wanted.chunk.id
    assert listed is not None
    path = plain_path(wanted.directory, listed.name, key, INDEX)

    def fate(name: AdoptFate, reason: str = "") -> FoundFile:
        return msgspec.structs.replace(found, fate=name, path=path, chunk=key, reason=reason)

    if chunk is not None and is_let_go(chunk):
        return fate("dropped", "let go on purpose; `oncsync restore` makes it wanted again")
    verdict = judge_size(found.bytes, listed, has_length=False)
    if verdict == "unverified":
        return fate("unsized", "ONC tells no size to compare with")
    if verdict != "good":
        sizes = " or ".join(f"{size:,}" for size in dict.fromkeys((listed.delivered_size, listed.stored_size)) if size)
        return fate("size", f"{found.bytes:,} bytes in place of {sizes or 'none'}")
    if chunk is not None and any(os.path.lexists(folder / file.path) for file in chunk.files):
        return fate("here", f"`{chunk.files[0].path}` was recorded before")
    return fate("adopt")


def _walk(directory: Path, folder: Path) -> Iterator[FoundFile]:
    """Yields every file below a directory, sorted; links are told and not followed, oncsync's own place passed over."""
    top = directory.resolve()
    if not top.is_dir():
        raise InputError(f"`{directory}` is no directory", hint="name the one that holds your files")
    waiting = [top]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            yield FoundFile(source=str(place), bytes=0, fate="unreadable", reason=reason_of(error))
            continue
        below = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if Path(entry.path) != folder / OWN_FOLDER:
                    below.append(Path(entry.path))
            else:
                yield _found(entry)
        waiting += reversed(below)


def _found(entry: os.DirEntry[str]) -> FoundFile:
    source = entry.path
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return FoundFile(source=source, bytes=0, fate="unreadable", reason=reason_of(error))
    if not stat.S_ISREG(status.st_mode):
        return FoundFile(source=source, bytes=0, fate="link", reason="a link or no plain file: it is not followed")
    if not os.access(source, os.R_OK):
        return FoundFile(source=source, bytes=status.st_size, fate="unreadable", reason="permission denied")
    return FoundFile(source=source, bytes=status.st_size, fate="adopt")


def reason_of(error: OSError) -> str:
    """Gives what the system says of an error."""
    return (error.strerror or str(error)).lower()
