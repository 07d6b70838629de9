"""The time range of `download_structured`, in any of the forms that it takes. Pure.

Sources: R165, I-3, I-27, requirements "Behaviours behind S2".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from oncsync.errors import InputError
from oncsync.timespan import UTC, TimeTextError, parse_end, parse_instant

Moment = str | float | date | timedelta | None

SINCE_DEPLOYMENT = {"strawb_all": datetime(2020, 10, 1, tzinfo=UTC)}
"""Words for a begin: since these instruments were deployed."""


def read_moments(date_from: Moment, date_to: Moment, now: datetime) -> tuple[datetime, datetime]:
    """Gives the half-open span that is meant, as UTC instants.

    `date_from`: an instant without a zone is UTC; a number or a timedelta counts back from now; None is a day ago.
    `date_to`: a number of days or a timedelta counts from `date_from`; None is now; the last second of a day is the
    whole day. Raises `InputError`.
    """
    begin = _read("date_from", date_from, parse_instant, lambda back: now - back, now - timedelta(days=1))
    end = _read("date_to", date_to, parse_end, lambda length: begin + length, now)
    if begin >= end:
        raise InputError(
            f"`date_to` ({end:%Y-%m-%d %H:%M:%S} UTC) is not after `date_from` ({begin:%Y-%m-%d %H:%M:%S} UTC)"
        )
    return begin, end


def _read(
    name: str,
    value: Moment,
    parse: Callable[[str], datetime],
    count: Callable[[timedelta], datetime],
    default: datetime,
) -> datetime:
    if value is None:
        return default
    if isinstance(value, date):
        return as_instant(value)
    try:
        length = _as_length(value)
        return count(abs(length)) if length is not None else _read_text(name, str(value).strip(), parse)
    except OverflowError:
        raise InputError(f"`{name}`: `{value}` leads outside of the calendar") from None


def as_instant(value: date) -> datetime:
    """Gives a UTC instant; without a zone it is one already, and a date is its midnight."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _as_length(value: str | float | timedelta) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(days=float(value))
    except ValueError:
        return None


def _read_text(name: str, text: str, parse: Callable[[str], datetime]) -> datetime:
    if name == "date_from" and text in SINCE_DEPLOYMENT:
        return SINCE_DEPLOYMENT[text]
    try:
        return parse(text)
    except TimeTextError as error:
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else None
        raise InputError(f"`{name}`: {error}", hint=hint) from None
