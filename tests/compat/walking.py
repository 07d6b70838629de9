"""Walks along a page of the documentation: runs its commands and its Python in their order, in one folder.

`python -m tests.compat.walking` writes the answers of docs/oncdownloader.md anew.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from oncsync.cli import cli
from oncsync.cli.ending import run_to_exit_code
from tests.cli.discover_page import shown_commands, written_anew

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "oncdownloader.md"
_BLOCK = re.compile(r"```(?P<language>[a-z]+)\n(?P<text>.*?)```", flags=re.DOTALL)


class Block(NamedTuple):
    """A block of a page: its language, and what stands in it."""

    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Yields the blocks of a page in their order."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Block(match["language"], match["text"])


def walk(block: Block) -> list[int]:
    """Does what a block says in the current folder: Python runs, a manifest is written, commands give exit codes."""
    if block.language == "python":
        exec(compile(block.text, "page", "exec"), {})
    elif block.language == "yaml":
        Path("oncsync.yaml").write_text(block.text, encoding="utf-8")
    elif block.language == "sh":
        return [run_to_exit_code(cli, shlex.split(line, comments=True)[1:]) for line in block.text.splitlines()]
    return []


__all__ = ["DOCS", "PAGE", "Block", "blocks", "shown_commands", "walk", "written_anew"]

if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
