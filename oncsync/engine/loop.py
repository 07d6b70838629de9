"""An event loop over threads: calls run in pools, one thread reacts to their answers and to timers.

Nobody sleeps: a wait is a timer. The pools' threads end with the process, whatever they wait for.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

Answer = TypeVar("Answer")
_Queued: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]


class _Raised(NamedTuple):
    """What a call raised, told apart from an error that it gave as its answer."""

    error: BaseException


class Loop:
    """Pools by name, timers, and the thread that calls `turn`, in which every reaction runs."""

    def __init__(self, sizes: Mapping[str, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sizes = dict(sizes)
        self._monotonic = monotonic
        self._active = dict.fromkeys(sizes, 0)
        self._calls: dict[str, queue.SimpleQueue[_Queued | None]] = {name: queue.SimpleQueue() for name in sizes}
        self._answers: queue.SimpleQueue[tuple[str, Callable[[Any], None], Any]] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        for pool, size in sizes.items():
            for number in range(size):
                name = f"oncsync-{pool}-{number + 1}"
                threading.Thread(target=self._work, args=(pool,), name=name, daemon=True).start()

    def call(self, pool: str, call: Callable[[], Answer], react: Callable[[Answer], None]) -> None:
        """Runs `call` in a pool; its answer is given to `react` in a later turn. What it raises ends that turn."""
        self._active[pool] += 1
        self._calls[pool].put((call, react))

    def active(self, pool: str) -> int:
        """How many calls of a pool have not been answered."""
        return self._active[pool]

    def is_free(self, pool: str) -> bool:
        """Whether a thread of the pool is waiting for a call."""
        return self._active[pool] < self._sizes[pool]

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Runs `action` in the first turn after so many seconds."""
        heapq.heappush(self._timers, (self._monotonic() + seconds, next(self._sequence), action))

    @property
    def is_idle(self) -> bool:
        """Whether neither a call nor a timer is outstanding."""
        return not self._timers and not any(self._active.values())

    def turn(self, longest: float | None = None) -> None:
        """Waits for the next answer or timer, at most `longest` seconds, then reacts to all that are there."""
        timeout = longest
        if self._timers:
            until = max(0.0, self._timers[0][0] - self._monotonic())
            timeout = until if longest is None else min(until, longest)
        try:
            self._take(self._answers.get(timeout=timeout))
            while True:
                self._take(self._answers.get_nowait())
        except queue.Empty:
            pass
        while self._timers and self._timers[0][0] <= self._monotonic():
            heapq.heappop(self._timers)[2]()

    def drain(self, seconds: float) -> None:
        """Forgets the timers and reacts to calls under way for so long, then lets the threads end."""
        self._timers.clear()
        until = time.monotonic() + seconds
        try:
            while any(self._active.values()) and (left := until - time.monotonic()) > 0:
                self._take(self._answers.get(timeout=left))
        except queue.Empty:
            pass
        finally:
            for pool, size in self._sizes.items():
                for _ in range(size):
                    self._calls[pool].put(None)

    def _take(self, answered: tuple[str, Callable[[Any], None], Any]) -> None:
        pool, react, answer = answered
        self._active[pool] -= 1
        if isinstance(answer, _Raised):
            raise answer.error
        react(answer)

    def _work(self, pool: str) -> None:
        while (queued := self._calls[pool].get()) is not None:
            call, react = queued
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001  raised again in the loop's own thread
                answer = _Raised(error)
            self._answers.put((pool, react, answer))
