"""Orders that nothing waits for any more: their slots are freed once they are over (R94, rule 2).

Those of this folder that this run does not take up, and those of folders that are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from oncsync.engine.outcomes import judge_download
from oncsync.engine.run import Run
from oncsync.engine.slots import Slot
from oncsync.errors import FaultError, ForbiddenError, OncsyncError, ServiceError, UnreachableError
from oncsync.state import Order


class OrphanDesk:
    """Asks the service about orders that an earlier run left and that this one does not take up."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tries = 0
        self._asked_about: set[str] = set()
        """Slots whose orders are being asked about."""
        self._has_looked_at_the_end = False

    def look_at_the_end(self) -> bool:
        """Asks, when nothing else is left to do, about orders that nothing waits for; says whether there are any.

        Without it their slots would count against the limit until they expire. An order of a chunk that the lock wants
        and that has no run id is left to the run that is about it: to look at it would mean to cancel it.
        """
        if self._has_looked_at_the_end:
            return False
        self._has_looked_at_the_end = True
        run = self._run
        return self.look(run.slots.alive(run.tools.now()))

    def look(self, taken: Iterable[Slot]) -> bool:
        """Asks about the orphans among the slots that are taken; says whether there are any."""
        run = self._run
        orphans = [
            slot
            for slot in taken
            if run.slots.is_ours(slot)
            and slot.order is not None
            and slot.chunk not in run.alive
            and slot.id not in self._asked_about
            and not (slot.chunk in run.wanted and not self._run_ids(slot))
        ]
        for slot in orphans:
            self._look_at(slot)
        return bool(orphans)

    def look_elsewhere(self, taken: Iterable[Slot]) -> None:
        """Frees the slots of orders that are over and whose folders are gone; cancels none: a disk may come back."""
        run = self._run
        for slot in taken:
            if slot.order is not None and slot.id not in self._asked_about and run.slots.is_abandoned(slot):
                self._ask_about_abandoned(slot, slot.order)

    def _ask_about_abandoned(self, slot: Slot, order: int) -> None:
        run = self._run

        def answered(phase: OrderPhase | OncsyncError) -> None:
            self._asked_about.discard(slot.id)
            if phase == "over":
                run.slots.free(slot.id, run.tools.now())

        self._asked_about.add(slot.id)
        run.call("run", lambda: _phase(run.session, order), answered, "us")

    def are_deaf_ends(self, taken: Sequence[Slot]) -> bool:
        """Whether every slot is held by an order of this folder that nothing in this run can find out about.

        Either it has no run id and the lock wants it, so that it is left to another run, or the service does not answer
        what is asked about it.
        """
        run = self._run
        waiting = {work.id for work in run.waiting}
        return bool(taken) and all(
            run.slots.is_ours(slot)
            and slot.chunk not in waiting
            and (self._tries >= run.pace.attempts or (slot.chunk in run.wanted and not self._run_ids(slot)))
            for slot in taken
        )

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
                _cancel(run.session, request_id)
                return True
            return _is_over(run.session, request_id, run_ids)

        def answered(is_over: bool | OncsyncError) -> None:
            self._asked_about.discard(slot.id)
            if not isinstance(is_over, OncsyncError):
                self._tries = 0
            if is_over is True or (isinstance(is_over, OncsyncError) and judge_download(is_over) == "forget"):
                run.slots.free(slot.id, run.tools.now())
            elif isinstance(is_over, OncsyncError) and run.waiting:
                self._tries += 1
                run.is_service_down(run.waiting[0], is_over, self._tries)

        self._asked_about.add(slot.id)
        run.call("run", ask, answered, holder_of(order) if order else "us")


def _cancel(session: Session, request_id: int) -> None:
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
    """Gives how far an order is, as far as the service says it."""
    try:
        return order_phase(order_status(session, request_id))
    except ServiceError:
        return "unknown"
