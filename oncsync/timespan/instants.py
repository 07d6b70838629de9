"""Instants and durations: what a text means, and how an instant is written. Pure: reads no clock.

Sources: onc-api.md 1.1, R68, I-3, I-18, open questions 52 and 53.
"""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta, timezone, tzinfo

import msgspec

UTC = timezone.utc
FIRST_INSTANT = datetime(1, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)

MOST_YEARS = 9999

_encode = msgspec.json.Encoder().encode

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


class OutsideCalendarError(TimeTextError):
    """Says that a time lies outside the years 1 to 9999."""

    def __init__(self, text: str) -> None:
        super().__init__(f"`{text}` leads outside the years 1 to 9999")


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
            raise OutsideCalendarError(format_instant(instant)) from None

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
        raise OutsideCalendarError(text) from None


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
            raise OutsideCalendarError(text) from None
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


def is_duration(text: str) -> bool:
    """Whether a bound counts from the other bound: it is a duration and not `now`."""
    return is_relative(text) and text.strip().lower() != "now"


def format_instant(instant: datetime) -> str:
    """Gives `yyyy-MM-ddTHH:mm:ss.SSSZ`, the form the service is sent (onc-api.md 1.1)."""
    if instant.tzinfo is UTC and not instant.microsecond:  # what nearly all are, written ten times as fast
        return f"{_encode(instant)[1:-2].decode()}.000Z"
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def format_moment(instant: datetime, zone: tzinfo | None = UTC) -> str:
    """Gives an instant for people: to the minute, with the name of the zone it is told in (None: the machine's)."""
    local = instant.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {getattr(zone, 'key', None) or local.tzname()}"


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
        raise OutsideCalendarError(format_instant(instant))
    day = min(instant.day, calendar.monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)
