"""The lock as it was: in another file, or in a revision of the git repository it lies in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from oncsync.errors import InputError
from oncsync.lockfile import Lock, parse_lock, read_lock

LAST_COMMIT = "HEAD"


def earlier_lock(path: Path, against: str | None) -> tuple[Lock | None, str]:
    """Gives the lock to compare with, None when there was none, and what to call it.

    `against` names a file or a revision, None the last commit. Raises `InputError` when there is neither, `LockError`
    for a lock in another form.
    """
    if against is not None and Path(against).is_file():
        return read_lock(Path(against)), f"`{against}`"
    revision = against or LAST_COMMIT
    return _lock_in(path, revision), f"`{revision}`"


def _lock_in(path: Path, revision: str) -> Lock | None:
    hint = "name another lock, or a revision of the repository that the lock lies in: `--against FILE`"
    if revision.startswith("-"):
        raise InputError(f"`{revision}` is neither a file nor a revision", hint=hint)
    if _git(path.parent, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise InputError(f"`{revision}` is neither a file nor a revision of a repository here", hint=hint)
    content = _git(path.parent, "cat-file", "blob", f"{revision}:./{path.name}")
    return None if content is None else parse_lock(content, f"{revision}:{path.name}")


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Gives what git answers, None when it refuses or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
