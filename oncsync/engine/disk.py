"""The few things done to files on the disk. None of them overwrites a file unless its name says so."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

from oncsync.atomic import folder_error
from oncsync.naming import with_mark

_BLOCK = 1024 * 1024


def rename_over(source: Path, target: Path) -> None:
    """Moves a file to `target`, in place of what lies there; raises `FolderError`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _from_any_disk(_replace, source, target)
    except OSError as error:
        raise folder_error(target, error) from error


def rename_to_free_place(source: Path, target: Path) -> bool:
    """Moves a file unless something else lies at `target`; says whether it lies there now. Raises `FolderError`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _from_any_disk(_take_place, source, target)
    except OSError as error:
        raise folder_error(target, error) from error


def _replace(source: Path, target: Path) -> bool:
    source.replace(target)
    if os.path.lexists(source):  # two names of one file: renaming one to the other does nothing
        source.unlink()
    return True


def _take_place(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # something lies there, or the file system has no hard links, or is another one
        if not os.path.lexists(target):
            source.replace(target)
            return True
        if not is_same_file(source, target):
            return False
    source.unlink()
    return True


def end_copy(source: Path, target: Path) -> bool:
    """Ends what a kill interrupted of a move from another disk; says whether `target` has the file's bytes already."""
    if target.is_symlink() or file_size(source) != file_size(target) or is_one_disk(source, target):
        return False
    if not is_beginning(source, target):
        return False
    remove_quietly(_copy_beside(target))
    remove_quietly(source)
    return True


def is_one_disk(source: Path, target: Path) -> bool:
    """Whether two files lie on one disk: then a move from one to the other leaves nothing half done."""
    try:
        return source.stat().st_dev == target.stat().st_dev
    except OSError:
        return True


def _from_any_disk(move: Callable[[Path, Path], bool], source: Path, target: Path) -> bool:
    """Moves a file; one of another disk (a mount in the folder) is copied beside `target` first, and moved there.

    The copy has a name of the target's own, so that the next try removes what a kill left of it.
    """
    try:
        return move(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    copy = _copy_beside(target)
    try:
        copy.unlink(missing_ok=True)
        with open(source, "rb") as read, open(copy, "xb") as written:
            shutil.copyfileobj(read, written, _BLOCK)
        is_moved = move(copy, target)
    finally:
        remove_quietly(copy)
    if is_moved:
        source.unlink()
    return is_moved


def _copy_beside(target: Path) -> Path:
    return target.with_name(f".copy-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.part")


def set_aside(path: Path) -> Path:
    """Gives a file that a person changed a free name with a mark beside its own; raises `FolderError`."""
    names = (with_mark(path.name, f"changed-{number}") for number in count(1))
    aside = next(place for name in names if not os.path.lexists(place := path.with_name(name)))
    rename_over(path, aside)
    return aside


def remove_quietly(path: Path) -> None:
    """Removes a file of ours; one that cannot be removed now is removed another time."""
    try:
        path.unlink()
    except OSError:
        pass


def remove_empty_folders(directory: Path, top: Path) -> None:
    """Removes folders that a move left empty, up to but not including `top`."""
    while directory != top and top in directory.parents:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names mean one file."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def is_in_folder(folder: Path, path: str) -> bool:
    """Whether a path is a file itself, reached through no link that leads out of the folder."""
    place = folder / path
    try:
        return stat.S_ISREG(place.lstat().st_mode) and not leads_away(folder, path.rpartition("/")[0])
    except OSError:
        return False


def leads_away(folder: Path, directory: str) -> bool:
    """Whether a place in the folder lies behind a link that leads out of it."""
    return not Path(os.path.realpath(folder / directory)).is_relative_to(os.path.realpath(folder))


def file_size(path: Path) -> int:
    """Gives a file's size in bytes, -1 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def file_digest(path: Path) -> str:
    """Gives a file's SHA-256, blank when it cannot be read."""
    hasher = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                hasher.update(block)
    except OSError:
        return ""
    return hasher.hexdigest()


def is_beginning(part: Path, whole: Path) -> bool:
    """Whether `whole` begins with the bytes of `part`, so that `part` holds nothing more."""
    try:
        with open(part, "rb") as shorter, open(whole, "rb") as longer:
            while block := shorter.read(_BLOCK):
                if longer.read(len(block)) != block:
                    return False
    except OSError:
        return False
    return True
