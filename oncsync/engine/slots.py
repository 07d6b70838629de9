"""The quota: at most `runThreads` orders alive at the service, across every oncsync of this user on this machine.

One small record per order lies in the user's state directory, one file per server, changed only under a short lock
(rule 2, R91, R94, open question 22). A slot is freed when its order is seen ended, not when its process dies; a slot
whose order never got an id is freed with its process, because such an order never ran.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from oncsync.atomic import write_atomic
from oncsync.errors import FolderError

LOCK_PATIENCE = 10.0
UNCONFIRMED_LIFE = timedelta(minutes=10)


class Slot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One order that counts against the limit. `order` is its `dpRequestId`, None until the service gave it."""

    id: str
    chunk: str
    folder: str
    host: str
    process: int
    since: datetime
    expires: datetime
    order: int | None = None


class SlotBook:
    """The slots of one server. Every call reads, changes and writes the records under a lock."""

    def __init__(
        self, directory: Path, server: str, folder: Path, *, warn: Callable[[str], None] = lambda text: None
    ) -> None:
        self._path = directory / f"{hashlib.sha256(server.encode()).hexdigest()[:16]}.json"
        self._folder = str(folder)
        self._warn = warn
        self._host = socket.gethostname()
        self._own: list[Slot] = []  # used alone where the directory cannot be shared
        self._is_shared = True

    def take(self, chunk: str, limit: int, now: datetime, life: timedelta) -> str | None:
        """Takes a slot for a new order; None when `limit` orders are alive."""
        with self._records(now) as records:
            if len(records) >= limit:
                return None
            slot = self._slot(chunk, now, life, order=None)
            records.append(slot)
            return slot.id

    def adopt(self, chunk: str, order: int, now: datetime, life: timedelta) -> str:
        """Takes over the slot of an order that lives already, also when the limit is reached: it counts either way."""
        with self._records(now) as records:
            for position, slot in enumerate(records):
                if slot.order == order:
                    records[position] = msgspec.structs.replace(
                        slot, process=os.getpid(), host=self._host, folder=self._folder, chunk=chunk
                    )
                    return slot.id
            slot = self._slot(chunk, now, life, order)
            records.append(slot)
            return slot.id

    def confirm(self, slot_id: str, order: int, now: datetime) -> None:
        """Notes the id that the service gave the order of a slot."""
        with self._records(now) as records:
            for position, slot in enumerate(records):
                if slot.id == slot_id:
                    records[position] = msgspec.structs.replace(slot, order=order)

    def free(self, slot_id: str, now: datetime) -> None:
        """Gives a slot back."""
        with self._records(now) as records:
            records[:] = [slot for slot in records if slot.id != slot_id]

    def alive(self, now: datetime) -> list[Slot]:
        """Gives the slots that are taken."""
        with self._records(now) as records:
            return list(records)

    def _slot(self, chunk: str, now: datetime, life: timedelta, order: int | None) -> Slot:
        return Slot(
            id=secrets.token_hex(8),
            chunk=chunk,
            folder=self._folder,
            host=self._host,
            process=os.getpid(),
            since=now,
            expires=now + life,
            order=order,
        )

    @contextmanager
    def _records(self, now: datetime) -> Iterator[list[Slot]]:
        if not self._is_shared:
            yield self._own
            return
        try:
            with self._locked():
                before = self._read()
                records = [slot for slot in before if self._counts(slot, now)]
                yield records
                if records != before:
                    write_atomic(self._path, msgspec.json.encode(records))
        except _CannotShareError as error:
            self._is_shared = False
            self._warn(f"The limit on orders holds for this folder alone: {error}")
            yield self._own

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import portalocker

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            guard = portalocker.Lock(str(self._path.with_suffix(".lock")), mode="a", timeout=LOCK_PATIENCE)
            guard.acquire()
        except (OSError, portalocker.LockException) as error:
            raise _CannotShareError(f"`{self._path.parent}` cannot be locked ({error})") from None
        try:
            yield
        except FolderError as error:
            raise _CannotShareError(str(error)) from None
        finally:
            guard.release()

    def _read(self) -> list[Slot]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Slot])
        except (FileNotFoundError, msgspec.DecodeError):
            return []
        except OSError as error:
            raise _CannotShareError(f"`{self._path}` cannot be read ({error})") from None

    def _counts(self, slot: Slot, now: datetime) -> bool:
        if slot.expires <= now:
            return False
        if slot.order is not None:
            return True
        if slot.host == self._host and sys.platform != "win32":
            return is_process_alive(slot.process)
        return now - slot.since < UNCONFIRMED_LIFE


class _CannotShareError(Exception):
    """Says why slots cannot be shared with other processes."""


def is_process_alive(process: int) -> bool:
    """Whether a process of this machine exists. Always true where asking could harm it (Windows)."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
