"""The documented Excel layout: its columns, read, write. Importing this room loads the workbook library."""

from oncsync.workbook.exporting import Exported, manifest_to_rows
from oncsync.workbook.importing import Imported, book_to_requests
from oncsync.workbook.read import read_workbook
from oncsync.workbook.records import Book, Origin, Row, Setting
from oncsync.workbook.write import render_workbook, write_workbook

__all__ = [
    "Book",
    "Exported",
    "Imported",
    "Origin",
    "Row",
    "Setting",
    "book_to_requests",
    "manifest_to_rows",
    "read_workbook",
    "render_workbook",
    "write_workbook",
]
