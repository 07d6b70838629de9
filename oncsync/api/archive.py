"""Lists the files that lie in the archive, all pages of the listing, and opens one for download.

Sources: onc-api.md 1.5, 1.6 and 4, open questions 1, 2, 5, 10, 27 to 30, 33 and 34.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from oncsync.api.answers import ErrorEntry, error_entries, parse_leniently
from oncsync.api.discovery import sent
from oncsync.api.emptiness import is_outside_window
from oncsync.api.failures import FAULT_HINT
from oncsync.api.listing import WINDOW_MARGIN, alike_names, is_in_window, is_listed_empty, widen_begin
from oncsync.api.paging import read_pages
from oncsync.api.records import ArchiveFile
from oncsync.api.redact import without_frames
from oncsync.api.session import Session
from oncsync.api.transfer import ArrivingFile, arriving_file
from oncsync.errors import FaultError, InputError, NotFoundError, RefusedError
from oncsync.listed import Described, listed_sizes

_SERVICE = "api/archivefile"
_NO_SUCH_FILE = 96
_MOST_ALIKE = 3
_NO_NAMES = ("", ".", "..")


class ArchiveListing(msgspec.Struct, frozen=True):
    """The files of a window, each name once, in the service's order.

    `messages` are the service's warnings, which may speak of restricted data that are missing here. `nothing_because`
    holds the service's words when it said that nothing can lie in the window; None when it listed what there is.
    """

    files: tuple[ArchiveFile, ...] = ()
    messages: tuple[str, ...] = ()
    nothing_because: str | None = None


class MissingFile(msgspec.Struct, frozen=True):
    """400 with code 96: the archive does not have the file (now), listed or not; later it may (open question 33)."""

    text: str = ""


ArchiveAnswer = MissingFile | ArrivingFile


def list_archive_files(
    session: Session,
    *,
    location_code: str | None = None,
    device_category_code: str | None = None,
    device_code: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
    file_extension: str | None = None,
    data_product_code: str | None = None,
    date_archived_from: datetime | None = None,
    date_archived_to: datetime | None = None,
    margin: timedelta = WINDOW_MARGIN,
    more: Mapping[str, str] | None = None,
) -> ArchiveListing:
    """Lists the archive files of a device, or of a category at a location, whose data overlap a half-open window.

    The service is asked from `margin` before the window on, the answer is filtered here; a file whose span is not told
    stays in. `date_archived_from` and `date_archived_to` are sent as they are. `more` are parameters that a user asked
    for by name (`getLatest`, `rowLimit`); nothing else is known about them.

    A listing is whole or an error: `InputError` unless the files are asked for in exactly one of the two ways,
    `RefusedError` for a wrong question, `FaultError` for an answer that is no listing, a page that is refused or
    repeats, otherwise what `Session.get_json` raises. See onc-api.md 4.1.
    """
    by_place = location_code is not None and device_category_code is not None and device_code is None
    by_device = device_code is not None and location_code is None and device_category_code is None
    if not by_place and not by_device:
        raise InputError("Archive files are listed by a location and a device category, or by a device")
    path = f"{_SERVICE}/location" if by_place else f"{_SERVICE}/device"
    asked_from = None if date_from is None else widen_begin(date_from, margin)
    filters = {
        "locationCode": location_code,
        "deviceCategoryCode": device_category_code,
        "deviceCode": device_code,
        "dateFrom": asked_from,
        "dateTo": date_to,
        "fileExtension": file_extension and file_extension.removeprefix("."),
        "dataProductCode": data_product_code,
        "dateArchivedFrom": date_archived_from,
        "dateArchivedTo": date_archived_to,
        "returnOptions": "all",
    }
    params = {name: sent(value) for name, value in filters.items() if value is not None} | dict(more or {})
    try:
        files, messages = read_pages(
            session, path, params, "files", ArchiveFile, as_row=_as_row, key_of=_name, age_of=_age
        )
    except RefusedError as refusal:
        if is_outside_window(session, refusal, asked_from, date_archived_from):
            return ArchiveListing(nothing_because=refusal.text or refusal.message)
        raise
    except NotFoundError as error:
        failure = FaultError(error.message, hint=FAULT_HINT, status=error.status, code=error.code, text=error.text)
    else:
        _tell_alike(session, files)
        return ArchiveListing(tuple(file for file in files if is_in_window(file, date_from, date_to)), messages)
    raise failure


def _as_row(entry: Any) -> Any:
    """Gives an entry as an object whose name is the last component of what came; names alone come too (question 29).

    A name that is none is taken away, so that the entry is left out and told.
    """
    row = {"filename": entry} if isinstance(entry, str) else entry
    if not isinstance(row, dict):
        return row
    member = next((key for key in row if key.lower() == "filename"), "filename")
    name = row.get(member)
    last = re.split(r"[/\\]", name)[-1].strip() if isinstance(name, str) else name
    return {**row, member: None if last in _NO_NAMES else last}


def _name(file: ArchiveFile) -> str:
    return file.name


def _age(file: ArchiveFile) -> float:
    """Gives when the record changed last, as far as the listing tells: the later of two is the true one."""
    newest = max(filter(None, (file.modified, file.archived)), default=None)
    return newest.timestamp() if newest else float("-inf")


def _tell_alike(session: Session, files: tuple[ArchiveFile, ...]) -> None:
    groups = alike_names(files)
    for names in groups[:_MOST_ALIKE]:
        session.tell(f"Archive files have names that are alike where case does not count: {', '.join(names[:4])}")


@without_frames
def open_archive_file(
    session: Session, name: str, *, listed: Described | None = None, attempts: int = 1
) -> ArchiveAnswer:
    """Asks for an archive file by its name; the caller takes the blocks of an `ArrivingFile` and closes it.

    A body without a byte is believed only when `listed` says that the file is empty, one that is all JSON only when
    the file is called so, or is listed with that length. What the length means beside the
    listing, `judge_size` tells. Raises `FaultError` for a 200 whose body is not the file and for 202, 204 and 404,
    `RefusedError` for another 400, otherwise what `Session.open_stream` raises. See onc-api.md 4.2.
    """
    stream = session.open_stream(
        f"{_SERVICE}/download", {"filename": name}, accepted=(200, 204, 400, 404), attempts=attempts
    )
    if stream.status == 200:
        may_be_empty = listed is not None and is_listed_empty(listed)
        return arriving_file(stream, name, may_be_empty=may_be_empty, sizes=listed_sizes(listed) if listed else ())
    body = stream.read_some()
    entries = error_entries(parse_leniently(body, stream.redact))
    if stream.status == 400 and _says_missing(entries):
        return MissingFile("; ".join(entry.text for entry in entries if entry.text))
    if stream.status == 400:
        raise stream.failure_of(body)
    message = f"{stream.place} answered {stream.status} in place of a file"
    raise FaultError(message, hint=FAULT_HINT, status=stream.status)


def _says_missing(entries: tuple[ErrorEntry, ...]) -> bool:
    return bool(entries) and all(entry.code == _NO_SUCH_FILE for entry in entries)
