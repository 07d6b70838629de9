"""Filters: comma lists, names, and times as people write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from oncsync.catalogue import Filters, given_filters, read_filters
from oncsync.errors import InputError
from oncsync.manifest.model import FILTER_MEMBERS
from oncsync.timespan import UTC, format_instant

NOW = datetime(2026, 11, 21, 10, 20, 30, tzinfo=UTC)


def read(**written: Any) -> Filters:
    rest = {name: written.pop(name) for name in ("begin", "end", "name", "with_empty") if name in written}
    return read_filters(written, now=NOW, **rest)


def span(**written: Any) -> tuple[str, str]:
    found = read(**written).span
    assert found is not None
    return format_instant(found.begin)[:19], format_instant(found.end)[:19]


@pytest.mark.parametrize("written", ["CTD, HYDROPHONE,", ["CTD,HYDROPHONE"], ["CTD", "HYDROPHONE", "CTD"]])
def test_lists_and_comma_lists_mean_any_of(written: Any) -> None:
    """R46."""
    assert read(deviceCategoryCode=written).device_category_codes == ("CTD", "HYDROPHONE")


def test_what_is_left_out_holds_of_everything() -> None:
    """R44."""
    assert read() == Filters()
    assert not read().names_instruments
    assert not read().names_products


@pytest.mark.parametrize("key", FILTER_MEMBERS)
def test_every_key_of_the_manifest_is_a_filter(key: str) -> None:
    filters = read(**{key: "A,B"})
    assert getattr(filters, FILTER_MEMBERS[key]) == ("A", "B")
    assert given_filters(filters) == {key: "A,B"}
    assert filters.names_instruments or filters.names_products


@pytest.mark.parametrize("written", [",", " ", [" , "]])
def test_a_filter_without_a_value_is_an_error_not_everything(written: Any) -> None:
    with pytest.raises(InputError, match="`locationCode` is given without a value"):
        read(locationCode=written)


@pytest.mark.parametrize(
    ("begin", "end", "first", "last"),
    [
        ("2012", "2013", "2012-01-01T00:00:00", "2013-01-01T00:00:00"),
        ("2012-03", "2012-04-15", "2012-03-01T00:00:00", "2012-04-15T00:00:00"),
        ("2012-03-01", None, "2012-03-01T00:00:00", "2026-11-21T10:20:30"),
        (None, "2012", "0001-01-01T00:00:00", "2012-01-01T00:00:00"),
        ("-P1D", "now", "2026-11-20T10:20:30", "2026-11-21T10:20:30"),
        ("2012-08-27T01:02:03Z", "P1D", "2012-08-27T01:02:03", "2012-08-28T01:02:03"),
    ],
)
def test_bounds_are_those_of_the_manifest_or_a_year_or_a_month(
    begin: str | None, end: str | None, first: str, last: str
) -> None:
    assert span(begin=begin, end=end) == (first, last)


def test_a_bad_date_gets_the_suggestion_that_the_manifest_gives() -> None:
    with pytest.raises(InputError, match="has no month 20") as caught:
        read(begin="2013-20-23")
    assert caught.value.hint == "did you mean `2013-10-23`?"
    assert caught.value.exit_code == 2


def test_equal_years_are_an_error_with_the_cure() -> None:
    with pytest.raises(InputError) as caught:
        read(begin="2012", end="2012")
    assert "--end 2013" in (caught.value.hint or "")


def test_a_span_is_shown_in_full() -> None:
    given = given_filters(read(begin="2012", end="2013", name=" whale "))
    assert given == {"name": "whale", "begin": "2012-01-01T00:00:00.000Z", "end": "2013-01-01T00:00:00.000Z"}
