"""Orders that are to replace what is held: whatever comes of them, held data are neither lost nor taken for failed."""

from __future__ import annotations

from datetime import datetime

import pytest

from oncsync.caretaking import find_outdated, repair, verify
from oncsync.engine.run import Tools
from oncsync.sandbox import Reply, json_reply
from oncsync.sandbox.service import Interference
from oncsync.state import ChunkState, Stale, Staled, StateStore
from oncsync.timespan import UTC
from tests.faults.staging import (
    NO_METADATA,
    NO_SUCH_FILE,
    ONE_MONTH,
    Asking,
    Recorder,
    answers,
    refused,
    runs,
    sync,
    the_chunk,
)
from tests.support.world import CTD_CSV, QUICK_PACE, World

NO_DATA = answers(request=lambda asked: refused(400, 33, "No data"))
NO_FILE = answers(run=lambda asked: runs((9, "complete", 0), is_over=True), download=lambda asked: NO_SUCH_FILE)
REFUSED = answers(request=lambda asked: refused(400, 127, "Invalid parameter value", "deviceCategoryCode"))


def mark(world: World) -> ChunkState:
    """Marks the only chunk as stale, as `outdated` does; gives it as it is then."""
    store = StateStore(world.folder / ".oncsync" / "state.json")
    store.open_journal()
    (key,) = store.state.chunks
    now = datetime.now(UTC)
    store.record(Staled(at=now, chunk=key, stale=Stale(at=now, count=1, archived=now, devices=("X",))))
    store.close()
    return store.state.chunks[key]


def lose_a_file(world: World) -> str:
    path = next(path for path in world.tree() if "_meta" not in path)
    (world.folder / path).unlink()
    return path


@pytest.fixture
def stale(world: World) -> ChunkState:
    """A month that is here, and of which raw files were archived since."""
    world.write(ONE_MONTH)
    sync(world)
    return mark(world)


@pytest.mark.parametrize(
    ("answer", "code", "word"), [(NO_DATA, 0, "empty"), (NO_FILE, 0, "empty"), (REFUSED, 3, "refused")]
)
def test_a_refresh_that_brings_nothing_leaves_files_that_are_whole_and_may_be_stale(
    world: World, stale: ChunkState, answer: Interference, code: int, word: str
) -> None:
    """R148, R149, rule 4: it is told once, the mark stays, and nobody asks the same on every run."""
    before = world.tree()
    world.sandbox.interfere = answer
    recorder = Recorder()
    assert sync(world, refresh_outdated=True, watcher=recorder).exit_code == code
    assert ["the files that are here stay" in text for text in recorder.texts(word)] == [True]
    chunk = the_chunk(world)
    assert (chunk.outcome, chunk.files, chunk.order, chunk.stale) == ("done", stale.files, stale.order, stale.stale)
    assert world.tree() == before
    status = world.project().status()
    assert (status.done, status.empty, status.failed, status.stale_files) == (1, 0, 0, 1)
    assert "which brought no file" in status.entries[0].requests[0].notes[-1]
    world.sandbox.interfere = None
    asked = world.asked("request")
    assert sync(world, refresh_outdated=True).exit_code == 0
    assert world.asked("request") == asked


@pytest.mark.parametrize("answer", [NO_DATA, REFUSED])
@pytest.mark.parametrize("by_repair", [True, False])
def test_a_file_that_is_lost_after_such_a_refresh_is_fetched_again_by_its_own_order(
    world: World, stale: ChunkState, answer: Interference, by_repair: bool
) -> None:
    """Issue 6, 8, and rule 3."""
    before = world.tree()
    world.sandbox.interfere = answer
    sync(world, refresh_outdated=True)
    world.sandbox.interfere = None
    asked = world.asked("request")
    lose_a_file(world)
    if by_repair:
        project = world.project()
        assert repair(project, verify(project).findings, tools=Tools(pace=QUICK_PACE)).exit_code == 0
    else:
        assert sync(world).exit_code == 0
    assert world.tree() == before
    assert world.asked("request") == asked
    assert the_chunk(world).stale == stale.stale


def test_a_refresh_that_is_answered_with_the_same_order_fetches_its_files_and_compares(
    world: World, stale: ChunkState
) -> None:
    """Open question 22: identical orders may share a run, which was made from the old raw files then."""
    order = stale.order
    assert order is not None
    world.sandbox.interfere = answers(request=lambda asked: json_reply({"dpRequestId": order.request_id}))
    result = sync(world, refresh_outdated=True)
    assert (result.counts.done, result.counts.files) == (1, len(stale.files))
    chunk = the_chunk(world)
    assert (chunk.stale, chunk.may_be_newer) == (stale.stale, False)
    assert {file.path for file in chunk.files} == set(world.tree())


def test_an_open_chunk_that_is_refused_once_keeps_growing(world: World) -> None:
    """Item 9: what is here stays, and is asked for again when it is due."""
    now = datetime.now(UTC)
    month = ONE_MONTH.replace("2015-01-01", f"{now:%Y-%m}-01").replace("2015-02-01", "now")
    world.write(month + "    splitDateRange: month\n    refreshOpen: PT0.001S\n", settings=NO_METADATA)
    assert sync(world).exit_code == 0
    held = the_chunk(world)
    world.sandbox.interfere = answers(request=lambda asked: refused(403))
    assert sync(world).exit_code == 3
    chunk = the_chunk(world)
    assert (chunk.outcome, chunk.files) == ("done", held.files)
    world.sandbox.interfere = None
    assert sync(world).exit_code == 0
    assert the_chunk(world).asked_at != held.asked_at
    assert the_chunk(world).refresh is None


def test_a_raw_file_with_a_date_to_come_is_cured_by_one_order(world: World) -> None:
    """Q31, rule 3: a date that is misread by a zone orders nothing on every run."""
    world.write(ONE_MONTH)
    sync(world)
    ahead = "2099-01-01T00:00:00.000Z"
    row = {
        "filename": "X_20150110T000000.000Z.txt",
        "dateFrom": "2015-01-10T00:00:00.000Z",
        "dateTo": "2015-01-11T00:00:00.000Z",
        "archivedDate": ahead,
        "modifyDate": ahead,
    }

    def device(asked: Asking) -> Reply:
        return json_reply({"files": [row | {"deviceCode": asked["deviceCode"]}], "next": None})

    world.sandbox.interfere = answers(device=device)
    assert len(find_outdated(world.project()).chunks) == 1
    sync(world, refresh_outdated=True)
    assert world.asked("request") == 2
    for _ in range(2):
        assert find_outdated(world.project()).chunks == ()
        assert sync(world, refresh_outdated=True).counts.total == 0
    row["modifyDate"] = "2099-01-02T00:00:00.000Z"
    assert len(find_outdated(world.project()).chunks) == 1


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_lost_file_of_another_cut_is_had_again_without_what_it_covers(world: World, is_gone: bool) -> None:
    """Rule 3: the year that three months cover is not ordered for one of their files."""
    world.write(CTD_CSV, settings=NO_METADATA)
    sync(world)
    world.write(CTD_CSV + "    splitDateRange: year\n", settings=NO_METADATA)
    sync(world)
    before = world.tree()
    lose_a_file(world)
    gone = {"1"} if is_gone else set()

    def download(asked: Asking) -> Reply | None:
        return refused(410) if asked["index"] in gone else None

    def request(asked: Asking) -> None:
        gone.clear()

    world.sandbox.interfere = answers(download=download, request=request)
    plan = world.project().plan()
    assert dict(plan.counts) == {"covered": 1, "fetch": 1}
    assert sync(world).exit_code == 0
    assert set(world.tree()) == set(before)
    assert world.asked("request") == 3 + is_gone
    assert sync(world).counts.total == 0
