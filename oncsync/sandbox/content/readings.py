"""Plausible measurements: a value for every sensor of every device at every instant, the same for ever."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import NamedTuple

from ..catalogue import Device, Property
from .series import Measured, Stretch
from .waters import DAY, QUANTITIES, TIDE, YEAR, Water, water_at

GOOD, SUSPECT = 1, 4
"""Quality flags."""
Reading = Callable[[Stretch, int], float]
"""Gives the value of a row, not a number where there is none."""


class Judged(NamedTuple):
    """What quality control says of the samples that a row stands for."""

    good: list[int]
    suspect: list[int]


Judge = Callable[[Stretch, int], Judged]


_SHAPES: dict[str, tuple[float, float, float, float, float]] = {
    "oxygen": (2.4, 0.2, 0.15, 0.9, 0.03),
    "saturation": (38.0, 2.0, 2.0, 9.0, 0.4),
    "turbidityntu": (1.2, 0.4, 0.2, 0.5, 0.2),
    "chlorophyll": (1.4, 0.2, 0.3, 0.9, 0.1),
    "internaltemperature": (9.5, 0.2, 0.2, 1.3, 0.05),
    "internalhumidity": (12.0, 0.1, 0.1, 1.0, 0.1),
    "magneticheading": (180.0, 0.4, 0.1, 0.5, 0.3),
    "pitch": (0.8, 0.05, 0.02, 0.1, 0.05),
    "roll": (-0.4, 0.05, 0.02, 0.1, 0.05),
    "currentvelocitybeam1xeast": (0.02, 0.16, 0.02, 0.02, 0.02),
    "currentvelocitybeam2ynorth": (-0.01, 0.12, 0.02, 0.02, 0.02),
    "currentvelocitybeam3zup": (0.0, 0.01, 0.0, 0.0, 0.01),
    "airtemperature": (9.0, 0.0, 3.5, 7.0, 0.4),
    "relativehumidity": (78.0, 0.0, 8.0, 5.0, 2.0),
    "absolutebarometricpressure": (1013.0, 0.2, 0.5, 4.0, 1.5),
    "windspeed": (5.0, 0.0, 1.5, 1.0, 1.2),
    "winddirection": (180.0, 0.0, 40.0, 30.0, 25.0),
    "rainfallrate": (0.4, 0.0, 0.1, 0.2, 0.3),
    "solarradiation": (180.0, 0.0, 150.0, 90.0, 15.0),
    "icedraft": (0.9, 0.05, 0.01, 0.8, 0.03),
    "icethickness": (1.0, 0.02, 0.01, 0.9, 0.03),
    "voltage": (48.0, 0.0, 0.1, 0.1, 0.05),
    "amperage": (0.35, 0.0, 0.01, 0.01, 0.01),
    "ph": (7.7, 0.03, 0.02, 0.08, 0.01),
    "ventfluidtemperature": (312.0, 1.5, 0.2, 3.0, 0.8),
    "latitude": (49.0, 0.02, 0.05, 0.0, 0.001),
    "longitude": (-123.4, 0.03, 0.05, 0.0, 0.001),
}
_ANY_SHAPE = (20.0, 1.0, 1.0, 4.0, 0.5)


def reader(stretch: Stretch, sensor: Property) -> Callable[[int], float]:
    """Gives the function from an instant (milliseconds) to what the sensor tells, before quality control."""
    quantity = QUANTITIES.get(sensor.code)
    if quantity is not None:
        felt = _felt_water(stretch.device.code, stretch.lat, stretch.lon, stretch.depth)
        return lambda moment: quantity(felt(moment))
    seed = zlib.crc32(f"{stretch.device.code}/{sensor.code}".encode())
    centre, tide, day, year, noise = _SHAPES.get(sensor.code, _ANY_SHAPE)
    centre += centre * 0.004 * ((seed >> 8) % 11 - 5)
    lag = float(seed % 40_000)

    def value(moment: int) -> float:
        second = moment / 1000.0
        return (
            centre
            + tide * math.sin((second + lag) * (2 * math.pi / TIDE))
            + day * math.sin((second - lag / 2) * (2 * math.pi / DAY))
            + year * math.sin((second - 10_000_000) * (2 * math.pi / YEAR))
            + noise * _noise(seed, moment)
        )

    return value


@lru_cache(maxsize=32)
def _felt_water(code: str, lat: float | None, lon: float | None, depth: float | None) -> Callable[[int], Water]:
    """Gives the water as a device feels it; its latest samples are kept, for all quantities follow from them."""
    water = water_at(lat, lon, depth)
    one, two, three = (zlib.crc32(f"{code}/{name}".encode()) for name in ("temperature", "salinity", "pressure"))

    @lru_cache(maxsize=128)
    def felt(moment: int) -> Water:
        true = water(moment)
        return Water(
            true.temperature + 0.003 * _noise(one, moment),
            true.salinity + 0.003 * _noise(two, moment),
            max(0.0, true.pressure + 0.02 * _noise(three, moment)),
        )

    return felt


def _noise(seed: int, moment: int) -> float:
    """Gives a number from -1 to 1 that changes every second."""
    mixed = ((moment // 1000 + seed) * 2_654_435_761) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) & 0xFFFFFFFF
    return mixed / 2_147_483_648.0 - 1.0


def is_suspect(device: Device, moment: int) -> bool:
    """Whether quality control finds fault with a sample: one in some 400."""
    return ((moment // 1000 + _number_of(device.code)) * 40_503) % 401 == 7


@cache
def _number_of(code: str) -> int:
    return zlib.crc32(code.encode())


def judge_of(measured: Measured) -> Judge:
    """Gives the judge of a series, who remembers the row before."""

    def judged(part: Stretch, moment: int) -> Judged:
        good: list[int] = []
        suspect: list[int] = []
        for sample in measured.samples(part, moment):
            (suspect if is_suspect(part.device, sample) else good).append(sample)
        return Judged(good, suspect)

    return lru_cache(maxsize=1)(judged)


def flag_of(judged: Judged, *, clean: bool) -> int:
    """Gives the flag of a row: of clean data it is bad without any good sample, of raw data with any suspect one."""
    return SUSPECT if judged.suspect and not (clean and judged.good) else GOOD


def readings(measured: Measured, judge: Judge) -> list[Reading]:
    """Gives what each column of a series holds: the mean or an extreme of the samples that a row stands for.

    Suspect samples are left out of clean data, and stand out from raw data.
    """
    found: list[Reading] = []
    for sensor in measured.sensors:
        taken = lru_cache(maxsize=1)(_taken(measured, sensor, judge))
        found += [partial(_statistic, taken, _STATISTICS[statistic]) for statistic in measured.statistics]
    return found


def reading(measured: Measured, sensor: Property, statistic: str) -> Reading:
    """Gives what one column of a series holds."""
    (only,) = readings(replace(measured, sensors=(sensor,), statistics=(statistic,)), judge_of(measured))
    return only


def _taken(measured: Measured, sensor: Property, judge: Judge) -> Callable[[Stretch, int], list[float]]:
    readers: dict[Stretch, Callable[[int], float]] = {}

    def values(part: Stretch, moment: int) -> list[float]:
        read = readers.get(part)
        if read is None:
            read = readers[part] = reader(part, sensor)
        judged = judge(part, moment)
        found = [read(sample) for sample in judged.good]
        return found if measured.clean else found + [read(sample) * 1.6 + 1 for sample in judged.suspect]

    return values


def _statistic(
    taken: Callable[[Stretch, int], list[float]], choose: Callable[[list[float]], float], part: Stretch, moment: int
) -> float:
    values = taken(part, moment)
    return choose(values) if values else math.nan


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


_STATISTICS: dict[str, Callable[[list[float]], float]] = {"": _mean, "avg": _mean, "min": min, "max": max}


def curve(measured: Measured, sensor: Property, statistic: str) -> Reading:
    """Gives what a plot shows at any instant: the row of its interval, or else the value right then."""
    value = reading(measured, sensor, statistic)
    interval = measured.interval
    if interval is None:
        return value
    held = lru_cache(maxsize=1024)(value)
    return lambda part, moment: held(part, max(interval.begin_of(moment), part.begin))
