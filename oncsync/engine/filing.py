"""The files of orders that are over: which to ask for, what each answer means, where each file goes.

Sources: onc-api.md 3.3, open questions 7, 8, 15 and 20, R95, R96.
"""

from __future__ import annotations

from collections.abc import Callable

from oncsync.api import Expired, OrderStatus, order_phase, order_status
from oncsync.engine.outcomes import explain, judge_download
from oncsync.engine.pace import poll_wait, retry_wait
from oncsync.engine.run import ENDS_THE_RUN, Run
from oncsync.engine.transfers import Answer, Broken, Fetched, Job, fetch
from oncsync.engine.work import Again, Fail, Keep, Reorder, Settle, Work, react_to_file
from oncsync.errors import FaultError, OncsyncError, UnreachableError
from oncsync.state import META, Arrived, Ended, FileRecord

ENDS_TO_TRUST_IN_DOUBT = 5
"""How often "no more files" must be heard of an order that may not be over."""


MOST_REPEATS = 4
"""After so many equal files in a row, beyond those announced, the service is not asked for more."""


def _index(file: FileRecord) -> int:
    return int(file.index)


class FileDesk:
    """Fetches the files of chunks in the download pool and ends each chunk when nothing of it is outstanding."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def look(self, work: Work, otherwise: Callable[[], None]) -> None:
        """After a restart: asks for the first file before `run`, which is `otherwise` (open question 15)."""
        job = Job(work.id, next(iter(work.counts)), "1")

        def looked(answer: Answer) -> None:
            if isinstance(answer, Fetched):
                self._run.succeeded(work)
                self._keep(work, job, answer)
                self._ask_whether_over(work, otherwise)
            elif isinstance(answer, Expired):
                self._run.order_anew(work, "the files were deleted at the service", is_loss=True)
            elif not isinstance(answer, Broken):
                otherwise()
            else:
                self._look_broke(work, answer, otherwise)

        self._run.call("download", lambda: self._fetch(job), looked)

    def _look_broke(self, work: Work, answer: Broken, otherwise: Callable[[], None]) -> None:
        verdict = judge_download(answer.error)
        if answer.error.exit_code in ENDS_THE_RUN:
            self._run.end(answer.error)
        elif verdict == "retry":
            self._run.retry(work, answer.error, lambda: self.look(work, otherwise), for_ever=True)
        elif verdict == "forget":
            self._run.order_anew(work, explain(answer.error))
        else:
            self._run.finish(work, "failed-retryable", explain(answer.error), answer.error)

    def _ask_whether_over(self, work: Work, otherwise: Callable[[], None]) -> None:
        """A first file does not say that the order is over. `status` may; while it says no, `run` starts nothing new.

        Where the service does not say, the end of the files has to be seen more often before it is believed; an
        outage of `status` says nothing yet.
        """
        run, request_id = self._run, work.request_id
        assert request_id is not None

        def answered(answer: OrderStatus | OncsyncError) -> None:
            if isinstance(answer, FaultError | UnreachableError) and work.tries < run.pace.attempts - 1:
                work.tries += 1
                wait = retry_wait(run.pace, work.tries, answer.retry_after, run.tools.jitter())
                run.later(wait, lambda: self._ask_whether_over(work, otherwise))
                return
            work.tries = 0
            phase = "unknown" if isinstance(answer, OncsyncError) else order_phase(answer)
            if phase == "over":
                counts: tuple[int | None, ...] = (None,) * len(work.counts)
                run.store.record(Ended(at=run.tools.now(), chunk=work.id, run_ids=tuple(work.counts), counts=counts))
                run.free_slot(work)
                self.begin(work)
            elif phase == "open":
                otherwise()
            else:
                work.ends_to_trust = ENDS_TO_TRUST_IN_DOUBT
                self.begin(work)

        run.call("run", lambda: order_status(run.session, request_id), answered)

    def begin(self, work: Work) -> None:
        """Queues the files of an order that is over at the service, except those that are whole already."""
        work.fetching_since = self._run.tools.monotonic()
        settled = self._settled(work)
        work.data_files = sum(index != META for _, index in settled)
        self._queue(work, work.jobs_of_runs(settled))

    def _queue(self, work: Work, jobs: list[Job]) -> None:
        for job in jobs:
            work.jobs[job] = 0
            self._run.queue.append((work, job))
        if not work.jobs:
            self._all_settled(work)

    def _settled(self, work: Work) -> set[tuple[int, str]]:
        chunk = self._run.store.state.chunks[work.id]
        files = (*chunk.files, *chunk.arriving)
        return {file.key for file in files if file.run_id in work.counts and self._run.shelves.is_whole(file)}

    def start_transfers(self) -> None:
        """Begins as many queued transfers as the download pool has threads free."""
        run = self._run
        while run.queue and run.loop.is_free("download"):
            work, job = run.queue.popleft()
            if job in work.jobs:
                work.jobs[job] += 1
                self._transfer(work, job)

    def _transfer(self, work: Work, job: Job) -> None:
        self._run.call("download", lambda: self._fetch(job), lambda answer: self._fetched(work, job, answer))

    def _fetch(self, job: Job) -> Answer:
        return fetch(self._run.session, job, self._run.shelves.partial, self._run.stop)

    def _fetched(self, work: Work, job: Job, answer: Answer) -> None:
        tries = work.jobs.get(job)
        if tries is None:
            return
        if isinstance(answer, Broken) and answer.error.exit_code in ENDS_THE_RUN:
            self._run.end(answer.error)
            return
        reaction = react_to_file(work, job, answer, tries, self._waited(work), self._run.pace)
        if isinstance(reaction, Again):
            self._ask_again(work, job, reaction, tries)
        elif isinstance(reaction, Reorder):
            self._run.order_anew(work, reaction.reason, is_loss=reaction.is_loss)
        elif isinstance(reaction, Fail):
            self._failed(work, reaction)
        else:
            self._done_with(work, job, reaction)

    def _waited(self, work: Work) -> float:
        since = work.fetching_since if work.meta_since is None else work.meta_since
        return self._run.tools.monotonic() - since

    def _done_with(self, work: Work, job: Job, reaction: Keep | Settle) -> None:
        del work.jobs[job]
        if isinstance(reaction, Keep):
            self._run.succeeded(work)
            self._keep(work, job, reaction.fetched)
            if reaction.follow is not None and reaction.follow not in work.jobs:
                self._follow(work, job, reaction.follow)
        elif reaction.note:
            self._run.note(work, [reaction.note])
        if not work.jobs:
            self._all_settled(work)

    def _follow(self, work: Work, job: Job, following: Job) -> None:
        """Asks for the next index, unless the service gives one file for every index."""
        chunk = self._run.store.state.chunks[work.id]
        arrived = sorted(
            (file for file in chunk.arriving if file.run_id == job.run_id and file.index != META), key=_index
        )
        last = [(file.name, file.sha256) for file in arrived[-MOST_REPEATS:]]
        if len(last) == MOST_REPEATS and len(set(last)) == 1:
            self._run.note(work, [f"the service gave one file {MOST_REPEATS} times and more: taken for the last one"])
        else:
            self._queue(work, [following])

    def _ask_again(self, work: Work, job: Job, reaction: Again, tries: int) -> None:
        run = self._run
        if run.stop.is_set():
            return
        draw = run.tools.jitter()
        if reaction.why == "not ready":
            work.jobs[job] = 0
            wait = max(reaction.asked or 0.0, poll_wait(run.pace, self._waited(work), None, draw))
        else:
            wait = retry_wait(run.pace, tries, reaction.asked, draw)
            if reaction.error is not None:
                run.tell("retry", f"file {job.index}: {reaction.error.error.message}", work, level="debug")
                run.is_service_down(work, reaction.error.error, tries)
        run.later(wait, lambda: self._queue_again(work, job))

    def _queue_again(self, work: Work, job: Job) -> None:
        if job in work.jobs:  # the chunk may have ended meanwhile
            self._run.queue.append((work, job))

    def _keep(self, work: Work, job: Job, fetched: Fetched) -> None:
        """Records a whole file, then gives it its place; files of a refreshed chunk wait for each other."""
        run = self._run
        path, replaces = run.shelves.choose_path(work.planned.wanted, fetched.name, (job.run_id, job.index))
        file = FileRecord(
            run_id=job.run_id,
            index=job.index,
            name=fetched.name or "",
            path=path,
            partial=fetched.partial,
            bytes=fetched.bytes,
            sha256=fetched.sha256,
            at=run.tools.now(),
            replaces=replaces,
            unverified=fetched.unverified,
        )
        run.store.record(Arrived(at=file.at, chunk=work.id, file=file))
        if not work.held_before or (work.planned.step == "fetch" and not work.was_ordered_anew):
            run.shelves.put(work.id, file)
        work.data_files += job.index != META
        run.counts.files += 1
        run.counts.bytes += fetched.bytes
        run.tell("file", f"{path} ({fetched.bytes} bytes)", work, level="debug")

    def _all_settled(self, work: Work) -> None:
        """All data files are here: asks for the metadata, then ends the chunk."""
        if work.data_files == 0:
            self._run.finish(work, "empty", "the service made no file: there are no data in the span")
        elif work.terms.metadata and work.meta_since is None:
            work.meta_since = self._run.tools.monotonic()
            self._queue(work, work.meta_jobs(self._settled(work)))
        else:
            self._run.finish(work, "done")

    def _failed(self, work: Work, failure: Fail) -> None:
        run = self._run
        run.drop_files(work)
        if failure.run_failed:
            run.run_failed(work, failure.reason)
            return
        error = failure.error.error if failure.error else None
        if error is not None and run.is_service_down(work, error, run.pace.attempts):
            return
        run.finish(work, "failed-permanent" if failure.is_permanent else "failed-retryable", failure.reason, error)
