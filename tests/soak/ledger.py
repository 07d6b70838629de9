"""What the service saw: which orders were placed for a chunk, which of them ran, and which were lost by a fault."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from oncsync.sandbox import Asked, Sandbox
from tests.soak.weather import ENDING, LOSING

Key = tuple[str, str, str]


class Doubles(NamedTuple):
    """Orders beyond the first of a chunk, that ran: those after a loss, and those that no loss explains."""

    after_loss: int
    unexplained: list[int]
    """The orders that came before, which nothing had happened to."""


@dataclass
class Ledger:
    """Looks on at the sandbox's deliveries.

    `alive_at_kills` are the orders that lived when a process was killed; `peak` is the most that lived at one instant,
    without those of which a fault had said that they are over.
    """

    placed: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    started: set[int] = field(default_factory=set)
    request_of: dict[int, int] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)
    alive_at_kills: list[set[int]] = field(default_factory=list)
    peak: int = 0
    _denied: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, sandbox: Sandbox) -> None:
        """Sees every order from here on."""
        deliveries: Any = sandbox.deliveries
        request, run, forget = deliveries.request, deliveries.run, deliveries.forget

        def watched_request(order: Any, asked_at: Any) -> Any:
            made = request(order, asked_at)
            place = order.location.code if order.location else ""
            with self._lock:
                self.placed[(place, str(order.span.begin), str(order.span.end))].append(made.id)
            return made

        def watched_run(request_id: int) -> Any:
            states = run(request_id)
            alive = alive_orders(sandbox)
            with self._lock:
                self.started.add(request_id)
                self.request_of.update((state.run_id, request_id) for state in states)
                self.peak = max(self.peak, len(alive - self._denied))
            return states

        def watched_forget() -> None:
            with self._lock:
                self.forgotten.update(one for orders in self.placed.values() for one in orders)
            forget()

        deliveries.request, deliveries.run, deliveries.forget = watched_request, watched_run, watched_forget
        log: Any = sandbox._log
        note = log.note

        def watched_note(asked: Asked) -> None:
            if ENDING.intersection((asked.fault or "").split("+")):
                with self._lock:
                    self._denied.update(self._about(asked))
            note(asked)

        log.note = watched_note

    def _about(self, asked: Asked) -> set[int]:
        """Gives the order that a question is about, if it is about one."""
        request_id, run_id = asked.parameters.get("dpRequestId", ""), asked.parameters.get("dpRunId", "")
        orders = {int(request_id)} if request_id.isdigit() else set()
        if run_id.isdigit() and int(run_id) in self.request_of:
            orders.add(self.request_of[int(run_id)])
        return orders

    def note_kill(self, sandbox: Sandbox) -> None:
        """Notes which orders live at the moment of a kill."""
        alive = alive_orders(sandbox)
        with self._lock:
            self.alive_at_kills.append(alive)

    def orders(self) -> tuple[int, int]:
        """Gives how many orders were placed, and how many of them ran."""
        return sum(map(len, self.placed.values())), len(self.started)

    def doubles(self, sandbox: Sandbox) -> Doubles:
        """Sorts the orders beyond the first of each chunk that ran."""
        lost = set(self.forgotten)
        for asked in sandbox.asked:
            if asked.fault and LOSING.intersection(asked.fault.split("+")):
                lost |= self._about(asked)
        after_loss, unexplained = 0, []
        for orders in self.placed.values():
            ran = [one for one in orders if one in self.started]
            for before in ran[:-1]:
                if before in lost:
                    after_loss += 1
                else:
                    unexplained.append(before)
        return Doubles(after_loss, unexplained)

    def story(self, sandbox: Sandbox, request_id: int) -> list[str]:
        """Gives what was asked about an order, one line each, for a person who wants to know what became of it."""
        return [
            f"{asked.at:%H:%M:%S.%f} {asked.path.rpartition('/')[2]} {asked.parameters.get('index', '')} "
            f"{asked.status} {asked.fault or ''}"
            for asked in sandbox.asked
            if request_id in self._about(asked)
        ]


def alive_orders(sandbox: Sandbox) -> set[int]:
    """Gives the orders that are queued or running now."""
    with sandbox.deliveries._moving():
        queue = sandbox.deliveries._queue
        return {run.order for run in queue.waiting} | {run.order for _, _, run in queue.running}
