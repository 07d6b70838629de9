"""What is held of a chunk: until when its data reach, and what became of the last try to renew them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from oncsync.lockfile import Chunk, LockedRequest
from oncsync.state import META, ChunkState, State, data_end


def newest_held(request: LockedRequest, state: State, steps: Mapping[str, str]) -> datetime | None:
    """Gives the latest end of the data of a request that are here, as far as the files' names tell it."""
    ends = (reaches(chunk, state.chunks.get(chunk.id), steps.get(chunk.id)) for chunk in request.chunks)
    return max((end for end in ends if end is not None), default=None)


def reaches(chunk: Chunk, chunk_state: ChunkState | None, step: str | None) -> datetime | None:
    """Gives the end of the data of a chunk; one whose files are missing in the folder has none.

    Files that were let go on purpose were here: whoever makes room has not missed them.
    """
    if step == "covered":
        return chunk.end
    if chunk_state is None or not (chunk_state.files or chunk_state.dropped) or step == "fetch":
        return None
    files = (*chunk_state.files, *chunk_state.dropped)
    end = min(chunk.end, chunk_state.fetched_to or chunk.end)
    if chunk.file is None:
        return max((data_end(file, chunk.begin, end) for file in files if file.index != META), default=end)
    # no data are younger than the file that holds them, whatever an instrument's clock says
    return min(end, max(file.at for file in files))


def held_notes(chunk: ChunkState) -> tuple[str, ...]:
    """Gives what a person should know of a chunk, in the service's words where it had some."""
    refresh = chunk.refresh
    if refresh is None:
        return chunk.notes
    said = f"{refresh.outcome}: {refresh.reason}" if refresh.reason else refresh.outcome
    renewed = (
        f"asked for again at {refresh.asked_at:%Y-%m-%d %H:%M} UTC, which brought no file ({said}): the old ones stay"
    )
    return (*chunk.notes, renewed)
