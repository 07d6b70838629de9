"""The few things done to files on the disk. None of them overwrites a file unless its name says so."""

from __future__ import annotations

import hashlib
import os
from itertools import count
from pathlib import Path

from oncsync.atomic import folder_error
from oncsync.naming import with_mark

_BLOCK = 1024 * 1024


def rename_over(source: Path, target: Path) -> None:
    """Moves a file to `target`, in place of what lies there; raises `FolderError`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        if os.path.lexists(source):  # two names of one file: renaming one to the other does nothing
            source.unlink()
    except OSError as error:
        raise folder_error(target, error) from error


def rename_to_free_place(source: Path, target: Path) -> bool:
    """Moves a file unless something else lies at `target`; says whether it lies there now. Raises `FolderError`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            if not is_same_file(source, target):
                return False
        except OSError:  # a file system without hard links
            if os.path.lexists(target):
                return False
            source.replace(target)
            return True
        source.unlink()
    except OSError as error:
        raise folder_error(target, error) from error
    return True


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
