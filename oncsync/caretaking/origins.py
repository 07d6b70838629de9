"""Where a file comes from: its download and request, its order, when it came, and how to cite it. Asks nobody."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from oncsync.caretaking.premises import lock_if_any, read_known_state
from oncsync.caretaking.selecting import relative_places
from oncsync.engine.disk import file_size
from oncsync.engine.eventlog import KEPT_FILES
from oncsync.engine.folder import OWN_FOLDER
from oncsync.errors import InputError
from oncsync.listed import ListedFile
from oncsync.lockfile import Lock, LockedRequest, describe_request
from oncsync.naming import fold
from oncsync.project import Project
from oncsync.spelling import neighbours
from oncsync.state import META, ChunkState, FileRecord, Order, Stale, State

SHORTEST_ID = 6
"""Characters of a chunk's id that are enough, where no other chunk's begins so."""
MOST_NEAR = 3

Presence: TypeAlias = Literal["here", "missing", "another size", "dropped"]


class FileOrigin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One file of ours: its place, its name at the service, its run there, and how it arrived."""

    path: str
    name: str
    is_metadata: bool
    run_id: int
    index: str
    bytes: int
    sha256: str
    fetched_at: datetime
    presence: Presence
    is_length_known: bool
    """Whether the service told its length, which was checked."""


class OrderOrigin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The last order of a chunk: what was sent, and the ids that the service gave it."""

    dp_request_id: int | None
    run_ids: tuple[int, ...]
    placed_at: datetime
    date_to: datetime
    options: dict[str, str]
    is_ended: bool
    host: str
    user: str
    query_url: str | None
    restrictions: tuple[str, ...]


class RequestOrigin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The request of the lock that a chunk belongs to: what is sent, and what a reader should know of it."""

    id: str
    text: str
    source: dict[str, str]
    data_product_code: str
    extension: str
    begin: datetime
    end: datetime | None
    options: dict[str, str]
    about: dict[str, str | float | None]
    citation: str | None
    doi: str | None


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line of the folder's log, with the ids of the order that it is about."""

    at: str
    event: str
    text: str
    chunk: str | None = None
    dp_request_id: int | None = None
    dp_run_ids: tuple[int, ...] = ()


class Origin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a chunk, and the `file` that was asked about, come from. `downloads` are the entries that want it now."""

    version: int = 1
    file: FileOrigin | None
    chunk: str
    begin: datetime
    end: datetime
    downloads: tuple[str, ...]
    request: RequestOrigin | None
    """None when the lock does not ask for the chunk any more."""
    order: OrderOrigin | None
    outcome: str | None
    reason: str | None
    ended_at: datetime | None
    fetched_to: datetime | None
    notes: tuple[str, ...]
    archived: ListedFile | None
    """Of an archive file: what ONC's listing said of the version that is here, or is to come."""
    stale: Stale | None
    """Raw files that were archived since, as `oncsync outdated` saw them last."""
    files: tuple[FileOrigin, ...]
    events: tuple[Event, ...]


def find_origin(project: Project, subject: str) -> Origin:
    """Gives where a file comes from, or what happened to a chunk.

    `subject` is a path (from here, or from the folder), a chunk's id or its beginning, a `dpRequestId` or a `dpRunId`.
    Raises `InputError`, with near matches, for what is not known here.
    """
    state = read_known_state(project)
    lock = lock_if_any(project)
    found = _find_file(project.folder, state, subject)
    if found is None:
        chunk, file = _find_chunk(state, lock, subject, _log(project.folder)), None
    else:
        chunk, file = found
    if chunk is None:
        raise _unknown(state, subject)
    return _origin(project.folder, lock, state.chunks[chunk], chunk, file)


def _find_file(folder: Path, state: State, subject: str) -> tuple[str, FileRecord] | None:
    places = relative_places(folder, subject)
    ours = [(chunk, file) for chunk, one in state.chunks.items() for file in (*one.files, *one.arriving, *one.dropped)]
    exact = next((one for one in ours if one[1].path in places), None)
    folded = {fold(place) for place in places}
    return exact or next((one for one in ours if fold(one[1].path) in folded), None)


def _find_chunk(state: State, lock: Lock | None, subject: str, log: Path) -> str | None:
    text = subject.strip()
    if text in state.chunks:
        return text
    if text.isdecimal():
        number = int(text)
        for chunk, one in state.chunks.items():
            is_archived = one.listed is not None or one.coming is not None  # its run ids count its versions here
            ids = [] if is_archived else [file.run_id for file in (*one.files, *one.arriving)]
            if number in ids or (one.order and number in (one.order.request_id, *one.order.run_ids)):
                return chunk
        if (lost := _chunk_of_lost_order(log, number)) in state.chunks:
            return lost
    beginning = [chunk for chunk in state.chunks if len(text) >= SHORTEST_ID and chunk.startswith(text.lower())]
    if len(beginning) == 1:
        return beginning[0]
    if beginning:
        raise InputError(f"Several chunks begin with `{text}`", hint=f"one of {_listed(sorted(beginning)[:MOST_NEAR])}")
    if lock is not None and any(text == chunk.id for _, _, chunk in lock.chunks()):
        raise InputError(f"Nothing has happened to the chunk `{text}` yet", hint="run `oncsync sync`")
    return None


def _unknown(state: State, subject: str) -> InputError:
    paths = [file.path for one in state.chunks.values() for file in one.files]
    by_name = {path.rpartition("/")[2]: path for path in paths}
    wanted = subject.replace(os.sep, "/").rpartition("/")[2]
    names = difflib.get_close_matches(wanted, neighbours(by_name, wanted), n=MOST_NEAR, cutoff=0.7)
    ids = neighbours(state.chunks, subject)
    near = [by_name[name] for name in names] or difflib.get_close_matches(subject, ids, n=MOST_NEAR)
    hint = f"did you mean {_listed(near)}?" if near else "`oncsync status` tells what is here"
    return InputError(f"No file and no chunk of this folder is called `{subject}`", hint=hint)


def _listed(texts: Iterable[str]) -> str:
    return " or ".join(f"`{text}`" for text in texts)


def _origin(folder: Path, lock: Lock | None, state: ChunkState, chunk: str, file: FileRecord | None) -> Origin:
    wanting = [(entry, request) for entry, request, one in (lock.chunks() if lock else ()) if one.id == chunk]
    return Origin(
        file=None if file is None else _file_origin(folder, file, state),
        chunk=chunk,
        begin=state.begin,
        end=state.end,
        downloads=tuple(dict.fromkeys(entry.name for entry, _ in wanting)),
        request=_request_origin(wanting[0][1]) if wanting else None,
        order=None if state.order is None else _order_origin(state.order),
        outcome=state.outcome,
        reason=state.reason,
        ended_at=state.at,
        fetched_to=state.fetched_to,
        notes=state.notes,
        archived=state.listed or state.coming,
        stale=state.stale,
        files=tuple(_file_origin(folder, one, state) for one in (*state.files, *state.arriving, *state.dropped)),
        events=tuple(event for event in _events(_log(folder), f'"chunk": "{chunk}"') if event.chunk == chunk),
    )


def _file_origin(folder: Path, file: FileRecord, chunk: ChunkState) -> FileOrigin:
    size = file_size(folder / file.path)
    presence: Presence = "here" if size == file.bytes else "missing" if size < 0 else "another size"
    return FileOrigin(
        path=file.path,
        name=file.name,
        is_metadata=file.index == META,
        run_id=file.run_id,
        index=file.index,
        bytes=file.bytes,
        sha256=file.sha256,
        fetched_at=file.at,
        presence="dropped" if file in chunk.dropped else presence,
        is_length_known=not file.unverified,
    )


def _order_origin(order: Order) -> OrderOrigin:
    return OrderOrigin(
        dp_request_id=order.request_id,
        run_ids=order.run_ids,
        placed_at=order.at,
        date_to=order.date_to,
        options=order.options,
        is_ended=order.is_ended,
        host=order.host,
        user=order.user,
        query_url=order.query_url,
        restrictions=order.restrictions,
    )


def _request_origin(request: LockedRequest) -> RequestOrigin:
    return RequestOrigin(
        id=request.id,
        text=describe_request(request),
        source=request.source,
        data_product_code=request.data_product_code,
        extension=request.extension,
        begin=request.begin,
        end=request.end,
        options=request.options,
        about=request.about,
        citation=request.citation,
        doi=request.doi,
    )


def _log(folder: Path) -> Path:
    return folder / OWN_FOLDER / "oncsync.log"


def _chunk_of_lost_order(log: Path, number: int) -> str | None:
    """Gives the chunk of an order that failed, was lost or cancelled: the state forgets its ids, the log keeps them."""
    for event in _events(log, str(number)):
        if number in (event.dp_request_id, *event.dp_run_ids):
            return event.chunk
    return None


def _events(log: Path, mark: str) -> Iterator[Event]:
    """Yields the folder's events, the oldest first, whose lines hold a mark; what is no event is passed over."""
    for number in range(KEPT_FILES, -1, -1):
        part = log.with_name(f"{log.name}.{number}") if number else log
        try:
            with open(part, encoding="utf-8", errors="replace") as stream:
                lines = [line for line in stream if mark in line]
        except OSError:
            continue
        for line in lines:
            try:
                yield msgspec.convert(json.loads(line), Event)
            except (ValueError, msgspec.ValidationError):
                continue
