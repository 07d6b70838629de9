"""Records the client's conversations to cassettes and plays them back, without token, port or what changes by itself.

Serial only: vcrpy follows one conversation at a time.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import vcr
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from oncsync.api import RetryPolicy, Session, Timeouts, Token
from oncsync.sandbox import Sandbox
from tests.sandbox.asking import Clock

CASSETTES = Path(__file__).resolve().parents[1] / "cassettes"
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
"""Stands for the token; as long as one, so that lengths stay."""
NEUTRAL = "http://127.0.0.1:1/"
"""Stands for the address of the service; nobody listens there."""
SANDBOX_TOKEN = "5ec7e70c-0000-4000-8000-00c0ffee0001"
SANDBOX_NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
NOBODY = Token("ffffffff-0000-4000-8000-000000000000")
LONGEST_FILE = 8_000
"""A longer file is cut to so many bytes in a cassette; its announced length is cut with it."""
_KEPT = {"content-type", "content-length", "content-disposition", "date", "location", "retry-after"}
_LOOPBACK = re.compile(rb"127\.0\.0\.1(:|%3A)\d+")
_TOKENS = re.compile(rb"(?i)(token(?:=|%3D|\"\s*:\s*\"))[0-9a-z-]{8,}")
_UNSHOWABLE = re.compile(r"^\s|[ \t\r]\n|[^\n\t\x20-\x7e\u00a0-\ud7ff]")
_HEAD = "# A recorded conversation of oncsync's client with {source}; see README.md. Made by `make cassettes`.\n"


class Talk(NamedTuple):
    """What a conversation needs: a session, one whose token nobody has, and a way to wait for the service."""

    session: Session
    stranger: Session
    wait: Callable[[float], None]


class _Format:
    """Writes a cassette as YAML in which texts of several lines stay texts, below a line that says where it is from."""

    def __init__(self, source: str) -> None:
        self._source = source

    def serialize(self, cassette: dict[str, Any]) -> str:
        """Gives the text of a cassette."""
        yaml = YAML()
        yaml.width = 10**9
        stream = StringIO()
        yaml.dump(_readable(cassette), stream)
        return _HEAD.format(source=self._source) + stream.getvalue()

    @staticmethod
    def deserialize(text: str) -> Any:
        """Reads the text of a cassette."""
        return YAML(typ="safe", pure=True).load(text)


def _readable(value: Any) -> Any:
    """Marks the texts that YAML can show line by line without changing them."""
    if isinstance(value, dict):
        return {name: _readable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_readable(entry) for entry in value]
    is_block = isinstance(value, str) and "\n" in value and not _UNSHOWABLE.search(value)
    return LiteralScalarString(value) if is_block else value


def _neutral_request(request: Any) -> Any:
    """Takes token, address and what names this machine's libraries out of a question."""
    parts = urlsplit(request.uri)
    pairs = [
        (name, PLACEHOLDER if name == "token" else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    request.uri = f"{NEUTRAL}{parts.path.lstrip('/')}?{urlencode(pairs)}"
    request.headers = {}
    return request


def _neutral_response(tokens: tuple[Token, ...]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Takes tokens and address out of an answer, and keeps only the headers that the client reads."""

    def clean(text: bytes) -> bytes:
        for token in tokens:
            text = re.sub(re.escape(token.reveal().encode()), PLACEHOLDER.encode(), text, flags=re.IGNORECASE)
        return _LOOPBACK.sub(rb"127.0.0.1\g<1>1", _TOKENS.sub(rb"\g<1>" + PLACEHOLDER.encode(), text))

    def neutral(response: dict[str, Any]) -> dict[str, Any]:
        body = clean(response["body"]["string"])
        headers = {
            name: [clean(value.encode()).decode() for value in values]
            for name, values in sorted(response["headers"].items())
            if name.lower() in _KEPT
        }
        if any(name.lower() == "content-disposition" for name in headers):
            body = body[:LONGEST_FILE]
        for name in headers:
            if name.lower() == "content-length":
                headers[name] = [str(len(body))]
        return {**response, "headers": headers, "body": {"string": body}}

    return neutral


def _recorder(directory: Path, mode: str, source: str, tokens: tuple[Token, ...]) -> Any:
    made = vcr.VCR(
        cassette_library_dir=str(directory),
        record_mode=vcr.record_mode.RecordMode(mode),
        match_on=("method", "path", "query"),
        before_record_request=_neutral_request,
        before_record_response=_neutral_response(tokens),
        serializer="readable",
    )
    made.register_serializer("readable", _Format(source))
    return made


def _session(url: str, token: Token, wait: Callable[[float], None]) -> Session:
    """Opens a session that asks as the client does, one question at a time."""
    return Session(
        url,
        token,
        pool_size=1,
        retry=RetryPolicy(attempts=1),
        timeouts=Timeouts(),
        sleep=wait,
        now=lambda: SANDBOX_NOW,
        on_message=lambda text: None,
    )


@contextlib.contextmanager
def playing(name: str, patch: pytest.MonkeyPatch, directory: Path = CASSETTES) -> Iterator[Talk]:
    """Plays a cassette, with the network closed; whatever is not in it, or is left in it, fails the test."""

    def closed(*arguments: Any) -> None:
        raise AssertionError("the network is closed while a cassette plays")

    for method in ("connect", "connect_ex"):
        patch.setattr(socket.socket, method, closed)
    with _recorder(directory, "none", "", ()).use_cassette(f"{name}.yaml") as cassette:
        sessions = [_session(NEUTRAL, token, lambda seconds: None) for token in (Token(PLACEHOLDER), NOBODY)]
        with sessions[0], sessions[1]:
            yield Talk(sessions[0], sessions[1], lambda seconds: None)
        assert cassette.all_played, "some of the conversation was never asked for"


@contextlib.contextmanager
def recording(name: str, url: str, token: Token, wait: Callable[[float], None], directory: Path) -> Iterator[Talk]:
    """Records a conversation with a service in place of what the cassette held.

    The token comes as a `Token`, which shows nothing of itself in the traceback of a recording that fails.
    """
    (directory / f"{name}.yaml").unlink(missing_ok=True)
    source = "the embedded service" if "127.0.0.1" in url else url
    tokens = (token, NOBODY)
    with (
        pytest.MonkeyPatch.context() as patch,
        _recorder(directory, "all", source, tokens).use_cassette(f"{name}.yaml"),
        _session(url, token, wait) as session,
        _session(url, NOBODY, wait) as stranger,
    ):
        # A cassette holds what is read, not what was compressed on the way.
        patch.setattr("oncsync.api.session._JSON_CODINGS", "identity")
        yield Talk(session, stranger, wait)
    text = (directory / f"{name}.yaml").read_text(encoding="utf-8")
    if token.reveal().lower() in text.lower():
        (directory / f"{name}.yaml").unlink()
        raise AssertionError("the token was in the conversation; the cassette is removed")


@contextlib.contextmanager
def recording_sandbox(name: str, directory: Path) -> Iterator[Talk]:
    """Records a conversation with the embedded service, whose ids, dates and durations are then always the same."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        # Each life of the service has ids of its own; this one has those of every recording.
        patch.setattr("secrets.randbelow", lambda below: below // 3)
        service = Sandbox(token=SANDBOX_TOKEN, seed=1, now=lambda: SANDBOX_NOW, clock=clock, job_seconds=(3.0, 3.0))
    with service, recording(name, service.url, Token(SANDBOX_TOKEN), clock.pass_by, directory) as talk:
        yield talk
