"""One chunk under way: what it still waits for, and what each answer about its files means.

No I/O and no clock: the conductor asks `react_to_file` what an answer means and does it.
Sources: onc-api.md 3.3, open questions 7, 8, 13, 17, 18 and 20.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count as counting
from typing import Literal, TypeAlias

import msgspec

from oncsync.api import EndOfFiles, Expired, FailedRun, NoData, NotReady
from oncsync.engine.access import Holder
from oncsync.engine.outcomes import explain, judge_download
from oncsync.engine.pace import Pace
from oncsync.engine.plan import PlannedChunk, Terms
from oncsync.engine.transfers import Answer, Broken, Fetched, Job, Present, Stopped
from oncsync.listed import ListedFile
from oncsync.lockfile import describe_request
from oncsync.state import META, FileRecord
from oncsync.timespan import format_instant

ENDS_TO_TRUST = 2
"""How often a run of unknown length must say "no more files" before it is believed (open question 8)."""
MOST_ANNOUNCED = 100_000
"""A run that announces more files than this is asked for one after the other, as if it had announced nothing."""

CANCELLED = "the order was cancelled at the service"
PAGE_IN_PLACE = "the service answered with a web page in place of a file"


@dataclass
class Work:
    """The conductor's notes on one chunk; only the conductor's own thread touches them."""

    planned: PlannedChunk
    terms: Terms
    options: dict[str, str]
    slot: str | None = None
    request_id: int | None = None
    holder: Holder | None = None
    """Who placed the order that this run took up; None for one of its own."""
    order_began: float = 0.0
    age_before: timedelta = timedelta()
    """How old the order was when this run took it up."""
    estimate: float | None = None
    tries: int = 0
    successes_at_failure: int = 0
    was_ordered_anew: bool = False
    was_corrected: bool = False
    counts: dict[int, int | None] = field(default_factory=dict)
    came: dict[int, int] = field(default_factory=dict)
    """The last file that ever came of each run, whether or not it is still here."""
    ends_to_trust: int = ENDS_TO_TRUST
    ends_seen: dict[Job, int] = field(default_factory=dict)
    """How often the service said that it has no such file, for runs whose length is not known."""
    perhaps_expired: set[int] = field(default_factory=set)
    """Runs whose end was a 410 and whose length is not known: either no more files, or none any more."""
    jobs: dict[Job, int] = field(default_factory=dict)
    """Files that are not settled, with how often each was tried."""
    fetching_since: float = 0.0
    meta_since: float | None = None
    held_before: tuple[FileRecord, ...] = ()
    data_files: int = 0
    in_doubt: set[tuple[int, str]] = field(default_factory=set)
    """Files that came in an earlier run, or perhaps before their run was over (open question 18)."""
    if_no_file: Callable[[], None] | None = None
    """What to do where no file is no word that there are no data."""
    is_in_doubt: bool = False
    """Whether files are asked for though nobody says that the order is over."""
    if_at_work: Callable[[], None] | None = None
    """What to do in doubt when a file is still to come."""
    unchanged_since: float = 0.0
    """When the doubt began, or the last file came."""
    doubt_patience: float = 0.0
    """For how long no file must come before the order is taken for over, in seconds."""
    notes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self.planned.id

    @property
    def label(self) -> str:
        """What a person calls the chunk."""
        begin, end = self.planned.wanted.chunk.begin, self.planned.date_to
        span = f"{_short(format_instant(begin))}..{_short(format_instant(end))}"
        return f"{describe_request(self.planned.wanted.request)} {span}"

    def jobs_of_runs(self, settled: set[tuple[int, str]]) -> list[Job]:
        """Gives the data files to ask for once the runs are over: those announced, and one beyond (open question 8)."""
        jobs = []
        for run_id in self.counts:
            here = {int(index) for run, index in settled if run == run_id and index != META}
            first = next(index for index in counting(1) if index not in here)
            beyond = range(first + 1, self.listed(run_id) + 2)
            indexes = [first, *(index for index in beyond if index not in here)]
            jobs += [Job(self.id, run_id, str(index)) for index in indexes]
        return jobs

    def least(self, run_id: int) -> int:
        """Gives how many files a run has at least: those that it announced, and those that ever came of it."""
        return max(self.counts.get(run_id) or 0, self.came.get(run_id, 0))

    def listed(self, run_id: int) -> int:
        """Gives how many files of a run are asked for at once; those after them one by one."""
        least = self.least(run_id)
        return least if least <= MOST_ANNOUNCED else 0

    def looks(self) -> list[Job]:
        """Gives a look at the first file of each run that is perhaps expired: then it is gone too (open question 7)."""
        return [Job(self.id, run_id, "1", is_look=True) for run_id in sorted(self.perhaps_expired)]

    def meta_jobs(self, settled: set[tuple[int, str]]) -> list[Job]:
        """Gives the metadata files to ask for, one per run."""
        return [Job(self.id, run_id, META) for run_id in self.counts if (run_id, META) not in settled]


def _short(instant: str) -> str:
    """Leaves out of an instant what is zero, for a label."""
    return instant.removesuffix("T00:00:00.000Z").removesuffix(".000Z")


@dataclass(slots=True)
class FileWork:
    """The conductor's notes on one archive file that is under way; of those that wait there is none."""

    planned: PlannedChunk
    job: Job
    tries: int = 0
    successes_at_failure: int = 0
    came: tuple[int, str] | None = None
    """Length and SHA-256 of what came before and was not believed (open question 2)."""
    notes: list[str] = field(default_factory=list)
    held_before: tuple[FileRecord, ...] = ()

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self.planned.id

    @property
    def file(self) -> ListedFile:
        """What the listing says of the file; a chunk without one needs nothing."""
        file = self.planned.wanted.chunk.file
        assert file is not None
        return file

    @property
    def label(self) -> str:
        """What a person calls the chunk: the file's name at the service."""
        return self.file.name


AnyWork: TypeAlias = Work | FileWork


class Keep(msgspec.Struct, frozen=True):
    """The file is whole; `follow` asks for the next index, because nobody said that this was the last."""

    fetched: Fetched
    follow: Job | None


class Again(msgspec.Struct, frozen=True):
    """The same file is to be asked for later; `why` is what the service or the network said."""

    why: Literal["not ready", "late", "broken"]
    asked: float | None = None
    error: Broken | None = None


class Settle(msgspec.Struct, frozen=True):
    """Nothing more is to be had at this index; `note` is what a person should know about it."""

    note: str | None = None


class Reorder(msgspec.Struct, frozen=True):
    """The service does not have the order (any more); `is_loss` says that it had made the files."""

    reason: str
    is_loss: bool = False


class Fail(msgspec.Struct, frozen=True):
    """The chunk failed; `is_permanent` tells whether another try makes sense."""

    reason: str
    is_permanent: bool = False
    run_failed: bool = False
    is_missing: bool = False
    """What the service announced is not there, or never gets ready: only another order can bring it."""
    error: Broken | None = None


Reaction: TypeAlias = Keep | Again | Settle | Reorder | Fail


def react_to_file(work: Work, job: Job, answer: Answer, tries: int, waited: float, pace: Pace) -> Reaction:
    """Says what an answer about one file means. `waited` is how long the file has been asked for, in seconds."""
    if isinstance(answer, Fetched):
        return Keep(answer, _next_index(work, job))
    if isinstance(answer, Present):
        return Settle()
    if isinstance(answer, Stopped):
        return Again("broken")
    if isinstance(answer, EndOfFiles) and answer.is_page and tries < _tries_of_a_page(work, job, pace):
        return Again("broken")
    if job.index == META:
        return _react_to_meta(answer, tries, waited, pace)
    if _is_beyond(work, job):
        return _react_beyond(work, job, answer, tries, waited, pace)
    if isinstance(answer, FailedRun):
        return _react_to_failed_run(answer)
    if isinstance(answer, NotReady):
        if waited > pace.synchronize_patience:
            text = f"file {job.index} was not ready {waited / 60:.0f} min after its run was complete"
            return Fail(text, is_missing=True)
        return Again("not ready", answer.retry_after)
    if isinstance(answer, Broken):
        return _react_to_break(answer, tries, pace)
    return _react_to_absence(work, job, answer, tries, pace)


def _tries_of_a_page(work: Work, job: Job, pace: Pace) -> int:
    """How often a 404 with a page is heard before it counts: twice suffices where the end is expected."""
    return min(2, pace.attempts) if _is_probe(work, job) else pace.attempts


def _next_index(work: Work, job: Job) -> Job | None:
    if job.index == META:
        return None
    is_open_ended = int(job.index) > work.listed(job.run_id)
    return Job(job.chunk, job.run_id, str(int(job.index) + 1)) if is_open_ended else None


def _is_beyond(work: Work, job: Job) -> bool:
    """Whether a file comes after all that its run announced, and after all that came."""
    return work.counts.get(job.run_id) is not None and int(job.index) > work.least(job.run_id)


def _is_probe(work: Work, job: Job) -> bool:
    """Whether a file is the one right after those announced, which is asked for to see that it is not there."""
    return (
        job.index not in ("1", META) and _is_beyond(work, job) and int(job.index) == (work.counts[job.run_id] or 0) + 1
    )


def _react_to_failed_run(answer: FailedRun) -> Reaction:
    if answer.phase == "cancelled":
        return Reorder(CANCELLED)
    return Fail(answer.text or "the run failed at the service", run_failed=True)


def _react_beyond(work: Work, job: Job, answer: Answer, tries: int, waited: float, pace: Pace) -> Reaction:
    """A file beyond those announced is only looked for: whatever is no file is the end, once the service speaks.

    Where nothing was announced at all, only the service's own "no file" (404, 204, 410) may say that there are no data,
    and where more came than were announced, its count is no witness: either has to be heard twice.
    A 404 with a page that stays is the end right after the announced files, for nobody knows what bodies its 404s
    have (open question 9); where more came than were announced, it is a fault.
    """
    is_first = job.index == "1"
    if isinstance(answer, NotReady) and waited <= pace.meta_patience:
        return Again("not ready", answer.retry_after)
    if is_first and isinstance(answer, NotReady):
        return Fail(f"the run announced no file, and was not ready {waited / 60:.0f} min after its end")
    if is_first and isinstance(answer, FailedRun):
        return _react_to_failed_run(answer)
    if is_first and isinstance(answer, Broken):
        return _react_to_break(answer, tries, pace)
    if isinstance(answer, NotReady):
        return Settle(f"file {job.index}, beyond those announced, was not ready after {waited / 60:.0f} min")
    if isinstance(answer, EndOfFiles) and answer.is_page and not _is_probe(work, job):
        return Fail(PAGE_IN_PLACE)
    if isinstance(answer, Broken) and judge_download(answer.error) != "forget":
        return _react_to_break(answer, tries, pace)
    return Settle() if _is_probe(work, job) else _believe_end(work, job, answer)


def _believe_end(work: Work, job: Job, answer: Answer) -> Reaction:
    """Takes a "no more files" of a run of unknown length for true once it was heard often enough (open question 8).

    After a 410 the run's first file has the last word, for an expired run answers that at every index.
    """
    if isinstance(answer, Expired) and job.index != "1":
        work.perhaps_expired.add(job.run_id)
    work.ends_seen[job] = work.ends_seen.get(job, 0) + 1
    return Settle() if work.ends_seen[job] >= work.ends_to_trust else Again("late")


def _react_to_meta(answer: Answer, tries: int, waited: float, pace: Pace) -> Reaction:
    """Metadata that do not come are worth a note, never the data (open question 20, P13)."""
    if isinstance(answer, NotReady) and waited <= pace.meta_patience:
        return Again("not ready", answer.retry_after)
    if isinstance(answer, NotReady):
        return Settle(f"no metadata file: it was not ready after {waited / 60:.0f} min")
    if isinstance(answer, Broken):
        reaction = _react_to_break(answer, tries, pace)
        if isinstance(reaction, Again) or _is_ours(answer):
            return reaction
        return Settle(f"no metadata file: {explain(answer.error)}")
    return Settle("no metadata file: the service has none for this run")


def _is_ours(answer: Broken) -> bool:
    """Whether the call failed on this machine or for the token, which is never about one file."""
    return answer.error.exit_code in (4, 8, 70)


def _react_to_break(answer: Broken, tries: int, pace: Pace) -> Reaction:
    verdict = judge_download(answer.error)
    if verdict == "retry" and tries < pace.attempts:
        return Again("broken", getattr(answer.error, "retry_after", None), answer)
    if verdict == "forget":
        return Reorder(explain(answer.error))
    return Fail(explain(answer.error), is_permanent=verdict in ("refused", "failed-permanent"), error=answer)


def _react_to_absence(work: Work, job: Job, answer: EndOfFiles | NoData | Expired, tries: int, pace: Pace) -> Reaction:
    """404, 204 and 410 are a fault or an expiry at a file that was announced, or that came once (open question 7)."""
    count, is_inside = work.counts.get(job.run_id), int(job.index) <= work.least(job.run_id)
    if isinstance(answer, EndOfFiles) and answer.is_page:
        return Fail(PAGE_IN_PLACE)
    if isinstance(answer, Expired) and (is_inside or job.index == "1"):
        return Reorder("the files were deleted at the service", is_loss=True)
    if not is_inside:
        return _believe_end(work, job, answer)
    if tries < pace.late_file_attempts:
        return Again("late")
    if count is None or int(job.index) > count:
        return Fail(f"file {job.index} came once, and the service has it no more", is_missing=True)
    announced = "1 file" if count == 1 else f"{count} files"
    return Fail(f"the service announced {announced}, but has no file {job.index}", is_missing=True)
