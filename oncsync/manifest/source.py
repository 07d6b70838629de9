"""Reads the bytes of a file that a person wrote, and turns them into text, or says why that cannot be done."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from oncsync.errors import InputError
from oncsync.manifest.mistakes import UnreadableError
from oncsync.manifest.model import Place

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BLOCK = 1 << 18
_UTF8_HINT = "save the file as UTF-8"


def read_limited(path: Path, limit: int, name: str) -> bytes:
    """Gives the bytes of a file of at most `limit` bytes.

    Raises `InputError` when it cannot be read, `UnreadableError` when it is larger.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise InputError(
            f"There is no file `{name}`", hint="`oncsync init` starts a manifest; `-m FILE` names another one"
        ) from None
    except IsADirectoryError:
        raise InputError(f"`{name}` is a folder, not a file", hint="name the file inside it") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(f"Cannot read `{name}`: {reason}") from error
    if len(content) > limit:
        raise UnreadableError(
            Place(name, 1, 1),
            f"The file is larger than {limit // (1024 * 1024)} MiB",
            "long lists of exact requests belong in a CSV file: `requests: {file: requests.csv}`",
        )
    return content


def decode(content: bytes, name: str) -> str:
    """Gives the text of UTF-8 bytes, without a byte order mark and with `\\n` as line end; else `UnreadableError`."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in content[:4]:
        raise UnreadableError(Place(name, 1, 1), "The file is UTF-16, not UTF-8", _UTF8_HINT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        raise UnreadableError(_end_of(before, name), "A character here is not UTF-8", _UTF8_HINT) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    control = _CONTROL.search(text)
    if control is not None:
        code = f"U+{ord(control[0]):04X}"
        place = _end_of(text[: control.start()], name)
        raise UnreadableError(
            place, f"A control character ({code}) stands here", "remove it; it cannot be seen in most editors"
        )
    return text


def _end_of(text: str, name: str) -> Place:
    last = text.rfind("\n")
    return Place(name, text.count("\n") + 1, len(text) - last)


def content_digest(path: Path) -> str | None:
    """Gives a digest of a text file that line ends and a byte order mark do not change; None when it is unreadable."""
    digest = hashlib.sha256()
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block.encode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    return digest.hexdigest()


def shown_path(path: Path) -> str:
    """Gives a path as messages show it: relative to the current folder when it lies below it."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return str(path)


def path_beside(manifest: Path, name: str) -> Path | None:
    """Gives the path of a file that a manifest names; None when it would lie outside the manifest's folder."""
    base = manifest.parent.resolve()
    try:
        path = (base / name).resolve()
    except ValueError:  # a zero byte
        return None
    return path if path.is_relative_to(base) else None
