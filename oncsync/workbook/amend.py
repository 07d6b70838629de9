"""Adds rows to a workbook that people work in and leaves everything else in it as it is.

Sources: R27, R78-R81. What the library cannot write back (pictures, charts, macros) is refused before anything is
changed, never dropped.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.rich_text import CellRichText
from openpyxl.styles.numbers import is_date_format

from oncsync.atomic import write_atomic
from oncsync.errors import InputError
from oncsync.workbook.appending import AppendPlan, MovedEnd
from oncsync.workbook.columns import PlannedColumn, plan_columns
from oncsync.workbook.container import open_workbook
from oncsync.workbook.headers import Header, find_header
from oncsync.workbook.keeping import find_losses, put_results_back, stored_results
from oncsync.workbook.layout import DATE_FORMAT, ORIGIN_HEADER, TABS, Tab, find_tab, normalize_name, tab_of
from oncsync.workbook.look import Look, fitted_width
from oncsync.workbook.read import HEADER_SEARCH_ROWS
from oncsync.workbook.records import Row
from oncsync.workbook.stretching import stretch_areas, widen_column
from oncsync.workbook.write import MAX_ROWS, planned_cell, write_header, write_tab

_ADDED_IN_ORDER = {"filter": 0, "switch": 0, "information": 1, "ours": 2}


def amend_workbook(path: Path, plan: AppendPlan, *, methods: Sequence[str] = ()) -> list[str]:
    """Carries a plan out on the workbook at `path`, in one step; gives notes. Unchanged when there is nothing to do.

    A tab that is missing is added when rows or `methods` need it (R80). Raises `InputError` for a workbook that holds
    what could not be written back, `FolderError` when the disk refuses.
    """
    notes = [
        f"{tab_of(row.method).title}!{row.number}: the row differs from the manifest; it was left as it is"
        for row in plan.edited
    ]
    with open_workbook(path) as (sheets, _):
        present = {tab.method for sheet in sheets if (tab := find_tab(sheet.title)) is not None}
    needed = {row.method for row in plan.added}.union(methods)
    missing = [tab for tab in TABS if tab.method not in present and tab.method in needed]
    if not (plan.added or plan.ends or missing):
        return notes
    if lost := find_losses(path):
        raise InputError(
            f"`{path}` holds {', '.join(lost)}, which would not survive",
            hint="export to another file and copy the new rows over, or move them to a workbook of their own",
        )
    content, is_solved = _amended(path, plan, missing)
    write_atomic(path.resolve(), content)
    if not is_solved:
        notes.append("The workbook holds formulas: open and save it in a spreadsheet program, so that they get results")
    return notes


def _amended(path: Path, plan: AppendPlan, missing: Sequence[Tab]) -> tuple[bytes, bool]:
    """Gives the bytes of the workbook with the plan carried out, and whether every formula kept its result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about decorations; what matters was refused
        results = stored_results(path)
        workbook: Any = load_workbook(path, rich_text=True)
    active = workbook.active
    for tab in TABS:
        rows = [row for row in plan.added if row.method == tab.method]
        ends = [moved for moved in plan.ends if moved.row.method == tab.method]
        if tab in missing:
            write_tab(workbook, tab, rows, index=_tab_index(workbook, tab))
        elif rows or ends:
            sheet = next(sheet for sheet in workbook.worksheets if find_tab(sheet.title) is tab)
            _Amendment(sheet, tab, rows, ends).carry_out()
    workbook.active = active
    workbook.calculation.fullCalcOnLoad = True
    stream = io.BytesIO()
    workbook.save(stream)
    return put_results_back(stream.getvalue(), [sheet.title for sheet in workbook.worksheets], results)


def _tab_index(workbook: Any, tab: Tab) -> int:
    """Gives where a new tab goes: `By Location` first, `By Device` behind it."""
    titles = [find_tab(sheet.title) for sheet in workbook.worksheets]
    return next((index + 1 for index, found in enumerate(titles) if found is not None and tab is TABS[1]), 0)


class _Amendment:
    """What is done to one sheet."""

    def __init__(self, sheet: Any, tab: Tab, rows: Sequence[Row], ends: Sequence[MovedEnd]) -> None:
        self._sheet = sheet
        self._rows = rows
        self._ends = ends
        self._look = Look(sheet)
        self._header = _header_of(sheet, tab)
        self._planned = {column.header: column for column in plan_columns(tab, [*rows, *(moved.now for moved in ends)])}
        self._places = _places(self._header, tab, self._planned)
        self._filled = _filled(sheet)
        asked = {place + 1 for place in self._header.documented.values()}
        rows_there = (row for row, column in self._filled if column in asked)
        self._last_row = max(rows_there, default=self._header.line)

    def carry_out(self) -> None:
        for moved in self._ends:
            for name in ("end", ORIGIN_HEADER):
                if name in self._places:
                    made = planned_cell(self._look, self._planned[name], self._planned[name].value(moved.now))
                    self._put(moved.row.number, name, made, self._sheet.cell(moved.row.number, self._places[name]))
        if self._rows:
            self._append_rows()

    def _append_rows(self) -> None:
        last_header = max(self._header.places) + 1
        width = max(last_header, max(column for _, column in self._filled))  # no note becomes part of a new column
        added = self._add_columns(width)
        below = max(row for row, _ in self._filled)
        if below + len(self._rows) > MAX_ROWS:
            raise InputError(
                f"{len(self._rows):,} more rows do not fit into the tab `{self._sheet.title}`",
                hint="export to a workbook of its own",
            )
        has_rows = self._last_row > self._header.line
        for number, row in enumerate(self._rows, below + 1):
            for name in self._places:
                above = self._sheet.cell(self._last_row, self._places[name]) if has_rows else None
                made = planned_cell(self._look, self._planned[name], self._planned[name].value(row))
                self._put(number, name, made, above)
        for name in ("begin", "end"):  # a date that does not fit is shown as `###`
            widen_column(self._sheet, self._places[name], len(DATE_FORMAT) + 2)
        right = (last_header, width + added) if added else None
        stretch_areas(self._sheet, self._last_row, below + len(self._rows), right)

    def _add_columns(self, width: int) -> int:
        """Adds the columns that a new row needs and that a person deleted or never had; gives how many."""
        added = 0
        for name, column in sorted(self._planned.items(), key=lambda one: _ADDED_IN_ORDER[one[1].kind]):
            is_needed = column.kind != "information" or column.form == "own"
            values = [value for row in self._rows if (value := column.value(row)) is not None]
            if name in self._places or not is_needed or not values:
                continue
            added += 1
            self._places[name] = width + added
            made = write_header(self._look, column)
            self._set(self._sheet.cell(self._header.line, width + added), made, made._style)
            longest = max(len(str(value)) for value in values)
            widen_column(self._sheet, width + added, fitted_width(name, longest, column.cap))
        return added

    def _put(self, row: int, name: str, made: Any, above: Any) -> None:
        """Writes a cell as an export makes it, in the looks of the cell above where there is one."""
        cell = self._sheet.cell(row, self._places[name])
        if made is None:
            if above is not None:
                cell._style = copy(above._style)
            cell.value = None
            return
        style = made._style
        if above is not None and above.has_style:
            style = copy(above._style)
            is_date = is_date_format(made.number_format)
            if is_date != is_date_format(above.number_format) or made.number_format.endswith(".000"):
                style.numFmtId = made._style.numFmtId
            style.quotePrefix = made._style.quotePrefix
            if made.hyperlink is not None or above.hyperlink is not None:
                style.fontId = made._style.fontId
        self._set(cell, made, style)

    def _set(self, cell: Any, made: Any, style: Any) -> None:
        cell._value = made._value
        cell.data_type = made.data_type
        if made.hyperlink is not None:
            cell.hyperlink = made.hyperlink.target
            cell._value = made._value
        cell._style = copy(style)


def _header_of(sheet: Any, tab: Tab) -> Header:
    values = (
        [str(cell.value) if isinstance(cell.value, CellRichText) else cell.value for cell in line]
        for line in islice(sheet.iter_rows(), HEADER_SEARCH_ROWS)
    )
    header = find_header(values, sheet.title, tab, [])
    assert header is not None  # the workbook was read before
    return header


def _places(header: Header, tab: Tab, planned: Mapping[str, PlannedColumn]) -> dict[str, int]:
    """Gives where each planned column stands in the sheet, from 1; columns that a person deleted are left out."""
    places = {
        column.header: header.documented[column.key] + 1 for column in tab.columns if column.key in header.documented
    }
    own = {other.header: other.place + 1 for other in header.others if other.is_own}
    ours = {name: header.ours[normalize_name(name)] + 1 for name in planned if normalize_name(name) in header.ours}
    return {name: place for name, place in {**own, **places, **ours}.items() if name in planned}


def _filled(sheet: Any) -> set[tuple[int, int]]:
    """Gives the row and column, from 1, of every cell that holds something."""
    return {place for place, cell in sheet._cells.items() if cell.value is not None}
