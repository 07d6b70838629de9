"""Records in the state what may be stale, under the folder's lock, so that `status` and `show` tell it (R149)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from oncsync.caretaking.premises import open_state
from oncsync.engine.eventlog import EventLog
from oncsync.engine.folder import OWN_FOLDER, FolderLock, prepare_folder
from oncsync.engine.planning import check_owner
from oncsync.engine.watch import Notice
from oncsync.project import Project
from oncsync.state import ChunkState, Looked, Stale, Staled

Mark = tuple[datetime, Stale]
"""When the chunk that was judged had been asked for, and what was found."""


def mark_stale(
    project: Project, marks: Mapping[str, Mark], looked_at: datetime | None, *, lock_patience: float = 0.0
) -> None:
    """Records the marks of chunks that were not fetched again meanwhile, and that a whole look was taken at a time.

    Raises `FolderBusyError` while another oncsync works here, `FolderError` when nothing can be written.
    """
    if not marks and looked_at is None:
        return
    prepare_folder(project.folder)
    with FolderLock(project.folder, patience=lock_patience):
        store = open_state(project)
        check_owner(store.state, project.folder, project.identity, project.manifest.server)
        log = EventLog(project.folder / OWN_FOLDER / "oncsync.log", redact=lambda text: text)
        try:
            store.open_journal()
            for chunk, (asked, stale) in sorted(marks.items()):
                state = store.state.chunks.get(chunk)
                if state is None or state.asked_at != asked or _says_the_same(state, stale):
                    continue
                store.record(Staled(at=stale.at, chunk=chunk, stale=stale))
                text = f"its files may be stale: {describe_stale(stale)}"
                log.notice(Notice(event="stale", text=text, chunk=chunk))
            if looked_at is not None:
                store.record(Looked(at=looked_at))
            if store.recorded:
                store.snapshot()
        finally:
            store.close()
            log.close()


def _says_the_same(state: ChunkState, stale: Stale) -> bool:
    before = state.stale
    return before is not None and stale.archived is not None and msgspec.structs.replace(before, at=stale.at) == stale


def describe_stale(stale: Stale) -> str:
    """Gives what is known of the raw files that were archived since, for people."""
    raw = "1 raw file" if stale.count == 1 else f"{stale.count:,} raw files"
    devices = f" of {', '.join(stale.devices)}" if stale.devices else ""
    last = f", the last {stale.archived:%Y-%m-%d %H:%M} UTC" if stale.archived else ""
    verb = "was" if stale.count == 1 else "were"
    return f"{raw}{devices} {verb} archived since{last}"
