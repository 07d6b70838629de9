"""Finds the header row of a tab and what each of its columns is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from openpyxl.utils import get_column_letter

from oncsync.errors import Problem
from oncsync.workbook.cells import RawValue, clean_text, plain_value
from oncsync.workbook.layout import Tab, is_ours, nearest_name, normalize_name

HEADERS_TO_BE_SURE = 3
MARGIN_COLUMNS = 16  # how far right of the last header a stray value is still noticed


class OtherColumn(msgspec.Struct, frozen=True):
    """A column that is not sent: information, or a person's own.

    Where an own column stands behind one that is sent, that one is named before it, with `is_mark`: it says where.
    """

    place: int
    header: str
    is_own: bool
    is_mark: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The header row of one tab: its line from 1, and its columns by place from 0."""

    title: str
    """As the file spells the tab."""
    line: int
    documented: dict[str, int]
    """Places by column key."""
    ours: dict[str, int]
    """Places of the columns that only oncsync writes, by normalised header."""
    others: tuple[OtherColumn, ...]
    """Information and own columns in sheet order."""

    @property
    def places(self) -> set[int]:
        """The places of every column that has a header."""
        return {*self.documented.values(), *self.ours.values(), *(other.place for other in self.others)}

    @property
    def width(self) -> int:
        """How many columns are looked at: up to the last header, and a margin for stray values."""
        return 1 + max(self.places) + MARGIN_COLUMNS


def find_header(rows: Iterable[Sequence[RawValue]], title: str, tab: Tab, problems: list[Problem]) -> Header | None:
    """Finds the first row that names the most columns; None, and a problem, when no row is a header.

    Missing and doubled columns are added to `problems` (required columns: I-8).
    """
    best: tuple[int, int, Sequence[RawValue]] = (0, 1, ())
    for line, values in enumerate(rows, 1):
        count = sum(isinstance(value, str) and tab.column(value) is not None for value in values)
        if count > best[0]:
            best = (count, line, values)
    count, line, values = best
    if count < HEADERS_TO_BE_SURE:
        names = ", ".join(f"`{column.header}`" for column in tab.columns if column.is_required)
        problems.append(Problem(title, "has no row of column headers", f"write them in line 1: {names}, ..."))
        return None
    header = _read_header(values, title, line, tab, problems)
    _check_required(header, tab, problems)
    return header


def _read_header(values: Sequence[RawValue], title: str, line: int, tab: Tab, problems: list[Problem]) -> Header:
    documented: dict[str, int] = {}
    ours: dict[str, int] = {}
    others: dict[str, OtherColumn] = {}
    left = None
    for place, value in enumerate(values):
        text = clean_text(str(plain_value(value))) if value is not None else ""
        column = tab.column(text) if text else None
        left = column or left
        if column is not None:
            if documented.setdefault(column.key, place) != place:
                first = _address(title, documented[column.key], line)
                where = _address(title, place, line)
                problems.append(Problem(where, f"`{text}` is the same column as {first}", "delete one of them"))
            elif column.kind == "information":
                others[column.header] = OtherColumn(place, column.header, is_own=False)
        elif text and is_ours(text):
            ours.setdefault(normalize_name(text), place)
        elif text:
            if left is not None and left.kind != "information":
                others.setdefault(left.header, OtherColumn(place, left.header, is_own=False, is_mark=True))
            name = _unused_name(text, others)
            others[name] = OtherColumn(place, name, is_own=True)
    return Header(title=title, line=line, documented=documented, ours=ours, others=tuple(others.values()))


def _unused_name(text: str, taken: dict[str, OtherColumn]) -> str:
    name, count = text, 1
    while name in taken:
        count += 1
        name = f"{text} ({count})"
    return name


def _check_required(header: Header, tab: Tab, problems: list[Problem]) -> None:
    own = {other.header: other for other in header.others if other.is_own}
    missing = [column.header for column in tab.columns if column.is_required and column.key not in header.documented]
    if tab.method == "byLocation" and not {"deviceCategoryCode", "propertyCode"} & header.documented.keys():
        missing.append("deviceCategoryCode")
    for name in missing:
        near = nearest_name(name, list(own))
        hint = f"is {_address(header.title, own[near].place, header.line)}, `{near}`, meant to be it?" if near else None
        problems.append(Problem(f"{header.title}!{header.line}", f"the column `{name}` is missing", hint))


def _address(title: str, place: int, line: int) -> str:
    return f"{title}!{get_column_letter(place + 1)}{line}"
