"""Plots: lines over time with axes, and pictures of intensity over time and frequency."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from ..catalogue import Property
from ..replies import Content, content_of
from .canvas import Canvas, text_width
from .readings import curve
from .series import Measured, instant_of

PANELS_PER_PLOT = 3
_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 190, 86, 24, 52, 34
_WHITE, _INK, _GRID, _SOFT, _LINES = 0, 1, 2, 3, (4, 5, 6)
_PALETTE = [
    (255, 255, 255), (34, 40, 49), (224, 228, 234), (120, 128, 140), (20, 92, 158), (192, 74, 40), (36, 128, 82),
]  # fmt: skip
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
        *(_DAY, 2 * _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY, 365 * _DAY),
    )
)
_HEAT = {
    "0": ((0, 0, 60), (0, 60, 160), (0, 160, 170), (230, 220, 70), (200, 40, 20)),
    "1": ((0, 0, 0), (90, 20, 90), (200, 60, 50), (250, 170, 40), (255, 255, 220)),
    "2": ((255, 255, 255), (190, 190, 190), (120, 120, 120), (60, 60, 60), (0, 0, 0)),
}


@dataclass(frozen=True)
class Frame:
    """The span of a plot in milliseconds, and the box of one panel in pixels."""

    begin: int
    end: int
    left: int
    top: int
    width: int
    height: int

    def moment(self, x: int) -> int:
        """Gives the instant at a column of pixels."""
        return self.begin + (self.end - self.begin) * x // max(1, self.width - 1)

    def column(self, moment: int) -> int:
        """Gives the column of pixels of an instant."""
        return self.left + (moment - self.begin) * (self.width - 1) // max(1, self.end - self.begin)


def plot_content(measured: Measured, sensors: Sequence[Property], begin: int, end: int) -> Content:
    """Gives a PNG with one panel a sensor, over the span from `begin` to `end` (milliseconds)."""
    height = _TOP + _PANEL * len(sensors) + _BOTTOM
    canvas = Canvas(_WIDTH, height, _PALETTE)
    canvas.text(_LEFT, 12, measured.title[1].replace("_", " "), _INK, scale=2 if len(measured.title[1]) < 65 else 1)
    canvas.text(_LEFT, 34, f"{measured.title[0]} - sandbox: invented values", _SOFT)
    for number, sensor in enumerate(sensors):
        frame = Frame(begin, end, _LEFT, _TOP + _PANEL * number + 12, _WIDTH - _LEFT - _RIGHT, _PANEL - 32)
        _panel(canvas, frame, measured, sensor, _LINES[number % 3])
    return content_of(canvas.png())


def _panel(canvas: Canvas, frame: Frame, measured: Measured, sensor: Property, colour: int) -> None:
    values = _values(frame, measured, sensor)
    known = [value for pair in values if pair is not None for value in pair]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def y_of(value: float) -> int:
        return frame.top + round((high - value) / (high - low) * (frame.height - 1))

    for tick in ticks:
        canvas.fill(frame.left, y_of(tick), frame.width, 1, _GRID)
        label = f"{tick:.6g}"
        canvas.text(frame.left - 8 - text_width(label), y_of(tick) - 3, label, _INK)
    _time_axis(canvas, frame)
    last: tuple[int, int] | None = None
    for x, value in enumerate(values):
        ends = None if value is None else (y_of(value[1]), y_of(value[0]))
        if ends is not None:
            top, bottom = ends if last is None else (min(ends[0], last[1]), max(ends[1], last[0]))
            canvas.column(frame.left + x, top, bottom + 1, colour)
        last = ends
    _border(canvas, frame)
    canvas.text(frame.left + 8, frame.top + 6, f"{sensor.name} ({sensor.unit})", colour)


def _values(frame: Frame, measured: Measured, sensor: Property) -> list[tuple[float, float] | None]:
    """Gives the lowest and highest value for each column of pixels, None where there are no data."""
    values: list[tuple[float, float] | None] = [None] * frame.width
    curves = [curve(measured, sensor, statistic) for statistic in measured.statistics]
    for part in measured.parts:
        for x in range(frame.width):
            moment = frame.moment(x)
            if part.begin <= moment <= part.end:
                found = [read(part, moment) for read in curves]
                values[x] = None if math.isnan(found[0]) else (min(found), max(found))
    return values


def nice_ticks(low: float, high: float) -> list[float]:
    """Gives three to seven round numbers that enclose a range."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def _time_axis(canvas: Canvas, frame: Frame) -> None:
    span = timedelta(milliseconds=frame.end - frame.begin)
    step = next((size for size in _STEPS if span / size <= 8), _STEPS[-1])
    size = step // timedelta(milliseconds=1)
    for moment in range(-(-frame.begin // size) * size, frame.end + 1, size):
        x = frame.column(moment)
        canvas.column(x, frame.top, frame.top + frame.height - 1, _GRID)
        label = _time_label(instant_of(moment), step)
        left = min(x - text_width(label) // 2, frame.left + frame.width - text_width(label) + 12)
        canvas.text(left, frame.top + frame.height + 5, label, _INK)


def _time_label(instant: datetime, step: timedelta) -> str:
    if step < timedelta(minutes=1):
        return f"{instant:%H:%M:%S}"
    if step < timedelta(days=1):
        return f"{instant:%m-%d %H:%M}" if instant.hour == instant.minute == 0 else f"{instant:%H:%M}"
    return f"{instant:%Y-%m-%d}"


def _border(canvas: Canvas, frame: Frame) -> None:
    right, bottom = frame.left + frame.width - 1, frame.top + frame.height - 1
    for y in (frame.top, bottom):
        canvas.fill(frame.left, y, frame.width, 1, _INK)
    for x in (frame.left, right):
        canvas.column(x, frame.top, bottom, _INK)


def spectrogram_content(title: str, seed: str, begin: int, end: int, palette: str) -> Content:
    """Gives a PNG of intensity over time and frequency, with a few calls in it."""
    colours = _PALETTE + _heat(_HEAT.get(palette, _HEAT["0"]), 240)
    canvas = Canvas(_WIDTH, 360, colours)
    canvas.text(_LEFT, 16, title, _INK)
    frame = Frame(begin, end, _LEFT, 40, _WIDTH - _LEFT - _RIGHT, 280)
    _time_axis(canvas, frame)
    loudness = _loudness(seed)
    cell = 4
    for down in range(0, frame.height, cell):
        levels = bytearray()
        for across in range(0, frame.width, cell):
            level = loudness(across / frame.width, 1 - down / frame.height)
            levels += bytes([len(_PALETTE) + min(239, max(0, int(level * 240)))]) * min(cell, frame.width - across)
        for y in range(down, min(down + cell, frame.height)):
            canvas.row(frame.left, frame.top + y, bytes(levels))
    for number in range(5):
        label = f"{2 * number} kHz"
        canvas.text(_LEFT - 8 - text_width(label), frame.top + frame.height - 4 - number * 69, label, _INK)
    _border(canvas, frame)
    return content_of(canvas.png())


def _heat(stops: Sequence[tuple[int, int, int]], count: int) -> list[tuple[int, int, int]]:
    colours = []
    for number in range(count):
        place = number / (count - 1) * (len(stops) - 1)
        base = min(int(place), len(stops) - 2)
        share = place - base
        one, two = stops[base], stops[base + 1]
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
        colours.append((red, green, blue))
    return colours


def _loudness(seed: str) -> Callable[[float, float], float]:
    """Gives loudness (0 to 1) by time and frequency (0 to 1): noise that fades upward, and downward sweeps."""
    random = Random(seed)
    calls = [(random.random(), random.uniform(0.1, 0.5), random.uniform(0.02, 0.08)) for _ in range(9)]
    noise = [random.random() for _ in range(4096)]

    def loudness(time: float, frequency: float) -> float:
        grain = noise[(int(time * 797) * 61 + int(frequency * 211)) % 4096]
        level = 0.5 * math.exp(-3 * frequency) + 0.22 * grain
        for start, pitch, length in calls:
            if 0 <= time - start <= length:
                centre = pitch * (1 - 0.6 * (time - start) / length)
                level += 0.5 * math.exp(-(((frequency - centre) / 0.03) ** 2))
        return level

    return loudness
