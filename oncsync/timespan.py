"""Instants, ISO 8601 durations, half-open spans and their splitting along the calendar. Pure: reads no clock.

Inside oncsync an instant is an aware `datetime` in UTC with millisecond precision; a span is half-open.
Sources: onc-api.md 1.1, R68, R86-R90, I-3, I-18, open questions 52 and 53.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count

import msgspec

UTC = timezone.utc
GRID_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
DAY_NUMBERS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
FIRST_INSTANT = datetime(1, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
MOST_PIECES = 1_000_000
"""More pieces than anyone orders on purpose; a split that gives more is refused before it fills the memory."""

_MOST_YEARS = 9999

_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d{1,2}-\d{1,2})"
    r"(?:[Tt ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<zone>Z|z|[+-](?:0\d|1[0-4]):?[0-5]\d)?",
    re.ASCII,
)
_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?!$)(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?"
    r"(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,12}(?:[.,]\d{1,3})?)S)?)?",
    re.ASCII,
)


class TimeTextError(ValueError):
    """Says why a text is no time; `suggestion` holds what was probably meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


class _OutsideError(TimeTextError):
    """Says that a time lies outside the years 1 to 9999."""

    def __init__(self, text: str) -> None:
        super().__init__(f"`{text}` leads outside the years 1 to 9999")


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


class Duration(msgspec.Struct, frozen=True):
    """An ISO 8601 duration: whole calendar months, then exact milliseconds; both carry the sign."""

    months: int = 0
    milliseconds: int = 0

    def after(self, instant: datetime) -> datetime:
        """Gives the instant that lies this duration after `instant` (before it when negative).

        Raises `TimeTextError` when there is no such instant in the years 1 to 9999.
        """
        try:
            return add_months(instant, self.months) + timedelta(milliseconds=self.milliseconds)
        except OverflowError:
            raise _OutsideError(format_instant(instant)) from None

    @property
    def is_negative(self) -> bool:
        """Whether the duration points into the past."""
        return self.months < 0 or self.milliseconds < 0


def parse_instant(text: str) -> datetime:
    """Reads an instant; a date alone is midnight, no zone is UTC, one-digit hours are understood.

    Raises `TimeTextError`, with a suggestion when one digit explains the mistake (`2013-20-23`, I-18).
    """
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        message = f"`{text}` is not a time; write `2017-05-01` or `2017-05-01T00:00:00.000Z`"
        raise TimeTextError(message, _suggest_duration(text))
    year, month, day = (int(part) for part in match["date"].split("-"))
    _check_date(text, year, month, day)
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    milliseconds = round(int((match["fraction"] or "0").ljust(9, "0")) / 1_000_000)
    whole_day = timedelta(days=1) if (hour, minute, second, milliseconds) == (24, 0, 0, 0) else timedelta()
    if whole_day:
        hour = 0
    if hour > 23 or minute > 59 or second > 60:
        raise TimeTextError(f"`{text}` has a time of day that does not exist")
    leap = timedelta(seconds=1) if second == 60 else timedelta()
    try:
        naive = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return naive + whole_day + leap + timedelta(milliseconds=milliseconds) - _offset(match["zone"])
    except OverflowError:
        raise _OutsideError(text) from None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in "Zz":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))


def _suggest_duration(text: str) -> str | None:
    """Gives `-P3D` for `-3d`, which is how many write it."""
    match = re.fullmatch(r"([+-]?)(\d+)\s*([ymwdhs])", text.strip().lower())
    if match is None:
        return None
    sign, number, unit = match.groups()
    return f"{sign}P{'T' if unit in 'hs' else ''}{number}{unit.upper()}"


def _check_date(text: str, year: int, month: int, day: int) -> None:
    if year < 1:
        raise TimeTextError(f"`{text}` has no such year")
    if not 1 <= month <= 12:
        raise TimeTextError(f"`{text}` has no month {month}", _suggest_month(text, year, month, day))
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        last = calendar.monthrange(year, month)[1]
        raise TimeTextError(f"`{text}` has no day {day}: that month has {last} days")


def _suggest_month(text: str, year: int, month: int, day: int) -> str | None:
    """Gives the date with the one digit of the month changed that makes it exist, never day and month swapped."""
    digits = f"{month:02d}"
    candidates = {
        int(changed)
        for position in (0, 1)
        for digit in "0123456789"
        if 1 <= int(changed := digits[:position] + digit + digits[position + 1 :]) <= 12
    }
    fitting = sorted(
        (candidate for candidate in candidates if 1 <= day <= calendar.monthrange(year, candidate)[1]),
        key=lambda candidate: (abs(candidate - month), candidate),
    )
    return f"{year:04d}-{fitting[0]:02d}-{day:02d}" if fitting else None


def parse_end(text: str) -> datetime:
    """Reads the end of a span: `23:59:59` and `23:59:59.999` of a day mean the whole day (I-3)."""
    instant = parse_instant(text)
    if (instant.hour, instant.minute, instant.second) == (23, 59, 59) and instant.microsecond in (0, 999_000):
        try:
            return instant.replace(microsecond=0) + timedelta(seconds=1)
        except OverflowError:
            raise _OutsideError(text) from None
    return instant


def parse_duration(text: str) -> Duration:
    """Reads an ISO 8601 duration such as `P1DT12H`, `-P1D` or `PT0.5S`; raises `TimeTextError`."""
    match = _DURATION.fullmatch(text.strip().upper())
    if match is None:
        raise TimeTextError(f"`{text}` is not a duration; write for example `P1D`, `PT30M` or `P1Y2M`")
    sign = -1 if match["sign"] == "-" else 1
    months = int(match["years"] or 0) * 12 + int(match["months"] or 0)
    days = int(match["weeks"] or 0) * 7 + int(match["days"] or 0)
    minutes = int(match["hours"] or 0) * 60 + int(match["minutes"] or 0)
    seconds = float((match["seconds"] or "0").replace(",", "."))
    milliseconds = (days * 1440 + minutes) * 60_000 + round(seconds * 1000)
    return Duration(months=sign * months, milliseconds=sign * milliseconds)


def is_relative(text: str) -> bool:
    """Whether a bound moves with the clock: `now` or a duration."""
    return text.strip().lower() == "now" or text.strip().lstrip("+-").upper().startswith("P")


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


def is_duration(text: str) -> bool:
    """Whether a bound counts from the other bound: it is a duration and not `now`."""
    return is_relative(text) and text.strip().lower() != "now"


def _evaluate(text: str, now: datetime, *, is_end: bool) -> datetime:
    if text.strip().lower() == "now":
        return now
    return parse_end(text) if is_end else parse_instant(text)


def format_instant(instant: datetime) -> str:
    """Gives `yyyy-MM-ddTHH:mm:ss.SSSZ`, the form the service is sent (onc-api.md 1.1)."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def format_stamp(instant: datetime) -> str:
    """Gives `yyyyMMddTHHmmssZ`, a form for file names: no colons, milliseconds only when there are any."""
    utc = instant.astimezone(UTC)
    milliseconds = utc.microsecond // 1000
    fraction = f".{milliseconds:03d}" if milliseconds else ""
    return f"{utc.year:04d}{utc:%m%dT%H%M%S}{fraction}Z"


def add_months(instant: datetime, months: int) -> datetime:
    """Gives the same time of day `months` later, on the month's last day when it is too short.

    Raises `TimeTextError` outside the years 1 to 9999.
    """
    if months == 0:
        return instant
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise _OutsideError(format_instant(instant))
    day = min(instant.day, calendar.monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)


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
    except _OutsideError:
        return FIRST_INSTANT


def _lines_after(instant: datetime, split: str, day_of_week: str) -> Iterator[datetime]:
    """Yields the grid lines after `instant`, in order; the last one is the end of the calendar."""
    grid = _grid_of(split, day_of_week)
    try:
        for index in count(grid.index_at(instant) + 1):
            yield grid.line(index)
    except _OutsideError:
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
        except _OutsideError:
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
    if step.months > _MOST_YEARS * 12 or step.milliseconds > _MOST_YEARS * 366 * 86_400_000:
        raise TimeTextError(f"`{split}` is longer than {_MOST_YEARS:,} years")
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
