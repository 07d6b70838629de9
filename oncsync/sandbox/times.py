"""Instants and relative bounds as the service's parameters write them (onc-api.md 1.1)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

UTC = timezone.utc
FIRST_INSTANT = datetime(1, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)

_INSTANT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?Z?)?")
_DURATION = re.compile(
    r"(-?)P(?!$)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?!$)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?"
)


@dataclass(frozen=True)
class Span:
    """A half-open stretch of time."""

    begin: datetime
    end: datetime

    def overlaps(self, begin: datetime, end: datetime | None) -> bool:
        """Whether the stretch from `begin` to `end` (for ever when None) shares an instant with this one."""
        return begin < self.end and (end is None or end > self.begin)


@dataclass(frozen=True)
class Duration:
    """Calendar months and exact seconds, both signed."""

    months: int
    seconds: float

    def after(self, instant: datetime) -> datetime:
        """Gives the instant this far from `instant`, held within the years 1 to 9999."""
        months = instant.year * 12 + instant.month - 1 + self.months
        year, month = divmod(months, 12)
        if not 1 <= year <= 9999:
            return FIRST_INSTANT if self.months < 0 else LAST_INSTANT
        day = min(instant.day, calendar.monthrange(year, month + 1)[1])
        try:
            return instant.replace(year=year, month=month + 1, day=day) + timedelta(seconds=self.seconds)
        except OverflowError:
            return FIRST_INSTANT if self.seconds < 0 else LAST_INSTANT


def parse_bound(text: str) -> datetime | Duration | None:
    """Reads an instant (UTC), a date (its midnight) or a duration; gives None for anything else."""
    found = _INSTANT.fullmatch(text)
    if found:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        micros = int((found.group(7) or "0").ljust(6, "0"))
        try:
            return datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC)
        except ValueError:
            return None
    found = _DURATION.fullmatch(text)
    if not found:
        return None
    sign = -1 if found.group(1) else 1
    years, months, days, hours, minutes = (int(part or 0) for part in found.groups()[1:6])
    seconds = days * 86400 + hours * 3600 + minutes * 60 + float(found.group(7) or 0)
    return Duration(sign * (years * 12 + months), sign * seconds)


def written(instant: datetime) -> str:
    """Writes an instant as the service does, always with milliseconds: `2014-05-09T15:50:42.000Z`."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def stamped(instant: datetime, *, milliseconds: bool = False) -> str:
    """Writes an instant as file names carry it: `20170119T000000Z`, or with `.000` before the `Z`."""
    text = f"{instant:%Y%m%dT%H%M%S}"
    return f"{text}.{instant.microsecond // 1000:03d}Z" if milliseconds else f"{text}Z"
