"""One resolve of one manifest: which entries are asked about, which keep their lines, and what is pinned."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from oncsync.errors import InputError
from oncsync.listings import Listings
from oncsync.lockfile import Lock, LockEntry, sort_entries
from oncsync.manifest import Download, Manifest, Request, entry_digest

if TYPE_CHECKING:
    from oncsync.api import Session
    from oncsync.resolver import Resolution

Key: TypeAlias = tuple[str, str]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be resolved: every entry, unless `refresh` names those to ask about.

    `pin` names entries whose span moves with the clock and that shall stand still from now on, `upgrade` takes the
    pinned options anew, `allow_many` lets an entry mean more chunks than anyone asks for by accident. With
    `only_moving`, entries that stand still and whose meaning did not change keep their lines. `full` lists all archive
    files in place of those that came since, also of entries that stand still.
    """

    refresh: tuple[str, ...] = ()
    pin: tuple[str, ...] = ()
    upgrade: bool = False
    allow_many: bool = False
    only_moving: bool = False
    full: bool = False


def resolve_wish(
    manifest: Manifest,
    session: Session,
    now: Callable[[], datetime],
    previous: Lock | None,
    wish: Wish,
    listings: Callable[[], Listings] = dict,
) -> tuple[Resolution, tuple[str, ...]]:
    """Gives the lock that the manifest means, and notices about entries that were left as they are.

    `listings` tells, when archive files are asked about, what was listed when `previous` was made.

    An entry that was pinned keeps its lines until it is refreshed, pinned again, or changed in the manifest.
    Raises `InputError` for names that do not exist or cannot be pinned, and what `resolve_manifest` raises.
    """
    from oncsync.resolver import resolve_manifest

    _check_wish(manifest, previous, wish)
    before = {entry.key: entry for entry in previous.entries} if previous and previous.server == manifest.server else {}
    entries = _entries_of(manifest)
    asked = {key for key, one in entries.items() if _is_asked(key, one, manifest, before.get(key), wish)}
    part = msgspec.structs.replace(
        manifest,
        downloads=tuple(one for one in manifest.downloads if ("download", one.name) in asked),
        requests=tuple(one for one in manifest.requests if ("row", one.name) in asked),
    )
    known = listings() if any(map(is_archive, part.downloads)) else {}
    resolution = resolve_manifest(
        part,
        session,
        now,
        previous,
        allow_many=wish.allow_many,
        upgrade=wish.upgrade,
        listings=known,
        full=wish.full,
    )
    failed = {failure.entry for failure in resolution.failures}
    names = set(wish.pin) - failed
    resolved = {entry.key: _pinned(entry) if entry.name in names else entry for entry in resolution.lock.entries}
    kept = {key: entry for key, entry in before.items() if key not in asked and (wish.refresh or key in entries)}
    lock = Lock(server=manifest.server, entries=_in_order([*entries], resolved | kept))
    listed = {key: one for key, one in known.items() if key in kept} | dict(resolution.listings)
    return msgspec.structs.replace(resolution, lock=lock, listings=listed), tuple(
        _left_behind(entries, before, asked, manifest)
    )


def _entries_of(manifest: Manifest) -> dict[Key, Download | Request]:
    entries: dict[Key, Download | Request] = {("download", one.name): one for one in manifest.downloads}
    return entries | {("row", one.name): one for one in manifest.requests}


def _is_asked(key: Key, one: Download | Request, manifest: Manifest, old: LockEntry | None, wish: Wish) -> bool:
    if wish.refresh:
        return one.name in wish.refresh
    if old is None or one.name in wish.pin or old.digest != entry_digest(one, manifest.settings):
        return True
    is_due = not wish.only_moving or old.relative is not None or (wish.full and is_archive(one))
    return old.pinned is None and is_due


def is_archive(one: Download | Request) -> bool:
    """Whether an entry means files that lie in the archive."""
    return isinstance(one, Download) and one.service == "archivefile"


def needs_asking(manifest: Manifest, lock: Lock, wish: Wish) -> bool:
    """Whether something of a lock that fits the manifest has to be asked about again before a sync."""
    moves = any(entry.relative is not None for entry in lock.entries)
    return moves or (wish.full and any(map(is_archive, manifest.downloads)))


def _pinned(entry: LockEntry) -> LockEntry:
    return msgspec.structs.replace(entry, relative=None, pinned=entry.relative) if entry.relative else entry


def _in_order(meant: Sequence[Key], entries: Mapping[Key, LockEntry]) -> tuple[LockEntry, ...]:
    """Gives entries in lock order: rows as the manifest has them, those it does not have behind them."""
    keys = [key for key in meant if key in entries]
    return sort_entries([entries[key] for key in [*keys, *(key for key in entries if key not in set(keys))]])


def _left_behind(
    entries: Mapping[Key, Download | Request], before: Mapping[Key, LockEntry], asked: set[Key], manifest: Manifest
) -> Iterable[str]:
    """Says which entries are not as the manifest has them, because they were not to be asked about."""
    new = [one.name for key, one in entries.items() if key not in asked and key not in before]
    changed = [
        one.name
        for key, one in entries.items()
        if key not in asked and key in before and before[key].digest != entry_digest(one, manifest.settings)
    ]
    for names, how in ((new, "not in the lock yet"), (changed, "changed in the manifest")):
        if names:
            listed = ", ".join(f"`{name}`" for name in names)
            yield f"Not asked about, though {how}: {listed}; `oncsync resolve` without `--refresh` does it"
    loosened = [
        f"`{one.name}`"
        for key, one in entries.items()
        if key in asked and key in before and before[key].pinned and before[key].digest != _digest(one, manifest)
    ]
    if loosened:
        yield f"No longer pinned, because the manifest changed: {', '.join(loosened)}"


def _digest(one: Download | Request, manifest: Manifest) -> str:
    return entry_digest(one, manifest.settings)


def _check_wish(manifest: Manifest, previous: Lock | None, wish: Wish) -> None:
    """Raises `InputError` for what cannot be done with this manifest and this lock."""
    from oncsync.resolver.spans import span_expression

    check_names(manifest, [*wish.refresh, *wish.pin])
    for one in _entries_of(manifest).values():
        if one.name in wish.pin and span_expression(one.begin, one.end) is None:
            message = f"`{one.name}` does not move with the clock: there is nothing to pin"
            raise InputError(message, hint="its requests stand in the lock already")
        if one.name in wish.pin and wish.refresh and one.name not in wish.refresh:
            raise InputError(f"`{one.name}` cannot be pinned without being asked about", hint="name it in `--refresh`")
    if wish.refresh and previous is None:
        raise InputError("There is no lock in which single entries could be refreshed", hint="run `oncsync resolve`")
    if wish.refresh and previous is not None and previous.server != manifest.server:
        raise InputError(
            f"The lock was made on `{previous.server}`, the manifest names `{manifest.server}`",
            hint="run `oncsync resolve` without `--refresh`",
        )


def check_names(manifest: Manifest, names: Iterable[str]) -> None:
    """Raises `InputError` for a name that no entry has."""
    known = [one.name for one in _entries_of(manifest).values()]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else None
            raise InputError(f"`{manifest.path.name}` has no entry `{name}`", hint=hint)
