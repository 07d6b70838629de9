"""What the library cannot write back of a workbook that it loaded: named before it is lost, or put back afterwards."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import load_workbook
from openpyxl.xml.functions import iterparse

_PARTS = {
    "pictures or shapes": r"xl/(media|drawings/drawing)",
    "charts": r"xl/(charts|chartsheets)/",
    "macros": r"xl/vbaProject",
    "form controls": r"xl/(ctrlProps|activeX)/",
    "embedded files": r"xl/embeddings/",
    "slicers or timelines": r"xl/(slicers|timelines)/",
    "threaded comments": r"xl/threadedComments/",
    "data connections": r"xl/(connections\.xml|queryTables/|model/)",
}
_SHEET_MARKS = {
    "sparklines": rb"<\w+:sparklineGroup\b",
    "formats that only newer Excel knows": rb"<\w+:(conditionalFormatting|dataValidation)\b[^>]*>",
    "pictures in headers": rb"<(\w+:)?(legacyDrawingHF|picture)\b",
}
_FORMULA = re.compile(
    rb'(<c r="([A-Z]+\d+)"(?: s="\d+")?)((?: cm="\d+")?><f\b(?:[^>]*/>|[^>]*>[^<]*</f>))<v ?(?:/>|></v>)'
)
_BLOCK, _OVERLAP = 2**20, 256

Results = Mapping[str, Mapping[str, tuple[str | None, str]]]
"""Of each sheet by title, of each cell with a formula: the kind of its stored result, and its text."""


def find_losses(path: Path) -> list[str]:
    """Names what a workbook holds that would not survive being written back."""
    with ZipFile(path) as archive:
        names = archive.namelist()
        lost = [what for what, pattern in _PARTS.items() if any(re.match(pattern, name) for name in names)]
        sheets = [name for name in names if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        for what, mark in _SHEET_MARKS.items():
            if any(_holds(archive, name, re.compile(mark)) for name in sheets):
                lost.append(what)
    return lost


def _holds(archive: ZipFile, name: str, mark: re.Pattern[bytes]) -> bool:
    tail = b""
    with archive.open(name) as stream:
        while block := stream.read(_BLOCK):
            if mark.search(tail + block):
                return True
            tail = block[-_OVERLAP:]
    return False


def stored_results(path: Path) -> Results:
    """Gives the results of formulas that are stored in a workbook; the library keeps formulas only."""
    workbook: Any = load_workbook(path, read_only=True)
    try:
        with ZipFile(path) as archive:
            return {sheet.title: dict(_results(archive, sheet._worksheet_path)) for sheet in workbook.worksheets}
    finally:
        workbook.close()


def _results(archive: ZipFile, part: str) -> Iterator[tuple[str, tuple[str | None, str]]]:
    if not _holds(archive, part, re.compile(rb"<(?:\w+:)?f[\s/>]")):
        return
    with archive.open(part) as stream:
        for _, element in iterparse(stream, events=("end",)):
            tag = element.tag.rpartition("}")[2]
            if tag == "c":
                children = {child.tag.rpartition("}")[2]: child for child in element}
                if "f" in children and "v" in children and element.get("r"):
                    yield element.get("r"), (element.get("t"), children["v"].text or "")
            if tag in ("c", "row"):
                element.clear()


def put_results_back(content: bytes, titles: list[str], results: Results) -> tuple[bytes, bool]:
    """Gives a written workbook with the stored results in its formulas; says whether each formula has one.

    `titles` are those of its sheets, in order.
    """
    if not any(results.values()):
        return content, True
    stream, is_whole = io.BytesIO(), True
    with ZipFile(io.BytesIO(content)) as old, ZipFile(stream, "w", ZIP_DEFLATED) as new:
        for part in old.infolist():
            text = old.read(part)
            match = re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", part.filename)
            if match and (stored := results.get(titles[int(match[1]) - 1])):
                text, count = _FORMULA.subn(partial(_solved, stored), text)
                is_found = count == text.count(b"<f>") + text.count(b"<f ")
                is_whole = is_whole and is_found and _FORMULA.search(text) is None
            new.writestr(part, text)
    return stream.getvalue(), is_whole


def _solved(stored: Mapping[str, tuple[str | None, str]], cell: re.Match[bytes]) -> bytes:
    kind, text = stored.get(cell[2].decode(), (None, ""))
    if not text and kind != "str":
        return cell[0]
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()
    type_of = f' t="{kind}"'.encode() if kind and kind != "n" else b""
    return cell[1] + type_of + cell[3] + b"<v>" + escaped + b"</v>"
