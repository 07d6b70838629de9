"""`oncsync verify`: what is no longer as it arrived, and how it is brought back."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from oncsync.engine.folder import FolderLock
from oncsync.state import StateStore
from tests.cli.conftest import Command
from tests.faults.staging import answers, refused
from tests.support.world import World

is_root = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def synced(world: World) -> World:
    """A folder that is in sync."""
    assert world.sync().exit_code == 0
    return world


def data_files(world: World) -> list[str]:
    """Gives the paths of the data files."""
    return [path for path in world.tree() if path.endswith(".csv") and "~" not in path]


def flip(path: Path) -> None:
    """Changes one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_a_folder_as_it_arrived_is_in_order(oncsync: Command, synced: World) -> None:
    said = oncsync("verify")
    assert (said.code, said.err) == (0, "")
    assert "6 files" in said.out
    assert "nothing changed or missing" in said.out


def test_each_damage_is_told_on_its_line(oncsync: Command, synced: World) -> None:
    """F14: a changed bit, a lost end, a lost file; a file of others is no damage."""
    one, two, three = data_files(synced)
    flip(synced.folder / one)
    (synced.folder / two).write_bytes((synced.folder / two).read_bytes()[:100])
    (synced.folder / three).unlink()
    (synced.folder / "mine.txt").write_text("mine")
    said = oncsync("verify")
    assert said.code == 1
    lines = said.out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["changed", one], ["changed", two], ["missing", three], ["extra", "mine.txt"]
    ]  # fmt: skip
    assert "2 changed, 1 missing; 1 file of others" in lines[-1]
    answer = json.loads(oncsync("verify", "--json").out)
    assert (answer["version"], answer["exitCode"], answer["files"], answer["hashed"]) == (1, 1, 6, 6)
    assert [(one["kind"], one["path"]) for one in answer["findings"]] == [
        ("changed", one), ("changed", two), ("missing", three)
    ]  # fmt: skip
    assert answer["extra"] == ["mine.txt"]


def test_an_other_mtime_is_no_change(oncsync: Command, synced: World) -> None:
    """R109: it is hashed again, never fetched again."""
    path = synced.folder / data_files(synced)[0]
    os.utime(path, (0, 0))
    asked = len(synced.sandbox.asked)
    assert oncsync("verify", "--repair").code == 0
    assert synced.sync().counts.total == 0
    assert len(synced.sandbox.asked) == asked
    assert path.stat().st_mtime == 0


def test_what_is_no_file_is_never_opened(oncsync: Command, synced: World) -> None:
    """A pipe in a file's place would block for ever."""
    one, two, _ = data_files(synced)
    for path, make in ((one, os.mkfifo), (two, os.mkdir)):
        (synced.folder / path).unlink()
        make(synced.folder / path)
    said = oncsync("verify", "-q")
    assert said.code == 1
    assert said.out.count("no file lies there") == 2


@pytest.mark.skipif(is_root, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_neither_missing_nor_fetched(oncsync: Command, synced: World) -> None:
    path = synced.folder / data_files(synced)[0]
    path.chmod(0)
    said = oncsync("verify", "--repair")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert said.code == 1
    assert said.out.startswith("unreadable")


def test_a_running_sync_is_not_waited_for(oncsync: Command, synced: World) -> None:
    """Looking takes no lock; repairing does, and names the other."""
    flip(synced.folder / data_files(synced)[0])
    with FolderLock(synced.folder):
        assert oncsync("verify").code == 1
        assert oncsync("verify", "--repair").code == 6
        assert oncsync("verify").code == 1, "nothing was touched"


def test_nothing_is_written(oncsync: Command, synced: World) -> None:
    """It works in a folder that may not be written."""
    before = {path: path.stat().st_mtime_ns for path in synced.folder.rglob("*")}
    flip(synced.folder / data_files(synced)[0])
    changed = synced.folder / data_files(synced)[0]
    oncsync("verify")
    assert {path for path in synced.folder.rglob("*") if path.stat().st_mtime_ns != before.get(path)} == {changed}


def test_a_folder_that_was_never_synced_is_not_in_order(oncsync: Command, world: World) -> None:
    """A disk that is not there must not look like one in good order."""
    said = oncsync("verify")
    assert said.code == 2
    assert "nothing was ever synced" in said.err
    assert not world.folder.exists()


def test_the_sums_and_the_documents_are_no_strangers(oncsync: Command, world: World) -> None:
    world.manifest.write_text(world.manifest.read_text().replace("folder: data", "folder: ."))
    world.sync()
    oncsync("sums")
    assert json.loads(oncsync("verify", "--json").out)["extra"] == []


# --- Samples -------------------------------------------------------------------------------------------------------


def test_a_sample_names_its_seed_and_can_be_drawn_again(oncsync: Command, synced: World) -> None:
    first = json.loads(oncsync("verify", "--sample", "50/100", "--json").out)
    assert first["hashed"] == 3
    seed = first["sample"]["seed"]
    said = oncsync("verify", "--sample", "50/100", "--seed", str(seed))
    assert f"3 of them hashed (seed {seed})" in said.out


def test_all_parts_together_are_everything(oncsync: Command, synced: World) -> None:
    answers = [json.loads(oncsync("verify", "--part", f"{part}/4", "--json").out) for part in range(1, 5)]
    assert sum(answer["hashed"] for answer in answers) == 6


def test_sizes_are_compared_of_all_files(oncsync: Command, synced: World) -> None:
    for path in data_files(synced):
        (synced.folder / path).write_bytes(b"x")
    assert len(json.loads(oncsync("verify", "--part", "1/1000000", "--json").out)["findings"]) == 3


@pytest.mark.parametrize("flags", [("--sample", "0/3"), ("--sample", "4/3"), ("--part", "x"), ("--seed", "1")])
def test_a_sample_that_means_nothing_is_refused(oncsync: Command, world: World, flags: tuple[str, ...]) -> None:
    assert oncsync("verify", *flags).code == 2


# --- Repair --------------------------------------------------------------------------------------------------------


def test_damaged_files_are_fetched_again_without_an_order(oncsync: Command, synced: World) -> None:
    """Rule 3, rule 1: the order's files are still there; a changed file is set aside, a cut one is whole again."""
    before, (one, two, three) = synced.tree(), data_files(synced)
    flip(synced.folder / one)
    changed = (synced.folder / one).read_bytes()
    (synced.folder / two).write_bytes(before[two][:100])
    (synced.folder / three).unlink()
    ordered = synced.asked("request")
    said = oncsync("verify", "--repair")
    assert said.code == 0
    assert "3 of 3 files repaired" in said.out
    aside = one.replace(".csv", "~changed-1.csv")
    assert aside in said.out
    assert synced.tree() == {**before, aside: changed}
    assert synced.asked("request") == ordered
    assert oncsync("verify").code == 0


def test_a_repair_beside_a_sync_ends_with_6_or_waits_as_long_as_it_may(oncsync: Command, synced: World) -> None:
    (synced.folder / data_files(synced)[0]).unlink()
    held = FolderLock(synced.folder)
    held.__enter__()
    assert oncsync("verify", "--repair").code == 6
    release = threading.Timer(0.3, held.__exit__, (None, None, None))
    release.start()
    assert oncsync("verify", "--repair", "--lock-timeout", "20s").code == 0
    release.join()


def test_only_what_is_damaged_is_fetched(oncsync: Command, world: World) -> None:
    """Other work of the lock is left to `sync`."""
    world.sync(only=["axis"])
    world.write(world.manifest.read_text().partition("downloads:\n")[2].replace("2015-04-01", "2015-06-01"))
    world.project().resolve()
    (world.folder / data_files(world)[0]).unlink()
    ordered = world.asked("request")
    assert oncsync("verify", "--repair").code == 0
    assert world.asked("request") == ordered
    assert world.project().plan().counts == {"done": 3, "order": 2}


def test_what_the_service_has_no_more_is_ordered_anew(oncsync: Command, synced: World) -> None:
    """Rule 3: an order only where nothing else helps."""
    before, path = synced.tree(), data_files(synced)[0]
    (synced.folder / path).unlink()
    runs = {file.run_id for chunk in synced.project()._read_state().chunks.values() for file in chunk.files}
    synced.sandbox.interfere = answers(download=lambda asked: refused(410) if int(asked["dpRunId"]) in runs else None)
    ordered = synced.asked("request")
    assert oncsync("verify", "--repair").code == 0
    assert synced.asked("request") == ordered + 1
    assert synced.tree() == before


def test_an_outage_leaves_the_damage_to_the_next_sync(oncsync: Command, synced: World) -> None:
    """R109: nothing is lost, and `sync` goes on with it."""
    before, path = synced.tree(), data_files(synced)[0]
    flip(synced.folder / path)
    synced.sandbox.interfere = answers(download=lambda asked: refused(503))
    assert oncsync("verify", "--repair").code in (3, 5)
    synced.sandbox.interfere = None
    assert synced.sync().exit_code == 0
    assert {path: content for path, content in synced.tree().items() if "~" not in path} == before


def test_without_a_token_nothing_is_touched(oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(synced.folder / data_files(synced)[0])
    tree = synced.tree()
    monkeypatch.delenv("ONC_TOKEN")
    assert oncsync("verify", "--repair").code == 4
    assert synced.tree() == tree


def test_what_the_lock_does_not_ask_for_is_not_ordered(oncsync: Command, synced: World) -> None:
    (synced.folder / data_files(synced)[2]).unlink()
    synced.write(synced.manifest.read_text().partition("downloads:\n")[2].replace("2015-04-01", "2015-03-01"))
    synced.project().resolve()
    asked = len(synced.sandbox.asked)
    said = oncsync("verify", "--repair")
    assert said.code == 1
    assert "the lock does not ask for it any more" in said.out
    assert len(synced.sandbox.asked) == asked


def test_a_finding_is_looked_at_again_by_the_state_as_it_is_now(
    oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync beside that moves a file while it is hashed makes no finding."""
    real, moved = StateStore.__init__, list[bool]()
    world_manifest = synced.manifest.read_text()

    def read(self: StateStore, *arguments: object, **more: object) -> None:
        real(self, *arguments, **more)  # type: ignore[arg-type]
        if not moved:
            moved.append(True)
            synced.manifest.write_text(world_manifest + "    path: elsewhere\n")
            synced.sync()

    monkeypatch.setattr(StateStore, "__init__", read)
    said = oncsync("verify")
    assert moved
    assert said.code == 0


def test_a_repair_that_the_service_refused_for_good_names_what_tries_again(oncsync: Command, synced: World) -> None:
    """Rule 4: the files are gone at the service, and it refuses to make them once more."""
    (synced.folder / data_files(synced)[0]).unlink()
    gone = answers(download=lambda asked: refused(410), request=lambda asked: refused(403))
    synced.sandbox.interfere = gone
    assert oncsync("verify", "--repair").code == 3
    said = oncsync("verify", "--repair")
    assert "1 chunk failed for good before: `oncsync sync --retry-failed` tries again" in said.err
    synced.sandbox.interfere = None
    assert oncsync("sync", "--retry-failed").code == 0
    assert oncsync("verify").code == 0
