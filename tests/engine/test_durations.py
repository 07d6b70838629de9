"""What was seen of orders tells when the next ones are to be looked at."""

from __future__ import annotations

import pytest

from oncsync.engine.durations import MOST_EARLIER, RECENT, Durations
from oncsync.lockfile import LockedRequest
from oncsync.state import ChunkState, Outcome, State
from tests.support.records import at, make_request, span

MAY = span("2017-05-01", "2017-06-01")


def held(request: LockedRequest, minutes: int, outcome: Outcome = "done") -> dict[str, ChunkState]:
    """Gives a state in which an order was asked for at midnight and its files were here so many minutes later."""
    asked = at("2026-11-01")
    ended = at(f"2026-11-01T{minutes // 60:02}:{minutes % 60:02}")
    product = request.product_digest
    return {
        "a": ChunkState(
            product=product, begin=MAY.begin, end=MAY.end, outcome=outcome, asked_at=asked, at=ended,
            fetched_to=MAY.end,
        )
    }  # fmt: skip


def test_nothing_is_expected_where_nothing_was_seen() -> None:
    assert Durations(State()).expect(make_request(), MAY) is None


def test_orders_of_this_run_teach_about_the_same_product_and_about_others_of_its_kind() -> None:
    """Architecture, "Polling": the same product first, then code and extension."""
    durations = Durations(State())
    here, there = make_request(), make_request(source={"locationCode": "NC89", "deviceCategoryCode": "CTD"})
    other = make_request(extension="mat")
    durations.note(here, MAY, 100)
    assert (durations.expect(here, MAY), durations.expect(there, MAY)) == (100, 100)
    assert durations.expect(other, MAY) is None
    durations.note(there, MAY, 300)
    assert (durations.expect(here, MAY), durations.expect(there, MAY)) == (100, 300)


def test_what_is_expected_grows_with_the_span_but_not_beyond_what_can_be_compared() -> None:
    durations = Durations(State())
    durations.note(make_request(), span("2017-05-01", "2017-05-11"), 50)
    assert durations.expect(make_request(), span("2017-05-01", "2017-05-21")) == pytest.approx(100)
    assert durations.expect(make_request(), span("2017-05-01", "2017-05-01T01:00")) is None


def test_the_last_orders_count() -> None:
    """The service is busier at some hours than at others."""
    durations = Durations(State())
    for seconds in [10] * 100 + [90] * RECENT:
        durations.note(make_request(), MAY, seconds)
    assert durations.expect(make_request(), MAY) == 90


def test_of_earlier_runs_the_quickest_order_is_believed_until_one_was_measured() -> None:
    """The state knows when files were here: transfers, pauses and kills are in it, so it is never too short."""
    request = make_request()
    earlier = {"a": 600, "b": 5, "c": 50}
    state = State(chunks={key: held(request, minutes)["a"] for key, minutes in earlier.items()})
    durations = Durations(state)
    assert durations.expect(request, MAY) == 300
    durations.note(request, MAY, 280)
    assert durations.expect(request, MAY) == 280


@pytest.mark.parametrize("outcome", ["empty", "failed-retryable", "refused", "expired"])
def test_orders_that_brought_nothing_teach_nothing(outcome: Outcome) -> None:
    request = make_request()
    assert Durations(State(chunks=held(request, 5, outcome))).expect(request, MAY) is None


def test_a_clock_that_was_set_back_teaches_nothing() -> None:
    request = make_request()
    assert Durations(State(chunks=held(request, 0))).expect(request, MAY) is None


def test_a_large_state_costs_no_more_to_ask_than_a_small_one() -> None:
    """Every poll asks."""
    request = make_request()
    one = held(request, 5)["a"]
    durations = Durations(State(chunks={str(number): one for number in range(1000)}))
    assert len(durations._earlier[request.product_digest]) == MOST_EARLIER
