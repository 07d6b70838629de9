"""Workbooks in and out of a project: what `oncsync import` and `oncsync export` do. Loads the workbook library."""

from oncsync.exchange.exporting import Exchanged, check_target, export_workbook
from oncsync.exchange.importing import Taken, import_workbook, write_imported

__all__ = ["Exchanged", "Taken", "check_target", "export_workbook", "import_workbook", "write_imported"]
