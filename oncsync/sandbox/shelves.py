"""Which files lie in the archive: worked out from rules and deployments, day by day, never held anywhere.

Instants are milliseconds since 1970 and days are numbers of days since then; no file reaches over midnight. What
varies (outages of a device, late files, files archived again) follows from codes and dates alone, so that every life
of the service knows the same archive.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from .catalogue import ArchiveRule, Deployment
from .content.series import EPOCH, milliseconds
from .times import UTC

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
MOST_LAG = 4 * DAY
"""No file is archived for the first time later than this after its own end."""

_FOR_EVER = 253_402_300_800_000
_OUTAGES, _LATE, _REVISED = 67, 50, 61
"""One day in so many has an outage, one file in so many is late, one day's files in so many are archived again."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """The files that one rule makes of one deployment, within `spans`: the deployment without its gaps."""

    deployment: Deployment
    rule: ArchiveRule
    spans: tuple[tuple[int, int], ...]
    seed: int
    device_seed: int


class ArchiveFile(NamedTuple):
    """One file of a shelf, and the span of its data."""

    shelf: Shelf
    begin: int
    end: int


class Edition(NamedTuple):
    """The state in which a file lies in the archive; `number` is 0 for the first, `modified` of the record."""

    number: int
    archived: int
    modified: int


def mixed(one: int, two: int) -> int:
    """Gives a number of 32 bits that follows from two others without any pattern."""
    number = (one * 2_654_435_761 + two * 2_246_822_519 + 374_761_393) & 0xFFFFFFFF
    number = ((number ^ (number >> 15)) * 2_246_822_519) & 0xFFFFFFFF
    number = ((number ^ (number >> 13)) * 3_266_489_917) & 0xFFFFFFFF
    return number ^ (number >> 16)


def shelves_of(deployments: Iterable[Deployment]) -> list[Shelf]:
    """Gives the shelves of deployments, one for each rule of the device's kind."""
    return [
        Shelf(
            deployment, rule, _spans(deployment),
            zlib.crc32(f"{deployment.device.code}/{rule.suffix}.{rule.extension}".encode()),
            zlib.crc32(deployment.device.code.encode()),
        )
        for deployment in deployments
        for rule in deployment.device.kind.archive
    ]  # fmt: skip


def _spans(deployment: Deployment) -> tuple[tuple[int, int], ...]:
    begin = milliseconds(deployment.begin)
    spans = []
    for gap in deployment.gaps:
        spans.append((begin, milliseconds(gap.begin)))
        begin = milliseconds(gap.end)
    return (*spans, (begin, _FOR_EVER if deployment.end is None else milliseconds(deployment.end)))


def files_of(shelf: Shelf, day: int) -> list[ArchiveFile]:
    """Gives the files whose data begin on a day, in order of time; their archiving may still lie ahead."""
    rule, midnight = shelf.rule, day * DAY
    every, offset = rule.every * SECOND, rule.offset * SECOND
    silent, heard = _outage(shelf, day)
    found: list[ArchiveFile] = []
    for low, high in shelf.spans:
        first, last = max(low, midnight), min(high, midnight + DAY)
        for slot in range(midnight + (first - midnight) // every * every, last, every):
            begin, end = max(slot + offset, first), min(slot + every, last)
            if begin < end and not silent <= begin < heard:
                found.append(ArchiveFile(shelf, begin, end))
    return found


def count_of(shelf: Shelf, day: int) -> int:
    """Gives how many files `files_of` gives."""
    low, high = shelf.spans[0]
    whole = len(shelf.spans) == 1 and low <= day * DAY and high >= (day + 1) * DAY
    if whole and _outage(shelf, day) == (0, 0):
        return DAY // (shelf.rule.every * SECOND)
    return len(files_of(shelf, day))


def _outage(shelf: Shelf, day: int) -> tuple[int, int]:
    """Gives when a device made no new file on a day: for some hours now and then, all its shelves at once."""
    number = mixed(shelf.device_seed, day)
    if number % _OUTAGES:
        return 0, 0
    begin = day * DAY + (number >> 8) % 24 * HOUR
    return begin, begin + (1 + (number >> 16) % 5) * HOUR


def first_archived(file: ArchiveFile) -> int:
    """Gives when a file was archived first: minutes after its end, hours for daily files, up to days when late."""
    number = mixed(file.shelf.seed, file.begin // SECOND)
    daily = file.shelf.rule.every == DAY // SECOND
    lag = 3 * HOUR + number % (3 * HOUR) if daily else 8 * MINUTE + number % (25 * MINUTE)
    if (number >> 4) % _LATE == 0:
        lag += 6 * HOUR + (number >> 9) % (66 * HOUR)
    return file.end + lag


def revision_day(shelf: Shelf, day: int) -> int | None:
    """Gives the day on which all files of a shelf's day are archived again, with other sizes; None for most days."""
    number = mixed(shelf.seed ^ 0x5A5A5A5A, day)
    return None if number % _REVISED else day + 20 + (number >> 8) % 400


def edition_of(file: ArchiveFile, now: int) -> Edition:
    """Gives the state of a file at an instant; the file is known to be archived by then."""
    revised = revision_day(file.shelf, file.begin // DAY)
    number = mixed(file.shelf.seed, file.end // SECOND)
    archived = first_archived(file)
    if revised is not None:
        again = revised * DAY + 9 * HOUR + number % (3 * HOUR)
        if again <= now:
            return Edition(1, again, again + _record_delay(number))
    return Edition(0, archived, archived + _record_delay(number))


def _record_delay(number: int) -> int:
    return 2 * SECOND + number % (11 * SECOND)


def extent(shelves: Iterable[Shelf], begin: int, end: int) -> range:
    """Gives the days that a window and shelves have in common."""
    known = list(shelves)
    if not known or begin > end:
        return range(0)
    first = max(begin, min(shelf.spans[0][0] for shelf in known)) // DAY
    last = min(end, max(shelf.spans[-1][1] for shelf in known)) // DAY
    return range(first, last + 1)


def find_file(shelves: Iterable[Shelf], name: str) -> ArchiveFile | None:
    """Gives the file with a name, or None."""
    for shelf in shelves:
        front, back = f"{shelf.deployment.device.code}_", f"Z{shelf.rule.suffix}.{shelf.rule.extension}"
        if not (name.startswith(front) and name.endswith(back)):
            continue
        day = _day_of(name[len(front) : len(front) + 8])
        for file in files_of(shelf, day) if day is not None else ():
            if name_of(file) == name:
                return file
    return None


def _day_of(stamp: str) -> int | None:
    try:
        return (datetime.strptime(stamp, "%Y%m%d").replace(tzinfo=UTC) - EPOCH).days
    except ValueError:
        return None


def name_of(file: ArchiveFile) -> str:
    """Gives a file's name: device, begin, suffix, extension."""
    shelf = file.shelf
    day, rest = divmod(file.begin, DAY)
    date, hour, minute, second, milli = _parts(day, rest)
    stamp = f"{date.replace('-', '')}T{hour:02}{minute:02}{second:02}.{milli:03}Z"
    return f"{shelf.deployment.device.code}_{stamp}{shelf.rule.suffix}.{shelf.rule.extension}"


def text_of(moment: int) -> str:
    """Writes an instant as the service does; quicker than through a date, for listings have many."""
    date, hour, minute, second, milli = _parts(*divmod(moment, DAY))
    return f"{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"


def _parts(day: int, rest: int) -> tuple[str, int, int, int, int]:
    minutes, rest = divmod(rest, MINUTE)
    return _date(day), minutes // 60, minutes % 60, rest // SECOND, rest % SECOND


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return f"{EPOCH + timedelta(days=day):%Y-%m-%d}"
