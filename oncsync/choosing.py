"""Takes a list of files back: exactly what it names is fetched, and nothing when it names what the lock does not have.

A list is a saved `oncsync list` (CSV or JSON, edited by a person), one name, path or id per line, or, in Python,
records, mappings or a DataFrame. Sources: R169, R170, R172. Pure.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from oncsync.errors import InputError
from oncsync.results import ProjectFile
from oncsync.spelling import neighbours

_BOM = "\ufeff"
_DELIMITERS = ",;\t"
_NAMING = ("id", "filename", "path")
"""Columns of which at least one is needed to name a file."""
_HEADINGS = {*_NAMING, "outPath", "begin", "end", "bytes", "state", "deviceCode", "archivedDate", "sha256", "reason"}
_ID = re.compile(r"[0-9a-f]{20}")


class Named(msgspec.Struct, frozen=True):
    """A file that a list names: `where` says in which of its lines. What is blank was not given.

    `text` stands for a name, a path or an id: the line says nothing else.
    """

    where: str
    text: str = ""
    id: str = ""
    filename: str = ""
    path: str = ""
    out_path: str | None = None

    @property
    def shown(self) -> str:
        """What a message calls the file."""
        return self.text or self.filename or self.path or self.id


# --- Reading a list ------------------------------------------------------------------------------------------------


def read_names(text: str, source: str) -> list[Named]:
    """Reads a list; raises `InputError` for one that is empty, or whose columns name no file."""
    text = text.removeprefix(_BOM)
    if not text.strip():
        raise InputError(f"{source} is empty", hint="`oncsync list --csv FILE` writes such a list")
    if text.lstrip()[0] in "[{":
        return _read_json(text, source)
    first = text.splitlines()[0]
    delimiter = next((one for one in _DELIMITERS if _is_heading(_cells(first, one))), None)
    if delimiter is not None:
        return _read_table(text, delimiter, source)
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [Named(f"line {number} of {source}", text=line) for number, line in lines if line and line[0] != "#"]


def _is_heading(cells: Sequence[str]) -> bool:
    """Whether these are headings of a list, be it one whose columns name no file."""
    return not _HEADINGS.isdisjoint(cells)


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _read_table(text: str, delimiter: str, source: str) -> list[Named]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    reader.fieldnames = [heading.strip() for heading in reader.fieldnames or ()]
    _need_columns(reader.fieldnames, source)
    return [
        _from_mapping(row, f"line {reader.line_num} of {source}")
        for row in reader
        if any(isinstance(cell, str) and cell.strip() for cell in row.values())
    ]


def _read_json(text: str, source: str) -> list[Named]:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise InputError(f"{source} is no JSON: {error}", hint="save it with `oncsync list --json`") from None
    rows = answer.get("files") if isinstance(answer, dict) else answer
    if not isinstance(rows, list):
        raise InputError(f"{source} has no list of `files`", hint="save it with `oncsync list --json`")
    return list(names_of(rows, source))


def names_of(files: Iterable[Any], source: str = "the list") -> Iterator[Named]:
    """Yields what records, mappings, texts, a column or the rows of a DataFrame name.

    Raises `InputError` for anything else.
    """
    table: Any = [files] if isinstance(files, str) else files
    rows: Iterable[Any] = table.to_dict(orient="records") if hasattr(table, "columns") else table
    for number, row in enumerate(rows, 1):
        where = f"entry {number} of {source}"
        if isinstance(row, Named):
            yield row
        elif isinstance(row, ProjectFile):
            yield Named(where, id=row.chunk, filename=row.name)
        elif isinstance(row, str):
            yield Named(where, text=row.strip())
        elif isinstance(row, Mapping):
            _need_columns(row, where)
            yield _from_mapping(row, where)
        else:
            raise InputError(f"{where[0].upper()}{where[1:]} is no name and no record of a file")


def _need_columns(columns: Iterable[str], where: str) -> None:
    if not set(_NAMING) & set(columns):
        listed = ", ".join(f"`{column}`" for column in _NAMING)
        raise InputError(f"{where[0].upper()}{where[1:]} names no file", hint=f"it needs one of the columns {listed}")


def _from_mapping(row: Mapping[Any, Any], where: str) -> Named:
    def cell(column: str) -> str:
        value = row.get(column)
        return value.strip() if isinstance(value, str) else ""

    out_path = row.get("outPath")
    return Named(
        where,
        id=cell("id"),
        filename=cell("filename"),
        path=_plain(cell("path")),
        out_path=_plain(out_path.strip()) if isinstance(out_path, str) and out_path.strip() else None,
    )


def _plain(path: str) -> str:
    """Gives a place in the one spelling that places have: `/`, and no `./` before it."""
    return path.replace("\\", "/").removeprefix("./")


# --- Finding what it names -----------------------------------------------------------------------------------------


def choose_chunks(named: Iterable[Any], files: Sequence[ProjectFile]) -> frozenset[str]:
    """Gives the ids of the chunks that a list, as `names_of` takes it, names.

    Raises `InputError`, naming line and nearest name, for what is not among `files`, for a name of several chunks, and
    for a place that was edited: only the manifest's `path` moves files.
    """
    index = _Index(files)
    chosen = set()
    faults: list[InputError] = []
    for one in names_of(named):
        found = index.find(one)
        if isinstance(found, str):
            chosen.add(found)
        else:
            faults.append(found)
    if faults:
        first, more = faults[0], len(faults) - 1
        others = f" (and {more} more)" if more else ""
        raise InputError(f"{first.message}{others}; nothing was begun", hint=first.hint)
    return frozenset(chosen)


class _Index:
    """The files of a lock by id, by place and by name."""

    def __init__(self, files: Sequence[ProjectFile]) -> None:
        self._by_id: dict[str, list[ProjectFile]] = {}
        self._by_place: dict[str, ProjectFile] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        for file in files:
            self._by_id.setdefault(file.chunk, []).append(file)
            self._by_place.setdefault(file.place, file)
            if file.name:
                self._by_name.setdefault(file.name, {})[file.chunk] = None

    def find(self, one: Named) -> str | InputError:
        """Gives the id of the chunk that a line names, or what is wrong with the line."""
        where = f"{one.where[0].upper()}{one.where[1:]}"
        chunks = self._chunks(one)
        if not chunks:
            if one.id and (one.filename or one.path):
                return InputError(
                    f"{where}: the lock has no chunk `{one.id}`",
                    hint=f"clear that cell to find `{one.shown}` by its name; the lock may have changed since the list",
                )
            return InputError(f"{where}: the lock has no file `{one.shown}`", hint=self._nearest(one.shown))
        if len(chunks) > 1:
            return InputError(
                f"{where}: several chunks have a file `{one.shown}`", hint=f"give the id: {' or '.join(sorted(chunks))}"
            )
        (chunk,) = chunks
        if one.id == chunk and one.filename and not self._is_of(chunk, one.filename):
            return InputError(f"{where}: the id is not that of `{one.filename}`", hint="clear one of the two cells")
        if self._was_moved(chunk, one):
            return InputError(
                f"{where}: the place of `{one.shown}` was changed in the list",
                hint="say where files lie with `path:` in the manifest, then `oncsync resolve`; or clear the cell",
            )
        return chunk

    def _chunks(self, one: Named) -> list[str]:
        is_number = not _ID.fullmatch(one.id)  # a spreadsheet takes some ids for numbers and rounds them
        if one.id and not (is_number and (one.filename or one.path)):
            return [one.id] if one.id in self._by_id else []
        if one.filename:
            return list(self._by_name.get(one.filename, ()))
        text = _plain(one.text or one.path)
        if text in self._by_id:
            return [text]
        if text in self._by_place:
            return [self._by_place[text].chunk]
        return list(self._by_name.get(text.rpartition("/")[2] if one.text else text, ()))

    def _is_of(self, chunk: str, name: str) -> bool:
        names = {file.name for file in self._by_id[chunk]} - {""}
        return not names or name in names

    def _was_moved(self, chunk: str, one: Named) -> bool:
        """Whether a list has another place for a file; a list of before a product came knows its folder alone."""
        files = [file for file in self._by_id[chunk] if not one.filename or file.name in ("", one.filename)]
        folders = {file.out_path for file in files}
        places = {file.place for file in files} | {f"{folder}/" for folder in folders}
        is_elsewhere = bool(one.path) and one.path not in places
        return is_elsewhere or (one.out_path is not None and one.out_path.rstrip("/") not in folders)

    def _nearest(self, text: str) -> str:
        wanted = text.rpartition("/")[2]
        near = difflib.get_close_matches(wanted, neighbours(self._by_name, wanted), n=1, cutoff=0.7)
        if near:
            return f"did you mean `{near[0]}`?"
        return "`oncsync list` shows what it has, `oncsync resolve` looks again what there is"
