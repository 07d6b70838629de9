"""Nobody says how many files an order has, or that it is over: none of them is lost for it, and none is called done.

Open questions 7, 8, 14 and 15: 410 means "expired" or "no more files", 404 "no more files" or "not yet".
"""

from __future__ import annotations

import msgspec
import pytest

from oncsync.sandbox import Fault, Faults, Reply, json_reply, page_reply
from tests.faults.staging import (
    BUSY,
    NO_METADATA,
    NO_SUCH_FILE,
    ONE_MONTH,
    Asking,
    Clock,
    a_file,
    answers,
    asked_of,
    leave_at_work,
    runs,
    sync,
    taken_slots,
    the_chunk,
)
from tests.support.world import QUICK_PACE, World

GONE = json_reply({"errors": []}, 410)
PAGE = page_reply(404, "Maintenance")


class Orders:
    """A service that makes three files for each order, which is over at once; runs are numbered 1, 2, ..."""

    def __init__(self, world: World, count: int | None = None) -> None:
        self.count = count
        self.run_of: dict[str, int] = {}
        self.instead: dict[tuple[int, str], Reply] = {}
        """Answers in place of files, by run and index; `*` stands for every index that is not named."""
        self.absent = NO_SUCH_FILE
        world.write(ONE_MONTH, settings=NO_METADATA)
        world.sandbox.interfere = answers(run=self.run, download=self.download, status=self.status)

    def run(self, asked: Asking) -> Reply:
        run_id = self.run_of.setdefault(asked["dpRequestId"], len(self.run_of) + 1)
        return runs((run_id, "complete", self.count), is_over=True)

    def download(self, asked: Asking) -> Reply:
        run_id, index = int(asked["dpRunId"]), asked["index"]
        instead = self.instead.get((run_id, index)) or self.instead.get((run_id, "*"))
        if instead is not None:
            return instead
        return a_file(f"f{index}.csv", f"part {index}\n".encode()) if index in ("1", "2", "3") else self.absent

    def status(self, asked: Asking) -> Reply:
        return json_reply({"searchHdrStatus": "COMPLETED"})


def names(world: World) -> list[str]:
    """Gives the names of the files that a person sees."""
    return [path.rpartition("/")[2] for path in world.tree()]


def indexes(world: World) -> list[str]:
    """Gives the files that were asked for, in order."""
    return [asked["index"] for asked in asked_of(world.sandbox, "download")]


def lose(world: World, name: str) -> None:
    """Deletes a file of the folder."""
    (path,) = (path for path in world.tree() if path.endswith(name))
    (world.folder / path).unlink()


ALL = ["f1.csv", "f2.csv", "f3.csv"]


# --- A file that came once exists ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", [None, 1, 3])
def test_a_lost_file_of_an_expired_run_is_ordered_anew(world: World, name: str, count: int | None) -> None:
    """Open questions 7 and 21: 410 for a file that came once is no end, whatever number its run announced."""
    service = Orders(world, count)
    assert sync(world).counts.done == 1
    lose(world, name)
    service.instead[1, "*"] = GONE
    assert sync(world).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 2)
    assert sync(world).counts.total == 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", [None, 1, 3])
def test_a_lost_file_that_the_service_does_not_find_is_not_done(world: World, name: str, count: int | None) -> None:
    """Open question 7: 404 is a file that is late, then a fault; when the order is too old, another brings it."""
    clock, service = Clock(), Orders(world, count)
    assert sync(world, tools=clock.tools()).counts.done == 1
    lose(world, name)
    service.instead[1, name[1]] = NO_SUCH_FILE
    result = sync(world, tools=clock.tools())
    assert (result.exit_code, the_chunk(world).outcome) == (3, "failed-retryable")
    assert f"file {name[1]}" in (the_chunk(world).reason or "")
    clock.jump(hours=49)
    assert sync(world, tools=clock.tools()).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 2)


def test_of_the_files_of_a_run_of_unknown_length_only_the_lost_one_is_fetched_again(world: World) -> None:
    """R109: what is here is not asked for again, and one index beyond the last shows the end."""
    Orders(world)
    assert sync(world).counts.done == 1
    lose(world, "f2.csv")
    before = len(indexes(world))
    assert sync(world).counts.done == 1
    assert sorted(indexes(world)[before:]) == ["2", "4", "4"]
    assert names(world) == ALL


def test_an_order_that_was_taken_up_knows_its_files(world: World) -> None:
    """Its `fileCount` was never told: `run` is not asked about what is over."""
    service = Orders(world, 3)
    over = world.sandbox.interfere
    leave_at_work(world)
    world.sandbox.interfere = over
    service.run_of["the order that was left"] = 1
    assert sync(world).counts.done == 1
    order = the_chunk(world).order
    assert order is not None
    assert order.counts == (None,)
    lose(world, "f2.csv")
    service.instead[1, "*"] = GONE
    assert sync(world).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 2)


# --- 410 has two meanings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [None, 1])
def test_a_run_that_expires_while_it_is_fetched_is_ordered_anew(world: World, count: int | None) -> None:
    """410 after the last file that came: its first file is gone too, so it is no end."""
    service = Orders(world, count)
    service.instead[1, "3"] = PAGE
    assert sync(world).exit_code == 3
    assert names(world) == ALL[:2]
    service.instead = {(1, "*"): GONE}
    assert sync(world).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 2)


@pytest.mark.parametrize("count", [None, 1])
def test_410_is_the_end_where_the_run_still_gives_its_first_file(world: World, count: int | None) -> None:
    """The old sample's "no such index": looked at once more, nothing is ordered and nothing fetched twice."""
    service = Orders(world, count)
    service.absent = GONE
    assert sync(world).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 1)
    assert indexes(world).count("1") == 2
    assert sync(world).counts.total == 0


@pytest.mark.parametrize("answer", [NO_SUCH_FILE, PAGE, BUSY], ids=["404", "a page", "202"])
def test_a_run_of_which_the_first_file_cannot_be_seen_is_not_done(world: World, answer: Reply) -> None:
    """410 for the end, and then neither the first file nor 410: a contradiction is a fault, and the order is kept."""
    clock, service = Clock(), Orders(world)
    service.absent = GONE
    firsts = 0

    def download(asked: Asking) -> Reply:
        nonlocal firsts
        firsts += asked["index"] == "1"
        if asked["index"] == "1" and firsts > 1:
            clock.jump(seconds=QUICK_PACE.synchronize_patience)
            return answer
        return service.download(asked)

    world.sandbox.interfere = answers(run=service.run, download=download)
    assert sync(world, tools=clock.tools()).exit_code == 3
    assert the_chunk(world).outcome == "failed-retryable"
    world.sandbox.interfere = answers(run=service.run, download=service.download)
    assert sync(world, tools=clock.tools()).counts.done == 1
    assert world.asked("request") == 1


def test_a_run_without_a_number_and_with_410_at_once_is_not_empty(world: World) -> None:
    """Rule 4: it may have made nothing, or have lost everything; nobody can tell, so it is no "no data"."""
    service = Orders(world)
    service.instead = {(1, "*"): GONE, (2, "*"): GONE}
    result = sync(world)
    assert (result.exit_code, result.counts.empty, world.asked("request")) == (3, 0, 2)
    assert the_chunk(world).outcome == "expired"


# --- Nobody says that the order is over ----------------------------------------------------------------------------


def test_an_end_in_doubt_is_believed_only_when_it_has_long_been_the_end(world: World) -> None:
    """Open questions 7 and 15: five times no file is no end, and `run` may begin anew what is over."""
    service, clock = Orders(world), Clock()
    leave_at_work(world)
    polls, misses, slots = world.asked("run"), 0, set()

    def download(asked: Asking) -> Reply:
        nonlocal misses
        if asked["index"] == "1" or (asked["index"] == "2" and misses >= 8):
            return service.download(asked)
        misses += 1
        slots.add(len(taken_slots(world)))
        clock.jump(minutes={8: 45, 15: 45, 16: 20}.get(misses, 0))
        return NO_SUCH_FILE

    unknown = json_reply({"searchHdrStatus": "PENDING REVIEW"})
    world.sandbox.interfere = answers(run=service.run, download=download, status=lambda asked: unknown)
    pace = msgspec.structs.replace(QUICK_PACE, doubt_patience=3600.0)
    assert sync(world, tools=msgspec.structs.replace(clock.tools(), pace=pace)).counts.done == 1
    assert (names(world), misses, slots) == (ALL[:2], 16, {1})
    assert taken_slots(world) == []
    assert world.asked("run") == polls
    assert any("does not say that the order is over" in note for note in the_chunk(world).notes)


def test_an_order_that_had_its_time_while_nobody_looked_is_not_waited_for_so_long(world: World) -> None:
    """Issue 6, item 6: else runs of ten minutes each would never end a doubt of an hour."""
    service, clock = Orders(world), Clock()
    leave_at_work(world)

    def download(asked: Asking) -> Reply:
        if asked["index"] == "1":
            return service.download(asked)
        clock.jump(seconds=20)
        return NO_SUCH_FILE

    world.sandbox.interfere = answers(
        run=service.run, download=download, status=lambda asked: json_reply({"searchHdrStatus": "PENDING REVIEW"})
    )
    tools = msgspec.structs.replace(clock.tools(), pace=msgspec.structs.replace(QUICK_PACE, doubt_patience=3600.0))
    assert sync(world, tools=tools, max_seconds=600).exit_code == 7
    assert names(world) == ALL[:1]
    clock.jump(minutes=60)
    began = clock.monotonic()
    assert sync(world, tools=tools, max_seconds=600).counts.done == 1
    assert 180 <= clock.monotonic() - began < 600


def test_a_file_in_doubt_that_is_still_to_come_says_that_the_order_works(world: World) -> None:
    """onc-api.md 3.2: while a run works `run` starts nothing new, so it may tell when the order is over."""
    service = Orders(world, 3)
    leave_at_work(world)
    polls = world.asked("run")

    def run(asked: Asking) -> Reply:
        service.run_of[asked["dpRequestId"]] = 1
        is_over = world.asked("run") > polls + 3
        return service.run(asked) if is_over else runs((1, "running", 0), is_over=False)

    def download(asked: Asking) -> Reply:
        is_there = asked["index"] == "1" or world.asked("run") > polls + 3
        return service.download(asked) if is_there else BUSY

    world.sandbox.interfere = answers(run=run, download=download, status=lambda asked: json_reply({}, 404))
    assert sync(world).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 1)


@pytest.mark.parametrize("lost", ["f1.csv", "f3.csv"])
def test_a_file_lost_of_an_order_that_nobody_called_over_is_fetched_again(world: World, lost: str) -> None:
    """Rule 4: it was done after a state that nobody knows, so nothing was announced; that is not "no data"."""
    service = Orders(world)
    world.sandbox.interfere = answers(
        run=lambda asked: runs((1, "archiving", None), is_over=True), download=service.download
    )
    assert sync(world).counts.done == 1
    lose(world, lost)
    assert sync(world).counts.done == 1
    assert (names(world), world.asked("request")) == (ALL, 1)
    assert the_chunk(world).outcome == "done"


def test_an_answer_of_run_that_was_lost_does_not_begin_the_work_anew(world: World) -> None:
    """Open question 15, rule 3: the runs are known, so their files are looked at before `run` is asked again."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    world.sandbox.deliveries._job_seconds = (0.1, 0.15)
    lost = Fault("lost-answer", on="dataProductDelivery/run", answered=200, nth=[1], per="order", status=502)
    world.sandbox.faults = Faults([Fault("new-run-after-complete"), lost])
    assert sync(world).counts.done == 1
    polls = [asked.status for asked in world.sandbox.asked if asked.path.endswith("/run")]
    assert (polls[-1], set(polls[:-1])) == (502, {202})
    order = the_chunk(world).order
    assert order is not None
    assert {int(asked["dpRunId"]) for asked in asked_of(world.sandbox, "download")} == set(order.run_ids)
