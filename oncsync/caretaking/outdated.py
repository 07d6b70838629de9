"""Asks the archive what was archived again, or late, since the files that are here were asked for, and records it.

Few questions: deployments per kind of instrument or place, and one listing per device. Sources: R148, R149, onc-api.md
4.1 and 4.3, open questions 31 and 32.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

import msgspec

from oncsync.api import MARK_OVERLAP, ArchiveListing, Session, list_archive_files, widen_begin
from oncsync.api.records import ArchiveFile
from oncsync.caretaking.judging import CitationChange, changed_at, compare_citations, files_by_chunk
from oncsync.caretaking.marking import mark_stale
from oncsync.caretaking.premises import needed_lock, read_known_state
from oncsync.caretaking.tracing import HeldChunk, Source, find_holdings, named_devices, source_of, sources_of, trace
from oncsync.engine.plan import has_live_order
from oncsync.engine.planning import check_owner
from oncsync.errors import FolderBusyError, FolderError, OncsyncError, ServiceError, UnreachableError, worst_exit_code
from oncsync.limits import plan_terms
from oncsync.lockfile import Lock, describe_request
from oncsync.project import Project
from oncsync.resolver.requests import Site
from oncsync.resolver.survey import Survey
from oncsync.resolving import check_names
from oncsync.state import META, Stale
from oncsync.timespan import UTC

MOST_LISTINGS_AT_ONCE = 4
MOST_QUESTIONS_ABOUT_DATES = 50
"""How many chunks are asked about one by one where the archive does not tell when a file was archived."""
MOST_NAMES = 5
"""How many raw files the state names for a chunk."""

Subject = TypeVar("Subject")
Answer = TypeVar("Answer")


class RawFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of the archive that was archived since: again, or for the first time; the archive does not say which."""

    name: str
    device_code: str
    date_from: datetime | None
    date_to: datetime | None
    archived_date: datetime | None
    modify_date: datetime | None


class StaleChunk(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A chunk whose product files may be stale. `raw_files` are those seen now; none when only an earlier look saw any.

    A chunk without `files` was asked for when there were no data. `archived` is when the last raw file was archived,
    as far as the archive tells it; `is_ordered` says that an order for it is alive.
    """

    id: str
    downloads: tuple[str, ...]
    request: str
    begin: datetime
    end: datetime
    asked_at: datetime
    files: tuple[str, ...]
    devices: tuple[str, ...]
    raw_count: int
    archived: datetime | None
    seen_at: datetime
    is_ordered: bool
    raw_files: tuple[str, ...]


class Unanswered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A question that got no answer: which device or place, the error, and how many chunks it leaves unjudged."""

    subject: str
    message: str
    chunks: int


class OutdatedResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the archive found. `judged` chunks were compared, `open` ones are ordered again by any sync."""

    looked_at: datetime
    judged: int
    open: int
    devices: tuple[str, ...]
    chunks: tuple[StaleChunk, ...]
    raw_files: tuple[RawFile, ...]
    citations: tuple[CitationChange, ...]
    unanswered: tuple[Unanswered, ...]
    not_stored: OncsyncError | None = None
    """Why the state does not know it, if it does not."""

    @property
    def exit_code(self) -> int:
        """0; 1 when something may be stale or is cited otherwise; 3 when a device could not be asked; 8."""
        codes = [1] if self.chunks or self.citations else []
        codes += [3] if self.unanswered else []
        codes += [8] if isinstance(self.not_stored, FolderError) else []
        return worst_exit_code(codes)


def find_outdated(project: Project, *, only: Sequence[str] = (), lock_patience: float = 0.0) -> OutdatedResult:
    """Asks which raw files were archived after the product files here were asked for, and stores the finding.

    `only` are names of entries. Asks without the folder's lock; where another oncsync holds it, the finding is not
    stored and the result says so. Raises `InputError` when nothing was ever synced, `TokenError`, and
    `UnreachableError` when no question was answered at all.
    """
    check_names(project.manifest, only)
    state, lock, looked_at = read_known_state(project), needed_lock(project), datetime.now(UTC)
    check_owner(state, project.folder, project.identity, project.manifest.server)
    held = find_holdings(lock, state, plan_terms(project.manifest.settings), only)
    look = _Look(held.chunks)
    if held.chunks:
        with project.connected() as session:
            look.ask(session)
    marks = look.marks(looked_at)
    not_stored = None
    try:
        mark_stale(
            project,
            {key: (one.asked, marks[key]) for one in held.chunks if (key := one.id) in marks},
            looked_at if not only and not look.unanswered else None,
            lock_patience=lock_patience,
        )
    except (FolderBusyError, FolderError) as error:
        not_stored = error
    return OutdatedResult(
        looked_at=looked_at,
        judged=len(held.chunks),
        open=held.open,
        devices=tuple(sorted(look.listings)),
        chunks=tuple(_stale_chunk(one, marks, look) for one in held.chunks if one.id in marks or one.state.stale),
        raw_files=tuple(look.raw_files()),
        citations=tuple(compare_citations(held.chunks, look.sites, _entry_names(lock, only))),
        unanswered=tuple(look.unanswered),
        not_stored=not_stored,
    )


def _entry_names(lock: Lock, only: Collection[str]) -> dict[str, str]:
    """Gives the entry of each request that is looked at, by the request's id."""
    return {
        request.id: entry.name for entry in lock.entries for request in entry.requests if not only or entry.name in only
    }


def _stale_chunk(one: HeldChunk, marks: Mapping[str, Stale], look: _Look) -> StaleChunk:
    stale = marks.get(one.id) or one.state.stale
    assert stale is not None
    return StaleChunk(
        id=one.id,
        downloads=one.entries,
        request=describe_request(one.requests[0]),
        begin=one.state.begin,
        end=one.state.end,
        asked_at=one.asked,
        files=tuple(file.path for file in one.state.files if file.index != META),
        devices=stale.devices,
        raw_count=stale.count,
        archived=stale.archived,
        seen_at=stale.at,
        is_ordered=has_live_order(one.state),
        raw_files=tuple(file.name for _, file in look.found.get(one.id, ())),
    )


class _Look:
    """The questions of one look, and what came of them."""

    def __init__(self, chunks: Sequence[HeldChunk]) -> None:
        self._chunks = chunks
        self.sites: dict[Source, list[Site]] = {}
        self.listings: dict[str, ArchiveListing] = {}
        self.found: dict[str, list[tuple[str, ArchiveFile]]] = defaultdict(list)
        """Per chunk the device and the file, of all that were archived since."""
        self.unanswered: list[Unanswered] = []
        self._errors: list[ServiceError] = []
        self._answers = 0

    def ask(self, session: Session) -> None:
        """Asks about deployments, then lists per device what was archived since."""
        self._ask_places(Survey(session))
        traced = trace(self._chunks, self.sites)
        by_device: dict[str, list[HeldChunk]] = defaultdict(list)
        for one in self._chunks:
            for device in traced[one.id]:
                by_device[device].append(one)
        self._tell_untraced([one for one in self._chunks if not traced[one.id]])
        answers = self._ask_all(sorted(by_device), lambda device: _list_device(session, device, by_device[device]))
        for device, answer in answers.items():
            if isinstance(answer, ServiceError):
                self._fail(f"device {device}", answer, len(by_device[device]))
                continue
            self.listings[device] = answer
            for chunk, files in files_by_chunk(by_device[device], answer.files).items():
                self.found[chunk] += [(device, file) for file in files]
        self._settle_dates(session)
        if self._errors and not self._answers and all(isinstance(error, UnreachableError) for error in self._errors):
            raise self._errors[0]

    def _ask_all(
        self, subjects: Sequence[Subject], ask: Callable[[Subject], Answer]
    ) -> dict[Subject, Answer | ServiceError]:
        """Asks several questions at a time; an error of the service is an answer too, in the order of the subjects."""

        def one(subject: Subject) -> Answer | ServiceError:
            try:
                return ask(subject)
            except ServiceError as error:
                return error

        with ThreadPoolExecutor(max_workers=MOST_LISTINGS_AT_ONCE) as pool:
            answers = dict(zip(subjects, pool.map(one, subjects), strict=True))
        self._answers += sum(not isinstance(answer, UnreachableError) for answer in answers.values())
        self._errors += [answer for answer in answers.values() if isinstance(answer, ServiceError)]
        return answers

    def _fail(self, subject: str, error: ServiceError, chunks: int) -> None:
        self.unanswered.append(Unanswered(subject=subject, message=error.message, chunks=chunks))

    # --- Places --------------------------------------------------------------------------------------------------

    def _ask_places(self, survey: Survey) -> None:
        """Asks for the deployments of every source: they tell devices and citations."""
        sources = sources_of(self._chunks)
        by_category = _asks_by_category(sources)
        answers = self._ask_all(sources, lambda source: _sites(survey, dict(source), by_category))
        for source, answer in answers.items():
            if not isinstance(answer, ServiceError):
                self.sites[source] = answer
                continue
            unnamed = sum(
                any(source_of(request) == source and not named_devices(request) for request in one.requests)
                for one in self._chunks
            )
            self._fail(f"the deployments of {' '.join(code for _, code in source)}", answer, unnamed)

    def _tell_untraced(self, chunks: Sequence[HeldChunk]) -> None:
        """Says of what was asked about, but has no device; what could not be asked about is told already."""
        untraced: dict[str, int] = defaultdict(int)
        for one in chunks:
            if all(source_of(request) in self.sites for request in one.requests):
                untraced[describe_request(one.requests[0])] += 1
        for subject, number in sorted(untraced.items()):
            message = "neither the lock nor ONC names a device that was deployed there"
            self.unanswered.append(Unanswered(subject=subject, message=message, chunks=number))

    # --- Dates that are not told ---------------------------------------------------------------------------------

    def _settle_dates(self, session: Session) -> None:
        """Asks again about files without a date: what is listed as archived since the chunk was asked for counts."""
        doubtful = [
            (one, device)
            for one in self._chunks
            for device in sorted({device for device, file in self.found.get(one.id, ()) if changed_at(file) is None})
        ][:MOST_QUESTIONS_ABOUT_DATES]
        asked = {(one.id, device): one for one, device in doubtful}
        answers = self._ask_all(list(asked), lambda key: _list(session, key[1], [asked[key]], since=asked[key].asked))
        for (chunk, device), answer in answers.items():
            if isinstance(answer, ServiceError):
                continue  # it stays what it was: it may be
            since = {file.name for file in answer.files}
            self.found[chunk] = [
                (owner, file)
                for owner, file in self.found[chunk]
                if owner != device or changed_at(file) is not None or file.name in since
            ]

    # --- What came of it -----------------------------------------------------------------------------------------

    def marks(self, looked_at: datetime) -> dict[str, Stale]:
        """Gives what the state is to know of each chunk."""
        return {chunk: _mark(files, looked_at) for chunk, files in self.found.items() if files}

    def raw_files(self) -> list[RawFile]:
        """Gives every raw file that was archived since, each once, by name."""
        named = {(device, file.name): file for files in self.found.values() for device, file in files}
        return [
            RawFile(
                name=name,
                device_code=device,
                date_from=file.begin,
                date_to=file.end,
                archived_date=file.archived,
                modify_date=file.modified,
            )
            for (device, name), file in sorted(named.items(), key=lambda one: one[0])
        ]


def _mark(files: Sequence[tuple[str, ArchiveFile]], looked_at: datetime) -> Stale:
    changed = {file.name: changed_at(file) for _, file in files}
    dates = list(changed.values())
    known = [date for date in dates if date is not None]
    return Stale(
        at=looked_at,
        count=len(files),
        archived=max(known) if len(known) == len(dates) else None,
        devices=tuple(sorted({device for device, _ in files})),
        names=tuple(file.name for _, file in files[:MOST_NAMES]),
        ahead={name: date for name, date in changed.items() if date is not None and date > looked_at},
    )


def _list_device(session: Session, device: str, chunks: Sequence[HeldChunk]) -> ArchiveListing:
    """Lists what was archived since the first of the chunks was asked for, with an overlap (open question 31)."""
    return _list(session, device, chunks, widen_begin(min(one.asked for one in chunks), MARK_OVERLAP))


def _list(session: Session, device: str, chunks: Sequence[HeldChunk], since: datetime) -> ArchiveListing:
    return list_archive_files(
        session,
        device_code=device,
        date_from=min(one.state.begin for one in chunks),
        date_to=max(one.state.end for one in chunks),
        date_archived_from=since,
    )


def _asks_by_category(sources: Sequence[Source]) -> bool:
    """Whether asking for the deployments of each category takes fewer questions than for those of each place."""
    pairs = [dict(source) for source in sources]
    both = [pair for pair in pairs if "deviceCategoryCode" in pair and "locationCode" in pair]
    return len({pair["deviceCategoryCode"] for pair in both}) <= len({pair["locationCode"] for pair in both})


def _sites(survey: Survey, source: Mapping[str, str], by_category: bool) -> list[Site]:
    """Gives the deployments of a source, asking no question twice."""
    place, category = source.get("locationCode", ""), source.get("deviceCategoryCode", "")
    if "deviceCode" in source:
        return survey.sites_by_device(source["deviceCode"])
    if not category:
        return survey.sites_measuring(place, source.get("propertyCode", ""))
    if by_category:
        return [site for site in survey.sites_by_category(category) if site.location_code == place]
    return [site for site in survey.sites_by_location(place) if site.device_category_code == category]
