"""The lock in a repository: git merges it line by line, and what it cannot merge is resolved again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from oncsync.lockfile import parse_lock, render_lock
from tests.resolver.world import entry
from tests.support.records import make_entry, make_lock, make_request
from tests.test_resolving import CSV, Make, make, serve

__all__ = ["make", "serve"]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

Git = Callable[..., "subprocess.CompletedProcess[str]"]

ALPHA = CSV + "locationCode: NA\ndeviceCategoryCode: CTD"
MIDDLE = CSV + "locationCode: NB\ndeviceCategoryCode: CTD"
OMEGA = CSV + "locationCode: SA\ndeviceCategoryCode: BPR\nbegin: 2020-01-01\nend: 2020-06-01"


def downloads(**lines: str) -> str:
    """Gives a manifest of downloads in the order of their names, a blank line between them."""
    texts = [entry(text, name).removeprefix("downloads:\n") for name, text in sorted(lines.items())]
    return "downloads:\n" + "\n".join(texts)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Runs git in a new repository, without anybody's settings."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER")
           for what, text in (("NAME", "A"), ("EMAIL", "a@example.org"))},
    }  # fmt: skip

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=tmp_path, env=environment, check=check, capture_output=True, text=True
        )

    run("init", "-q", "-b", "main")
    return run


def commit(git: Git, message: str) -> None:
    """Commits manifest and lock."""
    git("add", "oncsync.yaml", "oncsync.lock")
    git("commit", "-q", "-m", message)


def on_branch(git: Git, make: Make, branch: str, text: str) -> None:
    """Commits another manifest and its lock on a new branch of `main`."""
    git("checkout", "-q", "-b", branch, "main")
    make(text).resolve()
    commit(git, branch)


def test_branches_that_add_entries_in_different_places_merge_line_by_line(make: Make, git: Git) -> None:
    """Adding an entry adds lines and moves none: git merges the lock by itself, to what a resolve makes of it."""
    project = make(downloads(middle=MIDDLE))
    project.resolve()
    commit(git, "main")
    on_branch(git, make, "one", downloads(alpha=ALPHA, middle=MIDDLE))
    on_branch(git, make, "two", downloads(middle=MIDDLE, omega=OMEGA))
    merged = git("merge", "-q", "-m", "both", "one", check=False)
    assert merged.returncode == 0, merged.stdout
    by_git = project.lock_path.read_bytes()
    assert [one.name for one in parse_lock(by_git).entries] == ["alpha", "middle", "omega"]
    both = make(downloads(alpha=ALPHA, middle=MIDDLE, omega=OMEGA))
    assert both.drift() == ()
    assert not both.resolve().is_written
    assert project.lock_path.read_bytes() == by_git


def test_a_change_of_one_entry_changes_no_line_of_another(make: Make, git: Git) -> None:
    """R158: what a reviewer sees in a pull request is what was meant."""
    project = make(downloads(alpha=ALPHA, middle=MIDDLE, omega=OMEGA))
    project.resolve()
    commit(git, "main")
    make(downloads(alpha=ALPHA, middle=MIDDLE.replace("csv", "mat"), omega=OMEGA)).resolve()
    changed = git("diff", "--unified=0", "--", "oncsync.lock").stdout.splitlines()
    lines = [line for line in changed if line.startswith(("+-", "-- "))]
    assert lines
    ids = {request.id for one in parse_lock(project.lock_path.read_bytes()).entries if one.name != "middle"
           for request in one.requests}  # fmt: skip
    assert not any(key in line for key in ids for line in lines)
    assert len([line for line in lines if '"download"' in line]) == 2


def test_a_conflict_is_resolved_again_to_the_bytes_of_the_merged_manifest(make: Make, git: Git) -> None:
    project = make(downloads(middle=MIDDLE))
    project.resolve()
    commit(git, "main")
    on_branch(git, make, "one", downloads(middle=MIDDLE + "\nsplitDateRange: week"))
    on_branch(git, make, "two", downloads(middle=MIDDLE + "\nsplitDateRange: year"))
    merged = git("merge", "-q", "one", check=False)
    assert merged.returncode != 0
    assert b"<<<<<<<" in project.lock_path.read_bytes()
    text = downloads(middle=MIDDLE + "\nsplitDateRange: week")
    result = make(text).resolve()
    assert result.was_damaged
    by_merge = project.lock_path.read_bytes()
    project.lock_path.unlink()
    make(text).resolve()
    assert project.lock_path.read_bytes() == by_merge


def test_git_finds_a_lock_with_other_line_ends_unchanged(make: Make, git: Git, tmp_path: Path) -> None:
    """`.gitattributes` keeps the line ends of locks, so that a checkout with `autocrlf` changes no byte."""
    project = make(downloads(middle=MIDDLE))
    project.resolve()
    before = project.lock_path.read_bytes()
    (tmp_path / ".gitattributes").write_text("/oncsync.lock text eol=lf\n")
    git("add", ".gitattributes")
    commit(git, "main")
    project.lock_path.unlink()
    git("-c", "core.autocrlf=true", "checkout", "--", "oncsync.lock")
    assert project.lock_path.read_bytes() == before


def test_a_lock_with_other_line_ends_is_read_and_written_back_canonical() -> None:
    """Without that line a checkout on Windows gives it such line ends."""
    lock = make_lock(make_entry("a", make_request()))
    text = render_lock(lock, "oncsync.yaml")
    assert parse_lock(text.replace(b"\n", b"\r\n")) == lock
