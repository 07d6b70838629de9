"""Plots as PDF: one page of text and lines."""

from __future__ import annotations

import math

from ..catalogue import Property
from ..replies import Content, content_of
from .readings import curve
from .series import Measured

_LEFT, _WIDTH, _HEIGHT, _POINTS = 60, 480, 150, 240


def pdf_content(measured: Measured) -> Content:
    """Gives a PDF page with a curve for each of the first three sensors."""
    drawn = [_text(_LEFT, 790, 11, measured.title[1].replace("_", " ")), _text(_LEFT, 772, 9, measured.title[0])]
    begin, end = measured.parts[0].begin, measured.parts[-1].end
    for number, sensor in enumerate(measured.sensors[:3]):
        bottom = 590 - number * 220
        drawn.append(_text(_LEFT, bottom + _HEIGHT + 8, 9, f"{sensor.name} ({sensor.unit})"))
        drawn.append(f"0.6 w 0.6 G {_LEFT} {bottom} {_WIDTH} {_HEIGHT} re S")
        curves = [_points(measured, sensor, statistic) for statistic in measured.statistics]
        known = [value for points in curves for _, value in points]
        low = min(known, default=0.0)
        height = max(known, default=1.0) - low or 1.0
        across, up = _WIDTH / max(1, end - begin), _HEIGHT / height
        for points in curves:
            places = [
                f"{_LEFT + (moment - begin) * across:.2f} {bottom + (value - low) * up:.2f}" for moment, value in points
            ]
            path = " ".join(f"{place} {'l' if n else 'm'}" for n, place in enumerate(places))
            drawn.append(f"0.8 w 0.08 0.36 0.62 RG {path} S")
    drawn.append(_text(_LEFT, 40, 8, "oncsync sandbox: invented values"))
    return content_of(_assembled("\n".join(drawn).encode("latin-1", "replace")))


def _points(measured: Measured, sensor: Property, statistic: str) -> list[tuple[int, float]]:
    begin, end = measured.parts[0].begin, measured.parts[-1].end
    value = curve(measured, sensor, statistic)
    found: list[tuple[int, float]] = []
    for part in measured.parts:
        moments = (begin + (end - begin) * step // _POINTS for step in range(_POINTS + 1))
        found += [(moment, value(part, moment)) for moment in moments if part.begin <= moment <= part.end]
    return [(moment, number) for moment, number in found if not math.isnan(number)]


def _text(x: int, y: int, size: int, text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf 0 g {x} {y} Td ({escaped}) Tj ET"


def _assembled(page: bytes) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(page), page),
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer
