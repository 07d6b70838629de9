"""Holds the Configuration tab to what a manifest can say, so that no import writes a manifest that cannot be read."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oncsync.errors import InputError, Problem, ProblemsError
from oncsync.manifest import load_manifest, write_manifest
from oncsync.workbook import Book

_LINE = re.compile(r":(\d+)(?::\d+)?$")
_CELL_KEYS = {"folder": "downloadFolder", "state": "logFile"}
"""What the workbook calls a key of the manifest otherwise."""


def check_settings(head: Mapping[str, Any], book: Book, workbook: Path) -> None:
    """Raises `ProblemsError`, by sheet and cell, for settings that a manifest of this head cannot have."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "oncsync.yaml"
        write_manifest(path, head)
        lines = path.read_text(encoding="utf-8").splitlines()
        try:
            load_manifest(path, environment={})
        except ProblemsError as error:
            problems = [_at_its_cell(problem, lines, book) for problem in error.problems]
        except InputError as error:
            setting = book.setting("downloadFolder")
            problems = [Problem(setting.where if setting else "Configuration", error.message, error.hint)]
        else:
            return
    count = "a mistake" if len(problems) == 1 else f"{len(problems):,} mistakes"
    raise ProblemsError(f"`{workbook}` has {count}:", problems)


def _at_its_cell(problem: Problem, lines: list[str], book: Book) -> Problem:
    match = _LINE.search(problem.where)
    key = lines[int(match[1]) - 1].partition(":")[0].strip() if match else ""
    setting = book.setting(_CELL_KEYS.get(key, key))
    return Problem(setting.where if setting else "Configuration", problem.message, problem.hint)
