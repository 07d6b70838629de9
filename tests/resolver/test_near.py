"""Deployments near a position (R141)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.errors import ProblemsError
from oncsync.manifest import Near
from oncsync.resolver.near import EARTH_RADIUS_KM, distance_km, is_near
from tests.resolver.conftest import Connect
from tests.resolver.making import site
from tests.resolver.world import World, entry, requests_of, resolved
from tests.support.scripted import Asked

CSV = "dataProductCode: TSSD\nextension: csv\nsplitDateRange: all\n"
POSITIONS = {"NA": (48.0, -126.0), "NA.1": (48.0, -126.1), "NB": (48.0, -127.0), "SA": (None, None)}


def placed(asked: Asked, body: Any) -> Any:
    """Gives every place of the small world a position of its own; ONC knows none for SA."""
    if asked.path != "/api/deployments":
        return body
    return [{**one, "lat": POSITIONS[one["locationCode"]][0], "lon": POSITIONS[one["locationCode"]][1]} for one in body]


def places_near(connect: Connect, near: str, lines: str = CSV) -> set[str]:
    """Gives the places that an entry with `near` asks for."""
    _, session = connect(World(alter=placed))
    return {one.source["locationCode"] for one in requests_of(resolved(entry(lines + f"near: {near}"), session))}


@pytest.mark.parametrize(
    ("radius", "places"), [("1", {"NA"}), ("7.4", {"NA"}), ("7.5", {"NA", "NA.1"}), ("74.5", {"NA", "NA.1", "NB"})]
)
def test_what_lies_in_the_circle_counts(connect: Connect, radius: str, places: set[str]) -> None:
    """A tenth of a degree of longitude is 7.44 km at 48 degrees north, a degree 74.4 km."""
    assert places_near(connect, f"{{lat: 48, lon: -126, radiusKm: {radius}}}") == places


def test_a_longitude_may_count_eastward_all_round(connect: Connect) -> None:
    assert places_near(connect, "{lat: 48, lon: 234, radiusKm: 1}") == {"NA"}


def test_near_combines_with_the_other_filters(connect: Connect) -> None:
    near = "{lat: 48, lon: -126, radiusKm: 7.5}"
    assert places_near(connect, near, CSV + "deviceCategoryCode: BPR\n") == {"NA.1"}


def test_a_deployment_without_a_position_is_left_out_and_told(connect: Connect) -> None:
    """ONC gives null for many places; that nothing is known is no reason to fetch it, nor to be silent."""
    _, session = connect(World(alter=placed))
    resolution = resolved(entry(CSV + "deviceCategoryCode: BPR\nnear: {lat: 48, lon: -126, radiusKm: 50}"), session)
    assert {one.source["locationCode"] for one in requests_of(resolution)} == {"NA.1"}
    assert [remark.message for remark in resolution.remarks] == [
        "`near` leaves out `BPR1` at `SA`: ONC gives no position for what was deployed there"
    ]


def test_a_circle_without_anything_names_the_nearest(connect: Connect) -> None:
    _, session = connect(World(alter=placed))
    lines = CSV + "deviceCategoryCode: CTD\nlocationCode: NORTH\nnear: {lat: 48, lon: -126.5, radiusKm: 5}"
    with pytest.raises(ProblemsError) as caught:
        resolved(entry(lines), session)
    (problem,) = caught.value.problems
    assert problem.where.split("oncsync.yaml:")[1].startswith("9:")
    assert problem.message == "`x`: nothing that passes its other filters was deployed within 5 km"
    assert problem.hint is not None
    assert problem.hint.startswith("the nearest is `CTD")
    assert problem.hint.endswith("37.2 km away")


def test_a_circle_where_nothing_has_a_position_says_so(connect: Connect) -> None:
    _, session = connect(World(alter=placed))
    with pytest.raises(ProblemsError) as caught:
        resolved(entry(CSV + "locationCode: SA\nnear: {lat: 48, lon: -126.5, radiusKm: 5}"), session)
    assert caught.value.problems[0].hint == "ONC gives no position for `SA`"


def test_an_instrument_that_moves_counts_where_its_deployment_lies(connect: Connect) -> None:
    """R141: the pressure recorder was at NA.1 before it went to SA."""
    _, session = connect(World(alter=placed))
    found = requests_of(resolved(entry(CSV + "deviceCode: BPR1\nnear: {lat: 48, lon: -126, radiusKm: 20}"), session))
    assert [one.source["locationCode"] for one in found] == ["NA.1"]


# --- The distance ----------------------------------------------------------------------------------------------

latitudes = st.floats(-90, 90)
longitudes = st.floats(-360, 360)


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ((0, 0), (0, 90), 10007.56),
        ((90, 0), (-90, 77), 20015.11),
        ((48.3, -126.05), (48.3, -126.05), 0),
        ((48.3, -126.05), (48.3, 233.95), 0),
        ((0, 179.5), (0, -179.5), 111.19),
        ((48.4284, -123.3656), (49.2827, -123.1207), 96.67),
    ],
)
def test_known_distances(one: tuple[float, float], other: tuple[float, float], kilometres: float) -> None:
    assert distance_km(*one, *other) == pytest.approx(kilometres, abs=0.02)


@given(latitudes, longitudes, latitudes, longitudes)
def test_a_distance_is_the_same_both_ways_and_at_most_half_round(a: float, b: float, c: float, d: float) -> None:
    there, back = distance_km(a, b, c, d), distance_km(c, d, a, b)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= 3.1416 * EARTH_RADIUS_KM


@given(latitudes, longitudes)
def test_a_position_lies_in_every_circle_around_it(lat: float, lon: float) -> None:
    assert is_near(site("A", "2020-01-01", None, lat=lat, lon=lon), Near(lat=lat, lon=lon, radius_km=0.001))


@pytest.mark.parametrize("position", [{"lat": 1.0}, {"lon": 1.0}, {}])
def test_half_a_position_is_none(position: dict[str, float]) -> None:
    assert not is_near(site("A", "2020-01-01", None, **position), Near(lat=1, lon=1, radius_km=20_000))
