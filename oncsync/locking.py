"""The lock beside the manifest and the one in the folder, read and written as one.

Requests of entries whose span moves with the clock change daily, so git does not carry them: they lie in
`<folder>/.oncsync/relative.lock`, and the lock beside the manifest names the entry and its expression only.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from oncsync.engine.folder import OWN_FOLDER
from oncsync.lockfile import Lock, LockEntry, read_lock, write_lock
from oncsync.manifest import Manifest, entry_digest

RELATIVE_LOCK = "relative.lock"


def read_locks(path: Path, folder: Path) -> Lock | None:
    """Reads the lock at `path` with what the folder's own lock holds for it; None when there is no lock.

    Raises `LockError` when either is not in the canonical form.
    """
    lock = read_lock(path)
    if lock is None or all(entry.relative is None for entry in lock.entries):
        return lock
    relative = read_lock(folder / OWN_FOLDER / RELATIVE_LOCK)
    held = {entry.key: entry for entry in relative.entries} if relative and relative.server == lock.server else {}

    def whole(entry: LockEntry) -> LockEntry:
        other = held.get(entry.key)
        if entry.relative is None or other is None or other.digest != entry.digest:
            return entry
        return msgspec.structs.replace(entry, requests=other.requests)

    return msgspec.structs.replace(lock, entries=tuple(whole(entry) for entry in lock.entries))


def unresolved_here(path: Path, folder: Path) -> list[str]:
    """Gives the entries that move with the clock and that were never resolved for this folder in their present form."""
    lock = read_lock(path)
    relative = read_lock(folder / OWN_FOLDER / RELATIVE_LOCK) if lock else None
    held = {(*entry.key, entry.digest) for entry in relative.entries} if relative else set()
    entries = lock.entries if lock else ()
    return [entry.name for entry in entries if entry.relative is not None and (*entry.key, entry.digest) not in held]


def write_locks(path: Path, folder: Path, lock: Lock, manifest_name: str) -> bool:
    """Writes both locks, each only when it changed; says whether the one beside the manifest did."""
    relative = tuple(entry for entry in lock.entries if entry.relative is not None)
    own = folder / OWN_FOLDER / RELATIVE_LOCK
    if relative or own.exists():
        write_lock(own, Lock(server=lock.server, entries=relative), manifest_name)
    return write_lock(path, without_relative_requests(lock), manifest_name)


def without_relative_requests(lock: Lock) -> Lock:
    """Gives the lock as it lies beside the manifest."""
    entries = tuple(
        entry if entry.relative is None else msgspec.structs.replace(entry, requests=()) for entry in lock.entries
    )
    return msgspec.structs.replace(lock, entries=entries)


def is_current(lock: Lock, manifest: Manifest) -> bool:
    """Whether the lock was made from entries of the manifest's present meaning, on its server."""
    meant = [("download", one.name, entry_digest(one, manifest.settings)) for one in manifest.downloads]
    meant += [("row", one.name, entry_digest(one, manifest.settings)) for one in manifest.requests]
    locked = [(entry.kind, entry.name, entry.digest) for entry in lock.entries]
    return lock.server == manifest.server and sorted(meant) == sorted(locked)
