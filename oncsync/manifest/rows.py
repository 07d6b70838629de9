"""Reads and writes the CSV file of exact requests: one line a request, the columns of the workbook's tabs."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oncsync.manifest.mapping import request_mapping
from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.model import Place, Request
from oncsync.manifest.nodes import MapNode, Node, Scalar
from oncsync.manifest.typed import Document, Expand, is_cell_text, type_node
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
    "workbook",
)
OPTIONS_HEADER = "data product options"
_KEY_BY_HEADER = {key.lower(): key for key in ROW_KEYS} | {"dataproductoptions": "options"}
_ALWAYS = ("name", "download", "begin", "end", "dataProductCode", "extension", "options")
BLANK = "~"
"""Says in a cell that is blank that rows of its tab have the column."""
OWN = "columns."
"""Begins the header of an own column that is called like a key."""
_BETWEEN_OPTIONS = re.compile(r"[&;,\s]+(?=dpo_)")
_OPTION_SIGNS = re.compile(r"[%&;=\x00-\x1f\x7f]|[, ](?=dpo_)")
_OUTER_SIGNS = re.compile(r"^[ ,]+|[ ,]+$")
_OPTION_ESCAPED = re.compile(r"%(?:25|26|3B|3D|20|2C|[01][0-9A-F]|7F)", re.IGNORECASE)
_UNSEEN = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""What would break a line, or cannot stand in a text file."""


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
    reader.drop_columns_of_others()
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
        self._filled: dict[bool, set[str]] = {False: set(), True: set()}
        """Other columns in which rows with a device, or without one, have anything."""

    def drop_columns_of_others(self) -> None:
        """Takes the columns out of a row that only rows of the other tab use: a file has a cell for each of both."""
        for row in self.rows:
            is_by_device = "deviceCode" in row
            foreign = self._filled[not is_by_device] - self._filled[is_by_device]
            for name in foreign.intersection(row.get("columns", ())):
                del row["columns"][name]

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
            header = key_of(cell) or own_header(own_name(cell))
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
            key = Scalar(own_name(header), place)
            if header not in ROW_KEYS:
                if header:
                    columns[key.text] = (key, _own_scalar(text, place))
            elif header == "download":
                entries[header] = (key, Scalar(text.strip() or "false", place))
            elif header == "options" and text.strip():
                entries[header] = (key, self._options(text, place))
            elif text.strip():
                entries[header] = (key, Scalar(text.strip(), place, is_plain=False))
        _set_information_aside(entries, columns)
        place = Place(self._file, line, 1)
        self._filled["deviceCode" in entries].update(name for name, (_, cell) in columns.items() if _has_text(cell))
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


def _has_text(cell: Node) -> bool:
    return isinstance(cell, Scalar) and cell.text != ""


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
        pairs.append((name.strip(), unescape_option(value.strip(" &;,\t\r\n")) if sign else None))
    return pairs


def join_options(options: Mapping[str, str]) -> str:
    """Gives `dpo_a=b&dpo_c=d`, the form of a workbook cell."""
    return "&".join(f"{name}={escape_option(value)}" for name, value in options.items())


def escape_option(value: str) -> str:
    """Gives an option's value in which nothing can be taken for what stands between options."""
    text = _OPTION_SIGNS.sub(lambda sign: f"%{ord(sign[0]):02X}", value)
    return _OUTER_SIGNS.sub(lambda signs: "".join(f"%{ord(sign):02X}" for sign in signs[0]), text)


def unescape_option(text: str) -> str:
    """Gives the value that `escape_option` wrote; any other percent sign stays."""
    return _OPTION_ESCAPED.sub(lambda escape: chr(int(escape[0][1:], 16)), text)


def format_rows(requests: Sequence[Request]) -> str:
    """Gives the CSV text of requests: a line each, only the columns that some request needs, then their own columns."""
    mappings = [request_mapping(request) for request in requests]
    keys = [key for key in ROW_KEYS if key in _ALWAYS or any(key in mapping for mapping in mappings)]
    own = merge_orders([list(request.columns) for request in requests])
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*(OPTIONS_HEADER if key == "options" else key for key in keys), *map(own_header, own)])
    blank = {is_by_device: _blank_columns(mappings, is_by_device) for is_by_device in (False, True)}
    for mapping in mappings:
        mapping = {"download": True, **mapping}
        columns = {**mapping.get("columns", {})}
        cells = {name: own_cell(value) for name, value in columns.items()}
        cells |= dict.fromkeys(blank["deviceCode" in mapping].intersection(columns), BLANK)
        writer.writerow([*(key_cell(mapping.get(key)) for key in keys), *(cells.get(name, "") for name in own)])
    return stream.getvalue()


def _blank_columns(mappings: Sequence[Mapping[str, Any]], is_by_device: bool) -> set[str]:
    """Gives the other columns that rows of one tab have and leave blank, each and every one."""
    columns = [mapping.get("columns", {}) for mapping in mappings if ("deviceCode" in mapping) == is_by_device]
    filled = {name for cells in columns for name, value in cells.items() if value is not None}
    return {name for cells in columns for name in cells} - filled


def merge_orders(orders: Iterable[Sequence[str]]) -> list[str]:
    """Gives every name once, in an order that agrees with all the given ones as far as they agree with each other.

    Rows leave out what is blank, so that no single one may know the whole order of a sheet.
    """
    before: dict[str, set[str]] = {}
    for names in dict.fromkeys(map(tuple, orders)):
        for place, name in enumerate(names):
            before.setdefault(name, set()).update(names[place - 1 : place])
    merged: dict[str, None] = {}
    while waiting := [name for name in before if name not in merged]:
        free = (name for name in waiting if before[name] <= merged.keys())
        merged[next(free, waiting[0])] = None
    return list(merged)


def key_cell(value: object) -> str:
    """Gives the cell of a column that is a key of the manifest."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return join_options(value)
    return value if isinstance(value, str) else repr(value)


def own_cell(value: object) -> str:
    """Gives the cell of any other column, in quotes as in YAML where its text would be read as something else."""
    if not isinstance(value, str):
        return key_cell(value)
    return _quoted(value) if is_cell_text(value) else f"'{value}'"


def _quoted(text: str) -> str:
    """Gives a text on one line, in quotes where it needs them to be read back as it is."""
    if _UNSEEN.search(text):
        return _UNSEEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(text, ensure_ascii=False))
    return f"'{text}'" if text[:1] in ("'", '"') and text[-1:] == text[:1] else text


def _unquoted(text: str) -> str | None:
    """Gives the text that stands in quotes; None when it stands in none."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"':
        with contextlib.suppress(ValueError):
            return str(json.loads(text))
    return None


def _own_scalar(text: str, place: Place) -> Scalar:
    """Reads what `own_cell` wrote: quotes around a whole cell say that it is a text."""
    quoted = _unquoted(text)
    return Scalar(text, place) if quoted is None else Scalar(quoted, place, is_plain=False)


def own_header(name: str) -> str:
    """Gives the header of a column that is no key, whatever it is called; `own_name` is the way back."""
    return f"{OWN}{name}" if key_of(name) is not None or name.startswith(OWN) else _quoted(name)


def own_name(header: str) -> str:
    """Gives what a column is called whose header is no key."""
    header = header.strip()
    if header.startswith(OWN):
        return header.removeprefix(OWN)
    name = _unquoted(header)
    return header if name is None else name


def key_of(header: str) -> str | None:
    return _KEY_BY_HEADER.get(re.sub(r"[\s_]", "", header).lower())
