"""Turns one line of a tab into a row, or into the list of what is wrong with it. Pure.

Sources: R53, R58, R63, R68-R72, R75, I-3, I-7 to I-10, I-22, I-28.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from openpyxl.utils import get_column_letter

from oncsync.errors import Problem
from oncsync.manifest.validate import looks_secret
from oncsync.naming import TemplateError, check_template
from oncsync.timespan import GRID_ORIGIN, TimeTextError, evaluate_bounds, is_duration
from oncsync.workbook.cells import (
    CellError,
    RawValue,
    clean_text,
    parse_code,
    parse_extension,
    parse_flag,
    parse_moment,
    parse_options,
    parse_single_code,
    plain_value,
)
from oncsync.workbook.configuration import parse_day, parse_split
from oncsync.workbook.headers import Header
from oncsync.workbook.layout import (
    DAY_HEADER,
    METADATA_HEADER,
    ORIGIN_HEADER,
    PATH_HEADER,
    SPLIT_HEADER,
    CellValue,
    Tab,
    normalize_name,
)
from oncsync.workbook.records import Row, parse_origin

Parsed = TypeVar("Parsed")

_OPTIONS_HEADER = "data product options"  # the one filter whose header is not its key


class Line:
    """The cells of one line, found by column, and the mistakes found in them."""

    def __init__(self, header: Header, number: int, values: Sequence[RawValue]) -> None:
        self.header = header
        self.number = number
        self.values = values
        self._complaints: list[tuple[int, Problem]] = []

    @property
    def problems(self) -> list[Problem]:
        """The mistakes found so far, from left to right."""
        return [problem for _, problem in sorted(self._complaints, key=lambda complaint: complaint[0])]

    def at(self, place: int | None) -> RawValue:
        """Gives the cell at a place from 0; None when it is blank or there is no such place."""
        value = self.values[place] if place is not None and place < len(self.values) else None
        return None if isinstance(value, str) and not clean_text(value) else value

    def place(self, column: str) -> int | None:
        """Gives the place of a documented column (by key) or of one of ours (by header), None when it is gone."""
        place = self.header.documented.get(column)
        return self.header.ours.get(normalize_name(column)) if place is None else place

    def where(self, column: str | None = None) -> str:
        """Gives the address of a cell of this line; of the line itself without a column, or when it is gone."""
        place = self.place(column) if column else None
        return f"{self.header.title}!{'' if place is None else get_column_letter(place + 1)}{self.number}"

    def read(self, column: str, parse: Callable[[RawValue], Parsed]) -> Parsed | None:
        """Reads a cell; a mistake is noted with its address and gives None."""
        try:
            return parse(self.at(self.place(column)))
        except CellError as error:
            self.complain(column, error.message, error.hint)
            return None

    def complain(self, column: str, message: str, hint: str | None = None) -> None:
        """Notes a mistake in the cell of a column."""
        name = _OPTIONS_HEADER if column == "options" else column
        place = self.place(column)
        problem = Problem(self.where(column), f"`{name}`: {message}", hint)
        self._complaints.append((-1 if place is None else place, problem))


def is_blank(line: Line, tab: Tab) -> bool:
    """Whether no filter of the line is filled in: it asks for nothing."""
    return all(line.at(line.place(column.key)) is None for column in tab.columns if column.kind == "filter")


def read_line(line: Line, tab: Tab) -> Row | None:
    """Reads the row of a line that is not blank; None when `line.problems` says what is wrong with it."""
    sent = {column.key for column in tab.columns if column.kind == "filter"}

    def code(column: str) -> str | None:
        return line.read(column, parse_single_code) if column in sent else None

    begin, end = line.read("begin", parse_moment), line.read("end", parse_moment)
    extension = line.read("extension", parse_extension)
    row = Row(
        method=tab.method,
        number=line.number,
        download=bool(line.read("download", parse_flag)),
        location_code=code("locationCode"),
        device_category_code=code("deviceCategoryCode"),
        device_code=code("deviceCode"),
        property_code=code("propertyCode"),
        data_product_code=code("dataProductCode") or "",
        extension=extension or "",
        begin=begin or "",
        end=end,
        options=line.read("options", parse_options) or {},
        columns=_other_cells(line),
        split_date_range=line.read(SPLIT_HEADER, _optional(parse_split)),
        day_of_week=line.read(DAY_HEADER, _optional(parse_day)),
        path=line.read(PATH_HEADER, _parse_path),
        metadata=line.read(METADATA_HEADER, lambda value: None if value is None else parse_flag(value)),
        origin=parse_origin(str(line.at(line.place(ORIGIN_HEADER)) or "")),
    )
    _check_filled(line, tab)
    if begin and (end or is_duration(begin)):
        _check_span(line, begin, end)
    return None if line.problems else row


def _parse_path(value: RawValue) -> str | None:
    """Reads a template of the place in the folder; raises `CellError` for one that leads elsewhere."""
    path = parse_code(value)
    if path is not None:
        try:
            check_template(path)
        except TemplateError as error:
            raise CellError(str(error), "write for example `{locationCode}/{year}`") from None
    return path


def _optional(parse: Callable[[str], str]) -> Callable[[RawValue], str | None]:
    def parse_filled(value: RawValue) -> str | None:
        text = parse_code(value)
        return None if text is None else parse(text)

    return parse_filled


def _check_filled(line: Line, tab: Tab) -> None:
    """Notes required cells that are blank; `propertyCode`, options and `end` may be (I-8, I-28)."""
    for column in tab.columns:
        if column.is_required and column.key != "end" and line.at(line.place(column.key)) is None:
            line.complain(column.key, "is missing", "fill the cell in, or delete the line")
    either = ("deviceCategoryCode", "propertyCode")
    if tab.method == "byLocation" and all(line.at(line.place(column)) is None for column in either):
        line.complain("deviceCategoryCode", "is missing", "fill it in, or `propertyCode`, or delete the line")


def _check_span(line: Line, begin: str, end: str | None) -> None:
    bounds = [begin, end or "now"]
    if bounds.count("now") == 1 and not any(map(is_duration, bounds)):
        return  # the clock decides
    try:
        evaluate_bounds(begin, end, GRID_ORIGIN)
    except TimeTextError as error:
        line.complain("end", str(error), "the end is the first instant that is not wanted any more")


def _other_cells(line: Line) -> dict[str, CellValue]:
    """Gives the information columns that are filled in and all own columns, by header, in sheet order."""
    cells: dict[str, CellValue] = {}
    for column in line.header.others:
        if looks_secret(column.header):
            continue
        value = None if column.is_mark else line.at(column.place)
        if column.is_mark or column.is_own or value is not None:
            cells[column.header] = plain_value(value)
    return cells
