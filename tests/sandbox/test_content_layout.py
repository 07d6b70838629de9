"""Names of files, and how an order is cut into files."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.sandbox import read_catalogue
from oncsync.sandbox.content import lay_out
from oncsync.sandbox.content.layout import FILES_PER_ORDER, _broken, _starts
from oncsync.sandbox.content.series import Stretch, instant_of, milliseconds, moments, stretches
from oncsync.sandbox.orders import read_order
from oncsync.sandbox.times import UTC
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Asked

CATALOGUE = read_catalogue()


def names(ask: Asked, **given: str) -> list[str]:
    """Gives the names of the files that an order would bring, metadata last."""
    catalogue = ask.sandbox.catalogue
    delivered = lay_out(catalogue, read_order(catalogue, CTD_CSV | MAY | given, NOW))
    assert delivered.metadata is not None
    return [file.name for file in (*delivered.files, delivered.metadata)]


def test_a_name_is_place_category_first_and_last_sample_and_mode(ask: Asked) -> None:
    stem = "FraserRiverDelta_UpperSlopeDeltaDynamicsLaboratory_ConductivityTemperatureDepth"
    assert names(ask) == [
        f"{stem}_20170501T000008Z_20170531T233008Z-clean.csv",
        f"{stem}_20170501T000008Z_20170531T233008Z-clean_CSV_META.xml",
    ]
    assert names(ask, dpo_qualityControl="0")[0] == f"{stem}_20170501T000008Z_20170531T233008Z-raw.csv"


def test_a_device_order_is_named_after_the_device(ask: Asked) -> None:
    given = {"deviceCode": "SBECTD37SIP8451", "dataProductCode": "TSSD", "extension": "csv"}
    assert next(iter(ask.files(**given, **MAY))).startswith("SeaBirdMicroCATSBE37SIP8451_20170501T")


def test_options_that_are_not_named_give_equal_names(ask: Asked) -> None:
    assert names(ask, dpo_dataGaps="0") == names(ask, dpo_dataGaps="1")


@pytest.mark.parametrize(
    ("breaks", "begin", "end", "starts"),
    [
        ("0", "2017-05-01", "2017-06-01", 1),
        ("1", "2017-05-01", "2017-05-08", 7),
        ("2", "2017-05-01", "2017-06-01", 5),
        ("3", "2017-05-01", "2017-05-01T06:00:00.000Z", 6),
        ("4", "2017-01-15", "2017-04-02", 4),
        ("5", "2012-06-01", "2016-06-01", 5),
    ],
)
def test_file_breaks_are_as_the_option_says(ask: Asked, breaks: str, begin: str, end: str, starts: int) -> None:
    """Daily, weekly from Sunday midnight, hourly, monthly, yearly."""
    found = names(ask, dateFrom=begin, dateTo=end, dpo_filePlotBreaks=breaks)
    assert len(found) == starts + 1


def test_a_weekly_file_begins_on_sunday(ask: Asked) -> None:
    found = names(ask, dpo_filePlotBreaks="2")
    days = [name.split("_")[3][:8] for name in found[:-1]]
    assert days == ["20170501", "20170507", "20170514", "20170521", "20170528"]


BEGINNINGS = st.datetimes(datetime(2009, 1, 1), datetime(2026, 1, 1)).map(
    lambda t: t.replace(microsecond=0, tzinfo=UTC)
)


@given(BEGINNINGS, st.integers(1, 24 * 400), st.sampled_from("0123456"))
def test_breaks_tile_the_span(begin: datetime, hours: int, breaks: str) -> None:
    if breaks == "3":
        hours = min(hours, 500)
    end = begin + timedelta(hours=hours)
    parts = _broken(begin, end, breaks)
    assert parts[0][0] == begin
    assert parts[-1][1] == end
    assert all(one[1] == two[0] for one, two in itertools.pairwise(parts))
    assert all(one < two for one, two in parts)


@given(BEGINNINGS, st.integers(1, 86400 * 3000), st.sampled_from([300_000, 86_400_000]))
def test_recordings_are_few_and_lie_in_their_stretch(begin: datetime, seconds: int, step: int) -> None:
    device = CATALOGUE.devices["SBECTD37SIP8451"]
    start = milliseconds(begin)
    part = Stretch(device, None, start, start + seconds * 1000)
    found = _starts(part, step)
    assert found[0] == part.begin
    assert found == sorted(set(found))
    assert found[-1] < part.end
    assert 1 <= len(found) <= FILES_PER_ORDER
    assert all(moment % step == 0 for moment in found[1:])


@given(BEGINNINGS, st.integers(0, 86400 * 30), st.integers(0, 86400 * 30), st.sampled_from([60, 900, 1800, 86400]))
def test_samples_of_neighbouring_spans_are_those_of_the_whole(
    begin: datetime, first: int, second: int, step: int
) -> None:
    device = CATALOGUE.devices["SBECTD37SIP8451"]
    start = milliseconds(begin)
    middle, end = start + first * 1000, start + (first + second) * 1000
    whole = moments(Stretch(device, None, start, end), step * 1000)
    parts = [moments(Stretch(device, None, a, b), step * 1000) for a, b in ((start, middle), (middle, end))]
    assert [*parts[0], *parts[1]] == list(whole)
    assert all(start <= moment < end for moment in whole)


@given(BEGINNINGS, st.integers(1, 24 * 2000))
def test_stretches_never_overlap_whatever_was_deployed(begin: datetime, hours: int) -> None:
    end = begin + timedelta(hours=hours)
    found = stretches(CATALOGUE.deployments, begin, end)
    for one, two in itertools.pairwise(found):
        assert one.end <= two.begin
    for part in found:
        assert begin <= instant_of(part.begin) < instant_of(part.end) <= end
