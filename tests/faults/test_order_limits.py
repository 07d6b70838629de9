"""Orders that are given up or asked for again keep to the limits like those that begin (rule 2, R91, R100)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from oncsync.engine.loop import Loop
from oncsync.sandbox import Reply, page_reply
from tests.faults.staging import (
    BUSY,
    EIGHT_MONTHS,
    NO_METADATA,
    ONE_MONTH,
    Asking,
    Clock,
    Recorder,
    answers,
    asked_of,
    down,
    leave_at_work,
    refused,
    runs,
    sync,
    taken_slots,
    the_chunk,
)
from tests.support.records import at
from tests.support.world import World

AT_NIGHT = '  beginRun: "22:00:00"\n  endRun: "06:00:00"\n  runTimeZone: UTC\n'


def at_work(asked: Asking) -> Reply:
    """Gives the state of an order that is never over."""
    return runs((1, "running", 0), is_over=False)


# --- Orders that are given up --------------------------------------------------------------------------------------


def test_an_order_that_is_given_up_is_cancelled_before_another_begins(world: World) -> None:
    """R91: at most four are alive at the service, though every slot has expired."""
    world.write(EIGHT_MONTHS, settings=NO_METADATA)
    world.project().resolve()
    world.sandbox.deliveries._job_seconds = (60, 61)
    clock, polls = Clock(), 0

    def run(asked: Asking) -> None:
        nonlocal polls
        polls += 1
        if polls in (10, 24):
            clock.jump(hours=49)

    world.sandbox.interfere = answers(run=run)
    assert sync(world, tools=clock.tools()).counts.failed == 8
    assert (world.asked("request"), world.asked("cancel")) == (8, 8)
    assert world.sandbox.peak_alive_orders == 4
    assert taken_slots(world) == []


def give_up(world: World, cancel: Reply | None) -> Clock:
    """Lets a sync meet an order that has been at work for three days."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    leave_at_work(world)
    world.sandbox.interfere = answers(run=at_work, download=lambda asked: BUSY, cancel=lambda asked: cancel)
    clock = Clock()
    clock.jump(days=3)
    assert sync(world, tools=clock.tools()).exit_code == 3
    return clock


@pytest.mark.parametrize("answer", [refused(400, 127), refused(404), refused(403)], ids=["400", "404", "403"])
def test_an_order_that_cannot_be_cancelled_is_given_up_all_the_same(world: World, answer: Reply) -> None:
    """Open question 24: nobody knows what `cancel` says; it ends no sync."""
    clock = give_up(world, answer)
    assert the_chunk(world).reason == "not ready after 72 h, given up"
    world.sandbox.interfere = None
    assert sync(world, tools=clock.tools()).counts.done == 1
    assert world.asked("request") == 2


def test_an_order_is_not_let_go_of_in_an_outage_of_cancel(world: World) -> None:
    """It may live on: the next sync takes it up, and cancels it then."""
    clock = give_up(world, page_reply(500, "Internal Server Error"))
    order = the_chunk(world).order
    assert order is not None
    world.sandbox.interfere = answers(run=at_work, download=lambda asked: BUSY)
    assert sync(world, tools=clock.tools()).exit_code == 3
    assert the_chunk(world).order is None
    assert {asked["dpRequestId"] for asked in asked_of(world.sandbox, "cancel")} == {str(order.request_id)}
    assert world.asked("request") == 1


def test_an_order_of_somebody_else_is_given_up_without_being_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people share a folder: what another placed is not ours to end."""
    monkeypatch.setattr("oncsync.engine.access.current_user", lambda: "another")
    give_up(world, None)
    assert the_chunk(world).reason == "not ready after 72 h, given up"
    assert world.asked("cancel") == 0


# --- Orders that are asked for again -------------------------------------------------------------------------------


def test_a_request_is_not_repeated_once_the_run_window_has_closed(world: World) -> None:
    """R100: a fault at 05:59, and an hour passes; the slot is free until the window opens again."""
    world.write(ONE_MONTH, settings=AT_NIGHT + NO_METADATA)
    clock, faults = Clock(at("2026-06-01T05:59")), [down()]

    def request(asked: Asking) -> Reply | None:
        clock.jump(hours=len(faults))
        return faults.pop() if faults else None

    world.sandbox.interfere = answers(request=request)
    result = sync(world, wait_for_window=False, tools=clock.tools())
    assert (result.exit_code, world.asked("request"), world.asked("run")) == (7, 1, 0)
    assert taken_slots(world) == []
    clock.jump(hours=16)
    assert sync(world, wait_for_window=False, tools=clock.tools()).counts.done == 1


def test_a_request_that_met_the_end_of_the_window_waits_for_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R100: in the same sync, told like any other wait."""
    world.write(ONE_MONTH, settings=AT_NIGHT + NO_METADATA)
    clock, faults, asked_at, recorder = Clock(at("2026-06-01T05:59")), [down()], [], Recorder()
    real_later = Loop.later

    def later(self: Loop, seconds: float, action: Callable[[], None]) -> None:
        clock.jump(hours=16 if recorder.texts("window") and clock.now().hour == 6 else 0)
        real_later(self, min(seconds, 0.01), action)

    def request(asked: Asking) -> Reply | None:
        asked_at.append(clock.now().hour)
        clock.jump(hours=len(faults))
        return faults.pop() if faults else None

    monkeypatch.setattr(Loop, "later", later)
    world.sandbox.interfere = answers(request=request)
    assert sync(world, tools=clock.tools(), watcher=recorder).counts.done == 1
    assert (asked_at, len(recorder.texts("window"))) == ([5, 22], 1)


def test_an_order_that_is_not_known_to_run_is_not_run_once_the_window_has_closed(world: World) -> None:
    """R100: its work would begin only now; the order is kept, and run at night."""
    world.write(ONE_MONTH, settings=AT_NIGHT + NO_METADATA)
    clock, faults = Clock(at("2026-06-01T05:59")), [down()]

    def run(asked: Asking) -> Reply | None:
        clock.jump(hours=len(faults))
        return faults.pop() if faults else None

    world.sandbox.interfere = answers(run=run)
    assert sync(world, wait_for_window=False, tools=clock.tools()).exit_code == 7
    assert world.asked("run") == 1
    clock.jump(hours=16)
    assert sync(world, wait_for_window=False, tools=clock.tools()).counts.done == 1
    assert world.asked("request") == 1


def test_a_request_is_not_repeated_once_the_disk_has_no_room(world: World) -> None:
    """`minFree`: exit code 8, and nothing more is ordered."""
    world.write(ONE_MONTH, settings=NO_METADATA + "  minFree: 10GB\n")
    free = [100e9]

    def request(asked: Asking) -> Reply:
        free[0] = 1e9
        return down()

    world.sandbox.interfere = answers(request=request)
    tools = msgspec.structs.replace(Clock().tools(), free_space=lambda place: int(free[0]))
    assert sync(world, tools=tools).exit_code == 8
    assert world.asked("request") == 1
