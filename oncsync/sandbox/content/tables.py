"""Time series as text: CSV, tab-separated and JSON.

Every value has a fixed width, so that the length of a table is known before its first row is made and a year of
samples passes through without being held in memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial

from ..replies import Content
from ..times import written
from .readings import Reading, flag_of, judge_of, reading, readings
from .series import EPOCH, Measured, Stretch

Cell = Callable[[Stretch, int], str]
"""Gives a row's cell as text of fixed width."""
Piece = tuple[int, Callable[[], Iterator[str]]]
"""A part of a file: its length in bytes, and a maker of its texts."""

WIDTH = 10
_ROWS_PER_BLOCK = 400
_NOTICE = "Made by the embedded sandbox of oncsync: invented values, no measurements"


def csv_content(measured: Measured) -> Content:
    """Gives the series as CSV: lines of comment with `#`, a line of names, then one line a sample or interval."""
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
    """Gives what an instrument would have logged: lines of comment, then one line a sample or interval."""
    head = f"# {measured.parts[0].device.name} - {_NOTICE}\n"
    if measured.interval:
        head += f"# {measured.title[-1]}\n# time {' '.join(_labels(measured))}\n"
    width = 25 + (WIDTH + 1) * len(measured.columns)

    def lines() -> Iterator[str]:
        yield head
        cells = [_value_cell(value, "NaN") for value in readings(measured, judge_of(measured))]
        for part, moment in measured.instants():
            yield " ".join([moment_text(moment), *(cell(part, moment) for cell in cells)]) + "\n"

    return Content(len(head.encode()) + width * measured.rows, lambda: _blocks(lines()))


def json_content(measured: Measured, *, encoding: str) -> Content:
    """Gives the series as JSON: columns of times, values and flags (`ONC`), or one object a sample (`OM`)."""
    about = {"notice": _NOTICE, "title": list(measured.title), "encoding": encoding, "rowCount": measured.rows}
    flag = _flag_cell(measured)
    pieces = [_literal(f'{{"metadata":{json.dumps(about)},"sensorData":[')]
    for number, (sensor, statistic) in enumerate(measured.columns):
        described = {"propertyCode": sensor.code, "sensorName": sensor.name, "unitOfMeasure": sensor.unit}
        described |= {"statistic": statistic} if statistic else {}
        pieces.append(_literal(("," if number else "") + json.dumps(described)[:-1] + ","))
        value = _value_cell(reading(measured, sensor, statistic), "null")
        if encoding == "ONC":
            pieces += [_literal('"data":{"sampleTimes":['), _listed(measured, _quoted_moment)]
            pieces += [_literal('],"values":['), _listed(measured, value)]
            pieces += [_literal('],"qaqcFlags":['), _listed(measured, flag), _literal("]}}")]
        else:
            pieces += [_literal('"observations":['), _listed(measured, partial(_observation, value, flag))]
            pieces.append(_literal("]}"))
    pieces.append(_literal("]}\n"))
    length = sum(length for length, _ in pieces)
    return Content(length, lambda: _blocks(text for _, texts in pieces for text in texts()))


def _literal(text: str) -> Piece:
    return len(text.encode()), lambda: iter((text,))


def _listed(measured: Measured, cell: Cell) -> Piece:
    """Gives one cell a sample with commas between them; every cell is as wide as the first."""
    first = next(measured.instants())
    width = len(cell(*first))

    def texts() -> Iterator[str]:
        comma = ""
        for part, moment in measured.instants():
            yield comma + cell(part, moment)
            comma = ","

    return measured.rows * (width + 1) - 1, texts


def _quoted_moment(part: Stretch, moment: int) -> str:
    return f'"{moment_text(moment)}"'


def _observation(value: Cell, flag: Cell, part: Stretch, moment: int) -> str:
    return f'{{"time":"{moment_text(moment)}","value":{value(part, moment)},"flag":{flag(part, moment)}}}'


def moment_text(moment: int) -> str:
    """Writes an instant, given in milliseconds since 1970, as the service does."""
    return written(EPOCH + timedelta(milliseconds=moment))


def _labels(measured: Measured) -> list[str]:
    return [f"{sensor.name} {statistic}".rstrip() + f" ({sensor.unit})" for sensor, statistic in measured.columns]


def _value_cell(value: Reading, missing: str) -> Cell:
    """Gives the maker of a column of values, with a word where there is none."""
    blank = missing.rjust(WIDTH)

    def cell(part: Stretch, moment: int) -> str:
        number = value(part, moment)
        return blank if math.isnan(number) else f"{number:{WIDTH}.4f}"

    return cell


def _flag_cell(measured: Measured) -> Cell:
    judge = judge_of(measured)
    return lambda part, moment: str(flag_of(judge(part, moment), clean=measured.clean))


def _table(measured: Measured, head: str, separator: str) -> Content:
    width = 24 + len(measured.columns) * (WIDTH + 1 + 2 * len(separator)) + 1
    length = len(head.encode()) + width * measured.rows
    return Content(length, lambda: _blocks(_table_texts(measured, head, separator)))


def _table_texts(measured: Measured, head: str, separator: str) -> Iterator[str]:
    yield head
    judge = judge_of(measured)
    cells = [_value_cell(value, "NaN") for value in readings(measured, judge)]
    for part, moment in measured.instants():
        row, flag = [moment_text(moment)], str(flag_of(judge(part, moment), clean=measured.clean))
        for cell in cells:
            row += (cell(part, moment), flag)
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
