"""How the archive files of a download stand in the lock: a line for each device and year, and shards with their names.

A lock with a million file names could not be reviewed, and git hosts would refuse it. So the lock beside the manifest
has one line for each device, year (and place), with how many files and bytes those are; the files themselves stand in
`oncsync.lock.d/NAME/DEVICE-YEAR.lock`, in the lock's own form. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from oncsync.listed import Size
from oncsync.lockfile.flow import flow
from oncsync.lockfile.records import SOURCE_KEYS, Chunk, ChunkId, Lock, LockedRequest, LockEntry, digest
from oncsync.naming import safe_component
from oncsync.timespan import LAST_INSTANT, UTC, format_instant

ARCHIVE_PREFIX = re.compile(r'- \{"request": "[0-9a-f]{20,64}", "service": "archivefile", ')
"""How the line of a request for archive files begins."""
_PLAIN_DEVICE = re.compile(r"[A-Z0-9][A-Z0-9_.-]{0,79}")
_MARK_LENGTH = 6


class ArchiveLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The line of one device and year."""

    request: ChunkId
    service: Literal["archivefile"]
    device_code: str
    year: Annotated[int, msgspec.Meta(ge=1, le=9999)]
    files: Size
    bytes: Size
    location_code: str | None = None
    device_category_code: str | None = None


decode_archive_line = msgspec.json.Decoder(ArchiveLine).decode


def archive_record(request: LockedRequest) -> dict[str, object]:
    """Gives the members of a request's line."""
    files, length = request.summary or _count(request.chunks)
    return {
        "request": request.id,
        "service": request.service,
        **{key: request.source[key] for key in SOURCE_KEYS if key in request.source},
        "year": request.begin.year,
        "files": files,
        "bytes": length,
    }


def _count(chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Gives how many files and bytes there are."""
    return len(chunks), sum((chunk.file.bytes or 0) if chunk.file else 0 for chunk in chunks)


def archive_request(line: ArchiveLine, chunks: tuple[Chunk, ...]) -> LockedRequest:
    """Gives what a line and the lines below it stand for."""
    codes = (line.location_code, line.device_category_code, None, line.device_code)
    begin, end = year_bounds(line.year)
    return LockedRequest(
        id=line.request,
        service="archivefile",
        source={key: code for key, code in zip(SOURCE_KEYS, codes, strict=True) if code is not None},
        data_product_code="",
        extension="",
        begin=begin,
        end=end,
        chunks=chunks,
        summary=None if chunks or not line.files else (line.files, line.bytes),
    )


def year_bounds(year: int) -> tuple[datetime, datetime]:
    """Gives the instants between which a year lies."""
    return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC) if year < 9999 else LAST_INSTANT


def file_line(chunk: Chunk) -> str:
    """Gives the line of one archive file."""
    begin, end = format_instant(chunk.begin), format_instant(chunk.end)
    record: dict[str, Any] = {"id": chunk.id, "begin": begin, "end": end}
    if chunk.file is not None:
        members = {
            "filename": chunk.file.name,
            "dataProductCode": chunk.file.data_product_code,
            "archivedDate": chunk.file.archived and format_instant(chunk.file.archived),
            "modifyDate": chunk.file.modified and format_instant(chunk.file.modified),
            "fileSize": chunk.file.stored_size,
            "uncompressedFileSize": chunk.file.delivered_size,
            "listed": None if chunk.file.is_listed else False,
            "rearchived": chunk.file.is_rearchived or None,
        }
        record["file"] = {key: value for key, value in members.items() if value is not None}
    return f"- {flow(record)}\n"


# --- Shards --------------------------------------------------------------------------------------------------------


def shard_name(entry: str, request: LockedRequest) -> str:
    """Gives the place of a request's files below `oncsync.lock.d/`; safe whatever a device is called."""
    device = request.source["deviceCode"]
    plain = _PLAIN_DEVICE.fullmatch(device) is not None and safe_component(device) == device
    name = device if plain else f"{safe_component(device)}~{digest(device)[:_MARK_LENGTH]}"
    return f"{safe_component(entry)}/{name}-{request.begin.year:04}.lock"


def shards_of(lock: Lock) -> Iterator[tuple[str, Lock]]:
    """Yields the shards of a lock, each as a lock of its own; entries that move with the clock have none."""
    for entry in lock.entries:
        if entry.relative is None:
            by_name: dict[str, list[LockedRequest]] = {}
            for request in entry.requests:
                if request.is_archive:
                    by_name.setdefault(shard_name(entry.name, request), []).append(request)
            for name, requests in by_name.items():
                part = LockEntry(kind=entry.kind, name=entry.name, digest="", requests=tuple(requests))
                yield name, Lock(server=lock.server, entries=(part,))


def with_shards(lock: Lock, read: Callable[[str], Lock | None]) -> tuple[Lock, tuple[str, ...]]:
    """Gives the lock with the files of its shards, and the names of shards that do not hold what they should."""
    faults: dict[str, None] = {}

    def whole(entry: LockEntry) -> LockEntry:
        if all(request.summary is None for request in entry.requests):
            return entry
        shards: dict[str, Mapping[str, tuple[Chunk, ...]]] = {}
        requests = []
        for request in entry.requests:
            if request.summary is not None:
                name = shard_name(entry.name, request)
                if name not in shards:
                    shards[name] = _chunks_of(read(name), lock.server)
                chunks = shards[name].get(request.id, ())
                if request.summary != _count(chunks):
                    faults[name] = None
                request = msgspec.structs.replace(request, summary=None, chunks=chunks)
            requests.append(request)
        return msgspec.structs.replace(entry, requests=tuple(requests))

    return msgspec.structs.replace(lock, entries=tuple(map(whole, lock.entries))), tuple(faults)


def _chunks_of(shard: Lock | None, server: str) -> dict[str, tuple[Chunk, ...]]:
    if shard is None or shard.server != server:
        return {}
    return {request.id: request.chunks for entry in shard.entries for request in entry.requests}


def sort_files(chunks: Iterable[Chunk]) -> tuple[Chunk, ...]:
    """Gives archive files in lock order: by begin, then by name."""
    return tuple(sorted(chunks, key=lambda chunk: (chunk.begin, chunk.file.name if chunk.file else "", chunk.id)))
