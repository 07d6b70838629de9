"""What went wrong on the way, in words."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest
import requests.exceptions
import urllib3.exceptions

from oncsync.api import Timeouts
from oncsync.api.failures import Place, body_failure, status_failure, transport_failure
from oncsync.api.redact import Token
from oncsync.errors import FaultError, ServiceError, UnreachableError
from tests.api.conftest import TOKEN

redact = Token(TOKEN).redact
PLACE = Place("api/f", "data.example")
LIMITS = Timeouts(connect=10, first_byte=120, idle=60)


def wrapped(error: Exception) -> requests.exceptions.ConnectionError:
    """Wraps an error as the libraries do, twice and with the address in the text."""
    outer = urllib3.exceptions.MaxRetryError(None, f"/api?token={TOKEN}", error)  # type: ignore[arg-type]
    return requests.exceptions.ConnectionError(outer)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(ConnectionRefusedError(111, "Connection refused")), "the connection was refused"),
        (wrapped(caused(OSError("x"), socket.gaierror(-2, "unknown"))), "its name cannot be resolved"),
        (requests.exceptions.ConnectTimeout(f"?token={TOKEN}"), "no connection within 10 s"),
        (requests.exceptions.ReadTimeout(), "no answer within 120 s"),
        (TimeoutError(), "no answer within 120 s"),
        (requests.exceptions.ProxyError("x"), "the proxy of this machine"),
        (wrapped(ssl.SSLError(1, "wrong version number")), "the encrypted connection failed"),
        (wrapped(http.client.RemoteDisconnected("x")), "closed before the answer"),
        (wrapped(ConnectionResetError(104, "x")), "closed before the answer"),
        (wrapped(http.client.BadStatusLine("x")), "what came back is not HTTP"),
        (OSError(101, "Network is unreachable"), "network is unreachable"),
        (OSError(5, f"odd token={TOKEN}"), "odd token=***"),
        (requests.exceptions.RequestException(f"odd {TOKEN}"), "the connection failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_way_to_get_no_answer_has_its_words(error: Exception, words: str) -> None:
    """R180: a message in words, with the host and without the address."""
    failure = transport_failure(error, PLACE, LIMITS, redact)
    assert type(failure) is UnreachableError
    assert words in failure.message
    assert "data.example" in failure.message
    assert TOKEN not in failure.render()
    assert failure.hint


def test_a_certificate_that_does_not_hold_has_its_own_hint() -> None:
    failure = transport_failure(wrapped(ssl.SSLCertVerificationError("self-signed")), PLACE, LIMITS, redact)
    assert type(failure) is UnreachableError
    assert "certificate does not hold" in failure.message
    assert "REQUESTS_CA_BUNDLE" in (failure.hint or "")


def test_headers_that_cannot_be_read_are_a_fault_of_the_service() -> None:
    error = requests.exceptions.InvalidHeader(f"bad token={TOKEN}")
    assert type(transport_failure(error, PLACE, LIMITS, redact)) is FaultError


def test_causes_in_a_circle_come_to_an_end() -> None:
    first, second = OSError("a"), OSError("b")
    first.__cause__, second.__cause__ = second, first
    assert isinstance(transport_failure(first, PLACE, LIMITS, redact), UnreachableError)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (urllib3.exceptions.ProtocolError("x", http.client.IncompleteRead(b"", 5)), FaultError, "early, after 3 of 9"),
        (urllib3.exceptions.ReadTimeoutError(None, "u", "m"), UnreachableError, "nothing more for 60 s"),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("x", ConnectionResetError()), UnreachableError, "broke after 3 of 9 bytes"),
        (ValueError("x"), FaultError, "cannot be read"),
    ],
)
def test_each_way_a_body_breaks_has_its_words(error: Exception, kind: type[ServiceError], words: str) -> None:
    failure = body_failure(error, PLACE, LIMITS, 3, 9)
    assert type(failure) is kind
    assert words in failure.message


def test_an_unknown_status_has_no_phrase() -> None:
    failure = status_failure(599, PLACE, "", b"", retry_after=None, redact=redact)
    assert str(failure) == "`api/f` at data.example answered 599"


def test_the_words_of_a_plain_body_are_one_short_line() -> None:
    body = b"first\r\n\x1b[31msecond " + TOKEN.encode() + b" " + b"x" * 500
    failure = status_failure(500, PLACE, "text/plain", body, retry_after=None, redact=redact)
    assert "answered 500 Internal Server Error: first [31msecond *** xxx" in str(failure)
    assert len(str(failure)) < 300
