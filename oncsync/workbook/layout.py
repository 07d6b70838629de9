"""The documented workbook: its tabs, columns and settings, as values. Pure, and the only place that knows them.

Sources: R19, R49-R76 (tabs and columns), R82-R103 (settings), I-10, I-11, I-24 (spellings). A bold header is a filter
that is sent, a plain one is information and never sent; `download` is italic only, a switch (R52, R53). `propertyCode`
is bold in both tabs, because it is sent whenever it is filled in (I-10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

import msgspec

from oncsync.manifest.model import DAYS_OF_WEEK

CellValue = str | int | float | bool | None
"""What a cell of an information column or of a person's own column holds, as a manifest can keep it."""

ColumnKind = Literal["filter", "switch", "information"]
ColumnForm = Literal["text", "date", "number", "link"]

CONFIGURATION_TITLE = "Configuration"
ORIGIN_HEADER = "oncsync"
SPLIT_HEADER = "oncsync splitDateRange"
DAY_HEADER = "oncsync dayOfWeek"
PATH_HEADER = "oncsync path"
METADATA_HEADER = "oncsync metadata"
ROW_SETTING_HEADERS = (SPLIT_HEADER, DAY_HEADER, PATH_HEADER, METADATA_HEADER)
"""Columns of ours for what one row sets differently; written only when some row does. A person's own columns never
clash with them, whatever they are called."""

DATE_FORMAT = "yyyy-mm-dd hh:mm:ss"
DATE_FORMAT_MILLISECONDS = "yyyy-mm-dd hh:mm:ss.000"
DAY_FORMAT = "yyyy-mm-dd"
FLAG_ON, FLAG_OFF = "Y", "N"
TOKEN_PLACEHOLDER = "not kept in workbooks: set ONC_TOKEN"  # noqa: S105 - the very opposite of a secret
COURTESY_RUN_THREADS = 4
STATE_PATH = ".oncsync/state.json"
"""Where the state lies in the folder when `logFile` does not say otherwise."""


class Column(msgspec.Struct, frozen=True):
    """One documented column: its ONC key, the header people see, and what its cells are."""

    key: str
    header: str
    kind: ColumnKind
    width: int = 30
    """The widest that its content makes it, in characters."""
    form: ColumnForm = "text"
    is_required: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def is_bold(self) -> bool:
        """Whether the documentation shows the header bold: it is sent."""
        return self.kind == "filter"

    @property
    def is_italic(self) -> bool:
        """Whether the documentation shows the header italic: a person may change it."""
        return self.kind in ("filter", "switch")


class Tab(msgspec.Struct, frozen=True):
    """One tab of requests: its title, the download method it stands for, its columns in documented order."""

    title: str
    method: Literal["byLocation", "byDevice"]
    columns: tuple[Column, ...]

    def column(self, header: str) -> Column | None:
        """Gives the documented column that a header names, however it is spelled (I-24)."""
        return _columns_by_name(self).get(normalize_name(header))

    @property
    def information_headers(self) -> tuple[str, ...]:
        """The headers of the columns that are never sent, in order."""
        return tuple(column.header for column in self.columns if column.kind == "information")


class SettingKey(msgspec.Struct, frozen=True):
    """One key of the Configuration tab."""

    key: str
    form: Literal["text", "secret", "split", "day", "count", "queue", "time", "flag", "number", "duration", "size"]
    default: CellValue
    description: str
    aliases: tuple[str, ...] = ()
    is_documented: bool = True


_PROPERTY = Column("propertyCode", "propertyCode", "filter", 30)
_DOWNLOAD = Column("download", "download", "switch", 11)
_BEGIN = Column("begin", "begin", "filter", 26, "date", is_required=True)
_END = Column("end", "end", "filter", 26, "date", is_required=True)
_POSITION = (
    Column("latitude", "latitude", "information", 12, "number"),
    Column("longitude", "longitude", "information", 12, "number"),
    Column("depth", "depth", "information", 9, "number"),
)
_PRODUCT = (
    Column("dataProductCode", "dataProductCode", "filter", 18, is_required=True),
    Column("dataProductName", "dataProductName", "information", 40),
    Column("extension", "extension", "filter", 11, is_required=True),
    Column("options", "data product options", "filter", 60),
    Column("helpDocument", "helpDocument", "information", 38, "link"),
)
_DEVICE_LISTING = Column(
    "deviceLink", "Device Listing", "information", 56, "link", aliases=("Device List", "Device List link")
)

BY_LOCATION = Tab(
    "By Location",
    "byLocation",
    (
        Column("locationCode", "locationCode", "filter", 24, is_required=True),
        Column("locationName", "locationName", "information", 40),
        Column("deviceCategoryCode", "deviceCategoryCode", "filter", 28),
        Column("deviceCategoryName", "deviceCategoryName", "information", 40),
        _PROPERTY,
        _DOWNLOAD,
        _BEGIN,
        _END,
        Column("deviceCode", "deviceCode", "information", 30),
        *_POSITION,
        *_PRODUCT,
        Column("dataSearchURL", "Data Search", "information", 56, "link"),
        _DEVICE_LISTING,
    ),
)
"""R65: 19 columns."""

BY_DEVICE = Tab(
    "By Device",
    "byDevice",
    (
        Column("deviceCode", "deviceCode", "filter", 30, is_required=True),
        Column("deviceName", "deviceName", "information", 40),
        _PROPERTY,
        _DOWNLOAD,
        _BEGIN,
        _END,
        Column("locationCode", "locationCode", "information", 24),
        *_POSITION,
        *_PRODUCT,
        _DEVICE_LISTING,
    ),
)
"""R74: 16 columns; here the location is information (R75)."""

TABS = (BY_LOCATION, BY_DEVICE)

SETTING_KEYS = (
    SettingKey(
        "token",
        "secret",
        TOKEN_PLACEHOLDER,
        "A workbook gets passed around, so the token stays out of it. Set ONC_TOKEN instead; the tab Web Services of "
        "https://data.oceannetworks.ca/Profile hands tokens out.",
    ),
    SettingKey("downloadFolder", "text", None, "Where the files go. A relative folder counts from the manifest."),
    SettingKey("logFile", "text", None, "The record of what is done and what is left, a .json file."),
    SettingKey(
        "splitDateRange",
        "split",
        "all",
        "How long a piece of a row one order asks for: all, year, month, week, day or hour.",
        ("requestTimeSpan",),
    ),
    SettingKey("dayOfWeek", "day", "SU", "The day a week begins, MO to SU. Counts when splitDateRange is week."),
    SettingKey(
        "runThreads",
        "count",
        COURTESY_RUN_THREADS,
        "Orders that wait or run at ONC at one time. More than 4 makes everybody else's orders wait.",
    ),
    SettingKey("downloadThreads", "count", 10, "Files that are downloaded at one time."),
    SettingKey(
        "downloadQueueSize",
        "queue",
        "unlimited",
        "Files that may wait to be downloaded, a number or unlimited. When it is full, orders wait.",
    ),
    SettingKey("beginRun", "time", "00:00:00", "The time of day from which orders and downloads may start."),
    SettingKey("endRun", "time", "00:00:00", "The time of day until which they may. Equal to beginRun: at any time."),
    SettingKey("runTimeZone", "text", None, "The time zone of beginRun and endRun.", is_documented=False),
    SettingKey(
        "metadata", "flag", True, "Fetch the XML file that describes each product, Y or N.", is_documented=False
    ),
    SettingKey("maxOrderHours", "number", 48, "Hours after which an order is given up.", is_documented=False),
    SettingKey("lateDays", "number", 1, "Days that data may arrive late at ONC.", is_documented=False),
    SettingKey(
        "refreshOpen", "duration", None, "Least time between two orders of one open piece.", is_documented=False
    ),
    SettingKey(
        "minFree", "size", None, "Space that stays free on the disk of the folder, as in 10 GB.", is_documented=False
    ),
)
DOCUMENTED_SPLITS = ("all", "year", "month", "week", "day", "hour")
DOCUMENTED_DAYS = DAYS_OF_WEEK

_NAME_NOISE = re.compile(r"[\s_\u200b\ufeff]+")


def normalize_name(text: str) -> str:
    """Gives the form in which headers, keys and tab titles are compared: no case, blanks or underscores (I-24)."""
    return _NAME_NOISE.sub("", text).rstrip(":").casefold()


def find_tab(title: str) -> Tab | None:
    """Gives the tab of requests that a sheet's title names, None for any other sheet."""
    return next((tab for tab in TABS if normalize_name(tab.title) == normalize_name(title)), None)


def tab_of(method: str) -> Tab:
    """Gives the tab of `byLocation` or `byDevice`."""
    return BY_DEVICE if method == BY_DEVICE.method else BY_LOCATION


def find_setting(text: str) -> SettingKey | None:
    """Gives the setting that a cell of the Configuration tab names, aliases included (I-11)."""
    return _SETTINGS_BY_NAME.get(normalize_name(text))


def is_ours(header: str) -> bool:
    """Whether a header is one of oncsync's own columns, `oncsync` itself included."""
    return normalize_name(header) in _OUR_NAMES


def nearest_name(text: str, names: Sequence[str]) -> str | None:
    """Gives the name that `text` probably means, None when none is near."""
    by_form = {normalize_name(name): name for name in names}
    near = get_close_matches(normalize_name(text), by_form, n=1, cutoff=0.75)
    return by_form[near[0]] if near else None


def _columns_by_name(tab: Tab) -> dict[str, Column]:
    return _BY_LOCATION_NAMES if tab.method == "byLocation" else _BY_DEVICE_NAMES


def _names_of(tab: Tab) -> dict[str, Column]:
    return {
        normalize_name(name): column
        for column in tab.columns
        for name in (column.header, column.key, *column.aliases)
        if name != "options"  # too common a word to take a person's own column for it
    }


_BY_LOCATION_NAMES = _names_of(BY_LOCATION)
_BY_DEVICE_NAMES = _names_of(BY_DEVICE)
_OUR_NAMES = {normalize_name(header) for header in (ORIGIN_HEADER, *ROW_SETTING_HEADERS)}
_SETTINGS_BY_NAME = {
    normalize_name(name): setting for setting in SETTING_KEYS for name in (setting.key, *setting.aliases)
}
