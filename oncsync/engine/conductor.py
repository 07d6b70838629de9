"""Carries a plan out: two pools of threads make the calls, one thread decides and records.

The run pool asks, runs and polls orders; the download pool fetches files beside it (R108, R112). Every decision, every
journal line and every rename happens in the thread that calls `run`, so the state has one writer and the outcome does
not depend on how threads interleave.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo

import msgspec

from oncsync.api import OrderTicket, RunAnswer, Session, request_product, run_order, run_phase
from oncsync.engine.files import Shelves
from oncsync.engine.folder import current_user
from oncsync.engine.loop import Loop
from oncsync.engine.outcomes import corrected_options, explain, judge_order_call, judge_request
from oncsync.engine.pace import Pace, RunWindow, poll_wait, retry_wait
from oncsync.engine.plan import Plan, PlannedChunk, Terms, entry_terms
from oncsync.engine.slots import SlotBook
from oncsync.engine.transfers import Answer, Broken, Fetched, Job, fetch
from oncsync.engine.watch import Counts, Level, Notice, Watcher
from oncsync.engine.work import Again, Fail, Keep, Reorder, Settle, Work, react_to_file
from oncsync.errors import FaultError, OncsyncError, StoppedError, UnreachableError
from oncsync.state import (
    META,
    PERMANENT_OUTCOMES,
    Arrived,
    Ended,
    FileRecord,
    Finished,
    Forgotten,
    Ordered,
    Ordering,
    Outcome,
    Running,
    StateStore,
)
from oncsync.timespan import UTC, format_instant

MOST_FAILED_RUNS = 3
"""After so many orders that the service could not make, a chunk is not ordered again by itself."""
PATIENCE_AT_THE_END = 4.0
"""How long calls under way may take to end when a run is stopped, in seconds."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may go on at once, and when new work may start."""

    window: RunWindow
    run_threads: int = 4
    download_threads: int = 10
    download_queue_size: int | None = None
    zone: tzinfo | None = None
    wait_for_window: bool = True
    max_seconds: float | None = None


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What comes in from outside: waits, clocks and chance, so that tests never wait."""

    pace: Pace = Pace()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


class Conductor:
    """One run over one plan. `run` returns when nothing more can be done, and raises what ends a run early."""

    def __init__(
        self,
        plan: Plan,
        store: StateStore,
        session: Session,
        shelves: Shelves,
        slots: SlotBook,
        terms: Terms,
        limits: Limits,
        watcher: Watcher,
        tools: Tools,
    ) -> None:
        self._store, self._session, self._shelves, self._slots = store, session, shelves, slots
        self._limits, self._watcher, self._tools, self._pace = limits, watcher, tools, tools.pace
        self._loop = Loop({"run": limits.run_threads, "download": limits.download_threads}, tools.monotonic)
        self._waiting: deque[Work] = deque(_work(planned, terms) for planned in plan.work)
        self._files: deque[tuple[Work, Job]] = deque()
        self._alive: set[str] = set()
        self._under_way: dict[str, Work] = {}
        self._stop = threading.Event()
        self._fatal: OncsyncError | None = None
        self._successes = 0
        self._began = tools.monotonic()
        self._said: set[str] = set()
        self.counts = Counts(total=len(plan.work))

    # --- The run -----------------------------------------------------------------------------------------------

    def run(self) -> Counts:
        """Works until nothing is left; raises the error that ends the run early.

        Orders stay alive at the service whatever ends the run, and are re-attached by the next one.
        """
        try:
            while True:
                self._start_what_may_start()
                self._report_progress()
                if self._fatal is not None or (self._loop.is_idle and not self._files and not self._may_wait()):
                    break
                self._loop.turn()
        finally:
            self._stop.set()
            self._loop.drain(PATIENCE_AT_THE_END)
        if self._fatal is not None:
            raise self._fatal
        if self._waiting:
            raise StoppedError("The time given by `--max-time` is over", hint="run the same command again to go on")
        return self.counts

    def _may_wait(self) -> bool:
        return bool(self._waiting) and not self._is_out_of_time()

    def _is_out_of_time(self) -> bool:
        limit = self._limits.max_seconds
        return limit is not None and self._tools.monotonic() - self._began >= limit

    def _start_what_may_start(self) -> None:
        if self._fatal is not None or not self._is_window_open():
            return
        while self._waiting and not self._is_out_of_time() and not self._is_backed_up():
            if not self._start_chunk(self._waiting[0]):
                break
            self._waiting.popleft()
        while self._files and self._loop.is_free("download"):
            self._start_transfer(*self._files.popleft())

    def _is_backed_up(self) -> bool:
        """Whether so many files wait that order workers wait too (R96)."""
        size = self._limits.download_queue_size
        return size is not None and len(self._files) >= size

    def _is_window_open(self) -> bool:
        """Whether new work may start; otherwise sets a timer for when it may (R97-R101)."""
        window, moment = self._limits.window, self._tools.now()
        if window.is_open(moment, self._limits.zone):
            self._said.discard("window")
            return True
        if not (self._waiting or self._files) or "window" in self._said:
            return False
        opens = window.opens_at(moment, self._limits.zone)
        if not self._limits.wait_for_window:
            self._fatal = StoppedError(
                f"The run window is closed until {format_instant(opens)}", hint="run the same command again then"
            )
            return False
        self._said.add("window")
        self._tell("window", f"Waiting for the run window, which opens at {format_instant(opens)}")
        self._loop.later(max(1.0, (opens - moment).total_seconds()), lambda: self._said.discard("window"))
        return False

    # --- Orders ------------------------------------------------------------------------------------------------

    def _start_chunk(self, work: Work) -> bool:
        """Begins what a chunk needs; False when the quota lets nothing new begin now."""
        chunk = self._store.state.chunks.get(work.id)
        order = chunk.order if chunk else None
        if work.planned.step == "order" or work.was_ordered_anew or order is None or order.request_id is None:
            return self._start_order(work)
        self._under_way[work.id] = work
        work.held_before = chunk.files if chunk else ()
        work.request_id = order.request_id
        work.order_began = self._tools.monotonic()
        if order.is_ended or work.planned.step == "fetch":
            work.counts = dict(zip(order.run_ids, order.counts, strict=False))
            self._begin_fetching(work)
            return True
        work.slot = self._slots.adopt(work.id, order.request_id, self._tools.now(), self._order_life(work))
        self._alive.add(work.id)
        self._tell("attached", "order of an earlier run taken up again", work)
        if order.run_ids:
            work.counts = dict.fromkeys(order.run_ids)
            self._look_for_files(work)
        else:
            self._call_run(work)
        return True

    def _start_order(self, work: Work) -> bool:
        now = self._tools.now()
        work.slot = self._slots.take(work.id, self._limits.run_threads, now, self._order_life(work))
        if work.slot is None:
            self._wait_for_slot()
            return False
        self._alive.add(work.id)
        self._under_way[work.id] = work
        chunk = self._store.state.chunks.get(work.id)
        work.held_before = chunk.files if chunk else ()
        self._request(work)
        return True

    def _wait_for_slot(self) -> None:
        """Looks again later when other processes hold the slots; an order of our own that ends needs no timer."""
        if self._alive or "quota" in self._said:
            return
        self._said.add("quota")
        held = len(self._slots.alive(self._tools.now()))
        self._tell("quota", f"Waiting: {held} orders of yours are alive at the service, the limit of `runThreads`")
        self._loop.later(self._pace.busy_retry, lambda: self._said.discard("quota"))

    def _request(self, work: Work) -> None:
        planned = work.planned
        span, request = planned.wanted.chunk.span, planned.wanted.request
        self._store.record(
            Ordering(
                at=self._tools.now(),
                chunk=work.id,
                product=request.product_digest,
                begin=span.begin,
                end=span.end,
                date_to=planned.date_to,
                options=work.options,
                host=socket.gethostname(),
                user=current_user(),
            )
        )
        work.order_began = self._tools.monotonic()
        self._ask_for_order(work)

    def _ask_for_order(self, work: Work) -> None:
        request = work.planned.wanted.request
        params = {
            **request.source,
            "dataProductCode": request.data_product_code,
            "extension": request.extension,
            "dateFrom": format_instant(work.planned.wanted.chunk.begin),
            "dateTo": format_instant(work.planned.date_to),
            **work.options,
        }
        self._call("run", lambda: request_product(self._session, params), lambda answer: self._ordered(work, answer))

    def _ordered(self, work: Work, answer: OrderTicket | OncsyncError) -> None:
        if isinstance(answer, OncsyncError):
            self._request_failed(work, answer)
            return
        self._succeeded(work)
        work.request_id, work.estimate = answer.dp_request_id, answer.estimated_processing_time
        now = self._tools.now()
        self._store.record(Ordered(at=now, chunk=work.id, request_id=answer.dp_request_id))
        if work.slot is not None:
            self._slots.confirm(work.slot, answer.dp_request_id, now)
        self._note(work, answer.messages)
        self._tell("ordered", f"ordered ({work.planned.reason})", work)
        self._call_run(work)

    def _request_failed(self, work: Work, error: OncsyncError) -> None:
        verdict = judge_request(error)
        if verdict == "retry":
            self._retry(work, error, lambda: self._ask_for_order(work))
            return
        options = corrected_options(work.options, work.planned.wanted.request.defaults, error)
        if options is not None and not work.was_corrected:
            work.was_corrected = True
            self._note(work, [f"options corrected after: {explain(error)}"])
            work.options = options
            self._request(work)
            return
        outcome: Outcome = "failed-retryable" if verdict == "forget" else verdict
        self._finish(work, outcome, explain(error), error)

    def _call_run(self, work: Work) -> None:
        request_id = work.request_id
        assert request_id is not None
        self._call("run", lambda: run_order(self._session, request_id), lambda answer: self._ran(work, answer))

    def _ran(self, work: Work, answer: RunAnswer | OncsyncError) -> None:
        if isinstance(answer, OncsyncError):
            verdict = judge_order_call(answer)
            if verdict == "retry":
                self._retry(work, answer, lambda: self._call_run(work))
            elif verdict == "forget":
                self._order_anew(work, explain(answer))
            else:
                self._finish(work, verdict, explain(answer), answer)
            return
        self._succeeded(work)
        self._store_runs(work, answer)
        phases = [run_phase(run.status, answer.is_finished) for run in answer.runs]
        if "failed" in phases:
            self._run_failed(work, "; ".join(run.status for run in answer.runs))
        elif "cancelled" in phases:
            self._order_anew(work, "the order was cancelled at the service")
        elif phases and all(phase == "complete" for phase in phases):
            self._order_ended(work, answer)
        else:
            self._poll_later(work)

    def _store_runs(self, work: Work, answer: RunAnswer) -> None:
        run_ids = tuple(run.dp_run_id for run in answer.runs)
        order = self._store.state.chunks[work.id].order
        if run_ids and order is not None and order.run_ids != run_ids:
            self._store.record(Running(at=self._tools.now(), chunk=work.id, run_ids=run_ids))
        work.counts = dict.fromkeys(run_ids)

    def _poll_later(self, work: Work) -> None:
        chunk = self._store.state.chunks[work.id]
        age = self._tools.now() - chunk.order.at if chunk.order else timedelta()
        if age > self._order_life(work):
            self._store.record(Forgotten(at=self._tools.now(), chunk=work.id, reason="given up"))
            self._finish(work, "failed-retryable", f"not ready after {age.total_seconds() / 3600:.0f} h, given up")
            return
        elapsed = self._tools.monotonic() - work.order_began
        wait = poll_wait(self._pace, elapsed, work.estimate, self._tools.jitter())
        self._later(wait, lambda: self._call_run(work))

    def _order_ended(self, work: Work, answer: RunAnswer) -> None:
        work.counts = {run.dp_run_id: run.file_count for run in answer.runs}
        now = self._tools.now()
        counts = tuple(work.counts.values())
        self._store.record(Ended(at=now, chunk=work.id, run_ids=tuple(work.counts), counts=counts))
        self._free_slot(work)
        files = "an unknown number of" if None in counts else str(sum(count or 0 for count in counts))
        self._tell("complete", f"made at the service, {files} files", work)
        self._begin_fetching(work)

    def _order_anew(self, work: Work, reason: str) -> None:
        """The service does not have the order: orders once more in this run, never twice (rule 3, open question 21)."""
        self._store.record(Forgotten(at=self._tools.now(), chunk=work.id, reason=reason))
        self._free_slot(work)
        work.jobs.clear()
        self._files = deque(one for one in self._files if one[0] is not work)
        if work.was_ordered_anew:
            self._finish(work, "expired", reason)
            return
        self._tell("reorder", f"ordered anew, because the service said: {reason}", work, level="warning")
        self._under_way.pop(work.id, None)
        fresh = Work(work.planned, work.terms, options=work.options, was_ordered_anew=True, notes=work.notes)
        fresh.notes.append(f"ordered anew: {reason}")
        self._waiting.appendleft(fresh)

    def _run_failed(self, work: Work, reason: str) -> None:
        self._store.record(Forgotten(at=self._tools.now(), chunk=work.id, reason=reason))
        attempts = self._store.state.chunks[work.id].attempts
        outcome: Outcome = "failed-permanent" if attempts >= MOST_FAILED_RUNS else "failed-retryable"
        self._finish(work, outcome, f"the run failed at the service: {reason}")

    def _order_life(self, work: Work) -> timedelta:
        return timedelta(hours=work.terms.max_order_hours)

    def _free_slot(self, work: Work) -> None:
        if work.slot is not None:
            self._slots.free(work.slot, self._tools.now())
            work.slot = None
        self._alive.discard(work.id)

    # --- Files -------------------------------------------------------------------------------------------------

    def _look_for_files(self, work: Work) -> None:
        """After a restart: asks for the first file before asking `run` again (open question 15)."""
        job = Job(work.id, next(iter(work.counts)), "1")
        self._call("download", lambda: self._fetch(job), lambda answer: self._looked(work, job, answer))

    def _looked(self, work: Work, job: Job, answer: Answer) -> None:
        if isinstance(answer, Fetched):
            work.jobs[job] = 1
            run_ids = tuple(work.counts)
            counts: tuple[int | None, ...] = (None,) * len(run_ids)
            self._store.record(Ended(at=self._tools.now(), chunk=work.id, run_ids=run_ids, counts=counts))
            self._free_slot(work)
            self._begin_fetching(work)
            self._fetched(work, job, answer)
        elif isinstance(answer, Broken) and judge_order_call(answer.error) == "retry":
            self._retry(work, answer.error, lambda: self._look_for_files(work))
        elif isinstance(answer, Broken) and answer.error.exit_code in (4, 8):
            self._fatal = answer.error
        elif isinstance(answer, Broken):
            self._order_anew(work, explain(answer.error))
        else:
            self._call_run(work)

    def _begin_fetching(self, work: Work) -> None:
        work.is_ended = True
        work.fetching_since = self._tools.monotonic()
        settled = self._settled_files(work)
        work.data_files = sum(index != META for _, index in settled)
        for job in work.jobs_of_runs(settled):
            if job not in work.jobs:
                work.jobs[job] = 0
                self._files.append((work, job))
        if not work.jobs:
            self._files_settled(work)

    def _settled_files(self, work: Work) -> set[tuple[int, str]]:
        chunk = self._store.state.chunks[work.id]
        return {file.key for file in (*chunk.files, *chunk.arriving) if self._shelves.is_whole(file)}

    def _start_transfer(self, work: Work, job: Job) -> None:
        if job not in work.jobs:
            return
        work.jobs[job] += 1
        self._call("download", lambda: self._fetch(job), lambda answer: self._fetched(work, job, answer))

    def _fetch(self, job: Job) -> Answer:
        return fetch(self._session, job, self._shelves.partial, self._stop)

    def _fetched(self, work: Work, job: Job, answer: Answer) -> None:
        tries = work.jobs.get(job)
        if tries is None:
            return
        since = work.fetching_since if work.meta_since is None else work.meta_since
        reaction = react_to_file(work, job, answer, tries, self._tools.monotonic() - since, self._pace)
        if isinstance(answer, Broken) and answer.error.exit_code in (4, 8):
            self._fatal = answer.error
        elif isinstance(reaction, Keep):
            self._succeeded(work)
            self._keep(work, job, reaction.fetched)
            del work.jobs[job]
            if reaction.follow is not None and reaction.follow not in work.jobs:
                work.jobs[reaction.follow] = 0
                self._files.append((work, reaction.follow))
        elif isinstance(reaction, Again):
            self._ask_again(work, job, reaction, tries)
            return
        elif isinstance(reaction, Settle):
            del work.jobs[job]
            self._note(work, [reaction.note] if reaction.note else [])
        elif isinstance(reaction, Reorder):
            self._order_anew(work, reaction.reason)
            return
        else:
            self._file_failed(work, reaction)
            return
        if not work.jobs:
            self._files_settled(work)

    def _ask_again(self, work: Work, job: Job, reaction: Again, tries: int) -> None:
        if self._stop.is_set():
            return
        draw = self._tools.jitter()
        if reaction.why == "not ready":
            work.jobs[job] = 0
            since = work.fetching_since if work.meta_since is None else work.meta_since
            wait = max(reaction.asked or 0.0, poll_wait(self._pace, self._tools.monotonic() - since, None, draw))
        else:
            wait = retry_wait(self._pace, tries, reaction.asked, draw)
            if reaction.error is not None:
                self._tell("retry", f"file {job.index}: {reaction.error.error.message}", work, level="debug")
                self._check_reachable(work, reaction.error.error, tries)
        self._later(wait, lambda: self._files.append((work, job)))

    def _keep(self, work: Work, job: Job, fetched: Fetched) -> None:
        """Records a whole file, then gives it its place; files of a refreshed chunk wait for each other."""
        key = (job.run_id, job.index)
        path, replaces = self._shelves.choose_path(work.planned.wanted, fetched.name, key)
        file = FileRecord(
            run_id=job.run_id,
            index=job.index,
            name=fetched.name or "",
            path=path,
            partial=fetched.partial,
            bytes=fetched.bytes,
            sha256=fetched.sha256,
            at=self._tools.now(),
            replaces=replaces,
            unverified=fetched.unverified,
        )
        self._store.record(Arrived(at=file.at, chunk=work.id, file=file))
        if not work.held_before or work.planned.step == "fetch":
            self._shelves.put(work.id, file)
        work.data_files += job.index != META
        self.counts.files += 1
        self.counts.bytes += fetched.bytes
        self._tell("file", f"{path} ({fetched.bytes} bytes)", work, level="debug")

    def _files_settled(self, work: Work) -> None:
        """All data files are here: asks for the metadata, then ends the chunk."""
        if work.data_files == 0:
            self._finish(work, "empty", "the service made no file: there are no data in the span")
            return
        if work.terms.metadata and work.meta_since is None:
            work.meta_since = self._tools.monotonic()
            for job in work.meta_jobs(self._settled_files(work)):
                work.jobs[job] = 0
                self._files.append((work, job))
        if not work.jobs:
            self._finish(work, "done")

    def _file_failed(self, work: Work, failure: Fail) -> None:
        work.jobs.clear()
        self._files = deque(one for one in self._files if one[0] is not work)
        if failure.run_failed:
            self._run_failed(work, failure.reason)
            return
        if failure.error is not None:
            self._check_reachable(work, failure.error.error, self._pace.attempts)
        self._finish(work, "failed-permanent" if failure.is_permanent else "failed-retryable", failure.reason)

    # --- Ends, retries and words -------------------------------------------------------------------------------

    def _finish(
        self, work: Work, outcome: Outcome, reason: str | None = None, error: OncsyncError | None = None
    ) -> None:
        is_alive_there = work.request_id is not None and not work.is_ended and outcome == "failed-retryable"
        if not is_alive_there or self._store.state.chunks[work.id].order is None:
            self._free_slot(work)
        self._alive.discard(work.id)
        self._under_way.pop(work.id, None)
        self._store.record(
            Finished(
                at=self._tools.now(),
                chunk=work.id,
                outcome=outcome,
                reason=reason,
                status=getattr(error, "status", None),
                code=getattr(error, "code", None),
                notes=tuple(dict.fromkeys(work.notes)),
            )
        )
        if outcome == "done":
            self._shelves.replace_held(work.id, work.held_before)
            self.counts.done += 1
        elif outcome == "empty":
            self.counts.empty += 1
        else:
            self.counts.failed += 1
        level: Level = "info" if outcome in ("done", "empty") else "error"
        again = "" if outcome not in PERMANENT_OUTCOMES else " (not tried again without `--retry-failed`)"
        self._tell(outcome, f"{outcome}: {reason}{again}" if reason else outcome, work, level=level)

    def _retry(self, work: Work, error: OncsyncError, action: Callable[[], None]) -> None:
        work.tries += 1
        if self._check_reachable(work, error, work.tries):
            return
        if work.tries >= self._pace.attempts:
            self._finish(work, "failed-retryable", explain(error), error)
            return
        self._tell("retry", error.message, work, level="debug")
        wait = retry_wait(self._pace, work.tries, getattr(error, "retry_after", None), self._tools.jitter())
        self._later(wait, action)

    def _check_reachable(self, work: Work, error: OncsyncError, tries: int) -> bool:
        """Ends the run when the last of a call's tries failed and nothing else has worked since its first (exit 5)."""
        if tries == 1:
            work.successes_at_failure = self._successes
        if tries < self._pace.attempts or self._successes != work.successes_at_failure:
            return False
        is_down = isinstance(error, UnreachableError) or (
            isinstance(error, FaultError) and (error.status or 0) >= 500 and self._successes == 0
        )
        if is_down and self._fatal is None:
            self._fatal = UnreachableError(
                f"The service cannot be used now: {error.message}",
                hint="nothing is lost; run the same command again later",
                status=getattr(error, "status", None),
            )
        return is_down

    def _succeeded(self, work: Work) -> None:
        self._successes += 1
        work.tries = 0

    def _call(self, pool: str, call: Callable[[], object], react: Callable[..., None]) -> None:
        """Hands a call to a pool; errors of ours come back as answers, a refused token ends the run."""

        def guarded() -> object:
            try:
                return call()
            except OncsyncError as error:
                return error

        def reacted(answer: object) -> None:
            if isinstance(answer, OncsyncError) and answer.exit_code in (4, 8, 70):
                self._fatal = self._fatal or answer
            else:
                react(answer)

        self._loop.call(pool, guarded, reacted)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._loop.later(max(seconds, self._session.pause_left), lambda: None if self._fatal else action())

    def _note(self, work: Work, messages: Iterable[str]) -> None:
        for message in messages:
            work.notes.append(message)
            self._tell("message", message, work, level="warning")

    def _tell(self, event: str, text: str, work: Work | None = None, *, level: Level = "info") -> None:
        chunk, label = (work.id, work.label) if work else (None, None)
        self._watcher.notice(Notice(event=event, text=text, level=level, chunk=chunk, label=label))

    def _report_progress(self) -> None:
        self.counts.alive = len(self._alive)
        self.counts.waiting = len(self._waiting)
        self.counts.transfers = self._loop.active("download")
        self.counts.queued_files = len(self._files)
        self._watcher.progress(self.counts)


def _work(planned: PlannedChunk, terms: Terms) -> Work:
    options = dict(planned.wanted.request.options)
    return Work(planned, entry_terms(planned.wanted.entry, terms), options=options)
