"""What the lock that stands knows of an entry: its lines, and the options that were pinned. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from oncsync.lockfile import LockedRequest, LockEntry


class Earlier(msgspec.Struct, frozen=True):
    """The lines of an entry that meant the same, and the pinned options of those that need not have.

    Options that were pinned stay when the entry changes in another way: they are what keeps a series of one kind.
    """

    lines: tuple[LockedRequest, ...] = ()
    pins: dict[tuple[frozenset[tuple[str, str]], str, str], dict[str, str]] = {}

    def pinned(self, source: Mapping[str, str], code: str, extension: str) -> dict[str, str] | None:
        """Gives the options that were pinned for a product of a source, None when there are none to keep."""
        return self.pins.get((frozenset(source.items()), code, extension))


def read_earlier(old: LockEntry | None, digest: str, *, upgrade: bool = False) -> Earlier:
    """Gives what the lock knows of an entry whose meaning has the digest; `upgrade` lets the pinned options go."""
    if old is None:
        return Earlier()
    pins: dict[tuple[frozenset[tuple[str, str]], str, str], dict[str, str]] = {}
    for request in () if upgrade else old.requests:
        pinned = {key: value for key, value in request.defaults.items() if request.options.get(key) == value}
        if pinned or old.digest == digest:
            key = (frozenset(request.source.items()), request.data_product_code, request.extension)
            pins.setdefault(key, pinned)
    return Earlier(old.requests if old.digest == digest else (), pins)
