"""`oncsync prune`: the folder holds no more than the lock wants, and nothing else is ever touched (rule 1)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from oncsync.caretaking import find_unwanted, prune
from oncsync.engine.folder import FolderLock
from oncsync.sandbox import Reply, json_reply
from tests.cli.conftest import Command
from tests.engine.bench import Killed, death_before
from tests.faults.staging import Asking, answers, real_answer
from tests.support.world import CTD_CSV, World

is_root = hasattr(os, "geteuid") and os.geteuid() == 0
SHORTER = CTD_CSV.replace("2015-04-01", "2015-03-01")


@pytest.fixture
def synced(world: World) -> World:
    """A folder that is in sync."""
    assert world.sync().exit_code == 0
    return world


@pytest.fixture
def narrowed(synced: World) -> World:
    """A folder with a month more than its lock wants."""
    synced.write(SHORTER)
    synced.project().resolve()
    return synced


def march(world: World) -> list[str]:
    """Gives the files of the month that is too much."""
    return [path for path in world.tree() if "20150301" in path and "~" not in path]


def planned(oncsync: Command, *flags: str) -> list[tuple[str, str]]:
    """Gives what becomes of which file."""
    said = oncsync("prune", "--dry-run", "--json", *flags)
    assert said.code == 0
    answer: dict[str, Any] = json.loads(said.out)
    assert (answer["version"], answer["dryRun"], answer["removed"]) == (1, True, [])
    return [(one["fate"], one["path"]) for one in answer["files"]]


EDITS = {
    "lateDays": CTD_CSV + "    lateDays: 2\n",
    "end": CTD_CSV.replace("2015-04-01", "2015-05-01"),
    "name": CTD_CSV.replace("name: axis", "name: barkley"),
    "locations": CTD_CSV.replace("BACAX", "[BACAX, BACND]"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_only_the_answer_let_go_of_is_kept_though_the_entry_was_edited(
    oncsync: Command, synced: World, edit: str
) -> None:
    """Issue 6, 8: an entry is resolved when it changes, and that is when an answer that shrank is met."""

    def deployments(asked: Asking) -> Reply:
        rows = real_answer(synced.sandbox, "deployments", asked)
        february = "2015-02-01T00:00:00.000Z"
        return json_reply([row | {"begin": max(row["begin"], february)} for row in rows])

    synced.sandbox.interfere = answers(deployments=deployments)
    synced.write(EDITS[edit])
    assert synced.sync().exit_code == 0
    going = planned(oncsync)
    assert [fate for fate, path in going if "20150101" in path] == ["vanished", "vanished"]
    assert len(going) == 2
    fates = {fate for fate, _ in planned(oncsync, "--include-vanished")}
    assert fates == {"remove"}


def test_what_the_lock_no_longer_wants_is_removed(oncsync: Command, narrowed: World) -> None:
    """And of the state too, so that it is ordered anew when it is wanted again."""
    before, going = narrowed.tree(), march(narrowed)
    said = oncsync("prune", "--yes")
    assert said.code == 0
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("remove ")] == going
    assert "2 files removed" in said.out
    assert narrowed.tree() == {path: content for path, content in before.items() if path not in going}
    assert oncsync("verify").code == 0
    assert oncsync("prune").out.startswith("Nothing to remove")
    assert '"event": "pruned"' in (narrowed.folder / ".oncsync" / "oncsync.log").read_text()
    narrowed.write(CTD_CSV)
    assert narrowed.sync().counts.done == 1
    assert narrowed.tree() == before


def test_a_folder_that_is_as_the_lock_wants_it_is_left_alone(oncsync: Command, synced: World) -> None:
    before = synced.tree()
    assert oncsync("prune", "--yes", "--include-vanished").code == 0
    assert synced.tree() == before


def test_only_what_was_shown_is_removed(narrowed: World) -> None:
    """While a person reads the list, somebody else resolves a lock that wants still less."""
    before, shown = narrowed.tree(), find_unwanted(narrowed.project())
    going = march(narrowed)
    narrowed.write(CTD_CSV.replace("2015-04-01", "2015-02-01"))
    narrowed.project().resolve()
    assert len(find_unwanted(narrowed.project())) > len(shown)
    assert sorted(one.path for one in prune(narrowed.project(), shown).removed) == sorted(going)
    assert set(narrowed.tree()) == set(before) - set(going)


def test_a_dry_run_changes_nothing(oncsync: Command, narrowed: World) -> None:
    before = narrowed.tree()
    assert planned(oncsync) == [("remove", path) for path in march(narrowed)]
    assert narrowed.tree() == before


def test_empty_directories_go_those_of_others_stay(oncsync: Command, synced: World) -> None:
    synced.write(CTD_CSV.replace("CTD\n", "OXYSENSOR\n"))
    (synced.folder / "BACAX" / "mine").mkdir()
    (synced.folder / "mine.txt").write_text("mine")
    synced.project().resolve()
    assert oncsync("prune", "--yes").code == 0
    assert synced.tree() == {"mine.txt": b"mine"}
    assert sorted(path.name for path in (synced.folder / "BACAX").iterdir()) == ["mine"]


def test_a_changed_file_stays_and_is_its_owners(oncsync: Command, narrowed: World) -> None:
    """Only if ours and unchanged, by its content."""
    path = march(narrowed)[0]
    content = bytearray((narrowed.folder / path).read_bytes())
    content[10] ^= 1
    (narrowed.folder / path).write_bytes(bytes(content))
    assert ("changed", path) in planned(oncsync)
    assert oncsync("prune", "--yes").code == 0
    assert (narrowed.folder / path).read_bytes() == bytes(content)
    assert json.loads(oncsync("verify", "--json").out)["extra"] == [path]


def test_a_link_is_never_followed(oncsync: Command, narrowed: World) -> None:
    """What lies outside the folder is none of ours, even with our bytes in it."""
    outside = narrowed.directory / "outside"
    outside.mkdir()
    path = next(path for path in march(narrowed) if "_meta" not in path)
    (narrowed.folder / path).rename(outside / "data.csv")
    (narrowed.folder / path).symlink_to(outside / "data.csv")
    meta = narrowed.folder / next(path for path in march(narrowed) if "_meta" in path)
    meta.parent.rename(outside / "_meta")
    meta.parent.symlink_to(outside / "_meta")
    assert {fate for fate, _ in planned(oncsync)} == {"changed"}
    assert oncsync("prune", "--yes").code == 0
    assert (outside / "data.csv").exists()
    assert (outside / "_meta" / meta.name).exists()


def test_more_than_the_limit_is_refused_before_anything(oncsync: Command, narrowed: World) -> None:
    before = narrowed.tree()
    said = oncsync("prune", "--yes", "--max-delete", "1")
    assert said.code == 2
    assert "more than `--max-delete 1`" in said.err
    assert narrowed.tree() == before
    assert oncsync("prune", "--yes", "--max-delete", "2").code == 0


def test_nobody_to_ask_is_no_yes(oncsync: Command, narrowed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 9."""
    before = narrowed.tree()
    assert oncsync("prune").code == 2
    monkeypatch.setattr("oncsync.cli.asking._is_terminal", lambda stream: True)
    monkeypatch.setattr("click.confirm", lambda *arguments, **more: False)
    assert oncsync("prune").code == 0
    assert narrowed.tree() == before


def test_a_lock_that_is_out_of_date_removes_nothing(oncsync: Command, synced: World) -> None:
    before = synced.tree()
    synced.write(SHORTER)
    said = oncsync("prune", "--yes")
    assert said.code == 1
    assert "run `oncsync resolve`" in said.err
    synced.project().lock_path.unlink()
    assert oncsync("prune", "--yes").code == 1
    assert synced.tree() == before


def test_what_only_oncs_answer_let_go_needs_a_word(oncsync: Command, synced: World) -> None:
    """The manifest's entry is as it was, its requests lost a chunk."""
    path = synced.project().lock_path
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"begin": "2015-03-01' not in line))
    lock = synced.project().read_lock()
    assert lock is not None
    assert len(list(lock.chunks())) == 2
    before = synced.tree()
    assert {fate for fate, _ in planned(oncsync)} == {"vanished"}
    assert oncsync("prune", "--yes").code == 0
    assert synced.tree() == before
    assert oncsync("prune", "--yes", "--include-vanished").code == 0
    assert march(synced) == []


def test_files_that_another_cut_needs_are_kept(oncsync: Command, synced: World) -> None:
    """Covered chunks keep their files; so do those whose own files are not here yet."""
    synced.write(CTD_CSV + "    splitDateRange: all\n")
    synced.project().resolve()
    assert planned(oncsync, "--include-vanished") == []
    synced.write(CTD_CSV.replace("2015-04-01", "2015-05-01") + "    splitDateRange: all\n")
    synced.project().resolve()
    assert synced.project().plan().counts == {"order": 1}
    assert planned(oncsync, "--include-vanished") == []
    synced.sync()
    assert {fate for fate, _ in planned(oncsync)} == {"remove"}


def test_another_oncsync_in_the_folder_is_waited_for_or_named(oncsync: Command, narrowed: World) -> None:
    before = narrowed.tree()
    with FolderLock(narrowed.folder):
        assert oncsync("prune", "--yes").code == 6
    assert narrowed.tree() == before


@pytest.mark.skipif(is_root, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(oncsync: Command, narrowed: World) -> None:
    directory = (narrowed.folder / march(narrowed)[0]).parent
    directory.chmod(0o555)
    try:
        assert oncsync("prune", "--yes").code == 8
    finally:
        directory.chmod(0o755)
    assert oncsync("prune", "--yes").code == 0
    assert march(narrowed) == []


def test_a_file_that_cannot_be_removed_is_told_and_stays_ours(
    oncsync: Command, narrowed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 8, and the next prune goes on."""
    real = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self.name in {Path(path).name for path in march(narrowed)}:
            raise PermissionError(13, "Permission denied", str(self))
        real(self, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink)
        assert oncsync("prune", "--yes").code == 8
    assert len(march(narrowed)) == 2
    assert oncsync("prune", "--yes").code == 0
    assert march(narrowed) == []


@pytest.mark.parametrize("step", range(9))
def test_a_kill_at_any_step_is_ended_by_the_next_prune(
    oncsync: Command, narrowed: World, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """R110: between any two changes of the disk; nothing else is touched, nothing stays behind."""
    from oncsync.caretaking import find_unwanted, prune

    kept = {path: content for path, content in narrowed.tree().items() if path not in march(narrowed)}
    project = narrowed.project()
    shown = find_unwanted(project)
    try:
        with death_before(step, monkeypatch):
            prune(project, shown)
    except Killed:
        pass
    assert {path: content for path, content in narrowed.tree().items() if path not in march(narrowed)} == kept
    assert oncsync("prune", "--yes").code == 0
    assert narrowed.tree() == kept
    assert oncsync("verify").code == 0


@pytest.mark.parametrize("step", [0, 1, 2, 5, 8, 11])
def test_a_kill_during_a_repair_loses_nothing(
    oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """R110, rule 1: the next sync brings the file back, and what was changed lies beside it."""
    from oncsync.caretaking import repair, verify

    before = synced.tree()
    path = next(path for path in before if path.endswith(".csv"))
    (synced.folder / path).write_bytes(before[path][::-1])
    project = synced.project()
    findings = verify(project).findings
    try:
        with death_before(step, monkeypatch):
            repair(project, findings)
    except Killed:
        pass
    assert oncsync("verify", "--repair").code == 0
    assert synced.sync().exit_code == 0
    assert synced.tree() == {**before, path.replace(".csv", "~changed-1.csv"): before[path][::-1]}
