"""The Configuration tab: either orientation, every documented key, and a token that goes nowhere."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.workbook.cells import CellError
from oncsync.workbook.configuration import Configuration, parse_setting, read_configuration
from oncsync.workbook.layout import TOKEN_PLACEHOLDER, find_setting
from tests.workbook.books import CONFIGURATION, TOKEN, configuration_rows

EXPECTED = {key: value for key, value in CONFIGURATION.items() if key != "token"}


def values_of(configuration: Configuration) -> dict[str, Any]:
    return {setting.key: setting.value for setting in configuration.settings}


def parse(key: str, value: Any) -> Any:
    setting = find_setting(key)
    assert setting is not None
    return parse_setting(setting, value)


def flipped(rows: list[list[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def test_keys_may_stand_in_the_first_column() -> None:
    """R13, R14, R82-R88, R91, R95-R97, R103, I-14."""
    configuration = read_configuration(configuration_rows())
    assert values_of(configuration) == EXPECTED
    assert configuration.problems == ()
    assert configuration.notes == ()


def test_keys_may_stand_in_the_first_row() -> None:
    """R103, I-14."""
    configuration = read_configuration(flipped(configuration_rows()))
    assert values_of(configuration) == EXPECTED
    assert configuration.problems == ()
    assert [setting.where for setting in configuration.settings][:2] == ["Configuration!B2", "Configuration!C2"]


@pytest.mark.parametrize("is_flipped", [False, True])
def test_headings_say_where_the_values_stand(is_flipped: bool) -> None:
    """R103: the documentation shows `column | Description | Example`."""
    rows: list[list[Any]] = [["column", "Description", "Example"]]
    rows += ([key, "what it is", value] for key, value in CONFIGURATION.items())
    assert values_of(read_configuration(flipped(rows) if is_flipped else rows)) == EXPECTED


def test_a_heading_value_wins_over_an_example() -> None:
    rows: list[list[Any]] = [["key", "example", "value"], ["runThreads", 8, 2], ["downloadThreads", 8, 3]]
    assert values_of(read_configuration(rows)) == {"runThreads": 2, "downloadThreads": 3}


def test_a_table_may_begin_anywhere() -> None:
    rows: list[list[Any]] = [[], [None, "My settings"], [None, "runThreads", 2], [], [None, "splitDateRange", "week"]]
    configuration = read_configuration(rows)
    assert values_of(configuration) == {"runThreads": 2, "splitDateRange": "week"}
    assert [setting.where for setting in configuration.settings] == ["Configuration!C3", "Configuration!C5"]


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda key: f" {key}: ", lambda key: "_".join(key)])
def test_keys_are_found_in_any_case_and_spacing(change: Any) -> None:
    """R103."""
    rows = [[change(key), value] for key, value in CONFIGURATION.items()]
    assert values_of(read_configuration(rows)) == EXPECTED


def test_the_documentations_other_name_for_the_split_is_understood() -> None:
    """I-11."""
    assert values_of(read_configuration([["requestTimeSpan", "week"], ["dayOfWeek", "MO"]])) == {
        "splitDateRange": "week",
        "dayOfWeek": "MO",
    }


def test_other_rows_are_left_out_with_a_note() -> None:
    """R103."""
    configuration = read_configuration([["runTreads", 4], ["colour", "blue"], ["splitDateRange", "all"]])
    assert values_of(configuration) == {"splitDateRange": "all"}
    assert configuration.notes == (
        "Configuration!A1: `runTreads` is no setting and was left out; did you mean `runThreads`?",
        "Configuration!A2: `colour` is no setting and was left out",
    )


def test_a_blank_value_leaves_a_setting_open() -> None:
    assert values_of(read_configuration([["runThreads", None], ["downloadFolder", " "], ["endRun"]])) == {}


def test_an_empty_tab_sets_nothing() -> None:
    assert read_configuration([]) == Configuration()
    assert values_of(read_configuration([[None, None], []])) == {}


def test_two_values_for_one_key_are_a_mistake() -> None:
    configuration = read_configuration([["runThreads", 2], ["splitDateRange", "all"], ["run threads", 3]])
    assert [problem.where for problem in configuration.problems] == ["Configuration!B3"]
    assert "Configuration!B1" in configuration.problems[0].message


def test_the_same_value_twice_is_none() -> None:
    assert read_configuration([["runThreads", 2], ["runThreads", 2.0]]).problems == ()


def test_every_mistake_is_reported_at_once_with_its_cell() -> None:
    """R86, R88, R91, R95, R96, R97."""
    wrong: dict[str, Any] = {
        "splitDateRange": "fortnight",
        "dayOfWeek": "Sunday",
        "runThreads": 0,
        "downloadThreads": "many",
        "downloadQueueSize": -1,
        "beginRun": "25:00:00",
        "endRun": "six",
    }
    configuration = read_configuration([[key, value] for key, value in wrong.items()])
    assert [problem.where for problem in configuration.problems] == [f"Configuration!B{line}" for line in range(1, 8)]
    assert configuration.problems[0].message == "`splitDateRange`: `fortnight` is not a way to split"
    assert configuration.problems[0].hint == "write all, year, month, week, day, hour"


@pytest.mark.parametrize("value", ["all", "Year", "MONTH", "week", "day", "hour", "PT6H", "p7d"])
def test_every_way_to_split_is_understood(value: str) -> None:
    """R86."""
    assert parse("splitDateRange", value) in (value.lower(), value.upper())


@pytest.mark.parametrize("value", ["MO", "tu", "We", "TH", "FR", "SA", "su"])
def test_every_day_is_understood(value: str) -> None:
    """R88."""
    assert parse("dayOfWeek", value) == value.upper()


@pytest.mark.parametrize(("value", "count"), [(4, 4), ("4", 4), (4.0, 4), (" 12 ", 12)])
def test_counts_are_whole_numbers(value: Any, count: int) -> None:
    """R91, R95."""
    assert parse("runThreads", value) == count


@pytest.mark.parametrize("value", [0, -1, 2.5, "four", True, float("inf"), "nan", 10**400])
def test_other_counts_are_mistakes(value: Any) -> None:
    with pytest.raises(CellError, match="whole number above 0"):
        parse("downloadThreads", value)


@pytest.mark.parametrize(("value", "size"), [("unlimited", "unlimited"), ("Unlimited", "unlimited"), (25, 25)])
def test_the_queue_is_unlimited_or_a_number(value: Any, size: Any) -> None:
    """R96."""
    assert parse("downloadQueueSize", value) == size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("22:00:00", "22:00:00"),
        ("6:00", "06:00:00"),
        ("24:00:00", "00:00:00"),
        (time(22, 0), "22:00:00"),
        (time(21, 59, 59, 999_000), "22:00:00"),
        (datetime(1900, 1, 1, 6, 30), "06:30:00"),
        (timedelta(hours=22), "22:00:00"),
        (0.25, "06:00:00"),
        (0, "00:00:00"),
    ],
)
def test_a_time_of_day_is_read_as_text_or_as_excel_keeps_it(value: Any, text: str) -> None:
    """R97."""
    assert parse("beginRun", value) == text


@pytest.mark.parametrize("value", ["22", "22:60:00", "10pm", 22, -0.5, True, timedelta(hours=30)])
def test_other_times_of_day_are_mistakes(value: Any) -> None:
    with pytest.raises(CellError, match="not a time of day"):
        parse("endRun", value)


@given(st.times())
def test_every_time_cell_gives_a_time_of_day(value: time) -> None:
    hours, minutes, seconds = (int(part) for part in parse("endRun", value).split(":"))
    assert 0 <= hours < 24
    assert 0 <= minutes < 60
    assert 0 <= seconds < 60


def test_the_manifests_further_settings_are_understood() -> None:
    rows: list[list[Any]] = [
        ["runTimeZone", "UTC"],
        ["metadata", "N"],
        ["maxOrderHours", "12.5"],
        ["lateDays", 2],
        ["refreshOpen", "PT1H"],
        ["minFree", 20_000_000_000],
    ]
    assert values_of(read_configuration(rows)) == {
        "runTimeZone": "UTC",
        "metadata": False,
        "maxOrderHours": 12.5,
        "lateDays": 2,
        "refreshOpen": "PT1H",
        "minFree": "20000000000",
    }


@pytest.mark.parametrize("text", ["plenty", "-1", "10 gb"])
def test_space_to_keep_that_is_no_size_is_told_with_its_cell(text: str) -> None:
    configuration = read_configuration([["runThreads", 4], ["minFree", text]])
    assert [problem.where for problem in configuration.problems] == ["Configuration!B2"]
    assert "is not a size; write for example" in configuration.problems[0].message


def test_more_orders_than_the_courtesy_limit_are_noted() -> None:
    """R92, R93: not refused, but told why."""
    configuration = read_configuration([["runThreads", 9], ["splitDateRange", "all"]])
    assert values_of(configuration)["runThreads"] == 9
    assert "everybody else's wait" in configuration.notes[0]
    assert read_configuration([["runThreads", 4]]).notes == ()


def test_a_day_that_has_no_effect_is_noted() -> None:
    """R88, I-11."""
    notes = read_configuration([["splitDateRange", "month"], ["dayOfWeek", "MO"]]).notes
    assert notes == ("Configuration!B2: `dayOfWeek` counts only when `splitDateRange` is week",)
    assert read_configuration([["splitDateRange", "week"], ["dayOfWeek", "MO"]]).notes == ()


@pytest.mark.parametrize(
    "rows",
    [
        configuration_rows(),
        flipped(configuration_rows()),
        [["token", TOKEN]],
        [["token"], [TOKEN]],
        [["Token:", "get it from your profile page", TOKEN], ["runThreads", "orders", 4]],
        [["column", "Description", "Example"], ["token", "a secret", TOKEN]],
        [["runThreads", "token"], [4, TOKEN]],
    ],
    ids=range(7),
)
def test_the_token_is_seen_and_handed_to_nobody(rows: list[list[Any]]) -> None:
    """R83."""
    configuration = read_configuration(rows)
    assert TOKEN not in repr(configuration.settings) + repr(configuration)
    assert TOKEN in configuration.secrets


@pytest.mark.parametrize("text", [None, "", "<YOUR_TOKEN>", "YOUR_TOKEN_HERE", "your token here", TOKEN_PLACEHOLDER])
def test_a_placeholder_is_no_token(text: str | None) -> None:
    assert read_configuration([["token", text], ["runThreads", 4]]).secrets == frozenset()
