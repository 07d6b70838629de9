"""The events of the journal, and what each of them makes of the state. Pure.

An event is one line of the journal; applying the events since the snapshot to the snapshot gives the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from oncsync.listed import ListedFile
from oncsync.state.records import (
    FINAL_OUTCOMES,
    META,
    PERMANENT_OUTCOMES,
    ChunkState,
    FileRecord,
    Order,
    Outcome,
    Refresh,
    Stale,
    State,
)
from oncsync.state.refreshing import is_made_since, keep_files, order_behind


class _Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="event"):
    at: datetime


class Started(_Event, frozen=True, tag="started"):
    """A sync of this manifest begins."""

    manifest: str
    server: str
    settings: dict[str, str | int | float | bool | None] = {}
    entries: dict[str, str] = {}
    filters: dict[str, str] = {}
    released: tuple[str, ...] = ()
    claimed: dict[str, str] = {}
    """Chunks that another entry wants now, by id."""


class Ordering(_Event, frozen=True, kw_only=True, tag="ordering"):
    """We are about to ask for a chunk (written before the call, so that a kill in between is known)."""

    chunk: str
    product: str
    begin: datetime
    end: datetime
    date_to: datetime
    options: dict[str, str] = {}
    is_corrected: bool = False
    """The options differ from those asked for, because the service refused them."""
    host: str = ""
    user: str = ""
    entry: str = ""


class Ordered(_Event, frozen=True, kw_only=True, tag="ordered"):
    """The service gave the order its id."""

    chunk: str
    request_id: int
    query_url: str | None = None
    restrictions: tuple[str, ...] = ()


class Running(_Event, frozen=True, kw_only=True, tag="running"):
    """The service named the runs of the order."""

    chunk: str
    run_ids: tuple[int, ...]


class Ended(_Event, frozen=True, kw_only=True, tag="ended"):
    """The service's work on the order is over; `counts` are the files per run, None where it did not say."""

    chunk: str
    run_ids: tuple[int, ...]
    counts: tuple[int | None, ...] = ()


class Arrived(_Event, frozen=True, kw_only=True, tag="arrived"):
    """A file is whole in `partial/`; it is ours from now on, wherever the rename has got to."""

    chunk: str
    file: FileRecord


class Finished(_Event, frozen=True, kw_only=True, tag="finished"):
    """The chunk has an outcome. With `done` the arriving files become the held ones."""

    chunk: str
    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    code: int | None = None
    notes: tuple[str, ...] = ()


class Fetching(_Event, frozen=True, kw_only=True, tag="fetching"):
    """We are about to fetch an archive file; what is held of it stays until the new one is whole."""

    chunk: str
    begin: datetime
    end: datetime
    file: ListedFile
    entry: str = ""


class Dropped(_Event, frozen=True, kw_only=True, tag="dropped"):
    """Files of a chunk, by run id and index, were let go on purpose: they are out of the folder."""

    chunk: str
    files: tuple[tuple[int, str], ...]


class Restored(_Event, frozen=True, kw_only=True, tag="restored"):
    """Files that were let go, by run id and index, are wanted again: from now on they are missing."""

    chunk: str
    files: tuple[tuple[int, str], ...]


class Cleared(_Event, frozen=True, kw_only=True, tag="cleared"):
    """The files that the last order replaced are out of the folder."""

    chunk: str


class Forgotten(_Event, frozen=True, kw_only=True, tag="forgotten"):
    """The order is gone at the service, or given up; the chunk needs a new one.

    `is_loss` says that the service could not make it, or made it and lost its files.
    """

    chunk: str
    reason: str
    is_loss: bool = False


class Moved(_Event, frozen=True, kw_only=True, tag="moved"):
    """A held file has another place in the folder."""

    chunk: str
    run_id: int
    index: str
    path: str


class Pruned(_Event, frozen=True, kw_only=True, tag="pruned"):
    """The files of a chunk that the lock does not name are out of the folder; of the chunk only a live order stays."""

    chunk: str


class Staled(_Event, frozen=True, kw_only=True, tag="staled"):
    """Raw files of a chunk's devices were archived after it was asked for: its files may be stale."""

    chunk: str
    stale: Stale


class Looked(_Event, frozen=True, kw_only=True, tag="looked"):
    """The archive said, for everything that is here, which raw files were archived since."""


class Synced(_Event, frozen=True, kw_only=True, tag="synced"):
    """A sync came to its end."""


ChunkEvent: TypeAlias = (
    Ordered | Running | Ended | Arrived | Finished | Cleared | Forgotten | Moved | Dropped | Restored | Staled
)
Event: TypeAlias = Started | Ordering | Fetching | ChunkEvent | Pruned | Looked | Synced


def apply_event(state: State, event: Event) -> None:
    """Changes the state by one event. Events of a chunk that the state does not know are passed over."""
    if isinstance(event, Started):
        _start(state, event)
    elif isinstance(event, Synced):
        state.synced_at = event.at
    elif isinstance(event, Looked):
        state.looked_at = event.at
    elif isinstance(event, Ordering):
        state.chunks[event.chunk] = _ordering(state.chunks.get(event.chunk), event)
    elif isinstance(event, Fetching):
        state.chunks[event.chunk] = _fetching(state.chunks.get(event.chunk), event)
    elif isinstance(event, Pruned):
        _prune(state, event.chunk)
    elif event.chunk in state.chunks:
        state.chunks[event.chunk] = _changed(state.chunks[event.chunk], event)


def _start(state: State, event: Started) -> None:
    state.manifest, state.server, state.settings = event.manifest, event.server, dict(event.settings)
    state.entries, state.filters, state.released = dict(event.entries), dict(event.filters), event.released
    for key, entry in event.claimed.items():
        if key in state.chunks:
            state.chunks[key] = msgspec.structs.replace(state.chunks[key], entry=entry)


def _prune(state: State, key: str) -> None:
    chunk = state.chunks.pop(key, None)
    if chunk is None or chunk.order is None:
        return
    if not chunk.order.is_ended and chunk.asked_at != chunk.order.at:
        state.chunks[key] = ChunkState(
            product=chunk.product, begin=chunk.begin, end=chunk.end, order=chunk.order, entry=chunk.entry
        )


def _ordering(chunk: ChunkState | None, event: Ordering) -> ChunkState:
    order = Order(at=event.at, date_to=event.date_to, options=event.options, host=event.host, user=event.user)
    if chunk is None:
        chunk = ChunkState(product=event.product, begin=event.begin, end=event.end)
    corrected = event.options if event.is_corrected else chunk.corrected
    return msgspec.structs.replace(
        chunk,
        order=order,
        held_order=order_behind(chunk),
        refresh=None,
        files=_known_files(chunk),
        arriving=(),
        corrected=corrected,
        entry=event.entry or chunk.entry,
        notes=(),
        **_forgiven(chunk),
    )


def _forgiven(chunk: ChunkState) -> dict[str, None]:
    """Gives what is no longer said of a chunk that failed for good and is ordered again: the new order decides."""
    is_forgiven = chunk.outcome in PERMANENT_OUTCOMES
    return dict.fromkeys(("outcome", "reason", "status", "code")) if is_forgiven else {}


def _fetching(chunk: ChunkState | None, event: Fetching) -> ChunkState:
    chunk = chunk or ChunkState(product="", begin=event.begin, end=event.end)
    return msgspec.structs.replace(
        chunk,
        begin=event.begin,
        end=event.end,
        coming=event.file,
        files=_known_files(chunk),
        arriving=(),
        entry=event.entry or chunk.entry,
        notes=(),
    )


def _known_files(chunk: ChunkState) -> tuple[FileRecord, ...]:
    """Gives the files that stay ours when an order is dropped.

    Those of a first order have their places already: they are held until another order's replace them. Those that
    were to replace held ones still lie in `partial/`, and go.
    """
    return chunk.files or chunk.arriving


def _changed(chunk: ChunkState, event: ChunkEvent) -> ChunkState:
    replace = msgspec.structs.replace
    if isinstance(event, Arrived):
        others = tuple(file for file in chunk.arriving if file.key != event.file.key)
        return replace(chunk, arriving=(*others, event.file))
    if isinstance(event, Finished):
        return _finished(chunk, event)
    if isinstance(event, Moved):
        return _moved(chunk, event)
    if isinstance(event, Cleared):
        return replace(chunk, superseded=())
    if isinstance(event, Staled):
        return replace(chunk, stale=event.stale)
    if isinstance(event, Dropped):
        gone = tuple(file for file in chunk.files if file.key in event.files)
        kept = tuple(file for file in chunk.files if file.key not in event.files)
        return replace(chunk, files=kept, dropped=(*chunk.dropped, *gone))
    if isinstance(event, Restored):
        wanted = tuple(file for file in chunk.dropped if file.key in event.files)
        rest = tuple(file for file in chunk.dropped if file.key not in event.files)
        return replace(chunk, files=_in_order((*chunk.files, *wanted)), dropped=rest)
    if isinstance(event, Forgotten):
        lost = {"outcome": "expired", "reason": event.reason, "at": event.at}
        if event.is_loss:
            chunk = replace(chunk, attempts=chunk.attempts + 1, failing_since=chunk.failing_since or event.at)
        if chunk.is_refreshing:
            return keep_files(chunk, _refresh(chunk, lost), chunk.notes)
        return replace(chunk, order=None, files=_known_files(chunk), arriving=(), **lost)
    if chunk.order is None:
        return chunk
    if isinstance(event, Ordered):
        order = replace(
            chunk.order, request_id=event.request_id, query_url=event.query_url, restrictions=event.restrictions
        )
        return replace(chunk, order=order)
    if isinstance(event, Running):
        return replace(chunk, order=replace(chunk.order, run_ids=event.run_ids))
    order = replace(chunk.order, run_ids=event.run_ids, counts=event.counts, is_ended=True)
    return replace(chunk, order=order)


def _finished(chunk: ChunkState, event: Finished) -> ChunkState:
    if event.outcome != "done" and chunk.is_refreshing:
        said = {name: getattr(event, name) for name in ("at", "outcome", "reason", "status", "code")}
        return keep_files(chunk, _refresh(chunk, said), event.notes)
    refresh = None if chunk.is_refreshing else chunk.refresh
    chunk = msgspec.structs.replace(
        chunk,
        outcome=event.outcome,
        reason=event.reason,
        status=event.status,
        code=event.code,
        at=event.at,
        notes=event.notes,
    )
    if event.outcome not in FINAL_OUTCOMES:
        return chunk
    chunk = msgspec.structs.replace(chunk, attempts=0, failing_since=None)
    asked = {"fetched_to": chunk.order.date_to, "asked_at": chunk.order.at} if chunk.order else {}
    if chunk.order and chunk.stale and chunk.stale.is_cured_by(chunk.order.at) and is_made_since(chunk):
        chunk = msgspec.structs.replace(chunk, stale=None, seen=chunk.seen | chunk.stale.ahead)
    if event.outcome == "done":
        whole = msgspec.structs.replace(_with_arrived_files(chunk), held_order=None, refresh=refresh, **asked)
        return msgspec.structs.replace(whole, listed=whole.coming, coming=None) if whole.coming else whole
    return msgspec.structs.replace(chunk, arriving=(), **asked)


def _refresh(chunk: ChunkState, said: Mapping[str, Any]) -> Refresh:
    """Gives what became of an order that was to replace held files."""
    before = chunk.refresh
    asked = before.asked_at if before else chunk.order.at if chunk.order else said["at"]
    return Refresh(asked_at=asked, **said)


def _with_arrived_files(chunk: ChunkState) -> ChunkState:
    """Gives the chunk once an order is done: it holds that order's files; one that is fetched again replaces itself.

    Of files with one name and the same bytes it holds the first (open questions 17 and 19).
    """
    runs = set(chunk.order.run_ids) if chunk.order and not chunk.held_order else set()
    arrived = {file.key for file in chunk.arriving}
    kept = [file for file in chunk.files if file.run_id in runs and file.key not in arrived]
    gone = [file for file in chunk.files if file.run_id not in runs and file.key not in arrived]
    files = _in_order((*kept, *chunk.arriving))
    firsts: dict[tuple[str | int, ...], FileRecord] = {}
    for file in files:
        firsts.setdefault((file.name, file.sha256, file.index == META) if file.name else file.key, file)
    held = tuple(firsts.values())
    again = tuple(file for file in files if file not in held)
    superseded = (*chunk.superseded, *gone, *again)
    return msgspec.structs.replace(chunk, files=held or (), arriving=(), superseded=superseded, dropped=())


def _in_order(files: Iterable[FileRecord]) -> tuple[FileRecord, ...]:
    """Gives files as their runs numbered them, metadata last."""
    order = sorted(files, key=lambda file: (file.run_id, file.index == META, len(file.index), file.index))
    return tuple(order)


def _moved(chunk: ChunkState, event: Moved) -> ChunkState:
    def move(files: tuple[FileRecord, ...]) -> tuple[FileRecord, ...]:
        if all(file.key != (event.run_id, event.index) for file in files):
            return files  # the very tuple: an empty one that is made anew would be written into the snapshot
        return tuple(
            msgspec.structs.replace(file, path=event.path, replaces=None)
            if file.key == (event.run_id, event.index)
            else file
            for file in files
        )

    return msgspec.structs.replace(chunk, files=move(chunk.files), arriving=move(chunk.arriving))
