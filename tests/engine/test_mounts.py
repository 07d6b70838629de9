"""A folder whose disk is not mounted is left alone: its state is on that disk (issue 6, item 4)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oncsync.caretaking import verify
from oncsync.engine.mounts import check_mount, mount_of, remember_mount
from oncsync.engine.slots import slots_folder
from oncsync.errors import FolderError
from tests.faults.staging import NO_METADATA, ONE_MONTH
from tests.support.world import TOKEN, World, quick_sandbox


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The places that are mounted now; a test changes them."""
    places = {"/"}
    monkeypatch.setattr(os.path, "ismount", lambda place: str(place) in places)
    return places


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service and a manifest of one chunk."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox() as sandbox:
        yield World(Path(os.path.realpath(tmp_path)), sandbox, ONE_MONTH, NO_METADATA)


def test_a_folder_whose_disk_is_not_mounted_is_not_filled_again(world: World, mounted: set[str]) -> None:
    """Rule 3: everything would be ordered once more, into the mount point."""
    mounted.add(str(world.folder))
    assert world.sync().exit_code == 0
    away = world.folder.rename(world.directory / "away")
    mounted.remove(str(world.folder))
    world.folder.mkdir()
    with pytest.raises(FolderError, match="not mounted now"):
        world.sync()
    assert (world.asked("request"), list(world.folder.iterdir())) == (1, [])
    mounted.add(str(world.folder))
    world.folder.rmdir()
    away.rename(world.folder)
    assert world.sync().counts.total == 0


@pytest.mark.parametrize("look", [
    World.sync,
    lambda world: world.project().status(),
    lambda world: world.project().plan(),
    lambda world: verify(world.project()),
])  # fmt: skip
def test_nothing_is_said_or_written_about_a_folder_whose_disk_is_away(
    world: World, mounted: set[str], look: Callable[[World], object]
) -> None:
    """A cron job that asks `status` or `verify` must not hear that nothing is wrong, nor that all is to be fetched."""
    world.write(ONE_MONTH.replace("begin: 2015-01-01", "begin: -P1D").replace("    end: 2015-02-01\n", ""), NO_METADATA)
    mounted.add(str(world.folder))
    assert world.sync().exit_code == 0
    shutil.rmtree(world.folder)
    world.folder.mkdir()
    mounted.remove(str(world.folder))
    with pytest.raises(FolderError, match="not mounted now"):
        look(world)
    assert list(world.folder.iterdir()) == []


@pytest.mark.parametrize("way", ["emptied", "take over", "state is there"])
def test_what_a_person_does_on_purpose_is_not_refused(world: World, mounted: set[str], way: str) -> None:
    """A folder that was removed on a disk that is there; one that begins anew; one that was copied to another disk."""
    mounted.add(str(world.folder))
    assert world.sync().exit_code == 0
    if way != "emptied":
        mounted.remove(str(world.folder))
    if way != "state is there":
        shutil.rmtree(world.folder)
    done = world.sync(take_over=way == "take over")
    assert (done.exit_code, world.asked("request")) == (0, 1 if way == "state is there" else 2)


def test_the_mount_is_the_nearest_and_the_first_of_all_is_always_there(tmp_path: Path, mounted: set[str]) -> None:
    place = Path(os.path.realpath(tmp_path))
    assert mount_of(place / "a" / "data") is None
    mounted |= {str(place), str(place / "a")}
    assert mount_of(place / "a" / "data") == str(place / "a")
    (place / "link").symlink_to(place / "a")
    assert mount_of(place / "link" / "data") == str(place / "a")


def test_a_folder_that_moved_to_the_first_disk_is_remembered_no_more(tmp_path: Path, mounted: set[str]) -> None:
    mounted.add(str(Path(os.path.realpath(tmp_path))))
    remember_mount(tmp_path)
    mounted.clear()
    with pytest.raises(FolderError):
        check_mount(tmp_path, tmp_path / "state.json")
    remember_mount(tmp_path)
    check_mount(tmp_path, tmp_path / "state.json")


def test_a_note_that_cannot_be_read_or_written_ends_nothing(tmp_path: Path, mounted: set[str]) -> None:
    mounted.add(str(Path(os.path.realpath(tmp_path))))
    remember_mount(tmp_path)
    notes = slots_folder().with_name("folders")
    for note in notes.iterdir():
        note.write_bytes(b"?")
    check_mount(tmp_path, tmp_path / "state.json")
    shutil.rmtree(notes)
    notes.write_bytes(b"")
    remember_mount(tmp_path)
    check_mount(tmp_path, tmp_path / "state.json")
