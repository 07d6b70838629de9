"""Looks at the file system below the folder, by really writing into a place of its own that is removed at the end."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from oncsync.atomic import folder_error
from oncsync.doctor.findings import Fact, Finding, Verdict, of_error, skipped
from oncsync.doctor.machine import Machine
from oncsync.engine.folder import OWN_FOLDER
from oncsync.errors import FolderError
from oncsync.sizes import size_text

LOW_SPACE = 1_000_000_000
NO_SPACE = 10_000_000
LONG_PATH = 320
_SHARED = ("nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p", "fuse.sshfs", "glusterfs", "panfs")


def check_disk(folder: Path, machine: Machine, min_free: int | None = None) -> list[Finding]:
    """Looks at space, writing, names and locks where the folder lies or will lie; `min_free` bytes are to stay free."""
    place = probe_place(folder)
    return [_check_space(place, machine, min_free), *_probe(place, machine)]


def probe_place(folder: Path) -> Path:
    """Gives the nearest folder that is there already, `.oncsync/` itself when it is."""
    own = folder / OWN_FOLDER
    if own.is_dir() and not own.is_symlink():
        return own
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)


def _check_space(place: Path, machine: Machine, min_free: int | None) -> Finding:
    try:
        free = machine.free_space(place)
    except OSError as error:
        return of_error("space", folder_error(place, error, verb="read"))
    facts: dict[str, Fact] = {"free": free, "place": str(place), "minFree": min_free}
    what = f"{size_text(free)} free"
    if min_free is not None and free < min_free:
        what = f"{what}, `minFree` keeps {size_text(min_free)}: a sync begins nothing"
        hint = "free some space or lower `minFree`"
        return Finding(name="space", verdict="problem", what=what, hint=hint, facts=facts)
    if free >= LOW_SPACE:
        return Finding(name="space", verdict="ok", what=what, facts=facts)
    verdict: Verdict = "problem" if free < NO_SPACE else "warning"
    hint = "free some space, or choose another place for the folder (`--folder`, `ONCSYNC_FOLDER`)"
    return Finding(name="space", verdict=verdict, what=what, hint=hint, facts=facts)


def _probe(place: Path, machine: Machine) -> list[Finding]:
    try:
        with _own_place(place) as probe:
            writing = _check_writing(probe, machine)
            return [writing, _check_names(probe, machine), _check_locking(probe, machine)]
    except FolderError as error:
        return [
            of_error("writing", error),
            skipped("names", "not tried: nothing can be written there"),
            skipped("locking", "not tried: nothing can be written there"),
        ]


@contextlib.contextmanager
def _own_place(place: Path) -> Iterator[Path]:
    """Makes a folder to try things in, and removes it with all that is in it."""
    probe = place / f".oncsync-probe-{secrets.token_hex(6)}"
    try:
        probe.mkdir()
    except OSError as error:
        raise folder_error(place, error) from error
    try:
        yield probe
    finally:
        shutil.rmtree(probe, ignore_errors=True)


def _check_writing(probe: Path, machine: Machine) -> Finding:
    """Writes a file and gives it the name of another in one step, as every file here arrives; raises `FolderError`."""
    old, new = probe / "final", probe / "arriving.part"
    try:
        machine.write(old, b"old")
        machine.write(new, b"new")
        new.replace(old)
        is_renamed = old.read_bytes() == b"new" and not new.exists()
    except OSError as error:
        raise folder_error(probe.parent, error) from error
    what = "files can be written and renamed in one step"
    if is_renamed:
        return Finding(name="writing", verdict="ok", what=what, facts={"place": str(probe.parent)})
    return Finding(
        name="writing",
        verdict="problem",
        what="a file that was renamed is not there under its new name",
        hint="choose a folder on another disk",
        facts={"place": str(probe.parent)},
    )


def _check_names(probe: Path, machine: Machine) -> Finding:
    """Tries a path that is longer than old systems take, and whether case tells names apart."""
    facts: dict[str, Fact] = {"caseSensitive": not (probe / "FINAL").exists()}
    deep = probe
    try:
        while len(str(deep)) < LONG_PATH:
            deep = deep / ("n" * 60)
            deep.mkdir()
        machine.write(deep / "file", b"")
        facts["longPaths"] = True
    except OSError:
        facts["longPaths"] = False
    case = "case tells names apart" if facts["caseSensitive"] else "names that differ in case alone are one"
    if facts["longPaths"]:
        return Finding(name="names", verdict="ok", what=f"long paths work; {case}", facts=facts)
    hint = "choose a folder with a shorter path; on Windows switch long paths on (`LongPathsEnabled`)"
    return Finding(name="names", verdict="warning", what=f"paths above {LONG_PATH} characters fail; {case}", hint=hint,
                   facts=facts)  # fmt: skip


def _check_locking(probe: Path, machine: Machine) -> Finding:
    """Tries whether a lock keeps a second one out; where it does not, two syncs can meet in the folder."""
    system = file_system(machine.mounts(), probe.parent)
    is_shared = system is not None and system.startswith(_SHARED)
    facts: dict[str, Fact] = {"fileSystem": system, "shared": is_shared}
    on = f" on this shared file system ({system})" if is_shared else ""
    reason = "a second lock is not kept out"
    try:
        facts["excludes"] = machine.locks_exclude(probe / "lock")
    except Exception as error:  # noqa: BLE001  the library wraps what each system says in its own way
        facts["excludes"] = False
        reason = f"a lock cannot be taken: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    if not facts["excludes"]:
        hint = "never run two syncs of this folder at once, or choose a folder on a local disk"
        return Finding(name="locking", verdict="problem", what=f"{reason}{on}", hint=hint, facts=facts)
    if not is_shared:
        return Finding(name="locking", verdict="ok", what="a lock keeps others out", facts=facts)
    return Finding(
        name="locking",
        verdict="ok",
        what=f"a lock keeps others out{on}",
        hint="whether it also holds against other machines cannot be tried from here; run a folder's syncs on one",
        facts=facts,
    )


def file_system(mounts: str, place: Path) -> str | None:
    """Gives the kind of file system that a place lies on, from the system's list of mounts; None when unknown."""
    best: tuple[int, str] | None = None
    parts = place.absolute().parts
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " ")).parts
        if parts[: len(point)] == point and (best is None or len(point) >= best[0]):
            best = (len(point), fields[2])
    return best[1] if best else None
