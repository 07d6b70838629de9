"""Locks, plans and files in a few words, for the tests of everything that works on them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from oncsync.engine.placement import WantedChunk, wanted_chunks
from oncsync.lockfile import (
    Chunk,
    Lock,
    LockedRequest,
    LockEntry,
    chunk_id,
    digest,
    product_digest,
    request_id,
    sort_entries,
    sort_requests,
)
from oncsync.state import FileRecord
from oncsync.timespan import Span, parse_instant, split_span


def steady(examples: int) -> settings:
    """Gives hypothesis so many examples, and no stopwatch: a busy machine is no failure."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


BACAX_CTD = {"locationCode": "BACAX", "deviceCategoryCode": "CTD"}

HOSTILE_CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("\x00\x07\t\n\r\x1b\x7f\x80\x85\x9f\u200b\u202e\u2028\u2029\ufeff\ufffd\ufffe\uffff😀"),
    st.sampled_from("\"'\\/#:{}[],&*!|>%@`~=- .$"),
)


def hostile_text(min_size: int = 0, max_size: int = 12) -> st.SearchStrategy[str]:
    """Gives texts that YAML, JSON, file systems and terminals trip over."""
    return st.text(HOSTILE_CHARACTERS, min_size=min_size, max_size=max_size)


def at(text: str) -> datetime:
    """Gives the UTC instant a text means."""
    return parse_instant(text)


def span(begin: str, end: str) -> Span:
    """Gives the span between two instants."""
    return Span(at(begin), at(end))


def make_request(
    begin: str = "2017-05-01",
    end: str | None = "2017-06-01",
    *,
    source: dict[str, str] | None = None,
    code: str = "TSSD",
    extension: str = "csv",
    split: str = "month",
    options: dict[str, str] | None = None,
    **more: Any,
) -> LockedRequest:
    """Gives a request with the ids that the resolver gives it, cut into its chunks."""
    source = BACAX_CTD if source is None else source
    product = product_digest(source, code, extension, options or {})
    pieces = split_span(span(begin, end), split) if end is not None else []
    return LockedRequest(
        id=request_id(product, at(begin), None if end is None else at(end)),
        source=source,
        data_product_code=code,
        extension=extension,
        begin=at(begin),
        end=None if end is None else at(end),
        split=split,
        options=options or {},
        **({"chunks": tuple(Chunk(chunk_id(product, one), one.begin, one.end) for one in pieces)} | more),
    )


def make_entry(name: str, *requests: LockedRequest, kind: Any = "download", **settings: Any) -> LockEntry:
    """Gives an entry of the lock."""
    return LockEntry(kind=kind, name=name, digest=digest(name), requests=sort_requests(requests), **settings)


def make_lock(*entries: LockEntry) -> Lock:
    """Gives a lock."""
    return Lock(server="production", entries=sort_entries(entries))


def wanted(lock: Lock) -> list[WantedChunk]:
    """Gives the chunks of a lock with their places."""
    return wanted_chunks(lock)[0]


def make_file(
    name: str, *, run_id: int = 1, index: str = "1", path: str = "", content: bytes = b"x", came: str = "2026-11-01"
) -> FileRecord:
    """Gives the record of a file as it arrived; its place is its name unless `path` is given."""
    sha256 = hashlib.sha256(content).hexdigest()
    return FileRecord(
        run_id=run_id,
        index=index,
        name=name,
        path=path or name,
        partial=f"{run_id}-{index}.part",
        bytes=len(content),
        sha256=sha256,
        at=at(came),
    )
