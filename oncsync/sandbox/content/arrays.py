"""Time series as binary arrays: MAT files of version 5 and NetCDF files of the classic format."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from ..catalogue import Property
from ..replies import Content
from .matlab import Variable, datenum, matlab_content, packed_doubles
from .readings import reading
from .series import Measured

_NC_CHAR, _NC_DOUBLE = 2, 6
_NC_DIMENSION, _NC_VARIABLE, _NC_ATTRIBUTE = 10, 11, 12
_NAME = 31
"""Letters of a name that MATLAB of that version takes."""

Column = tuple[str, str, Callable[[], Iterator[float]]]


def mat_content(measured: Measured) -> Content:
    """Gives a MAT file: `time` (days since year 0, as MATLAB counts) and one column a sensor, NaN where suspect."""
    rows = measured.rows
    days: Column = ("time", "d", lambda: (datenum(moment) for _, moment in measured.instants()))
    return matlab_content([Variable(name, rows, 1, values) for name, _, values in (days, *_columns(measured))])


def netcdf_content(measured: Measured) -> Content:
    """Gives a NetCDF file: `time` (seconds since 1970) and one variable a sensor, NaN where suspect."""
    rows = measured.rows
    clock: Column = ("time", "seconds since 1970-01-01T00:00:00Z", lambda: (m / 1000 for _, m in measured.instants()))
    columns = [clock, *_columns(measured)]
    title = "Invented values of the oncsync sandbox" + (f"; {measured.title[-1]}" if measured.interval else "")
    head = b"CDF\x01" + struct.pack(">I", 0)
    head += struct.pack(">II", _NC_DIMENSION, 1) + _named("time") + struct.pack(">I", rows)
    head += struct.pack(">II", _NC_ATTRIBUTE, 1) + _attribute("title", title)
    head += struct.pack(">II", _NC_VARIABLE, len(columns))
    described = [
        _named(name) + struct.pack(">IIII", 1, 0, _NC_ATTRIBUTE, 1) + _attribute("units", unit or "1")
        for name, unit, _ in columns
    ]
    start = len(head) + sum(len(text) + 12 for text in described)
    for number, text in enumerate(described):
        head += text + struct.pack(">III", _NC_DOUBLE, rows * 8, start + number * rows * 8)

    def blocks() -> Iterator[bytes]:
        yield head
        for _, _, values in columns:
            yield from packed_doubles(values(), little=False)

    return Content(len(head) + len(columns) * rows * 8, blocks)


def _columns(measured: Measured) -> list[Column]:
    def values(sensor: Property, statistic: str) -> Callable[[], Iterator[float]]:
        def read() -> Iterator[float]:
            value = reading(measured, sensor, statistic)
            return (value(part, moment) for part, moment in measured.instants())

        return read

    return [
        (_column_name(sensor, statistic), sensor.unit, values(sensor, statistic))
        for sensor, statistic in measured.columns
    ]


def _column_name(sensor: Property, statistic: str) -> str:
    suffix = f"_{statistic}" if statistic else ""
    return sensor.code[: _NAME - len(suffix)] + suffix


def _named(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">I", len(encoded)) + encoded.ljust(-(-len(encoded) // 4) * 4, b"\x00")


def _attribute(name: str, text: str) -> bytes:
    return _named(name) + struct.pack(">I", _NC_CHAR) + _named(text)
