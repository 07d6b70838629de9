"""`oncsync diff`: what changed in the lock, download by download."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, World

OTHER = CTD_CSV.replace("axis", "other").replace("extension: csv", "extension: json")


def keep_as(world: World, name: str) -> Path:
    """Copies the lock."""
    path = world.directory / name
    shutil.copyfile(world.directory / "oncsync.lock", path)
    return path


def test_two_locks_are_compared_download_by_download(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    keep_as(world, "before.lock")
    world.write(CTD_CSV.replace("2015-04-01", "2015-05-01") + OTHER)
    oncsync("resolve")
    asked = len(world.sandbox.asked)
    said = oncsync("diff", "--against", "before.lock")
    assert said.code == 0
    assert said.out.splitlines()[0] == "  ~ axis: 1 request, 4 chunks (+1 -0)"
    assert "  + other: 1 request, 3 chunks" in said.out
    assert said.out.splitlines()[-1] == "2 entries changed, 7 chunks in all"
    assert len(world.sandbox.asked) == asked
    assert oncsync("diff", "--against", "before.lock", "--exit-code").code == 1
    answer = json.loads(oncsync("diff", "--against", "before.lock", "--json").out)
    assert (answer["differs"], answer["against"], answer["change"]["entries"][0]["chunksAdded"]) == (
        True, "before.lock", 1)  # fmt: skip


def test_equal_locks_are_said_to_be_equal(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    keep_as(world, "before.lock")
    said = oncsync("diff", "--against", "before.lock", "--exit-code")
    assert (said.code, said.out) == (0, "`oncsync.lock` is as in `before.lock`\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("    path: '{year}'\n", "      ~ `path`"),
        ("    lateDays: 3\n    metadata: false\n", "      ~ `metadata`, `lateDays`"),
        ("    downloadMethod: byLocation\n    deviceCategoryCode: [CTD]\n", ""),
        ("    prefer: csv\n", "      ~ written differently in the manifest, the same requests"),
    ],
)
def test_settings_and_wording_that_changed_are_named(world: World, oncsync: Command, change: str, words: str) -> None:
    oncsync("resolve")
    keep_as(world, "before.lock")
    text = CTD_CSV.replace("    deviceCategoryCode: CTD\n", "") if "CategoryCode" in change else CTD_CSV
    world.write(text + change)
    assert oncsync("resolve").code == 0
    said = oncsync("diff", "--against", "before.lock")
    assert words in said.out
    assert words or "is as in" in said.out


def test_there_has_to_be_something_to_compare(world: World, oncsync: Command) -> None:
    assert oncsync("diff").code == 2
    oncsync("resolve")
    for against in ("nowhere", "--output=x", "HEAD"):
        said = oncsync("diff", "--against", against)
        assert said.code == 2
        assert "is neither a file nor a revision" in said.err
    (world.directory / "torn.lock").write_text("torn")
    assert oncsync("diff", "--against", "torn.lock").code == 2


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_without_more_the_last_commit_is_compared(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "A",
                        "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
                        "GIT_COMMITTER_EMAIL": "a@example.org"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=world.directory, check=True, capture_output=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    oncsync("resolve")
    assert "(there was none in `HEAD`)" in oncsync("diff").out
    git("add", "oncsync.lock")
    git("commit", "-q", "-m", "lock")
    assert oncsync("diff").out == "`oncsync.lock` is as in `HEAD`\n"
    world.write(OTHER)
    oncsync("resolve")
    assert oncsync("diff").out.splitlines()[0].startswith("  + other: ")
    assert "  - axis: removed (3 chunks)" in oncsync("diff").out
    assert "(there was none in `HEAD~1`)" in oncsync("diff", "--against", "HEAD~1").out
