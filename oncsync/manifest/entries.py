"""Puts an entry into a manifest that stands, and takes entries out; every other byte stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from oncsync.manifest.amend import NewRow, dash_column, drop_downloads, put_entries, rewritten_requests
from oncsync.manifest.edit import format_node
from oncsync.manifest.mapping import DOWNLOAD_ORDER
from oncsync.manifest.model import Manifest
from oncsync.manifest.page import Edit, Page, Part, apply_edits, read_page


def with_download(path: Path, entry: Mapping[str, Any]) -> bytes:
    """Gives the bytes of a manifest with one more download, behind those that are there.

    `entry` is in the manifest's spelling, its texts as a person writes them: `${name}` stands for a variable. Raises
    `ProblemsError` when the manifest cannot be read as YAML, `InputError` when it cannot be added to.
    """
    page = read_page(path)
    pair = page.root.pair("downloads")
    ordered = {key: entry[key] for key in DOWNLOAD_ORDER if key in entry}
    lines = page.indented(format_node([ordered]), dash_column(page, pair))
    if pair is not None and pair[1].kind == "list" and not pair[1].is_flow and pair[1].children:
        return apply_edits(page, [_behind_the_last(page, pair[1], lines)], path)
    present = _flow_entries(page, pair[1], dash_column(page, pair)) if pair is not None else []
    return apply_edits(page, put_entries(page, "downloads", [*present, (None, lines)]), path)


def _behind_the_last(page: Page, entries: Part, lines: str) -> Edit:
    """Gives the edit that puts lines behind the last entry and behind the lines of comment that belong to it."""
    ends = [page.line_end(item.end) for item in entries.children]
    place = ends[-1]
    column = page.column(page.text.index("-", page.dash(entries.children[-1])))
    while place < len(page.text):
        line = page.text[place : page.line_end(place)]
        if not line.lstrip().startswith("#") or len(line) - len(line.lstrip()) <= column:
            break
        place = page.line_end(place)
    begins = [page.dash(item) for item in entries.children[1:]]
    is_spaced = any(end < begin and not page.text[end:begin].strip() for end, begin in zip(ends, begins, strict=False))
    before = "" if page.text[:place].endswith("\n") else page.newline
    return Edit(place, place, before + (page.newline if is_spaced else "") + lines)


def _flow_entries(page: Page, entries: Part, column: int) -> list[tuple[int | None, str]]:
    """Gives entries that stand in brackets as lines of their own."""
    if entries.kind != "list":
        return []
    texts = [page.text[item.begin : item.end] for item in entries.children]
    return [(index, page.indented(f"- {text}", column)) for index, text in enumerate(texts)]


def without_entries(manifest: Manifest, names: Collection[str]) -> list[tuple[Path, bytes]]:
    """Gives the files that change when downloads and requests of these names go, with what they are to hold.

    Lines of comment stay. Raises `InputError` when the text cannot be changed without harm.
    """
    kept = [NewRow(one, index) for index, one in enumerate(manifest.requests) if one.name not in names]
    downloads = {one.name for one in manifest.downloads if one.name in names}
    if len(kept) < len(manifest.requests):
        return rewritten_requests(manifest, kept, without_downloads=downloads)
    page = read_page(manifest.path)
    return [(manifest.path.resolve(), apply_edits(page, drop_downloads(page, downloads), manifest.path))]
