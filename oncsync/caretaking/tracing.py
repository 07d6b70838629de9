"""From files to instruments: which devices the chunks that are here were made from, as lock and state tell it. Pure.

Sources: onc-api.md 2.3 and 4.1, open questions 35 and 36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec

from oncsync.engine.outcomes import FUTURE_CODE
from oncsync.engine.plan import Terms, entry_terms, settles_at
from oncsync.lockfile import Lock, LockedRequest, LockEntry
from oncsync.resolver.requests import Site
from oncsync.state import ChunkState, State
from oncsync.timespan import Span

Wanting: TypeAlias = tuple[LockEntry, LockedRequest]
Source: TypeAlias = tuple[tuple[str, str], ...]
"""What names an instrument, sorted, so that a question about it is asked once."""


class HeldChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A finished chunk whose answer is here, files or the word that there were none.

    `entries` name what wants it; `requests` may bring data into it: its own, and those that share its span.
    """

    id: str
    state: ChunkState
    asked: datetime
    entries: tuple[str, ...]
    requests: tuple[LockedRequest, ...]

    @property
    def span(self) -> Span:
        """The chunk's half-open span."""
        return Span(self.state.begin, self.state.end)


class Holdings(msgspec.Struct, frozen=True):
    """What can be stale, and how many chunks are still open: those are ordered again by any sync."""

    chunks: tuple[HeldChunk, ...]
    open: int


def find_holdings(lock: Lock, state: State, terms: Terms, only: Collection[str] = ()) -> Holdings:
    """Gives the product chunks that are here and that the lock still asks for, in the order of their begin.

    Of a chunk of another cut, the requests are those of its product. Archive files are left out: resolving compares
    them itself. `only` are names of entries.
    """
    wishes = _Wishes(lock)
    held, still_open = [], 0
    for key, chunk in state.chunks.items():
        if chunk.asked_at is None or not _has_answer(chunk):
            continue
        wanting = wishes.wanting(key, chunk)
        entries = tuple(dict.fromkeys(entry.name for entry, _ in wanting))
        if not wanting or (only and not set(entries) & set(only)):
            continue
        if chunk.asked_at < settles_at(chunk.end, entry_terms(wanting[0][0], terms)):
            still_open += 1
            continue
        requests = wishes.with_neighbours([request for _, request in wanting], Span(chunk.begin, chunk.end))
        held.append(HeldChunk(id=key, state=chunk, asked=chunk.asked_at, entries=entries, requests=requests))
    return Holdings(tuple(sorted(held, key=lambda one: (one.state.begin, one.state.end, one.id))), still_open)


def _has_answer(chunk: ChunkState) -> bool:
    if chunk.listed is not None or chunk.coming is not None:
        return False
    return bool(chunk.files) or (chunk.outcome == "empty" and chunk.code != FUTURE_CODE)


class _Wishes:
    """Which requests of a lock want a chunk: by its id, else by its product; and which share its span."""

    def __init__(self, lock: Lock) -> None:
        self._by_chunk: dict[str, list[Wanting]] = defaultdict(list)
        self._by_id: dict[str, LockedRequest] = {}
        self._sharing: dict[str, list[str]] = defaultdict(list)
        self._by_product: dict[str, list[Wanting]] | None = None
        self._all: list[Wanting] = []
        for entry in lock.entries:
            for request in entry.requests:
                if request.is_archive or not request.download:
                    continue
                self._all.append((entry, request))
                self._by_id[request.id] = request
                for other in request.shared_with:
                    self._sharing[other].append(request.id)
                for chunk in request.chunks:
                    self._by_chunk[chunk.id].append((entry, request))

    def wanting(self, key: str, chunk: ChunkState) -> list[Wanting]:
        if key in self._by_chunk:
            return self._by_chunk[key]
        if self._by_product is None:
            self._by_product = defaultdict(list)
            for entry, request in self._all:
                self._by_product[request.product_digest].append((entry, request))
        span = Span(chunk.begin, chunk.end)
        return [one for one in self._by_product.get(chunk.product, ()) if _overlaps(one[1], span)]

    def with_neighbours(self, requests: list[LockedRequest], span: Span) -> tuple[LockedRequest, ...]:
        """Gives requests with those that they share a part of this span with, elder and younger ones."""
        ids = {one.id: one for one in requests}
        for one in requests:
            for other in (*one.shared_with, *self._sharing.get(one.id, ())):
                neighbour = self._by_id.get(other)
                if neighbour is not None and _overlaps(neighbour, span):
                    ids[other] = neighbour
        return tuple(ids.values())


def _overlaps(request: LockedRequest, span: Span) -> bool:
    return request.begin < span.end and (request.end is None or request.end > span.begin)


def source_of(request: LockedRequest) -> Source:
    """Gives what names the instrument of a request, as a key."""
    return tuple(sorted(request.source.items()))


def sources_of(chunks: Iterable[HeldChunk]) -> list[Source]:
    """Gives the sources of all requests, each once, sorted."""
    return sorted({source_of(request) for chunk in chunks for request in chunk.requests})


def named_devices(request: LockedRequest) -> list[str]:
    """Gives the devices that the lock names for a request; none where it names none."""
    if "deviceCode" in request.source:
        return [request.source["deviceCode"]]
    listed = request.about.get("deviceCode")
    return [code for part in listed.split(",") if (code := part.strip())] if isinstance(listed, str) else []


def trace(chunks: Iterable[HeldChunk], sites: Mapping[Source, list[Site]]) -> dict[str, tuple[str, ...]]:
    """Gives the devices of each chunk by its id, sorted; none where neither the lock nor a deployment names one.

    `sites` are the deployments of the sources that could be asked about.
    """
    traced = {}
    for chunk in chunks:
        devices: set[str] = set()
        for request in chunk.requests:
            known = named_devices(request)
            there = sites.get(source_of(request), ()) if not known else ()
            devices.update(known, (site.device_code for site in there if not site.clipped(chunk.span).is_empty))
        traced[chunk.id] = tuple(sorted(devices))
    return traced
