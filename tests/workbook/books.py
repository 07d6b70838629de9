"""Workbooks for the tests: the documented tabs, written with the bare library as anybody's spreadsheet would be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

TOKEN = "6f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

LOCATION_HEADERS = [
    "locationCode",
    "locationName",
    "deviceCategoryCode",
    "deviceCategoryName",
    "propertyCode",
    "download",
    "begin",
    "end",
    "deviceCode",
    "latitude",
    "longitude",
    "depth",
    "dataProductCode",
    "dataProductName",
    "extension",
    "data product options",
    "helpDocument",
    "Data Search",
    "Device Listing",
]
DEVICE_HEADERS = [
    "deviceCode",
    "deviceName",
    "propertyCode",
    "download",
    "begin",
    "end",
    "locationCode",
    "latitude",
    "longitude",
    "depth",
    "dataProductCode",
    "dataProductName",
    "extension",
    "data product options",
    "helpDocument",
    "Device Listing",
]
LOCATION_ROW: dict[str, Any] = {
    "locationCode": "BACAX",
    "locationName": "Axis",
    "deviceCategoryCode": "HYDROPHONE",
    "deviceCategoryName": "Hydrophone",
    "propertyCode": None,
    "download": "Y",
    "begin": "2011-07-13 0:00:00",
    "end": "2011-07-14 0:00:00",
    "deviceCode": "NAXYS_HYD_007",
    "latitude": 48.316758,
    "longitude": -126.050183,
    "depth": 981,
    "dataProductCode": "AD",
    "dataProductName": "Audio Data",
    "extension": "wav",
    "data product options": "dpo_hydrophoneDataDiversionMode=All",
    "helpDocument": "https://wiki.oceannetworks.ca/display/DP/7",
    "Data Search": "http://qa.oceannetworks.ca/DataSearch?location=BACAX&deviceCategory=HYDROPHONE",
    "Device Listing": "http://qa.oceannetworks.ca/DeviceListing?DeviceId=11207",
}
DEVICE_ROW: dict[str, Any] = {
    **{key: value for key, value in LOCATION_ROW.items() if key in DEVICE_HEADERS},
    "deviceName": "Naxys Hydrophone 02345 (S/N 007)",
}
CONFIGURATION: dict[str, Any] = {
    "token": TOKEN,
    "downloadFolder": "C:/ONC/Data/hydrophones",
    "logFile": "C:/ONC/Data/hydrophones/download.json",
    "splitDateRange": "all",
    "dayOfWeek": "SU",
    "runThreads": 4,
    "downloadThreads": 10,
    "downloadQueueSize": "unlimited",
    "beginRun": "00:00:00",
    "endRun": "00:00:00",
}

Rows = Sequence[Sequence[Any]]


def table(headers: Sequence[str], *rows: Mapping[str, Any]) -> list[list[Any]]:
    """Gives a header row and the given rows below it."""
    return [list(headers), *([row.get(header) for header in headers] for row in rows)]


def location_rows(*changes: Mapping[str, Any]) -> list[list[Any]]:
    """Gives the tab `By Location`: one documented row for each set of changes."""
    headers = [*LOCATION_HEADERS, *dict.fromkeys(key for row in changes for key in row if key not in LOCATION_ROW)]
    return table(headers, *({**LOCATION_ROW, **row} for row in changes))


def device_rows(*changes: Mapping[str, Any]) -> list[list[Any]]:
    """Gives the tab `By Device`: one documented row for each set of changes."""
    return table(DEVICE_HEADERS, *({**DEVICE_ROW, **row} for row in changes))


def configuration_rows(**changes: Any) -> list[list[Any]]:
    """Gives the tab `Configuration`, a key a row, its value beside it."""
    return [[key, value] for key, value in {**CONFIGURATION, **changes}.items()]


def save_book(
    folder: Path,
    sheets: Mapping[str, Rows],
    *,
    name: str = "download.xlsx",
    finish: Callable[[Any], None] | None = None,
) -> Path:
    """Saves a workbook with the given tabs; `finish` may change it before."""
    workbook: Any = Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    if finish is not None:
        finish(workbook)
    path = folder / name
    workbook.save(path)
    return path


def change_parts(path: Path, change: Callable[[str, bytes], bytes | None], **added: bytes) -> None:
    """Rewrites the parts of a saved workbook; None drops a part, `added` are new ones by path with `__` for `/`."""
    stream = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            content = change(part, old.read(part))
            if content is not None:
                new.writestr(part, content)
        for part, content in added.items():
            new.writestr(part.replace("__", "/"), content)
