"""Looks into the folder: whose it is, whether its state can be read, what is left over, who works in it.

Reads only. The folder's lock is not touched: even a short try could turn a sync away that starts at that instant.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.doctor.findings import Fact, Finding, counted, of_error, skipped
from oncsync.doctor.machine import Machine
from oncsync.engine.folder import OWN_FOLDER, PARTIAL_FOLDER, STALE_AFTER, Holder
from oncsync.engine.mounts import check_place
from oncsync.engine.planning import check_owner
from oncsync.engine.slots import Slot, SlotBook, is_process_alive, slots_folder
from oncsync.errors import FolderError, OncsyncError
from oncsync.manifest import Manifest
from oncsync.state import State, StateStore
from oncsync.timespan import format_instant

OWN_NAMES = ("folder", "owner", "state", "partial", "holder")


def check_folder(folder: Path, manifest: Manifest | None, machine: Machine) -> list[Finding]:
    """Looks at the folder and what oncsync keeps in it."""
    own = folder / OWN_FOLDER
    place = _check_place(folder, manifest, machine)
    if place.verdict == "problem":
        return [place, *(skipped(name, "not looked at") for name in OWN_NAMES[1:])]
    if not own.exists():
        return [place, *(skipped(name, "no sync has worked here yet") for name in OWN_NAMES[1:])]
    state_finding, state = check_state(folder, manifest)
    owner = skipped("owner", "not known: the state cannot be read")
    if state is not None:
        owner = _check_owner(folder, state, manifest)
    return [place, owner, state_finding, check_partial(own), check_holder(own / "lock", machine.now())]


def _check_place(folder: Path, manifest: Manifest | None, machine: Machine) -> Finding:
    """Looks at the folder itself, whether its disk is there, and whether everything in `.oncsync/` is ours to write."""
    own = folder / OWN_FOLDER
    facts: dict[str, Fact] = {"path": str(folder), "exists": folder.is_dir()}
    try:
        if folder.exists() and not folder.is_dir():
            raise FolderError(f"`{folder}` is a file, not a folder", hint="choose another `folder`")
        check_place(folder, state_path(folder, manifest))
        if not folder.is_dir():
            return Finding(name="folder", verdict="ok", what=f"`{folder}` is made by the first sync", facts=facts)
        kept = sorted(own.iterdir()) if own.is_dir() else []
    except FolderError as error:
        return of_error("folder", error)
    except OSError as error:
        return of_error("folder", FolderError(f"Cannot read `{own}`: {error.strerror}", hint=_rights_hint(own)))
    locked_out = [
        str(path) for path in (folder, *([own] if own.is_dir() else []), *kept) if not machine.may_write(path)
    ]
    if locked_out:
        what = f"`{locked_out[0]}` cannot be written by this user"
        return Finding(name="folder", verdict="problem", what=what, hint=_rights_hint(folder),
                       facts={**facts, "notWritable": list(locked_out)})  # fmt: skip
    return Finding(
        name="folder", verdict="ok", what=f"`{folder}` and all that oncsync keeps in it is ours", facts=facts
    )


def _rights_hint(place: Path) -> str:
    return f"see to whom it belongs (`ls -la {place}`); run oncsync as that user, or change its permissions"


def state_path(folder: Path, manifest: Manifest | None) -> Path:
    """Gives the place of the folder's state."""
    named = manifest.settings.state if manifest else None
    return folder / named if named else folder / OWN_FOLDER / "state.json"


def check_state(folder: Path, manifest: Manifest | None) -> tuple[Finding, State | None]:
    """Reads the state as a sync would; tells of damage, and of what was kept for a person to look at."""
    path = state_path(folder, manifest)
    notices: list[str] = []
    try:
        state = StateStore(path, notice=notices.append).state
    except OncsyncError as error:
        return of_error("state", error), None
    damaged = {
        "damagedJournal": path.with_suffix(".journal.damaged"),
        "damagedState": path.with_name(f"{path.name}.damaged"),
    }
    kept = {name: str(place) for name, place in damaged.items() if place.exists()}
    files = sum(len(chunk.files) for chunk in state.chunks.values())
    facts: dict[str, Fact] = {
        "path": str(path),
        "chunks": len(state.chunks),
        "files": files,
        "syncedAt": format_instant(state.synced_at) if state.synced_at else None,
        **{name: kept.get(name) for name in damaged},
    }
    what = f"{counted(len(state.chunks), 'chunk')}, {counted(files, 'file')}" if state.chunks else "empty"
    if notices:
        hint = "nothing is lost that a sync cannot find again; the next one keeps the damaged lines beside the journal"
        return Finding(name="state", verdict="warning", what=notices[0], hint=hint, facts=facts), state
    if kept:
        hint = f"look at it if you like, then remove it: {', '.join(kept.values())}"
        what = f"{what}; what an earlier run found damaged is kept beside it"
        return Finding(name="state", verdict="warning", what=what, hint=hint, facts=facts), state
    return Finding(name="state", verdict="ok", what=what, facts=facts), state


def _check_owner(folder: Path, state: State, manifest: Manifest | None) -> Finding:
    """Says which manifest the folder belongs to, and refuses another one as a sync would."""
    facts: dict[str, Fact] = {"manifest": state.manifest or None, "server": state.server or None}
    if not state.manifest:
        return Finding(name="owner", verdict="ok", what="belongs to no manifest yet", facts=facts)
    if manifest is not None:
        try:
            name = Path(os.path.relpath(manifest.path, folder)).as_posix()
        except ValueError:  # another drive
            name = manifest.path.as_posix()
        try:
            check_owner(state, folder, name, manifest.server)
        except OncsyncError as error:
            return msgspec.structs.replace(of_error("owner", error), facts=facts)
    what = f"belongs to the manifest `{state.manifest}`, with data from `{state.server}`"
    return Finding(name="owner", verdict="ok", what=what, facts=facts)


def check_partial(own: Path) -> Finding:
    """Counts the files that were arriving when a sync ended."""
    try:
        with os.scandir(own / PARTIAL_FOLDER) as entries:
            sizes = [entry.stat(follow_symlinks=False).st_size for entry in entries]
    except FileNotFoundError:
        sizes = []
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        return Finding(name="partial", verdict="problem", what=what, hint=_rights_hint(own / PARTIAL_FOLDER))
    facts: dict[str, Fact] = {"files": len(sizes), "bytes": sum(sizes)}
    if not sizes:
        return Finding(name="partial", verdict="ok", what="no file is half here", facts=facts)
    what = f"{counted(len(sizes), 'file')} half here, {sum(sizes):,} bytes; a sync finishes or removes them"
    return Finding(name="partial", verdict="ok", what=what, facts=facts)


def check_holder(path: Path, now: datetime) -> Finding:
    """Says who works in the folder, from what the holder wrote about itself."""
    try:
        content = path.read_bytes()
        holder = msgspec.json.decode(content, type=Holder) if content.strip() else None
    except FileNotFoundError:
        holder = None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        hint = "nothing to do: a sync that takes the folder writes it anew"
        return Finding(name="holder", verdict="warning", what="who works here cannot be read", hint=hint)
    if holder is None:
        return Finding(name="holder", verdict="ok", what="nobody works here now", facts={"held": False})
    age = (now - holder.heartbeat).total_seconds()
    is_fresh = age <= STALE_AFTER.total_seconds()
    is_here = holder.host == socket.gethostname()
    lives = is_process_alive(holder.process) if is_here else is_fresh
    by = f"{holder.user} on {holder.host}, process {holder.process}, since {holder.since:%Y-%m-%d %H:%M} UTC"
    facts: dict[str, Fact] = {
        "held": lives,
        "host": holder.host,
        "user": holder.user,
        "process": holder.process,
        "since": format_instant(holder.since),
        "heartbeat": format_instant(holder.heartbeat),
        "stale": not (lives and is_fresh),
    }
    if lives and is_fresh and is_here:
        return Finding(name="holder", verdict="ok", what=f"a sync is at work: {by}", facts=facts)
    if lives and is_fresh:
        hint = "wait for it; a sync started here now would end with exit code 6"
        return Finding(name="holder", verdict="warning", what=f"a sync of another machine is at work: {by}", hint=hint,
                       facts=facts)  # fmt: skip
    if lives:
        what = f"silent for {age:,.0f} s, although its process is there: {by}"
        hint = f"see whether process {holder.process} is an oncsync that hangs; if so, end it"
    else:
        what = f"left behind by a sync that did not end by itself: {by}"
        hint = "nothing to do: the next sync takes the folder and goes on from what was recorded"
    return Finding(name="holder", verdict="warning", what=what, hint=hint, facts=facts)


def check_orders(url: str | None, folder: Path | None, limit: int | None, now: datetime) -> Finding:
    """Counts the user's live orders at a service, as recorded on this machine; changes no record."""
    if url is None:
        return skipped("orders", "the embedded service ends with its command, and its orders with it")
    path = SlotBook(slots_folder(), url, folder or Path()).path
    try:
        slots = msgspec.json.decode(path.read_bytes(), type=list[Slot])
    except FileNotFoundError:
        slots = []
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        hint = "nothing to do: the next sync keeps them aside and begins new ones"
        what = f"the records of live orders cannot be read: `{path}`"
        return Finding(name="orders", verdict="warning", what=what, hint=hint)
    alive = [slot for slot in slots if slot.expires > now]
    expired = len(slots) - len(alive)
    oldest = min((slot.since for slot in alive), default=None)
    facts: dict[str, Fact] = {
        "alive": len(alive),
        "expired": expired,
        "limit": limit,
        "oldest": format_instant(oldest) if oldest else None,
        "folders": sorted({slot.folder for slot in alive}),
    }
    of_limit = f", at most {limit} may be" if limit is not None else ""
    gone = f"; {expired} expired" if expired else ""
    what = f"{counted(len(alive), 'order')} of yours alive at the service{of_limit}{gone}"
    if limit is not None and len(alive) >= limit:
        hint = "a new order waits until one of them ends; `oncsync sync` in their folders takes them up"
        return Finding(name="orders", verdict="warning", what=what, hint=hint, facts=facts)
    return Finding(name="orders", verdict="ok", what=what, facts=facts)
