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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from oncsync.atomic import write_atomic
from oncsync.errors import FolderError
from oncsync.timespan import LAST_INSTANT

LOCK_PATIENCE = 10.0
LOCK_INTERVAL = 0.02
UNCONFIRMED_LIFE = timedelta(minutes=10)
"""How long an order without an id counts when nobody can tell whether its process lives."""
LONGEST_REQUEST = timedelta(hours=2)
"""After this a process that seems to live has another's number: no question is asked for so long."""

T = TypeVar("T")


class Slot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One order that counts against the limit. `order` is its `dpRequestId`, None until the service gave it.

    `date_to` is the end that was sent: a folder that has lost its state takes its orders up by it.
    """

    id: str
    chunk: str
    folder: str
    host: str
    process: int
    since: datetime
    expires: datetime
    order: int | None = None
    date_to: datetime | None = None


def slots_folder() -> Path:
    """Gives the place of the records in the user's state directory."""
    import platformdirs

    return Path(platformdirs.user_state_dir("oncsync", appauthor=False)) / "slots"


def records_path(directory: Path, server: str) -> Path:
    """Gives where the records of one server lie."""
    return directory / f"{hashlib.sha256(server.encode()).hexdigest()[:16]}.json"


def read_slots(directory: Path, server: str, now: datetime) -> list[Slot]:
    """Gives the slots of one server that have not expired, as they stand there; changes nothing, waits for nobody."""
    try:
        slots = msgspec.json.decode(records_path(directory, server).read_bytes(), type=list[Slot])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [slot for slot in slots if slot.expires > now]


class SlotBook:
    """The slots of one server. Every call reads, changes and writes the records under a lock.

    Whoever makes one for a folder holds that folder: no other process places orders for it.
    """

    def __init__(
        self, directory: Path, server: str, folder: Path, *, warn: Callable[[str], None] = lambda text: None
    ) -> None:
        self._path = records_path(directory, server)
        self._folder = str(folder).encode("utf-8", "backslashreplace").decode()
        self._warn = warn
        self._host = socket.gethostname()
        self._own: list[Slot] = []
        """The slots taken here, which count alone where the directory cannot be shared."""
        self._is_shared = True

    @property
    def path(self) -> Path:
        """Where the records of this server lie."""
        return self._path

    def is_ours(self, slot: Slot) -> bool:
        """Whether an order was placed for this folder."""
        return slot.folder == self._folder

    def folders_elsewhere(self, slots: Iterable[Slot]) -> list[str]:
        """Gives the other folders that orders were placed for."""
        return sorted({slot.folder for slot in slots if not self.is_ours(slot)})

    def take(
        self, chunk: str, limit: int, now: datetime, life: timedelta, date_to: datetime | None = None
    ) -> str | None:
        """Takes a slot for a new order of a chunk up to `date_to`; None when `limit` orders are alive."""
        slot = self._slot(chunk, now, life, order=None, date_to=date_to)

        def add(slots: list[Slot]) -> str | None:
            if len(slots) >= limit:
                return None
            slots.append(slot)
            return slot.id

        return self._change(now, add)

    def adopt(
        self,
        chunk: str,
        order: int,
        now: datetime,
        life: timedelta,
        limit: int | None = None,
        date_to: datetime | None = None,
    ) -> str | None:
        """Takes over the slot of an order that lives already, also when the limit is reached: it counts either way.

        With a `limit`, one that has no slot begins to work only now and waits its turn: None when `limit` are alive.
        """
        fresh = self._slot(chunk, now, life, order, date_to)

        def take_over(slots: list[Slot]) -> str | None:
            known = next((slot for slot in slots if slot.order == order), None)
            if known is None and limit is not None and len(slots) >= limit:
                return None
            if known is None:
                slots.append(fresh)
                return fresh.id
            mine = {"process": os.getpid(), "host": self._host, "folder": self._folder, "chunk": chunk}
            slots[slots.index(known)] = msgspec.structs.replace(known, **mine)
            return known.id

        return self._change(now, take_over)

    def confirm(self, slot_id: str, order: int, now: datetime) -> None:
        """Notes the id that the service gave the order of a slot."""

        def note(slots: list[Slot]) -> None:
            slots[:] = [msgspec.structs.replace(one, order=order) if one.id == slot_id else one for one in slots]

        self._change(now, note)

    def free(self, slot_id: str, now: datetime) -> None:
        """Gives a slot back."""

        def remove(slots: list[Slot]) -> None:
            slots[:] = [slot for slot in slots if slot.id != slot_id]

        self._change(now, remove)

    def alive(self, now: datetime) -> list[Slot]:
        """Gives the slots that are taken."""
        return self._change(now, list)

    def _slot(
        self, chunk: str, now: datetime, life: timedelta, order: int | None, date_to: datetime | None = None
    ) -> Slot:
        return Slot(
            id=secrets.token_hex(8),
            chunk=chunk,
            folder=self._folder,
            host=self._host,
            process=os.getpid(),
            since=now,
            expires=now + life if now < LAST_INSTANT - life else LAST_INSTANT,
            order=order,
            date_to=date_to,
        )

    def _change(self, now: datetime, change: Callable[[list[Slot]], T]) -> T:
        """Lets `change` work on the slots that count; on our own alone once the directory cannot be shared."""
        if self._is_shared:
            try:
                return self._change_shared(now, change)
            except _CannotShareError as error:
                self._is_shared = False
                self._warn(f"The limit on orders holds for this folder alone: {error}")
        self._own = [slot for slot in self._own if slot.expires > now]
        return change(self._own)

    def _change_shared(self, now: datetime, change: Callable[[list[Slot]], T]) -> T:
        with self._locked():
            before = self._read()
            slots = [slot for slot in before if self._counts(slot, now)]
            given = change(slots)
            if slots != before:
                write_atomic(self._path, msgspec.json.encode(slots))
        mine = (self._host, self._folder)
        self._own = [slot for slot in slots if (slot.host, slot.folder) == mine and slot.process == os.getpid()]
        return given

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import portalocker

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            path = str(self._path.with_suffix(".lock"))
            guard = portalocker.Lock(path, mode="a", timeout=LOCK_PATIENCE, check_interval=LOCK_INTERVAL)
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
        except FileNotFoundError:
            return []
        except (msgspec.DecodeError, UnicodeDecodeError):
            kept = self._path.with_suffix(".damaged")
            self._path.replace(kept)
            self._warn(f"The records of live orders were damaged and are now `{kept}`; those of this run are known")
            return list(self._own)
        except OSError as error:
            raise _CannotShareError(f"`{self._path}` cannot be read ({error})") from None

    def _counts(self, slot: Slot, now: datetime) -> bool:
        """Whether a slot's order may be alive. One without an id lives no longer than whoever asks for it."""
        if slot.expires <= now:
            return False
        if slot.order is not None or any(slot.id == own.id for own in self._own):
            return True
        if slot.host == self._host:
            if slot.folder == self._folder:
                return False  # whoever took it held our folder, and is gone
            if sys.platform != "win32":
                return is_process_alive(slot.process) and now - slot.since < LONGEST_REQUEST
        return now - slot.since < UNCONFIRMED_LIFE


class _CannotShareError(Exception):
    """Says why slots cannot be shared with other processes."""


def is_process_alive(process: int) -> bool:
    """Whether a process of this machine runs. Always true where asking could harm it (Windows).

    One that has ended and that its parent has not looked at yet (a zombie) does not run; Linux alone tells.
    """
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    try:
        said = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False
    # The state follows the command's name, which stands in brackets and may hold any character.
    return said.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
