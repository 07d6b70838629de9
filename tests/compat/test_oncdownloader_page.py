"""docs/oncdownloader.md is true: its Python runs, its commands run, and what they bring is what it says."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from oncsync.sandbox import Sandbox
from tests.cli.discover_page import answer_to
from tests.compat.walking import PAGE, Block, blocks, shown_commands, walk

TEXT = PAGE.read_text(encoding="utf-8")
SHOWN = list(shown_commands(TEXT))
MODULE = "TUMLIDAR001_20210830T000000.000Z-SDAQ-MODULE.hdf5"


def of_language(*languages: str) -> list[Block]:
    """Gives the blocks of the page in some languages."""
    return [block for block in blocks(PAGE) if block.language in languages]


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_prints_what_the_page_shows(command: str, answer: str) -> None:
    """R173, R174, R175, R178, R179: the table once written by hand; `tests.compat.walking` writes it anew."""
    assert answer_to(command) == (0, answer)


def test_the_table_of_instruments_is_that_of_the_class() -> None:
    """R163, R175: every instrument that the class has stands in the answer, with its place and kind."""
    from oncsync.compat import dev_codes_deployed

    (table,) = (answer for command, answer in SHOWN if command.endswith("devices -l STRW"))
    assert set(dev_codes_deployed) == set(re.findall(r"(?:TUM|UMAINZ)[A-Z]+\d{3}", table))


@pytest.mark.usefixtures("service")
def test_the_python_of_the_page_lists_chooses_and_fetches(capsys: pytest.CaptureFixture[str]) -> None:
    """R163, R171, R176, R177, R178, R179: five files, the products, and one module file by code and by name."""
    first, products, modules = of_language("python")
    walk(first)
    fetched = sorted(path.name for path in Path("data").rglob("TUM*.*"))
    assert len(fetched) == 5
    assert {path.parent.as_posix() for path in Path("data").rglob("TUM*.*")} == {"data/tumlidar001/2021_08"}
    said = capsys.readouterr().out
    assert all(name in said for name in fetched)
    walk(products)
    assert "Standard Module Raw Data" in capsys.readouterr().out
    walk(modules)
    assert [path.name for path in Path("modules").glob("TUM*.*")] == [MODULE]


def test_the_commands_of_the_page_list_choose_and_fetch(service: Sandbox) -> None:
    """R167, R168, R169, R172: the list is saved, edited, and exactly what is left in it is fetched."""
    manifest, listing, fetching = of_language("yaml", "sh")
    walk(manifest)
    assert walk(listing) == [0, 0]
    with open("files.csv", newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream)
    assert len(rows) == 10
    chosen = rows[:5]
    with open("files.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *chosen])
    assert walk(fetching) == [0]
    here = {path.name for path in Path("archive").rglob("TUM*.*") if ".oncsync" not in path.parts}
    assert here == {row[head.index("filename")] for row in chosen}
    assert {path.parent.as_posix() for path in Path("archive").rglob("TUM*.*")} == {"archive/TUMLIDAR001/2021_08"}
    assert sum(asked.path.rstrip("/").endswith("archivefile/download") for asked in service.asked) == 5


def test_what_the_class_brought_is_taken_in_by_adopt(service: Sandbox) -> None:
    """The way from the one to the other costs no second download."""
    manifest, listing, _ = of_language("yaml", "sh")
    walk(of_language("python")[0])
    walk(manifest)
    walk(listing)
    assert walk(Block("sh", "oncsync adopt data\noncsync sync")) == [0, 0]
    assert sum(asked.path.rstrip("/").endswith("archivefile/download") for asked in service.asked) == 10
    assert len([path for path in Path("archive").rglob("TUM*.*") if ".oncsync" not in path.parts]) == 10
