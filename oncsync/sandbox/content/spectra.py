"""Spectra of underwater sound: noise that falls with frequency and a tone that comes and goes, as text and MAT."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

from ..replies import Content
from .matlab import Variable, datenum, matlab_content
from .tables import moment_text

BINS = 64
STEP = 10_000
"""Milliseconds from one spectrum to the next."""

_HERTZ = 500.0
_WIDTH = 7
_BLOCK = 50


def frequencies() -> list[float]:
    """Gives the middle of each band in Hz."""
    return [_HERTZ * (band + 0.5) for band in range(BINS)]


def spectra_text_content(seed: str, begin: int, end: int) -> Content:
    """Gives spectra as text: a line of frequencies, then an instant and a level (dB) for every band."""
    head = f"# Invented levels in dB re 1 uPa^2/Hz\n# Hz {' '.join(f'{hertz:g}' for hertz in frequencies())}\n"
    moments = range(begin, end, STEP)
    width = 24 + BINS * _WIDTH + 1

    def blocks() -> Iterator[bytes]:
        yield head.encode()
        level = _levels(seed)
        lines: list[str] = []
        for row, moment in enumerate(moments):
            lines.append(moment_text(moment) + "".join(f"{level(row, band):{_WIDTH}.1f}" for band in range(BINS)))
            if len(lines) == _BLOCK or row == len(moments) - 1:
                yield ("\n".join(lines) + "\n").encode()
                lines.clear()

    return Content(len(head.encode()) + width * len(moments), blocks)


def spectra_mat_content(seed: str, device: str, begin: int, end: int, note: str = "") -> Content:
    """Gives spectra as a MAT file: `time`, `frequency` (Hz), `PSD` (a column a spectrum), texts that describe them."""
    moments = range(begin, end, STEP)

    def levels() -> Iterator[float]:
        level = _levels(seed)
        return (level(row, band) for row in range(len(moments)) for band in range(BINS))

    variables = [
        Variable("time", len(moments), 1, lambda: map(datenum, moments)),
        Variable("frequency", BINS, 1, frequencies),
        Variable("PSD", BINS, len(moments), levels),
    ]
    texts = {"deviceCode": device, "units": "dB re 1 uPa^2/Hz", "notice": "Invented levels of the oncsync sandbox"}
    return matlab_content(variables, texts | ({"note": note} if note else {}))


@cache
def _falling() -> tuple[float, ...]:
    return tuple(95 - 12 * math.log10(hertz / 100) for hertz in frequencies())


def _levels(seed: str) -> Callable[[int, int], float]:
    """Gives the level (dB, 20 to 120) of a spectrum and band."""
    random = Random(seed)
    grain = [random.gauss(0, 1.5) for _ in range(997)]
    tone, phase = random.randrange(4, BINS // 2), random.uniform(0, 6.28)

    def level(row: int, band: int) -> float:
        loud = 14 * max(0.0, math.sin(row / 4 + phase)) * math.exp(-((band - tone) ** 2) / 3)
        return _falling()[band] + loud + grain[(row * 131 + band * 7) % 997]

    return level
