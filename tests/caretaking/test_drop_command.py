"""`oncsync drop` and `restore`: files leave on purpose, are remembered, and come back when they are wanted again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from oncsync.caretaking import Selection, drop, find_to_drop
from oncsync.engine.checks import Finding, OurFile, check_files
from oncsync.engine.folder import FolderLock
from oncsync.sandbox import Fault, Faults
from tests.caretaking.conftest import DEVICE, SPECTRA, Command, name_of, place_of
from tests.engine.bench import Killed, death_before
from tests.support.world import CTD_CSV, World

is_root = hasattr(os, "geteuid") and os.geteuid() == 0


def planned(oncsync: Command, *arguments: str) -> dict[str, str]:
    """Gives what would become of which file."""
    said = oncsync("drop", "--dry-run", "--json", *arguments)
    assert said.code == 0, said.err
    answer: dict[str, Any] = json.loads(said.out)
    assert (answer["version"], answer["dryRun"], answer["dropped"]) == (1, True, [])
    return {one["path"]: one["fate"] for one in answer["files"]}


def states(oncsync: Command, *flags: str) -> list[str]:
    """Gives the states of the listed files."""
    return [row["state"] for row in json.loads(oncsync("list", "--json", *flags).out)["files"]]


def test_what_was_let_go_is_gone_and_stays_gone(oncsync: Command, synced: World) -> None:
    """A sync fetches nothing of it, and every command tells that it was on purpose."""
    asked = synced.asked("archivefile/download")
    said = oncsync("drop", place_of(0), place_of(1), "--yes")
    assert said.code == 0
    assert said.out.count("drop  ") == 2
    assert "2 files let go" in said.out
    assert sorted(synced.tree()) == [place_of(hour) for hour in range(2, 6)]
    assert synced.sync().counts.total == 0
    assert synced.asked("archivefile/download") == asked
    assert states(oncsync) == ["dropped"] * 2 + ["here"] * 4
    told = oncsync("status").out
    assert "6 files done (2 let go on purpose)" in told
    assert "6 done, 0 without data, 0 failed, 0 pending, 2 of the done let go on purpose" in told
    verified = oncsync("verify")
    assert (verified.code, "2 files let go on purpose" in verified.out) == (0, True)
    assert "(dropped)" in oncsync("show", place_of(0)).out
    assert '"event": "dropped"' in (synced.folder / ".oncsync" / "oncsync.log").read_text()


def test_the_hash_is_remembered(oncsync: Command, synced: World) -> None:
    before = {row["path"]: row["sha256"] for row in json.loads(oncsync("list", "--json").out)["files"]}
    oncsync("drop", "spectra", "--yes")
    after = {row["path"]: row["sha256"] for row in json.loads(oncsync("list", "--json").out)["files"]}
    assert after == before
    assert all(len(digest) == 64 for digest in after.values())


def test_every_way_to_name_files_is_understood(oncsync: Command, synced: World) -> None:
    everything = [place_of(hour) for hour in range(6)]
    chunk = synced.project().files()[2].chunk
    for arguments, expected in {
        (place_of(3),): [place_of(3)],
        (f"data/{place_of(3)}",): [place_of(3)],
        (str((synced.folder / place_of(3)).absolute()),): [place_of(3)],
        (f"data/{DEVICE}/2021_08",): everything,
        (f"{DEVICE}",): everything,
        ("*T0[12]*",): [place_of(1), place_of(2)],
        (f"data/{DEVICE}/*/*T03*",): [place_of(3)],
        (chunk,): [place_of(2)],
        (chunk[:10].upper(),): [place_of(2)],
        ("spectra",): everything,
        ("spectra", "--before", "2021-08-30T02:00:00Z"): everything[:2],
        ("--before", "2021-08-30T02:59:00Z"): everything[:2],
        ("--before", "2021-08-31"): everything,
        (place_of(0), place_of(5)): [place_of(0), place_of(5)],
    }.items():
        assert list(planned(oncsync, *arguments)) == expected, arguments
    assert planned(oncsync, "--before", "2020") == {}


def test_what_means_nothing_or_everything_is_refused(oncsync: Command, synced: World) -> None:
    before = synced.tree()
    said = oncsync("drop", "--yes", place_of(0).replace("SDAQ", "SDAK"))
    assert said.code == 2
    assert f"did you mean `{place_of(0)}`?" in said.err
    for arguments in ((), ("",), (".",), ("data",), ("/",), ("../x",), ("*.wav",), ("abc",)):
        assert oncsync("drop", "--yes", *arguments).code == 2, arguments
    assert synced.tree() == before


def test_an_entry_without_files_is_nothing_to_do(oncsync: Command, synced: World) -> None:
    """A cron job may drop or restore an entry again; what is mistyped, or everything by a path, is told."""
    assert oncsync("drop", "spectra", "--yes").code == 0
    said = oncsync("drop", "spectra", "--yes")
    assert (said.code, said.out) == (0, "Nothing to let go: no file of these is here\n")
    assert "means no file that is here" in oncsync("drop", "*T01*", "--yes").err
    assert oncsync("restore", "spectra").code == 0
    said = oncsync("restore", "spectra")
    assert (said.code, said.out) == (0, "0 files wanted again\n")
    assert "`*T01*` means no file that was let go" in oncsync("restore", "*T01*").err
    assert "`'*'` means every file" in oncsync("drop", "data", "--yes").err


def test_a_name_of_two_things_is_refused(oncsync: Command, world: World) -> None:
    """An entry called like a directory: `--yes` must not choose."""
    world.write(SPECTRA.replace("name: spectra", f"name: {DEVICE}") + CTD_CSV.replace("axis", "other"))
    assert world.sync().exit_code == 0
    assert oncsync("drop", DEVICE, "--yes").code == 0
    assert oncsync("restore", DEVICE).code == 0
    world.write(SPECTRA + CTD_CSV.replace("axis", DEVICE))
    assert world.sync().exit_code == 0
    said = oncsync("drop", DEVICE, "--yes")
    assert said.code == 2
    assert f"`./{DEVICE}`" in said.err
    assert len(planned(oncsync, f"data/{DEVICE}")) == 6


def test_a_changed_file_stays(oncsync: Command, synced: World) -> None:
    """By its content, not by its size alone."""
    place = synced.folder / place_of(0)
    body = place.read_bytes()
    place.write_bytes(body[::-1])
    assert planned(oncsync, "spectra")[place_of(0)] == "changed"
    said = oncsync("drop", "spectra", "--yes")
    assert "keep" in said.out
    assert "5 files let go" in said.out
    assert synced.tree() == {place_of(0): body[::-1]}
    assert states(oncsync) == ["here"] + ["dropped"] * 5


def test_what_changes_after_it_was_shown_stays(synced: World) -> None:
    project = synced.project()
    shown = find_to_drop(project, Selection(selectors=("spectra",)))
    body = (synced.folder / place_of(1)).read_bytes()
    (synced.folder / place_of(1)).write_bytes(body[::-1])
    went = drop(project, shown)
    assert place_of(1) not in {one.path for one in went}
    assert synced.tree() == {place_of(1): body[::-1]}


def test_files_are_read_once(oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies there as it did when it was shown is removed without another look at all the others."""
    looks: list[int] = []

    def look(folder: Path, files: list[OurFile], *others: Any) -> list[Finding]:
        looks.append(len(files))
        return check_files(folder, files, *others)

    monkeypatch.setattr("oncsync.caretaking.dropping.check_files", look)
    assert oncsync("drop", "spectra", "--yes").code == 0
    assert looks == [6]
    assert synced.tree() == {}


def test_a_link_is_never_followed(oncsync: Command, synced: World) -> None:
    outside = synced.directory / "outside"
    outside.mkdir()
    (synced.folder / place_of(0)).rename(outside / name_of(0))
    (synced.folder / place_of(0)).symlink_to(outside / name_of(0))
    assert planned(oncsync, place_of(0)) == {place_of(0): "changed"}
    oncsync("drop", place_of(0), "--yes")
    assert (outside / name_of(0)).exists()


def test_files_that_were_moved_to_tape_by_hand_are_let_go(oncsync: Command, synced: World) -> None:
    """They are not in the folder: that they are not missed is all there is to do."""
    for hour in range(3):
        (synced.folder / place_of(hour)).unlink()
    assert oncsync("drop", "--max-delete", "0", place_of(0), place_of(1), "--yes").code == 0
    assert synced.sync().counts.done == 1
    assert sorted(synced.tree()) == [place_of(hour) for hour in range(2, 6)]


def test_it_is_shown_and_asked_first(oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 9: without a terminal only `--yes` is a yes; a limit refuses before anything."""
    before = synced.tree()
    assert oncsync("drop", "spectra").code == 2
    assert oncsync("drop", "spectra", "--yes", "--max-delete", "5").code == 2
    monkeypatch.setattr("oncsync.cli.asking._is_terminal", lambda stream: True)
    monkeypatch.setattr("click.confirm", lambda *arguments, **more: False)
    assert oncsync("drop", "spectra").code == 0
    with FolderLock(synced.folder):
        assert oncsync("drop", "spectra", "--yes").code == 6
    assert synced.tree() == before


def test_another_manifest_cannot_let_go(oncsync: Command, synced: World) -> None:
    synced.manifest.with_name("other.yaml").write_text(synced.manifest.read_text())
    assert oncsync("drop", "spectra", "--yes", "-m", "other.yaml").code == 2
    assert len(synced.tree()) == 6


@pytest.mark.skipif(is_root, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(oncsync: Command, synced: World) -> None:
    directory = (synced.folder / place_of(0)).parent
    directory.chmod(0o555)
    try:
        assert oncsync("drop", "spectra", "--yes").code == 8
    finally:
        directory.chmod(0o755)
    assert oncsync("drop", "spectra", "--yes").code == 0


# --- Products ------------------------------------------------------------------------------------------------------


def test_a_product_goes_with_its_metadata_and_is_not_ordered_again(oncsync: Command, mixed: World) -> None:
    """Rule 3, in every later sync, until it is restored."""
    path = next(path for path in mixed.tree() if path.endswith(".csv"))
    orders = mixed.asked("dataProductDelivery/request")
    going = planned(oncsync, path)
    assert set(going.values()) == {"drop"}
    assert len(going) == 2
    assert oncsync("drop", path, "--yes").code == 0
    assert mixed.sync().counts.total == 0
    assert mixed.asked("dataProductDelivery/request") == orders
    assert not set(going) & set(mixed.tree())
    assert oncsync("restore", path).code == 0
    assert mixed.sync().exit_code == 0
    assert set(going) <= set(mixed.tree())


def test_metadata_alone_do_not_go(oncsync: Command, mixed: World) -> None:
    """A chunk goes whole or not at all: what is half here would be neither fetched nor let go."""
    path = next(path for path in mixed.tree() if "_meta" in path)
    assert planned(oncsync, path) == {path: "part"}
    before = mixed.tree()
    assert oncsync("drop", path, "--yes").code == 0
    assert mixed.tree() == before


def test_a_changed_file_keeps_its_whole_chunk(oncsync: Command, mixed: World) -> None:
    path = next(path for path in mixed.tree() if path.endswith(".csv"))
    (mixed.folder / path).write_bytes(b"mine")
    assert sorted(planned(oncsync, path).values()) == ["changed", "part"]


# --- Prune ---------------------------------------------------------------------------------------------------------


def test_prune_keeps_the_memory_until_nobody_wants_the_file(oncsync: Command, synced: World) -> None:
    oncsync("drop", place_of(0), "--yes")
    assert oncsync("prune", "--yes").out.startswith("Nothing to remove")
    assert states(oncsync)[0] == "dropped"
    synced.write(SPECTRA.replace("begin: 2021-08-30", "begin: 2021-08-30T03:00:00Z"))
    synced.project().resolve()
    said = oncsync("prune", "--yes")
    assert f"forget  {place_of(0)}  (let go on purpose: it is forgotten)" in said.out
    synced.write(SPECTRA)
    synced.sync()
    assert place_of(0) in synced.tree()


# --- Restore -------------------------------------------------------------------------------------------------------


def test_restored_files_are_fetched_by_the_next_sync(oncsync: Command, synced: World) -> None:
    before = synced.tree()
    oncsync("drop", "spectra", "--yes")
    said = oncsync("restore", "*T0[01]*", "--dry-run")
    assert said.out.count("the next sync fetches it") == 2
    assert synced.sync().counts.total == 0
    assert json.loads(oncsync("restore", "*T0[01]*", "--json").out)["restored"] == 2
    assert states(oncsync) == ["missing"] * 2 + ["dropped"] * 4
    assert synced.sync().counts.done == 2
    assert synced.tree() == {place_of(hour): before[place_of(hour)] for hour in range(2)}
    assert oncsync("restore", "*T0[01]*").code == 2
    assert oncsync("verify").code == 0


def test_files_that_were_put_back_are_not_fetched(oncsync: Command, synced: World) -> None:
    body, asked = (synced.folder / place_of(0)).read_bytes(), synced.asked("archivefile/download")
    oncsync("drop", "spectra", "--yes")
    (synced.folder / place_of(0)).parent.mkdir(parents=True)
    (synced.folder / place_of(0)).write_bytes(body)
    (synced.folder / place_of(1)).write_bytes(b"other")
    said = oncsync("restore", place_of(0), place_of(1))
    assert "it lies in its place" in said.out
    assert "another file lies in its place" in said.out
    synced.sync()
    assert synced.asked("archivefile/download") == asked + 1
    assert oncsync("verify").code == 0
    assert b"other" in synced.tree().values()


def test_a_file_that_comes_back_with_other_bytes_is_told(oncsync: Command, synced: World) -> None:
    """The remembered hash is compared: ONC lists the file as it did, and gives another one."""
    oncsync("drop", place_of(0), "--yes")
    oncsync("restore", place_of(0))
    synced.sandbox.faults = Faults([Fault("short-body", on="archivefile/download", bytes=20000)])
    said = oncsync("sync")
    assert "its content is another than when it was here before" in said.err
    assert "its content is another" in oncsync("show", place_of(0)).out


@pytest.mark.parametrize("step", range(10))
def test_a_kill_at_any_step_is_ended_by_the_next_drop(
    oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """R110: between any two changes of the disk; what went is known to be gone, and nothing else went."""
    project = synced.project()
    shown = find_to_drop(project, Selection(selectors=("*T0[0123]*",)))
    try:
        with death_before(step, monkeypatch):
            drop(project, shown)
    except Killed:
        pass
    oncsync("drop", "*T0[0123]*", "--yes")
    assert sorted(synced.tree()) == [place_of(4), place_of(5)]
    assert states(oncsync) == ["dropped"] * 4 + ["here"] * 2
    assert synced.sync().counts.total == 0


def test_the_folder_is_left_without_empty_directories(oncsync: Command, synced: World) -> None:
    oncsync("drop", "spectra", "--yes")
    assert [path.name for path in Path("data").iterdir()] == [".oncsync"]
