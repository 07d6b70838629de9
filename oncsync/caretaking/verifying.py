"""Are the files still what arrived? Looks without a lock, also beside a running sync; repairs under the lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.caretaking.premises import needed_lock, open_state, read_known_state
from oncsync.caretaking.sums import SUMS_NAME
from oncsync.engine.checks import (
    Finding,
    OurFile,
    Sample,
    check_file,
    check_files,
    extra_files,
    is_plain_file,
    our_files,
)
from oncsync.engine.disk import file_size, set_aside
from oncsync.engine.folder import FolderLock, prepare_folder
from oncsync.engine.plan import Plan
from oncsync.engine.planning import FolderResult, check_owner, sync_folder
from oncsync.engine.run import Tools
from oncsync.engine.runlog import run_log
from oncsync.engine.watch import Silent, Watcher
from oncsync.errors import worst_exit_code
from oncsync.jobs import SyncWish
from oncsync.lockfile import Lock
from oncsync.manifest.load import local_path
from oncsync.project import Project
from oncsync.state import ChunkState, State, state_files
from oncsync.timespan import UTC, Span

MOST_LOOKS = 3
"""How often a finding is looked at again while a running sync changes what the state says of it."""


class VerifyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the folder found. `files` and `bytes` are ours, `hashed` those whose content was read.

    `findings` are files of ours that are not as they arrived, `extra` files that the state does not know.
    """

    files: int
    bytes: int
    hashed: int
    sample: Sample | None
    findings: tuple[Finding, ...]
    extra: tuple[str, ...]
    dropped: int = 0
    """Files that were let go on purpose: nothing is missing where they were."""

    @property
    def exit_code(self) -> int:
        """1 when a file of ours is changed, missing or unreadable."""
        return 1 if self.findings else 0


class RepairResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair did: what it set aside, the sync it ran (None when there was nothing to fetch), what is left."""

    aside: tuple[str, ...]
    fetched: FolderResult | None
    left: tuple[Finding, ...]
    unwanted: tuple[str, ...]
    """Of those left: files of chunks that the lock does not name. Data that it still asks for came in other files."""

    @property
    def exit_code(self) -> int:
        """0; 1 when files are left as they were; 3 when chunks failed, 7 when the run window ended it."""
        codes = [1] if self.left else []
        if self.fetched is not None:
            codes += [3] if self.fetched.counts.failed else []
            codes += [self.fetched.stopped.exit_code] if self.fetched.stopped else []
        return worst_exit_code(codes)


def verify(
    project: Project,
    *,
    sample: Sample | None = None,
    on_start: Callable[[int, int], None] = lambda files, total: None,
    on_bytes: Callable[[int], None] = lambda number: None,
) -> VerifyResult:
    """Hashes every file that the state says is ours (or a `sample` of them; sizes are compared of all).

    Takes no lock and changes nothing. `on_start` hears how many files and bytes are read, `on_bytes` (from any
    thread) of each block. Raises `InputError` when nothing was ever synced into the folder.
    """
    state = read_known_state(project)
    ours = our_files(state)
    chosen = None if sample is None else sample.choose(ours)
    hashed = [one for one in ours if chosen is None or one.file.path in chosen]
    on_start(len(hashed), sum(one.file.bytes for one in hashed))
    findings = check_files(project.folder, ours, lambda one: chosen is None or one.file.path in chosen, on_bytes)
    if findings:
        state, findings = _look_again(project, state, findings)
    return VerifyResult(
        files=len(ours),
        bytes=sum(one.file.bytes for one in ours),
        hashed=len(hashed),
        sample=sample,
        findings=tuple(findings),
        extra=tuple(extra_files(project.folder, state, _documents(project))),
        dropped=sum(len(chunk.dropped) for chunk in state.chunks.values()),
    )


def _look_again(project: Project, state: State, findings: list[Finding]) -> tuple[State, list[Finding]]:
    """Looks at findings by the state as it is now: a sync beside may have moved or replaced those files meanwhile."""
    for _ in range(MOST_LOOKS):
        later = read_known_state(project)
        before, now = _records(state), _records(later)
        doubtful = [one for one in findings if before.get(_key(one)) != now.get(_key(one))]
        if not doubtful:
            return later, findings
        again = [now[_key(one)] for one in doubtful if _key(one) in now]
        kept = [one for one in findings if one not in doubtful]
        found = check_files(project.folder, again)
        state, findings = later, sorted([*kept, *found], key=lambda one: one.path)
    return state, findings


def _key(finding: Finding) -> tuple[str, int, str]:
    return (finding.chunk, finding.run_id, finding.index)


def _records(state: State) -> dict[tuple[str, int, str], OurFile]:
    return {(one.chunk, *one.file.key): one for one in our_files(state)}


def _documents(project: Project) -> list[Path]:
    """Gives files that are no data where the folder is the manifest's own."""
    own = state_files(project.state_path)
    return [project.path, project.lock_path, local_path(project.path), project.folder / SUMS_NAME, *own]


# --- Repair --------------------------------------------------------------------------------------------------------


def repair(
    project: Project,
    findings: Sequence[Finding],
    *,
    lock_patience: float = 0.0,
    watcher: Watcher | None = None,
    tools: Tools | None = None,
    on_plan: Callable[[Plan], None] = lambda plan: None,
) -> RepairResult:
    """Fetches changed and missing files again; orders again only where the service has them no more.

    A changed file is never overwritten: one of the same size is set aside as `NAME~changed-1` first, one of another
    size when its replacement is whole. Whatever ends a repair once all that is set aside first is, the next `sync` goes
    on with it. Raises what `sync` raises; `TokenError` before anything is touched.
    """
    lock = needed_lock(project)
    wanted = _wanted_for(lock, read_known_state(project), findings)
    curable = [one for one in findings if one.kind != "unreadable" and wanted.get(one.chunk)]
    if not curable:
        return RepairResult(aside=(), fetched=None, left=tuple(findings), unwanted=_unwanted(lock, findings))
    place = (project.folder, project.state_path, project.identity, project.manifest.server)
    with run_log("verify --repair", *place, lambda: datetime.now(UTC)) as log, project.connected() as session:
        aside = _set_aside(project, curable, lock_patience)
        chunks = frozenset(chunk for one in curable for chunk in wanted[one.chunk])
        job = project.job(lock, SyncWish(chunks=chunks, lock_patience=lock_patience))
        tools = tools or _tools(lambda: session.clock_offset)
        fetched = sync_folder(job, lambda: session, watcher or Silent(), tools, on_plan, log)
        left = _left(project, findings, chunks)
        repaired = RepairResult(aside=tuple(aside), fetched=fetched, left=tuple(left), unwanted=_unwanted(lock, left))
        log.end(repaired.exit_code, fetched.counts, [f"{one.path} is left: {one.reason}" for one in left])
    return repaired


def _unwanted(lock: Lock, findings: Sequence[Finding]) -> tuple[str, ...]:
    ids = {chunk.id for _, _, chunk in lock.chunks()}
    return tuple(one.path for one in findings if one.chunk not in ids)


def _wanted_for(lock: Lock, state: State, findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Gives, for each damaged chunk, the chunks that bring its data: itself, and those of the lock in another cut."""
    ids = {chunk.id for _, _, chunk in lock.chunks()}
    damaged = {one.chunk: state.chunks[one.chunk] for one in findings if one.chunk in state.chunks}
    others = {key: chunk for key, chunk in damaged.items() if key not in ids}
    wanted = {key: [key] for key in damaged if key in ids}
    if others:
        ordered = (one for one in lock.chunks() if not one[1].is_archive)
        for _, request, chunk in ordered:
            for key, held in others.items():
                if request.product_digest == held.product and chunk.span.overlaps(_span(held)):
                    wanted.setdefault(key, [key]).append(chunk.id)
    return wanted


def _span(chunk: ChunkState) -> Span:
    return Span(chunk.begin, chunk.end)


def _set_aside(project: Project, findings: Sequence[Finding], lock_patience: float) -> list[str]:
    """Makes room, under the folder's lock, for files whose size does not tell a sync that they were changed."""
    prepare_folder(project.folder)
    aside = []
    with FolderLock(project.folder, patience=lock_patience):
        state = open_state(project).state
        check_owner(state, project.folder, project.identity, project.manifest.server)
        records = _records(state)
        for one in findings:
            ours = records.get(_key(one))
            place = project.folder / one.path
            if ours is None or ours.file.path != one.path or not is_plain_file(place):
                continue
            if file_size(place) == ours.file.bytes and check_file(project.folder, ours) is not None:
                aside.append(set_aside(place).relative_to(project.folder).as_posix())
    return aside


def _tools(clock_offset: Callable[[], float | None]) -> Tools:
    from oncsync.connection import service_now
    from oncsync.engine import pace

    return Tools(now=lambda: service_now(datetime.now(UTC), clock_offset())[0], pace=pace.DEFAULT_PACE)


def _left(project: Project, findings: Sequence[Finding], chunks: Collection[str]) -> list[Finding]:
    """Gives what is still wrong: with the files that were damaged, and with those that came for them."""
    state = read_known_state(project)
    looked_at = {one.chunk for one in findings} | set(chunks)
    found = check_files(project.folder, [one for one in our_files(state) if one.chunk in looked_at])
    lost = [one for one in findings if one.chunk not in state.chunks]
    return sorted([*found, *lost], key=lambda one: one.path)
