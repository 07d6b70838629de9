"""A hostile folder, a hostile service: what others put in the way is never touched, and never believed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from oncsync.errors import FolderError
from oncsync.sandbox import Reply, content_of
from tests.faults.staging import Recorder, sync
from tests.support.world import TOKEN, World


def _file(body: bytes, name: str, **headers: str) -> Reply:
    disposition = ("Content-Disposition", f"attachement; filename={name}")
    return Reply(200, "text/csv", content_of(body), (disposition, *headers.items()))


@pytest.mark.parametrize("inner", ["partial", "lock", "oncsync.log", "state.json", "state.journal", "relative.lock"])
def test_a_link_in_our_own_place_is_refused_and_leads_nowhere(world: World, tmp_path: Path, inner: str) -> None:
    """Rules 1 and 7: a copied folder may carry links; what they point at stays as it is."""
    world.project().resolve()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("mine")
    own = world.folder / ".oncsync"
    own.mkdir(parents=True)
    (own / inner).symlink_to(victim if inner == "partial" else victim / "thesis.txt")
    with pytest.raises(FolderError, match="is not what oncsync makes there"):
        world.sync()
    assert (victim / "thesis.txt").read_text() == "mine"
    assert world.asked("request") == 0


def test_a_pipe_in_our_own_place_hangs_nobody(world: World) -> None:
    world.project().resolve()
    own = world.folder / ".oncsync"
    own.mkdir(parents=True)
    os.mkfifo(own / "state.json")
    with pytest.raises(FolderError, match=r"state\.json"):
        world.project().plan()
    with pytest.raises(FolderError, match=r"state\.json"):
        world.sync()


def test_files_in_partial_that_are_not_ours_stay(world: World) -> None:
    partial = world.folder / ".oncsync" / "partial"
    partial.mkdir(parents=True)
    (partial / "thesis.txt").write_text("mine")
    (partial / f"{'a' * 20}-1-1.00000000.part").write_text("ours, left over")
    assert world.sync().exit_code == 0
    assert [path.name for path in partial.iterdir()] == ["thesis.txt"]


def test_a_damaged_book_of_slots_is_kept_aside_and_said(world: World) -> None:
    from tests.engine.test_sync import Recorder

    world.sync()
    books = list(Path(os.environ["XDG_STATE_HOME"]).rglob("slots/*.json"))
    assert len(books) == 1
    books[0].write_text('[{"id": 1}]')
    world.write(
        "  - {name: b, locationCode: NC89, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,"
        " begin: 2015-01-01, end: 2015-02-01}\n"
    )
    recorder = Recorder()
    assert world.sync(watcher=recorder).exit_code == 0
    assert any("were damaged" in notice.text for notice in recorder.notices)
    assert books[0].with_suffix(".damaged").read_text() == '[{"id": 1}]'


@pytest.mark.parametrize("name", ["_meta", "_META"])
def test_a_file_named_as_our_folder_takes_another_name(world: World, name: str) -> None:
    def interfere(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        if path.endswith("/download") and parameters.get("index") == "1":
            return _file(b"1,2\n", name)
        return None

    world.sandbox.interfere = interfere
    assert world.sync().counts.done == 3
    assert sum(path.rpartition("/")[2].startswith(f"{name}_") for path in world.tree()) == 3
    assert world.sync().exit_code == 0


def test_a_service_that_gives_one_file_for_every_index_is_asked_a_bounded_number_of_times(world: World) -> None:
    def interfere(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        if path.endswith("/download") and parameters.get("index") != "meta":
            return _file(b"1,2\n", "same.csv")
        return None

    world.sandbox.interfere = interfere
    assert world.sync().counts.done == 3
    assert world.asked("download") < 3 * 10


@pytest.mark.parametrize(
    ("body", "name", "headers"),
    [
        (b"1,2\n", "cut.csv", {"Content-Length": "-5"}),
        (b"<!-- gateway --><HTML><title>Login</title></HTML>", "x.csv", {}),
        (b'{"errors":[{"errorCode":1,"errorMessage":"no","parameter":"x"}]}', "x.json", {}),
    ],
)
def test_what_is_not_the_file_is_not_taken_for_it(
    world: World, body: bytes, name: str, headers: dict[str, str]
) -> None:
    """Open questions 2 and 5."""

    def interfere(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        if path.endswith("/download") and parameters.get("index") == "1":
            return _file(body, name, **headers)
        return None

    world.sandbox.interfere = interfere
    result = world.sync()
    assert (result.counts.done, result.exit_code) == (0, 3)
    assert not world.tree()


def test_a_token_in_a_files_name_is_not_kept(world: World) -> None:
    """Rule 5: the service echoes the token in many places."""

    def interfere(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        if path.endswith("/download") and parameters.get("index") == "1":
            return _file(b"1,2\n", f"data_{TOKEN}.csv")
        return None

    world.sandbox.interfere = interfere
    assert world.sync().counts.done == 3
    assert not [path for path in world.tree() if TOKEN in path]
    assert TOKEN not in (world.folder / ".oncsync" / "state.json").read_text()


def test_a_log_that_cannot_be_written_ends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    def full(self: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ConcurrentRotatingFileHandler, "close", full)
    assert world.sync().counts.done == 3


def test_a_service_whose_clock_is_absurd_is_not_believed(world: World) -> None:
    from datetime import datetime, timezone

    world.sandbox._now = lambda: datetime(9999, 12, 31, tzinfo=timezone.utc)
    project = world.project()
    assert project.resolve().change.chunk_ids == 3
    assert not [notice for notice in project.notices if "clock" in notice]


def test_whole_lines_behind_a_damaged_one_are_kept_for_a_person(world: World) -> None:
    world.project().resolve()
    world.sync_in_child(kill_after=9)
    journal = world.folder / ".oncsync" / "state.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"event", b"evemt")
    journal.write_bytes(b"".join(lines))
    assert world.sync().exit_code == 0
    kept = journal.with_name("state.journal.damaged").read_bytes()
    assert kept == b"".join(lines)


@pytest.mark.parametrize("state", ["x.journal", ".oncsync/partial/x.json", "BACAX", ".oncsync/lock"])
def test_a_state_in_a_place_that_is_used_otherwise_is_refused(world: World, state: str) -> None:
    from oncsync.errors import ProblemsError
    from tests.support.world import CTD_CSV

    world.write(CTD_CSV, settings=f"  state: {state}\n")
    with pytest.raises(ProblemsError, match="is no place for the state"):
        world.project().resolve()


def test_a_file_where_a_folder_has_to_be_is_named(world: World) -> None:
    (world.folder / "BACAX").mkdir(parents=True)
    (world.folder / "BACAX" / "CTD").write_text("mine")
    with pytest.raises(FolderError) as caught:
        world.sync()
    assert "move away the file" in (caught.value.hint or "")
    assert (world.folder / "BACAX" / "CTD").read_text() == "mine"


def test_a_folder_whose_name_is_no_utf8_works(world: World) -> None:
    from oncsync.project import Project

    odd = os.fsdecode(os.fsencode(world.directory / "caf") + b"\xe9")
    try:
        Path(odd).mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    from oncsync.engine.run import Tools
    from tests.support.world import QUICK_PACE

    project = Project(world.manifest, folder=odd)
    assert project.sync(tools=Tools(pace=QUICK_PACE)).counts.done == 3
    assert json.dumps(project.status().folder)


def test_a_folder_that_lost_its_records_is_told_before_all_is_ordered_again(world: World) -> None:
    """What lies there stays as it is; a first sync into an empty folder says nothing of the kind."""
    recorder = Recorder()
    assert sync(world, watcher=recorder).exit_code == 0
    assert [notice for notice in recorder.notices if "knows nothing of" in notice.text] == []
    before = world.tree()
    shutil.rmtree(world.folder / ".oncsync")
    assert sync(world, watcher=recorder).exit_code == 0
    texts = [notice.text for notice in recorder.notices]
    warned = next(number for number, text in enumerate(texts) if "knows nothing of lie in `BACAX/CTD" in text)
    assert warned < max(number for number, notice in enumerate(recorder.notices) if notice.event == "ordered")
    assert before.items() <= world.tree().items()
