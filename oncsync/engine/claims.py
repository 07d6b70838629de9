"""Who wants the chunks that are held: people, nobody any more, or people to whom ONC gives another answer. Pure.

The lock names what is wanted now. Of a chunk that it does not name, the state tells why: its entry went or was changed
by people since a lock named it, or its span moved past it with the clock (`released`); or the entry says what it always
said, and ONC's answer shrank.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import msgspec

from oncsync.engine.expiry import keeps_longer
from oncsync.lockfile import Lock, LockEntry
from oncsync.state import ChunkState, State
from oncsync.timespan import LAST_INSTANT, Span, TimeTextError, evaluate_bounds, merge_spans


class Claims(msgspec.Struct, frozen=True):
    """The entries of a lock with their digests; chunks that are `released`; chunks `claimed` by an entry, by id."""

    entries: dict[str, str]
    released: tuple[str, ...]
    claimed: dict[str, str]


def entry_digests(lock: Lock) -> dict[str, str]:
    """Gives the digest of each entry by `download/NAME` or `row/NAME`; rows of one name have one together."""
    digests: dict[str, list[str]] = defaultdict(list)
    for entry in lock.entries:
        digests["/".join(entry.key)].append(entry.digest)
    return {key: "+".join(sorted(listed)) for key, listed in digests.items()}


def judge_claims(lock: Lock, state: State, now: datetime) -> Claims:
    """Says which held chunks people released, by comparing the lock's entries with those of the last sync."""
    entries, begins = entry_digests(lock), _window_begins(lock, now)
    wanted = _owners(lock)
    by_key = {"/".join(entry.key): entry for entry in lock.entries}
    before = set(state.released)
    released, claimed = [], {}
    for key, held in state.chunks.items():
        if key in wanted:
            present = by_key.get(held.entry)
            if present is None or keeps_longer(wanted[key], present):
                claimed[key] = "/".join(wanted[key].key)
        elif key in before or _is_given_up(held.entry, entries, state.entries) or _is_past(held, begins):
            released.append(key)
    return Claims(entries, tuple(sorted(released)), claimed)


def _owners(lock: Lock) -> dict[str, LockEntry]:
    """Gives the entry that each chunk is for: of those that want it the first of those that keep it longest."""
    found: dict[str, LockEntry] = {}
    for entry, _, chunk in lock.chunks():
        first = found.setdefault(chunk.id, entry)
        if first is not entry and keeps_longer(entry, first):
            found[chunk.id] = entry
    return found


def _is_given_up(entry: str, now: Mapping[str, str], before: Mapping[str, str]) -> bool:
    """Whether people took an entry away, or changed it since the last sync; False where nobody knows."""
    if not entry:
        return False
    return entry not in now or before.get(entry, now[entry]) != now[entry]


def _window_begins(lock: Lock, now: datetime) -> dict[str, datetime]:
    """Gives where the spans begin of entries that move with the clock."""
    begins = {}
    for entry in lock.entries:
        if entry.relative is not None:
            begin, _, end = entry.relative.partition("/")
            with contextlib.suppress(TimeTextError):
                begins["/".join(entry.key)] = evaluate_bounds(begin, end or None, now).begin
    return begins


def _is_past(held: ChunkState, begins: Mapping[str, datetime]) -> bool:
    """Whether the span that a chunk was ordered for has moved past it."""
    return held.entry in begins and held.end <= begins[held.entry]


def needed_spans(lock: Lock, steps: Mapping[str, str]) -> dict[str, list[Span]]:
    """Gives, per product, the spans whose data may lie in files of another cut only.

    Those of chunks that are not here themselves, and those of requests that are switched off, not taken away.
    """
    spans: dict[str, list[Span]] = defaultdict(list)
    for entry in lock.entries:
        for request in entry.requests:
            if request.is_archive:  # a file is cut in one way only
                continue
            if not request.download:
                spans[request.product_digest].append(Span(request.begin, request.end or LAST_INSTANT))
            for chunk in request.chunks:
                if steps.get(chunk.id) not in ("done", "empty"):
                    spans[request.product_digest].append(chunk.span)
    return {product: merge_spans(listed) for product, listed in spans.items()}
