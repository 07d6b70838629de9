"""The embedded service: one life of it, from `start` to `stop`."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from random import Random
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from . import discovery, ordering
from .catalogue import Catalogue, read_catalogue
from .content import lay_out
from .delivery import Deliveries
from .matching import Question
from .parameters import SERVICES, check_codes, check_names, read_window
from .replies import RefusedRequest, Reply, invalid_value, page_reply, refusal_reply
from .server import Listener

Interference = Callable[[str, str, Mapping[str, str]], Reply | None]


@dataclass(frozen=True)
class Asked:
    """One request that the service answered; the parameters are without the token."""

    method: str
    path: str
    parameters: Mapping[str, str]
    status: int
    at: datetime


class Sandbox:
    """An imitation of the Oceans 3.0 service on 127.0.0.1.

    `port` 0 takes a free one; `token` is a fresh UUID unless given; `job_seconds` bounds how long a job runs,
    `sync_seconds` is the wait between its end and its files; at most `max_running` jobs run at once. `now` gives
    the service's date, `clock` the seconds that jobs are measured with; `seed` fixes the durations.

    `interfere`, when set, sees each request first (method, path, parameters without the token) and may answer it in
    the service's place: a fault is a reply of its own, or one whose content ends before its announced length.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str | None = None,
        job_seconds: tuple[float, float] = (1.0, 3.0),
        sync_seconds: float = 0.3,
        max_running: int = 4,
        catalogue: Catalogue | None = None,
        now: Callable[[], datetime] | None = None,
        clock: Callable[[], float] = time.monotonic,
        seed: int | None = None,
    ) -> None:
        self.catalogue = catalogue or read_catalogue()
        self.max_running = max_running
        self.interfere: Interference | None = None
        self._port = port
        self._token = token or str(uuid.uuid4())
        self._now = now or (lambda: datetime.now(timezone.utc))
        self._estimate = max(1, math.ceil(job_seconds[1]))
        self._asked: list[Asked] = []
        self._broken: list[BaseException] = []
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self.deliveries = Deliveries(
            clock=clock,
            random=Random(seed),
            job_seconds=job_seconds,
            sync_seconds=sync_seconds,
            max_running=max_running,
            files_of=lambda order: lay_out(self.catalogue, order),
        )

    def __repr__(self) -> str:
        return f"<Sandbox {self.url if self._listener else 'stopped'}>"

    @property
    def token(self) -> str:
        """The token that this service takes."""
        return self._token

    @property
    def url(self) -> str:
        """The base address, ending in `/`; a free port is known from the first start on."""
        return f"http://127.0.0.1:{self._port}/"

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What was asked so far, in the order of the answers."""
        with self._lock:
            return tuple(self._asked)

    @property
    def peak_alive_orders(self) -> int:
        """The most orders that were queued or running at one instant."""
        return self.deliveries.peak

    def alive_orders(self) -> int:
        """Gives how many orders are queued or running now."""
        return self.deliveries.alive

    @property
    def broken(self) -> tuple[BaseException, ...]:
        """The mistakes of the sandbox itself, each answered with 500."""
        with self._lock:
            return tuple(self._broken)

    def start(self) -> Sandbox:
        """Listens, in a daemon thread; gives itself. Started again, it has the same port, orders and ids."""
        listener = Listener(self._port, self.answer, self._now)
        self._listener = listener
        self._port = listener.server_address[1]
        self._thread = threading.Thread(
            target=lambda: listener.serve_forever(poll_interval=0.05), name="sandbox", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops listening and cuts every connection; does nothing when stopped."""
        listener, thread = self._listener, self._thread
        self._listener = self._thread = None
        if listener is None or thread is None:
            return
        listener.shutdown()
        thread.join()
        listener.server_close()
        listener.close_all()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, method: str, target: str) -> Reply:
        """Answers one request, given as its method and the path with its query, and notes it."""
        parts = urlsplit(target)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        token = given.pop("token", None)
        try:
            reply = (self.interfere and self.interfere(method, parts.path, given)) or self._answer(
                parts.path, token, given
            )
        except RefusedRequest as refused:
            reply = refusal_reply(refused)
        except Exception as mistake:  # noqa: BLE001 - a client must see an answer, a test the cause
            reply = page_reply(500, "Internal Server Error")
            with self._lock:
                self._broken.append(mistake)
        with self._lock:
            self._asked.append(Asked(method, parts.path, given, reply.status, self._now()))
        return reply

    def _answer(self, path: str, token: str | None, given: Mapping[str, str]) -> Reply:
        root, _, service = path.partition("/api/")
        if root or service not in SERVICES:
            return page_reply(404, "Not Found")
        if token != self._token:
            raise RefusedRequest(401, *invalid_value("token").complaints)
        check_names(service, given)
        check_codes(self.catalogue, given)
        if service.startswith("dataProductDelivery/"):
            counter = ordering.Counter(
                self.catalogue, self.deliveries, self._now, self.url, self._token, self._estimate
            )
            return counter.answer(service, given)
        question = Question(given, read_window(given, self._now()))
        return discovery.answer(self.catalogue, service, question)
