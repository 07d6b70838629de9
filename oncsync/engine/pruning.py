"""Removes files that the lock no longer wants: ours, unchanged, and in the folder itself; never anything else (rule 1).

Files go first, then their chunk goes from the state: after a kill in between the next prune ends what was begun.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from oncsync.atomic import folder_error
from oncsync.engine.checks import Finding, OurFile, check_file, check_files
from oncsync.engine.claims import AskedBy, judge_claims, needed_spans
from oncsync.engine.disk import is_in_folder, remove_empty_folders
from oncsync.lockfile import Lock
from oncsync.naming import fold
from oncsync.state import ChunkState, FileRecord, Pruned, State, StateStore
from oncsync.timespan import Span

Fate: TypeAlias = Literal["remove", "vanished", "changed", "missing", "dropped"]
"""What becomes of a file: removed; kept unless vanished ones are included; kept as a person's own; gone already, or let
go on purpose, and remembered no more."""


class PruneFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of ours that no chunk of the lock has, and what becomes of it."""

    path: str
    bytes: int
    chunk: str
    fate: Fate
    reason: str = ""


def plan_prune(
    lock: Lock,
    state: State,
    steps: Mapping[str, str],
    folder: Path,
    now: datetime,
    asked: AskedBy,
    *,
    include_vanished: bool,
) -> list[PruneFile]:
    """Gives what a prune would do, in the order of the paths. `steps` says what each chunk of the lock needs, by id."""
    released = set(judge_claims(lock, state, now, asked).released)
    wanted = {chunk.id for _, _, chunk in lock.chunks()}
    needed = needed_spans(lock, steps)
    planned = []
    looked_at = []
    for key, chunk in state.chunks.items():
        if key in wanted or _is_needed(chunk, needed):
            continue
        if key in released or include_vanished:
            looked_at += [OurFile(key, file) for file in _files_of(chunk)]
            planned += [_planned(OurFile(key, file), "dropped") for file in chunk.dropped]
        else:
            planned += [_planned(OurFile(key, file), "vanished") for file in _files_of(chunk)]
    wrong = {(one.chunk, one.path): one for one in check_files(folder, looked_at)}
    for one in looked_at:
        finding = wrong.get((one.chunk, one.file.path))
        planned.append(_judge(folder, one, finding))
    return sorted(planned, key=lambda one: (one.path, one.chunk))


def unwanted_files(lock: Lock, state: State, steps: Mapping[str, str], now: datetime, asked: AskedBy) -> list[OurFile]:
    """Gives the files of chunks that the manifest let go of, changed or not: those that a prune looks at."""
    wanted = {chunk.id for _, _, chunk in lock.chunks()}
    needed = needed_spans(lock, steps)
    released = judge_claims(lock, state, now, asked).released
    chunks = ((key, state.chunks.get(key)) for key in released if key not in wanted)
    return [
        OurFile(key, file) for key, chunk in chunks if chunk and not _is_needed(chunk, needed) for file in chunk.files
    ]


def _judge(folder: Path, one: OurFile, finding: Finding | None) -> PruneFile:
    if not os.path.lexists(folder / one.file.path):
        return _planned(one, "missing")
    if finding is not None:
        return _planned(one, "changed", finding.reason)
    if not is_in_folder(folder, one.file.path):
        return _planned(one, "changed", "a link leads to another place")
    return _planned(one, "remove")


def _files_of(chunk: ChunkState) -> list[FileRecord]:
    return list(dict.fromkeys((*chunk.files, *chunk.arriving, *chunk.superseded)))


def _planned(one: OurFile, fate: Fate, reason: str = "") -> PruneFile:
    return PruneFile(path=one.file.path, bytes=one.file.bytes, chunk=one.chunk, fate=fate, reason=reason)


def _is_needed(chunk: ChunkState, needed: Mapping[str, list[Span]]) -> bool:
    """Whether a chunk holds data that the lock still asks for, in another cut."""
    span = Span(chunk.begin, chunk.end)
    return any(span.overlaps(one) for one in needed.get(chunk.product, ()))


def prune_chunks(
    store: StateStore,
    folder: Path,
    chunks: Collection[str],
    now: Callable[[], datetime],
    on_removed: Callable[[str, FileRecord], None] = lambda chunk, file: None,
) -> None:
    """Removes the unchanged files of chunks and takes the chunks out of the state; a changed file stays, as nobody's.

    Raises `FolderError` for a file that cannot be removed; what was done by then is recorded.
    """
    owned = {
        fold(file.path)
        for key, chunk in store.state.chunks.items()
        if key not in chunks
        for file in (*chunk.files, *chunk.arriving)
    }
    for key in sorted(chunks):
        chunk = store.state.chunks.get(key)
        if chunk is None:
            continue
        for file in _files_of(chunk):
            if fold(file.path) not in owned and _remove(folder, OurFile(key, file)):
                on_removed(key, file)
        store.record(Pruned(at=now(), chunk=key))


def _remove(folder: Path, one: OurFile) -> bool:
    """Removes a file that is as it arrived; says whether it did."""
    place = folder / one.file.path
    if not os.path.lexists(place) or not is_in_folder(folder, one.file.path) or check_file(folder, one) is not None:
        return False
    try:
        place.unlink()
    except OSError as error:
        raise folder_error(place, error) from error
    remove_empty_folders(place.parent, folder)
    return True


def chunks_to_prune(planned: Sequence[PruneFile]) -> set[str]:
    """Gives the chunks that a prune takes out of the state."""
    return {one.chunk for one in planned if one.fate != "vanished"}
