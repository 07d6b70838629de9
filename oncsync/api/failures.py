"""Turns what went wrong on the way or in an answer into the error a person reads, free of the token.

Sources: onc-api.md 1.2 and 1.3, open questions 9 to 13, 44 to 46 and 49, R22, R180, R181.
"""

from __future__ import annotations

import http
import http.client
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import msgspec
import requests.exceptions
import urllib3.exceptions

from oncsync.api.answers import (
    ErrorEntry,
    Redact,
    clean_text,
    error_entries,
    is_page,
    page_title,
    parse_leniently,
    state_words,
)
from oncsync.api.redact import TOKEN_HINT
from oncsync.errors import (
    FaultError,
    ForbiddenError,
    NotFoundError,
    OncsyncError,
    RefusedError,
    ServiceError,
    TokenError,
    UnreachableError,
)

TRANSPORT_ERRORS = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)
"""Everything the libraries below raise when a connection or an answer is broken."""

CONNECTION_HINT = "check the network connection, then run the same command again: nothing is lost"
FAULT_HINT = "the service is at fault for now; run the same command again later: nothing is lost"
ADDRESS_HINT = "check the address of the service (`server:` or `ONCSYNC_SERVER`), or try again after an outage"


class Timeouts(msgspec.Struct, frozen=True):
    """Limits in seconds: to connect, to the first byte of an answer, between two bytes of its body (question 47)."""

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 60.0


class Place(msgspec.Struct, frozen=True):
    """What was asked of whom, for messages; without parameters."""

    path: str
    host: str

    def __str__(self) -> str:
        return f"`{self.path}` at {self.host}"


def transport_failure(error: BaseException, place: Place, timeouts: Timeouts, redact: Redact) -> ServiceError:
    """Makes the error for a question that got no answer; keeps nothing of `error`, which knows the address."""
    chain = tuple(_chain(error))
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return UnreachableError(
            f"Cannot trust {place.host}: its certificate does not hold",
            hint="check the clock of this machine; behind a proxy that inspects traffic set `REQUESTS_CA_BUNDLE`",
        )
    if any(isinstance(link, (requests.exceptions.InvalidHeader, urllib3.exceptions.InvalidHeader)) for link in chain):
        return FaultError(f"{place} answered with headers that cannot be read", hint=FAULT_HINT)
    reason = _reason(chain, timeouts)
    return UnreachableError(clean_text(redact(f"Cannot reach {place.host}: {reason}")), hint=CONNECTION_HINT)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, its causes and what it wraps; the libraries keep the cause in any of these places."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending and len(seen) < 40:
        link = pending.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [getattr(link, "reason", None), link.__cause__, link.__context__, *link.args]


def _reason(chain: tuple[BaseException, ...], timeouts: Timeouts) -> str:
    """Says in words why there was no answer."""

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return "the proxy of this machine does not let it through (`HTTPS_PROXY`)"
    if has(socket.gaierror):
        return "its name cannot be resolved"
    if has(ConnectionRefusedError):
        return "the connection was refused"
    if has(requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError):
        return f"no connection within {timeouts.connect:g} s"
    if has(requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
        return f"no answer within {timeouts.first_byte:g} s"
    if has(ssl.SSLError):
        return "the encrypted connection failed"
    if has(ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected, http.client.IncompleteRead):
        return "the connection was closed before the answer"
    if has(http.client.HTTPException):
        return "what came back is not HTTP"
    details = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    return details[-1].lower() if details else "the connection failed"


def body_failure(
    error: BaseException, place: Place, timeouts: Timeouts, received: int, length: int | None
) -> ServiceError:
    """Makes the error for an answer whose body broke off, stalled or cannot be decoded."""
    chain = tuple(_chain(error))
    of_length = f" of {length}" if length is not None else ""
    if any(isinstance(link, (urllib3.exceptions.ReadTimeoutError, TimeoutError)) for link in chain):
        return UnreachableError(
            f"{place} sent nothing more for {timeouts.idle:g} s, after {received}{of_length} bytes",
            hint=CONNECTION_HINT,
        )
    if any(isinstance(link, http.client.IncompleteRead) for link in chain):
        return FaultError(f"{place} ended its answer early, after {received}{of_length} bytes", hint=FAULT_HINT)
    if any(isinstance(link, (OSError, urllib3.exceptions.HTTPError)) for link in chain):
        return UnreachableError(
            f"The connection to {place.host} broke after {received}{of_length} bytes of `{place.path}`",
            hint=CONNECTION_HINT,
        )
    return FaultError(f"{place} sent a body that cannot be read", hint=FAULT_HINT)


def status_failure(
    status: int, place: Place, content_type: str, body: bytes, *, retry_after: float | None, redact: Redact
) -> OncsyncError:
    """Makes the error for an answer whose status was not wanted; tolerates any body (open question 9)."""
    parsed = parse_leniently(body, redact)
    entries = error_entries(parsed)
    words = _words(entries, parsed, content_type, body, redact)
    said = f": {words}" if words else ""
    if status == 401:
        return TokenError(f"{place.host} refused the token{said}", hint=TOKEN_HINT)
    kind, message, hint = _verdict(status, place, said, content_type, body, parsed)
    codes = {entry.code for entry in entries}
    return kind(
        message,
        hint=hint,
        status=status,
        code=codes.pop() if len(codes) == 1 else None,
        text="; ".join(entry.text for entry in entries if entry.text) or state_text(parsed) or None,
        parameter=", ".join(dict.fromkeys(entry.parameter for entry in entries if entry.parameter)) or None,
        retry_after=retry_after,
    )


def _verdict(
    status: int, place: Place, said: str, content_type: str, body: bytes, parsed: Any
) -> tuple[type[ServiceError], str, str | None]:
    """Chooses class, message and hint by the status alone; only a 404 is looked into (open question 11)."""
    named = f"{status} {_phrase(status)}".strip()
    if status == 403:
        return ForbiddenError, f"{place} is restricted{said}", "ask Ocean Networks Canada for access to these data"
    if status == 404 and (not body.strip() or parsed is not None):
        return NotFoundError, f"{place} found nothing{said}", None
    if status == 404:
        return FaultError, f"{place} answered with a page, not as the service does ({named}){said}", ADDRESS_HINT
    if status == 407:
        return UnreachableError, f"The proxy between here and {place.host} asks for a login", CONNECTION_HINT
    if status == 429:
        return FaultError, f"{place} asks for a pause ({named}){said}", FAULT_HINT
    if 400 <= status < 500 and status not in (408, 425):
        return RefusedError, f"{place} refused the question{said or f' ({named})'}", None
    return FaultError, f"{place} answered {named}{said}", FAULT_HINT


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _words(entries: tuple[ErrorEntry, ...], parsed: Any, content_type: str, body: bytes, redact: Redact) -> str:
    """Gives the service's own words about a failure, with codes and parameters, on one line."""
    if entries:
        return "; ".join(filter(None, map(_entry_words, entries)))
    if parsed is not None:
        return state_text(parsed)
    if is_page(content_type, body):
        title = page_title(body, redact)
        return f"a page titled `{title}`" if title else "a page"
    text = clean_text(redact(body[:2000].decode("utf-8", "replace")))
    return " ".join(text.split())[:200]


def _entry_words(entry: ErrorEntry) -> str:
    place = ", ".join(
        filter(
            None,
            [f"code {entry.code}" if entry.code is not None else "", f"`{entry.parameter}`" if entry.parameter else ""],
        )
    )
    return f"{entry.text or 'no text'} ({place})" if place else entry.text or ""


def state_text(parsed: Any) -> str:
    """Gives what a body without `errors` says: its message, else its state, else the text that it is."""
    status, message = state_words(parsed)
    return message or status or (parsed[:200] if isinstance(parsed, str) else "")


def unreadable_failure(
    status: int, place: Place, found: str, content_type: str, body: bytes, redact: Redact
) -> FaultError:
    """Makes the error for an answer with a good status and a body that is not what was asked for."""
    if is_page(content_type, body):
        title = page_title(body, redact)
        found = f"a page titled `{title}`" if title else "a page"
    elif not body.strip():
        found = "an empty answer"
    return FaultError(f"{place} gave {found}", hint=FAULT_HINT, status=status)
