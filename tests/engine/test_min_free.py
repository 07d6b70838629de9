"""`minFree`: a disk that runs full loses nothing, because nothing new begins on it in time (issue 6, item 6)."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oncsync.engine.run import Tools, free_space
from oncsync.errors import FolderError
from oncsync.results import SyncResult
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World, quick_sandbox

KEPT = 10_000_000_000


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Three chunks, one order and one transfer at a time, and 10 GB that stay free."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    settings = "  minFree: 10GB\n  runThreads: 1\n  downloadThreads: 1\n  metadata: false\n"
    with quick_sandbox() as sandbox:
        yield World(tmp_path, sandbox, CTD_CSV, settings)


def sync(world: World, free: Callable[[Path], int]) -> SyncResult:
    return world.project().sync(tools=Tools(pace=QUICK_PACE, free_space=free))


def test_on_a_full_disk_nothing_is_ordered_and_the_reason_is_said(world: World) -> None:
    asked: list[Path] = []

    def free(place: Path) -> int:
        asked.append(place)
        return KEPT - 1_000_000_000

    result = sync(world, free)
    assert result.exit_code == 8
    assert isinstance(result.stopped, FolderError)
    assert "Only 9.0 GB are free on the disk of" in result.stopped.message
    assert "`minFree` keeps 10.0 GB; 3 of 3 chunks are left" in result.stopped.message
    assert "free some space" in (result.stopped.hint or "")
    assert world.asked("request") == 0
    assert set(asked) == {world.folder}


def test_what_is_under_way_ends_whole_and_the_next_run_goes_on(world: World) -> None:
    """The room is gone once the first file is here: its chunk is not lost, and not every other order is placed."""

    def free(place: Path) -> int:
        return KEPT if not list(world.folder.rglob("*.csv")) else KEPT - 1

    result = sync(world, free)
    assert result.exit_code == 8
    assert len(world.tree()) == 1
    assert world.asked("request") < 3
    again = sync(world, lambda place: KEPT)
    assert again.exit_code == 0
    assert len(world.tree()) == 3
    assert world.asked("request") == 3


def test_room_that_ends_between_order_and_transfer_keeps_the_order(world: World) -> None:
    """R109: the next run takes it up, nothing is ordered twice."""

    def free(place: Path) -> int:
        return KEPT if not world.asked("run") else 0

    assert sync(world, free).exit_code == 8
    assert world.asked("download") == 0
    assert world.tree() == {}
    assert sync(world, lambda place: KEPT).exit_code == 0
    assert world.asked("request") == 3


def test_a_folder_that_is_up_to_date_needs_no_room(world: World) -> None:
    assert sync(world, lambda place: KEPT).exit_code == 0
    assert sync(world, lambda place: 0).exit_code == 0


def test_a_disk_that_does_not_say_ends_the_run(world: World) -> None:
    """A vanished mount."""

    def free(place: Path) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    with pytest.raises(FolderError, match="stale file handle"):
        sync(world, free)
    assert world.asked("request") == 0


def test_without_min_free_nobody_looks(world: World) -> None:
    world.write(CTD_CSV)

    def free(place: Path) -> int:
        raise AssertionError(place)

    assert sync(world, free).exit_code == 0


def test_the_room_of_a_real_disk_is_known(tmp_path: Path) -> None:
    assert free_space(tmp_path) > 0
