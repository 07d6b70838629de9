"""Runs of orders and the queue they stand in: a few run at once, the rest wait, all by an injected clock."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

QUEUED, RUNNING, COMPLETE, CANCELLED = "queued", "data product running", "complete", "cancelled"


@dataclass(eq=False)
class Run:
    """One run of an order; times are seconds of the injected clock. `order` names the request that it belongs to."""

    id: int
    duration: float
    order: int = 0
    status: str = QUEUED
    begun: float = 0.0
    completed: float = 0.0
    polled: bool = False
    told_complete: bool = False


@dataclass
class RunQueue:
    """The runs that are alive: at most `places` running, the rest in the order they came."""

    places: int
    waiting: deque[Run] = field(default_factory=deque)
    running: list[tuple[float, int, Run]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.running)

    @property
    def orders(self) -> int:
        """How many orders are alive: those that have a run here."""
        return len({run.order for run in self.waiting} | {run.order for _, _, run in self.running})

    def add(self, run: Run, now: float) -> None:
        """Takes in a run, which begins at once when a place is free."""
        run.status = QUEUED
        self.waiting.append(run)
        self._fill(now)

    def advance(self, now: float) -> None:
        """Completes what is over by `now`; a freed place is taken at the instant it was freed."""
        while self.running and self.running[0][0] <= now:
            over_at, _, run = heapq.heappop(self.running)
            run.status, run.completed = COMPLETE, over_at
            self._fill(over_at)

    def drop(self, run: Run, now: float) -> None:
        """Takes out a run that is cancelled; its place is free at once."""
        if run in self.waiting:
            self.waiting.remove(run)
        self.running = [entry for entry in self.running if entry[2] is not run]
        heapq.heapify(self.running)
        run.status = CANCELLED
        self._fill(now)

    def _fill(self, now: float) -> None:
        while self.waiting and len(self.running) < self.places:
            run = self.waiting.popleft()
            run.status, run.begun = RUNNING, now
            heapq.heappush(self.running, (now + run.duration, run.id, run))
