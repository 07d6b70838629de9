"""What a plan brings besides its steps: how long and how large, what holds it up, which files move or go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.engine.files import Shelves
from oncsync.engine.plan import Plan
from oncsync.engine.pruning import unwanted_files
from oncsync.engine.room import Room
from oncsync.engine.run import Limits, free_space
from oncsync.jobs import entries_asked
from oncsync.limits import run_limits
from oncsync.lockfile import Lock
from oncsync.project import Project
from oncsync.report import Outlook
from oncsync.state import StateStore
from oncsync.timespan import UTC, format_moment


class Move(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """A file of ours that a sync gives another place."""

    source: str
    target: str


class Foresight(msgspec.Struct, frozen=True, kw_only=True):
    """What `orders` take, which files a sync moves, and which files `prune` would look at, by path.

    `notes` say why a sync would begin nothing now.
    """

    outlook: Outlook
    notes: tuple[str, ...]
    moves: tuple[Move, ...]
    unwanted: tuple[str, ...]


def foresee(project: Project, plan: Plan, lock: Lock) -> Foresight:
    """Gives what comes with a plan that was made from this lock; asks nobody, reads no file's content."""
    now = datetime.now(UTC)
    store = StateStore(project.state_path)
    moves = Shelves(project.folder, store, lambda: now).planned_moves(planned.wanted for planned in plan.chunks)
    steps = {one.id: one.step for one in plan.chunks}
    unwanted = unwanted_files(lock, store.state, steps, now, entries_asked(project.manifest, lock))
    limits = run_limits(project.manifest.settings, wait_for_window=True, ends_at=None)
    return Foresight(
        outlook=project.outlook(lock, plan=plan),
        notes=tuple(_obstacles(limits, project.folder, now)) if plan.work else (),
        moves=tuple(Move(source, target) for source, target in moves),
        unwanted=tuple(sorted(one.file.path for one in unwanted)),
    )


def _obstacles(limits: Limits, folder: Path, now: datetime) -> Iterator[str]:
    """Yields why nothing new would begin: the run window is closed, or the disk lacks the room that `minFree` keeps."""
    opens = limits.window.opens_at(now, limits.zone)
    if opens > now:
        yield f"the run window is closed until {format_moment(opens, limits.zone)}: a sync begins nothing before"
    place = next((place for place in (folder, *folder.parents) if place.is_dir()), folder)
    room = Room(folder, limits.min_free, lambda _: free_space(place))
    if not room.take() and room.lack is not None:
        yield f"{room.lack.message}: a sync begins nothing"
