"""What a listing of archive files says, and what to do about it. Pure: asks nobody, reads no clock.

Sources: onc-api.md 4.1 and 4.3, open questions 1, 2, 27, 28, 29, 31, 32, 35 and 36.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from oncsync.api.records import ArchiveFile, Deployment
from oncsync.listed import SIZE_DIFFERS as SIZE_DIFFERS
from oncsync.listed import Described, listed_sizes
from oncsync.listed import changed_members as changed_members
from oncsync.naming import fold, safe_file_name
from oncsync.timespan import FIRST_INSTANT, LAST_INSTANT, Span

SizeVerdict = Literal["good", "unverified", "differs", "fault"]

WINDOW_MARGIN = timedelta(days=1)
"""How far before a window the service is asked, so that a file which begins before it is listed under any rule."""
MARK_OVERLAP = timedelta(days=1)
"""How far before the newest archiving time an incremental listing begins."""

_STAMPED = re.compile(r"(?P<device>.+?)_(?P<stamp>\d{8}T\d{6})(?:\.\d{1,9})?Z")


class ListingChange(msgspec.Struct, frozen=True):
    """What a listing says about files that are known, by name, in the order of the listing.

    `changed` files were archived again and are fetched again, the old one kept until the new one is whole.
    `not_listed` files are marked, never deleted: a missing row may mean restricted, reprocessed, or a bad day.
    """

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    not_listed: tuple[str, ...] = ()


class Clipped(msgspec.Struct, frozen=True):
    """Files of a place, those that a deployment there explains and those outside of every one (test data)."""

    kept: tuple[ArchiveFile, ...]
    outside: tuple[ArchiveFile, ...]


def widen_begin(begin: datetime, margin: timedelta = WINDOW_MARGIN) -> datetime:
    """Gives where a question for files from `begin` on starts (open question 27)."""
    return begin - margin if begin - FIRST_INSTANT > margin else FIRST_INSTANT


def is_in_window(file: ArchiveFile, begin: datetime | None, end: datetime | None) -> bool:
    """Whether a file's span overlaps the half-open window, as far as both are known (open questions 27 and 28).

    A file that ends at `begin` or begins at `end` is out. What is not known, or makes no sense, takes no file away.
    """
    if end is not None and file.begin is not None and file.begin >= end:
        return False
    if begin is None or file.end is None:
        return True
    if file.begin is None or file.begin < file.end:
        return file.end > begin
    return file.begin >= begin or file.begin > file.end


def local_name(file: ArchiveFile) -> str:
    """Gives a name for the file that is safe on every system; two files may share it (open question 29)."""
    return safe_file_name(file.name, "unnamed")


def assumed_span(file: ArchiveFile) -> Span:
    """Gives the span of a file's data, wide enough where it is not told: a day, from the stamp in its name on.

    A file of which nothing is known may hold data of any time (open questions 27 and 28).
    """
    begin, end = file.begin or _stamp_of(file.name), file.end
    if begin is None and end is None:
        return Span(FIRST_INSTANT, LAST_INSTANT)
    if begin is None:
        return Span(widen_begin(end or LAST_INSTANT), end or LAST_INSTANT)
    if end is None or end < begin:
        return Span(begin, begin + WINDOW_MARGIN if LAST_INSTANT - begin > WINDOW_MARGIN else LAST_INSTANT)
    return Span(begin, max(end, begin + timedelta(milliseconds=1)))


def _stamp_of(name: str) -> datetime | None:
    match = _STAMPED.match(name)
    try:
        return datetime.strptime(f"{match['stamp']}+0000", "%Y%m%dT%H%M%S%z") if match else None
    except ValueError:
        return None


def alike_names(files: Iterable[ArchiveFile]) -> tuple[tuple[str, ...], ...]:
    """Gives the groups of names that some file system takes for one, though the service tells them apart."""
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(fold(local_name(file)), []).append(file.name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def device_of(file: ArchiveFile) -> str | None:
    """Gives the device that made a file: as listed, else what stands before the stamp in its name."""
    if file.device_code:
        return file.device_code
    match = _STAMPED.match(file.name)
    return match["device"] if match else None


def devices_of(files: Iterable[ArchiveFile]) -> tuple[str, ...]:
    """Gives the devices of a listing by place, sorted: a place may have had several (open question 35)."""
    return tuple(sorted({device for file in files if (device := device_of(file))}))


def compare_listing(listed: Sequence[ArchiveFile], held: Iterable[ArchiveFile], *, is_full: bool) -> ListingChange:
    """Compares a listing with the files as they were listed when we got them (open questions 31 and 32).

    `is_full` says that the listing shows everything there is; one of what was archived lately misses nothing.
    """
    known = {file.name: file for file in held}
    sorted_out: dict[str, list[str]] = {"new": [], "changed": [], "same": []}
    for file in listed:
        before = known.pop(file.name, None)
        verdict = "new" if before is None else "changed" if changed_members(file, before) else "same"
        sorted_out[verdict].append(file.name)
    return ListingChange(
        **{verdict: tuple(names) for verdict, names in sorted_out.items()}, not_listed=tuple(known) if is_full else ()
    )


def archived_since(files: Iterable[ArchiveFile], overlap: timedelta = MARK_OVERLAP) -> datetime | None:
    """Gives from which archiving time on to list next time: the newest known, less an overlap (open question 31).

    None, a full listing, when no file tells when it was archived.
    """
    newest = max((file.archived for file in files if file.archived is not None), default=None)
    return None if newest is None else widen_begin(newest, overlap)


def clip_to_deployments(files: Iterable[ArchiveFile], deployments: Iterable[Deployment]) -> Clipped:
    """Sorts the files of a place by whether their device was deployed there while they were made (open question 36).

    A file whose device is not known, or only guessed from its name and deployed nowhere here, is judged by its span
    alone; one whose span is not known by its device alone.
    """
    spans: dict[str, list[Deployment]] = {}
    for deployment in deployments:
        spans.setdefault(deployment.device_code, []).append(deployment)
    everywhere = [deployment for listed in spans.values() for deployment in listed]
    kept: list[ArchiveFile] = []
    outside: list[ArchiveFile] = []
    for file in files:
        device = device_of(file)
        candidates = spans.get(device or "", [] if file.device_code else everywhere)
        is_explained = any(is_in_window(file, one.begin, one.end) for one in candidates)
        (kept if is_explained else outside).append(file)
    return Clipped(tuple(kept), tuple(outside))


def is_listed_empty(file: Described) -> bool:
    """Whether the listing says that a download has no bytes; only then is a download without any believed."""
    return file.delivered_size == 0 or (file.delivered_size is None and file.stored_size == 0)


def judge_size(count: int, listed: Described, *, has_length: bool, came_before: bool = False) -> SizeVerdict:
    """Says what the length of a download, in bytes, means beside the listing (open questions 1, 2 and 28).

    `has_length` says that the service announced the length and kept to it; `came_before` that the same bytes came in
    an earlier attempt, after which they are believed, so that nothing is fetched for ever. `good`: the length is one
    of the listed sizes. `unverified`: there is nothing to compare with. `differs`: whole, but neither size; keep it,
    marked `SIZE_DIFFERS`. `fault`: perhaps cut off; throw it away and try again.
    """
    if count == 0:
        return "good" if is_listed_empty(listed) else "fault"
    sizes = listed_sizes(listed)
    if count in sizes:
        return "good"
    is_sure = has_length or came_before
    if not sizes:
        return "good" if has_length else "unverified"
    return "differs" if is_sure else "fault"
