"""`docs/service.md` cannot lie: every test it names exists, and no statement and no question goes without one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "service.md"
REFERENCE = re.compile(r"`([\w/]+\.py)::(\w+)`")
SECTIONS = {"1", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8"}
SECTIONS |= {"3.1", "3.2", "3.3", "3.4", "4.1", "4.2", "4.3"}
LAST_QUESTION = 55


def _rows() -> list[list[str]]:
    """Gives the cells of every row of the page's tables, without headers."""
    rows = [line.strip("| \n").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [row for row in rows if not row[0].startswith("---") and row[0] not in ("§", "Question")]


ROWS = _rows()


def _tests_of(file: Path) -> dict[str, str]:
    """Gives the tests of a file by name, classes too, each with its docstring or that of its class."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            own = ast.get_docstring(node) or ""
            found[node.name] = own
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    found[inner.name] = ast.get_docstring(inner) or own
        elif isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, ast.get_docstring(node) or "")
    return {name: text for name, text in found.items() if name.lower().startswith("test")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0] + " " + row[1][:40])
def test_every_row_names_tests_that_exist(row: list[str]) -> None:
    named = REFERENCE.findall(row[-1])
    assert named
    for file, name in named:
        assert name in _tests_of(TESTS / file), f"{file}::{name}"


def test_every_section_of_the_contract_has_a_row() -> None:
    assert {row[0] for row in ROWS} >= SECTIONS


@pytest.mark.parametrize("number", range(1, LAST_QUESTION + 1))
def test_every_open_question_is_held_by_a_test_of_its_own(number: int) -> None:
    """The test that the page names says in its docstring which question it plays."""
    (row,) = [row for row in ROWS if row[0] == f"Q{number}"]
    for file, name in REFERENCE.findall(row[-1]):
        assert re.search(rf"\bQ{number}\b", _tests_of(TESTS / file)[name]), f"{file}::{name}"
