"""When only news are asked for: what the lock says is what a whole listing would have said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api.archive import ArchiveListing
from oncsync.api.listing import is_in_window
from oncsync.api.records import ArchiveFile
from oncsync.listings import DeviceListing, EntryListing, Listings
from oncsync.lockfile import LockEntry, parse_lock, render_lock
from oncsync.manifest import Download, Manifest
from oncsync.resolver import Resolution
from oncsync.resolver.archived import read_before, resolve_archived
from oncsync.resolver.downloads import Resolved
from oncsync.resolver.findings import EntryError
from oncsync.resolver.survey import Survey
from tests.resolver.conftest import Connect
from tests.resolver.making import at
from tests.resolver.shelf import Row, Shelf, again, chunks_of, day_of, entry, files_of, resolve_archive, row, texts_of
from tests.support.records import steady
from tests.support.scripted import Reply

MOVING = "deviceCode: CTD3\nbegin: -P3D\nend: now\n"
OPEN = "deviceCode: CTD3\nbegin: 2020-01-01\n"
CLOSED = "deviceCode: CTD3\nbegin: 2020-01-01\nend: 2020-01-11\n"
KEY = ("download", "x")
NOON = at("2020-01-08T12:00")
Ask = Callable[..., Resolution]


class Desk:
    """Resolves one entry again and again, as a person does, and tells from when on was asked."""

    def __init__(self, connect: Connect, shelf: Shelf, text: str) -> None:
        self.service, self.session = connect(shelf)
        self.text = entry(text)
        self.last: Resolution | None = None

    def resolve(self, now: datetime, **changed: Any) -> list[str | None]:
        """Resolves at an instant; gives the archiving time from which each question asked."""
        before = len(self.service.asked)
        last = self.last
        rest = {"previous": last and last.lock, "listings": last and last.listings, "text": self.text, **changed}
        self.last = resolve_archive(rest.pop("text"), self.session, now=now, **rest)
        return [one.query.get("dateArchivedFrom") for one in self.service.asked[before:] if "archive" in one.path]

    @property
    def names(self) -> list[str]:
        """The names of the files in the lock."""
        assert self.last is not None
        return list(files_of(self.last))


def rows_until(now: str) -> list[Row]:
    """Gives the files of a week that are archived by an instant."""
    days = [f"2020-01-{day:02}" for day in range(4, 11)]
    return [one for day in days for one in day_of("CTD3", day) if at(one["archivedDate"]) <= at(now)]


@pytest.mark.parametrize("text", [MOVING, OPEN, CLOSED], ids=["moving", "open", "closed"])
def test_the_second_listing_asks_for_what_came_since_less_a_day(connect: Connect, text: str) -> None:
    """Q31: late arrivals have a day, and what is new is found."""
    desk = Desk(connect, shelf := Shelf(rows_until("2020-01-08T12:00")), text)
    assert desk.resolve(NOON) == [None]
    shelf.rows = rows_until("2020-01-08T15:00")
    assert desk.resolve(at("2020-01-08T15:00")) == ["2020-01-07T11:30:00.000Z"]
    assert desk.names[-1] == "CTD3_20200108T130000.000Z.txt"
    partial = desk.last
    desk.resolve(at("2020-01-08T15:00"), full=True)
    assert partial is not None
    assert desk.last is not None
    assert partial.lock == desk.last.lock


def test_nothing_new_costs_one_question_with_a_short_answer(connect: Connect) -> None:
    """R142."""
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    assert desk.last is not None
    lock = desk.last.lock
    assert desk.resolve(at("2020-01-09T12:00")) == ["2020-01-07T11:30:00.000Z"]
    assert desk.last.lock == lock
    assert [one.path for one in desk.service.asked] == ["/api/archivefile/device"] * 2


def test_everything_is_listed_once_a_week_and_when_a_person_says_so(connect: Connect) -> None:
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    week = timedelta(days=7)
    assert desk.resolve(NOON + timedelta(days=3)) != [None]
    assert desk.resolve(NOON + week - timedelta(seconds=1)) != [None]
    assert desk.resolve(NOON + week) == [None]
    assert desk.resolve(NOON + week + timedelta(hours=1)) != [None]
    assert desk.resolve(NOON + week + timedelta(hours=2), full=True) == [None]


def test_a_file_that_vanished_is_noticed_by_the_next_whole_listing(connect: Connect) -> None:
    """Q32: no archiving time tells that a file is gone, so this waits for a week or for `--full`."""
    desk = Desk(connect, shelf := Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    gone = shelf.rows.pop(0)["filename"]
    desk.resolve(NOON + timedelta(days=1))
    assert desk.last is not None
    assert files_of(desk.last)[gone].is_listed
    desk.resolve(NOON + timedelta(days=1), full=True)
    assert not files_of(desk.last)[gone].is_listed
    assert desk.resolve(NOON + timedelta(days=2)) == [None], "it may have been a bad day: one more look at everything"
    assert desk.resolve(NOON + timedelta(days=2, hours=1)) != [None]


@pytest.mark.parametrize("left", [0, 20])
def test_files_that_a_bad_day_hid_are_back_with_the_next_resolve(connect: Connect, left: int) -> None:
    """Q32: a file that is marked is not fetched, so a listing that lacked some is not built upon."""
    desk = Desk(connect, shelf := Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    whole, shelf.rows = shelf.rows, shelf.rows[:left]
    desk.resolve(NOON + timedelta(hours=1), full=True)
    if not left:
        assert desk.resolve(NOON + timedelta(hours=2)) == [None], "as long as nothing is listed"
    shelf.rows = whole
    assert desk.resolve(NOON + timedelta(hours=3)) == [None]
    assert desk.last is not None
    assert all(file.is_listed for file in files_of(desk.last).values())


def test_an_entry_without_a_memory_is_listed_whole(connect: Connect) -> None:
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    assert desk.resolve(NOON, listings=None) == [None]
    assert desk.resolve(NOON, listings={("download", "y"): EntryListing("0" * 20)}) == [None]


@pytest.mark.parametrize(
    "text",
    [
        CLOSED.replace("2020-01-01", "2019-12-31"),
        CLOSED.replace("2020-01-11", "2020-01-12"),
        CLOSED + "match: '*T1*'\n",
        CLOSED + "newest: 3\n",
        CLOSED + "limit: 3\n",
        CLOSED + "prefer: [txt, hdf5]\n",
    ],
)
def test_a_changed_entry_is_listed_whole(connect: Connect, text: str) -> None:
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    assert desk.resolve(NOON, text=entry(text)) == [None]


@pytest.mark.parametrize("lines", ["newest: 3\n", "limit: 3\n", "prefer: [txt, hdf5]\n"])
def test_where_files_decide_about_one_another_everything_is_listed_always(connect: Connect, lines: str) -> None:
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED + lines)
    assert [desk.resolve(NOON), desk.resolve(NOON)] == [[None], [None]]


def test_a_clock_that_went_back_is_not_believed(connect: Connect) -> None:
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), OPEN)
    desk.resolve(NOON)
    assert desk.resolve(NOON - timedelta(seconds=1)) == [None]


def test_lines_that_are_not_those_of_the_last_listing_are_not_built_upon(connect: Connect) -> None:
    """A lock from another branch, or one of which a shard is missing."""
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    assert desk.last is not None
    lock = desk.last.lock
    (whole,) = lock.entries
    for requests in ((), (msgspec.structs.replace(whole.requests[0], chunks=whole.requests[0].chunks[1:]),)):
        other = msgspec.structs.replace(lock, entries=(msgspec.structs.replace(whole, requests=requests),))
        assert desk.resolve(NOON, previous=other, listings=desk.last.listings) == [None]


def test_a_lock_that_went_through_a_file_is_built_upon(connect: Connect) -> None:
    desk = Desk(connect, Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    assert desk.last is not None
    lock = parse_lock(render_lock(desk.last.lock, "oncsync.yaml"))
    assert desk.resolve(NOON, previous=lock) != [None]


@pytest.mark.parametrize("member", ["dateFrom", "dateTo", "archivedDate"])
def test_files_of_which_too_little_is_told_are_listed_whole(connect: Connect, member: str) -> None:
    """Q28: whether they leave a window that moves cannot be told from the lock."""
    rows = rows_until("2020-01-08T12:00")
    rows[-1] = rows[-1] | {member: None}
    desk = Desk(connect, Shelf(rows), CLOSED)
    assert [desk.resolve(NOON), desk.resolve(NOON)] == [[None], [None]]


def test_an_empty_answer_leaves_no_mark(connect: Connect) -> None:
    """Q10: an empty answer moves no mark, so that the next one is whole again."""
    desk = Desk(connect, shelf := Shelf(), CLOSED)
    assert [desk.resolve(NOON), desk.resolve(NOON)] == [[None], [None]]
    assert [one.path for one in desk.service.asked].count("/api/devices") == 1
    shelf.rows = rows_until("2020-01-08T12:00")
    desk.resolve(NOON)
    assert len(desk.names) == 107


def test_a_service_that_refuses_the_archiving_time_is_asked_for_everything(connect: Connect) -> None:
    shelf = Shelf(rows_until("2020-01-08T12:00"))
    shelf.instead = lambda asked: (
        Reply.of_errors((129, "Invalid parameter", "dateArchivedFrom")) if "dateArchivedFrom" in asked.query else None
    )
    desk = Desk(connect, shelf, CLOSED)
    desk.resolve(NOON)
    assert desk.resolve(NOON) == ["2020-01-07T11:30:00.000Z", None]
    assert texts_of(desk.last) == ""  # type: ignore[arg-type]


def test_a_device_that_could_not_be_listed_keeps_its_mark(connect: Connect) -> None:
    desk = Desk(connect, shelf := Shelf(rows_until("2020-01-08T12:00")), "deviceCode: [CTD3, CAM2]\n" + CLOSED[17:])
    shelf.rows += [row("CAM2", "2020-01-05")]
    desk.resolve(NOON)
    shelf.instead = lambda asked: Reply(500) if asked.query.get("deviceCode") == "CAM2" else None
    desk.resolve(NOON + timedelta(hours=1))
    shelf.instead = lambda asked: None
    assert sorted(map(str, desk.resolve(NOON + timedelta(hours=2)))) == [
        "2020-01-04T01:30:00.000Z", "2020-01-07T11:30:00.000Z",
    ]  # fmt: skip


def test_a_place_is_asked_for_news_while_its_deployments_stay(connect: Connect) -> None:
    text = "locationCode: NB\ndeviceCategoryCode: CTD\nbegin: 2020-01-01\n"
    desk = Desk(connect, Shelf(day_of("CTD3", "2020-01-16")), text)
    assert desk.resolve(at("2020-02-01")) == [None]
    assert desk.resolve(at("2020-02-02")) == ["2020-01-16T00:30:00.000Z"]
    assert len(desk.names) == 24


def test_a_file_that_was_archived_again_is_found_among_the_news(connect: Connect) -> None:
    desk = Desk(connect, shelf := Shelf(rows_until("2020-01-08T12:00")), CLOSED)
    desk.resolve(NOON)
    shelf.rows[0] = again(shelf.rows[0], "2020-01-08T13:00")
    desk.resolve(at("2020-01-08T15:00"))
    assert desk.last is not None
    assert files_of(desk.last)[shelf.rows[0]["filename"]].is_rearchived
    assert "1 file was archived again by ONC" in texts_of(desk.last)
    assert [chunk.file.is_rearchived for chunk in chunks_of(desk.last) if chunk.file].count(True) == 1


# --- The same as a whole listing, whatever happens ---------------------------------------------------------------

ZERO = at("2020-01-01")


class _Archive(Survey):
    """An archive without a service: files from the hour in which they were archived."""

    def __init__(self, files: list[ArchiveFile], now: datetime) -> None:
        self._files, self._moment = files, now
        self.since: list[datetime | None] = []

    def archive_files(self, **question: Any) -> ArchiveListing:
        self.since.append(question["date_archived_from"])
        since = question["date_archived_from"] or ZERO - timedelta(days=999)
        newest: dict[str, ArchiveFile] = {}
        for file in sorted(self._files, key=lambda one: one.archived or ZERO):
            if file.archived is not None and file.archived <= self._moment:
                newest[file.name] = file
        window = question["date_from"], question["date_to"]
        return ArchiveListing(
            tuple(one for one in newest.values() if is_in_window(one, *window) and (one.archived or since) >= since)
        )

    def all_devices(self) -> dict[str, Any]:
        return {"D": None}

    def in_parallel(self, ask: Any, questions: Any) -> Any:
        return [ask(question) for question in questions]


def _file(begin: int, length: int, lag: int, size: int) -> ArchiveFile:
    first = ZERO + timedelta(hours=begin)
    last = first + timedelta(hours=length)
    return ArchiveFile(
        name=f"D_{begin}.txt", device_code="D", data_product_code="LF", begin=first, end=last,
        archived=last + timedelta(hours=lag), modified=last + timedelta(hours=lag), stored_size=size,
        delivered_size=size,
    )  # fmt: skip


FILES = st.builds(
    _file,
    st.integers(0, 160),
    st.sampled_from([1, 1, 2, 30]),
    st.sampled_from([0, 1, 1, 2, 7, 30, 90]),
    st.integers(1, 4),
)
"""Late arrivals come days after their end; two of one name are one that was archived again."""
WINDOWS = st.sampled_from(
    [("-P3D", "now"), ("-PT30H", "now"), ("2020-01-02", None), ("2020-01-03", "2020-01-06"), ("2020-01-03", "P1D")]
)
HAPPENINGS = ["news", "news", "news", "news", "forgets", "old lock", "empty lock"]
STEPS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(HAPPENINGS), st.integers(0, 1)), min_size=2, max_size=14)


@steady(150)
@given(files=st.lists(FILES, min_size=8, max_size=40), windows=st.tuples(WINDOWS, WINDOWS), steps=STEPS)
def test_any_sequence_of_resolves_gives_what_whole_listings_give(
    files: list[ArchiveFile], windows: tuple[tuple[str, str | None], ...], steps: list[tuple[int, str, int]]
) -> None:
    """As long as nothing vanishes: at each step, with the lock that stands, news give the lock of a whole listing.

    Between the steps time goes on, the window moves or is another one (as when a deployment changed), the memory or the
    lock is lost, or an earlier lock comes back. That a file vanished is not in the news: only the next whole listing
    tells.
    """
    now = ZERO + timedelta(hours=70)
    locks: list[tuple[LockEntry | None, EntryListing | None]] = [(None, None)]
    for hours, what, which in steps:
        now += timedelta(hours=hours)
        old, listing = locks[-1]
        if what == "forgets":
            listing = None
        elif what == "old lock":
            old = locks[len(locks) // 2][0]
        elif what == "empty lock":
            old = None
        begin, end = windows[which]
        download = Download(
            name="x", service="archivefile", device_codes=("D",), begin=begin, end=end, min_size="2 B", match=("D_*",)
        )
        partial = _resolve(download, _Archive(files, now), now, old, listing, "d")
        whole = _resolve(download, _Archive(files, now), now, old, None, "d")
        assert partial.requests == whole.requests
        locks.append((_entry(partial, "d"), partial.listing))


def _entry(resolved: Resolved, digest: str) -> LockEntry:
    return LockEntry(kind="download", name="x", digest=digest, requests=resolved.requests)


def _resolve(
    download: Download,
    archive: _Archive,
    now: datetime,
    old: LockEntry | None,
    listing: EntryListing | None,
    digest: str,
) -> Resolved:
    """Resolves; an entry whose filters keep none of the files of a time that is over has no lines."""
    manifest = Manifest(path=Path("oncsync.yaml"), folder=Path("data"), downloads=(download,))
    try:
        return resolve_archived(download, manifest, archive, now, read_before(old, listing, digest), digest)
    except EntryError:
        return Resolved(())


def test_the_property_above_is_one_of_news() -> None:
    """Most of its steps do ask for news alone, or it would prove nothing."""
    files = [_file(hour, 1, 1, 5) for hour in range(80, 130)]
    download = Download(name="x", service="archivefile", device_codes=("D",), begin="-P3D", end="now")
    now = ZERO + timedelta(hours=100)
    first = _resolve(download, _Archive(files, now), now, None, None, "d")
    later = now + timedelta(hours=9)
    archive = _Archive(files, later)
    second = _resolve(download, archive, later, _entry(first, "d"), first.listing, "d")
    assert archive.since == [ZERO + timedelta(hours=100 - 24)]
    assert len(second.requests[0].chunks) == 28
    listings: Listings = {KEY: first.listing or EntryListing("")}
    assert isinstance(listings[KEY].devices["D"], DeviceListing)
