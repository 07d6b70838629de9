"""Plans the columns of a tab that is about to be written: documented ones, a person's own ones, and ours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Literal

import msgspec

from oncsync.manifest.rows import merge_orders
from oncsync.workbook.cells import format_flag, format_options
from oncsync.workbook.layout import (
    DAY_HEADER,
    METADATA_HEADER,
    ORIGIN_HEADER,
    PATH_HEADER,
    SPLIT_HEADER,
    CellValue,
    Column,
    ColumnForm,
    Tab,
    is_ours,
)
from oncsync.workbook.records import Row

_ATTRIBUTES = {
    "locationCode": "location_code",
    "deviceCategoryCode": "device_category_code",
    "deviceCode": "device_code",
    "propertyCode": "property_code",
    "dataProductCode": "data_product_code",
    "extension": "extension",
    "begin": "begin",
    "end": "end",
}


class PlannedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the sheet that is being written, and how a row fills it."""

    header: str
    kind: Literal["filter", "switch", "information", "ours"]
    form: ColumnForm | Literal["own"]
    cap: int
    value: Callable[[Row], CellValue]


def plan_columns(tab: Tab, rows: Sequence[Row]) -> list[PlannedColumn]:
    """Gives the columns of a tab: the documented ones, own ones behind their neighbour of old, ours at the end."""
    own = _place_own_columns(tab, rows)
    columns = [*map(_own_column, own.get("", ()))]
    for column in tab.columns:
        columns.append(_documented_column(column))
        columns += map(_own_column, own.get(column.header, ()))
    columns += map(_own_column, own.get(ORIGIN_HEADER, ()))
    return [*columns, *_our_columns(rows)]


def _place_own_columns(tab: Tab, rows: Sequence[Row]) -> dict[str, list[str]]:
    """Gives own headers by the documented one they follow; under "" those before all, under `oncsync` the rest.

    Of information a row names what is filled in, so that the last one that any row names before an own column decides.
    """
    order = {column.header: place for place, column in enumerate(tab.columns)}
    information = set(tab.information_headers)
    orders = list(dict.fromkeys(tuple(_known(row, information)) for row in rows))
    last: dict[str, int] = {}
    for keys in orders:
        place = -1 if order.keys() & set(keys) else len(order)
        for key in keys:
            if key in order:
                place = max(place, order[key]) if key in information else order[key]
            elif key not in last or last[key] == len(order) or last[key] < place < len(order):
                last[key] = place
    headers = ["", *order, ORIGIN_HEADER]
    own: dict[str, list[str]] = {}
    for key in merge_orders(orders):
        if key in last and tab.column(key) is None and not is_ours(key):
            own.setdefault(headers[last[key] + 1], []).append(key)
    return own


def _known(row: Row, information: Collection[str]) -> Iterator[str]:
    """Yields the headers of a row, without information that is blank: a file of rows has a cell for all of it."""
    return (key for key, value in row.columns.items() if value is not None or key not in information)


def _documented_column(column: Column) -> PlannedColumn:
    return PlannedColumn(
        header=column.header, kind=column.kind, form=column.form, cap=column.width, value=_filler(column)
    )


def _filler(column: Column) -> Callable[[Row], CellValue]:
    if column.kind == "information":
        return lambda row: row.columns.get(column.header)
    if column.kind == "switch":
        return lambda row: format_flag(row.download)
    if column.key == "options":
        return lambda row: format_options(row.options)
    name = _ATTRIBUTES[column.key]
    return lambda row: getattr(row, name)


def _own_column(header: str) -> PlannedColumn:
    return PlannedColumn(
        header=header, kind="information", form="own", cap=40, value=lambda row: row.columns.get(header)
    )


def _our_columns(rows: Sequence[Row]) -> Iterator[PlannedColumn]:
    """Yields the columns for what single rows set differently, where any does, and the one that says the origin."""
    fillers: dict[str, Callable[[Row], CellValue]] = {
        SPLIT_HEADER: lambda row: row.split_date_range,
        DAY_HEADER: lambda row: row.day_of_week,
        PATH_HEADER: lambda row: row.path,
        METADATA_HEADER: lambda row: None if row.metadata is None else format_flag(row.metadata),
    }
    for header, filler in fillers.items():
        if any(filler(row) is not None for row in rows):
            yield PlannedColumn(header=header, kind="ours", form="text", cap=40, value=filler)
    yield PlannedColumn(
        header=ORIGIN_HEADER,
        kind="ours",
        form="text",
        cap=40,
        value=lambda row: str(row.origin) if row.origin else None,
    )
