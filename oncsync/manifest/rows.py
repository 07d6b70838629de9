"""Reads and writes the CSV file of exact requests: one line a request, the columns of the workbook's tabs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oncsync.manifest.mapping import request_mapping
from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.model import Place, Request
from oncsync.manifest.nodes import MapNode, Node, Scalar
from oncsync.manifest.typed import Document, Expand, type_node
from oncsync.manifest.validate import RowValidator, note_secrets

ROW_KEYS = (
    "name",
    "download",
    "locationCode",
    "deviceCategoryCode",
    "deviceCode",
    "propertyCode",
    "begin",
    "end",
    "dataProductCode",
    "extension",
    "options",
    "pinOptions",
    "path",
    "splitDateRange",
    "dayOfWeek",
    "metadata",
)
OPTIONS_HEADER = "data product options"
_KEY_BY_HEADER = {key.lower(): key for key in ROW_KEYS} | {"dataproductoptions": "options"}
_ALWAYS = ("name", "download", "begin", "end", "dataProductCode", "extension", "options")
_OWN = "columns."
"""Begins the header of an own column that is called like a key."""
_BETWEEN_OPTIONS = re.compile(r"[&;,\s]+(?=dpo_)")


def read_rows(text: str, file: str, expand: Expand, document: Document, mistakes: Mistakes) -> list[dict[str, Any]]:
    """Gives one plain request per line; `document` learns the places, whose column is the number of the cell."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    reader = _RowReader(file, expand, document, mistakes)
    try:
        for cells in lines:
            reader.read(cells, lines.line_num)
    except csv.Error:
        place = Place(file, max(lines.line_num, 1), 1)
        mistakes.add(place, "This line is not CSV", "close every quote, and double a quote inside a cell")
    if reader.headers is None:
        mistakes.add(Place(file, 1, 1), "The file has no header line", f"begin it with `{','.join(ROW_KEYS[2:10])}`")
    return reader.rows


class _RowReader:
    """Turns lines into nodes and those into typed requests, as if they stood in the manifest."""

    def __init__(self, file: str, expand: Expand, document: Document, mistakes: Mistakes) -> None:
        self.headers: list[str] | None = None
        self.rows: list[dict[str, Any]] = []
        self._file = file
        self._expand = expand
        self._document = document
        self._mistakes = mistakes
        self._validator = RowValidator(document, mistakes)

    def read(self, cells: list[str], line: int) -> None:
        if not any(cell.strip() for cell in cells):
            return
        if self.headers is None:
            self.headers = self._read_header(cells, line)
            return
        if any(cell.strip() for cell in cells[len(self.headers) :]):
            place = Place(self._file, line, len(self.headers) + 1)
            self._mistakes.add(
                place, "This line has more cells than the header", "put quotes around a cell with a comma"
            )
        node = self._node(cells, line)
        path = ("requests", len(self.rows))
        row = type_node(node, self._validator.schema, self._validator.definitions, self._expand, self._document, path)
        self.rows.append(row)
        self._validator.check(row, path)

    def _read_header(self, cells: list[str], line: int) -> list[str]:
        headers: list[str] = []
        for index, cell in enumerate(cells):
            header = _key_of(cell) or cell.strip()
            place = Place(self._file, line, index + 1)
            if header in headers and header:
                self._mistakes.add(place, f"The column {shown(cell)} stands here twice", "keep one of the two")
            headers.append(header)
            self._document.keys["requests", "header", header] = place
        note_secrets(self._document, self._mistakes)
        return headers

    def _node(self, cells: list[str], line: int) -> MapNode:
        entries: dict[str, tuple[Scalar, Node]] = {}
        columns: dict[str, tuple[Scalar, Node]] = {}
        for index, header in enumerate(self.headers or ()):
            place = Place(self._file, line, index + 1)
            text = cells[index] if index < len(cells) else ""
            key = Scalar(header.removeprefix(_OWN), place)
            if header not in ROW_KEYS:
                if header:
                    columns[key.text] = (key, Scalar(text, place))
            elif header == "download":
                entries[header] = (key, Scalar(text.strip() or "false", place))
            elif header == "options" and text.strip():
                entries[header] = (key, self._options(text, place))
            elif text.strip():
                entries[header] = (key, Scalar(text.strip(), place, is_plain=False))
        _set_information_aside(entries, columns)
        place = Place(self._file, line, 1)
        if columns:
            entries["columns"] = (Scalar("columns", place), MapNode(tuple(columns.values()), place, 1, 1))
        return MapNode(tuple(entries.values()), place, 1, 1)

    def _options(self, text: str, place: Place) -> MapNode:
        entries: list[tuple[Scalar, Node]] = []
        for name, value in split_options(text):
            if value is None:
                hint = "write `dpo_name=value`, with `&` between several"
                self._mistakes.add(place, f"{shown(name)} is no option", hint)
            else:
                entries.append((Scalar(name, place), Scalar(value, place, is_plain=False)))
        return MapNode(tuple(entries), place, 1, 1)


def _set_information_aside(entries: dict[str, tuple[Scalar, Node]], columns: dict[str, tuple[Scalar, Node]]) -> None:
    """Makes a column of the source that a tab only shows: the device By Location (I-22), the place By Device (R75)."""
    if "deviceCode" not in entries or "locationCode" not in entries:
        return
    name = entries.get("name")
    is_by_device = name is not None and isinstance(name[1], Scalar) and name[1].text.startswith("By Device!")
    if is_by_device or "deviceCategoryCode" not in entries:
        shown_only = "locationCode"
    else:
        shown_only = "deviceCode"
    columns.setdefault(shown_only, entries.pop(shown_only))


def split_options(text: str) -> list[tuple[str, str | None]]:
    """Gives the pairs of `dpo_a=b&dpo_c=d`; `&`, `;`, `,` or white space may separate them (I-9)."""
    pairs: list[tuple[str, str | None]] = []
    for piece in _BETWEEN_OPTIONS.split(text.strip(" &;,\t\r\n")):
        name, sign, value = piece.partition("=")
        pairs.append((name.strip(), value.strip(" &;,\t\r\n") if sign else None))
    return pairs


def join_options(options: Mapping[str, str]) -> str:
    """Gives `dpo_a=b&dpo_c=d`, the form of a workbook cell."""
    return "&".join(f"{name}={value}" for name, value in options.items())


def format_rows(requests: Sequence[Request]) -> str:
    """Gives the CSV text of requests: a line each, only the columns that some request needs, then their own columns."""
    mappings = [request_mapping(request) for request in requests]
    keys = [key for key in ROW_KEYS if key in _ALWAYS or any(key in mapping for mapping in mappings)]
    own = list(dict.fromkeys(name for request in requests for name in request.columns))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*(OPTIONS_HEADER if key == "options" else key for key in keys), *map(_own_header, own)])
    for mapping in mappings:
        mapping = {"download": True, **mapping}
        columns = mapping.get("columns", {})
        writer.writerow([*(_cell(mapping.get(key)) for key in keys), *(_cell(columns.get(name)) for name in own)])
    return stream.getvalue()


def append_rows(text: str, requests: Sequence[Request]) -> str:
    """Gives a CSV text with requests behind its own lines, which stay as they are; new columns come last."""
    lines = [cells for cells in csv.reader(io.StringIO(text, newline="")) if any(cells)]
    added = list(csv.DictReader(io.StringIO(format_rows(requests), newline="")))
    headers = lines[0] if lines else []
    known = {_key_of(header) or header.strip() for header in headers}
    new = [header for header in (added[0] if added else ()) if (_key_of(header) or header) not in known]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*headers, *new])
    filled = ["true" if header == "download" else "" for header in new]  # a blank flag would switch a row off
    writer.writerows([*cells, *[""] * (len(headers) - len(cells)), *filled] for cells in lines[1:])
    for row in added:
        by_key = {_key_of(header) or header: cell for header, cell in row.items()}
        writer.writerow([by_key.get(_key_of(header) or header.strip(), "") for header in [*headers, *new]])
    return stream.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return join_options(value)
    return value if isinstance(value, str) else repr(value)


def _own_header(name: str) -> str:
    return f"{_OWN}{name}" if _key_of(name) is not None or name.startswith(_OWN) else name


def _key_of(header: str) -> str | None:
    return _KEY_BY_HEADER.get(re.sub(r"[\s_]", "", header).lower())


def rows_file(manifest: Path, name: str) -> Path | None:
    """Gives the path of a file of requests; None when it would lie outside the manifest's folder."""
    base = manifest.parent.resolve()
    try:
        path = (base / name).resolve()
    except ValueError:  # a zero byte
        return None
    return path if path.is_relative_to(base) else None
