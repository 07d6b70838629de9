"""The worked examples, byte for byte (R121 to R130)."""

from __future__ import annotations

import pytest

from oncsync.errors import ProblemsError
from oncsync.lockfile import LockedRequest, parse_lock
from oncsync.sandbox.catalogue import read_catalogue
from oncsync.timespan import parse_instant
from tests.resolver import golden
from tests.resolver.conftest import Resolve
from tests.resolver.world import entry

CATALOGUE = read_catalogue()


def requests(case: str) -> tuple[LockedRequest, ...]:
    """Gives the requests of a golden lock."""
    return parse_lock((golden.FOLDER / f"{case}.lock").read_bytes()).entries[0].requests


@pytest.mark.parametrize("case", golden.CASES)
def test_a_worked_example_means_what_it_meant(case: str) -> None:
    """`make golden` writes them anew; every change of a byte is a change to review."""
    assert golden.make_lock(case) == (golden.FOLDER / f"{case}.lock").read_bytes()


def test_every_worked_example_has_its_lock_and_every_lock_its_example() -> None:
    """R121, R122, R123, R124, R125, R126, R127, R128, R129, R130."""
    assert set(golden.CASES) == {f"R{number}" for number in range(121, 131)}
    assert {path.stem for path in golden.FOLDER.glob("*.lock")} == set(golden.CASES)


CYCLE = ("2016-06-01", "2017-06-01")
LAST_OF_MAY = ("2017-05-31", "2017-06-01")


@pytest.mark.parametrize(
    ("case", "root", "category", "span"),
    [
        ("R121", "USDDL", "CTD", ("2017-05-01", "2017-06-01")),
        ("R122", "NEP", "HYDROPHONE", CYCLE),
        ("R123", "BACAX", "HYDROPHONE", CYCLE),
        ("R124", "BACAX", "HYDROPHONE", CYCLE),
        ("R125", "LSDDL", None, ("2013-10-23", "2017-06-01")),
        ("R126", "LSDDL", None, ("2013-10-23", "2014-01-01")),
        ("R127", "SOG", None, CYCLE),
        ("R128", "ONC", "VIDEOCAM", LAST_OF_MAY),
        ("R129", "ONC", "VIDEOCAM", LAST_OF_MAY),
        ("R130", "ONC", "VIDEOCAM", ("2012-06-03", "2012-06-04")),
    ],
)
def test_a_worked_example_holds_every_deployment_of_its_place_kind_and_time(
    case: str, root: str, category: str | None, span: tuple[str, str]
) -> None:
    """R51, R130: none is missing, none is too many, all are clipped; by the catalogue itself, in the plainest way."""
    begin, end = (parse_instant(text) for text in span)
    offered = {(one.data_product_code, one.extension) for one in requests(case)}
    assert {(one.about["deviceCode"], one.source["locationCode"], one.begin, one.end) for one in requests(case)} == {
        (one.device.code, one.location, max(one.begin, begin), min(one.end or end, end))
        for one in CATALOGUE.deployments
        if one.begin < end
        and (one.end is None or one.end > begin)
        and root in above(one.location)
        and category in (None, one.device.category)
        and any((product.code, product.extension) in offered for product in one.device.kind.products)
    }


def above(place: str | None) -> list[str]:
    """Gives a place and those above it."""
    return [place, *above(CATALOGUE.locations[place].parent)] if place else []


def test_the_locks_mean_something() -> None:
    """What else each of them is there for, so that writing them anew cannot empty them unseen."""

    def pairs(case: str) -> set[str]:
        return {f"{one.data_product_code}/{one.extension}" for one in requests(case)}

    assert pairs("R121") >= {"TSSD/csv", "TSSP/png", "LF/txt"}
    assert len({one.source["locationCode"] for one in requests("R122")}) >= 6
    assert len(requests("R122")) > len({one.source["locationCode"] for one in requests("R122")}), (
        "exchanged in the year"
    )
    assert pairs("R123") == pairs("R122") == pairs("R124") == {"AD/flac"}
    assert {one.end for one in requests("R124")} >= {parse_instant("2017-06-01")}
    assert {one.extension for one in requests("R125")} == {"mat"}
    assert len({one.source["deviceCategoryCode"] for one in requests("R125")}) >= 4
    assert min(one.begin for one in requests("R126")) == parse_instant("2013-10-23")
    assert pairs("R127") == {"TSSD/csv", "TSSD/json", "TSSD/mat", "TSSD/nc", "TSSD/txt"}
    assert pairs("R129") == {"MP4V/mp4", "TSSD/json"}
    assert [one.begin for one in requests("R130") if one.begin.hour] == [parse_instant("2012-06-03T19:10:02")]


@pytest.mark.parametrize("case", golden.CASES)
def test_a_golden_lock_names_no_day_of_its_making(case: str) -> None:
    assert b"2026" not in (golden.FOLDER / f"{case}.lock").read_bytes()


def test_the_date_as_it_was_mistyped_is_refused_with_the_one_that_was_meant(resolve: Resolve) -> None:
    """R126, I-18: day and month are never exchanged in silence."""
    with pytest.raises(ProblemsError, match="did you mean `2013-10-23`"):
        resolve(entry('locationCode: NB\nbegin: "2013-20-23T00:00:00.000Z"\nend: 2017-06-01'))
