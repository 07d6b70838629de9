"""The documented commands in this process, in a fresh folder, on a service that hardly lets anyone wait."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openpyxl import load_workbook

from oncsync.cli.legacy import main
from oncsync.manifest import Download, load_manifest
from oncsync.sandbox import Sandbox
from tests.support.world import QUICK_PACE, TOKEN, quick_sandbox

Value = Any


class Said(NamedTuple):
    """How a command ended: its exit code, its answer, and everything else."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A service that stands for ONC's, a user who has a token, and a current folder with nothing in it."""
    monkeypatch.setattr("oncsync.engine.pace.DEFAULT_PACE", QUICK_PACE)
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with quick_sandbox() as sandbox:
        monkeypatch.setenv("ONCSYNC_SERVER", sandbox.url)
        yield sandbox


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], service: Sandbox) -> Command:
    """Runs a command line as it would be typed, with or without the name of the program, and gives how it ended."""

    def typed(line: str, *more: str) -> Said:
        capsys.readouterr()
        words = [*shlex.split(line.partition("downloadONC.py")[2] or line), *more]
        with pytest.raises(SystemExit) as ended:
            main(words)
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, captured.out, captured.err)

    return typed


def rows_of(workbook: str | Path, tab: str = "By Location") -> list[dict[str, Value]]:
    """Gives the rows of a tab by their headers."""
    header, *rows = load_workbook(workbook)[tab].values
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def settings_of(workbook: str | Path) -> dict[str, Value]:
    """Gives the Configuration tab."""
    return {str(row[0]): row[1] for row in load_workbook(workbook)["Configuration"].values if row[0]}


def edit(workbook: str | Path, change: Callable[[Any], None]) -> None:
    """Changes a workbook by hand."""
    book = load_workbook(workbook)
    change(book)
    book.save(workbook)


def column(sheet: Any, header: str) -> int:
    """Gives the number of a column, from 1."""
    return int([cell.value for cell in sheet[1]].index(header)) + 1


def filters_of(folder: str | Path) -> Download:
    """Gives the download that the last `createXLS` for a folder stood for."""
    return load_manifest(Path(folder) / ".oncsync" / "createXLS.yaml").downloads[0]


def data_files(folder: str | Path) -> dict[str, bytes]:
    """Gives the product files in a folder by path, without their metadata, the workbook and the log."""
    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".oncsync", "_meta"} & set(path.parts) and path.parent != folder
    }


SMALL = "createXLS -o Data -l USDDL -c CTD -b 2017-05-01 -e 2017-05-02 -p TSSD -x csv,json"
"""Two rows of one day: quick to fetch."""


@pytest.fixture
def small(run: Command) -> str:
    """A workbook with two small rows, and its name."""
    said = run(SMALL)
    assert said.code == 0, said.err
    return "Data/download.xlsx"


def orders(service: Sandbox) -> int:
    """Counts the orders that were placed."""
    return sum(asked.path.rstrip("/").endswith("dataProductDelivery/request") for asked in service.asked)
