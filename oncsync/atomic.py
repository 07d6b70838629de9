"""Writes small documents so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from oncsync.errors import FolderError

_CURES = {
    **dict.fromkeys((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)), "free some space or choose another place"),
    errno.EROFS: "have the disk made writable or choose another place",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "get the right to write there or choose another place"),
    errno.EFBIG: "raise the limit on the size of a file (`ulimit -f`) or choose a disk that takes files of this size",
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "move away the file that lies where a folder has to be"),
    errno.EISDIR: "move away the folder that lies where a file has to be",
    errno.ENAMETOOLONG: "choose a shorter `folder` or `path`",
}
_OTHER_CURES = {
    "write": "see that the place is there and can be written, or choose another",
    "read": "see that it can be read",
}
_TOO_MANY_OPEN = dict.fromkeys(
    (errno.EMFILE, errno.ENFILE), "raise the limit on open files (`ulimit -n`) or close other programs"
)
LEFT_BEHIND_AFTER = 600.0
"""Seconds after which a half-written file has no writer any more: one that lives writes on, or renames it at once."""


def write_atomic(
    path: Path, content: bytes | Iterable[bytes], *, mode: int | None = None, durable: bool = False
) -> None:
    """Replaces `path` by `content`, whole or in pieces, in one step; the parent folder is made when it is missing.

    The new file follows the umask unless `mode` is given. With `durable` the bytes are on disk before the rename.
    Raises `FolderError` when the disk is full or the place cannot be written; the old file is then still whole.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
        try:
            with open(descriptor, "wb") as stream:
                stream.writelines([content] if isinstance(content, bytes) else content)
                if durable:
                    stream.flush()
                    os.fsync(stream.fileno())
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise
    except OSError as error:
        raise folder_error(path, error) from error


def write_if_changed(path: Path, content: bytes) -> bool:
    """Replaces `path` only when its bytes differ, so that an unchanged file keeps its mtime; says whether it did."""
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    except OSError as error:
        raise folder_error(path, error, verb="read") from error
    write_atomic(path, content)
    return True


def remove_leftovers(path: Path, *, older_than: float = LEFT_BEHIND_AFTER) -> None:
    """Removes what killed writers of `path` left beside it, unless it was written to in the last seconds.

    Whoever holds a lock against every other writer gives `older_than=0`. What cannot be removed now is left.
    """
    leftover = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.part")
    with contextlib.suppress(OSError):
        found = [entry for entry in path.parent.iterdir() if leftover.fullmatch(entry.name)]
        for part in found:
            if not older_than or time.time() - part.lstat().st_mtime > older_than:
                part.unlink()


def folder_error(path: Path, error: OSError, *, verb: Literal["write", "read"] = "write") -> FolderError:
    """Turns an operating-system error at `path` into the error a person reads."""
    reason = (error.strerror or str(error)).lower()
    cures = _TOO_MANY_OPEN | _CURES if verb == "write" else _TOO_MANY_OPEN
    cure = cures.get(error.errno or 0, _OTHER_CURES[verb])
    return FolderError(
        f"Cannot {verb} `{path}`: {reason}", hint=f"{cure}, then run the same command again: nothing is lost"
    )
