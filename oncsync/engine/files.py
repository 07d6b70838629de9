"""Puts whole files into their places. A file that is not ours is never overwritten, moved or deleted (rule 1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from oncsync.atomic import folder_error
from oncsync.engine.folder import OWN_FOLDER, PARTIAL_FOLDER
from oncsync.engine.placement import WantedChunk, assign_paths, marked_path, plain_path
from oncsync.errors import FolderError
from oncsync.state import FileRecord, Moved, StateStore


class Shelves:
    """The files of one folder: who has which path, and the renames that bring them there."""

    def __init__(self, folder: Path, store: StateStore, now: Callable[[], datetime]) -> None:
        self.folder = folder
        self._now = now
        self.partial = folder / OWN_FOLDER / PARTIAL_FOLDER
        self._store = store
        self._owners = {
            file.path.casefold(): (chunk, file.key)
            for chunk, state in store.state.chunks.items()
            for file in (*state.files, *state.arriving)
        }

    def choose_path(self, wanted: WantedChunk, raw_name: str | None, key: tuple[int, str]) -> tuple[str, bool]:
        """Gives a path for a file that has just arrived, and whether it replaces one of ours there.

        It is provisional where names collide: `settle` gives the final names, which depend on the lock alone.
        """
        chunk = wanted.chunk.id
        plain = plain_path(wanted.directory, raw_name, chunk, key[1])
        for path in (
            plain,
            *(marked_path(plain, mark) for mark in (chunk, f"{chunk}-{key[1]}", f"{chunk}-{key[0]}-{key[1]}")),
        ):
            owner = self._owners.get(path.casefold())
            if owner == (chunk, key) or (owner is None and not self._is_taken(path)):
                break
            if owner is not None and owner[0] == chunk and self._is_replaced(chunk, owner[1]):
                break
        replaces = owner is not None and self._is_taken(path)
        self._owners[path.casefold()] = (chunk, key)
        return path, replaces

    def _is_replaced(self, chunk: str, key: tuple[int, str]) -> bool:
        """Whether a path belongs to a file of an earlier order of the same chunk, which the new one replaces."""
        state = self._store.state.chunks[chunk]
        runs = state.order.run_ids if state.order else ()
        return key[0] not in runs and all(file.key != key for file in state.arriving)

    def _is_taken(self, path: str) -> bool:
        return os.path.lexists(self.folder / path)

    def put(self, chunk: str, file: FileRecord) -> None:
        """Moves a whole file from `partial/` to its place, if it is still in `partial/`.

        Where a file that is not ours has come to lie there in the meantime, ours takes a name with a mark.
        """
        source = self.partial / file.partial
        if not source.exists():
            return
        if file.replaces:
            self._rename(source, self.folder / file.path)
        elif not self._rename_to_free_place(source, self.folder / file.path):
            path = marked_path(file.path, f"{chunk}-{file.run_id}-{file.index}")
            moved = Moved(at=self._now(), chunk=chunk, run_id=file.run_id, index=file.index, path=path)
            self._store.record(moved)
            self._owners[path.casefold()] = (chunk, file.key)
            self._rename_to_free_place(source, self.folder / path)

    def recover(self) -> None:
        """Ends the renames that a kill interrupted, and removes leftovers of transfers that never became whole."""
        expected = set()
        for chunk, state in list(self._store.state.chunks.items()):
            for file in state.files:
                expected.add(file.partial)
                self.put(chunk, file)
            for file in state.arriving:
                expected.add(file.partial)
                if not state.files:
                    self.put(chunk, file)
        for leftover in self._partials():
            if leftover.name not in expected:
                remove_quietly(leftover)

    def _partials(self) -> Iterable[Path]:
        try:
            return [entry for entry in self.partial.iterdir() if entry.is_file()]
        except OSError:
            return []

    def is_whole(self, file: FileRecord) -> bool:
        """Whether the bytes of a file lie where they should, in its place or still in `partial/`."""
        return any(_size(path) == file.bytes for path in (self.folder / file.path, self.partial / file.partial))

    def replace_held(self, chunk: str, old: Iterable[FileRecord]) -> None:
        """After a chunk is done: puts its files in place and removes those of ours that it no longer has."""
        state = self._store.state.chunks[chunk]
        kept = {file.path.casefold() for file in state.files}
        for file in state.files:
            self.put(chunk, file)
        for file in old:
            is_unchanged = _size(self.folder / file.path) == file.bytes
            if file.path.casefold() not in kept and is_unchanged:
                remove_quietly(self.folder / file.path)
                self._owners.pop(file.path.casefold(), None)

    def settle(self, chunks: Iterable[WantedChunk], warn: Callable[[str], None]) -> int:
        """Renames held files to the names that the lock gives them; says how many moved.

        Files that carry a mark go first, so that a plain name is free when its owner comes.
        """
        files = [
            (wanted, file)
            for wanted in chunks
            if wanted.chunk.id in self._store.state.chunks
            for file in self._store.state.chunks[wanted.chunk.id].files
        ]
        final = assign_paths(files)
        moves = [
            (wanted, file, final[(wanted.chunk.id, file.key)])
            for wanted, file in files
            if final[(wanted.chunk.id, file.key)] != file.path
        ]
        moved = 0
        for wanted, file, path in sorted(moves, key=lambda move: "~" not in move[2].rpartition("/")[2]):
            moved += self._move(wanted, file, path, warn)
        return moved

    def _move(
        self,
        wanted: WantedChunk,
        file: FileRecord,
        path: str,
        warn: Callable[[str], None],
    ) -> bool:
        source, target = self.folder / file.path, self.folder / path
        chunk = wanted.chunk.id
        if _size(source) != file.bytes:
            return False
        if os.path.lexists(target) and not _is_same_place(source, target):
            path = marked_path(path, chunk)
            target = self.folder / path
            if path == file.path:
                return False
            if os.path.lexists(target):
                warn(f"`{path}` is taken by a file that is not ours; `{file.path}` stays where it is")
                return False
        # The bytes pass through `partial/`, so that a kill between any two steps leaves them where recovery looks.
        self._rename(source, self.partial / file.partial)
        self._store.record(Moved(at=self._now(), chunk=chunk, run_id=file.run_id, index=file.index, path=path))
        self._rename(self.partial / file.partial, target)
        self._owners.pop(file.path.casefold(), None)
        self._owners[path.casefold()] = (chunk, file.key)
        remove_empty_folders(source.parent, self.folder)
        return True

    def _rename_to_free_place(self, source: Path, target: Path) -> bool:
        """Moves a file unless something lies at `target`; says whether it lies there now."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except FileExistsError:
                if not _is_same_place(source, target):
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

    def _rename(self, source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        except OSError as error:
            raise folder_error(target, error) from error


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


def _is_same_place(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def check_writable(folder: Path) -> None:
    """Raises `FolderError` when nothing can be written into the folder, before anything is ordered."""
    probe = folder / OWN_FOLDER / PARTIAL_FOLDER / f"probe-{os.getpid()}"
    try:
        probe.write_bytes(b"oncsync")
        probe.unlink()
    except OSError as error:
        remove_quietly(probe)
        error_here = folder_error(folder, error)
        raise FolderError(error_here.message, hint=error_here.hint) from error
