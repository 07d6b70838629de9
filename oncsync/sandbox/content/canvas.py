"""A small picture: pixels of a palette, lines, letters, and its PNG file."""

from __future__ import annotations

import struct
import zlib

_GLYPHS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1c12111111121c",
    "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111",
    "I": "0e04040404040e", "J": "0702020202120c", "K": "11121418141211", "L": "1010101010101f",
    "M": "111b1515111111", "N": "11111915131111", "O": "0e11111111110e", "P": "1e11111e101010",
    "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "11111115151b11", "X": "11110a040a1111",
    "Y": "11110a04040404", "Z": "1f01020408101f", "a": "00000e010f110f", "b": "1010161911111e",
    "c": "00000e1010110e", "d": "01010d1311110f", "e": "00000e111f100e", "f": "0609081c080808",
    "g": "00000f110f010e", "h": "10101619111111", "i": "04000c0404040e", "j": "0200060202120c",
    "k": "10101214181412", "l": "0c04040404040e", "m": "00001a15151515", "n": "00001619111111",
    "o": "00000e1111110e", "p": "00001e111e1010", "q": "00000f110f0101", "r": "00001619101010",
    "s": "00000f100e011e", "t": "08081c08080906", "u": "0000111111130d", "v": "00001111110a04",
    "w": "0000111115150a", "x": "0000110a040a11", "y": "000011110f010e", "z": "00001f0204081f",
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", ".": "00000000000c0c", ",": "000000000c0408",
    ":": "000c0c000c0c00", "-": "0000001f000000", "+": "0004041f040400", "/": "00010204081000",
    "(": "02040808080402", ")": "08040202020408", "_": "0000000000001f", "%": "19190204081313",
    "=": "00001f001f0000", "^": "040a1100000000", "°": "0c12120c000000", "'": "04040800000000",
}  # fmt: skip
"""Letters of five by seven pixels: seven rows, two hexadecimal digits each."""

GLYPH_WIDTH, GLYPH_HEIGHT = 6, 7


class Canvas:
    """Pixels, each a number of the palette; the origin is the upper left corner, all are 0 at first."""

    def __init__(self, width: int, height: int, palette: list[tuple[int, int, int]]) -> None:
        self.width = width
        self.height = height
        self._palette = palette
        self._rows = [bytearray(width) for _ in range(height)]

    def fill(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        """Fills a rectangle, cut off at the edges."""
        left, right = max(0, x), min(self.width, x + width)
        if left < right:
            for row in self._rows[max(0, y) : max(0, y + height)]:
                row[left:right] = bytes([colour]) * (right - left)

    def column(self, x: int, top: int, bottom: int, colour: int) -> None:
        """Colours a column from `top` to `bottom`, both included."""
        if 0 <= x < self.width:
            for row in self._rows[max(0, top) : max(0, bottom + 1)]:
                row[x] = colour

    def row(self, x: int, y: int, pixels: bytes) -> None:
        """Puts a row of pixels at a place within the picture."""
        self._rows[y][x : x + len(pixels)] = pixels

    def text(self, x: int, y: int, text: str, colour: int, *, scale: int = 1) -> None:
        """Writes text with its upper left corner at a place; a letter that has no glyph stays blank."""
        for letter in text:
            drawn = bytes.fromhex(_GLYPHS.get(letter, ""))
            for down, bits in enumerate(drawn):
                for across in range(5):
                    if bits & (16 >> across):
                        self.fill(x + across * scale, y + down * scale, scale, scale, colour)
            x += GLYPH_WIDTH * scale

    def png(self) -> bytes:
        """Gives the picture as a PNG file."""
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0)
        pixels = b"".join(b"\x00" + row for row in self._rows)
        return (
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", header)
            + _chunk(b"PLTE", bytes(part for colour in self._palette for part in colour))
            + _chunk(b"IDAT", zlib.compress(pixels, 6))
            + _chunk(b"IEND", b"")
        )


def text_width(text: str, *, scale: int = 1) -> int:
    """Gives how many pixels wide a text is."""
    return len(text) * GLYPH_WIDTH * scale


def padded_png(picture: bytes, size: int) -> bytes:
    """Gives a PNG file that is `size` bytes long, by a private chunk that viewers pass over; it must fit in."""
    end = len(picture) - 12
    filler = _chunk(b"npAd", bytes(size - len(picture) - 12))
    return picture[:end] + filler + picture[end:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
