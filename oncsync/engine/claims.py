"""Who wants the chunks that are held: people, nobody any more, or people to whom ONC gives another answer. Pure.

The lock names what is wanted now. Of a chunk that it does not name, state and manifest tell why: its entry went or was
changed by people since a lock named it, so that no entry asks for it any more, or its span moved past it with the clock
(`released`); or it is asked for as ever, and ONC's answer shrank.
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
from oncsync.timespan import (
    FIRST_INSTANT,
    LAST_INSTANT,
    Span,
    TimeTextError,
    evaluate_bounds,
    is_tiled,
    merge_spans,
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry of the manifest asks for: a digest of its filters, and its span, none where it has none."""

    filters: str
    begin: str | None
    end: str | None
    has_events: bool = False
    """Whether it asks for parts of its span alone."""


AskedBy = Mapping[str, Asked]
"""What entries ask for, by `download/NAME` or `row/NAME`; of those only that the lock was made from."""


class Claims(msgspec.Struct, frozen=True):
    """The entries of a lock with their digests and those of their filters.

    Chunks that are `released`; chunks `claimed` by an entry, by id.
    """

    entries: dict[str, str]
    filters: dict[str, str]
    released: tuple[str, ...]
    claimed: dict[str, str]


def entry_digests(lock: Lock) -> dict[str, str]:
    """Gives the digest of each entry by `download/NAME` or `row/NAME`; rows of one name have one together."""
    digests: dict[str, list[str]] = defaultdict(list)
    for entry in lock.entries:
        digests["/".join(entry.key)].append(entry.digest)
    return {key: "+".join(sorted(listed)) for key, listed in digests.items()}


def entry_filters(lock: Lock, state: State, asked: AskedBy) -> dict[str, str]:
    """Gives the digest of each entry's filters; what is not told now is what it was, unless the entry changed."""
    filters = {}
    for key, meaning in entry_digests(lock).items():
        if key in asked:
            filters[key] = asked[key].filters
        elif key in state.filters and state.entries.get(key) == meaning:
            filters[key] = state.filters[key]
    return filters


def judge_claims(lock: Lock, state: State, now: datetime, asked: AskedBy) -> Claims:
    """Says which held chunks people released, by comparing the lock's entries with those of the last sync."""
    wishes = _Wishes(lock, state.filters, asked, now)
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
        elif key in before:
            released.append(key)
        elif _is_given_up(held.entry, entries, state.entries) or _is_past(held, begins):
            if (asking := wishes.asking(held)) is None:
                released.append(key)
            elif asking != held.entry:
                claimed[key] = asking
    return Claims(entries, entry_filters(lock, state, asked), tuple(sorted(released)), claimed)


class _Wishes:
    """Which entry asks for what a chunk holds and no request of the lock has: ONC's answer let go of that."""

    def __init__(self, lock: Lock, before: Mapping[str, str], asked: AskedBy, now: datetime) -> None:
        self._before, self._asked, self._spans = before, asked, _asked_spans(asked, now)
        self._alike: dict[str, list[str]] = defaultdict(list)
        for key, one in asked.items():
            self._alike[one.filters].append(key)
        self._products: dict[str, list[str]] = defaultdict(list)
        """Downloads by product; a row means no more than it says."""
        listed: dict[str, list[Span]] = defaultdict(list)
        for entry in lock.entries if asked else ():
            for request in entry.requests:
                product = request.product_digest
                key = "/".join(entry.key)
                if entry.kind == "download" and key in asked and key not in self._products[product]:
                    self._products[product].append(key)
                listed[product].append(Span(request.begin, request.end or LAST_INSTANT))
        self._listed = {product: merge_spans(spans) for product, spans in listed.items()}

    def asking(self, held: ChunkState) -> str | None:
        """Gives the entry; None where files of another cut have the data, or nobody asks for them."""
        filters = self._before.get(held.entry, "")
        keys: list[str] = [*self._alike.get(filters, []), *self._products.get(held.product, [])]
        for key in keys:
            span = self._spans[key]
            if not held.product:  # an archive file: no other cut has it
                if span.begin <= held.begin < span.end:
                    return key
                continue
            wanted = span.clip(Span(held.begin, held.end))
            is_listed = wanted.is_empty or is_tiled(wanted, self._listed.get(held.product, ()))
            if self._chooses_alike(key, filters) and not is_listed:
                return key
        return None

    def _chooses_alike(self, key: str, filters: str) -> bool:
        """Whether an entry chooses among what a place has as another did: a device that it excludes is given up."""
        own = self._asked[key]
        is_alike = not filters or own.filters.partition("-")[0] == filters.partition("-")[0]
        return own.filters == filters or (is_alike and not own.has_events)


def _asked_spans(asked: AskedBy, now: datetime) -> dict[str, Span]:
    """Gives the span of each entry; one whose times cannot be told asks for all of time."""
    spans = dict.fromkeys(asked, Span(FIRST_INSTANT, LAST_INSTANT))
    for key, one in asked.items():
        if one.begin is not None:
            with contextlib.suppress(TimeTextError):
                spans[key] = evaluate_bounds(one.begin, one.end, now)
    return spans


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
