"""Orders of an earlier run are taken up, not placed anew, and are done only when all of their files are here."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from oncsync.sandbox import Reply, json_reply, page_reply
from oncsync.timespan import UTC
from tests.faults.staging import (
    AFTER_RUNNING,
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
    kill_after,
    refused,
    runs,
    slot_book,
    sync,
    taken_slots,
    the_chunk,
)
from tests.support.world import CTD_CSV, World

JSON_INSTEAD = CTD_CSV.replace("extension: csv", "extension: json").replace(
    "options: {dpo_resample: average, dpo_average: 86400}", "options: {}"
)


class Service:
    """A service with one order, whose run or runs a test drives by hand; `files` are ready, by run and index."""

    def __init__(self, *run_ids: int, status: Reply | None = None) -> None:
        self.run_ids = run_ids
        self.files: dict[tuple[int, str], bytes] = {}
        self.is_over = False
        self.status_answer = status
        self.slots_seen: list[int] = []
        self.polls = 0

    def run(self, asked: Asking) -> Reply:
        self.polls += 1
        if not self.is_over:
            return runs(*((run_id, "data product running", 0) for run_id in self.run_ids), is_over=False)
        counts = {run_id: sum(key[0] == run_id for key in self.files) for run_id in self.run_ids}
        return runs(*((run_id, "complete", count) for run_id, count in counts.items()), is_over=True)

    def download(self, asked: Asking) -> Reply:
        run_id, index = int(asked["dpRunId"]), asked["index"]
        body = self.files.get((run_id, index))
        if body is not None:
            return a_file(f"run{run_id}-{index}.csv", body)
        has_files = any(key[0] == run_id for key in self.files)
        return NO_SUCH_FILE if self.is_over or has_files else BUSY

    def status(self, asked: Asking) -> Reply:
        state = "COMPLETED" if self.is_over else "OPEN"
        return self.status_answer or json_reply({"searchHdrId": 1, "searchHdrStatus": state})


def stage(world: World, service: Service) -> None:
    """Puts the service in the sandbox's place."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    world.sandbox.interfere = answers(run=service.run, download=service.download, status=service.status)


def names(world: World) -> list[str]:
    """Gives the names of the files that a person sees."""
    return [path.rpartition("/")[2] for path in world.tree()]


# --- An order that is taken up is done when all of it is here ------------------------------------------------------


def test_the_files_of_every_run_arrive_after_a_kill(world: World) -> None:
    """Open question 17: the first run is ready, the second still works; `done` comes with the last file of both."""
    service = Service(1, 2)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    assert the_chunk(world).order is not None
    service.files[1, "1"] = b"first\n"
    polls_before = service.polls

    def run(asked: Asking) -> Reply:
        if service.polls >= polls_before + 3:
            assert the_chunk(world).outcome is None
            service.files |= {(2, "1"): b"second\n", (2, "2"): b"third\n"}
            service.is_over = True
        return service.run(asked)

    world.sandbox.interfere = answers(run=run, download=service.download, status=service.status)
    assert sync(world).counts.done == 1
    assert names(world) == ["run1-1.csv", "run2-1.csv", "run2-2.csv"]
    assert world.asked("request") == 1
    assert not world.sandbox.broken


def test_a_first_file_does_not_end_a_run_that_still_works(world: World) -> None:
    """Open question 18: `run` says 202 and `status` OPEN, so a 404 is no end, and the slot stays taken."""
    service = Service(1)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    service.files[1, "1"] = b"early\n"
    polls_before = service.polls

    def run(asked: Asking) -> Reply:
        service.slots_seen.append(len(taken_slots(world)))
        if service.polls >= polls_before + 4:
            service.files |= {(1, "2"): b"late\n"}
            service.is_over = True
        return service.run(asked)

    world.sandbox.interfere = answers(run=run, download=service.download, status=service.status)
    assert sync(world).counts.done == 1
    assert names(world) == ["run1-1.csv", "run1-2.csv"]
    assert service.slots_seen == [1] * 5
    assert taken_slots(world) == []
    assert world.asked("request") == 1


def test_an_order_that_is_completed_is_fetched_without_asking_run_again(world: World) -> None:
    """Open question 15: nobody knows whether `run` would start the work anew."""
    service = Service(1)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    service.files |= {(1, "1"): b"one\n", (1, "2"): b"two\n"}
    service.is_over = True
    polls_before = service.polls
    assert sync(world).counts.done == 1
    assert names(world) == ["run1-1.csv", "run1-2.csv"]
    assert service.polls == polls_before
    assert taken_slots(world) == []


UNCLEAR = {
    "another state": json_reply({"searchHdrStatus": "PENDING REVIEW"}),
    "400": refused(400, 127, "Invalid search header ID."),
}


@pytest.mark.parametrize("status", UNCLEAR.values(), ids=UNCLEAR)
def test_where_status_says_nothing_the_end_has_to_be_seen_often(world: World, status: Reply) -> None:
    """Open question 24: two "no such file" are the end of an order that is over, not of one that may still work."""
    service = Service(1, status=status)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    service.files[1, "1"] = b"early\n"
    misses = 0

    def download(asked: Asking) -> Reply:
        nonlocal misses
        service.slots_seen.append(len(taken_slots(world)))
        misses += asked["index"] == "2"
        if misses == 4:
            service.files[1, "2"] = b"late\n"
        return service.download(asked)

    world.sandbox.interfere = answers(run=service.run, download=download, status=service.status)
    assert sync(world).counts.done == 1
    assert names(world) == ["run1-1.csv", "run1-2.csv"]
    assert set(service.slots_seen) == {1}
    assert taken_slots(world) == []


def test_an_outage_of_status_is_waited_for_before_the_end_is_in_doubt(world: World) -> None:
    """Rule 4: what an outage does not say is asked again; the order still works meanwhile."""
    service = Service(1)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    service.files[1, "1"] = b"early\n"
    polls_before, outages = service.polls, 0

    def status(asked: Asking) -> Reply:
        nonlocal outages
        outages += 1
        return page_reply(503, "Service Unavailable") if outages < 3 else service.status(asked)

    def run(asked: Asking) -> Reply:
        if service.polls >= polls_before + 2:
            service.files[1, "2"] = b"late\n"
            service.is_over = True
        return service.run(asked)

    world.sandbox.interfere = answers(run=run, download=service.download, status=status)
    assert sync(world).counts.done == 1
    assert names(world) == ["run1-1.csv", "run1-2.csv"]
    assert outages == 3


# --- What an answer about an old order does not mean ---------------------------------------------------------------


def test_a_restriction_met_when_an_order_is_looked_at_places_no_new_one(world: World) -> None:
    """Rule 3: 403 says who may read, not that the order is gone; it is taken up once access is back."""
    service = Service(1)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    service.files[1, "1"] = b"mine\n"
    service.is_over = True
    world.sandbox.interfere = answers(run=service.run, download=lambda asked: refused(403), status=service.status)
    result = sync(world)
    assert (result.exit_code, result.counts.failed) == (3, 1)
    assert the_chunk(world).outcome == "failed-retryable"
    assert world.asked("request") == 1
    stage(world, service)
    assert sync(world).counts.done == 1
    assert world.asked("request") == 1


def test_files_that_are_deleted_again_and_again_end_for_good_after_three_orders(world: World) -> None:
    """Rule 3: at most two orders in one sync, three in all; then a person has to look."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    world.sandbox.interfere = answers(download=lambda asked: json_reply({}, 410))
    placed = []
    for _ in range(4):
        before = world.asked("request")
        assert sync(world).exit_code == 3
        placed.append(world.asked("request") - before)
    assert placed == [2, 1, 0, 0]
    chunk = the_chunk(world)
    assert chunk.outcome == "failed-permanent"
    assert chunk.reason == "lost 3 times: the files were deleted at the service"
    world.sandbox.interfere = None
    assert sync(world, retry_failed=True).counts.done == 1


def test_a_reorder_of_a_missing_file_keeps_what_is_held_until_all_of_it_is_whole(world: World) -> None:
    """Rule 1: one file is gone here, its order at the service too; the other stays as it is until both are new."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    old_run: list[int] = []
    version, lacks_second = 1, False

    def run(asked: Asking) -> Reply:
        return runs((int(asked["dpRequestId"]), "complete", 2), is_over=True)

    def download(asked: Asking) -> Reply:
        index = asked["index"]
        if int(asked["dpRunId"]) in old_run:
            return json_reply({}, 410)
        if index not in ("1", "2") or (index == "2" and lacks_second):
            return NO_SUCH_FILE
        return a_file(f"f{index}.csv", f"version {version} of {index}\n".encode() * version)

    world.sandbox.interfere = answers(run=run, download=download)
    assert sync(world).counts.done == 1
    before = world.tree()
    first, second = (next(path for path in before if path.endswith(name)) for name in ("f1.csv", "f2.csv"))
    old_run.append(the_chunk(world).files[0].run_id)
    version, lacks_second = 2, True
    (world.folder / second).unlink()
    assert sync(world).exit_code == 3
    assert world.tree() == {first: before[first]}
    assert [file.path for file in the_chunk(world).files] == [first, second]
    lacks_second = False
    assert sync(world).counts.done == 1
    assert world.tree() == {first: b"version 2 of 1\n" * 2, second: b"version 2 of 2\n" * 2}
    assert world.asked("request") == 2


# --- Time and the manifest change while nothing runs ---------------------------------------------------------------


def test_an_order_that_never_ran_is_not_too_old_after_three_days(world: World) -> None:
    """R109: it was killed between `request` and `run`, so its work begins only now."""
    world.write(ONE_MONTH)
    kill_after(world, AFTER_RUNNING - 1)
    clock = Clock()
    clock.jump(days=3)
    assert sync(world, tools=clock.tools()).counts.done == 1
    assert world.asked("request") == 1


def test_an_order_that_ran_for_three_days_is_given_up_and_placed_anew_by_the_next_sync(world: World) -> None:
    """The counterpart: `maxOrderHours` counts from the order on, whichever process polls it."""
    service = Service(1)
    stage(world, service)
    kill_after(world, AFTER_RUNNING)
    clock = Clock()
    clock.jump(days=3)
    assert sync(world, tools=clock.tools()).counts.failed == 1
    assert the_chunk(world).reason == "not ready after 72 h, given up"
    world.sandbox.interfere = None
    assert sync(world, tools=clock.tools()).counts.done == 1
    assert world.asked("request") == 2


def test_orders_that_the_manifest_no_longer_wants_do_not_block_their_slots_once_they_are_over(world: World) -> None:
    """R94: killed with every slot taken; the next manifest wants something else and nothing of the old orders."""
    world.write(EIGHT_MONTHS, settings="  runThreads: 2\n")
    kill_after(world, 7)
    assert len(taken_slots(world)) == 2
    world.write(JSON_INSTEAD, settings="  runThreads: 2\n")
    assert sync(world).counts.done == 3
    assert taken_slots(world) == []
    assert world.sandbox.peak_alive_orders <= 2


def test_an_order_without_a_run_that_nobody_wants_is_cancelled(world: World) -> None:
    """Killed before the answer of `run` was written down: asking again might begin work that nobody fetches."""
    world.write(ONE_MONTH, settings="  runThreads: 1\n")
    world.project().resolve()
    assert world.sync_in_child(kill_after=AFTER_RUNNING, when="before") == -9
    order = the_chunk(world).order
    assert order is not None
    assert order.run_ids == ()
    assert len(taken_slots(world)) == 1
    world.write(JSON_INSTEAD, settings="  runThreads: 1\n")
    assert sync(world).counts.done == 3
    assert asked_of(world.sandbox, "cancel") == [{"dpRequestId": str(order.request_id)}]
    assert asked_of(world.sandbox, "run").count({"dpRequestId": str(order.request_id)}) == 1
    assert taken_slots(world) == []


def test_an_order_without_a_run_that_only_another_run_is_about_is_left_alone(world: World) -> None:
    """Rule 3: `--only` and a repair are about some chunks; what the lock wants besides is no orphan."""
    both = ONE_MONTH + JSON_INSTEAD.replace("name: axis", "name: other")
    world.write(both, settings="  runThreads: 1\n")
    world.project().resolve()
    assert world.sync_in_child(kill_after=AFTER_RUNNING, when="before") == -9
    (slot,) = taken_slots(world)
    world.write(both, settings="  runThreads: 2\n")
    assert sync(world, only=["other"]).counts.done == 3
    assert asked_of(world.sandbox, "cancel") == []
    assert taken_slots(world) == [slot]
    assert sync(world).counts.done == 1
    assert world.asked("request") == 4
    assert taken_slots(world) == []


@pytest.mark.parametrize("word", ["COMPLETED", "OPEN"])
def test_an_order_whose_folder_is_gone_counts_until_the_service_says_that_it_is_over(
    world: World, tmp_path: Path, word: str
) -> None:
    """R94: nobody there will see it end; nothing of it is cancelled, for its disk may come back."""
    world.write(ONE_MONTH, settings="  runThreads: 1\n")
    now = datetime.now(UTC)
    others = slot_book(world, tmp_path / "gone")
    slot = others.take("chunk", 1, now, timedelta(hours=48))
    assert slot is not None
    others.confirm(slot, 77, now)
    world.sandbox.interfere = answers(
        status=lambda asked: json_reply({"searchHdrStatus": word}) if asked["dpRequestId"] == "77" else None
    )
    done = sync(world, max_seconds=None if word == "COMPLETED" else 0.5)
    assert (done.counts.done, len(taken_slots(world))) == ((1, 0) if word == "COMPLETED" else (0, 1))
    assert world.asked("cancel") == 0


@pytest.mark.parametrize("run_ids", [(71,), (71, 72)], ids=["one run", "two runs"])
def test_an_order_that_nobody_wants_counts_as_long_as_it_works(world: World, run_ids: tuple[int, ...]) -> None:
    """R91, R94: with one slot nothing is ordered before every run of the old order is over, though a file is ready."""
    world.write(ONE_MONTH, settings="  runThreads: 1\n")
    old = Service(*run_ids)
    world.sandbox.interfere = answers(run=old.run, download=old.download)
    kill_after(world, AFTER_RUNNING)
    old.files[71, "1"] = b"early\n"
    looks, ordered_at_look = 0, []

    def download(asked: Asking) -> Reply | None:
        nonlocal looks
        if int(asked["dpRunId"]) not in run_ids:
            return None
        if asked["dpRunId"] == str(run_ids[0]):
            looks += 1
        if looks == 4:
            old.is_over = True
        return old.download(asked)

    def request(asked: Asking) -> None:
        ordered_at_look.append(looks)

    world.write(JSON_INSTEAD, settings="  runThreads: 1\n")
    world.sandbox.interfere = answers(download=download, request=request, status=lambda asked: old.status(asked))
    recorder = Recorder()
    assert sync(world, watcher=recorder).counts.done == 3
    assert ordered_at_look == [4, 4, 4]
    assert len(recorder.texts("quota")) == 1


@pytest.mark.parametrize("closed", [["run"], ["run", "download"]], ids=["polls", "polls and files"])
def test_orders_left_by_a_restriction_are_taken_up_when_it_is_lifted(world: World, closed: list[str]) -> None:
    """Rules 2 and 3: 403 on polls keeps each order and its slot, so the limit holds; nothing is ordered twice."""
    world.write(EIGHT_MONTHS, settings="  runThreads: 2\n")
    polled: set[str] = set()

    def run(asked: Asking) -> Reply | None:
        is_first = asked["dpRequestId"] not in polled
        polled.add(asked["dpRequestId"])
        return None if is_first else refused(403)

    services: dict[str, Answerer] = {"run": run, "download": lambda asked: refused(403)}
    world.sandbox.deliveries._job_seconds = (0.1, 0.15)
    world.sandbox.interfere = answers(**{name: services[name] for name in closed})
    result = sync(world)
    assert (result.exit_code, result.counts.failed) == (3, 8)
    assert {chunk.outcome for chunk in chunks_of(world)} == {"failed-retryable"}
    assert all(chunk.order is not None and chunk.order.run_ids for chunk in chunks_of(world))
    assert world.sandbox.peak_alive_orders == 2
    world.sandbox.interfere = None
    assert sync(world).counts.done == 8
    assert world.asked("request") == 8


def test_a_state_of_the_run_that_was_lost_for_a_while_costs_no_second_order(world: World) -> None:
    """Open question 9: a 400 with a web page on a poll comes from a proxy, not from a service without the order."""
    world.write(ONE_MONTH)
    polls = 0

    def run(asked: Asking) -> Reply | None:
        nonlocal polls
        polls += 1
        return page_reply(400, "Bad Request") if polls == 2 else None

    world.sandbox.deliveries._job_seconds = (0.1, 0.1)
    world.sandbox.interfere = answers(run=run)
    assert sync(world).exit_code == 3
    chunk = the_chunk(world)
    assert (chunk.outcome, chunk.order is not None) == ("failed-retryable", True)
    assert sync(world).counts.done == 1
    assert world.asked("request") == 1
