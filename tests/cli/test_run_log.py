"""`oncsync.log` tells all that happened: each run's begin and end, what was warned of, and which order is meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from oncsync.cli import syncing
from oncsync.cli.ending import TerminatedError
from oncsync.engine.folder import FolderLock
from tests.cli.conftest import Command
from tests.faults.staging import ONE_MONTH, answers, runs
from tests.support.world import CTD_CSV, TOKEN, World, quick_sandbox

BAD_TOKEN = "00000000-bad0-4bad-8bad-000000000bad"
LATELY = CTD_CSV.replace("begin: 2015-01-01", "begin: -P1D").replace("    end: 2015-04-01\n", "")


def log_of(world: World) -> list[dict[str, Any]]:
    """Gives the lines of the log."""
    path = world.folder / ".oncsync" / "oncsync.log"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def last_run(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gives the first and the last line of the last run."""
    lines = log_of(world)
    begin = max(number for number, line in enumerate(lines) if line["event"] == "begin")
    return lines[begin], lines[-1]


def test_a_run_has_a_first_and_a_last_line(world: World, oncsync: Command) -> None:
    """Rule 9. Also one that finds nothing to do."""
    assert oncsync("sync").code == 0
    lines = log_of(world)
    assert [line["event"] for line in (lines[0], lines[-1])] == ["begin", "end"]
    assert lines[0]["text"].startswith("`sync` begins: oncsync ")
    assert (lines[-1]["exitCode"], lines[-1]["level"]) == (0, "info")
    assert "3 done, 0 empty, 0 failed of 3 chunks, 6 files, 0 orders alive" in lines[-1]["text"]
    assert oncsync("sync").code == 0
    assert len(log_of(world)) == len(lines) + 2


def test_a_refused_token_is_in_the_log_and_in_no_part_of_it(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules 5 and 9: exit 4 under cron. When it is the sync that meets it, and when it is the resolution."""
    oncsync("resolve")
    monkeypatch.setenv("ONC_TOKEN", BAD_TOKEN)
    assert oncsync("sync", "-q").code == 4
    begin, end = last_run(world)
    assert (begin["event"], end["event"], end["exitCode"], end["level"]) == ("begin", "end", 4, "error")
    assert "token" in end["text"]
    world.write(LATELY)
    assert oncsync("sync", "-q").code == 4
    assert last_run(world)[1]["exitCode"] == 4
    assert len(log_of(world)) == 4
    assert BAD_TOKEN not in (world.folder / ".oncsync" / "oncsync.log").read_text()


def test_an_end_by_max_time_is_in_the_log(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    assert oncsync("sync", "-q", "--max-time", "0s").code == 7
    end = last_run(world)[1]
    assert (end["exitCode"], end["level"]) == (7, "info")
    assert "`--max-time` is over; 3 of 3 chunks are left" in end["text"]


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (TerminatedError, 143), (ValueError, 70)])
def test_whatever_ends_a_run_is_its_last_line(
    world: World,
    oncsync: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: type[BaseException],
    code: int,
) -> None:
    monkeypatch.setattr("platformdirs.user_log_dir", lambda *names, **more: str(tmp_path / "logs"))

    def end(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(syncing, "_review", end)
    assert oncsync("sync").code == code
    assert last_run(world)[1]["exitCode"] == code


def test_a_run_that_another_keeps_out_is_in_the_log(world: World, oncsync: Command) -> None:
    assert oncsync("sync").code == 0
    with FolderLock(world.folder):
        assert oncsync("sync").code == 6
    end = last_run(world)[1]
    assert end["exitCode"] == 6
    assert "Another oncsync works" in end["text"]


def test_nothing_is_written_where_the_folder_is_not_ours(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not into another manifest's log, and no folder is made for the sake of a log."""
    world.write(LATELY)
    monkeypatch.setenv("ONC_TOKEN", BAD_TOKEN)
    assert oncsync("sync").code == 4
    assert not world.folder.exists()
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    world.write(ONE_MONTH)
    assert oncsync("sync").code == 0
    before = log_of(world)
    other = world.directory / "other.yaml"
    other.write_text(world.manifest.read_text())
    assert oncsync("sync", "-m", "other.yaml").code == 2
    assert log_of(world) == before


def test_a_file_that_is_set_aside_is_in_the_log(world: World, oncsync: Command) -> None:
    """What is told on stderr alone is gone with the terminal."""
    world.write(ONE_MONTH)
    oncsync("sync")
    path = next(path for path in world.tree() if path.endswith(".csv"))
    (world.folder / path).write_text("mine, and longer than what was here? no: of another size")
    assert "~changed-1" in oncsync("sync").err
    assert any("~changed-1" in line["text"] for line in log_of(world))


def test_a_repair_has_a_first_and_a_last_line_too(world: World, oncsync: Command) -> None:
    world.write(ONE_MONTH)
    oncsync("sync")
    (world.folder / next(iter(world.tree()))).unlink()
    assert oncsync("verify", "--repair").code == 0
    begin, end = last_run(world)
    assert begin["text"].startswith("`verify --repair` begins")
    assert end["exitCode"] == 0


def test_every_line_about_an_order_names_it_as_onc_does(world: World, oncsync: Command) -> None:
    """What ONC's help desk asks for, of an order that failed most of all."""
    world.write(ONE_MONTH)
    world.sandbox.interfere = answers(run=lambda asked: runs((47, "error", 0), is_over=True))
    assert oncsync("sync").code == 3
    world.sandbox.interfere = None
    asked = {line["event"]: line for line in log_of(world) if line.get("chunk")}
    number = asked["ordered"]["dpRequestId"]
    assert isinstance(number, int)
    assert "dpRunIds" not in asked["ordered"]
    assert (asked["failed-retryable"]["dpRequestId"], asked["failed-retryable"]["dpRunIds"]) == (number, [47])


def test_all_that_lies_in_oncsyncs_own_place_is_documented(world: World, oncsync: Command) -> None:
    """docs/folder.md."""
    world.write(LATELY)
    oncsync("sync")
    oncsync("sync")
    page = (Path(__file__).resolve().parents[2] / "docs" / "folder.md").read_text(encoding="utf-8")
    table = page.partition("## oncsync's own")[2].partition("Beside the manifest")[0]
    named = {name.rstrip("/") for name in re.findall(r"`([^`]+)`", table)}
    assert {path.name for path in (world.folder / ".oncsync").iterdir()} <= named


def test_orders_that_live_on_are_told_whatever_ends_the_run(
    tmp_path: Path, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with quick_sandbox(job_seconds=(600, 600)) as sandbox:
        World(tmp_path, sandbox, CTD_CSV)
        oncsync("resolve")
        said = oncsync("sync", "--max-time", "0.5s")
        assert said.code == 7
        assert "3 orders at the service stay alive; the next `sync` takes them up" in said.err
        assert oncsync("cancel", "--all", "--yes").code == 0
