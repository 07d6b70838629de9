"""Writes the workbook of a manifest and its lock: a new one, or the new rows into one that people work in.

Sources: R27-R30, R78-R81, I-21, and architecture.md "Commands".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from oncsync.errors import InputError
from oncsync.lockfile import Lock
from oncsync.manifest import Manifest
from oncsync.workbook import amend_workbook, manifest_to_rows, plan_append, read_workbook, write_workbook
from oncsync.workbook.exporting import other_settings, settle_rows
from oncsync.workbook.layout import CellValue


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did: the workbook, the rows written, and of an append the ends that were moved (R81)."""

    workbook: Path
    rows: int
    moved_ends: int = 0
    was_there: bool = False
    notes: tuple[str, ...] = ()


def export_workbook(
    manifest: Manifest,
    lock: Lock | None,
    workbook: Path,
    *,
    append: bool = False,
    force: bool = False,
    methods: tuple[str, ...] = (),
    configuration: Mapping[str, CellValue] | None = None,
) -> Exchanged:
    """Writes the documented tabs, one row per request; the token's cell holds a placeholder.

    A workbook that is there is refused, unless `force` replaces it or `append` adds the rows that it lacks and keeps
    the rest of it. `methods` are tabs to write even without rows; `configuration` gives settings that a new workbook
    says otherwise than the manifest. Raises `InputError`, `FolderError`, and with `append` `ProblemsError` for a
    workbook that cannot be read.
    """
    check_target(workbook, append=append, force=force)
    if append and not workbook.exists() and (typo := workbook.with_suffix(".xlxs")).exists():
        raise InputError(f"`{workbook.name}` is not there, but `{typo.name}` is", hint="rename it to end in `.xlsx`")
    exported = manifest_to_rows(manifest, lock)
    notes = [*exported.notes]
    if manifest.server != "production":
        notes.append(f"The workbook has no place for `server: {manifest.server}`; an import means production")
    if not (append and workbook.exists()):
        settings = exported.settings | dict(configuration or {})
        write_workbook(workbook, exported.rows, settings, methods=methods)
        return Exchanged(workbook=workbook, rows=len(exported.rows), notes=tuple(notes))
    book = read_workbook(workbook, requests_only=True)
    plan = plan_append(book.rows, settle_rows(exported, book))
    notes += amend_workbook(workbook, plan, methods=methods)
    if others := other_settings(exported, book):
        keys = ", ".join(f"`{key}`" for key in others)
        notes.append(f"Its tab `Configuration` says something else than the manifest for {keys}; it was left as it is")
    return Exchanged(
        workbook=workbook, rows=len(plan.added), moved_ends=len(plan.ends), was_there=True, notes=tuple(notes)
    )


def check_target(workbook: Path, *, append: bool, force: bool) -> None:
    """Raises `InputError` for a name that no workbook has, and for a workbook that is there (R28)."""
    if workbook.suffix.lower() != ".xlsx":
        raise InputError(f"`{workbook.name}` is no name for a workbook", hint="give it the ending `.xlsx`")
    if workbook.exists() and not (append or force):
        raise InputError(
            f"`{workbook}` is there already",
            hint="give `--append` to add what it lacks, `--force` to replace it, or another name",
        )
