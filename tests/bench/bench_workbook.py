"""The workbook at 10,000 rows: in and out, against a bare loop of the library over the same cells."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook

from oncsync.exchange import export_workbook, import_workbook
from oncsync.manifest import load_manifest
from tests.bench.measuring import Measure
from tests.exchange.long import ROWS, save_long_book


def measures() -> Iterator[Measure]:
    """Gives what an import and an export cost over reading and writing the cells alone (quality.md B18)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book = save_long_book(folder)
        manifest = folder / "oncsync.yaml"
        import_workbook(book, manifest)
        loaded = load_manifest(manifest, environment={})
        cells = list(_cells(book))

        def take_in() -> object:
            return import_workbook(book, manifest, force=True)

        def take_in_again() -> object:
            return import_workbook(book, manifest)

        def read_bare() -> object:
            return sum(1 for _ in _cells(book))

        def give_out() -> object:
            return export_workbook(loaded, None, folder / "out.xlsx", force=True)

        def write_bare() -> None:
            workbook: Any = Workbook(write_only=True)
            sheet = workbook.create_sheet("By Location")
            for line in cells:
                sheet.append(line)
            workbook.save(folder / "bare.xlsx")

        yield Measure("B18 in", f"import {ROWS:,} rows ÷ bare read-only loop", take_in, read_bare, 2.5, 3)
        yield Measure("B18 again", f"import {ROWS:,} rows again ÷ bare read-only loop", take_in_again, read_bare, 5, 3)
        yield Measure("B18 out", f"export {ROWS:,} rows ÷ bare write-only loop", give_out, write_bare, 3.5, 3)


def _cells(book: Path) -> Iterator[tuple[Any, ...]]:
    workbook: Any = load_workbook(book, read_only=True)
    for sheet in workbook.worksheets:
        yield from sheet.iter_rows(values_only=True)
    workbook.close()
