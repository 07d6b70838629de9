"""What the desks of one run share: the state's one writer, the loop, the words, and how a chunk ends."""

from __future__ import annotations

import bisect
import random
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import msgspec

from oncsync.api import Session
from oncsync.engine.access import Holder, ask_about_order
from oncsync.engine.files import Shelves
from oncsync.engine.loop import Loop
from oncsync.engine.outcomes import explain
from oncsync.engine.pace import DEFAULT_PACE, Pace, RunWindow, retry_wait
from oncsync.engine.plan import PlannedChunk
from oncsync.engine.room import Room
from oncsync.engine.slots import SlotBook
from oncsync.engine.transfers import Job
from oncsync.engine.watch import Counts, Level, Notice, Watcher
from oncsync.engine.work import AnyWork, FileWork, Work
from oncsync.errors import FaultError, FolderError, OncsyncError, StoppedError, UnreachableError
from oncsync.state import FINAL_OUTCOMES, PERMANENT_OUTCOMES, Finished, Forgotten, Outcome, StateStore, restrictions_in
from oncsync.timespan import UTC

MOST_FAILED_RUNS = 3
"""After so many orders that the service could not make, a chunk is not ordered again by itself."""
LEAST_FAILING = timedelta(days=1)
"""How far apart the first and the last of them lie at least: a service may be out of order for hours."""
OUTAGES = (502, 503, 504)
"""Statuses that speak of the whole service, not of one question.

So do a redirect elsewhere, and a page with status 404: a 404 of the service itself is no fault.
"""
PAGE_NOT_FOUND = 404
ENDS_THE_RUN = (4, 8, 70)
"""Exit codes of errors that are never about one chunk: the token, this machine's folder, a bug of ours."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may go on at once, and when new work may start."""

    window: RunWindow
    run_threads: int = 4
    download_threads: int = 10
    download_queue_size: int | None = None
    zone: tzinfo | None = None
    wait_for_window: bool = True
    ends_at: float | None = None
    """From when on nothing new begins, by the clock of the run that only grows. None: never."""
    min_free: int | None = None
    """Bytes that stay free on the disk of the folder, and no file is taken that needs them. None: no matter."""


def free_space(place: Path) -> int:
    """Gives the bytes that may still be written on the disk of a place."""
    return shutil.disk_usage(place).free


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What comes in from outside: waits, clocks, chance and the disk's room, so that tests never wait."""

    pace: Pace = DEFAULT_PACE
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    free_space: Callable[[Path], int] = free_space


class Run:
    """One run over one plan. Only the thread that turns the loop touches it."""

    def __init__(
        self,
        works: Iterable[Work],
        store: StateStore,
        session: Session,
        shelves: Shelves,
        slots: SlotBook,
        limits: Limits,
        watcher: Watcher,
        tools: Tools,
        *,
        wanted: Iterable[str],
        archive: Iterable[PlannedChunk] = (),
        lost: Callable[[], OncsyncError | None] = lambda: None,
    ) -> None:
        self.store, self.session, self.shelves, self.slots = store, session, shelves, slots
        self.limits, self.tools, self.pace = limits, tools, tools.pace
        session.set_waits(self.pace.first_retry, self.pace.longest_retry)
        self.loop = Loop({"run": limits.run_threads, "download": limits.download_threads}, tools.monotonic)
        self.waiting: deque[Work] = deque(works)
        """Chunks that have not begun."""
        self.wanted = frozenset(wanted)
        """The ids of every chunk that the lock wants, whether this run is about it or not."""
        self.queue: deque[tuple[Work, Job]] = deque()
        """Files that may be asked for."""
        self.not_ready: set[Job] = set()
        """Files of orders that are over, which the service does not have ready yet."""
        self.archive: deque[PlannedChunk] = deque(archive)
        """Archive files that have not been asked for: as they stand in the plan, for there may be very many."""
        self.archive_again: deque[FileWork] = deque()
        """Archive files that failed and may be asked for again."""
        self.arrived: set[str] = set()
        """Chunks of the archive files that arrived in this run."""
        self.alive: set[str] = set()
        """Chunks of ours whose orders are queued or running at the service."""
        self.unconfirmed: dict[str, Work] = {}
        """Chunks with a slot whose order has no id yet."""
        self.room = Room(shelves.folder, limits.min_free, tools.free_space)
        self.lost = lost
        """Tells why the folder is not ours to work in any more."""
        self.stop = threading.Event()
        self.fatal: OncsyncError | None = None
        """What ends the run at once."""
        self.closing: StoppedError | FolderError | None = None
        """Why nothing new begins any more; transfers under way end, orders stay alive at the service."""
        self.may_begin: Callable[[], bool] = lambda: True
        """Whether new work may begin now: asked again before a question that begins some is repeated."""
        self.counts = Counts(total=len(self.waiting) + len(self.archive))
        self._watcher = watcher
        self._successes = 0
        self._failures = 0
        self._retries: list[float] = []
        """When the next tries are due, while nothing works."""

    @property
    def archive_left(self) -> int:
        """How many archive files may be asked for."""
        return len(self.archive) + len(self.archive_again)

    @property
    def has_more(self) -> bool:
        """Whether something may begin that has not."""
        return bool(self.waiting or self.queue or self.archive_left)

    # --- Calls -------------------------------------------------------------------------------------------------

    def call(
        self, pool: str, call: Callable[[], object], react: Callable[..., None], holder: Holder | None = None
    ) -> None:
        """Hands a call to a pool; errors of ours come back as answers, those that are about no chunk end the run.

        `holder` placed the order that the call is about, when that was not this run.
        """

        def guarded() -> object:
            try:
                return call() if holder is None else ask_about_order(self.session, holder, call)
            except OncsyncError as error:
                return error

        def reacted(answer: object) -> None:
            if isinstance(answer, OncsyncError) and answer.exit_code in ENDS_THE_RUN:
                self.end(answer)
            else:
                react(answer)

        self.loop.call(pool, guarded, reacted)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Does something after so many seconds, or after the pause that the service asked everyone for."""
        wait = max(seconds, self.session.pause_left)
        self.loop.later(wait, lambda: None if self.fatal or self.closing else action())

    def end(self, error: OncsyncError) -> None:
        """Ends the run; the first error is the one that is told."""
        self.fatal = self.fatal or error

    def succeeded(self, work: AnyWork) -> None:
        """Notes that the service answered."""
        self._successes += 1
        self._failures = 0
        work.tries = 0

    def retry(self, work: AnyWork, error: OncsyncError, action: Callable[[], None], *, for_ever: bool = False) -> None:
        """Does something again after a growing wait; gives the chunk up for this run after the last try.

        `for_ever` is for an order that may be running: it is asked about until it is too old, for it holds a slot, or
        until nothing else works either.
        """
        work.tries += 1
        if self.is_service_down(work, error, work.tries):
            return
        if self._is_stuck(work, work.tries) or (work.tries >= self.pace.attempts and not for_ever):
            self.finish(work, "failed-retryable", explain(error), error)
            return
        self.tell("retry", f"{error.message}; trying again", work)
        asked: float | None = getattr(error, "retry_after", None)
        wait = retry_wait(self.pace, work.tries, asked, self.tools.jitter())
        # Who was turned away lets the others ask first when a pause of everybody ends: one bad order starves nobody.
        self.later(self.spaced(wait if asked is not None else wait + self.session.pause_left), action)

    @property
    def holds_back(self) -> bool:
        """Whether nothing new is to begin: calls fail one after the other, and the next tries will tell more."""
        return self._failures >= self.pace.attempts and not self.loop.is_idle

    def spaced(self, wait: float) -> float:
        """Gives the wait before another try, longer when others are to be made first.

        While nothing works, tries of however many threads follow each other, none within `first_retry` of another (F7).
        """
        now, gap = self.tools.monotonic(), self.pace.first_retry
        self._failures += 1
        self._retries = [other for other in self._retries if other > now - gap] if self._failures > 1 else []
        moment = now + wait
        for other in self._retries:
            if abs(other - moment) < gap:
                moment = other + gap
        bisect.insort(self._retries, moment)
        return moment - now

    def is_service_down(self, work: AnyWork, error: OncsyncError, tries: int) -> bool:
        """Ends the run when a call is stuck because the service as a whole cannot be used (exit 5)."""
        if not self._is_stuck(work, tries):
            return False
        status: int = getattr(error, "status", None) or 0
        is_fault = isinstance(error, FaultError)
        is_outage = status in OUTAGES or (is_fault and status >= 500 and not self._successes)
        is_outage = is_outage or (is_fault and (300 <= status < 400 or status == PAGE_NOT_FOUND))
        if not (isinstance(error, UnreachableError) or is_outage):
            return False
        hint = "nothing is lost; run the same command again later"
        self.end(UnreachableError(f"The service cannot be used now: {error.message}", hint=hint, status=status or None))
        return True

    def _is_stuck(self, work: AnyWork, tries: int) -> bool:
        """Whether so many tries of a call failed in a row, now or once more, and nothing worked meanwhile."""
        if (tries - 1) % self.pace.attempts == 0:
            work.successes_at_failure = self._successes
        return tries % self.pace.attempts == 0 and self._successes == work.successes_at_failure

    # --- How a chunk ends --------------------------------------------------------------------------------------

    def finish(
        self, work: AnyWork, outcome: Outcome, reason: str | None = None, error: OncsyncError | None = None
    ) -> None:
        """Records an outcome. An order that may still be running keeps its slot, and is taken up by the next run."""
        if isinstance(work, Work):
            order = self.store.state.chunks[work.id].order
            may_be_running = order is not None and order.request_id is not None and not order.is_ended
            if outcome != "failed-retryable" or not may_be_running:
                self.free_slot(work)
            self.alive.discard(work.id)
        notes = tuple(dict.fromkeys(work.notes))
        status, code = getattr(error, "status", None), getattr(error, "code", None)
        now = self.tools.now()
        self.store.record(
            Finished(at=now, chunk=work.id, outcome=outcome, reason=reason, status=status, code=code, notes=notes)
        )
        if self.store.state.chunks[work.id].refresh is not None:
            reason = f"{reason or 'nothing came'}; the files that are here stay"
        restrictions = restrictions_in(notes)
        self._count(outcome, is_restricted=bool(restrictions))
        if outcome == "done":
            self.shelves.replace_held(work.id, work.held_before)
        again = " (not tried again without `--retry-failed`)" if outcome in PERMANENT_OUTCOMES else ""
        level: Level = "error" if outcome not in FINAL_OUTCOMES else "info" if isinstance(work, Work) else "debug"
        if outcome == "done" and restrictions:
            reason = f"data may be missing: {'; '.join(restrictions)}"
        self.tell(outcome, f"{outcome}: {reason}{again}" if reason else outcome, work, level=level)

    def _count(self, outcome: Outcome, *, is_restricted: bool) -> None:
        if outcome == "done":
            self.counts.done += 1
            self.counts.restricted += is_restricted
        elif outcome == "empty":
            self.counts.empty += 1
        else:
            self.counts.failed += 1

    def order_anew(self, work: Work, reason: str, *, is_loss: bool = False) -> None:
        """The service does not have the order: orders once more in this run, never twice (rule 3, open question 21).

        Where it makes files and loses them again and again (`is_loss`), a person has to look.
        """
        self.forget(work, reason, is_loss=is_loss)
        if is_loss and self.store.state.chunks[work.id].attempts >= MOST_FAILED_RUNS:
            self.finish(work, "failed-permanent", f"lost {MOST_FAILED_RUNS} times: {reason}")
            return
        if work.was_ordered_anew:
            self.finish(work, "expired", reason)
            return
        text = f"the service no longer has the order, it is placed anew ({reason})"
        self.tell("reorder", text, work, level="warning")
        notes = [*work.notes, f"ordered anew: {reason}"]
        self.waiting.appendleft(Work(work.planned, work.terms, work.options, was_ordered_anew=True, notes=notes))

    def run_failed(self, work: Work, reason: str) -> None:
        """The service could not make the order: a later run orders again, but not for weeks."""
        self.forget(work, reason, is_loss=True)
        chunk, now = self.store.state.chunks[work.id], self.tools.now()
        is_long = chunk.failing_since is not None and now - chunk.failing_since >= LEAST_FAILING
        is_for_good = is_long and chunk.attempts >= MOST_FAILED_RUNS
        outcome: Outcome = "failed-permanent" if is_for_good else "failed-retryable"
        self.finish(work, outcome, f"the run failed at the service: {reason}")

    def forget(self, work: Work, reason: str, *, is_loss: bool = False) -> None:
        """Records that the order is gone, and drops what was still to be fetched of it."""
        self.store.record(Forgotten(at=self.tools.now(), chunk=work.id, reason=reason, is_loss=is_loss))
        self.free_slot(work)
        self.drop_files(work)

    def drop_files(self, work: Work) -> None:
        """Takes a chunk's files from the queue."""
        self.not_ready.difference_update(work.jobs)
        work.jobs.clear()
        self.queue = deque(one for one in self.queue if one[0] is not work)

    def free_slot(self, work: Work) -> None:
        """Gives back the slot of an order that is over at the service."""
        if work.slot is not None:
            self.slots.free(work.slot, self.tools.now())
            work.slot = None
        self.alive.discard(work.id)

    def free_unconfirmed_slots(self) -> None:
        """Gives back, at the end of a run, the slots of orders that never got an id: such an order never ran."""
        for work in list(self.unconfirmed.values()):
            if work.request_id is None:
                self.free_slot(work)
        self.unconfirmed.clear()

    def order_life(self, work: Work) -> timedelta:
        """How long an order may take before it is given up."""
        return timedelta(hours=work.terms.max_order_hours)

    def age(self, work: Work) -> timedelta:
        """How long the order has been at work, without trusting that the clock was never set."""
        return work.age_before + timedelta(seconds=self.tools.monotonic() - work.order_began)

    def is_too_old(self, work: Work) -> bool:
        """Whether an order has had the time that it may take (`maxOrderHours`)."""
        return self.age(work) > self.order_life(work)

    # --- Words -------------------------------------------------------------------------------------------------

    def note(self, work: Work, messages: Iterable[str]) -> None:
        """Keeps what the service said besides, and tells it: restrictions one by one, the rest at once."""
        listed = list(messages)
        work.notes.extend(listed)
        restrictions = restrictions_in(listed)
        rest = [message for message in listed if message not in restrictions]
        for text in (*restrictions, "; ".join(rest)):
            if text:
                self.tell("message", text, work, level="warning")

    def tell(self, event: str, text: str, work: AnyWork | None = None, *, level: Level = "info") -> None:
        """Tells whoever looks on."""
        chunk, label = (work.id, work.label) if work else (None, None)
        order, runs = (work.request_id, tuple(work.counts)) if isinstance(work, Work) else (None, ())
        text = self.session.redact(text)
        self._watcher.notice(
            Notice(event=event, text=text, level=level, chunk=chunk, label=label, request_id=order, run_ids=runs)
        )

    def report_progress(self) -> None:
        """Tells how far the run is."""
        self.counts.alive = len(self.alive)
        self.counts.waiting = len(self.waiting) + self.archive_left
        self.counts.transfers = self.loop.active("download")
        self.counts.queued_files = len(self.queue)
        self.counts.not_ready = len({job.chunk for job in self.not_ready})
        self._watcher.progress(self.counts)
