"""Workbook -> manifest file -> workbook: nothing that a person wrote gets lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings

from oncsync.manifest import load_manifest
from oncsync.manifest.edit import write_manifest
from oncsync.manifest.mapping import request_mapping
from oncsync.workbook import Book, Row, book_to_requests, manifest_to_rows, read_workbook, write_workbook
from oncsync.workbook.layout import CellValue
from tests.workbook.books import CONFIGURATION, TOKEN, configuration_rows, device_rows, location_rows, save_book
from tests.workbook.strategies import books, configurations


def through_a_manifest(book: Book, folder: Path) -> Path:
    """Imports a book into a manifest file, loads that, and exports it to a second workbook."""
    imported = book_to_requests(book, folder, is_windows=False)
    written: dict[str, Any] = {"version": 1, "server": "sandbox"}
    if imported.folder is not None:
        written["folder"] = imported.folder
    written["settings"] = imported.settings | ({"state": imported.state} if imported.state else {})
    written["requests"] = [request_mapping(request) for request in imported.requests]
    write_manifest(folder / "oncsync.yaml", written)
    exported = manifest_to_rows(load_manifest(folder / "oncsync.yaml", environment={}), None)
    path = folder / "again.xlsx"
    write_workbook(path, exported.rows, exported.settings)
    return path


def without_our_marks(rows: tuple[Row, ...] | list[Row]) -> list[Row]:
    """Gives rows without what an export adds: the origin, and the split of rows that cannot be one piece."""
    return [
        msgspec.structs.replace(row, origin=None, number=0, split_date_range=None, day_of_week=None) for row in rows
    ]


def test_the_documented_workbook_comes_back(tmp_path: Path) -> None:
    """R61, R63, R65, R66, R74, R82: every documented column, own column, row order and setting, but the token."""
    rows = {
        "By Location": location_rows({"checked": "Ann"}, {"extension": "mp3", "download": "X"}, {"download": None}),
        "By Device": device_rows({}),
        "Configuration": configuration_rows(downloadFolder="data", logFile="data/download.json"),
    }
    book = read_workbook(save_book(tmp_path, rows))
    again = read_workbook(through_a_manifest(book, tmp_path))
    assert without_our_marks(again.rows) == without_our_marks(book.rows)
    assert [str(row.origin) for row in again.rows] == [
        "requests: By Location!2",
        "requests: By Location!3",
        "requests: By Location!4",
        "requests: By Device!2",
    ]
    assert {setting.key: setting.value for setting in again.settings} == {
        **{key: value for key, value in CONFIGURATION.items() if key != "token"},
        "downloadFolder": "data",
        "logFile": "data/download.json",
    }


def test_the_token_is_in_no_file_that_an_import_and_an_export_make(tmp_path: Path) -> None:
    """R83."""
    source = save_book(
        tmp_path,
        {
            "By Location": location_rows({"note": f"token {TOKEN}"}),
            "Configuration": configuration_rows(downloadFolder="data", logFile=None),
        },
    )
    through_a_manifest(read_workbook(source), tmp_path)
    source.unlink()
    for path in tmp_path.rglob("*"):
        assert TOKEN.encode() not in path.read_bytes()


def test_importing_an_export_gives_the_same_requests(tmp_path: Path) -> None:
    book = read_workbook(save_book(tmp_path, {"By Location": location_rows({}, {"end": None}, {"note": "x"})}))
    first = book_to_requests(book, tmp_path)
    second = book_to_requests(read_workbook(through_a_manifest(book, tmp_path)), tmp_path)
    assert second.requests == first.requests


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(rows=books(), configuration=configurations())
def test_any_workbook_comes_back_through_a_manifest(
    tmp_path: Path, rows: list[Row], configuration: dict[str, CellValue]
) -> None:
    """R61, R63, R82."""
    configuration |= {"downloadFolder": "data", "logFile": "data/log.json"}
    plain = [
        msgspec.structs.replace(row, origin=None, split_date_range=None, day_of_week=None, path=None) for row in rows
    ]
    path = tmp_path / "book.xlsx"
    write_workbook(path, plain, configuration)
    book = read_workbook(path)
    assert without_our_marks(book.rows) == without_our_marks(rows_without_path(rows))
    again = read_workbook(through_a_manifest(book, tmp_path))
    assert without_our_marks(again.rows) == without_our_marks(book.rows)
    assert {setting.key: setting.value for setting in again.settings} == defaults_gone(configuration)


def rows_without_path(rows: list[Row]) -> list[Row]:
    return [msgspec.structs.replace(row, path=None) for row in rows]


def defaults_gone(configuration: dict[str, CellValue]) -> dict[str, CellValue]:
    """Gives the settings without undocumented ones that say what holds anyway."""
    defaults: dict[str, CellValue] = {"metadata": True, "maxOrderHours": 48, "lateDays": 1}
    return {key: value for key, value in configuration.items() if key not in defaults or defaults[key] != value}
