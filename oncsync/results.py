"""What the public face gives back, as records."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oncsync.errors import ServiceError, StoppedError, worst_exit_code
from oncsync.lockfile import Lock, LockChange

if TYPE_CHECKING:
    from oncsync.engine.plan import Plan
    from oncsync.engine.watch import Counts
    from oncsync.resolver import Failure, Remark
    from oncsync.state import State


class ResolveResult(msgspec.Struct, frozen=True, kw_only=True):
    """What resolving gave: the lock, how it differs from the one before, and what there is to say."""

    lock: Lock
    change: LockChange
    is_written: bool
    was_damaged: bool = False
    """Whether the lock that stood there could not be read as one: it had the marks of a conflict, or another form."""
    remarks: tuple[Remark, ...] = ()
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()

    def differs(self, *, strict: bool = False) -> bool:
        """Whether the lock that stood there asks for something else; with `strict`, or describes it in another way."""
        return self.was_damaged or not (self.change.is_same if strict else self.change.asks_the_same)

    @property
    def exit_code(self) -> int:
        """0, or 3 when an entry could not be asked."""
        return 3 if self.failures else 0


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did. `plan` is the one it began with, `counts` how it ended."""

    plan: Plan
    counts: Counts
    resolved: ResolveResult | None = None
    unresolved: ServiceError | None = None
    """Why the lock could not be resolved again although it should have been: an older one was used."""
    moved: int = 0
    stopped: StoppedError | None = None
    """Why nothing new was begun although work is left."""
    notices: tuple[str, ...] = ()
    """What the service said besides its answers, about orders too, each once."""

    @property
    def exit_code(self) -> int:
        """0; 3 when chunks failed, now or for good before, or entries were not resolved; 5 when nothing was reached;
        7 when the run window or the time given stopped it."""
        failed = self.counts.failed or self.plan.counts["failed"] or (self.resolved and self.resolved.failures)
        codes = [3] if failed else []
        if self.unresolved is not None:
            codes.append(self.unresolved.exit_code if not self.counts.total else 3)
        if self.stopped is not None:
            codes.append(self.stopped.exit_code)
        return worst_exit_code(codes)


class HeldFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is here: where, how large (bytes), its SHA-256, and what it holds."""

    path: Path
    bytes: int
    sha256: str
    chunk: str
    begin: datetime
    end: datetime
    is_metadata: bool


def held_files(folder: Path, state: State) -> list[HeldFile]:
    """Gives the files that a state says are in its folder, in the order of their paths."""
    held = [
        HeldFile(
            path=folder / file.path,
            bytes=file.bytes,
            sha256=file.sha256,
            chunk=key,
            begin=chunk.begin,
            end=chunk.fetched_to or chunk.end,
            is_metadata=file.index == "meta",
        )
        for key, chunk in state.chunks.items()
        for file in chunk.files
    ]
    return sorted(held, key=lambda file: file.path)
