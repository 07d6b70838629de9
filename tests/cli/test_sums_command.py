"""`oncsync sums`: a list that `sha256sum -c` accepts, of our files alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from oncsync.caretaking.sums import render_sums
from oncsync.engine.checks import OurFile
from tests.cli.conftest import Command
from tests.support.records import make_file
from tests.support.world import World

SHA256SUM = shutil.which("sha256sum")


def test_the_list_is_sorted_and_of_our_files(oncsync: Command, world: World) -> None:
    world.sync()
    tree = world.tree()
    (world.folder / "mine.txt").write_text("mine")
    said = oncsync("sums")
    assert said.code == 0
    lines = (world.folder / "SHA256SUMS").read_text().splitlines()
    assert lines == [f"{hashlib.sha256(content).hexdigest()}  {path}" for path, content in tree.items()]
    assert oncsync("sums", "-o", "-").out.splitlines() == lines
    assert oncsync("sums", "-o", "elsewhere.txt").code == 0
    assert (world.directory / "elsewhere.txt").read_text().splitlines() == lines


@pytest.mark.skipif(SHA256SUM is None, reason="there is no sha256sum here")
def test_sha256sum_checks_it(oncsync: Command, world: World) -> None:
    world.sync()
    oncsync("sums")

    def check() -> subprocess.CompletedProcess[str]:
        command = [str(SHA256SUM), "--strict", "-c", "SHA256SUMS"]
        return subprocess.run(command, cwd=world.folder, capture_output=True, text=True, check=False)

    assert check().stdout.count(": OK") == 6
    next(world.folder.rglob("*.csv")).write_bytes(b"x")
    assert check().returncode == 1


@pytest.mark.skipif(SHA256SUM is None, reason="there is no sha256sum here")
def test_odd_names_are_written_as_sha256sum_reads_them(tmp_path: Path) -> None:
    names = ["a b.csv", "ü€.csv", "back\\slash.csv", "new\nline.csv", "*star"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    files = [make_file("x", path="x", content=name.encode()) for name in names]
    for file, name in zip(files, names, strict=True):
        msgspec.structs.force_setattr(file, "path", name)  # names that a state cannot have, but a list could
    ours = [OurFile("c", file) for file in files]
    (tmp_path / "SHA256SUMS").write_bytes(render_sums(ours))
    command = [str(SHA256SUM), "--strict", "-c", "SHA256SUMS"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout.count(b": OK")) == (0, 5)


def test_a_file_that_holds_something_else_is_kept(oncsync: Command, world: World) -> None:
    """Rule 1: an older list is replaced, nothing else is."""
    world.sync()
    assert [oncsync("sums").code, oncsync("sums").code] == [0, 0]
    for text in ("my notes\n", "0" * 64 + "  a\nmy notes\n"):
        (world.folder / "SHA256SUMS").write_text(text)
        assert oncsync("sums").code == 2
        assert (world.folder / "SHA256SUMS").read_text() == text
    data = next(world.folder.rglob("*.csv"))
    content = data.read_bytes()
    assert oncsync("sums", "-o", str(data)).code == 2
    assert data.read_bytes() == content


def test_without_a_state_there_is_no_list(oncsync: Command, world: World) -> None:
    assert oncsync("sums").code == 2
    assert not world.folder.exists()
