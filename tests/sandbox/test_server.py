"""The embedded service over HTTP: connections, headers, bodies, and how it ends."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from oncsync.sandbox import Catalogue, Content, Reply, Sandbox
from tests.sandbox.asking import CTD_CSV, MAY, NOW

ORDER = CTD_CSV | MAY


@pytest.fixture
def sandbox(catalogue: Catalogue) -> Iterator[Sandbox]:
    with Sandbox(catalogue=catalogue, job_seconds=(0.0, 0.0), sync_seconds=0.0) as running:
        yield running
    assert not running.broken


def connect(sandbox: Sandbox) -> http.client.HTTPConnection:
    address = urllib.parse.urlsplit(sandbox.url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)


def target(sandbox: Sandbox, service: str, **given: object) -> str:
    return f"/api/{service}?{urllib.parse.urlencode({'token': sandbox.token, **given})}"


class Talk:
    """One connection that is kept alive."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.connection = connect(sandbox)

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def __call__(self, service: str, **given: object) -> tuple[http.client.HTTPResponse, bytes]:
        """Asks a service with GET."""
        return self.send("GET", service, given)

    def send(
        self, method: str, service: str, given: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, target(self.sandbox, service, **given), headers=dict(headers or {}))
        answer = self.connection.getresponse()
        return answer, answer.read()

    def delivered(self, **given: object) -> int:
        """Orders a product, waits for it and gives the run id."""
        request_id = json.loads(self("dataProductDelivery/request", **given)[1])["dpRequestId"]
        while (answer := self("dataProductDelivery/run", dpRequestId=request_id))[0].status == 202:
            pass
        run_id = json.loads(answer[1])[0]["dpRunId"]
        assert isinstance(run_id, int)
        return run_id


def test_it_listens_on_the_loopback_address_only(sandbox: Sandbox) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    assert sandbox.url.endswith("/")


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    with Talk(sandbox) as talk:
        talk("locations", locationCode="BACAX")
        kept = talk.connection.sock
        for service in ("locations", "nothing", "devices", "locations/tree"):
            answer, body = talk(service)
            assert answer.version == 11
            assert int(str(answer.getheader("Content-Length"))) == len(body)
        assert talk.connection.sock is kept


def test_head_has_the_length_and_no_body(sandbox: Sandbox) -> None:
    with Talk(sandbox) as talk:
        get, body = talk("locations")
        head, nothing = talk.send("HEAD", "locations", {})
        assert head.getheader("Content-Length") == str(len(body)) == get.getheader("Content-Length")
        assert nothing == b""
        assert talk("locations")[1] == body


def test_a_file_comes_whole_with_length_and_name(sandbox: Sandbox) -> None:
    with Talk(sandbox) as talk:
        run_id = talk.delivered(**ORDER)
        answer, body = talk("dataProductDelivery/download", dpRunId=run_id, index=1)
        assert answer.status == 200
        assert answer.getheader("Content-Type") == "text/csv"
        assert int(str(answer.getheader("Content-Length"))) == len(body) > 100_000
        assert str(answer.getheader("Content-Disposition")).startswith("attachement; filename=")
        assert answer.getheader("Transfer-Encoding") is None
        head, nothing = talk.send("HEAD", "dataProductDelivery/download", {"dpRunId": run_id, "index": 1})
        assert (head.status, head.getheader("Content-Length"), nothing) == (200, str(len(body)), b"")


def test_a_range_is_ignored(sandbox: Sandbox) -> None:
    with Talk(sandbox) as talk:
        run_id = talk.delivered(**ORDER)
        whole = talk("dataProductDelivery/download", dpRunId=run_id, index=1)[1]
        answer, body = talk.send(
            "GET", "dataProductDelivery/download", {"dpRunId": run_id, "index": 1}, {"Range": "bytes=100-199"}
        )
        assert answer.status == 200
        assert answer.getheader("Content-Range") is None
        assert body == whole


def test_there_is_no_validator_and_no_coding(sandbox: Sandbox) -> None:
    with Talk(sandbox) as talk:
        run_id = talk.delivered(**ORDER)
        answer, _ = talk.send(
            "GET", "dataProductDelivery/download", {"dpRunId": run_id, "index": 1}, {"Accept-Encoding": "gzip"}
        )
        for header in ("ETag", "Content-MD5", "Last-Modified", "Content-Encoding"):
            assert answer.getheader(header) is None


def test_a_small_answer_is_one_packet(sandbox: Sandbox) -> None:
    """Header and body leave in one piece, so that no answer waits for a delayed acknowledgement."""
    with Talk(sandbox) as talk, socket.create_connection(("127.0.0.1", int(sandbox.url[:-1].rsplit(":")[-1]))) as raw:
        raw.settimeout(10)
        text = target(sandbox, "deviceCategories", deviceCategoryCode="CTD")
        raw.sendall(f"GET {text} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = raw.recv(65_536)
        expected = talk("deviceCategories", deviceCategoryCode="CTD")[1]
        assert received.endswith(expected)


def test_a_body_that_is_cut_breaks_the_connection(sandbox: Sandbox) -> None:
    cut = Reply(200, "text/csv", Content(1000, lambda: iter([b"x" * 100])))
    sandbox.interfere = lambda method, path, parameters: cut
    with Talk(sandbox) as talk, pytest.raises(http.client.IncompleteRead) as caught:
        talk("locations")
    assert len(caught.value.partial) == 100


def test_the_date_is_the_services_own(catalogue: Catalogue) -> None:
    with Sandbox(catalogue=catalogue, now=lambda: NOW) as sandbox, Talk(sandbox) as talk:
        assert talk("locations")[0].getheader("Date") == "Sun, 01 Nov 2026 12:00:00 GMT"


def test_another_method_is_refused_with_a_page(sandbox: Sandbox) -> None:
    with Talk(sandbox) as talk:
        answer, _ = talk.send("POST", "locations", {})
        assert answer.status == 501
        assert str(answer.getheader("Content-Type")).startswith("text/html")


def test_an_address_that_is_none_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.answer("GET", "http://[::1/api/locations").status == 400


def test_nothing_is_written_to_the_terminal(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    with Talk(sandbox) as talk:
        for service in ("locations", "nothing", "deployments"):
            talk(service)
        talk.send("POST", "locations", {})
    with socket.create_connection(("127.0.0.1", int(sandbox.url[:-1].rsplit(":")[-1]))) as raw:
        raw.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        raw.recv(1000)
    sandbox.stop()
    assert capfd.readouterr() == ("", "")


def test_a_client_that_leaves_in_the_middle_harms_nobody(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    with Talk(sandbox) as talk:
        run_id = talk.delivered(**ORDER | {"dateFrom": "2012-01-01", "dateTo": "2016-09-01"})
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", int(sandbox.url[:-1].rsplit(":")[-1]))) as raw:
                text = target(sandbox, "dataProductDelivery/download", dpRunId=run_id, index=1)
                raw.sendall(f"GET {text} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                raw.recv(1000)
        assert talk("locations", locationCode="BACAX")[0].status == 200
    assert capfd.readouterr().err == ""


def test_many_threads_order_and_download_at_once(sandbox: Sandbox) -> None:
    def one(number: int) -> tuple[int, bytes]:
        with Talk(sandbox) as talk:
            day = f"2017-05-{number + 1:02d}"
            run_id = talk.delivered(**CTD_CSV, dateFrom=f"{day}T00:00:00.000Z", dateTo=f"{day}T12:00:00.000Z")
            answer, body = talk("dataProductDelivery/download", dpRunId=run_id, index=1)
            assert answer.status == 200
            assert day.encode() in body
            return run_id, body

    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(one, range(24)))
    assert len({run_id for run_id, _ in got}) == 24
    assert sandbox.alive_orders() == 0
    assert len([a for a in sandbox.asked if a.path.endswith("/download")]) == 24


def test_stopping_cuts_connections_that_are_kept_alive(catalogue: Catalogue) -> None:
    sandbox = Sandbox(catalogue=catalogue).start()
    with Talk(sandbox) as talk:
        talk("locations", locationCode="BACAX")
        sandbox.stop()
        assert talk.connection.sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(sandbox).connect()
    sandbox.stop()


def test_started_again_it_is_the_same_service(catalogue: Catalogue) -> None:
    sandbox = Sandbox(catalogue=catalogue, job_seconds=(0.0, 0.0), sync_seconds=0.0)
    with sandbox, Talk(sandbox) as talk:
        run_id = talk.delivered(**ORDER)
        address = sandbox.url
    with sandbox, Talk(sandbox) as talk:
        assert sandbox.url == address
        assert talk("dataProductDelivery/download", dpRunId=run_id, index=1)[0].status == 200


def test_a_given_port_and_token_are_taken(catalogue: Catalogue) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Sandbox(catalogue=catalogue, port=port, token="0a0b0c0d-0000-4000-8000-000000000000") as sandbox:
        assert sandbox.url == f"http://127.0.0.1:{port}/"
        with Talk(sandbox) as talk:
            assert talk("locations", locationCode="BACAX")[0].status == 200


def test_the_server_runs_in_a_daemon_thread(sandbox: Sandbox) -> None:
    (thread,) = [t for t in threading.enumerate() if t is sandbox._thread]
    assert thread.daemon
