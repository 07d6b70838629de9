"""Everything that can be wrong gets one clear message and the right exit code, and nothing is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from oncsync.sandbox import Fault, Faults
from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, TOKEN, World


def test_a_missing_token_exits_four_and_says_where_to_get_one(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R22."""
    monkeypatch.delenv("ONC_TOKEN")
    said = oncsync("sync")
    assert said.code == 4
    assert "Web Services API" in said.err
    assert "ONC_TOKEN" in said.err


def test_a_wrong_token_exits_four_and_is_not_shown(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "0badc0de-0000-4000-8000-000000000000"
    monkeypatch.setenv("ONC_TOKEN", wrong)
    said = oncsync("resolve")
    assert said.code == 4
    assert wrong not in said.out + said.err
    assert not (world.directory / "oncsync.lock").exists()


@pytest.mark.parametrize("command", ["sync", "plan", "resolve"])
def test_what_ends_a_command_is_told_as_json_where_json_was_asked_for(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One object, on stdout; the person at the terminal reads the same on stderr."""
    wrong = "0badc0de-0000-4000-8000-000000000000"
    monkeypatch.setenv("ONC_TOKEN", wrong)
    said = oncsync(command, "--json")
    answer = json.loads(said.out)
    assert (answer["version"], answer["exitCode"], said.code) == (1, 4, 4)
    assert answer["error"] in said.err
    assert answer["hint"] in said.err
    assert wrong not in said.out
    assert oncsync(command).out == ""


def test_a_run_that_was_ended_early_says_in_json_by_what(world: World, oncsync: Command) -> None:
    said = oncsync("sync", "--json", "--max-time", "0s")
    answer = json.loads(said.out)
    assert (said.code, answer["exitCode"]) == (7, 7)
    assert "--max-time" in answer["stopped"]
    assert answer["unresolved"] is None


def test_a_token_that_is_revoked_between_resolve_and_sync_stops_at_once(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    oncsync("resolve")
    monkeypatch.setenv("ONC_TOKEN", "0badc0de-0000-4000-8000-000000000000")
    said = oncsync("sync")
    assert said.code == 4
    assert world.asked("request") <= 4
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    assert oncsync("sync").code == 0


def test_wrong_codes_are_named_with_their_place_and_the_nearest(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV.replace("BACAX", "BACAXX").replace("CTD\n", "CDT\n"))
    said = oncsync("resolve")
    assert said.code == 2
    assert "oncsync.yaml:6:19: `axis`: ONC knows no locationCode `BACAXX`" in said.err
    assert "did you mean `BACAX`" in said.err
    assert "oncsync.yaml:7:25: `axis`: ONC knows no deviceCategoryCode `CDT`" in said.err
    assert "did you mean `CTD` (" in said.err
    assert not (world.directory / "oncsync.lock").exists()


def test_three_mistakes_are_told_at_once_with_their_places(world: World, oncsync: Command) -> None:
    world.write(
        CTD_CSV.replace("locationCode", "locatonCode").replace("2015-01-01", "2013-20-23"), "  runThreads: none\n"
    )
    said = oncsync("resolve")
    assert said.code == 2
    assert "oncsync.yaml:5:15: " in said.err
    assert "oncsync.yaml:8:5: `locatonCode`" in said.err
    assert "did you mean `locationCode`?" in said.err
    assert "did you mean `2013-10-23`?" in said.err
    assert not world.sandbox.asked


def test_a_service_that_is_down_exits_five_and_keeps_the_lock(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    lock = (world.directory / "oncsync.lock").read_bytes()
    world.sandbox.stop()
    said = oncsync("sync")
    assert said.code == 5
    assert "run the same command again" in said.err
    assert (world.directory / "oncsync.lock").read_bytes() == lock


def test_a_service_that_answers_nothing_but_faults_exits_five_and_writes_no_lock(
    world: World, oncsync: Command
) -> None:
    """F7: not "nothing to do"."""
    world.sandbox.faults = Faults([Fault("html-200", on="*")])
    said = oncsync("sync")
    assert said.code == 5
    assert "The service cannot be used now" in said.err
    assert "Nothing to do" not in said.out
    assert not (world.directory / "oncsync.lock").exists()


def test_an_entry_that_is_not_resolved_is_something_to_do(world: World, oncsync: Command) -> None:
    world.sandbox.faults = Faults([Fault("bad-json", on="deployments")])
    said = oncsync("sync")
    assert said.code == 3
    assert "could not be resolved" in said.err
    assert "Nothing to do" not in said.out


def test_sync_goes_on_with_the_lock_it_has_when_discovery_is_down(world: World, oncsync: Command) -> None:
    oncsync("sync")
    world.write(CTD_CSV.replace("2015-04-01", "2015-05-01"))
    world.sandbox.stop()
    said = oncsync("sync")
    assert said.code == 5
    assert "could not be resolved again and is used as it is" in said.err
    assert "as the lock wants it" not in said.out
    assert len(world.tree()) == 6


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self").exists(), reason="root can write anywhere")
def test_a_folder_that_cannot_be_written_exits_eight(world: World, oncsync: Command) -> None:
    place = "/proc/oncsync-data" if Path("/proc/self").exists() else "/oncsync-data"
    said = oncsync("sync", "--folder", place)
    assert said.code == 8
    assert f"`{place}`" in said.err
    assert world.asked("request") == 0


def test_a_folder_that_is_a_file_exits_eight(world: World, oncsync: Command) -> None:
    world.folder.write_text("mine")
    said = oncsync("sync")
    assert said.code == 8
    assert world.folder.read_text() == "mine"


def test_a_full_disk_exits_eight_and_the_next_run_goes_on(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while a file arrives: nothing half-written gets a final name, nothing is ordered twice."""
    from oncsync.engine import transfers

    real = transfers._write_all

    def full(stream: object, block: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfers, "_write_all", full)
    said = oncsync("sync")
    assert said.code == 8
    assert "no space left on device" in said.err
    assert not world.tree()
    monkeypatch.setattr(transfers, "_write_all", real)
    ordered = world.asked("request")
    assert oncsync("sync").code == 0
    assert world.asked("request") == max(ordered, 3)
    assert len(world.tree()) == 6


def test_another_manifest_on_the_same_folder_is_refused(world: World, oncsync: Command) -> None:
    oncsync("sync")
    other = world.directory / "other.yaml"
    other.write_text(world.manifest.read_text())
    said = oncsync("sync", "-m", "other.yaml")
    assert said.code == 2
    assert "`../oncsync.yaml`" in said.err
    assert "`../other.yaml`" in said.err
    assert oncsync("sync", "-m", "other.yaml", "--take-over").code == 0


def test_a_folder_that_another_oncsync_holds_exits_six(world: World, oncsync: Command) -> None:
    from oncsync.engine.folder import FolderLock, prepare_folder

    prepare_folder(world.folder)
    with FolderLock(world.folder):
        said = oncsync("sync")
    assert said.code == 6
    assert f"process {os.getpid()}" in said.err


def test_a_bug_of_ours_exits_seventy_with_the_traceback_in_the_log(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError(f"token={TOKEN}")

    monkeypatch.setattr("oncsync.resolver.resolve_manifest", broken)
    said = oncsync("resolve")
    assert said.code == 70
    assert "ZeroDivisionError" in said.err
    path = Path(said.err.split("the traceback is in `")[1].split("`")[0])
    assert "Traceback" in path.read_text()
    assert TOKEN not in path.read_text() + said.err


@pytest.mark.parametrize("arguments", [["synk"], ["sync", "--bogus"], ["sync", "--max-time", "soon"], ["import"]])
def test_bad_usage_exits_two(world: World, oncsync: Command, arguments: list[str]) -> None:
    said = oncsync(*arguments)
    assert said.code == 2
    assert said.out == ""
    if arguments == ["synk"]:
        assert "Did you mean `sync`?" in said.err


def test_download_at_the_top_is_taken_for_downloads(world: World, oncsync: Command) -> None:
    text = world.manifest.read_text().replace("downloads:", "download:")
    world.manifest.write_text(text)
    assert "did you mean `downloads`?" in oncsync("resolve").err


def test_an_extension_that_prefer_misspells_is_named(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV.replace("extension: csv", "prefer: [cvs, json]"))
    said = oncsync("resolve")
    assert said.code == 2
    assert "ONC knows no extension `cvs`" in said.err
    assert "did you mean `csv`" in said.err


def test_a_moving_span_that_the_split_widens_is_remarked_on(world: World, oncsync: Command) -> None:
    moving = CTD_CSV.replace("begin: 2015-01-01", "begin: -PT1H").replace("end: 2015-04-01", "end: now")
    world.write(moving + "    splitDateRange: year\n")
    assert "is asked in whole pieces of `splitDateRange: year`" in oncsync("resolve").err
    world.write(moving + "    splitDateRange: hour\n")
    assert "whole pieces" not in oncsync("resolve").err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_an_answer_that_cannot_be_written_is_no_bug(world: World, oncsync: Command) -> None:
    import subprocess
    import sys

    from tests.support.world import child_environment

    oncsync("resolve")
    command = [sys.executable, "-m", "oncsync", "status"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            command, cwd=world.directory, env=child_environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 8
    assert b"No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr
