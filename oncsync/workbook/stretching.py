"""Makes filters, tables, choices and conditional formats that end with the last row cover the rows added below it."""

from __future__ import annotations

from copy import copy
from typing import Any

from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet.cell_range import MultiCellRange


def stretch_areas(sheet: Any, old_last: int, new_last: int, right: tuple[int, int] | None = None) -> None:
    """Stretches what ended with row `old_last` to `new_last`, and the filter to the right: `right` is its old and
    its new last column, from 1."""
    if sheet.auto_filter.ref:
        sheet.auto_filter.ref = _stretched(sheet.auto_filter.ref, old_last, new_last, right)
    for table in sheet.tables.values():
        if table.totalsRowCount:
            continue  # its last row holds sums
        table.ref = _stretched(table.ref, old_last, new_last)
        if table.autoFilter is not None:
            table.autoFilter.ref = _stretched(table.autoFilter.ref, old_last, new_last)
    for validation in sheet.data_validations.dataValidation:
        validation.sqref = MultiCellRange(_all_stretched(validation.sqref, old_last, new_last))
    for found in list(sheet.conditional_formatting):
        wider = _all_stretched(found.sqref, old_last, new_last)
        if wider != str(found.sqref):
            rules = found.rules
            del sheet.conditional_formatting._cf_rules[found]
            for rule in rules:
                sheet.conditional_formatting.add(wider, rule)


def widen_column(sheet: Any, column: int, width: float) -> None:
    """Makes a column, from 1, at least so wide, in characters; its neighbours in one description stay as they are."""
    widths = sheet.column_dimensions
    found = next((one for one in widths.values() if one.min and one.max and one.min <= column <= one.max), None)
    if found is not None and (found.width >= width or found.hidden):
        return
    if found is not None:
        first, last = found.min, found.max
        if column < last:
            _describe(widths, found, column + 1, last)
        _describe(widths, found, column, column)
        if first < column:
            found.max = column - 1
    widths[get_column_letter(column)].width = width


def _describe(widths: Any, like: Any, first: int, last: int) -> None:
    """Gives columns a description of their own, that of another."""
    letter = get_column_letter(first)
    if like.index != letter:
        widths[letter] = copy(like)
        widths[letter].index = letter
    widths[letter].min, widths[letter].max = first, last


def _all_stretched(areas: Any, old_last: int, new_last: int) -> str:
    return " ".join(_stretched(str(area), old_last, new_last) for area in areas.ranges)


def _stretched(area: str, old_last: int, new_last: int, right: tuple[int, int] | None = None) -> str:
    first, top, last, bottom = range_boundaries(area)
    if first is None or last is None or top is None or bottom is None:
        return area  # whole columns or rows
    if right is not None and last == right[0]:
        last = right[1]
    if bottom == old_last:
        bottom = new_last
    return f"{get_column_letter(first)}{top}:{get_column_letter(last)}{bottom}"
