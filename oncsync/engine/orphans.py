"""Orders that nobody is about any more: their slots are freed once they are over (R94, rule 2).

Those of this folder that this run does not take up, and those of other folders in which nobody works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from oncsync.api import (
    ArrivingFile,
    NotReady,
    OrderPhase,
    Session,
    cancel_order,
    open_file,
    order_phase,
    order_status,
)
from oncsync.engine.access import holder_of
from oncsync.engine.folder import is_worked_in
from oncsync.engine.outcomes import judge_download, judge_poll
from oncsync.engine.pace import poll_wait
from oncsync.engine.run import Run
from oncsync.engine.slots import Slot
from oncsync.errors import FaultError, ForbiddenError, OncsyncError, ServiceError, UnreachableError
from oncsync.state import Order


class OrphanDesk:
    """Asks the service about orders that hold slots and that nobody is about."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tries = 0
        self._asked_about: set[str] = set()
        """Slots whose orders are being asked about."""
        self._first_looks: dict[str, float] = {}
        self._next_looks: dict[str, float] = {}
        self._has_looked_at_the_end = False

    def look_at_the_end(self) -> bool:
        """Asks, when nothing else is left to do, about orders that nothing waits for; says whether there are any.

        Without it their slots would count against the limit until they expire.
        """
        if self._has_looked_at_the_end:
            return False
        self._has_looked_at_the_end = True
        run = self._run
        orphans = [slot for slot in run.slots.alive(run.tools.now()) if run.slots.is_ours(slot) and self._is_due(slot)]
        return self._look_at_all(orphans)

    def look(self, taken: Iterable[Slot]) -> None:
        """Asks about the orphans among the slots that are taken, no more often than an order is polled."""
        moment = self._run.tools.monotonic()
        self._look_at_all(
            [slot for slot in taken if moment >= self._next_looks.get(slot.id, moment) and self._is_due(slot)]
        )

    def is_of_this_run(self, slot: Slot) -> bool:
        """Whether this run is about the order of a slot."""
        run = self._run
        is_known = slot.order is None or self._order_of(slot) is not None
        return run.slots.is_ours(slot) and slot.chunk in run.alive and is_known

    def are_deaf_ends(self, taken: Sequence[Slot]) -> bool:
        """Whether every slot is held by an order of this folder that nothing in this run can find out about.

        Either it is left to another run, or the service does not answer what is asked about it.
        """
        run = self._run
        waiting = {work.id for work in run.waiting}
        return bool(taken and not run.alive) and all(
            run.slots.is_ours(slot)
            and slot.chunk not in waiting
            and (self._tries >= run.pace.attempts or self._is_left(slot))
            for slot in taken
        )

    def _is_due(self, slot: Slot) -> bool:
        """Whether a slot's order is an orphan and is not being asked about."""
        run = self._run
        if slot.order is None or slot.id in self._asked_about or self.is_of_this_run(slot):
            return False
        if run.slots.is_ours(slot):
            return not self._is_left(slot)
        return not is_worked_in(Path(slot.folder), run.tools.now())

    def _is_left(self, slot: Slot) -> bool:
        """Whether an order is left to the run that is about it: the lock wants its chunk, and it has no run id.

        To look at it would mean to cancel it. One that the state has let go of, or replaced, nobody is about.
        """
        run, order = self._run, self._order_of(slot)
        is_let_go = order is None and slot.chunk in run.store.state.chunks
        return slot.chunk in run.wanted and not is_let_go and not self._run_ids(slot)

    def _look_at_all(self, orphans: Iterable[Slot]) -> bool:
        run, has_asked = self._run, False
        for slot in orphans:
            has_asked = True
            self._asked_about.add(slot.id)
            if run.slots.is_ours(slot):
                self._look_at(slot)
            else:
                self._look_elsewhere(slot)
        return has_asked

    def _answered(self, slot: Slot, *, is_over: bool) -> None:
        """Frees the slot of an order that is over; of another it is asked again when a poll would be due."""
        run, moment = self._run, self._run.tools.monotonic()
        self._asked_about.discard(slot.id)
        first = self._first_looks.setdefault(slot.id, moment)
        self._next_looks[slot.id] = moment + poll_wait(run.pace, moment - first, None, run.tools.jitter())
        if is_over:
            run.slots.free(slot.id, run.tools.now())

    def _look_elsewhere(self, slot: Slot) -> None:
        """Frees the slot of an order of another folder, where nobody works, once it is over.

        None of them is cancelled: whoever works there next takes it up, and a disk that is away may come back.
        """
        run, order = self._run, slot.order or 0

        def answered(phase: OrderPhase | OncsyncError) -> None:
            self._answered(slot, is_over=phase == "over")

        run.call("run", lambda: _phase(run.session, order), answered, "us")

    def _order_of(self, slot: Slot) -> Order | None:
        chunk = self._run.store.state.chunks.get(slot.chunk)
        return chunk.order if chunk and chunk.order and chunk.order.request_id == slot.order else None

    def _run_ids(self, slot: Slot) -> tuple[int, ...]:
        order = self._order_of(slot)
        return order.run_ids if order else ()

    def _look_at(self, slot: Slot) -> None:
        """Frees the slot of an order of this folder that nothing of this run waits for, once it is over.

        Asking for its files starts nothing, which asking `run` might; an order without a run id is cancelled,
        because nobody wants it any more.
        """
        run, order, run_ids = self._run, self._order_of(slot), self._run_ids(slot)
        request_id = slot.order or 0

        def ask() -> bool:
            if not run_ids:
                cancel(run.session, request_id)
                return True
            return _is_over(run.session, request_id, run_ids)

        def answered(answer: bool | OncsyncError) -> None:
            if not isinstance(answer, OncsyncError):
                self._tries = 0
                self._answered(slot, is_over=answer)
                return
            is_gone = judge_download(answer) == "forget"
            self._answered(slot, is_over=is_gone)
            if not is_gone and run.waiting:
                self._tries += 1
                run.is_service_down(run.waiting[0], answer, self._tries)

        run.call("run", ask, answered, holder_of(order) if order else "us")


def cancel(session: Session, request_id: int) -> None:
    """Cancels an order; whatever the service says to that, nothing is left to wait for (open question 24).

    Raises what tells of an outage: then nobody knows whether the question arrived.
    """
    try:
        cancel_order(session, request_id)
    except (FaultError, UnreachableError) as error:
        if error.status not in (200, 202):
            raise
    except ServiceError:
        pass


def _is_over(session: Session, request_id: int, run_ids: tuple[int, ...]) -> bool:
    """Whether an order is over: none of its files is to come, and `status` does not say OPEN (onc-api.md 3.4).

    Where the files may not be read, `status` alone can tell.
    """
    try:
        is_made = _are_files_made(session, run_ids)
    except ForbiddenError:
        return _phase(session, request_id) == "over"
    return is_made and _phase(session, request_id) != "open"


def _are_files_made(session: Session, run_ids: tuple[int, ...]) -> bool:
    """Whether no run of an order answers that its first file is still to come."""
    for run_id in run_ids:
        answer = open_file(session, run_id, 1)
        if isinstance(answer, ArrivingFile):
            answer.close()
        if isinstance(answer, NotReady):
            return False
    return True


def _phase(session: Session, request_id: int) -> OrderPhase:
    """Gives how far an order is, as far as the service says it; one that it does not know is over."""
    try:
        return order_phase(order_status(session, request_id))
    except ServiceError as error:
        return "over" if judge_poll(error) == "forget" else "unknown"
