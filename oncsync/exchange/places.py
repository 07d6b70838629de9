"""Chooses where many rows go: beside the manifest, and never over a file that is somebody else's."""

from __future__ import annotations

import csv
from pathlib import Path

from oncsync.errors import InputError, OncsyncError
from oncsync.manifest.amend import ROWS_FILE, rows_file_name
from oncsync.manifest.rows import key_of

_SURE_KEYS = {"name", "download", "begin", "dataProductCode", "extension", "workbook"}


def choose_rows_file(manifest: Path, force: bool, notes: list[str]) -> str:
    """Gives the name of the file for the rows of a manifest; raises `InputError` when every name is taken.

    A file that this manifest names is its own. With `force` one is free that an import left and no manifest names.
    """
    own = named_rows_file(manifest)
    for name in (ROWS_FILE, f"{manifest.stem}-{ROWS_FILE}"):
        path = manifest.with_name(name)
        if not path.exists() or name == own or (force and _is_left_over(path, manifest)):
            if name != ROWS_FILE:
                notes.append(f"`{ROWS_FILE}` is there already and was left alone; the rows are in `{name}`")
            return name
    raise InputError(
        f"`{ROWS_FILE}` and `{name}` are there already, and they are not this manifest's",
        hint="rename them, or import into a folder of its own",
    )


def named_rows_file(manifest: Path) -> str | None:
    """Gives the file of rows that a manifest names; None for one that names none, is not there or cannot be read."""
    try:
        return rows_file_name(manifest)
    except OncsyncError:
        return None


def _is_left_over(path: Path, manifest: Path) -> bool:
    """Whether a file has the columns that an import writes and no manifest beside it names it."""
    others = [other for other in manifest.parent.glob("*.y*ml") if other.name != manifest.name]
    if any(named_rows_file(other) == path.name for other in others):
        return False
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
    except (OSError, ValueError, csv.Error):
        return False
    return {key_of(cell) for cell in header} >= _SURE_KEYS
