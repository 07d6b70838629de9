"""Tables: for people on a terminal, for programs everywhere else. Codes are never broken across lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

GAP = 2
LEAST_WIDE = 12
"""Columns of the terminal that a text which may be broken needs at least."""
COMFORTABLE_WIDE = 28
"""Columns of the terminal that such a text gets before columns of a higher rank are shown."""

Value = str | int | float | datetime | tuple[str, ...] | None


class Column(msgspec.Struct, frozen=True):
    """One column: its heading, how to get its value from a row, and how it behaves on a terminal.

    `rank` 0 is always shown, the others as far as there is room, the lowest first; `is_wide` marks texts that may be
    broken between words. Some columns are for people on a terminal alone, some for programs alone.
    """

    heading: str
    value: Callable[[Any], Value]
    rank: int = 0
    is_wide: bool = False
    is_number: bool = False
    on_terminal: bool = True
    for_programs: bool = True
    shown: Callable[[Any], str] | None = None
    """The text on a terminal, where it differs from the value."""


def plain_text(value: Value) -> str:
    """Gives a value for programs: instants as the service has them, lists joined by commas, nothing for nothing."""
    from oncsync.timespan import format_instant

    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def day(value: datetime | None) -> str:
    """Gives a day for people."""
    return f"{value:%Y-%m-%d}" if value else ""


def _terminal_text(column: Column, row: Any) -> str:
    if column.shown is not None:
        return column.shown(row)
    value = column.value(row)
    if isinstance(value, datetime):
        return day(value)
    return ", ".join(value) if isinstance(value, tuple) else plain_text(value)


def tab_lines(columns: Sequence[Column], rows: Sequence[Any]) -> Iterator[str]:
    """Yields a line of headings and one per row, their cells parted by a tab."""
    listed = [column for column in columns if column.for_programs]
    yield "\t".join(column.heading for column in listed)
    for row in rows:
        yield "\t".join(plain_text(column.value(row)) for column in listed)


def csv_text(columns: Sequence[Column], rows: Sequence[Any]) -> str:
    """Gives a CSV document with a line of headings."""
    listed = [column for column in columns if column.for_programs]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.heading for column in listed])
    writer.writerows([plain_text(column.value(row)) for column in listed] for row in rows)
    return stream.getvalue()


def terminal_lines(columns: Sequence[Column], rows: Sequence[Any], width: int, *, is_bold: bool = False) -> list[str]:
    """Gives a table that fits `width` columns; columns that do not fit are named below it.

    A table whose codes alone are wider becomes a list of rows, a line for each value. Says the same without bold type.
    """
    cells, filled = _cells(columns, rows)
    shown = _fitting(filled, cells, width)
    if shown is None:
        return _cards(filled, cells, len(rows))
    lines = _render(shown, cells, width, is_bold)
    hidden = [column.heading for column in filled if column not in shown]
    return [*lines, "", f"Not shown for lack of room: {', '.join(hidden)}"] if hidden else lines


def fits(columns: Sequence[Column], rows: Sequence[Any], width: int) -> bool:
    """Whether `terminal_lines` gives a table: the columns that are always shown fit `width` columns."""
    cells, filled = _cells(columns, rows)
    return _fitting(filled, cells, width) is not None


def _cells(columns: Sequence[Column], rows: Sequence[Any]) -> tuple[dict[str, list[str]], list[Column]]:
    """Gives the texts on a terminal by heading, and the columns that have some to show."""
    cells = {column.heading: [_terminal_text(column, row) for row in rows] for column in columns if column.on_terminal}
    filled = [column for column in columns if column.on_terminal and (column.rank == 0 or any(cells[column.heading]))]
    return cells, filled


def _need(column: Column, cells: dict[str, list[str]], comfort: int = LEAST_WIDE) -> int:
    """Gives how much room a column needs: its longest text, or `comfort` and its longest word if it may be broken."""
    texts = [column.heading, *cells[column.heading]]
    longest = max(cell_width(text) for text in texts)
    if not column.is_wide:
        return longest
    return max(min(longest, comfort), *(cell_width(word) for text in texts for word in text.split()))


def cell_width(text: str) -> int:
    """Gives how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _fitting(columns: Sequence[Column], cells: dict[str, list[str]], width: int) -> list[Column] | None:
    """Gives the columns that fit, in their order; None when those that must be shown do not."""
    needed = [column for column in columns if column.rank == 0]
    if sum(_need(column, cells) + GAP for column in needed) > width + GAP:
        return None
    left = width + GAP - sum(_need(column, cells, COMFORTABLE_WIDE) + GAP for column in needed)
    chosen = []
    for column in sorted(columns, key=lambda column: column.rank):
        need = _need(column, cells, COMFORTABLE_WIDE) + GAP
        if column.rank > 0 and need <= left:
            left -= need
            chosen.append(column)
    return [column for column in columns if column.rank == 0 or column in chosen]


def _render(columns: Sequence[Column], cells: dict[str, list[str]], width: int, is_bold: bool) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.heading),
            no_wrap=not column.is_wide,
            min_width=_need(column, cells),
            justify="right" if column.is_number else "left",
        )
    for texts in zip(*(cells[column.heading] for column in columns), strict=True):
        table.add_row(*(Text(text) for text in texts))
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=is_bold,
        color_system="standard" if is_bold else None,
        legacy_windows=False,
        no_color=True,
    )
    console.print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def _cards(columns: Sequence[Column], cells: dict[str, list[str]], count: int) -> list[str]:
    lines: list[str] = []
    for number in range(count):
        texts = [(column.heading, cells[column.heading][number]) for column in columns]
        lines += [f"{heading}: {text}" for heading, text in texts if text]
        lines.append("")
    return lines[:-1]
