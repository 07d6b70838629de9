"""A handful of threads that make calls and queue the answers. They end with the process, whatever they wait for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Tag = TypeVar("Tag")


class CallPool(Generic[Tag]):
    """Runs calls in `size` threads; each answer (or exception) arrives on `answers` as `(tag, answer)`."""

    def __init__(self, name: str, size: int, answers: queue.SimpleQueue[tuple[Tag, Any]]) -> None:
        self.size = size
        self.active = 0
        self._answers = answers
        self._calls: queue.SimpleQueue[tuple[Tag, Callable[[], Any]] | None] = queue.SimpleQueue()
        for number in range(size):
            threading.Thread(target=self._work, name=f"oncsync-{name}-{number + 1}", daemon=True).start()

    @property
    def is_free(self) -> bool:
        """Whether a thread is waiting for a call."""
        return self.active < self.size

    def start(self, tag: Tag, call: Callable[[], Any]) -> None:
        """Hands a call to a thread; whoever takes the answer from the queue says `ended`."""
        self.active += 1
        self._calls.put((tag, call))

    def ended(self) -> None:
        """Notes that the answer of a call was taken."""
        self.active -= 1

    def close(self) -> None:
        """Lets the threads end once they are idle."""
        for _ in range(self.size):
            self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            tag, call = item
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001  the answer of a call that broke is what broke it
                answer = error
            self._answers.put((tag, answer))
