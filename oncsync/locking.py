"""The lock beside the manifest and the one in the folder, read and written as one.

Requests of entries whose span moves with the clock change daily, so git does not carry them: they lie in
`<folder>/.oncsync/relative.lock`, and the lock beside the manifest names the entry and its expression only.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from oncsync.atomic import remove_leftovers
from oncsync.engine.disk import is_same_file, remove_empty_folders, remove_quietly
from oncsync.engine.folder import OWN_FOLDER
from oncsync.errors import DifferenceError, InputError
from oncsync.lockfile import (
    MAKER,
    Lock,
    LockEntry,
    LockError,
    has_conflicts,
    our_side,
    parse_lock,
    read_lock,
    shards_of,
    with_shards,
    write_lock,
)
from oncsync.manifest import Download, Manifest, Request, entry_digest, lock_path
from oncsync.naming import fold

RELATIVE_LOCK = "relative.lock"
_LEFTOVER = re.compile(r"\..+\.lock\.[0-9a-f]{12}\.part")
_HEAD = 4096
"""Bytes at the beginning of a lock in which it says what made it, conflicts or not."""


class Standing(msgspec.Struct, frozen=True):
    """What stands where the lock belongs: `fault` says why it has to be made anew.

    Of a lock with the marks of a conflict `lock` holds one side, of one that cannot be read at all nothing.
    """

    lock: Lock | None
    fault: LockError | None = None

    @property
    def sound(self) -> Lock | None:
        """The lock, unless it has to be made anew."""
        return self.lock if self.fault is None else None


class Drift(msgspec.Struct, frozen=True):
    """An entry whose lines in the lock were not made from what the manifest says now."""

    kind: str
    name: str
    change: str
    """`added` to the manifest, `removed` from it, or `changed` in it."""


def choose_lock_path(manifest: Path, named: Path | None, variables: Mapping[str, str]) -> Path:
    """Gives where the lock lies: beside the manifest, or where `--lock-file` says.

    Raises `InputError` for values of variables without a lock of their own, and for what is no lock.
    """
    beside = lock_path(manifest)
    path = beside if named is None else named.absolute()
    if variables and path == beside:
        values = " ".join(f"--set {name}=..." for name in sorted(variables))
        hint = f"name one for these values, such as `--lock-file {manifest.stem}-2.lock`"
        raise InputError(f"`{values}` gives the manifest another meaning, which needs a lock of its own", hint=hint)
    if path == beside or named is None:
        return path
    if path.suffix != ".lock":
        raise InputError(f"`{named}` is no name for a lock", hint=f"end it with `.lock`: `{path.stem}.lock`")
    if path.exists() and b"oncsync resolve" not in path.read_bytes()[:_HEAD]:
        raise InputError(f"`{named}` is there already and was not made by oncsync", hint="choose another name")
    return path


def own_lock_name(manifest: Path, path: Path) -> str:
    """Gives the name of the folder's own part of a lock: locks of several values of a variable have one each."""
    return RELATIVE_LOCK if path == lock_path(manifest) else f"{path.stem}.{RELATIVE_LOCK}"


def identity_of(manifest: Path, folder: Path) -> str:
    """Names a manifest from a folder's point of view, so that both can move together."""
    try:
        return Path(os.path.relpath(manifest, folder)).as_posix()
    except ValueError:  # another drive
        return manifest.as_posix()


def maker_of(path: Path, variables: Mapping[str, str]) -> str:
    """Gives the command that makes a lock again."""
    if not variables:
        return MAKER
    values = [f"--set {shlex.quote(f'{name}={value}')}" for name, value in sorted(variables.items())]
    return " ".join([MAKER, *values, "--lock-file", shlex.quote(path.name)])


def read_locks(path: Path, folder: Path, own_name: str = RELATIVE_LOCK) -> Lock | None:
    """Reads the lock at `path` with what the folder's own lock holds for it; None when there is no lock.

    Raises `LockError` when either is not in the canonical form.
    """
    lock = read_beside(path)
    return lock and _whole(lock, _read_own(lock, folder, own_name))


def read_beside(path: Path) -> Lock | None:
    """Reads the lock at `path` with its shards, without what the folder's own lock holds; None when there is none.

    Raises `LockError` when one of them is not in the canonical form, or does not hold what the lock says, `InputError`
    for a link that leads to no lock.
    """
    lock = read_lock(_behind_link(path), path.name)
    return lock and _with_shards(path, lock)


def _behind_link(path: Path) -> Path:
    """Gives where a lock lies; raises `InputError` when it is a link to what oncsync did not make (rule 7).

    A lock that is a link stays one, and what it leads to is read and written.
    """
    if not path.is_symlink():
        return path
    place = Path(os.path.realpath(path))
    if place.is_file() and (not place.stat().st_size or _is_ours(place)):
        return place
    state = "was not made by oncsync" if os.path.lexists(place) else "is not there"
    raise InputError(
        f"`{path.name}` is a link to `{place}`, which {state}", hint="mount the disk it leads to, or remove the link"
    )


def _with_shards(path: Path, lock: Lock) -> Lock:
    """Gives the lock with the files of its shards; raises `LockError` when some of them are not there."""
    folder = shards_folder(path)
    whole, faults = with_shards(lock, lambda name: read_lock(folder / name, f"{folder.name}/{name}"))
    refuse_faults(faults, f"{folder.name}/", path.name, "run `oncsync resolve`")
    return whole


def refuse_faults(faults: Sequence[str], place: str, lock_name: str, hint: str) -> None:
    """Raises `LockError` when shards do not hold what their lock says."""
    if faults:
        more = f" and {len(faults) - 1} more" if faults[1:] else ""
        verb = "do" if faults[1:] else "does"
        raise LockError(f"`{place}{faults[0]}`{more} {verb} not hold what `{lock_name}` says", hint=hint)


def _with_readable_shards(path: Path, lock: Lock) -> Lock:
    """Gives the lock with the files of its shards as far as they can be read, one side where branches disagree."""

    def read(name: str) -> Lock | None:
        try:
            return parse_lock(our_side((shards_folder(path) / name).read_bytes()), name)
        except (LockError, OSError):
            return None

    return with_shards(lock, read)[0]


def shards_folder(path: Path) -> Path:
    """Gives where the archive files of a lock stand."""
    return path.with_name(f"{path.name}.d")


def read_standing(path: Path, folder: Path, own_name: str = RELATIVE_LOCK) -> Standing:
    """Reads both locks as far as they can be read."""
    try:
        return Standing(read_locks(path, folder, own_name))
    except LockError as error:
        fault = error
    try:
        lock = read_lock(path)  # then it is a shard or the folder's own that is damaged
    except LockError:
        return Standing(_one_side(path, folder, own_name), fault)
    return Standing(lock and _with_readable_shards(path, lock), fault)


def _one_side(path: Path, folder: Path, own_name: str) -> Lock | None:
    content = path.read_bytes()
    if not has_conflicts(content):
        return None
    try:
        lock = _with_readable_shards(path, parse_lock(our_side(content), path.name))
        return _whole(lock, _read_own(lock, folder, own_name))
    except LockError:
        return None


def _read_own(lock: Lock, folder: Path, own_name: str) -> Lock | None:
    if all(entry.relative is None for entry in lock.entries):
        return None
    return read_lock(folder / OWN_FOLDER / own_name)


def _whole(lock: Lock, relative: Lock | None) -> Lock:
    held = {entry.key: entry for entry in relative.entries} if relative and relative.server == lock.server else {}
    if not held:
        return lock

    def whole(entry: LockEntry) -> LockEntry:
        other = held.get(entry.key)
        if entry.relative is None or other is None or other.digest != entry.digest:
            return entry
        return msgspec.structs.replace(entry, requests=other.requests)

    return msgspec.structs.replace(lock, entries=tuple(whole(entry) for entry in lock.entries))


def unresolved_here(lock: Lock, folder: Path, own_name: str = RELATIVE_LOCK) -> list[str]:
    """Gives the entries that move with the clock and that were never resolved for this folder in their present form."""
    relative = _read_own(lock, folder, own_name)
    held = {(*entry.key, entry.digest) for entry in relative.entries} if relative else set()
    return [
        entry.name for entry in lock.entries if entry.relative is not None and (*entry.key, entry.digest) not in held
    ]


def need_lock(path: Path, folder: Path, own_name: str, manifest: Manifest) -> Lock:
    """Gives the lock as it is; raises `InputError` when there is none for this manifest's server and this folder."""
    lock = read_locks(path, folder, own_name)
    if lock is None:
        raise InputError(f"There is no lock for `{manifest.path.name}`", hint="run `oncsync resolve`")
    if lock.server != manifest.server:
        raise InputError(
            f"The lock was made on `{lock.server}`, the manifest names `{manifest.server}`",
            hint="run `oncsync resolve`",
        )
    missing = unresolved_here(lock, folder, own_name)
    if missing:
        raise InputError(
            f"These entries move with the clock and are not resolved for this folder: {', '.join(missing)}",
            hint="run `oncsync resolve`, or `oncsync sync` without `--frozen`",
        )
    return lock


def write_locks(
    path: Path, folder: Path, lock: Lock, manifest_name: str, *, own_name: str = RELATIVE_LOCK, command: str = MAKER
) -> bool:
    """Writes both locks, each only when it changed; says whether the one beside the manifest did."""
    relative = tuple(entry for entry in lock.entries if entry.relative is not None)
    own = folder / OWN_FOLDER / own_name
    if relative or own.exists():
        write_lock(own, Lock(server=lock.server, entries=relative), manifest_name, command)
    place = _behind_link(path)
    for written_to in (place, own):
        remove_leftovers(written_to)
    written = _write_shards(path, lock, manifest_name, command)
    written |= write_lock(place, without_relative_requests(lock), manifest_name, command, is_summary=True)
    return written


def _write_shards(path: Path, lock: Lock, manifest_name: str, command: str) -> bool:
    """Writes the shards that changed, and removes those of ours that the lock has no more; says whether any changed."""
    folder = shards_folder(path)
    names: dict[str, Path] = {}
    changed = False
    for name, shard in shards_of(lock):
        names[fold(name)] = folder / name
        _check_shard(folder, folder / name)
        changed |= write_lock(folder / name, shard, manifest_name, command)
    for left in sorted(folder.glob("*/*.lock")):
        kept = names.get(fold(left.relative_to(folder).as_posix()))
        if (
            not (kept and is_same_file(left, kept)) and not _leads_away(folder, left) and _is_ours(left)
        ):  # one file may have names of either case
            remove_quietly(left)
            remove_empty_folders(left.parent, path.parent)
            changed = True
    for leftover in folder.glob("*/.*.part"):  # of a write that was killed
        if _LEFTOVER.fullmatch(leftover.name) and not _leads_away(folder, leftover):
            remove_quietly(leftover)
    return changed


def _check_shard(folder: Path, place: Path) -> None:
    """Raises `InputError` where a shard would lie behind a link that leads away, or in the place of somebody's file."""
    if _leads_away(folder, place):
        raise InputError(f"`{place.parent}` is a link that leads away; oncsync writes no lock there", hint="remove it")
    if place.exists() and place.stat().st_size and not _is_ours(place):
        raise InputError(f"`{place}` is there already and was not made by oncsync", hint="move it away")


def _leads_away(folder: Path, place: Path) -> bool:
    return folder.is_symlink() or place.parent.resolve().parent != folder.resolve()


def _is_ours(path: Path) -> bool:
    try:
        return not path.is_symlink() and MAKER.encode() in path.read_bytes()[:_HEAD]
    except OSError:
        return False


def without_relative_requests(lock: Lock) -> Lock:
    """Gives the lock as it lies beside the manifest."""
    entries = tuple(
        entry if entry.relative is None else msgspec.structs.replace(entry, requests=()) for entry in lock.entries
    )
    return msgspec.structs.replace(lock, entries=entries)


def is_current(lock: Lock, manifest: Manifest) -> bool:
    """Whether the lock was made from entries of the manifest's present meaning, on its server."""
    return lock.server == manifest.server and not any(find_drift(lock, manifest))


def check_drift(path: Path, folder: Path, own_name: str, manifest: Manifest) -> tuple[Drift, ...]:
    """Gives the entries that differ from what stands in the lock, by their digests alone.

    Raises `DifferenceError` when there is no lock, or one that cannot be read or is of another server.
    """
    try:
        lock = read_locks(path, folder, own_name)
    except LockError as error:
        raise DifferenceError(error.message, hint=error.hint) from None
    if lock is None:
        raise DifferenceError(f"There is no `{path.name}` for `{manifest.path.name}`", hint="run `oncsync resolve`")
    if lock.server != manifest.server:
        message = f"`{path.name}` was made on `{lock.server}`, the manifest names `{manifest.server}`"
        raise DifferenceError(message, hint="run `oncsync resolve`")
    return tuple(find_drift(lock, manifest))


def find_drift(lock: Lock, manifest: Manifest) -> Iterator[Drift]:
    """Yields the entries that differ, by their digests alone: those of the manifest, then those that it lacks."""
    times = Counter(entry.key for entry in lock.entries)
    digests = {entry.key: entry.digest for entry in lock.entries}
    meant: dict[tuple[str, str], Download | Request] = {("download", one.name): one for one in manifest.downloads}
    for key, one in (meant | {("row", row.name): row for row in manifest.requests}).items():
        if key not in digests:
            yield Drift(*key, "added")
        elif digests.pop(key) != entry_digest(one, manifest.settings) or times[key] > 1:
            yield Drift(*key, "changed")
    for kind, name in digests:
        yield Drift(kind, name, "removed")
