"""Asks the service: one kept-alive session for all threads, which alone knows the token and shows it nowhere.

Sources: onc-api.md 1, open questions 44 to 48 and 50, R180 to R182.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
import requests
from requests.adapters import HTTPAdapter

import oncsync
from oncsync.api.address import is_loopback, parse_address, redirect_target
from oncsync.api.answers import Answer, error_entries, read_answer
from oncsync.api.failures import ADDRESS_HINT, TRANSPORT_ERRORS, Place, Timeouts, status_failure, transport_failure
from oncsync.api.pause import SharedPause
from oncsync.api.redact import Token, install_log_redaction, without_frames
from oncsync.api.retry import (
    PAUSE_STATUSES,
    RetryPolicy,
    backoff,
    is_worth_retrying,
    parse_http_date,
)
from oncsync.api.stream import StreamAnswer
from oncsync.errors import FaultError, ServiceError, UnreachableError

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 3
LARGEST_JSON = 256 * 1024 * 1024
MOST_REMEMBERED = 10_000
"""How many messages are remembered, so that each is told once."""
DEFAULT_TIMEOUTS = Timeouts()
DEFAULT_RETRY = RetryPolicy()
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_JSON_CODINGS = "gzip, deflate"
_Outcome = TypeVar("_Outcome")


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Session:
    """A connection to one service, safe for use by many threads; close it, or use it as a context manager.

    `base_url` is https, or http to this machine (`InputError` otherwise); `token` is a `Token` or its text
    (`TokenError` when it cannot be one). `pool_size` is the number of threads that ask at once. `on_message` receives
    what a person should know of an answer that was usable all the same; it is called from any thread.
    `sleep` (None: until the session is closed at the latest), `jitter` (in [0, 1)), `clock` (monotonic seconds) and
    `now` (UTC) come in so that tests never wait.
    """

    def __init__(
        self,
        base_url: str,
        token: Token | str,
        *,
        pool_size: int = 14,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        retry: RetryPolicy = DEFAULT_RETRY,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        user_agent: str | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        self._address = parse_address(base_url)
        self._token = token if isinstance(token, Token) else Token(token)
        self._timeouts = timeouts
        self._retry = retry
        self._is_closed = threading.Event()
        self._sleep = sleep or self._is_closed.wait
        self._jitter, self._clock, self._now = jitter, clock, now
        self._on_message = on_message or logger.warning
        self._user_agent = user_agent or f"oncsync/{oncsync.__version__} requests/{requests.__version__}"
        self._requests = requests.Session()
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
        for scheme in ("https://", "http://"):
            self._requests.mount(scheme, self._adapter)
        self._lock = threading.Lock()
        self._clock_offset: float | None = None
        self._told: set[str] = set()
        self._pause = SharedPause(clock)
        install_log_redaction()

    @property
    def base_url(self) -> str:
        """The address of the service, ending in `/`."""
        return self._address.url

    @property
    def host(self) -> str:
        """The name of the service's host, for messages."""
        return self._address.host

    @property
    def clock_offset(self) -> float | None:
        """The service's clock minus this machine's, in whole seconds, from the last answer; None when not known."""
        return self._clock_offset

    def service_now(self) -> datetime:
        """Gives the UTC instant by the service's clock, by this machine's as long as the service has told no date."""
        return self._now() + timedelta(seconds=self._clock_offset or 0.0)

    @property
    def pause_left(self) -> float:
        """How many seconds the service still wants to be left alone by every thread, after a 429 or 503.

        As long as its `Retry-After` said, else a wait that grows. Every question waits for that by itself; whoever
        schedules questions need not spend a thread on waiting.
        """
        return self._pause.left

    def set_waits(self, first: float, longest: float) -> None:
        """Sets the bounds of the waits after a failure, in seconds: the first one, and what it grows to."""
        self._retry = msgspec.structs.replace(self._retry, first=first, cap=longest)

    def redact(self, text: str) -> str:
        """Takes the token and the value of any `token=...` out of a text."""
        return self._token.redact(text)

    def tell(self, message: str) -> None:
        """Passes a message for a person on to `on_message`, without the token, each once in a session."""
        text = self.redact(message)
        with self._lock:
            is_new = text not in self._told
            if is_new and len(self._told) < MOST_REMEMBERED:
                self._told.add(text)
        if is_new:
            self._on_message(text)

    @without_frames
    def get_json(self, path: str, params: Mapping[str, str], *, attempts: int | None = None) -> Answer:
        """Asks for JSON at `path` below the base address; the answer's status is 200 or 202.

        Asks up to `attempts` times in all (the policy's number when None), see `retry`. Raises `TokenError` (401),
        `RefusedError` (400 and other 4xx), `ForbiddenError` (403), `NotFoundError` (404 with JSON or no body),
        `FaultError` (429, 5xx, a page, a body that is no JSON or speaks of errors, a redirect elsewhere) or
        `UnreachableError` (no connection, no answer in time).
        """

        def ask() -> Answer:
            with self._open(path, params, _JSON_CODINGS) as stream:
                if stream.status not in (200, 202):
                    raise stream.failure()
                body = stream.read(LARGEST_JSON)
                answer = read_answer(stream.status, body, self.redact)
                if answer is None:
                    raise stream.unreadable("an answer that is no JSON", body)
                if error_entries(answer.body):
                    raise status_failure(
                        answer.status, stream.place, "", body, retry_after=stream.retry_after, redact=self.redact
                    )
                return answer

        return self._insist(ask, attempts or self._retry.attempts)

    @without_frames
    def open_stream(
        self, path: str, params: Mapping[str, str], *, accepted: Collection[int] = (200,), attempts: int = 1
    ) -> StreamAnswer:
        """Asks for a file at `path` below the base address and gives the answer before its body; the caller closes it.

        A status outside of `accepted` raises as `get_json` does. Asks once unless told otherwise: whoever transfers
        files schedules the next attempt.
        """

        def ask() -> StreamAnswer:
            stream = self._open(path, params, "identity")
            if stream.status not in accepted:
                raise stream.failure()
            return stream

        return self._insist(ask, attempts)

    def close(self) -> None:
        """Closes every connection that is kept alive; whoever waits for the service wakes up and asks no more."""
        self._is_closed.set()
        self._requests.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Session({self.base_url!r}, {self._token!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a session cannot be pickled; open one in each process")

    def _insist(self, ask: Callable[[], _Outcome], attempts: int) -> _Outcome:
        """Asks until an answer comes that is no passing fault, at most `attempts` times, each time after the pause."""
        failures = 0
        while True:
            self._wait_for_pause()
            wave = self._pause.wave
            try:
                outcome = ask()
            except ServiceError as error:
                self._note_pause(error, wave)
                failures += 1
                if failures >= attempts or not is_worth_retrying(error):
                    raise
                reason, asked = error.message, error.retry_after
            else:
                self._pause.forget(wave)
                return outcome
            delay = backoff(self._retry, failures, self._jitter)
            wait = max(delay if asked is None else asked + delay, self.pause_left)
            logger.info("%s; asking again in %.1f s", reason, wait)
            self._rest(wait)

    def _wait_for_pause(self) -> None:
        """Waits until the pause is over, and for the one that another thread put in its place meanwhile.

        Every thread waits a little longer than the pause, so that they do not all ask in one instant.
        """
        known = None
        while (ends := self._pause.ends) is not None and ends != known and (left := ends - self._clock()) > 0:
            known = ends
            self._rest(left + self._jitter() * min(1.0, self._retry.first))

    def _rest(self, seconds: float) -> None:
        self._sleep(seconds)
        if self._is_closed.is_set():
            raise UnreachableError(f"The session with {self.host} was closed before the question was put")

    def _note_pause(self, error: ServiceError, wave: int) -> None:
        if error.status in PAUSE_STATUSES:
            self._pause.begin(wave, error.retry_after, self._retry, self._jitter)
        elif error.status is not None and error.status < 500:
            self._pause.forget(wave)

    def _open(self, path: str, params: Mapping[str, str], codings: str) -> StreamAnswer:
        """Sends one question and follows redirects within the service (open question 48)."""
        place = Place(path, self.host)
        target = self._address.path + path.lstrip("/")
        pairs = [(name, value) for name, value in params.items() if name != "token"]
        for _ in range(MAX_REDIRECTS + 1):
            stream = self._exchange(target, pairs, codings, place)
            if isinstance(stream, ServiceError):
                raise stream
            if stream.status not in _REDIRECTS:
                return stream
            stream.close()
            moved = redirect_target(self._address, target, stream.header("location") or "")
            if moved is None or not stream.header("location"):
                raise FaultError(
                    f"{place} redirects to another address; the token does not follow it there",
                    hint=ADDRESS_HINT,
                    status=stream.status,
                )
            target, query = moved
            pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "token"]
            shown = f"{target}?{urlencode(pairs)}"
            if self.redact(shown) != shown:  # The HTTP library logs addresses, and knows the token by its name alone.
                raise FaultError(
                    f"{place} redirects to an address that repeats the token", hint=ADDRESS_HINT, status=stream.status
                )
        raise FaultError(f"{place} redirects more than {MAX_REDIRECTS} times", hint=ADDRESS_HINT, status=stream.status)

    def _exchange(
        self, target: str, pairs: list[tuple[str, str]], codings: str, place: Place
    ) -> StreamAnswer | ServiceError:
        """Sends one question and gives its answer, or the error that stands for none.

        The error is given back, not raised: raised here it would carry the address with the token in its context.
        The request is prepared by hand, so that `.netrc` and cookies add nothing, and sent by the adapter, so that no
        redirect is even prepared.
        """
        prepared = requests.PreparedRequest()
        begun = self._clock()
        try:
            prepared.prepare(
                method="GET",
                url=f"{self._address.origin}{target}?{urlencode([*pairs, ('token', self._token.reveal())])}",
                headers={"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": codings},
            )
            proxies, verify = self._surroundings()
            response = self._adapter.send(
                prepared,
                stream=True,
                timeout=(self._timeouts.connect, self._timeouts.first_byte),
                verify=verify,
                proxies=proxies,
            )
        except TRANSPORT_ERRORS as error:
            failure = transport_failure(error, place, self._timeouts, self.redact)
            logger.debug("%s: %s", place, failure)
            return failure
        finally:
            prepared.url = None
        stream = StreamAnswer(
            response.raw,
            response.headers,
            place=place,
            timeouts=self._timeouts,
            redact=self.redact,
            arrived=self._now(),
        )
        self._note_clock(stream)
        logger.debug("%s: %s after %.3f s, asked %s", place, stream.status, self._clock() - begun, pairs)
        return stream

    def _surroundings(self) -> tuple[dict[str, str], bool | str]:
        """Gives the environment's proxies and certificates; this machine is never reached through a proxy."""
        if is_loopback(self.host):
            return {}, True
        settings = self._requests.merge_environment_settings(self._address.origin, {}, True, True, None)
        return dict(settings["proxies"]), settings["verify"] or True

    def _note_clock(self, stream: StreamAnswer) -> None:
        date = parse_http_date(stream.header("date"))
        if date is not None:
            with self._lock:
                self._clock_offset = round((date - stream.arrived).total_seconds(), 3)
