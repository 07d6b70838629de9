"""Answers of the availability service: which archive files there are per product, format, device and day.

The shape of a row is recorded (onc-api.md 2.8). What `groupBy`, `mergeGaps` and `includeEmptyDays` do is not (Q34):
here a row is of a `day`, `month` or `year` when asked, runs of days with files have rows of their own when gaps are
not merged, and days without files do not count when they are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from .archive import Address, Archive, Search, stored_size
from .parameters import read_flag, read_limit, read_page, read_window
from .replies import Reply, invalid_value, json_reply, missing
from .shelves import DAY, MOST_LAG, ArchiveFile, Shelf, count_of, extent, files_of, revision_day, text_of

_SECOND = 1000
_GROUPS = {"day": 10, "month": 7, "year": 4}
"""How many letters of a date tell the groups apart."""
_Source = tuple[str, str, str]


@dataclass(frozen=True)
class DayTally:
    """The files of one day: how many, their bytes as stored and as delivered, and the share of the day they cover."""

    day: int
    count: int
    stored: int
    size: int
    coverage: float


def answer(archive: Archive, service: str, given: Mapping[str, str], address: Address) -> Reply:
    """Answers the availability service; names and codes of the parameters are known to be valid."""
    limit, messages = read_limit(given)
    page = read_page(given)
    least, most = _share(given, "minimumCoverage", 0.0), _share(given, "maximumCoverage", 1.0)
    if given.get("groupBy", "day") not in _GROUPS:
        raise invalid_value("groupBy")
    read_window(given, archive.date)
    _check_source(given)
    search = archive.search(given, archive.deployed(given))
    rows = [
        (source, days)
        for source, shelves in _by_source(search.shelves).items()
        for days in _split(_tallies(archive, search, shelves), given)
        if least <= _average(days) <= most
    ]
    rows.sort(key=lambda row: (row[1][0].day, row[0]), reverse=search.newest_first)
    shown = [_row(source, days) for source, days in rows[(page - 1) * limit : page * limit]]
    return json_reply(
        {
            "availableDataProducts": shown,
            "messages": messages,
            "next": address.next_page(service, given, page + 1) if len(rows) > page * limit else None,
            "queryUrl": address.query_url(service, given),
        }
    )


def _check_source(given: Mapping[str, str]) -> None:
    if "deviceCode" in given or {"locationCode", "deviceCategoryCode"} <= set(given):
        return
    raise missing("deviceCategoryCode" if "locationCode" in given else "locationCode/deviceCode")


def _share(given: Mapping[str, str], name: str, default: float) -> float:
    try:
        share = float(given.get(name, default))
    except ValueError:
        raise invalid_value(name) from None
    if not 0 <= share <= 1:
        raise invalid_value(name)
    return share


def _by_source(shelves: Iterable[Shelf]) -> dict[_Source, list[Shelf]]:
    found: dict[_Source, list[Shelf]] = {}
    for shelf in shelves:
        source = (shelf.deployment.device.code, shelf.rule.product, shelf.rule.extension)
        found.setdefault(source, []).append(shelf)
    return found


def _tallies(archive: Archive, search: Search, shelves: list[Shelf]) -> list[DayTally]:
    """Counts the files of each whole day that the window touches, the day of `dateTo` included."""
    now = archive.now
    series = len({shelf.rule for shelf in shelves})
    again = archive.replaced_days()
    tallies = []
    for day in extent(shelves, search.begin, search.end):
        count = stored = size = covered = 0
        for shelf in shelves:
            alike, files = _files(shelf, day, search, now, exact=day in again)
            for file in files:
                length = archive.content(file, now).length
                count += alike
                stored += alike * stored_size(file, length)
                size += alike * length
                covered += alike * (file.end - file.begin)
        tallies.append(DayTally(day, count, stored, size, round(covered / DAY / series, 6)))
    return tallies


def _files(shelf: Shelf, day: int, search: Search, now: int, *, exact: bool) -> tuple[int, list[ArchiveFile]]:
    """Gives the files of a day, or one of them that stands for so many when all are alike."""
    midnight, every = day * DAY, shelf.rule.every * _SECOND
    is_whole = search.begin <= midnight and midnight + DAY <= min(search.end, now - MOST_LAG)
    slots = DAY // every
    if is_whole and not exact and revision_day(shelf, day) != now // DAY and count_of(shelf, day) == slots > 1:
        offset = shelf.rule.offset * _SECOND
        return slots, [ArchiveFile(shelf, midnight + offset, midnight + every)]
    return 1, [file for file in files_of(shelf, day) if search.shows(file, now)]


def _split(days: list[DayTally], given: Mapping[str, str]) -> list[list[DayTally]]:
    """Gives the days of each row; a row without any file is none."""
    letters = _GROUPS.get(given.get("groupBy", ""), 0)
    merged = read_flag(given, "mergeGaps", default=True)
    empty = read_flag(given, "includeEmptyDays", default=True)

    def key(tally: DayTally) -> tuple[str, bool]:
        return text_of(tally.day * DAY)[:letters], merged or tally.count > 0

    parts = [list(part) for _, part in groupby(days, key)]
    kept = [[tally for tally in part if empty or tally.count] for part in parts]
    return [part for part in kept if any(tally.count for tally in part)]


def _average(days: list[DayTally]) -> float:
    return round(sum(tally.coverage for tally in days) / len(days), 6)


def _row(source: _Source, days: list[DayTally]) -> dict[str, object]:
    device, product, extension = source
    least = min(days, key=lambda tally: tally.coverage)
    most = max(days, key=lambda tally: tally.coverage)
    return {
        "averageFileCoverage": _average(days),
        "dataProductCode": product,
        "dateFrom": text_of(days[0].day * DAY),
        "dateTo": text_of((days[-1].day + 1) * DAY),
        "deviceCode": device,
        "extension": extension,
        "fileCount": sum(tally.count for tally in days),
        "maxFileCoverage": most.coverage,
        "maxFileCoverageDate": text_of(most.day * DAY),
        "minFileCoverage": least.coverage,
        "minFileCoverageDate": text_of(least.day * DAY),
        "totalFileSize": sum(tally.stored for tally in days),
        "totalUncompressedFileSize": sum(tally.size for tally in days),
    }
