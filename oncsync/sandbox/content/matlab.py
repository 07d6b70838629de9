"""MAT files of version 5: columns and matrices of doubles, and texts."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..replies import Content

_INT8, _INT32, _UINT32, _DOUBLE, _MATRIX, _UTF16 = 1, 5, 6, 9, 14, 17
_CHARACTERS, _DOUBLES = 4, 6
_VALUES_PER_BLOCK = 4096
_UNIX_EPOCH_AS_DATENUM = 719_529.0
_DAY = 86_400_000


@dataclass(frozen=True)
class Variable:
    """A matrix of doubles; `values` goes through it column by column."""

    name: str
    rows: int
    columns: int
    values: Callable[[], Iterable[float]]


def datenum(moment: int) -> float:
    """Gives an instant (milliseconds since 1970) in days since year 0, as MATLAB counts."""
    return moment / _DAY + _UNIX_EPOCH_AS_DATENUM


def matlab_content(variables: Sequence[Variable], texts: Mapping[str, str] | None = None) -> Content:
    """Gives a MAT file with matrices, then texts; names have at most 31 letters, as MATLAB of that version takes."""
    head = b"MATLAB 5.0 MAT-file, made by the embedded sandbox of oncsync".ljust(124) + b"\x00\x01IM"
    heads = [_matrix_head(variable) for variable in variables]
    tail = b"".join(_text(name, text) for name, text in (texts or {}).items())
    size = sum(variable.rows * variable.columns * 8 for variable in variables)

    def blocks() -> Iterator[bytes]:
        yield head
        for before, variable in zip(heads, variables, strict=True):
            yield before
            yield from packed_doubles(variable.values(), little=True)
        yield tail

    return Content(len(head) + sum(map(len, heads)) + size + len(tail), blocks)


def _matrix_head(variable: Variable) -> bytes:
    size = variable.rows * variable.columns * 8
    inner = _described(variable.name, _DOUBLES, variable.rows, variable.columns)
    return struct.pack("<II", _MATRIX, len(inner) + 8 + size) + inner + struct.pack("<II", _DOUBLE, size)


def _text(name: str, text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    body = _described(name, _CHARACTERS, 1, len(encoded) // 2)
    body += struct.pack("<II", _UTF16, len(encoded)) + _padded(encoded)
    return struct.pack("<II", _MATRIX, len(body)) + body


def _described(name: str, kind: int, rows: int, columns: int) -> bytes:
    encoded = name.encode()
    described = struct.pack("<IIII", _UINT32, 8, kind, 0) + struct.pack("<IIii", _INT32, 8, rows, columns)
    return described + struct.pack("<II", _INT8, len(encoded)) + _padded(encoded)


def _padded(text: bytes) -> bytes:
    return text.ljust(-(-len(text) // 8) * 8, b"\x00")


def packed_doubles(values: Iterable[float], *, little: bool) -> Iterator[bytes]:
    """Gives numbers as doubles of the wanted byte order, many at a time."""
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
