"""What a sync would do: lock + state + folder + now -> plan. Pure; the dry run and the real run share it.

Sources: architecture ("The lock", "Re-attaching", rules 3 and 4), R107, R109, R110.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from oncsync.engine.archived import LET_GO, archive_step, is_let_go
from oncsync.engine.outcomes import FUTURE_CODE
from oncsync.engine.placement import WantedChunk, wanted_chunks
from oncsync.engine.remarks import describe_lacking, describe_overlaps, describe_repeats
from oncsync.engine.staleness import ARCHIVED_AGAIN
from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry
from oncsync.state import FINAL_OUTCOMES, PERMANENT_OUTCOMES, ChunkState, State
from oncsync.timespan import LAST_INSTANT, Duration, Span, is_tiled, merge_spans, parse_duration

TRIES_AT_ONCE = 3
"""How many orders the service may fail to make before the next ones wait for each other, longer and longer."""
FIRST_REST, LONGEST_REST = timedelta(minutes=15), timedelta(hours=4)

Step: TypeAlias = Literal["done", "empty", "covered", "order", "attach", "fetch", "wait", "rest", "failed"]
"""What a chunk needs. `order`: a new order; `attach`: an order of ours lives at the service; `fetch`: files of a
finished order are missing here; `wait`: nothing can be had now; `rest`: failed lately and is left alone for now;
`failed`: failed for good, tried again on request; `done`, `empty` and `covered` need nothing."""

WORK_STEPS = ("order", "attach", "fetch")
LACKS_FILES = "a file is missing in the folder, or has another size"
SHORTEST_REFRESH = timedelta(minutes=15)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest's settings that a plan depends on; an entry of the lock may have its own."""

    metadata: bool = True
    max_order_hours: float = 48.0
    late_days: float = 1.0
    refresh_open: str | None = None


class PlannedChunk(msgspec.Struct, frozen=True):
    """A chunk and what it needs. `date_to` is the end to send: the chunk's own, or now while it is open."""

    wanted: WantedChunk
    step: Step
    date_to: datetime
    reason: str

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self.wanted.chunk.id


class Plan(msgspec.Struct, frozen=True):
    """Every chunk of the lock once, in lock order, with what it needs; and what a person should know.

    A chunk of another cut that covers one of the lock and has lost a file stands in it too, before those it covers.
    """

    chunks: tuple[PlannedChunk, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What whoever reviews the plan should look at; no cause for alarm."""

    @property
    def work(self) -> tuple[PlannedChunk, ...]:
        """The chunks that need something; live orders first, so that they count before new ones (R94)."""
        rank = {"attach": 0, "fetch": 1, "order": 2}
        return tuple(sorted((one for one in self.chunks if one.step in WORK_STEPS), key=lambda one: rank[one.step]))

    @property
    def to_come(self) -> list[WantedChunk]:
        """What is to be ordered, and the archive files that are to be fetched."""
        steps = {True: "fetch", False: "order"}
        return [one.wanted for one in self.chunks if one.step == steps[one.wanted.request.is_archive]]

    @property
    def counts(self) -> Counter[str]:
        """How many chunks need each step."""
        return Counter(one.step for one in self.chunks)

    def resting(self, ids: Collection[str]) -> Plan:
        """Gives the plan with some chunks left alone for now, except where the service may be at work for them."""
        chunks = tuple(
            msgspec.structs.replace(one, step="rest", reason="failed lately; it rests before it is tried again")
            if one.id in ids and one.step in ("order", "fetch")
            else one
            for one in self.chunks
        )
        return msgspec.structs.replace(self, chunks=chunks)

    def of_chunks(self, ids: Collection[str]) -> Plan:
        """Gives the plan for some chunks alone."""
        return Plan(tuple(one for one in self.chunks if one.id in ids), self.warnings, self.notes)


def make_plan(
    lock: Lock,
    state: State,
    missing: Collection[tuple[str, tuple[int, str]]],
    now: datetime,
    terms: Terms,
    *,
    retry_failed: bool = False,
    only: Collection[str] = (),
    refresh: Collection[str] = (),
) -> Plan:
    """Decides what every chunk of the lock needs at `now`.

    `missing` holds chunk id and file key of files that the state has and the folder lacks (or has in another size).
    `only` limits the plan to what entries of these names want. `refresh` are ids of chunks to order again as far as
    they (still) may be stale; what lives at the service is taken up all the same.
    """
    wanted, warnings = wanted_chunks(lock)
    missing_chunks = {chunk for chunk, _ in missing}
    held = _Held(state, {one.chunk.id for one in wanted}, missing_chunks, now)
    named = {chunk.id for entry, _, chunk in lock.chunks() if entry.name in only} if only else None
    planned = []
    for one in wanted:
        if named is not None and one.chunk.id not in named:
            continue
        chunk_state = state.chunks.get(one.chunk.id)
        limits = entry_terms(one.entry, terms)
        decided = _decide(one, chunk_state, one.chunk.id in missing_chunks, held, now, limits, retry_failed)
        planned.append(_refreshed(decided, chunk_state) if one.chunk.id in refresh else decided)
    planned = [*held.mends(planned, now), *planned]
    orders = [one for one in planned if not one.wanted.request.is_archive]
    if orders and len(orders) == len(planned) and all(one.wanted.chunk.begin >= now for one in orders):
        warnings.append(f"Everything begins in the future; this machine's clock says {now:%Y-%m-%d %H:%M} UTC")
    ordered = [one for one in planned if one.step == "order"]
    warnings += describe_overlaps([one.wanted for one in orders], [one.id for one in ordered])
    repeats = describe_repeats(entry for entry in lock.entries if not only or entry.name in only)
    notes = (*repeats, *describe_lacking(one.wanted for one in ordered))
    return Plan(tuple(planned), tuple(warnings), notes)


def entry_terms(entry: LockEntry, terms: Terms) -> Terms:
    """Gives the terms that hold for one entry of the lock: the manifest's, with the entry's own laid over them."""
    own = {
        name: getattr(entry, name)
        for name in ("metadata", "max_order_hours", "late_days", "refresh_open")
        if getattr(entry, name) is not None
    }
    return msgspec.structs.replace(terms, **own) if own else terms


def settles_at(end: datetime, terms: Terms) -> datetime:
    """Gives the instant from which no more data are expected for a span that ends at `end`."""
    try:
        return end + timedelta(days=terms.late_days)
    except OverflowError:
        return LAST_INSTANT


def refresh_wait(span: Span, terms: Terms) -> timedelta:
    """Gives the least time between two orders of an open chunk: a quarter of it, at least PT15M, unless set."""
    if terms.refresh_open is not None:
        step: Duration = parse_duration(terms.refresh_open)
        return step.after(span.begin) - span.begin
    return max((span.end - span.begin) / 4, SHORTEST_REFRESH)


def _decide(
    wanted: WantedChunk,
    chunk: ChunkState | None,
    lacks_files: bool,
    held: _Held,
    now: datetime,
    terms: Terms,
    retry_failed: bool,
) -> PlannedChunk:
    span = wanted.chunk.span
    date_to = min(span.end, now)

    def step(name: Step, reason: str) -> PlannedChunk:
        return PlannedChunk(wanted, name, date_to, reason)

    if wanted.request.is_archive:
        return step(*archive_step(wanted.chunk, chunk, lacks_files, retry_failed))
    if span.begin >= now:
        return step("wait", "begins in the future")
    if chunk is None:
        if held.covers(span, wanted.request, terms):
            return step("covered", "held already, cut in another way")
        return step("order", "new")
    if is_let_go(chunk):
        return step("done", LET_GO)
    if chunk.order is not None and chunk.outcome not in PERMANENT_OUTCOMES and _is_unfinished(chunk):
        if chunk.order.request_id is None:
            return step("order", "asking for it was interrupted")
        return step("attach", "ordered before" if not chunk.order.is_ended else "made, not fetched yet")
    if chunk.outcome in PERMANENT_OUTCOMES:
        return step("order", "tried again on request") if retry_failed else step("failed", chunk.reason or "failed")
    if chunk.outcome not in FINAL_OUTCOMES:
        if _rests(chunk, now) and not retry_failed:
            return step("rest", f"failed {chunk.attempts} times in a row, tried again later: {chunk.reason}")
        return step("order", f"tried again: {chunk.reason}" if chunk.reason else "not finished")
    return _decide_held(step, chunk, span, lacks_files, now, terms, retry_failed)


def _refreshed(decided: PlannedChunk, chunk: ChunkState | None) -> PlannedChunk:
    """Gives a chunk that would be left alone as one to order, if it may be stale or others that are stale cover it."""
    is_stale = decided.step == "covered" if chunk is None else chunk.may_be_newer and not is_let_go(chunk)
    if not is_stale or decided.step not in ("done", "empty", "covered", "fetch"):
        return decided
    return msgspec.structs.replace(decided, step="order", reason=ARCHIVED_AGAIN)


def has_live_order(chunk: ChunkState) -> bool:
    """Whether the service may be at work on an order of a chunk, as far as its state says."""
    order = chunk.order
    is_placed = order is not None and order.request_id is not None and not order.is_ended
    return is_placed and chunk.outcome not in PERMANENT_OUTCOMES and _is_unfinished(chunk)


def _rests(chunk: ChunkState, now: datetime) -> bool:
    """Whether the service has just failed once more to make a chunk: each order costs it hours (rule 3)."""
    if chunk.attempts < TRIES_AT_ONCE or chunk.at is None:
        return False
    rest = FIRST_REST * (1 << min(chunk.attempts - TRIES_AT_ONCE, 10))
    return timedelta() <= now - chunk.at < min(rest, LONGEST_REST)


def _is_unfinished(chunk: ChunkState) -> bool:
    """Whether the order was placed for files that are not all here yet."""
    order = chunk.order
    return order is not None and (chunk.outcome not in FINAL_OUTCOMES or chunk.asked_at != order.at)


def _decide_held(
    step: Callable[[Step, str], PlannedChunk],
    chunk: ChunkState,
    span: Span,
    lacks_files: bool,
    now: datetime,
    terms: Terms,
    retry_failed: bool,
) -> PlannedChunk:
    asked, settled = chunk.asked_at, settles_at(span.end, terms)
    last, refresh = chunk.last_asked, chunk.refresh
    is_refused = refresh is not None and refresh.outcome in PERMANENT_OUTCOMES
    if asked is not None and now < asked and now < settled:
        return step("order", "asked for by a clock that was ahead")
    if is_refused and retry_failed:
        return step("order", "tried again on request")
    if refresh is not None and not is_refused and refresh.outcome not in FINAL_OUTCOMES:
        return step("order", f"tried again: {refresh.reason}" if refresh.reason else "not finished")
    is_open = asked is not None and asked < settled
    if last is not None and is_open and last < settled and now >= min(last + refresh_wait(span, terms), settled):
        return step("order", "still open: there may be newer data")
    if lacks_files:
        return step("fetch", LACKS_FILES)
    if refresh is not None and is_refused and is_open and now >= settled:
        return step("failed", refresh.reason or "failed")
    if asked is not None and is_open and now < span.end:
        return step("wait", f"asked at {asked:%Y-%m-%d %H:%M} UTC")
    if chunk.outcome == "done":
        return step("done", "whole")
    if chunk.code == FUTURE_CODE and not is_open:
        return step("order", "the service took its span for the future")
    return step("empty", chunk.reason or "no data")


class _Held:
    """The finished chunks of other cuts, as far as their files are here or can be had again, by product."""

    def __init__(self, state: State, wanted: Collection[str], missing: Collection[str], now: datetime) -> None:
        self._chunks: dict[str, list[tuple[ChunkState, datetime]]] = defaultdict(list)
        self._lacking: dict[str, list[tuple[str, ChunkState]]] = defaultdict(list)
        for key, chunk in state.chunks.items():
            if key in wanted or chunk.asked_at is None or chunk.asked_at > now:
                continue
            if key in missing:
                is_usable = bool(chunk.files) and chunk.outcome not in PERMANENT_OUTCOMES
            else:
                is_usable = chunk.outcome in FINAL_OUTCOMES and chunk.code != FUTURE_CODE
            if is_usable:
                self._chunks[chunk.product].append((chunk, chunk.asked_at))
            if is_usable and key in missing:
                self._lacking[chunk.product].append((key, chunk))
        self._spans: dict[tuple[str, float], list[Span]] = {}
        self._products: dict[str, str] = {}
        """The product of each request that was asked about: a digest for a hundred thousand chunks takes seconds."""

    def covers(self, span: Span, request: LockedRequest, terms: Terms) -> bool:
        """Whether every instant of a span was asked for when no more data were to be expected there."""
        product = self._products.get(request.id)
        if product is None:
            product = self._products[request.id] = request.product_digest
        if product not in self._chunks:
            return False
        key = (product, terms.late_days)
        if key not in self._spans:
            self._spans[key] = merge_spans(_settled_span(*held, terms) for held in self._chunks[product])
        return is_tiled(span, self._spans[key])

    def mends(self, planned: Sequence[PlannedChunk], now: datetime) -> list[PlannedChunk]:
        """Gives what brings lost files of these chunks back, each for the first chunk of the lock that it covers.

        They are downloaded again by their own order, or that alone is ordered again (rule 3), not what it covers.
        """
        found: dict[str, PlannedChunk] = {}
        covered = [one for one in planned if one.step == "covered"] if self._lacking else []
        for one in covered:
            for key, chunk in self._lacking.get(one.wanted.request.product_digest, ()):
                span = Span(chunk.begin, chunk.end)
                if key not in found and span.overlaps(one.wanted.chunk.span):
                    own = msgspec.structs.replace(one.wanted, chunk=Chunk(id=key, begin=chunk.begin, end=chunk.end))
                    step, reason = _mend(chunk)
                    found[key] = PlannedChunk(own, step, min(chunk.end, now), reason)
        return list(found.values())


def _mend(chunk: ChunkState) -> tuple[Step, str]:
    """Says how the lost files of a chunk of another cut are had again."""
    if chunk.order is not None and chunk.order.at == chunk.asked_at:
        return "fetch", LACKS_FILES
    if chunk.order is not None and chunk.order.request_id is not None:
        return "attach", "ordered before"
    return "order", f"tried again: {chunk.reason}" if chunk.reason else "not finished"


def _settled_span(chunk: ChunkState, asked: datetime, terms: Terms) -> Span:
    """Gives the part of a finished chunk that was asked for when no more data were to be expected in it."""
    ends = [chunk.end, chunk.fetched_to or chunk.end]
    if asked < settles_at(chunk.end, terms):
        ends.append(asked - timedelta(days=terms.late_days))
    return Span(chunk.begin, min(ends))
