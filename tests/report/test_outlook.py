"""What is still to be ordered takes what similar chunks took before; what is not known is said to be unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry
from oncsync.report import Outlook, forecast
from oncsync.state import ChunkState, State
from tests.support.records import at, make_entry, make_file, make_lock, make_request

PLOTS = {"extension": "png"}


class Order(NamedTuple):
    """A chunk to be ordered."""

    entry: LockEntry
    request: LockedRequest
    chunk: Chunk


def orders(lock: Lock) -> list[Order]:
    """Gives every chunk of a lock as an order."""
    return [Order(*one) for one in lock.chunks()]


def made(request: LockedRequest, *, seconds: float = 60.0, size: int = 100, **changed: Any) -> dict[str, ChunkState]:
    """Gives what the state has of a request whose chunks each took so long and have so many bytes."""
    asked = at("2026-01-01")
    return {
        chunk.id: ChunkState(
            **{
                "product": request.product_digest,
                "begin": chunk.begin,
                "end": chunk.end,
                "outcome": "done",
                "asked_at": asked,
                "at": asked + timedelta(seconds=seconds),
                "files": (make_file("a", content=b"x" * size),),
                **changed,
            }
        )
        for chunk in request.chunks
    }


def ahead(lock: Lock, chunks: dict[str, ChunkState] | None = None, at_a_time: int = 4) -> Outlook:
    """Gives what all chunks of a lock take."""
    return forecast(lock, orders(lock), State(chunks=chunks or {}), at_a_time, None)


YEAR = make_request("2017-01-01", "2018-01-01")
BEFORE = make_request("2016-01-01", "2017-01-01")


def test_without_history_time_and_size_are_unknown() -> None:
    total = ahead(make_lock(make_entry("a", YEAR))).total
    assert (total.orders, total.seconds, total.untimed, total.bytes, total.unsized) == (12, None, 12, None, 12)


def test_nothing_to_order_takes_nothing() -> None:
    lock = make_lock(make_entry("a", YEAR))
    total = forecast(lock, [], State(), 4, None).total
    assert (total.orders, total.seconds, total.bytes) == (0, 0.0, 0)


def test_chunks_of_the_same_product_take_what_they_took_before_four_at_a_time() -> None:
    total = ahead(make_lock(make_entry("a", YEAR)), made(BEFORE)).total
    assert (total.orders, total.untimed, total.unsized) == (12, 0, 0)
    assert total.seconds == 12 * 60 / 4
    assert total.bytes == pytest.approx(1200, rel=0.01)
    assert ahead(make_lock(make_entry("a", YEAR)), made(BEFORE), at_a_time=2).total.seconds == 12 * 60 / 2


def test_it_never_takes_less_than_its_longest_order() -> None:
    lock = make_lock(make_entry("a", make_request("2017-01-01", "2017-02-01")))
    assert ahead(lock, made(BEFORE, seconds=600)).total.seconds == 600


def test_the_same_product_of_another_place_is_similar_too_unless_its_own_history_is_known() -> None:
    elsewhere = make_request("2016-01-01", "2017-01-01", source={"locationCode": "NC89", "deviceCategoryCode": "CTD"})
    lock = make_lock(make_entry("a", YEAR, elsewhere))
    here = [one for one in orders(lock) if one.request.id == YEAR.id]
    state = State(chunks=made(elsewhere, seconds=40))
    assert forecast(lock, here, state, 1, None).total.seconds == 12 * 40
    state.chunks.update(made(BEFORE, seconds=10))
    assert forecast(lock, here, state, 1, None).total.seconds == 12 * 10


@pytest.mark.parametrize(
    "other",
    [
        make_request("2016-01-01", "2017-01-01", extension="png"),
        make_request("2016-01-01", "2017-01-01", code="AD"),
        make_request("2016-01-01", "2017-01-01", options={"dpo_resample": "average"}),
    ],
)
def test_another_product_or_other_options_say_nothing(other: LockedRequest) -> None:
    lock = make_lock(make_entry("a", YEAR, other))
    here = [one for one in orders(lock) if one.request.id == YEAR.id]
    total = forecast(lock, here, State(chunks=made(other)), 4, None).total
    assert (total.seconds, total.bytes) == (None, None)


def test_the_time_of_much_longer_chunks_is_unknown_but_their_size_goes_by_length() -> None:
    whole = make_request("2017-01-01", "2018-01-01", split="year")
    total = ahead(make_lock(make_entry("a", whole)), made(BEFORE)).total
    assert (total.seconds, total.untimed) == (None, 1)
    assert total.bytes == pytest.approx(1200, rel=0.01)


def test_one_order_that_took_a_weekend_does_not_count_for_all() -> None:
    """A machine that slept, a service that was away: the middle of the times is taken."""
    chunks = made(BEFORE)
    slow = next(iter(chunks))
    chunks |= made(make_request("2016-01-01", "2016-02-01"), seconds=2 * 86_400)
    assert slow in chunks
    assert ahead(make_lock(make_entry("a", YEAR)), chunks, at_a_time=1).total.seconds == 12 * 60


def test_what_failed_or_was_never_finished_tells_nothing() -> None:
    for outcome in ("failed-retryable", "failed-permanent", "refused", "expired", None):
        total = ahead(make_lock(make_entry("a", YEAR)), made(BEFORE, outcome=outcome)).total
        assert (total.seconds, total.bytes) == (None, None)


def test_spans_without_data_make_the_size_smaller() -> None:
    half = made(BEFORE)
    for key in list(half)[::2]:
        half[key] = ChunkState(product=half[key].product, begin=half[key].begin, end=half[key].end, outcome="empty",
                               asked_at=half[key].asked_at, at=half[key].at)  # fmt: skip
    size = ahead(make_lock(make_entry("a", YEAR)), half).total.bytes
    assert size == pytest.approx(600, rel=0.05)


def test_known_and_unknown_orders_are_told_apart_entry_by_entry() -> None:
    lock = make_lock(make_entry("a", YEAR), make_entry("b", make_request("2017-01-01", "2017-03-01", extension="png")))
    outlook = ahead(lock, made(BEFORE))
    amounts = outlook.by_entry()
    assert amounts[("download", "a")].untimed == 0
    assert amounts[("download", "b")].seconds is None
    assert (outlook.total.orders, outlook.total.untimed, outlook.total.unsized) == (14, 2, 2)
    assert outlook.total.seconds == 12 * 60 / 4


def test_a_chunk_that_two_entries_want_counts_once() -> None:
    lock = make_lock(make_entry("a", YEAR), make_entry("b", YEAR))
    first = [one for one in orders(lock) if one.entry.name == "a"]
    outlook = forecast(lock, first, State(), 4, None)
    assert [one.amount.orders for one in outlook.entries] == [12, 0]
    assert outlook.total.orders == 12
