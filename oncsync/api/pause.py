"""The wait that all threads of a session share after a 429 or 503, however long it is and whoever met it.

Source: open question 44.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from oncsync.api.retry import RetryPolicy, backoff


class SharedPause:
    """When the service may be asked again, for every thread alike.

    Threads that were on their way when the service said "slow down" hear it one after the other: that is one wave, and
    counts once. `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: float | None = None
        self._failures = 0
        self._wave = 0

    @property
    def wave(self) -> int:
        """Which wave a question that begins now belongs to."""
        with self._lock:
            return self._wave

    @property
    def ends(self) -> float | None:
        """When the pause ends, on the clock; None when there never was one."""
        with self._lock:
            return self._ends

    @property
    def left(self) -> float:
        """How many seconds of the pause are left."""
        ends = self.ends
        return 0.0 if ends is None else max(0.0, ends - self._clock())

    def begin(self, wave: int, asked: float | None, policy: RetryPolicy, jitter: Callable[[], float]) -> None:
        """Begins or extends the pause because of a question of `wave`; `asked` is what `Retry-After` says, in seconds.

        Without it the pause grows with every wave that is turned away.
        """
        with self._lock:
            if asked is None and wave != self._wave:
                return
            if asked is None:
                self._failures += 1
                asked = backoff(policy, self._failures, jitter)
            ends = self._clock() + asked
            self._ends = ends if self._ends is None else max(ends, self._ends)
            self._wave += wave == self._wave

    def forget(self, wave: int) -> None:
        """Notes that the service answered a question of `wave`: the next pause begins small again."""
        with self._lock:
            if wave == self._wave:
                self._failures = 0
