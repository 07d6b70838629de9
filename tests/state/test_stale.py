"""What the state knows of raw files that were archived since, and when it forgets it (R149)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncsync.schemas import load_schema
from oncsync.state import (
    ChunkState,
    Event,
    Finished,
    Forgotten,
    Looked,
    Stale,
    Staled,
    State,
    StateStore,
    parse_state,
    render_state,
)
from tests.state.events import CHUNK, NOON, an_order, state_after
from tests.support.records import make_file

HOUR = timedelta(hours=1)
SEEN = Stale(at=NOON + 3 * HOUR, count=2, archived=NOON + 2 * HOUR, devices=("D1",), names=("a.txt", "b.txt"))
STALED = Staled(at=SEEN.at, chunk=CHUNK, stale=SEEN)
HELD = an_order(make_file("a.csv"))


def chunk_after(*events: Event) -> ChunkState:
    return state_after(*HELD, *events).chunks[CHUNK]


def again(when: datetime, **more: Any) -> list[Event]:
    """Gives the events of a second order of the chunk."""
    return an_order(make_file("a.csv", run_id=2, content=b"new"), run_id=2, when=when, **more)


def test_a_chunk_stays_stale_until_an_order_after_the_archiving_is_whole() -> None:
    assert chunk_after(STALED).stale == SEEN
    assert chunk_after(STALED, *again(SEEN.at + HOUR, done=False)).stale == SEEN
    assert chunk_after(STALED, *again(SEEN.at + HOUR)).stale is None
    assert chunk_after(STALED, *again(NOON + 2.5 * HOUR)).stale is None, "placed before the look, after the archiving"


def test_an_order_from_before_the_archiving_cures_nothing() -> None:
    """One that lived when the raw files were archived again was made from the old ones, perhaps."""
    assert chunk_after(STALED, *again(NOON + HOUR)).stale == SEEN


def test_where_the_archive_tells_no_date_the_look_decides() -> None:
    undated = Staled(at=SEEN.at, chunk=CHUNK, stale=Stale(at=SEEN.at, count=1))
    assert chunk_after(undated, *again(NOON + 2.5 * HOUR)).stale is not None
    assert chunk_after(undated, *again(SEEN.at + HOUR)).stale is None


def test_fetching_a_missing_file_of_the_old_order_cures_nothing() -> None:
    assert chunk_after(STALED, Finished(at=SEEN.at + HOUR, chunk=CHUNK, outcome="done")).stale == SEEN


@pytest.mark.parametrize("outcome", ["failed-retryable", "failed-permanent", "refused"])
def test_a_refresh_that_fails_cures_nothing(outcome: Any) -> None:
    later = SEEN.at + HOUR
    events = [*again(later, done=False), Finished(at=later, chunk=CHUNK, outcome=outcome)]
    assert chunk_after(STALED, *events).stale == SEEN
    assert chunk_after(STALED, *again(later, done=False), Forgotten(at=later, chunk=CHUNK, reason="gone")).stale == SEEN


def test_a_date_ahead_of_the_look_is_no_news_to_an_order_after_it() -> None:
    """Q31: a date may be misread by a zone; a raw file that was seen before the order is in what the order makes."""
    ahead = {"a.txt": SEEN.at + 7 * HOUR}
    seen = Stale(at=SEEN.at, count=1, archived=ahead["a.txt"], names=("a.txt",), ahead=ahead)
    staled = Staled(at=SEEN.at, chunk=CHUNK, stale=seen)
    assert chunk_after(staled, *again(NOON + 2.5 * HOUR)).stale == seen, "placed before it was seen"
    chunk = chunk_after(staled, *again(SEEN.at + HOUR))
    assert (chunk.stale, chunk.seen) == (None, ahead)


@pytest.mark.parametrize("outcome", ["empty", "refused"])
def test_a_refresh_that_brings_nothing_cures_nothing_and_is_not_asked_for_on_every_run(outcome: Any) -> None:
    """R149: the files stay what they were, and so does the mark; what was answered is not asked for again (rule 3)."""
    later = SEEN.at + HOUR
    events = [*again(later, done=False), Finished(at=later, chunk=CHUNK, outcome=outcome)]
    chunk = chunk_after(STALED, *events)
    assert (chunk.stale, chunk.outcome, chunk.may_be_newer) == (SEEN, "done", False)
    newer = Stale(at=later + 2 * HOUR, count=1, archived=later + HOUR)
    assert chunk_after(STALED, *events, Staled(at=newer.at, chunk=CHUNK, stale=newer)).may_be_newer


def test_an_order_that_the_service_had_made_before_cures_nothing_unless_it_brings_other_files() -> None:
    """Q22: identical orders may share a run, which was made before the raw files were archived again."""
    later = SEEN.at + HOUR
    same = chunk_after(STALED, *an_order(make_file("a.csv"), when=later))
    assert (same.stale, same.may_be_newer) == (SEEN, False)
    assert chunk_after(STALED, *an_order(make_file("a.csv", content=b"new"), when=later)).stale is None


def test_a_refresh_of_a_span_without_files_that_finds_no_data_cures_it() -> None:
    none = [*an_order(done=False), Finished(at=NOON, chunk=CHUNK, outcome="empty")]
    later = SEEN.at + HOUR
    events = [*none, STALED, *an_order(done=False, when=later), Finished(at=later, chunk=CHUNK, outcome="empty")]
    assert state_after(*events).chunks[CHUNK].stale is None


def test_the_time_of_a_whole_look_is_kept() -> None:
    assert state_after(Looked(at=NOON)).looked_at == NOON


def test_snapshot_and_journal_tell_the_same(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state.json")
    store.open_journal()
    for event in (*HELD, STALED, Looked(at=NOON)):
        store.record(event)
    store.close()
    reread = StateStore(tmp_path / "state.json").state
    assert (reread.chunks[CHUNK].stale, reread.looked_at) == (SEEN, NOON)
    assert parse_state(render_state(reread), "state.json") == reread


def test_a_state_from_before_is_read_as_one_that_nobody_looked_at() -> None:
    document = json.loads(render_state(state_after(*HELD)))
    del document["lookedAt"]
    read = parse_state(json.dumps(document).encode(), "state.json")
    assert (read.looked_at, read.chunks[CHUNK].stale) == (None, None)
    assert "lookedAt" not in load_schema("state")["required"]


def test_nothing_is_written_of_a_chunk_that_is_not_stale() -> None:
    cured = state_after(*HELD, STALED, *again(SEEN.at + HOUR))
    assert "stale" not in json.loads(render_state(cured))["chunks"][CHUNK]
    assert State().looked_at is None
