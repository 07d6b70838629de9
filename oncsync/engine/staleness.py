"""Which chunks of a lock may hold stale files, as the state knows it from the last look at the archive. Pure.

Sources: R148, R149, onc-api.md 4.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from oncsync.lockfile import Lock
from oncsync.state import State
from oncsync.timespan import Span

ARCHIVED_AGAIN = "ONC archived its raw files again"
"""Why a chunk whose files are here is ordered once more."""


def stale_chunks(lock: Lock, state: State) -> frozenset[str]:
    """Gives the chunks of a lock that may be stale: by their own state, or as what stale chunks of another cut hold."""
    own: set[str] = set()
    others: dict[str, list[Span]] = defaultdict(list)
    for key, chunk in state.chunks.items():
        if chunk.may_be_newer:
            own.add(key)
            others[chunk.product].append(Span(chunk.begin, chunk.end))
    if not own:
        return frozenset()
    found = set()
    products: dict[str, str] = {}
    for _, request, wanted in lock.chunks():
        if wanted.id in state.chunks:
            found |= {wanted.id} & own
            continue
        product = products.get(request.id)
        if product is None:
            product = products[request.id] = request.product_digest
        if any(span.overlaps(wanted.span) for span in others.get(product, ())):
            found.add(wanted.id)
    return frozenset(found)


def known_stale(lock: Lock, state: State, tell: Callable[[str], None]) -> frozenset[str]:
    """Gives `stale_chunks`; tells when there are none because nobody ever asked the archive."""
    found = stale_chunks(lock, state)
    if not found and state.looked_at is None:
        tell("Nobody asked yet what ONC archived again: `oncsync outdated` does")
    return found
