"""The public Python face: a manifest, its lock, its folder and its state as one thing.

from oncsync import Project

project = Project("oncsync.yaml")
project.resolve()
project.sync()
for file in project.files():
    print(file.path, file.bytes)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from oncsync.choosing import choose_chunks
from oncsync.errors import DifferenceError, InputError, ServiceError
from oncsync.inventory import files_here, files_wanted, frame_of, status_of
from oncsync.jobs import SyncWish, folder_job
from oncsync.limits import plan_terms
from oncsync.listings import ListingNotes
from oncsync.lockfile import Lock
from oncsync.locking import (
    Drift,
    Standing,
    check_drift,
    choose_lock_path,
    identity_of,
    is_current,
    maker_of,
    need_lock,
    own_lock_name,
    read_locks,
    read_standing,
    write_locks,
)
from oncsync.manifest import Manifest, find_manifest, load_manifest
from oncsync.resolving import Wish, check_names, needs_asking, resolve_wish
from oncsync.results import ProjectFile, ResolveResult, SyncResult, resolve_result
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.api import Session, Token
    from oncsync.connection import Line
    from oncsync.engine.plan import Plan
    from oncsync.engine.planning import FolderJob
    from oncsync.engine.run import Tools
    from oncsync.engine.watch import Watcher
    from oncsync.report import Outlook, Status
    from oncsync.state import State


class Project:
    """One manifest with its lock and its folder.

    `manifest` is the path of a manifest (None: `oncsync.yaml` here or in a parent folder). `folder`,
    `lock_file`, `token_file` and `variables` are what `--folder`, `--lock-file`, `--token-file` and `--set` give,
    `server` what `ONCSYNC_SERVER` gives; `token` is one that is kept in memory alone. Nothing is read before it is
    needed.
    """

    def __init__(
        self,
        manifest: str | os.PathLike[str] | None = None,
        *,
        folder: str | None = None,
        lock_file: str | os.PathLike[str] | None = None,
        token_file: str | os.PathLike[str] | None = None,
        token: Token | None = None,
        server: str | None = None,
        variables: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sandbox_options: dict[str, Any] | None = None,
    ) -> None:
        self._named = manifest
        self._folder_text = folder
        self._lock_file = Path(lock_file) if lock_file else None
        self._server = server
        self._variables = dict(variables or {})
        self._now = now
        self._access: dict[str, Any] = {
            "token": token,
            "token_file": Path(token_file) if token_file else None,
            "sandbox_options": sandbox_options,
        }
        self._takes_over = False
        self.notices: list[str] = []
        """What the service said besides its answers, without the token."""

    @cached_property
    def path(self) -> Path:
        """The manifest's path, absolute."""
        try:
            return Path(self._named).absolute() if self._named is not None else find_manifest(Path.cwd())
        except FileNotFoundError:
            raise InputError("The current folder is gone", hint="change into one that exists, or name `-m`") from None

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, read and checked; raises `ProblemsError` with every mistake."""
        environment = {**os.environ, "ONCSYNC_SERVER": self._server} if self._server else None
        return load_manifest(self.path, folder=self._folder_text, overrides=self._variables, environment=environment)

    @property
    def folder(self) -> Path:
        """Where the data lie."""
        return self.manifest.folder

    @cached_property
    def lock_path(self) -> Path:
        """Where the lock lies; raises `InputError` where it would be another manifest's, or no lock at all."""
        return choose_lock_path(self.path, self._lock_file, self._variables)

    def read_lock(self) -> Lock | None:
        """Gives the lock as it is, None when there is none; raises `LockError` for one in another form."""
        return read_locks(self.lock_path, self.folder, self._own_lock)

    @property
    def _own_lock(self) -> str:
        return own_lock_name(self.path, self.lock_path)

    # --- Resolving ---------------------------------------------------------------------------------------------

    def resolve(
        self,
        *,
        write: bool = True,
        refresh: Sequence[str] = (),
        pin: Sequence[str] = (),
        upgrade: bool = False,
        allow_many: bool = False,
        full: bool = False,
    ) -> ResolveResult:
        """Asks the service what the manifest means and writes the lock, if it changed.

        `refresh` names the entries to ask about, the others keep their lines; `pin` names entries that move with the
        clock and shall stand still; `upgrade` takes the options of `pinOptions` anew; `allow_many` lets an entry have
        more chunks than anyone asks for by accident; `full` lists all archive files, not those that came since alone.
        Raises `ProblemsError` for what must be changed in the manifest, `InputError` for names it does not have,
        `TokenError`, `UnreachableError`.
        """
        wish = Wish(refresh=tuple(refresh), pin=tuple(pin), upgrade=upgrade, allow_many=allow_many, full=full)
        with self.connected() as session:
            return self._resolve(session, write, wish, self._standing())

    def _resolve(self, session: Session, write: bool, wish: Wish, standing: Standing) -> ResolveResult:
        from oncsync.engine.planning import check_owner

        notes = ListingNotes(self.path, self.lock_path, self.manifest.server)
        resolution, notices = resolve_wish(self.manifest, session, self._line.now, standing.lock, wish, notes.read)
        self.notices.extend(notices)
        if write and not self._takes_over and any(entry.relative for entry in resolution.lock.entries):
            check_owner(self._read_state(), self.folder, self.identity, self.manifest.server)
        is_written = write and write_locks(
            self.lock_path,
            self.folder,
            resolution.lock,
            self.path.name,
            own_name=self._own_lock,
            command=maker_of(self.lock_path, self._variables),
        )
        if write and resolution.listings:
            notes.keep(resolution.listings)
        return resolve_result(standing.lock, resolution, is_written, standing.fault, self.notices)

    def _standing(self) -> Standing:
        """Reads the lock as far as it can be read, and says so when it has to be made anew."""
        standing = read_standing(self.lock_path, self.folder, self._own_lock)
        if standing.fault is not None:
            self.notices.append(f"{standing.fault.message}; it is made anew")
        return standing

    def outlook(self, lock: Lock | None = None, *, plan: Plan | None = None, estimate: bool = False) -> Outlook:
        """Gives how many orders a lock (None: the one that is there) or a plan takes, how long, and how many bytes.

        From what similar chunks took in this folder; with `estimate` ONC is asked for the sizes of the others.
        """
        from oncsync.report import make_outlook

        lock = lock or self._needed_lock()
        orders = (plan or self.plan(lock=lock)).to_come
        with contextlib.ExitStack() as stack:
            session = self._line.open_for(stack) if estimate else None
            return make_outlook(lock, orders, self._read_state(), self.manifest.settings.run_threads, session)

    def drift(self) -> tuple[Drift, ...]:
        """Gives the entries whose lines in the lock were not made from what the manifest says now; asks nobody.

        Raises `DifferenceError` when there is no lock, or one that cannot be read or is of another server.
        """
        return check_drift(self.lock_path, self.folder, self._own_lock, self.manifest)

    # --- Planning and syncing ----------------------------------------------------------------------------------

    def is_lock_current(self) -> bool:
        """Whether the lock was made from what the manifest says now; asks nobody."""
        lock = self._standing().sound
        return lock is not None and is_current(lock, self.manifest)

    def plan(
        self,
        *,
        retry_failed: bool = False,
        only: Sequence[str] = (),
        refresh_outdated: bool = False,
        lock: Lock | None = None,
    ) -> Plan:
        """Gives what `sync` would do with the lock (None: the one that is there); changes nothing, asks nobody."""
        from oncsync.engine import planning

        check_names(self.manifest, only)
        state, terms = self._read_state(), plan_terms(self.manifest.settings)
        lock = lock or self._needed_lock()
        stale = self._stale_chunks(lock) if refresh_outdated else ()
        return planning.plan_folder(lock, state, self.folder, self._now(), terms, retry_failed, only, stale)

    def _stale_chunks(self, lock: Lock) -> frozenset[str]:
        from oncsync.engine.staleness import known_stale

        return known_stale(lock, self._read_state(), self.notices.append)

    def sync(
        self,
        *,
        locked: bool = False,
        frozen: bool = False,
        retry_failed: bool = False,
        only: Sequence[str] = (),
        files: Iterable[Any] | None = None,
        refresh_outdated: bool = False,
        take_over: bool = False,
        allow_many: bool = False,
        full: bool = False,
        wait_for_window: bool = True,
        max_seconds: float | None = None,
        lock_patience: float = 0.0,
        resting: frozenset[str] = frozenset(),
        watcher: Watcher | None = None,
        tools: Tools | None = None,
        on_resolved: Callable[[ResolveResult], None] = lambda result: None,
        on_plan: Callable[[Plan], None] = lambda plan: None,
    ) -> SyncResult:
        """Makes the folder equal to the lock.

        Resolves first when the lock is missing, when the manifest's meaning changed, or when an entry's span moves;
        `locked` refuses a lock that is out of date (`DifferenceError`), `frozen` never looks, `full` lists all archive
        files anew. `refresh_outdated` also orders again what may be stale by the last look at the archive; old files
        stay until the new ones are whole. `files` (records, rows of a DataFrame, names, paths or ids) limits it to
        what those lie in; one that the lock does not have is an `InputError`. Chunks that are `resting` are left alone.
        Raises what ends the run early: `TokenError`, `UnreachableError`, `FolderError`, `FolderBusyError`. What the
        run window or `max_seconds` ended is in the result's `stopped`.
        """
        from oncsync.engine import planning
        from oncsync.engine.pace import DEFAULT_PACE
        from oncsync.engine.run import Tools
        from oncsync.engine.runlog import run_log
        from oncsync.engine.watch import Overhearing, Silent

        check_names(self.manifest, only)
        self._takes_over = take_over
        overhearing, tools = Overhearing(watcher or Silent()), tools or Tools(now=self._line.now, pace=DEFAULT_PACE)
        ends_at = None if max_seconds is None else tools.monotonic() + max_seconds
        place = (self.folder, self.state_path, self.identity, self.manifest.server)
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(run_log("sync", *place, tools.now))
            wanted = Wish(allow_many=allow_many, full=full)
            lock, resolved, unresolved = self._lock_for_sync(stack, locked, frozen, wanted)
            if resolved is not None:
                on_resolved(resolved)
            wish = SyncWish(
                retry_failed=retry_failed,
                only=tuple(only),
                chunks=None if files is None else choose_chunks(files, self.files(everything=True, lock=lock)),
                refresh=self._stale_chunks(lock) if refresh_outdated else frozenset(),
                take_over=take_over,
                wait_for_window=wait_for_window,
                ends_at=ends_at,
                lock_patience=lock_patience,
                resting=resting,
                checked=resolved.asked_entries(self._line.service_now()) if resolved else {},
            )
            job, connect = self.job(lock, wish), partial(self._line.open_for, stack)
            done = planning.sync_folder(job, connect, overhearing, tools, on_plan, log)
            result = SyncResult(
                plan=done.plan,
                counts=done.counts,
                resolved=resolved,
                unresolved=unresolved,
                moved=done.moved,
                removed=done.removed,
                stopped=done.stopped,
                notices=tuple(dict.fromkeys((*self.notices, *overhearing.heard))),
            )
            log.end(result.exit_code, result.counts, result.causes)
        return result

    def lock_for_dry_run(
        self, *, locked: bool = False, frozen: bool = False, allow_many: bool = False, full: bool = False
    ) -> tuple[Lock, ResolveResult | None]:
        """Gives the lock that `sync` would use, resolved again where it would; writes nothing."""
        with contextlib.ExitStack() as stack:
            wanted = Wish(allow_many=allow_many, full=full)
            lock, resolved, _ = self._lock_for_sync(stack, locked, frozen, wanted, write=False)
            return lock, resolved

    def _lock_for_sync(
        self, stack: contextlib.ExitStack, locked: bool, frozen: bool, wish: Wish, write: bool = True
    ) -> tuple[Lock, ResolveResult | None, ServiceError | None]:
        """Gives the lock to use, the resolution if there was one, and the error if there should have been one."""
        if frozen:
            return self._needed_lock(), None, None
        standing = self._standing()
        lock = standing.sound
        current = lock is not None and is_current(lock, self.manifest)
        if locked and not current:
            state = "There is no lock" if lock is None else f"`{self.lock_path.name}` is out of date"
            raise DifferenceError(f"{state} for `{self.path.name}`", hint="run `oncsync resolve` and commit the lock")
        if lock is not None and current and not needs_asking(self.manifest, lock, wish):
            return lock, None, None
        try:
            session = self._line.open_for(stack)
            resolved = self._resolve(session, write, replace(wish, only_moving=current), standing)
        except ServiceError as error:
            if lock is None:
                raise
            self.notices.append(f"The lock could not be resolved again and is used as it is: {error.message}")
            return lock, None, error
        return resolved.lock, resolved, None

    def _needed_lock(self) -> Lock:
        return need_lock(self.lock_path, self.folder, self._own_lock, self.manifest)

    def job(self, lock: Lock, wish: SyncWish) -> FolderJob:
        """Gives the engine's job of a sync of this project with a lock."""
        return folder_job(
            self.manifest, lock, wish, folder=self.folder, state_path=self.state_path, identity=self.identity
        )

    # --- Looking -----------------------------------------------------------------------------------------------

    def status(self, only: Sequence[str] = ()) -> Status:
        """Gives how far each request of the lock is, or of the entries named; asks nobody."""
        check_names(self.manifest, only)
        state, terms = self._read_state(), plan_terms(self.manifest.settings)
        return status_of(self._needed_lock(), state, self.folder, self._now(), terms, only)

    def files(self, *, everything: bool = False, lock: Lock | None = None) -> list[ProjectFile]:
        """Gives the files that are here, by path; with `everything` each file of the lock, as `oncsync list` does."""
        state, terms = self._read_state(), plan_terms(self.manifest.settings)
        if everything:
            return files_wanted(lock or self._needed_lock(), state, self.folder, self._now(), terms)
        return files_here(lock or self._standing().lock, state, self.folder)

    def frame(self, *, everything: bool = True) -> Any:
        """Gives the same as a pandas DataFrame, columns as `oncsync list --csv`; raises `InputError` without pandas."""
        return frame_of(self.files(everything=everything))

    # --- What belongs together ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def connected(self) -> Iterator[Session]:
        """Keeps one session open for several calls."""
        with contextlib.ExitStack() as stack:
            yield self._line.open_for(stack)

    @cached_property
    def _line(self) -> Line:
        from oncsync.connection import Line

        return Line(lambda: self.manifest, self._now, self.notices, **self._access)

    @property
    def state_path(self) -> Path:
        """Where the state lies."""
        named = self.manifest.settings.state
        return self.folder / named if named else self.folder / ".oncsync" / "state.json"

    def _read_state(self) -> State:
        from oncsync.engine.mounts import check_place
        from oncsync.state import StateStore

        if not self._takes_over:
            check_place(self.folder, self.state_path)
        return StateStore(self.state_path).state

    @property
    def identity(self) -> str:
        """Names the manifest from the folder's point of view, so that both can move together."""
        return identity_of(self.path, self.folder)
