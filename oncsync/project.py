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
import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oncsync.errors import DifferenceError, InputError, ServiceError
from oncsync.lockfile import Lock, LockError, compare_locks
from oncsync.locking import is_current, read_locks, unresolved_here, write_locks
from oncsync.manifest import Manifest, find_manifest, load_manifest, lock_path
from oncsync.results import HeldFile, ResolveResult, SyncResult
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.api import Session
    from oncsync.engine.plan import Plan, Terms
    from oncsync.engine.run import Tools
    from oncsync.engine.watch import Watcher
    from oncsync.report import Status
    from oncsync.state import State

CLOCK_TOLERANCE = timedelta(minutes=5)
CLOCK_NONSENSE = timedelta(days=400)
"""A service whose clock is further off than this is not believed."""


class Project:
    """One manifest with its lock and its folder.

    `manifest` is the path of a manifest (None: `oncsync.yaml` here or in a parent folder). `folder`, `token_file` and
    `variables` are what `--folder`, `--token-file` and `--set` give. Nothing is read before it is needed.
    """

    def __init__(
        self,
        manifest: str | os.PathLike[str] | None = None,
        *,
        folder: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        variables: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sandbox_options: dict[str, Any] | None = None,
    ) -> None:
        self._named = manifest
        self._folder_text = folder
        self._token_file = Path(token_file) if token_file else None
        self._variables = dict(variables or {})
        self._now = now
        self._sandbox_options = sandbox_options
        self._session: Session | None = None
        self._takes_over = False
        self._said_clock = False
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
        return load_manifest(self.path, folder=self._folder_text, overrides=self._variables)

    @property
    def folder(self) -> Path:
        """Where the data lie."""
        return self.manifest.folder

    @property
    def lock_path(self) -> Path:
        """Where the lock lies."""
        return lock_path(self.path)

    def read_lock(self) -> Lock | None:
        """Gives the lock as it is, None when there is none; raises `LockError` for one in another form."""
        return read_locks(self.lock_path, self.folder)

    # --- Resolving ---------------------------------------------------------------------------------------------

    def resolve(self, *, write: bool = True) -> ResolveResult:
        """Asks the service what the manifest means and writes the lock, if it changed.

        Raises `ProblemsError` for what must be changed in the manifest, `TokenError`, `UnreachableError`.
        """
        with self.connected():
            return self._resolve(write)

    def _resolve(self, write: bool, *, only_moving: bool = False) -> ResolveResult:
        from oncsync.engine.planning import check_owner
        from oncsync.resolver import resolve_manifest

        assert self._session is not None
        session = self._session
        previous = self._previous_lock()
        resolution = resolve_manifest(
            self.manifest, session, lambda: self._service_now(session), previous, only_moving=only_moving
        )
        change = compare_locks(previous, resolution.lock)
        if write and not self._takes_over and any(entry.relative for entry in resolution.lock.entries):
            check_owner(self._read_state(), self.folder, self._identity(), self.manifest.server)
        is_written = write and write_locks(self.lock_path, self.folder, resolution.lock, self.path.name)
        return ResolveResult(
            lock=resolution.lock,
            change=change,
            is_written=is_written,
            remarks=resolution.remarks,
            failures=resolution.failures,
            notices=tuple(dict.fromkeys(self.notices)),
        )

    def _previous_lock(self) -> Lock | None:
        try:
            return self.read_lock()
        except LockError as error:
            self.notices.append(f"{error.message}; it is made anew")
            return None

    def _service_now(self, session: Session | None) -> datetime:
        """Gives now, by the service's clock when this machine's is more than five minutes off."""
        now = self._now()
        offset = session.clock_offset if session else None
        if offset is None or not CLOCK_TOLERANCE.total_seconds() < abs(offset) < CLOCK_NONSENSE.total_seconds():
            return now
        if not self._said_clock:
            self._said_clock = True
            self.notices.append(f"This machine's clock is {abs(offset) / 60:.0f} min off the service's, which is used")
        return now + timedelta(seconds=offset)

    # --- Planning and syncing ----------------------------------------------------------------------------------

    def is_lock_current(self) -> bool:
        """Whether the lock was made from what the manifest says now; asks nobody."""
        lock = self._previous_lock()
        return lock is not None and is_current(lock, self.manifest)

    def plan(self, *, retry_failed: bool = False, only: Sequence[str] = (), lock: Lock | None = None) -> Plan:
        """Gives what `sync` would do with the lock (None: the one that is there); changes nothing, asks nobody."""
        from oncsync.engine import planning

        self._check_names(only)
        return planning.plan_folder(
            lock or self._needed_lock(), self._read_state(), self.folder, self._now(), self._terms(), retry_failed, only
        )

    def sync(
        self,
        *,
        locked: bool = False,
        frozen: bool = False,
        retry_failed: bool = False,
        only: Sequence[str] = (),
        take_over: bool = False,
        wait_for_window: bool = True,
        max_seconds: float | None = None,
        lock_patience: float = 0.0,
        watcher: Watcher | None = None,
        tools: Tools | None = None,
        on_resolved: Callable[[ResolveResult], None] = lambda result: None,
        on_plan: Callable[[Plan], None] = lambda plan: None,
    ) -> SyncResult:
        """Makes the folder equal to the lock.

        Resolves first when the lock is missing, when the manifest's meaning changed, or when an entry's span moves;
        `locked` refuses a lock that is out of date (`DifferenceError`), `frozen` never looks. Raises what ends the
        run early: `TokenError`, `UnreachableError`, `FolderError`, `FolderBusyError`. What the run window or
        `max_seconds` ended is in the result's `stopped`.
        """
        from oncsync.engine import planning
        from oncsync.engine.pace import DEFAULT_PACE, read_window, read_zone
        from oncsync.engine.run import Limits, Tools
        from oncsync.engine.watch import Silent

        self._check_names(only)
        self._takes_over = take_over
        settings = self.manifest.settings
        limits = Limits(
            window=read_window(settings.begin_run, settings.end_run),
            zone=read_zone(settings.run_time_zone),
            run_threads=settings.run_threads,
            download_threads=settings.download_threads,
            download_queue_size=settings.download_queue_size,
            wait_for_window=wait_for_window,
            max_seconds=max_seconds,
        )
        with contextlib.ExitStack() as stack:
            lock, resolved, unresolved = self._lock_for_sync(stack, locked, frozen)
            if resolved is not None:
                on_resolved(resolved)
            job = planning.FolderJob(
                lock=lock,
                folder=self.folder,
                state_path=self._state_path(),
                manifest_name=self._identity(),
                server=self.manifest.server,
                settings=self._settings_used(),
                terms=self._terms(),
                limits=limits,
                retry_failed=retry_failed,
                only=tuple(only),
                take_over=take_over,
                lock_patience=lock_patience,
            )
            done = planning.sync_folder(
                job,
                lambda: self._connect_for(stack),
                watcher or Silent(),
                tools or Tools(now=lambda: self._service_now(self._session), pace=DEFAULT_PACE),
                on_plan,
            )
        return SyncResult(
            plan=done.plan,
            counts=done.counts,
            resolved=resolved,
            unresolved=unresolved,
            moved=done.moved,
            stopped=done.stopped,
        )

    def lock_for_dry_run(self, *, locked: bool = False, frozen: bool = False) -> tuple[Lock, ResolveResult | None]:
        """Gives the lock that `sync` would use, resolved again where it would; writes nothing."""
        with contextlib.ExitStack() as stack:
            lock, resolved, _ = self._lock_for_sync(stack, locked, frozen, write=False)
            return lock, resolved

    def _lock_for_sync(
        self, stack: contextlib.ExitStack, locked: bool, frozen: bool, write: bool = True
    ) -> tuple[Lock, ResolveResult | None, ServiceError | None]:
        """Gives the lock to use, the resolution if there was one, and the error if there should have been one."""
        if frozen:
            return self._needed_lock(), None, None
        lock = self._previous_lock()
        current = lock is not None and is_current(lock, self.manifest)
        if locked and not current:
            state = "There is no lock" if lock is None else f"`{self.lock_path.name}` is out of date"
            raise DifferenceError(f"{state} for `{self.path.name}`", hint="run `oncsync resolve` and commit the lock")
        if lock is not None and current and all(entry.relative is None for entry in lock.entries):
            return lock, None, None
        try:
            self._connect_for(stack)
            resolved = self._resolve(write, only_moving=current)
        except ServiceError as error:
            if lock is None:
                raise
            self.notices.append(f"The lock could not be resolved again and is used as it is: {error.message}")
            return lock, None, error
        return resolved.lock, resolved, None

    def _check_names(self, only: Sequence[str]) -> None:
        """Raises `InputError` for a name that no entry has."""
        names = [one.name for one in self.manifest.downloads] + [one.name for one in self.manifest.requests]
        for name in only:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean `{near[0]}`?" if near else None
                raise InputError(f"`{self.path.name}` has no entry `{name}`", hint=hint)

    def _needed_lock(self) -> Lock:
        lock = self.read_lock()
        if lock is None:
            raise InputError(f"There is no lock for `{self.path.name}`", hint="run `oncsync resolve`")
        if lock.server != self.manifest.server:
            raise InputError(
                f"The lock was made on `{lock.server}`, the manifest names `{self.manifest.server}`",
                hint="run `oncsync resolve`",
            )
        missing = unresolved_here(self.lock_path, self.folder)
        if missing:
            raise InputError(
                f"These entries move with the clock and are not resolved for this folder: {', '.join(missing)}",
                hint="run `oncsync resolve`, or `oncsync sync` without `--frozen`",
            )
        return lock

    # --- Looking -----------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Gives how far each request of the lock is; asks nobody."""
        from oncsync.report import make_status

        steps = {planned.id: planned.step for planned in self.plan().chunks}
        folder = str(self.folder).encode("utf-8", "backslashreplace").decode()
        return make_status(self._needed_lock(), self._read_state(), steps, folder)

    def files(self) -> list[HeldFile]:
        """Gives the files that are here, in the order of their paths."""
        held = [
            HeldFile(
                path=self.folder / file.path,
                bytes=file.bytes,
                sha256=file.sha256,
                chunk=key,
                begin=chunk.begin,
                end=chunk.fetched_to or chunk.end,
                is_metadata=file.index == "meta",
            )
            for key, chunk in self._read_state().chunks.items()
            for file in chunk.files
        ]
        return sorted(held, key=lambda file: file.path)

    # --- What belongs together ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def connected(self) -> Iterator[Session]:
        """Keeps one session open for several calls."""
        with contextlib.ExitStack() as stack:
            yield self._connect_for(stack)

    def _connect_for(self, stack: contextlib.ExitStack) -> Session:
        from oncsync.connection import open_session

        if self._session is None:
            self._session = stack.enter_context(
                open_session(
                    self.manifest,
                    token_file=self._token_file,
                    on_message=self.notices.append,
                    sandbox_options=self._sandbox_options,
                )
            )
            stack.callback(self._forget_session)
        return self._session

    def _forget_session(self) -> None:
        self._session = None

    def _terms(self) -> Terms:
        from oncsync.engine.plan import Terms

        settings = self.manifest.settings
        return Terms(
            metadata=settings.metadata,
            max_order_hours=settings.max_order_hours,
            late_days=settings.late_days,
            refresh_open=settings.refresh_open,
        )

    def _state_path(self) -> Path:
        named = self.manifest.settings.state
        return self.folder / named if named else self.folder / ".oncsync" / "state.json"

    def _read_state(self) -> State:
        from oncsync.engine.folder import check_own_place
        from oncsync.state import StateStore

        check_own_place(self.folder)
        return StateStore(self._state_path()).state

    def _identity(self) -> str:
        """Names the manifest from the folder's point of view, so that both can move together."""
        try:
            return Path(os.path.relpath(self.path, self.folder)).as_posix()
        except ValueError:  # another drive
            return self.path.as_posix()

    def _settings_used(self) -> dict[str, str | int | float | bool | None]:
        from oncsync.manifest.build import SETTING_MEMBERS

        used = {key: getattr(self.manifest.settings, member) for key, member in SETTING_MEMBERS.items()}
        return {key: value for key, value in used.items() if value is not None}
