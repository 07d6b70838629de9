"""The water at a place: what temperature, salinity and pressure are there at every instant.

Each sea has a profile over depth; tides lift and lower it, and seasons and days warm and freshen it from above.
Every quantity of seawater follows from these three, so that what instruments of one place say fits together.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from .seawater import conductivity, density, depth_at, freezing_point, pressure_at, sound_speed

TIDE, DAY, YEAR = 44_714.165, 86_400.0, 31_556_952.0
"""Seconds of the semidiurnal lunar tide, of a day and of a year."""
AIR = 10.13
"""dbar of the atmosphere, which an absolute pressure gauge feels besides the water."""

_FORTNIGHT = 1_275_721.0
_LIFT = 12.0
_SUMMER, _FRESHET = 13_000_000.0, 7_500_000.0

Profile = tuple[tuple[float, float, float], ...]
_OPEN_PACIFIC: Profile = (
    (0, 10.2, 32.5), (25, 9.8, 32.6), (50, 9.1, 32.8), (100, 8.1, 33.3), (150, 7.5, 33.8), (200, 6.9, 33.92),
    (400, 5.6, 34.08), (650, 4.7, 34.22), (1000, 3.85, 34.39), (1250, 3.1, 34.47), (2000, 2.0, 34.6),
    (2660, 1.75, 34.65), (4000, 1.5, 34.68),
)  # fmt: skip
_STRAIT_OF_GEORGIA: Profile = (
    (0, 11.5, 27.0), (10, 10.6, 28.4), (20, 10.0, 29.0), (50, 9.4, 29.6), (100, 9.1, 30.2), (140, 9.0, 30.6),
    (200, 9.1, 30.9), (300, 9.2, 31.1), (430, 9.2, 31.1),
)  # fmt: skip
_ARCTIC_STRAIT: Profile = ((0, 0.8, 27.6), (10, 0.2, 28.2), (30, -1.0, 28.8), (100, -1.3, 29.6), (400, 0.2, 34.5))
_NEWFOUNDLAND: Profile = ((0, 6.0, 31.4), (25, 4.5, 31.8), (50, 2.0, 32.2), (90, 0.6, 32.5), (300, 1.0, 33.2))


class Water(NamedTuple):
    """Seawater at an instant: temperature in degrees C, practical salinity, pressure in dbar below the surface."""

    temperature: float
    salinity: float
    pressure: float


QUANTITIES: dict[str, Callable[[Water], float]] = {
    "seawatertemperature": lambda w: w.temperature,
    "salinity": lambda w: w.salinity,
    "pressure": lambda w: w.pressure,
    "totalpressure": lambda w: w.pressure + AIR,
    "density": lambda w: density(w.salinity, w.temperature, w.pressure),
    "soundspeed": lambda w: sound_speed(w.salinity, w.temperature, depth_at(w.pressure)),
    "conductivity": lambda w: conductivity(w.salinity, w.temperature, w.pressure),
}
"""What a sensor of seawater tells, by property code."""


def profile_at(lat: float | None, lon: float | None) -> Profile:
    """Gives the profile of the sea at a position, the open north-east Pacific when it is unknown."""
    if lat is None or lon is None:
        return _OPEN_PACIFIC
    if lat > 60:
        return _ARCTIC_STRAIT
    if lon > -70 and lat > 40:
        return _NEWFOUNDLAND
    if 47 < lat < 50.4 and (lon > -124.4 or (lat > 49.5 and lon > -125.6)):
        return _STRAIT_OF_GEORGIA
    return _OPEN_PACIFIC


def _interpolated(profile: Profile, depth: float) -> tuple[float, float]:
    """Gives temperature and salinity at a depth; beyond its ends a profile goes on unchanged."""
    above = bisect_right(profile, depth, key=lambda row: row[0]) if depth > 0 else 0
    if above in (0, len(profile)):
        row = profile[min(above, len(profile) - 1)]
        return row[1], row[2]
    upper, lower = profile[above - 1], profile[above]
    share = (depth - upper[0]) / (lower[0] - upper[0])
    return upper[1] + share * (lower[1] - upper[1]), upper[2] + share * (lower[2] - upper[2])


def water_at(lat: float | None, lon: float | None, depth: float | None) -> Callable[[int], Water]:
    """Gives the function from an instant (milliseconds since 1970) to the water; unknown depths are at the surface."""
    level = max(0.0, depth or 0.0)
    profile = profile_at(lat, lon)
    warmth, salt = _interpolated(profile, level)
    upper = _interpolated(profile, max(0.0, level - _LIFT))
    lower = _interpolated(profile, level + _LIFT)
    warmer, saltier = ((one - two) / 2 for one, two in zip(lower, upper, strict=True))
    summer = 2.4 * math.exp(-level / 50) + 0.06
    noon = 0.15 * math.exp(-level / 12)
    freshet = 0.5 * math.exp(-level / 30) + 0.01
    rest = pressure_at(level)
    heave = 1.6 if level > 4 else 0.05
    lag = 1000.0 * (round(10 * abs(lon or 0.0)) % 37)

    def water(moment: int) -> Water:
        second = moment / 1000
        tide = math.sin((second + lag) * (2 * math.pi / TIDE))
        lift = 0.6 * math.sin((second - lag) * (2 * math.pi / TIDE)) + 0.4 * math.sin(
            second * (2 * math.pi / _FORTNIGHT)
        )
        temperature = warmth + warmer * lift
        temperature += summer * math.sin((second - _SUMMER) * (2 * math.pi / YEAR))
        temperature += noon * math.sin((second - 54_000) * (2 * math.pi / DAY))
        salinity = salt + saltier * lift - freshet * math.sin((second - _FRESHET) * (2 * math.pi / YEAR))
        pressure = rest + heave * tide
        return Water(max(temperature, freezing_point(salinity, pressure)), salinity, max(0.0, pressure))

    return water
