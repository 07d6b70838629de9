"""The room on the disk of the folder: what `minFree` keeps, and what the transfers under way will still take of it.

Transfers ask from their threads before they write, so that no file ends below the limit that was not below it before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from oncsync.atomic import folder_error
from oncsync.errors import FolderError
from oncsync.sizes import size_text


class Room:
    """What may still be written on a disk on which `kept` bytes stay free; None: as much as there is."""

    def __init__(self, folder: Path, kept: int | None, free_space: Callable[[Path], int]) -> None:
        self._folder = folder
        self._kept = kept
        self._free_space = free_space
        self._lock = threading.Lock()
        self._to_come = 0
        self.lack: FolderError | None = None
        """Why something could not be written, once that was so."""

    def take(self, count: int = 0) -> bool:
        """Counts so many bytes as to come, if there is room for them beside all that is to come; else notes the lack.

        Raises `FolderError` when the disk does not say how much is free.
        """
        if self._kept is None:
            return True
        with self._lock:
            try:
                free = self._free_space(self._folder)
            except OSError as error:
                raise folder_error(self._folder, error, verb="read") from error
            to_come = self._to_come + count
            if free - to_come >= self._kept:
                self._to_come = to_come
                return True
            self.lack = self.lack or self._lack(free, self._kept, to_come)
            return False

    def give_back(self, count: int) -> None:
        """Counts so many bytes as to come no more: they are on the disk, or will not be."""
        with self._lock:
            self._to_come = max(0, self._to_come - count)

    def _lack(self, free: int, kept: int, to_come: int) -> FolderError:
        message = f"Only {size_text(free)} are free on the disk of `{self._folder}`, `minFree` keeps {size_text(kept)}"
        more = f", and {size_text(to_come)} are to come" if free >= kept else ""
        hint = "free some space or lower `minFree`, then run the same command again: nothing is lost"
        return FolderError(message + more, hint=hint)


UNLIMITED = Room(Path(), None, lambda place: 0)
"""As much room as there is."""


class Share:
    """The part of the room that one transfer takes: all that was announced, or block by block."""

    def __init__(self, room: Room, announced: int | None) -> None:
        self._room = room
        self._announced = announced or 0
        self._left = 0

    def covers(self, count: int) -> bool:
        """Whether so many bytes may be written now."""
        if count > self._left:
            lacking = max(count, self._announced) - self._left
            if not self._room.take(lacking):
                return False
            self._left += lacking
            self._announced = 0
        return True

    def wrote(self, count: int) -> None:
        """Notes that so many bytes are on the disk."""
        self._left -= count
        self._room.give_back(count)

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give_back(self._left)
