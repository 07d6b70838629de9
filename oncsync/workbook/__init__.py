"""The documented Excel layout: its columns, read, write. Importing this room loads the workbook library."""

from oncsync.workbook.amend import amend_workbook
from oncsync.workbook.appending import AppendPlan, MovedEnd, plan_append
from oncsync.workbook.exporting import Exported, manifest_to_rows
from oncsync.workbook.importing import Imported, book_to_requests
from oncsync.workbook.read import read_token, read_workbook
from oncsync.workbook.records import Book, Origin, Row, Setting
from oncsync.workbook.write import render_workbook, write_workbook

__all__ = [
    "AppendPlan",
    "Book",
    "Exported",
    "Imported",
    "MovedEnd",
    "Origin",
    "Row",
    "Setting",
    "amend_workbook",
    "book_to_requests",
    "manifest_to_rows",
    "plan_append",
    "read_token",
    "read_workbook",
    "render_workbook",
    "write_workbook",
]
