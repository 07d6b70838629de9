"""The embedded service over HTTP, on 127.0.0.1 only: reads a request, has it answered, sends the answer."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .replies import Reply

Answerer = Callable[[str, str], Reply]
_BUFFERED = 1 << 18
"""What is sent in one piece: the header and the whole of a small body."""


class Listener(ThreadingHTTPServer):
    """Listens on the loopback address and answers each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, answer: Answerer, now: Callable[[], datetime]) -> None:
        self.answer = answer
        self.now = now
        self._open: set[socket.socket] = set()
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
        """Closes a connection that is over."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        """Cuts every connection, those that are kept alive included."""
        with self._open_lock:
            connections = list(self._open)
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
        reply = self.server.answer(self.command, self.path)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(reply.content.length))
        self.end_headers()
        if with_body:
            sent = sum(self.wfile.write(block) for block in reply.content.blocks())
            # A body that ends before its announced length is a broken transfer: the connection breaks with it.
            self.close_connection = self.close_connection or sent < reply.content.length
