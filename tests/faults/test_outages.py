"""Outages and odd answers: they never look like "no data", lose no order, place none twice, and end in time."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest

from oncsync.api import Session
from oncsync.caretaking.repeating import Rests
from oncsync.errors import UnreachableError
from oncsync.sandbox import Reply, json_reply, page_reply
from tests.faults.staging import (
    BUSY,
    EIGHT_MONTHS,
    NO_METADATA,
    NO_SUCH_FILE,
    ONE_MONTH,
    Answerer,
    Asking,
    Clock,
    Recorder,
    a_file,
    answers,
    asked_of,
    chunks_of,
    down,
    refused,
    runs,
    sync,
    taken_slots,
    the_chunk,
)
from tests.support.records import at
from tests.support.world import CTD_CSV, TOKEN, World, quick_sandbox

MOVING_DAYS = (
    CTD_CSV.replace("begin: 2015-01-01", "begin: -P2D")
    .replace("end: 2015-04-01", "end: now")
    .replace("name: axis", "name: moving\n    splitDateRange: day")
)


@pytest.fixture
def lone(world: World) -> World:
    """A manifest of one chunk, without metadata."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    return world


def a_run(count: int | None, status: str = "complete") -> Answerer:
    """Gives a run that is over, with so many files announced."""
    return lambda asked: runs((7, status, count), is_over=True)


# --- No outage looks like "no data" (rule 4) -----------------------------------------------------------------------


NO_FILE_AT_ALL = {"404": NO_SUCH_FILE, "404 bare": Reply(404, "text/plain", NO_SUCH_FILE.content),
                  "204": json_reply("", 204), "410": json_reply({}, 410)}  # fmt: skip


@pytest.mark.parametrize("answer", NO_FILE_AT_ALL.values(), ids=NO_FILE_AT_ALL)
def test_a_run_without_files_is_empty_when_the_service_has_none(lone: World, answer: Reply) -> None:
    """onc-api.md 3.2 and 3.3: `fileCount` 0, and the service's own word that there is no first file."""
    lone.sandbox.interfere = answers(run=a_run(0), download=lambda asked: answer)
    result = sync(lone)
    assert (result.exit_code, result.counts.empty) == (0, 1)
    assert the_chunk(lone).outcome == "empty"


NO_WORD = {
    "error in a 202": (json_reply({"status": "error", "message": "Out of memory"}, 202), "Out of memory"),
    "400/127": (refused(400, 127, "Invalid parameter value", "dpRunId"), "Invalid parameter value (code 127)"),
    "202 for ever": (BUSY, "not ready"),
    "a page": (page_reply(404, "Maintenance"), "web page"),
    "500": (page_reply(500, "Internal Server Error"), "500"),
    "403": (refused(403), "restricted"),
    "a page as a file": (page_reply(200, "Maintenance"), "page titled `Maintenance`"),
}


@pytest.mark.parametrize("case", NO_WORD)
def test_a_run_without_files_is_not_empty_when_the_service_says_something_else(lone: World, case: str) -> None:
    """Rule 4: only 404, 204 and 410 say that there is no file; the reason is kept in the service's words."""
    answer, words = NO_WORD[case]
    clock, downloads = Clock(), 0

    def download(asked: Asking) -> Reply:
        nonlocal downloads
        downloads += 1
        if downloads == 3:
            clock.jump(seconds=10)
        return answer

    lone.sandbox.interfere = answers(run=a_run(0), download=download)
    result = sync(lone, tools=clock.tools())
    assert (result.exit_code, result.counts.empty, result.counts.failed) == (3, 0, 1)
    chunk = the_chunk(lone)
    assert chunk.outcome in ("failed-retryable", "failed-permanent", "expired")
    assert words in (chunk.reason or "")
    assert lone.asked("request") <= 2


@pytest.mark.parametrize("count", [-1, -2147483648, None])
def test_files_arrive_whatever_number_the_run_announced(lone: World, count: int | None) -> None:
    """Open question 8: a number that cannot be is no number."""
    files = {"1": a_file("a.csv"), "2": a_file("b.csv")}
    lone.sandbox.interfere = answers(run=a_run(count), download=lambda asked: files.get(asked["index"], NO_SUCH_FILE))
    assert sync(lone).counts.done == 1
    assert [path.rpartition("/")[2] for path in lone.tree()] == ["a.csv", "b.csv"]


# --- Outages lose no order and place none twice (rule 3) -----------------------------------------------------------


def test_an_order_whose_polls_fail_for_long_is_kept_while_other_calls_work(world: World) -> None:
    """It may be running: it keeps its slot and is asked about until it is too old, here until the others are done."""
    world.write(EIGHT_MONTHS, settings=NO_METADATA + "  runThreads: 2\n")
    served = threading.Event()
    failed_polls = 0

    def run(asked: Asking) -> Reply | None:
        nonlocal failed_polls
        first = asked_of(world.sandbox, "run")[0]["dpRequestId"] if world.asked("run") else asked["dpRequestId"]
        if asked["dpRequestId"] == first and not served.is_set():
            failed_polls += 1
            return down()
        return None

    def download(asked: Asking) -> None:
        firsts = [one for one in asked_of(world.sandbox, "download") if one["index"] == "1"]
        if len(firsts) >= 6:
            served.set()

    world.sandbox.interfere = answers(run=run, download=download)
    result = sync(world)
    assert (result.exit_code, result.counts.done) == (0, 8)
    assert failed_polls > 4
    assert world.asked("request") == 8
    assert world.sandbox.peak_alive_orders <= 2


def test_an_outage_of_run_alone_ends_in_time_and_the_orders_are_taken_up(world: World) -> None:
    """Every slot is held by an order that cannot be polled: no hang, no second order, one word about the limit."""
    world.write(EIGHT_MONTHS, settings=NO_METADATA)
    failures = 0

    def run(asked: Asking) -> Reply | None:
        nonlocal failures
        failures += 1
        return down() if failures <= 16 else None

    world.sandbox.interfere = answers(run=run)
    recorder = Recorder()
    with pytest.raises(UnreachableError) as caught:
        sync(world, watcher=recorder)
    assert caught.value.exit_code == 5
    assert len(recorder.texts("quota")) <= 1
    assert {chunk.outcome for chunk in chunks_of(world)} == {None}
    failures = 16
    assert sync(world, watcher=recorder).counts.done == 8
    assert world.asked("request") == 8
    assert len(recorder.texts("quota")) <= 1


def test_outages_of_request_do_not_count_as_orders_the_service_could_not_make(lone: World) -> None:
    """Three syncs during an outage, then one failed run: the chunk is tried again by itself."""
    lone.sandbox.interfere = answers(request=lambda asked: down())
    for _ in range(3):
        with pytest.raises(UnreachableError):
            sync(lone)
    assert the_chunk(lone).attempts == 0
    lone.sandbox.interfere = answers(run=a_run(0, "error"))
    assert sync(lone).exit_code == 3
    assert the_chunk(lone).outcome == "failed-retryable"
    lone.sandbox.interfere = None
    assert sync(lone).counts.done == 1


def test_failed_runs_end_a_chunk_for_good_once_they_lie_a_day_apart(lone: World) -> None:
    """Rule 4: a person has to look; `--retry-failed` orders again."""
    clock = Clock()
    lone.sandbox.interfere = answers(run=a_run(0, "error"))
    outcomes = []
    for _ in range(5):
        assert sync(lone, tools=clock.tools()).exit_code == 3
        outcomes.append(the_chunk(lone).outcome)
        clock.jump(hours=8)
    assert outcomes == ["failed-retryable"] * 3 + ["failed-permanent"] * 2
    assert lone.asked("request") == 4
    lone.sandbox.interfere = None
    assert sync(lone, retry_failed=True, tools=clock.tools()).counts.done == 1


def test_two_failed_runs_end_no_chunk_however_far_apart_they_lie(lone: World) -> None:
    clock = Clock()
    lone.sandbox.interfere = answers(run=a_run(0, "error"))
    for _ in range(2):
        sync(lone, tools=clock.tools())
        clock.jump(days=30)
    assert the_chunk(lone).outcome == "failed-retryable"


def test_an_hour_of_failing_runs_ends_nothing_that_runs_for_weeks(lone: World) -> None:
    """Issue 6, 7: under `--every` it backs off, says so by exit code 3, and comes through by itself."""
    clock, every = Clock(), timedelta(minutes=15)
    rests, first = Rests(every), clock.now()
    lone.sandbox.interfere = answers(run=a_run(0, "error"))
    codes: list[int] = []
    steps: list[str] = []
    for _ in range(9):
        start = clock.now()
        if start - first > timedelta(minutes=50):
            lone.sandbox.interfere = None
        watcher = rests.listening(Recorder(), start)
        result = sync(lone, tools=clock.tools(), resting=rests.at(start), watcher=watcher)
        codes.append(result.exit_code)
        steps += result.plan.counts
        clock.jump(minutes=15)
    assert steps == ["order", "order", "rest", "order", "rest", "rest", "rest", "order", "done"]
    assert codes == [3] * 7 + [0, 0]


def test_a_corrected_option_is_remembered_for_the_next_order(lone: World) -> None:
    """The glossary's safe client rule: refused once, left out from then on, and no failed run of its own."""

    def request(asked: Asking) -> Reply | None:
        return refused(400, 129, "Invalid parameter name", "dpo_average") if "dpo_average" in asked else None

    lone.sandbox.interfere = answers(request=request, run=a_run(0, "error"))
    assert sync(lone).exit_code == 3
    assert (lone.asked("request"), the_chunk(lone).attempts) == (2, 1)
    lone.sandbox.interfere = answers(request=request)
    assert sync(lone).counts.done == 1
    assert ["dpo_average" in asked for asked in asked_of(lone.sandbox, "request")] == [True, False, False]


ODD_REFUSALS = {
    "400/130": refused(400, 130, "Too many requests are open"),
    "400 page": page_reply(400, "Bad Request"),
    "404": NO_SUCH_FILE,
    "410": json_reply({}, 410),
}


@pytest.mark.parametrize("answer", ODD_REFUSALS.values(), ids=ODD_REFUSALS)
def test_what_neither_contract_nor_mistake_explains_is_tried_again_by_the_next_sync(lone: World, answer: Reply) -> None:
    """Open question 49: only the documented codes mean that the question is wrong."""
    lone.sandbox.interfere = answers(request=lambda asked: answer)
    assert sync(lone).exit_code == 3
    chunk = the_chunk(lone)
    assert chunk.outcome == "failed-retryable"
    assert chunk.reason
    assert taken_slots(lone) == []
    lone.sandbox.interfere = None
    assert sync(lone).counts.done == 1


def test_a_mistake_in_the_question_is_not_asked_again(lone: World) -> None:
    """The counterpart: 127 is the service's word that the question is wrong."""
    lone.sandbox.interfere = answers(request=lambda asked: refused(400, 127, "Invalid parameter value", "extension"))
    for _ in range(2):
        assert sync(lone).exit_code == 3
    assert the_chunk(lone).outcome == "refused"
    assert lone.asked("request") == 1


# --- The lock cannot be resolved again -----------------------------------------------------------------------------


@pytest.fixture
def moving(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A manifest whose span moves with the clock, synced once; sessions never wait."""
    monkeypatch.setattr("oncsync.connection.Session", partial(Session, sleep=lambda seconds: None))
    world.write(MOVING_DAYS, settings=NO_METADATA)
    assert sync(world).exit_code == 0
    return world


def test_nothing_to_do_by_an_old_lock_is_no_success_when_the_service_is_down(moving: World) -> None:
    """Exit code 5: whether the folder is as the manifest wants it, nobody knows."""
    moving.sandbox.stop()
    result = sync(moving)
    assert (result.counts.total, result.exit_code) == (0, 5)
    assert result.unresolved is not None


def test_work_by_an_old_lock_is_done_and_told_as_unfinished(moving: World) -> None:
    """Exit code 3: the service is back when the orders begin; what the old lock wants is fetched."""
    lost = next(path for path in moving.tree() if path.endswith(".csv"))
    (moving.folder / lost).unlink()
    moving.sandbox.stop()
    result = sync(moving, on_plan=lambda plan: moving.sandbox.start())
    assert (result.counts.done, result.exit_code) == (1, 3)
    assert result.unresolved is not None
    assert lost in moving.tree()


def test_a_resolved_lock_and_nothing_to_do_is_a_success(moving: World) -> None:
    """The counterpart."""
    result = sync(moving)
    assert (result.counts.total, result.exit_code, result.unresolved) == (0, 0, None)


# --- A clock that is wrong -----------------------------------------------------------------------------------------


OPEN_MONTH = CTD_CSV.replace("begin: 2015-01-01", "begin: 2026-11-01").replace("end: 2015-04-01", "end: 2026-12-01")


def test_an_open_chunk_asked_for_by_a_clock_that_was_ahead_is_ordered_again(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for "in 2027" was asked for during the span: there may be newer data."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    ahead, right = Clock(at("2027-11-21")), Clock(at("2026-11-21"))
    with quick_sandbox(now=ahead.now) as sandbox:
        world = World(tmp_path_factory.mktemp("ahead"), sandbox, OPEN_MONTH, NO_METADATA)
        assert sync(world, tools=ahead.tools()).counts.done == 1
        sandbox._now = right.now
        result = sync(world, tools=right.tools())
        assert result.plan.counts == {"order": 1}
        assert [asked["dateTo"] for asked in asked_of(sandbox, "request")] == [
            "2026-12-01T00:00:00.000Z",
            "2026-11-21T00:00:00.000Z",
        ]
        assert sync(world, tools=right.tools()).plan.counts == {"wait": 1}


def test_a_clock_far_behind_is_told_when_everything_lies_in_the_future(world: World) -> None:
    """Exit code 0 and nothing ordered would look like "in sync"."""
    recorder = Recorder()
    behind = Clock(at("2000-01-01"))
    result = sync(world, tools=behind.tools(), watcher=recorder)
    assert result.plan.counts == {"wait": 3}
    (warning,) = recorder.texts("warning")
    assert "begins in the future" in warning
    assert "2000-01-01" in warning
