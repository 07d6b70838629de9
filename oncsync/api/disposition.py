"""Reads the file name out of `Content-Disposition`, which the service misspells and does not quote.

Source: onc-api.md 1.6. The name is given as it came: it is untrusted, whoever writes the file makes it safe.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_EXTENDED = re.compile(r"(?:^|[;\s])filename\*\s*=\s*\"?(?P<charset>[\w.:-]*)'[^']*'(?P<name>[^;\"]*)", re.IGNORECASE)
_QUOTED = re.compile(r"(?:^|[;\s])filename\s*=\s*\"(?P<name>(?:[^\"\\]|\\.)*)\"", re.IGNORECASE)
_PLAIN = re.compile(r"(?:^|[;\s])filename\s*=\s*(?P<name>[^;]*)", re.IGNORECASE)


def file_name(header: str | None) -> str | None:
    """Gives the untrusted name that a header offers, None when it offers none.

    Understands `attachement; filename=NAME` (blanks included), quotes, and `filename*=UTF-8''NAME`, which wins.
    """
    if not header:
        return None
    text = _as_utf8(header)
    if match := _EXTENDED.search(text):
        name = _decode(match["name"].strip(), match["charset"])
        if name:
            return name
    if match := _QUOTED.search(text):
        name = re.sub(r"\\([\"\\])", r"\1", match["name"])
    else:
        match = _PLAIN.search(text)
        name = match["name"].strip().strip("\"'") if match else ""
    return name.strip() or None


def _as_utf8(header: str) -> str:
    """Undoes the reading of a header as Latin-1 when its bytes were UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _decode(quoted: str, charset: str) -> str:
    plain = unquote_to_bytes(quoted)
    try:
        return plain.decode(charset or "utf-8").strip()
    except (LookupError, UnicodeError):
        return plain.decode("utf-8", "replace").strip()
