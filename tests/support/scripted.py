"""A small HTTP server on this machine that answers exactly what a test scripts, broken answers included.

A script is a list of `Reply` in the order of the questions, or a function from `Asked` to `Reply`. The service
records what it was asked and over how many connections. It waits for nothing but the test's own limits.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest


class Asked(NamedTuple):
    """One question: `query` holds each parameter's last value, `connection` counts from 1."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    connection: int
    target: str


class Reply(NamedTuple):
    """One answer, and how it goes wrong.

    `length` is what `Content-Length` says: the body's size ("auto"), a number, or None for no header and a body that
    ends with the connection. `cut` ends the connection after so many bytes of the body, `reset` does so rudely;
    `stall` falls silent after so many bytes (-1: before the status) until the client leaves; `drip` sends the body in
    pieces of so many bytes with a pause of so many seconds; `raw` replaces the whole answer.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    length: int | str | None = "auto"
    cut: int | None = None
    reset: bool = False
    stall: int | None = None
    drip: tuple[int, float] | None = None
    chunks: Sequence[bytes] | None = None
    close: bool = False
    raw: bytes | None = None

    @classmethod
    def of_json(cls, value: Any, status: int = 200, **rest: Any) -> Reply:
        """Gives a JSON answer."""
        headers = {"Content-Type": "application/json;charset=UTF-8", **rest.pop("headers", {})}
        return cls(status, json.dumps(value).encode(), headers, **rest)

    @classmethod
    def of_errors(cls, *errors: tuple[int, str, str], status: int = 400, **rest: Any) -> Reply:
        """Gives the service's error body: code, message and parameter of each error."""
        entries = [dict(zip(("errorCode", "errorMessage", "parameter"), error, strict=True)) for error in errors]
        return cls.of_json({"errors": entries}, status, **rest)

    @classmethod
    def of_page(cls, title: str = "Maintenance", status: int = 200, **rest: Any) -> Reply:
        """Gives a web page, as a proxy sends it."""
        body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body></body></html>".encode()
        return cls(status, body, {"Content-Type": "text/html", **rest.pop("headers", {})}, **rest)

    @classmethod
    def of_file(cls, body: bytes, name: str = "A.bin", **rest: Any) -> Reply:
        """Gives a file, named as the service does it."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachement; filename={name}",
            **rest.pop("headers", {}),
        }
        return cls(200, body, headers, **rest)


Script = Sequence[Reply] | Callable[[Asked], Reply]


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    service: ScriptedService


class ScriptedService:
    """Serves a script at `url`; use it as a context manager. `asked` and `connections` tell what came in."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._sockets: list[socket.socket] = []
        self.asked: list[Asked] = []
        self.connections = 0
        self._listener = _Listener(("127.0.0.1", 0), _Conversation)
        self._listener.service = self
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self.port = int(self._listener.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> ScriptedService:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._listener.shutdown()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()
        self._thread.join()

    def joined(self, connection: socket.socket) -> int:
        """Counts a new connection."""
        with self._lock:
            self._sockets.append(connection)
            self.connections += 1
            return self.connections

    def answer(self, asked: Asked) -> Reply:
        """Records a question and gives the script's answer to it."""
        with self._lock:
            self.asked.append(asked)
            position = len(self.asked) - 1
        if callable(self._script):
            return self._script(asked)
        if position < len(self._script):
            return self._script[position]
        return Reply(418, b"the script is at its end", {"Content-Type": "text/plain"})

    def wait(self, seconds: float | None = None) -> None:
        """Waits, but no longer than the service lives."""
        self._left.wait(seconds)


class _Conversation(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        listener = self.server
        assert isinstance(listener, _Listener)
        self.service = listener.service
        number = self.service.joined(self.connection)
        with contextlib.suppress(OSError):
            while asked := self._listen(number):
                if not self._say(self.service.answer(asked)):
                    return

    def _listen(self, number: int) -> Asked | None:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        headers: dict[str, str] = {}
        while text := self.rfile.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        parts = urlsplit(line[1])
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Asked(line[0], parts.path, query, headers, number, line[1])

    def _say(self, reply: Reply) -> bool:
        """Sends an answer; says whether the connection goes on."""
        if reply.stall == -1:
            self.service.wait()
            return False
        if reply.raw is not None:
            self.connection.sendall(reply.raw)
            return False
        head = self._head(reply)
        if reply.chunks is not None:
            self._send_chunks(head, reply)
            return reply.cut is None
        if reply.drip is not None:
            self._send_drops(head, reply.body, *reply.drip)
            return reply.length is not None
        ends = [position for position in (reply.cut, reply.stall) if position is not None]
        self.connection.sendall(head + reply.body[: min(ends, default=len(reply.body))])
        if reply.stall is not None:
            self.service.wait()
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not (ends or reply.reset or reply.close or reply.length is None)

    def _head(self, reply: Reply) -> bytes:
        headers = dict(reply.headers)
        if reply.chunks is not None:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.length is not None and reply.status not in (204, 304):
            headers["Content-Length"] = str(len(reply.body) if reply.length == "auto" else reply.length)
        if reply.close or (reply.length is None and reply.chunks is None):
            headers["Connection"] = "close"
        try:
            phrase = HTTPStatus(reply.status).phrase
        except ValueError:
            phrase = "Odd"
        lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    def _send_chunks(self, head: bytes, reply: Reply) -> None:
        parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in reply.chunks or ()]
        whole = b"".join(parts)
        self.connection.sendall(head + (whole + b"0\r\n\r\n" if reply.cut is None else whole[: reply.cut]))

    def _send_drops(self, head: bytes, body: bytes, size: int, pause: float) -> None:
        self.connection.sendall(head)
        for begin in range(0, len(body), size):
            self.service.wait(pause)
            self.connection.sendall(body[begin : begin + size])


Serve = Callable[[Script], ScriptedService]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts scripted services, and stops them after the test."""
    with contextlib.ExitStack() as running:
        yield lambda script: running.enter_context(ScriptedService(script))
