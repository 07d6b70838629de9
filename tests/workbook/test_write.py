"""An exported workbook: as documented, handsome, safe to open, equal bytes for equal rows."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from openpyxl import load_workbook

from oncsync.errors import FolderError, InputError
from oncsync.workbook import Origin, Row, look, read_workbook, render_workbook, write, write_workbook
from oncsync.workbook.layout import TOKEN_PLACEHOLDER, CellValue
from tests.workbook.books import CONFIGURATION, DEVICE_HEADERS, LOCATION_HEADERS, TOKEN
from tests.workbook.strategies import books, configurations

ROW = Row(
    method="byLocation",
    location_code="BACAX",
    device_category_code="HYDROPHONE",
    data_product_code="AD",
    extension="wav",
    begin="2011-07-13",
    end="2011-07-14T12:30:00.500Z",
    options={"dpo_a": "1", "dpo_b": "2"},
    columns={
        "locationName": "Axis",
        "latitude": 48.316758,
        "depth": 981,
        "helpDocument": "https://wiki.oceannetworks.ca/display/DP/7",
    },
)
DEVICE = Row(
    method="byDevice", device_code="NAXYS_HYD_007", data_product_code="AD", extension="wav", begin="2011-07-13"
)


def varied(row: Row = ROW, **changes: Any) -> Row:
    members = {name: getattr(row, name) for name in row.__struct_fields__}
    return Row(**(members | changes))


def opened(*rows: Row, methods: tuple[str, ...] = (), **configuration: CellValue) -> Any:
    return load_workbook(io.BytesIO(render_workbook(rows, configuration, methods=methods)))


def headers(sheet: Any) -> list[str]:
    return [cell.value for cell in sheet[1]]


def cell(sheet: Any, header: str, line: int = 2) -> Any:
    return sheet.cell(line, headers(sheet).index(header) + 1)


def test_each_method_has_its_tab_and_the_settings_come_last() -> None:
    """R19, R49, R70."""
    assert opened(ROW).sheetnames == ["By Location", "Configuration"]
    assert opened(DEVICE).sheetnames == ["By Device", "Configuration"]
    assert opened(DEVICE, ROW).sheetnames == ["By Location", "By Device", "Configuration"]
    assert opened(ROW, methods=("byLocation", "byDevice")).sheetnames == ["By Location", "By Device", "Configuration"]
    assert opened().sheetnames == ["By Location", "Configuration"]


def test_the_columns_are_the_documented_ones_in_order_and_the_origin_comes_last() -> None:
    """R65, R74."""
    book = opened(ROW, DEVICE)
    assert headers(book["By Location"]) == [*LOCATION_HEADERS, "oncsync"]
    assert headers(book["By Device"]) == [*DEVICE_HEADERS, "oncsync"]


def test_headers_are_bold_and_italic_as_documented() -> None:
    """R52, R53, R72."""
    faces = {
        (cell.parent.title, cell.value): (cell.font.b, cell.font.i)
        for sheet in opened(ROW, DEVICE).worksheets[:2]
        for cell in sheet[1]
    }
    assert faces["By Location", "locationCode"] == (True, True)
    assert faces["By Location", "data product options"] == (True, True)
    assert faces["By Location", "download"] == (False, True)
    assert faces["By Location", "deviceCode"] == (False, False)
    assert faces["By Device", "deviceCode"] == (True, True)
    assert faces["By Device", "locationCode"] == (False, False)


def test_the_header_is_frozen_and_filtered() -> None:
    sheet = opened(ROW, ROW)["By Location"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:T3"


def test_dates_are_date_cells_and_show_milliseconds_when_there_are_any() -> None:
    sheet = opened(ROW)["By Location"]
    begin, end = cell(sheet, "begin"), cell(sheet, "end")
    assert (begin.value, begin.number_format) == (datetime(2011, 7, 13), "yyyy-mm-dd hh:mm:ss")
    assert (end.value, end.number_format) == (datetime(2011, 7, 14, 12, 30, 0, 500_000), "yyyy-mm-dd hh:mm:ss.000")


def test_what_is_no_date_of_excels_stays_text() -> None:
    sheet = opened(varied(begin="-P1D", end="now"), varied(begin="1890-01-01"))["By Location"]
    assert (cell(sheet, "begin").value, cell(sheet, "end").value) == ("-P1D", "now")
    assert cell(sheet, "begin", 3).value == "1890-01-01 00:00:00.000"


def test_a_row_without_end_has_a_blank_end() -> None:
    """I-28."""
    assert cell(opened(varied(end=None))["By Location"], "end").value is None


def test_numbers_stay_numbers_and_the_switch_is_y_or_n() -> None:
    sheet = opened(ROW, varied(download=False))["By Location"]
    assert (cell(sheet, "latitude").value, cell(sheet, "depth").value) == (48.316758, 981)
    assert [cell(sheet, "download", line).value for line in (2, 3)] == ["Y", "N"]


def test_links_open_and_nothing_but_the_web_does() -> None:
    sheet = opened(ROW, varied(columns={"helpDocument": "javascript:alert(1)"}))["By Location"]
    assert cell(sheet, "helpDocument").hyperlink.target == "https://wiki.oceannetworks.ca/display/DP/7"
    assert cell(sheet, "helpDocument", 3).hyperlink is None
    assert cell(sheet, "helpDocument", 3).value == "javascript:alert(1)"


def test_links_end_before_excel_calls_the_sheet_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "MAX_LINKS", 1)
    sheet = opened(ROW, ROW)["By Location"]
    assert cell(sheet, "helpDocument").hyperlink is not None
    assert cell(sheet, "helpDocument", 3).hyperlink is None
    assert cell(sheet, "helpDocument", 3).value == cell(sheet, "helpDocument").value


@pytest.mark.parametrize("text", ["=1+1", "=HYPERLINK(A1)", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "#REF!"])
def test_text_that_a_program_could_run_is_text(text: str) -> None:
    written = cell(opened(varied(columns={"note": text}))["By Location"], "note")
    assert (written.data_type, written.value) == ("s", text)
    assert written.quotePrefix


def test_the_choices_of_the_documented_cells_are_offered() -> None:
    """R54, R86, R88."""
    book = opened(ROW)
    (flags,) = book["By Location"].data_validations.dataValidation
    assert (flags.formula1, str(flags.sqref)) == ('"Y,N"', "F2:F1048576")
    split, day = book["Configuration"].data_validations.dataValidation
    assert (split.formula1, str(split.sqref)) == ('"all,year,month,week,day,hour"', "B5")
    assert (day.formula1, str(day.sqref)) == ('"MO,TU,WE,TH,FR,SA,SU"', "B6")


def test_rows_that_are_off_look_it() -> None:
    formatting = opened(ROW)["By Location"].conditional_formatting
    ((area, (rule,)),) = [(str(entry.sqref), entry.rules) for entry in formatting]
    assert (area, rule.formula) == ("A2:T2", ['$F2="N"'])


def test_columns_are_as_wide_as_their_content_within_reason() -> None:
    sheet = opened(varied(columns={"locationName": "x" * 500, "dataProductName": "Audio"}))["By Location"]
    widths = {cell.value: sheet.column_dimensions[cell.column_letter].width for cell in sheet[1]}
    assert widths["locationName"] == 40
    assert widths["dataProductName"] >= len("dataProductName")
    assert widths["end"] > len("2011-07-14 12:30:00.500")
    assert all(9 <= width <= 60 for width in widths.values())


def test_own_columns_come_back_behind_their_neighbour() -> None:
    """R63."""
    first = varied(columns={"front": 1, "locationName": "Axis", "after name": 2, "Device Listing": "x", "last": None})
    second = varied(columns={"locationName": "Axis", "after name": 2, "dataProductName": "y", "late": 3})
    names = headers(opened(first, second)["By Location"])
    assert [name for name in names if name not in LOCATION_HEADERS] == [
        "front",
        "after name",
        "late",
        "last",
        "oncsync",
    ]
    assert names.index("front") == 0
    assert names.index("after name") == names.index("locationName") + 1
    assert names.index("late") == names.index("dataProductName") + 1
    assert names.index("last") == names.index("Device Listing") + 1


def test_own_columns_without_a_neighbour_stand_at_the_end() -> None:
    names = headers(opened(varied(columns={"a": 1, "b": 2}))["By Location"])
    assert names[-3:] == ["a", "b", "oncsync"]


def test_columns_that_would_shadow_documented_ones_are_not_written() -> None:
    names = headers(opened(varied(columns={"begin": "x", "oncsync": "y", "LATITUDE": 1}))["By Location"])
    assert names == [*LOCATION_HEADERS, "oncsync"]


def test_own_dates_are_dates_again() -> None:
    sheet = opened(varied(columns={"seen": "2020-05-01", "at": "2020-05-01 12:00:00", "text": "May 2020"}))[
        "By Location"
    ]
    assert (cell(sheet, "seen").value, cell(sheet, "seen").number_format) == (datetime(2020, 5, 1), "yyyy-mm-dd")
    assert cell(sheet, "at").value == datetime(2020, 5, 1, 12)
    assert cell(sheet, "text").value == "May 2020"


def test_what_single_rows_set_differently_has_columns_of_ours() -> None:
    row = varied(split_date_range="week", day_of_week="MO", path="{year}", metadata=False)
    names = headers(opened(ROW, row)["By Location"])
    assert names[-5:] == ["oncsync splitDateRange", "oncsync dayOfWeek", "oncsync path", "oncsync metadata", "oncsync"]


def test_the_last_column_says_where_a_row_comes_from() -> None:
    sheet = opened(varied(origin=Origin("downloads", "whales", "0123abcd")))["By Location"]
    assert cell(sheet, "oncsync").value == "downloads: whales (0123abcd)"


def test_the_configuration_is_a_key_a_row_with_its_value_beside_it() -> None:
    """R13, R82-R88, R91, R95-R97."""
    rows = list(opened(ROW, downloadFolder="data", runThreads=2)["Configuration"].values)
    assert rows[0] == ("setting", "value", "meaning")
    assert [row[0] for row in rows[1:]] == list(CONFIGURATION)
    values = {row[0]: row[1] for row in rows[1:]}
    assert values["downloadFolder"] == "data"
    assert values["runThreads"] == 2
    assert values["splitDateRange"] == "all"
    assert all(row[2] for row in rows)


def test_further_settings_stand_in_the_configuration_only_when_they_are_set() -> None:
    rows = list(opened(ROW, runTimeZone="UTC", metadata=False)["Configuration"].values)
    assert [row[:2] for row in rows[-2:]] == [("runTimeZone", "UTC"), ("metadata", "N")]


def test_the_token_is_never_written(tmp_path: Path) -> None:
    """R83: not even when somebody hands it over."""
    path = tmp_path / "out.xlsx"
    write_workbook(path, [ROW], {"token": TOKEN, "downloadFolder": "data"})
    with zipfile.ZipFile(path) as archive:
        assert all(TOKEN.encode() not in archive.read(name) for name in archive.namelist())
    assert load_workbook(path)["Configuration"]["B2"].value == TOKEN_PLACEHOLDER
    assert not read_workbook(path).has_token


@settings(max_examples=15, deadline=None)
@given(books(), configurations())
def test_equal_rows_give_equal_bytes(rows: list[Row], configuration: dict[str, CellValue]) -> None:
    assert render_workbook(rows, configuration) == render_workbook(list(rows), dict(configuration))


def test_the_file_carries_no_time_of_its_making() -> None:
    with zipfile.ZipFile(io.BytesIO(render_workbook([ROW], {}))) as archive:
        assert {part.date_time for part in archive.infolist()} == {(2000, 1, 1, 0, 0, 0)}
        assert b"2000-01-01T00:00:00Z" in archive.read("docProps/core.xml")


def test_the_old_file_stays_whole_when_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.xlsx"
    path.write_bytes(b"old")

    def refuse(*_: Any, **__: Any) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "ExcelWriter", refuse)
    with pytest.raises(FolderError, match="no space left"):
        write_workbook(path, [ROW], {})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_that_no_cell_holds_is_refused() -> None:
    with pytest.raises(InputError, match="40,000 characters"):
        render_workbook([varied(columns={"note": "x" * 40_000})], {})


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MAX_ROWS", 1)
    with pytest.raises(InputError, match="2 rows do not fit"):
        render_workbook([ROW, ROW], {})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(rows=books(), configuration=configurations())
def test_what_is_written_is_read_again(tmp_path: Path, rows: list[Row], configuration: dict[str, CellValue]) -> None:
    """R61, R63, R82: every filter, flag, information and own cell, in row order, and every setting."""
    path = tmp_path / "book.xlsx"
    write_workbook(path, rows, configuration)
    book = read_workbook(path)
    assert book.rows == tuple(rows)
    assert {setting.key: setting.value for setting in book.settings} == configuration
    assert not book.has_token
