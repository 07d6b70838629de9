"""docs/files.md: every command line on the page runs, in its order, and does what the page says."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from oncsync.cli.listing import STATES
from oncsync.inventory import COLUMNS
from tests.caretaking.conftest import SPECTRA, Command, name_of, place_of
from tests.cli.conftest import Said
from tests.support.world import World

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
BLOCKS = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)]


def run(oncsync: Command, line: str, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs a line of the page, its parts one after the other where it is a pipe."""
    said = Said(0, "", "")
    for part in line.split(" | "):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(said.out.encode()), encoding="utf-8"))
        words = shlex.split(part, comments=True)
        assert words.pop(0) == "oncsync"
        said = oncsync(*words)
        assert said.code == 0, (part, said.err)
    return said


def test_the_page_does_what_it_says(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCSYNC_SERVER", world.sandbox.url)
    (manifest,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert SPECTRA in manifest, "the page's manifest is the one of these tests"
    listing, archive, chosen, adopting, dropping = BLOCKS
    for line in (*listing, *archive, chosen[0]):
        run(oncsync, line, monkeypatch)
    heading, *rows = Path("list.csv").read_text().splitlines(keepends=True)
    Path("list.csv").write_text(heading + rows[2])
    for line in chosen[1:]:
        run(oncsync, line, monkeypatch)
    assert sorted(world.tree()) == [place_of(2), place_of(5)]

    Path("old-disk").mkdir()
    (world.folder / place_of(2)).rename(Path("old-disk") / name_of(2))
    oncsync("drop", place_of(2), "--yes")
    oncsync("restore", place_of(2))
    for line in adopting:
        run(oncsync, line, monkeypatch)
    assert sorted(world.tree()) == [place_of(2), place_of(5)]

    world.sync()
    assert run(oncsync, dropping[0], monkeypatch).out.count("drop  ") == 3
    run(oncsync, dropping[1], monkeypatch)
    assert sorted(world.tree()) == [place_of(hour) for hour in (3, 4, 5)]
    assert run(oncsync, dropping[2], monkeypatch).out.count("dropped") == 3
    for line in dropping[3:]:
        run(oncsync, line, monkeypatch)
    assert sorted(world.tree()) == [place_of(hour) for hour in (1, 3, 4, 5)]


def test_every_column_and_state_is_explained() -> None:
    assert [name for name in (*COLUMNS, *STATES, "listed") if f"`{name}`" not in PAGE] == []


def test_the_pages_python_filters_and_downloads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R172; pandas is stood in for by rows that know how to be filtered."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    first, rest = code.split("frame = project.frame()")
    names: dict[str, object] = {}
    exec(compile(first, "files.md", "exec"), names)
    assert sorted(world.tree()) == [place_of(0), place_of(1)]
    last = rest.partition("\n\n")[2]
    exec(compile(last, "files.md", "exec"), {**names, "print": lambda *shown: None})
