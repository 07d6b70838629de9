"""Plausible measurements: a value for every sensor of every device at every instant, the same for ever."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import lru_cache

from ..catalogue import Device, Property
from .series import Measured, Stretch
from .waters import DAY, QUANTITIES, TIDE, YEAR, Water, water_at

GOOD, SUSPECT = 1, 4
"""Quality flags."""
Reading = Callable[[Stretch, int], float]
"""Gives the value of a row, not a number where there is none."""

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


_WATER_NOISE = {"seawatertemperature": 0.003, "salinity": 0.003, "pressure": 0.02}


def reader(stretch: Stretch, sensor: Property) -> Callable[[int], float]:
    """Gives the function from an instant (milliseconds) to what the sensor tells, before quality control."""
    if sensor.code in QUANTITIES:
        return _water_reader(stretch, QUANTITIES[sensor.code])
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


def _water_reader(stretch: Stretch, quantity: Callable[[Water], float]) -> Callable[[int], float]:
    """Gives the reader of a quantity of seawater: of the water as this device feels it."""
    water = water_at(stretch.lat, stretch.lon, stretch.depth)
    seeds = [zlib.crc32(f"{stretch.device.code}/{code}".encode()) for code in _WATER_NOISE]
    rough = list(zip(seeds, _WATER_NOISE.values(), strict=True))

    def value(moment: int) -> float:
        felt = (true + size * _noise(seed, moment) for true, (seed, size) in zip(water(moment), rough, strict=True))
        temperature, salinity, pressure = felt
        return quantity(Water(temperature, salinity, max(0.0, pressure)))

    return value


def _noise(seed: int, moment: int) -> float:
    """Gives a number from -1 to 1 that changes every second."""
    mixed = ((moment // 1000 + seed) * 2_654_435_761) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) & 0xFFFFFFFF
    return mixed / 2_147_483_648.0 - 1.0


def is_suspect(device: Device, moment: int) -> bool:
    """Whether quality control finds fault with a sample: one in some 400."""
    return ((moment // 1000 + zlib.crc32(device.code.encode())) * 40_503) % 401 == 7


def flag_of(measured: Measured, part: Stretch, moment: int) -> int:
    """Gives the flag of a row: of clean data it is bad without any good sample, of raw data with any suspect one."""
    suspect = (is_suspect(part.device, sample) for sample in measured.samples(part, moment))
    return SUSPECT if (all(suspect) if measured.clean else any(suspect)) else GOOD


def reading(measured: Measured, sensor: Property, statistic: str) -> Reading:
    """Gives what a column of a series holds: the mean or an extreme of the samples that each row stands for.

    Suspect samples are left out of clean data, and stand out from raw data.
    """
    readers: dict[Stretch, Callable[[int], float]] = {}

    def value(part: Stretch, moment: int) -> float:
        read = readers.get(part)
        if read is None:
            read = readers[part] = reader(part, sensor)
        values = []
        for sample in measured.samples(part, moment):
            if not is_suspect(part.device, sample):
                values.append(read(sample))
            elif not measured.clean:
                values.append(read(sample) * 1.6 + 1)
        if not values:
            return math.nan
        if statistic == "min":
            return min(values)
        return max(values) if statistic == "max" else math.fsum(values) / len(values)

    return value


def curve(measured: Measured, sensor: Property, statistic: str) -> Reading:
    """Gives what a plot shows at any instant: the row of its interval, or else the value right then."""
    value = reading(measured, sensor, statistic)
    interval = measured.interval
    if interval is None:
        return value
    held = lru_cache(maxsize=1024)(value)
    return lambda part, moment: held(part, max(interval.begin_of(moment), part.begin))
