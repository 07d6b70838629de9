"""`minFree`: a disk that runs full loses nothing, because nothing new begins on it in time (issue 6, item 6)."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oncsync.engine.run import Tools, free_space
from oncsync.errors import FolderError
from oncsync.results import SyncResult
from oncsync.sandbox import Reply, content_of
from oncsync.sandbox.replies import Manner
from tests.faults.staging import NO_SUCH_FILE, ONE_MONTH, Answerer, Asking, answers
from tests.support.archived import FILES, in_the_lock
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World, quick_sandbox

KEPT = 10_000_000_000
ENOUGH = KEPT + 1_000_000_000


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Three chunks, one order and one transfer at a time, and 10 GB that stay free."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    settings = "  minFree: 10GB\n  runThreads: 1\n  downloadThreads: 1\n  metadata: false\n"
    with quick_sandbox() as sandbox:
        yield World(tmp_path, sandbox, CTD_CSV, settings)


def sync(world: World, free: Callable[[Path], int], *, frozen: bool = False) -> SyncResult:
    return world.project().sync(tools=Tools(pace=QUICK_PACE, free_space=free), frozen=frozen)


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
        return ENOUGH if not list(world.folder.rglob("*.csv")) else KEPT - 1

    result = sync(world, free)
    assert result.exit_code == 8
    assert len(world.tree()) == 1
    assert world.asked("request") < 3
    again = sync(world, lambda place: ENOUGH)
    assert again.exit_code == 0
    assert len(world.tree()) == 3
    assert world.asked("request") == 3


def test_room_that_ends_between_order_and_transfer_keeps_the_order(world: World) -> None:
    """R109: the next run takes it up, nothing is ordered twice."""

    def free(place: Path) -> int:
        return ENOUGH if not world.asked("run") else 0

    assert sync(world, free).exit_code == 8
    assert world.asked("download") == 0
    assert world.tree() == {}
    assert sync(world, lambda place: ENOUGH).exit_code == 0
    assert world.asked("request") == 3


def only(body: bytes, *, has_length: bool = True) -> Answerer:
    """Gives one file per run."""

    def download(asked: Asking) -> Reply:
        if asked["index"] != "1":
            return NO_SUCH_FILE
        header = ("Content-Disposition", "attachement; filename=big.bin")
        manner = Manner(framing="length" if has_length else "chunked")
        return Reply(200, "application/octet-stream", content_of(body), (header,), manner)

    return download


def bytes_in(folder: Path) -> int:
    """Gives how much of the files came, those under way included; one that is renamed meanwhile counts."""
    sizes = []
    for place in (*folder.rglob("*.part"), *folder.rglob("*.bin")):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(place.stat().st_size)
    return sum(sizes)


@pytest.mark.parametrize("has_length", [True, False], ids=["announced", "not announced"])
def test_a_file_that_needs_what_is_kept_is_not_taken(world: World, has_length: bool) -> None:
    """Exit 8 as for a disk without room: nothing partial stays, the order is kept, and more room is all it needs."""
    world.write(ONE_MONTH, "  minFree: 10GB\n  metadata: false\n")
    body = b"x" * 1_000_000
    world.sandbox.interfere = answers(download=only(body, has_length=has_length))
    partial = world.folder / ".oncsync" / "partial"
    result = sync(world, lambda place: KEPT + 600_000 - bytes_in(world.folder))
    assert result.exit_code == 8
    assert result.stopped is not None
    assert "`minFree` keeps 10.0 GB" in result.stopped.message
    assert result.stopped.message.endswith("are to come; 1 of 1 chunks are left")
    assert world.tree() == {}
    assert list(partial.iterdir()) == []
    assert sync(world, lambda place: KEPT + 1_000_000).exit_code == 0
    assert list(world.tree().values()) == [body]
    assert world.asked("request") == 1


def test_what_other_transfers_will_still_take_counts(world: World) -> None:
    """Three files of 1 MB at once, and room for two and a half."""
    world.write(CTD_CSV, "  minFree: 10GB\n  metadata: false\n")
    world.sandbox.interfere = answers(download=only(b"x" * 1_000_000))
    assert sync(world, lambda place: KEPT + 2_500_000 - bytes_in(world.folder)).exit_code == 8
    assert len(world.tree()) <= 2
    assert not list((world.folder / ".oncsync" / "partial").iterdir())


def test_an_archive_file_that_needs_what_is_kept_is_not_taken(world: World) -> None:
    world.write(FILES, "  minFree: 10GB\n")
    in_the_lock(world)
    result = sync(world, lambda place: KEPT, frozen=True)
    assert (result.exit_code, world.tree()) == (8, {})
    assert sync(world, lambda place: ENOUGH, frozen=True).exit_code == 0


def test_a_folder_that_is_up_to_date_needs_no_room(world: World) -> None:
    assert sync(world, lambda place: ENOUGH).exit_code == 0
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
