"""From a workbook to a manifest: exactly its rows, its settings, a folder that can be here, and no token."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from oncsync.errors import ProblemsError
from oncsync.manifest import Request
from oncsync.workbook import Book, Imported, Origin, Row, Setting, book_to_requests, read_workbook
from oncsync.workbook.importing import place_folder
from oncsync.workbook.records import parse_origin, stamp_digest
from tests.workbook.books import CONFIGURATION, TOKEN, configuration_rows, device_rows, location_rows, save_book

HOME = PurePosixPath("/home/ann/project")


def row(number: int = 2, **changes: Any) -> Row:
    members: dict[str, Any] = {
        "method": "byLocation",
        "location_code": "BACAX",
        "device_category_code": "CTD",
        "data_product_code": "TSSD",
        "extension": "csv",
        "begin": "2017-05-01",
        "end": "2017-06-01",
    }
    return Row(number=number, **(members | changes))


def imported(*rows: Row, **settings: Any) -> Imported:
    book = Book(
        rows=rows, settings=tuple(Setting(key, value, f"Configuration!{key}") for key, value in settings.items())
    )
    return book_to_requests(book, HOME, is_windows=False)


def test_the_documented_rows_become_exactly_their_requests(tmp_path: Path) -> None:
    """R66, R75, I-22: a By Device row sends no location, a By Location row no device."""
    path = save_book(
        tmp_path,
        {
            "By Location": location_rows({"note": "mine"}),
            "By Device": device_rows({"download": "N"}),
            "Configuration": configuration_rows(),
        },
    )
    by_location, by_device = book_to_requests(read_workbook(path), HOME, is_windows=True).requests
    assert by_location == Request(
        name="By Location!2",
        location_code="BACAX",
        device_category_code="HYDROPHONE",
        data_product_code="AD",
        extension="wav",
        begin="2011-07-13",
        end="2011-07-14",
        options={"dpo_hydrophoneDataDiversionMode": "All"},
        columns=by_location.columns,
    )
    assert by_location.columns["deviceCode"] == "NAXYS_HYD_007"
    assert by_location.columns["note"] == "mine"
    assert (by_device.name, by_device.download) == ("By Device!2", False)
    assert (by_device.location_code, by_device.device_code) == (None, "NAXYS_HYD_007")
    assert by_device.columns["locationCode"] == "BACAX"


def test_settings_become_the_manifests_and_the_folders_stand_apart(tmp_path: Path) -> None:
    """R13, R82-R88, R91, R95-R97."""
    path = save_book(tmp_path, {"By Location": location_rows({}), "Configuration": configuration_rows()})
    result = book_to_requests(read_workbook(path), PureWindowsPath("C:/ONC"), is_windows=True)
    apart = ("token", "downloadFolder", "logFile")
    assert result.settings == {key: value for key, value in CONFIGURATION.items() if key not in apart}
    assert (result.folder, result.folder_is_foreign, result.state) == ("Data/hydrophones", False, "download.json")


def test_the_token_is_not_taken_over_and_a_note_says_where_it_belongs(tmp_path: Path) -> None:
    """R83."""
    path = save_book(tmp_path, {"By Location": location_rows({}), "Configuration": configuration_rows()})
    result = book_to_requests(read_workbook(path), HOME)
    assert TOKEN not in repr(result)
    assert any("ONC_TOKEN" in note for note in result.notes)


@pytest.mark.parametrize(
    ("text", "is_windows", "base", "folder", "is_foreign"),
    [
        ("data", False, "/home/ann", "data", False),
        ("/home/ann/data", False, "/home/ann", "data", False),
        ("/home/ann", False, "/home/ann", ".", False),
        ("/srv/onc", False, "/home/ann", "/srv/onc", False),
        ("C:/ONC/Data", False, "/home/ann", "C:/ONC/Data", True),
        ("C:\\ONC\\Data", False, "/home/ann", "C:/ONC/Data", True),
        ("\\\\server\\share\\onc", False, "/home/ann", "//server/share/onc", True),
        ("data\\hydrophones", False, "/home/ann", "data/hydrophones", False),
        ("C:\\ONC\\Data", True, "C:/ONC", "Data", False),
        ("c:/onc/data", True, "C:/ONC", "data", False),
        ("D:/Data", True, "C:/ONC", "D:/Data", False),
        ("/home/ann/data", True, "C:/ONC", "/home/ann/data", True),
    ],
)
def test_a_folder_is_relative_when_it_can_be_and_foreign_when_it_cannot_be_here(
    text: str, is_windows: bool, base: str, folder: str, is_foreign: bool
) -> None:
    """R84, R48."""
    own_base = PureWindowsPath(base) if is_windows else PurePosixPath(base)
    assert place_folder(text, own_base, is_windows=is_windows) == (folder, is_foreign)


def test_a_folder_of_another_system_is_kept_and_noted() -> None:
    """R84."""
    result = imported(row(), downloadFolder="C:/ONC/Data")
    assert (result.folder, result.folder_is_foreign) == ("C:/ONC/Data", True)
    assert any("another system" in note for note in result.notes)
    assert imported(row()).folder is None


@pytest.mark.parametrize(
    ("log", "folder", "state"),
    [
        ("C:/ONC/Data/download.json", "C:/ONC/Data", "download.json"),
        ("C:\\ONC\\Data\\log\\download.json", "c:/onc/data/", "log/download.json"),
        ("data/.oncsync/state.json", "data", None),
        ("download.json", None, "download.json"),
    ],
)
def test_the_log_file_becomes_the_state_inside_the_folder(log: str, folder: str | None, state: str | None) -> None:
    """R85."""
    settings = {"logFile": log} | ({"downloadFolder": folder} if folder else {})
    assert imported(row(), **settings).state == state


@pytest.mark.parametrize("log", ["C:/Logs/download.json", "/var/log/x.json", "../x.json", "data/../../x.json", "data"])
def test_a_log_file_outside_the_folder_is_noted_and_the_usual_place_taken(log: str) -> None:
    result = imported(row(), logFile=log, downloadFolder="data")
    assert result.state is None
    assert any(note.startswith("Configuration!logFile") for note in result.notes)


def test_requests_are_named_after_their_lines() -> None:
    names = [request.name for request in imported(row(2), row(12), row(2, method="byDevice")).requests]
    assert names == ["By Location!2", "By Location!12", "By Device!2"]


def test_exported_requests_get_their_names_back_and_no_two_are_called_the_same() -> None:
    origin = Origin("requests", "ctd")
    rows = [
        row(2, origin=origin),
        row(3, origin=origin),
        row(4, origin=Origin("requests", "By Location!5")),
        row(5),
    ]
    assert [request.name for request in imported(*rows).requests] == [
        "ctd",
        "By Location!3",
        "By Location!5",
        "By Location!5 (2)",
    ]


@pytest.mark.parametrize(
    "changes",
    [{"end": None}, {"end": "now"}, {"begin": "-P1D", "end": "now"}, {"end": None, "split_date_range": "all"}],
)
def test_an_open_row_is_never_one_piece(changes: dict[str, Any]) -> None:
    """I-28: an order without end could not be finished."""
    result = imported(row(**changes), splitDateRange="all")
    assert result.requests[0].split_date_range == "month"
    assert any("`By Location!2`" in note for note in result.notes)
    assert imported(row(end=None)).requests[0].split_date_range == "month"


def test_other_rows_keep_their_split() -> None:
    assert imported(row(), splitDateRange="all").requests[0].split_date_range is None
    assert imported(row(end=None), splitDateRange="week").requests[0].split_date_range is None
    assert imported(row(end=None, split_date_range="day")).requests[0].split_date_range == "day"
    assert imported(row(end=None, download=False)).requests[0].split_date_range is None


def exported(**changes: Any) -> Row:
    return stamp_digest(row(origin=Origin("downloads", "whales"), **changes))


def test_rows_that_a_download_stands_for_are_not_imported_again() -> None:
    result = book_to_requests(Book(rows=(exported(), row(3))), HOME, downloads=["whales"])
    assert [request.name for request in result.requests] == ["By Location!3"]


def test_without_that_download_its_rows_are_requests() -> None:
    assert len(book_to_requests(Book(rows=(exported(),)), HOME).requests) == 1
    assert len(book_to_requests(Book(rows=(exported(),)), HOME, downloads=["whales"], detach=["whales"]).requests) == 1


@pytest.mark.parametrize(
    "edit", [{"download": False}, {"end": "2017-07-01"}, {"extension": "json"}, {"options": {"dpo_a": "1"}}]
)
def test_editing_a_row_that_a_download_stands_for_is_a_mistake_that_says_what_to_do(edit: dict[str, Any]) -> None:
    edited = row(**edit, origin=exported().origin)
    with pytest.raises(ProblemsError) as caught:
        book_to_requests(Book(rows=(edited, exported())), HOME, downloads=["whales"])
    (problem,) = caught.value.problems
    assert problem.where == "By Location!2"
    assert "--detach whales" in str(problem.hint)


def test_information_and_own_cells_of_such_a_row_may_change() -> None:
    changed = row(columns={"locationName": "x", "note": "y"}, number=9, origin=exported().origin)
    assert not changed.is_edited


@pytest.mark.parametrize(
    "origin",
    [Origin("requests", "By Location!12"), Origin("downloads", "whales", "0123abcd"), Origin("requests", "a (b)")],
)
def test_an_origin_is_read_back_from_its_cell(origin: Origin) -> None:
    assert parse_origin(f" {origin} ") == origin


@pytest.mark.parametrize("text", ["", "whales", "download: whales", "mine: all mine"])
def test_other_texts_in_that_cell_are_no_origin(text: str) -> None:
    assert parse_origin(text) is None
