"""Seawater: formulas against published values, and series that obey them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.sandbox.content.seawater import (
    conductivity,
    density,
    depth_at,
    freezing_point,
    pressure_at,
    sound_speed,
)
from oncsync.sandbox.content.waters import profile_at, water_at
from tests.sandbox.asking import MAY, Asked
from tests.sandbox.test_content_tables import only_file, rows_of

YEAR = {"dateFrom": "2017-05-01", "dateTo": "2018-05-01"}


@pytest.mark.parametrize(
    ("salinity", "temperature", "pressure", "expected"),
    [
        (0, 5, 0, 999.96675),
        (35, 5, 0, 1027.67547),
        (35, 25, 0, 1023.34306),
        (35, 5, 1000, 1032.3),
        (35, 2, 2700, 1040.3),
    ],
)
def test_density_is_that_of_the_equation_of_state(
    salinity: float, temperature: float, pressure: float, expected: float
) -> None:
    assert density(salinity, temperature, pressure) == pytest.approx(expected, abs=0.3)


def test_density_at_980_dbar_and_near_the_surface() -> None:
    assert 1031 < density(34.4, 4.0, 980) < 1032
    assert 1025.5 < density(34.0, 10.0, 5) < 1026.5


def test_sound_speed_is_the_published_check_value() -> None:
    assert sound_speed(35, 25, 1000) == pytest.approx(1550.744, abs=0.01)


@pytest.mark.parametrize("salinity", [27.0, 31.0, 34.4])
@pytest.mark.parametrize("temperature", [2.0, 4.0, 9.0, 12.0])
@pytest.mark.parametrize("depth", [0.0, 140.0, 980.0])
def test_sound_speed_agrees_with_the_form_of_medwin(salinity: float, temperature: float, depth: float) -> None:
    t, z = temperature, depth
    simple = 1449.2 + 4.6 * t - 0.055 * t**2 + 0.00029 * t**3 + (1.34 - 0.010 * t) * (salinity - 35) + 0.016 * z
    assert sound_speed(salinity, t, z) == pytest.approx(simple, abs=2)


def test_conductivity_is_that_of_the_practical_salinity_scale() -> None:
    assert conductivity(35, 15, 0) == pytest.approx(4.2914, rel=1e-3)
    assert conductivity(40, 40, 10_000) == pytest.approx(4.2914 * 1.888091, rel=5e-3)
    assert conductivity(0, 15, 0) == 0


def test_freezing_point_is_the_published_check_value() -> None:
    assert freezing_point(40, 500) == pytest.approx(-2.588567, abs=1e-4)


@given(st.floats(0, 4000))
def test_depth_and_pressure_are_inverse(depth: float) -> None:
    assert depth_at(pressure_at(depth)) == pytest.approx(depth, abs=0.3)
    assert 1.008 * depth <= pressure_at(depth) <= 1.019 * depth


@pytest.mark.parametrize(("lat", "lon"), [(48.3, -126.1), (49.1, -123.3), (69.1, -105.1), (47.4, -53.1), (None, None)])
def test_water_grows_denser_with_depth_in_every_sea(lat: float | None, lon: float | None) -> None:
    rows = profile_at(lat, lon)
    known = [density(salinity, temperature, 0) for _, temperature, salinity in rows]
    assert known == sorted(known)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


@given(
    st.sampled_from([(48.3, -126.1), (49.1, -123.3), (69.1, -105.1), (47.4, -53.1)]),
    st.floats(-10, 2700),
    st.integers(0, 2**41),
)
def test_water_is_never_frozen_nor_absurd(place: tuple[float, float], depth: float, moment: int) -> None:
    water = water_at(*place, depth)(moment)
    assert freezing_point(water.salinity, water.pressure) <= water.temperature < 15
    assert 26 < water.salinity < 35
    assert 0 <= water.pressure < 2750


def columns(ask: Asked, **given: str) -> dict[str, list[float]]:
    """Gives the good values of a series by the name of the sensor."""
    names, *rows = rows_of(only_file(ask, **given))
    good = [row for row in rows if row[2] == "1"]
    return {names[n].split(" (")[0]: [float(row[n]) for row in good] for n in range(1, len(names), 2)}


PLACES = {
    "BACAX": (YEAR, (3.5, 4.5), (34.2, 34.6), (990, 1001), (1031, 1032.5)),
    "LSDDL": (MAY, (8.4, 9.6), (30.0, 31.2), (138, 146), (1023.5, 1025)),
    "FGPD": (YEAR, (7.0, 9.5), (32.8, 33.8), (94, 101), (1025.5, 1027)),
    "NC27": (YEAR, (1.6, 1.9), (34.5, 34.8), (2690, 2701), (1039, 1041)),
}


@pytest.mark.parametrize("place", PLACES)
def test_values_are_those_of_the_sea_and_depth(ask: Asked, place: str) -> None:
    """At 983 m off Barkley Sound, at 140 m in the Strait of Georgia, at 97 m on the shelf, at 2658 m in the basin."""
    span, *ranges = PLACES[place]
    found = columns(ask, **span, locationCode=place)
    for name, (low, high) in zip(("Sea Water Temperature", "Salinity", "Pressure", "Density"), ranges, strict=True):
        assert low < min(found[name]) <= max(found[name]) < high, name


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("resampling", [{}, {"dpo_resample": "average", "dpo_average": "86400"}])
def test_quantities_of_a_row_fit_together(ask: Asked, place: str, resampling: dict[str, str]) -> None:
    found = columns(ask, **PLACES[place][0], locationCode=place, **resampling)
    names = ("Salinity", "Sea Water Temperature", "Pressure", "Density", "Sound Speed", "Conductivity")
    for s, t, p, rho, speed, conducted in zip(*(found[name] for name in names), strict=True):
        assert rho == pytest.approx(density(s, t, p), abs=0.01)
        assert speed == pytest.approx(sound_speed(s, t, depth_at(p)), abs=0.1)
        assert conducted == pytest.approx(conductivity(s, t, p), rel=0.005)
        assert not math.isnan(rho)


def test_a_salinity_from_conductivity_is_the_one_delivered(ask: Asked) -> None:
    """Near 15 degrees C the ratio to standard seawater goes by temperature some 2 % a degree."""
    found = columns(ask, **MAY)
    for s, t, conducted in zip(found["Salinity"], found["Sea Water Temperature"], found["Conductivity"], strict=True):
        at_15 = conducted / (0.6766 + 2.00564e-2 * t + 1.104e-4 * t * t) / 4.2914
        assert 35 * at_15 ** (1 / 0.894) == pytest.approx(s, rel=0.03)


def test_devices_of_one_place_tell_of_the_same_water(ask: Asked) -> None:
    given = MAY | {"locationCode": "BACAX", "propertyCode": "seawatertemperature"}
    means = [
        sum(found) / len(found)
        for category in ("CTD", "OXYSENSOR")
        for found in columns(ask, **given, deviceCategoryCode=category).values()
    ]
    assert means[0] == pytest.approx(means[1], abs=0.02)


def test_an_absolute_gauge_feels_the_air_too(ask: Asked) -> None:
    given = MAY | {"locationCode": "NCBC", "deviceCategoryCode": "BPR", "propertyCode": "totalpressure"}
    (found,) = columns(ask, **given).values()
    assert sum(found) / len(found) == pytest.approx(pressure_at(395.6) + 10.13, abs=0.2)
