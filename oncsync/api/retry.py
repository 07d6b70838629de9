"""When to ask again: full jitter that grows and is capped, and the service's own `Retry-After`.

Sources: open questions 44 and 45, R180.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import msgspec

from oncsync.errors import FaultError, OncsyncError, UnreachableError

RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
PAUSE_STATUSES = frozenset({429, 503})
LONGEST_RETRY_AFTER = 600.0
"""Seconds; a service that asks for more is asked again after this."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often a question is put in all, and the bounds of the wait between two times, in seconds."""

    attempts: int = 5
    first: float = 1.0
    cap: float = 60.0


def backoff(policy: RetryPolicy, failures: int, jitter: Callable[[], float]) -> float:
    """Gives the wait after the `failures`-th failure: a share (`jitter`, in [0, 1)) of a bound that doubles."""
    return jitter() * min(policy.cap, policy.first * 2.0 ** min(failures - 1, 64))


def parse_http_date(text: str | None) -> datetime | None:
    """Reads a date of a header, None when it is missing or none."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
        return moment.astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Reads `Retry-After`, seconds or an HTTP date against `now`, as seconds from 0 to `LONGEST_RETRY_AFTER`."""
    if not text:
        return None
    try:
        seconds = float(text.strip())
    except ValueError:
        moment = parse_http_date(text)
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def is_worth_retrying(error: OncsyncError) -> bool:
    """Whether the same question may find a better answer: no answer, a fault of the moment, or an unreadable body.

    A redirect elsewhere, a page in place of a 404 and every refusal stay what they are (open question 45).
    """
    if not isinstance(error, (FaultError, UnreachableError)):
        return False
    return error.status is None or error.status in RETRY_STATUSES or 200 <= error.status < 300
