"""Time series as text: CSV, tab-separated and JSON.

Every value has a fixed width, so that the length of a table is known before its first row is made and a year of
samples passes through without being held in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial

from ..catalogue import Property
from ..replies import Content
from ..times import written
from .series import EPOCH, Measured, Stretch, is_suspect, reader, samples

Cells = Callable[[Stretch, int], tuple[str, int]]
"""Gives a sample's value as text of fixed width, and its flag."""
Piece = tuple[int, Callable[[], Iterator[str]]]
"""A part of a file: its length in bytes, and a maker of its texts."""

WIDTH = 10
GOOD, SUSPECT = 1, 4
_ROWS_PER_BLOCK = 400
_NOTICE = "Made by the embedded sandbox of oncsync: invented values, no measurements"


def csv_content(measured: Measured) -> Content:
    """Gives the series as CSV: lines of comment with `#`, a line of names, then one line a sample."""
    names = ['"Time UTC (yyyy-mm-ddThh:mm:ss.fffZ)"']
    for label in _labels(measured):
        names += [f'"{label}"', '"QC flag"']
    head = "".join(f"# {line}\n" for line in (_NOTICE, *measured.title)) + ", ".join(names) + "\n"
    return _table(measured, head, ", ")


def text_content(measured: Measured) -> Content:
    """Gives the series as text with tabs."""
    names = ["time"]
    for label in _labels(measured):
        names += [label, "flag"]
    head = "".join(f"% {line}\n" for line in (_NOTICE, *measured.title)) + "\t".join(names) + "\n"
    return _table(measured, head, "\t")


def log_content(measured: Measured) -> Content:
    """Gives what an instrument would have logged: a line of comment, then one line a sample."""
    head = f"# {measured.parts[0].device.name} - {_NOTICE}\n"
    width = 25 + (WIDTH + 1) * len(measured.sensors)

    def lines() -> Iterator[str]:
        yield head
        readers = {part: [reader(part, sensor) for sensor in measured.sensors] for part in measured.parts}
        for part, moment in samples(measured.parts, measured.step):
            yield " ".join([moment_text(moment), *(f"{read(moment):{WIDTH}.4f}" for read in readers[part])]) + "\n"

    return Content(len(head.encode()) + width * measured.rows, lambda: _blocks(lines()))


def json_content(measured: Measured, *, encoding: str) -> Content:
    """Gives the series as JSON: columns of times, values and flags (`ONC`), or one object a sample (`OM`)."""
    about = {"notice": _NOTICE, "title": list(measured.title), "encoding": encoding, "rowCount": measured.rows}
    pieces = [_literal(f'{{"metadata":{json.dumps(about)},"sensorData":[')]
    for number, (sensor, statistic) in enumerate(_columns(measured)):
        described = {"propertyCode": sensor.code, "sensorName": sensor.name, "unitOfMeasure": sensor.unit}
        described |= {"statistic": statistic} if statistic else {}
        pieces.append(_literal(("," if number else "") + json.dumps(described)[:-1] + ","))
        cells = _cells(measured, sensor, statistic, "null")
        if encoding == "ONC":
            pieces += [_literal('"data":{"sampleTimes":['), _listed(measured, _quoted_moment)]
            pieces += [_literal('],"values":['), _listed(measured, partial(_value, cells))]
            pieces += [_literal('],"qaqcFlags":['), _listed(measured, partial(_flag, cells)), _literal("]}}")]
        else:
            pieces += [_literal('"observations":['), _listed(measured, partial(_observation, cells))]
            pieces.append(_literal("]}"))
    pieces.append(_literal("]}\n"))
    length = sum(length for length, _ in pieces)
    return Content(length, lambda: _blocks(text for _, texts in pieces for text in texts()))


def _literal(text: str) -> Piece:
    return len(text.encode()), lambda: iter((text,))


def _listed(measured: Measured, cell: Callable[[Stretch, int], str]) -> Piece:
    """Gives one cell a sample with commas between them; every cell is as wide as the first."""
    first = next(iter(samples(measured.parts, measured.step)))
    width = len(cell(*first))

    def texts() -> Iterator[str]:
        comma = ""
        for part, moment in samples(measured.parts, measured.step):
            yield comma + cell(part, moment)
            comma = ","

    return measured.rows * (width + 1) - 1, texts


def _quoted_moment(part: Stretch, moment: int) -> str:
    return f'"{moment_text(moment)}"'


def _value(cells: Cells, part: Stretch, moment: int) -> str:
    return cells(part, moment)[0]


def _flag(cells: Cells, part: Stretch, moment: int) -> str:
    return str(cells(part, moment)[1])


def _observation(cells: Cells, part: Stretch, moment: int) -> str:
    value, flag = cells(part, moment)
    return f'{{"time":"{moment_text(moment)}","value":{value},"flag":{flag}}}'


def moment_text(moment: int) -> str:
    """Writes an instant, given in milliseconds since 1970, as the service does."""
    return written(EPOCH + timedelta(milliseconds=moment))


def _columns(measured: Measured) -> list[tuple[Property, str]]:
    return [(sensor, statistic) for sensor in measured.sensors for statistic in measured.statistics]


def _labels(measured: Measured) -> list[str]:
    return [f"{sensor.name} {statistic}".rstrip() + f" ({sensor.unit})" for sensor, statistic in _columns(measured)]


def _cells(measured: Measured, sensor: Property, statistic: str, missing: str) -> Cells:
    """Gives the maker of one column: text of fixed width, and the flag."""
    readers: dict[Stretch, Callable[[int], float]] = {}
    shift = {"min": -1.0, "max": 1.0}.get(statistic, 0.0)
    blank = missing.rjust(WIDTH)

    def cell(part: Stretch, moment: int) -> tuple[str, int]:
        value = readers.get(part)
        if value is None:
            value = readers[part] = reader(part, sensor)
        if is_suspect(part.device, moment):
            if measured.clean:
                return blank, SUSPECT
            return f"{value(moment) * 3 + 1:{WIDTH}.4f}", SUSPECT
        number = value(moment)
        if shift:
            number += shift * abs(number - value(moment + measured.step // 2))
        return f"{number:{WIDTH}.4f}", GOOD

    return cell


def _table(measured: Measured, head: str, separator: str) -> Content:
    columns = len(_columns(measured))
    width = 24 + columns * (WIDTH + 1 + 2 * len(separator)) + 1
    length = len(head.encode()) + width * measured.rows
    return Content(length, lambda: _blocks(_table_texts(measured, head, separator)))


def _table_texts(measured: Measured, head: str, separator: str) -> Iterator[str]:
    yield head
    columns = [
        _cells(measured, sensor, statistic, "NaN") for sensor in measured.sensors for statistic in measured.statistics
    ]
    for part, moment in samples(measured.parts, measured.step):
        row = [moment_text(moment)]
        for column in columns:
            text, flag = column(part, moment)
            row += (text, str(flag))
        yield separator.join(row) + "\n"


def _blocks(texts: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    for text in texts:
        held.append(text)
        if len(held) >= _ROWS_PER_BLOCK:
            yield "".join(held).encode()
            held.clear()
    if held:
        yield "".join(held).encode()
