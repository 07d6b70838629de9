"""What a plan brings besides its steps: how long and how large, which files move, which are wanted no more."""

from __future__ import annotations

from datetime import datetime

import msgspec

from oncsync.engine.files import Shelves
from oncsync.engine.plan import Plan
from oncsync.engine.pruning import unwanted_files
from oncsync.lockfile import Lock
from oncsync.project import Project
from oncsync.report import Outlook
from oncsync.state import StateStore
from oncsync.timespan import UTC


class Move(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """A file of ours that a sync gives another place."""

    source: str
    target: str


class Foresight(msgspec.Struct, frozen=True, kw_only=True):
    """What `orders` take, which files a sync moves, and which files `prune` would look at, by path."""

    outlook: Outlook
    moves: tuple[Move, ...]
    unwanted: tuple[str, ...]


def foresee(project: Project, plan: Plan, lock: Lock) -> Foresight:
    """Gives what comes with a plan that was made from this lock; asks nobody, reads no file's content."""
    now = datetime.now(UTC)
    store = StateStore(project.state_path)
    moves = Shelves(project.folder, store, lambda: now).planned_moves(planned.wanted for planned in plan.chunks)
    unwanted = unwanted_files(lock, store.state, {one.id: one.step for one in plan.chunks}, now)
    return Foresight(
        outlook=project.outlook(lock, plan=plan),
        moves=tuple(Move(source, target) for source, target in moves),
        unwanted=tuple(sorted(one.file.path for one in unwanted)),
    )
