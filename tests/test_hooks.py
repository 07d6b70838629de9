"""What is shipped for repositories: the pre-commit hook and the attributes of the lock."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, oncsync, world
from tests.support.world import World, child_environment

__all__ = ["oncsync", "world"]

CHECKOUT = Path(__file__).resolve().parents[1]


def hook() -> dict[str, Any]:
    """Gives the one hook."""
    from ruamel.yaml import YAML

    (one,) = YAML(typ="safe", pure=True).load(CHECKOUT / ".pre-commit-hooks.yaml")
    assert isinstance(one, dict)
    return one


def test_the_hook_is_called_as_documented() -> None:
    assert (hook()["id"], hook()["language"], hook()["pass_filenames"]) == ("oncsync-lock", "python", False)
    assert hook()["entry"] == "oncsync resolve --check --offline"
    page = (CHECKOUT / "docs" / "lock.md").read_text(encoding="utf-8")
    assert "id: oncsync-lock" in page


@pytest.mark.parametrize(
    "name", ["oncsync.yaml", "oncsync.lock", "north.lock", "requests.csv", "sub/oncsync.local.yaml"]
)
def test_the_hook_runs_when_anything_changes_that_decides_what_is_fetched(name: str) -> None:
    assert re.search(hook()["files"], name)
    assert not re.search(hook()["files"], "notes.md")


def test_the_hooks_command_needs_no_token_no_network_and_no_names_of_files(world: World, oncsync: Command) -> None:
    """Run as pre-commit runs it: in the repository's folder, in a process and an environment of its own."""
    oncsync("resolve")
    world.sandbox.stop()
    program = [sys.executable, "-m", "oncsync", *shlex.split(hook()["entry"])[1:]]
    environment = {key: value for key, value in child_environment().items() if key != "ONC_TOKEN"}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            program, cwd=world.directory, env=environment, check=False, capture_output=True, text=True
        )

    assert run().returncode == 0
    world.manifest.write_text(world.manifest.read_text().replace("2015-04-01", "2015-05-01"))
    refused = run()
    assert refused.returncode == 1
    assert "run `oncsync resolve` and commit it" in refused.stdout


def test_init_marks_the_lock_as_text_with_its_own_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oncsync: Command
) -> None:
    """A lock is reviewed and merged: neither binary nor hidden as generated."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitattributes").write_text("*.png binary")
    said = oncsync("init", "--server", "sandbox")
    attributes = (tmp_path / ".gitattributes").read_text()
    assert attributes == "*.png binary\n/oncsync.lock text eol=lf\n/oncsync.lock.d/** text eol=lf\n"
    assert "Added `/oncsync.lock text eol=lf` to" in said.out
    assert oncsync("init", "--server", "sandbox", "--force").code == 0
    assert (tmp_path / ".gitattributes").read_text() == attributes
    assert (tmp_path / ".gitignore").read_text() == "/data/\n/oncsync.local.yaml\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_compares_a_lock_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oncsync: Command) -> None:
    monkeypatch.chdir(tmp_path)
    oncsync("init", "--server", "sandbox")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    git("init", "-q")
    attributes = git("check-attr", "text", "eol", "diff", "merge", "linguist-generated", "--", "oncsync.lock")
    assert attributes.splitlines() == [
        "oncsync.lock: text: set",
        "oncsync.lock: eol: lf",
        "oncsync.lock: diff: unspecified",
        "oncsync.lock: merge: unspecified",
        "oncsync.lock: linguist-generated: unspecified",
    ]


def test_the_source_package_carries_the_hook() -> None:
    """Whoever builds a repository from the source package can offer the hook, and run these tests."""
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"\[tool\.hatch\.build\.targets\.sdist\]\ninclude = \[(.*)\]", project)
    assert listed is not None
    assert {'"/.pre-commit-hooks.yaml"', '"/.gitattributes"'} <= set(listed[1].split(", "))
