"""What an archive file needs: it is fetched, fetched again, left alone or waited for; nobody orders it. Pure.

Sources: rules 1, 3 and 4, open questions 1, 31, 32 and 33, R148.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from oncsync.errors import FaultError, ForbiddenError, OncsyncError, UnreachableError
from oncsync.listed import SIZE_BELIEVED, SIZE_DIFFERS, ListedFile, changed_members, listed_sizes
from oncsync.lockfile import Chunk
from oncsync.state import FINAL_OUTCOMES, PERMANENT_OUTCOMES, ChunkState, FileRecord, Outcome

ArchiveStep: TypeAlias = Literal["done", "fetch", "wait", "failed"]

INDEX = "1"
"""The index of an archive file within its chunk; its run id counts its versions."""
OTHER_CONTENT = "its content is another than when it was here before, though ONC lists it as it did then"
"""What is noted of a file that was fetched again."""
NOT_THERE = "listed, but the archive does not have it now"
"""400 with code 96: the file may be there later (open question 33)."""

LET_GO = "let go on purpose; `oncsync restore` fetches it again"
"""Why nothing is fetched for a chunk whose files were dropped."""


def size_note(state: ChunkState | None) -> str:
    """Gives what is noted of the size of a chunk's file, blank when there is nothing to say."""
    return next((note for note in state.notes if note in (SIZE_DIFFERS, SIZE_BELIEVED)), "") if state else ""


def is_let_go(state: ChunkState) -> bool:
    """Whether the files of a chunk were dropped on purpose, and none of them was restored."""
    return bool(state.dropped) and not state.files


def archive_step(
    chunk: Chunk, state: ChunkState | None, lacks_files: bool, retry_failed: bool
) -> tuple[ArchiveStep, str]:
    """Says what an archive file of the lock needs, and why.

    A file that ONC lists no more cannot be fetched, and is kept where it is here.
    """
    file = chunk.file
    if state is not None and is_let_go(state):
        return "done", LET_GO
    is_held = state is not None and bool(state.files) and not lacks_files
    if file is None or not file.is_listed:
        is_whole = is_held and state is not None and state.outcome in FINAL_OUTCOMES
        return ("done", "whole; no longer listed by ONC") if is_whole else ("wait", "no longer listed by ONC")
    if state is None:
        return "fetch", "new in the archive"
    if state.outcome in PERMANENT_OUTCOMES and not (state.coming and changed_members(file, state.coming)):
        return ("fetch", "tried again on request") if retry_failed else ("failed", state.reason or "failed")
    if is_held and state.listed is not None and changed_members(file, state.listed):
        return "fetch", "ONC archived it again"
    if state.outcome not in FINAL_OUTCOMES:
        return "fetch", f"tried again: {state.reason}" if state.reason else "not finished"
    if is_held and retry_failed and size_note(state) == SIZE_DIFFERS:
        return "fetch", f"tried again on request: {SIZE_DIFFERS}"
    return ("done", size_note(state) or "whole") if is_held else ("fetch", "missing here")


def next_version(state: ChunkState | None) -> int:
    """Gives the number of the version that is fetched next: one more than any that is known."""
    return 1 + max((file.run_id for file in _known(state)), default=0)


def _known(state: ChunkState | None) -> tuple[FileRecord, ...]:
    return (*state.files, *state.arriving, *state.superseded, *state.dropped) if state else ()


def arrived_before(state: ChunkState | None, file: ListedFile) -> FileRecord | None:
    """Gives the version that came, whole, before a run was cut off, if it is the one that is listed now."""
    if state is None or state.coming is None or not state.arriving or changed_members(file, state.coming):
        return None
    return state.arriving[-1]


def is_other_content(state: ChunkState, file: ListedFile, arrived: FileRecord) -> bool:
    """Whether a file that was here once came with other bytes, though the listing tells the same of it as then.

    One of the listed size is what was to come, whatever came before in another size.
    """
    sizes = listed_sizes(file)
    known = [one for one in _came_as_listed(state, file, arrived) if one.bytes in sizes or arrived.bytes not in sizes]
    return bool(known) and all(one.sha256 != arrived.sha256 for one in known)


def note_of_size(state: ChunkState, file: ListedFile, arrived: FileRecord) -> str:
    """Gives what to note of the size of a file that arrived, blank when it is as listed, or no size is."""
    sizes = listed_sizes(file)
    if not sizes or arrived.bytes in sizes:
        return ""
    came_twice = any(one.sha256 == arrived.sha256 for one in _came_as_listed(state, file, arrived))
    return SIZE_BELIEVED if came_twice else SIZE_DIFFERS


def _came_as_listed(state: ChunkState, file: ListedFile, arrived: FileRecord) -> list[FileRecord]:
    """Gives the versions of a file that came before another one, if the listing says the same as it did then."""
    if state.listed is None or changed_members(file, state.listed):
        return []
    return [one for one in (*state.files, *state.dropped) if one.run_id != arrived.run_id]


def judge_archive(error: OncsyncError) -> Literal["retry"] | Outcome:
    """Says what an error of a download from the archive means; no restart of the question helps but for faults."""
    if isinstance(error, FaultError | UnreachableError):
        return "retry"
    return "refused" if isinstance(error, ForbiddenError) else "failed-retryable"
