"""Makes the folder hold no more than the lock wants: shows what would go, then lets it go under the folder's lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from oncsync.caretaking.premises import needed_lock, open_state, read_known_state
from oncsync.engine.eventlog import EventLog
from oncsync.engine.folder import OWN_FOLDER, FolderLock
from oncsync.engine.planning import check_owner, plan_folder
from oncsync.engine.pruning import PruneFile, chunks_to_prune, plan_prune, prune_chunks
from oncsync.engine.watch import Notice
from oncsync.errors import DifferenceError
from oncsync.jobs import entries_asked
from oncsync.limits import plan_terms
from oncsync.lockfile import Lock
from oncsync.project import Project
from oncsync.state import FileRecord, State
from oncsync.timespan import UTC


class PruneResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune did: the files it removed, as they were planned."""

    removed: tuple[PruneFile, ...]

    @property
    def bytes(self) -> int:
        """How much room that made."""
        return sum(one.bytes for one in self.removed)


def find_unwanted(project: Project, *, include_vanished: bool = False) -> list[PruneFile]:
    """Gives the files of ours that the lock does not ask for, and what a prune would do with each; changes nothing.

    Files that hold what another cut, or a request that is switched off, still needs are not among them. Files that
    only ONC's answer let go are kept unless `include_vanished`. Raises `DifferenceError` when the lock is out of date.
    """
    if not project.is_lock_current():
        raise DifferenceError(
            f"`{project.lock_path.name}` is out of date: it does not say what `{project.path.name}` wants now",
            hint="run `oncsync resolve`, review it, then prune",
        )
    state = read_known_state(project)
    check_owner(state, project.folder, project.identity, project.manifest.server)
    return _planned(project, needed_lock(project), state, include_vanished)


def _planned(project: Project, lock: Lock, state: State, include_vanished: bool) -> list[PruneFile]:
    now = datetime.now(UTC)
    plan = plan_folder(lock, state, project.folder, now, plan_terms(project.manifest.settings))
    steps = {one.id: one.step for one in plan.chunks}
    asked = entries_asked(project.manifest, lock)
    return plan_prune(lock, state, steps, project.folder, now, asked, include_vanished=include_vanished)


def prune(
    project: Project,
    shown: Sequence[PruneFile],
    *,
    include_vanished: bool = False,
    lock_patience: float = 0.0,
) -> PruneResult:
    """Removes the files that were shown, as far as they are still unwanted, ours and unchanged.

    Raises `FolderBusyError` while another oncsync works here, `FolderError` for what cannot be removed: the next prune
    goes on.
    """
    removed: list[PruneFile] = []
    with FolderLock(project.folder, patience=lock_patience):
        store = open_state(project)
        check_owner(store.state, project.folder, project.identity, project.manifest.server)
        planned = _planned(project, needed_lock(project), store.state, include_vanished)
        chunks = chunks_to_prune(planned) & chunks_to_prune(shown)
        by_key = {(one.chunk, one.path): one for one in planned}
        log = EventLog(project.folder / OWN_FOLDER / "oncsync.log", redact=lambda text: text)

        def on_removed(chunk: str, file: FileRecord) -> None:
            removed.append(by_key[(chunk, file.path)])
            log.notice(Notice(event="pruned", text=f"{file.path} removed ({file.bytes} bytes)", chunk=chunk))

        try:
            store.open_journal()
            prune_chunks(store, project.folder, chunks, lambda: datetime.now(UTC), on_removed)
            if store.recorded:
                store.snapshot()
        finally:
            store.close()
            log.close()
    return PruneResult(removed=tuple(removed))
