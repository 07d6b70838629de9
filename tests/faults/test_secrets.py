"""The token appears nowhere: not in a file, an output, a traceback, a process list (rule 5, F13, P41, P42)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.world import CTD_CSV, TOKEN, World, child_environment

COMMANDS: list[list[str]] = [
    ["resolve"],
    ["plan", "--json"],
    ["sync", "-v"],
    ["status", "--json"],
    ["export", "book.xlsx"],
    ["import", "book.xlsx", "-o", "imported.yaml"],
    ["auth", "status", "--host", "127.0.0.1"],
    ["sync", "--only", "nothing"],
]


def _run(world: World, arguments: list[str], **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-m", "oncsync", *arguments]
    return subprocess.run(
        command, cwd=world.directory, env=child_environment() | environment, capture_output=True, check=False
    )


def _files_that_hold(secret: str, *places: Path) -> list[Path]:
    needles = (secret.encode(), secret.encode("utf-16-le"))
    return [
        path
        for place in places
        for path in place.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


@pytest.mark.slow
def test_no_command_writes_or_shows_the_token(world: World, tmp_path: Path) -> None:
    """R21, R83, R181."""
    for arguments in COMMANDS:
        ended = _run(world, arguments)
        assert TOKEN.encode() not in ended.stdout + ended.stderr, arguments
    assert len(world.tree()) == 6
    assert _files_that_hold(TOKEN, tmp_path, Path(os.environ["HOME"])) == []


@pytest.mark.slow
def test_a_workbook_from_the_export_holds_no_token_inside_its_zip(world: World) -> None:
    import zipfile

    _run(world, ["resolve"])
    _run(world, ["export", "book.xlsx"])
    with zipfile.ZipFile(world.directory / "book.xlsx") as book:
        assert all(TOKEN.encode() not in book.read(name) for name in book.namelist())


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["down", "wrong"])
def test_failures_do_not_show_the_token(world: World, broken: str) -> None:
    """R181: connection errors and refusals carry addresses; the token is taken out of them."""
    world.write(CTD_CSV if broken == "down" else CTD_CSV.replace("BACAX", "NOWHERE"))
    if broken == "down":
        world.sandbox.stop()
    ended = _run(world, ["sync", "-v"], ONCSYNC_LOCK_TIMEOUT="0")
    assert ended.returncode in (2, 5)
    assert TOKEN.encode() not in ended.stdout + ended.stderr
    assert _files_that_hold(TOKEN, world.directory, Path(os.environ["HOME"])) == []


def test_a_token_given_by_file_is_not_in_the_process_list_or_the_state(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oncsync.engine.run import Tools
    from oncsync.project import Project
    from tests.support.world import QUICK_PACE

    monkeypatch.delenv("ONC_TOKEN")
    secret = world.directory.parent / f"{world.directory.name}-token"
    secret.write_text(f" {TOKEN}\n")
    project = Project(world.manifest, token_file=secret)
    result = project.sync(tools=Tools(pace=QUICK_PACE))
    assert result.counts.done == 3
    assert TOKEN not in Path(f"/proc/{os.getpid()}/cmdline").read_text() if Path("/proc").exists() else True
    assert _files_that_hold(TOKEN, world.directory) == []
    assert TOKEN not in repr(project) + repr(vars(project)) + json.dumps(project.notices)


def test_the_embedded_service_never_reads_the_users_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 5: `server: sandbox` works with a token in the environment that it would refuse, and never uses it."""
    from oncsync.project import Project

    monkeypatch.setenv("ONC_TOKEN", "not a token at all!")
    manifest = tmp_path / "oncsync.yaml"
    manifest.write_text("version: 1\nserver: sandbox\nfolder: data\ndownloads:\n" + CTD_CSV)
    assert Project(manifest).resolve().change.chunk_ids == 3
