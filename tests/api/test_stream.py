"""An answer while it arrives: headers, limits, and what a plainer HTTP library below would still give."""

from __future__ import annotations

import io
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from oncsync.api import StreamAnswer, Timeouts
from oncsync.api.failures import Place
from oncsync.api.redact import Token
from oncsync.errors import FaultError, UnreachableError
from tests.api.conftest import NOW, TOKEN, Connect
from tests.support.scripted import Reply, Serve


class PlainRaw:
    """A raw answer that shows neither socket nor buffer, as a recorded conversation is replayed."""

    status = 200

    def __init__(self, body: bytes, step: int = 7, error: Exception | None = None) -> None:
        self._file = io.BytesIO(body)
        self._step = step
        self._error = error
        self.url = f"https://h/?token={TOKEN}"
        self.is_closed = False

    def read(self, size: int, *, decode_content: bool) -> bytes:
        block = self._file.read(min(size, self._step))
        if not block and self._error:
            raise self._error
        return block

    def close(self) -> None:
        self.is_closed = True

    def release_conn(self) -> None:
        pass


def answer(raw: Any, **headers: str) -> StreamAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    place = Place("api/f", "h")
    return StreamAnswer(raw, named, place=place, timeouts=Timeouts(), redact=Token(TOKEN).redact, arrived=NOW)


def test_a_body_is_counted_without_any_look_below() -> None:
    raw = PlainRaw(b"0123456789")
    assert b"".join(answer(raw, Content_Length="10").blocks()) == b"0123456789"
    assert TOKEN not in str(raw.url)


@pytest.mark.parametrize("length", ["11", "1000000"])
def test_a_quiet_end_before_the_announced_length_is_a_fault(length: str) -> None:
    """Open question 2: even when the library below does not mind."""
    with pytest.raises(FaultError, match="cut off after 10 bytes"):
        list(answer(PlainRaw(b"0123456789"), Content_Length=length).blocks())


@pytest.mark.parametrize("length", ["", "many", "-5", "1, 2", "٣", "9" * 30])
def test_a_length_that_is_no_number_is_not_known(length: str) -> None:
    stream = answer(PlainRaw(b"0123456789"), Content_Length=length)
    assert stream.length is None
    assert b"".join(stream.blocks()) == b"0123456789"


def test_a_length_beside_chunks_does_not_count() -> None:
    """RFC 9112, 6.3: the transfer coding wins."""
    stream = answer(PlainRaw(b"0123456789"), Content_Length="3", Transfer_Encoding="chunked")
    assert stream.length is None
    assert b"".join(stream.blocks()) == b"0123456789"


def test_headers_are_found_in_any_case() -> None:
    stream = answer(PlainRaw(b""), content_TYPE=" Text/HTML ; charset=x", X_Any="1")
    assert (stream.header("X-ANY"), stream.header("none"), stream.content_type) == ("1", None, "text/html")


def test_a_retry_after_date_counts_from_the_arrival_when_the_answer_has_no_date() -> None:
    later = format_datetime(NOW + timedelta(seconds=5), usegmt=True)
    assert answer(PlainRaw(b""), Retry_After=later).retry_after == 5.0


def test_reading_beyond_the_limit_is_a_fault_and_closes() -> None:
    raw = PlainRaw(b"x" * 100)
    with pytest.raises(FaultError, match="more than 50 bytes"):
        answer(raw).read(50)
    assert raw.is_closed


def test_a_body_is_read_once() -> None:
    stream = answer(PlainRaw(b"abc"))
    assert stream.read(10) == b"abc"
    with pytest.raises(FaultError):
        stream.read(10)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (TimeoutError("timed out"), UnreachableError, "nothing more for 60 s, after 7 of 20 bytes"),
        (ConnectionResetError(104, "reset"), UnreachableError, "broke after 7 of 20 bytes"),
        (ValueError("odd"), FaultError, "cannot be read"),
    ],
)
def test_a_broken_body_says_how_far_it_came(error: Exception, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        list(answer(PlainRaw(b"x" * 7, error=error), Content_Length="20").blocks())


def test_the_beginning_of_a_broken_body_serves_for_a_message() -> None:
    stream = answer(PlainRaw(b"some words", error=ConnectionResetError()), Content_Length="100")
    assert stream.read_some() == b"some words"


def test_only_the_beginning_is_read_for_a_message(serve: Serve, connect: Connect) -> None:
    service = serve([Reply(500, b"x" * 3_000_000)])
    with connect(service).open_stream("api/f", {}, accepted=(500,)) as stream:
        assert stream.read_some(1000) == b"x" * 1000
