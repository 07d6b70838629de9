"""`oncsync orders` and `oncsync cancel`: what lives at the service, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncsync.engine.folder import FolderLock
from oncsync.sandbox import json_reply
from tests.cli.conftest import Command
from tests.faults.staging import (
    AFTER_RUNNING,
    ONE_MONTH,
    answers,
    asked_of,
    kill_after,
    refused,
    slot_book,
    taken_slots,
    the_chunk,
)
from tests.support.world import World, quick_sandbox


@pytest.fixture
def alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A folder whose sync was killed while its order was at work, which takes long."""
    from tests.support.world import TOKEN

    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with quick_sandbox(job_seconds=(600, 600)) as sandbox:
        world = World(tmp_path, sandbox, ONE_MONTH)
        kill_after(world, AFTER_RUNNING)
        yield world


def listed(oncsync: Command, *flags: str) -> list[dict[str, Any]]:
    """Gives the live orders."""
    said = oncsync("orders", "--json", *flags)
    assert said.code == 0
    orders: list[dict[str, Any]] = json.loads(said.out)["orders"]
    return orders


def request_id(world: World) -> int:
    """Gives the order's id in the state."""
    order = the_chunk(world).order
    assert order is not None
    assert order.request_id is not None
    return order.request_id


def test_an_order_is_listed_with_all_that_is_known(oncsync: Command, alive: World) -> None:
    order, (one,) = the_chunk(alive).order, listed(oncsync)
    assert order is not None
    assert one["dpRequestId"] == order.request_id
    assert one["runIds"] == list(order.run_ids)
    assert (one["download"], one["isHere"], one["counts"], one["said"]) == ("axis", True, True, None)
    assert (one["begin"], one["end"]) == ("2015-01-01T00:00:00Z", "2015-02-01T00:00:00Z")
    assert 0 <= one["age"] < 300
    assert one["folder"] == str(alive.folder)
    said = oncsync("orders").out
    assert str(order.request_id) in said
    assert said.rstrip().endswith("1 order alive")


def test_nothing_is_asked_and_nothing_changed(oncsync: Command, alive: World) -> None:
    """Beside a running sync too: its slots and its folder are its own."""
    asked, slots = len(alive.sandbox.asked), taken_slots(alive)
    with FolderLock(alive.folder):
        assert len(listed(oncsync)) == 1
    assert len(alive.sandbox.asked) == asked
    assert taken_slots(alive) == slots


def test_the_service_is_asked_on_request(oncsync: Command, alive: World) -> None:
    (one,) = listed(oncsync, "--check")
    assert one["said"] == "OPEN"
    alive.sandbox.interfere = answers(status=lambda asked: refused(400, 127, "Invalid id"))
    (one,) = listed(oncsync, "--check")
    assert "Invalid id" in one["said"]
    assert len(asked_of(alive.sandbox, "run")) == 1, "`run` might start something"


def test_orders_of_other_folders_are_listed_with_their_names(
    oncsync: Command, alive: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R91: they count against the same limit."""
    other = alive.directory / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    World(other, alive.sandbox, ONE_MONTH.replace("axis", "mine").replace("2015", "2016"))
    (one,) = listed(oncsync)
    assert (one["download"], one["isHere"], one["folder"]) == ("axis", False, str(alive.folder))
    assert str(alive.folder) in oncsync("orders").out
    assert oncsync("cancel", "--all", "--yes").out == "No order of this folder is alive\n"
    assert len(taken_slots(alive)) == 1
    for name in ("state.json", "state.journal"):
        (alive.folder / ".oncsync" / name).write_bytes(b"no JSON")
    (one,) = listed(oncsync)
    assert (one["download"], one["begin"]) == (None, None), "what cannot be read is left blank"


def test_orders_of_a_folder_that_was_moved_keep_their_slots_and_lose_them_when_cancelled(
    oncsync: Command, alive: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R94: else a cancelled order takes a slot of every folder for `maxOrderHours`."""
    moved = alive.directory / "moved"
    moved.mkdir()
    for name in ("oncsync.yaml", "oncsync.lock", "data"):
        (alive.directory / name).rename(moved / name)
    monkeypatch.chdir(moved)
    (one,) = listed(oncsync)
    assert (one["isHere"], one["counts"], one["folder"]) == (True, True, str(moved / "data"))
    assert oncsync("cancel", "--all", "--yes").code == 0
    assert taken_slots(alive) == []


def test_without_orders_there_is_nothing(oncsync: Command, world: World) -> None:
    assert oncsync("orders").out == "No order is alive\n"
    world.sync()
    assert listed(oncsync) == []


# --- cancel --------------------------------------------------------------------------------------------------------


def by_id(world: World) -> str:
    """Names the order by its `dpRequestId`."""
    return str(request_id(world))


def by_chunk(world: World) -> str:
    """Names the order by how its chunk's id begins."""
    return next(iter(world.project()._read_state().chunks))[:8]


@pytest.mark.parametrize("subject", ["--all", "axis", by_id, by_chunk], ids=["all", "name", "id", "chunk"])
def test_a_cancelled_order_is_over_here_and_there(oncsync: Command, alive: World, subject: Any) -> None:
    """The slot is free, the state says so, and the next sync orders anew."""
    said = oncsync("cancel", subject if isinstance(subject, str) else subject(alive), "--yes")
    assert (said.code, said.out) == (0, "1 order cancelled\n")
    assert len(asked_of(alive.sandbox, "cancel")) == 1
    assert taken_slots(alive) == []
    assert the_chunk(alive).order is None
    assert listed(oncsync) == []
    (planned,) = alive.project().plan().chunks
    assert planned.step == "order"
    assert "cancelled by `oncsync cancel`" in planned.reason
    log = (alive.folder / ".oncsync" / "oncsync.log").read_text()
    assert '"event": "cancel"' in log


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_the_service_says_against_it_ends_nothing(oncsync: Command, alive: World, status: int) -> None:
    """Open question 24: an order that it does not know needs no cancelling, and it is told."""
    alive.sandbox.interfere = answers(cancel=lambda asked: refused(status, 127, "Invalid id"))
    said = oncsync("cancel", "--all", "--yes")
    assert said.code == 0
    assert "Invalid id" in said.out
    assert taken_slots(alive) == []


def test_an_outage_leaves_the_order_as_it_was(oncsync: Command, alive: World) -> None:
    """Nobody knows whether the service heard of it."""
    alive.sandbox.interfere = answers(cancel=lambda asked: refused(500))
    said = oncsync("cancel", "--all", "--yes")
    assert said.code == 3
    assert "could not be cancelled" in said.out
    assert len(taken_slots(alive)) == 1
    assert the_chunk(alive).order is not None


def test_a_running_sync_is_left_alone(oncsync: Command, alive: World) -> None:
    with FolderLock(alive.folder):
        assert oncsync("cancel", "--all", "--yes").code == 6
    assert asked_of(alive.sandbox, "cancel") == []


def test_nobody_to_ask_is_no_yes(oncsync: Command, alive: World) -> None:
    """Rule 9: without a terminal it needs `--yes`."""
    said = oncsync("cancel", "--all")
    assert said.code == 2
    assert "--yes" in said.err
    assert asked_of(alive.sandbox, "cancel") == []


def test_a_person_may_say_no(oncsync: Command, alive: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.cli.asking._is_terminal", lambda stream: True)
    monkeypatch.setattr("click.confirm", lambda *arguments, **more: False)
    assert oncsync("cancel", "--all").code == 0
    assert asked_of(alive.sandbox, "cancel") == []


def test_an_unknown_name_gets_a_near_one(oncsync: Command, alive: World) -> None:
    said = oncsync("cancel", "axes", "--yes")
    assert said.code == 2
    assert "did you mean `axis`?" in said.err
    assert oncsync("cancel").code == 2
    assert oncsync("cancel", "axis", "--all").code == 2


def test_an_order_that_is_over_is_never_taken_for_another(oncsync: Command, alive: World) -> None:
    """Whoever believed a near number would cancel hours of work; `show` knows the order still."""
    number = str(request_id(alive))
    near = number[:-1] + str((int(number[-1]) + 1) % 10)
    said = oncsync("cancel", near, "--yes")
    assert said.code == 2
    assert number not in said.err
    assert f"`oncsync show {near}`" in said.err
    assert oncsync("cancel", number, "--yes").code == 0
    assert oncsync("cancel", number, "--yes").code == 2
    assert "cancelled" in oncsync("show", number).out
    assert [asked["dpRequestId"] for asked in asked_of(alive.sandbox, "cancel")] == [number]


def test_a_finished_order_is_called_so_and_never_cancelled(oncsync: Command, alive: World) -> None:
    """Rule 3: its files are ready, and the next sync fetches them."""
    alive.sandbox.interfere = answers(status=lambda asked: json_reply({"searchHdrStatus": "COMPLETED"}))
    said = oncsync("orders", "--check")
    assert said.out.rstrip().endswith("1 order: 0 at work, 1 finished (`oncsync sync` fetches the files)")
    (one,) = listed(oncsync, "--check")
    assert one["isFinished"] is True
    said = oncsync("cancel", "--all", "--yes")
    assert (said.code, said.out) == (0, "No order of this folder is alive\n")
    assert "1 finished" in said.err
    assert asked_of(alive.sandbox, "cancel") == []
    assert the_chunk(alive).order is not None
    alive.write(ONE_MONTH.replace("2015", "2016"))
    alive.project().resolve()
    assert oncsync("cancel", "--all", "--yes").out == "1 order cancelled\n", "nobody wants its files any more"


def test_what_the_service_says_of_them_is_summed_up(oncsync: Command, alive: World) -> None:
    assert oncsync("orders", "--check").out.rstrip().endswith("1 order: 1 at work")
    alive.sandbox.interfere = answers(status=lambda asked: refused(400, 127, "Invalid id"))
    assert oncsync("orders", "--check").out.rstrip().endswith("1 order: 0 at work, 1 in a state that is not known")


def test_an_order_without_a_slot_may_be_over(oncsync: Command, alive: World) -> None:
    slot_book(alive).path.unlink()
    assert "1 order alive or over, 0 of them within the limit of `runThreads`; `--check`" in oncsync("orders").out


def test_the_answer_is_versioned_json(oncsync: Command, alive: World) -> None:
    number = request_id(alive)
    answer = json.loads(oncsync("cancel", "--all", "--yes", "--json").out)
    assert (answer["version"], answer["exitCode"]) == (1, 0)
    assert [one["dpRequestId"] for one in answer["orders"]] == [number]
