"""Looks at what people wrote: the manifest, and the lock that was made from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oncsync.doctor.findings import Fact, Finding, counted, of_error, skipped
from oncsync.errors import InputError, OncsyncError
from oncsync.locking import choose_lock_path, is_current, own_lock_name, read_locks, unresolved_here
from oncsync.manifest import Manifest, find_manifest, load_manifest

Checked = tuple[Finding, Manifest | None]


def check_manifest(
    named: str | None,
    folder: str | None,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    start: Path,
) -> Checked:
    """Reads the manifest that was named, or the one here or further up; working without one is no mistake."""
    if named is None:
        try:
            path = find_manifest(start)
        except InputError:
            return skipped("manifest", "there is no `oncsync.yaml` here or further up"), None
    else:
        path = start / named
    try:
        manifest = load_manifest(path, folder=folder, overrides=variables, environment=environment)
    except OncsyncError as error:
        return of_error("manifest", error), None
    counts = (len(manifest.downloads), len(manifest.requests))
    facts: dict[str, Fact] = {"path": str(path), "downloads": counts[0], "requests": counts[1]}
    what = f"`{path.name}` is valid: {counted(counts[0], 'download')}, {counted(counts[1], 'request')}"
    return Finding(name="manifest", verdict="ok", what=what, facts=facts), manifest


def check_lock(
    manifest: Manifest | None, lock_file: Path | None = None, variables: Mapping[str, str] | None = None
) -> Finding:
    """Says whether the lock can be read and was made from what the manifest says now; asks nobody."""
    if manifest is None:
        return skipped("lock", "without a manifest there is no lock")
    try:
        path = choose_lock_path(manifest.path, lock_file, variables or {})
    except InputError as error:
        return of_error("lock", error)
    own_name = own_lock_name(manifest.path, path)
    facts: dict[str, Fact] = {"path": str(path), "current": False}

    def warning(what: str) -> Finding:
        hint = "run `oncsync resolve`; `oncsync sync` does it as well, unless `--locked` or `--frozen` is given"
        return Finding(name="lock", verdict="warning", what=what, hint=hint, facts=facts)

    try:
        lock = read_locks(path, manifest.folder, own_name)
        if lock is None:
            return warning(f"there is no `{path.name}` yet")
        if not is_current(lock, manifest):
            return warning(f"`{path.name}` is out of date: it was not made from what the manifest says now")
        moving = unresolved_here(lock, manifest.folder, own_name)
    except OncsyncError as error:
        return of_error("lock", error)
    if moving:
        return warning(f"entries that move with the clock are not resolved for this folder: {', '.join(moving)}")
    chunks = len({chunk.id for _, _, chunk in lock.chunks()})
    facts |= {"current": True, "chunks": chunks}
    return Finding(
        name="lock", verdict="ok", what=f"`{path.name}` is up to date: {counted(chunks, 'chunk')}", facts=facts
    )
