"""Asks ONC how large data are before they are ordered: what the archive holds of a product, spread over its time.

The availability service knows archive files alone (onc-api.md 2.8): of products that are made on order it says nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from oncsync.errors import ServiceError
from oncsync.lockfile import Chunk, LockedRequest
from oncsync.timespan import Span

if TYPE_CHECKING:
    from oncsync.api import Session
    from oncsync.api.records import Availability

MOST_QUESTIONS = 60
"""Sources to ask about; of more than that the sizes stay unknown, so that an estimate costs little."""
MOST_AT_ONCE = 8

Source: TypeAlias = tuple[tuple[str, str], ...]
_NAMES = {
    "locationCode": "location_code",
    "deviceCategoryCode": "device_category_code",
    "deviceCode": "device_code",
    "propertyCode": "property_code",
}


class Question:
    """What is asked about one source: all that is wanted of it, in one call."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._codes: set[str] = set()
        self._extensions: set[str] = set()
        self._span: Span | None = None

    def add(self, request: LockedRequest, chunk: Chunk) -> None:
        """Widens the question to a chunk."""
        self._codes.add(request.data_product_code)
        self._extensions.add(request.extension)
        span = self._span or chunk.span
        self._span = Span(min(span.begin, chunk.begin), max(span.end, chunk.end))

    def parameters(self) -> dict[str, Any]:
        """Gives what to send: a product or format only where there is but one."""
        assert self._span is not None
        given: dict[str, Any] = {_NAMES[key]: code for key, code in self.source}
        given |= {"date_from": self._span.begin, "date_to": self._span.end}
        if len(self._codes) == 1:
            given["data_product_code"] = next(iter(self._codes))
        if len(self._extensions) == 1:
            given["extension"] = next(iter(self._extensions))
        return given


class ArchiveSizes:
    """What the archive holds of the sources that were asked about."""

    def __init__(self, rows: Mapping[Source, Sequence[Availability]]) -> None:
        listed: dict[tuple[object, ...], list[tuple[Span, int]]] = defaultdict(list)
        for source, found in rows.items():
            for row in found:
                size = row.delivered_size if row.delivered_size is not None else row.stored_size
                if row.begin is None or row.end is None or row.begin >= row.end or size is None:
                    continue
                for device in (row.device_code, None):
                    key = (source, row.data_product_code, row.extension, device)
                    listed[key].append((Span(row.begin, row.end), size))
        self._growth = {key: _Growth(pieces) for key, pieces in listed.items()}

    def bytes_of(self, request: LockedRequest, chunk: Chunk) -> float | None:
        """Gives the bytes in a chunk's span, None where the archive holds nothing of the product at all."""
        source = tuple(request.source.items())
        product = (source, request.data_product_code, request.extension)
        known = self._growth.get((*product, request.about.get("deviceCode"))) or self._growth.get((*product, None))
        return known.between(chunk.begin, chunk.end) if known else None


class _Growth:
    """How many bytes there are up to any instant, as if each piece came evenly."""

    def __init__(self, pieces: Iterable[tuple[Span, int]]) -> None:
        changes: dict[datetime, float] = defaultdict(float)
        for span, size in pieces:
            rate = size / (span.end - span.begin).total_seconds()
            changes[span.begin] += rate
            changes[span.end] -= rate
        self._times = sorted(changes)
        self._rates: list[float] = []
        self._sums: list[float] = []
        rate = total = 0.0
        for number, instant in enumerate(self._times):
            if number:
                total += rate * (instant - self._times[number - 1]).total_seconds()
            rate += changes[instant]
            self._rates.append(rate)
            self._sums.append(total)

    def between(self, begin: datetime, end: datetime) -> float:
        return max(self._until(end) - self._until(begin), 0.0)

    def _until(self, instant: datetime) -> float:
        place = bisect_right(self._times, instant) - 1
        if place < 0:
            return 0.0
        return self._sums[place] + self._rates[place] * (instant - self._times[place]).total_seconds()


def ask_sizes(session: Session, wanted: Iterable[tuple[LockedRequest, Chunk]]) -> ArchiveSizes:
    """Asks once for each source, several at a time; a source that cannot be asked about stays unknown.

    Raises `TokenError` when the token is refused.
    """
    questions: dict[Source, Question] = {}
    for request, chunk in wanted:
        source = tuple(request.source.items())
        if not _can_be_asked(source):
            continue
        if source not in questions and len(questions) >= MOST_QUESTIONS:
            continue
        questions.setdefault(source, Question(source)).add(request, chunk)
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        answers = list(pool.map(lambda one: _ask(session, one), questions.values()))
    return ArchiveSizes(dict(zip(questions, answers, strict=True)))


def _can_be_asked(source: Source) -> bool:
    keys = {key for key, _ in source}
    return "deviceCode" in keys or {"locationCode", "deviceCategoryCode"} <= keys


def _ask(session: Session, question: Question) -> Sequence[Availability]:
    from oncsync.api import get_availability

    try:
        return get_availability(session, **question.parameters()).rows
    except ServiceError:
        return ()
