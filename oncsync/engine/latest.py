"""`latest/NAME/`: the newest files of a download a second time, at a place that stays, for displays and scripts.

Every file gets there whole and in one step, and `index.json`, replaced in one step too, says how new it is and when
that was looked up. Files in there that are not ours stay as they are (rule 1, R142, R143, R156).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.atomic import folder_error, write_atomic
from oncsync.engine.disk import file_digest, file_size, is_same_file, remove_quietly
from oncsync.engine.folder import OWN_FOLDER, PARTIAL_FOLDER
from oncsync.engine.watch import Tell
from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry
from oncsync.naming import LATEST_FOLDER, fold, safe_component, split_suffix, with_mark
from oncsync.state import META, ChunkState, FileRecord, State, data_end

INDEX_NAME = "index.json"
MAKER = "oncsync"
_LEFT_HALF = re.compile(r"\.index\.json\.[0-9a-f]+\.part")
"""What is left of an index whose writing was cut off."""


class LatestFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file beside the index: its `name` there, its own place in the folder, and what it holds."""

    name: str
    path: str
    device_code: str | None
    data_product_code: str | None
    begin: datetime
    end: datetime
    bytes: int
    sha256: str


class LatestIndex(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `index.json` says: the span and the place of the newest file, when ONC was asked last, and all files."""

    version: int = 1
    made_by: str = ""
    download: str
    digest: str = ""
    """What the download meant when this was written."""
    checked: datetime | None
    begin: datetime | None
    end: datetime | None
    path: str | None
    files: tuple[LatestFile, ...]


class _Found(msgspec.Struct, frozen=True):
    """A held file that is the newest of its kind."""

    request: LockedRequest
    chunk: Chunk
    state: ChunkState
    file: FileRecord

    @property
    def end(self) -> datetime:
        """The end of its data, as its name tells it; those of an archive file were made before it came."""
        end = max(self.chunk.begin, self.state.fetched_to or self.chunk.end)
        return data_end(self.file, self.chunk.begin, end) if self.chunk.file is None else min(end, self.file.at)


def refresh_latest(
    lock: Lock, state: State, folder: Path, checked: Mapping[str, datetime], only: Collection[str], warn: Tell
) -> None:
    """Brings `latest/` up to date for every download that has it (or those named), and clears it of those without.

    `checked` says of which entries ONC was asked, and when. Raises `FolderError` when something cannot be written.
    """
    wanted = {safe_component(entry.name): entry for entry in lock.entries if entry.latest and entry.kind == "download"}
    top = folder / LATEST_FOLDER
    if not wanted and not os.path.lexists(top):
        return
    if _is_strange(top):
        warn(f"`{LATEST_FOLDER}` in the folder is not what oncsync makes there; it is left as it is")
        return
    for name, entry in wanted.items():
        if not only or entry.name in only:
            _refresh(entry, state, folder, top / name, checked.get(entry.name), warn)
    for place in _folders_in(top):
        if not any(is_same_file(place, top / name) for name in wanted):  # where case does not count, neither here
            _clear(place, state)


def _is_strange(place: Path) -> bool:
    return place.is_symlink() or (os.path.lexists(place) and not place.is_dir())


def _folders_in(top: Path) -> list[Path]:
    try:
        with os.scandir(top) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _refresh(entry: LockEntry, state: State, folder: Path, place: Path, checked: datetime | None, warn: Tell) -> None:
    before = _read_index(place)
    if _is_strange(place) or (before is None and os.path.lexists(place / INDEX_NAME)):
        warn(f"`{LATEST_FOLDER}/{place.name}` holds what oncsync did not make; it is left as it is")
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise folder_error(place, error) from error
    listed: list[LatestFile] = []
    for found in newest_files(entry, state, folder):
        name = _choose_name(found, place, folder, before, {fold(one.name) for one in listed}, state)
        if name is None:
            warn(f"`{LATEST_FOLDER}/{place.name}` holds other files under the name of `{found.file.path}`")
            continue
        _put(folder, folder / found.file.path, place / name)
        listed.append(_describe(found, name))
    listed = listed or _last_known(entry, before, state, folder, place)
    newest = max(listed, key=lambda one: (one.end, one.begin, one.path), default=None)
    index = LatestIndex(
        made_by=MAKER,
        download=entry.name,
        digest=entry.digest,
        checked=checked or (before.checked if before else None),
        begin=newest.begin if newest else None,
        end=newest.end if newest else None,
        path=newest.path if newest else None,
        files=tuple(listed),
    )
    write_atomic(place / INDEX_NAME, msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n")
    _remove_ours(place, {one.name for one in listed}, before, state)


def newest_files(entry: LockEntry, state: State, folder: Path) -> list[_Found]:
    """Gives the newest files of an entry that are here, whole, one for each device, product and format; sorted.

    Of a product that was ordered: the data files of the newest piece of each series.
    """
    newest: dict[tuple[str, ...], list[_Found]] = {}
    for request in entry.requests:
        series = (request.product_digest,) if not request.is_archive else ()
        for chunk in request.chunks:
            held = state.chunks.get(chunk.id)
            if held is None or not held.files:
                continue
            found = [_Found(request, chunk, held, file) for file in held.files if file.index != META]
            for key, group in _by_kind(series, found):
                other = newest.get(key)
                if (other is None or _rank(group) > _rank(other)) and all(_is_here(folder, one) for one in group):
                    newest[key] = group
    return [one for _, group in sorted(newest.items()) for one in group]


def _last_known(
    entry: LockEntry, before: LatestIndex | None, state: State, folder: Path, place: Path
) -> list[LatestFile]:
    """Gives the files that were the newest until the clock moved the span past them, as far as they are still here.

    Instruments that fell silent leave the last that they sent where programs look for it (R143).
    """
    if before is None or entry.relative is None or before.digest != entry.digest:
        return []
    known = {(file.path, file.sha256) for chunk in state.chunks.values() for file in chunk.files}
    return [
        one
        for one in before.files
        if (one.path, one.sha256) in known
        and file_size(folder / one.path) == one.bytes
        and _holds(place / one.name, one.bytes, one.sha256)
    ]


def _by_kind(series: tuple[str, ...], found: list[_Found]) -> Iterator[tuple[tuple[str, ...], list[_Found]]]:
    """Yields the files of a chunk by what they are compared in: a series of orders, or a device and kind of files."""
    if series and found:
        yield series, found
        return
    for one in found:
        listed = one.chunk.file
        product = (listed and listed.data_product_code) or ""
        device = one.request.source.get("deviceCode", "")
        yield (device, product, split_suffix(one.file.name)[1].lower()), [one]


def _rank(group: list[_Found]) -> tuple[datetime, datetime, str]:
    return max((one.end, one.chunk.begin, one.file.name) for one in group)


def _is_here(folder: Path, one: _Found) -> bool:
    return file_size(folder / one.file.path) == one.file.bytes


def _describe(found: _Found, name: str) -> LatestFile:
    listed, request = found.chunk.file, found.request
    device = request.source.get("deviceCode") or request.about.get("deviceCode")
    product = listed.data_product_code if listed else request.data_product_code
    return LatestFile(
        name=name,
        path=found.file.path,
        device_code=str(device) if device else None,
        data_product_code=product or None,
        begin=found.chunk.begin,
        end=found.end,
        bytes=found.file.bytes,
        sha256=found.file.sha256,
    )


# --- Files ---------------------------------------------------------------------------------------------------------


def _choose_name(
    found: _Found, place: Path, folder: Path, before: LatestIndex | None, used: Collection[str], state: State
) -> str | None:
    """Gives the file's own name, or that with a mark where another file has it; None where both are taken."""
    own = found.file.path.rpartition("/")[2]
    for name in (own, with_mark(own, found.chunk.id)):
        if fold(name) in used or fold(name) == INDEX_NAME:
            continue
        target = place / name
        if not os.path.lexists(target) or is_same_file(target, folder / found.file.path):
            return name
        if _is_ours(target, before, state) or _holds(target, found.file.bytes, found.file.sha256):
            return name
    return None


def _holds(place: Path, length: int, digest: str) -> bool:
    return not place.is_symlink() and file_size(place) == length and file_digest(place) == digest


def _is_ours(place: Path, index: LatestIndex | None, state: State) -> bool:
    """Whether a file is one that we put there: the index or the state knows its name with its very bytes."""
    known = {(one.bytes, one.sha256) for one in (index.files if index else ()) if one.name == place.name}
    if any(_holds(place, *content) for content in known):
        return True
    files = (file for one in state.chunks.values() for file in (*one.files, *one.superseded))
    others = {(one.bytes, one.sha256) for one in files if one.path.rpartition("/")[2] == place.name}
    return any(_holds(place, *content) for content in others - known)


def _put(folder: Path, source: Path, target: Path) -> None:
    """Gives a file a second name, or where there are no hard links a copy, in one step."""
    is_there = os.path.lexists(target)
    if is_same_file(source, target) or (is_there and _holds(target, file_size(source), file_digest(source))):
        return
    step = folder / OWN_FOLDER / PARTIAL_FOLDER / f"latest-{secrets.token_hex(8)}.part"
    try:
        try:
            os.link(source, step)
        except OSError:
            shutil.copyfile(source, step)
        step.replace(target)
    except OSError as error:
        raise folder_error(target, error) from error
    finally:
        remove_quietly(step)


def _read_index(place: Path) -> LatestIndex | None:
    """Gives the index that oncsync wrote, None for any other file, or none."""
    try:
        index = msgspec.json.decode((place / INDEX_NAME).read_bytes(), type=LatestIndex)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return index if index.made_by == MAKER and not (place / INDEX_NAME).is_symlink() else None


def _remove_ours(place: Path, kept: Collection[str], index: LatestIndex | None, state: State) -> None:
    for left in _files_in(place):
        if left.name in kept or left.name == INDEX_NAME:
            continue
        if _LEFT_HALF.fullmatch(left.name) or _is_ours(left, index, state):
            remove_quietly(left)


def _files_in(place: Path) -> Iterable[Path]:
    try:
        with os.scandir(place) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        return []


def _clear(place: Path, state: State) -> None:
    """Takes away what lies there for a download that has no `latest` any more; a folder with other files stays."""
    index = _read_index(place)
    if index is None:
        return
    _remove_ours(place, (), index, state)
    remove_quietly(place / INDEX_NAME)
    for directory in (place, place.parent):
        try:
            directory.rmdir()
        except OSError:
            return
