"""Puts whole files into their places. A file that is not ours is never overwritten, moved or deleted (rule 1)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import partial
from itertools import accumulate, count
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from oncsync.atomic import folder_error
from oncsync.engine.disk import (
    end_copy,
    file_digest,
    file_size,
    is_beginning,
    is_in_folder,
    is_same_file,
    leads_away,
    remove_empty_folders,
    remove_quietly,
    rename_over,
    rename_to_free_place,
    set_aside,
)
from oncsync.engine.folder import OWN_FOLDER, PARTIAL_FOLDER
from oncsync.engine.placement import FileKey, WantedChunk, assign_paths, candidate_paths, file_directory, marked_path
from oncsync.errors import FolderError
from oncsync.naming import fold
from oncsync.state import META, Cleared, FileRecord, Moved, StateStore

Owner: TypeAlias = tuple[str, FileKey]
"""A file of ours: the chunk's id and the file's key."""


class _Move(NamedTuple):
    owner: Owner
    file: FileRecord
    path: str


_PARTIAL_NAME = re.compile(
    r"[0-9a-f]{20,64}-\d+-(?:\d+|meta)\.[0-9a-f]{8}\.part|(?:latest|\.copy)-[0-9a-f]{16}\.part|probe-\d+"
)
"""What transfers, `latest/`, moves between disks and the probe call their files; the rest of `partial/` is not ours."""


class Shelves:
    """The files of one folder: who has which path, and the renames that bring them there."""

    def __init__(
        self,
        folder: Path,
        store: StateStore,
        now: Callable[[], datetime],
        *,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder = folder
        self.partial = folder / OWN_FOLDER / PARTIAL_FOLDER
        self._store = store
        self._now = now
        self._warn = warn
        self._owners: dict[str, Owner] = {
            fold(file.path): (chunk, file.key)
            for chunk, state in store.state.chunks.items()
            for file in (*state.superseded, *state.files, *state.arriving)
        }

    # --- A file arrives ----------------------------------------------------------------------------------------

    def choose_path(self, wanted: WantedChunk, raw_name: str | None, key: FileKey) -> tuple[str, str | None]:
        """Gives a path for a file that has just arrived, and the SHA-256 of the file of ours that goes for it.

        The path is provisional where names collide: `settle` gives the final names, which depend on the lock alone.
        """
        mine = (wanted.chunk.id, key)
        for path in candidate_paths(wanted, raw_name, key):
            owner = self._owners.get(fold(path))
            if owner == mine or (owner is not None and self._is_replaced(wanted.chunk.id, owner)):
                break
            if owner is None and not self._is_there(path):
                break
        there = None if owner is None else self._file_of(owner, path)
        self._owners[fold(path)] = mine
        return path, there.sha256 if there else None

    def _is_replaced(self, chunk: str, owner: Owner) -> bool:
        """Whether a path belongs to a file of an earlier order of the same chunk, which the new one replaces."""
        if owner[0] != chunk:
            return False
        state = self._store.state.chunks[chunk]
        runs = state.order.run_ids if state.order else ()
        return owner[1][0] not in runs and all(file.key != owner[1] for file in state.arriving)

    def _file_of(self, owner: Owner, path: str) -> FileRecord | None:
        """Gives the record of what lies at a path, if that is the owner's file and not one that is spelled alike."""
        state = self._store.state.chunks[owner[0]]
        target = self.folder / path
        for file in (*state.files, *state.arriving, *state.superseded):
            if file.key == owner[1] and (file.path == path or is_same_file(self.folder / file.path, target)):
                return file if os.path.lexists(target) else None
        return None

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(self.folder / path)

    def put(self, chunk: str, file: FileRecord) -> None:
        """Moves a whole file from `partial/` to its place, if it is still in `partial/`.

        The file of ours that it replaces goes. Where a file that is not ours has come to lie there in the meantime,
        ours takes a name with a mark.
        """
        source, target = self.partial / file.partial, self.folder / file.path
        if not os.path.lexists(source) or rename_to_free_place(source, target):
            return
        if file.replaces is not None and target.is_file():
            self._save_changes(target, source, file.replaces)
            rename_over(source, target)
            return
        if end_copy(source, target):
            return
        path = self._free_mark(chunk, file)
        self._record_move((chunk, file.key), file, path)
        self._warn(f"`{file.path}` is not a file of ours; what belongs there is now `{path}`")
        self.put(chunk, msgspec.structs.replace(file, path=path, replaces=None))

    def _save_changes(self, target: Path, source: Path, digest: str) -> None:
        """Sets a file of ours aside that someone changed, unless it only lacks its end and holds nothing new.

        A link in the place of a file is a person's, whatever it leads to.
        """
        if not target.is_symlink() and (file_digest(target) == digest or is_beginning(target, source)):
            return
        aside = set_aside(target)
        self._warn(f"`{target.name}` was changed here; your version is now `{aside.name}`, beside the new one")

    def _free_mark(self, chunk: str, file: FileRecord) -> str:
        """Gives a path with a mark at which nothing lies and that no file of ours has."""
        marks = (f"{chunk}-{file.run_id}-{file.index}-{number}" for number in count(1))
        paths = (marked_path(file.path, mark) for mark in marks)
        return next(path for path in paths if fold(path) not in self._owners and not self._is_there(path))

    def _record_move(self, owner: Owner, file: FileRecord, path: str) -> None:
        self._store.record(Moved(at=self._now(), chunk=owner[0], run_id=file.run_id, index=file.index, path=path))
        if self._owners.get(fold(file.path)) == owner:
            del self._owners[fold(file.path)]
        self._owners[fold(path)] = owner

    def is_whole(self, file: FileRecord) -> bool:
        """Whether the bytes of a file lie where they should, in its place or still in `partial/`."""
        return any(file_size(path) == file.bytes for path in (self.folder / file.path, self.partial / file.partial))

    def has_arrived(self, chunk: str, file: FileRecord) -> bool:
        """Whether the bytes of a file that is to be a chunk's next are here, and not those of the one that it has."""
        is_in_place = not self._store.state.chunks[chunk].files and file_size(self.folder / file.path) == file.bytes
        return is_in_place or file_size(self.partial / file.partial) == file.bytes

    def give_up(self, chunk: str, file: FileRecord) -> None:
        """Drops a file that was to replace a held one and does not: what is held keeps its place."""
        remove_quietly(self.partial / file.partial)
        if self._owners.get(fold(file.path)) == (chunk, file.key):
            del self._owners[fold(file.path)]
        for held in self._store.state.chunks[chunk].files:
            self._owners.setdefault(fold(held.path), (chunk, held.key))

    # --- A chunk is done ---------------------------------------------------------------------------------------

    def replace_held(self, chunk: str, old: Iterable[FileRecord] = ()) -> None:
        """After a chunk is done: puts its files in place and removes those of ours that it no longer has.

        A file that was changed since it arrived is left alone; from now on it is not ours.
        """
        state = self._store.state.chunks[chunk]
        for file in state.files:
            self.put(chunk, file)
        held = {file.key for file in state.files}
        for file in dict.fromkeys((*state.superseded, *old)):
            if file.key not in held and self._owners.get(fold(file.path)) in (None, (chunk, file.key)):
                self._remove_unchanged(file)
        if state.superseded:
            self._store.record(Cleared(at=self._now(), chunk=chunk))

    def drop(self, chunk: str, file: FileRecord) -> None:
        """Removes a file in whose stead the service gave another one, unless it was changed or is not ours."""
        if self._owners.get(fold(file.path)) == (chunk, file.key):
            self._remove_unchanged(file)

    def _remove_unchanged(self, file: FileRecord) -> None:
        self._owners.pop(fold(file.path), None)
        remove_quietly(self.partial / file.partial)
        place = self.folder / file.path
        if self._is_as_it_came(file) and file_digest(place) == file.sha256:
            remove_quietly(place)
            remove_empty_folders(place.parent, self.folder)

    def _is_as_it_came(self, file: FileRecord) -> bool:
        """Whether a file itself, no link to one, lies in its place in the folder and has its size."""
        return is_in_folder(self.folder, file.path) and file_size(self.folder / file.path) == file.bytes

    def recover(self) -> None:
        """Ends the renames that a kill interrupted, and removes leftovers."""
        for chunk, state in list(self._store.state.chunks.items()):
            if state.superseded:
                self.replace_held(chunk)
            for file in state.files or state.arriving:
                self.put(chunk, file)
        self.sweep()

    def sweep(self) -> None:
        """Removes from `partial/` what never became whole, and whole files of orders that were lost on the way."""
        chunks = self._store.state.chunks.values()
        expected = {file.partial for state in chunks for file in (*state.files, *state.arriving)}
        for leftover in self._partials():
            if leftover.name not in expected and _PARTIAL_NAME.fullmatch(leftover.name):
                remove_quietly(leftover)

    def _partials(self) -> Iterable[Path]:
        try:
            return [entry for entry in self.partial.iterdir() if entry.is_file()]
        except OSError:
            return []

    # --- The final names ---------------------------------------------------------------------------------------

    def settle(self, chunks: Iterable[WantedChunk], warn: Callable[[str], None]) -> int:
        """Renames held files to the names that the lock gives them; says how many moved.

        A file waits until the one that lies in its place has moved; where files wait for each other in a circle, one
        of them makes room. A file that someone changed, or put a link in place of, stays where it is.
        """
        waiting = self._plan_moves(chunks)
        check_places(self.folder, (move.path.rpartition("/")[0] for move in waiting.values()))
        moved = 0
        while waiting:
            ready = [move for move in waiting.values() if self._is_free_for(move)]
            for move in ready:
                moved += self._move(move)
                del waiting[move.owner]
            if not ready and not self._make_room(waiting):
                for move in waiting.values():
                    warn(f"`{move.path}` is taken by a file that is not ours; `{move.file.path}` stays where it is")
                break
        return moved

    def planned_moves(self, chunks: Iterable[WantedChunk]) -> list[tuple[str, str]]:
        """Gives which files `settle` would move, from where to where, sorted; changes nothing."""
        return sorted((move.file.path, move.path) for move in self._plan_moves(chunks).values())

    def _plan_moves(self, chunks: Iterable[WantedChunk]) -> dict[Owner, _Move]:
        known = self._store.state.chunks
        files = [(one, file) for one in chunks if one.chunk.id in known for file in known[one.chunk.id].files]
        while True:
            owners = {(one.chunk.id, file.key) for one, file in files}
            final = assign_paths(files, partial(self._is_taken, movable=owners))
            moves = [
                _Move(owner, file, final[owner])
                for owner, file in (((one.chunk.id, file.key), file) for one, file in files)
                if final[owner] != file.path
            ]
            changed = {
                move.owner for move in moves if self._is_there(move.file.path) and not self._is_as_it_came(move.file)
            }
            if not changed:
                return {move.owner: move for move in moves}
            files = [(one, file) for one, file in files if (one.chunk.id, file.key) not in changed]

    def _is_taken(self, path: str, movable: Collection[Owner]) -> bool:
        """Whether a path is out of reach: a file that is not ours lies there, or one of ours that stays."""
        owner = self._owners.get(fold(path))
        if owner is not None and owner not in movable:
            return True
        return self._is_there(path) and (owner is None or self._file_of(owner, path) is None)

    def _is_free_for(self, move: _Move) -> bool:
        source, target = self.folder / move.file.path, self.folder / move.path
        return not os.path.lexists(target) or is_same_file(source, target)

    def _make_room(self, waiting: dict[Owner, _Move]) -> bool:
        """Moves one file of a circle out of the way; says whether there was a circle."""
        for move in waiting.values():
            blocking = waiting.get(self._owners.get(fold(move.path), ("", (0, ""))))
            if blocking is not None and blocking is not move:
                path = self._free_mark(blocking.owner[0], blocking.file)
                self._move(blocking._replace(path=path))
                moved = msgspec.structs.replace(blocking.file, path=path, replaces=None)
                waiting[blocking.owner] = blocking._replace(file=moved)
                return True
        return False

    def _move(self, move: _Move) -> bool:
        """Moves a file; one that is not there only changes its path in the state.

        The bytes pass through `partial/`, so that a kill between any two steps leaves them where recovery looks.
        """
        source = self.folder / move.file.path
        is_there = os.path.lexists(source)
        if is_there:
            rename_over(source, self.partial / move.file.partial)
        self._record_move(move.owner, move.file, move.path)
        self.put(move.owner[0], msgspec.structs.replace(move.file, path=move.path, replaces=None))
        remove_empty_folders(source.parent, self.folder)
        return is_there


def check_places(folder: Path, directories: Iterable[str]) -> None:
    """Raises `FolderError` when files would be written through a link that leads out of the folder (rule 7)."""
    for directory in sorted(set(directories)):
        if leads_away(folder, directory):
            link = _first_link(folder, directory)
            raise FolderError(
                f"`{link}` leads out of the folder, and nothing is written there",
                hint="mount the other disk at that place instead of the link, "
                "or give what lies there a manifest with a `folder` on that disk",
            )


def _first_link(folder: Path, directory: str) -> Path:
    places = list(accumulate(directory.split("/"), lambda place, part: f"{place}/{part}"))
    return folder / next((place for place in places if leads_away(folder, place)), directory)


def check_writable(folder: Path, chunks: Iterable[WantedChunk] = ()) -> None:
    """Raises `FolderError` when nothing can be written into the folder, or where chunks go, before anything is ordered.

    What lies on another disk that is mounted in the folder is in the folder.
    """
    check_places(folder, (file_directory(one.directory, index) for one in chunks for index in ("1", META)))
    probe = folder / OWN_FOLDER / PARTIAL_FOLDER / f"probe-{os.getpid()}"
    try:
        probe.write_bytes(b"oncsync")
        probe.unlink()
    except OSError as error:
        remove_quietly(probe)
        raise folder_error(folder, error) from error
