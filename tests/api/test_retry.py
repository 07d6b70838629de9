"""When a question is put again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api.retry import (
    LONGEST_RETRY_AFTER,
    RetryPolicy,
    backoff,
    is_worth_retrying,
    parse_http_date,
    parse_retry_after,
)
from oncsync.errors import (
    FaultError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OncsyncError,
    RefusedError,
    TokenError,
    UnreachableError,
)
from tests.api.conftest import NOW


@given(st.integers(1, 2000), st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_nothing_and_a_bound_that_doubles_up_to_the_cap(failures: int, share: float) -> None:
    policy = RetryPolicy(first=1.0, cap=60.0)
    wait = backoff(policy, failures, lambda: share)
    assert 0 <= wait <= min(60.0, 2.0 ** min(failures - 1, 10))


def test_the_bounds_double_and_then_stay() -> None:
    policy = RetryPolicy(first=0.5, cap=3.0)
    assert [backoff(policy, failures, lambda: 1.0) for failures in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 2.5 ", 2.5),
        ("100000", LONGEST_RETRY_AFTER),
        ("inf", LONGEST_RETRY_AFTER),
        ("-3", 0.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=300), usegmt=True), LONGEST_RETRY_AFTER),
        ("Sat, 21 Nov 2026 12:00:10 -0000", 10.0),
        ("", None),
        (None, None),
        ("nan", None),
        ("soon", None),
        ("Sat, 99 Nov 2026 12:00:10 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_capped(text: str | None, seconds: float | None) -> None:
    """Open question 44."""
    assert parse_retry_after(text, NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_the_reading_of_dates_and_waits(text: str) -> None:
    wait = parse_retry_after(text, NOW)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER
    assert parse_http_date(text) is None or parse_http_date(text).utcoffset() == timedelta()  # type: ignore[union-attr]


def test_a_header_date_is_utc() -> None:
    assert parse_http_date("Sat, 21 Nov 2026 12:00:00 GMT") == datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("error", "is_worth"),
    [
        (UnreachableError("x"), True),
        (FaultError("x"), True),
        *((FaultError("x", status=status), True) for status in (200, 429, 500, 502, 503, 504)),
        *((FaultError("x", status=status), False) for status in (302, 404, 501, 505)),
        (RefusedError("x", status=400), False),
        (ForbiddenError("x", status=403), False),
        (NotFoundError("x", status=404), False),
        (TokenError("x"), False),
        (InputError("x"), False),
    ],
)
def test_only_passing_faults_are_worth_another_attempt(error: OncsyncError, is_worth: bool) -> None:
    """Open question 45."""
    assert is_worth_retrying(error) is is_worth
