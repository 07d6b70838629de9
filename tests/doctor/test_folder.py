"""The folder, its state and who works in it: looked at, never touched."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import portalocker
import pytest

from oncsync.doctor.folder import check_holder
from oncsync.engine.folder import FolderLock, Holder, prepare_folder
from oncsync.engine.slots import Slot, SlotBook, slots_folder
from oncsync.state import Started, StateStore
from oncsync.state.records import State
from oncsync.state.store import render_state
from tests.doctor.conftest import NOW, Diagnose, finding, own, tree, write_manifest

ONC = "https://data.oceannetworks.ca/"
NO_PROCESS = 4_194_304 * 2  # above the largest number that Linux gives


def holder(**changed: object) -> bytes:
    """Gives what a sync of this machine and process writes about itself at noon."""
    members = {
        "host": socket.gethostname(),
        "user": "anna",
        "process": os.getpid(),
        "since": NOW - timedelta(hours=2),
        "heartbeat": NOW - timedelta(seconds=5),
    }
    return msgspec.json.encode(Holder(**(members | changed)))  # type: ignore[arg-type]


def begin_state(place: Path, manifest: str = "../oncsync.yaml", server: str = "production") -> None:
    """Leaves the state of a sync that began."""
    store = StateStore(place / "state.json")
    store.open_journal()
    store.record(Started(at=NOW, manifest=manifest, server=server, settings={}))
    store.close()


def slot(number: int, **changed: object) -> Slot:
    """Gives the record of an order that lives."""
    members = {
        "id": f"{number}",
        "chunk": "c",
        "folder": "/data",
        "host": socket.gethostname(),
        "process": 1,
        "since": NOW - timedelta(hours=number),
        "expires": NOW + timedelta(hours=1),
        "order": number,
    }
    return Slot(**(members | changed))  # type: ignore[arg-type]


# --- The folder ------------------------------------------------------------------------------------------------


def test_everything_is_as_it_was_afterwards(diagnose: Diagnose, tmp_path: Path) -> None:
    """Contents and times of what is there; no file more, none less."""
    write_manifest(tmp_path)
    place = own(tmp_path)
    begin_state(place)
    (place / "lock").write_bytes(holder())
    (place / "partial" / "7-1.part").write_bytes(b"half")
    before, times = tree(tmp_path), {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    report = diagnose(offline=True)
    assert report.exit_code == 0
    assert tree(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_folder_that_is_not_there_is_not_made(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    report = diagnose(offline=True)
    assert "is made by the first sync" in finding(report, "folder").what
    assert finding(report, "writing").verdict == "ok", "tried in the folder that it will lie in"
    assert [path.name for path in tmp_path.iterdir()] == ["oncsync.yaml"]


def test_a_folder_without_a_manifest_is_looked_at_too(diagnose: Diagnose, tmp_path: Path) -> None:
    begin_state(own(tmp_path))
    report = diagnose(offline=True, folder="data")
    assert finding(report, "owner").what == "belongs to the manifest `../oncsync.yaml`, with data from `production`"


def test_without_a_folder_nothing_is_guessed(diagnose: Diagnose) -> None:
    assert finding(diagnose(offline=True), "folder").verdict == "skipped"


def test_a_file_in_the_folders_place_is_exit_8(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    (tmp_path / "data").write_text("mine")
    report = diagnose(offline=True)
    assert (finding(report, "folder").verdict, report.exit_code) == ("problem", 8)
    assert "is a file, not a folder" in finding(report, "folder").what


def test_a_foreign_own_place_is_exit_8(diagnose: Diagnose, tmp_path: Path) -> None:
    """A link that came with a copied folder could lead anywhere."""
    write_manifest(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".oncsync").symlink_to(tmp_path / "elsewhere")
    report = diagnose(offline=True)
    assert (finding(report, "folder").verdict, report.exit_code) == ("problem", 8)
    assert "is not what oncsync makes there" in finding(report, "folder").what


def test_what_belongs_to_somebody_else_is_exit_8(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    place = own(tmp_path)
    begin_state(place)
    report = diagnose(offline=True, may_write=lambda path: path.name != "state.journal")
    folder = finding(report, "folder")
    assert (folder.verdict, report.exit_code) == ("problem", 8)
    assert folder.facts["notWritable"] == [str(place / "state.journal")]


def test_the_folder_of_another_manifest_is_exit_2(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    begin_state(own(tmp_path), manifest="../other.yaml")
    report = diagnose(offline=True)
    owner = finding(report, "owner")
    assert (owner.verdict, report.exit_code) == ("problem", 2)
    assert "belongs to the manifest `../other.yaml`" in owner.what
    assert "--take-over" in (owner.hint or "")


def test_partial_files_are_counted(diagnose: Diagnose, tmp_path: Path) -> None:
    place = own(tmp_path)
    (place / "partial" / "7-1.part").write_bytes(b"half")
    (place / "partial" / "7-2.part").write_bytes(b"a third")
    found = finding(diagnose(offline=True, folder="data"), "partial")
    assert (found.verdict, found.facts) == ("ok", {"files": 2, "bytes": 11})


# --- The state -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'{"version": 1', "is not a state document"), (b'{"version": 99}', "has format version 99")],
)
def test_a_state_that_cannot_be_read_is_exit_2(diagnose: Diagnose, tmp_path: Path, content: bytes, said: str) -> None:
    (own(tmp_path) / "state.json").write_bytes(content)
    report = diagnose(offline=True, folder="data")
    assert (finding(report, "state").verdict, report.exit_code) == ("problem", 2)
    assert said in finding(report, "state").what
    assert finding(report, "owner").verdict == "skipped"


def test_a_torn_journal_is_a_warning_and_stays_as_it_is(diagnose: Diagnose, tmp_path: Path) -> None:
    place = own(tmp_path)
    begin_state(place)
    torn = (place / "state.journal").read_bytes() + b'{"type":"or'
    (place / "state.journal").write_bytes(torn)
    report = diagnose(offline=True, folder="data")
    assert (finding(report, "state").verdict, report.exit_code) == ("warning", 0)
    assert "were not whole" in finding(report, "state").what
    assert (place / "state.journal").read_bytes() == torn


@pytest.mark.parametrize(
    ("fact", "name"), [("damagedJournal", "state.journal.damaged"), ("damagedState", "state.json.damaged")]
)
def test_what_was_kept_as_damaged_is_named(diagnose: Diagnose, tmp_path: Path, fact: str, name: str) -> None:
    place = own(tmp_path)
    (place / "state.json").write_bytes(render_state(State()))
    (place / name).write_bytes(b"?")
    state = finding(diagnose(offline=True, folder="data"), "state")
    assert state.verdict == "warning"
    assert state.facts[fact] == str(place / name)
    assert str(place / name) in (state.hint or "")


# --- Who works here --------------------------------------------------------------------------------------------


def look(tmp_path: Path, content: bytes) -> tuple[str, str, object]:
    """Gives verdict, text and whether it counts as held, for what a lock file says."""
    path = tmp_path / "lock"
    path.write_bytes(content)
    found = check_holder(path, NOW)
    return found.verdict, found.what, found.facts.get("held")


def test_nobody_works_where_the_lock_is_empty(tmp_path: Path) -> None:
    assert look(tmp_path, b"") == ("ok", "nobody works here now", False)


def test_a_sync_of_this_machine_is_named_and_no_problem(tmp_path: Path) -> None:
    verdict, what, held = look(tmp_path, holder())
    assert (verdict, held) == ("ok", True)
    assert f"anna on {socket.gethostname()}, process {os.getpid()}, since 2026-11-21 10:00 UTC" in what


def test_a_sync_of_another_machine_is_a_warning(tmp_path: Path) -> None:
    verdict, what, held = look(tmp_path, holder(host="elsewhere", process=NO_PROCESS))
    assert (verdict, held) == ("warning", True)
    assert "another machine" in what


@pytest.mark.parametrize(
    "left", [holder(process=NO_PROCESS), holder(host="elsewhere", heartbeat=NOW - timedelta(minutes=2))]
)
def test_a_lock_that_was_left_behind_is_told_apart(tmp_path: Path, left: bytes) -> None:
    verdict, what, held = look(tmp_path, left)
    assert (verdict, held) == ("warning", False)
    assert "left behind" in what


def test_a_process_that_is_there_but_silent_is_a_warning(tmp_path: Path) -> None:
    verdict, what, held = look(tmp_path, holder(heartbeat=NOW - timedelta(minutes=10)))
    assert (verdict, held) == ("warning", True)
    assert "silent for 600 s" in what


@pytest.mark.parametrize("content", [b"\xff\x00", b"[]", b'{"host": 1}'])
def test_a_lock_that_cannot_be_read_is_a_warning(tmp_path: Path, content: bytes) -> None:
    assert look(tmp_path, content)[0] == "warning"


def test_a_running_sync_keeps_its_lock(diagnose: Diagnose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of the system is never tried, not even for an instant: a sync that begins then would be turned away."""
    folder = tmp_path / "data"
    prepare_folder(folder)
    with FolderLock(folder, now=lambda: NOW):
        before = (folder / ".oncsync" / "lock").read_bytes()
        tried: list[Path] = []
        take = portalocker.lock

        def note(file: Any, flags: Any) -> None:
            tried.append(Path(file.name))
            take(file, flags)

        monkeypatch.setattr(portalocker, "lock", note)
        report = diagnose(offline=True, folder="data")
        monkeypatch.undo()
        assert (folder / ".oncsync" / "lock").read_bytes() == before
    assert finding(report, "holder").facts["held"] is True
    assert len(tried) == 2, "the probe's own lock, twice"
    assert folder / ".oncsync" / "lock" not in tried


# --- Live orders -----------------------------------------------------------------------------------------------


def write_slots(*slots: Slot) -> Path:
    """Writes the records of live orders at production."""
    path = SlotBook(slots_folder(), ONC, Path("/data")).path
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(slots))
    return path


def test_live_orders_are_counted_and_expired_ones_told(diagnose: Diagnose) -> None:
    path = write_slots(slot(1), slot(2, folder="/other"), slot(3, expires=NOW - timedelta(hours=1)))
    before = path.read_bytes()
    orders = finding(diagnose(offline=True), "orders")
    assert orders.verdict == "ok"
    assert orders.what == "2 orders of yours alive at the service; 1 expired"
    assert orders.facts == {
        "alive": 2,
        "expired": 1,
        "limit": None,
        "oldest": "2026-11-21T10:00:00.000Z",
        "folders": ["/data", "/other"],
    }
    assert path.read_bytes() == before, "expired records are left to the next sync"


def test_a_quota_that_is_used_up_is_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    write_slots(*(slot(number) for number in range(1, 5)))
    orders = finding(diagnose(offline=True), "orders")
    assert (orders.verdict, orders.facts["limit"]) == ("warning", 4)
    assert "at most 4 may be" in orders.what


def test_damaged_records_of_orders_stay_where_they_are(diagnose: Diagnose) -> None:
    path = write_slots()
    path.write_bytes(b"{")
    assert finding(diagnose(offline=True), "orders").verdict == "warning"
    assert path.read_bytes() == b"{"
