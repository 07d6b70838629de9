"""Chunks that are here, archive files that were archived since: in a few words, for the tests of what may be stale."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from oncsync.api.records import ArchiveFile
from oncsync.caretaking.tracing import HeldChunk
from oncsync.lockfile import LockedRequest
from oncsync.resolver.requests import Site
from oncsync.state import ChunkState, FileRecord, State
from tests.support.records import at, make_file

ASKED = at("2018-01-01")


def chunk_state(request: LockedRequest, number: int = 0, asked: datetime | None = ASKED, **more: Any) -> ChunkState:
    """Gives the state of a finished chunk of a request."""
    chunk = request.chunks[number]
    files: tuple[FileRecord, ...] = (make_file(f"{chunk.id}.csv"),)
    members = {"outcome": "done", "files": files, "asked_at": asked} | more
    return ChunkState(product=request.product_digest, begin=chunk.begin, end=chunk.end, **members)


def state_of(*requests: LockedRequest, asked: datetime | None = ASKED, **more: Any) -> State:
    """Gives the state in which every chunk of the requests is here."""
    return State(
        chunks={
            chunk.id: chunk_state(request, number, asked, **more)
            for request in requests
            for number, chunk in enumerate(request.chunks)
        }
    )


def held(
    key: str, begin: str, end: str, asked: datetime = ASKED, requests: tuple[LockedRequest, ...] = ()
) -> HeldChunk:
    """Gives a chunk of a span that was asked for at an instant."""
    state = ChunkState(product="p", begin=at(begin), end=at(end), outcome="done", asked_at=asked)
    return HeldChunk(id=key, state=state, asked=asked, entries=("axis",), requests=requests)


def raw(begin: str | None, end: str | None, archived: str | None = "2018-02-01", **more: Any) -> ArchiveFile:
    """Gives a row of a listing, archived a month after everything here was asked for."""
    times: dict[str, Any] = {
        "begin": begin and at(begin),
        "end": end and at(end),
        "archived": archived and at(archived),
    }
    return ArchiveFile(name=more.pop("name", f"raw-{begin}.txt"), device_code="D", **times, **more)


def site(device: str, begin: str, end: str | None = None, **more: Any) -> Site:
    """Gives a deployment of a CTD at BACAX."""
    return Site(
        location_code="BACAX",
        device_category_code="CTD",
        device_code=device,
        begin=at(begin),
        end=None if end is None else at(end),
        **more,
    )
