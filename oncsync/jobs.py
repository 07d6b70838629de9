"""The job of one sync: what a manifest, its lock and whoever calls give to the engine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oncsync.limits import plan_terms, run_limits, settings_used
from oncsync.lockfile import Lock, digest
from oncsync.manifest import Download, Manifest, Request, entry_digest, filter_digest

if TYPE_CHECKING:
    from oncsync.engine.claims import Asked
    from oncsync.engine.planning import FolderJob


class SyncWish(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever starts a sync asks of it, besides what manifest and lock say.

    `only` names entries, `chunks` gives ids (None: all); `refresh` are ids of finished chunks that are fetched again,
    `resting` of those that failed lately and are left alone for now. `checked` says when ONC was asked for an entry.
    From `ends_at` on, by the clock of the run that only grows, nothing new begins.
    """

    retry_failed: bool = False
    only: tuple[str, ...] = ()
    chunks: frozenset[str] | None = None
    refresh: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()
    checked: dict[str, datetime] = {}
    take_over: bool = False
    wait_for_window: bool = True
    ends_at: float | None = None
    lock_patience: float = 0.0


def folder_job(
    manifest: Manifest, lock: Lock, wish: SyncWish, *, folder: Path, state_path: Path, identity: str
) -> FolderJob:
    """Gives the engine's job; `identity` names the manifest from the folder's point of view."""
    from oncsync.engine.planning import FolderJob

    settings = manifest.settings
    return FolderJob(
        lock=lock,
        folder=folder,
        state_path=state_path,
        manifest_name=identity,
        server=manifest.server,
        settings=settings_used(settings),
        terms=plan_terms(settings),
        limits=run_limits(settings, wait_for_window=wish.wait_for_window, ends_at=wish.ends_at),
        retry_failed=wish.retry_failed,
        only=wish.only,
        chunks=wish.chunks,
        refresh=wish.refresh,
        resting=wish.resting,
        checked=wish.checked,
        asked=entries_asked(manifest, lock),
        take_over=wish.take_over,
        lock_patience=wish.lock_patience,
    )


def entries_asked(manifest: Manifest, lock: Lock) -> dict[str, Asked]:
    """Gives what the entries of a manifest ask for, as far as the lock was made from them as they are now."""
    from oncsync.engine.claims import Asked, entry_digests

    meanings = entry_digests(lock)
    asked = {}
    entries: list[Download | Request] = [*manifest.downloads, *manifest.requests]
    for entry in entries:
        key = f"{'download' if isinstance(entry, Download) else 'row'}/{entry.name}"
        own = entry_digest(entry, manifest.settings)
        if meanings.get(key) in (own, digest(["in part", own])):
            has_events = isinstance(entry, Download) and entry.events is not None
            asked[key] = Asked(filters=filter_digest(entry), begin=entry.begin, end=entry.end, has_events=has_events)
    return asked
