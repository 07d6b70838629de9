"""`oncsync import` and `oncsync export` on the command line: what they say, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.exchange.desk import change, delete, insert, names_of, put, save
from tests.support.world import World
from tests.workbook.books import TOKEN

ROWS = ({"extension": "wav"}, {"extension": "mp3"}, {"extension": "flac"}, {"extension": "png"}, {"extension": "mat"})


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, *ROWS)
    return tmp_path


def test_the_first_import_says_how_many_rows_and_what_comes_next(desk: Path, oncsync: Command) -> None:
    put(desk / "download.xlsx", 3, download="N")
    said = oncsync("import", "download.xlsx")
    assert said.code == 0
    assert said.out == (
        f"5 rows into {desk / 'oncsync.yaml'}, 1 of them switched off\nNext: `oncsync resolve`, then `oncsync sync`\n"
    )
    assert "ONC_TOKEN" in said.err
    assert TOKEN not in said.out + said.err


def test_importing_again_says_what_changed(desk: Path, oncsync: Command) -> None:
    """Item 1: `3 changed, 1 off, 2 added`."""
    path = desk / "download.xlsx"
    oncsync("import", "download.xlsx")
    for line in (2, 3, 4):
        put(path, line, end="2011-08-01")
    put(path, 5, download="no")
    insert(path, 7, copy_of=6, extension="pdf")
    insert(path, 8, copy_of=6, extension="json")
    out = oncsync("import", "download.xlsx").out.splitlines()
    assert out[0] == f"7 rows into {desk / 'oncsync.yaml'}: 3 changed, 1 off, 2 added"
    assert oncsync("import", "download.xlsx").out == f"7 rows into {desk / 'oncsync.yaml'}: nothing changed\n"
    put(path, 5, download="yes")
    delete(path, 2)
    out = oncsync("import", "download.xlsx").out.splitlines()
    assert out[0] == f"6 rows into {desk / 'oncsync.yaml'}: 1 on, 1 removed"
    save(desk, *reversed(ROWS))
    oncsync("import", "download.xlsx")
    save(desk, *ROWS)
    assert "only the order or the names changed" in oncsync("import", "download.xlsx").out


def test_another_manifest_is_named_in_what_comes_next(desk: Path, oncsync: Command) -> None:
    assert "`oncsync sync -m other.yaml`" in oncsync("import", "download.xlsx", "-o", "other.yaml").out
    assert len(names_of(desk / "other.yaml")) == 5


def test_mistakes_end_with_2_and_are_all_told(desk: Path, oncsync: Command) -> None:
    put(desk / "download.xlsx", 2, begin="03/04/2017", download="perhaps")
    said = oncsync("import", "download.xlsx")
    assert (said.code, said.out) == (2, "")
    assert "By Location!F2" in said.err
    assert "By Location!G2" in said.err
    assert not (desk / "oncsync.yaml").exists()


@pytest.mark.parametrize("command", ["import", "export"])
def test_append_and_force_exclude_each_other(desk: Path, oncsync: Command, command: str) -> None:
    said = oncsync(command, "download.xlsx", "--append", "--force")
    assert said.code == 2
    assert "exclude each other" in said.err


def test_a_manifest_of_other_origin_needs_append_or_force(desk: Path, oncsync: Command) -> None:
    (desk / "oncsync.yaml").write_text("version: 1\n")
    said = oncsync("import", "download.xlsx")
    assert said.code == 2
    assert "--append" in said.err
    assert oncsync("import", "download.xlsx", "--append").code == 0
    assert len(names_of(desk / "oncsync.yaml")) == 5


def test_export_append_and_detach(world: World, oncsync: Command) -> None:
    """R27, R28, R78: out, edited, refused with the cure, detached."""
    oncsync("resolve")
    path = world.directory / "out.xlsx"
    assert oncsync("export", "out.xlsx").out == f"1 row into {path}\n"
    said = oncsync("export", "out.xlsx")
    assert (said.code, "--append" in said.err) == (2, True)
    assert oncsync("export", "out.xlsx", "--append").out == f"{path}: nothing to add\n"
    put(path, 2, extension="json")
    said = oncsync("import", "out.xlsx")
    assert said.code == 2
    assert "By Location!2" in said.err
    assert "`--detach axis`" in said.err
    said = oncsync("import", "out.xlsx", "--detach", "axes")
    assert (said.code, "did you mean `axis`?" in said.err) == (2, True)
    said = oncsync("import", "out.xlsx", "--detach", "axis")
    assert said.out.splitlines()[0] == f"1 row into {world.manifest}: 1 added, `axis` detached"
    assert names_of(world.manifest) == ["By Location!2"]
    change(path, lambda workbook: workbook["By Location"].delete_rows(2))
    added = oncsync("export", "out.xlsx", "--append")
    assert added.out == f"{path}: 1 row added\n"


def test_a_download_without_a_row_is_not_detached(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    oncsync("export", "out.xlsx")
    delete(world.directory / "out.xlsx", 2)
    before = world.manifest.read_text()
    said = oncsync("import", "out.xlsx", "--detach", "axis")
    assert said.code == 2
    assert "has no row of the download `axis`" in said.err
    assert world.manifest.read_text() == before


def test_a_manifest_with_mistakes_is_told_and_left(desk: Path, oncsync: Command) -> None:
    (desk / "oncsync.yaml").write_text("folder: @x\n")
    said = oncsync("import", "download.xlsx")
    assert said.code == 2
    assert "cannot begin with" in said.err
