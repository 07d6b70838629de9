"""Writes a workbook in the documented layout, the way a careful person would: equal rows give equal bytes.

Sources: R49-R76 (tabs, columns, bold and italic headers), R82-R103 (settings), R83 (the token never gets here).
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.formatting.rule import Rule
from openpyxl.styles import Font
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.writer.excel import ExcelWriter

from oncsync.atomic import folder_error, write_atomic
from oncsync.errors import InputError
from oncsync.timespan import is_relative, parse_instant
from oncsync.workbook.cells import format_flag, own_moment
from oncsync.workbook.columns import PlannedColumn, plan_columns
from oncsync.workbook.layout import (
    BY_LOCATION,
    CONFIGURATION_TITLE,
    DATE_FORMAT,
    DATE_FORMAT_MILLISECONDS,
    DOCUMENTED_DAYS,
    DOCUMENTED_SPLITS,
    SETTING_KEYS,
    TABS,
    TOKEN_PLACEHOLDER,
    CellValue,
    SettingKey,
    Tab,
)
from oncsync.workbook.look import Look, fitted_width
from oncsync.workbook.records import Row

MAX_ROWS = 1_048_575  # below the header
SAMPLE_ROWS = 5_000  # as many rows decide how wide a column is
_LINE_HEIGHT, _MEANING_WIDTH = 15, 100
_SWITCHED_OFF = DifferentialStyle(font=Font(color="FF9CA3AF"))
_FIXED_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - a property of the file format, which knows no zone


def write_workbook(
    path: Path, rows: Sequence[Row], settings: Mapping[str, CellValue], *, methods: Sequence[str] = ()
) -> None:
    """Writes the tabs of the rows' methods (and of `methods`), and `Configuration`, atomically.

    `settings` are values by key; a documented key that is missing gets its default. The token's cell always holds a
    placeholder. Raises `InputError` when something does not fit into a workbook, `FolderError` when the disk refuses.
    """
    try:
        content = render_workbook(rows, settings, methods=methods)
    except OSError as error:  # the library spools sheets to the system's folder for temporary files
        raise folder_error(path, error) from error
    write_atomic(path, content)


def render_workbook(rows: Sequence[Row], settings: Mapping[str, CellValue], *, methods: Sequence[str] = ()) -> bytes:
    """Gives the bytes of the workbook; the same rows and settings give the same bytes."""
    workbook: Any = Workbook(write_only=True)
    workbook.properties.creator = workbook.properties.lastModifiedBy = "oncsync"
    workbook.properties.created = workbook.properties.modified = _FIXED_TIME
    used = {row.method for row in rows}.union(methods) or {BY_LOCATION.method}
    for tab in TABS:
        if tab.method in used:
            write_tab(workbook, tab, [row for row in rows if row.method == tab.method])
    _write_configuration(workbook, settings)
    stream = io.BytesIO()
    ExcelWriter(workbook, _SteadyZip(stream, "w", ZIP_DEFLATED)).save()
    return stream.getvalue()


class _SteadyZip(ZipFile):
    """A zip file whose parts carry one fixed time, so that it depends on its content alone."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        super().writestr(_steady_part(zinfo_or_arcname), data)

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        with Path(filename).open("rb") as source, self.open(_steady_part(arcname), "w") as target:
            shutil.copyfileobj(source, target, 2**20)


def _steady_part(name: str) -> ZipInfo:
    part = ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
    part.compress_type = ZIP_DEFLATED
    part.create_system = 3
    part.external_attr = 0o600 << 16
    return part


def write_tab(workbook: Any, tab: Tab, rows: Sequence[Row], *, index: int | None = None) -> None:
    """Adds a tab with its header and rows to an open workbook, at a place from 0 (None: the end)."""
    if len(rows) > MAX_ROWS:
        raise InputError(
            f"{len(rows):,} rows do not fit into the tab `{tab.title}`, which holds {MAX_ROWS:,}",
            hint="export fewer downloads at a time",
        )
    sheet = workbook.create_sheet(tab.title, index)
    columns = plan_columns(tab, rows)
    look = Look(sheet)
    _set_up_sheet(sheet, columns, rows)
    sheet.append([write_header(look, column) for column in columns])
    for row in rows:
        sheet.append([planned_cell(look, column, column.value(row)) for column in columns])


def write_header(look: Look, column: PlannedColumn) -> Any:
    """Gives the cell above a column: bold when it is sent, italic when a person may change it (R52, R53)."""
    return look.header(
        column.header, column.kind, bold=column.kind == "filter", italic=column.kind in ("filter", "switch")
    )


def _set_up_sheet(sheet: Any, columns: Sequence[PlannedColumn], rows: Sequence[Row]) -> None:
    """Sets everything but the cells; the library wants it before the first row."""
    sheet.freeze_panes = "B2"
    sheet.row_dimensions[1].height = 21
    for place, column in enumerate(columns, 1):
        letter = get_column_letter(place)
        longest = max((len(_shown(column, row)) for row in rows[:SAMPLE_ROWS]), default=0)
        sheet.column_dimensions[letter].width = fitted_width(column.header, longest, column.cap)
    last_row, last_letter = len(rows) + 1, get_column_letter(len(columns))
    sheet.auto_filter.ref = f"A1:{last_letter}{last_row}"
    for place, column in enumerate(columns, 1):
        letter = get_column_letter(place)
        if column.kind == "switch":
            _offer(sheet, f"{letter}2:{letter}{MAX_ROWS + 1}", ("Y", "N"), "Y downloads the row, N leaves it")
            off: Any = Rule(type="expression", formula=[f'${letter}2="N"'], dxf=_SWITCHED_OFF)
            sheet.conditional_formatting.add(f"A2:{last_letter}{max(last_row, 2)}", off)
    _set_up_pages(sheet, pages_wide=2)
    sheet.print_title_cols = "A:A"


def _set_up_pages(sheet: Any, *, pages_wide: int) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = pages_wide, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins = PageMargins(left=0.4, right=0.4, top=0.5, bottom=0.5)
    sheet.print_title_rows = "1:1"


def _offer(sheet: Any, cells: str, choices: Sequence[str], message: str) -> None:
    """Adds a list of choices; other spellings are asked about, not forbidden, because import understands more."""
    choice = DataValidation(type="list", formula1=f'"{",".join(choices)}"', allow_blank=True)
    choice.errorStyle = "warning"
    choice.error, choice.errorTitle = message, "oncsync"
    choice.showErrorMessage = True
    choice.add(cells)
    sheet.data_validations.append(choice)


def _shown(column: PlannedColumn, row: Row) -> str:
    value = column.value(row)
    if value is None:
        return ""
    if column.form == "date":
        return DATE_FORMAT_MILLISECONDS if "." in str(value) else DATE_FORMAT
    return str(value)


def planned_cell(look: Look, column: PlannedColumn, value: CellValue) -> Any:
    """Gives the cell that a planned column writes for a value, None for a blank one."""
    if value is None:
        return None
    if not isinstance(value, str):
        return look.number(value, "figure" if column.form == "number" else None)
    if column.form == "date":
        return look.text(value) if is_relative(value) else look.moment(parse_instant(value))
    if column.form == "link":
        return look.link(value)
    if column.form == "own" and (moment := own_moment(value)) is not None:
        return look.moment(moment, day_only=len(value) == 10)
    return look.text(value, "muted" if column.kind == "ours" else None)


def _write_configuration(workbook: Any, settings: Mapping[str, CellValue]) -> None:
    sheet = workbook.create_sheet(CONFIGURATION_TITLE)
    look = Look(sheet)
    sheet.freeze_panes = "A2"
    sheet.row_dimensions[1].height = 21
    for letter, width in (("A", 22), ("B", 42), ("C", _MEANING_WIDTH)):
        sheet.column_dimensions[letter].width = width
    keys = [setting for setting in SETTING_KEYS if setting.is_documented or settings.get(setting.key) is not None]
    for line, setting in enumerate(keys, 2):
        if setting.form in ("split", "day"):
            choices = DOCUMENTED_SPLITS if setting.form == "split" else DOCUMENTED_DAYS
            _offer(sheet, f"B{line}", choices, f"{setting.key} is one of {', '.join(choices)}")
        sheet.row_dimensions[line].height = _LINE_HEIGHT * (1 + len(setting.description) // _MEANING_WIDTH)
    _set_up_pages(sheet, pages_wide=1)
    sheet.append(
        [look.header(text, "information", bold=True, italic=False) for text in ("setting", "value", "meaning")]
    )
    for setting in keys:
        value = settings.get(setting.key, setting.default)
        sheet.append(
            [
                look.text(setting.key, "key"),
                _setting_cell(look, setting, setting.default if value is None else value),
                look.text(setting.description, "wrapped"),
            ]
        )


def _setting_cell(look: Look, setting: SettingKey, value: CellValue) -> Any:
    if setting.form == "secret":
        return look.text(TOKEN_PLACEHOLDER, "placeholder")
    if value is None:
        return None
    if isinstance(value, bool):
        return look.text(format_flag(value), "setting")
    if isinstance(value, (int, float)):
        return look.number(value, "count")
    return look.text(value, "setting")
