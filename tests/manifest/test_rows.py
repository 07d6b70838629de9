"""`requests: {file: requests.csv}`: a line a request, the columns of the workbook's tabs."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncsync.errors import InputError, Problem, ProblemsError
from oncsync.manifest import Request, format_rows, load_manifest
from oncsync.manifest.rows import join_options, split_options
from tests.manifest.support import load_text, only_problem, problems_of, without_places

MANIFEST = "requests: {file: requests.csv}\n"
HEADER = "locationCode,deviceCategoryCode,download,begin,end,dataProductCode,extension,data product options"


def rows_of(text: str) -> tuple[Request, ...]:
    return without_places(load_text(MANIFEST, beside={"requests.csv": text})).requests


def row_problem(text: str) -> Problem:
    return only_problem(MANIFEST, beside={"requests.csv": text})


def test_reference_row_of_the_by_location_tab_is_read() -> None:
    """R65, R66, I-22: all 19 columns; the device is information By Location."""
    text = """\
locationCode,locationName,deviceCategoryCode,deviceCategoryName,propertyCode,download,begin,end,deviceCode,latitude,\
longitude,depth,dataProductCode,dataProductName,extension,data product options,helpDocument,Data Search,Device Listing
BACAX,Axis,HYDROPHONE,Hydrophone,,Y,2011-07-13 0:00:00,2011-07-14 0:00:00,NAXYS_HYD_007,48.316758,-126.050183,981,\
AD,Audio Data,wav,dpo_hydrophoneDataDiversionMode=All,DP/7,,
"""
    (request,) = rows_of(text)
    assert (request.location_code, request.device_category_code, request.property_code) == ("BACAX", "HYDROPHONE", None)
    assert (request.begin, request.end) == ("2011-07-13 0:00:00", "2011-07-14 0:00:00")
    assert (request.data_product_code, request.extension, request.device_code) == ("AD", "wav", None)
    assert request.options == {"dpo_hydrophoneDataDiversionMode": "All"}
    assert request.download is True
    assert request.columns == {
        "locationName": "Axis",
        "deviceCategoryName": "Hydrophone",
        "latitude": 48.316758,
        "longitude": -126.050183,
        "depth": 981,
        "dataProductName": "Audio Data",
        "helpDocument": "DP/7",
        "Data Search": None,
        "Device Listing": None,
        "deviceCode": "NAXYS_HYD_007",
    }


@pytest.mark.parametrize("name", ["", "By Device!2"])
def test_location_is_information_by_device(name: str) -> None:
    """R75: a By Device row never sends its locationCode."""
    header = "name,deviceCode,propertyCode,locationCode,begin,end,dataProductCode,extension"
    (request,) = rows_of(f"{header}\n{name},A,p,BACAX,2020-01-01,2020-01-02,X,y\n")
    assert (request.device_code, request.location_code, request.property_code) == ("A", None, "p")
    assert request.columns == {"locationCode": "BACAX"}


@pytest.mark.parametrize("header", ["Location Code", "LOCATIONCODE", "location_code", " locationCode "])
def test_headers_are_found_in_any_case_and_spacing(header: str) -> None:
    (request,) = rows_of(HEADER.replace("locationCode", header, 1) + "\nA,B,Y,2020-01-01,2020-01-02,C,d,\n")
    assert request.location_code == "A"


@pytest.mark.parametrize(
    ("flag", "download"), [("T", True), ("y", True), ("1", True), ("X", True), ("", False), ("N", False)]
)
def test_download_flag_in_any_spelling(flag: str, download: bool) -> None:
    """I-7: a blank flag is off."""
    (request,) = rows_of(f"{HEADER}\nA,B,{flag},2020-01-01,2020-01-02,C,d,\n")
    assert request.download is download


def test_rows_without_a_flag_column_are_on() -> None:
    (request,) = rows_of("deviceCode,begin,end,dataProductCode,extension\nA,2020-01-01,2020-01-02,C,d\n")
    assert request.download is True


def test_blank_lines_byte_order_mark_and_line_ends_change_nothing() -> None:
    text = f"\ufeff{HEADER}\r\n\r\nA,B,Y,2020-01-01,2020-01-02,C,d\r\n,,,,,\r\nA,B,Y,2020-01-01,2020-01-03,C,d,,\r\n"
    assert [(request.name, request.end) for request in rows_of(text)] == [
        ("row 1", "2020-01-02"),
        ("row 2", "2020-01-03"),
    ]


def test_columns_keep_their_order_and_spelling() -> None:
    (request,) = rows_of(f"{HEADER},zeta,Alpha, note \nA,B,Y,2020-01-01,2020-01-02,C,d,,007,1.50, x \n")
    assert list(request.columns.items()) == [("zeta", "007"), ("Alpha", "1.50"), ("note", " x ")]


def test_variables_work_in_cells() -> None:
    text = "deviceCode,begin,end,dataProductCode,extension\nA,${year}-01-01,${year}-02-01,C,d\n"
    manifest = load_text("vars: {year: 2020}\n" + MANIFEST, beside={"requests.csv": text})
    assert manifest.requests[0].begin == "2020-01-01"


@pytest.mark.parametrize(
    ("line", "where", "message"),
    [
        ("A,B,perhaps,2020-01-01,2020-01-02,C,d,", "2:3", "`download` is `perhaps`, not `true` or `false`"),
        ("A,B,Y,2013-20-23,2020-01-02,C,d,", "2:4", "`2013-20-23` has no month 20"),
        ("A,B,Y,2020-01-02,2020-01-02,C,d,", "2:5", "is empty"),
        ("A,B,Y,,2020-01-02,C,d,", "2:1", "Request 1 has no `begin`"),
        ("A,B,Y,2020-01-01,2020-01-02,C,,", "2:1", "Request 1 has no `extension`"),
        ("A,,Y,2020-01-01,2020-01-02,C,d,", "2:1", "does not say where its data come from"),
        ("A,B,Y,2020-01-01,2020-01-02,C,d,All", "2:8", "`All` is no option"),
        ("A,B,Y,2020-01-01,2020-01-02,C,d,x=1", "2:8", "`x` is no option"),
        ("A,B,Y,2020-01-01,2020-01-02,C,d,,5", "2:9", "more cells than the header"),
        ('A,B,Y,2020-01-01,2020-01-02,C,d,"open', "2:1", "This line is not CSV"),
    ],
)
def test_one_mistake_in_a_row(line: str, where: str, message: str) -> None:
    problem = row_problem(f"{HEADER}\n{line}\n")
    assert problem.where == f"requests.csv:{where}"
    assert message in problem.message


def test_mistakes_of_both_files_are_told_together() -> None:
    text = "settings: {runThreads: 0}\n" + MANIFEST
    rows = f"{HEADER},splitDateRange\nA,B,Y,2020-01-01,2020-01-02,C,d,,weak\nA,B,Y,2020-01-01,2020-01-02,C,d,,weak\n"
    problems = problems_of(text, beside={"requests.csv": rows})
    assert [problem.where for problem in problems] == ["oncsync.yaml:1:24", "requests.csv:2:9", "requests.csv:3:9"]
    assert problems[1].hint == "did you mean `week`?"


def test_column_that_stands_twice_is_a_mistake() -> None:
    problem = row_problem(f"{HEADER},Begin\nA,B,Y,2020-01-01,2020-01-02,C,d,,2020-01-01\n")
    assert (problem.where, problem.message) == ("requests.csv:1:9", "The column `Begin` stands here twice")


def test_column_that_names_a_secret_is_a_mistake() -> None:
    """R83: also in a file of requests."""
    problem = row_problem(f"{HEADER},Token\nA,B,Y,2020-01-01,2020-01-02,C,d,,12345678-1234-1234-1234-123456789abc\n")
    assert "No secret belongs in a manifest" in problem.message
    assert "1234" not in problem.render()


def test_file_without_a_line_has_no_header() -> None:
    assert row_problem("\n").message == "The file has no header line"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "There is no file `"),
        ("../requests.csv", "lies outside the manifest's folder"),
        ("/etc/passwd", "lies outside the manifest's folder"),
        (".", "is a folder"),
    ],
)
def test_file_lies_beside_the_manifest(name: str, message: str) -> None:
    problem = only_problem(f"requests: {{file: {name}}}\n")
    assert problem.where == "oncsync.yaml:1:18"
    assert message in problem.message


def test_link_to_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret.csv").write_text("x\n", encoding="utf-8")
    try:
        (tmp_path / "project" / "requests.csv").symlink_to(tmp_path / "secret.csv")
    except OSError:
        pytest.skip("no symbolic links here")
    path = tmp_path / "project" / "oncsync.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    with pytest.raises(ProblemsError, match="lies outside the manifest's folder"):
        load_manifest(path)


@pytest.mark.parametrize(
    "text",
    [
        "dpo_a=1&dpo_b=x y",
        "dpo_a=1;dpo_b=x y",
        "dpo_a=1, dpo_b=x y",
        "dpo_a=1\ndpo_b=x y",
        " dpo_a = 1 ; dpo_b = x y; ",
    ],
)
def test_options_are_split_at_any_usual_sign(text: str) -> None:
    """R67, I-9: the separator of several options is not documented, so each usual one is understood."""
    assert split_options(text) == [("dpo_a", "1"), ("dpo_b", "x y")]


def test_commas_inside_an_option_stay() -> None:
    assert split_options("dpo_a=1,2,dpo_b=3") == [("dpo_a", "1,2"), ("dpo_b", "3")]


_NAMES = st.from_regex(r"dpo_[a-zA-Z]{1,8}", fullmatch=True)
_OPTIONS = st.dictionaries(_NAMES, st.from_regex(r"[A-Za-z0-9._*-]{1,6}", fullmatch=True), max_size=3)


@given(_OPTIONS.filter(bool))
def test_options_survive_their_text(options: dict[str, str]) -> None:
    assert dict(split_options(join_options(options))) == options


_CODES = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True).filter(lambda code: not code.startswith("."))
_CELL_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
_REQUESTS = st.builds(
    Request,
    name=_CELL_TEXT.map(str.strip).filter(bool),
    download=st.booleans(),
    location_code=_CODES,
    device_category_code=_CODES,
    property_code=st.none() | _CODES,
    data_product_code=_CODES,
    extension=_CODES,
    begin=st.sampled_from(["2020-01-01", "2011-07-13 0:00:00"]),
    end=st.just("2021-01-01"),
    options=_OPTIONS,
    pin_options=st.booleans(),
    path=st.none() | st.just("{year}/x"),
    split_date_range=st.none() | st.sampled_from(["all", "week"]),
    metadata=st.none() | st.booleans(),
)
_OWN = st.dictionaries(
    st.sampled_from(["deviceCode", "name", "Path", "depth", "columns.x", "a note", "Data Search", "x,y"]),
    st.none() | st.integers(-(10**9), 10**9) | _CELL_TEXT.filter(lambda text: not _looks_natural(text)),
    min_size=4,
    max_size=4,
)


def _looks_natural(text: str) -> bool:
    """A CSV cell cannot tell the text `5` from the number 5, nor nothing from a word for nothing."""
    return text.strip() in ("true", "false", "null", "~", "Null", "NULL") or text.strip("0123456789.+-eE") == ""


@settings(max_examples=100, deadline=None)
@given(st.lists(_REQUESTS, min_size=1, max_size=4, unique_by=lambda request: request.name.lower()), st.data())
def test_requests_survive_their_file(requests: list[Request], draw: st.DataObject) -> None:
    headers = draw.draw(_OWN)
    written = [msgspec.structs.replace(request, columns=headers) for request in requests]
    assert rows_of(format_rows(written)) == tuple(written)


def test_format_is_the_same_each_time_and_leaves_out_what_nobody_needs() -> None:
    request = Request(
        name="r", device_code="A", data_product_code="C", extension="d", begin="2020-01-01", end="2020-01-02"
    )
    assert format_rows([request]) == (
        "name,download,deviceCode,begin,end,dataProductCode,extension,data product options\n"
        "r,true,A,2020-01-01,2020-01-02,C,d,\n"
    )


def test_unreadable_file_is_an_input_error_and_no_other() -> None:
    with pytest.raises(InputError):
        load_text(MANIFEST, beside={"requests.csv": "a\x00b"})


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from('abY,"\n\r;=&\t${}dpo_2020-01'), max_size=60))
def test_any_rows_give_requests_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        rows_of(f"{HEADER}\n{text}")


def test_columns_that_only_rows_of_the_other_tab_use_are_not_a_rows_own() -> None:
    """A file has a cell for the columns of both tabs; `~` says of a blank one that its tab has it."""
    text = (
        "name,deviceCode,locationCode,deviceCategoryCode,begin,end,dataProductCode,extension,place,device,none,both\n"
        "a,,A,B,2020-01-01,2020-01-02,C,d,x,,~,\n"
        "b,,A,B,2020-01-01,2020-01-02,C,d,,,~,\n"
        "c,D,,,2020-01-01,2020-01-02,C,d,,7,,\n"
    )
    first, second, third = rows_of(text)
    assert first.columns == {"place": "x", "none": None, "both": None}
    assert second.columns == {"place": None, "none": None, "both": None}
    assert third.columns == {"device": 7, "both": None}
    assert rows_of(format_rows([first, second, third])) == (first, second, third)


def test_quotes_around_a_cell_say_that_it_is_a_text() -> None:
    cells = """7,'7','true',true,'it''s',\"""x",y"""
    text = f'{HEADER},n,t,f,w,q,o,"""a\\tb"""\nA,B,Y,2020-01-01,2020-01-02,C,d,,{cells}\n'
    (request,) = rows_of(text)
    assert request.columns == {"n": 7, "t": "7", "f": "true", "w": True, "q": "it''s", "o": '"x', "a\tb": "y"}
    assert rows_of(format_rows([request])) == (request,)


def test_options_that_hold_what_stands_between_options_survive() -> None:
    options = {"dpo_a": "x&y; dpo_b=1", "dpo_b": "100%, ", "dpo_c": "%26"}
    assert dict(split_options(join_options(options))) == options
