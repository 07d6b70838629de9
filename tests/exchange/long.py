"""A workbook of 10,000 rows, each a request of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from tests.exchange.desk import SETTINGS
from tests.workbook.books import LOCATION_HEADERS, LOCATION_ROW, configuration_rows

ROWS = 10_000


def save_long_book(folder: Path, rows: int = ROWS) -> Path:
    """Saves the workbook as `download.xlsx`."""
    workbook: Any = Workbook(write_only=True)
    sheet = workbook.create_sheet("By Location")
    sheet.append([*LOCATION_HEADERS, "note"])
    for number in range(rows):
        begin = datetime(2011, 1, 1) + timedelta(hours=number)
        changes = {"begin": begin, "end": begin + timedelta(hours=1), "locationCode": f"LOC{number % 50}"}
        row = {**LOCATION_ROW, **changes}
        sheet.append([*(row[header] for header in LOCATION_HEADERS), f"note {number}"])
    settings = workbook.create_sheet("Configuration")
    for line in configuration_rows(**SETTINGS):
        settings.append(line)
    path = folder / "download.xlsx"
    workbook.save(path)
    return path
