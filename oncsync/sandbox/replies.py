"""What the embedded service answers with: replies, refusals, and bodies that are made while they are sent."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

JSON_TYPE = "application/json;charset=utf-8"
HTML_TYPE = "text/html;charset=utf-8"

INVALID_TIME_RANGE = 23
FUTURE_START = 25
NO_DATA = 33
NO_FILE = 96
INVALID_VALUE = 127
MISSING = 128
UNKNOWN_NAME = 129


@dataclass(frozen=True)
class Content:
    """The bytes of a file: how many, and a maker of them, block by block, the same at every call."""

    length: int
    blocks: Callable[[], Iterator[bytes]]


def content_of(body: bytes) -> Content:
    """Gives a body that is at hand as content."""
    return Content(len(body), lambda: iter((body,)))


@dataclass(frozen=True)
class Manner:
    """How an answer travels: by default at once, whole, with its length. Offsets count bytes of the body.

    `hang_up` ends the connection before the first byte; `away` is for how many seconds nobody listens afterwards.
    `announced` stands in `Content-Length` in place of the true length. The body ends at `cut`, by a close or a
    reset; it rests at `stall` for `stall_seconds`, and ends there when `stall_ends`; it goes out in pieces of
    `piece` bytes with `piece_seconds` between them.
    """

    delay: float = 0.0
    hang_up: Literal["", "close", "reset"] = ""
    away: float | None = None
    framing: Literal["length", "chunked", "none"] = "length"
    announced: int | None = None
    cut: int | None = None
    cut_by: Literal["close", "reset"] = "close"
    stall: int | None = None
    stall_seconds: float = 0.0
    stall_ends: bool = False
    piece: int = 0
    piece_seconds: float = 0.0


PLAINLY = Manner()


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `headers` come besides type and length."""

    status: int
    media_type: str
    content: Content
    headers: tuple[tuple[str, str], ...] = ()
    manner: Manner = PLAINLY

    @property
    def told_status(self) -> int:
        """The status that the client sees; 0 when the connection ends before the first byte."""
        return 0 if self.manner.hang_up else self.status


@dataclass(frozen=True)
class Call:
    """One question to a service; the parameters are without the token, the names of headers in lower case.

    `service` is the path below `/api/`; `moved` says that a redirect led here.
    """

    method: str
    service: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    moved: bool = False


@dataclass(frozen=True)
class Complaint:
    """One member of an error body."""

    code: int
    message: str
    parameter: str


class RefusedRequest(Exception):  # noqa: N818
    """Ends a request with an error body (onc-api.md 1.3)."""

    def __init__(self, status: int, *complaints: Complaint) -> None:
        super().__init__(status, complaints)
        self.status = status
        self.complaints = complaints


def invalid_value(parameter: str, message: str = "Invalid parameter value") -> RefusedRequest:
    """Gives the refusal of a value: 400 and code 127."""
    return RefusedRequest(400, Complaint(INVALID_VALUE, message, parameter))


def missing(parameter: str, message: str = "Missing parameter") -> RefusedRequest:
    """Gives the refusal for want of a parameter: 400 and code 128; several that would do are joined by `/`."""
    return RefusedRequest(400, Complaint(MISSING, message, parameter))


def nothing_found(parameter: str) -> RefusedRequest:
    """Gives discovery's answer to a valid question that nothing fits: 404 with an error body."""
    return RefusedRequest(404, Complaint(INVALID_VALUE, "Nothing matches these filters", parameter))


def json_reply(body: object, status: int = 200) -> Reply:
    """Gives a reply whose body is JSON in UTF-8."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, JSON_TYPE, content_of(text.encode()))


def refusal_reply(refused: RefusedRequest) -> Reply:
    """Gives the reply with the error body."""
    errors = [
        {"errorCode": complaint.code, "errorMessage": complaint.message, "parameter": complaint.parameter}
        for complaint in refused.complaints
    ]
    return json_reply({"errors": errors}, refused.status)


def page_reply(status: int, title: str) -> Reply:
    """Gives a small HTML page, as the front server of the service would."""
    text = f"<!DOCTYPE html>\n<html><head><title>{html.escape(title)}</title></head>"
    text += f"<body><h1>{html.escape(title)}</h1></body></html>\n"
    return Reply(status, HTML_TYPE, content_of(text.encode()))
