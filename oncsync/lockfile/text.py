"""The lock as text: one JSON flow map per line, YAML 1.2 in a canonical form that needs no YAML parser.

A comment, a header, then a flat list of records: an entry line opens a download or a row of `requests:`, a request
line follows it, its chunk lines follow that one. A lock in any other form (conflict markers included) raises
`LockError`; the caller resolves again. A line is also what ruamel.yaml reads it as, to the same value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from oncsync.atomic import folder_error, write_if_changed
from oncsync.errors import InputError
from oncsync.lockfile.records import SOURCE_KEYS, Chunk, Lock, LockedRequest, LockEntry
from oncsync.timespan import format_instant, parse_duration

LOCK_VERSION = 1
SPLITS = ("all", "year", "month", "week", "day", "hour")

_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_ENTRY_PREFIXES = ('- {"download": ', '- {"row": ')
_REQUEST_PREFIX = '- {"request": '
_CHUNK_PREFIX = '- {"id": '
_VERSION = re.compile(r"version: ([0-9]{1,9})")


class LockError(InputError):
    """Says that the lock cannot be read as it stands; resolving again makes a new one."""


def render_lock(lock: Lock, manifest_name: str) -> bytes:
    """Gives the canonical bytes of a lock; the same lock gives the same bytes on every machine."""
    name = _flow(manifest_name)[1:-1]
    lines = [
        f"# Made by `oncsync resolve` from {name}. Do not edit it: change the manifest and resolve again.",
        f"version: {LOCK_VERSION}",
        f"server: {_flow(lock.server)}",
    ]
    lines.append("records:" if lock.entries else "records: []")
    for entry in lock.entries:
        lines.append("- " + _flow(_entry_record(entry)))
        for request in entry.requests:
            lines.append("- " + _flow(_request_record(request)))
            lines.extend(_chunk_line(chunk) for chunk in request.chunks)
    return ("\n".join(lines) + "\n").encode("utf-8")


def write_lock(path: Path, lock: Lock, manifest_name: str) -> bool:
    """Writes the lock atomically, only when it changed; says whether it did."""
    return write_if_changed(path, render_lock(lock, manifest_name))


def _flow(value: object) -> str:
    """Gives one line; half a surrogate pair, which no UTF-8 file can hold, becomes the replacement character."""
    text = _HALF_CHARACTER.sub("\ufffd", json.dumps(value, ensure_ascii=False, separators=(", ", ": ")))
    return _UNSAFE_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _chunk_line(chunk: Chunk) -> str:
    begin, end = format_instant(chunk.begin), format_instant(chunk.end)
    return f'- {{"id": "{chunk.id}", "begin": "{begin}", "end": "{end}"}}'


def _entry_record(entry: LockEntry) -> dict[str, object]:
    record: dict[str, object] = {entry.kind: entry.name, "digest": entry.digest}
    optional = {
        "relative": entry.relative,
        "path": entry.path,
        "metadata": entry.metadata,
        "maxOrderHours": entry.max_order_hours,
        "lateDays": entry.late_days,
        "refreshOpen": entry.refresh_open,
    }
    return record | {key: value for key, value in optional.items() if value is not None}


def _request_record(request: LockedRequest) -> dict[str, object]:
    record: dict[str, object] = {"request": request.id}
    record |= {key: request.source[key] for key in SOURCE_KEYS if key in request.source}
    record |= {
        "dataProductCode": request.data_product_code,
        "extension": request.extension,
        "begin": format_instant(request.begin),
        "end": None if request.end is None else format_instant(request.end),
        "split": request.split,
    }
    if request.split == "week":
        record["dayOfWeek"] = request.day_of_week
    record["options"] = dict(sorted(request.options.items()))
    if not request.download:
        record["download"] = False
    if request.shared_with:
        record["sharedWith"] = list(request.shared_with)
    if request.same_as is not None:
        record["sameAs"] = request.same_as
    if request.defaults:
        record["defaults"] = dict(sorted(request.defaults.items()))
    if request.about:
        record["about"] = {key: _cell(value) for key, value in request.about.items()}
    if request.citation is not None:
        record["citation"] = request.citation
    if request.doi is not None:
        record["doi"] = request.doi
    return record


def _cell(value: str | float | None) -> str | float | None:
    """Gives a column's value in the one form it is read back in; what is no number of JSON is no value."""
    if value is None or isinstance(value, str):
        return value
    return float(value) if math.isfinite(value) else None


_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{20,64}\Z")]
"""Ids become parts of file names, so a lock from elsewhere may not put anything else in their place."""
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _ChunkLine(msgspec.Struct, forbid_unknown_fields=True):
    id: _Id
    begin: _Instant
    end: _Instant


class _RequestLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    request: _Id
    data_product_code: str
    extension: str
    begin: _Instant
    end: _Instant | None
    split: str
    options: dict[str, str]
    location_code: str | None = None
    device_category_code: str | None = None
    property_code: str | None = None
    device_code: str | None = None
    day_of_week: str = "SU"
    download: bool = True
    shared_with: tuple[str, ...] = ()
    same_as: str | None = None
    defaults: dict[str, str] = {}
    about: dict[str, str | float | None] = {}
    citation: str | None = None
    doi: str | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            parse_duration(self.split)


class _EntryLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    digest: str
    download: str | None = None
    row: str | None = None
    relative: str | None = None
    path: str | None = None
    metadata: bool | None = None
    max_order_hours: float | None = None
    late_days: float | None = None
    refresh_open: str | None = None

    def __post_init__(self) -> None:
        if self.refresh_open is not None:
            parse_duration(self.refresh_open)
        if (self.download is None) == (self.row is None):
            raise ValueError("an entry is either a download or a row")


def read_lock(path: Path) -> Lock | None:
    """Reads a lock; None when there is none. Raises `LockError` when it is not in the canonical form."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise folder_error(path, error, verb="read") from error
    return parse_lock(content, path.name)


def parse_lock(content: bytes, name: str = "oncsync.lock") -> Lock:
    """Reads the bytes of a lock; raises `LockError` naming the line that is not in the canonical form."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_canonical(name, content.count(b"\n", 0, error.start) + 1) from None
    lines = text.splitlines()
    if not text.endswith("\n"):
        raise _not_canonical(name, max(len(lines), 1))
    body = [(number, line) for number, line in enumerate(lines, start=1) if line and not line.startswith("#")]
    server, records = _read_header(body, name)
    return Lock(server=server, entries=tuple(_read_entries(records, name)))


def _read_header(body: list[tuple[int, str]], name: str) -> tuple[str, list[tuple[int, str]]]:
    first, line = body[0] if body else (1, "")
    version = _VERSION.fullmatch(line)
    if version and int(version[1]) > LOCK_VERSION:
        raise InputError(
            f"`{name}` has format version {version[1]}; this oncsync reads up to {LOCK_VERSION}",
            hint="install a newer oncsync",
        )
    if line != f"version: {LOCK_VERSION}":
        raise _not_canonical(name, first)
    for position, key in enumerate(("server: ", "records:"), start=1):
        if len(body) <= position or not body[position][1].startswith(key):
            raise _not_canonical(name, body[min(position, len(body) - 1)][0])
    try:
        server = msgspec.json.decode(body[1][1].removeprefix("server: "), type=str)
    except msgspec.DecodeError:
        raise _not_canonical(name, body[1][0]) from None
    if body[2][1] != ("records:" if len(body) > 3 else "records: []"):
        raise _not_canonical(name, body[2][0])
    return server, body[3:]


def _read_entries(records: list[tuple[int, str]], name: str) -> Iterator[LockEntry]:
    decode_chunk = msgspec.json.Decoder(_ChunkLine).decode
    decode_request = msgspec.json.Decoder(_RequestLine).decode
    decode_entry = msgspec.json.Decoder(_EntryLine).decode
    entry: _EntryLine | None = None
    requests: list[LockedRequest] = []
    request: _RequestLine | None = None
    chunks: list[Chunk] = []
    for number, line in records:
        try:
            if line.startswith(_CHUNK_PREFIX) and request is not None:
                read = decode_chunk(line[2:])
                chunks.append(Chunk(read.id, read.begin, read.end))
            elif line.startswith(_REQUEST_PREFIX) and entry is not None:
                if request is not None:
                    requests.append(_locked_request(request, chunks))
                request, chunks = decode_request(line[2:]), []
            elif line.startswith(_ENTRY_PREFIXES):
                if request is not None:
                    requests.append(_locked_request(request, chunks))
                if entry is not None:
                    yield _lock_entry(entry, requests)
                entry, request, requests, chunks = decode_entry(line[2:]), None, [], []
            else:
                raise _not_canonical(name, number)
        except msgspec.DecodeError:
            raise _not_canonical(name, number) from None
    if request is not None:
        requests.append(_locked_request(request, chunks))
    if entry is not None:
        yield _lock_entry(entry, requests)


def _locked_request(line: _RequestLine, chunks: list[Chunk]) -> LockedRequest:
    members: dict[str, Any] = {name: getattr(line, name) for name in line.__struct_fields__ if name != "request"}
    codes = (members.pop(name) for name in ("location_code", "device_category_code", "property_code", "device_code"))
    source = {key: code for key, code in zip(SOURCE_KEYS, codes, strict=True) if code is not None}
    return LockedRequest(id=line.request, source=source, chunks=tuple(chunks), **members)


def _lock_entry(line: _EntryLine, requests: list[LockedRequest]) -> LockEntry:
    kind: Literal["download", "row"] = "row" if line.download is None else "download"
    return LockEntry(
        kind=kind,
        name=(line.row if line.download is None else line.download) or "",
        digest=line.digest,
        relative=line.relative,
        path=line.path,
        metadata=line.metadata,
        max_order_hours=line.max_order_hours,
        late_days=line.late_days,
        refresh_open=line.refresh_open,
        requests=tuple(requests),
    )


def _not_canonical(name: str, number: int) -> LockError:
    return LockError(
        f"`{name}` is not as `oncsync resolve` writes it (line {number})",
        hint="run `oncsync resolve`; a lock with conflict markers is made anew from the manifest",
    )
