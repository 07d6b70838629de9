"""Times in the service's parameters and file names."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.sandbox.times import UTC, Duration, Span, parse_bound, stamped, written

INSTANTS = st.datetimes(
    min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(timezone.utc)
).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))


@given(INSTANTS)
def test_what_is_written_is_read_back(instant: datetime) -> None:
    assert parse_bound(written(instant)) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2017-05-01", datetime(2017, 5, 1, tzinfo=UTC)),
        ("2017-05-01T10:20:30.456Z", datetime(2017, 5, 1, 10, 20, 30, 456000, tzinfo=UTC)),
        ("2017-05-01T10:20:30Z", datetime(2017, 5, 1, 10, 20, 30, tzinfo=UTC)),
        ("2017-05-01T10:20:30.5Z", datetime(2017, 5, 1, 10, 20, 30, 500000, tzinfo=UTC)),
    ],
)
def test_instants_and_dates_are_utc(text: str, instant: datetime) -> None:
    assert parse_bound(text) == instant


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1", "2017-13-01", "2017-02-30", "2017-05-01T25:00:00Z", "yesterday", "1D", "p1d", "P1DT"]
)
def test_other_texts_are_no_times(text: str) -> None:
    assert parse_bound(text) is None


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("P1D", 0, 86400),
        ("-P1DT1H", 0, -90000),
        ("PT12H30M", 0, 45000),
        ("PT7M", 0, 420),
        ("P1Y2M", 14, 0),
        ("PT0.5S", 0, 0.5),
        ("-P1Y2M3DT4H5M6S", -14, -(3 * 86400 + 4 * 3600 + 5 * 60 + 6)),
    ],
)
def test_durations_keep_months_apart_from_seconds(text: str, months: int, seconds: float) -> None:
    assert parse_bound(text) == Duration(months, seconds)


def test_a_month_after_the_last_of_january_is_the_last_of_february() -> None:
    assert Duration(1, 0).after(datetime(2017, 1, 31, tzinfo=UTC)) == datetime(2017, 2, 28, tzinfo=UTC)
    assert Duration(-11, 0).after(datetime(2017, 1, 31, tzinfo=UTC)) == datetime(2016, 2, 29, tzinfo=UTC)


@given(INSTANTS, st.integers(-200_000, 200_000), st.floats(-1e14, 1e14))
def test_no_duration_leads_out_of_the_calendar(instant: datetime, months: int, seconds: float) -> None:
    assert 1 <= Duration(months, seconds).after(instant).year <= 9999


def test_stamps_have_no_colons_and_milliseconds_on_demand() -> None:
    instant = datetime(2017, 1, 19, 0, 0, 5, 70_000, tzinfo=UTC)
    assert stamped(instant) == "20170119T000005Z"
    assert stamped(instant, milliseconds=True) == "20170119T000005.070Z"


@given(INSTANTS, st.integers(1, 1000), st.integers(0, 2000), st.integers(1, 1000))
def test_spans_that_touch_do_not_overlap(begin: datetime, length: int, offset: int, other: int) -> None:
    span = Span(begin, begin + timedelta(hours=length))
    start = begin + timedelta(hours=offset)
    assert span.overlaps(start, start + timedelta(hours=other)) == (offset < length)
    assert span.overlaps(start, None) == (offset < length)
