"""Which archive files `keep:` lets go of: those that a moving span has left behind, once newer ones are here. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from oncsync.lockfile import Lock, LockEntry
from oncsync.state import ChunkState, State
from oncsync.timespan import LAST_INSTANT, Duration, TimeTextError, parse_duration

_STAMPED = re.compile(r"(.+?)_\d{8}T\d{6}(?:\.\d{1,9})?Z")
"""How the name of an archive file tells its device."""


def outlived_chunks(lock: Lock, state: State, arrived: Collection[str], now: datetime) -> set[str]:
    """Gives the archive files of entries with `keep` whose data ended longer ago than that.

    Only those that nothing in the lock wants and that no entry wanted which keeps them longer, and only after a newer
    file of the same device `arrived` in this run: a device that fell silent keeps the last that it sent. What was let
    go on purpose stays known.
    """
    outlived: set[str] = set()
    wanted: set[str] | None = None
    for entry in lock.entries:
        limit = _limit(entry, now)
        newest = _newest_ends(entry, state, arrived) if limit is not None else {}
        if limit is None or not newest:
            continue
        wanted = {chunk.id for _, _, chunk in lock.chunks()} if wanted is None else wanted
        of_entry = "/".join(entry.key)
        for key, chunk in state.chunks.items():
            if chunk.entry != of_entry or chunk.listed is None or not chunk.files or chunk.dropped or key in wanted:
                continue
            newer = newest.get(_device(chunk))
            if newer is not None and _end(chunk) < min(limit, newer):
                outlived.add(key)
    return outlived


def keeps_longer(one: LockEntry, other: LockEntry) -> bool:
    """Whether an entry keeps files longer than another one does: for ever, unless its span moves and it has `keep`."""
    limits = [_limit(entry, LAST_INSTANT) for entry in (one, other)]
    return limits[1] is not None and (limits[0] is None or limits[0] < limits[1])


def _limit(entry: LockEntry, now: datetime) -> datetime | None:
    """Gives the instant before which data are old, None where nothing ever is."""
    if entry.keep is None or entry.relative is None:
        return None
    keep = parse_duration(entry.keep)
    try:
        return None if keep.is_negative else Duration(-keep.months, -keep.milliseconds).after(now)
    except TimeTextError:
        return None


def _newest_ends(entry: LockEntry, state: State, arrived: Collection[str]) -> dict[str, datetime]:
    """Gives the end of the newest data of an entry that arrived, by device, a blank where files do not tell."""
    newest: dict[str, datetime] = {}
    for request in entry.requests:
        for chunk in request.chunks:
            if chunk.id in arrived and chunk.id in state.chunks:
                held = state.chunks[chunk.id]
                device = _device(held)
                newest[device] = max(newest.get(device, _end(held)), _end(held))
    return newest


def _device(chunk: ChunkState) -> str:
    match = _STAMPED.match(chunk.listed.name) if chunk.listed else None
    return match[1] if match else ""


def _end(chunk: ChunkState) -> datetime:
    return max(chunk.begin, chunk.end)
