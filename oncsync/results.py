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


class ResolveResult(msgspec.Struct, frozen=True, kw_only=True):
    """What resolving gave: the lock, how it differs from the one before, and what there is to say."""

    lock: Lock
    change: LockChange
    is_written: bool
    remarks: tuple[Remark, ...] = ()
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()

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
