"""What every kind of caretaking begins with: the state of a folder that was synced before, read without a lock."""

from __future__ import annotations

from collections.abc import Callable

from oncsync.engine.mounts import check_place
from oncsync.errors import InputError
from oncsync.lockfile import Lock, LockError
from oncsync.locking import need_lock, own_lock_name
from oncsync.project import Project
from oncsync.state import State, StateStore, state_files


def open_state(project: Project, notice: Callable[[str], None] = lambda text: None) -> StateStore:
    """Reads the state; raises `InputError` when nothing was ever synced into the folder."""
    check_place(project.folder, project.state_path)
    store = StateStore(project.state_path, notice=notice)
    if not any(path.exists() for path in state_files(project.state_path)):
        raise InputError(
            f"There is no state for `{project.folder}`: nothing was ever synced into it",
            hint="run `oncsync sync`; where there was a state, see that its disk is there",
        )
    return store


def read_known_state(project: Project) -> State:
    """Gives the state as it is now, also while a sync is at work."""
    return open_state(project).state


def needed_lock(project: Project) -> Lock:
    """Gives the lock; raises `InputError` when there is none for this manifest."""
    name = own_lock_name(project.path, project.lock_path)
    return need_lock(project.lock_path, project.folder, name, project.manifest)


def lock_if_any(project: Project) -> Lock | None:
    """Gives the lock as far as it can be read, for answers that are better with it and possible without."""
    try:
        return project.read_lock()
    except (LockError, InputError):
        return None
