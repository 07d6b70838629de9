"""How the body of an answer is cut into what is sent, and when (the manners of replies.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .replies import Content, Manner


@dataclass(frozen=True)
class Pause:
    """A rest of the sender, in seconds."""

    seconds: float


def steps_of(content: Content, manner: Manner) -> Iterator[bytes | Pause]:
    """Yields the pieces of a body and the rests between them, up to where the manner ends it; no piece is empty."""
    at = 0
    for block in content.blocks():
        while block:
            if at == manner.cut:
                return
            if at == manner.stall:
                yield Pause(manner.stall_seconds)
                if manner.stall_ends:
                    return
            size = min(_room(at, manner), len(block))
            yield block[:size]
            at, block = at + size, block[size:]
            if manner.piece and at % manner.piece == 0:
                yield Pause(manner.piece_seconds)


def is_ended_early(content: Content, manner: Manner) -> bool:
    """Says whether the sender leaves off before the end of the body."""
    if manner.stall_ends and manner.stall is not None and manner.stall < content.length:
        return True
    return manner.cut is not None and manner.cut < content.length


def chunk(piece: bytes) -> bytes:
    """Gives a piece in the chunked transfer coding; the empty one is the end."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def _room(at: int, manner: Manner) -> int:
    """Gives how many bytes may be sent in one piece from an offset on."""
    marks = [mark - at for mark in (manner.cut, manner.stall) if mark is not None and mark > at]
    if manner.piece:
        marks.append(manner.piece - at % manner.piece)
    return min(marks, default=1 << 30)
