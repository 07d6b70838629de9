"""Manifest and discovery to lock: each entry on its own, in a fixed order.

An entry that cannot be asked, or that suddenly means nothing, keeps its previous lines and is reported (exit 3).
Unknown codes, and filters that never matched anything, stop everything before the lock is touched (exit 2). Which of
the two it is, the previous lock knows: it holds lines of the same entry, or it does not. An exact request is never
dropped: where discovery disagrees, a remark says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import msgspec

from oncsync.api.session import Session
from oncsync.errors import FaultError, Problem, ProblemsError, ServiceError, UnreachableError
from oncsync.listings import EntryListing, Listings
from oncsync.lockfile import Lock, LockEntry, digest, sort_entries
from oncsync.manifest import Download, Manifest, Request, entry_digest
from oncsync.resolver.archived import is_by_device, read_before, resolve_archived
from oncsync.resolver.downloads import MANY_HINT, Resolved, resolve_download
from oncsync.resolver.earlier import Earlier, read_earlier
from oncsync.resolver.findings import EntryError, Remark, TooManyError, where
from oncsync.resolver.repeats import find_repeats, mark_repeating_rows
from oncsync.resolver.requests import Cut, TooManyChunksError, check_count
from oncsync.resolver.rows import RowDesk, resolve_row
from oncsync.resolver.spans import span_expression
from oncsync.resolver.survey import Survey
from oncsync.spelling import enumerate_codes

CLOCK_TOLERANCE = timedelta(minutes=5)
"""When the service's clock turns out further off than this from what a span was evaluated with, it is asked again."""
LOST_HINT = "their previous lines stand; exclude them, or change the entry, if they are gone for good"


class Failure(msgspec.Struct, frozen=True):
    """An entry that was not resolved this time. `kept` tells whether its previous lines stand."""

    entry: str
    error: str
    hint: str | None
    kept: bool


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A new lock with what there is to say about it."""

    lock: Lock
    remarks: tuple[Remark, ...] = ()
    failures: tuple[Failure, ...] = ()
    listings: Listings = {}
    """What was listed of archive files, to be remembered when the lock is written."""


def resolve_manifest(
    manifest: Manifest,
    session: Session,
    now: Callable[[], datetime],
    previous: Lock | None,
    *,
    allow_many: bool = False,
    upgrade: bool = False,
    listings: Listings | None = None,
    full: bool = False,
) -> Resolution:
    """Gives the lock that `manifest` means at `now()` (a UTC instant, the same for all entries).

    `allow_many` lets it have more chunks than anyone asks for by mistake; `upgrade` takes the options of `pinOptions`
    anew, which otherwise stay what they are in `previous`. `listings` tell what was listed of archive files when
    `previous` was made; with `full` everything is listed, else only what came since where that is sure to be the same.

    `now` is read after the service has answered once, so that it may look at the service's clock. Raises
    `ProblemsError` for what a person must change, `TokenError` when the token is refused and `UnreachableError` when
    no entry at all could be asked, be it that all that came back were faults.
    """
    survey = Survey(session)
    entries: list[Download | Request] = [*manifest.downloads, *manifest.requests]
    if any(_needs_the_clock(entry) for entry in entries):
        with suppress(ServiceError):
            survey.tree()
    knows_clock = survey.clock_offset is not None
    moment = now()
    before = {entry.key: entry for entry in previous.entries} if previous and previous.server == manifest.server else {}
    flags = _Flags(allow_many, upgrade, full)
    gathered = _resolve_entries(manifest, survey, moment, before, listings or {}, flags)
    if not knows_clock and abs(survey.clock_offset or 0.0) > CLOCK_TOLERANCE.total_seconds():
        right = now()
        if abs(right - moment) > CLOCK_TOLERANCE and any(span_expression(one.begin, one.end) for one in entries):
            gathered = _resolve_entries(manifest, survey, right, before, listings or {}, flags)
    gathered.refuse_too_many(entries, allow_many)
    if gathered.problems:
        hint = "`--allow-many` lets an entry have so many chunks" if gathered.has_too_many else None
        raise ProblemsError(f"`{manifest.path.name}` cannot be resolved:", gathered.problems, hint=hint)
    asked = len(manifest.downloads) + sum(request.download for request in manifest.requests)
    _refuse_to_go_on_deaf(gathered.faults, asked, survey)
    lock = Lock(server=manifest.server, entries=sort_entries(gathered.entries))
    remarks = (*gathered.remarks, *find_repeats(lock.entries))
    return Resolution(lock=lock, remarks=remarks, failures=tuple(gathered.failures), listings=gathered.listings)


class _Flags(msgspec.Struct, frozen=True):
    """How a person wants it resolved."""

    allow_many: bool
    upgrade: bool
    full: bool


def _needs_the_clock(entry: Download | Request) -> bool:
    """Whether a span moves with a clock that has to be known before anything is asked.

    Archive files of devices are asked for by one question each, the answer to which tells the time as well (R142).
    """
    if span_expression(entry.begin, entry.end) is None:
        return False
    is_archive = isinstance(entry, Download) and entry.service == "archivefile"
    return not (is_archive and isinstance(entry, Download) and entry.events is None and is_by_device(entry))


def _resolve_entries(
    manifest: Manifest,
    survey: Survey,
    now: datetime,
    before: Mapping[tuple[str, str], LockEntry],
    listings: Listings,
    flags: _Flags,
) -> _Gathered:
    """Resolves each entry by itself at one instant."""
    gathered = _Gathered()
    for download in manifest.downloads:
        bare = _bare_entry(download, manifest)
        old = before.get(bare.key)
        resolve: Callable[[Download], Resolved]
        if download.service == "archivefile":
            resolve = partial(
                resolve_archived,
                manifest=manifest,
                survey=survey,
                now=now,
                before=read_before(old, listings.get(bare.key), bare.digest),
                digest=bare.digest,
                allow_many=flags.allow_many,
                full=flags.full,
            )
        else:
            resolve = partial(
                resolve_download,
                manifest=manifest,
                survey=survey,
                now=now,
                earlier=read_earlier(old, bare.digest, upgrade=flags.upgrade),
                allow_many=flags.allow_many,
            )
        _resolve_one(download, bare, old, gathered, resolve)
    _resolve_rows(manifest, survey, now, before, gathered, flags.allow_many, flags.upgrade)
    return gathered


def _refuse_to_go_on_deaf(faults: list[FaultError | UnreachableError], asked: int, survey: Survey) -> None:
    """Raises `UnreachableError` when no entry could be asked: nobody is there, or whoever is there answers nothing."""
    if not faults or len(faults) != asked:
        return
    first = next((fault for fault in faults if isinstance(fault, UnreachableError)), faults[0])
    if isinstance(first, UnreachableError) and all(isinstance(fault, UnreachableError) for fault in faults):
        raise first
    if not survey.was_answered:
        message = f"The service cannot be used now: {first.message}"
        raise UnreachableError(message, hint=first.hint, status=first.status)


class _Gathered:
    """What comes together while entry after entry is resolved."""

    def __init__(self) -> None:
        self.entries: list[LockEntry] = []
        self.remarks: list[Remark] = []
        self.failures: list[Failure] = []
        self.problems: list[Problem] = []
        self.has_too_many = False
        self.faults: list[FaultError | UnreachableError] = []
        self.listings: dict[tuple[str, str], EntryListing] = {}

    def keep(self, old: LockEntry, message: str, hint: str | None) -> None:
        """Takes over the previous lines of an entry that could not be resolved."""
        self.entries.append(old)
        self.failures.append(Failure(old.name, message, hint, kept=True))

    def add_problems(self, error: EntryError) -> None:
        """Takes in what a person must change in an entry."""
        self.problems.extend(error.problems)
        self.has_too_many = self.has_too_many or isinstance(error, TooManyError)

    def note_silence(self, request: Request, earlier: Earlier, error: ServiceError) -> None:
        """Notes that nothing could be asked about an exact request, which is asked for all the same."""
        if isinstance(error, (FaultError, UnreachableError)):
            self.faults.append(error)
        if earlier.lines:
            self.failures.append(Failure(request.name, error.message, error.hint, kept=True))
        else:
            text = f"it could not be compared with what ONC lists, and is asked for as it is written: {error.message}"
            self.remarks.append(Remark(request.name, text))

    def refuse_too_many(self, entries: Iterable[Download | Request], allow_many: bool) -> None:
        """Adds the problem of a lock in which the chunks of all entries together are more than anyone means."""
        counts = {entry.key: sum(len(request.chunks) for request in entry.requests) for entry in self.entries}
        try:
            check_count(sum(counts.values()), Cut("all", "SU", allow_many))
        except TooManyChunksError as error:
            _, name = max(counts, key=lambda key: counts[key])
            largest = next(entry for entry in entries if entry.name == name)
            message = f"All entries together: {error}; `{name}` has most of them"
            self.has_too_many = True
            self.problems.append(Problem(where(largest, "splitDateRange"), message, MANY_HINT))


def _resolve_one(
    download: Download,
    bare: LockEntry,
    old: LockEntry | None,
    gathered: _Gathered,
    resolve: Callable[[Download], Resolved],
) -> None:
    """Adds one download's lines: new ones, its previous ones with the reason, or what a person must change."""
    lines = old.requests if old is not None and old.digest == bare.digest else ()
    try:
        resolved = resolve(download)
    except EntryError as error:
        if old is None or not lines:
            gathered.add_problems(error)
        else:
            gathered.keep(old, str(error), next((one.hint for one in error.problems if one.hint), None))
    except ServiceError as error:
        if isinstance(error, (FaultError, UnreachableError)):
            gathered.faults.append(error)
        if old is not None:
            gathered.keep(old, error.message, error.hint)
        else:
            gathered.failures.append(Failure(download.name, error.message, error.hint, kept=False))
    else:
        if resolved.is_quiet and old is not None and lines and bare.relative is None:
            gathered.keep(old, "; ".join(remark.message for remark in resolved.remarks), None)
            return
        if resolved.lost:
            message = f"no data product is listed any more for {enumerate_codes(resolved.lost)}"
            gathered.failures.append(Failure(download.name, message, LOST_HINT, kept=True))
        gathered.failures += [Failure(download.name, one.message, one.hint, one.kept) for one in resolved.unheard]
        gathered.remarks.extend(resolved.remarks)
        if resolved.listing is not None:
            gathered.listings[bare.key] = resolved.listing
        # What is not whole is not what the manifest means: it is resolved again by whoever needs it next.
        meaning = digest(["in part", bare.digest]) if resolved.is_partial else bare.digest
        gathered.entries.append(msgspec.structs.replace(bare, requests=resolved.requests, digest=meaning))


def _bare_entry(entry: Download | Request, manifest: Manifest) -> LockEntry:
    is_download = isinstance(entry, Download)
    return LockEntry(
        kind="download" if is_download else "row",
        name=entry.name,
        digest=entry_digest(entry, manifest.settings),
        relative=span_expression(entry.begin, entry.end),
        path=entry.path,
        metadata=entry.metadata,
        max_order_hours=entry.max_order_hours if isinstance(entry, Download) else None,
        late_days=entry.late_days if isinstance(entry, Download) else None,
        refresh_open=entry.refresh_open if isinstance(entry, Download) else None,
        latest=(entry.latest or None) if isinstance(entry, Download) else None,
        keep=entry.keep if isinstance(entry, Download) else None,
    )


def _resolve_rows(
    manifest: Manifest,
    survey: Survey,
    now: datetime,
    before: Mapping[tuple[str, str], LockEntry],
    gathered: _Gathered,
    allow_many: bool,
    upgrade: bool,
) -> None:
    """Adds the lines of all exact requests; those that discovery cannot be asked about are described as before."""
    desk = RowDesk(survey, manifest.requests, now)
    rows: list[LockEntry] = []
    for request in manifest.requests:
        bare = _bare_entry(request, manifest)
        earlier = read_earlier(before.get(bare.key), bare.digest, upgrade=upgrade)
        facts = None
        try:
            facts = desk.facts(request) if request.download else None
        except ServiceError as error:
            gathered.note_silence(request, earlier, error)
        try:
            line = resolve_row(request, manifest, facts, survey, now, earlier, allow_many=allow_many)
        except EntryError as error:
            gathered.add_problems(error)
            continue
        gathered.remarks.extend(Remark(request.name, text) for text in line.remarks)
        rows.append(msgspec.structs.replace(bare, requests=(line.locked,)))
    marked, remarks = mark_repeating_rows(rows)
    gathered.entries.extend(marked)
    gathered.remarks.extend(remarks)
