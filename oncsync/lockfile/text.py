"""The lock as text: one JSON flow map per line, YAML 1.2 in a canonical form that needs no YAML parser.

A comment, a header, then a flat list of records: an entry line opens a download or a row of `requests:`, a request
line follows it, its chunk lines follow that one. A lock in any other form (conflict markers included) raises
`LockError`; the caller resolves again. A line is also what ruamel.yaml reads it as, to the same value.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from oncsync.atomic import folder_error, write_if_changed
from oncsync.errors import InputError
from oncsync.lockfile.archived import (
    ARCHIVE_PREFIX,
    ArchiveLine,
    archive_record,
    archive_request,
    decode_archive_line,
    file_line,
)
from oncsync.lockfile.flow import UNSAFE_IN_YAML, flow
from oncsync.lockfile.records import SOURCE_KEYS, Chunk, ChunkId, Instant, Lock, LockedRequest, LockEntry
from oncsync.timespan import format_instant, parse_duration

LOCK_VERSION = 1
MAKER = "oncsync resolve"
SPLITS = ("all", "year", "month", "week", "day", "hour")

_ENTRY_PREFIXES = ('- {"download": ', '- {"row": ')
_REQUEST_PREFIX = '- {"request": '
_CHUNK_PREFIX = '- {"id": '
_VERSION = re.compile(r"version: ([0-9]{1,9})")


class LockError(InputError):
    """Says that the lock cannot be read as it stands; resolving again makes a new one."""


def render_lock(lock: Lock, manifest_name: str, command: str = MAKER, *, is_summary: bool = False) -> bytes:
    """Gives the canonical bytes of a lock; the same lock gives the same bytes on every machine.

    `command` is what makes it again: `oncsync resolve`, or that with the values of variables. In a summary archive
    files have no lines of their own: those stand in shards (`render_shards`).
    """
    name, maker = flow(manifest_name)[1:-1], flow(command)[1:-1]
    lines = [
        f"# Made by `{maker}` from {name}. Do not edit it: change the manifest and resolve again.",
        f"version: {LOCK_VERSION}",
        f"server: {flow(lock.server)}",
    ]
    lines.append("records:" if lock.entries else "records: []")
    pieces = ["".join(f"{line}\n" for line in lines).encode()]
    for entry in lock.entries:
        pieces.append(f"- {flow(_entry_record(entry))}\n".encode())
        # a piece for each request, so that the many lines of a large lock do not all live at once
        pieces += (_render_request(request, is_summary=is_summary and request.is_archive) for request in entry.requests)
    return b"".join(pieces)


def _render_request(request: LockedRequest, *, is_summary: bool) -> bytes:
    record = archive_record(request) if request.is_archive else _request_record(request)
    head = f"- {flow(record)}\n"
    if is_summary:
        return head.encode()
    lines = map(file_line, request.chunks) if request.is_archive else _chunk_lines(request.chunks)
    return "".join([head, *lines]).encode()


def write_lock(path: Path, lock: Lock, manifest_name: str, command: str = MAKER, *, is_summary: bool = False) -> bool:
    """Writes the lock atomically, only when it changed; says whether it did."""
    return write_if_changed(path, render_lock(lock, manifest_name, command, is_summary=is_summary))


def _chunk_lines(chunks: Iterable[Chunk]) -> Iterator[str]:
    """Yields a line for each chunk; where one ends the next begins, so most instants are written out once."""
    last, shown = None, ""
    for chunk in chunks:
        begin = shown if chunk.begin == last else format_instant(chunk.begin)
        last = chunk.end
        shown = format_instant(last)
        yield f'- {{"id": "{chunk.id}", "begin": "{begin}", "end": "{shown}"}}\n'


def _entry_record(entry: LockEntry) -> dict[str, object]:
    record: dict[str, object] = {entry.kind: entry.name}
    if entry.digest:  # a shard belongs to its entry whatever that came to mean
        record["digest"] = entry.digest
    optional = {
        "relative": entry.relative,
        "pinned": entry.pinned,
        "path": entry.path,
        "metadata": entry.metadata,
        "maxOrderHours": entry.max_order_hours,
        "lateDays": entry.late_days,
        "refreshOpen": entry.refresh_open,
        "latest": entry.latest,
        "keep": entry.keep,
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


class _RequestLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    request: ChunkId
    data_product_code: str
    extension: str
    begin: Instant
    end: Instant | None
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
    digest: str = ""
    download: str | None = None
    row: str | None = None
    relative: str | None = None
    pinned: str | None = None
    path: str | None = None
    metadata: bool | None = None
    max_order_hours: float | None = None
    late_days: float | None = None
    refresh_open: str | None = None
    latest: bool | None = None
    keep: str | None = None

    def __post_init__(self) -> None:
        for duration in (self.refresh_open, self.keep):
            if duration is not None:
                parse_duration(duration)
        if (self.download is None) == (self.row is None):
            raise ValueError("an entry is either a download or a row")


def read_lock(path: Path, name: str | None = None) -> Lock | None:
    """Reads a lock, called `name` in messages; None when there is none. Raises `LockError` for another form."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise folder_error(path, error, verb="read") from error
    return parse_lock(content, name or path.name)


def parse_lock(content: bytes, name: str = "oncsync.lock") -> Lock:
    """Reads the bytes of a lock; raises `LockError` naming the line that is not in the canonical form."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_canonical(name, content.count(b"\n", 0, error.start) + 1) from None
    text = text.replace("\r\n", "\n")
    reader = _Reader(text, name)
    unsafe = None if text.isascii() else UNSAFE_IN_YAML.search(text)
    if unsafe or not text.endswith("\n"):
        raise reader.fault(unsafe.start() if unsafe else max(len(text) - 1, 0))
    return Lock(server=_read_header(reader), entries=tuple(_read_entries(reader)))


class _Reader:
    """A lock's text and how far it is read; `begin` is where the last line that was read begins."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.begin = self.end = 0

    def line(self) -> str | None:
        """Reads the next line that says something, None at the end: empty lines and comments are passed over."""
        while self.end < len(self.text):
            self.begin, self.end = self.end, self.text.index("\n", self.end) + 1
            line = self.text[self.begin : self.end - 1]
            if line and not line.startswith("#"):
                return line
        return None

    def chunks(self) -> list[Chunk]:
        """Reads the chunk in the line that was read last and all that follow it directly."""
        block = _CHUNK_LINES.match(self.text, self.begin)
        if block is None:
            raise self.fault(self.begin)
        self.end = block.end()
        lines = block[0][2:-1]
        with contextlib.suppress(msgspec.DecodeError):
            chunks = _decode_chunks(f"[{lines.replace(_NEXT_RECORD, ',')}]")
            if len(chunks) == lines.count(_NEXT_RECORD) + 1:
                return chunks
        return self._chunks_one_by_one(lines.split(_NEXT_RECORD))

    def _chunks_one_by_one(self, lines: Sequence[str]) -> list[Chunk]:
        place, chunks = self.begin, []
        for line in lines:
            try:
                chunks.append(_decode_chunk(line))
            except msgspec.DecodeError:
                raise self.fault(place) from None
            place += len(line) + len(_NEXT_RECORD)
        return chunks

    def fault(self, place: int | None = None) -> LockError:
        """Gives the error about the line of a place, of the line that was read last when none is given."""
        return _not_canonical(self.name, self.text.count("\n", 0, self.begin if place is None else place) + 1)


_NEXT_RECORD = "\n- "
_CHUNK_LINES = re.compile(r'(?:- \{"id": [^\n]*\}\n)+')
_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_chunks = msgspec.json.Decoder(list[Chunk]).decode


def _read_header(reader: _Reader) -> str:
    """Reads the header and gives the server."""
    line = reader.line() or ""
    version = _VERSION.fullmatch(line)
    if version and int(version[1]) > LOCK_VERSION:
        raise InputError(
            f"`{reader.name}` has format version {version[1]}; this oncsync reads up to {LOCK_VERSION}",
            hint="install a newer oncsync",
        )
    if line != f"version: {LOCK_VERSION}":
        raise reader.fault()
    line = reader.line() or ""
    if not line.startswith("server: "):
        raise reader.fault()
    try:
        server = msgspec.json.decode(line.removeprefix("server: "), type=str)
    except msgspec.DecodeError:
        raise reader.fault() from None
    records, begin, end = reader.line(), reader.begin, reader.end
    if records != ("records: []" if reader.line() is None else "records:"):
        raise reader.fault(begin)
    reader.end = end
    return server


def _read_entries(reader: _Reader) -> Iterator[LockEntry]:
    entry: _EntryLine | None = None
    requests: list[LockedRequest] = []
    request: _RequestLine | ArchiveLine | None = None
    chunks: list[Chunk] = []
    while (line := reader.line()) is not None:
        try:
            if line.startswith(_CHUNK_PREFIX) and request is not None:
                chunks += reader.chunks()
            elif line.startswith(_REQUEST_PREFIX) and entry is not None:
                if request is not None:
                    requests.append(_locked_request(request, chunks))
                decode = decode_archive_line if ARCHIVE_PREFIX.match(line) else _decode_request
                request, chunks = decode(line[2:]), []
            elif line.startswith(_ENTRY_PREFIXES):
                if request is not None:
                    requests.append(_locked_request(request, chunks))
                if entry is not None:
                    yield _lock_entry(entry, requests)
                entry, request, requests, chunks = _decode_entry(line[2:]), None, [], []
            else:
                raise reader.fault()
        except msgspec.DecodeError:
            raise reader.fault() from None
    if request is not None:
        requests.append(_locked_request(request, chunks))
    if entry is not None:
        yield _lock_entry(entry, requests)


_decode_request = msgspec.json.Decoder(_RequestLine).decode
_decode_entry = msgspec.json.Decoder(_EntryLine).decode


def _locked_request(line: _RequestLine | ArchiveLine, chunks: list[Chunk]) -> LockedRequest:
    if isinstance(line, ArchiveLine):
        return archive_request(line, tuple(chunks))
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
        pinned=line.pinned,
        path=line.path,
        metadata=line.metadata,
        max_order_hours=line.max_order_hours,
        late_days=line.late_days,
        refresh_open=line.refresh_open,
        latest=line.latest,
        keep=line.keep,
        requests=tuple(requests),
    )


def _not_canonical(name: str, number: int) -> LockError:
    return LockError(
        f"`{name}` is not as `oncsync resolve` writes it (line {number})",
        hint="run `oncsync resolve`; a lock with conflict markers is made anew from the manifest",
    )
