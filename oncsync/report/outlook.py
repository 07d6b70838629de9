"""What is still to be ordered, how long that takes and how large it is: from what similar chunks took before. Pure.

Chunks are similar when they are of one product, with equal options: of the same source, or else of any. A time is the
median of what similar chunks of about the same length took from the order to the last file; a size goes by length.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec

from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry
from oncsync.state import FINAL_OUTCOMES, ChunkState, State

ABOUT_AS_LONG = 2.0
"""Chunks up to this much longer or shorter take about the same time."""

MANY_ORDERS = 500
MANY_BYTES = 100_000_000_000

Kind: TypeAlias = tuple[object, ...]
Seconds: TypeAlias = float


class Ordered(Protocol):
    """A chunk that is to be ordered, or an archive file that is to be fetched, with the entry and request for it."""

    @property
    def entry(self) -> LockEntry: ...
    @property
    def request(self) -> LockedRequest: ...
    @property
    def chunk(self) -> Chunk: ...


class Sizes(Protocol):
    """What somebody else knows of sizes."""

    def bytes_of(self, request: LockedRequest, chunk: Chunk) -> float | None: ...


class Amount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much is to come. `seconds` and `bytes` are of those that anything is known of, None for none."""

    orders: int = 0
    seconds: float | None = 0.0
    """With as many orders at a time as the manifest allows."""
    untimed: int = 0
    """Orders whose time is unknown."""
    bytes: int | None = 0
    unsized: int = 0
    """Orders and archive files whose size is unknown."""
    files: int = 0
    """Archive files that are to be fetched: nobody has to order them."""


def is_much(amount: Amount) -> bool:
    """Whether a person is asked before so much is ordered: it takes days of the service's time, or fills a disk."""
    return amount.orders > MANY_ORDERS or (amount.bytes or 0) > MANY_BYTES


class EntryOutlook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one entry of the lock still takes; a chunk that several want counts for the first."""

    kind: str
    name: str
    amount: Amount


class Outlook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a lock still takes, entry by entry and together."""

    at_a_time: int
    total: Amount
    entries: tuple[EntryOutlook, ...]

    def by_entry(self) -> dict[tuple[str, str], Amount]:
        """Gives the amounts by kind and name of the entry."""
        return {(one.kind, one.name): one.amount for one in self.entries}


def forecast(lock: Lock, orders: Iterable[Ordered], state: State, at_a_time: int, sizes: Sizes | None) -> Outlook:
    """Gives what the orders take, by the history in `state`, and by `sizes` where that knows no size."""
    history = History(lock, state)
    tallies = {entry.key: _Tally() for entry in lock.entries}
    for one in orders:
        if one.request.is_archive:
            tallies[one.entry.key].add_file(one.chunk.file.bytes if one.chunk.file else None)
            continue
        size = history.bytes_of(one.request, one.chunk)
        if size is None and sizes is not None:
            size = sizes.bytes_of(one.request, one.chunk)
        tallies[one.entry.key].add(history.seconds_of(one.request, one.chunk), size)
    total = _Tally()
    for tally in tallies.values():
        total.take(tally)
    entries = tuple(
        EntryOutlook(kind=kind, name=name, amount=tally.amount(at_a_time)) for (kind, name), tally in tallies.items()
    )
    return Outlook(at_a_time=at_a_time, total=total.amount(at_a_time), entries=entries)


class _Tally:
    """Adds up what is known of some orders."""

    def __init__(self) -> None:
        self.orders = self.untimed = self.unsized = self.files = 0
        self.seconds = self.longest = self.bytes = 0.0

    def add(self, seconds: float | None, size: float | None) -> None:
        self.orders += 1
        self.untimed += seconds is None
        self.unsized += size is None
        self.seconds += seconds or 0.0
        self.longest = max(self.longest, seconds or 0.0)
        self.bytes += size or 0.0

    def add_file(self, size: int | None) -> None:
        self.files += 1
        self.unsized += size is None
        self.bytes += size or 0

    def take(self, other: _Tally) -> None:
        self.orders += other.orders
        self.files += other.files
        self.untimed += other.untimed
        self.unsized += other.unsized
        self.seconds += other.seconds
        self.longest = max(self.longest, other.longest)
        self.bytes += other.bytes

    def amount(self, at_a_time: int) -> Amount:
        lasts = max(self.seconds / max(at_a_time, 1), self.longest)
        return Amount(
            orders=self.orders,
            seconds=None if self.orders and self.untimed == self.orders else round(lasts, 1),
            untimed=self.untimed,
            bytes=None if self.unsized and self.unsized == self.orders + self.files else round(self.bytes),
            unsized=self.unsized,
            files=self.files,
        )


class History:
    """What the finished chunks of a state took, by product; the lock tells what products are alike."""

    def __init__(self, lock: Lock, state: State) -> None:
        self._digests: dict[str, str] = {}
        kinds: dict[str, Kind] = {}
        for entry in lock.entries:
            for request in entry.requests:
                if request.is_archive:
                    continue
                self._digests[request.id] = request.product_digest
                kinds[self._digests[request.id]] = _kind_of(request)
        self._of_product: Mapping[str, _Record] = defaultdict(_Record)
        self._of_kind: Mapping[Kind, _Record] = defaultdict(_Record)
        for chunk in state.chunks.values():
            if chunk.outcome in FINAL_OUTCOMES and chunk.asked_at is not None and chunk.at is not None:
                self._of_product[chunk.product].note(chunk, chunk.asked_at, chunk.at)
                if chunk.product in kinds:
                    self._of_kind[kinds[chunk.product]].note(chunk, chunk.asked_at, chunk.at)

    def seconds_of(self, request: LockedRequest, chunk: Chunk) -> float | None:
        """Gives how long such an order takes by itself, None when none like it was made."""
        length = _length(chunk.begin, chunk.end)
        return next((known for one in self._records(request) if (known := one.seconds(length)) is not None), None)

    def bytes_of(self, request: LockedRequest, chunk: Chunk) -> float | None:
        """Gives the bytes of its files, None when none like it was made."""
        length = _length(chunk.begin, chunk.end)
        return next((known for one in self._records(request) if (known := one.bytes(length)) is not None), None)

    def _records(self, request: LockedRequest) -> Iterable[_Record]:
        digest, kind = self._digests[request.id], _kind_of(request)
        if digest in self._of_product:
            yield self._of_product[digest]
        if kind in self._of_kind:
            yield self._of_kind[kind]


class _Record:
    """What the chunks of one product took."""

    def __init__(self) -> None:
        self._times: list[tuple[Seconds, Seconds]] = []
        self._length = 0.0
        self._bytes = 0
        self._known: dict[Seconds, float | None] = {}

    def note(self, chunk: ChunkState, asked: datetime, finished: datetime) -> None:
        length = _length(chunk.begin, chunk.fetched_to or chunk.end)
        if length <= 0:
            return
        if chunk.outcome == "done" and finished > asked:
            self._times.append((length, _length(asked, finished)))
        self._length += length
        self._bytes += sum(file.bytes for file in chunk.files)

    def seconds(self, length: Seconds) -> float | None:
        if length not in self._known:
            alike = [took for other, took in self._times if length / ABOUT_AS_LONG <= other <= length * ABOUT_AS_LONG]
            self._known[length] = statistics.median(alike) if alike else None
        return self._known[length]

    def bytes(self, length: Seconds) -> float | None:
        return self._bytes * length / self._length if self._length else None


def _kind_of(request: LockedRequest) -> Kind:
    return (request.data_product_code, request.extension, tuple(sorted(request.options.items())))


def _length(begin: datetime, end: datetime) -> Seconds:
    return (end - begin).total_seconds()
