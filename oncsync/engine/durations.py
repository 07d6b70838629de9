"""How long orders take, learned from those of this folder: what a poll may aim at (architecture, "Polling").

Orders that ended in this run were measured. Of earlier ones the state knows when they were asked for and when their
files were all here, which is longer by the transfers and by every pause: the least of these is nearest to the truth.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TypeAlias

from oncsync.engine.pace import Observed, least_expected, usual_duration
from oncsync.lockfile import LockedRequest
from oncsync.state import State
from oncsync.timespan import Span

RECENT = 9
"""How many of the last orders of one kind count: the service is busier at some hours than at others."""
MOST_EARLIER = 50
"""How many orders of earlier runs are looked at for a product."""

_Kind: TypeAlias = str | tuple[str, str]


class Durations:
    """What was seen of orders, by product (the same source and options) and, for others, by code and extension."""

    def __init__(self, state: State) -> None:
        self._measured: dict[_Kind, deque[Observed]] = defaultdict(lambda: deque(maxlen=RECENT))
        self._earlier: dict[str, list[Observed]] = defaultdict(list)
        for chunk in state.chunks.values():
            if chunk.outcome == "done" and chunk.at is not None and chunk.asked_at is not None:
                seconds = (chunk.at - chunk.asked_at).total_seconds()
                asked = Span(chunk.begin, chunk.fetched_to or chunk.end)
                seen = self._earlier[chunk.product]
                if seconds > 0 and asked.begin < asked.end and len(seen) < MOST_EARLIER:
                    seen.append(Observed(seconds, _length(asked)))

    def note(self, request: LockedRequest, span: Span, seconds: float) -> None:
        """Takes in how long an order for a span took, from the question to the end of its run."""
        seen = Observed(seconds, _length(span))
        self._measured[request.product_digest].append(seen)
        self._measured[_codes(request)].append(seen)

    def expect(self, request: LockedRequest, span: Span) -> float | None:
        """Gives how long an order for a span will take, in seconds; None when nothing like it was seen."""
        length, product = _length(span), request.product_digest
        for seen in (self._measured.get(product), self._measured.get(_codes(request))):
            if seen and (usual := usual_duration(seen, length)) is not None:
                return usual
        return least_expected(self._earlier.get(product, ()), length)


def _codes(request: LockedRequest) -> tuple[str, str]:
    return (request.data_product_code, request.extension)


def _length(span: Span) -> float:
    return (span.end - span.begin).total_seconds()
