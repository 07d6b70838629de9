"""Orders that live on after their sync: taken up where the folder has lost them, counted no longer than they live."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from oncsync.caretaking import cancel_orders, live_orders
from oncsync.engine.folder import FolderLock, Holder, prepare_folder
from oncsync.engine.slots import SlotBook
from oncsync.errors import FolderBusyError
from oncsync.sandbox import Reply, json_reply
from oncsync.state import Forgotten, StateStore
from oncsync.timespan import UTC
from tests.engine.bench import Killed
from tests.faults.staging import (
    BUSY,
    EIGHT_MONTHS,
    NO_METADATA,
    ONE_MONTH,
    Asking,
    Recorder,
    answers,
    asked_of,
    slot_book,
    sync,
    taken_slots,
)
from tests.support.world import CTD_CSV, World

FOREIGN = "77"
"""The id of an order that was placed for another folder."""


def kill_after_orders(world: World, count: int) -> None:
    """Syncs until so many orders have their slots, then ends as a kill does."""
    placed = 0
    real_confirm = SlotBook.confirm

    def confirm(self: SlotBook, slot_id: str, order: int, now: datetime) -> None:
        nonlocal placed
        real_confirm(self, slot_id, order, now)
        placed += 1
        if placed == count:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SlotBook, "confirm", confirm)
        with pytest.raises(Killed):
            world.sync()
    assert len(taken_slots(world)) == count


def remove_folder(world: World) -> None:
    shutil.rmtree(world.folder)


def remove_state(world: World) -> None:
    for place in (world.folder / ".oncsync").glob("state*"):
        place.unlink()


@pytest.mark.parametrize("remove", [remove_folder, remove_state], ids=["folder", "state"])
def test_orders_of_a_folder_that_lost_its_state_are_taken_up(world: World, remove: Callable[[World], None]) -> None:
    """Rule 3, R94, R109: the slots know them, so nothing waits for them to expire and nothing is ordered twice."""
    world.write(CTD_CSV, settings=f"  runThreads: 2\n{NO_METADATA}")
    kill_after_orders(world, 2)
    remove(world)
    recorder = Recorder()
    assert sync(world, watcher=recorder).counts.done == 3
    assert len(recorder.texts("attached")) == 2
    assert recorder.texts("quota") == []
    assert world.asked("request") == 3
    assert world.sandbox.peak_alive_orders <= 2
    assert taken_slots(world) == []
    assert sync(world).plan.counts == {"done": 3}


def test_an_order_taken_up_without_a_state_was_asked_for_up_to_when_it_was_asked(world: World) -> None:
    """Of a span that still grows, the rest is not taken for fetched."""
    moving = ONE_MONTH.replace("begin: 2015-01-01", "begin: -P2D").replace("end: 2015-02-01", "end: now")
    world.write(moving, settings=f"  runThreads: 1\n{NO_METADATA}")
    kill_after_orders(world, 1)
    (before,) = (chunk for chunk in world.project()._read_state().chunks.values() if chunk.order)
    remove_state(world)
    sync(world)
    after = world.project()._read_state().chunks
    assert before.order is not None
    assert before.order.date_to in {chunk.fetched_to for chunk in after.values()}


def test_an_order_that_was_let_go_of_leaves_no_slot_when_a_kill_comes_in_between(world: World) -> None:
    """Rule 2: killed between `forgotten` in the journal and the freeing of the slot; it is not taken up again."""
    world.write(ONE_MONTH, settings=f"  runThreads: 1\n{NO_METADATA}")
    kill_after_orders(world, 1)
    (slot,) = taken_slots(world)
    store = StateStore(world.folder / ".oncsync" / "state.json")
    store.open_journal()
    store.record(Forgotten(at=datetime.now(UTC), chunk=slot.chunk, reason="unknown id"))
    store.close()
    assert sync(world).counts.done == 1
    assert taken_slots(world) == []
    assert {asked["dpRequestId"] for asked in asked_of(world.sandbox, "run")} != {str(slot.order)}
    assert world.asked("request") == 2


def test_a_state_put_back_from_a_copy_takes_up_what_is_newer_than_itself(world: World) -> None:
    """Rule 3: the copy knows the chunk, and nothing of the order that was placed since."""
    world.write(ONE_MONTH, settings=f"  runThreads: 1\n{NO_METADATA}")
    world.sandbox.interfere = answers(run=lambda asked: json_reply([{"dpRunId": 1, "status": "error"}]))
    assert sync(world).exit_code == 3
    world.sandbox.interfere = None
    shutil.copytree(world.folder / ".oncsync", world.directory / "copy")
    kill_after_orders(world, 1)
    remove_folder(world)
    shutil.copytree(world.directory / "copy", world.folder / ".oncsync")
    assert sync(world).counts.done == 1
    assert world.asked("request") == 2


def test_orders_of_a_folder_that_was_removed_can_be_cancelled(world: World) -> None:
    """R94: no sync has to come in between."""
    world.write(CTD_CSV, settings="  runThreads: 2\n")
    kill_after_orders(world, 2)
    remove_folder(world)
    done = cancel_orders(world.project(), live_orders(world.project()))
    assert [one.is_gone for one in done] == [True, True]
    assert taken_slots(world) == []
    assert live_orders(world.project()) == []
    assert not (world.folder / ".oncsync" / "state.journal").exists()
    assert sync(world).counts.done == 3


# --- Other folders -------------------------------------------------------------------------------------------------


def leave_order_in(world: World, folder: Path) -> str:
    """Gives the slot of an order that was placed for another folder."""
    now, others = datetime.now(UTC), slot_book(world, folder)
    slot = others.take("chunk", 1, now, timedelta(hours=48))
    assert slot is not None
    others.confirm(slot, int(FOREIGN), now)
    return slot


def status_of_the_foreign(word: str) -> Callable[[Asking], Reply | None]:
    return lambda asked: json_reply({"searchHdrStatus": word}) if asked["dpRequestId"] == FOREIGN else None


@pytest.mark.parametrize("word", ["COMPLETED", "OPEN"])
def test_an_order_of_a_folder_in_which_nobody_works_counts_only_as_long_as_it_lives(
    world: World, tmp_path: Path, word: str
) -> None:
    """Rule 2: its sync was interrupted, as Ctrl-C does it; the folder is there and named, its orders are left alone."""
    world.write(ONE_MONTH, settings=f"  runThreads: 1\n{NO_METADATA}")
    prepare_folder(tmp_path / "first")
    leave_order_in(world, tmp_path / "first")
    world.sandbox.interfere = answers(status=status_of_the_foreign(word))
    recorder = Recorder()
    done = sync(world, watcher=recorder, max_seconds=None if word == "COMPLETED" else 0.7)
    assert (done.exit_code, len(taken_slots(world))) == ((0, 0) if word == "COMPLETED" else (7, 1))
    assert f"placed for `{tmp_path / 'first'}`" in recorder.texts("quota")[0]
    assert world.asked("cancel") == 0
    assert world.asked("status") <= 12


def test_an_order_that_the_service_does_not_know_is_not_alive(world: World, tmp_path: Path) -> None:
    """Rule 2: the service was restarted and forgot it."""
    world.write(ONE_MONTH, settings=f"  runThreads: 1\n{NO_METADATA}")
    leave_order_in(world, tmp_path / "first")
    assert sync(world).counts.done == 1
    assert taken_slots(world) == []


def test_an_order_of_a_folder_in_which_another_works_is_left_to_that_one(world: World, tmp_path: Path) -> None:
    world.write(ONE_MONTH, settings=f"  runThreads: 1\n{NO_METADATA}")
    prepare_folder(tmp_path / "first")
    leave_order_in(world, tmp_path / "first")
    world.sandbox.interfere = answers(status=status_of_the_foreign("COMPLETED"))
    with FolderLock(tmp_path / "first"):
        assert sync(world, max_seconds=0.3).exit_code == 7
    assert world.asked("status") == 0
    assert sync(world).counts.done == 1


def test_other_folders_are_asked_about_while_some_orders_of_our_own_run(world: World, tmp_path: Path) -> None:
    """Rule 2: a finished order elsewhere does not make this folder's orders run one by one."""
    world.write(EIGHT_MONTHS, settings=f"  runThreads: 2\n{NO_METADATA}")
    leave_order_in(world, tmp_path / "first")
    world.sandbox.deliveries._job_seconds = (0.2, 0.25)
    world.sandbox.interfere = answers(status=status_of_the_foreign("COMPLETED"))
    recorder = Recorder()
    assert sync(world, watcher=recorder).counts.done == 8
    assert recorder.most_alive == 2
    assert recorder.texts("quota") == []


# --- A folder that another took ------------------------------------------------------------------------------------


def test_a_sync_that_lost_its_folder_ends_and_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 6, 4: where locks lie, the heartbeat of another ends a run with 6; the next goes on from what is here."""
    monkeypatch.setattr("oncsync.engine.folder.HEARTBEAT_SECONDS", 0.01)
    world.write(CTD_CSV, settings=f"  runThreads: 1\n{NO_METADATA}")
    lock_file = world.folder / ".oncsync" / "lock"
    is_over = False

    def run(asked: Asking) -> Reply | None:
        if is_over:
            return None
        now = datetime.now(UTC)
        other = Holder(host="elsewhere", user="someone", process=1, since=now, heartbeat=now)
        lock_file.write_bytes(msgspec.json.encode(other))
        return BUSY

    world.sandbox.interfere = answers(run=run)
    with pytest.raises(FolderBusyError, match="someone on elsewhere"):
        sync(world)
    is_over = True
    lock_file.write_bytes(b"")
    assert sync(world).counts.done == 3
    assert world.asked("request") == 3
