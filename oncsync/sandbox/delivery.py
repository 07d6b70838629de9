"""Orders and their runs: ids, the queue, and what each poll sees as time goes by (onc-api.md section 3)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from .content import Delivered, ProductFile
from .orders import Order
from .replies import Complaint, RefusedRequest, invalid_value
from .runs import CANCELLED, COMPLETE, QUEUED, RUNNING, Run, RunQueue

OPEN_REQUEST, COMPLETED_REQUEST, CANCELLED_REQUEST = "OPEN", "COMPLETED", "CANCELLED"
ARCHIVED_SHARE = 0.1
METADATA_DELAY = 1.5
TOO_MANY = 130
"""The code of a refusal for too many live orders; no source knows one (open question 49)."""

Beyond = Literal["queued", "429", "400"]
Layout = Callable[[], Delivered]
"""What one run delivers, made when it is asked for."""


@dataclass(frozen=True)
class Quota:
    """At most `max_running` runs work at once; beyond `max_alive` live ones a run waits, or is refused."""

    max_running: int = 4
    max_alive: int | None = None
    beyond: Beyond = "queued"


@dataclass
class Request:
    """What the service keeps of a request: the order, when it was asked for, and its runs once there are any.

    There is one run for each of `layouts`, which is one unless somebody divides the order.
    """

    id: int
    order: Order
    asked_at: datetime
    layouts: tuple[Layout, ...]
    runs: list[Run] = field(default_factory=list)

    @property
    def status(self) -> str:
        """`OPEN`, `COMPLETED` when every run is over, `CANCELLED` when one was cancelled."""
        if any(run.status == CANCELLED for run in self.runs):
            return CANCELLED_REQUEST
        is_done = bool(self.runs) and all(run.status == COMPLETE for run in self.runs)
        return COMPLETED_REQUEST if is_done else OPEN_REQUEST


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
        quota: Quota,
        files_of: Callable[[Order], Delivered],
    ) -> None:
        self._clock = clock
        self._random = random
        self._job_seconds = job_seconds
        self._sync_seconds = sync_seconds
        self._quota = quota
        self._files_of = files_of
        self._lock = threading.Lock()
        self._peak = 0
        self._begin_life()

    @property
    def alive(self) -> int:
        """How many orders are queued or running now, each with one run or more."""
        with self._moving():
            return self._queue.orders

    @property
    def peak(self) -> int:
        """The most orders that were alive at one instant."""
        with self._lock:
            return self._peak

    def forget(self) -> None:
        """Forgets every request and run, as a new life of the service does; ids go on at another place."""
        with self._lock:
            self._begin_life()

    def request(self, order: Order, asked_at: datetime) -> Request:
        """Takes in an order and gives it an id; nothing runs yet."""
        with self._lock:
            self._last_request_id += 1 + self._random.randrange(3)
            made = Request(self._last_request_id, order, asked_at, (lambda: self._files_of(order),))
            self._requests[made.id] = made
            return made

    def divide(
        self, request_id: int, layouts_of: Callable[[Callable[[Order], Delivered], Order], tuple[Layout, ...]]
    ) -> None:
        """Gives a request that never ran other deliveries, one for each run that it will have."""
        with self._lock:
            request = self._known(request_id)
            if not request.runs:
                request.layouts = layouts_of(self._files_of, request.order)

    def renew(self, request_id: int) -> None:
        """Lets the next `run` of a request begin new runs, once it has been told that all of its runs are complete."""
        with self._moving():
            request = self._known(request_id)
            if request.runs and all(run.status == COMPLETE and run.told_complete for run in request.runs):
                request.runs = []

    def run(self, request_id: int) -> tuple[RunState, ...]:
        """Starts the runs of a request, or tells how they are.

        Raises 429 or 400 when that would be more live runs than the quota allows and none may wait.
        """
        with self._moving() as now:
            request = self._known(request_id)
            if not request.runs:
                self._check_quota(len(request.layouts))
                for layout in request.layouts:
                    self._last_run_id += 1 + self._random.randrange(3)
                    run = Run(self._last_run_id, self._duration(request.order), request.id)
                    request.runs.append(run)
                    self._by_run[run.id] = (run, layout)
                    self._start(run, now)
            return self._states(request)

    def cancel(self, request_id: int) -> tuple[RunState, ...]:
        """Cancels the runs that are alive; gives none when the request was never run."""
        with self._moving() as now:
            request = self._known(request_id)
            for run in request.runs:
                if run.status in (QUEUED, RUNNING):
                    self._queue.drop(run, now)
            return self._states(request)

    def restart(self, request_id: int) -> tuple[RunState, ...]:
        """Starts cancelled runs again under the same ids; gives none when the request was never run."""
        with self._moving() as now:
            request = self._known(request_id)
            cancelled = [run for run in request.runs if run.status == CANCELLED]
            self._check_quota(len(cancelled))
            for run in cancelled:
                run.polled = False
                self._start(run, now)
            return self._states(request)

    def status(self, request_id: int) -> tuple[Request, str]:
        """Gives a request and its state: open, completed or cancelled."""
        with self._moving():
            request = self._known(request_id)
            return request, request.status

    def download(self, run_id: int, index: str) -> ProductFile | Waiting:
        """Gives the file with this index (`1` to `N`, or `meta`) of a run, or why it has to wait.

        Raises `CancelledRunError`, and `NoSuchFileError` beyond the last file.
        """
        with self._moving() as now:
            if run_id not in self._by_run:
                raise invalid_value("dpRunId")
            run, layout = self._by_run[run_id]
            if run.status == CANCELLED:
                raise CancelledRunError
            if run.status != COMPLETE:
                return self._waiting(layout, run, now)
        return self._ready(layout(), run, index, now)

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

    def _waiting(self, layout: Layout, run: Run, now: float) -> Waiting:
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
        files = layout().files
        return Waiting("running", f"Transferring ({files[0].name}) to the FTP server" if files else None)

    def _start(self, run: Run, now: float) -> None:
        self._queue.add(run, now)
        self._peak = max(self._peak, self._queue.orders)

    def _duration(self, order: Order) -> float:
        seconds = self._random.uniform(*self._job_seconds)
        return seconds * ARCHIVED_SHARE if order.is_archived else seconds

    def _states(self, request: Request) -> tuple[RunState, ...]:
        return tuple(map(self._state, request.runs, request.layouts))

    def _state(self, run: Run, layout: Layout) -> RunState:
        status = run.status
        if status == RUNNING and not run.polled:
            status = QUEUED
        run.polled = True
        run.told_complete = status == COMPLETE
        return RunState(run.id, status, len(layout().files) if status == COMPLETE else 0)

    def _check_quota(self, more: int) -> None:
        most, beyond = self._quota.max_alive, self._quota.beyond
        if most is None or beyond == "queued" or len(self._queue) + more <= most:
            return
        raise RefusedRequest(
            int(beyond), Complaint(TOO_MANY, f"At most {most} orders may be queued or running", "dpRequestId")
        )

    def _begin_life(self) -> None:
        self._queue = RunQueue(self._quota.max_running)
        self._requests: dict[int, Request] = {}
        self._by_run: dict[int, tuple[Run, Layout]] = {}
        self._last_request_id = 10_000_000 + secrets.randbelow(60_000_000)
        self._last_run_id = 10_000_000 + secrets.randbelow(60_000_000)

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
