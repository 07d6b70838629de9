"""Who measures when: the stretches of devices, their sampling instants, and the rows of a series."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..catalogue import Catalogue, Deployment, Device, Property
from ..times import UTC

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A device that delivers from `begin` to `end`, in milliseconds since 1970.

    Rows of intervals begin in here, while their samples lie from `first` to `last` (None: from `begin` to `end`).
    """

    device: Device
    depth: float | None
    begin: int
    end: int
    lat: float | None = None
    lon: float | None = None
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Interval:
    """Samples brought together: in milliseconds, how long each interval is, and when one of them begins."""

    length: int
    anchor: int

    def begin_of(self, moment: int) -> int:
        """Gives the begin of the interval in which an instant lies."""
        return moment - (moment - self.anchor) % self.length

    def begins(self, begin: int, end: int) -> range:
        """Gives the begins of intervals from `begin` to before `end`."""
        return range(begin + (self.anchor - begin) % self.length, end, self.length)


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
                found.append(Stretch(deployment.device, deployment.depth, start, until, deployment.lat, deployment.lon))
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


def in_intervals(parts: Iterable[Stretch], interval: Interval) -> list[Stretch]:
    """Widens stretches to begin with an interval, of which each goes to the first who delivers in it."""
    found: list[Stretch] = []
    free: int | None = None
    for part in parts:
        begin = interval.begin_of(part.begin)
        begin = begin if free is None else max(free, begin)
        if begin < part.end:
            found.append(replace(part, begin=begin, first=part.begin, last=part.end))
            free = interval.begin_of(part.end - 1) + interval.length
    return found


def moments(stretch: Stretch, step: int) -> range:
    """Gives the sampling instants of a stretch, `step` milliseconds apart on a grid of the device's own."""
    return _grid(stretch.device, step, stretch.begin, stretch.end)


def _grid(device: Device, step: int, begin: int, end: int) -> range:
    phase = 1000 * (zlib.crc32(device.code.encode()) % min(60, step // 1000))
    first = -((phase - begin) // step)
    last = -((phase - end) // step)
    return range(first * step + phase, last * step + phase, step)


@dataclass(frozen=True)
class Measured:
    """A series to write: who delivers when, how often (milliseconds), what, and how it was treated.

    With an `interval` each row stands for all samples of one and bears the instant at which it begins; else each row
    is a sample. `statistics` names the columns of each sensor: nothing for the value or mean, or `min`, `max`, `avg`.
    """

    title: tuple[str, ...]
    parts: tuple[Stretch, ...]
    step: int
    sensors: tuple[Property, ...]
    clean: bool
    statistics: tuple[str, ...] = ("",)
    interval: Interval | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(len(self._moments(part)) for part in self.parts)

    @property
    def extent(self) -> tuple[datetime, datetime] | None:
        """The instants of the first and the last row, or None when there is none."""
        filled = [taken for taken in map(self._moments, self.parts) if taken]
        return (instant_of(filled[0][0]), instant_of(filled[-1][-1])) if filled else None

    @property
    def columns(self) -> tuple[tuple[Property, str], ...]:
        """The sensor and statistic of each column of values, in their order."""
        return tuple((sensor, statistic) for sensor in self.sensors for statistic in self.statistics)

    def instants(self) -> Iterator[tuple[Stretch, int]]:
        """Goes through the rows of all stretches, in order of time."""
        for part in self.parts:
            for moment in self._moments(part):
                yield part, moment

    def samples(self, part: Stretch, moment: int) -> range:
        """Gives the instants of the samples that a row stands for; never none."""
        if self.interval is None:
            return range(moment, moment + 1)
        begin = max(moment, part.begin if part.first is None else part.first)
        end = min(moment + self.interval.length, part.end if part.last is None else part.last)
        return _grid(part.device, self.step, begin, end) or range(begin, begin + 1)

    def _moments(self, part: Stretch) -> range:
        return moments(part, self.step) if self.interval is None else self.interval.begins(part.begin, part.end)
