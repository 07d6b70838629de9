"""One answer while it arrives: its status, its headers, and its body in blocks that are counted and decoded.

Sources: onc-api.md 1.6, open questions 1, 2, 4 and 47.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, NoReturn

from oncsync.api.answers import Redact
from oncsync.api.coding import BLOCK_SIZE, CodingError, Decoder
from oncsync.api.failures import (
    FAULT_HINT,
    TRANSPORT_ERRORS,
    Place,
    Timeouts,
    body_failure,
    status_failure,
    unreadable_failure,
)
from oncsync.api.redact import without_frames
from oncsync.api.retry import parse_http_date, parse_retry_after
from oncsync.errors import FaultError, OncsyncError, ServiceError

SMALL_BODY = 64 * 1024
"""How much of a body is read for the sake of a message, in bytes."""


class StreamAnswer:
    """An answer whose body has not been read; close it, or use it as a context manager.

    `length` is the number of bytes that the body must have: None when the service did not say, or when a content
    coding is applied. Nothing here holds the token: not the address, not a request.
    """

    __slots__ = (
        "_coded_length",
        "_headers",
        "_is_closed",
        "_raw",
        "_received",
        "_redact",
        "_timeouts",
        "arrived",
        "place",
        "status",
    )

    def __init__(
        self,
        raw: Any,
        headers: Mapping[str, str],
        *,
        place: Place,
        timeouts: Timeouts,
        redact: Redact,
        arrived: datetime,
    ) -> None:
        self._raw = raw
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._timeouts = timeouts
        self._redact = redact
        self._received = 0
        self._is_closed = False
        self.status = int(raw.status)
        self.place = place
        self.arrived = arrived
        raw.url = place.path
        self._coded_length = None if "transfer-encoding" in self._headers else _whole(self.header("content-length"))
        _set_idle_limit(raw, timeouts.idle)

    def __repr__(self) -> str:
        return f"<StreamAnswer {self.status} of {self.place}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an open answer cannot be pickled")

    def header(self, name: str) -> str | None:
        """Gives a header's value, None when it is missing."""
        return self._headers.get(name.lower())

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; blank when it is missing."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def coding(self) -> str:
        """The content coding in lower case; blank when there is none."""
        coding = (self.header("content-encoding") or "").strip().lower()
        return "" if coding == "identity" else coding

    @property
    def length(self) -> int | None:
        """How many bytes the decoded body must have, None when that is not known."""
        return None if self.coding else self._coded_length

    @property
    def has_odd_length(self) -> bool:
        """Whether a length came that is none, so that nothing tells whether the body is whole."""
        is_told = "content-length" in self._headers and "transfer-encoding" not in self._headers
        return is_told and self._coded_length is None

    @property
    def retry_after(self) -> float | None:
        """The wait the service asks for, in seconds, None when it asks for none (open question 44)."""
        now = parse_http_date(self.header("date")) or self.arrived
        return parse_retry_after(self.header("retry-after"), now)

    def blocks(self) -> Iterator[bytes]:
        """Yields the decoded body in blocks of at most 256 KiB, and closes the answer.

        Raises `FaultError` when the body is shorter or longer than announced or damaged, `UnreachableError` when the
        connection breaks or stays silent for the idle limit.
        """
        block = b""
        try:
            decoder = Decoder(self.coding) if self.coding else None
            while block := self._next_block():
                yield from decoder.feed(block) if decoder else (block,)
            if decoder:
                decoder.finish()
            return
        except CodingError as error:
            reason = str(error)
        finally:
            self.close()
            block = b""  # A traceback that shows variables must not show what the service sent.
        raise FaultError(f"{self.place} sent a body that cannot be read: {reason}", hint=FAULT_HINT, status=self.status)

    @without_frames
    def read(self, limit: int) -> bytes:
        """Gives the whole decoded body; raises `FaultError` when it is longer than `limit` bytes."""
        body = bytearray()
        for block in self.blocks():
            body += block
            if len(body) > limit:
                self.close()
                raise FaultError(
                    f"{self.place} gave an answer of more than {limit} bytes", hint=FAULT_HINT, status=self.status
                )
        return bytes(body)

    def read_some(self, limit: int = SMALL_BODY) -> bytes:
        """Gives the beginning of the body, for a message; a broken body is cut, not an error."""
        body = bytearray()
        try:
            for block in self.blocks():
                body += block
                if len(body) >= limit:
                    break
        except ServiceError:
            pass
        finally:
            self.close()
        return bytes(body[:limit])

    def failure(self) -> OncsyncError:
        """Reads the body and makes the error for a status that was not wanted; closes the answer."""
        return self.failure_of(self.read_some())

    def failure_of(self, body: bytes) -> OncsyncError:
        """Makes the error for a status that was not wanted, from a body that was read already."""
        return status_failure(
            self.status, self.place, self.content_type, body, retry_after=self.retry_after, redact=self._redact
        )

    def unreadable(self, found: str, body: bytes) -> FaultError:
        """Makes the error for a good status with a body that is not what was asked for."""
        return unreadable_failure(self.status, self.place, found, self.content_type, body, self._redact)

    def redact(self, text: str) -> str:
        """Takes the token out of a text that came with the answer."""
        return self._redact(text)

    def close(self) -> None:
        """Gives the connection back when the body was read to its end, drops it otherwise."""
        self._is_closed = True
        if not self._is_read_whole():
            self._raw.close()
        self._raw.release_conn()

    def __enter__(self) -> StreamAnswer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_read_whole(self) -> bool:
        fp = getattr(self._raw, "_fp", None)
        is_closed = getattr(fp, "isclosed", None)
        return bool(is_closed()) if callable(is_closed) else False

    def _next_block(self) -> bytes:
        """Gives the next block as sent, empty at the end.

        The error is raised outside of the handler, so that it does not drag along what the libraries know.
        """
        block = self._try_block()
        if not isinstance(block, bytes):
            raise block
        self._received += len(block)
        if not block and (self._is_closed or self._received < (self._coded_length or 0)):
            # A connection that another thread closed looks like a clean end.
            raise FaultError(
                f"{self.place} was cut off after {self._received} bytes", hint=FAULT_HINT, status=self.status
            )
        return block

    def _try_block(self) -> bytes | ServiceError:
        remaining = None if self._coded_length is None else self._coded_length - self._received
        try:
            if remaining is None or not 0 < remaining <= BLOCK_SIZE:
                return bytes(self._raw.read(BLOCK_SIZE, decode_content=False))
            block = bytes(self._raw.read(remaining - 1, decode_content=False)) if remaining > 1 else b""
            if len(block) == remaining - 1:
                surplus = _peek(self._raw) > 1
                block += self._raw.read(1, decode_content=False)
                if surplus:
                    return FaultError(
                        f"{self.place} sent more than the {self._coded_length} bytes it announced",
                        hint=FAULT_HINT,
                        status=self.status,
                    )
            return block
        except TRANSPORT_ERRORS as error:
            failure = body_failure(error, self.place, self._timeouts, self._received, self._coded_length)
        failure.status = self.status if isinstance(failure, FaultError) else None
        return failure


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.strip().isdigit() and len(text) < 19 else None


def _socket_file(raw: Any) -> Any:
    """Gives the buffered file below an answer, None when the library has none to show.

    The HTTP libraries offer no public way to it; without it the first-byte limit counts for the body too, and a body
    that is longer than announced is cut at what was announced.
    """
    return getattr(getattr(raw, "_fp", None), "fp", None)


def _set_idle_limit(raw: Any, seconds: float) -> None:
    sock = getattr(getattr(_socket_file(raw), "raw", None), "_sock", None)
    set_limit = getattr(sock, "settimeout", None)
    if callable(set_limit):
        set_limit(seconds)


def _peek(raw: Any) -> int:
    """Gives how many bytes have arrived and were not read, as far as that can be seen."""
    peek = getattr(_socket_file(raw), "peek", None)
    return len(peek(2)) if callable(peek) else 0
