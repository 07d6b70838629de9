"""How far each request is: done, empty, failed (in the service's words), pending, and bytes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import msgspec

from oncsync.lockfile import Chunk, Lock, LockedRequest, describe_request
from oncsync.state import ChunkState, State, restrictions_in
from oncsync.timespan import Span, merge_spans


class FailureStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Chunks of one request that failed for one reason, in the service's own words."""

    outcome: str
    reason: str
    chunks: int
    first: datetime
    at: datetime | None = None


class RequestStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One request. `bytes` and `files` are those held here; `pending` chunks are still to be ordered or fetched."""

    request: str
    begin: datetime
    end: datetime | None
    chunks: int
    done: int = 0
    empty: int = 0
    failed: int = 0
    pending: int = 0
    open: int = 0
    """Chunks whose data are here as far as there are any; newer ones may come."""
    waiting: int = 0
    """Chunks that begin in the future."""
    covered: int = 0
    """Of those done: chunks whose data are here in files that were cut in another way."""
    restricted: int = 0
    """Of those done: chunks that may lack data, because the service spoke of restrictions."""
    files: int = 0
    bytes: int = 0
    is_off: bool = False
    same_as: str | None = None
    failures: tuple[FailureStatus, ...] = ()
    notes: tuple[str, ...] = ()


class EntryStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of the manifest with its requests."""

    kind: str
    name: str
    requests: tuple[RequestStatus, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole folder. Totals count a chunk once, however many requests want it."""

    version: int = 1
    server: str
    folder: str
    synced_at: datetime | None
    chunks: int
    done: int
    empty: int
    failed: int
    pending: int
    open: int
    waiting: int
    restricted: int
    files: int
    bytes: int
    unwanted_files: int
    """Files of ours that no request of the lock asks for any more."""
    entries: tuple[EntryStatus, ...]


_GROUPS = {
    "done": "done",
    "covered": "done",
    "empty": "empty",
    "failed": "failed",
    "order": "pending",
    "attach": "pending",
    "fetch": "pending",
    "wait": "waiting",
}
_FAILED_OUTCOMES = ("failed-retryable", "failed-permanent", "refused", "expired")


def make_status(lock: Lock, state: State, steps: Mapping[str, str], folder: str) -> Status:
    """Gives the status of every request of the lock; `steps` says what each chunk needs, by id."""
    entries = tuple(
        EntryStatus(
            kind=entry.kind,
            name=entry.name,
            requests=tuple(_request_status(request, state, steps) for request in entry.requests),
        )
        for entry in lock.entries
    )
    ids = {chunk.id for _, _, chunk in lock.chunks()}
    groups = [_group(key, state, steps) for key in ids]
    held = [file for key, chunk in state.chunks.items() if key in ids for file in chunk.files]
    covered = _covered_spans(lock, steps)
    others = [chunk for key, chunk in state.chunks.items() if key not in ids and not _covers(chunk, covered)]
    unwanted = [file for chunk in others for file in chunk.files]
    return Status(
        server=lock.server,
        folder=folder,
        synced_at=state.synced_at,
        chunks=len(ids),
        done=groups.count("done"),
        empty=groups.count("empty"),
        failed=groups.count("failed"),
        pending=groups.count("pending"),
        open=groups.count("open"),
        waiting=groups.count("waiting"),
        restricted=sum(_is_restricted(key, state, steps) for key in ids),
        unwanted_files=len(unwanted),
        files=len(held),
        bytes=sum(file.bytes for file in held),
        entries=entries,
    )


def _covered_spans(lock: Lock, steps: Mapping[str, str]) -> dict[str, list[Span]]:
    """Gives, per product, the spans that files of another cut hold."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for _, request, chunk in lock.chunks():
        if steps.get(chunk.id) == "covered":
            spans[request.product_digest].append(chunk.span)
    return {product: merge_spans(covered) for product, covered in spans.items()}


def _covers(chunk: ChunkState, covered: Mapping[str, list[Span]]) -> bool:
    """Whether a chunk that the lock does not name holds data that it asks for."""
    span = Span(chunk.begin, chunk.end)
    return any(span.overlaps(wanted) for wanted in covered.get(chunk.product, ()))


def _group(key: str, state: State, steps: Mapping[str, str]) -> str:
    """Gives the column a chunk counts in; one that failed and will be tried again counts as failed."""
    chunk = state.chunks.get(key)
    step = steps.get(key, "order")
    if chunk is not None and chunk.outcome in _FAILED_OUTCOMES and step in ("order", "failed", "attach"):
        return "failed"
    if step == "wait" and chunk is not None and chunk.outcome is not None:
        return "open"
    return _GROUPS[step]


def _is_restricted(key: str, state: State, steps: Mapping[str, str]) -> bool:
    """Whether the files of a chunk are here while the service spoke of restrictions (open question 46)."""
    chunk = state.chunks.get(key)
    return chunk is not None and _group(key, state, steps) == "done" and bool(restrictions_in(chunk.notes))


def _request_status(request: LockedRequest, state: State, steps: Mapping[str, str]) -> RequestStatus:
    counts: dict[str, int] = defaultdict(int)
    failures: dict[tuple[str, str], list[tuple[Chunk, datetime | None]]] = defaultdict(list)
    notes: dict[str, None] = {}
    files = size = 0
    for chunk in request.chunks:
        group = _group(chunk.id, state, steps)
        counts[group] += 1
        counts["covered"] += steps.get(chunk.id) == "covered"
        counts["restricted"] += _is_restricted(chunk.id, state, steps)
        chunk_state = state.chunks.get(chunk.id)
        if chunk_state is None:
            continue
        files += len(chunk_state.files)
        size += sum(file.bytes for file in chunk_state.files)
        notes.update(dict.fromkeys(chunk_state.notes))
        if group == "failed":
            key = (chunk_state.outcome or "failed", chunk_state.reason or "no reason was given")
            failures[key].append((chunk, chunk_state.at))
    return RequestStatus(
        request=describe_request(request),
        begin=request.begin,
        end=request.end,
        chunks=len(request.chunks),
        done=counts["done"],
        empty=counts["empty"],
        failed=counts["failed"],
        pending=counts["pending"],
        open=counts["open"],
        waiting=counts["waiting"],
        covered=counts["covered"],
        restricted=counts["restricted"],
        files=files,
        bytes=size,
        is_off=not request.download,
        same_as=request.same_as,
        failures=tuple(
            FailureStatus(
                outcome=outcome, reason=reason, chunks=len(chunks), first=chunks[0][0].begin, at=chunks[-1][1]
            )
            for (outcome, reason), chunks in failures.items()
        ),
        notes=tuple(notes),
    )
