"""The layout is the documented one, and finds its own names however they are spelled."""

from __future__ import annotations

import pytest

from oncsync.workbook.layout import (
    BY_DEVICE,
    BY_LOCATION,
    ROW_SETTING_HEADERS,
    SETTING_KEYS,
    find_setting,
    find_tab,
    is_ours,
    nearest_name,
    normalize_name,
    tab_of,
)
from tests.workbook.books import CONFIGURATION, DEVICE_HEADERS, LOCATION_HEADERS


def test_by_location_has_the_19_documented_columns_in_order() -> None:
    """R65."""
    assert [column.header for column in BY_LOCATION.columns] == LOCATION_HEADERS
    assert len(LOCATION_HEADERS) == 19


def test_by_device_has_the_16_documented_columns_in_order() -> None:
    """R74."""
    assert [column.header for column in BY_DEVICE.columns] == DEVICE_HEADERS
    assert len(DEVICE_HEADERS) == 16


def test_bold_headers_of_by_location_are_what_is_sent() -> None:
    """R52, R53: `download` is italic only."""
    assert [column.header for column in BY_LOCATION.columns if column.is_bold] == [
        "locationCode",
        "deviceCategoryCode",
        "propertyCode",
        "begin",
        "end",
        "dataProductCode",
        "extension",
        "data product options",
    ]
    download = BY_LOCATION.column("download")
    assert download is not None
    assert (download.is_bold, download.is_italic) == (False, True)


def test_bold_headers_of_by_device_are_what_is_sent_and_the_location_is_not() -> None:
    """R72, R75, I-10."""
    assert [column.header for column in BY_DEVICE.columns if column.is_bold] == [
        "deviceCode",
        "propertyCode",
        "begin",
        "end",
        "dataProductCode",
        "extension",
        "data product options",
    ]


def test_what_is_not_a_filter_is_neither_bold_nor_italic_but_the_switch() -> None:
    for tab in (BY_LOCATION, BY_DEVICE):
        plain = [column for column in tab.columns if column.kind == "information"]
        assert plain
        assert not any(column.is_bold or column.is_italic for column in plain)


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("LOCATIONCODE", "locationCode"),
        ("location_code", "locationCode"),
        (" location Code ", "locationCode"),
        ("Data Product Options", "options"),
        ("dataProductOptions", "options"),
        ("data\u00a0product\noptions", "options"),
        ("Device List", "deviceLink"),
        ("device listing", "deviceLink"),
        ("DataSearch", "dataSearchURL"),
        ("dataSearchURL", "dataSearchURL"),
        ("Help Document:", "helpDocument"),
    ],
)
def test_headers_are_found_in_any_case_and_spacing(spelling: str, key: str) -> None:
    """I-24."""
    column = BY_LOCATION.column(spelling)
    assert column is not None
    assert column.key == key


@pytest.mark.parametrize("header", ["options", "comment", "", "location", "begin date", "Data Search 2"])
def test_other_headers_stay_a_persons_own(header: str) -> None:
    """R63."""
    assert BY_LOCATION.column(header) is None


def test_no_two_columns_share_a_spelling() -> None:
    for tab in (BY_LOCATION, BY_DEVICE):
        names = [normalize_name(column.header) for column in tab.columns]
        assert len(set(names)) == len(names)
        assert all(tab.column(column.header) == column for column in tab.columns)


def test_the_configuration_has_the_documented_keys_in_order() -> None:
    """R83-R88, R91, R95-R97."""
    assert [setting.key for setting in SETTING_KEYS if setting.is_documented] == list(CONFIGURATION)


def test_the_configuration_has_the_documented_defaults() -> None:
    """R86, R88, R91, R95, R96, R97."""
    defaults = {setting.key: setting.default for setting in SETTING_KEYS}
    for key in CONFIGURATION.keys() - {"token", "downloadFolder", "logFile"}:
        assert defaults[key] == CONFIGURATION[key]


@pytest.mark.parametrize(
    ("text", "key"),
    [("TOKEN", "token"), ("Split Date Range", "splitDateRange"), ("requestTimeSpan", "splitDateRange")],
)
def test_settings_are_found_in_any_spelling_and_by_their_other_name(text: str, key: str) -> None:
    """R103, I-11."""
    setting = find_setting(text)
    assert setting is not None
    assert setting.key == key


def test_a_word_that_is_no_setting_finds_none() -> None:
    assert find_setting("threads") is None
    assert nearest_name("runTreads", [setting.key for setting in SETTING_KEYS]) == "runThreads"
    assert nearest_name("colour", [setting.key for setting in SETTING_KEYS]) is None


@pytest.mark.parametrize("title", ["By Location", "by location", "BY_LOCATION", "ByLocation", " By  Location"])
def test_tabs_are_found_in_any_spelling(title: str) -> None:
    """I-24."""
    assert find_tab(title) is BY_LOCATION


def test_other_tabs_and_methods_are_told_apart() -> None:
    assert find_tab("Configuration") is None
    assert find_tab("Sheet1") is None
    assert tab_of("byDevice") is BY_DEVICE
    assert tab_of("byLocation") is BY_LOCATION


def test_columns_of_ours_never_take_a_persons_header() -> None:
    """R63: `path` or `splitDateRange` in a tab may be anybody's own."""
    assert all(is_ours(header) for header in ROW_SETTING_HEADERS)
    assert is_ours("ONCsync")
    assert not any(is_ours(header) for header in ("path", "splitDateRange", "oncsync remark", "origin"))
