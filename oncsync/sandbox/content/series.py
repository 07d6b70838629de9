"""Plausible measurements: a value for every sensor of every device at every instant, the same for ever."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..catalogue import Catalogue, Deployment, Device, Property
from ..times import UTC

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIDE, _DAY, _YEAR = 44_714.165, 86_400.0, 31_556_952.0

_SHAPES: dict[str, tuple[float, float, float, float, float]] = {
    "conductivity": (3.2, 0.02, 0.01, 0.08, 0.004),
    "seawatertemperature": (6.8, 0.15, 0.1, 1.1, 0.02),
    "pressure": (150.0, 1.6, 0.0, 0.1, 0.02),
    "totalpressure": (410.0, 1.6, 0.0, 0.1, 0.005),
    "salinity": (33.6, 0.05, 0.01, 0.25, 0.01),
    "density": (1026.6, 0.06, 0.01, 0.3, 0.01),
    "soundspeed": (1481.0, 0.6, 0.3, 4.0, 0.05),
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


@dataclass(frozen=True, eq=False)
class Stretch:
    """A device that delivers from `begin` to `end`, in milliseconds since 1970."""

    device: Device
    depth: float | None
    begin: int
    end: int


def milliseconds(instant: datetime) -> int:
    """Gives an instant as milliseconds since 1970."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def instant_of(moment: int) -> datetime:
    """Gives milliseconds since 1970 as an instant."""
    return EPOCH + timedelta(milliseconds=moment)


def stretches(deployments: Iterable[Deployment], begin: datetime, end: datetime) -> list[Stretch]:
    """Gives who delivers when within a span: of devices at the same time the one that came first, no gaps."""
    found: list[Stretch] = []
    free = milliseconds(begin)
    limit = milliseconds(end)
    for deployment in sorted(deployments, key=lambda d: (d.begin, d.device.code)):
        stop = limit if deployment.end is None else min(limit, milliseconds(deployment.end))
        start = max(free, milliseconds(deployment.begin))
        for gap in (*deployment.gaps, None):
            until = stop if gap is None else min(stop, milliseconds(gap.begin))
            if start < until:
                found.append(Stretch(deployment.device, deployment.depth, start, until))
            if gap is not None:
                start = max(start, milliseconds(gap.end))
        free = max(free, stop)
    return found


def sensors_of(catalogue: Catalogue, deployments: tuple[Deployment, ...], only: Property | None) -> list[Property]:
    """Gives what the deployed devices measure, in the order of their kinds; at least one quantity."""
    codes: dict[str, None] = {}
    for deployment in deployments:
        codes |= dict.fromkeys(deployment.device.kind.sensors)
    if only is not None:
        return [only]
    return [catalogue.properties[code] for code in codes or ("instrumentlevel",)]


def moments(stretch: Stretch, step: int) -> range:
    """Gives the sampling instants of a stretch, `step` milliseconds apart on a grid of the device's own."""
    phase = 1000 * (zlib.crc32(stretch.device.code.encode()) % min(60, step // 1000))
    first = -((phase - stretch.begin) // step)
    last = -((phase - stretch.end) // step)
    return range(first * step + phase, last * step + phase, step)


def reader(stretch: Stretch, sensor: Property) -> Callable[[int], float]:
    """Gives the function from an instant (milliseconds) to the sensor's value: seasons, days, tides, noise."""
    seed = zlib.crc32(f"{stretch.device.code}/{sensor.code}".encode())
    centre, tide, day, year, noise = _SHAPES.get(sensor.code, _ANY_SHAPE)
    if sensor.code in ("pressure", "totalpressure") and stretch.depth is not None:
        centre = max(0.0, stretch.depth) * 1.009 + (10.1 if sensor.code == "totalpressure" else 0.0)
    centre += centre * 0.004 * ((seed >> 8) % 11 - 5)
    lag = float(seed % 40_000)

    def value(moment: int) -> float:
        second = moment / 1000.0
        mixed = ((moment // 1000 + seed) * 2_654_435_761) & 0xFFFFFFFF
        mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) & 0xFFFFFFFF
        return (
            centre
            + tide * math.sin((second + lag) * (2 * math.pi / _TIDE))
            + day * math.sin((second - lag / 2) * (2 * math.pi / _DAY))
            + year * math.sin((second - 10_000_000) * (2 * math.pi / _YEAR))
            + noise * (mixed / 2_147_483_648.0 - 1.0)
        )

    return value


def is_suspect(device: Device, moment: int) -> bool:
    """Whether quality control finds fault with a sample: one in some 400."""
    return ((moment // 1000 + zlib.crc32(device.code.encode())) * 40_503) % 401 == 7


def count(parts: Iterable[Stretch], step: int) -> int:
    """Gives how many samples lie in the stretches."""
    return sum(len(moments(part, step)) for part in parts)


def extent(parts: Iterable[Stretch], step: int) -> tuple[datetime, datetime] | None:
    """Gives the instants of the first and the last sample, or None when there is none."""
    filled = [taken for taken in (moments(part, step) for part in parts) if taken]
    return (instant_of(filled[0][0]), instant_of(filled[-1][-1])) if filled else None


def samples(parts: Iterable[Stretch], step: int) -> Iterator[tuple[Stretch, int]]:
    """Goes through the sampling instants of all stretches, in order of time."""
    for part in parts:
        for moment in moments(part, step):
            yield part, moment


@dataclass(frozen=True)
class Measured:
    """A series to write: who delivers when, how often (milliseconds), what, and how it was treated.

    `statistics` names the columns of each sensor: nothing for the value itself, or `min`, `max`, `avg`.
    """

    title: tuple[str, ...]
    parts: tuple[Stretch, ...]
    step: int
    sensors: tuple[Property, ...]
    clean: bool
    statistics: tuple[str, ...] = ("",)

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return count(self.parts, self.step)
