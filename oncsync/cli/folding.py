"""Lines for a terminal: one that is too long is broken between words. Programs get every line as it is."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import TextIO

import click

SMALLEST_WIDTH = 20
LEAST_COLUMN = 24
"""Columns of the terminal that the rest of a line needs below the last column of a table."""

_LAST_COLUMN = re.compile(r".*\S {2,}(?=\S)")


def is_terminal() -> bool:
    """Whether a person reads the answer."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """Gives how many columns the terminal has."""
    return max(shutil.get_terminal_size().columns, SMALLEST_WIDTH)


def show(lines: Iterable[str]) -> None:
    """Prints an answer, fitted to the terminal when a person reads it."""
    click.echo(fit("\n".join(lines), sys.stdout))


def fit(text: str, stream: TextIO | None) -> str:
    """Gives a text as a stream takes it: with short lines where that is a terminal."""
    if stream is None or not stream.isatty():
        return text
    width = terminal_width()
    return "\n".join(part for line in text.splitlines() for part in fold(line, width))


def fold(line: str, width: int) -> list[str]:
    """Gives a line in parts of at most `width` characters, broken between words; no word is ever broken.

    What follows is indented, or stands below the last column of a table (columns are two blanks apart).
    """
    if len(line) <= width:
        return [line]
    columns = _LAST_COLUMN.match(line)
    hang = columns.end() if columns else width
    if width - hang < LEAST_COLUMN:
        hang = len(line) - len(line.lstrip()) + 2
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
