"""Sizes by what ONC says its archive holds: few questions, bytes spread over the time they are of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from oncsync.api import Session
from oncsync.errors import TokenError
from oncsync.lockfile import Lock, LockedRequest
from oncsync.report import make_outlook
from oncsync.report.sizes import MOST_QUESTIONS, ArchiveSizes, ask_sizes
from oncsync.state import State
from tests.report.test_outlook import made, orders
from tests.resolver.world import session_with
from tests.support.records import BACAX_CTD, make_entry, make_lock, make_request
from tests.support.scripted import Asked, Reply, Serve, serve

__all__ = ["serve"]

YEAR = make_request("2017-01-01", "2018-01-01")


def row(begin: str, end: str, size: int | None = 3650, **changed: Any) -> dict[str, Any]:
    """Gives a row of the service: so many bytes of a product of CTD1 in a time of whole days."""
    return {
        "dataProductCode": "TSSD",
        "extension": "csv",
        "deviceCode": "CTD1",
        "dateFrom": f"{begin}T00:00:00.000Z",
        "dateTo": f"{end}T00:00:00.000Z",
        "fileCount": 1,
        "totalFileSize": 1,
        "totalUncompressedFileSize": size,
        **changed,
    }


class Archive:
    """A service that says what it holds, per question."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows
        self.reply: Reply | None = None

    def __call__(self, asked: Asked) -> Reply:
        if self.reply is not None:
            return self.reply
        body = {"availableDataProducts": list(self.rows), "messages": [], "next": None, "queryUrl": "x"}
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def ask(serve: Serve) -> Iterator[Any]:
    """Asks an archive about requests; gives what it knows, and what it was asked."""
    opened: list[Session] = []

    def run(archive: Archive, *requests: LockedRequest) -> tuple[ArchiveSizes, list[Asked]]:
        service = serve(archive)
        session = session_with(service.url)
        opened.append(session)
        known = ask_sizes(session, [(one, chunk) for one in requests for chunk in one.chunks])
        return known, service.asked

    yield run
    for session in opened:
        session.close()


def total(sizes: ArchiveSizes, request: LockedRequest) -> float | None:
    """Gives the bytes of all chunks of a request."""
    known = [sizes.bytes_of(request, chunk) for chunk in request.chunks]
    return None if None in known else sum(one for one in known if one is not None)


def test_one_question_for_a_source_whatever_the_number_of_chunks_and_products(ask: Any) -> None:
    plots = make_request("2016-01-01", "2017-01-01", extension="png")
    _, asked = ask(Archive(), YEAR, plots)
    assert len(asked) == 1
    query = {key: value for key, value in asked[0].query.items() if key != "token"}
    assert query == {
        "locationCode": "BACAX",
        "deviceCategoryCode": "CTD",
        "dataProductCode": "TSSD",
        "dateFrom": "2016-01-01T00:00:00.000Z",
        "dateTo": "2018-01-01T00:00:00.000Z",
    }


def test_bytes_are_spread_over_the_time_they_are_of(ask: Any) -> None:
    sizes, _ = ask(Archive(row("2017-01-01", "2018-01-01")), YEAR)
    assert total(sizes, YEAR) == pytest.approx(3650)
    assert sizes.bytes_of(YEAR, YEAR.chunks[1]) == pytest.approx(280)  # February


def test_rows_add_up_and_times_without_any_are_empty(ask: Any) -> None:
    rows = [row("2017-01-01", "2017-01-11", 100), row("2017-02-01", "2017-02-11", 50), row("2016-01-01", "2016-02-01")]
    sizes, _ = ask(Archive(*rows), YEAR)
    assert [round(sizes.bytes_of(YEAR, chunk) or 0) for chunk in YEAR.chunks] == [100, 50, *[0] * 10]


def test_a_product_that_the_archive_does_not_hold_stays_unknown(ask: Any) -> None:
    sizes, _ = ask(Archive(row("2017-01-01", "2018-01-01", extension="png")), YEAR)
    assert total(sizes, YEAR) is None


def test_of_several_instruments_at_a_place_the_requests_own_counts(ask: Any) -> None:
    rows = [row("2017-01-01", "2018-01-01"), row("2017-01-01", "2018-01-01", 7300, deviceCode="CTD2")]
    mine = make_request("2017-01-01", "2018-01-01", about={"deviceCode": "CTD2"})
    sizes, _ = ask(Archive(*rows), YEAR, mine)
    assert total(sizes, mine) == pytest.approx(7300)
    assert total(sizes, YEAR) == pytest.approx(10_950), "one whose instrument is not known gets all of them"


@pytest.mark.parametrize("changed", [{"dateFrom": None}, {"dateTo": "2017-01-01T00:00:00.000Z"}])
def test_rows_that_say_nothing_of_use_are_passed_over(ask: Any, changed: dict[str, Any]) -> None:
    sizes, _ = ask(Archive(row("2017-01-01", "2018-01-01", **changed)), YEAR)
    assert total(sizes, YEAR) is None


def test_the_size_as_stored_stands_in_for_that_as_delivered(ask: Any) -> None:
    rows = Archive(row("2017-01-01", "2018-01-01", None, totalFileSize=730))
    sizes, _ = ask(rows, YEAR)
    assert total(sizes, YEAR) == pytest.approx(730)


@pytest.mark.parametrize("reply", [Reply(503), Reply.of_errors((127, "No such code", "deviceCategoryCode")),
                                   Reply.of_page()])  # fmt: skip
def test_a_source_that_cannot_be_asked_about_stays_unknown(ask: Any, reply: Reply) -> None:
    archive = Archive()
    archive.reply = reply
    sizes, _ = ask(archive, YEAR)
    assert total(sizes, YEAR) is None


def test_a_refused_token_is_told(ask: Any) -> None:
    archive = Archive()
    archive.reply = Reply.of_errors((23, "Invalid token", "token"), status=401)
    with pytest.raises(TokenError):
        ask(archive, YEAR)


def test_an_estimate_of_very_many_sources_asks_a_bounded_number_of_questions(ask: Any) -> None:
    places = [make_request(source={**BACAX_CTD, "locationCode": f"P{number}"}) for number in range(MOST_QUESTIONS + 20)]
    _, asked = ask(Archive(), *places)
    assert len(asked) == MOST_QUESTIONS


def test_sources_that_the_service_does_not_take_are_not_asked_about(ask: Any) -> None:
    """A property of a place without a category (onc-api.md 2.8)."""
    _, asked = ask(Archive(), make_request(source={"locationCode": "BACAX", "propertyCode": "salinity"}))
    assert asked == []


def test_history_goes_before_what_the_archive_says(serve: Serve) -> None:
    """Files made on order are not those of the archive; and what is known costs no question."""
    service = serve(Archive(row("2017-01-01", "2018-01-01")))
    lock: Lock = make_lock(make_entry("a", YEAR))
    with session_with(service.url) as session:
        unknown = make_outlook(lock, orders(lock), State(), 4, session).total
        assert unknown.bytes == 3650
        asked = len(service.asked)
        known = make_outlook(
            lock, orders(lock), State(chunks=made(make_request("2016-01-01", "2017-01-01"))), 4, session
        )
        assert len(service.asked) == asked
    assert known.total.bytes == pytest.approx(1200, rel=0.01)
