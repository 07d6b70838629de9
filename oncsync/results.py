"""What the public face gives back, as records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from oncsync.errors import FolderError, ServiceError, StoppedError, worst_exit_code
from oncsync.lockfile import Lock, LockChange, compare_locks

if TYPE_CHECKING:
    from oncsync.engine.plan import Plan
    from oncsync.engine.watch import Counts
    from oncsync.resolver import Failure, Remark, Resolution


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

    def asked_entries(self, at: datetime) -> dict[str, datetime]:
        """Gives the entries of which ONC was asked what there is now, by name, each with the instant of that."""
        silent = {failure.entry for failure in self.failures}
        same = {(entry.kind, entry.name) for entry in self.change.entries if entry.change == "same"}
        asked = (entry for entry in self.lock.entries if entry.relative is not None or entry.key not in same)
        return {entry.name: at for entry in asked if entry.name not in silent}

    @property
    def exit_code(self) -> int:
        """0, or 3 when an entry could not be asked."""
        return 3 if self.failures else 0


def resolve_result(
    before: Lock | None, resolution: Resolution, is_written: bool, fault: Exception | None, notices: Iterable[str]
) -> ResolveResult:
    """Gives a resolution as a result: how its lock differs from the one `before`, and each notice once.

    `fault` says why the lock that stood there could not be read as one.
    """
    return ResolveResult(
        lock=resolution.lock,
        change=compare_locks(before, resolution.lock),
        is_written=is_written,
        was_damaged=fault is not None,
        remarks=resolution.remarks,
        failures=resolution.failures,
        notices=tuple(dict.fromkeys(notices)),
    )


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did. `plan` is the one it began with, `counts` how it ended."""

    plan: Plan
    counts: Counts
    resolved: ResolveResult | None = None
    unresolved: ServiceError | None = None
    """Why the lock could not be resolved again although it should have been: an older one was used."""
    moved: int = 0
    removed: int = 0
    """Files that `keep` let go of."""
    stopped: StoppedError | FolderError | None = None
    """Why nothing new was begun although work is left."""
    notices: tuple[str, ...] = ()
    """What the service said besides its answers, about orders too, each once."""

    @property
    def exit_code(self) -> int:
        """0; 3 when chunks failed, now, lately or for good, or entries were not resolved; 5 when nothing was reached;
        7 when the run window or the time given stopped it, 8 when the disk's room did."""
        before = self.plan.counts
        failed = self.counts.failed or before["failed"] or before["rest"] or (self.resolved and self.resolved.failures)
        codes = [3] if failed else []
        if self.unresolved is not None:
            codes.append(self.unresolved.exit_code if not self.counts.total else 3)
        if self.stopped is not None:
            codes.append(self.stopped.exit_code)
        return worst_exit_code(codes)

    @property
    def causes(self) -> tuple[str, ...]:
        """Why the folder is not as the lock wants it, besides what is said of the chunks of this run."""
        failures = self.resolved.failures if self.resolved else ()
        before = self.plan.counts["failed"]
        return (
            *(f"`{failure.entry}` could not be resolved: {failure.error}" for failure in failures),
            *(error.message for error in (self.unresolved, self.stopped) if error is not None),
            *((f"{before} chunks failed for good before",) if before else ()),
        )


FileState: TypeAlias = Literal["here", "missing", "dropped", "failed", "unlisted", "pending", "empty", "covered"]
"""What is known of a file: whole in the folder; recorded, but not in the folder; let go on purpose; failed; no longer
listed by ONC and not here; still to come; without data; in files that were cut in another way."""


class ProjectFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A file that is here, or that the lock wants: its place, its size (bytes), its SHA-256, and what it holds.

    `place` is relative to the folder, with `/`; it ends with `/` as long as nobody knows the name (`name` is blank
    then), and is blank of a file that no lock wants. `bytes` and `sha256` of a file that is not here yet are what ONC's
    listing says, None where it says nothing.
    """

    folder: Path
    place: str
    name: str
    chunk: str
    begin: datetime
    end: datetime
    state: FileState | Literal["listed"]
    bytes: int | None = None
    sha256: str | None = None
    entry: str = ""
    """The entries that want it, joined by commas; blank when the lock does not ask for it any more."""
    device_code: str = ""
    extension: str = ""
    """The format that was asked for; blank of archive files, whose names tell it."""
    archived: datetime | None = None
    is_metadata: bool = False
    reason: str = ""

    @property
    def path(self) -> Path:
        """Where the file lies, or will lie."""
        return self.folder / self.place

    @property
    def out_path(self) -> str:
        """The folder it lies in, or will lie in, relative to the project's folder."""
        return self.place.rpartition("/")[0]


HeldFile = ProjectFile
"""The name that records of files had when there were only those that are here."""
