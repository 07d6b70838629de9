"""How the fault tests look at the wire: a running sandbox, a plain socket, and what came through it."""

from __future__ import annotations

import json
import socket
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from oncsync.sandbox import Catalogue, Fault, Faults, Sandbox, read_catalogue
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Clock

RUN, DOWNLOAD = "dataProductDelivery/run", "dataProductDelivery/download"
ORDER = CTD_CSV | MAY
LISTING = {"deviceCode": "BPR-Folger-59", "dateFrom": "2019-11-01", "dateTo": "2019-11-08"}
SHOWN: set[str] = set()
"""The faults that some test shows on the wire."""

Test = TypeVar("Test", bound=Callable[..., None])
_CATALOGUE: list[Catalogue] = []


def shows(*names: str) -> Callable[[Test], Test]:
    """Says which faults a test shows."""

    def mark(test: Test) -> Test:
        SHOWN.update(names)
        return test

    return mark


def catalogue() -> Catalogue:
    """Gives the catalogue that comes with the package, read once."""
    if not _CATALOGUE:
        _CATALOGUE.append(read_catalogue())
    return _CATALOGUE[0]


@dataclass(frozen=True)
class Raw:
    """What came through a connection until it ended: bytes, and whether by a reset."""

    received: bytes
    was_reset: bool

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines)

    @property
    def body(self) -> bytes:
        """The bytes after the header, as they came."""
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """Asks a running sandbox, each question on a connection of its own."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self.sandbox = sandbox
        self.clock = clock

    def connect(self, seconds: float = 10.0) -> socket.socket:
        address = urllib.parse.urlsplit(self.sandbox.url)
        return socket.create_connection(("127.0.0.1", int(address.port or 0)), timeout=seconds)

    def target(self, service: str, /, **given: object) -> str:
        return f"/api/{service}?{urllib.parse.urlencode({'token': self.sandbox.token, **given})}"

    def send(self, connection: socket.socket, target: str, headers: Mapping[str, str], method: str = "GET") -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def __call__(self, service: str, /, **given: object) -> Raw:
        """Asks a service with GET."""
        return self.ask(service, given)

    def ask(
        self, service: str, given: Mapping[str, object], headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Raw:
        return self.follow(self.target(service, **given), headers, method)

    def follow(self, target: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Raw:
        """Asks, and reads until the service ends the connection."""
        received = b""
        with self.connect() as connection:
            try:
                self.send(connection, target, headers or {}, method)
                while piece := connection.recv(1 << 16):
                    received += piece
            except ConnectionResetError:
                return Raw(received, True)
        return Raw(received, False)

    def order(self, **given: object) -> int:
        """Requests a product and gives its id."""
        answer = self("dataProductDelivery/request", **(given or ORDER))
        number = answer.json["dpRequestId"]
        assert isinstance(number, int)
        return number

    def runs(self, request_id: int) -> tuple[int, list[dict[str, Any]]]:
        """Polls the runs of a request: status and rows."""
        answer = self(RUN, dpRequestId=request_id)
        rows = answer.json
        assert isinstance(rows, list)
        return answer.status, rows

    def delivered(self, **given: object) -> int:
        """Orders a product, lets its job end, and gives the run id."""
        request_id = self.order(**given)
        run_id = self.runs(request_id)[1][0]["dpRunId"]
        self.clock.pass_by(60)
        assert isinstance(run_id, int)
        return run_id

    def file(self, run_id: int, index: object = 1, **headers: str) -> Raw:
        """Asks for a file of a run; header names are given with `_` for `-`."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(DOWNLOAD, {"dpRunId": run_id, "index": index}, spelled)


@contextmanager
def on_the_wire(*rules: Fault, seed: int = 0, **options: Any) -> Iterator[Wire]:
    """Runs a sandbox with these faults, whose jobs end when the test turns the clock."""
    clock = Clock()
    settings: dict[str, Any] = {"job_seconds": (10.0, 10.0), "sync_seconds": 2.0, "seed": 1, "now": lambda: NOW}
    faults = Faults(rules, seed=seed)
    with Sandbox(catalogue=catalogue(), clock=clock, faults=faults, **(settings | options)) as sandbox:
        yield Wire(sandbox, clock)
    assert sandbox.broken == ()


def name_in(raw: Raw) -> str:
    """Gives the value of `Content-Disposition`."""
    return raw.headers["Content-Disposition"]
