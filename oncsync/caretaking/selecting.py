"""Which files a person means by a path, a pattern, an id or the name of an entry."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.engine.checks import OurFile
from oncsync.errors import InputError
from oncsync.inventory import matches
from oncsync.lockfile import Lock
from oncsync.naming import fold
from oncsync.spelling import neighbours
from oncsync.state import ChunkState

SHORTEST_ID = 6
"""Characters of a chunk's id that are enough, where no other chunk's begins so."""
MOST_SHOWN = 3
_PATTERN_MARKS = "*?["


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a person named: `selectors` mean the files of all of them, `before` those alone whose data end by then."""

    selectors: tuple[str, ...] = ()
    before: datetime | None = None


def select_files(
    files: Sequence[OurFile],
    chunks: dict[str, ChunkState],
    lock: Lock | None,
    folder: Path,
    selection: Selection,
    kind: str = "is here",
) -> list[OurFile]:
    """Gives those files that a selection means, in their order; the name of an entry may mean none.

    Raises `InputError` for a selection of everything, and for any other selector that means none of the files, or two
    things; `kind` says in the message which files these are.
    """
    if not selection.selectors and selection.before is None:
        raise InputError("Nothing is named", hint="name a path, a pattern, an id or an entry, or give `--before DATE`")
    entries = _chunks_of_entries(lock)
    chosen: set[OurFile] = set() if selection.selectors else set(files)
    for selector in selection.selectors:
        chosen.update(_select(selector, files, entries, folder, kind))
    return [one for one in files if one in chosen and _ends_by(chunks[one.chunk], selection.before)]


def _ends_by(chunk: ChunkState, instant: datetime | None) -> bool:
    """Whether all data of a chunk were recorded before an instant; one without an end has that of its begin."""
    return instant is None or max(chunk.begin, chunk.end) <= instant


def _chunks_of_entries(lock: Lock | None) -> dict[str, set[str]]:
    entries: dict[str, set[str]] = {}
    for entry, _, chunk in lock.chunks() if lock else ():
        entries.setdefault(entry.name, set()).add(chunk.id)
    return entries


def _select(
    selector: str, files: Sequence[OurFile], entries: dict[str, set[str]], folder: Path, kind: str
) -> Iterable[OurFile]:
    text = selector.strip()
    spelled = relative_places(folder, text)
    places = {fold(place).rstrip("/") for place in spelled} - {"", "."}
    ids = {one.chunk for one in files if one.chunk.startswith(text.lower())} if len(text) >= SHORTEST_ID else set()
    if len(ids) > 1:
        raise InputError(f"Several chunks begin with `{text}`", hint=f"one of {' or '.join(sorted(ids)[:MOST_SHOWN])}")
    patterns = {text, *spelled} if set(_PATTERN_MARKS) & set(text) else set()
    meanings = (
        [one for one in files if places and _lies_in(fold(one.file.path), places)],
        [one for one in files if one.chunk in entries.get(text, ())],
        [one for one in files if one.chunk in ids],
        [one for one in files if any(matches(pattern, one.file.name, one.file.path) for pattern in patterns)],
    )
    found = {tuple(meant) for meant in meanings if meant}
    if not found and text in entries:
        return ()
    if not found:
        raise InputError(
            f"`{text}` means no file that {kind}", hint=_hint(text, files, entries, is_folder="." in spelled)
        )
    if len(found) > 1:
        raise InputError(f"`{text}` means a place and something else", hint=f"write `./{text}` for the place")
    return found.pop()


def _lies_in(path: str, places: set[str]) -> bool:
    return path in places or any(path.startswith(f"{place}/") for place in places)


def _hint(text: str, files: Sequence[OurFile], entries: Iterable[str], *, is_folder: bool) -> str:
    if is_folder:
        return "`'*'` means every file"
    by_name = {one.file.path.rpartition("/")[2]: one.file.path for one in files}
    wanted = text.replace(os.sep, "/").rpartition("/")[2]
    names = difflib.get_close_matches(wanted, neighbours([*by_name, *entries], wanted), n=1, cutoff=0.7)
    return f"did you mean `{by_name.get(names[0], names[0])}`?" if names else "`oncsync list` shows what there is"


def relative_places(folder: Path, subject: str) -> list[str]:
    """Gives what a text may mean as a path in the folder: seen from the folder, and from here."""
    places = [os.path.normpath(subject).replace(os.sep, "/")]
    for seen_from_here in (Path.cwd() / subject, (Path.cwd() / subject).resolve()):
        for top in (folder.absolute(), folder.resolve()):
            relative = os.path.relpath(seen_from_here, top)
            places.append(relative.replace(os.sep, "/"))
    return [place for place in places if not place.startswith("..")]
