"""The state as records, and what each event makes of it. Pure.

An event is one line of the journal; applying the events since the snapshot to the snapshot gives the state.
Every record carries only what a later run needs: to re-attach an order, to find a file again, to explain an outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

Outcome: TypeAlias = Literal["done", "empty", "failed-retryable", "failed-permanent", "refused", "expired"]
"""How a chunk ended (rule 4): `done` has its files, `empty` is the service's word that there are no data,
`refused` is a request the service rejects, `expired` lost its order at the service, the others failed."""

FINAL_OUTCOMES = ("done", "empty")
PERMANENT_OUTCOMES = ("failed-permanent", "refused")

META = "meta"


def restrictions_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Gives those of the service's remarks that speak of restrictions: data may be missing (open question 46)."""
    return tuple(text for text in texts if "restrict" in text.casefold())


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One product file that is, or is about to be, in the folder.

    `index` is 1..N or `meta`; `name` is the service's own name, `path` the place in the folder (relative, with `/`);
    `partial` is the file in `partial/` that becomes `path`; `bytes` and `sha256` are of the file as it arrived.
    """

    run_id: int
    index: str
    name: str
    path: str
    partial: str
    bytes: int
    sha256: str
    at: datetime
    replaces: str | None = None
    """The SHA-256 of the file of ours that lay at `path` when this one was given its place, and goes for it."""
    unverified: bool = False
    """No length came with the file, so only the clean end of the transfer says that it is whole."""

    def __post_init__(self) -> None:
        # A state that came with a folder from elsewhere must not lead out of that folder (rule 7).
        if not _is_inside(self.path) or not _is_inside(self.partial) or "/" in self.partial:
            raise ValueError(f"`{self.path}` or `{self.partial}` is no place in the folder")

    @property
    def key(self) -> tuple[int, str]:
        """Names the file within its chunk."""
        return (self.run_id, self.index)


def _is_inside(path: str) -> bool:
    is_plain = bool(path) and not path.startswith("/") and "\\" not in path and "\0" not in path and path[1:2] != ":"
    return is_plain and (".." not in path or ".." not in path.split("/"))


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the service holds for a chunk.

    `request_id` is ONC's `dpRequestId`, None from the moment we mean to ask until the answer is stored; `run_ids` are
    its `dpRunId`s; `counts` the files each run announced, None when it announced nothing. `date_to` is the end that
    was sent, earlier than the chunk's end for an open chunk.
    """

    at: datetime
    date_to: datetime
    options: dict[str, str] = {}
    request_id: int | None = None
    run_ids: tuple[int, ...] = ()
    counts: tuple[int | None, ...] = ()
    is_ended: bool = False
    """The service's work on it was seen to be over: it counts against no limit any more."""
    host: str = ""
    user: str = ""
    query_url: str | None = None
    """What the service says it was asked, defaults that it filled in included, without the token (open question 51)."""
    restrictions: tuple[str, ...] = ()
    """What the service said of data that it leaves out (open question 46)."""


class ChunkState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What happened to one chunk on this machine.

    `product` is the digest of what was asked without its span. `files` are held; `arriving` are those of the order
    under way, which replace `files` when all of them are whole; `superseded` are those that were replaced and may
    still lie in the folder.
    """

    product: str
    begin: datetime
    end: datetime
    outcome: Outcome | None = None
    reason: str | None = None
    status: int | None = None
    code: int | None = None
    at: datetime | None = None
    fetched_to: datetime | None = None
    """The end that the order behind `files` was asked for."""
    asked_at: datetime | None = None
    """When that order was placed."""
    order: Order | None = None
    files: tuple[FileRecord, ...] = ()
    arriving: tuple[FileRecord, ...] = ()
    superseded: tuple[FileRecord, ...] = ()
    attempts: int = 0
    """How many orders in a row the service could not make, or made and lost."""
    corrected: dict[str, str] | None = None
    """The options the service accepted in place of those asked for, which the next order starts from."""
    entry: str = ""
    """The entry of the lock that it was ordered for: `download/NAME` or `row/NAME`."""
    notes: tuple[str, ...] = ()


class State(msgspec.Struct, kw_only=True, rename="camel"):
    """The whole state of one folder. The only record that changes in place: one writer applies events to it."""

    version: int = 1
    generation: int = 0
    manifest: str = ""
    server: str = ""
    settings: dict[str, str | int | float | bool | None] = {}
    synced_at: datetime | None = None
    entries: dict[str, str] = {}
    """The entries of the lock of the last sync, with their digests."""
    released: tuple[str, ...] = ()
    """Chunks that people no longer want: their entry changed or went, and the lock names them no more."""
    chunks: dict[str, ChunkState] = {}


# --- Events ----------------------------------------------------------------------------------------------------


class _Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="event"):
    at: datetime


class Started(_Event, frozen=True, tag="started"):
    """A sync of this manifest begins."""

    manifest: str
    server: str
    settings: dict[str, str | int | float | bool | None] = {}
    entries: dict[str, str] = {}
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


class Synced(_Event, frozen=True, kw_only=True, tag="synced"):
    """A sync came to its end."""


ChunkEvent: TypeAlias = Ordered | Running | Ended | Arrived | Finished | Cleared | Forgotten | Moved
Event: TypeAlias = Started | Ordering | ChunkEvent | Pruned | Synced


def apply_event(state: State, event: Event) -> None:
    """Changes the state by one event. Events of a chunk that the state does not know are passed over."""
    if isinstance(event, Started):
        _start(state, event)
    elif isinstance(event, Synced):
        state.synced_at = event.at
    elif isinstance(event, Ordering):
        state.chunks[event.chunk] = _ordering(state.chunks.get(event.chunk), event)
    elif isinstance(event, Pruned):
        _prune(state, event.chunk)
    elif event.chunk in state.chunks:
        state.chunks[event.chunk] = _changed(state.chunks[event.chunk], event)


def _start(state: State, event: Started) -> None:
    state.manifest, state.server, state.settings = event.manifest, event.server, dict(event.settings)
    state.entries, state.released = dict(event.entries), event.released
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
        files=_known_files(chunk),
        arriving=(),
        corrected=corrected,
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
    if isinstance(event, Forgotten):
        lost = {"outcome": "expired", "reason": event.reason, "at": event.at}
        attempts = chunk.attempts + event.is_loss
        return replace(chunk, order=None, files=_known_files(chunk), arriving=(), attempts=attempts, **lost)
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
    asked = {"fetched_to": chunk.order.date_to, "asked_at": chunk.order.at} if chunk.order else {}
    if event.outcome == "done":
        return msgspec.structs.replace(_with_arrived_files(chunk), attempts=0, **asked)
    return msgspec.structs.replace(chunk, arriving=(), attempts=0, **asked)


def _with_arrived_files(chunk: ChunkState) -> ChunkState:
    """Gives the chunk once an order is done: it holds the order's files; a file fetched again replaces only itself.

    Of files with one name and the same bytes it holds the first (open questions 17 and 19).
    """
    runs = set(chunk.order.run_ids) if chunk.order else set()
    arrived = {file.key for file in chunk.arriving}
    kept = [file for file in chunk.files if file.run_id in runs and file.key not in arrived]
    gone = [file for file in chunk.files if file.run_id not in runs]
    files = sorted(
        (*kept, *chunk.arriving), key=lambda file: (file.run_id, file.index == META, len(file.index), file.index)
    )
    firsts: dict[tuple[str | int, ...], FileRecord] = {}
    for file in files:
        firsts.setdefault((file.name, file.sha256, file.index == META) if file.name else file.key, file)
    held = tuple(firsts.values())
    again = tuple(file for file in files if file not in held)
    return msgspec.structs.replace(chunk, files=held or (), arriving=(), superseded=(*chunk.superseded, *gone, *again))


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
