"""`kill -9` at any moment loses nothing: the next run goes on and ends with the same folder."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from oncsync.caretaking import find_unwanted, prune, repair, verify
from oncsync.engine.run import Tools
from oncsync.engine.slots import SlotBook, slots_folder
from oncsync.sandbox import Fault, Faults, json_reply
from oncsync.state import Ended, Event, Ordered, Ordering, Running, StateStore
from oncsync.timespan import UTC
from tests.engine.bench import Killed
from tests.faults.dying import run_in_child
from tests.faults.staging import NO_METADATA, ONE_MONTH, answers
from tests.support.world import CTD_CSV, QUICK_PACE, World, quick_sandbox


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The folder as a run makes it that nobody disturbs."""
    import os

    from tests.support.world import TOKEN

    directory: Path = tmp_path_factory.mktemp("undisturbed")
    before = os.environ.get("ONC_TOKEN")
    os.environ["ONC_TOKEN"] = TOKEN
    try:
        with quick_sandbox() as sandbox:
            world = World(directory, sandbox)
            assert world.sync().exit_code == 0
            return world.tree()
    finally:
        if before is None:
            del os.environ["ONC_TOKEN"]
        else:
            os.environ["ONC_TOKEN"] = before


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("event", [1, 2, 3, 4, 5, 7, 9, 11, 13, 15, 18, 21, 23])
def test_a_kill_around_any_journal_line_costs_nothing(
    world: World, undisturbed: dict[str, bytes], event: int, when: str
) -> None:
    """R109, R110, F1, F3: the next run ends with the same bytes, and orders nothing again that has an id."""
    world.project().resolve()
    assert world.sync_in_child(kill_after=event, when=when) == -9
    chunks = world.project()._read_state().chunks.values()
    unanswered = sum(chunk.order is not None and chunk.order.request_id is None for chunk in chunks)
    result = world.sync()
    assert result.exit_code == 0
    assert world.tree() == undisturbed
    assert 3 <= world.asked("dataProductDelivery/request") <= 3 + unanswered
    assert not list((world.folder / ".oncsync" / "partial").iterdir())


@pytest.mark.slow
def test_kills_at_every_tenth_of_a_second_end_with_the_same_folder(world: World, undisturbed: dict[str, bytes]) -> None:
    """F1: a run that is killed again and again makes progress and ends with the same bytes."""
    for attempt in range(1, 40):
        if world.sync_in_child(kill_after=3 + attempt % 4) == 0:
            break
    assert world.sync().exit_code == 0
    assert world.tree() == undisturbed
    assert {planned.step for planned in world.project().plan().chunks} == {"done"}


def test_a_run_after_a_finished_one_asks_nothing_of_the_delivery_service(world: World) -> None:
    """R109: finished chunks are not ordered again."""
    world.sync()
    before = len(world.sandbox.asked)
    result = world.sync()
    assert result.counts.total == 0
    assert len(world.sandbox.asked) == before


@pytest.mark.parametrize("last", [Ordering, Ordered, Running, Ended])
@pytest.mark.parametrize("retry_failed", [True, False])
def test_a_kill_of_a_sync_that_tries_failures_again_places_no_second_order(
    world: World, monkeypatch: pytest.MonkeyPatch, last: type[Event], retry_failed: bool
) -> None:
    """F3, rule 3, found by the soak: the order lives, with or without `--retry-failed` the next time."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    world.sandbox.faults = Faults([Fault("status-400", on="dataProductDelivery/request", nth=1)])
    assert world.sync().counts.failed == 1
    real_record = StateStore.record

    def record(self: StateStore, event: Event) -> None:
        real_record(self, event)
        if isinstance(event, last):
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(StateStore, "record", record)
        with pytest.raises(Killed):
            world.sync(retry_failed=True)
    assert world.sync(retry_failed=retry_failed).counts.done == 1
    assert len({one.parameters["dpRequestId"] for one in world.sandbox.asked if one.path.endswith("/run")}) == 1


def test_an_order_whose_slot_went_with_its_process_waits_while_others_have_the_quota(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R94, found by the soak: killed between the order's id and its slot; meanwhile another folder's order runs."""
    world.write(ONE_MONTH, settings=f"  runThreads: 1\n{NO_METADATA}")
    real_record = StateStore.record

    def record(self: StateStore, event: Event) -> None:
        real_record(self, event)
        if isinstance(event, Ordered):
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(StateStore, "record", record)
        with pytest.raises(Killed):
            world.sync()
    now, book = datetime.now(UTC), SlotBook(slots_folder(), world.sandbox.url, world.directory / "other")
    for left in book.alive(now):  # one without an order goes with its process
        assert left.order is None
        book.free(left.id, now)
    slot = book.take("other", 1, now, timedelta(hours=1))
    assert slot is not None
    book.confirm(slot, 7, now)
    world.sandbox.interfere = answers(
        status=lambda asked: json_reply({"searchHdrStatus": "OPEN"}) if asked["dpRequestId"] == "7" else None
    )
    assert world.sync(max_seconds=0.3).exit_code == 7
    assert world.asked("run") == 0
    book.free(slot, now)
    assert world.sync().counts.done == 1
    assert world.asked("request") == 1


@pytest.mark.slow
@pytest.mark.parametrize("event", [9, 14, 19])
def test_only_what_was_on_its_way_is_fetched_again(world: World, event: int) -> None:
    """F2: what had arrived before the kill is asked for once; what is fetched twice was in flight."""
    world.project().resolve()
    assert world.sync_in_child(kill_after=event) == -9
    state = world.project()._read_state()
    arrived = {
        (str(file.run_id), file.index)
        for chunk in state.chunks.values()
        if chunk.order is not None and chunk.order.is_ended  # otherwise its first file is looked at, and not taken
        for file in (*chunk.files, *chunk.arriving)
    }
    assert world.sync().exit_code == 0
    given = Counter(
        (one.parameters["dpRunId"], one.parameters["index"])
        for one in world.sandbox.asked
        if one.path.endswith("/download") and one.status == 200
    )
    assert {given[key] for key in arrived} <= {1}
    assert sum(given.values()) - len(given) <= 10, "downloadThreads"


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 3, 6])
def test_a_kill_of_prune_loses_nothing_and_the_next_one_ends_it(
    world: World, undisturbed: dict[str, bytes], step: int
) -> None:
    """R110, rule 1: whatever is left is whole and ours; what is wanted is never touched."""
    world.sync()
    world.write(CTD_CSV.replace("2015-04-01", "2015-03-01"))
    world.project().resolve()
    kept = {path: content for path, content in undisturbed.items() if "20150301" not in path}
    (world.folder / "notes.txt").write_bytes(b"mine")
    assert run_in_child(world, "prune", "--yes", step=step) == -9
    tree = world.tree()
    assert tree.pop("notes.txt") == b"mine"
    assert {**undisturbed, **tree} == undisturbed, "no file is torn, none is new"
    assert kept.items() <= tree.items()
    prune(world.project(), find_unwanted(world.project()))
    assert world.tree() == {**kept, "notes.txt": b"mine"}
    assert not verify(world.project()).findings
    asked = len(world.sandbox.asked)
    assert world.sync().counts.total == 0
    assert len(world.sandbox.asked) == asked


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 3, 6, 9])
def test_a_kill_of_a_repair_loses_nothing_and_the_next_one_ends_it(
    world: World, undisturbed: dict[str, bytes], step: int
) -> None:
    """R110, rule 1: what was changed lies beside what came for it, and nothing is ordered again."""
    world.sync()
    changed, gone, _ = (path for path in undisturbed if "/_meta/" not in path)
    theirs = undisturbed[changed][::-1]
    (world.folder / changed).write_bytes(theirs)
    (world.folder / gone).unlink()
    assert run_in_child(world, "verify", "--repair", step=step) == -9
    assert set(world.tree().values()) <= {*undisturbed.values(), theirs}
    assert theirs in world.tree().values()
    repair(world.project(), verify(world.project()).findings, tools=Tools(pace=QUICK_PACE))
    assert world.sync().exit_code == 0
    assert not verify(world.project()).findings
    assert world.tree() == {**undisturbed, changed.replace(".csv", "~changed-1.csv"): theirs}
    assert world.asked("dataProductDelivery/request") == 3
