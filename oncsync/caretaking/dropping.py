"""Lets go of files on purpose, remembers them, and takes them back: what was dropped is not fetched until restored.

Files go first, then the event is recorded: after a kill in between, the next drop records what went.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from oncsync.atomic import folder_error
from oncsync.caretaking.premises import lock_if_any, open_state, read_known_state
from oncsync.caretaking.selecting import Selection, select_files
from oncsync.engine.checks import Finding, OurFile, check_files
from oncsync.engine.disk import file_digest, file_size, is_in_folder, remove_empty_folders
from oncsync.engine.eventlog import EventLog
from oncsync.engine.folder import OWN_FOLDER, FolderLock
from oncsync.engine.planning import check_owner
from oncsync.engine.watch import Notice
from oncsync.project import Project
from oncsync.state import META, ChunkState, Dropped, Event, FileRecord, Restored, State, StateStore
from oncsync.timespan import UTC

DropFate: TypeAlias = Literal["drop", "gone", "changed", "busy", "part"]
"""What becomes of a file: removed and remembered; remembered, as it is not in the folder; kept because it was changed,
because an order of its chunk is under way, or because other files of its chunk stay."""
RestoreFate: TypeAlias = Literal["fetch", "here", "taken"]
"""What follows for a file: the next sync fetches it; it lies in its place; another file lies there."""

GOING = ("drop", "gone")


class DropFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that was named, and what becomes of it."""

    path: str
    bytes: int
    sha256: str
    chunk: str
    fate: DropFate
    reason: str = ""
    seen: tuple[int, int, int] | None = None
    """What the disk said of the file when it was hashed: the same answer spares hashing it again."""


class RestoreFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that was let go and is wanted again."""

    path: str
    bytes: int
    sha256: str
    chunk: str
    fate: RestoreFate


# --- Drop ----------------------------------------------------------------------------------------------------------


def find_to_drop(
    project: Project,
    selection: Selection,
    *,
    on_start: Callable[[int, int], None] = lambda files, total: None,
    on_bytes: Callable[[int], None] = lambda number: None,
) -> list[DropFile]:
    """Gives the files that a selection means and what a drop would do with each; hashes them, changes nothing.

    `on_start` hears how many files and bytes there are to hash, `on_bytes` how far it is.

    A chunk goes whole or not at all: its metadata go with its data. Raises `InputError` for what means no file here.
    """
    state = read_known_state(project)
    check_owner(state, project.folder, project.identity, project.manifest.server)
    named = _named(project, state, selection)
    on_start(sum(map(len, named.values())), sum(file.bytes for files in named.values() for file in files))
    return _judge(project.folder, state, named, {}, on_bytes)


def _named(project: Project, state: State, selection: Selection) -> dict[str, list[FileRecord]]:
    """Gives the files that a selection means, by chunk; metadata follow when all data of their chunk are meant."""
    held = _sorted(state, lambda chunk: chunk.files)
    named: dict[str, list[FileRecord]] = {}
    for one in select_files(held, state.chunks, lock_if_any(project), project.folder, selection):
        named.setdefault(one.chunk, []).append(one.file)
    for key, files in named.items():
        every = state.chunks[key].files
        if all(file in files for file in every if file.index != META):
            named[key] = list(every)
    return named


def _sorted(state: State, files: Callable[[ChunkState], Sequence[FileRecord]]) -> list[OurFile]:
    listed = [OurFile(key, file) for key, chunk in state.chunks.items() for file in files(chunk)]
    return sorted(listed, key=lambda one: one.file.path)


def _judge(
    folder: Path,
    state: State,
    named: Mapping[str, list[FileRecord]],
    before: Mapping[tuple[str, str, str], tuple[int, int, int] | None],
    on_bytes: Callable[[int], None] = lambda number: None,
) -> list[DropFile]:
    """Says what becomes of files; those that lie there as they did `before`, when shown, are not read again."""
    looked_at = [OurFile(key, file) for key, files in named.items() for file in files]
    seen = {one: _seen(folder / one.file.path) for one in looked_at}

    def is_new(one: OurFile) -> bool:
        return seen[one] is None or before.get((one.chunk, one.file.path, one.file.sha256)) != seen[one]

    found = {}
    if any(map(is_new, looked_at)):
        found = {(one.chunk, one.path): one for one in check_files(folder, looked_at, is_new, on_bytes)}
    judged = []
    for key, files in named.items():
        chunk = state.chunks[key]
        fates = [_fate(folder, chunk, file, found.get((key, file.path))) for file in files]
        stays = len(chunk.files) > len(files) or any(fate not in GOING for fate, _ in fates)
        for file, (fate, reason) in zip(files, fates, strict=True):
            if stays and fate in GOING:
                fate, reason = "part", "other files of its chunk stay"
            judged.append(_judged(OurFile(key, file), fate, reason, seen[OurFile(key, file)]))
    return sorted(judged, key=lambda one: (one.path, one.chunk))


def _judged(one: OurFile, fate: DropFate, reason: str, seen: tuple[int, int, int] | None) -> DropFile:
    file = one.file
    return DropFile(
        path=file.path, bytes=file.bytes, sha256=file.sha256, chunk=one.chunk, fate=fate, reason=reason, seen=seen
    )


def _seen(place: Path) -> tuple[int, int, int] | None:
    try:
        status = place.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _fate(folder: Path, chunk: ChunkState, file: FileRecord, finding: Finding | None) -> tuple[DropFate, str]:
    is_asked = chunk.order is not None and chunk.asked_at != chunk.order.at
    if is_asked or chunk.arriving:
        return "busy", "it is being fetched: `oncsync sync` ends that"
    if finding is not None and finding.kind == "missing":
        return "gone", "not in the folder"
    if finding is not None:
        return "changed", finding.reason
    return ("drop", "") if is_in_folder(folder, file.path) else ("changed", "a link leads to another place")


def drop(project: Project, shown: Sequence[DropFile], *, lock_patience: float = 0.0) -> list[DropFile]:
    """Lets go of the files that were shown, as far as they are still ours and unchanged; gives those that went.

    Raises `FolderBusyError` while another oncsync works here, `FolderError` for what cannot be removed: what went by
    then is recorded.
    """
    wanted = {one.chunk for one in shown if one.fate in GOING}
    before = {(one.chunk, one.path, one.sha256): one.seen for one in shown if one.fate == "drop"}
    went: list[DropFile] = []

    def let_go(store: StateStore, log: EventLog) -> None:
        chunks = {key: list(store.state.chunks[key].files) for key in sorted(wanted) if key in store.state.chunks}
        for key, files in chunks.items():
            judged = _judge(project.folder, store.state, {key: files}, before)
            if not judged or any(one.fate not in GOING for one in judged):
                continue
            for one in judged:
                _remove(project.folder / one.path, project.folder)
            store.record(Dropped(at=datetime.now(UTC), chunk=key, files=tuple(file.key for file in files)))
            went.extend(judged)
            for one in judged:
                text = f"{one.path} let go on purpose ({one.bytes} bytes, SHA-256 {one.sha256})"
                log.notice(Notice(event="dropped", text=text, chunk=key))

    _with_journal(project, lock_patience, let_go)
    return went


def _remove(place: Path, folder: Path) -> None:
    try:
        if os.path.lexists(place):
            place.unlink()
    except OSError as error:
        raise folder_error(place, error) from error
    remove_empty_folders(place.parent, folder)


def _with_journal(project: Project, lock_patience: float, work: Callable[[StateStore, EventLog], None]) -> None:
    """Does something that records events, while no other oncsync works in the folder."""
    with FolderLock(project.folder, patience=lock_patience):
        store = open_state(project)
        check_owner(store.state, project.folder, project.identity, project.manifest.server)
        log = EventLog(project.folder / OWN_FOLDER / "oncsync.log", redact=lambda text: text)
        try:
            store.open_journal()
            work(store, log)
            if store.recorded:
                store.snapshot()
        finally:
            store.close()
            log.close()


# --- Restore -------------------------------------------------------------------------------------------------------


def find_to_restore(project: Project, selection: Selection) -> list[RestoreFile]:
    """Gives the files that were let go and that a selection means, whole chunks alone; changes nothing.

    Raises `InputError` for what means no file that was let go.
    """
    state = read_known_state(project)
    check_owner(state, project.folder, project.identity, project.manifest.server)
    dropped = _sorted(state, lambda chunk: chunk.dropped)
    chosen = select_files(dropped, state.chunks, lock_if_any(project), project.folder, selection, kind="was let go")
    chunks = {one.chunk for one in chosen}
    return [_restored(project.folder, one) for one in dropped if one.chunk in chunks]


def _restored(folder: Path, one: OurFile) -> RestoreFile:
    place = folder / one.file.path
    fate: RestoreFate = "fetch"
    if os.path.lexists(place):
        is_it = file_size(place) == one.file.bytes and file_digest(place) == one.file.sha256
        fate = "here" if is_it else "taken"
    return RestoreFile(path=one.file.path, bytes=one.file.bytes, sha256=one.file.sha256, chunk=one.chunk, fate=fate)


def restore(project: Project, shown: Sequence[RestoreFile], *, lock_patience: float = 0.0) -> int:
    """Makes files that were let go wanted again: the next sync fetches those that are not here; gives how many."""
    wanted = sorted({one.chunk for one in shown})
    restored = 0

    def take_back(store: StateStore, log: EventLog) -> None:
        nonlocal restored
        for key in wanted:
            chunk = store.state.chunks.get(key)
            if chunk is None or not chunk.dropped:
                continue
            event: Event = Restored(at=datetime.now(UTC), chunk=key, files=tuple(file.key for file in chunk.dropped))
            restored += len(chunk.dropped)
            store.record(event)
            log.notice(Notice(event="restored", text=f"{len(chunk.dropped)} files are wanted again", chunk=key))

    _with_journal(project, lock_patience, take_back)
    return restored
