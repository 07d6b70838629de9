"""Files of events: which columns are understood, and what is said of a bad row (R137, R138)."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.errors import ProblemsError
from oncsync.manifest import load_manifest
from oncsync.manifest.events import Event, EventList, parse_events, read_events
from oncsync.manifest.mistakes import Mistakes
from oncsync.timespan import parse_instant
from tests.manifest.support import download_problem, load_text, only_problem, problems_of

TABLE = "time,label\n2020-01-01T00:00:30Z,fin\n2020-01-02,blue\n"


def parsed(text: str) -> list[Event]:
    """Gives the events of a text without a mistake in it."""
    mistakes = Mistakes()
    found = parse_events(text, "calls.csv", mistakes)
    assert mistakes.problems() == []
    return list(found.events)


def briefly(text: str) -> list[tuple[str, ...]]:
    """Gives each event's begin, end and everything else it has."""
    return [
        tuple(
            part
            for part in (
                f"{one.begin:%Y-%m-%dT%H:%M:%S}",
                f"{one.end:%Y-%m-%dT%H:%M:%S}",
                one.location_code,
                one.device_category_code,
                one.device_code,
                one.label,
            )
            if part
        )
        for one in parsed(text)
    ]


def faults(text: str, name: str = "calls.csv") -> list[str]:
    """Gives what is wrong with a text: place, message and hint."""
    mistakes = Mistakes()
    parse_events(text, name, mistakes)
    return [f"{one.where} | {one.message} | {one.hint}" for one in mistakes.problems()]


# --- What is understood ----------------------------------------------------------------------------------------


def test_a_time_is_an_event_at_an_instant() -> None:
    assert briefly(TABLE) == [
        ("2020-01-01T00:00:30", "2020-01-01T00:00:30", "fin"),
        ("2020-01-02T00:00:00", "2020-01-02T00:00:00", "blue"),
    ]


def test_a_begin_and_an_end_are_a_span_and_a_blank_end_is_none() -> None:
    assert briefly("begin,end\n2020-01-01,2020-01-02\n2020-02-01,\n") == [
        ("2020-01-01T00:00:00", "2020-01-02T00:00:00"),
        ("2020-02-01T00:00:00", "2020-02-01T00:00:00"),
    ]


def test_an_event_has_its_own_place_and_instrument() -> None:
    """R138: times and locations."""
    assert briefly("time,locationCode,deviceCategoryCode,deviceCode,label\n2020-01-01,NA,CTD,CTD1,x\n") == [
        ("2020-01-01T00:00:00", "2020-01-01T00:00:00", "NA", "CTD", "CTD1", "x")
    ]


@pytest.mark.parametrize(
    "head",
    [
        "Time,Label", "time (UTC),annotation", "Start Time,species", "START_TIME,Event", "begin-time, name ",
        "Timestamp;label", "dateFrom\tcomment", "date time,labels", '"time","label"', "\n# from a tool\ntime,label",
    ],
)  # fmt: skip
def test_columns_are_found_however_they_are_spelled(head: str) -> None:
    sign = ";" if ";" in head else "\t" if "\t" in head else ","
    assert briefly(f"{head}\n2020-01-01{sign}fin\n") == [("2020-01-01T00:00:00", "2020-01-01T00:00:00", "fin")]


def test_blank_lines_and_comments_are_no_events() -> None:
    assert len(parsed("\n# by hand\ntime\n\n2020-01-01\n# not yet\n\n2020-01-02\n")) == 2


def test_line_ends_and_a_byte_order_mark_of_other_systems_are_understood(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_bytes(b"\xef\xbb\xbftime,label\r\n2020-01-01,fin\r\n")
    assert len(read_calls(tmp_path).events) == 1


def test_columns_that_mean_nothing_are_named() -> None:
    """Nothing is passed over in silence: a mistyped `locationCode` would ask for every place."""
    mistakes = Mistakes()
    found = parse_events("time,locatoinCode,score,label,species\n2020-01-01,NA,0.9,x,fin\n", "c.csv", mistakes)
    assert found.left_out == ("locatoinCode", "score", "species")
    assert found.events[0].label == "x"


def test_json_is_understood_and_recognised_by_its_content() -> None:
    """R138: CSV or JSON."""
    text = json.dumps(
        [
            {"time": "2020-01-01", "label": "fin", "locationCode": "NA", "score": 1},
            {"Begin": "2020-02-01T00:00:00Z", "End": "2020-02-01T01:00:00Z", "label": None},
        ]
    )
    assert briefly(text) == [
        ("2020-01-01T00:00:00", "2020-01-01T00:00:00", "NA", "fin"),
        ("2020-02-01T00:00:00", "2020-02-01T01:00:00"),
    ]
    assert briefly("[]") == []


def test_the_place_of_an_event_is_its_line() -> None:
    assert [one.place.line for one in parsed(TABLE)] == [2, 3]
    listed = parsed('[\n  {"time": "2020-01-01"}, {"time": "2020-01-02"},\n\n  {"time": "2020-01-03"}\n]')
    assert [(one.place.line, one.place.column) for one in listed] == [(2, 3), (2, 27), (4, 3)]


instants = st.datetimes(
    min_value=parse_instant("1990-01-01").replace(tzinfo=None),
    max_value=parse_instant("2040-01-01").replace(tzinfo=None),
).map(lambda one: one.replace(microsecond=one.microsecond // 1000 * 1000))
labels = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=6)


@given(st.lists(st.tuples(instants, st.integers(0, 10**7), labels), max_size=8))
def test_a_table_and_a_list_of_the_same_events_are_the_same(rows: list[tuple[datetime, int, str]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["begin", "end", "label"])
    members = []
    for begin, length, label in rows:
        end = begin + timedelta(milliseconds=length)
        cells = (begin.isoformat(timespec="milliseconds"), end.isoformat(timespec="milliseconds"), label)
        writer.writerow(cells)
        members.append(dict(zip(("begin", "end", "label"), cells, strict=True)))
    table, listed = parsed(stream.getvalue()), parsed(json.dumps(members))
    assert [(one.begin, one.end, one.label) for one in table] == [(one.begin, one.end, one.label) for one in listed]
    assert len(table) == len(rows)


# --- Bad rows --------------------------------------------------------------------------------------------------


def test_all_bad_rows_are_told_with_their_lines() -> None:
    """Issue: events files with a bad row; the column of a place is the number of the cell."""
    text = (
        "label,begin,end,locationCode\n"
        "good,2020-01-01,2020-01-02,NA\n"
        "month,2013-20-23,2020-01-02,NA\n"
        "words,yesterday,tomorrow,NA\n"
        "order,2020-02-02,2020-02-01,NA\n"
        "blank,,2020-02-01,NA\n"
        "codes,2020-01-01,2020-01-02,NA NB\n"
        "cells,2020-01-01,2020-01-02,NA,more\n"
    )
    assert [one.split(" | ")[0] for one in faults(text)] == [
        "calls.csv:3:2", "calls.csv:4:2", "calls.csv:4:3", "calls.csv:5:3", "calls.csv:6:2", "calls.csv:7:4",
        "calls.csv:8:5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "time\n2013-20-23\n",
            "calls.csv:2:1 | `2013-20-23` is no time of an event | did you mean `2013-10-23`?",
        ),
        (
            "begin,end\n2020-01-02,2020-01-01\n",
            "calls.csv:2:2 | This event ends (`2020-01-01`) before it begins (`2020-01-02`) | exchange the two",
        ),
        ("begin,label\n,x\n", "calls.csv:2:1 | This event has no time | write for example `2017-05-01T12:00:00Z`"),
        (
            "tiem,label\n2020-01-01,x\n",
            "calls.csv:1:1 | No column says when the events were | did you mean `time`?",
        ),
        (
            "place,what\na,x\n",
            "calls.csv:1:1 | No column says when the events were | call one `time`, or two `begin` and `end`",
        ),
        (
            "date,time\n2020-01-01,10:00\n",
            "calls.csv:1:2 | The columns `date` and `time` both mean `begin` | "
            "keep one of the two, with date and time in one cell",
        ),
        ("", "calls.csv:1:1 | The file has no header line | begin it with `begin,end,label` or `time`"),
        (
            'time,label\n2020-01-01,"x\n',
            "calls.csv:2:1 | This line is not CSV | close every quote, and double a quote inside a cell",
        ),
        (
            "time,deviceCode\n2020-01-01,A;B\n",
            "calls.csv:2:2 | `A;B` is no code | an event has one `deviceCode`; write a row for each",
        ),
    ],
)
def test_one_bad_thing_in_a_table(text: str, fault: str) -> None:
    assert faults(text)[:1] == [fault]


LIST_HINT = 'write a list such as `[{"begin": "2017-05-01T12:00:00Z", "label": "call"}]`'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[\n  {"time": "2013-20-23"}]',
            "e.json:2:3 | `2013-20-23` is no time of an event | did you mean `2013-10-23`?",
        ),
        (
            '[{"time": 20200101}]',
            "e.json:1:2 | `20200101` is no time of an event | write for example `2017-05-01T12:00:00Z`",
        ),
        ("[5]", f"e.json:1:2 | An event is `5`, not a group of members | {LIST_HINT}"),
        ('[{"time": "2020-01-01"},]', f"e.json:1:25 | This is not JSON: expecting value | {LIST_HINT}"),
        ('[{"time": "2020-01-01"} {}]', f"e.json:1:25 | This is not JSON: a `,` or `]` was expected | {LIST_HINT}"),
        ("[] []", f"e.json:1:4 | This is not JSON: something follows the list | {LIST_HINT}"),
        ('{"events": []}', f"e.json:1:1 | This is not JSON: a list of events was expected | {LIST_HINT}"),
        (
            '[{"label": "x"}]',
            "e.json:1:2 | No column says when the events were | call one `time`, or two `begin` and `end`",
        ),
        ("[" * 100_000, f"e.json:1:1 | This JSON is nested too deep, or holds a number that is too long | {LIST_HINT}"),
    ],
)
def test_one_bad_thing_in_a_list(text: str, fault: str) -> None:
    assert faults(text, "e.json") == [fault]


@given(st.text(max_size=60) | st.text(alphabet='[]{}",: time2020-0\n', max_size=60))
def test_any_text_gives_events_or_mistakes(text: str) -> None:
    """A file from elsewhere never ends in a traceback."""
    parse_events(text.replace("\x00", ""), "calls.csv", Mistakes())


# --- Reading the file ------------------------------------------------------------------------------------------


def read_calls(folder: Path, padding: str = "padding: PT30S", file: str = "calls.csv") -> EventList:
    """Reads the events of a manifest that names `file`."""
    path = folder / "oncsync.yaml"
    path.write_text(f"downloads: [{{name: x, events: {{file: {file}, {padding}}}}}]", encoding="utf-8")
    return read_events(load_manifest(path, environment={}).downloads[0], path)


def test_a_file_beside_the_manifest_is_read(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(TABLE)
    assert [one.label for one in read_calls(tmp_path).events] == ["fin", "blue"]


def test_a_file_that_is_not_there_is_told_with_the_line_of_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_calls(tmp_path)
    (problem,) = caught.value.problems
    assert problem.where.endswith("oncsync.yaml:1:31")
    assert "there is no events file" in problem.message


def test_events_at_an_instant_need_a_padding(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(TABLE)
    with pytest.raises(ProblemsError) as caught:
        read_calls(tmp_path, padding="")
    (problem,) = caught.value.problems
    assert problem.where.endswith("oncsync.yaml:1:31")
    assert "2 events are instants without a length" in problem.message
    assert "padding: PT30S" in str(problem.hint)


def test_bad_rows_and_an_instant_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(TABLE + "never,x\n")
    with pytest.raises(ProblemsError, match="has 2 problems"):
        read_calls(tmp_path, padding="")


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_bytes("time,label\n2020-01-01,Grönland\n".encode("latin-1"))
    with pytest.raises(ProblemsError, match="not UTF-8"):
        read_calls(tmp_path)


def test_a_pipe_is_no_events_file(tmp_path: Path) -> None:
    """A cloned manifest is not trusted: what never ends is not read."""
    os.mkfifo(tmp_path / "calls.csv")
    with pytest.raises(ProblemsError, match="there is no events file"):
        read_calls(tmp_path)


@pytest.mark.parametrize("file", ["../calls.csv", "/etc/passwd"])
def test_a_file_outside_the_manifests_folder_is_refused(file: str) -> None:
    """Architecture, rule 7."""
    problem = download_problem(f"events: {{file: {file}, padding: PT1S}}")
    assert problem.where == "oncsync.yaml:3:20"
    assert "lies outside the manifest's folder" in problem.message


def test_very_many_bad_rows_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("time\n" + "never\n" * 250)
    with pytest.raises(ProblemsError, match="has 250 problems") as caught:
        read_calls(tmp_path)
    assert caught.value.problems[-1].message == "and 150 more"


# --- In the manifest -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["-PT30S", "PT0S", "P0D"])
def test_a_padding_has_to_be_longer_than_nothing(padding: str) -> None:
    """Issue: negative padding."""
    problem = download_problem(f"events: {{file: calls.csv, padding: {padding}}}")
    assert problem.where == "oncsync.yaml:3:40"
    assert problem.message == f"`padding` has to be longer than nothing, not `{padding}`"


def test_an_end_beside_events_needs_a_begin() -> None:
    problem = download_problem("events: {file: calls.csv}\nend: 2020-01-01")
    assert problem.message == "The download `x` has events and an `end`, but no `begin`"


def test_the_content_of_the_file_is_known_when_it_lies_in_the_folder() -> None:
    text = "downloads: [{name: x, events: {file: calls.csv}}]"
    (with_file,) = load_text(text, beside={"calls.csv": TABLE}).downloads
    (without,) = load_text(text).downloads
    assert with_file.events is not None
    assert without.events is not None
    assert with_file.events.content
    assert without.events.content is None


def test_a_negative_padding_and_another_mistake_are_told_together() -> None:
    text = "downloads:\n  - {name: x, events: {file: c.csv, padding: -PT1S}}\n  - {name: x, begin: 2020-01-01}\n"
    assert len(problems_of(text)) == 2
    assert only_problem(text.replace("-PT1S", "PT1S")).message.startswith("The name `x` is taken")
