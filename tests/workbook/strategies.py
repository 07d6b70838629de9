"""Generated rows and settings, in the form in which reading gives them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from hypothesis import strategies as st

from oncsync.manifest.validate import looks_secret
from oncsync.timespan import UTC
from oncsync.workbook.cells import clean_text, moment_text
from oncsync.workbook.layout import CellValue, Tab, is_ours, tab_of
from oncsync.workbook.records import Origin, Row

CODES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,11}", fullmatch=True) | st.sampled_from(
    ["000", "7", "ÉTÉ", "TRUE"]
)
ODD_TEXTS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "=",
    "#N/A",
    "1e5",
    " padded ",
    "_x000D_",
    "a\r\nb",
    "Ω 水 🐋",
    "2017-05-01",
]
VISIBLE = st.characters(exclude_categories=["Cs", "Cc", "Cf", "Z"])
TEXTS = st.builds(
    str.__add__, VISIBLE, st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
) | st.sampled_from(ODD_TEXTS)
NUMBERS = st.integers(-(10**14), 10**14) | st.floats(-1e12, 1e12).map(lambda number: float(f"{number:.12g}"))
OPTIONS = st.dictionaries(st.from_regex(r"dpo_[A-Za-z]{1,6}", fullmatch=True), CODES | st.just("a, b&c=d"), max_size=3)
SPLITS = st.sampled_from(["all", "year", "month", "week", "day", "hour", "PT6H"])
DAYS = st.sampled_from(["MO", "SU"])


def cells() -> st.SearchStrategy[CellValue]:
    """Gives what an information or own cell may hold; blank text reads as no value."""
    return st.one_of(TEXTS, NUMBERS, st.booleans())


def own_headers(tab: Tab) -> st.SearchStrategy[list[str]]:
    """Gives headers that a person may have made up, none of them documented or ours."""
    headers = (TEXTS.map(clean_text) | st.sampled_from(["checked by", "Path", "name"])).filter(
        lambda text: tab.column(text) is None and not is_ours(text) and not looks_secret(text)
    )
    return st.lists(headers, max_size=3, unique=True)


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, str | None]:
    begin = draw(st.datetimes(datetime(1890, 1, 1), datetime(2100, 1, 1))).replace(tzinfo=UTC)
    length = draw(st.timedeltas(timedelta(seconds=1), timedelta(days=4000)))
    end = draw(st.sampled_from([None, "now", moment_text(begin + length)]))
    return moment_text(begin), end


@st.composite
def rows_of(draw: st.DrawFn, method: Literal["byLocation", "byDevice"]) -> list[Row]:
    """Gives rows of one tab, numbered as they will stand in it; own columns stand behind one that is sent, or last."""
    tab = tab_of(method)
    own = draw(own_headers(tab))
    behind = draw(st.sampled_from([None, *(column.header for column in tab.columns if column.kind != "information")]))
    rows = []
    for number in range(2, 2 + draw(st.integers(0, 4))):
        columns: dict[str, CellValue] = {}
        for column in tab.columns:
            if column.kind == "information" and draw(st.booleans()):
                columns[column.header] = draw(cells())
            if own and column.header == behind:
                columns |= {behind: None} | {header: draw(st.none() | cells()) for header in own}
        if behind is None:
            columns |= {header: draw(st.none() | cells()) for header in own}
        rows.append(draw(_row(method, number, columns)))
    return rows


@st.composite
def _row(draw: st.DrawFn, method: Literal["byLocation", "byDevice"], number: int, columns: dict[str, CellValue]) -> Row:
    begin, end = draw(spans())
    source: dict[str, Any] = {"device_code": draw(CODES)}
    if method == "byLocation":
        source = {"location_code": draw(CODES), "device_category_code": draw(CODES)}
    origins = st.builds(Origin, st.just("requests"), st.sampled_from(["ctd", "By Location!12", "a (b)"])) | st.builds(
        Origin, st.just("downloads"), st.sampled_from(["whales", "fin-whales.2"]), st.just("0123abcd")
    )
    return Row(
        method=method,
        number=number,
        download=draw(st.booleans()),
        property_code=draw(st.none() | CODES),
        data_product_code=draw(CODES),
        extension=draw(CODES),
        begin=begin,
        end=end,
        options=draw(OPTIONS),
        columns=columns,
        split_date_range=draw(st.none() | SPLITS),
        day_of_week=draw(st.none() | DAYS),
        path=draw(st.sampled_from([None, "{locationCode}/{year}"])),
        metadata=draw(st.sampled_from([None, True, False])),
        origin=draw(st.none() | origins),
        **source,
    )


def books() -> st.SearchStrategy[list[Row]]:
    """Gives the rows of both tabs, in the order in which reading gives them."""
    return st.tuples(rows_of("byLocation"), rows_of("byDevice")).map(lambda tabs: [*tabs[0], *tabs[1]])


def configurations() -> st.SearchStrategy[dict[str, CellValue]]:
    """Gives settings by key of the Configuration tab."""
    times = st.times().map(lambda time: f"{time:%H:%M:%S}")
    counts = st.integers(1, 99)
    return st.fixed_dictionaries(
        {
            "downloadFolder": st.sampled_from(["data", "C:/ONC/Data", "/srv/Daten für alle"]),
            "logFile": st.sampled_from(["data/.oncsync/state.json", "C:/ONC/Data/download.json"]),
            "splitDateRange": SPLITS,
            "dayOfWeek": DAYS,
            "runThreads": counts,
            "downloadThreads": counts,
            "downloadQueueSize": counts | st.just("unlimited"),
            "beginRun": times,
            "endRun": times,
        },
        optional={
            "runTimeZone": st.just("America/Vancouver"),
            "metadata": st.booleans(),
            "maxOrderHours": st.integers(1, 100) | st.just(12.5),
            "lateDays": counts,
            "refreshOpen": st.just("PT15M"),
            "minFree": st.sampled_from(["10 GB", "1000000", "2.5GiB"]),
        },
    )
