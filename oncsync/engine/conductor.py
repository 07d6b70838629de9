"""Carries a plan out: two pools of threads make the calls, one thread decides and records.

The run pool asks, runs and polls orders; the download pool fetches files beside it (R108, R112). Every decision, every
journal line and every rename happens in the thread that calls `run`, so the state has one writer and the outcome does
not depend on how threads interleave.
"""

from __future__ import annotations

from oncsync.engine.filing import FileDesk
from oncsync.engine.orders import OrderDesk
from oncsync.engine.plan import Plan, PlannedChunk, Terms, entry_terms
from oncsync.engine.run import Run
from oncsync.engine.watch import Counts
from oncsync.engine.work import Work
from oncsync.errors import StoppedError
from oncsync.timespan import format_instant

PATIENCE_AT_THE_END = 4.0
"""How long calls under way may take to end when a run is stopped, in seconds."""


def plan_work(plan: Plan, terms: Terms) -> list[Work]:
    """Gives the chunks of a plan that need something, ready for a run."""

    def begin(planned: PlannedChunk) -> Work:
        options = dict(planned.wanted.request.options)
        return Work(planned, entry_terms(planned.wanted.entry, terms), options)

    return [begin(planned) for planned in plan.work]


class Conductor:
    """Decides what may start: by the quota, the queue's size, the run window and the time given."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._files = FileDesk(run)
        self._orders = OrderDesk(run, self._files)
        self._began = run.tools.monotonic()
        self._is_waiting_for_window = False

    def work(self) -> Counts:
        """Works until nothing is left; raises the error that ends the run early.

        Orders stay alive at the service whatever ends the run, and are re-attached by the next one.
        """
        run = self._run
        try:
            while True:
                self._start_what_may_start()
                run.report_progress()
                if run.fatal is not None or self._is_over():
                    break
                run.loop.turn()
        finally:
            run.stop.set()
            try:
                run.loop.drain(PATIENCE_AT_THE_END)
            finally:
                run.free_unconfirmed_slots()
        if run.fatal is not None:
            raise run.fatal
        if run.waiting:
            raise StoppedError("The time given by `--max-time` is over", hint="run the same command again to go on")
        return run.counts

    def _is_over(self) -> bool:
        run = self._run
        return run.loop.is_idle and not run.queue and (not run.waiting or self._is_out_of_time())

    def _is_out_of_time(self) -> bool:
        limit = self._run.limits.max_seconds
        return limit is not None and self._run.tools.monotonic() - self._began >= limit

    def _start_what_may_start(self) -> None:
        run = self._run
        if run.fatal is not None or not self._is_window_open():
            return
        while run.waiting and not self._is_out_of_time() and not self._is_backed_up():
            work = run.waiting.popleft()
            if not self._orders.start(work):
                run.waiting.appendleft(work)
                break
        self._files.start_transfers()

    def _is_backed_up(self) -> bool:
        """Whether so many files wait that order workers wait too (R96)."""
        size = self._run.limits.download_queue_size
        return size is not None and len(self._run.queue) >= size

    def _is_window_open(self) -> bool:
        """Whether new work may start; otherwise sets a timer for when it may (R97-R101)."""
        run = self._run
        window, moment = run.limits.window, run.tools.now()
        if window.is_open(moment, run.limits.zone):
            return True
        if self._is_waiting_for_window or not (run.waiting or run.queue):
            return False
        opens = window.opens_at(moment, run.limits.zone)
        if not run.limits.wait_for_window:
            hint = "run the same command again then"
            run.end(StoppedError(f"The run window is closed until {format_instant(opens)}", hint=hint))
            return False
        self._is_waiting_for_window = True
        run.tell("window", f"Waiting for the run window, which opens at {format_instant(opens)}")
        run.loop.later(max(1.0, (opens - moment).total_seconds()), self._look_at_window_again)
        return False

    def _look_at_window_again(self) -> None:
        self._is_waiting_for_window = False
