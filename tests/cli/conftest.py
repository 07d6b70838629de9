"""The command line in this process, on a service that hardly lets anyone wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from oncsync.api import RetryPolicy, Session
from oncsync.cli import cli
from oncsync.cli.ending import run_to_exit_code
from tests.support.world import QUICK_PACE, TOKEN, World, quick_sandbox


class Said(NamedTuple):
    """How a command ended: its exit code, its answer, and everything else."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service, a manifest of three chunks, an empty folder; the current folder is the manifest's."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with quick_sandbox() as sandbox:
        yield World(tmp_path, sandbox)


@pytest.fixture
def oncsync(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `oncsync ARGUMENTS` and gives how it ended."""
    monkeypatch.setattr("oncsync.engine.pace.DEFAULT_PACE", QUICK_PACE)
    hasty = RetryPolicy(first=QUICK_PACE.first_retry, cap=QUICK_PACE.longest_retry)
    monkeypatch.setattr("oncsync.connection.Session", partial(Session, retry=hasty))

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        listed: Sequence[str] = arguments
        code = run_to_exit_code(cli, listed)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run
