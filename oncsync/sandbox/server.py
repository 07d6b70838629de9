"""The embedded service over HTTP, on 127.0.0.1 only: reads a request, has it answered, sends the answer."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .replies import Reply
from .sending import Pause, chunk, is_ended_early, steps_of

Answerer = Callable[[str, str, Mapping[str, str]], Reply]
_BUFFERED = 1 << 18
"""What is sent in one piece: the header and the whole of a small body."""
_LINGER_NOT = struct.pack("ii", 1, 0)
_BODILESS = (204, 304)


class Listener(ThreadingHTTPServer):
    """Listens on the loopback address and answers each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        port: int,
        answer: Answerer,
        now: Callable[[], datetime],
        go_away: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.answer = answer
        self.now = now
        self.go_away = go_away
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._resetting: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Conversation)

    def server_bind(self) -> None:
        """Binds without asking a name server who 127.0.0.1 is."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Takes a connection and remembers it, so that `close_all` reaches it."""
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection that is over; one that `reset_at_end` named ends without a farewell (RST)."""
        with self._open_lock:
            self._open.discard(request)
            resets = request in self._resetting
            self._resetting.discard(request)
        if not resets:
            super().shutdown_request(request)
            return
        with contextlib.suppress(OSError):
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.close_request(request)

    def reset_at_end(self, connection: socket.socket) -> None:
        """Has a connection reset once it is over."""
        with self._open_lock:
            self._resetting.add(connection)

    def rest(self, seconds: float) -> None:
        """Waits, at most until the service stops; then the conversation ends with `ConnectionAbortedError`."""
        if self._stopping.wait(seconds):
            raise ConnectionAbortedError

    def close_all(self) -> None:
        """Ends every rest and cuts every connection, those that are kept alive included.

        One that is to be reset is left to its own thread: a farewell from here would come first.
        """
        self._stopping.set()
        with self._open_lock:
            connections = list(self._open - self._resetting)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a client that goes away is no event here."""


class _Conversation(BaseHTTPRequestHandler):
    """One connection; requests follow each other on it (HTTP/1.1)."""

    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "OceansSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = _BUFFERED

    def do_GET(self) -> None:
        """Answers with the body."""
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        """Answers with the same status and headers as GET."""
        self._reply(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Writes nothing: what was asked is kept by the service itself."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Gives the service's own date for the `Date` header."""
        return format_datetime(self.server.now(), usegmt=True)

    def _reply(self, *, with_body: bool) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.answer(self.command, self.path, headers)
        if reply.manner.delay:
            self.server.rest(reply.manner.delay)
        if reply.manner.hang_up:
            self._hang_up(reply.manner.hang_up)
        else:
            self._send(reply, with_body=with_body)
        if reply.manner.away is not None:
            self.server.go_away(reply.manner.away)

    def _hang_up(self, by: str) -> None:
        self.close_connection = True
        if by == "reset":
            self.server.reset_at_end(self.connection)

    def _send(self, reply: Reply, *, with_body: bool) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status not in _BODILESS:
            self.send_header("Content-Type", reply.media_type)
            self._send_framing(reply)
        self.end_headers()
        if with_body and reply.status not in _BODILESS:
            self._send_body(reply)

    def _send_framing(self, reply: Reply) -> None:
        manner = reply.manner
        if manner.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif manner.framing == "none":
            self.send_header("Connection", "close")
        else:
            announced = reply.content.length if manner.announced is None else manner.announced
            self.send_header("Content-Length", str(announced))

    def _send_body(self, reply: Reply) -> None:
        manner, sent = reply.manner, 0
        is_chunked = manner.framing == "chunked"
        for step in steps_of(reply.content, manner):
            if isinstance(step, Pause):
                self.wfile.flush()
                self.server.rest(step.seconds)
            else:
                self.wfile.write(chunk(step) if is_chunked else step)
                sent += len(step)
        if is_ended_early(reply.content, manner):
            self.wfile.flush()
            self._hang_up(manner.cut_by)
        elif is_chunked:
            self.wfile.write(chunk(b""))
        # A body that is not as long as announced is a broken transfer: the connection breaks with it.
        elif sent != (reply.content.length if manner.announced is None else manner.announced):
            self.close_connection = True
