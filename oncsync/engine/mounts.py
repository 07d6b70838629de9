"""A folder on a disk of its own: when that disk is not there, an empty place is no reason to order everything again.

The state lies in the folder and vanishes with the disk, so the user's state directory remembers which mount a folder
lay on (issue 6, item 4; architecture, rule 3).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from oncsync.atomic import write_if_changed
from oncsync.engine.disk import remove_quietly
from oncsync.engine.folder import check_own_place
from oncsync.engine.slots import slots_folder
from oncsync.errors import FolderError
from oncsync.state import state_files


class Place(msgspec.Struct, frozen=True):
    """A folder and the mount that it lay on."""

    folder: str
    mount: str


def check_place(folder: Path, state_path: Path) -> None:
    """Raises `FolderError` when a folder is not as oncsync left it: its disk is away, or `.oncsync/` holds a link."""
    check_own_place(folder)
    check_mount(folder, state_path)


def check_mount(folder: Path, state_path: Path) -> None:
    """Raises `FolderError` when a folder without a state lay on a mount at its last sync that is not mounted now.

    Where there is a state, whatever lies there now is what was meant.
    """
    if any(place.exists() for place in state_files(state_path)):
        return
    try:
        place = msgspec.json.decode(_record_path(folder).read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return
    if place.folder == _text(folder) and not os.path.ismount(place.mount):
        raise FolderError(
            f"`{folder}` was on the disk at `{place.mount}`, which is not mounted now",
            hint="mount it; when it is gone for good, `oncsync sync --take-over` begins anew",
        )


def remember_mount(folder: Path) -> None:
    """Notes the mount that a folder lies on, for the day when it is not there; a note that fails ends nothing."""
    record, mount = _record_path(folder), mount_of(folder)
    if mount is None:
        remove_quietly(record)
        return
    with contextlib.suppress(FolderError, OSError):
        write_if_changed(record, msgspec.json.encode(Place(_text(folder), mount)) + b"\n")


def mount_of(folder: Path) -> str | None:
    """Gives the mount that a folder lies on, None for the one that is always there."""
    real = Path(os.path.realpath(folder))
    found = next(place for place in (real, *real.parents) if place == place.parent or os.path.ismount(place))
    return None if found == found.parent else str(found)


def _record_path(folder: Path) -> Path:
    name = hashlib.sha256(_text(folder).encode()).hexdigest()[:16]
    return slots_folder().with_name("folders") / f"{name}.json"


def _text(folder: Path) -> str:
    return os.fsencode(folder).decode("utf-8", "backslashreplace")
