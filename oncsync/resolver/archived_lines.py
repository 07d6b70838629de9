"""From the listing of archive files to the lines of the lock, and what becomes of the lines that stood there. Pure.

A file that the lock names and a whole listing lacks keeps its line, marked; one that was archived again is marked too.
Sources: onc-api.md 4.3, open questions 28, 31, 32 and 36, R148.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from oncsync.api.listing import changed_members, is_in_window
from oncsync.api.records import ArchiveFile
from oncsync.listed import ListedFile
from oncsync.lockfile import (
    Chunk,
    LockedRequest,
    archive_chunk_id,
    archive_request_id,
    sort_files,
    sort_requests,
    year_bounds,
)
from oncsync.timespan import FIRST_INSTANT, UTC, Span

Source = tuple[tuple[str, str], ...]
"""What names the instrument of a file, in ONC's spelling: the device, or place, category and device."""

_STAMP = re.compile(r"_(\d{8}T\d{6})(?:\.(\d{1,9}))?Z")


class Line(msgspec.Struct, frozen=True, gc=False):
    """One archive file as the lock names it, and where its instrument was."""

    source: Source
    chunk: Chunk

    @property
    def file(self) -> ListedFile:
        """What the listing said of the file."""
        assert self.chunk.file is not None
        return self.chunk.file


class Stay(msgspec.Struct, frozen=True):
    """The spans that are asked for of a device while it was at one place; they neither touch nor overlap."""

    source: Source
    spans: tuple[Span, ...]

    def holds(self, file: ArchiveFile) -> bool:
        """Whether a file overlaps one of the spans, as far as its own span is known."""
        if len(self.spans) == 1 or file.begin is None or file.end is None or file.end < file.begin:
            return any(is_in_window(file, span.begin, span.end) for span in self.spans)
        near = bisect_right(self.spans, file.begin, key=lambda span: span.end)
        return near < len(self.spans) and is_in_window(file, self.spans[near].begin, self.spans[near].end)


class Listed(msgspec.Struct, frozen=True):
    """What a listing told of one device.

    `names` are those of all files it had, whether the entry means them or not, and `files` those that it means.
    """

    files: tuple[ArchiveFile, ...]
    names: frozenset[str]
    is_full: bool


class Merged(msgspec.Struct, frozen=True):
    """The lines of one device, with the names of files that a person should know about.

    `again` were archived again, `missing` are no longer listed, since the lock was made. `is_exact` says that the
    lines hold everything that the listing told of each file.
    """

    lines: tuple[Line, ...]
    again: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    is_exact: bool = True


def source_of(file: ArchiveFile, stays: Sequence[Stay]) -> Source | None:
    """Gives where a file belongs: the first place whose spans it overlaps, None when there is none."""
    return next((stay.source for stay in stays if stay.holds(file)), None)


def merge_lines(listed: Listed, stays: Sequence[Stay], before: Mapping[str, Line]) -> Merged:
    """Gives the lines of one device from a listing and from the lines that it had, by name.

    A listing that is not full tells what was archived of late: lines that it does not mention stay as they are, as
    long as they lie in the spans. A full one marks those. Lines outside of all spans go, and so do those of files
    that are listed but not meant any more.
    """
    lines: list[Line] = []
    again, missing = [], []
    is_exact = True
    for file in listed.files:
        source = source_of(file, stays)
        if source is None:
            continue
        old = before.get(file.name)
        line = Line(source, _chunk(file, old.file if old else None))
        lines.append(line)
        is_exact = is_exact and _is_exact(file)
        if old is not None and changed_members(line.file, old.file):
            again.append(file.name)
    for name, old in before.items():
        if name in listed.names:
            continue
        source = source_of(as_listed(old), stays)
        if source is None:
            continue
        if listed.is_full and old.file.is_listed:
            missing.append(name)
        lines.append(Line(source, _unlisted(old.chunk)) if listed.is_full else Line(source, old.chunk))
    return Merged(tuple(lines), tuple(again), tuple(missing), is_exact)


def _chunk(file: ArchiveFile, before: ListedFile | None) -> Chunk:
    told = ListedFile(
        name=file.name,
        data_product_code=file.data_product_code,
        archived=_to_millisecond(file.archived),
        modified=_to_millisecond(file.modified),
        stored_size=_count(file.stored_size),
        delivered_size=_count(file.delivered_size),
    )
    if before is not None:
        told = _with_history(told, before)
    begin = _to_millisecond(file.begin) or _stamp_of(file.name) or _to_millisecond(file.archived) or FIRST_INSTANT
    end = _to_millisecond(file.end)
    return Chunk(archive_chunk_id(file.name), begin, end if end is not None and end > begin else begin, told)


def _with_history(told: ListedFile, before: ListedFile) -> ListedFile:
    """Gives what is told now with what the lock knows: a value that is told no more is no change (open question 31)."""
    if changed_members(told, before):
        return msgspec.structs.replace(told, is_rearchived=True)
    return msgspec.structs.replace(
        told,
        data_product_code=told.data_product_code or before.data_product_code,
        archived=told.archived or before.archived,
        modified=told.modified or before.modified,
        stored_size=told.stored_size or before.stored_size,
        delivered_size=told.delivered_size or before.delivered_size,
        is_rearchived=before.is_rearchived,
    )


def _unlisted(chunk: Chunk) -> Chunk:
    assert chunk.file is not None
    if not chunk.file.is_listed:
        return chunk
    return msgspec.structs.replace(chunk, file=msgspec.structs.replace(chunk.file, is_listed=False))


def as_listed(line: Line) -> ArchiveFile:
    """Gives a line as a listing would tell it; a span without an instant is one whose end nobody told."""
    chunk, file = line.chunk, line.file
    return ArchiveFile(
        name=file.name,
        device_code=dict(line.source)["deviceCode"],
        data_product_code=file.data_product_code,
        begin=chunk.begin,
        end=chunk.end if chunk.end > chunk.begin else None,
        archived=file.archived,
        modified=file.modified,
        stored_size=file.stored_size,
        delivered_size=file.delivered_size,
    )


def _is_exact(file: ArchiveFile) -> bool:
    """Whether a line holds the span and the archiving time as they were told."""
    return (
        file.begin is not None
        and file.end is not None
        and file.archived is not None
        and _to_millisecond(file.begin) == file.begin
        and _to_millisecond(file.end) == file.end
        and file.begin < file.end
    )


def _stamp_of(name: str) -> datetime | None:
    """Gives the instant in a file's name, where a device's files have that of their first datum."""
    match = _STAMP.search(name)
    if match is None:
        return None
    try:
        second = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return second.replace(microsecond=int((match[2] or "").ljust(3, "0")[:3]) * 1000)


def _to_millisecond(instant: datetime | None) -> datetime | None:
    """Gives an instant as precisely as the lock writes it."""
    return None if instant is None else instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _count(size: int | None) -> int | None:
    return size if size is not None and size >= 0 else None


# --- Lines and requests --------------------------------------------------------------------------------------------


def lines_by_device(requests: Iterable[LockedRequest]) -> dict[str, dict[str, Line]]:
    """Gives the archive files of requests, by device and by name."""
    found: dict[str, dict[str, Line]] = {}
    for request in requests:
        if request.is_archive:
            source = tuple(request.source.items())
            lines = found.setdefault(request.source["deviceCode"], {})
            lines.update({one.file.name: Line(source, one) for one in request.chunks if one.file is not None})
    return found


def requests_of(lines: Iterable[Line]) -> tuple[LockedRequest, ...]:
    """Gives lines as requests, in lock order: one for each place, device and year."""
    groups: dict[tuple[Source, int], list[Chunk]] = {}
    for line in lines:
        groups.setdefault((line.source, line.chunk.begin.year), []).append(line.chunk)
    return sort_requests(
        LockedRequest(
            id=archive_request_id(dict(source), year),
            service="archivefile",
            source=dict(source),
            data_product_code="",
            extension="",
            begin=year_bounds(year)[0],
            end=year_bounds(year)[1],
            chunks=sort_files(chunks),
        )
        for (source, year), chunks in groups.items()
    )


def keep_newest(lines: Sequence[Line], most: int) -> tuple[Line, ...]:
    """Gives the newest listed files of a device, and the unlisted ones that are no older than those."""
    ordered = sorted(lines, key=_age)
    listed = [line for line in ordered if line.file.is_listed]
    if len(listed) <= most:
        return tuple(ordered)
    oldest = _age(listed[-most])
    return tuple(line for line in ordered if _age(line) >= oldest)


def _age(line: Line) -> tuple[datetime, str]:
    return line.chunk.begin, line.file.name


def keep_first(requests: Sequence[LockedRequest], most: int) -> tuple[LockedRequest, ...]:
    """Gives the first listed files in lock order, and the unlisted ones between them."""
    kept: list[LockedRequest] = []
    left = most
    for request in requests:
        chunks: list[Chunk] = []
        for chunk in request.chunks:
            is_listed = chunk.file is None or chunk.file.is_listed
            if is_listed and not left:
                return (*kept, msgspec.structs.replace(request, chunks=tuple(chunks))) if chunks else tuple(kept)
            chunks.append(chunk)
            left -= is_listed
        kept.append(request)
    return tuple(kept)
