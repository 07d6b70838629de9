"""`oncsync sync --every` and what else is for a sync that nobody watches (issue 6, item 6)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from oncsync.caretaking import repeating
from oncsync.cli.ending import TerminatedError
from oncsync.engine.folder import FolderLock
from oncsync.sandbox import Reply
from tests.cli.conftest import Command, Said
from tests.faults.staging import NO_METADATA, ONE_MONTH, Asking, answers, down, refused, runs
from tests.support.records import at
from tests.support.world import AS_IN_A_TERMINAL, CTD_CSV, TOKEN, World, child_environment

Between = Callable[[int], None]


class Waiting:
    """A clock for `--every` that moves by sleeping; `between` is called before each further run, with its number."""

    def __init__(self) -> None:
        self.time = at("2026-11-21T12:00")
        self.most = 3
        self.between: Between = lambda number: None
        self.end: type[BaseException] = TerminatedError
        self._runs = 1
        self._left = 0.0

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        if self._left <= 0:
            self._runs += 1
            if self._runs > self.most:
                raise self.end
            self.between(self._runs)
            self._left = 900
        self._left -= seconds
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """The clock of `--every`."""
    fake = Waiting()
    monkeypatch.setattr(repeating, "CLOCK", repeating.Clock(now=fake.now, sleep=fake.sleep))
    return fake


@pytest.fixture
def small(world: World) -> World:
    """A world with one chunk."""
    world.write(ONE_MONTH, settings=NO_METADATA)
    return world


def every(oncsync: Command, *flags: str) -> Said:
    return oncsync("sync", "--every", "15m", *flags)


def codes(said: Said) -> list[int]:
    """Gives how each run ended, from its line of JSON."""
    return [json.loads(line)["exitCode"] for line in said.out.splitlines()]


def test_runs_follow_each_other_until_sigterm_and_each_is_told(
    small: World, oncsync: Command, waiting: Waiting
) -> None:
    said = every(oncsync)
    assert said.code == 143
    assert said.out.splitlines()[0].startswith("1 chunk done; 1 file, ")
    assert said.out.splitlines()[1:] == ["Nothing to do: the folder is as the lock wants it"] * 2
    next_runs = [line for line in said.err.splitlines() if line.startswith("Next run")]
    assert next_runs == [f"Next run at 2026-11-21 12:{minute} UTC" for minute in (15, 30, 45)]
    assert "Terminated. What was done is recorded" in said.err


def test_a_remark_is_told_by_the_first_run_alone(world: World, oncsync: Command, waiting: Waiting) -> None:
    """Every run asks anew what an entry that moves with the clock has, and hears the same."""
    world.write("  - {name: gone, locationCode: SEVIP, deviceCategoryCode: CTD, dataProductCode: TSSD, "
                "extension: csv, begin: -P1D}\n")  # fmt: skip
    said = every(oncsync)
    assert world.asked("deployments") == 3
    assert said.err.count("warning: `gone`") == 1


def test_ctrl_c_ends_it_too_while_it_waits(small: World, oncsync: Command, waiting: Waiting) -> None:
    waiting.end = KeyboardInterrupt
    assert every(oncsync).code == 130


def test_each_run_takes_the_manifest_as_it_is_by_then(small: World, oncsync: Command, waiting: Waiting) -> None:
    """A change is taken up at the next run; while it cannot be read, the run goes on with what was read last."""
    good = {3: CTD_CSV, 4: CTD_CSV.replace("2015-04-01", "2015-03-01")}

    def edit(number: int) -> None:
        if number == 2:
            small.manifest.write_text("downloads: [")
        else:
            small.write(good[number], settings=NO_METADATA)

    waiting.between, waiting.most = edit, 4
    said = every(oncsync)
    assert said.code == 143
    assert "This run goes on with the manifest as it was read last" in said.err
    done = [line.split(";")[0] for line in said.out.splitlines()]
    assert done == ["1 chunk done", *["Nothing to do: the folder is as the lock wants it"], "2 chunks done", done[1]]


def test_a_manifest_that_is_bad_from_the_start_ends_it(small: World, oncsync: Command, waiting: Waiting) -> None:
    small.manifest.write_text("downloads: [")
    said = every(oncsync)
    assert said.code == 2
    assert "Next run" not in said.err


def test_a_run_that_fails_is_told_and_the_next_one_comes(small: World, oncsync: Command, waiting: Waiting) -> None:
    """Exit 6, 5 and 3 of single runs: another oncsync, nobody there, a failed run at the service."""
    held = FolderLock(small.folder)
    (small.folder / ".oncsync").mkdir(parents=True)

    def stage(number: int) -> None:
        if number == 2:
            held.__exit__(None, None, None)
            small.sandbox.interfere = answers(request=lambda asked: down())
        elif number == 3:
            small.sandbox.interfere = answers(run=a_failed_run)
        else:
            small.sandbox.interfere = None

    waiting.between, waiting.most = stage, 4
    held.__enter__()
    said = every(oncsync, "--json", "-q")
    assert said.code == 143
    assert codes(said) == [6, 5, 3, 0]
    assert said.err.count("error:") == 2, "quietly: of those that did nothing, not of a chunk that the next run tries"
    assert "Next run" not in said.err


def a_failed_run(asked: Asking) -> Reply:
    return runs((int(asked["dpRequestId"]), "error", 0), is_over=True)


def test_a_revoked_token_ends_it(small: World, oncsync: Command, waiting: Waiting) -> None:
    """Nobody asks again and again with a token that is refused."""

    def revoke(number: int) -> None:
        small.write(CTD_CSV, settings=NO_METADATA)
        small.sandbox.interfere = lambda method, path, parameters: refused(401, 23, "Invalid token", "token")

    waiting.between = revoke
    said = every(oncsync)
    assert said.code == 4
    assert said.err.count("Next run") == 1
    assert TOKEN not in said.out + said.err


def test_a_chunk_that_failed_twice_rests_and_a_single_sync_tries_at_once(
    small: World, oncsync: Command, waiting: Waiting
) -> None:
    """Issue 6, 7: under `--every` a retryable failure backs off."""
    small.sandbox.interfere = answers(run=a_failed_run)
    asked = [0]
    waiting.between, waiting.most = lambda number: asked.append(small.asked("request")), 3
    said = every(oncsync, "--json")
    asked.append(small.asked("request"))
    assert asked == [0, 1, 2, 2]
    assert codes(said) == [3, 3, 3], "what rests has failed"
    assert [json.loads(line)["planned"] for line in said.out.splitlines()][-1] == {"rest": 1}


def test_what_rests_is_told(small: World, oncsync: Command, waiting: Waiting) -> None:
    small.sandbox.interfere = answers(run=a_failed_run)
    said = every(oncsync)
    assert "1 chunk failed lately and left alone for now" in said.out
    assert "Nothing to do" not in said.out
    small.sandbox.interfere = None
    assert oncsync("sync").code == 0


def test_retry_failed_holds_for_the_first_run_alone(small: World, oncsync: Command, waiting: Waiting) -> None:
    """Else a request that the service refuses would be made every quarter of an hour for ever (rule 3)."""
    small.sandbox.interfere = answers(request=lambda asked: refused(400, 127, "no such option", "dpo_x"))
    assert oncsync("sync").code == 3
    before = small.asked("request")
    every(oncsync, "--retry-failed")
    assert small.asked("request") == before + 1


@pytest.mark.parametrize(
    "flags", [("--every", "15m", "--dry-run"), ("--every", "0"), ("--every", "59s"), ("--every", "32d")]
)
def test_what_makes_no_sense_is_refused(small: World, oncsync: Command, flags: tuple[str, ...]) -> None:
    assert oncsync("sync", *flags).code == 2
    assert not small.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM to catch there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_real_wait_at_once(small: World, number: int, code: int) -> None:
    small.sync()
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, "sync", "--every", "1d"]
    child = subprocess.Popen(
        command, env=child_environment(), cwd=small.directory, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if line.startswith(b"Next run"):
                break
        os.kill(child.pid, number)
        _, rest = child.communicate(timeout=20)
    finally:
        child.kill()
    assert child.returncode == code
    assert b"is recorded" in rest


def test_a_second_sync_ends_with_6_naming_the_first_or_waits_as_long_as_it_may(small: World, oncsync: Command) -> None:
    small.sync()
    held = FolderLock(small.folder)
    held.__enter__()
    said = oncsync("sync")
    assert (said.code, f"process {os.getpid()}" in said.err) == (6, True)
    release = threading.Timer(0.3, held.__exit__, (None, None, None))
    release.start()
    assert oncsync("sync", "--lock-timeout", "20s").code == 0
    release.join()


def test_the_answers_for_programs_have_camel_case_keys_alone(small: World, oncsync: Command) -> None:
    keys = re.findall(r'"([^"]*)": ', oncsync("sync", "--json").out + oncsync("verify", "--repair", "--json").out)
    assert "queuedFiles" in keys
    assert [key for key in keys if "_" in key] == []


# --- Quiet, as cron wants it ---------------------------------------------------------------------------------------


def test_quiet_prints_nothing_when_all_is_well(small: World, oncsync: Command) -> None:
    """Cron mails what is printed."""
    assert oncsync("sync", "-q") == Said(0, "", "")
    assert oncsync("sync", "-q") == Said(0, "", "")
    assert oncsync("status", "-q") == Said(0, "", "")


def test_quiet_tells_what_is_wrong_as_long_as_it_is(small: World, oncsync: Command) -> None:
    small.sandbox.interfere = answers(request=lambda asked: refused(400, 127, "no such option", "dpo_x"))
    first, second = oncsync("sync", "-q"), oncsync("sync", "-q")
    assert (first.code, first.out, second.code, second.out) == (3, "", 3, "")
    assert "no such option" in first.err
    assert second.err.startswith("error: 1 chunk failed for good before")
    shown = oncsync("status", "-q").out.splitlines()
    assert shown[0] == "axis"
    assert "1 failed" in shown[2]
    assert "no such option" in shown[3]
    assert shown[4].startswith("      hint: ")
    assert len(shown) == 5


def test_quiet_says_nothing_of_what_the_next_run_goes_on_with(small: World, oncsync: Command) -> None:
    """R151: the exit code tells that the time was over, the window closed, or a chunk has to be tried again."""
    small.sandbox.interfere = answers(run=lambda asked: runs((1, "error", None), is_over=True))
    assert oncsync("sync", "-q") == Said(3, "", "")
    small.sandbox.interfere = answers(run=lambda asked: runs((1, "queued", None), is_over=False))
    assert oncsync("sync", "-q", "--max-time", "0.2s") == Said(7, "", "")
    now = datetime.now(timezone.utc)
    opens, closes = (f"{now + timedelta(hours=hours):%H:%M:%S}" for hours in (2, 3))
    text = f'  metadata: false\n  beginRun: "{opens}"\n  endRun: "{closes}"\n  runTimeZone: UTC\n'
    small.write(CTD_CSV, settings=text)
    oncsync("resolve")
    assert oncsync("sync", "-q", "--no-wait") == Said(7, "", "")


def test_quiet_tells_that_the_disk_is_too_full(small: World, oncsync: Command) -> None:
    """No run makes room by itself."""
    small.write(CTD_CSV, settings="  metadata: false\n  minFree: 999999 TB\n")
    said = oncsync("sync", "-q")
    assert (said.code, said.out) == (8, "")
    assert "`minFree` keeps" in said.err


def test_the_help_tells_the_bounds_of_every(small: World, oncsync: Command) -> None:
    for every in ("59s", "32d"):
        said = oncsync("sync", "--every", every)
        assert said.code == 2
        assert "`--every` is from 60 s to 31.0 days" in said.err
    assert "60s to 31d" in " ".join(oncsync("sync", "--help").out.split())
