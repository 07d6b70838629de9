"""What lies in the archive for `ONCDownloader`: listings, their tables, and which files a result names.

Sources: R163-R179, I-26, open questions 12, 28 and 29.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from oncsync.api import (
    ArchiveFile,
    Session,
    device_of,
    get_data_products,
    get_devices,
    list_archive_files,
    local_name,
)
from oncsync.compat.fetching import Wanted
from oncsync.compat.given import local_folder
from oncsync.compat.moments import as_instant
from oncsync.compat.remembered import Memory
from oncsync.compat.tables import Records, make_table, rows_of
from oncsync.errors import InputError, RefusedError
from oncsync.naming import safe_component
from oncsync.spelling import did_you_mean, enumerate_codes, suggest
from oncsync.timespan import TimeTextError, format_instant, parse_end, parse_instant

COLUMNS = (
    "filename",
    "outPath",
    "deviceCode",
    "dataProductCode",
    "dateFrom",
    "dateTo",
    "archivedDate",
    "modifyDate",
    "fileSize",
    "uncompressedFileSize",
    "fullPath",
    "synced",
)
INSTANTS = ("dateFrom", "dateTo", "archivedDate", "modifyDate")
_MEMBERS = {
    "locationCode": "location_code",
    "deviceCategoryCode": "device_category_code",
    "deviceCode": "device_code",
    "fileExtension": "file_extension",
    "extension": "file_extension",
    "dataProductCode": "data_product_code",
}
_BOUNDS = {
    "dateFrom": ("date_from", parse_instant),
    "dateTo": ("date_to", parse_end),
    "dateArchivedFrom": ("date_archived_from", parse_instant),
    "dateArchivedTo": ("date_archived_to", parse_end),
}
_NOT_NEEDED = ("returnOptions", "rowLimit", "page", "token", "method")
"""Filters of the service that change nothing here: all pages are read, and everything about a file is asked for."""
_STAMP = re.compile(r"_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z")


def list_device(session: Session, code: str, begin: datetime, end: datetime) -> list[ArchiveFile]:
    """Lists the files of a device whose data overlap a span, in the order of their begins and names.

    Raises `InputError` with what was probably meant when ONC does not know the device; nothing is ever corrected.
    """
    with _knowing_devices(session, code):
        return in_order(list_archive_files(session, device_code=code, date_from=begin, date_to=end).files)


@contextmanager
def _knowing_devices(session: Session, code: str | None) -> Iterator[None]:
    """Turns the refusal of a question about a device that ONC does not know into an `InputError` that says so."""
    try:
        yield
    except RefusedError:
        if not code:
            raise
        known = {device.device_code: device.device_name or "" for device in get_devices(session)}
        if code in known:
            raise
        hint = suggest(code, known) or "`oncsync discover devices` lists those that there are"
        raise InputError(f"ONC knows no device `{code}`", hint=hint) from None


def in_order(files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
    """Sorts files by begin and name; the service leaves the order of equal begins open."""
    return sorted(files, key=lambda file: (format_instant(file.begin) if file.begin else "", file.name))


def list_filtered(session: Session, filters: Mapping[str, Any]) -> list[ArchiveFile]:
    """Lists the files that filters of the service name, all pages; raises `InputError` for a filter that is none."""
    known = [*_MEMBERS, *_BOUNDS, "dataProductName", *_NOT_NEEDED]
    asked: dict[str, Any] = {}
    for name, value in filters.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"these exist: {enumerate_codes(known)}"
            raise InputError(f"`{name}` is no filter of archive files", hint=hint)
        if value is None or name in _NOT_NEEDED:
            continue
        if name in _MEMBERS:
            asked[_MEMBERS[name]] = str(value)
        elif name in _BOUNDS:
            asked[_BOUNDS[name][0]] = _read_bound(name, value)
    with _knowing_devices(session, asked.get("device_code")):
        codes = _codes_of_name(session, filters)
        listings = [list_archive_files(session, **(asked | code)) for code in codes]
    found = {file.name: file for listing in listings for file in listing.files}
    return in_order(found.values())


def _read_bound(name: str, value: Any) -> datetime:
    if isinstance(value, datetime):
        return as_instant(value)
    try:
        return _BOUNDS[name][1](str(value))
    except TimeTextError as error:
        raise InputError(f"`{name}`: {error}") from None


def _codes_of_name(session: Session, filters: Mapping[str, Any]) -> list[dict[str, str]]:
    """Gives the questions for the products of a name (R176): one each, or one without a product."""
    name = filters.get("dataProductName")
    if not name:
        return [{}]
    about = {_MEMBERS[key]: filters[key] for key in ("deviceCode", "locationCode") if filters.get(key)}
    found = get_data_products(session, data_product_name=str(name), **about)
    codes = {one.data_product_code for one in found if one.data_product_code}
    if filters.get("dataProductCode"):
        codes &= {str(filters["dataProductCode"])}
    if not codes:
        raise InputError(
            f"There is no data product with `{name}` in its name",
            hint="`getDataProducts({'deviceCode': ...})` lists those that there are",
        )
    return [{"data_product_code": code} for code in sorted(codes)]


def list_products(session: Session, filters: Mapping[str, str]) -> Records:
    """Gives code, name and extension of the data products that pass filters, each once; raises `InputError`."""
    members = {
        **{key: member for key, member in _MEMBERS.items() if key != "fileExtension"},
        "extension": "extension",
        "propertyCode": "property_code",
        "dataProductName": "data_product_name",
    }
    for name in filters:
        if name not in members:
            raise InputError(f"`{name}` is no filter of data products", hint=did_you_mean(name, members))
    with _knowing_devices(session, filters.get("deviceCode")):
        products = get_data_products(session, **{members[name]: str(value) for name, value in filters.items() if value})
    rows = {(one.data_product_code or "", one.data_product_name or "", one.extension or "") for one in products}
    columns = ("dataProductCode", "dataProductName", "extension")
    return Records((dict(zip(columns, row, strict=True)) for row in sorted(rows)), columns)


# --- Tables ----------------------------------------------------------------------------------------------------


def file_row(file: ArchiveFile) -> dict[str, Any]:
    """Gives a file as the service lists it, instants as text."""
    row = {
        "filename": file.name,
        "deviceCode": device_of(file),
        "dataProductCode": file.data_product_code,
        "fileSize": file.stored_size,
        "uncompressedFileSize": file.delivered_size,
        "compression": file.compression,
    }
    spans = zip(INSTANTS, (file.begin, file.end, file.archived, file.modified), strict=True)
    return {**row, **{name: value and format_instant(value) for name, value in spans}}


def make_files_table(files: Iterable[ArchiveFile], root: Path, memory: Memory) -> Any:
    """Gives the table of files, with where each will lie and whether it is there whole."""
    rows = []
    for file in files:
        path = local_path_of(root / place_of(file), file)
        here = {"outPath": str(path.parent), "fullPath": str(path), "synced": memory.is_whole(path, file)}
        rows.append({name: (file_row(file) | here)[name] for name in COLUMNS})
    return make_table(rows, COLUMNS, index="fullPath", instants=INSTANTS)


def place_of(file: ArchiveFile) -> Path:
    """Gives the folder of a file below the root: the device in small letters, then year and month of its begin."""
    month = f"{file.begin:%Y_%m}" if file.begin else "_".join(_stamp(file.name)[:2]) or "undated"
    return Path(safe_component((device_of(file) or "unknown").lower()), month)


def _stamp(name: str) -> tuple[str, ...]:
    match = _STAMP.search(name)
    return match.groups() if match else ()


def local_path_of(folder: Path, file: ArchiveFile) -> Path:
    """Gives the path of a file in a folder, under a name that every system takes."""
    return folder / local_name(file)


def with_ending(files: Iterable[ArchiveFile], endings: Sequence[str]) -> list[ArchiveFile]:
    """Keeps the files whose names end with one of the texts; none means any."""
    return [file for file in files if not endings or file.name.endswith(tuple(endings))]


def of_size(files: Iterable[ArchiveFile], least: float, most: float | None) -> list[ArchiveFile]:
    """Keeps the files of a size as archived, and those of which the listing does not tell it."""
    return [file for file in files if _fits(file.stored_size, least, most)]


def _fits(size: float | None, least: float, most: float | None) -> bool:
    return size is None or size != size or (least <= size and (most is None or size <= most))


def filter_table(table: Any, endings: Sequence[str], least: float, most: float | None) -> Any:
    """Gives the rows of a table that pass the filters, as a table of the same kind."""
    mask = [
        (not endings or str(row["filename"]).endswith(tuple(endings))) and _fits(row.get("fileSize"), least, most)
        for row in listed_rows(table)
    ]
    return table[mask].copy() if hasattr(table, "iloc") else Records(listed_rows(table))[mask]


def unsynced_rows(table: Any) -> list[dict[str, Any]]:
    """Gives the rows of files that are not here."""
    return [dict(row) for row in rows_of(table) if not row.get("synced")]


def mark_synced(table: Any, paths: set[str]) -> None:
    """Says in a table that files are here now, if it is one that tells."""
    if not {"synced", "fullPath"} <= set(table.columns):
        return
    if hasattr(table, "iloc"):
        table["synced"] = table["synced"] | table["fullPath"].isin(paths)
        return
    for row in table:
        row["synced"] = bool(row.get("synced")) or row.get("fullPath") in paths


# --- What a result names ---------------------------------------------------------------------------------------


def listed_rows(files: Any) -> list[dict[str, Any]]:
    """Gives the rows of a result; a name alone is a row too. Raises `InputError` for what names no file."""
    listed = [files] if isinstance(files, str) else rows_of(files)
    rows = [{"filename": row} if isinstance(row, str) else row for row in listed]
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("filename"), str) or not row["filename"]:
            raise InputError(
                "A row names no file", hint="each needs a `filename`, and an `outPath` to lie in another folder"
            )
    return rows


def wanted_of_rows(rows: Iterable[Mapping[str, Any]], root: Path, listed: Mapping[str, ArchiveFile]) -> list[Wanted]:
    """Gives the files that rows name, with what is known of them: as listed before, else as the row says."""
    wanted = []
    for row in rows:
        file = listed.get(row["filename"]) or ArchiveFile(
            name=row["filename"], stored_size=_size(row, "fileSize"), delivered_size=_size(row, "uncompressedFileSize")
        )
        place = row.get("outPath")
        wanted.append(Wanted(file, local_path_of(local_folder(place) if isinstance(place, str) else root, file)))
    return wanted


def _size(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    return int(value) if isinstance(value, int | float) and value == value and value >= 0 else None


def describe(
    session: Session, wanted: Sequence[Wanted], memory: Memory, listed: dict[str, ArchiveFile]
) -> list[Wanted]:
    """Looks up the sizes of files of which only the name is known, unless they are here as they were brought.

    One listing for each device and month; a name without a device or a time, and one that is not listed, stays as it
    is: then the length that comes with the file has to do.
    """
    asked: dict[tuple[str, str], list[str]] = {}
    for one in wanted:
        stamp, device = _stamp(one.listed.name), device_of(one.listed)
        is_known = one.listed.stored_size is not None or one.listed.delivered_size is not None
        if stamp and device and not is_known and not memory.is_known(one.path):
            asked.setdefault((device, "".join(stamp[:2])), []).append("".join(stamp))
    for (device, _), stamps in asked.items():
        try:
            first, last = (datetime.strptime(f"{text}+0000", "%Y%m%d%H%M%S%z") for text in (min(stamps), max(stamps)))
            found = list_archive_files(
                session, device_code=device, date_from=first, date_to=last + timedelta(seconds=1)
            ).files
        except (RefusedError, ValueError):
            continue
        listed.update((file.name, file) for file in found)
    return [msgspec.structs.replace(one, listed=listed.get(one.listed.name, one.listed)) for one in wanted]
