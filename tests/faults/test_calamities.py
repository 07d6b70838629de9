"""Faults of the service that no other test stages as a whole: what was announced never comes, the token goes, no name.

The grid (test_fault_grid.py) plays every fault of the sandbox at every stage; here is what has to come of some of them.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest

from oncsync import connection
from oncsync.api import RetryPolicy, Session
from oncsync.caretaking import verify
from oncsync.errors import TokenError, UnreachableError
from oncsync.sandbox import Fault, Faults
from tests.faults.staging import NO_METADATA, ONE_MONTH, Clock, chunks_of, sync
from tests.support.world import World


@pytest.fixture
def lone(world: World) -> World:
    """One chunk, without metadata."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    return world


def test_files_that_never_come_are_given_up_with_their_order_and_ordered_anew(lone: World) -> None:
    """Open questions 7 and 8, rule 3: asked for by every sync until `maxOrderHours`, then in another order."""
    clock = Clock()
    lone.sandbox.faults = Faults([Fault("file-count-high")])
    assert sync(lone, tools=clock.tools()).counts.failed == 1
    lone.sandbox.faults = Faults()
    assert sync(lone, tools=clock.tools()).counts.failed == 1, "the state keeps the number that was announced"
    assert lone.asked("request") == 1
    held = lone.tree()
    assert len(held) == 1
    clock.jump(hours=49)
    assert sync(lone, tools=clock.tools()).counts.done == 1
    assert lone.asked("request") == 2
    assert lone.tree() == held


def test_an_order_whose_files_never_come_is_not_placed_for_ever(lone: World) -> None:
    """Rule 3: three orders, then a person has to look."""
    clock = Clock()
    lone.sandbox.faults = Faults([Fault("file-count-high")])
    for _ in range(6):
        sync(lone, tools=clock.tools())
        clock.jump(hours=49)
    assert chunks_of(lone)[0].outcome == "failed-permanent"
    assert lone.asked("request") == 3
    assert len(lone.tree()) == 1


@pytest.mark.parametrize("fault", ["duplicate-names", "runs-with-equal-names", "several-runs"])
def test_files_of_one_name_in_one_order_are_all_kept(lone: World, fault: str) -> None:
    """Open questions 17 and 19: one has the plain name, the other a mark; none replaces the other."""
    lone.sandbox.faults = Faults([Fault(fault)])
    assert sync(lone).counts.done == 1
    assert len(lone.tree()) == 2
    assert len(set(lone.tree().values())) == 2
    assert not verify(lone.project()).findings
    asked = len(lone.sandbox.asked)
    assert sync(lone).counts.total == 0
    assert len(lone.sandbox.asked) == asked


@pytest.mark.parametrize("fault", ["metadata-unavailable", "metadata-missing"])
def test_metadata_that_are_not_there_cost_no_data(world: World, fault: str) -> None:
    """P13, open question 20: 503 for the metadata alone; the chunk is done, with a note."""
    world.write(ONE_MONTH)
    world.sandbox.faults = Faults([Fault(fault)])
    assert sync(world).counts.done == 1
    assert [path for path in world.tree() if "/_meta/" in path] == []
    assert any("no metadata file" in note for note in chunks_of(world)[0].notes)
    assert world.asked("request") == 1


@pytest.mark.parametrize("service", ["run", "download"])
def test_a_token_that_is_revoked_ends_the_sync_at_once_and_the_state_is_kept(world: World, service: str) -> None:
    """Exit code 4; the orders are taken up with the next token, none is placed again."""
    world.sandbox.faults = Faults([Fault("token-revoked", on=f"dataProductDelivery/{service}", nth=2)])
    with pytest.raises(TokenError):
        sync(world)
    asked, placed = len(world.sandbox.asked), world.asked("request")
    with pytest.raises(TokenError):
        sync(world)
    under_way = 6
    assert len(world.sandbox.asked) - asked <= 2 * under_way, "each asks once, and once whether it is the order's fault"
    world.sandbox.faults = Faults()
    assert sync(world).exit_code == 0
    assert len(world.tree()) == 6
    assert world.asked("request") == max(3, placed)


def test_a_name_that_cannot_be_looked_up_ends_with_5_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS failure: told as what it is; the next sync goes on."""
    world.project().resolve()

    def open_quickly(url: str, token: Any, **rest: Any) -> Session:
        return Session(url, token, **(rest | {"retry": RetryPolicy(attempts=2, first=0.01, cap=0.02)}))

    def unknown(*given: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "Session", open_quickly)
        patched.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(UnreachableError) as told:
            sync(world)
    assert told.value.exit_code == 5
    assert world.asked("request") == 0
    assert sync(world).counts.done == 3
    assert world.asked("request") == 3
