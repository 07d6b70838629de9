"""Orders and their runs: ids, the queue, and what each poll sees as time goes by (onc-api.md section 3)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random

from .content import Delivered, ProductFile
from .orders import Order
from .replies import invalid_value
from .runs import CANCELLED, COMPLETE, QUEUED, RUNNING, Run, RunQueue

OPEN_REQUEST, COMPLETED_REQUEST, CANCELLED_REQUEST = "OPEN", "COMPLETED", "CANCELLED"
ARCHIVED_SHARE = 0.1
METADATA_DELAY = 1.5


@dataclass
class Request:
    """What the service keeps of a request: the order, when it was asked for, and its run once there is one."""

    id: int
    order: Order
    asked_at: datetime
    run: Run | None = None


@dataclass(frozen=True)
class RunState:
    """What `run` answers with; `file_count` counts the data files and is 0 until the end."""

    run_id: int
    status: str
    file_count: int

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in (COMPLETE, CANCELLED)


@dataclass(frozen=True)
class Waiting:
    """A download that is not ready: the members of the 202 body, `message` missing now and then."""

    status: str
    message: str | None


class CancelledRunError(Exception):
    """Says that the run of a download was cancelled."""


class NoSuchFileError(Exception):
    """Says that an index lies beyond the last file."""


class Deliveries:
    """All requests of one life of the service. Safe to use from many threads.

    `clock` gives seconds that only grow; `random` draws durations. Ids come from the system's randomness: a new
    life starts at another number, so an id of an earlier life is unknown.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        random: Random,
        job_seconds: tuple[float, float],
        sync_seconds: float,
        max_running: int,
        files_of: Callable[[Order], Delivered],
    ) -> None:
        self._clock = clock
        self._random = random
        self._job_seconds = job_seconds
        self._sync_seconds = sync_seconds
        self._files_of = files_of
        self._lock = threading.Lock()
        self._queue = RunQueue(max_running)
        self._requests: dict[int, Request] = {}
        self._by_run: dict[int, Request] = {}
        self._last_request_id = 10_000_000 + secrets.randbelow(60_000_000)
        self._last_run_id = 10_000_000 + secrets.randbelow(60_000_000)
        self._peak = 0

    @property
    def alive(self) -> int:
        """How many runs are queued or running now."""
        with self._moving():
            return len(self._queue)

    @property
    def peak(self) -> int:
        """The most runs that were alive at one instant."""
        with self._lock:
            return self._peak

    def request(self, order: Order, asked_at: datetime) -> Request:
        """Takes in an order and gives it an id; nothing runs yet."""
        with self._lock:
            self._last_request_id += 1 + self._random.randrange(3)
            made = Request(self._last_request_id, order, asked_at)
            self._requests[made.id] = made
            return made

    def run(self, request_id: int) -> RunState:
        """Starts the run of a request, or tells how it is; there is never a second run."""
        with self._moving() as now:
            request = self._known(request_id)
            if request.run is None:
                self._last_run_id += 1 + self._random.randrange(3)
                request.run = Run(self._last_run_id, self._duration(request.order))
                self._by_run[request.run.id] = request
                self._start(request.run, now)
            return self._state(request)

    def cancel(self, request_id: int) -> RunState | None:
        """Cancels a run that is alive; gives None when the request was never run."""
        with self._moving() as now:
            request = self._known(request_id)
            if request.run is not None and request.run.status in (QUEUED, RUNNING):
                self._queue.drop(request.run, now)
            return self._state(request) if request.run else None

    def restart(self, request_id: int) -> RunState | None:
        """Starts a cancelled run again under the same id; gives None when the request was never run."""
        with self._moving() as now:
            request = self._known(request_id)
            if request.run is not None and request.run.status == CANCELLED:
                request.run.polled = False
                self._start(request.run, now)
            return self._state(request) if request.run else None

    def status(self, request_id: int) -> tuple[Request, str]:
        """Gives a request and its state: open, completed or cancelled."""
        with self._moving():
            request = self._known(request_id)
            states = {COMPLETE: COMPLETED_REQUEST, CANCELLED: CANCELLED_REQUEST}
            return request, states.get(request.run.status if request.run else "", OPEN_REQUEST)

    def download(self, run_id: int, index: str) -> ProductFile | Waiting:
        """Gives the file with this index (`1` to `N`, or `meta`) of a run, or why it has to wait.

        Raises `CancelledRunError`, and `NoSuchFileError` beyond the last file.
        """
        with self._moving() as now:
            request = self._by_run.get(run_id)
            if request is None or request.run is None:
                raise invalid_value("dpRunId")
            run = request.run
            if run.status == CANCELLED:
                raise CancelledRunError
            if run.status != COMPLETE:
                return self._waiting(request, run, now)
            delivered = self._files_of(request.order)
        return self._ready(delivered, run, index, now)

    def _ready(self, delivered: Delivered, run: Run, index: str, now: float) -> ProductFile | Waiting:
        delay = self._sync_seconds
        if index == "meta":
            wanted, delay = delivered.metadata, delay * METADATA_DELAY
        else:
            number = int(index)
            wanted = delivered.files[number - 1] if number <= len(delivered.files) else None
        if wanted is None:
            raise NoSuchFileError
        if now < run.completed + delay:
            text = f"Search complete, waiting on the file system to synchronize ({wanted.name})"
            return Waiting("running", text)
        return wanted

    def _waiting(self, request: Request, run: Run, now: float) -> Waiting:
        if run.status == QUEUED:
            return Waiting("queued", "Queued")
        done = (now - run.begun) / run.duration if run.duration else 1.0
        if done < 0.15:
            return Waiting("running", None)
        if done < 0.4:
            return Waiting("running", "Running")
        if done < 0.7:
            return Waiting("running", "Running... getting data for time segment 1 of 1.")
        if done < 0.9:
            return Waiting("running", "Running... writing data products, time range 1 of 1.")
        files = self._files_of(request.order).files
        return Waiting("running", f"Transferring ({files[0].name}) to the FTP server" if files else None)

    def _start(self, run: Run, now: float) -> None:
        self._queue.add(run, now)
        self._peak = max(self._peak, len(self._queue))

    def _duration(self, order: Order) -> float:
        seconds = self._random.uniform(*self._job_seconds)
        return seconds * ARCHIVED_SHARE if order.is_archived else seconds

    def _state(self, request: Request) -> RunState:
        run = request.run
        assert run is not None
        status = run.status
        if status == RUNNING and not run.polled:
            status = QUEUED
        run.polled = True
        count = len(self._files_of(request.order).files) if status == COMPLETE else 0
        return RunState(run.id, status, count)

    def _known(self, request_id: int) -> Request:
        if request_id not in self._requests:
            raise invalid_value("dpRequestId", "Invalid search header ID.")
        return self._requests[request_id]

    @contextmanager
    def _moving(self) -> Iterator[float]:
        """Holds the lock with the queue brought up to now."""
        with self._lock:
            now = self._clock()
            self._queue.advance(now)
            yield now


def read_index(text: str) -> str:
    """Checks the index of a download: `meta`, or a number from 1."""
    if text == "meta" or (text.isascii() and text.isdigit() and 1 <= len(text) <= 9 and int(text) > 0):
        return text
    raise invalid_value("index")
