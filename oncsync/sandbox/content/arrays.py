"""Time series as binary arrays: MAT files of version 5 and NetCDF files of the classic format."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator

from ..catalogue import Property
from ..replies import Content
from .readings import reading
from .series import Measured

_MAT_INT8, _MAT_INT32, _MAT_UINT32, _MAT_DOUBLE, _MAT_MATRIX = 1, 5, 6, 9, 14
_NC_CHAR, _NC_DOUBLE = 2, 6
_NC_DIMENSION, _NC_VARIABLE, _NC_ATTRIBUTE = 10, 11, 12
_DAY = 86_400_000
_UNIX_EPOCH_AS_DATENUM = 719_529.0
_VALUES_PER_BLOCK = 4096
_NAME = 31
"""Letters of a name that MATLAB of that version takes."""

Column = tuple[str, str, Callable[[], Iterator[float]]]


def mat_content(measured: Measured) -> Content:
    """Gives a MAT file: `time` (days since year 0, as MATLAB counts) and one column a sensor, NaN where suspect."""
    rows = measured.rows
    head = b"MATLAB 5.0 MAT-file, made by the embedded sandbox of oncsync".ljust(124) + b"\x00\x01IM"
    days: Column = ("time", "d", lambda: (m / _DAY + _UNIX_EPOCH_AS_DATENUM for _, m in measured.instants()))
    pieces: list[tuple[bytes, Column]] = []
    for column in (days, *_columns(measured)):
        name = column[0].encode()
        padded = name.ljust(-(-len(name) // 8) * 8, b"\x00")
        inner = struct.pack("<IIII", _MAT_UINT32, 8, 6, 0) + struct.pack("<IIii", _MAT_INT32, 8, rows, 1)
        inner += struct.pack("<II", _MAT_INT8, len(name)) + padded + struct.pack("<II", _MAT_DOUBLE, rows * 8)
        pieces.append((struct.pack("<II", _MAT_MATRIX, len(inner) + rows * 8) + inner, column))
    length = len(head) + sum(len(before) + rows * 8 for before, _ in pieces)

    def blocks() -> Iterator[bytes]:
        yield head
        for before, column in pieces:
            yield before
            yield from _packed(column[2](), little=True)

    return Content(length, blocks)


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
            yield from _packed(values(), little=False)

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


def _packed(values: Iterable[float], *, little: bool) -> Iterator[bytes]:
    held = array("d")
    swap = little != (sys.byteorder == "little")

    def taken() -> bytes:
        if swap:
            held.byteswap()
        return held.tobytes()

    for value in values:
        held.append(value)
        if len(held) == _VALUES_PER_BLOCK:
            yield taken()
            held = array("d")
    yield taken()


def _named(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">I", len(encoded)) + encoded.ljust(-(-len(encoded) // 4) * 4, b"\x00")


def _attribute(name: str, text: str) -> bytes:
    return _named(name) + struct.pack(">I", _NC_CHAR) + _named(text)
