"""What a whole sync does with files of ours that someone changed, damaged or took away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oncsync.engine.watch import Notice, Silent
from tests.support.world import TOKEN, World, quick_sandbox


class Recorder(Silent):
    """A watcher that remembers what it was warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def notice(self, notice: Notice) -> None:
        if notice.level == "warning":
            self.warnings.append(notice.text)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Gives a folder that is in sync."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox() as sandbox:
        one = World(tmp_path, sandbox)
        one.sync()
        yield one


def a_file(world: World) -> tuple[str, bytes]:
    """Gives the path and the content of the first data file."""
    return next((path, content) for path, content in world.tree().items() if path.endswith(".csv"))


def test_a_changed_file_is_kept_beside_the_one_that_is_fetched_again(world: World) -> None:
    """Rule 1, R109: nothing is lost, the data have their name again, and it is said."""
    path, content = a_file(world)
    ordered = world.asked("request")
    (world.folder / path).write_bytes(b"my own columns\n" + content)
    recorder = Recorder()
    assert world.sync(watcher=recorder).counts.files == 1
    tree = world.tree()
    assert tree[path] == content
    assert tree[path.replace(".csv", "~changed-1.csv")] == b"my own columns\n" + content
    assert any("~changed-1.csv" in warning for warning in recorder.warnings)
    assert world.asked("request") == ordered
    assert world.sync().counts.total == 0
    assert world.tree() == tree


@pytest.mark.parametrize("left", [0, 100])
def test_a_file_that_lost_its_end_is_whole_again(world: World, left: int) -> None:
    """R109: and no remains of it lie about."""
    before = world.tree()
    path, content = a_file(world)
    (world.folder / path).write_bytes(content[:left])
    recorder = Recorder()
    world.sync(watcher=recorder)
    assert world.tree() == before
    assert recorder.warnings == []
