"""Reading the documented tabs: every row as it was meant, every mistake at once, the token nowhere."""

from __future__ import annotations

import re
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from oncsync.errors import InputError, ProblemsError
from oncsync.workbook import Book, Row, read_workbook
from tests.workbook.books import (
    CONFIGURATION,
    DEVICE_ROW,
    LOCATION_HEADERS,
    LOCATION_ROW,
    TOKEN,
    change_parts,
    configuration_rows,
    device_rows,
    location_rows,
    save_book,
    table,
)


def read_rows(folder: Path, rows: Any, title: str = "By Location") -> tuple[Row, ...]:
    return read_workbook(save_book(folder, {title: rows})).rows


def mistakes(path: Path) -> dict[str, str]:
    with pytest.raises(ProblemsError) as caught:
        read_workbook(path)
    return {problem.where: problem.message for problem in caught.value.problems}


def mistakes_in(folder: Path, *changes: dict[str, Any]) -> dict[str, str]:
    return mistakes(save_book(folder, {"By Location": location_rows(*changes)}))


def test_the_documented_by_location_row_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """R65, R66, R67, R68, R69, I-22: filters are taken, information is kept and nothing is lost."""
    (row,) = read_rows(tmp_path, location_rows({}))
    information = set(LOCATION_ROW) - {
        *("locationCode", "deviceCategoryCode", "propertyCode", "download", "begin", "end"),
        *("dataProductCode", "extension", "data product options"),
    }
    assert row == Row(
        method="byLocation",
        number=2,
        download=True,
        location_code="BACAX",
        device_category_code="HYDROPHONE",
        data_product_code="AD",
        extension="wav",
        begin="2011-07-13",
        end="2011-07-14",
        options={"dpo_hydrophoneDataDiversionMode": "All"},
        columns={key: value for key, value in LOCATION_ROW.items() if key in information},
    )
    assert list(row.columns) == [key for key in LOCATION_HEADERS if key in information]


def test_the_documented_by_device_row_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """R74, R75: the device is the filter, the location information."""
    (row,) = read_rows(tmp_path, device_rows({"propertyCode": "soundpressure"}), "By Device")
    assert (row.method, row.device_code, row.location_code, row.property_code) == (
        "byDevice",
        "NAXYS_HYD_007",
        None,
        "soundpressure",
    )
    assert row.columns["locationCode"] == "BACAX"
    assert row.columns["deviceName"] == DEVICE_ROW["deviceName"]


def test_both_tabs_and_the_settings_are_read_together(tmp_path: Path) -> None:
    """R12, R13, R104."""
    book = read_workbook(
        save_book(
            tmp_path,
            {
                "Configuration": configuration_rows(),
                "By Device": device_rows({}, {"extension": "mp3"}),
                "By Location": location_rows({}),
            },
        )
    )
    assert [(row.method, row.number) for row in book.rows] == [("byLocation", 2), ("byDevice", 2), ("byDevice", 3)]
    assert {setting.key: setting.value for setting in book.settings} == {
        key: value for key, value in CONFIGURATION.items() if key != "token"
    }
    threads = book.setting("runThreads")
    assert threads is not None
    assert threads.where == "Configuration!B6"


@pytest.mark.parametrize("respell", [str.upper, str.lower, lambda text: f"  {text.replace('Code', ' code')} "])
def test_headers_in_any_case_and_spacing_are_found(respell: Any, tmp_path: Path) -> None:
    """I-24."""
    rows = location_rows({})
    assert read_rows(tmp_path, [[respell(header) for header in rows[0]], *rows[1:]]) == read_rows(
        tmp_path, location_rows({})
    )


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    """R64."""
    (row,) = read_rows(tmp_path, [line[::-1] for line in location_rows({})])
    assert row == read_rows(tmp_path, location_rows({}))[0]
    assert list(row.columns)[:2] == ["Device Listing", "Data Search"]


def test_columns_that_are_not_required_may_be_gone(tmp_path: Path) -> None:
    """R62, I-8."""
    required = ("locationCode", "deviceCategoryCode", "begin", "end", "dataProductCode", "extension", "download")
    (row,) = read_rows(tmp_path, table(required, LOCATION_ROW))
    assert (row.download, row.options, row.columns) == (True, {}, {})


def test_own_columns_are_kept_in_order_with_blank_cells(tmp_path: Path) -> None:
    """R63."""
    rows = location_rows({"checked by": "Ann", "when": datetime(2020, 5, 1), "weight": 2.5, "ok": True}, {})
    first, second = read_rows(tmp_path, rows)
    assert list(first.columns)[-4:] == ["checked by", "when", "weight", "ok"]
    assert list(first.columns.values())[-4:] == ["Ann", "2020-05-01", 2.5, True]
    assert list(second.columns.values())[-4:] == [None, None, None, None]


def test_own_columns_with_one_name_are_both_kept(tmp_path: Path) -> None:
    headers, row = location_rows({})
    (read,) = read_rows(tmp_path, [[*headers, "note", "note"], [*row, "a", "b"]])
    assert (read.columns["note"], read.columns["note (2)"]) == ("a", "b")


def test_the_header_may_stand_below_a_title(tmp_path: Path) -> None:
    rows = read_rows(tmp_path, [["My downloads"], [], ["made by begin", "and end"], *location_rows({})])
    assert [row.number for row in rows] == [5]


def test_rows_that_are_off_stay_and_blank_lines_do_not(tmp_path: Path) -> None:
    """R54, I-7."""
    rows = location_rows({"download": "N"}, {})
    rows[2:2] = [[], [None, "  ", "\u00a0"]]
    assert [(row.number, row.download) for row in read_rows(tmp_path, rows)] == [(2, False), (5, True)]


def test_without_the_download_column_every_row_is_off_and_a_note_says_so(tmp_path: Path) -> None:
    """R54: a row runs only when `download` says so."""
    headers = [header for header in LOCATION_HEADERS if header != "download"]
    book = read_workbook(save_book(tmp_path, {"By Location": table(headers, LOCATION_ROW)}))
    assert [row.download for row in book.rows] == [False]
    assert any("no column `download`" in note for note in book.notes)


def test_excel_dates_numbers_and_booleans_are_understood(tmp_path: Path) -> None:
    """R68, I-3, I-7."""
    change = {
        "begin": datetime(2011, 7, 13, 12, 30, 0, 500_000),
        "end": datetime(2011, 7, 14, 23, 59, 59),
        "download": True,
        "extension": 0,
        "locationCode": 17.0,
    }
    (row,) = read_rows(tmp_path, location_rows(change))
    assert (row.begin, row.end) == ("2011-07-13T12:30:00.500Z", "2011-07-14T23:59:59Z")
    assert (row.download, row.extension, row.location_code) == (True, "0", "17")


def test_dates_count_from_the_year_the_workbook_counts_from(tmp_path: Path) -> None:
    def count_from_1904(workbook: Any) -> None:
        workbook.epoch = CALENDAR_MAC_1904

    rows = location_rows({"begin": datetime(2011, 7, 13)})
    path = save_book(tmp_path, {"By Location": rows}, finish=count_from_1904)
    assert read_workbook(path).rows[0].begin == "2011-07-13"


def test_a_date_a_hair_off_is_the_millisecond_it_stands_for(tmp_path: Path) -> None:
    """I-3: a calculated date is a fraction of a day that never fits exactly."""

    def calculate(workbook: Any) -> None:
        cell = workbook["By Location"]["G2"]
        cell.value = 40737 + 1 / 3 - 1e-10
        cell.number_format = "yyyy-mm-dd hh:mm:ss"

    path = save_book(tmp_path, {"By Location": location_rows({})}, finish=calculate)
    assert read_workbook(path).rows[0].begin == "2011-07-13T08:00:00Z"


def test_a_row_without_end_is_open(tmp_path: Path) -> None:
    """I-28."""
    assert read_rows(tmp_path, location_rows({"end": None}))[0].end is None


def test_a_last_second_of_the_day_is_kept_as_written(tmp_path: Path) -> None:
    """I-3: what it means is decided where the span is evaluated."""
    assert read_rows(tmp_path, location_rows({"end": "2011-07-13 23:59:59.999"}))[0].end == "2011-07-13T23:59:59.999Z"


def test_what_nobody_sees_does_not_matter(tmp_path: Path) -> None:
    (row,) = read_rows(tmp_path, location_rows({"locationCode": "\u00a0BACAX ", "extension": "wav\u200b"}))
    assert (row.location_code, row.extension) == ("BACAX", "wav")


def test_a_property_can_stand_in_for_the_category(tmp_path: Path) -> None:
    """R69, I-8."""
    (row,) = read_rows(tmp_path, location_rows({"deviceCategoryCode": None, "propertyCode": "seawatertemperature"}))
    assert (row.device_category_code, row.property_code) == (None, "seawatertemperature")


def test_every_mistake_is_reported_at_once_with_sheet_and_cell(tmp_path: Path) -> None:
    """I-7, I-8, I-18, R67, R68."""
    path = save_book(
        tmp_path,
        {
            "By Location": location_rows(
                {"download": "perhaps", "begin": "03/04/2017", "data product options": "quality=1"},
                {},
                {"locationCode": None, "dataProductCode": "#N/A"},
            ),
            "By Device": device_rows({"deviceCode": " ", "end": "2013-20-23"}),
            "Configuration": configuration_rows(splitDateRange="often"),
        },
    )
    found = mistakes(path)
    assert list(found)[:3] == ["By Location!F2", "By Location!G2", "By Location!P2"]
    assert found == {
        "By Location!F2": "`download`: `perhaps` is neither yes nor no",
        "By Location!G2": "`begin`: `03/04/2017` does not say which number is the day",
        "By Location!P2": "`data product options`: `quality=1` is no option: its name must begin with `dpo_`",
        "By Location!A4": "`locationCode`: is missing",
        "By Location!M4": "`dataProductCode`: the cell holds the error `#N/A`",
        "By Device!A2": "`deviceCode`: is missing",
        "By Device!F2": "`end`: `2013-20-23` has no month 20",
        "Configuration!B4": "`splitDateRange`: `often` is not a way to split",
    }


def test_the_error_counts_its_mistakes_and_names_the_file(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({"download": "?", "begin": None})})
    with pytest.raises(ProblemsError, match=re.escape(f"`{path}` has 2 mistakes:")) as caught:
        read_workbook(path)
    assert caught.value.exit_code == 2
    assert "\n    hint: write Y" in caught.value.render()


def test_ten_thousand_mistakes_end_in_a_count(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_rows(tmp_path, location_rows(*[{"download": "?"}] * 1005))
    assert len(caught.value.problems) == 1001
    assert caught.value.problems[-1].message == "and 5 more"


@pytest.mark.parametrize("missing", ["locationCode", "begin", "dataProductCode", "extension"])
def test_a_required_cell_that_is_blank_is_a_mistake(missing: str, tmp_path: Path) -> None:
    """I-8."""
    (message,) = mistakes_in(tmp_path, {missing: None}).values()
    assert message == f"`{missing}`: is missing"


def test_a_place_without_category_and_property_is_a_mistake(tmp_path: Path) -> None:
    """I-8."""
    assert mistakes_in(tmp_path, {"deviceCategoryCode": None}) == {"By Location!C2": "`deviceCategoryCode`: is missing"}


def test_a_row_that_is_off_is_checked_too(tmp_path: Path) -> None:
    assert "By Location!G2" in mistakes_in(tmp_path, {"download": "N", "begin": "soon"})


@pytest.mark.parametrize("code", ["wav,mp3", "wav mp3", "wav; mp3"])
def test_two_codes_in_one_cell_are_a_mistake(code: str, tmp_path: Path) -> None:
    """R12, R50: a row is one request."""
    assert "more than one code" in mistakes_in(tmp_path, {"extension": code})["By Location!O2"]


def test_an_extension_with_its_dot_is_a_mistake_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_rows(tmp_path, location_rows({"extension": ".wav"}))
    assert caught.value.problems[0].hint == "did you mean `wav`?"


@pytest.mark.parametrize("end", ["2011-07-13", "2011-07-12", datetime(2011, 7, 13)])
def test_an_empty_or_reversed_span_is_a_mistake_at_its_end(end: Any, tmp_path: Path) -> None:
    assert list(mistakes_in(tmp_path, {"end": end})) == ["By Location!H2"]


def test_a_time_in_place_of_a_date_is_a_mistake(tmp_path: Path) -> None:
    assert "is not a date" in mistakes_in(tmp_path, {"begin": time(12, 0)})["By Location!G2"]


@pytest.mark.parametrize(
    "missing", ["locationCode", "deviceCategoryCode", "begin", "end", "dataProductCode", "extension"]
)
def test_a_required_column_that_is_gone_is_a_mistake(missing: str, tmp_path: Path) -> None:
    """R62, I-8."""
    headers = [header for header in LOCATION_HEADERS if header not in (missing, "propertyCode")]
    found = mistakes(save_book(tmp_path, {"By Location": table(headers, LOCATION_ROW)}))
    assert found["By Location!1"] == f"the column `{missing}` is missing"


def test_a_misspelled_header_is_suggested(tmp_path: Path) -> None:
    rows = location_rows({})
    rows[0][0] = "locatonCode"
    with pytest.raises(ProblemsError) as caught:
        read_rows(tmp_path, rows)
    hints = {problem.message: problem.hint for problem in caught.value.problems}
    assert hints["the column `locationCode` is missing"] == "is By Location!A1, `locatonCode`, meant to be it?"


def test_a_doubled_column_is_a_mistake(tmp_path: Path) -> None:
    headers, row = location_rows({})
    found = mistakes(save_book(tmp_path, {"By Location": [[*headers, "BEGIN"], [*row, "2012-01-01"]]}))
    assert found == {"By Location!T1": "`BEGIN` is the same column as By Location!G1"}


def test_a_tab_without_headers_is_a_mistake(tmp_path: Path) -> None:
    for rows in ([], [["BACAX", "HYDROPHONE"]], [["begin", "end"]]):
        assert mistakes(save_book(tmp_path, {"By Location": rows})) == {"By Location": "has no row of column headers"}


def test_a_tab_with_headers_alone_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path, location_rows()) == ()


def test_a_workbook_without_the_tabs_says_which_it_has(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no tab `By Location` or `By Device`") as caught:
        read_workbook(save_book(tmp_path, {"Sheet1": [["x"]], "Configuration": configuration_rows()}))
    assert "`Sheet1`, `Configuration`" in str(caught.value.hint)


def test_tabs_are_found_by_any_spelling_and_a_second_one_is_a_mistake(tmp_path: Path) -> None:
    """I-24."""
    path = save_book(tmp_path, {"by_location": location_rows({})})
    assert len(read_workbook(path).rows) == 1
    path = save_book(tmp_path, {"by_location": location_rows({}), "By Location": location_rows({})})
    assert mistakes(path) == {"By Location": "is the tab `By Location` once more, after `by_location`"}


def test_other_tabs_lines_and_columns_are_left_out_with_a_note(tmp_path: Path) -> None:
    """R103."""
    headers, row = location_rows({})
    rows = [[*headers, None, None], [*row, None, "see me"], [None, "this is a remark"]]
    book = read_workbook(save_book(tmp_path, {"By Location": rows, "Notes": [["hello"]]}))
    assert len(book.rows) == 1
    assert book.notes == (
        "By Location!3: the line asks for nothing and was left out",
        "By Location!U1: column U has no header and was left out",
        "There is no tab `Configuration`; the default settings apply",
        "The tab `Notes` was left out",
        "Times without a zone were read as UTC",
    )


def test_a_cell_of_a_formula_has_the_value_that_is_stored_beside_it(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({"locationCode": "=1+1"})})

    def store(part: str, content: bytes) -> bytes:
        return re.sub(
            rb"<c r=\"A2\"( s=\"\d+\")?><f>1\+1</f><v ?/?>(</v>)?", b'<c r="A2" t="str"><f>1+1</f><v>BACAX</v>', content
        )

    change_parts(path, store)
    assert read_workbook(path).rows[0].location_code == "BACAX"


def test_a_formula_without_a_stored_value_is_a_mistake_that_names_its_cell(tmp_path: Path) -> None:
    path = save_book(
        tmp_path,
        {
            "By Location": location_rows({"begin": "=TODAY()"}, {}, {"note": "=1+1"}),
            "Configuration": configuration_rows(runThreads="=2+2"),
        },
    )
    message = "the result of the formula is not stored in the file"
    assert mistakes(path) == dict.fromkeys(["By Location!G2", "By Location!T4", "Configuration!B6"], message)


def test_a_formula_whose_value_is_an_empty_text_is_blank(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({"propertyCode": "=1"})})

    def store(part: str, content: bytes) -> bytes:
        return re.sub(
            rb"<c r=\"E2\"( s=\"\d+\")?><f>1</f><v ?/?>(</v>)?", b'<c r="E2" t="str"><f>1</f><v></v>', content
        )

    change_parts(path, store)
    assert read_workbook(path).rows[0].property_code is None


def test_merged_cells_leave_a_blank_that_is_named(tmp_path: Path) -> None:
    def merge(workbook: Any) -> None:
        workbook["By Location"].merge_cells("A2:A3")

    path = save_book(tmp_path, {"By Location": location_rows({}, {})}, finish=merge)
    assert mistakes(path) == {"By Location!A3": "`locationCode`: is missing"}


def test_hidden_rows_filters_and_styles_do_not_matter(tmp_path: Path) -> None:
    def decorate(workbook: Any) -> None:
        sheet = workbook["By Location"]
        sheet.row_dimensions[3].hidden = True
        sheet.auto_filter.ref = "A1:S3"
        sheet["Z900"].number_format = "0.00"

    path = save_book(tmp_path, {"By Location": location_rows({}, {"download": "X"})}, finish=decorate)
    assert [row.number for row in read_workbook(path).rows] == [2, 3]


def test_times_without_a_zone_are_said_to_be_utc_once(tmp_path: Path) -> None:
    """I-3."""
    notes = read_workbook(save_book(tmp_path, {"By Location": location_rows({}, {})})).notes
    assert notes.count("Times without a zone were read as UTC") == 1


def everything(book: Book) -> str:
    return repr(book) + "".join(repr(setting) for setting in book.settings)


def test_the_token_is_nowhere_in_the_book(tmp_path: Path) -> None:
    """R83: not even where a person copied it."""
    book = read_workbook(
        save_book(
            tmp_path,
            {
                "By Location": location_rows(
                    {"note": f"my token is {TOKEN}", "Data Search": f"https://x/?token={TOKEN}"}
                ),
                "Configuration": [*configuration_rows(downloadFolder=f"C:/{TOKEN}"), [TOKEN, "x"]],
            },
        )
    )
    assert book.has_token
    assert TOKEN not in everything(book)
    assert "my token is [token removed]" in everything(book)


def test_the_token_is_nowhere_in_the_mistakes(tmp_path: Path) -> None:
    """R83."""
    path = save_book(
        tmp_path,
        {
            "By Location": location_rows({"begin": TOKEN, "download": TOKEN, "data product options": f"x={TOKEN}"}),
            "Configuration": configuration_rows(runThreads=TOKEN),
        },
    )
    with pytest.raises(ProblemsError) as caught:
        read_workbook(path)
    assert len(caught.value.problems) == 4
    assert TOKEN not in caught.value.render() + repr(caught.value) + repr(caught.value.problems)


def test_a_token_in_an_address_is_taken_out_without_knowing_it(tmp_path: Path) -> None:
    (row,) = read_rows(tmp_path, location_rows({"link": "https://data.oceannetworks.ca/api?token=abc123&method=get"}))
    assert row.columns["link"] == "https://data.oceannetworks.ca/api?token=[token removed]&method=get"


@pytest.mark.parametrize("text", [None, "<YOUR_TOKEN>", ""])
def test_a_placeholder_is_no_token(text: str | None, tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({}), "Configuration": configuration_rows(token=text)})
    assert not read_workbook(path).has_token
