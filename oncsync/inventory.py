"""Which files a project has: those that are here, and those that its lock wants, as one list.

Sources: R167-R172, architecture "Commands" (`list`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from oncsync.engine.archived import size_note
from oncsync.engine.folder import missing_files
from oncsync.engine.placement import marked_path, plain_path
from oncsync.engine.plan import Plan, PlannedChunk, Terms, make_plan
from oncsync.errors import InputError
from oncsync.lockfile import Lock, LockedRequest
from oncsync.naming import fold
from oncsync.results import FileState, ProjectFile
from oncsync.state import META, ChunkState, FileRecord, State, has_failed
from oncsync.timespan import Span

if TYPE_CHECKING:
    from oncsync.report import Status

Missing = Collection[tuple[str, tuple[int, str]]]
"""Chunk id and file key of files that the state has and the folder lacks."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which files of a list are wanted; what is empty or None holds of every file.

    `match` are patterns (`*`, `?`, `[...]`) of names, or of places where they hold a `/`. `newest` keeps so many with
    the latest begin, `limit` so many from the top, in this order.
    """

    entries: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    span: Span | None = None
    newest: int | None = None
    limit: int | None = None


COLUMNS: dict[str, Callable[[ProjectFile], Any]] = {
    "id": lambda file: file.chunk,
    "entry": lambda file: file.entry,
    "filename": lambda file: file.name,
    "begin": lambda file: file.begin,
    "end": lambda file: file.end,
    "bytes": lambda file: file.bytes,
    "outPath": lambda file: file.out_path,
    "path": lambda file: file.place,
    "state": lambda file: file.state,
    "deviceCode": lambda file: file.device_code,
    "archivedDate": lambda file: file.archived,
    "sha256": lambda file: file.sha256,
    "reason": lambda file: file.reason,
}
"""The columns of a list for programs, by their stable names."""


# --- What the lock wants -------------------------------------------------------------------------------------------


def files_wanted(lock: Lock, state: State, folder: Path, now: datetime, terms: Terms) -> list[ProjectFile]:
    """Gives a record for each file of the lock, as the folder lies there; asks nobody."""
    missing = missing_files(folder, state)
    return wanted_files(lock, make_plan(lock, state, missing, now, terms), state, missing, folder)


def wanted_files(lock: Lock, plan: Plan, state: State, missing: Missing, folder: Path) -> list[ProjectFile]:
    """Gives a record for each file of the lock, in its order; a chunk whose files nobody knows yet is one record.

    `plan` is that of the whole lock. A place is final where no other file wants the same name.
    """
    names = _entries_of(lock)
    taken = {fold(file.path) for chunk in state.chunks.values() for file in (*chunk.files, *chunk.arriving)}
    listed = []
    for planned in plan.chunks:
        chunk_state = state.chunks.get(planned.id)
        known = list(_known(planned, chunk_state, missing))
        entry = names.get(planned.id, planned.wanted.entry.name)
        if not known:
            place, name = _place(planned, taken)
            listed.append(_record(planned, folder, entry, place, name, _status(planned, chunk_state), None))
        for file, status in known:
            listed.append(_record(planned, folder, entry, file.path, file.name, status, file))
    return listed


def _entries_of(lock: Lock) -> dict[str, str]:
    """Gives the names of the entries that want each chunk, joined by commas."""
    names: dict[str, str] = {}
    for entry, _, chunk in lock.chunks():
        before = names.get(chunk.id)
        if before is None:
            names[chunk.id] = entry.name
        elif entry.name not in before.split(","):
            names[chunk.id] = f"{before},{entry.name}"
    return names


def _known(planned: PlannedChunk, chunk: ChunkState | None, missing: Missing) -> Iterator[tuple[FileRecord, FileState]]:
    if chunk is None:
        return
    for file in chunk.files:
        yield file, "missing" if (planned.id, file.key) in missing else "here"
    for file in chunk.dropped:
        yield file, "dropped"


def _place(planned: PlannedChunk, taken: set[str]) -> tuple[str, str]:
    """Gives where a file that is not here will lie, and its name; of a product file only the folder is known."""
    wanted = planned.wanted
    listed = wanted.chunk.file
    if listed is None:
        return f"{wanted.directory}/", ""
    place = plain_path(wanted.directory, listed.name, planned.id, "1")
    place = place if fold(place) not in taken else marked_path(place, planned.id)
    taken.add(fold(place))
    return place, listed.name


def _status(planned: PlannedChunk, chunk: ChunkState | None) -> FileState:
    """Gives the state of a chunk that has no file."""
    listed = planned.wanted.chunk.file
    if planned.step == "failed" or (
        chunk is not None and has_failed(chunk) and planned.step in ("order", "fetch", "attach")
    ):
        return "failed"
    if listed is not None and not listed.is_listed:
        return "unlisted"
    if planned.step in ("empty", "done"):
        return "empty"
    return "covered" if planned.step == "covered" else "pending"


def _record(
    planned: PlannedChunk,
    folder: Path,
    entry: str,
    place: str,
    name: str,
    status: FileState,
    file: FileRecord | None,
) -> ProjectFile:
    chunk = planned.wanted.chunk
    return ProjectFile(
        folder=folder,
        place=place,
        name=name,
        chunk=chunk.id,
        begin=chunk.begin,
        end=chunk.end,
        state=status,
        bytes=file.bytes if file else chunk.file.bytes if chunk.file else None,
        sha256=file.sha256 if file else None,
        entry=entry,
        device_code=device_of(planned.wanted.request),
        extension=planned.wanted.request.extension,
        archived=chunk.file.archived if chunk.file else None,
        is_metadata=file is not None and file.index == META,
        reason="" if planned.step == "done" and planned.reason.startswith("whole") else planned.reason,
    )


def device_of(request: LockedRequest) -> str:
    """Gives the device that a request is about, blank when it is not known."""
    return request.source.get("deviceCode") or str(request.about.get("deviceCode") or "")


def status_of(
    lock: Lock, state: State, folder: Path, now: datetime, terms: Terms, only: Collection[str] = ()
) -> Status:
    """Gives how far each request of the lock is, or of the entries named, as the folder lies there; asks nobody."""
    from oncsync.report import make_status

    missing = missing_files(folder, state)
    steps = {planned.id: planned.step for planned in make_plan(lock, state, missing, now, terms).chunks}
    shown = str(folder).encode("utf-8", "backslashreplace").decode()
    return make_status(lock, state, steps, shown, only, missing)


# --- What is here --------------------------------------------------------------------------------------------------


def files_here(lock: Lock | None, state: State, folder: Path) -> list[ProjectFile]:
    """Gives the files that a state says are in its folder, in the order of their paths; the lock says more of them."""
    missing = missing_files(folder, state)
    names = _entries_of(lock) if lock else {}
    about = {chunk.id: (request, chunk) for _, request, chunk in lock.chunks()} if lock else {}
    held = []
    for key, chunk in state.chunks.items():
        request, wanted = about.get(key, (None, None))
        for file in chunk.files:
            listed = chunk.listed or (wanted.file if wanted else None)
            held.append(
                ProjectFile(
                    folder=folder,
                    place=file.path,
                    name=file.name,
                    chunk=key,
                    begin=chunk.begin,
                    end=chunk.fetched_to or chunk.end,
                    state="missing" if (key, file.key) in missing else "here",
                    bytes=file.bytes,
                    sha256=file.sha256,
                    entry=names.get(key, ""),
                    device_code=device_of(request) if request else "",
                    archived=listed.archived if listed else None,
                    is_metadata=file.index == META,
                    reason=size_note(chunk),
                )
            )
    return sorted(held, key=lambda file: file.place.split("/"))


# --- Choosing ------------------------------------------------------------------------------------------------------


def choose_files(files: Iterable[ProjectFile], choice: Choice) -> list[ProjectFile]:
    """Gives those files that pass, in their order."""
    chosen = [file for file in files if _passes(file, choice)]
    if choice.newest is not None:
        latest = sorted(range(len(chosen)), key=lambda number: (chosen[number].begin, number), reverse=True)
        chosen = [chosen[number] for number in sorted(latest[: choice.newest])]
    return chosen if choice.limit is None else chosen[: choice.limit]


def _passes(file: ProjectFile, choice: Choice) -> bool:
    extension = tuple(f".{one.lower().lstrip('.')}" for one in choice.extensions)
    return (
        (not choice.states or file.state in choice.states)
        and (not choice.entries or not set(choice.entries).isdisjoint(file.entry.split(",")))
        and (not choice.devices or file.device_code in choice.devices)
        and (not extension or (file.name or f".{file.extension}").lower().endswith(extension))
        and (choice.span is None or _overlaps(file, choice.span))
        and (not choice.match or any(matches(pattern, file.name, file.place) for pattern in choice.match))
    )


def _overlaps(file: ProjectFile, span: Span) -> bool:
    """Whether a file holds data of a span; one without an end is an instant."""
    if file.end <= file.begin:
        return span.begin <= file.begin < span.end
    return Span(file.begin, file.end).overlaps(span)


def matches(pattern: str, name: str, place: str) -> bool:
    """Whether a pattern means a file: its name, or its place when the pattern holds a `/`."""
    return fnmatchcase(place if "/" in pattern else name or place.rpartition("/")[2], pattern)


# --- A table -------------------------------------------------------------------------------------------------------


def frame_of(files: Sequence[ProjectFile], columns: Mapping[str, Callable[[ProjectFile], Any]] = COLUMNS) -> Any:
    """Gives files as a pandas DataFrame with the columns of `oncsync list`; raises `InputError` without pandas."""
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise InputError(
            "A DataFrame needs pandas, which is not installed", hint="run `python -m pip install pandas`"
        ) from None
    return pandas.DataFrame({heading: [value(file) for file in files] for heading, value in columns.items()})
