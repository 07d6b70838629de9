"""`oncsync status`: what failed and what helps, what is under way, and what lies in the folder (issue 6, item 7)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncsync.engine.run import Tools
from oncsync.engine.watch import Counts
from tests.cli.conftest import Command
from tests.faults.staging import NO_METADATA, ONE_MONTH, Recorder, answers, refused, runs
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World, quick_sandbox

LONG_NAME = CTD_CSV.replace("name: axis", "name: the-ctd-at-the-axis-of-barkley-canyon")


def told(oncsync: Command) -> dict[str, Any]:
    """Gives the status as programs read it."""
    answer: dict[str, Any] = json.loads(oncsync("status", "--json").out)
    return answer


def request_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Gives the status of the one request."""
    one: dict[str, Any] = answer["entries"][0]["requests"][0]
    return one


# --- Under way -----------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Three chunks whose orders take long."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with quick_sandbox(job_seconds=(600, 600)) as sandbox:
        yield World(tmp_path, sandbox)


class AllAlive(Recorder):
    """A watcher and a clock: an hour passes as soon as three orders are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def progress(self, counts: Counts) -> None:
        """Lets the time pass."""
        if counts.alive == 3:
            self.seconds = 3600.0

    def monotonic(self) -> float:
        """Gives the seconds of the run."""
        return time.monotonic() + self.seconds


def order_all(world: World) -> int:
    """Syncs until every order is placed, then is out of time; gives the exit code."""
    looking = AllAlive()
    tools = Tools(pace=QUICK_PACE, monotonic=looking.monotonic)
    return world.project().sync(tools=tools, watcher=looking, max_seconds=1800).exit_code


def test_pending_chunks_whose_order_is_placed_are_told(slow: World, oncsync: Command) -> None:
    assert order_all(slow) == 7
    answer = told(oncsync)
    assert (answer["pending"], answer["ordered"], request_of(answer)["ordered"]) == (3, 3, 3)
    lines = oncsync("status").out.splitlines()
    assert lines[2] == "    0 of 3 chunks done, 3 pending (3 ordered)"
    assert lines[-1].startswith("3 chunks: 0 done, 0 without data, 0 failed, 3 pending (3 ordered); ")
    assert "3 chunks to do (0 new orders, 3 ordered before)" in oncsync("plan").out


def test_a_chunk_that_is_ordered_again_counts_as_failed_no_more(slow: World, oncsync: Command) -> None:
    """A monitor that looks at `failed` is not alarmed by what is being made."""
    order_all(slow)
    assert oncsync("cancel", "--all", "--yes").code == 0
    answer = told(oncsync)
    assert (answer["failed"], answer["pending"]) == (3, 0)
    assert request_of(answer)["failures"][0]["outcome"] == "expired"
    order_all(slow)
    answer = told(oncsync)
    assert (answer["failed"], answer["pending"], answer["ordered"]) == (0, 3, 3)
    assert request_of(answer)["failures"] == []
    assert {row["state"] for row in json.loads(oncsync("list", "--json").out)["files"]} == {"pending"}


def test_an_order_that_could_not_be_asked_about_is_a_failure_with_its_reason(slow: World, oncsync: Command) -> None:
    """Though it may live: `sync` ended with 3 for it, and points here."""
    slow.write(ONE_MONTH)
    slow.sandbox.interfere = answers(run=lambda asked: refused(400, 5, "busy with something else"))
    assert slow.sync().exit_code == 3
    assert "busy with something else" in request_of(told(oncsync))["failures"][0]["reason"]


# --- What failed ---------------------------------------------------------------------------------------------------


def test_each_cause_has_its_number_and_its_cure(world: World, oncsync: Command) -> None:
    world.sandbox.interfere = answers(run=lambda asked: runs((1, "error", None), is_over=True))
    assert world.sync().exit_code == 3
    shown = oncsync("status").out.splitlines()
    assert shown[3].startswith("    3 failed-retryable, from 2015-01-01: the run failed at the service: ")
    assert shown[4] == "      hint: the next `oncsync sync` tries again"
    (failure,) = request_of(told(oncsync))["failures"]
    assert (failure["chunks"], failure["cure"]) == (3, "the next `oncsync sync` tries again")


@pytest.mark.parametrize(
    ("status", "code", "cure"),
    [
        (403, 127, "ask ONC for access, then `oncsync sync --retry-failed`; or take it out of the manifest"),
        (400, 127, "change what the manifest asks for; `oncsync sync --retry-failed` asks the same again"),
    ],
)
def test_what_is_refused_is_cured_by_whoever_can(
    world: World, oncsync: Command, status: int, code: int, cure: str
) -> None:
    """No word of trying again alone where the same question meets the same answer."""
    world.write(ONE_MONTH)
    world.sandbox.interfere = answers(request=lambda asked: refused(status, code, "Forbidden"))
    assert world.sync().exit_code == 3
    assert oncsync("status").out.splitlines()[4] == f"      hint: {cure}"
    assert oncsync("status", "-q").out.splitlines()[4] == f"      hint: {cure}"


def test_files_that_are_restricted_need_access_and_not_another_try(world: World, oncsync: Command) -> None:
    world.write(ONE_MONTH)
    world.sandbox.interfere = answers(download=lambda asked: refused(403, 127, "Forbidden"))
    assert world.sync().exit_code == 3
    (failure,) = request_of(told(oncsync))["failures"]
    assert failure["cure"].startswith("ask ONC for access")


# --- What is here --------------------------------------------------------------------------------------------------


def test_files_that_are_gone_or_of_another_size_are_not_counted_as_here(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV, settings=NO_METADATA)
    assert world.sync().exit_code == 0
    before = told(oncsync)
    first, second, third = [world.folder / path for path in world.tree()]
    size = first.stat().st_size + second.stat().st_size
    first.unlink()
    second.write_bytes(b"mine")
    answer = told(oncsync)
    assert (before["files"], before["missing"], answer["files"], answer["missing"]) == (3, 0, 1, 2)
    assert answer["bytes"] == before["bytes"] - size == third.stat().st_size
    lines = oncsync("status").out.splitlines()
    assert ", 2 pending, 1 file, " in lines[2]
    assert lines[2].endswith(", 2 files missing here")
    assert "2 files are missing here, or of another size: the next `oncsync sync` fetches them" in lines
    second.unlink()
    assert world.sync().exit_code == 0
    assert told(oncsync)["missing"] == 0


def test_a_missing_file_that_nobody_asks_for_is_not_here_either(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV, settings=NO_METADATA)
    world.sync()
    last = world.folder / list(world.tree())[-1]
    world.write(CTD_CSV.replace("2015-04-01", "2015-03-01"), settings=NO_METADATA)
    oncsync("resolve")
    assert told(oncsync)["unwantedFiles"] == 1
    last.unlink()
    assert (told(oncsync)["unwantedFiles"], told(oncsync)["missing"]) == (0, 0)


# --- On a terminal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["status"], ["plan"], ["prune", "--dry-run"]], ids=" ".join)
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    world.write(LONG_NAME)
    world.sync()
    world.write(LONG_NAME.replace("2015-04-01", "2015-03-01"))
    oncsync("resolve")
    plain = oncsync(*command).out
    assert any(len(line) > 60 for line in plain.splitlines())
    monkeypatch.setenv("COLUMNS", "60")
    assert oncsync(*command).out == plain, "a program gets each line as it is"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = oncsync(*command).out
    assert shown.split() == plain.split()
    assert all(len(line) <= 60 or " " not in line.strip() for line in shown.splitlines())
