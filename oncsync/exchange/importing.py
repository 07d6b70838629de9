"""Takes a workbook into a manifest: a new one, the one it was taken into before, or one it is added to.

Sources: R61-R66, R79, R83, and architecture.md "The manifest".
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from oncsync.atomic import write_atomic
from oncsync.errors import InputError
from oncsync.exchange.checking import check_settings
from oncsync.exchange.differing import differing_settings, unused_rows
from oncsync.exchange.merging import Merge, is_alike, merge_rows
from oncsync.exchange.places import choose_rows_file, named_rows_file
from oncsync.lockfile import Lock
from oncsync.manifest import Manifest, load_manifest, local_path
from oncsync.manifest.amend import NewRow, has_remarks, rewrite_requests, write_local_folder
from oncsync.manifest.edit import write_manifest
from oncsync.manifest.mapping import escape, request_mapping
from oncsync.manifest.rows import format_rows
from oncsync.workbook import Book, Imported, book_to_requests, manifest_to_rows, read_workbook

MOST_ROWS_IN_YAML = 200
"""Above this many rows the requests go to a file of their own, one line a row."""
FindLock = Callable[[Manifest], Lock | None]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did: the manifest, the rows it has from the workbook, and how they came to be."""

    manifest: Path
    rows: int
    rows_off: int
    merge: Merge | None
    """None for a manifest that was written anew."""
    is_written: bool = True
    detached: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def import_workbook(
    workbook: Path,
    manifest: Path,
    *,
    append: bool = False,
    force: bool = False,
    detach: Sequence[str] = (),
    find_lock: FindLock = lambda manifest: None,
) -> Taken:
    """Reads the documented tabs of `workbook` into `manifest`, all rows or none.

    A manifest that has rows of a workbook of this name, or that the workbook was exported from, gets exactly those
    replaced. Any other that is there is refused, unless `append` adds to it or `force` replaces it. `detach` names
    downloads whose exported rows become requests. `find_lock` gives a manifest's lock, which tells what a person wrote
    from what an export had filled in. The token is never taken over. Raises `ProblemsError` with every mistake by
    sheet and cell, `InputError`, `FolderError`.
    """
    manifest = manifest.absolute()
    book = read_workbook(workbook)
    if manifest.exists() and not force:
        present = load_manifest(manifest)
        lock = find_lock(present) if any(row.origin for row in book.rows) else None
        return _merge_into(present, lock, book, workbook.name.strip(), append, detach)
    if detach:
        raise InputError(f"There is no manifest `{manifest.name}` to detach from", hint="import without `--detach`")
    imported = book_to_requests(book, manifest.parent)
    check_settings(_head(imported), book, workbook)
    notes = [*imported.notes]
    is_long = len(imported.requests) > MOST_ROWS_IN_YAML
    rows_name = choose_rows_file(manifest, force, notes) if is_long else "requests.csv"
    unused = named_rows_file(manifest)
    notes += write_imported(manifest, imported, workbook.name.strip(), rows_name=rows_name)
    if unused is not None and not (is_long and unused == rows_name):
        notes.append(f"`{unused}` is not named by the manifest any more; delete it when you do not need it")
    return Taken(
        manifest=manifest, rows=len(imported.requests), rows_off=_count_off(imported), merge=None, notes=tuple(notes)
    )


def _count_off(imported: Imported) -> int:
    return sum(not request.download for request in imported.requests)


# --- A manifest that is there -----------------------------------------------------------------------------------------


def _merge_into(
    manifest: Manifest, lock: Lock | None, book: Book, name: str, append: bool, detach: Sequence[str]
) -> Taken:
    downloads = [download.name for download in manifest.downloads]
    _check_detached(manifest, book, downloads, detach)
    if not (append or _is_of(manifest, book, name)):
        raise InputError(
            f"`{manifest.path}` is there already, and nothing in it came from `{name}`",
            hint="give `--append` to add the rows, `--force` to replace the manifest, or another `-o`",
        )
    imported = book_to_requests(book, manifest.path.parent, downloads=downloads, detach=detach)
    exported = manifest_to_rows(manifest, lock).rows if any(row.origin for row in book.rows) else ()
    by_name = {row.origin.name: row for row in exported if row.origin is not None and row.origin.kind == "requests"}
    merge = merge_rows(manifest.requests, imported, name, manifest.settings, by_name, is_foreign=append)
    if append and not merge.recognised and any(request.workbook == name for request in manifest.requests):
        raise InputError(
            f"`{manifest.path}` has rows of another workbook called `{name}`",
            hint="rename this one to add its rows, or leave `--append` out to replace the rows of the other",
        )
    notes = [*imported.notes, *differing_settings(imported, manifest)]
    if not append:
        notes += unused_rows(book, exported, set(detach))
    is_written = bool(detach) or not _says_it_already(manifest, merge.rows)
    if is_written:
        move_to = _longer_list(manifest, merge, notes)
        is_written = rewrite_requests(manifest, merge.rows, without_downloads=detach, move_to=move_to)
    return Taken(
        manifest=manifest.path,
        rows=len(imported.requests),
        rows_off=_count_off(imported),
        merge=merge,
        is_written=is_written,
        detached=tuple(detach),
        notes=tuple(notes),
    )


def _is_of(manifest: Manifest, book: Book, name: str) -> bool:
    """Whether the manifest has rows of this workbook, or the workbook was exported from it.

    Rows named after their lines are called alike in every manifest, so that one of them has to ask for what it did.
    """
    if any(request.workbook == name for request in manifest.requests):
        return True
    downloads = {entry.name for entry in manifest.downloads}
    requests = {entry.name: entry for entry in manifest.requests}
    exported = [(row, row.origin) for row in book.rows if row.origin is not None]
    of_requests = [(row, origin.name) for row, origin in exported if origin.kind == "requests"]
    of_downloads = [origin.name for _, origin in exported if origin.kind == "downloads"]
    if not (downloads.issuperset(of_downloads) and requests.keys() >= {entry for _, entry in of_requests}):
        return False
    return bool(of_downloads) or any(is_alike(row, requests[entry]) for row, entry in of_requests)


def _check_detached(manifest: Manifest, book: Book, downloads: Collection[str], detach: Sequence[str]) -> None:
    """Refuses to detach what is not there, and what the workbook has no row of: nothing would be left of it."""
    exported = {row.origin.name for row in book.rows if row.origin is not None and row.origin.kind == "downloads"}
    for name in detach:
        if name not in downloads:
            near = difflib.get_close_matches(name, downloads, n=1)
            hint = f"did you mean `{near[0]}`?" if near else None
            raise InputError(f"`{manifest.path.name}` has no download `{name}`", hint=hint)
        if name not in exported:
            raise InputError(
                f"The workbook has no row of the download `{name}`, so nothing would be left of it",
                hint="run `oncsync resolve` and `oncsync export` first, then import that workbook",
            )


def _says_it_already(manifest: Manifest, rows: Sequence[NewRow]) -> bool:
    return len(rows) == len(manifest.requests) and all(
        row.index == index and row.request == msgspec.structs.replace(request, place=None, places={})
        for index, (row, request) in enumerate(zip(rows, manifest.requests, strict=True))
    )


def _longer_list(manifest: Manifest, merge: Merge, notes: list[str]) -> str | None:
    """Gives the file to which a list moves that has become long; None for one that a person keeps words in."""
    if len(merge.rows) <= MOST_ROWS_IN_YAML or named_rows_file(manifest.path) is not None:
        return None
    if len(manifest.requests) > MOST_ROWS_IN_YAML or has_remarks(manifest):
        return None
    name = choose_rows_file(manifest.path, False, notes)
    notes.append(f"{len(merge.rows):,} requests are many; they are in `{name}` now, one line a row")
    return name


# --- A new manifest ---------------------------------------------------------------------------------------------------


def write_imported(
    path: Path,
    imported: Imported,
    source: str,
    *,
    server: str = "production",
    rows_name: str = "requests.csv",
    by: str = "oncsync import",
) -> list[str]:
    """Writes a manifest anew from a workbook called `source`; gives what a person should know.

    Many rows go to a file of their own beside it, called `rows_name`. Raises `FolderError`.
    """
    requests = [msgspec.structs.replace(request, workbook=source) for request in imported.requests]
    manifest = _head(imported, server)
    if len(requests) > MOST_ROWS_IN_YAML:
        rows = path.with_name(rows_name)
        write_atomic(rows, format_rows(requests).encode())
        manifest["requests"] = {"file": rows.name}
    else:
        manifest["requests"] = [request_mapping(request) for request in requests]
    write_manifest(path, manifest, comment=f"Imported from {source} by `{by}`.")
    if imported.folder is None or not imported.folder_is_foreign:
        return []
    local = local_path(path).name
    if write_local_folder(path, imported.folder):
        return [f"`{imported.folder}` is in `{local}` for a machine that has it; here the files go to `data`"]
    return [f"`{local}` names a folder already; `{imported.folder}` was left out"]


def _head(imported: Imported, server: str = "production") -> dict[str, Any]:
    """Gives what stands above the requests of a new manifest."""
    head: dict[str, Any] = {"version": 1}
    if server != "production":
        head["server"] = server
    if imported.folder is not None and not imported.folder_is_foreign:
        head["folder"] = escape(imported.folder)
    settings = {key: escape(value) if isinstance(value, str) else value for key, value in imported.settings.items()}
    if imported.state is not None:
        settings["state"] = escape(imported.state)
    return head | ({"settings": settings} if settings else {})
