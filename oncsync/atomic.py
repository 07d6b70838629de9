"""Writes small documents so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from oncsync.errors import FolderError

_CURES = {
    **dict.fromkeys((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)), "free some space or choose another place"),
    errno.EROFS: "have the disk made writable or choose another place",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "get the right to write there or choose another place"),
}
_OTHER_CURE = "see that the place is there and can be written, or choose another"


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


def folder_error(path: Path, error: OSError, *, verb: Literal["write", "read"] = "write") -> FolderError:
    """Turns an operating-system error at `path` into the error a person reads."""
    reason = (error.strerror or str(error)).lower()
    cure = _CURES.get(error.errno or 0, _OTHER_CURE) if verb == "write" else "see that it can be read"
    if isinstance(error, FileExistsError | NotADirectoryError):
        cure = "move away the file that lies where a folder has to be"
    return FolderError(
        f"Cannot {verb} `{path}`: {reason}", hint=f"{cure}, then run the same command again: nothing is lost"
    )
