"""What an order that is to replace held files means for them until it is whole, and when it brings none. Pure.

Whatever becomes of it, the files stay what they are, with what is known of the order behind them (R148, R149).
"""

from __future__ import annotations

import msgspec

from oncsync.state.records import META, ChunkState, Order, Refresh


def order_behind(chunk: ChunkState) -> Order | None:
    """Gives the order that the held files of a chunk came from; None where it is gone, or nothing is held."""
    is_its_own = chunk.order is not None and chunk.order.at == chunk.asked_at
    return chunk.order if is_its_own and chunk.outcome == "done" and chunk.files else chunk.held_order


def keep_files(chunk: ChunkState, refresh: Refresh, notes: tuple[str, ...]) -> ChunkState:
    """Gives a chunk whose files stay, because the order that was to replace them brought none.

    That order is forgotten, unless it may still bring some.
    """
    chunk = msgspec.structs.replace(chunk, refresh=refresh, notes=notes)
    if refresh.outcome == "failed-retryable" and chunk.order is not None:
        return chunk
    order = order_behind(chunk)
    notes = tuple(dict.fromkeys((*(order.restrictions if order else ()), *notes)))
    return msgspec.structs.replace(chunk, order=order, held_order=None, arriving=(), notes=notes)


def is_made_since(chunk: ChunkState) -> bool:
    """Whether the order of a chunk is another than that behind its files, to the service too (open question 22).

    Where an order got the runs of the one before, only another file tells that they were made anew.
    """
    order, before = chunk.order, chunk.held_order
    if order is None or order.at == chunk.asked_at:
        return False
    if before is None or order.run_ids != before.run_ids:
        return True
    held = {(file.index, file.sha256) for file in chunk.files}
    return any((file.index, file.sha256) not in held for file in chunk.arriving if file.index != META)
