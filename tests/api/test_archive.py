"""Archive listings, availability and archive files: what is sent, and how the answers are read.

What happens under strange answers stands in tests/contract/test_questions_archive.py.
"""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import (
    ArchiveFile,
    ArrivingFile,
    Availability,
    Deployment,
    alike_names,
    archived_since,
    changed_members,
    clip_to_deployments,
    compare_listing,
    device_of,
    get_availability,
    is_in_window,
    judge_size,
    list_archive_files,
    local_name,
    open_archive_file,
    widen_begin,
)
from oncsync.errors import FaultError
from oncsync.timespan import FIRST_INSTANT
from tests.api.conftest import TOKEN, Connect, Sleeper
from tests.support.scripted import Reply, Serve

ORIGIN = datetime(2021, 10, 11, tzinfo=timezone.utc)
ROW = {
    "archiveLocation": "/NA_Archive_04",
    "archivedDate": "2021-10-12T03:55:53.941Z",
    "compression": "gz",
    "dataProductCode": "LF",
    "dateFrom": "2021-10-11T00:00:00.000Z",
    "dateTo": "2021-10-12T00:00:00.000Z",
    "deviceCode": "ONCMJB016",
    "fileSize": 8585653,
    "filename": "ONCMJB016_20211011T000000.000Z.txt",
    "modifyDate": "2021-10-12T03:55:57.241Z",
    "path": "14/10/96",
    "uncompressedFileSize": 71139520,
}
"""A row as the service was seen to send it (onc-api.md 4.1)."""


def instant(hours: int) -> datetime:
    return ORIGIN + timedelta(hours=hours)


def test_a_row_is_read_with_its_span_dates_and_both_sizes(serve: Serve, connect: Connect) -> None:
    """onc-api.md 4.1."""
    service = serve([Reply.of_json({"files": [ROW], "next": None, "returnOption": "all", "citations": []})])
    (file,) = list_archive_files(connect(service), device_code="ONCMJB016").files
    assert file == ArchiveFile(
        name="ONCMJB016_20211011T000000.000Z.txt",
        device_code="ONCMJB016",
        data_product_code="LF",
        begin=instant(0),
        end=instant(24),
        archived=datetime(2021, 10, 12, 3, 55, 53, 941_000, timezone.utc),
        modified=datetime(2021, 10, 12, 3, 55, 57, 241_000, timezone.utc),
        stored_size=8585653,
        delivered_size=71139520,
        compression="gz",
    )
    assert service.asked[0].path == "/api/archivefile/device"


def test_a_record_goes_into_json_in_the_services_spelling_and_back() -> None:
    file = ArchiveFile(name="a", begin=instant(0), stored_size=5)
    members = json.loads(msgspec.json.encode(file))
    assert (members["filename"], members["fileSize"]) == ("a", 5)
    assert msgspec.json.decode(msgspec.json.encode(file), type=ArchiveFile) == file
    assert pickle.loads(pickle.dumps(file)) == file


def test_availability_is_asked_and_read(serve: Serve, connect: Connect) -> None:
    """onc-api.md 2.8: whole days, counts, bytes and coverages."""
    row = {
        "averageFileCoverage": 0.875,
        "dataProductCode": "LF",
        "dateFrom": "2019-11-23T00:00:00.000Z",
        "dateTo": "2019-12-01T00:00:00.000Z",
        "deviceCode": "BPR-Folger-59",
        "extension": "txt",
        "fileCount": 7,
        "maxFileCoverage": 1.0,
        "maxFileCoverageDate": "2019-11-23T00:00:00.000Z",
        "minFileCoverage": 0.0,
        "minFileCoverageDate": None,
        "totalFileSize": "8707618",
        "totalUncompressedFileSize": 33868912,
    }
    service = serve([Reply.of_json({"availableDataProducts": [row, row], "messages": [], "next": None})])
    answer = get_availability(
        connect(service),
        location_code="a",
        device_category_code="b",
        device_code="c",
        property_code="d",
        data_product_code="e",
        extension="f",
        date_from=ORIGIN,
        date_to=instant(24),
        minimum_coverage=0.25,
        maximum_coverage=1.0,
    )
    assert service.asked[0].path == "/api/dataAvailability/dataproducts"
    assert service.asked[0].query == {
        "locationCode": "a",
        "deviceCategoryCode": "b",
        "deviceCode": "c",
        "propertyCode": "d",
        "dataProductCode": "e",
        "extension": "f",
        "dateFrom": "2021-10-11T00:00:00.000Z",
        "dateTo": "2021-10-12T00:00:00.000Z",
        "minimumCoverage": "0.25",
        "maximumCoverage": "1.0",
        "token": TOKEN,
    }
    (read,) = answer.rows
    assert isinstance(read, Availability)
    assert (read.file_count, read.stored_size, read.delivered_size) == (7, 8707618, 33868912)
    assert (read.average_coverage, read.min_coverage, read.max_coverage) == (0.875, 0.0, 1.0)
    assert read.min_coverage_date is None


def test_messages_of_every_page_are_told_once_and_are_on_the_listing(
    serve: Serve, connect: Connect, sleeper: Sleeper
) -> None:
    turn = {"parameters": {"deviceCode": "D", "page": "2"}}
    pages = [
        {"files": ["a"], "next": turn, "messages": ["restricted", {"message": "odd form"}]},
        {"files": ["b"], "next": None, "messages": "restricted", "warnings": ["second page"]},
    ]
    listing = list_archive_files(connect(serve([Reply.of_json(page) for page in pages])), device_code="D")
    assert listing.messages == ("restricted", "odd form", "second page")
    assert sleeper.told == list(listing.messages)


def test_messages_of_pages_before_a_fault_are_told(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    first = {"files": ["a"], "next": {"parameters": {"page": "2"}}, "messages": ["restricted"]}
    with pytest.raises(FaultError):
        list_archive_files(connect(serve([Reply.of_json(first), Reply(404)])), device_code="D")
    assert sleeper.told == ["restricted"]


def test_an_archive_file_is_asked_for_once_by_its_name(serve: Serve, connect: Connect) -> None:
    """onc-api.md 4.2: there is no 202 stage, and whoever fetches schedules the next attempt."""
    service = serve([Reply.of_file(b"x" * 300_000, "other name.txt")])
    with open_archive_file(connect(service), "A_1.txt") as arriving:  # type: ignore[union-attr]
        assert isinstance(arriving, ArrivingFile)
        assert (arriving.name, arriving.length) == ("A_1.txt", 300_000)
        assert sum(map(len, arriving.blocks())) == 300_000
    assert service.asked[0].path == "/api/archivefile/download"
    assert service.asked[0].query == {"filename": "A_1.txt", "token": TOKEN}
    assert service.asked[0].headers["accept-encoding"] == "identity"


def test_a_file_that_comes_again_with_the_same_length_ends_the_doubt() -> None:
    listed = ArchiveFile(name="a", stored_size=10, delivered_size=20)
    verdicts = {
        (count, has_length, came_before): judge_size(count, listed, has_length=has_length, came_before=came_before)
        for count in (10, 20, 15)
        for has_length in (True, False)
        for came_before in (True, False)
    }
    assert {verdict for (count, *_), verdict in verdicts.items() if count != 15} == {"good"}
    assert [key for key, verdict in verdicts.items() if verdict == "fault"] == [(15, False, False)]


# The pure functions

HOURS = st.integers(0, 60).map(instant)
FILES = st.builds(
    ArchiveFile,
    name=st.text(min_size=1, max_size=8),
    device_code=st.sampled_from([None, "D1", "D2"]),
    begin=st.none() | HOURS,
    end=st.none() | HOURS,
    archived=st.none() | HOURS,
    modified=st.none() | HOURS,
    stored_size=st.none() | st.integers(0, 9),
    delivered_size=st.none() | st.integers(0, 9),
)


@given(FILES, HOURS, HOURS, HOURS)
def test_a_file_in_two_windows_that_meet_is_in_one_of_them(
    file: ArchiveFile, first: datetime, second: datetime, third: datetime
) -> None:
    """Cutting a window in two loses no file of it."""
    low, middle, high = sorted((first, second, third))
    if low < middle < high and is_in_window(file, low, high):
        assert is_in_window(file, low, middle) or is_in_window(file, middle, high)


@given(FILES, HOURS, HOURS)
def test_a_file_whose_span_overlaps_is_never_left_out(file: ArchiveFile, low: datetime, high: datetime) -> None:
    if file.begin and file.end and file.begin < file.end and low < high:
        assert is_in_window(file, low, high) is (file.begin < high and file.end > low)
    assert is_in_window(file, None, None)


@given(st.lists(FILES, unique_by=lambda file: file.name), st.lists(FILES, unique_by=lambda file: file.name))
def test_comparing_puts_every_name_in_one_place(listed: list[ArchiveFile], held: list[ArchiveFile]) -> None:
    change = compare_listing(listed, held, is_full=True)
    names = [*change.new, *change.changed, *change.same, *change.not_listed]
    assert sorted(names) == sorted({file.name for file in (*listed, *held)})
    again = compare_listing(listed, listed, is_full=True)
    assert again.same == tuple(file.name for file in listed)
    assert set(change.not_listed).isdisjoint(file.name for file in listed)


@given(st.lists(FILES), st.lists(st.tuples(st.sampled_from(["D1", "D2"]), HOURS, st.none() | HOURS)))
def test_clipping_keeps_or_sets_apart_each_file_and_loses_none(
    files: list[ArchiveFile], spans: list[tuple[str, datetime, datetime | None]]
) -> None:
    deployments = [Deployment(device_code=code, location_code="L", begin=low, end=high) for code, low, high in spans]
    clipped = clip_to_deployments(files, deployments)
    assert sorted(map(repr, (*clipped.kept, *clipped.outside))) == sorted(map(repr, files))


@given(st.lists(FILES))
def test_a_mark_is_a_day_before_the_newest(files: list[ArchiveFile]) -> None:
    known = [file.archived for file in files if file.archived]
    assert archived_since(files) == (max(known) - timedelta(days=1) if known else None)


@given(st.text(max_size=300))
def test_a_local_name_is_one_safe_component(name: str) -> None:
    local = local_name(ArchiveFile(name=name))
    assert local
    assert local not in (".", "..")
    assert not set(local) & set("/\\\0")
    assert local_name(ArchiveFile(name=local)) == local


def test_the_begin_of_time_is_not_widened() -> None:
    assert widen_begin(FIRST_INSTANT) == FIRST_INSTANT
    assert widen_begin(instant(0)) == instant(-24)
    assert widen_begin(instant(0), timedelta(hours=2)) == instant(-2)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("BPR-Folger-59_20191123T000000.000Z.txt", "BPR-Folger-59"),
        ("NAXYS_HYD_007_20110101T000000Z-spect.png", "NAXYS_HYD_007"),
        ("A_20110101T000000.000Z_20110102T000000.000Z-x.mat", "A"),
        ("readme.txt", None),
        ("_20110101T000000.000Z.txt", None),
    ],
)
def test_a_device_is_read_from_a_name_up_to_its_stamp(name: str, device: str | None) -> None:
    """A device code can itself contain `_`."""
    assert device_of(ArchiveFile(name=name)) == device
    assert device_of(ArchiveFile(name=name, device_code="X")) == "X"


def test_names_are_alike_by_case_composition_and_cleaning() -> None:
    files = [ArchiveFile(name=name) for name in ("a.txt", "A.TXT", "e\u0301.txt", "\u00e9.txt", "x:y", "x?y", "z")]
    assert alike_names(files) == (("a.txt", "A.TXT"), ("e\u0301.txt", "\u00e9.txt"), ("x:y", "x?y"))


@pytest.mark.parametrize("member", ["archived", "modified", "stored_size", "delivered_size"])
def test_each_of_the_four_members_tells_a_change(member: str) -> None:
    held: Any = {"name": "a", "archived": instant(0), "modified": instant(0), "stored_size": 1, "delivered_size": 1}
    newer = {**held, member: instant(9) if member in ("archived", "modified") else 9}
    assert changed_members(ArchiveFile(**newer), ArchiveFile(**held)) == (member,)
