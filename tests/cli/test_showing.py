"""Tables: nothing wider than the terminal, no code ever broken, and the same rows for programs."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.catalogue import DeploymentRow, TreeRow
from oncsync.cli.exhibits import COLUMNS, fold, terminal_text, tree_lines
from oncsync.cli.showing import Column, cell_width, csv_text, plain_text, tab_lines, terminal_lines
from oncsync.timespan import UTC

CODES = st.text("ABCDEFGHIJ0123456789._-", min_size=1, max_size=26)
NAMES = st.lists(st.text("abcdefghö ᐃ", min_size=1, max_size=12), max_size=8).map(" ".join)
WHEN = datetime(2012, 8, 27, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (WHEN, "2012-08-27T01:02:03.000Z"),
        (("a", "b"), "a,b"),
        (-6.0, "-6"),
        (69.113102, "69.113102"),
        (1234567890, "1234567890"),
    ],
)
def test_values_for_programs_are_exact(value: Any, text: str) -> None:
    assert plain_text(value) == text


ROWS = st.lists(st.tuples(NAMES, CODES, CODES, st.lists(CODES, max_size=5).map(tuple)), min_size=1, max_size=6)
TABLE = (
    Column("deviceName", lambda row: row[0], is_wide=True),
    Column("locationCode", lambda row: row[1]),
    Column("deviceCode", lambda row: row[2]),
    Column("deviceCategoryCodes", lambda row: row[3], rank=1, is_wide=True),
)


@given(ROWS, st.sampled_from([60, 80, 120, 200]))
def test_a_table_fits_and_breaks_no_code(rows: list[Any], width: int) -> None:
    lines = terminal_lines(TABLE, rows, width)
    text = "\n".join(lines)
    is_table = lines[0].split()[:2] == ["deviceName", "locationCode"]
    assert is_table or f"locationCode: {rows[0][1]}" in lines
    if is_table:
        assert all(cell_width(line) <= width for line in lines)
    words = set(re.split(r"[\s,]+", text))
    assert all(row[1] in words and row[2] in words for row in rows)
    if is_table and "Not shown" not in text:
        assert all(code in words for row in rows for code in row[3])


def test_what_does_not_fit_is_left_out_by_rank_and_named() -> None:
    table = (Column("a", lambda row: "x" * 30), Column("b", lambda row: "y" * 30, rank=2),
             Column("c", lambda row: "z" * 30, rank=1))  # fmt: skip
    lines = terminal_lines(table, [0], 80)
    assert lines[1].split() == ["x" * 30, "z" * 30]
    assert lines[-1] == "Not shown for lack of room: b"
    assert terminal_lines(table, [0], 100)[1].split() == ["x" * 30, "y" * 30, "z" * 30]


def test_a_terminal_too_narrow_for_the_codes_gets_a_line_for_each() -> None:
    table = (Column("locationCode", lambda row: "x" * 30), Column("deviceCode", lambda row: "y" * 30))
    assert terminal_lines(table, [0, 1], 50) == [
        f"locationCode: {'x' * 30}", f"deviceCode: {'y' * 30}", "",
        f"locationCode: {'x' * 30}", f"deviceCode: {'y' * 30}",
    ]  # fmt: skip


def test_an_empty_column_of_lower_rank_takes_no_room() -> None:
    table = (Column("a", lambda row: "x"), Column("empty", lambda row: "", rank=1))
    assert terminal_lines(table, [0], 80) == ["a", "x"]


def test_bold_type_is_the_only_difference_a_terminal_makes() -> None:
    table = (Column("a", lambda row: "[red]x[/]"),)
    plain, bold = terminal_lines(table, [0], 80), terminal_lines(table, [0], 80, is_bold=True)
    assert plain == ["a", "[red]x[/]"]
    assert "\x1b[1m" in bold[0]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in bold] == plain


DEPLOYMENT = DeploymentRow(
    location_code="CBY", location_name='The "harbour", inner', device_category_code="CTD", device_code="A", begin=WHEN
)


def test_programs_get_every_column_parted_by_tabs() -> None:
    heading, line = tab_lines(COLUMNS["deployments"], [DEPLOYMENT])
    cells = dict(zip(heading.split("\t"), line.split("\t"), strict=True))
    assert (cells["begin"], cells["end"], cells["depth"]) == ("2012-08-27T01:02:03.000Z", "", "")
    assert {"lat", "lon", "heading", "doi"} <= set(cells)
    assert "position" not in cells


def test_csv_quotes_what_needs_it() -> None:
    (row,) = csv.DictReader(io.StringIO(csv_text(COLUMNS["deployments"], [DEPLOYMENT])))
    assert row["locationName"] == 'The "harbour", inner'
    assert row["deviceCode"] == "A"


TREE = TreeRow(
    location_code="A",
    location_name="Place of a long name",
    device_category_codes=("CTD", "HYDROPHONE"),
    children=(TreeRow(location_code="A.1", location_name="", device_category_codes=()),),
)


def test_a_tree_is_indented_and_folded_between_words() -> None:
    assert terminal_text("tree", [TREE], 80, is_bold=False) == [
        "A  Place of a long name - CTD, HYDROPHONE",
        "  A.1",
    ]
    assert terminal_text("tree", [TREE], 26, is_bold=False) == [
        "A  Place of a long name -",
        "    CTD, HYDROPHONE",
        "  A.1",
    ]
    assert [(level, row.location_code) for level, row in tree_lines([TREE])] == [(0, "A"), (1, "A.1")]


@given(st.lists(CODES, max_size=20), st.integers(30, 100))
def test_folding_loses_no_word(words: list[str], width: int) -> None:
    lines = fold("first", words, width, 4)
    assert " ".join(lines).split() == ["first", *words]
    assert all(len(line) <= width for line in lines)
