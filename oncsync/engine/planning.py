"""One sync of one folder, from taking the folder to the snapshot at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.api import Session
from oncsync.engine.claims import AskedBy, entry_digests, entry_filters, judge_claims
from oncsync.engine.conductor import Conductor, plan_transfers, plan_work
from oncsync.engine.eventlog import Watchers
from oncsync.engine.expiry import outlived_chunks
from oncsync.engine.files import Shelves, check_writable
from oncsync.engine.folder import FolderLock, missing_files, prepare_folder
from oncsync.engine.latest import refresh_latest
from oncsync.engine.mounts import check_mount, remember_mount
from oncsync.engine.plan import Plan, Terms, make_plan
from oncsync.engine.pruning import prune_chunks
from oncsync.engine.regaining import regain_orders
from oncsync.engine.run import Limits, Run, Tools
from oncsync.engine.runlog import RunLog
from oncsync.engine.slots import SlotBook, slots_folder
from oncsync.engine.watch import Counts, Notice, Watcher
from oncsync.errors import FolderError, InputError, StoppedError
from oncsync.lockfile import Lock
from oncsync.state import FileRecord, Started, State, StateStore, Synced

SettingsUsed = dict[str, str | int | float | bool | None]


class FolderJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync needs to know about the lock, the folder and the limits."""

    lock: Lock
    folder: Path
    state_path: Path
    manifest_name: str
    server: str
    settings: SettingsUsed
    terms: Terms
    limits: Limits
    retry_failed: bool = False
    only: tuple[str, ...] = ()
    chunks: frozenset[str] | None = None
    """The chunks to work on; None for all of the plan."""
    refresh: frozenset[str] = frozenset()
    """Finished chunks that are ordered again; their files stay until the new ones are whole."""
    resting: frozenset[str] = frozenset()
    """Chunks that failed lately and are left alone for now."""
    checked: Mapping[str, datetime] = {}
    """When ONC was asked, just now, what there is for an entry, by its name."""
    asked: AskedBy = {}
    """What the entries of the lock ask for."""
    take_over: bool = False
    lock_patience: float = 0.0


class FolderResult(msgspec.Struct, frozen=True):
    """How a sync of a folder ended: files `moved` to their names, and why it `stopped` with work left, if it did."""

    plan: Plan
    counts: Counts
    moved: int
    removed: int = 0
    """Files that `keep` let go of."""
    stopped: StoppedError | FolderError | None = None


def plan_folder(
    lock: Lock,
    state: State,
    folder: Path,
    now: datetime,
    terms: Terms,
    retry_failed: bool = False,
    only: Collection[str] = (),
    refresh: Collection[str] = (),
) -> Plan:
    """Gives the plan for a folder as it lies there."""
    missing = missing_files(folder, state)
    return make_plan(lock, state, missing, now, terms, retry_failed=retry_failed, only=only, refresh=refresh)


def sync_folder(
    job: FolderJob,
    connect: Callable[[], Session],
    watcher: Watcher,
    tools: Tools,
    on_plan: Callable[[Plan], None],
    log: RunLog,
) -> FolderResult:
    """Makes the folder equal to the lock; gives the plan and how it ended.

    Connects only when there is work. Whatever ends the run, what was recorded stays and the next run goes on from it.
    """

    def connect_for_work() -> Session:
        session = connect()
        log.redact = session.redact
        return session

    watcher = Watchers(log, watcher)
    warn = _warning_to(watcher)
    if not job.take_over:
        check_mount(job.folder, job.state_path)
    prepare_folder(job.folder)
    with FolderLock(job.folder, patience=job.lock_patience, now=tools.now) as hold:
        store = StateStore(
            job.state_path, notice=lambda text: watcher.notice(Notice(event="state", text=text, level="warning"))
        )
        if not job.take_over:
            check_owner(store.state, job.folder, job.manifest_name, job.server)
        log.open_in(job.folder)
        shelves = Shelves(job.folder, store, tools.now, warn=warn)
        store.open_journal()
        began_in = store.state.generation
        try:
            shelves.recover()
            plan = _plan(job, store.state, tools)
            _warn_of_unknown_files(job.folder, store.state, plan, warn)
            on_plan(plan)
            result = _carry_out(job, plan, store, shelves, connect_for_work, watcher, tools, hold)
            shelves.sweep()
            refresh_latest(job.lock, store.state, job.folder, job.checked, job.only, warn)
            if store.recorded or store.state.generation != began_in:
                store.record(Synced(at=tools.now()))
                store.snapshot()
        finally:
            store.close()
    return result


def _plan(job: FolderJob, state: State, tools: Tools) -> Plan:
    plan = plan_folder(
        job.lock, state, job.folder, tools.now(), job.terms, job.retry_failed, job.only, refresh=job.refresh
    )
    return (plan if job.chunks is None else plan.of_chunks(job.chunks)).resting(job.resting)


def _warn_of_unknown_files(folder: Path, state: State, plan: Plan, warn: Callable[[str], None]) -> None:
    """Says, before a first sync orders anything, that files lie where its own will: perhaps the records were lost."""
    if state.chunks:
        return
    places = sorted({planned.wanted.directory for planned in plan.work})
    taken = [place for place in places if place and _has_files(folder / place)]
    if taken:
        more = f" and {len(taken) - 1} more places" if len(taken) > 1 else ""
        warn(
            f"Files that oncsync knows nothing of lie in `{taken[0]}`{more}: they stay, and new ones come beside them. "
            "If `.oncsync` was lost, put it back; `oncsync adopt` takes in archive files that are here"
        )


def _has_files(place: Path) -> bool:
    try:
        with os.scandir(place) as entries:
            return any(entry.is_file(follow_symlinks=False) for entry in entries)
    except OSError:
        return False


def _warning_to(watcher: Watcher) -> Callable[[str], None]:
    return lambda text: watcher.notice(Notice(event="warning", text=text, level="warning"))


def _carry_out(
    job: FolderJob,
    plan: Plan,
    store: StateStore,
    shelves: Shelves,
    connect: Callable[[], Session],
    watcher: Watcher,
    tools: Tools,
    hold: FolderLock,
) -> FolderResult:
    """Does the work of a plan, then gives every file the name that the lock gives it."""

    warn = _warning_to(watcher)
    for warning in plan.warnings:
        warn(warning)
    counts = Counts()
    wanted = [planned.wanted for planned in plan.chunks]
    if not plan.work:
        state, digests = store.state, entry_digests(job.lock)
        filters = entry_filters(job.lock, state, job.asked)
        if state.manifest and (state.entries, state.filters) != (digests, filters):
            _start(job, store, tools)
        return FolderResult(plan, counts, shelves.settle(wanted, warn))
    check_writable(job.folder, (planned.wanted for planned in plan.work))
    remember_mount(job.folder)
    state = store.state
    _start(job, store, tools)
    session = connect()
    slots = SlotBook(slots_folder(), session.base_url, job.folder, warn=warn)
    plan = regain_orders(plan, store, slots, tools.now())
    works = plan_work(plan, state, job.terms)
    lock_wants = {chunk.id for _, request, chunk in job.lock.chunks() if request.download}
    run = Run(
        works,
        store,
        session,
        shelves,
        slots,
        job.limits,
        watcher,
        tools,
        wanted=lock_wants | {work.id for work in works},
        archive=plan_transfers(plan),
        lost=lambda: hold.lost,
    )
    stopped = Conductor(run).work()
    moved = shelves.settle(wanted, warn)
    removed = _let_go(job, store, run, watcher)
    return FolderResult(plan, run.counts, moved, removed, stopped)


def _let_go(job: FolderJob, store: StateStore, run: Run, watcher: Watcher) -> int:
    """Removes the archive files that their entry's `keep` lets go of; says how many."""
    removed = 0

    def tell(chunk: str, file: FileRecord) -> None:
        nonlocal removed
        removed += 1
        text = f"{file.path} removed ({file.bytes} bytes): newer data are here, and `keep` is over"
        watcher.notice(Notice(event="pruned", text=text, level="debug", chunk=chunk))

    outlived = outlived_chunks(job.lock, store.state, run.arrived, run.tools.now())
    prune_chunks(store, job.folder, outlived, run.tools.now, tell)
    return removed


def _start(job: FolderJob, store: StateStore, tools: Tools) -> None:
    """Records for whom and for what this sync is, unless the state says so already."""
    state, claims = store.state, judge_claims(job.lock, store.state, tools.now(), job.asked)
    event = Started(
        at=tools.now(),
        manifest=job.manifest_name,
        server=job.server,
        settings=job.settings,
        entries=claims.entries,
        filters=claims.filters,
        released=claims.released,
        claimed=claims.claimed,
    )
    known = (state.manifest, state.server, state.settings, state.entries, state.filters, state.released)
    said = (event.manifest, event.server, event.settings, event.entries, event.filters, event.released)
    if known != said or event.claimed:
        store.record(event)


def check_owner(state: State, folder: Path, manifest_name: str, server: str) -> None:
    """Refuses a folder that belongs to another manifest or server (`InputError`, naming both)."""
    if not state.manifest:
        return
    if state.manifest != manifest_name:
        raise InputError(
            f"The folder `{folder}` belongs to the manifest `{state.manifest}`, not to `{manifest_name}`",
            hint="give each manifest a `folder` of its own, or give `--take-over` when the manifest was renamed",
        )
    if state.server != server:
        raise InputError(
            f"The folder `{folder}` holds data from `{state.server}`, the manifest names `{server}`",
            hint="choose another `folder`, or give `--take-over` when both mean the same service",
        )
