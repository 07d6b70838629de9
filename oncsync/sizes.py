"""Sizes as people write and read them: `10GB`, `1.5 MiB`, `500 kB`."""

from __future__ import annotations

import re

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(?:([kKMGT])(i?)B?|B)?")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Gives the bytes of a size: units of 1000 (`kB`, `MB`, `GB`, `TB`) or of 1024 (`KiB`, ...), bytes without one.

    Raises `ValueError` for a text that is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text}` is not a size; write for example `500 kB`, `1.5 MB` or `2 GiB`")
    number, unit, binary = match.groups()
    factor: int = (1024 if binary else 1000) ** _POWERS[unit or ""]
    return round(float(number) * factor)


def size_text(number: int) -> str:
    """Gives bytes in units of 1000, as the service does."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
