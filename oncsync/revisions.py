"""The lock as it was: in another file, or in a revision of the git repository it lies in."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from oncsync.errors import InputError
from oncsync.lockfile import Lock, parse_lock, shard_name, with_shards
from oncsync.locking import read_beside, refuse_faults, shards_folder

LAST_COMMIT = "HEAD"


def earlier_lock(path: Path, against: str | None) -> tuple[Lock | None, str]:
    """Gives the lock to compare with, None when there was none, and what to call it.

    `against` names a file or a revision, None the last commit. Raises `InputError` when there is neither, `LockError`
    for a lock in another form, or without the files of the archive that it speaks of.
    """
    if against is not None and Path(against).is_file():
        return read_beside(Path(against)), f"`{against}`"
    revision = against or LAST_COMMIT
    return _lock_in(path, revision), f"`{revision}`"


def _lock_in(path: Path, revision: str) -> Lock | None:
    hint = "name another lock, or a revision of the repository that the lock lies in: `--against FILE`"
    if revision.startswith("-"):
        raise InputError(f"`{revision}` is neither a file nor a revision", hint=hint)
    if _git(path.parent, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise InputError(f"`{revision}` is neither a file nor a revision of a repository here", hint=hint)
    content = _git(path.parent, "cat-file", "blob", f"{revision}:./{path.name}")
    return None if content is None else _whole(path, revision, parse_lock(content, f"{revision}:{path.name}"))


def _whole(path: Path, revision: str, lock: Lock) -> Lock:
    """Gives a revision's lock with the files of the archive, which lie in shards beside it."""
    folder = shards_folder(path).name
    summaries = [(entry, one) for entry in lock.entries for one in entry.requests if one.summary is not None]
    names = list(dict.fromkeys(shard_name(entry.name, request) for entry, request in summaries))
    contents = dict(zip(names, _blobs(path.parent, [f"{revision}:./{folder}/{name}" for name in names]), strict=True))

    def read(name: str) -> Lock | None:
        content = contents.get(name)
        return None if content is None else parse_lock(content, f"{revision}:{folder}/{name}")

    whole, faults = with_shards(lock, read)
    hint = f"`{folder}` belongs into git with the lock; compare with a revision that has both"
    refuse_faults(faults, f"{revision}:{folder}/", path.name, hint)
    return whole


def _blobs(folder: Path, names: Sequence[str]) -> list[bytes | None]:
    """Gives the contents of files in a revision, None for those that it does not have; asks git once for all."""
    if not names:
        return []
    answer = _git(folder, "cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode()) or b""
    blobs: list[bytes | None] = []
    place = 0
    for _ in names:
        end = answer.find(b"\n", place)
        head = answer[place:end].split(b" ") if end >= 0 else []
        if len(head) >= 3 and head[-2] == b"blob":
            size = int(head[-1])
            blobs.append(answer[end + 1 : end + 1 + size])
            place = end + size + 2
        else:
            blobs.append(None)
            place = end + 1 if end >= 0 else len(answer)
    return blobs


def _git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes | None:
    """Gives what git answers, None when it refuses or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, input=given or b"")  # noqa: S603
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
