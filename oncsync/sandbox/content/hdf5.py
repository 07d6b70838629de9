"""HDF5 files that readers open: a root group and columns of doubles in it, with the checksums of the format."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from random import Random

from ..replies import Content
from .matlab import Variable, packed_doubles

_UNDEFINED = b"\xff" * 8
_SUPERBLOCK = 48
_DATASPACE, _LINK_INFO, _DATATYPE, _FILL_VALUE, _LINK, _LAYOUT, _GROUP_INFO = 1, 2, 3, 5, 6, 8, 10
_DOUBLE = bytes([0x11, 0x20, 0x3F, 0x00]) + struct.pack("<IHHBBBBI", 8, 0, 64, 52, 11, 0, 52, 1023)
"""Little-endian IEEE doubles, as a datatype message."""
_MASK = 0xFFFFFFFF
_STEP = 10_000


def counts_content(seed: str, begin: int, end: int, columns: int) -> Content:
    """Gives what a module counted: `time` (seconds since 1970), a row every ten seconds, and so many columns."""
    moments = range(begin, end, _STEP)

    def channel(number: int) -> Callable[[], Iterator[float]]:
        def counts() -> Iterator[float]:
            random = Random(f"{seed}/{number}")
            centre = random.uniform(200, 1100)
            return (float(round(random.gauss(centre, math.sqrt(centre)))) for _ in moments)

        return counts

    named = [Variable("time", len(moments), 1, lambda: (moment / 1000 for moment in moments))]
    named += [Variable(f"counts_ch{number + 1:02}", len(moments), 1, channel(number)) for number in range(columns)]
    return hdf5_content(named)


def hdf5_content(columns: Sequence[Variable]) -> Content:
    """Gives an HDF5 file with one data set of one dimension for each column."""
    heads = [_dataset_header(column.rows, 0) for column in columns]
    root = _SUPERBLOCK
    first = root + len(_group_header([(column.name, 0) for column in columns]))
    places = [first + sum(map(len, heads[:number])) for number in range(len(columns))]
    start = first + sum(map(len, heads))
    head = _group_header([(column.name, place) for column, place in zip(columns, places, strict=True)])
    end = start
    for column in columns:
        head += _dataset_header(column.rows, end)
        end += 8 * column.rows
    signature = b"\x89HDF\r\n\x1a\n" + bytes([2, 8, 8, 0]) + struct.pack("<Q", 0) + _UNDEFINED
    head = _checked(signature + struct.pack("<QQ", end, root)) + head

    def blocks() -> Iterator[bytes]:
        yield head
        for column in columns:
            yield from packed_doubles(column.values(), little=True)

    return Content(end, blocks)


def _group_header(links: Sequence[tuple[str, int]]) -> bytes:
    messages = _message(_LINK_INFO, bytes(2) + _UNDEFINED * 2) + _message(_GROUP_INFO, bytes(2))
    for name, place in links:
        encoded = name.encode()
        messages += _message(_LINK, bytes([1, 0, len(encoded)]) + encoded + struct.pack("<Q", place))
    return _object_header(messages)


def _dataset_header(rows: int, place: int) -> bytes:
    messages = _message(_DATASPACE, bytes([2, 1, 0, 1]) + struct.pack("<Q", rows))
    messages += _message(_DATATYPE, _DOUBLE) + _message(_FILL_VALUE, bytes([3, 0x0A]))
    return _object_header(messages + _message(_LAYOUT, bytes([3, 1]) + struct.pack("<QQ", place, 8 * rows)))


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack("<BHB", kind, len(body), 0) + body


def _object_header(messages: bytes) -> bytes:
    return _checked(b"OHDR" + bytes([2, 2]) + struct.pack("<I", len(messages)) + messages)


def _checked(block: bytes) -> bytes:
    return block + struct.pack("<I", checksum(block))


def checksum(block: bytes) -> int:
    """Gives the checksum that the format keeps of its own parts (Jenkins 2006, `hashlittle`, from 0)."""
    a = b = c = (0xDEADBEEF + len(block)) & _MASK
    padded = block + bytes(-len(block) % 12)
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    for place in range(0, len(words) - 3, 3):
        a, b, c = _stirred((a + words[place]) & _MASK, (b + words[place + 1]) & _MASK, (c + words[place + 2]) & _MASK)
    if not words:
        return c
    return _finished(*((one + two) & _MASK for one, two in zip((a, b, c), words[-3:], strict=True)))


def _turned(number: int, bits: int) -> int:
    return ((number << bits) | (number >> (32 - bits))) & _MASK


def _stirred(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _MASK) ^ _turned(c, bits)
        a, b, c = b, (c + b) & _MASK, a
    return a, b, c


def _finished(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, ((c ^ b) - _turned(b, bits)) & _MASK, a
    return b
