"""Carries a plan out: two pools of threads make the calls, one thread decides and records.

The run pool asks, runs and polls orders; the download pool fetches files beside it (R108, R112). Every decision, every
journal line and every rename happens in the thread that calls `work`, so the state has one writer and the outcome does
not depend on how threads interleave.
"""

from __future__ import annotations

from oncsync.engine.archiving import ArchiveDesk
from oncsync.engine.filing import FileDesk
from oncsync.engine.orders import OrderDesk
from oncsync.engine.plan import Plan, PlannedChunk, Terms, entry_terms
from oncsync.engine.run import Run
from oncsync.engine.work import Work
from oncsync.errors import FolderError, StoppedError
from oncsync.state import State
from oncsync.timespan import format_moment

PATIENCE_AT_THE_END = 4.0
"""How long calls under way may take to end when a run is stopped, in seconds."""
LONGEST_WINDOW_WAIT = 60.0
"""How long to wait before the clock is looked at again, because it may be set or the machine may sleep."""


def plan_work(plan: Plan, state: State, terms: Terms) -> list[Work]:
    """Gives the chunks of a plan that need an order, ready for a run; options start from the last correction."""

    def begin(planned: PlannedChunk) -> Work:
        chunk = state.chunks.get(planned.id)
        corrected = chunk.corrected if chunk else None
        options = dict(planned.wanted.request.options) if corrected is None else dict(corrected)
        return Work(planned, entry_terms(planned.wanted.entry, terms), options, was_corrected=corrected is not None)

    return [begin(planned) for planned in plan.work if not planned.wanted.request.is_archive]


def plan_transfers(plan: Plan) -> list[PlannedChunk]:
    """Gives the archive files of a plan that are to be fetched; no order stands behind them."""
    return [planned for planned in plan.work if planned.wanted.request.is_archive]


class Conductor:
    """Decides what may start: by the quota, the queue's size, the run window and the time given."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._files = FileDesk(run)
        self._archive = ArchiveDesk(run)
        self._orders = OrderDesk(run, self._files)
        run.may_begin = self._may_begin
        self._is_waiting_for_window = False
        self._is_waiting_for_pause = False

    def work(self) -> StoppedError | FolderError | None:
        """Works until nothing is left, or until nothing new may begin: then gives the reason.

        Raises the error that ends the run at once. Orders stay alive at the service whatever ends the run, and are
        taken up by the next one.
        """
        run = self._run
        try:
            while True:
                self._look_at_time()
                run.fatal, run.closing = run.fatal or run.lost(), run.closing or run.room.lack
                if run.fatal is None and run.closing is None:
                    self._start_what_may_start()
                run.report_progress()
                run.store.snapshot_if_long()
                if run.fatal is not None or (self._is_over() and not self._looks_at_orphans()):
                    break
                if run.loop.is_idle:
                    files = len(run.queue) + run.archive_left
                    raise RuntimeError(f"Nothing moves, with {len(run.waiting)} chunks and {files} files waiting")
                run.loop.turn(self._time_left())
        finally:
            run.stop.set()
            try:
                run.loop.drain(PATIENCE_AT_THE_END)
            finally:
                run.free_unconfirmed_slots()
                run.report_progress()
        if run.fatal is not None:
            raise run.fatal
        return self._stopped()

    def _stopped(self) -> StoppedError | FolderError | None:
        """Gives why work is left; None when what was under way was the last of it."""
        closing, counts = self._run.closing, self._run.counts
        left = counts.total - counts.ended
        if closing is None or not left:
            return None
        return type(closing)(f"{closing.message}; {left} of {counts.total} chunks are left", hint=closing.hint)

    def _is_over(self) -> bool:
        run = self._run
        if run.closing is not None:
            return not (run.loop.active("run") or run.loop.active("download"))
        return run.loop.is_idle and not run.has_more

    def _looks_at_orphans(self) -> bool:
        return self._run.closing is None and self._orders.orphans.look_at_the_end()

    def _time_left(self) -> float | None:
        ends_at = self._run.limits.ends_at
        if ends_at is None or self._run.closing is not None:
            return None
        return max(0.0, ends_at - self._run.tools.monotonic())

    def _look_at_time(self) -> None:
        """After the time given nothing new begins; transfers under way end (R140, R155)."""
        run = self._run
        if self._time_left() == 0.0 and run.counts.ended < run.counts.total:
            self._close("The time given by `--max-time` is over", "run the same command again to go on")

    def _close(self, message: str, hint: str) -> None:
        self._run.closing = self._run.closing or StoppedError(message, hint=hint)

    def _start_what_may_start(self) -> None:
        run = self._run
        if not run.has_more or not self._may_begin():
            return
        holds_back = run.holds_back
        self._start_transfers(only_again=holds_back)
        while run.waiting and not self._is_backed_up() and not holds_back:
            work = run.waiting.popleft()
            if not self._orders.start(work):
                run.waiting.appendleft(work)
                break
        self._start_transfers(only_again=holds_back)

    def _may_begin(self) -> bool:
        """Whether anything new may begin now."""
        return self._is_window_open() and not self._is_service_pausing() and self._is_room()

    def _start_transfers(self, *, only_again: bool) -> None:
        """Begins transfers, product files and archive files in turn, so that neither waits for all of the others."""
        if only_again:
            self._files.start_transfers(only_again=True)
            self._archive.start_transfers(only_again=True)
            return
        while self._files.start_transfers(most=1) + self._archive.start_transfers(most=1):
            pass

    def _is_backed_up(self) -> bool:
        """Whether so many files wait that order workers wait too (R96)."""
        size = self._run.limits.download_queue_size
        return size is not None and len(self._run.queue) >= size

    def _is_room(self) -> bool:
        """Whether the disk has the room that `minFree` keeps; otherwise nothing new begins in this run (exit 8)."""
        run = self._run
        try:
            if run.room.take():
                return True
        except FolderError as error:
            run.end(error)
            return False
        run.closing = run.closing or run.room.lack
        return False

    def _is_window_open(self) -> bool:
        """Whether new work may start; otherwise looks again when it may, or ends the run (R97-R101)."""
        run = self._run
        window, moment = run.limits.window, run.tools.now()
        if window.is_open(moment, run.limits.zone):
            return True
        if self._is_waiting_for_window:
            return False
        opens = window.opens_at(moment, run.limits.zone)
        told = format_moment(opens, run.limits.zone)
        if not run.limits.wait_for_window:
            self._close(f"The run window is closed until {told}", "run the same command again then")
            return False
        self._is_waiting_for_window = True
        run.tell("window", f"Waiting for the run window, which opens at {told}")
        wait = min(max(1.0, (opens - moment).total_seconds()), LONGEST_WINDOW_WAIT)
        run.loop.later(wait, self._look_at_window_again)
        return False

    def _look_at_window_again(self) -> None:
        self._is_waiting_for_window = False

    def _is_service_pausing(self) -> bool:
        """Whether the service asked to be left alone: no thread is spent on waiting for that (open question 44)."""
        run = self._run
        left = run.session.pause_left
        if left > 0 and not self._is_waiting_for_pause:
            self._is_waiting_for_pause = True
            run.loop.later(left, self._look_at_pause_again)
        return left > 0

    def _look_at_pause_again(self) -> None:
        self._is_waiting_for_pause = False
