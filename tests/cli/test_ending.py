"""How a command ends where nobody can read what it says, and where its terminal goes."""

from __future__ import annotations

import errno
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from oncsync.cli.ending import TerminatedError, run_to_exit_code
from tests.cli.conftest import Command
from tests.support.world import World, child_environment

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals, devices and shells there")


def in_shell(world: World, redirection: str, command: str = "status") -> subprocess.CompletedProcess[bytes]:
    """Runs a command as a shell does."""
    line = f'"{sys.executable}" -m oncsync {command} {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=world.directory, env=child_environment(), capture_output=True, check=False
    )


@POSIX
@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_stream_that_is_closed_leads_nowhere(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    """`>&-`, and programs of Windows without a console: Python has None for them then."""

    @click.command()
    def answer() -> int:
        asked = getattr(sys, stream)
        assert not asked.isatty()
        click.echo("answer")
        click.echo("remark", err=True)
        return 3

    monkeypatch.setattr(sys, stream, None)
    assert run_to_exit_code(answer, []) == 3
    getattr(sys, stream).close()


@POSIX
@pytest.mark.slow
def test_a_closed_stdout_is_no_bug(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    ended = in_shell(world, ">&-", "list")
    assert (ended.returncode, ended.stderr) == (0, b"")


@POSIX
@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_an_answer_that_cannot_be_written_is_told_as_such(world: World, oncsync: Command) -> None:
    """It is no word about the data folder. Where stderr is full as well, the code says it: 1 is a difference."""
    oncsync("resolve")
    ended = in_shell(world, ">/dev/full")
    assert ended.returncode == 8
    assert b"error: The answer could not be written to stdout: No space left on device" in ended.stderr
    assert b"hint:" in ended.stderr
    assert b"Exception ignored" not in ended.stderr
    assert in_shell(world, ">/dev/full 2>&1").returncode == 8


class Full(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_remarks_that_nobody_can_read_end_nothing(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 9: the log has them."""
    monkeypatch.setattr(sys, "stderr", Full())
    assert oncsync("sync", "-v").code == 0
    assert oncsync("frobnicate").code == 2
    assert oncsync("sync", "-m", "absent.yaml").code == 2


@pytest.fixture
def hangups() -> Iterator[None]:
    """Gives back what SIGHUP and SIGTERM do."""
    numbers = (signal.SIGHUP, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, what in zip(numbers, before, strict=True):
        signal.signal(number, what)


@POSIX
def test_a_terminal_that_goes_winds_a_command_up(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch, hangups: None
) -> None:
    """R110: ssh drops. The shell sends SIGHUP too, and a second one does not cut the winding up short."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def review(*arguments: object) -> None:
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)

    monkeypatch.setattr("oncsync.cli.syncing._review", review)
    said = oncsync("sync")
    assert said.code == 129
    assert "What was done is recorded" in said.err
    assert "alive" not in said.err, "nothing was ordered"


@POSIX
def test_nohup_is_heeded(monkeypatch: pytest.MonkeyPatch, hangups: None) -> None:
    @click.command()
    def answer() -> int:
        signal.raise_signal(signal.SIGHUP)
        return 3

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert run_to_exit_code(answer, []) == 3


def test_each_signal_has_the_code_that_shells_give_it() -> None:
    assert TerminatedError().exit_code == 143
    assert TerminatedError(1).exit_code == 129
