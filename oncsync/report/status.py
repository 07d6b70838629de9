"""How far each request is: done, empty, failed (in the service's words), pending, and bytes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry, describe_request
from oncsync.state import META, ChunkState, State, restrictions_in
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
    dropped: int = 0
    """Of those done: chunks whose files were let go on purpose."""
    unlisted: int = 0
    """Archive files that are not here, and that ONC lists no more."""
    stale: int = 0
    """Chunks whose raw files were archived again, or late, since they were asked for, when somebody looked."""
    files: int = 0
    bytes: int = 0
    newest: datetime | None = None
    """Until when the data that are here were asked for; None while there are none."""
    is_off: bool = False
    is_archive: bool = False
    """Whether its chunks are files that lie in the archive, which nobody has to order."""
    same_as: str | None = None
    failures: tuple[FailureStatus, ...] = ()
    notes: tuple[str, ...] = ()


class EntryStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of the manifest with its requests; `newest` is that of all of them."""

    kind: str
    name: str
    newest: datetime | None = None
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
    unlisted: int
    restricted: int
    dropped: int
    files: int
    bytes: int
    newest: datetime | None
    stale_files: int
    """Files that may be stale, by the last look of `oncsync outdated`."""
    stale_spans: int
    """Chunks that had no data when they were asked for, and may have some now."""
    looked_at: datetime | None
    """When the archive was last asked for all of them; of some of them it may have been later."""
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
    "unlisted": "unlisted",
}
_FAILED_OUTCOMES = ("failed-retryable", "failed-permanent", "refused", "expired")


def make_status(lock: Lock, state: State, steps: Mapping[str, str], folder: str, only: Collection[str] = ()) -> Status:
    """Gives the status of every request of the lock, or of those of the entries named by `only`.

    `steps` says what each chunk needs, by id.
    """
    steps = _with_unlisted(lock, steps)
    shown = [entry for entry in lock.entries if not only or entry.name in only]
    bringing = {request.same_as for one in shown for request in one.requests}
    newest = {
        request.id: _newest(request, state, steps)
        for one in lock.entries
        for request in one.requests
        if request.id in bringing
    }
    entries = tuple(_entry_status(entry, state, steps, newest) for entry in shown)
    wanted = {chunk.id for _, _, chunk in lock.chunks()}
    ids = {chunk.id for entry in shown for request in entry.requests for chunk in request.chunks}
    groups = [_group(key, state, steps) for key in ids]
    held = [file for key, chunk in state.chunks.items() if key in ids for file in chunk.files]
    covered = _covered_spans(lock, steps)
    others = [chunk for key, chunk in state.chunks.items() if key not in wanted and not _covers(chunk, covered)]
    unwanted = [file for chunk in others for file in chunk.files]
    stale = [
        chunk
        for key, chunk in state.chunks.items()
        if chunk.stale is not None and (key in ids or (key not in wanted and _covers(chunk, covered)))
    ]
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
        unlisted=groups.count("unlisted"),
        restricted=sum(_is_restricted(key, state, steps) for key in ids),
        dropped=sum(_is_dropped(key, state) for key in ids),
        newest=_latest(entry.newest for entry in entries),
        stale_files=sum(file.index != META for chunk in stale for file in chunk.files),
        stale_spans=sum(not chunk.files for chunk in stale),
        looked_at=_latest([state.looked_at, *(chunk.stale.at for chunk in stale if chunk.stale)]),
        unwanted_files=len(unwanted),
        files=len(held),
        bytes=sum(file.bytes for file in held),
        entries=entries,
    )


def _with_unlisted(lock: Lock, steps: Mapping[str, str]) -> Mapping[str, str]:
    """Gives the steps with a word of their own for archive files that can be waited for in vain."""
    waiting = {key for key, step in steps.items() if step == "wait"}
    if not waiting:
        return steps
    files = {chunk.id for _, request, chunk in lock.chunks() if request.is_archive} & waiting
    return {**steps, **dict.fromkeys(files, "unlisted")}


def aged_entries(status: Status, now: datetime, longest: timedelta) -> list[tuple[EntryStatus, timedelta | None]]:
    """Gives the entries whose newest data are older than `longest`, with their age, None where nothing is here.

    An entry that is switched off has no age.
    """
    ages = [
        (entry, None if entry.newest is None else now - entry.newest)
        for entry in status.entries
        if not entry.requests or not all(request.is_off for request in entry.requests)
    ]
    return [(entry, age) for entry, age in ages if age is None or age > longest]


def _latest(instants: Iterable[datetime | None]) -> datetime | None:
    return max((instant for instant in instants if instant is not None), default=None)


def _entry_status(
    entry: LockEntry, state: State, steps: Mapping[str, str], newest: Mapping[str, datetime | None]
) -> EntryStatus:
    requests = tuple(
        _request_status(
            request, state, steps, newest.get(request.same_as) if request.same_as else _newest(request, state, steps)
        )
        for request in entry.requests
    )
    latest = _latest(request.newest for request in requests)
    return EntryStatus(kind=entry.kind, name=entry.name, newest=latest, requests=requests)


def _newest(request: LockedRequest, state: State, steps: Mapping[str, str]) -> datetime | None:
    """Gives the latest end of the data of a request that are here, as far as they were asked for."""
    return _latest(_reaches(chunk, state.chunks.get(chunk.id), steps.get(chunk.id)) for chunk in request.chunks)


def _reaches(chunk: Chunk, chunk_state: ChunkState | None, step: str | None) -> datetime | None:
    """Gives the end of the data of a chunk; one whose files are missing in the folder has none.

    Files that were let go on purpose were here: whoever makes room has not missed them.
    """
    if step == "covered":
        return chunk.end
    if chunk_state is None or not (chunk_state.files or chunk_state.dropped) or step == "fetch":
        return None
    end = min(chunk.end, chunk_state.fetched_to or chunk.end)
    if chunk.file is None:
        return end
    # no data are younger than the file that holds them, whatever an instrument's clock says
    return min(end, max(file.at for file in (*chunk_state.files, *chunk_state.dropped)))


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
    if chunk is not None and chunk.outcome in _FAILED_OUTCOMES and step in ("order", "failed", "attach", "fetch"):
        return "failed"
    if step == "wait" and chunk is not None and chunk.outcome is not None:
        return "open"
    return _GROUPS[step]


def _is_restricted(key: str, state: State, steps: Mapping[str, str]) -> bool:
    """Whether the files of a chunk are here while the service spoke of restrictions (open question 46)."""
    chunk = state.chunks.get(key)
    return chunk is not None and _group(key, state, steps) == "done" and bool(restrictions_in(chunk.notes))


def _is_dropped(key: str, state: State) -> bool:
    """Whether the files of a chunk were let go on purpose."""
    chunk = state.chunks.get(key)
    return chunk is not None and bool(chunk.dropped) and not chunk.files


def _request_status(
    request: LockedRequest, state: State, steps: Mapping[str, str], newest: datetime | None
) -> RequestStatus:
    counts: dict[str, int] = defaultdict(int)
    failures: dict[tuple[str, str], list[tuple[Chunk, datetime | None]]] = defaultdict(list)
    notes: dict[str, None] = {}
    files = size = 0
    for chunk in request.chunks:
        group = _group(chunk.id, state, steps)
        counts[group] += 1
        counts["covered"] += steps.get(chunk.id) == "covered"
        counts["restricted"] += _is_restricted(chunk.id, state, steps)
        counts["dropped"] += _is_dropped(chunk.id, state)
        chunk_state = state.chunks.get(chunk.id)
        if chunk_state is None:
            continue
        counts["stale"] += chunk_state.stale is not None
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
        unlisted=counts["unlisted"],
        covered=counts["covered"],
        restricted=counts["restricted"],
        dropped=counts["dropped"],
        stale=counts["stale"],
        files=files,
        bytes=size,
        newest=newest,
        is_off=not request.download,
        is_archive=request.is_archive,
        same_as=request.same_as,
        failures=tuple(
            FailureStatus(
                outcome=outcome, reason=reason, chunks=len(chunks), first=chunks[0][0].begin, at=chunks[-1][1]
            )
            for (outcome, reason), chunks in failures.items()
        ),
        notes=tuple(notes),
    )
