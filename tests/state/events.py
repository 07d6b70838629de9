"""Events as a sync records them, and sequences of them that no sync would record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from oncsync.listed import ListedFile
from oncsync.state import (
    Arrived,
    Cleared,
    Dropped,
    Ended,
    Event,
    Fetching,
    FileRecord,
    Finished,
    Forgotten,
    Looked,
    Moved,
    Ordered,
    Ordering,
    Restored,
    Running,
    Stale,
    Staled,
    Started,
    State,
    Synced,
    apply_event,
)
from oncsync.timespan import UTC
from tests.support.records import at, hostile_text, make_file

CHUNK = "0123456789abcdef0123"
OTHER = "fedcba9876543210fedc"
NOON = at("2026-11-01T12:00")


def ordering(chunk: str = CHUNK, when: datetime = NOON, **more: Any) -> Ordering:
    """Gives the event that begins an order of May 2017."""
    span: dict[str, Any] = {"begin": at("2017-05-01"), "end": at("2017-06-01"), "date_to": at("2017-06-01")}
    return Ordering(at=when, chunk=chunk, product="p", **(span | more))


def an_order(
    *files: FileRecord, chunk: str = CHUNK, run_id: int = 1, when: datetime = NOON, done: bool = True
) -> list[Event]:
    """Gives the events of an order that delivers files."""
    events: list[Event] = [
        ordering(chunk, when),
        Ordered(at=when, chunk=chunk, request_id=run_id + 100),
        Running(at=when, chunk=chunk, run_ids=(run_id,)),
        Ended(at=when, chunk=chunk, run_ids=(run_id,), counts=(len(files),)),
        *(Arrived(at=when, chunk=chunk, file=file) for file in files),
    ]
    return [*events, Finished(at=when, chunk=chunk, outcome="done")] if done else events


def state_after(*events: Event) -> State:
    """Gives the state that events make of none."""
    state = State()
    for event in events:
        apply_event(state, event)
    return state


_INSTANTS = st.integers(0, 10**9).map(lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
_CHUNKS = st.sampled_from([CHUNK, OTHER])
_RUNS = st.integers(1, 3)
_INDEXES = st.sampled_from(["1", "2", "10", "meta"])
_TEXT = hostile_text()
_FILES = st.builds(
    lambda run_id, index, number, name: make_file(
        name, run_id=run_id, index=index, path=f"a/{number}.csv", content=bytes(number)
    ),
    _RUNS,
    _INDEXES,
    st.integers(0, 3),
    _TEXT,
)
_LISTED = st.builds(
    ListedFile,
    name=_TEXT,
    data_product_code=st.none() | _TEXT,
    archived=st.none() | _INSTANTS,
    modified=st.none() | _INSTANTS,
    stored_size=st.none() | st.integers(0, 9),
    delivered_size=st.none() | st.integers(0, 9),
    is_listed=st.booleans(),
    is_rearchived=st.booleans(),
)
_KEYS = st.lists(st.tuples(_RUNS, _INDEXES), max_size=2).map(tuple)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Fetching, at=_INSTANTS, chunk=_CHUNKS, begin=_INSTANTS, end=_INSTANTS, file=_LISTED, entry=_TEXT),
    st.builds(Dropped, at=_INSTANTS, chunk=_CHUNKS, files=_KEYS),
    st.builds(Restored, at=_INSTANTS, chunk=_CHUNKS, files=_KEYS),
    st.builds(
        ordering,
        _CHUNKS,
        _INSTANTS,
        options=st.dictionaries(_TEXT, _TEXT, max_size=2),
        is_corrected=st.booleans(),
        host=_TEXT,
    ),
    st.builds(Ordered, at=_INSTANTS, chunk=_CHUNKS, request_id=st.integers(1, 9)),
    st.builds(Running, at=_INSTANTS, chunk=_CHUNKS, run_ids=st.lists(_RUNS, max_size=2).map(tuple)),
    st.builds(
        Ended,
        at=_INSTANTS,
        chunk=_CHUNKS,
        run_ids=st.lists(_RUNS, max_size=2).map(tuple),
        counts=st.lists(st.none() | st.integers(0, 3), max_size=2).map(tuple),
    ),
    st.builds(Arrived, at=_INSTANTS, chunk=_CHUNKS, file=_FILES),
    st.builds(
        Finished,
        at=_INSTANTS,
        chunk=_CHUNKS,
        outcome=st.sampled_from(["done", "empty", "failed-retryable", "failed-permanent", "refused", "expired"]),
        reason=st.none() | _TEXT,
        status=st.none() | st.just(400),
        code=st.none() | st.just(33),
        notes=st.lists(_TEXT, max_size=2).map(tuple),
    ),
    st.builds(Forgotten, at=_INSTANTS, chunk=_CHUNKS, reason=_TEXT, is_loss=st.booleans()),
    st.builds(Cleared, at=_INSTANTS, chunk=_CHUNKS),
    st.builds(Moved, at=_INSTANTS, chunk=_CHUNKS, run_id=_RUNS, index=_INDEXES, path=st.sampled_from(["b/1", "c"])),
    st.builds(
        Started,
        at=_INSTANTS,
        manifest=_TEXT,
        server=_TEXT,
        settings=st.dictionaries(_TEXT, st.none() | st.booleans() | st.integers(0, 9) | _TEXT, max_size=2),
    ),
    st.builds(
        Staled,
        at=_INSTANTS,
        chunk=_CHUNKS,
        stale=st.builds(
            Stale,
            at=_INSTANTS,
            count=st.integers(1, 9),
            archived=st.none() | _INSTANTS,
            devices=st.lists(_TEXT, max_size=2).map(tuple),
            names=st.lists(_TEXT, max_size=2).map(tuple),
        ),
    ),
    st.builds(Looked, at=_INSTANTS),
    st.builds(Synced, at=_INSTANTS),
)
