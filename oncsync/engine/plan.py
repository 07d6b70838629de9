"""What a sync would do: lock + state + folder + now -> plan. Pure; the dry run and the real run share it.

Sources: architecture ("The lock", "Re-attaching", rules 3 and 4), R107, R109, R110.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from oncsync.engine.placement import WantedChunk, wanted_chunks
from oncsync.lockfile import Lock, LockEntry
from oncsync.state import FINAL_OUTCOMES, PERMANENT_OUTCOMES, ChunkState, State
from oncsync.timespan import Duration, Span, is_tiled, parse_duration

Step: TypeAlias = Literal["done", "empty", "covered", "order", "attach", "fetch", "wait", "failed"]
"""What a chunk needs. `order`: a new order; `attach`: an order of ours lives at the service; `fetch`: files of a
finished order are missing here; `wait`: nothing can be had now; `failed`: failed for good, tried again on request;
`done`, `empty` and `covered` need nothing."""

WORK_STEPS = ("order", "attach", "fetch")
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
    """Every chunk of the lock once, in lock order, with what it needs; and what a person should know."""

    chunks: tuple[PlannedChunk, ...]
    warnings: tuple[str, ...] = ()

    @property
    def work(self) -> tuple[PlannedChunk, ...]:
        """The chunks that need something; live orders first, so that they count before new ones (R94)."""
        rank = {"attach": 0, "fetch": 1, "order": 2}
        return tuple(sorted((one for one in self.chunks if one.step in WORK_STEPS), key=lambda one: rank[one.step]))

    @property
    def counts(self) -> Counter[str]:
        """How many chunks need each step."""
        return Counter(one.step for one in self.chunks)


def make_plan(
    lock: Lock,
    state: State,
    missing: Collection[tuple[str, tuple[int, str]]],
    now: datetime,
    terms: Terms,
    *,
    retry_failed: bool = False,
    only: Collection[str] = (),
) -> Plan:
    """Decides what every chunk of the lock needs at `now`.

    `missing` holds chunk id and file key of files that the state has and the folder lacks (or has in another size).
    `only` limits the plan to entries of these names.
    """
    wanted, warnings = wanted_chunks(lock)
    held = _held_spans(state, {one.chunk.id for one in wanted}, missing, now, terms)
    missing_chunks = {chunk for chunk, _ in missing}
    planned = []
    for one in wanted:
        if only and one.entry.name not in only:
            continue
        chunk_state = state.chunks.get(one.chunk.id)
        limits = entry_terms(one.entry, terms)
        decided = _decide(one, chunk_state, one.chunk.id in missing_chunks, held, now, limits, retry_failed)
        planned.append(decided)
    return Plan(tuple(planned), tuple(warnings))


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
        return end


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
    held: Mapping[str, list[Span]],
    now: datetime,
    terms: Terms,
    retry_failed: bool,
) -> PlannedChunk:
    span = wanted.chunk.span
    date_to = min(span.end, now)

    def step(name: Step, reason: str) -> PlannedChunk:
        return PlannedChunk(wanted, name, date_to, reason)

    if span.begin >= now:
        return step("wait", "begins in the future")
    if chunk is None:
        product = wanted.request.product_digest
        if product in held and is_tiled(span, held[product]):
            return step("covered", "held already, cut in another way")
        return step("order", "new")
    if chunk.order is not None and chunk.outcome not in PERMANENT_OUTCOMES and _is_unfinished(chunk):
        if chunk.order.request_id is None:
            return step("order", "asking for it was interrupted")
        return step("attach", "ordered before" if not chunk.order.is_ended else "made, not fetched yet")
    if chunk.outcome in PERMANENT_OUTCOMES:
        return step("order", "tried again on request") if retry_failed else step("failed", chunk.reason or "failed")
    if chunk.outcome not in FINAL_OUTCOMES:
        return step("order", f"tried again: {chunk.reason}" if chunk.reason else "not finished")
    return _decide_held(step, chunk, span, lacks_files, now, terms)


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
) -> PlannedChunk:
    asked = chunk.asked_at
    if asked is not None and asked < settles_at(span.end, terms):
        due = asked + refresh_wait(span, terms)
        if now >= min(due, settles_at(span.end, terms)):
            return step("order", "still open: there may be newer data")
        if not lacks_files:
            return step("wait" if now < span.end else "done", f"asked at {asked:%Y-%m-%d %H:%M} UTC")
    if lacks_files:
        return step("fetch", "a file is missing in the folder, or has another size")
    if chunk.outcome == "empty":
        return step("empty", chunk.reason or "no data")
    return step("done", "whole")


def _held_spans(
    state: State, wanted: Collection[str], missing: Iterable[tuple[str, tuple[int, str]]], now: datetime, terms: Terms
) -> dict[str, list[Span]]:
    """Gives, per product, the spans that finished and settled chunks of another cut hold, files present."""
    incomplete = {chunk for chunk, _ in missing}
    held: dict[str, list[Span]] = defaultdict(list)
    for key, chunk in state.chunks.items():
        is_settled = chunk.asked_at is not None and chunk.asked_at >= settles_at(chunk.end, terms)
        if key not in wanted and key not in incomplete and chunk.outcome in FINAL_OUTCOMES and is_settled:
            held[chunk.product].append(Span(chunk.begin, chunk.end))
    return held
