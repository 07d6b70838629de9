"""The files of orders that are over: which to ask for, what each answer means, where each file goes.

Sources: onc-api.md 3.3, open questions 7, 8, 13 to 15 and 17 to 20, R95, R96.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from oncsync.api import Expired, FailedRun, NotReady, OrderStatus, order_phase, order_status
from oncsync.engine.disk import remove_quietly
from oncsync.engine.outcomes import explain, judge_download
from oncsync.engine.pace import poll_wait, retry_wait
from oncsync.engine.run import ENDS_THE_RUN, Run
from oncsync.engine.transfers import Answer, Broken, Fetched, Job, Looked, Present, fetch, look_at_first
from oncsync.engine.work import CANCELLED, Again, Fail, Keep, Reorder, Settle, Work, react_to_file
from oncsync.errors import FaultError, OncsyncError, UnreachableError
from oncsync.state import META, Arrived, Ended, FileRecord, restrictions_in

SEARCH_COMPLETE = "search complete"
"""How the service's message begins when the work is over and only the file is not there yet (onc-api.md 3.3)."""
ENDS_TO_TRUST_IN_DOUBT = 5
"""How often "no more files" must be heard of an order that may not be over."""
SHARE_OF_DOUBT = 1 / 20
"""How much of the patience in doubt is left for an order that has had it already: three minutes of an hour."""
MOST_REPEATS = 4
"""After so many equal files in a row, beyond those announced, the service is not asked for more."""


def _index(file: FileRecord) -> int:
    return int(file.index)


def _is_search_complete(answer: object) -> bool:
    return isinstance(answer, NotReady) and SEARCH_COMPLETE in answer.message.casefold()


class FileDesk:
    """Fetches the files of chunks in the download pool and ends each chunk when nothing of it is outstanding."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def look(self, work: Work, otherwise: Callable[[], None]) -> None:
        """After a restart: looks for the first file before `run`, which is `otherwise` (open question 15).

        Nothing of the file is taken yet: before the order is over a file's index may change (open question 18).
        """
        run, run_id = self._run, next(iter(work.counts))

        def looked(answer: Looked | OncsyncError) -> None:
            if isinstance(answer, OncsyncError):
                self._look_broke(work, answer, otherwise)
            elif isinstance(answer, Present | Expired) or _is_search_complete(answer):
                work.if_no_file = lambda: run.order_anew(work, "the first file is gone at the service", is_loss=True)
                self._ask_whether_over(work, otherwise)  # 410 of an order at work may mean: no such file yet
            elif isinstance(answer, FailedRun) and answer.phase == "cancelled":
                run.order_anew(work, CANCELLED)
            elif isinstance(answer, FailedRun):
                run.run_failed(work, answer.text)
            else:
                otherwise()

        run.call("download", lambda: look_at_first(run.session, run_id), looked, work.holder)

    def _look_broke(self, work: Work, error: OncsyncError, otherwise: Callable[[], None]) -> None:
        verdict = judge_download(error)
        if verdict == "retry":
            for_ever = not self._run.is_too_old(work)
            self._run.retry(work, error, lambda: self.look(work, otherwise), for_ever=for_ever)
        elif verdict == "forget":
            self._run.order_anew(work, explain(error))
        else:
            self._run.finish(work, "failed-retryable", explain(error), error)

    def _ask_whether_over(self, work: Work, otherwise: Callable[[], None], tries: int = 1) -> None:
        """A first file does not say that the order is over. `status` may; while it says no, `run` starts nothing new.

        Where the service does not say, `run` might begin anew what is over (open question 15), and the end of the
        files may be none yet (7): it has to stay the end for long. An outage of `status` says nothing yet.
        """
        run, request_id = self._run, work.request_id
        assert request_id is not None

        def answered(answer: OrderStatus | OncsyncError) -> None:
            if isinstance(answer, FaultError | UnreachableError) and tries < run.pace.attempts:
                wait = retry_wait(run.pace, tries, answer.retry_after, run.tools.jitter())
                run.later(wait, lambda: self._ask_whether_over(work, otherwise, tries + 1))
                return
            phase = "unknown" if isinstance(answer, OncsyncError) else order_phase(answer)
            if phase == "over":
                counts: tuple[int | None, ...] = (None,) * len(work.counts)
                run.store.record(Ended(at=run.tools.now(), chunk=work.id, run_ids=tuple(work.counts), counts=counts))
                run.free_slot(work)
                work.is_in_doubt = False
                self.begin(work)
            elif phase == "open":
                otherwise()
            else:
                self.begin_in_doubt(work, otherwise)

        run.call("run", lambda: order_status(run.session, request_id), answered, work.holder)

    def begin_in_doubt(self, work: Work, if_at_work: Callable[[], None] | None = None) -> None:
        """Queues the files of an order that may not be over: the last of them has to stay the last for long.

        One that is still to come says that the order works: then `if_at_work`, for `run` starts nothing new.
        """
        work.is_in_doubt, work.ends_to_trust, work.if_at_work = True, ENDS_TO_TRUST_IN_DOUBT, if_at_work
        run = self._run
        work.unchanged_since, work.doubt_patience = run.tools.monotonic(), run.pace.doubt_patience
        if self._is_long_unchanged(work):  # it had that time while nobody looked
            work.doubt_patience *= SHARE_OF_DOUBT
        self.begin(work)

    def _is_long_unchanged(self, work: Work) -> bool:
        """Whether an order was placed, and its last file came, longer ago than a doubt lasts."""
        run = self._run
        chunk = run.store.state.chunks[work.id]
        came = [file.at for file in (*chunk.files, *chunk.arriving) if file.run_id in work.counts]
        last = max([*came, *([chunk.order.at] if chunk.order else [])], default=run.tools.now())
        return run.tools.now() - last > timedelta(seconds=run.pace.doubt_patience)

    def begin(self, work: Work) -> None:
        """Queues the files of an order that is over at the service, except those that are whole already."""
        work.fetching_since = self._run.tools.monotonic()
        for file in self._came_of(work):
            self._note_came(work, file)
        settled = self._settled(work)
        work.data_files = sum(index != META for _, index in settled)
        firsts = {(run_id, "1") for run_id, count in work.counts.items() if work.is_in_doubt or count is None}
        work.in_doubt = settled | firsts
        self._queue(work, work.jobs_of_runs(settled))

    def _queue(self, work: Work, jobs: list[Job]) -> None:
        for job in jobs:
            work.jobs[job] = 0
            self._run.queue.append((work, job))
        if not work.jobs:
            self._all_settled(work)

    def _note_came(self, work: Work, file: FileRecord) -> None:
        if file.index != META:
            work.came[file.run_id] = max(work.came.get(file.run_id, 0), _index(file))

    def _settled(self, work: Work) -> set[tuple[int, str]]:
        files = (file for file in self._came_of(work) if file.run_id in work.counts)
        return {file.key for file in files if self._run.shelves.is_whole(file)}

    def _came_of(self, work: Work) -> tuple[FileRecord, ...]:
        """Gives the files that ever came of the order, none of those that it is to replace (open question 22)."""
        chunk = self._run.store.state.chunks[work.id]
        return chunk.arriving if chunk.is_refreshing else (*chunk.files, *chunk.arriving)

    def start_transfers(self, *, only_again: bool = False, most: int | None = None) -> int:
        """Begins as many queued transfers as the download pool has threads free, or those alone that failed before.

        At most `most`; gives how many it began.
        """
        run = self._run
        held_back = []
        begun = 0
        while run.queue and begun != most and run.loop.is_free("download"):
            work, job = run.queue.popleft()
            if only_again and work.jobs.get(job) == 0:
                held_back.append((work, job))
            elif job in work.jobs:
                work.jobs[job] += 1
                begun += 1
                self._transfer(work, job)
        run.queue.extendleft(reversed(held_back))
        return begun

    def _transfer(self, work: Work, job: Job) -> None:
        self._run.call(
            "download", lambda: self._fetch(job), lambda answer: self._fetched(work, job, answer), work.holder
        )

    def _fetch(self, job: Job) -> Answer:
        return fetch(self._run.session, job, self._run.shelves.partial, self._run.stop, self._run.room)

    def _fetched(self, work: Work, job: Job, answer: Answer) -> None:
        tries = work.jobs.get(job)
        if tries is None:  # the chunk has ended, or its order is gone, since this file was asked for
            if isinstance(answer, Fetched):
                remove_quietly(self._run.shelves.partial / answer.partial)
            return
        self._run.not_ready.discard(job)
        if isinstance(answer, Broken) and answer.error.exit_code in ENDS_THE_RUN:
            self._run.end(answer.error)
            return
        if work.is_in_doubt and work.if_at_work and isinstance(answer, NotReady) and not _is_search_complete(answer):
            self._run.drop_files(work)
            work.if_at_work()
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
        if isinstance(reaction, Keep):
            self._run.succeeded(work)
            self._keep(work, job, reaction.fetched)
        elif reaction.note:
            self._run.note(work, [reaction.note])
        del work.jobs[job]  # last: what interrupts the lines above leaves a chunk that cannot end without this file
        if isinstance(reaction, Keep) and reaction.follow is not None and reaction.follow not in work.jobs:
            self._follow(work, job, reaction.follow)
        if not work.jobs:
            self._all_settled(work)

    def _follow(self, work: Work, job: Job, following: Job) -> None:
        """Asks for the next index, unless the service gives the same files for every index."""
        chunk = self._run.store.state.chunks[work.id]
        arrived = sorted(
            (file for file in chunk.arriving if file.run_id == job.run_id and file.index != META), key=_index
        )
        given = [(file.name, file.sha256) for file in arrived]
        before, last = set(given[: 1 - MOST_REPEATS]), given[1 - MOST_REPEATS :]
        if len(given) >= MOST_REPEATS and before.issuperset(last):
            self._run.note(
                work, [f"the service gave the same files again and again, {len(given)} in all: no more is asked for"]
            )
        else:
            self._queue(work, [following])

    def _ask_again(self, work: Work, job: Job, reaction: Again, tries: int) -> None:
        run = self._run
        if run.stop.is_set():
            return
        draw = run.tools.jitter()
        if reaction.why == "not ready":
            work.jobs[job] = 0
            run.not_ready.add(job)
            wait = max(reaction.asked or 0.0, poll_wait(run.pace, self._waited(work), None, draw))
        else:
            wait = retry_wait(run.pace, tries, reaction.asked, draw)
            wait = run.spaced(wait) if reaction.why == "broken" else wait
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
        chunk = run.store.state.chunks[work.id]
        before = [one for one in (*chunk.files, *chunk.arriving) if one.key == file.key and one.path != path]
        run.store.record(Arrived(at=file.at, chunk=work.id, file=file))
        for one in before:
            run.shelves.drop(work.id, one)
        if not work.held_before or (work.planned.step == "fetch" and not work.was_ordered_anew):
            run.shelves.put(work.id, file)
        self._note_came(work, file)
        if work.is_in_doubt:
            work.unchanged_since, work.doubt_patience = run.tools.monotonic(), run.pace.doubt_patience
            work.in_doubt.add(file.key)
        work.data_files += job.index != META
        run.counts.files += 1
        run.counts.bytes += fetched.bytes
        run.tell("file", f"{path} ({fetched.bytes} bytes)", work, level="debug")

    def _all_settled(self, work: Work) -> None:
        """All data files are here: asks for the metadata, then ends the chunk."""
        if work.data_files == 0 and work.if_no_file is not None:
            work.if_no_file()
        elif work.data_files == 0 and (restrictions := restrictions_in(work.notes)):
            self._run.finish(work, "refused", f"the service made no file: {'; '.join(restrictions)}")
        elif work.data_files == 0:
            self._run.finish(work, "empty", "the service made no file: there are no data in the span")
        elif work.is_in_doubt:
            self._ask_on_or_believe(work)
        elif doubtful := self._doubtful(work):
            work.in_doubt.clear()
            self._queue(work, doubtful)
        elif looks := work.looks():
            work.perhaps_expired.clear()
            self._queue(work, looks)
        elif work.terms.metadata and work.meta_since is None:
            work.meta_since = self._run.tools.monotonic()
            self._queue(work, work.meta_jobs(self._settled(work)))
        else:
            self._run.finish(work, "done")

    def _ask_on_or_believe(self, work: Work) -> None:
        """Takes an order in doubt for over when no file came for long, or when it has had all the time it may take."""
        run = self._run
        unchanged = run.tools.monotonic() - work.unchanged_since
        if None in work.counts.values():
            if unchanged < work.doubt_patience and not run.is_too_old(work):
                run.later(poll_wait(run.pace, unchanged, None, run.tools.jitter()), lambda: self._ask_on(work))
                return
            text = f"the service does not say that the order is over, but no file came for {unchanged / 60:.0f} min"
            run.note(work, [text])
        work.is_in_doubt = False
        self._all_settled(work)

    def _ask_on(self, work: Work) -> None:
        """Asks for the file after the last once more."""
        work.fetching_since = self._run.tools.monotonic()
        self._queue(work, work.jobs_of_runs(self._settled(work)))

    def _doubtful(self, work: Work) -> list[Job]:
        """Gives the files to ask for once more: another index has their name now, so theirs may have another file."""
        chunk = self._run.store.state.chunks[work.id]
        names = {file.key: file.name for file in (*chunk.files, *chunk.arriving) if file.index != META}
        return [
            Job(work.id, *key)
            for key in sorted(work.in_doubt & names.keys())
            if any(
                key[0] == run_id and name == names[key] and key[1] != index for (run_id, index), name in names.items()
            )
        ]

    def _failed(self, work: Work, failure: Fail) -> None:
        run = self._run
        run.drop_files(work)
        if failure.run_failed:
            run.run_failed(work, failure.reason)
            return
        if failure.is_missing and self._is_too_old(work):
            run.order_anew(work, failure.reason, is_loss=True)
            return
        error = failure.error.error if failure.error else None
        if error is not None and run.is_service_down(work, error, run.pace.attempts):
            return
        run.finish(work, "failed-permanent" if failure.is_permanent else "failed-retryable", failure.reason, error)

    def _is_too_old(self, work: Work) -> bool:
        """Whether an order of an earlier run has had the time that an order may take (`maxOrderHours`).

        Its files are given up then. This run's own order is left to the next one, which looks at it once more.
        """
        order = self._run.store.state.chunks[work.id].order
        return (
            order is not None
            and work.age_before > timedelta()
            and self._run.tools.now() - order.at > self._run.order_life(work)
        )
