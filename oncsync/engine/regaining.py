"""Orders of a folder that its state does not know, because it was removed or put back from a copy.

The slots know each order that may be alive, so it is taken up and not placed once more (rules 2 and 3, R94, R109).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from oncsync.engine.folder import current_user
from oncsync.engine.plan import Plan, PlannedChunk
from oncsync.engine.slots import Slot, SlotBook
from oncsync.state import ChunkState, Ordered, Ordering, StateStore

REGAINED = "ordered before, though the folder lost what it knew of it"


def regain_orders(plan: Plan, store: StateStore, slots: SlotBook, now: datetime) -> Plan:
    """Writes down the orders of this folder that the slots alone know; gives the plan with them taken up."""
    known = _latest_by_chunk(slot for slot in slots.alive(now) if slots.is_ours(slot))
    regained = set()
    for planned in plan.chunks:
        slot = known.get(planned.id)
        if slot is not None and planned.step == "order" and _is_news(slot, store.state.chunks.get(planned.id)):
            _write_down(store, planned, slot)
            regained.add(planned.id)
    chunks = tuple(
        msgspec.structs.replace(one, step="attach", reason=REGAINED) if one.id in regained else one
        for one in plan.chunks
    )
    return msgspec.structs.replace(plan, chunks=chunks) if regained else plan


def _latest_by_chunk(slots: Iterable[Slot]) -> dict[str, Slot]:
    """Gives the slot of the last order of each chunk."""
    placed = (slot for slot in slots if slot.order is not None)
    return {slot.chunk: slot for slot in sorted(placed, key=lambda slot: slot.since)}


def _is_news(slot: Slot, chunk: ChunkState | None) -> bool:
    """Whether the state's last word on a chunk is older than the order: else it let go of that order on purpose."""
    if chunk is None:
        return True
    said = [chunk.at, chunk.asked_at, chunk.order.at if chunk.order else None]
    return all(moment is None or moment < slot.since for moment in said)


def _write_down(store: StateStore, planned: PlannedChunk, slot: Slot) -> None:
    wanted = planned.wanted
    assert slot.order is not None
    store.record(
        Ordering(
            at=slot.since,
            chunk=planned.id,
            product=wanted.request.product_digest,
            begin=wanted.chunk.begin,
            end=wanted.chunk.end,
            date_to=slot.date_to or min(wanted.chunk.end, slot.since),
            options=dict(wanted.request.options),
            host=slot.host,
            user=current_user(),
            entry="/".join(wanted.entry.key),
        )
    )
    store.record(Ordered(at=slot.since, chunk=planned.id, request_id=slot.order))
