"""Locks of archive files in a few words, from what the sandbox lists or from nothing at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from oncsync.api import Session
from oncsync.api.archive import list_archive_files
from oncsync.api.records import ArchiveFile
from oncsync.listed import ListedFile
from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry, digest, sort_entries, sort_requests
from oncsync.lockfile.archived import sort_files, year_bounds
from oncsync.lockfile.records import archive_chunk_id, archive_request_id
from oncsync.locking import write_locks
from oncsync.sandbox import Sandbox
from oncsync.timespan import FIRST_INSTANT
from tests.support.records import at
from tests.support.world import TOKEN, World

TITAN = "NANOMETRICSTITAN001110"
"""A device with a log file of about a kilobyte for each day."""
FILES = f"""\
  - name: files
    service: archivefile
    deviceCode: {TITAN}
    begin: 2017-07-01
    end: 2017-07-09
"""


def list_files(
    sandbox: Sandbox, begin: str = "2017-07-01", end: str = "2017-07-09", *, device: str = TITAN, **more: Any
) -> list[ArchiveFile]:
    """Gives the log files of a device as the sandbox lists them."""
    filters = {"file_extension": "txt"} | more
    with Session(sandbox.url, TOKEN) as session:
        listing = list_archive_files(session, device_code=device, date_from=at(begin), date_to=at(end), **filters)
    return list(listing.files)


def a_listed_file(
    name: str, begin: str = "2017-07-01", *, device: str = TITAN, hours: float = 1, size: int | None = 8, **more: Any
) -> ArchiveFile:
    """Gives a row of a listing."""
    first = at(begin)
    return ArchiveFile(
        name=name,
        device_code=device,
        begin=first,
        end=first + timedelta(hours=hours),
        archived=first + timedelta(hours=hours, minutes=20),
        **({"stored_size": size, "delivered_size": size} | more),
    )


def archive_chunk(file: ArchiveFile, **marks: Any) -> Chunk:
    """Gives the line of the lock that stands for an archive file."""
    begin = file.begin or file.archived or FIRST_INSTANT
    listed = ListedFile(
        name=file.name,
        data_product_code=file.data_product_code,
        archived=file.archived,
        modified=file.modified,
        stored_size=file.stored_size,
        delivered_size=file.delivered_size,
        **marks,
    )
    return Chunk(archive_chunk_id(file.name), begin, file.end or begin, listed)


def archive_request(year: int, chunks: Iterable[Chunk], source: dict[str, str]) -> LockedRequest:
    """Gives the request that stands for a year of archive files of a device."""
    begin, end = year_bounds(year)
    return LockedRequest(
        id=archive_request_id(source, year),
        service="archivefile",
        source=source,
        data_product_code="",
        extension="",
        begin=begin,
        end=end,
        chunks=sort_files(chunks),
    )


def archive_entry(name: str, files: Iterable[ArchiveFile | Chunk], *, device: str = TITAN, **more: Any) -> LockEntry:
    """Gives an entry of the lock with archive files of a device, a request for each year."""
    source = more.pop("source", {"deviceCode": device})
    by_year: dict[int, list[Chunk]] = {}
    for file in files:
        chunk = archive_chunk(file) if isinstance(file, ArchiveFile) else file
        by_year.setdefault(chunk.begin.year, []).append(chunk)
    requests = [archive_request(year, chunks, source) for year, chunks in by_year.items()]
    return LockEntry(
        **({"kind": "download", "name": name, "digest": digest(name), "requests": sort_requests(requests)} | more)
    )


def write_lock(world: World, *entries: LockEntry) -> Lock:
    """Puts a lock beside the manifest of a world, for a sync that takes it as it is (`frozen`)."""
    project = world.project()
    lock = Lock(server=project.manifest.server, entries=sort_entries(entries))
    write_locks(project.lock_path, project.folder, lock, project.path.name)
    return lock


def in_the_lock(world: World, begin: str = "2017-07-01", end: str = "2017-07-09", **settings: Any) -> list[ArchiveFile]:
    """Writes the lock of the log files of some days, as one download called `files`; gives the files."""
    files = list_files(world.sandbox, begin, end)
    write_lock(world, archive_entry("files", files, **settings))
    return files


def moment_after(files: Iterable[ArchiveFile]) -> datetime:
    """Gives an instant at which all of some files have ended."""
    return max(file.end for file in files if file.end) + timedelta(days=1)
