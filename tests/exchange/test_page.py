"""The page about the workbook: its commands run, in its order, and say what it says they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.exchange.desk import insert, put, save
from tests.support.world import TOKEN, quick_sandbox

PAGE = Path(__file__).resolve().parents[2] / "docs" / "workbook.md"
COMMANDS = re.findall(r"^oncsync (.+?)(?:\s+# (.*))?$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
CTD = {"deviceCategoryCode": "CTD", "dataProductCode": "TSSD", "extension": "csv", "data product options": None}
WHALES = """
downloads:
  - {name: whales, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,
     begin: 2015-01-01, end: 2015-02-01}
"""


def _edit(folder: Path) -> None:
    """Makes the edits that the page tells of: three changed, one off, two new."""
    path = folder / "download.xlsx"
    for line in (2, 3, 4):
        put(path, line, end="2015-01-20")
    put(path, 5, download="N")
    insert(path, 7, copy_of=6, begin="2016-01-01", end="2016-01-02")
    insert(path, 8, copy_of=6, begin="2017-01-01", end="2017-01-02")


def _add_download(folder: Path) -> None:
    manifest = folder / "oncsync.yaml"
    manifest.write_text(manifest.read_text() + WHALES)


@pytest.mark.slow
def test_the_commands_of_the_page_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oncsync: Command
) -> None:
    """R11, R27, R104: in, in again, out, detached, out again."""
    monkeypatch.chdir(tmp_path)
    days = [{"begin": f"2015-01-0{day}", "end": f"2015-01-0{day + 1}"} for day in range(1, 6)]
    save(tmp_path, *({**CTD, **day} for day in days))
    save(tmp_path, {**CTD, "begin": "2014-01-01", "end": "2014-01-02"}, name="other.xlsx")
    before = {3: _edit, 6: _add_download}
    with quick_sandbox() as sandbox:
        monkeypatch.setenv("ONC_TOKEN", TOKEN)
        monkeypatch.setenv("ONCSYNC_SERVER", sandbox.url)
        for number, (command, said) in enumerate(COMMANDS):
            if number in before:
                before[number](tmp_path)
            done = oncsync(*command.split())
            assert done.code == 0, f"{command}: {done.err}"
            if said.startswith("7 rows"):
                assert done.out.splitlines()[0] == said.replace("into ", f"into {tmp_path}/")
    assert [command.split()[0] for command, _ in COMMANDS].count("export") == 2
    assert len(COMMANDS) == 10


def test_the_readme_leads_to_the_page() -> None:
    assert "docs/workbook.md" in (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
