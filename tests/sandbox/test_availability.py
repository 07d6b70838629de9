"""The availability service: rows, whole days, coverage, pages, refusals."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.asking import Asked

SERVICE = "dataAvailability/dataproducts"
BPR = {"locationCode": "NCBC", "deviceCategoryCode": "BPR", "dateFrom": "2019-11-23", "dateTo": "2019-11-30"}
SOUND = {"deviceCode": "ICLISTENHF6324", "dateFrom": "2023-05-20", "dateTo": "2023-07-09"}


def rows(ask: Asked, **given: object) -> list[dict[str, Any]]:
    answer = ask(SERVICE, **given)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["availableDataProducts"]
    return found


def archived(ask: Asked, **given: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask("archivefile/device", returnOptions="all", **given).json["files"]
    return found


def test_a_row_tells_the_files_of_whole_days(ask: Asked) -> None:
    """The day in which `dateTo` lies counts, although no file that begins at `dateTo` does (onc-api.md 2.8)."""
    (row,) = rows(ask, **BPR)
    size, packed = row.pop("totalUncompressedFileSize"), row.pop("totalFileSize")
    assert 0 < packed < size
    assert row == {
        "dataProductCode": "LF",
        "extension": "txt",
        "deviceCode": "BPR-Folger-59",
        "dateFrom": "2019-11-23T00:00:00.000Z",
        "dateTo": "2019-12-01T00:00:00.000Z",
        "fileCount": 7,
        "averageFileCoverage": 0.875,
        "minFileCoverage": 0.0,
        "maxFileCoverage": 1.0,
        "minFileCoverageDate": "2019-11-30T00:00:00.000Z",
        "maxFileCoverageDate": "2019-11-23T00:00:00.000Z",
    }


def test_the_answer_has_messages_next_and_the_query_with_its_token(ask: Asked) -> None:
    answer = ask(SERVICE, **BPR).json
    assert set(answer) == {"availableDataProducts", "messages", "next", "queryUrl"}
    assert (answer["messages"], answer["next"]) == ([], None)
    url = urlsplit(answer["queryUrl"])
    assert url.path == f"/api/{SERVICE}"
    assert parse_qs(url.query) == {name: [value] for name, value in BPR.items()} | {"token": [ask.sandbox.token]}


def test_counts_and_sizes_are_those_of_the_listing(ask: Asked) -> None:
    """What the sum says before an archive download is what then comes."""
    for source, begin, end in (
        ("ICLISTENHF6324", "2023-05-20", "2023-07-09"),
        ("TUMPMTSPECTROMETER002", "2021-08-28T05:00:00.000Z", "2021-08-30T07:30:00.000Z"),
        ("BPR-Folger-59", "2019-01-01", "2020-01-01"),
        ("AXISQ6044PTZACCC8E334C53", "2026-10-28", "2026-11-05"),
    ):
        given = {"deviceCode": source, "dateFrom": begin, "dateTo": end}
        files = archived(ask, **given)
        for row in rows(ask, **given):
            own = [
                file
                for file in files
                if file["dataProductCode"] == row["dataProductCode"]
                and file["filename"].endswith(f".{row['extension']}")
            ]
            assert row["fileCount"] == len(own)
            assert row["totalFileSize"] == sum(file["fileSize"] for file in own)
            assert row["totalUncompressedFileSize"] == sum(file["uncompressedFileSize"] for file in own)
            assert 0 <= row["minFileCoverage"] <= row["averageFileCoverage"] <= row["maxFileCoverage"] <= 1


def test_a_file_archived_again_counts_with_its_new_size(ask: Asked) -> None:
    before = rows(ask, **BPR)[0]["totalUncompressedFileSize"]
    size = len(ask("archivefile/download", filename="BPR-Folger-59_20191124T000000.000Z.txt").body)
    ask.sandbox.archive.archive_again("BPR-Folger-59_20191124T000000.000Z.txt", b"x" * (size + 11))
    assert rows(ask, **BPR)[0]["totalUncompressedFileSize"] == before + 11


def test_filters_narrow_the_rows(ask: Asked) -> None:
    every = {(row["dataProductCode"], row["extension"]) for row in rows(ask, **SOUND)}
    assert every == {
        *(("LF", "txt"), ("HACC", "acc"), ("AD", "wav"), ("AD", "flac")),
        *(("HSD", "fft"), ("HSD", "mat"), ("HSD", "png")),
    }
    assert {row["extension"] for row in rows(ask, **SOUND, dataProductCode="AD")} == {"wav", "flac"}
    assert [row["dataProductCode"] for row in rows(ask, **SOUND, extension="fft")] == ["HSD"]
    place = {"locationCode": "NCBC", "deviceCategoryCode": "BPR"}
    assert {row["deviceCode"] for row in rows(ask, **place)} == {
        *("BPR-Barkley-675", "BPR-Folger-59", "RBRQUARTZ3BPR204483")
    }
    assert rows(ask, **place, propertyCode="totalpressure") == rows(ask, **place)


def test_days_of_a_gap_are_empty_split_rows_or_are_left_out(ask: Asked) -> None:
    """Q34: the sandbox's own reading of `mergeGaps` and `includeEmptyDays`."""
    given = SOUND | {"extension": "txt"}
    (whole,) = rows(ask, **given)
    assert whole["minFileCoverage"] == 0.0
    two = rows(ask, **given, mergeGaps="false")
    assert [row["dateTo"][:10] for row in two] == ["2023-06-01", "2023-07-09"]
    assert [row["dateFrom"][:10] for row in two] == ["2023-05-20", "2023-07-01"]
    assert sum(row["fileCount"] for row in two) == whole["fileCount"]
    (filled,) = rows(ask, **given, includeEmptyDays="false")
    assert filled["averageFileCoverage"] > 0.9 > whole["averageFileCoverage"]


@pytest.mark.parametrize(("group", "count"), [("day", 7), ("month", 1), ("year", 1)])
def test_rows_can_be_of_a_day_a_month_or_a_year(ask: Asked, group: str, count: int) -> None:
    """Q34: the values of `groupBy` are not known; these are the sandbox's own."""
    found = rows(ask, **BPR, groupBy=group)
    assert len(found) == count
    assert sum(row["fileCount"] for row in found) == 7


def test_coverage_bounds_pick_rows(ask: Asked) -> None:
    assert rows(ask, **BPR, minimumCoverage="0.9") == []
    assert rows(ask, **BPR, maximumCoverage="0.8") == []
    assert len(rows(ask, **BPR, minimumCoverage="0.8", maximumCoverage="0.9")) == 1


def test_pages_follow_next(ask: Asked) -> None:
    every = rows(ask, **SOUND)
    joined: list[dict[str, Any]] = []
    query: dict[str, Any] = SOUND | {"rowLimit": "3"}
    while True:
        answer = ask(SERVICE, **query).json
        joined += answer["availableDataProducts"]
        if answer["next"] is None:
            break
        query = answer["next"]["parameters"]
        assert query.pop("token") == ask.sandbox.token
        assert query["page"] in ("2", "3")
    assert joined == every
    assert rows(ask, **SOUND, getLatest="true") == every[::-1]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, (128, "locationCode/deviceCode")),
        ({"locationCode": "NCBC"}, (128, "deviceCategoryCode")),
        ({"deviceCategoryCode": "BPR"}, (128, "locationCode/deviceCode")),
        (BPR | {"locationCode": "XYZ123"}, (127, "locationCode")),
        (BPR | {"propertyCode": "INVALID"}, (127, "propertyCode")),
        (BPR | {"extension": "xyz"}, (127, "extension")),
        (BPR | {"fileExtension": "txt"}, (129, "fileExtension")),
        (BPR | {"groupBy": "decade"}, (127, "groupBy")),
        (BPR | {"mergeGaps": "perhaps"}, (127, "mergeGaps")),
        (BPR | {"minimumCoverage": "2"}, (127, "minimumCoverage")),
        (BPR | {"maximumCoverage": "nan"}, (127, "maximumCoverage")),
        (BPR | {"dateTo": "2018-01-01"}, (23, "dateFrom,dateTo")),
        (BPR | {"dateFrom": "2050-01-01", "dateTo": "2051-01-01"}, (25, "dateFrom")),
    ],
)
def test_a_wrong_request_has_its_code(ask: Asked, given: dict[str, str], complaint: tuple[int, str]) -> None:
    answer = ask(SERVICE, **given)
    assert (answer.status, answer.complaints) == (400, [complaint])


def test_nothing_deployed_is_refused_by_place_and_empty_by_device(ask: Asked) -> None:
    window = {"dateFrom": "2024-05-01", "dateTo": "2024-06-01"}
    answer = ask(SERVICE, locationCode="FGPD", deviceCategoryCode="HYDROPHONE", **window)
    assert answer.complaints == [(127, "locationCode,deviceCategoryCode")]
    assert rows(ask, deviceCode="ICLISTENHF6324", **window) == []
