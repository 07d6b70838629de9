"""Archive files: asked for by name, judged by what the listing says of them, put in place of their older versions.

They need no order and no slot, and lie in the download pool beside product files (onc-api.md 4.2, open questions 1, 2,
5, 31 and 33, R148).
"""

from __future__ import annotations

from oncsync.api import MissingFile
from oncsync.api.listing import judge_size
from oncsync.engine.archived import (
    INDEX,
    NOT_THERE,
    OTHER_CONTENT,
    arrived_before,
    is_other_content,
    judge_archive,
    next_version,
    note_of_size,
)
from oncsync.engine.disk import remove_quietly
from oncsync.engine.outcomes import explain
from oncsync.engine.plan import PlannedChunk
from oncsync.engine.run import ENDS_THE_RUN, Run
from oncsync.engine.transfers import ArchivedAnswer, Broken, Fetched, Job, Stopped, fetch_archived
from oncsync.engine.work import FileWork
from oncsync.errors import FaultError, RefusedError
from oncsync.state import Arrived, Fetching, FileRecord

MOST_TOLD = 3


class ArchiveDesk:
    """Fetches archive files in the download pool, each as a chunk of its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._of_other_size = 0

    def start_transfers(self, *, only_again: bool = False, most: int | None = None) -> int:
        """Begins as many transfers as the download pool has threads free, those first that failed before.

        At most `most`, and no others than those `only_again`; gives how many it began.
        """
        run = self._run
        begun = 0
        while begun != most and run.loop.is_free("download"):
            if run.archive_again:
                self._transfer(run.archive_again.popleft())
            elif run.archive and not only_again:
                self._begin(run.archive.popleft())
            else:
                break
            begun += 1
        return begun

    def _begin(self, planned: PlannedChunk) -> None:
        """Ends what an earlier run left whole, or writes down what is asked for and asks."""
        run = self._run
        state = run.store.state.chunks.get(planned.id)
        job = Job(planned.id, next_version(state), INDEX)
        work = FileWork(planned, job)
        arrived = arrived_before(state, work.file)
        if arrived is not None and run.shelves.has_arrived(work.id, arrived):
            self._finish(work, arrived)
            return
        chunk = planned.wanted.chunk
        entry = "/".join(planned.wanted.keeper.key)
        run.store.record(
            Fetching(at=run.tools.now(), chunk=work.id, begin=chunk.begin, end=chunk.end, file=work.file, entry=entry)
        )
        for left in state.arriving if state and state.files else ():  # of a version that is not the one listed now
            run.shelves.give_up(work.id, left)
        self._transfer(work)

    def _transfer(self, work: FileWork) -> None:
        run = self._run
        run.call(
            "download",
            lambda: fetch_archived(run.session, work.file, work.job, run.shelves.partial, run.stop, run.room),
            lambda answer: self._fetched(work, answer),
        )

    def _fetched(self, work: FileWork, answer: ArchivedAnswer) -> None:
        run = self._run
        if isinstance(answer, Stopped):
            return
        if isinstance(answer, Fetched):
            self._judge(work, answer)
        elif isinstance(answer, MissingFile):
            run.succeeded(work)
            error = RefusedError(answer.text or NOT_THERE, status=400, code=96)
            run.finish(work, "failed-retryable", NOT_THERE, error)
        elif answer.error.exit_code in ENDS_THE_RUN:
            run.end(answer.error)
        else:
            self._broke(work, answer)

    def _broke(self, work: FileWork, answer: Broken) -> None:
        run, verdict = self._run, judge_archive(answer.error)
        if run.stop.is_set():
            return
        if verdict == "retry":
            run.retry(work, answer.error, lambda: run.archive_again.append(work))
        else:
            run.finish(work, verdict, explain(answer.error), answer.error)

    def _judge(self, work: FileWork, fetched: Fetched) -> None:
        """Keeps a whole file; one that may be cut off is asked for again, and believed when the same bytes come."""
        run, came = self._run, (fetched.bytes, fetched.sha256)
        has_length = not fetched.unverified
        verdict = judge_size(fetched.bytes, work.file, has_length=has_length, came_before=came == work.came)
        if verdict == "fault":
            work.came = came
            remove_quietly(run.shelves.partial / fetched.partial)
            expected = work.file.bytes
            message = f"`{work.label}` came with {fetched.bytes} bytes, and without a length; {expected} are listed"
            self._broke(work, Broken(FaultError(message)))
            return
        run.succeeded(work)
        self._keep(work, fetched, is_verified=has_length or verdict == "good")

    def _keep(self, work: FileWork, fetched: Fetched, *, is_verified: bool) -> None:
        run, job = self._run, work.job
        path, replaces = run.shelves.choose_path(work.planned.wanted, work.file.name, (job.run_id, job.index))
        file = FileRecord(
            run_id=job.run_id,
            index=job.index,
            name=work.file.name,
            path=path,
            partial=fetched.partial,
            bytes=fetched.bytes,
            sha256=fetched.sha256,
            at=run.tools.now(),
            replaces=replaces,
            unverified=not is_verified,
        )
        run.store.record(Arrived(at=file.at, chunk=work.id, file=file))
        run.counts.files += 1
        run.counts.bytes += file.bytes
        self._finish(work, file)

    def _finish(self, work: FileWork, file: FileRecord) -> None:
        """Ends the chunk: from here on the file is held, and goes into its place or into that of its older version."""
        state = self._run.store.state.chunks[work.id]
        if note := note_of_size(state, work.file, file):
            work.notes.append(note)
            self._tell_size(work, file, note)
        if is_other_content(state, work.file, file):
            work.notes.append(OTHER_CONTENT)
            self._run.tell("warning", f"{file.path}: {OTHER_CONTENT}", work, level="warning")
        self._run.tell("file", f"{file.path} ({file.bytes} bytes)", work, level="debug")
        self._run.arrived.add(work.id)
        self._run.finish(work, "done")

    def _tell_size(self, work: FileWork, file: FileRecord, note: str) -> None:
        """Warns of files of another size than listed: of the first few, as a listing may be wrong about all of them."""
        self._of_other_size += 1
        text = f"{note} ({file.bytes} bytes came, {work.file.bytes} are listed)"
        self._run.tell("warning", text, work, level="warning" if self._of_other_size <= MOST_TOLD else "debug")
        if self._of_other_size == 1:
            text = (
                "`oncsync list` names all files of another size; `oncsync sync --retry-failed` fetches them once more"
            )
            self._run.tell("warning", text, level="warning")
