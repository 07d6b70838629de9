"""Turns a workbook into what a manifest says: requests, settings, and where the files go. Pure.

Sources: R61-R66, R75, R83-R88, I-22, I-28, and architecture.md "The manifest".
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import msgspec

from oncsync.errors import Problem, ProblemsError
from oncsync.manifest import Request
from oncsync.timespan import is_relative
from oncsync.workbook.layout import STATE_PATH, tab_of
from oncsync.workbook.records import Book, Row

OPEN_SPLIT = "month"
"""How an open row is split where the workbook says `all`: a piece without end could never be finished (I-28)."""
_FOLDER_KEYS = ("downloadFolder", "logFile")


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a workbook gives a manifest. `settings` are by manifest key, in the tab's order.

    `folder` and `state` are None when the workbook leaves them open. `folder_is_foreign` says that the folder names
    a place that this system cannot have, such as a drive letter here.
    """

    settings: dict[str, str | int | float | bool]
    folder: str | None
    folder_is_foreign: bool
    state: str | None
    requests: tuple[Request, ...]
    exported: frozenset[str]
    """The names of the requests that oncsync itself had exported; any other is called after its line."""
    notes: tuple[str, ...]


def book_to_requests(
    book: Book,
    base: PurePath,
    *,
    downloads: Collection[str] = (),
    detach: Collection[str] = (),
    is_windows: bool = os.name == "nt",
) -> Imported:
    """Gives the settings, the folder (relative to `base`, the manifest's folder, when it can be) and the requests.

    `downloads` are the entries that the manifest already has: exported rows of theirs stand for them and become no
    requests, unless `detach` names them. Raises `ProblemsError` when such a row was edited.
    """
    rows = list(_rows_to_import(book.rows, set(downloads) - set(detach)))
    notes = [*book.notes]
    folder, folder_is_foreign = _read_folder(book, base, is_windows, notes)
    state = _read_state(book, notes)
    split = book.setting("splitDateRange")
    names = _name_rows(rows)
    requests = tuple(
        _row_to_request(row, name, str(split.value) if split else "all") for row, name in zip(rows, names, strict=True)
    )
    notes += _note_open_rows(rows, requests)
    if book.has_token:
        notes.append("The token in the workbook was not taken over; set the environment variable `ONC_TOKEN` to it")
    return Imported(
        settings={setting.key: setting.value for setting in book.settings if setting.key not in _FOLDER_KEYS},
        folder=folder,
        folder_is_foreign=folder_is_foreign,
        state=state,
        requests=requests,
        exported=frozenset(name for row, name in zip(rows, names, strict=True) if name == _exported_name(row)),
        notes=tuple(notes),
    )


def _rows_to_import(rows: Sequence[Row], kept_downloads: Collection[str]) -> Iterator[Row]:
    problems = []
    for row in rows:
        if row.origin is None or row.origin.kind != "downloads" or row.origin.name not in kept_downloads:
            yield row
        elif row.is_edited:
            name = row.origin.name
            hint = f"write the change into the manifest (for example an `exclude`), or import with `--detach {name}`"
            problems.append(Problem(row_name(row), f"the row comes from the download `{name}` and was edited", hint))
    if problems:
        raise ProblemsError("Rows that a download stands for cannot be changed in the workbook:", problems)


def row_name(row: Row) -> str:
    """Gives what the row is called where it has no name of its own: `By Location!12`."""
    return f"{tab_of(row.method).title}!{row.number}"


def _name_rows(rows: Sequence[Row]) -> list[str]:
    """Names every row, uniquely: as the request it was exported from, else after its line."""
    names: list[str | None] = [None] * len(rows)
    taken: set[str] = set()
    for index, row in enumerate(rows):
        exported = _exported_name(row)
        if exported is not None and exported not in taken:
            names[index] = exported
            taken.add(exported)
    given = []
    for row, name in zip(rows, names, strict=True):
        if name is None:
            name, count = row_name(row), 1
            while name in taken:
                count += 1
                name = f"{row_name(row)} ({count})"
            taken.add(name)
        given.append(name)
    return given


def _exported_name(row: Row) -> str | None:
    return row.origin.name if row.origin is not None and row.origin.kind == "requests" else None


def _row_to_request(row: Row, name: str, book_split: str) -> Request:
    split = row.split_date_range
    if row.download and _is_open(row) and (split or book_split) == "all":
        split = OPEN_SPLIT
    return Request(
        name=name,
        download=row.download,
        location_code=row.location_code,
        device_category_code=row.device_category_code,
        device_code=row.device_code,
        property_code=row.property_code,
        data_product_code=row.data_product_code,
        extension=row.extension,
        begin=row.begin,
        end=row.end,
        options=row.options,
        path=row.path,
        split_date_range=split,
        day_of_week=row.day_of_week,
        metadata=row.metadata,
        columns=row.columns,
    )


def _is_open(row: Row) -> bool:
    return row.end is None or is_relative(row.end) or is_relative(row.begin)


def _note_open_rows(rows: Sequence[Row], requests: Sequence[Request]) -> Iterator[str]:
    changed = [
        request.name
        for row, request in zip(rows, requests, strict=True)
        if request.split_date_range != row.split_date_range
    ]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        yield f"`{changed[0]}`{more}: a row without a fixed end cannot be one piece; it is split by {OPEN_SPLIT}"


def _read_folder(book: Book, base: PurePath, is_windows: bool, notes: list[str]) -> tuple[str | None, bool]:
    setting = book.setting("downloadFolder")
    if setting is None:
        return None, False
    text, is_foreign = place_folder(str(setting.value), base, is_windows=is_windows)
    if is_foreign:
        notes.append(f"{setting.where}: `{text}` is a folder of another system; say where the files go on this one")
    return text, is_foreign


def place_folder(text: str, base: PurePath, *, is_windows: bool) -> tuple[str, bool]:
    """Gives a folder as a manifest in `base` writes it, and whether it can only be on another kind of system.

    Slashes point forward; a folder below `base` becomes relative; any other is kept as it is.
    """
    windows = PureWindowsPath(text)
    looks_windows = bool(windows.drive) or ("\\" in text and "/" not in text)
    path: PurePath = windows if looks_windows or is_windows else PurePosixPath(text)
    if is_windows:
        is_foreign = text.startswith("/") and not windows.drive
    else:
        is_foreign = bool(windows.drive)
    same_kind = isinstance(path, PureWindowsPath) == is_windows
    own_base = PureWindowsPath(base) if is_windows else PurePosixPath(base)
    if same_kind and path.is_absolute() and path.is_relative_to(own_base):
        path = path.relative_to(own_base)
    return path.as_posix(), is_foreign


def _read_state(book: Book, notes: list[str]) -> str | None:
    """Gives the place of the state inside the folder; None for the usual one, and for one outside the folder."""
    log, folder = book.setting("logFile"), book.setting("downloadFolder")
    if log is None:
        return None
    path, base = PureWindowsPath(str(log.value)), PureWindowsPath(str(folder.value) if folder else "")
    state = path.relative_to(base) if path.is_relative_to(base) else path
    if state.anchor or ".." in state.parts or not state.name:
        notes.append(f"{log.where}: `{path.as_posix()}` is not a file in the folder; the state is kept there instead")
        return None
    return None if state.as_posix() == STATE_PATH else state.as_posix()
