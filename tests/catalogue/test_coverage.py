"""Was there data, when, from what, in which formats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import Availability, DataProduct, Deployment
from oncsync.api.places import read_tree
from oncsync.catalogue import CoverageRow, Filters, Source, Stretch, coverage_rows, stretches
from oncsync.timespan import UTC, Span, is_tiled, merge_spans
from tests.catalogue.conftest import Look
from tests.resolver.making import at, between
from tests.resolver.world import World
from tests.support.scripted import Asked, Reply, ScriptedService

NOW = at("2026-11-21T10:00")
EVERYTHING = Filters()
CTD = Source(location_code="NA", device_category_code="CTD")
PRODUCTS = [DataProduct(data_product_code="TSSD", data_product_name="Scalar", extension=one) for one in ("csv", "mat")]


def deployed(device: str, begin: str, end: str | None = None, **rest: Any) -> Deployment:
    return Deployment(
        begin=at(begin),
        end=at(end) if end else None,
        device_code=device,
        device_category_code=rest.pop("device_category_code", "CTD"),
        location_code=rest.pop("location_code", "NA"),
        **rest,
    )


def files(device: str | None, pair: str, count: int | None) -> Availability:
    code, _, extension = pair.partition("/")
    return Availability(
        data_product_code=code, extension=extension, device_code=device, file_count=count, delivered_size=1000
    )


def cover(
    sites: list[Deployment], answer: list[Availability], filters: Filters = EVERYTHING, **rest: Any
) -> list[CoverageRow]:
    asked = stretches(sites, rest.pop("asked", between("2012-01-01", "2013-01-01")), "year", NOW)
    listing = rest.pop("listing", {CTD: PRODUCTS})
    return coverage_rows(sites, [(stretch, answer) for stretch in asked], listing, read_tree([]), filters)


# --- Which questions -------------------------------------------------------------------------------------------


def test_one_question_per_year_place_and_category_with_a_deployment() -> None:
    sites = [
        deployed("A", "2011-06-01", "2012-03-01"),
        deployed("B", "2012-02-01", "2013-02-01"),
        deployed("C", "2012-05-01", "2012-06-01", device_category_code="BPR"),
    ]
    asked = stretches(sites, between("2012-01-01", "2020-01-01"), "year", NOW)
    assert [(one.label, one.source.device_category_code, one.span) for one in asked] == [
        ("2012", "BPR", between("2012-05-01", "2012-06-01")),
        ("2012", "CTD", between("2012-01-01", "2013-01-01")),
        ("2013", "CTD", between("2013-01-01", "2013-02-01")),
    ]


def test_what_lasts_ends_now_and_what_is_to_come_is_not_asked() -> None:
    asked = stretches([deployed("A", "2026-05-01"), deployed("B", "2027-01-01")], None, "month", NOW)
    assert [one.label for one in asked] == [f"2026-{month:02d}" for month in range(5, 12)]
    assert asked[-1].span.end == NOW


def test_the_day_after_the_end_is_not_asked_for() -> None:
    """The service counts the whole day of `dateTo` (onc-api.md 2.8)."""
    (one,) = stretches([deployed("A", "2012-01-01", "2013-01-01")], None, "year", NOW)
    assert one.last_instant == at("2012-12-31T23:59:59.999Z")


moments = st.datetimes(datetime(2009, 1, 1), datetime(2013, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))


@given(st.lists(st.tuples(moments, st.integers(1, 900)), min_size=1, max_size=6), st.sampled_from(["year", "month"]))
def test_what_is_asked_covers_every_deployment_and_each_label_comes_once(
    times: list[tuple[datetime, int]], step: Any
) -> None:
    sites = [
        Deployment(
            begin=begin, end=begin + timedelta(days=days), device_code="A", device_category_code="CTD",
            location_code="NA",
        )
        for begin, days in times
    ]  # fmt: skip
    asked = stretches(sites, None, step, NOW)
    assert len({one.label for one in asked}) == len(asked)
    spans = [one.span for one in asked]
    assert all(is_tiled(Span(one.begin, one.end or NOW), spans) for one in sites)
    assert merge_spans(spans)[0].begin == min(one.begin for one in sites)


# --- What the rows say -----------------------------------------------------------------------------------------


def test_files_in_the_archive_are_data() -> None:
    """R132."""
    (row,) = cover([deployed("A", "2012-08-27", "2014-01-01")], [files("A", "LF/txt", 100), files("A", "LF/log", 20)])
    assert (row.period, row.data, row.file_count, row.bytes) == ("2012", "archived", 120, 2000)
    assert row.deployed_days == 127
    assert (row.begin, row.end) == (at("2012-08-27"), at("2013-01-01"))
    assert [(one.data_product_code, one.extension) for one in row.archived] == [("LF", "log"), ("LF", "txt")]


def test_the_formats_are_those_that_can_be_delivered() -> None:
    """R134."""
    (row,) = cover([deployed("A", "2012-08-27")], [])
    assert [(one.data_product_code, one.extensions) for one in row.products] == [("TSSD", ("csv", "mat"))]
    assert row.data == "on request"


def test_without_files_and_without_products_there_is_nothing() -> None:
    (row,) = cover([deployed("A", "2012-08-27")], [files("A", "LF/txt", 0), files("A", "LF/txt", None)], listing={})
    assert (row.data, row.file_count, row.products) == ("none", 0, ())
    (row,) = cover([deployed("A", "2012-08-27", has_device_data=False)], [])
    assert (row.data, row.products) == ("none", ())


def test_each_instrument_of_a_place_has_its_own_row() -> None:
    sites = [deployed("A", "2012-01-01", "2012-07-01"), deployed("B", "2012-07-01")]
    rows = cover(sites, [files("A", "LF/txt", 5), files("B", "LF/txt", 7)])
    assert [(row.device_code, row.deployed_days, row.file_count) for row in rows] == [("A", 182, 5), ("B", 184, 7)]


def test_times_that_overlap_count_once() -> None:
    sites = [deployed("A", "2012-01-01", "2012-01-11"), deployed("A", "2012-01-06", "2012-01-21")]
    assert [row.deployed_days for row in cover(sites, [])] == [20]


def test_files_of_an_instrument_that_was_not_there_have_a_row_too() -> None:
    """Open question 36: a listing may hold more than what was deployed."""
    rows = cover([deployed("A", "2012-08-27")], [files("Z", "LF/txt", 3)])
    assert [(row.device_code, row.data, row.deployed_days) for row in rows] == [
        ("A", "on request", 127),
        ("Z", "archived", 0),
    ]


def test_files_without_an_instrument_are_those_of_the_only_one() -> None:
    (row,) = cover([deployed("A", "2012-08-27")], [files(None, "LF/txt", 3)])
    assert (row.device_code, row.file_count) == ("A", 3)
    sites = [deployed("A", "2012-08-27"), deployed("B", "2012-08-27")]
    rows = cover(sites, [files(None, "LF/txt", 3)])
    assert [(row.device_code, row.file_count) for row in rows] == [("", 3), ("A", 0), ("B", 0)]


def test_with_a_product_asked_for_only_rows_that_have_it_remain() -> None:
    sites = [deployed("A", "2012-08-27"), deployed("H", "2012-08-27", device_category_code="HYDROPHONE")]
    (row,) = cover(sites, [], Filters(data_product_codes=("TSSD",), extensions=("csv",)))
    assert row.device_code == "A"
    assert [(one.data_product_code, one.extensions) for one in row.products] == [("TSSD", ("csv",))]


def test_a_stretch_knows_its_place_when_the_category_is_not_known() -> None:
    site = deployed("A", "2012-08-27", device_category_code=None)
    stretch = Stretch("2012", Source(device_code="A"), between("2012-08-27", "2013-01-01"))
    (row,) = coverage_rows([site], [(stretch, [])], {}, read_tree([]), Filters())
    assert (row.location_code, row.device_code) == ("NA", "A")


# --- At a service ----------------------------------------------------------------------------------------------


def test_the_other_instruments_of_the_place_and_time_are_there(look_at: Look) -> None:
    """R133."""
    rows = look_at("coverage", locationCode="NA", begin="2020-01", end="2020-02").rows
    found = [(row.location_code, row.device_category_code, row.device_code) for row in rows]
    assert found == [("NA", "CTD", "CTD1"), ("NA", "HYDROPHONE", "HYD1"), ("NA.1", "BPR", "BPR1")]


def test_months(look_at: Look) -> None:
    rows = look_at("coverage", deviceCode="CTD1", by="month", begin="2020", end="2021").rows
    assert [(row.period, row.deployed_days) for row in rows] == [
        ("2020-01", 31),
        ("2020-02", 29),
        ("2020-03", 9.5),
    ]


def test_an_archive_that_knows_nothing_of_a_kind_is_no_fault(
    look_elsewhere: Callable[..., tuple[ScriptedService, Look]],
) -> None:
    """onc-api.md 1.3: 400/127 for codes that exist means that there is nothing."""

    def refuse(asked: Asked) -> Reply | None:
        is_archive = "dataAvailability" in asked.path
        return Reply.of_errors((127, "Invalid parameter value", "deviceCategoryCode")) if is_archive else None

    _, look_at = look_elsewhere(World(instead=refuse))
    rows = look_at("coverage", locationCode="NA.1", begin="2020", end="2021").rows
    assert [(row.device_code, row.data) for row in rows] == [("BPR1", "on request")]
