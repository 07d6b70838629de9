"""Half-open spans, what two bounds mean, and cutting along the calendar. Pure: reads no clock.

Sources: onc-api.md 1.1, R86-R90, I-3, open question 52.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count

import msgspec

from oncsync.timespan.instants import (
    FIRST_INSTANT,
    LAST_INSTANT,
    MOST_YEARS,
    UTC,
    Duration,
    OutsideCalendarError,
    TimeTextError,
    format_instant,
    is_duration,
    parse_duration,
    parse_end,
    parse_instant,
)

GRID_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
DAY_NUMBERS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
MOST_PIECES = 1_000_000
"""More pieces than anyone orders on purpose; a split that gives more is refused before it fills the memory."""


class Span(msgspec.Struct, frozen=True, order=True):
    """A half-open stretch of time, `begin` <= t < `end`, both UTC instants."""

    begin: datetime
    end: datetime

    @property
    def is_empty(self) -> bool:
        """Whether no instant lies in the span."""
        return self.begin >= self.end

    def clip(self, other: Span) -> Span:
        """Gives what both spans cover; empty when they do not overlap."""
        return Span(max(self.begin, other.begin), min(self.end, other.end))

    def overlaps(self, other: Span) -> bool:
        """Whether some instant lies in both."""
        return not self.clip(other).is_empty


def evaluate_bounds(begin: str, end: str | None, now: datetime) -> Span:
    """Gives the span that two bounds mean at `now`; no end means `now`.

    A duration counts from the other bound (onc-api.md 1.1), from `now` when there is none.
    Raises `TimeTextError` when both bounds are durations, when the bounds are equal or in the wrong order.
    """
    end_text = "now" if end is None else end
    begin_is_duration, end_is_duration = (is_duration(text) for text in (begin, end_text))
    if begin_is_duration and end_is_duration:
        raise TimeTextError(f"`{begin}` and `{end_text}` are relative to each other; write one as a date or `now`")
    if begin_is_duration:
        last = _evaluate(end_text, now, is_end=True)
        first = parse_duration(begin).after(last)
    else:
        first = _evaluate(begin, now, is_end=False)
        last = parse_duration(end_text).after(first) if end_is_duration else _evaluate(end_text, now, is_end=True)
    if first == last:
        raise TimeTextError(f"the span is empty: it begins and ends at {format_instant(first)}; the end is exclusive")
    if first > last:
        raise TimeTextError(f"the span ends ({format_instant(last)}) before it begins ({format_instant(first)})")
    return Span(first, last)


def _evaluate(text: str, now: datetime, *, is_end: bool) -> datetime:
    if text.strip().lower() == "now":
        return now
    return parse_end(text) if is_end else parse_instant(text)


def split_span(span: Span, split: str, day_of_week: str = "SU") -> list[Span]:
    """Cuts a span along the grid of `split`; the pieces tile it exactly, none is empty (R86-R90).

    `split` is `all`, `year`, `month`, `week` (weeks begin on `day_of_week`), `day`, `hour` or an ISO 8601 duration
    whose grid begins at 2000-01-01T00:00Z. Raises `TimeTextError` for any other split, and for one that gives
    more than `MOST_PIECES` pieces.
    """
    if span.is_empty:
        return []
    if split == "all":
        return [span]
    pieces = []
    begin = span.begin
    for line in _lines_after(span.begin, split, day_of_week):
        end = min(line, span.end)
        pieces.append(Span(begin, end))
        if line >= span.end:
            break
        if len(pieces) >= MOST_PIECES:
            raise TimeTextError(f"`{split}` cuts this span into more than {MOST_PIECES:,} pieces")
        begin = line
    return pieces


def snap_outward(span: Span, split: str, day_of_week: str = "SU") -> Span:
    """Widens a span to the grid of `split`, so that it stays the same within one step of the grid."""
    if split == "all":
        return span
    begin = grid_line_at_or_before(span.begin, split, day_of_week)
    last = grid_line_at_or_before(span.end, split, day_of_week)
    end = last if last == span.end else next(_lines_after(span.end, split, day_of_week))
    return Span(begin, end)


def grid_line_at_or_before(instant: datetime, split: str, day_of_week: str = "SU") -> datetime:
    """Gives the last line of the grid of `split` that is not after `instant`; the calendar's first instant is one."""
    grid = _grid_of(split, day_of_week)
    try:
        return grid.line(grid.index_at(instant))
    except OutsideCalendarError:
        return FIRST_INSTANT


def _lines_after(instant: datetime, split: str, day_of_week: str) -> Iterator[datetime]:
    """Yields the grid lines after `instant`, in order; the last one is the end of the calendar."""
    grid = _grid_of(split, day_of_week)
    first = grid.index_at(instant) + 1
    try:
        if grid.step.months == 0:
            line, step = grid.line(first), timedelta(milliseconds=grid.step.milliseconds)
            while True:
                yield line
                line += step
        for index in count(first):
            yield grid.line(index)
    except (OutsideCalendarError, OverflowError):
        yield LAST_INSTANT


class _Grid(msgspec.Struct, frozen=True):
    """Lines that lie `step` apart, one of them at `origin`."""

    origin: datetime
    step: Duration

    def line(self, index: int) -> datetime:
        return Duration(self.step.months * index, self.step.milliseconds * index).after(self.origin)

    def index_at(self, instant: datetime) -> int:
        """Gives the index of the last line at or before `instant`, which may lie before the calendar begins."""
        estimate = timedelta(days=self.step.months * 30.436875, milliseconds=self.step.milliseconds)
        index = (instant - self.origin) // estimate
        while self._is_after(index, instant):
            index -= 1
        while not self._is_after(index + 1, instant):
            index += 1
        return index

    def _is_after(self, index: int, instant: datetime) -> bool:
        try:
            return self.line(index) > instant
        except OutsideCalendarError:
            return index > 0


_NAMED_STEPS = {
    "year": Duration(months=12),
    "month": Duration(months=1),
    "week": Duration(milliseconds=7 * 86_400_000),
    "day": Duration(milliseconds=86_400_000),
    "hour": Duration(milliseconds=3_600_000),
}


def _grid_of(split: str, day_of_week: str) -> _Grid:
    if split == "week":
        to_first_week = (_day_number(day_of_week) - GRID_ORIGIN.weekday()) % 7
        return _Grid(GRID_ORIGIN + timedelta(days=to_first_week), _NAMED_STEPS[split])
    return _Grid(GRID_ORIGIN, _NAMED_STEPS.get(split) or _parse_step(split))


def _parse_step(split: str) -> Duration:
    try:
        step = parse_duration(split)
    except TimeTextError:
        raise TimeTextError(
            f"`{split}` is not a way to split; write all, year, month, week, day, hour or a duration such as `PT6H`"
        ) from None
    if step.is_negative or step == Duration():
        raise TimeTextError(f"`{split}` does not move forward; a split is a positive duration")
    if step.months > MOST_YEARS * 12 or step.milliseconds > MOST_YEARS * 366 * 86_400_000:
        raise TimeTextError(f"`{split}` is longer than {MOST_YEARS:,} years")
    return step


def _day_number(day_of_week: str) -> int:
    try:
        return DAY_NUMBERS[day_of_week]
    except KeyError:
        raise TimeTextError(f"`{day_of_week}` is not a day; write one of {', '.join(DAY_NUMBERS)}") from None


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Gives the fewest spans, in order, that cover exactly the same instants; touching spans become one."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if not span.is_empty):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def subtract_spans(span: Span, taken: Iterable[Span]) -> list[Span]:
    """Gives the pieces of `span` that none of `taken` covers, in order."""
    pieces = []
    begin = span.begin
    for other in merge_spans(taken):
        if other.end <= begin:
            continue
        if other.begin >= span.end:
            break
        if other.begin > begin:
            pieces.append(Span(begin, other.begin))
        begin = other.end
    if begin < span.end:
        pieces.append(Span(begin, span.end))
    return pieces


def is_tiled(span: Span, spans: Sequence[Span]) -> bool:
    """Whether `spans` together cover every instant of `span`."""
    return not subtract_spans(span, spans)
