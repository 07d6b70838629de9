"""Says what an import leaves as it is although the workbook says otherwise. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from oncsync.manifest import Manifest
from oncsync.manifest.mapping import relative_folder
from oncsync.workbook import Book, Imported, Row
from oncsync.workbook.exporting import settings_to_configuration
from oncsync.workbook.layout import SETTING_KEYS, tab_of


def differing_settings(imported: Imported, manifest: Manifest) -> Iterator[str]:
    """Yields each setting of the Configuration tab that the manifest has otherwise.

    How rows are split is no part of it: rows that need it say it themselves.
    """
    default = {setting.key: setting.default for setting in SETTING_KEYS}
    present = default | settings_to_configuration(manifest, "", "")
    for key, value in imported.settings.items():
        if key not in ("splitDateRange", "dayOfWeek") and value != present[key]:
            yield _leave(key, value, present[key])
    folder = relative_folder(manifest.folder, manifest.path.parent)
    if imported.folder is not None and not imported.folder_is_foreign and imported.folder.rstrip("/") != folder:
        yield _leave("downloadFolder", imported.folder, folder)
    if imported.state is not None and imported.state != manifest.settings.state:
        yield _leave("logFile", imported.state, manifest.settings.state or default["logFile"])


def _leave(key: str, value: object, present: object) -> str:
    said = "says nothing of it" if present is None else f"`{present}`"
    return f"The workbook says `{key}: {value}`, the manifest {said}; the manifest was left as it is"


def unused_rows(book: Book, exported: Sequence[Row], detached: Collection[str]) -> Iterator[str]:
    """Yields what a person may have meant by deleting exported rows, or by writing beside those of a download.

    `exported` are the rows that an export would write now. Deleting a row takes nothing out of the manifest.
    """
    there = {str(row.origin) for row in book.rows if row.origin is not None}
    for name in {row.origin.name: None for row in book.rows if row.origin and row.origin.kind == "downloads"}:
        lines = [row.origin for row in exported if row.origin is not None and row.origin.kind == "downloads"]
        gone = [origin for origin in lines if origin.name == name and str(origin) not in there]
        if gone and name not in detached:
            rows = "a row" if len(gone) == 1 else f"{len(gone):,} rows"
            yield (
                f"The workbook lacks {rows} of the download `{name}`, which brings them all the same: "
                f"narrow it in the manifest, or import with `--detach {name}`"
            )
    requests = [row.origin for row in exported if row.origin is not None and row.origin.kind == "requests"]
    absent = [origin.name for origin in requests if str(origin) not in there]
    if 0 < len(absent) < len(requests):
        more = f" and {len(absent) - 1:,} more" if len(absent) > 1 else ""
        yield f"The request `{absent[0]}`{more} is not in the workbook; it was left as it is: switch rows off instead"
    yield from _lost_words(book, detached)


def _lost_words(book: Book, detached: Collection[str]) -> Iterator[str]:
    """Yields which own cells stand beside rows of downloads: the manifest has no place for them."""
    beside: dict[str, dict[str, None]] = {}
    for row in book.rows:
        if row.origin is None or row.origin.kind != "downloads" or row.origin.name in detached:
            continue
        known = tab_of(row.method).information_headers
        for header, value in row.columns.items():
            if value is not None and header not in known:
                beside.setdefault(row.origin.name, {})[header] = None
    for name, headers in beside.items():
        columns = ", ".join(f"`{header}`" for header in headers)
        yield f"What stands under {columns} beside rows of the download `{name}` stays in the workbook alone"
