"""Takes in archive files that are here already: matched by name and size with the lock, hashed, given their places.

Every file goes the way of one that was downloaded (linked or copied into `partial/`, recorded, put in its place), so a
kill at any step loses nothing and the next run goes on. A file of others is never overwritten, and never removed but
with `move`, once its bytes are in place.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from oncsync.atomic import folder_error
from oncsync.caretaking.matching import FoundFile, WantedFiles, match_files, reason_of
from oncsync.caretaking.premises import needed_lock
from oncsync.engine.archived import INDEX, arrived_before, next_version
from oncsync.engine.checks import BLOCK_BYTES, OurFile, check_file
from oncsync.engine.disk import is_in_folder, is_same_file, remove_empty_folders, remove_quietly
from oncsync.engine.eventlog import EventLog
from oncsync.engine.files import Shelves, check_writable
from oncsync.engine.folder import OWN_FOLDER, PARTIAL_FOLDER, FolderLock, prepare_folder
from oncsync.engine.mounts import check_place
from oncsync.engine.planning import check_owner
from oncsync.engine.watch import Notice
from oncsync.errors import InputError
from oncsync.limits import settings_used
from oncsync.listed import changed_members
from oncsync.naming import fold
from oncsync.project import Project
from oncsync.state import Arrived, Fetching, FileRecord, Finished, Started, StateStore
from oncsync.timespan import UTC

MOST_AT_ONCE = 64
"""Files that are hashed before the first of them is recorded: so much is hashed again after a kill, at most."""


class AdoptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an adoption found, in the order of the sources, with what became of each file."""

    files: tuple[FoundFile, ...]

    def of(self, *fates: str) -> list[FoundFile]:
        """Gives the files of some fates."""
        return [one for one in self.files if one.fate in fates]


class _Hashed(msgspec.Struct, frozen=True):
    """A file whose bytes were read: its SHA-256, and its name in `partial/`, blank when it lies in its place."""

    sha256: str
    partial: str


def find_to_adopt(project: Project, directory: Path) -> AdoptResult:
    """Gives the files below a directory, and which of them the lock can use, by name and size; reads none of them.

    Raises `InputError` when there is no lock, and for what is no directory.
    """
    check_place(project.folder, project.state_path)
    state = StateStore(project.state_path).state
    check_owner(state, project.folder, project.identity, project.manifest.server)
    wanted = WantedFiles(needed_lock(project))
    return AdoptResult(files=tuple(match_files(project.folder, wanted, state, directory)))


# --- Taking in -----------------------------------------------------------------------------------------------------


def adopt(
    project: Project,
    directory: Path,
    *,
    move: bool = False,
    threads: int = 1,
    lock_patience: float = 0.0,
    on_start: Callable[[int, int], None] = lambda files, total: None,
    on_bytes: Callable[[int], None] = lambda number: None,
) -> AdoptResult:
    """Takes in the files below a directory that the lock can use; gives what became of each.

    They are linked where the disk allows it, else copied; `move` removes each where it was found once its bytes are in
    place. `on_start` hears how many files and bytes will be read, `on_bytes` (from any thread) of each block. Raises
    `FolderBusyError` while another oncsync works here, `FolderError` when the folder cannot be written: what is in
    place by then stays, and the next run goes on; `InputError` for a `move` out of another oncsync's folder.
    """
    wanted = WantedFiles(needed_lock(project))
    prepare_folder(project.folder)
    with FolderLock(project.folder, patience=lock_patience):
        store = StateStore(project.state_path)
        check_owner(store.state, project.folder, project.identity, project.manifest.server)
        check_writable(project.folder)
        log = EventLog(project.folder / OWN_FOLDER / "oncsync.log", redact=lambda text: text)
        try:
            store.open_journal()
            adoption = _Adoption(project, store, log, wanted, move=move, on_bytes=on_bytes)
            adoption.end_what_was_begun()
            found = list(match_files(project.folder, wanted, store.state, directory))
            going = [one for one in found if one.fate in ("adopt", "duplicate") or (move and one.fate == "here")]
            if move:
                _check_nobody_elses(going, project.folder)
            on_start(len(going), sum(one.bytes for one in going))
            ended = {one.source: one for one in adoption.take_in(going, threads)}
            if store.recorded:
                store.snapshot()
        finally:
            store.close()
            log.close()
    return AdoptResult(files=tuple(ended.get(one.source, one) for one in found))


def _check_nobody_elses(found: Iterable[FoundFile], folder: Path) -> None:
    """Refuses to empty the folder of another oncsync, which would fetch its files again."""
    own = folder.resolve()
    for place in {parent for one in found for parent in Path(one.source).parents}:
        if place != own and (place / OWN_FOLDER).is_dir():
            raise InputError(
                f"`{place}` is the folder of another oncsync, which would miss its files",
                hint="leave out `--move`: where the disk links, a second name of a file takes no room",
            )


class _Adoption:
    """One run: hashes in several threads, records and renames in one."""

    def __init__(
        self,
        project: Project,
        store: StateStore,
        log: EventLog,
        wanted: WantedFiles,
        *,
        move: bool,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._project, self._store, self._log, self._wanted = project, store, log, wanted
        self._move, self._on_bytes = move, on_bytes
        self._folder = project.folder
        self._partial = project.folder / OWN_FOLDER / PARTIAL_FOLDER
        self._shelves = Shelves(project.folder, store, self._now, warn=self._warn)
        self._stop = threading.Event()

    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _warn(self, text: str) -> None:
        self._log.notice(Notice(event="warning", text=text, level="warning"))

    def end_what_was_begun(self) -> None:
        """Ends the renames that a kill interrupted, and the chunks whose file had come by then."""
        self._shelves.recover()
        for key, wanted in self._wanted.by_id.items():
            chunk = self._store.state.chunks.get(key)
            if chunk is None or chunk.files or wanted.chunk.file is None:
                continue
            arrived = arrived_before(chunk, wanted.chunk.file)
            if arrived is not None and self._shelves.has_arrived(key, arrived):
                self._finish(key)

    def take_in(self, found: Iterable[FoundFile], threads: int) -> Iterator[FoundFile]:
        """Yields each file with what became of it; files of one chunk are judged together."""
        groups: dict[str, list[FoundFile]] = {}
        for one in found:
            groups.setdefault(one.chunk, []).append(one)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="oncsync-adopt")
        left = iter(groups.values())
        try:
            while batch := list(islice(left, MOST_AT_ONCE)):
                read = pool.map(self._read, [one for group in batch for one in group])
                for group in batch:
                    yield from self._take(list(zip(group, islice(read, len(group)), strict=True)))
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)

    # --- In any thread ---------------------------------------------------------------------------------------------

    def _read(self, found: FoundFile) -> _Hashed | str:
        """Hashes a file, by way of a link or a copy in `partial/` unless it lies in its place or only is compared.

        Gives why not, for a file that cannot be read or that changes meanwhile.
        """
        source = Path(found.source)
        partial = None
        try:
            before = _seen(source)
            place = self._folder / found.path
            if found.fate == "adopt" and (place.is_symlink() or not is_same_file(source, place)):
                run_id = next_version(self._store.state.chunks.get(found.chunk))
                partial = self._partial / f"{found.chunk}-{run_id}-{INDEX}.{secrets.token_hex(4)}.part"
            sha256 = self._hash(source) if partial is None else self._bring(source, partial)
            if _seen(source) != before or before[0] != found.bytes:
                raise OSError("it changed while it was read")
        except OSError as error:
            self._forget(partial)
            return reason_of(error)
        except BaseException:
            self._forget(partial)
            raise
        return _Hashed(sha256, partial.name if partial else "")

    def _forget(self, partial: Path | None) -> None:
        if partial is not None:
            remove_quietly(partial)

    def _bring(self, source: Path, partial: Path) -> str:
        """Brings a file into `partial/`, as a second name of it where the disk allows that; gives its SHA-256."""
        try:
            os.link(source, partial, follow_symlinks=False)
        except OSError:
            return self._hash(source, partial)
        return self._hash(partial)

    def _hash(self, source: Path, copy: Path | None = None) -> str:
        """Reads a file once, copying it on the way; raises `FolderError` when the copy cannot be written."""
        hasher = hashlib.sha256()
        with open(source, "rb", buffering=0) as stream:
            target = None if copy is None else _open_new(copy)
            try:
                while block := stream.read(BLOCK_BYTES):
                    if self._stop.is_set():
                        raise InterruptedError("interrupted")
                    hasher.update(block)
                    if target is not None and copy is not None:
                        _write(target, block, copy)
                    self._on_bytes(len(block))
            finally:
                if target is not None:
                    os.close(target)
        return hasher.hexdigest()

    # --- In one thread ---------------------------------------------------------------------------------------------

    def _take(self, group: list[tuple[FoundFile, _Hashed | str]]) -> Iterator[FoundFile]:
        """Yields what becomes of the files of one chunk: the first is taken in, if all of them have the same bytes."""
        sums = {hashed.sha256 for _, hashed in group if isinstance(hashed, _Hashed)}
        sums |= {file.sha256 for file in self._known(group[0][0].chunk)}
        for found, hashed in group:
            if isinstance(hashed, str):
                yield msgspec.structs.replace(found, fate="unreadable", reason=hashed)
            elif len(sums) > 1:
                self._forget(self._partial / hashed.partial if hashed.partial else None)
                text = "not the same bytes as another file of its name and size: none of them is certain"
                yield msgspec.structs.replace(found, fate="differs", reason=text)
            elif found.fate == "adopt":
                yield self._keep(found, hashed)
            else:
                yield self._spare(found)

    def _known(self, key: str) -> tuple[FileRecord, ...]:
        """Gives the files of a chunk that the listed one should be equal to: those of its version."""
        chunk, listed = self._store.state.chunks.get(key), self._wanted.by_id[key].chunk.file
        if chunk is None or listed is None or (chunk.listed is not None and changed_members(listed, chunk.listed)):
            return ()
        return chunk.files

    def _keep(self, found: FoundFile, hashed: _Hashed) -> FoundFile:
        """Records a file as one that came from ONC, and gives it its place."""
        wanted = self._wanted.by_id[found.chunk]
        listed = wanted.chunk.file
        assert listed is not None
        key = (next_version(self._store.state.chunks.get(found.chunk)), INDEX)
        path = self._shelves.choose_path(wanted, listed.name, key)[0] if hashed.partial else found.path
        file = FileRecord(
            run_id=key[0],
            index=key[1],
            name=listed.name,
            path=path,
            partial=hashed.partial or f"{found.chunk}-{key[0]}-{INDEX}.{secrets.token_hex(4)}.part",
            bytes=found.bytes,
            sha256=hashed.sha256,
            at=self._now(),
        )
        self._introduce()
        chunk, entry = wanted.chunk, "/".join(wanted.keeper.key)
        self._store.record(
            Fetching(at=file.at, chunk=chunk.id, begin=chunk.begin, end=chunk.end, file=listed, entry=entry)
        )
        self._store.record(Arrived(at=file.at, chunk=chunk.id, file=file))
        self._finish(chunk.id)
        held = self._store.state.chunks[chunk.id].files[0]
        self._log.notice(
            Notice(event="adopted", text=f"{held.path} from {found.source} ({held.bytes} bytes)", chunk=chunk.id)
        )
        self._leave(found, held)
        return msgspec.structs.replace(found, path=held.path)

    def _introduce(self) -> None:
        """Says whose folder it is, when nothing was ever synced into it."""
        if not self._store.state.manifest:
            manifest = self._project.manifest
            self._store.record(
                Started(
                    at=self._now(),
                    manifest=self._project.identity,
                    server=manifest.server,
                    settings=settings_used(manifest.settings),
                )
            )

    def _finish(self, chunk: str) -> None:
        self._store.record(Finished(at=self._now(), chunk=chunk, outcome="done"))
        self._shelves.replace_held(chunk)

    def _spare(self, found: FoundFile) -> FoundFile:
        """Leaves a file whose bytes are in place already; with `move` it goes like one that was taken in."""
        chunk = self._store.state.chunks.get(found.chunk)
        if chunk is not None and self._known(found.chunk):
            self._leave(found, chunk.files[0])
        return found

    def _leave(self, found: FoundFile, held: FileRecord) -> None:
        """With `move`: removes a file where it was found, if its bytes lie in place under another name."""
        source, place = Path(found.source), self._folder / held.path
        is_the_place = is_same_file(source.parent, place.parent) and fold(source.name) == fold(place.name)
        if not self._move or is_the_place or not is_in_folder(self._folder, held.path):
            return
        try:
            if is_same_file(source, place) or check_file(self._folder, OurFile(found.chunk, held)) is None:
                source.unlink()
                remove_empty_folders(source.parent, self._folder)
        except OSError as error:
            self._warn(f"`{source}` is in place and could not be removed where it was: {reason_of(error)}")


def _seen(place: Path) -> tuple[int, int]:
    status = place.stat(follow_symlinks=False)
    return status.st_size, status.st_mtime_ns


def _open_new(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise folder_error(path, error) from error


def _write(target: int, block: bytes, path: Path) -> None:
    view = memoryview(block)
    try:
        while view:
            view = view[os.write(target, view) :]
    except OSError as error:
        raise folder_error(path, error) from error
