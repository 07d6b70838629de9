"""One transfer: asks for a file of a run, streams it into `partial/` and hashes it in the same pass.

Runs in a thread of the download pool; touches nothing but its own partial file. A file is whole when its length is what
was announced; without an announcement, when its body ended cleanly (open questions 1 and 2).
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from pathlib import Path
from typing import TypeAlias

import msgspec

from oncsync.api import ArrivingFile, EndOfFiles, Expired, FailedRun, NoData, NotReady, Session, open_file
from oncsync.api.archive import MissingFile, open_archive_file
from oncsync.atomic import folder_error
from oncsync.engine.room import UNLIMITED, Room, Share
from oncsync.errors import FaultError, OncsyncError
from oncsync.listed import ListedFile
from oncsync.state import META


class Job(msgspec.Struct, frozen=True):
    """A file to fetch: which chunk, which run, which index (`1`..N or `meta`). A look takes nothing of it."""

    chunk: str
    run_id: int
    index: str
    is_look: bool = False


class Fetched(msgspec.Struct, frozen=True):
    """A whole file in `partial/`. `name` is the service's, raw."""

    name: str | None
    partial: str
    bytes: int
    sha256: str
    unverified: bool


class Broken(msgspec.Struct, frozen=True):
    """A call that failed, with the error that says why."""

    error: OncsyncError


class Stopped(msgspec.Struct, frozen=True):
    """A transfer that was told to stop, or for which there is no room."""


class Present(msgspec.Struct, frozen=True):
    """A file is there; nothing of it was taken."""


Looked: TypeAlias = Present | NotReady | EndOfFiles | NoData | Expired | FailedRun
ArchivedAnswer: TypeAlias = Fetched | MissingFile | Broken | Stopped
Answer: TypeAlias = Fetched | Present | NotReady | EndOfFiles | NoData | Expired | FailedRun | Broken | Stopped


def look_at_first(session: Session, run_id: int) -> Looked:
    """Asks for the first file of a run and takes nothing of it; raises what `open_file` raises."""
    answer = open_file(session, run_id, 1)
    if not isinstance(answer, ArrivingFile):
        return answer
    answer.close()
    return Present()


def fetch(session: Session, job: Job, partial_folder: Path, stop: threading.Event, room: Room = UNLIMITED) -> Answer:
    """Fetches one file; never raises for what the service or the disk does."""
    try:
        answer = open_file(session, job.run_id, "meta" if job.index == META else int(job.index))
        if not isinstance(answer, ArrivingFile):
            return answer
        with answer:
            return Present() if job.is_look else _receive(answer, job, partial_folder, stop, room)
    except OncsyncError as error:
        return Broken(error)


def fetch_archived(
    session: Session, file: ListedFile, job: Job, partial_folder: Path, stop: threading.Event, room: Room
) -> ArchivedAnswer:
    """Fetches one archive file from its start; never raises for what the service or the disk does."""
    try:
        answer = open_archive_file(session, file.name, listed=file)
        if not isinstance(answer, ArrivingFile):
            return answer
        with answer:  # a body without a byte came this far only where the listing says so
            return _receive(answer, job, partial_folder, stop, room, may_be_empty=True)
    except OncsyncError as error:
        return Broken(error)


def _receive(
    arriving: ArrivingFile,
    job: Job,
    partial_folder: Path,
    stop: threading.Event,
    room: Room,
    *,
    may_be_empty: bool = False,
) -> Fetched | Broken | Stopped:
    """Writes the body to a partial file of a name that no other process uses, removed unless it is whole."""
    name = f"{job.chunk}-{job.run_id}-{job.index}.{secrets.token_hex(4)}.part"
    path = partial_folder / name
    hasher = hashlib.sha256()
    count = 0
    is_whole = False
    try:
        with Share(room, arriving.length) as share, open(path, "xb", buffering=0) as stream:
            for block in arriving.blocks():
                if stop.is_set() or not share.covers(len(block)):
                    return Stopped()
                _write_all(stream, block)
                share.wrote(len(block))
                hasher.update(block)
                count += len(block)
        if count == 0 and arriving.length != 0 and not may_be_empty:
            return Broken(FaultError("The service sent an empty file without saying that it is empty"))
        is_whole = True
        return Fetched(arriving.name, name, count, hasher.hexdigest(), unverified=arriving.length is None)
    except OSError as error:
        return Broken(folder_error(path, error))
    finally:
        if not is_whole:
            path.unlink(missing_ok=True)


def _write_all(stream: object, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[stream.write(view) :]  # type: ignore[attr-defined]
