"""Which bounds move with the clock, and the span that an entry means now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.resolver.spans import evaluate_span, moving_bounds, span_expression
from oncsync.timespan import Span, TimeTextError
from tests.resolver.making import at, between

NOW = at("2026-11-21T10:20:30")
FIXED, BOTH, BEGIN, END = (False, False), (True, True), (True, False), (False, True)


@pytest.mark.parametrize(
    ("begin", "end", "moving"),
    [
        ("2020-01-01", "2020-02-01", FIXED),
        ("2020-01-01", "P1M", FIXED),
        ("-P1M", "2020-02-01", FIXED),
        ("2020-01-01", "now", END),
        ("2020-01-01", None, END),
        ("-P1D", "now", BOTH),
        ("-P1D", None, BOTH),
        (" NOW ", "P1D", BOTH),
        ("now", "2030-01-01", BEGIN),
    ],
)
def test_a_bound_moves_when_it_counts_from_the_clock(begin: str, end: str | None, moving: tuple[bool, bool]) -> None:
    assert moving_bounds(begin, end) == moving


def test_an_expression_is_how_a_moving_span_is_written() -> None:
    assert span_expression("-P1D", "now") == "-P1D/now"
    assert span_expression("2020-01-01", None) == "2020-01-01/now"
    assert span_expression("2020-01-01", "P1M") is None
    assert span_expression("2020-01-01", "2020-02-01") is None
    assert span_expression(None, None) is None, "events have no bounds"


@pytest.mark.parametrize(
    ("begin", "end", "split", "span"),
    [
        ("-P1D", "now", "day", between("2026-11-20", "2026-11-22")),
        ("-PT1H", None, "hour", between("2026-11-21T09:00", "2026-11-21T11:00")),
        ("-P1M", "now", "year", between("2026-01-01", "2027-01-01")),
        ("-P3D", "now", "week", between("2026-11-15", "2026-11-22")),
        ("2026-11-03T07:08:09", "now", "month", between("2026-11-03T07:08:09", "2026-12-01")),
        ("now", "2026-12-24T06:00", "day", between("2026-11-21", "2026-12-24T06:00")),
        ("2020-01-15", "P1M", "month", between("2020-01-15", "2020-02-15")),
        ("-P1M", "2020-02-15", "month", between("2020-01-15", "2020-02-15")),
        ("2020-01-15", "2020-02-15T23:59:59.999Z", "month", between("2020-01-15", "2020-02-16")),
    ],
)
def test_a_bound_that_moves_is_snapped_outward_and_one_that_was_written_stays(
    begin: str, end: str | None, split: str, span: Span
) -> None:
    assert evaluate_span(begin, end, split, "SU", NOW) == span


def test_weeks_are_snapped_to_the_chosen_day() -> None:
    assert evaluate_span("-P1D", "now", "week", "WE", NOW) == between("2026-11-18", "2026-11-25")


@given(st.integers(0, 86_399), st.sampled_from(["-P1D", "-PT6H", "-P2W"]))
def test_resolving_twice_on_one_day_gives_the_same_span(second: int, begin: str) -> None:
    """Days are the grid here: whatever the time of day, the end is midnight and the begin lies at most a day apart."""
    morning = evaluate_span("-P1D", "now", "day", "SU", at("2026-11-21T00:00:00.001"))
    assert evaluate_span("-P1D", "now", "day", "SU", at("2026-11-21") + timedelta(seconds=second, milliseconds=1)) == (
        morning
    )
    later = evaluate_span(begin, "now", "day", "SU", at("2026-11-21") + timedelta(seconds=second))
    assert later.begin.time() == later.end.time() == at("2026-11-21").time()


@pytest.mark.parametrize(
    ("begin", "end", "message"),
    [("2027-01-01", "now", "ends .* before it begins"), ("2026-11-21T10:20:30", None, "the span is empty")],
)
def test_a_span_that_has_no_instant_now_is_refused(begin: str, end: str | None, message: str) -> None:
    with pytest.raises(TimeTextError, match=message):
        evaluate_span(begin, end, "day", "SU", NOW)
