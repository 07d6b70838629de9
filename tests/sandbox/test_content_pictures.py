"""Plots and pictures."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.sandbox.content.canvas import GLYPH_HEIGHT, Canvas, text_width
from oncsync.sandbox.content.plots import nice_ticks
from tests.sandbox.asking import CTD_CSV, MAY, Asked

SPECTRA = {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE", "dataProductCode": "HSD", "extension": "png"}


def decoded(picture: bytes) -> tuple[int, int, list[bytes]]:
    """Reads a PNG of one byte a pixel: width, height, rows; checks every chunk."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    place, chunks = 8, {}
    while place < len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        kind = picture[place + 4 : place + 8]
        body = picture[place + 8 : place + 8 + length]
        (check,) = struct.unpack(">I", picture[place + 8 + length : place + 12 + length])
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, rest) == (8, 3, [0, 0, 0])
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == height * (width + 1)
    rows = [pixels[y * (width + 1) : (y + 1) * (width + 1)] for y in range(height)]
    assert all(row[0] == 0 for row in rows)
    assert max(pixels) < len(chunks[b"PLTE"]) // 3
    return width, height, [row[1:] for row in rows]


def pictures(ask: Asked, **given: object) -> dict[str, bytes]:
    files = ask.files(**(CTD_CSV | {"dataProductCode": "TSSP", "extension": "png"} | MAY | given))
    return {name: body for name, body in files.items() if name.endswith(".png")}


def test_a_plot_of_a_day_is_two_files_the_second_numbered(ask: Asked) -> None:
    given = {"locationCode": "CRIP.C1", "dateFrom": "2019-06-20", "dateTo": "2019-06-21"}
    names = list(pictures(ask, **given))
    assert len(names) == 2
    assert names[1] == names[0].replace("-clean.png", "-clean_2.png")


def test_a_plot_of_half_an_hour_is_one_file(ask: Asked) -> None:
    given = {"locationCode": "NC89", "dateFrom": "2017-01-19", "dateTo": "2017-01-19T00:30:00.000Z"}
    (name,) = pictures(ask, **given)
    assert name.startswith("ClayoquotSlope_Bullseye_ConductivityTemperatureDepth_20170119T0000")


def test_each_panel_holds_a_line_of_its_colour(ask: Asked) -> None:
    for picture in pictures(ask).values():
        width, height, rows = decoded(picture)
        assert (width, height) == (900, 656)
        for colour in (4, 5, 6):
            places = [row.count(colour) for row in rows]
            assert sum(places) > 1000
            assert sum(1 for count in places if count) > 60


def test_a_gap_leaves_a_hole_in_the_line(ask: Asked) -> None:
    given = {"locationCode": "CBY", "dateFrom": "2013-01-22", "dateTo": "2013-02-21"}
    picture = next(iter(pictures(ask, **given).values()))
    _, _, rows = decoded(picture)
    panel = [row[86:876] for row in rows[84:220]]
    empty = [x for x in range(790) if not any(row[x] == 4 for row in panel)]
    assert 240 < len(empty) < 290


@pytest.mark.parametrize("palette", ["0", "1", "2", "5"])
def test_spectra_are_pictures_in_the_palette_asked_for(ask: Asked, palette: str) -> None:
    given = {"dpo_spectrogramColourPalette": palette, "dateTo": "2017-05-01T00:05:00.000Z"}
    (name, picture), *_ = pictures(ask, **SPECTRA, **given).items()
    assert name == "ICLISTENHF1560B_20170501T000000.000Z-spect.png"
    _, _, rows = decoded(picture)
    assert len(set(b"".join(rows))) > 60


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_enclose_the_range(low: float, width: float) -> None:
    high = low + width
    ticks = nice_ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 8 or width < 1e-9 * abs(low) * 1e4


def test_a_flat_line_has_ticks_too() -> None:
    assert len(nice_ticks(5.0, 5.0)) >= 3


def test_letters_are_drawn_and_unknown_ones_stay_blank() -> None:
    canvas = Canvas(60, GLYPH_HEIGHT, [(255, 255, 255), (0, 0, 0)])
    canvas.text(0, 0, "I", 1)
    assert sum(row.count(1) for row in decoded(canvas.png())[2]) == 11
    canvas.text(12, 0, "字", 1)
    assert sum(row.count(1) for row in decoded(canvas.png())[2]) == 11
    assert text_width("abc", scale=2) == 36


def test_drawing_beyond_the_edge_is_cut_off() -> None:
    canvas = Canvas(4, 3, [(0, 0, 0), (1, 1, 1)])
    canvas.fill(-2, -2, 100, 3, 1)
    canvas.column(9, 0, 2, 1)
    canvas.column(1, -5, 50, 1)
    assert decoded(canvas.png()) == (4, 3, [b"\1\1\1\1", b"\0\1\0\0", b"\0\1\0\0"])
