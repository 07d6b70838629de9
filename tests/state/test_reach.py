"""How far the data of a file reach: its name tells it, or nothing does (R143, Q23)."""

from __future__ import annotations

import pytest

from oncsync.state import data_end
from tests.support.records import at, make_file

BEGIN, END = at("2015-01-01"), at("2015-02-01")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("Axis_CTD_20150101T000000Z_20150131T235959Z-clean.csv", "2015-01-31T23:59:59"),
        ("Axis_CTD_20150101T000000.000Z_20150110T120000.000Z.csv", "2015-01-10T12:00"),
        ("Axis_CTD_20150101T000000Z_20150110T000000Z-clean_2.png", "2015-01-10"),
        ("a_20140101T000000Z_b_20150101T000000Z_20150110T000000Z.csv", "2015-01-10"),
    ],
)
def test_the_second_stamp_of_a_name_is_the_end_of_the_data(name: str, end: str) -> None:
    assert data_end(make_file(name), BEGIN, END) == at(end)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Axis_CTD.csv",
        "Axis_CTD_20150110T000000Z.csv",
        "Axis_CTD_20150101T000000Z_20151341T000000Z.csv",
        "Axis_CTD_20150101T000000Z_20141231T000000Z.csv",
        "Axis_CTD_20150101T000000Z_20150301T000000Z.csv",
    ],
)
def test_a_name_without_two_stamps_in_the_span_tells_nothing(name: str) -> None:
    assert data_end(make_file(name, path="a.csv"), BEGIN, END) == END
