"""Where files lie in the folder. Pure: names depend on the lock and the service's names, never on timing.

Source: architecture, "The folder and the state".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import count
from typing import TypeAlias

import msgspec

from oncsync.engine.expiry import keeps_longer
from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry, digest
from oncsync.naming import (
    LATEST_FOLDER,
    META_FOLDER,
    fill_template,
    fold,
    safe_component,
    safe_file_name,
    split_suffix,
    with_mark,
)
from oncsync.state import META, FileRecord
from oncsync.timespan import format_stamp, is_relative, parse_duration

OPTIONS_DIGEST_LENGTH = 6

FileKey: TypeAlias = tuple[int, str]
"""Run id and index: names a file within its chunk."""


class WantedChunk(msgspec.Struct, frozen=True):
    """A chunk with the first entry and request, in lock order, that want it: they decide its place."""

    entry: LockEntry
    request: LockedRequest
    chunk: Chunk
    directory: str
    """Relative to the folder, with `/`."""
    keeper: LockEntry
    """The entry that the chunk is fetched for: of those that want it the first of those that keep it longest."""


def wanted_chunks(lock: Lock) -> tuple[list[WantedChunk], list[str]]:
    """Gives every chunk once, in lock order, with its place; and warnings where entries disagree about the place."""
    marked = _requests_with_marks(lock)
    wanted: dict[str, WantedChunk] = {}
    disagreeing: dict[tuple[str, str], None] = {}
    places: dict[str, str] = {}
    """Each place once: a hundred thousand archive files lie in a few hundred of them."""
    for entry, request, chunk in lock.chunks():
        directory = "/".join(_beside_latest(_components(entry, request, chunk, request.id in marked)))
        directory = places.setdefault(directory, directory)
        first = wanted.get(chunk.id)
        if first is None:
            wanted[chunk.id] = WantedChunk(entry, request, chunk, directory, keeper=entry)
            continue
        if first.directory != directory:
            disagreeing[(first.entry.name, entry.name)] = None
        if keeps_longer(entry, first.keeper):
            wanted[chunk.id] = msgspec.structs.replace(first, keeper=entry)
    warnings = [
        f"`{first}` and `{second}` want the same data in different places; they lie where `{first}` wants them"
        for first, second in disagreeing
    ]
    return list(wanted.values()), warnings


def _requests_with_marks(lock: Lock) -> set[str]:
    """Gives the requests that share a place with another set of options."""
    options_at: dict[tuple[str, ...], set[str]] = defaultdict(set)
    requests_at: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for entry in lock.entries:
        for request in entry.requests:
            if request.download and request.chunks and not request.is_archive:
                place = (
                    entry.path or "",
                    entry.name if entry.path and "{name}" in entry.path else "",
                    *map(fold, _source_components(request)),
                    fold(_product_component(request)),
                )
                options_at[place].add(digest(request.options))
                requests_at[place].add(request.id)
    return {request for place, options in options_at.items() if len(options) > 1 for request in requests_at[place]}


def _components(entry: LockEntry, request: LockedRequest, chunk: Chunk, is_marked: bool) -> list[str]:
    mark = f"~{digest(request.options)[:OPTIONS_DIGEST_LENGTH]}" if is_marked else ""
    if entry.path is not None:
        parts = fill_template(entry.path, _fields(entry, request, chunk))
        return [*parts[:-1], parts[-1] + mark] if parts else [mark] if mark else []
    if request.is_archive:
        return [safe_component(request.source["deviceCode"]), f"{_year(chunk)}_{chunk.begin:%m}"]
    product = _product_component(request) + mark
    dates = [_year(chunk)]
    if _is_fine(request.split):
        dates.append(f"{chunk.begin:%m}")
    return [*_source_components(request), product, *dates]


def _beside_latest(parts: list[str]) -> list[str]:
    """Gives a place that is not oncsync's own for the newest files, whatever a code says."""
    return [f"_{parts[0]}", *parts[1:]] if parts and fold(parts[0]) == LATEST_FOLDER else parts


def _year(chunk: Chunk) -> str:
    return f"{chunk.begin:%Y}".rjust(4, "0")


def _source_components(request: LockedRequest) -> list[str]:
    place = request.source.get("locationCode") or request.source.get("deviceCode") or ""
    category = request.source.get("deviceCategoryCode") or str(request.about.get("deviceCategoryCode") or "")
    return [safe_component(part) for part in (place, category) if part]


def _product_component(request: LockedRequest) -> str:
    return safe_component(f"{request.data_product_code}_{request.extension}")


def _fields(entry: LockEntry, request: LockedRequest, chunk: Chunk) -> dict[str, str]:
    about = {key: str(value) for key, value in request.about.items() if value is not None}
    codes = {
        key: request.source.get(key) or about.get(key, "")
        for key in ("locationCode", "deviceCode", "deviceCategoryCode", "propertyCode")
    }
    product, extension = request.data_product_code, request.extension
    if chunk.file is not None:
        product, extension = chunk.file.data_product_code or "", split_suffix(chunk.file.name)[1].removeprefix(".")
    return {
        **codes,
        "dataProductCode": product,
        "extension": extension,
        "name": entry.name,
        "year": _year(chunk),
        "month": f"{chunk.begin:%m}",
        "day": f"{chunk.begin:%d}",
        "begin": format_stamp(chunk.begin),
        "end": format_stamp(chunk.end),
    }


@lru_cache(maxsize=64)
def _is_fine(split: str) -> bool:
    """Whether a split cuts into days or less, so that a year's folder would hold too many files."""
    if split in ("day", "hour"):
        return True
    if not is_relative(split):
        return False
    step = parse_duration(split)
    return step.months == 0 and step.milliseconds <= 86_400_000


def file_directory(directory: str, index: str) -> str:
    """Gives the place of a file: metadata lie in `_meta/` beside the files they describe."""
    return f"{directory}/{META_FOLDER}".lstrip("/") if index == META else directory


def plain_path(directory: str, raw_name: str | None, chunk_id: str, index: str) -> str:
    """Gives the path a file has when no other file wants it."""
    name = safe_file_name(raw_name, f"{chunk_id}_{index}")
    if not directory and fold(name) == LATEST_FOLDER:
        name = f"_{name}"
    return f"{file_directory(directory, index)}/{name}".lstrip("/")


def marked_path(path: str, mark: str) -> str:
    """Gives the path with a mark that no other file has."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + with_mark(name, mark)


def candidate_paths(wanted: WantedChunk, raw_name: str | None, key: FileKey) -> Iterator[str]:
    """Yields the paths a file may have, the plain one first, then ever longer marks; it never ends."""
    chunk, (run_id, index) = wanted.chunk.id, key
    plain = plain_path(wanted.directory, raw_name, chunk, index)
    yield plain
    for mark in (chunk, f"{chunk}-{index}", f"{chunk}-{run_id}-{index}"):
        yield marked_path(plain, mark)
    for number in count(2):
        yield marked_path(plain, f"{chunk}-{run_id}-{index}-{number}")


def assign_paths(
    files: Iterable[tuple[WantedChunk, FileRecord]], is_taken: Callable[[str], bool] = lambda path: False
) -> dict[tuple[str, FileKey], str]:
    """Gives each file's final path, by chunk id and file key: of those that want one path the first has it.

    `files` come in chunk order; `is_taken` says whether something else lies at a path, and is not asked about the
    path where a file lies already. No two paths are the same to a file system that ignores case.
    """
    used: set[str] = set()
    paths: dict[tuple[str, FileKey], str] = {}
    for wanted, file in files:
        present = fold(file.path)
        for path in candidate_paths(wanted, file.name, file.key):
            folded = fold(path)
            if folded not in used and (folded == present or not is_taken(path)):
                break
        used.add(folded)
        paths[(wanted.chunk.id, file.key)] = path
    return paths
