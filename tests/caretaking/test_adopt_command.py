"""`oncsync adopt`: files that people have already are taken in by name, size and hash, and nothing is ever lost."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from oncsync.caretaking import adopt, find_to_adopt
from oncsync.engine.folder import FolderLock
from oncsync.errors import InputError
from oncsync.lockfile import Chunk
from oncsync.locking import write_locks
from tests.caretaking.conftest import SPECTRA, Command, name_of, place_of
from tests.engine.bench import Killed, death_before
from tests.support.world import CTD_CSV, TOKEN, World, quick_sandbox

is_root = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """What the six files hold, by hour, in every life of the service."""
    with pytest.MonkeyPatch.context() as patched, quick_sandbox() as sandbox:
        patched.setenv("ONC_TOKEN", TOKEN)
        world = World(tmp_path_factory.mktemp("bodies"), sandbox, SPECTRA)
        world.sync()
        return {hour: world.tree()[place_of(hour)] for hour in range(6)}


@pytest.fixture
def disk(world: World, bodies: dict[int, bytes]) -> Path:
    """A directory with files of before: four that match, in a tree of somebody's own making, and others."""
    disk = world.directory / "disk"
    for hour, place in ((0, "a"), (1, "a/b"), (2, "c d/é"), (3, "")):
        (disk / place).mkdir(parents=True, exist_ok=True)
        (disk / place / name_of(hour)).write_bytes(bodies[hour])
    (disk / name_of(4)).write_bytes(bodies[4] + b"more")
    (disk / "notes.txt").write_text("mine")
    return disk


def fates(oncsync: Command, *arguments: str) -> dict[str, str]:
    """Gives what becomes of each file, by its name."""
    said = oncsync("adopt", "disk", "--json", *arguments)
    assert said.code == 0, said.err
    answer: dict[str, Any] = json.loads(said.out)
    assert (answer["version"], answer["dryRun"]) == (1, "--dry-run" in arguments)
    return {Path(one["source"]).name: one["fate"] for one in answer["files"]}


MATCHED = {name_of(hour): "adopt" for hour in range(4)}
EXPECTED = {**MATCHED, name_of(4): "size", "notes.txt": "unknown"}


def on_disk(disk: Path) -> dict[str, bytes]:
    """Gives what lies there."""
    return {str(path.relative_to(disk)): path.read_bytes() for path in disk.rglob("*") if path.is_file()}


def test_a_dry_run_says_what_matches_and_what_does_not_and_why(oncsync: Command, world: World, disk: Path) -> None:
    assert fates(oncsync, "--dry-run") == EXPECTED
    said = oncsync("adopt", "disk", "-n")
    assert f"adopt  {disk / 'a' / name_of(0)}" in said.out
    assert "the lock has no file of this name" in said.out
    assert "bytes in place of" in said.out
    assert "4 files to adopt" in said.out
    assert world.tree() == {}


def test_what_matches_is_taken_in_and_never_fetched(
    oncsync: Command, world: World, disk: Path, bodies: dict[int, bytes]
) -> None:
    before, asked = on_disk(disk), world.asked("archivefile/download")
    assert fates(oncsync) == EXPECTED
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(4)}
    assert on_disk(disk) == before
    assert oncsync("verify").code == 0
    assert world.sync().counts.done == 2
    assert world.asked("archivefile/download") == asked + 2
    assert oncsync("list", "--state", "here").out.count("\n") == 7
    assert '"event": "adopted"' in (world.folder / ".oncsync" / "oncsync.log").read_text()


def test_files_are_linked_where_the_disk_can(oncsync: Command, world: World, disk: Path) -> None:
    """40 TB are not there twice."""
    oncsync("adopt", "disk")
    assert (world.folder / place_of(1)).samefile(disk / "a" / "b" / name_of(1))


def test_where_the_disk_cannot_link_they_are_copied(
    oncsync: Command, world: World, disk: Path, bodies: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*arguments: Any, **more: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    assert fates(oncsync, "--threads", "3") == EXPECTED
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(4)}
    assert not (world.folder / place_of(1)).samefile(disk / "a" / "b" / name_of(1))
    assert oncsync("verify").code == 0


@pytest.mark.parametrize("links", [True, False])
def test_moving_removes_what_is_in_place_and_nothing_else(
    oncsync: Command, world: World, disk: Path, bodies: dict[int, bytes], monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def no_links(*arguments: Any, **more: Any) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", no_links)
    assert fates(oncsync, "--move") == EXPECTED
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(4)}
    assert sorted(on_disk(disk)) == sorted([name_of(4), "notes.txt"])
    assert oncsync("verify").code == 0


@pytest.mark.parametrize("inside", [".", "a"])
def test_the_folder_of_another_oncsync_is_not_emptied(oncsync: Command, disk: Path, inside: str) -> None:
    """It would order again what `--move` took away; linking takes nothing from it."""
    (disk / inside / ".oncsync").mkdir()
    before = on_disk(disk)
    said = oncsync("adopt", str(disk), "--move")
    assert said.code == 2
    assert str(disk / inside) in said.err
    assert on_disk(disk) == before
    assert fates(oncsync) == EXPECTED


def test_a_second_run_finds_nothing_to_do(oncsync: Command, world: World, disk: Path) -> None:
    oncsync("adopt", "disk")
    before = world.tree()
    assert fates(oncsync) == {**EXPECTED, **dict.fromkeys(MATCHED, "here")}
    assert world.tree() == before


def test_a_folder_that_holds_the_files_is_put_in_order(
    oncsync: Command, world: World, bodies: dict[int, bytes]
) -> None:
    """DIR inside the folder: one file in its place, one elsewhere; ours is not found a second time."""
    mine = world.folder / "mine"
    mine.mkdir(parents=True)
    (mine / name_of(1)).write_bytes(bodies[1])
    (world.folder / place_of(0)).parent.mkdir(parents=True)
    (world.folder / place_of(0)).write_bytes(bodies[0])
    said = oncsync("adopt", "data", "--move", "--json")
    assert {one["fate"] for one in json.loads(said.out)["files"]} == {"adopt"}
    assert world.tree() == {place_of(0): bodies[0], place_of(1): bodies[1]}
    assert json.loads(oncsync("adopt", "data", "--move", "--json").out)["files"] == []
    assert world.tree() == {place_of(0): bodies[0], place_of(1): bodies[1]}
    assert oncsync("verify").code == 0


def test_nothing_is_ever_overwritten(oncsync: Command, world: World, disk: Path) -> None:
    """Rule 1: a file of others keeps its name, ours takes a mark."""
    there = world.folder / place_of(0)
    there.parent.mkdir(parents=True)
    there.write_text("somebody's")
    oncsync("adopt", "disk")
    assert there.read_text() == "somebody's"
    assert sum(name_of(0).removesuffix(".hdf5") in path for path in world.tree()) == 2
    assert oncsync("verify").code == 0


def test_links_and_what_cannot_be_read_are_told_and_left(oncsync: Command, world: World, disk: Path) -> None:
    """Nothing outside of the directory is taken in; a link that leads to a file of ONC's name neither."""
    outside = world.directory / "outside"
    outside.mkdir()
    (disk / "a" / name_of(0)).rename(outside / name_of(0))
    (disk / "a" / name_of(0)).symlink_to(outside / name_of(0))
    (disk / "linked").symlink_to(outside, target_is_directory=True)
    if not is_root:
        (disk / name_of(3)).chmod(0)
    found = fates(oncsync, "--move")
    assert found[name_of(0)] == "link"
    assert found[name_of(3)] == ("adopt" if is_root else "unreadable")
    assert (outside / name_of(0)).exists()
    assert place_of(0) not in world.tree()


def test_a_link_in_the_folder_is_not_taken_for_the_file(
    oncsync: Command, world: World, disk: Path, bodies: dict[int, bytes]
) -> None:
    """`--move` must not remove the only copy because a link in the folder points at it."""
    there = world.folder / place_of(0)
    there.parent.mkdir(parents=True)
    there.symlink_to(disk / "a" / name_of(0))
    oncsync("adopt", "disk", "--move")
    assert bodies[0] in [path.read_bytes() for path in world.folder.rglob("*.hdf5") if not path.is_symlink()]
    assert oncsync("verify").code == 0


def test_two_of_one_name_are_one_if_they_are_equal(oncsync: Command, world: World, disk: Path) -> None:
    (disk / "z").mkdir()
    (disk / "z" / name_of(0)).write_bytes((disk / "a" / name_of(0)).read_bytes())
    said = json.loads(oncsync("adopt", "disk", "--json").out)
    assert sorted(one["fate"] for one in said["files"] if one["source"].endswith(name_of(0))) == ["adopt", "duplicate"]
    assert place_of(0) in world.tree()


def test_two_of_one_name_that_differ_are_both_left(oncsync: Command, world: World, disk: Path) -> None:
    """Nobody knows which of them is ONC's; the next sync fetches it."""
    (disk / "z").mkdir()
    (disk / "z" / name_of(0)).write_bytes((disk / "a" / name_of(0)).read_bytes()[::-1])
    said = json.loads(oncsync("adopt", "disk", "--json", "--move").out)
    assert {one["fate"] for one in said["files"] if one["source"].endswith(name_of(0))} == {"differs"}
    assert place_of(0) not in world.tree()
    assert (disk / "a" / name_of(0)).exists()
    assert list((world.folder / ".oncsync" / "partial").iterdir()) == []


def test_a_file_of_unknown_size_is_never_certain(world: World, disk: Path) -> None:
    lock = world.project().read_lock()
    assert lock is not None

    def forget(chunk: Chunk) -> Chunk:
        assert chunk.file is not None
        return replace(chunk, file=replace(chunk.file, stored_size=None, delivered_size=None))

    (entry,) = lock.entries
    (request,) = entry.requests
    sizeless = replace(entry, requests=(replace(request, chunks=tuple(map(forget, request.chunks))),))
    write_locks(world.project().lock_path, world.folder, replace(lock, entries=(sizeless,)), "oncsync.yaml")
    found = find_to_adopt(world.project(), disk)
    assert {one.fate for one in found.files if one.source.endswith("hdf5")} == {"unsized"}


def test_a_file_that_changes_while_it_is_read_is_left(world: World, disk: Path) -> None:
    target = disk / "a" / name_of(0)
    times = count(1)

    def on_bytes(number: int) -> None:
        time = next(times)
        os.utime(target, (time, time))

    found = adopt(world.project(), disk, on_bytes=on_bytes)
    assert [one.reason for one in found.files if one.source == str(target)] == ["it changed while it was read"]
    assert place_of(0) not in world.tree()


def test_another_oncsync_in_the_folder_is_waited_for_or_named(oncsync: Command, world: World, disk: Path) -> None:
    world.sync(files=[])
    (world.folder / ".oncsync").mkdir(parents=True, exist_ok=True)
    with FolderLock(world.folder):
        assert oncsync("adopt", "disk").code == 6
    assert world.tree() == {}


def test_products_are_not_adopted(oncsync: Command, world: World, disk: Path) -> None:
    """Their names and sizes are not known before they are made."""
    world.write(CTD_CSV)
    world.project().resolve()
    said = oncsync("adopt", "disk")
    assert said.code == 2
    assert "service: archivefile" in said.err


def test_what_is_no_directory_is_refused(oncsync: Command, world: World, disk: Path) -> None:
    assert oncsync("adopt", "nowhere").code == 2
    with pytest.raises(InputError, match="no directory"):
        find_to_adopt(world.project(), disk / "notes.txt")


def test_the_folder_belongs_to_the_manifest_from_then_on(oncsync: Command, world: World, disk: Path) -> None:
    oncsync("adopt", "disk")
    other = world.manifest.with_name("other.yaml")
    other.write_text(world.manifest.read_text())
    assert oncsync("sync", "-m", "other.yaml").code == 2


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("step", range(0, 36, 4))
def test_a_kill_at_any_step_is_ended_by_the_next_run(
    oncsync: Command,
    world: World,
    disk: Path,
    bodies: dict[int, bytes],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    move: bool,
) -> None:
    """R110: nothing is lost, nothing is taken in twice, nothing of others is touched."""
    left = [name_of(4), "notes.txt"]
    try:
        with death_before(step + move, monkeypatch):
            adopt(world.project(), disk, move=move)
    except Killed:
        pass
    left_there = {*world.tree().values(), *on_disk(disk).values(), *_partials(world)}
    assert all(bodies[hour] in left_there for hour in range(4))
    adopt(world.project(), disk, move=move)
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(4)}
    assert sorted(Path(path).name for path in on_disk(disk)) == sorted(left if move else [*left, *MATCHED])
    assert oncsync("verify").code == 0
    assert list((world.folder / ".oncsync" / "partial").iterdir()) == []


def _partials(world: World) -> list[bytes]:
    return [path.read_bytes() for path in (world.folder / ".oncsync" / "partial").iterdir()]


def test_a_sync_ends_what_an_adoption_began(
    oncsync: Command, world: World, disk: Path, bodies: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two records of one file: the sync that follows takes it up, or fetches it."""
    for step in range(4, 9):
        try:
            with death_before(step, monkeypatch):
                adopt(world.project(), disk)
        except Killed:
            pass
    world.write(SPECTRA)
    assert world.sync().exit_code == 0
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(6)}
    assert oncsync("verify").code == 0


def test_restored_files_come_back_from_a_tape(
    oncsync: Command, world: World, disk: Path, bodies: dict[int, bytes]
) -> None:
    """Drop, keep the files elsewhere, restore, adopt: nothing is fetched; other bytes than then are refused."""
    world.sync()
    asked = world.asked("archivefile/download")
    assert oncsync("drop", "spectra", "--yes").code == 0
    assert {fates(oncsync)[name] for name in MATCHED} == {"dropped"}
    assert world.tree() == {}
    assert oncsync("restore", "spectra").code == 0
    (disk / "a" / name_of(0)).write_bytes(bodies[0][::-1])
    found = fates(oncsync)
    assert [found[name_of(hour)] for hour in range(4)] == ["differs", "adopt", "adopt", "adopt"]
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(1, 4)}
    assert world.sync().counts.done == 3
    assert world.asked("archivefile/download") == asked + 3
    assert world.tree() == {place_of(hour): bodies[hour] for hour in range(6)}
