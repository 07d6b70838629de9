"""`kill -9` at any moment loses nothing: the next run goes on and ends with the same folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World, quick_sandbox


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
