"""Changes single entries of a manifest that stands: every byte that an entry does not need changed stays as it is.

Lines of comment stay, also those above an entry that goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from oncsync.atomic import write_atomic, write_if_changed
from oncsync.errors import FolderError, InputError
from oncsync.manifest.edit import format_node
from oncsync.manifest.load import local_path
from oncsync.manifest.mapping import REQUEST_ORDER, escape, request_mapping
from oncsync.manifest.model import Manifest, Request
from oncsync.manifest.page import Edit, Page, Part, apply_edits, read_page
from oncsync.manifest.rowlines import rewrite_rows
from oncsync.manifest.rows import format_rows
from oncsync.manifest.source import path_beside

ROWS_FILE = "requests.csv"


class NewRow(msgspec.Struct, frozen=True):
    """A request as it is to stand: a new one, or what the present one at `index` (from 0) becomes."""

    request: Request
    index: int | None = None


def rewrite_requests(
    manifest: Manifest, rows: Sequence[NewRow], *, without_downloads: Collection[str] = (), move_to: str | None = None
) -> bool:
    """Makes `rows` the requests of a manifest, or of the file it names, and takes downloads out by name.

    Present requests that no row names are dropped. One that does not change keeps its text; of one that does, only
    the keys that differ are written. `move_to` names a new file beside the manifest to which a list is moved. Says
    whether a file changed.
    Raises `InputError` when the text cannot be changed without harm, `FolderError` when the disk refuses.
    """
    rewritten = rewritten_requests(manifest, rows, without_downloads=without_downloads, move_to=move_to)
    changed = [write_if_changed(path, content) for path, content in rewritten]
    return any(changed)


def rewritten_requests(
    manifest: Manifest, rows: Sequence[NewRow], *, without_downloads: Collection[str] = (), move_to: str | None = None
) -> list[tuple[Path, bytes]]:
    """Gives the files that `rewrite_requests` writes, in that order, with what they are to hold."""
    page = read_page(manifest.path)
    edits = list(drop_downloads(page, set(without_downloads)))
    pair = page.root.pair("requests")
    named = _named_file(pair[1]) if pair else None
    written: list[tuple[Path, bytes]] = []
    if named is not None:
        path = path_beside(manifest.path, named)
        assert path is not None  # the manifest was loaded
        written.append(_rewritten_file(path, manifest.requests, rows))
    elif move_to is not None:
        moved = format_rows([row.request for row in rows]).encode()
        written.append((manifest.path.with_name(move_to), moved))
        edits += _put_value(page, "requests", f"{{file: {move_to}}}")
    else:
        edits += put_entries(page, "requests", _written_entries(page, pair, manifest.requests, rows))
    if edits:
        written.append((manifest.path.resolve(), apply_edits(page, edits, manifest.path)))
    return written


def has_remarks(manifest: Manifest) -> bool:
    """Whether the list of requests holds what a file of rows could not: comments, variables, anchors."""
    page = read_page(manifest.path)
    pair = page.root.pair("requests")
    if pair is None:
        return False
    text = page.text[pair[0].begin : page.line_end(pair[1].end)]
    return any(sign in text for sign in ("${", " #", "\n#", " &", " *", "<<"))


def rows_file_name(manifest: Path) -> str | None:
    """Gives the file of rows that a manifest names; None when it names none or is not there.

    Raises `ProblemsError` or `InputError` for a manifest that cannot be read.
    """
    if not manifest.exists():
        return None
    pair = read_page(manifest).root.pair("requests")
    return _named_file(pair[1]) if pair else None


def write_local_folder(manifest: Path, folder: str) -> bool:
    """Writes `folder:` into what belongs to this machine, beside the manifest; False when it has one already."""
    path = local_path(manifest)
    line = format_node({"folder": escape(folder)})
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not any(one.strip() and not one.lstrip().startswith("#") for one in text.splitlines()):
        write_atomic(path, f"{text}# What belongs to one machine; keep it out of git.\n{line}".encode())
        return True
    page = read_page(path)
    if page.root.pair("folder"):
        return False
    first = page.line_begin(page.root.begin)
    write_atomic(path.resolve(), apply_edits(page, [Edit(first, first, page.indented(line, 0))], path))
    return True


def _named_file(value: Part) -> str | None:
    pair = value.pair("file") if value.kind == "map" else None
    return pair[1].text if pair else None


def _rewritten_file(path: Path, present: Sequence[Request], rows: Sequence[NewRow]) -> tuple[Path, bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FolderError(f"Cannot read `{path}`: {(error.strerror or str(error)).lower()}") from error
    text = rewrite_rows(content.decode(), present, [(row.index, row.request) for row in rows])
    return path.resolve(), text.encode()


# --- Entries ----------------------------------------------------------------------------------------------------------


def _written_entries(
    page: Page, pair: tuple[Part, Part] | None, present: Sequence[Request], rows: Sequence[NewRow]
) -> list[tuple[int | None, str]]:
    """Gives the text of each entry, with the place of the one whose remarks it keeps, from 0."""
    column = dash_column(page, pair)
    items = pair[1].children if pair and pair[1].kind == "list" else []
    entries: list[tuple[int | None, str]] = []
    for row in rows:
        if row.index is None:
            text = page.indented(_new_entry(row.request), column)
        elif pair is not None and pair[1].is_flow:
            text = _entry_of_flow(page, items[row.index], present[row.index], row.request, column)
        else:
            text = _changed_entry(page, items[row.index], present[row.index], row.request, column)
        entries.append((row.index, text))
    return entries


def _new_entry(request: Request) -> str:
    return format_node([request_mapping(request)])


def dash_column(page: Page, pair: tuple[Part, Part] | None) -> int:
    """Gives where the dashes of a list stand: where they do, else where those of the other list do."""
    others = [page.root.pair(key) for key in ("downloads", "requests")]
    for found in (pair, *others):
        if found and found[1].kind == "list" and not found[1].is_flow:
            line = page.dash(found[1].children[0])
            return page.text.index("-", line) - line
    return 2


def _entry_of_flow(page: Page, item: Part, before: Request, after: Request, column: int) -> str:
    """Gives the lines of an entry that stood in brackets and gets a dash of its own."""
    is_same = request_mapping(before) == request_mapping(after)
    return page.indented(f"- {page.text[item.begin : item.end]}" if is_same else _new_entry(after), column)


def _changed_entry(page: Page, item: Part, before: Request, after: Request, column: int) -> str:
    """Gives the lines of an entry, from its dash to its last character's line."""
    begin, end = page.dash(item), page.line_end(item.end)
    old, new = request_mapping(before), request_mapping(after)
    differing = [key for key in REQUEST_ORDER if old.get(key) != new.get(key) or _order(old, key) != _order(new, key)]
    if not differing:
        return page.lines(begin, end)
    written = {key.text for key, _ in item.pairs()} if item.kind == "map" else set()
    if item.is_flow or not written or any(key not in new and key not in written for key in differing):
        return page.indented(_new_entry(after), column)
    text = page.edited(_key_edits(page, item, new, differing), begin, end)
    return text if text.endswith("\n") else text + page.newline


def _order(mapping: Mapping[str, Any], key: str) -> list[str]:
    value = mapping.get(key)
    return list(value) if isinstance(value, Mapping) else []


def _key_edits(page: Page, item: Part, new: Mapping[str, Any], differing: Collection[str]) -> Iterator[Edit]:
    """Yields what makes an entry say `new`, a key a line."""
    pairs = list(item.pairs())
    column = page.column(pairs[0][0].begin)
    kept = [(key, value) for key, value in pairs if key.text in new or key.text not in differing]
    for place, (key, value) in enumerate(pairs):
        if key.text not in differing:
            continue
        if key.text in new:
            line = _key_line(page, key.text, new[key.text], column)
            yield Edit(key.begin, max(value.end, page.colon(key)), line)
        elif place == 0:
            yield Edit(key.begin, pairs[1][0].begin, "")
        else:
            yield Edit(page.line_begin(key.begin), page.line_end(value.end), "")
    written = {key.text for key, _ in pairs}
    for name in differing:
        if name in new and name not in written:
            line = _key_line(page, name, new[name], column)
            earlier = [pair for pair in kept if _rank(pair[0].text) < _rank(name)]
            if earlier:
                end = page.line_end(max(earlier[-1][1].end, page.colon(earlier[-1][0])))
                is_open = not page.text[:end].endswith("\n")
                yield Edit(end, end, (page.newline if is_open else "") + " " * column + line + page.newline)
            else:
                yield Edit(kept[0][0].begin, kept[0][0].begin, line + page.newline + " " * column)


def _rank(key: str) -> int:
    return REQUEST_ORDER.index(key) if key in REQUEST_ORDER else -1


def _key_line(page: Page, key: str, value: Any, column: int) -> str:
    """Gives `key: value`, without a line end, as it stands at a column."""
    first, *rest = format_node({key: value}).splitlines()
    return "".join([first, *(page.newline + " " * column + line for line in rest)])


# --- Lists ------------------------------------------------------------------------------------------------------------


def drop_downloads(page: Page, names: set[str]) -> Iterator[Edit]:
    """Yields what takes downloads out by name."""
    pair = page.root.pair("downloads")
    if not names or pair is None:
        return
    kept = []
    for index, item in enumerate(pair[1].children):
        name = item.pair("name") if item.kind == "map" else None
        if name is None or name[1].text not in names:
            is_flow = pair[1].is_flow
            text = page.text[item.begin : item.end] if is_flow else page.lines(page.dash(item), page.line_end(item.end))
            kept.append((index, page.indented(f"- {text}", 2) if is_flow else text))
    yield from put_entries(page, "downloads", kept)


def put_entries(page: Page, key: str, entries: Sequence[tuple[int | None, str]]) -> Iterator[Edit]:
    """Yields what makes the list of a key hold these lines; each keeps the lines of comment above it."""
    pair = page.root.pair(key)
    if pair is None and not entries:
        return
    if pair is None or pair[1].kind != "list" or pair[1].is_flow:
        yield from _put_value(page, key, "" if entries else "[]", "".join(text for _, text in entries))
        return
    items = pair[1].children
    spans = [(page.dash(item), page.line_end(item.end)) for item in items]
    above = ["", *(page.lines(last[1], this[0]) for last, this in pairwise(spans))]
    kept = {index for index, _ in entries if index is not None}
    ownerless = ""
    for index, remarks in enumerate(above):  # the remarks above an entry that goes stand above the next one
        if index not in kept:
            ownerless += remarks
        else:
            above[index], ownerless = ownerless + remarks, ""
    lines = [text if index is None else above[index] + text for index, text in entries]
    if not entries:
        colon = page.colon(pair[0])
        yield Edit(colon, colon, " []")
    yield Edit(spans[0][0], spans[-1][1], "".join(lines) + ownerless)


def _put_value(page: Page, key: str, value: str, lines: str = "") -> Iterator[Edit]:
    """Yields what makes a top key say a short value, and what puts lines below it."""
    pair = page.root.pair(key)
    if page.root.is_flow:
        raise InputError(
            "This manifest is written in braces, which cannot be added to", hint="write it as `key: value` lines"
        )
    if pair is None:
        end = len(page.text)
        gap = ("" if page.text.endswith("\n") else page.newline) + page.newline
        yield Edit(end, end, gap + f"{key}:{value and ' ' + value}{page.newline}{lines}")
        return
    name, old = pair
    colon = page.colon(name)
    end = page.line_end(max(old.end, colon))
    if old.kind == "list" and not old.is_flow:
        yield Edit(colon, colon, value and " " + value)
        yield Edit(page.dash(old.children[0]), end, "")
        return
    rest = page.text[max(old.end, colon) : end].strip()
    yield Edit(colon, end, "".join(f" {word}" for word in (value, rest) if word) + page.newline + lines)
