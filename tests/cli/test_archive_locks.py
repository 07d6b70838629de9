"""Archive files at the command line: the summary of `resolve`, its checks, and `diff` against files and revisions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.world import World

MODULES = """\
  - name: modules
    service: archivefile
    deviceCode: TUMPMTSPECTROMETER002
    match: "*-SDAQ-MODULE.hdf5"
    begin: 2021-12-31T18:00
    end: 2022-01-01T06:00
"""
LONGER = MODULES.replace("06:00", "07:00")


@pytest.fixture
def files(world: World, oncsync: Command) -> World:
    """A manifest of twelve archive files of two years, resolved."""
    world.write(MODULES)
    assert oncsync("resolve").code == 0
    return world


def newest(world: World) -> str:
    """Gives the name of the last file in the lock."""
    chunk = list(world.project().resolve(write=False).lock.chunks())[-1][2]
    assert chunk.file is not None
    return chunk.file.name


def test_resolve_says_how_many_files_and_bytes_there_are(files: World, oncsync: Command) -> None:
    said = oncsync("resolve")
    assert said.out.splitlines()[0].startswith("  = modules: 12 archive files, ")
    assert "`oncsync.lock` is unchanged: 12 archive files" in said.out
    assert "Nothing is to be ordered; 12 archive files to fetch" in said.out
    answer = json.loads(oncsync("resolve", "--json").out)
    assert (answer["change"]["entries"][0]["files"]["files"], answer["differs"]) == (12, False)


def test_what_was_archived_again_is_named_and_is_a_difference(files: World, oncsync: Command) -> None:
    """R148: `resolve` names it, `resolve --check` fails on it, and neither writes before it is told to."""
    name = newest(files)
    assert oncsync("resolve", "--check").code == 0
    files.sandbox.archive.archive_again(name, b"again")
    said = oncsync("resolve", "--check")
    assert said.code == 1
    assert f"1 file was archived again by ONC: `{name}`" in said.err
    assert "  ~ modules: 12 archive files, " in said.out
    assert "(+0 -0 ~1, 5 B changed)" in said.out
    assert oncsync("resolve").code == 0
    assert oncsync("resolve", "--check").code == 0


def test_everything_is_listed_with_full(files: World, oncsync: Command) -> None:
    for flags, is_partial in (((), True), (("--full",), False)):
        asked = len(files.sandbox.asked)
        assert oncsync("resolve", *flags).code == 0
        assert ["dateArchivedFrom" in one.parameters for one in files.sandbox.asked[asked:]] == [is_partial]


@pytest.mark.parametrize("flag", ["--locked", "--frozen"])
def test_a_lock_that_is_to_stay_as_it_is_is_not_listed_anew(files: World, oncsync: Command, flag: str) -> None:
    said = oncsync("sync", flag, "--full")
    assert said.code == 2
    assert "`--full` makes the lock anew" in said.err


def test_two_locks_are_compared_file_by_file(files: World, oncsync: Command) -> None:
    for name in ("oncsync.lock", "oncsync.lock.d"):
        copy = shutil.copytree if name.endswith(".d") else shutil.copyfile
        copy(files.directory / name, files.directory / name.replace("oncsync", "before"))
    files.write(LONGER)
    assert oncsync("resolve").code == 0
    said = oncsync("diff", "--against", "before.lock")
    assert said.out.splitlines()[0].startswith("  ~ modules: 13 archive files, ")
    assert "(+1 -0 ~0, " in said.out
    assert said.out.splitlines()[-1] == "1 entry changed, 13 chunks in all"


@pytest.fixture
def git(files: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs git in the manifest's folder, which is a repository."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name, value in {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=files.directory, check=True, capture_output=True)

    run("init", "-q")
    return run


def test_a_revision_is_compared_with_the_shards_that_it_has(
    files: World, oncsync: Command, git: Callable[..., None]
) -> None:
    git("add", "oncsync.lock", "oncsync.lock.d")
    git("commit", "-q", "-m", "files")
    assert oncsync("diff").out == "`oncsync.lock` is as in `HEAD`\n"
    files.write(LONGER)
    oncsync("resolve")
    said = oncsync("diff", "--exit-code")
    assert (said.code, "(+1 -0 ~0, " in said.out) == (1, True)
    git("add", "-A")
    git("commit", "-q", "-m", "one more")
    assert oncsync("diff").out == "`oncsync.lock` is as in `HEAD`\n"
    assert "(+1 -0 ~0, " in oncsync("diff", "--against", "HEAD~1").out


def test_a_revision_without_its_shards_is_said_to_be_one(
    files: World, oncsync: Command, git: Callable[..., None]
) -> None:
    git("add", "oncsync.lock")
    git("commit", "-q", "-m", "the lock alone")
    said = oncsync("diff")
    assert said.code == 2
    assert "`HEAD:oncsync.lock.d/modules/TUMPMTSPECTROMETER002-2021.lock` and 1 more do not hold what" in said.err
    assert "`oncsync.lock.d` belongs into git with the lock" in said.err


def test_a_lock_without_its_shards_is_made_anew(files: World, oncsync: Command) -> None:
    shutil.rmtree(files.directory / "oncsync.lock.d")
    assert oncsync("diff").code == 2
    said = oncsync("resolve")
    assert "it is made anew" in said.err
    assert "12 archive files" in said.out
    assert len(list(Path(files.directory, "oncsync.lock.d", "modules").iterdir())) == 2
