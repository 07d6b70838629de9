"""The job of one sync: what a manifest, its lock and whoever calls give to the engine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oncsync.limits import plan_terms, run_limits, settings_used
from oncsync.lockfile import Lock
from oncsync.manifest import Manifest

if TYPE_CHECKING:
    from oncsync.engine.planning import FolderJob


class SyncWish(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever starts a sync asks of it, besides what manifest and lock say.

    `only` names entries, `chunks` gives ids (None: all); `refresh` are ids of finished chunks that are fetched again,
    `resting` of those that failed lately and are left alone for now. `checked` says when ONC was asked for an entry.
    """

    retry_failed: bool = False
    only: tuple[str, ...] = ()
    chunks: frozenset[str] | None = None
    refresh: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()
    checked: dict[str, datetime] = {}
    take_over: bool = False
    wait_for_window: bool = True
    max_seconds: float | None = None
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
        limits=run_limits(settings, wait_for_window=wish.wait_for_window, max_seconds=wish.max_seconds),
        retry_failed=wish.retry_failed,
        only=wish.only,
        chunks=wish.chunks,
        refresh=wish.refresh,
        resting=wish.resting,
        checked=wish.checked,
        take_over=wish.take_over,
        lock_patience=wish.lock_patience,
    )
