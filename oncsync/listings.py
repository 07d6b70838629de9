"""Keeps what was listed of archive files, and when, in the user's cache: it lets the next resolve ask for news alone.

Nothing depends on it: without it, or with one that is damaged or of another lock, everything is listed. It holds codes
and times, no token and no file name. Two processes may use it at once: the last one wins, and what it says is checked
against the lines of the lock before anything is made of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from oncsync.atomic import write_atomic
from oncsync.cache import MINE_TO_READ, ONLY_MINE, read_own
from oncsync.errors import FolderError

FORMAT = 1
MOST_DOCUMENTS = 200

Key: TypeAlias = tuple[str, str]
"""Kind and name of an entry in the lock."""
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_OURS = re.compile(r"[0-9a-f]{64}\.json")


class DeviceListing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What was listed of one device: when anything was asked last, and when everything was.

    `spans` are those of the data that were asked for, `question` names what else decided about them, and `lines` the
    lines that the lock had of the device afterwards.
    """

    asked: _Instant
    full: _Instant
    spans: tuple[tuple[_Instant, _Instant], ...]
    question: str
    lines: str


class EntryListing(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What was listed of the devices of an entry whose meaning has the digest."""

    digest: str
    devices: dict[str, DeviceListing] = {}


Listings: TypeAlias = Mapping[Key, EntryListing]
"""What was listed, by the key of the entry in the lock."""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    manifest: str
    lock: str
    server: str
    entries: list[tuple[str, str, EntryListing]]


class ListingNotes:
    """What was listed for one lock of one manifest, on one server."""

    def __init__(self, manifest: Path, lock: Path, server: str) -> None:
        self._about = (_text(manifest), _text(lock), server)

    def read(self) -> dict[Key, EntryListing]:
        """Gives what was listed for each entry; nothing when that is not known."""
        try:
            document = msgspec.json.decode(read_own(self._place), type=_Document)
        except (OSError, ValueError):
            return {}
        if (document.format, document.manifest, document.lock, document.server) != (FORMAT, *self._about):
            return {}
        return {(kind, name): listing for kind, name, listing in document.entries}

    def keep(self, listings: Listings) -> None:
        """Remembers what was listed, if the disk takes it; nothing is written when that is known already."""
        if listings == self.read():
            return
        entries = [(kind, name, listing) for (kind, name), listing in sorted(listings.items(), key=lambda one: one[0])]
        content = msgspec.json.encode(_Document(FORMAT, *self._about, entries))
        with contextlib.suppress(OSError, FolderError):
            self._place.parent.mkdir(mode=ONLY_MINE, parents=True, exist_ok=True)
            write_atomic(self._place, content, mode=MINE_TO_READ)
            _tidy(self._place.parent)

    @property
    def _place(self) -> Path:
        import platformdirs

        name = hashlib.sha256("\0".join(self._about).encode()).hexdigest()
        return Path(platformdirs.user_cache_dir("oncsync", appauthor=False)) / "listings" / f"{name}.json"


def _text(path: Path) -> str:
    """Gives a path as a text that JSON takes, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _tidy(folder: Path) -> None:
    """Removes the documents that were not written for longest, when there are very many."""
    ours = [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]
    for path in sorted(ours, key=lambda one: one.lstat().st_mtime, reverse=True)[MOST_DOCUMENTS:]:
        path.unlink()
