"""A lock in which git left the marks of a conflict. Pure.

Such a lock is resolved again; one side of it is read meanwhile, for the lines of entries that cannot be asked, and for
those that were pinned.
"""

from __future__ import annotations

_OURS, _BASE, _THEIRS, _END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"


def has_conflicts(content: bytes) -> bool:
    """Whether git left the marks of a conflict; no line that oncsync writes begins as one of them."""
    return any(line.startswith((_OURS, _END)) for line in content.splitlines())


def our_side(content: bytes) -> bytes:
    """Gives the text without the marks, and of each conflict the lines of the branch that was merged into."""
    kept: list[bytes] = []
    is_ours = True
    for line in content.splitlines(keepends=True):
        if line.startswith(_OURS) or line.startswith(_END):
            is_ours = True
        elif line.startswith((_BASE, _THEIRS)):
            is_ours = False
        elif is_ours:
            kept.append(line)
    return b"".join(kept)
