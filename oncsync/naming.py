"""Names and places that are safe on every system, whatever the service sends or a manifest asks for. Pure.

Nothing here ever leads out of the folder: a place is made of components, and every component is cleaned by itself
(R48, P20, open questions 19 and 29).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

LATEST_FOLDER = "latest"
"""Where the newest files of a download lie a second time; no place of a file begins so, and no file is called so."""
META_FOLDER = "_meta"
"""Where metadata lie beside the files they describe; no file has this name."""
MOST_NAME_BYTES = 180
"""Leaves room below the 255 bytes of common file systems for `~`, a chunk id and a number."""

TEMPLATE_FIELDS = (
    "locationCode",
    "deviceCode",
    "deviceCategoryCode",
    "propertyCode",
    "dataProductCode",
    "extension",
    "name",
    "year",
    "month",
    "day",
    "begin",
    "end",
)

_FORBIDDEN = re.compile(
    r'[<>:"|?*/\\\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]'
)
_RESERVED = re.compile(r"(?i)(?:(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\..*)?|\.oncsync)\Z")
"""Names that Windows keeps for devices, and oncsync's own place, which no code and no file may be called."""
_FIELD = re.compile(r"\{([^{}]*)\}")


class TemplateError(ValueError):
    """Says why a `path` is no template of a place in the folder."""


@lru_cache(maxsize=4096)
def safe_component(text: str, fallback: str = "_") -> str:
    """Gives one path component that every system takes, as near to `text` as possible; never `.`, `..` or empty."""
    name = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    name = _shorten(_trim(_FORBIDDEN.sub("_", name)))
    if not name.strip("._ "):
        return fallback
    return _shorten(f"_{name}") if _RESERVED.match(name) else name


def fold(path: str) -> str:
    """Gives what two paths have in common that a file system may take for one: case and composition do not count."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _trim(name: str) -> str:
    """Takes blanks off both ends, and off the end the dots that Windows drops."""
    while name != (trimmed := name.strip().rstrip(".")):
        name = trimmed
    return name


def safe_file_name(raw: str | None, fallback: str) -> str:
    """Gives a file name from what the service calls a file: its last component, cleaned."""
    last = re.split(r"[/\\]", raw or "")[-1]
    name = safe_component(last, fallback)
    return f"{name}_" if name.casefold() == META_FOLDER else name


def _shorten(name: str) -> str:
    """Cuts the stem so that the name fits; the extensions stay as long as they are short."""
    if len(name.encode()) <= MOST_NAME_BYTES:
        return name
    stem, suffix = split_suffix(name)
    room = MOST_NAME_BYTES - len(suffix.encode())
    return _trim(stem.encode()[:room].decode("utf-8", "ignore")) + suffix


def split_suffix(name: str) -> tuple[str, str]:
    """Splits `a.b.csv` into `a.b` and `.csv`; a suffix is short and never the whole name."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix.encode()) > 16:
        return name, ""
    return stem, dot + suffix


def with_mark(name: str, mark: str) -> str:
    """Gives the name with `~mark` before its suffix, which tells it from another file of that name."""
    stem, suffix = split_suffix(name)
    return f"{stem}~{mark}{suffix}"


def check_template(template: str) -> None:
    """Raises `TemplateError` for a template that leaves the folder or names a field that does not exist."""
    if not template.strip():
        raise TemplateError("`path` is empty")
    if template.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", template):
        raise TemplateError(f"`{template}` leaves the folder; a path is relative to it")
    parts = [part.strip() for part in re.split(r"[/\\]", template)]
    if ".." in parts:
        raise TemplateError(f"`{template}` leaves the folder; `..` is not possible in a path")
    first = next((part for part in parts if part not in ("", ".")), "").rstrip(". ").casefold()
    if first in (".oncsync", LATEST_FOLDER):
        raise TemplateError(f"`{first}` is oncsync's own place in the folder; choose another one")
    for field in _FIELD.findall(template):
        if field not in TEMPLATE_FIELDS:
            known = ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
            raise TemplateError(f"`{{{field}}}` is no field of a path; use {known}")
    if re.search(r"[{}]", _FIELD.sub("", template)):
        raise TemplateError(f"`{template}` has a single brace; fields are written `{{year}}`")


def fill_template(template: str, fields: Mapping[str, str]) -> list[str]:
    """Gives the components of the place a template means; those that come out empty are left out.

    Values are cleaned before they are put in, so a code with a slash stays one component.
    """

    def value(match: re.Match[str]) -> str:
        text = fields.get(match[1], "")
        return safe_component(text) if text else ""

    parts = [_FIELD.sub(value, part) for part in re.split(r"[/\\]", template)]
    return [safe_component(part) for part in parts if part.strip() not in ("", ".")]
