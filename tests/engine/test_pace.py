"""Waits, and the hours in which new work may start."""

from __future__ import annotations

import heapq
import time as clock
from collections.abc import Iterator
from datetime import datetime, time, timedelta, tzinfo
from random import Random
from statistics import mean, median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.engine.pace import (
    Observed,
    Pace,
    RunWindow,
    least_expected,
    poll_wait,
    read_window,
    read_zone,
    retry_wait,
    usual_duration,
)
from oncsync.timespan import UTC
from tests.support.records import at, steady

VANCOUVER = ZoneInfo("America/Vancouver")
NIGHT = read_window("22:00:00", "06:00:00")
DRAWS = st.floats(0, 1, exclude_max=True)
SECONDS = st.floats(0, 1e7)


def local(text: str, zone: tzinfo = UTC, fold: int = 0) -> datetime:
    """Gives the UTC instant at which the clocks of a zone show a time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


# --- Waits ---------------------------------------------------------------------------------------------------------


@steady(200)
@given(SECONDS, st.none() | SECONDS, DRAWS)
def test_a_poll_waits_between_one_second_and_one_minute_jittered_by_a_tenth(
    elapsed: float, expected: float | None, draw: float
) -> None:
    """Architecture, "Polling": whatever is expected, no poll comes later than the rule without an aim has it."""
    wait = poll_wait(Pace(), elapsed, expected, draw)
    assert 0.9 <= wait <= 66
    bound = min(max(0.15 * max(elapsed, expected or 0), 1), 60)
    assert wait <= 1.1 * bound + 1e-9
    if expected is None or expected <= elapsed or expected >= elapsed + bound:
        assert abs(wait - bound) <= 0.1 * bound + 1e-9
    else:
        assert abs(wait - max(expected - elapsed, 1)) <= 0.1 * wait / 0.9 + 1e-9


def poll_until(duration: float, expected: float | None, rng: Random) -> tuple[float, int]:
    """Polls an order of so many seconds; gives when its end is seen, and the number of polls."""
    elapsed, polls = 0.0, 1
    while elapsed < duration:
        elapsed += poll_wait(Pace(), elapsed, expected, rng.random())
        polls += 1
    return elapsed, polls


@steady(100)
@given(st.floats(1, 20_000), st.none() | st.floats(1, 20_000), st.integers(0, 1000))
def test_the_end_of_an_order_is_seen_in_time_with_few_polls(duration: float, expected: float | None, seed: int) -> None:
    """B20, B21: at most a sixth of what passed or was expected too late, at most a minute; polls grow slowly."""
    seen, polls = poll_until(duration, expected, Random(seed))
    assert seen - duration <= min(66, max(1.1, 0.165 * max(duration, expected or 0)))
    assert polls <= 45 + duration / 54


def test_an_order_of_ten_minutes_is_polled_far_less_often_than_every_two_seconds() -> None:
    """B21: at most 0.15 of 301 polls without an expectation; a fraction of that, and hardly late, with one."""
    rng = Random(1)
    unknown = [poll_until(600, None, rng)[1] for _ in range(50)]
    known = [poll_until(600, 600, rng) for _ in range(50)]
    assert mean(unknown) / 301 <= 0.15
    assert mean(polls for _, polls in known) / 301 <= 0.05
    assert mean(seen for seen, _ in known) / 600 <= 1.01


def test_forty_jobs_on_four_slots_take_hardly_longer_than_they_must() -> None:
    """B20: with what was learned of the jobs before, at most a tenth longer than when every end is seen at once."""
    ratios = []
    for seed in range(50):
        rng = Random(seed)
        jobs = [rng.uniform(20, 60) for _ in range(40)]
        learned: list[Observed] = []
        slots, ideal = [0.0] * 4, [0.0] * 4
        for job in jobs:
            heapq.heapreplace(ideal, ideal[0] + job)
            seen, _ = poll_until(job, usual_duration(learned[-9:], 1), rng)
            learned.append(Observed(seen, 1))
            heapq.heapreplace(slots, slots[0] + seen)
        ratios.append(max(slots) / max(ideal))
    assert median(ratios) <= 1.10


@steady(100)
@given(st.lists(st.tuples(st.floats(0.1, 1e5), st.floats(1, 1e9)), max_size=9), st.floats(1, 1e9))
def test_what_is_expected_lies_among_what_was_seen_and_grows_with_the_span(
    seen: list[tuple[float, float]], span: float
) -> None:
    """Orders for spans of quite another length teach nothing; the least is never more than the usual."""
    observed = [Observed(*one) for one in seen]
    scaled = [seconds * (span / length) for seconds, length in seen if 1 / 12 <= span / length <= 12]
    usual, least = usual_duration(observed, span), least_expected(observed, span)
    assert (usual is None) is (least is None) is (not scaled)
    if usual is not None and least is not None:
        assert min(scaled) == least <= usual <= max(scaled)


@pytest.mark.parametrize(
    ("elapsed", "estimate", "wait"),
    [
        (0, None, 1),
        (0, 20, 3),
        (100, None, 15),
        (100, 20, 15),
        (100, 200, 30),
        (400, None, 60),
        (86400, 9, 60),
        (0, 0, 1),
        (90, 100, 10),
        (99.5, 100, 1),
        (100, 100, 15),
    ],
)
def test_a_poll_waits_a_share_of_what_has_passed_or_is_expected(
    elapsed: float, estimate: float | None, wait: float
) -> None:
    assert poll_wait(Pace(), elapsed, estimate, 0.5) == pytest.approx(wait)


def test_the_jitter_spreads_polls_evenly_around_the_wait() -> None:
    assert [poll_wait(Pace(), 100, None, draw) for draw in (0.0, 1.0)] == pytest.approx([13.5, 16.5])


@steady(200)
@given(st.integers(1, 2000), DRAWS)
def test_a_retry_waits_longer_each_time_and_never_much_longer_than_a_minute(attempt: int, draw: float) -> None:
    """Open question 44."""
    wait = retry_wait(Pace(), attempt, None, draw)
    assert 0.5 <= wait <= 60
    assert retry_wait(Pace(), attempt + 1, None, draw) >= wait


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (99, 60)])
def test_the_bound_of_a_retry_doubles(attempt: int, ceiling: float) -> None:
    assert retry_wait(Pace(), attempt, None, 1.0) == pytest.approx(ceiling)
    assert retry_wait(Pace(), attempt, None, 0.0) == pytest.approx(ceiling / 2)


@steady(100)
@given(st.integers(1, 50), st.floats(0, 600), DRAWS)
def test_a_wait_that_the_service_asks_for_is_kept(attempt: int, asked: float, draw: float) -> None:
    """Open question 44: `Retry-After`, and a little more, so that not everybody comes at once."""
    assert asked <= retry_wait(Pace(), attempt, asked, draw) <= asked + 1


# --- The run window ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2017-05-01T22:00:00", True),
        ("2017-05-01T23:59:59", True),
        ("2017-05-02T00:00:00", True),
        ("2017-05-02T05:59:59", True),
        ("2017-05-02T05:59:59.999", True),
        ("2017-05-02T06:00:00", False),
        ("2017-05-02T12:00:00", False),
        ("2017-05-02T21:59:59", False),
    ],
)
def test_a_window_may_reach_across_midnight(moment: str, is_open: bool) -> None:
    """R99."""
    assert NIGHT.is_open(at(moment), UTC) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"), [("07:59:59", False), ("08:00:00", True), ("16:59:59", True), ("17:00:00", False)]
)
def test_a_window_within_a_day_ends_before_its_end(moment: str, is_open: bool) -> None:
    """R97, R101: closing means that nothing new is added from that instant on."""
    assert read_window("08:00:00", "17:00:00").is_open(at(f"2017-05-01T{moment}"), UTC) is is_open


@pytest.mark.parametrize("bound", ["00:00:00", "12:34:56"])
@pytest.mark.parametrize("moment", ["2017-05-01", "2017-05-01T12:34:56", "2017-05-01T23:59:59.999"])
def test_equal_bounds_are_no_window(bound: str, moment: str) -> None:
    """R97, R98: the default lets everything run at once."""
    window = read_window(bound, bound)
    assert window.is_always_open
    assert window.is_open(at(moment), UTC)
    assert window.opens_at(at(moment), UTC) == at(moment)


def test_a_window_is_one_of_local_time() -> None:
    """R102: 22:00 in Vancouver is 05:00 UTC in summer and 06:00 UTC in winter."""
    for day, hour in (("2017-07-01", "05"), ("2017-12-01", "06")):
        opens = at(f"{day}T{hour}:00:00")
        assert NIGHT.is_open(opens, VANCOUVER)
        assert not NIGHT.is_open(opens - timedelta(seconds=1), VANCOUVER)
        assert NIGHT.opens_at(opens - timedelta(hours=3), VANCOUVER) == opens


def test_an_open_window_opens_now_and_a_closed_one_at_its_begin() -> None:
    """R100."""
    assert NIGHT.opens_at(at("2017-05-01T23:00"), UTC) == at("2017-05-01T23:00")
    assert NIGHT.opens_at(at("2017-05-01T06:00"), UTC) == at("2017-05-01T22:00")
    day = read_window("08:00:00", "17:00:00")
    assert day.opens_at(at("2017-05-01T17:00"), UTC) == at("2017-05-02T08:00")
    assert day.opens_at(at("2017-05-01T07:59:59.5"), UTC) == at("2017-05-01T08:00")


# In Vancouver the clocks go from 02:00 to 03:00 on 2017-03-12 and from 02:00 back to 01:00 on 2017-11-05.


def test_a_begin_that_the_clocks_skip_opens_when_they_are_put_forward() -> None:
    """R102, in spring."""
    window = read_window("02:30:00", "06:00:00")
    opens = window.opens_at(local("2017-03-12T01:00", VANCOUVER), VANCOUVER)
    assert opens == local("2017-03-12T03:00", VANCOUVER) == at("2017-03-12T10:00")


def test_a_window_that_the_clocks_skip_opens_the_next_day() -> None:
    """R102."""
    window = read_window("02:10:00", "02:50:00")
    opens = window.opens_at(local("2017-03-12T01:00", VANCOUVER), VANCOUVER)
    assert opens == local("2017-03-13T02:10", VANCOUVER)


def test_a_window_in_the_hour_that_comes_twice_opens_twice() -> None:
    """R102, in autumn."""
    window = read_window("01:15:00", "01:20:00")
    first = window.opens_at(local("2017-11-05T00:00", VANCOUVER), VANCOUVER)
    second = window.opens_at(local("2017-11-05T01:20", VANCOUVER), VANCOUVER)
    assert (first, second) == (at("2017-11-05T08:15"), at("2017-11-05T09:15"))
    assert window.opens_at(second + timedelta(minutes=5), VANCOUVER) == local("2017-11-06T01:15", VANCOUVER)


def test_clocks_that_go_back_into_a_window_open_it_again() -> None:
    """R102: a window until 01:30 is open from the second 01:00 on."""
    window = read_window("23:00:00", "01:30:00")
    closed = local("2017-11-05T01:30", VANCOUVER)
    assert not window.is_open(closed, VANCOUVER)
    assert window.opens_at(closed, VANCOUVER) == at("2017-11-05T09:00")


TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
CHANGES = {
    "America/Vancouver": ("2017-03-11", "2017-11-04"),
    "Europe/Berlin": ("2017-03-25", "2017-10-28"),
    "Australia/Lord_Howe": ("2017-04-01", "2017-09-30"),
    "Asia/Kolkata": ("2017-05-01", "2017-05-02"),
}


@steady(120)
@given(st.sampled_from(sorted(CHANGES)), st.integers(0, 1), st.integers(0, 3 * 96 - 1), TIMES, TIMES)
def test_a_window_opens_at_the_first_instant_at_which_it_is_open(
    zone: str, which: int, quarters: int, begin: time, end: time
) -> None:
    """R102: checked by looking at every quarter of an hour, over days on which the clocks are changed both ways."""
    zone_info = ZoneInfo(zone)
    window = RunWindow(begin, end)
    moment = at(CHANGES[zone][which]) + timedelta(minutes=15 * quarters)
    looked = (moment + timedelta(minutes=15 * number) for number in range(3 * 96))
    expected = next(one for one in looked if window.is_open(one, zone_info))
    assert window.opens_at(moment, zone_info) == expected


@pytest.fixture
def machine_in_vancouver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sets the machine's own zone."""
    if not hasattr(clock, "tzset"):
        pytest.skip("this system cannot change its zone for one process")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/Vancouver")
        clock.tzset()
        yield
    clock.tzset()


@pytest.mark.usefixtures("machine_in_vancouver")
def test_without_a_zone_the_machines_own_counts() -> None:
    """R102."""
    assert read_zone(None) is None
    for text in ("2017-03-12T01:00", "2017-07-01T12:00", "2017-11-05T01:30", "2017-12-01T21:00"):
        moment = local(text, VANCOUVER)
        assert NIGHT.is_open(moment) == NIGHT.is_open(moment, VANCOUVER)
        assert NIGHT.opens_at(moment) == NIGHT.opens_at(moment, VANCOUVER)


def test_a_zone_is_named_as_everywhere() -> None:
    """R102."""
    assert read_zone("America/Vancouver") == VANCOUVER
