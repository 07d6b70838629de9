"""What a person at a desk does with a workbook: open it, change cells, save it; and how a manifest looks then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from openpyxl import load_workbook

from oncsync.manifest import Request, load_manifest
from tests.workbook.books import configuration_rows, device_rows, location_rows, save_book

SETTINGS = {"downloadFolder": "data", "logFile": "data/download.json"}


def save(
    folder: Path, *rows: Mapping[str, Any], devices: int = 0, name: str = "download.xlsx", **settings: Any
) -> Path:
    """Saves a workbook: a documented row By Location for each set of changes, and rows By Device."""
    sheets = {"By Location": location_rows(*rows), "Configuration": configuration_rows(**(SETTINGS | settings))}
    if devices:
        sheets["By Device"] = device_rows(*({"extension": f"x{number}"} for number in range(devices)))
    return save_book(folder, sheets, name=name)


def change(path: Path, change_book: Callable[[Any], None]) -> None:
    """Opens a workbook, changes it and saves it."""
    workbook = load_workbook(path)
    change_book(workbook)
    workbook.save(path)


def put(path: Path, line: int, tab: str = "By Location", **cells: Any) -> None:
    """Writes cells of one line of a saved workbook, by header; `options` stands for the long one."""

    def write(workbook: Any) -> None:
        sheet = workbook[tab]
        headers = {str(cell.value): cell.column for cell in sheet[1]}
        for name, value in cells.items():
            header = "data product options" if name == "options" else name
            if header not in headers:
                headers[header] = sheet.max_column + 1
                sheet.cell(1, headers[header]).value = header
            sheet.cell(line, headers[header]).value = value

    change(path, write)


def take(path: Path, line: int, header: str, tab: str = "By Location") -> Any:
    """Gives the value of a cell."""
    sheet = load_workbook(path)[tab]
    return next(sheet.cell(line, cell.column).value for cell in sheet[1] if cell.value == header)


def insert(path: Path, line: int, tab: str = "By Location", copy_of: int | None = None, **cells: Any) -> None:
    """Inserts a line, as a copy of another one, and writes cells into it."""

    def write(workbook: Any) -> None:
        sheet = workbook[tab]
        values = [cell.value for cell in sheet[copy_of or line]]
        sheet.insert_rows(line)
        for column, value in enumerate(values, 1):
            sheet.cell(line, column).value = value

    change(path, write)
    put(path, line, tab, **cells)


def delete(path: Path, line: int, tab: str = "By Location") -> None:
    """Deletes a line."""
    change(path, lambda workbook: workbook[tab].delete_rows(line))


def requests_of(manifest: Path) -> list[Request]:
    """Gives the requests of a manifest as they are, without their places."""
    loaded = load_manifest(manifest, environment={})
    return [msgspec.structs.replace(request, place=None, places={}) for request in loaded.requests]


def names_of(manifest: Path) -> list[str]:
    return [request.name for request in requests_of(manifest)]
