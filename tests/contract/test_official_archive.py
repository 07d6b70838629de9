"""The official Python client lists and downloads the sandbox's archive (onc-api.md 1.5, 2.8 and 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oncsync.sandbox import Sandbox
from tests.contract.official import asked_of, names_in

BY_PLACE = {
    "locationCode": "NCBC",
    "deviceCategoryCode": "BPR",
    "dateFrom": "2019-11-23",
    "dateTo": "2019-11-26",
    "fileExtension": "txt",
}
BY_DEVICE = {
    "deviceCode": "BPR-Folger-59",
    **{name: BY_PLACE[name] for name in ("dateFrom", "dateTo", "fileExtension")},
}
WEEK = {name: BY_PLACE[name] for name in ("locationCode", "deviceCategoryCode")} | {
    "dateFrom": "2019-11-23",
    "dateTo": "2019-11-30",
}
DAYS = [f"BPR-Folger-59_201911{day}T000000.000Z.txt" for day in (23, 24, 25)]
LISTINGS = ("archivefile/location", "archivefile/device")


def test_a_window_holds_the_files_that_overlap_it(client: Any) -> None:
    """Three days are three daily files: the one that begins with `dateTo` is out; the end is told by `next`."""
    listing = client.getArchivefile(dict(BY_PLACE))
    assert listing["files"] == DAYS
    assert listing["next"] is None
    assert listing["returnOption"] == "default"
    assert listing["messages"] == []


def test_a_device_has_the_files_of_its_place(client: Any) -> None:
    """By device and by place the same files are listed."""
    assert client.getArchivefile(dict(BY_DEVICE))["files"] == client.getArchivefile(dict(BY_PLACE))["files"]


@pytest.mark.parametrize(("asked", "listing"), [(BY_PLACE, LISTINGS[0]), (BY_DEVICE, LISTINGS[1])])
def test_all_pages_together_are_the_one_page(
    client: Any, service: Sandbox, asked: dict[str, str], listing: str
) -> None:
    """The client follows `next` with the parameters in it: page 2 is text, and repeats the whole question."""
    first = client.getArchivefile(asked | {"rowLimit": 2, "page": 1})
    assert first["files"] == DAYS[:2]
    assert first["next"]["parameters"]["page"] == "2"
    assert first["next"]["parameters"]["token"] == service.token
    whole = client.getArchivefile(asked | {"rowLimit": 2, "page": 1}, allPages=True)
    assert (whole["files"], whole["next"]) == (DAYS, None)
    questions = asked_of(service, listing)
    assert [question["page"] for question in questions] == ["1", "1", "2"]
    assert {tuple(sorted({**question, "page": ""}.items())) for question in questions} == {
        tuple(sorted({**asked, "rowLimit": "2", "page": ""}.items()))
    }


def test_pages_can_be_of_records(client: Any) -> None:
    """With `returnOptions=all` each file is a record, on every page."""
    whole = client.getArchivefile(BY_DEVICE | {"rowLimit": 1, "returnOptions": "all"}, allPages=True)
    assert [row["filename"] for row in whole["files"]] == DAYS
    assert {row["deviceCode"] for row in whole["files"]} == {"BPR-Folger-59"}
    assert {row["dataProductCode"] for row in whole["files"]} == {"LF"}
    assert [row["dateFrom"] for row in whole["files"]] == [f"2019-11-{day}T00:00:00.000Z" for day in (23, 24, 25)]
    assert all(row["archivedDate"] > row["dateTo"] for row in whole["files"])


def test_the_filter_of_the_client_itself_is_not_sent(client: Any, service: Sandbox) -> None:
    """`extension` is a filter inside the client; the service would refuse it."""
    asked = {name: value for name, value in BY_PLACE.items() if name != "fileExtension"}
    assert client.getArchivefile(asked | {"extension": "txt"})["files"] == DAYS
    assert client.getArchivefile(asked | {"extension": "wav"})["files"] == []
    assert all("extension" not in question for question in asked_of(service, LISTINGS[0]))


def test_a_file_arrives_unpacked(client: Any, tmp_path: Path) -> None:
    """What lies packed in the archive is delivered as text, as long as the record says."""
    (row,) = client.getArchivefile(BY_DEVICE | {"dateTo": "2019-11-24", "returnOptions": "all"})["files"]
    got = client.downloadArchivefile(row["filename"])
    assert (got["status"], got["file"], got["size"]) == ("completed", DAYS[0], row["uncompressedFileSize"])
    assert (tmp_path / "got" / DAYS[0]).stat().st_size == row["uncompressedFileSize"] > row["fileSize"]
    assert row["compression"] == "gz"


def test_a_file_that_is_here_is_not_overwritten(client: Any, tmp_path: Path) -> None:
    """A whole file stays unless the user says otherwise, an empty one is taken for none."""
    client.downloadArchivefile(DAYS[0])
    with pytest.raises(FileExistsError):
        client.downloadArchivefile(DAYS[0])
    whole = (tmp_path / "got" / DAYS[0]).read_bytes()
    client.downloadArchivefile(DAYS[0], overwrite=True)
    assert (tmp_path / "got" / DAYS[0]).read_bytes() == whole
    (tmp_path / "got" / DAYS[0]).write_bytes(b"")
    client.downloadArchivefile(DAYS[0])
    assert (tmp_path / "got" / DAYS[0]).read_bytes() == whole


def test_what_a_question_finds_is_downloaded_at_once(client: Any, tmp_path: Path) -> None:
    """Every file of the list arrives; a second time none is fetched."""
    result = client.downloadDirectArchivefile(dict(BY_PLACE))
    assert names_in(tmp_path / "got") == DAYS
    assert result["stats"]["fileCount"] == len(DAYS)
    assert result["stats"]["totalSize"] == sum((tmp_path / "got" / name).stat().st_size for name in DAYS)
    again = client.downloadDirectArchivefile(dict(BY_PLACE))
    assert [row["status"] for row in again["downloadResults"]] == ["skipped"] * len(DAYS)


def test_a_page_or_all_pages_are_downloaded_at_once(client: Any, tmp_path: Path) -> None:
    """Without `allPages` the first page alone arrives, with it every file."""
    assert client.downloadDirectArchivefile(BY_PLACE | {"rowLimit": 2})["stats"]["fileCount"] == 2
    assert names_in(tmp_path / "got") == DAYS[:2]
    client.downloadDirectArchivefile(BY_PLACE | {"rowLimit": 2}, allPages=True)
    assert names_in(tmp_path / "got") == DAYS


def test_links_can_be_had_without_a_download(client: Any, service: Sandbox, tmp_path: Path) -> None:
    """The client puts them together itself; they lead to the files."""
    links = client.getArchivefileUrls(dict(BY_PLACE))
    assert links == [f"{service.url}api/archivefile/download?filename={name}&token={service.token}" for name in DAYS]
    assert names_in(tmp_path / "got") == []


def test_a_device_that_was_silent_has_an_empty_list(client: Any) -> None:
    """By device, a window without files is an answer."""
    listing = client.getArchivefile(BY_DEVICE | {"dateFrom": "2000-01-01", "dateTo": "2000-01-02"})
    assert (listing["files"], listing["next"]) == ([], None)


def test_a_place_without_a_device_in_the_window_is_refused(client: Any) -> None:
    """By place, a window without a deployment is 127, and the text says that it is no wrong code."""
    with pytest.raises(Exception, match=r"API Error 127: .*but not during the provided time range"):
        client.getArchivefile(BY_PLACE | {"dateFrom": "2000-01-01", "dateTo": "2000-01-02"})


@pytest.mark.parametrize("asked", [BY_PLACE, BY_DEVICE])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fileExtensions": "txt"}, 129),
        ({"dataProductCode": "XYZ123"}, 127),
        ({"dateFrom": "2019-11-27"}, 23),
        ({"dateFrom": "2050-01-01", "dateTo": "2051-01-01"}, 25),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    client: Any, asked: dict[str, str], change: dict[str, str], code: int
) -> None:
    """Both lists check names, codes and dates alike."""
    with pytest.raises(Exception, match=f"API Error {code}:"):
        client.getArchivefile(asked | change)


@pytest.mark.parametrize("name", ["locationCode", "deviceCategoryCode"])
def test_a_place_needs_its_code_and_a_category(client: Any, name: str) -> None:
    """A required parameter that is not there is 128."""
    with pytest.raises(Exception, match=f"API Error 128: .*{name}"):
        client.getArchivefileByLocation({key: value for key, value in BY_PLACE.items() if key != name})


@pytest.mark.parametrize(("name", "code"), [("FAKEFILE.XYZ", 96), (f"{DAYS[0]}.gz", 96), ("", 128)])
def test_a_file_that_is_not_there_is_refused(client: Any, tmp_path: Path, name: str, code: int) -> None:
    """An unknown name is 96, that of the packed form too, and no name at all is 128; nothing is written."""
    with pytest.raises(Exception, match=f"API Error {code}:"):
        client.downloadArchivefile(name)
    assert names_in(tmp_path / "got") == []


def test_availability_counts_what_the_archive_lists(client: Any) -> None:
    """A row for each product of a device: as many files and bytes as the list has, in whole days."""
    answer = client.getDataAvailability(dict(WEEK))
    assert set(answer) == {"availableDataProducts", "messages", "next", "queryUrl"}
    assert answer["next"] is None
    (row,) = [row for row in answer["availableDataProducts"] if row["extension"] == "txt"]
    files = client.getArchivefile(WEEK | {"fileExtension": "txt", "returnOptions": "all"})["files"]
    assert (row["deviceCode"], row["dataProductCode"]) == ("BPR-Folger-59", "LF")
    assert row["fileCount"] == len(files) == 7
    assert row["totalFileSize"] == sum(file["fileSize"] for file in files)
    assert row["totalUncompressedFileSize"] == sum(file["uncompressedFileSize"] for file in files)
    assert row["dateFrom"] == "2019-11-23T00:00:00.000Z"
    assert 0.0 <= row["minFileCoverage"] <= row["averageFileCoverage"] <= row["maxFileCoverage"] <= 1.0


def test_availability_refuses_a_code_that_nothing_has(client: Any) -> None:
    """`INVALID` is no place."""
    with pytest.raises(Exception, match="API Error 127"):
        client.getDataAvailability(WEEK | {"locationCode": "INVALID"})
