"""Changes single lines of a CSV file of requests; every other line keeps its bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from oncsync.manifest.mapping import request_mapping
from oncsync.manifest.model import Request
from oncsync.manifest.rows import (
    OPTIONS_HEADER,
    ROW_KEYS,
    format_rows,
    key_cell,
    key_of,
    own_cell,
    own_header,
    own_name,
)

_MARK = "\ufeff"


class _Record(msgspec.Struct):
    """A line with its cells as they are written, and the blank lines above it."""

    text: str
    cells: list[str]
    above: str = ""


def rewrite_rows(text: str, present: Sequence[Request], rows: Sequence[tuple[int | None, Request]]) -> str:
    """Gives the text in which `rows` are the requests: each new, or what the present one of an index (from 0) becomes.

    `present` are the requests that the text holds now. A column that it lacks is added behind its own.
    """
    mark = _MARK if text.startswith(_MARK) else ""
    records, rest = _read_records(text.removeprefix(_MARK))
    if not records:
        return mark + format_rows([request for _, request in rows])
    return mark + _RowLines(records[0], records[1:], present).write(rows) + rest


def _read_records(text: str) -> tuple[list[_Record], str]:
    """Gives the lines that are not blank, and the blank ones behind the last."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    records: list[_Record] = []
    above, first = "", 0
    for cells in reader:
        raw = "".join(lines[first : reader.line_num])
        first = reader.line_num
        if any(cell.strip() for cell in cells):
            records.append(_Record(raw, cells, above))
            above = ""
        else:
            above += raw
    return records, above


class _RowLines:
    """The lines of one file that is being rewritten."""

    def __init__(self, header: _Record, lines: Sequence[_Record], present: Sequence[Request]) -> None:
        self._header = header
        self._lines = lines
        self._present = present
        self._newline = header.text[len(header.text.rstrip("\r\n")) :] or "\n"
        self._places = {key_of(cell) or own_header(own_name(cell)): place for place, cell in enumerate(header.cells)}
        self._added: dict[str, str] = {}
        """Headers that are new, with what the lines that do not need them get."""

    def write(self, rows: Sequence[tuple[int | None, Request]]) -> str:
        made = [(index, self._cells(index, request)) for index, request in rows]
        blank = [*[""] * len(self._header.cells), *self._added.values()]
        pieces = [self._header.above, self._padded(self._header, list(self._added))]
        for index, cells in made:
            if index is None:
                pieces.append(self._line([cells.get(place, cell) for place, cell in enumerate(blank)]))
                continue
            record = self._lines[index]
            pieces.append(record.above)
            if cells:
                padded = [*record.cells, *[""] * (len(self._header.cells) - len(record.cells)), *self._added.values()]
                pieces.append(self._line([cells.get(place, cell) for place, cell in enumerate(padded)]))
            else:
                pieces.append(self._padded(record, list(self._added.values())))
        return "".join(pieces)

    def _cells(self, index: int | None, request: Request) -> dict[int, str]:
        """Gives the cells of a line that differ from what is written, by their place; all of a new line's."""
        new = {"download": True, **request_mapping(request)}
        old: Mapping[str, Any] = {}
        if index is not None:
            old = {"download": True, **request_mapping(self._present[index])}
        cells = {
            self._place(key): key_cell(new.get(key))
            for key in ROW_KEYS
            if new.get(key) != old.get(key) and not (key == "download" and self._may_leave_out_flag(new))
        }
        old_columns, new_columns = old.get("columns", {}), new.get("columns", {})
        for name in {**old_columns, **new_columns}:
            before, after = old_columns.get(name), new_columns.get(name)
            if after != before or type(after) is not type(before):
                cells[self._own_place(name, is_present=name in old_columns)] = own_cell(after)
        return cells

    def _may_leave_out_flag(self, new: Mapping[str, Any]) -> bool:
        return new["download"] is True and "download" not in self._places

    def _place(self, key: str) -> int:
        return self._find(key, OPTIONS_HEADER if key == "options" else key, "true" if key == "download" else "")

    def _own_place(self, name: str, *, is_present: bool) -> int:
        """Gives the column of a cell that is no key; one that is called like a key may be that key's, set aside."""
        header = own_header(name)
        if header not in self._places and is_present and key_of(name) in self._places:
            return self._places[key_of(name) or name]
        return self._find(header, header, "")

    def _find(self, name: str, header: str, filled: str) -> int:
        if name not in self._places:
            self._places[name] = len(self._header.cells) + len(self._added)
            self._added[header] = filled
        return self._places[name]

    def _padded(self, record: _Record, cells: Sequence[str]) -> str:
        """Gives a line as it is written, with further cells behind it."""
        if not cells:
            return record.text if record.text.endswith(("\n", "\r")) else record.text + self._newline
        missing = [""] * (len(self._header.cells) - len(record.cells))
        body = record.text.rstrip("\r\n")
        return f"{body},{self._line([*missing, *cells])}"

    def _line(self, cells: Sequence[str]) -> str:
        stream = io.StringIO(newline="")
        csv.writer(stream, lineterminator=self._newline).writerow(cells)
        return stream.getvalue()
