"""The embedded service: one life of it, from `start` to `stop`."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from random import Random
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from . import availability, discovery, ordering
from .archive import Address, Archive
from .asked import Asked, QuestionLog
from .catalogue import Catalogue, read_catalogue
from .content import lay_out
from .delivery import Beyond, Deliveries, Quota
from .faults import MOVED, Faults, Stage
from .matching import Question
from .parameters import SERVICES, check_codes, check_names, read_window
from .replies import Call, RefusedRequest, Reply, invalid_value, page_reply, refusal_reply
from .server import Listener

Interference = Callable[[str, str, Mapping[str, str]], Reply | None]


class Sandbox:
    """An imitation of the Oceans 3.0 service on 127.0.0.1.

    `port` 0 takes a free one; `token` is a fresh UUID unless given; `job_seconds` bounds how long a job runs,
    `sync_seconds` is the wait between its end and its files; at most `max_running` jobs run at once. An order beyond
    `max_alive` live ones waits or is refused (`beyond`). `now` gives the service's date, `clock` the seconds that jobs
    are measured with; `seed` fixes the durations.

    `faults` hit the questions they name (`docs/sandbox.md`); they can be exchanged at any time. `log` is a file to
    which each question is added as a line of JSON. `interfere`, when set, sees each request before the service (method,
    path, parameters without the token) and may answer it in its place.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str | None = None,
        job_seconds: tuple[float, float] = (1.0, 3.0),
        sync_seconds: float = 0.3,
        max_running: int = 4,
        max_alive: int | None = None,
        beyond: Beyond = "queued",
        faults: Faults | None = None,
        log: str | os.PathLike[str] | None = None,
        catalogue: Catalogue | None = None,
        now: Callable[[], datetime] | None = None,
        clock: Callable[[], float] = time.monotonic,
        seed: int | None = None,
    ) -> None:
        self.catalogue = catalogue or read_catalogue()
        self.max_running = max_running
        self.interfere: Interference | None = None
        self.faults = faults or Faults()
        self._port = port
        self._token = token or str(uuid.uuid4())
        self._now = now or (lambda: datetime.now(timezone.utc))
        self._estimate = max(1, math.ceil(job_seconds[1]))
        self._log = QuestionLog(self._token, log)
        self._clock = clock
        self._broken: list[BaseException] = []
        self._lock = threading.Lock()
        self._turning = threading.RLock()
        self._return: threading.Timer | None = None
        self._held: socket.socket | None = None
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self.archive = Archive(self.catalogue, self._now)
        self.deliveries = Deliveries(
            clock=clock,
            random=Random(seed),
            job_seconds=job_seconds,
            sync_seconds=sync_seconds,
            quota=Quota(max_running, max_alive, beyond),
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
        return self._log.read()

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
        with self._turning:
            self._end_absence()
            self._listen()
        return self

    def stop(self) -> None:
        """Stops listening, ends what hangs and cuts every connection; does nothing when stopped."""
        with self._turning:
            self._end_absence()
            self._hang_up()

    def go_away(self, seconds: float) -> None:
        """Stops listening for so many seconds: connections are cut, new ones refused. Does nothing when stopped."""
        with self._turning:
            if self._listener is not None:
                self._hang_up()
                self._hold_port()
                self._return = threading.Timer(seconds, self._come_back)
                self._return.daemon = True
                self._return.start()

    def _come_back(self) -> None:
        with self._turning:
            if self._return is threading.current_thread():
                self._end_absence()
                self._listen()

    def _end_absence(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._return is not None:
            self._return.cancel()
            self._return = None

    def _hold_port(self) -> None:
        """Keeps the port from others without listening on it."""
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            self._held.bind(("127.0.0.1", self._port))

    def _listen(self) -> None:
        listener = Listener(self._port, self.answer, self._now, self.go_away)
        self._listener = listener
        self._port = listener.server_address[1]
        self._thread = threading.Thread(
            target=lambda: listener.serve_forever(poll_interval=0.05), name="sandbox", daemon=True
        )
        self._thread.start()

    def _hang_up(self) -> None:
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

    def answer(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Answers one request, given as its method, the path with its query and its headers, and notes it."""
        try:
            parts = urlsplit(target)
        except ValueError:  # half of an address in brackets
            return page_reply(400, "Bad Request")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        token = given.pop("token", None)
        path = parts.path.removeprefix(MOVED)
        call = Call(method, path.removeprefix("/api/"), given, headers or {}, moved=path != parts.path)
        stage = Stage(self._now, self._clock, self.url, self._token, self.deliveries)
        try:
            reply, hits = self.faults.play(stage, call, lambda call: self._own_answer(method, path, token, call))
        except Exception as mistake:  # noqa: BLE001 - a client must see an answer, a test the cause
            reply, hits = self._mistake(mistake), ()
        fault, asked_range = "+".join(hits) or None, call.headers.get("range")
        self._log.note(Asked(method, parts.path, given, reply.told_status, self._now(), fault, asked_range))
        return reply

    def _own_answer(self, method: str, path: str, token: str | None, call: Call) -> Reply:
        """Gives the answer without faults."""
        try:
            interfered = self.interfere and self.interfere(method, path, call.parameters)
            return interfered or self._answer(path, token, call.parameters)
        except RefusedRequest as refused:
            return refusal_reply(refused)
        except Exception as mistake:  # noqa: BLE001 - a client must see an answer, a test the cause
            return self._mistake(mistake)

    def _mistake(self, mistake: Exception) -> Reply:
        with self._lock:
            self._broken.append(mistake)
        return page_reply(500, "Internal Server Error")

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
        if service.startswith("archivefile/"):
            return self.archive.answer(service, given, Address(self.url, self._token))
        if service.startswith("dataAvailability/"):
            return availability.answer(self.archive, service, given, Address(self.url, self._token))
        question = Question(given, read_window(given, self._now()))
        return discovery.answer(self.catalogue, service, question)
