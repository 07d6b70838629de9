"""Orders at the service: request, run, poll, and taking up those of an earlier run (architecture, "Re-attaching").

Sources: onc-api.md 3.1 and 3.2, open questions 13 to 16, 21, 22 and 51, R91, R94, R108, R109.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import timedelta
from itertools import zip_longest

from oncsync.api import (
    OrderTicket,
    RunAnswer,
    request_product,
    run_order,
    run_phase,
)
from oncsync.engine.access import holder_of
from oncsync.engine.durations import Durations
from oncsync.engine.filing import FileDesk
from oncsync.engine.folder import current_user
from oncsync.engine.orphans import OrphanDesk, cancel
from oncsync.engine.outcomes import corrected_options, explain, judge_poll, judge_request
from oncsync.engine.pace import poll_wait
from oncsync.engine.run import Run
from oncsync.engine.slots import Slot
from oncsync.engine.work import CANCELLED, Work
from oncsync.errors import ForbiddenError, OncsyncError, StoppedError
from oncsync.state import ChunkState, Ended, Ordered, Ordering, Outcome, Running, restrictions_in
from oncsync.timespan import Span, format_instant

LONGEST_ADDRESS = 4000
"""What is kept of the address that the service says the order stands for, in characters."""


class OrderDesk:
    """Brings orders to their end at the service, at most `runThreads` at a time, and hands them to the file desk."""

    def __init__(self, run: Run, files: FileDesk) -> None:
        self._run = run
        self._files = files
        self._said_quota = False
        self._is_looking = False
        self.orphans = OrphanDesk(run)
        self._durations = Durations(run.store.state)

    def start(self, work: Work) -> bool:
        """Begins what a chunk needs; False when the quota lets no new order begin now."""
        run = self._run
        chunk = run.store.state.chunks.get(work.id)
        work.held_before = chunk.files if chunk else ()
        order = chunk.order if chunk else None
        is_new = work.planned.step == "order" or work.was_ordered_anew
        if is_new or chunk is None or order is None or order.request_id is None:
            return self._start_new(work)
        work.request_id, work.holder = order.request_id, holder_of(order)
        work.notes = list(order.restrictions)
        work.order_began = run.tools.monotonic()
        if order.is_ended or work.planned.step == "fetch":
            work.age_before = max(timedelta(), run.tools.now() - order.at)
            announced = zip_longest(order.run_ids, order.counts[: len(order.run_ids)])
            work.counts = {run_id: _announced(count) for run_id, count in announced}
            self._files.begin(work)
            return True
        return self._take_up(work, chunk)

    def _take_up(self, work: Work, chunk: ChunkState) -> bool:
        """Re-attaches an order that may be alive: it counts against the limit like a new one (R94).

        False for one that never ran, whose slot went with the process that a kill ended, while the quota is used up.
        """
        run, order = self._run, chunk.order
        assert order is not None
        assert order.request_id is not None
        limit = None if order.run_ids else run.limits.run_threads
        now, life = run.tools.now(), run.order_life(work)
        work.slot = run.slots.adopt(work.id, order.request_id, now, life, limit, order.date_to)
        if work.slot is None:
            self._wait_for_slot()
            return False
        run.alive.add(work.id)
        if order.run_ids:  # one that was never run begins to work now
            work.age_before = max(timedelta(), run.tools.now() - order.at)
        run.tell("attached", "order of an earlier run taken up again", work)
        work.counts = dict.fromkeys(order.run_ids)
        self._poll_with_care(work)
        return True

    def _start_new(self, work: Work) -> bool:
        run = self._run
        limit, date_to = run.limits.run_threads, work.planned.date_to
        if len(run.alive) < limit:  # an order of ours counts until it is over, however old its slot
            work.slot = run.slots.take(work.id, limit, run.tools.now(), run.order_life(work), date_to)
        if work.slot is None:
            self._wait_for_slot()
            return False
        run.alive.add(work.id)
        run.unconfirmed[work.id] = work
        self._request(work)
        return True

    def _wait_for_slot(self) -> None:
        """Looks again later when others hold slots; an order that this run is about needs no timer to end."""
        run = self._run
        if self._is_looking:
            return
        taken = run.slots.alive(run.tools.now())
        if run.alive and all(self.orphans.is_of_this_run(slot) for slot in taken):
            return
        if self.orphans.are_deaf_ends(taken):
            self._stop_ordering(len(taken))
            return
        if not self._said_quota and not run.alive:
            self._said_quota = True
            run.tell("quota", _describe_quota(taken, run.slots.folders_elsewhere(taken)))
        self._is_looking = True
        self.orphans.look(taken)
        run.loop.later(run.pace.busy_retry, self._look_again)

    def _look_again(self) -> None:
        self._is_looking = False

    def _stop_ordering(self, count: int) -> None:
        """Ends the run: the orders that hold every slot are left to the next one; nothing here frees them before."""
        orders = "1 order" if count == 1 else f"{count} orders"
        message = f"No new order may be placed: the service cannot be asked about the {orders} that may be alive"
        hint = "nothing is lost; run the same command again later: it takes them up"
        self._run.closing = self._run.closing or StoppedError(message, hint=hint)

    # --- request -----------------------------------------------------------------------------------------------

    def _request(self, work: Work) -> None:
        """Writes down that we are about to ask, then asks: a kill in between is known, and costs nothing there."""
        planned, now = work.planned, self._run.tools.now()
        chunk, request = planned.wanted.chunk, planned.wanted.request
        self._run.store.record(
            Ordering(
                at=now,
                chunk=work.id,
                product=request.product_digest,
                begin=chunk.begin,
                end=chunk.end,
                date_to=planned.date_to,
                options=work.options,
                is_corrected=work.was_corrected,
                host=socket.gethostname(),
                user=current_user(),
                entry="/".join(planned.wanted.entry.key),
            )
        )
        work.order_began = self._run.tools.monotonic()
        self._ask(work)

    def _ask(self, work: Work) -> None:
        request = work.planned.wanted.request
        params = {
            **request.source,
            "dataProductCode": request.data_product_code,
            "extension": request.extension,
            "dateFrom": format_instant(work.planned.wanted.chunk.begin),
            "dateTo": format_instant(work.planned.date_to),
            **work.options,
        }
        session = self._run.session
        self._run.call("run", lambda: request_product(session, params), lambda answer: self._asked(work, answer))

    def _ask_again(self, work: Work) -> None:
        """Asks once more; where nothing new may begin by now, the chunk waits with those that have not begun (R100)."""
        run = self._run
        if run.may_begin():
            self._ask(work)
            return
        run.unconfirmed.pop(work.id, None)
        run.free_slot(work)
        run.waiting.appendleft(work)

    def _asked(self, work: Work, answer: OrderTicket | OncsyncError) -> None:
        if isinstance(answer, OncsyncError):
            self._refused(work, answer)
            return
        run, now = self._run, self._run.tools.now()
        run.succeeded(work)
        run.unconfirmed.pop(work.id, None)
        work.request_id, work.estimate = answer.dp_request_id, answer.estimated_processing_time
        address = answer.query_url and answer.query_url[:LONGEST_ADDRESS]
        run.store.record(
            Ordered(
                at=now,
                chunk=work.id,
                request_id=answer.dp_request_id,
                query_url=address,
                restrictions=restrictions_in(answer.messages),
            )
        )
        if work.slot is not None:
            run.slots.confirm(work.slot, answer.dp_request_id, now)
        run.note(work, answer.messages)
        run.tell("ordered", f"ordered ({work.planned.reason})", work)
        self._call_run(work)

    def _refused(self, work: Work, error: OncsyncError) -> None:
        has_begun = work.planned.wanted.chunk.begin <= self._run.session.service_now()
        verdict = judge_request(error, has_begun=has_begun)
        if verdict == "retry":
            self._run.retry(work, error, lambda: self._ask_again(work))
            return
        options = self._correct(work, error)
        if options is not None:
            work.was_corrected, work.options = True, options
            self._run.note(work, [f"options corrected, because the service said: {explain(error)}"])
            self._request(work)
            return
        outcome: Outcome = "failed-retryable" if verdict == "forget" else verdict
        self._run.finish(work, outcome, explain(error), error)

    def _correct(self, work: Work, error: OncsyncError) -> dict[str, str] | None:
        """Gives other options to try once. An exact request is sent as it is written, or not at all (R60, R61)."""
        if work.was_corrected or work.planned.wanted.entry.kind == "row":
            return None
        return corrected_options(work.options, work.planned.wanted.request.defaults, error)

    # --- run ---------------------------------------------------------------------------------------------------

    def _call_run(self, work: Work) -> None:
        request_id, session = work.request_id, self._run.session
        assert request_id is not None
        self._run.call(
            "run", lambda: run_order(session, request_id), lambda answer: self._ran(work, answer), work.holder
        )

    def _poll_with_care(self, work: Work) -> None:
        """Asks about an order of which `run` may have been answered, and nobody heard it.

        Where its run is known, that is asked for its files first, because `run` might begin anew what is over (open
        question 15). Where it is not, the work may begin only now, and waits until new work may begin (R100).
        """
        run = self._run
        if work.counts:
            self._files.look(work, otherwise=lambda: self._call_run(work))
        elif run.may_begin():
            self._call_run(work)
        else:
            run.later(run.pace.longest_poll, lambda: self._poll_with_care(work))

    def _ran(self, work: Work, answer: RunAnswer | OncsyncError) -> None:
        run = self._run
        if isinstance(answer, OncsyncError):
            self._run_broke(work, answer)
            return
        run.succeeded(work)
        self._store_runs(work, answer)
        said = [(one.status, one.message or one.status) for one in answer.runs] or [answer.said]
        phases = [run_phase(status, answer.is_finished) for status, _ in said]
        if "working" in phases:  # as long as one run is alive, so is the order: it counts against the limit
            self._poll_later(work)
        elif "failed" in phases:
            run.run_failed(work, "; ".join(dict.fromkeys(text for _, text in said)))
        elif "cancelled" in phases:
            run.order_anew(work, CANCELLED)
        elif not answer.runs:
            self._poll_later(work)
        elif all(run_phase(status or "complete", finished=False) == "complete" for status, _ in said):
            self._ended(work, answer)
        else:
            self._try_files(work, answer)

    def _run_broke(self, work: Work, error: OncsyncError) -> None:
        verdict = judge_poll(error)
        if verdict == "forget":
            self._run.order_anew(work, explain(error))
        elif self._run.is_too_old(work) and not isinstance(error, ForbiddenError):
            self._give_up(work)
        elif verdict == "retry":
            self._run.retry(work, error, lambda: self._poll_with_care(work), for_ever=True)
        else:
            self._run.finish(work, verdict, explain(error), error)

    def _store_runs(self, work: Work, answer: RunAnswer) -> None:
        run_ids = tuple(one.dp_run_id for one in answer.runs)
        order = self._run.store.state.chunks[work.id].order
        if run_ids and order is not None and order.run_ids != run_ids:
            self._run.store.record(Running(at=self._run.tools.now(), chunk=work.id, run_ids=run_ids))
        work.counts = dict.fromkeys(run_ids)

    def _poll_later(self, work: Work) -> None:
        run = self._run
        if run.is_too_old(work):
            self._give_up(work)
            return
        elapsed = run.tools.monotonic() - work.order_began
        wait = poll_wait(run.pace, elapsed, self._expected(work), run.tools.jitter())
        run.later(wait, lambda: self._call_run(work))

    def _expected(self, work: Work) -> float | None:
        """How long after this run placed it, or took it up, the order is expected to be over, in seconds."""
        usual = self._durations.expect(work.planned.wanted.request, _sent_span(work))
        return work.estimate if usual is None else usual - work.age_before.total_seconds()

    def _learn(self, work: Work) -> None:
        """Notes how long an order of this run took; one that was taken up may have been over for long."""
        if work.holder is None and any(count != 0 for count in work.counts.values()):
            seconds = self._run.tools.monotonic() - work.order_began
            self._durations.note(work.planned.wanted.request, _sent_span(work), seconds)

    def _give_up(self, work: Work) -> None:
        """Cancels an order that takes too long, then lets go of it: as long as it lives it counts against the limit.

        Another's is not ours to cancel. In an outage nobody knows whether it was: it stays for the next sync.
        """
        run, request_id = self._run, work.request_id
        assert request_id is not None

        def cancelled(answer: OncsyncError | None = None) -> None:
            if answer is not None:
                run.retry(work, answer, lambda: self._give_up(work))
                return
            hours = run.age(work).total_seconds() / 3600
            run.forget(work, "given up")
            run.finish(work, "failed-retryable", f"not ready after {hours:.0f} h, given up")

        if work.holder == "another":
            cancelled()
        else:
            run.call("run", lambda: cancel(run.session, request_id), cancelled, work.holder)

    def _try_files(self, work: Work, answer: RunAnswer) -> None:
        """After a 200 with a state that nobody knows: tries the download, and asks again when there is no file.

        The order may still be alive, so its slot stays taken and nothing is the last word (open question 14).
        """
        if self._run.is_too_old(work):
            self._give_up(work)
            return
        work.counts = {one.dp_run_id: _announced(one.file_count) or None for one in answer.runs}
        work.if_no_file = lambda: self._poll_later(work)
        self._files.begin_in_doubt(work)

    def _ended(self, work: Work, answer: RunAnswer) -> None:
        run, work.if_no_file, work.is_in_doubt = self._run, None, False
        work.counts = {one.dp_run_id: _announced(one.file_count) for one in answer.runs}
        counts = tuple(work.counts.values())
        run.store.record(Ended(at=run.tools.now(), chunk=work.id, run_ids=tuple(work.counts), counts=counts))
        run.free_slot(work)
        self._learn(work)
        total = None if None in counts else sum(count or 0 for count in counts)
        files = "an unknown number of files" if total is None else "1 file" if total == 1 else f"{total} files"
        run.tell("complete", f"made at the service, {files}", work)
        self._files.begin(work)


def _describe_quota(taken: Sequence[Slot], folders: Sequence[str]) -> str:
    text = f"Waiting: {len(taken)} orders of yours are alive at the service, the limit of `runThreads`"
    return f"{text}, placed for `{'`, `'.join(folders)}`" if folders else text


def _sent_span(work: Work) -> Span:
    """Gives the span that an order was sent with, which ends now for an open chunk."""
    return Span(work.planned.wanted.chunk.begin, work.planned.date_to)


def _announced(count: int | None) -> int | None:
    """Gives the number of files a run announced, None for one that cannot be."""
    return count if count is not None and count >= 0 else None
