"""How far each request is: done, empty, failed (in the service's words), pending, and bytes. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry, describe_request
from oncsync.report.holding import held_notes, newest_held
from oncsync.state import META, PERMANENT_OUTCOMES, ChunkState, Refresh, State, has_failed, restrictions_in
from oncsync.timespan import Span, merge_spans


class FailureStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Chunks of one request that failed for one reason, in the service's own words, and what helps against it."""

    outcome: str
    reason: str
    chunks: int
    first: datetime
    cure: str
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
    ordered: int = 0
    """Of those pending: chunks whose order is placed; ONC makes it, or has made it."""
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
    missing: int = 0
    """Files that were here, and are fetched again by the next sync: they are gone, or have another size."""
    newest: datetime | None = None
    """Until when the data that are here reach; None while there are none."""
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
    ordered: int
    open: int
    waiting: int
    unlisted: int
    restricted: int
    dropped: int
    files: int
    bytes: int
    missing: int
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
_CURES = {
    "failed-retryable": "the next `oncsync sync` tries again",
    "expired": "the next `oncsync sync` orders again",
    "failed-permanent": "`oncsync sync --retry-failed` tries again",
    "refused": "change what the manifest asks for; `oncsync sync --retry-failed` asks the same again",
}
_ACCESS = "ask ONC for access, then `oncsync sync --retry-failed`; or take it out of the manifest"
_FORBIDDEN = 403
Missing = Collection[tuple[str, tuple[int, str]]]
"""Chunk id and file key of files that the state has and the folder lacks."""


def make_status(
    lock: Lock,
    state: State,
    steps: Mapping[str, str],
    folder: str,
    only: Collection[str] = (),
    missing: Missing = (),
) -> Status:
    """Gives the status of every request of the lock, or of those of the entries named by `only`.

    `steps` says what each chunk needs, by id; `missing` are files that the state has and the folder lacks.
    """
    steps = _with_unlisted(lock, steps)
    recorded, state = state, _as_it_lies(state, missing)
    lacking = Counter(key for key, _ in missing if _group(key, state, steps) == "pending")
    shown = [entry for entry in lock.entries if not only or entry.name in only]
    bringing = {request.same_as for one in shown for request in one.requests}
    newest = {
        request.id: newest_held(request, state, steps)
        for one in lock.entries
        for request in one.requests
        if request.id in bringing
    }
    entries = tuple(_entry_status(entry, state, steps, newest, lacking) for entry in shown)
    wanted = {chunk.id for _, _, chunk in lock.chunks()}
    ids = {chunk.id for entry in shown for request in entry.requests for chunk in request.chunks}
    groups = [_group(key, state, steps) for key in ids]
    held = [file for key, chunk in state.chunks.items() if key in ids for file in chunk.files]
    covered = _covered_spans(lock, steps)
    others = [chunk for key, chunk in state.chunks.items() if key not in wanted and not _covers(chunk, covered)]
    unwanted = [file for chunk in others for file in chunk.files]
    stale = [
        chunk
        for key, chunk in recorded.chunks.items()
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
        ordered=sum(_is_ordered(key, state, steps) for key in ids),
        open=groups.count("open"),
        waiting=groups.count("waiting"),
        unlisted=groups.count("unlisted"),
        restricted=sum(_is_restricted(key, state, steps) for key in ids),
        dropped=sum(_is_dropped(key, state, steps) for key in ids),
        newest=_latest(entry.newest for entry in entries),
        stale_files=sum(file.index != META for chunk in stale for file in chunk.files),
        stale_spans=sum(not chunk.files for chunk in stale),
        looked_at=_latest([state.looked_at, *(chunk.stale.at for chunk in stale if chunk.stale)]),
        unwanted_files=len(unwanted),
        files=len(held),
        bytes=sum(file.bytes for file in held),
        missing=sum(number for key, number in lacking.items() if key in ids),
        entries=entries,
    )


def _as_it_lies(state: State, missing: Missing) -> State:
    """Gives the state with those files alone that are in the folder."""
    if not missing:
        return state
    here = dict(state.chunks)
    for key in {key for key, _ in missing}:
        files = tuple(file for file in here[key].files if (key, file.key) not in missing)
        here[key] = msgspec.structs.replace(here[key], files=files)
    return msgspec.structs.replace(state, chunks=here)


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
    entry: LockEntry,
    state: State,
    steps: Mapping[str, str],
    newest: Mapping[str, datetime | None],
    lacking: Mapping[str, int],
) -> EntryStatus:
    requests = tuple(
        _request_status(
            request,
            state,
            steps,
            newest.get(request.same_as) if request.same_as else newest_held(request, state, steps),
            lacking,
        )
        for request in entry.requests
    )
    latest = _latest(request.newest for request in requests)
    return EntryStatus(kind=entry.kind, name=entry.name, newest=latest, requests=requests)


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
    """Gives the column a chunk counts in; one that failed counts as failed until it is ordered again."""
    chunk = state.chunks.get(key)
    step = steps.get(key, "order")
    if chunk is not None and has_failed(chunk) and step in ("order", "failed", "attach", "fetch"):
        return "failed"
    if step == "wait" and chunk is not None and chunk.outcome is not None:
        return "open"
    return _GROUPS[step]


def _is_restricted(key: str, state: State, steps: Mapping[str, str]) -> bool:
    """Whether the files of a chunk are here while the service spoke of restrictions (open question 46)."""
    chunk = state.chunks.get(key)
    return chunk is not None and _group(key, state, steps) == "done" and bool(restrictions_in(chunk.notes))


def _is_dropped(key: str, state: State, steps: Mapping[str, str]) -> bool:
    """Whether the files of a chunk were let go on purpose."""
    chunk = state.chunks.get(key)
    return chunk is not None and bool(chunk.dropped) and not chunk.files and steps.get(key) == "done"


def _is_ordered(key: str, state: State, steps: Mapping[str, str]) -> bool:
    """Whether ONC makes, or has made, what is pending."""
    return steps.get(key) == "attach" and _group(key, state, steps) == "pending"


def _failure(chunks: list[tuple[Chunk, ChunkState | Refresh]]) -> FailureStatus:
    """Gives what chunks have in common that failed in the same way."""
    (first, failed), (_, last) = chunks[0], chunks[-1]
    outcome, reason = failed.outcome or "failed-retryable", failed.reason or "no reason was given"
    is_closed = failed.status == _FORBIDDEN or bool(restrictions_in([reason]))
    return FailureStatus(
        outcome=outcome,
        reason=reason,
        chunks=len(chunks),
        first=first.begin,
        cure=_ACCESS if is_closed and outcome in PERMANENT_OUTCOMES else _CURES[outcome],
        at=last.at,
    )


def _request_status(
    request: LockedRequest,
    state: State,
    steps: Mapping[str, str],
    newest: datetime | None,
    lacking: Mapping[str, int],
) -> RequestStatus:
    counts: dict[str, int] = defaultdict(int)
    failures: dict[tuple[object, ...], list[tuple[Chunk, ChunkState | Refresh]]] = defaultdict(list)
    notes: dict[str, None] = {}
    files = size = 0
    for chunk in request.chunks:
        group = _group(chunk.id, state, steps)
        counts[group] += 1
        counts["covered"] += steps.get(chunk.id) == "covered"
        counts["restricted"] += _is_restricted(chunk.id, state, steps)
        counts["dropped"] += _is_dropped(chunk.id, state, steps)
        counts["ordered"] += _is_ordered(chunk.id, state, steps)
        counts["missing"] += lacking.get(chunk.id, 0)
        chunk_state = state.chunks.get(chunk.id)
        if chunk_state is None:
            continue
        counts["stale"] += chunk_state.stale is not None
        files += len(chunk_state.files)
        size += sum(file.bytes for file in chunk_state.files)
        notes.update(dict.fromkeys(held_notes(chunk_state)))
        if group == "failed":
            failed = chunk_state.refresh or chunk_state
            failures[failed.outcome, failed.reason, failed.status].append((chunk, failed))
    return RequestStatus(
        request=describe_request(request),
        begin=request.begin,
        end=request.end,
        chunks=len(request.chunks),
        done=counts["done"],
        empty=counts["empty"],
        failed=counts["failed"],
        pending=counts["pending"],
        ordered=counts["ordered"],
        open=counts["open"],
        waiting=counts["waiting"],
        unlisted=counts["unlisted"],
        covered=counts["covered"],
        restricted=counts["restricted"],
        dropped=counts["dropped"],
        stale=counts["stale"],
        files=files,
        bytes=size,
        missing=counts["missing"],
        newest=newest,
        is_off=not request.download,
        is_archive=request.is_archive,
        same_as=request.same_as,
        failures=tuple(_failure(alike) for alike in failures.values()),
        notes=tuple(notes),
    )
