"""Each fault of the connection and of how a body travels, seen on a socket."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import time
from collections.abc import Iterator

import pytest

from oncsync.sandbox import Fault
from tests.sandbox.wire import DOWNLOAD, Raw, Wire, on_the_wire, shows


@pytest.fixture(scope="module")
def whole() -> Raw:
    """The file without a fault."""
    with on_the_wire() as wire:
        return wire.file(wire.delivered())


def damaged(*rules: Fault, **headers: str) -> tuple[Raw, Wire]:
    """Gives the file as it comes with these faults on downloads."""
    with on_the_wire(*rules) as wire:
        return wire.file(wire.delivered(), **headers), wire


def on_download(name: str, **arguments: object) -> Fault:
    return Fault(name, on=DOWNLOAD, where={"index": "1"}, **arguments)  # type: ignore[arg-type]


def within(seconds: float) -> Iterator[None]:
    """Yields again and again until so many seconds have passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield


def dechunked(body: bytes) -> tuple[bytes, bool]:
    """Gives the bytes of a chunked body, and whether it came to its end."""
    plain = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return plain, True
        plain, body = plain + body[:length], body[length + 2 :]
    return plain, False


@shows("close-before-answer")
@pytest.mark.parametrize("accepted", [False, True])
def test_close_before_answer_sends_nothing(accepted: bool) -> None:
    """Whether the service took the question first is switchable."""
    with on_the_wire(Fault("close-before-answer", on="dataProductDelivery/run", times=1, accepted=accepted)) as wire:
        request_id = wire.order()
        assert wire("dataProductDelivery/run", dpRequestId=request_id) == Raw(b"", False)
        assert wire.sandbox.alive_orders() == accepted
        assert (wire.sandbox.asked[-1].status, wire.sandbox.asked[-1].fault) == (0, "close-before-answer")


@shows("reset-before-answer")
@pytest.mark.parametrize("accepted", [False, True])
def test_reset_before_answer_resets(accepted: bool) -> None:
    with on_the_wire(Fault("reset-before-answer", on="dataProductDelivery/run", times=1, accepted=accepted)) as wire:
        request_id = wire.order()
        assert wire("dataProductDelivery/run", dpRequestId=request_id) == Raw(b"", True)
        assert wire.sandbox.alive_orders() == accepted


@shows("connection-refused")
def test_connection_refused_refuses_everybody_and_cuts_who_is_there() -> None:
    with on_the_wire(Fault("connection-refused", on="locations", seconds=600)) as wire:
        with wire.connect() as bystander:
            assert wire("locations") == Raw(b"", True)
            assert bystander.recv(1) == b""
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                wire.connect()


def test_after_a_while_the_service_listens_again_with_its_orders() -> None:
    with on_the_wire(Fault("connection-refused", on="locations", times=1, seconds=0.1)) as wire:
        request_id = wire.order()
        assert wire("locations").was_reset
        for _ in within(10):
            with contextlib.suppress(ConnectionRefusedError):
                wire.connect().close()
                break
        assert wire.runs(request_id)[0] == 202
        assert wire("locations", locationCode="BACAX").status == 200


@shows("delay")
def test_delay_comes_before_the_first_byte() -> None:
    with on_the_wire(Fault("delay", on="locations", seconds=0.15)) as wire, wire.connect() as connection:
        begun = time.monotonic()
        wire.send(connection, wire.target("locations", locationCode="BACAX"), {})
        assert connection.recv(12) == b"HTTP/1.1 200"
        assert time.monotonic() - begun >= 0.15


@shows("truncated-body")
def test_truncated_body_announces_all_and_closes(whole: Raw) -> None:
    answer, _ = damaged(on_download("truncated-body", bytes=1000))
    assert answer == Raw(answer.received, was_reset=False)
    assert int(answer.headers["Content-Length"]) == len(whole.body)
    assert answer.body == whole.body[:1000]


def test_a_cut_beyond_the_end_still_cuts(whole: Raw) -> None:
    answer, _ = damaged(on_download("truncated-body", bytes=1 << 30))
    assert answer.body == whole.body[:-1]


def test_a_client_is_told_of_a_truncated_body() -> None:
    with on_the_wire(on_download("truncated-body", bytes=1000)) as wire:
        run_id = wire.delivered()
        connection = http.client.HTTPConnection("127.0.0.1", wire.connect().getpeername()[1], timeout=10)
        connection.request("GET", wire.target(DOWNLOAD, dpRunId=run_id, index=1))
        with pytest.raises(http.client.IncompleteRead) as caught:
            connection.getresponse().read()
        connection.close()
    assert len(caught.value.partial) == 1000


@shows("reset-mid-body")
def test_reset_mid_body_resets_after_so_many_bytes(whole: Raw) -> None:
    answer, _ = damaged(on_download("reset-mid-body", bytes=500))
    assert answer.was_reset
    assert answer.body == whole.body[:500]


@shows("short-body")
def test_short_body_looks_whole(whole: Raw) -> None:
    answer, _ = damaged(on_download("short-body", bytes=700))
    assert answer.headers["Content-Length"] == "700"
    assert answer.body == whole.body[:700]


@shows("empty-body")
def test_empty_body_says_that_it_is_empty() -> None:
    answer, _ = damaged(on_download("empty-body"))
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "0", b"")


@shows("long-body")
def test_long_body_goes_on_after_its_length(whole: Raw) -> None:
    answer, _ = damaged(on_download("long-body", bytes=30))
    assert int(answer.headers["Content-Length"]) == len(whole.body)
    assert answer.body == whole.body + b"#" * 30


@shows("wrong-length")
@pytest.mark.parametrize("by", [7, -7])
def test_wrong_length_announces_more_or_fewer(whole: Raw, by: int) -> None:
    answer, _ = damaged(on_download("wrong-length", by=by))
    assert int(answer.headers["Content-Length"]) == len(whole.body) + by
    assert answer.body == whole.body


@shows("no-length")
def test_no_length_ends_with_the_connection(whole: Raw) -> None:
    answer, _ = damaged(on_download("no-length"))
    assert "Content-Length" not in answer.headers
    assert "Transfer-Encoding" not in answer.headers
    assert answer.body == whole.body


@shows("chunked")
def test_chunked_sends_chunks(whole: Raw) -> None:
    answer, _ = damaged(on_download("chunked"))
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers
    assert dechunked(answer.body) == (whole.body, True)


def test_faults_work_on_what_earlier_ones_left(whole: Raw) -> None:
    """Chunks that are cut lack the last chunk; a body without length that is cut looks whole."""
    chunks, wire = damaged(on_download("chunked"), on_download("truncated-body", bytes=900))
    assert dechunked(chunks.body) == (whole.body[:900], False)
    assert wire.sandbox.asked[-1].fault == "chunked+truncated-body"
    silent, _ = damaged(on_download("truncated-body", bytes=900), on_download("no-length"))
    assert (silent.body, silent.was_reset) == (whole.body[:900], False)


@shows("gzip")
def test_gzip_codes_whether_asked_or_not(whole: Raw) -> None:
    """Content-Length is the coded length."""
    answer, _ = damaged(on_download("gzip"), Accept_Encoding="identity")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.body) < len(whole.body)
    assert gzip.decompress(answer.body) == whole.body


def test_gzip_may_heed_what_the_client_accepts(whole: Raw) -> None:
    polite = on_download("gzip", unasked=False)
    assert damaged(polite, Accept_Encoding="identity")[0].body == whole.body
    assert gzip.decompress(damaged(polite, Accept_Encoding="gzip, deflate")[0].body) == whole.body


@shows("stall")
def test_stall_is_silent_after_so_many_bytes(whole: Raw) -> None:
    with on_the_wire(on_download("stall", bytes=400, seconds=600)) as wire:
        run_id = wire.delivered()
        with wire.connect() as connection:
            wire.send(connection, wire.target(DOWNLOAD, dpRunId=run_id, index=1), {})
            received = b""
            while not received.endswith(whole.body[:400]):
                received += connection.recv(1 << 16)
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                connection.recv(1)


@pytest.mark.parametrize("then", ["go-on", "close"])
def test_stall_goes_on_or_closes_after_a_while(whole: Raw, then: str) -> None:
    begun = time.monotonic()
    answer, _ = damaged(on_download("stall", bytes=400, seconds=0.2, then=then))
    assert time.monotonic() - begun >= 0.2
    assert answer.body == (whole.body if then == "go-on" else whole.body[:400])
    assert int(answer.headers["Content-Length"]) == len(whole.body)


@shows("slow-drip")
def test_slow_drip_sends_pieces_with_a_pause_after_each() -> None:
    with on_the_wire(Fault("slow-drip", on="devices", bytes=50, seconds=0.01)) as wire:
        begun = time.monotonic()
        answer = wire("devices", deviceCode="BPR_889")
        lasted = time.monotonic() - begun
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert lasted >= len(answer.body) // 50 * 0.01 > 0.05


def test_head_is_not_asked_for_a_body_and_is_not_counted() -> None:
    """The third download of an order is its third file that is sent, whatever was polled before."""
    with on_the_wire(Fault("truncated-body", on=DOWNLOAD, nth=[3], per="order", bytes=10)) as wire:
        request_id = wire.order()
        run_id = wire.runs(request_id)[1][0]["dpRunId"]
        assert [wire.file(run_id).status for _ in range(4)] == [202] * 4
        wire.clock.pass_by(60)
        head = wire.ask(DOWNLOAD, {"dpRunId": run_id, "index": 1}, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert [len(wire.file(run_id).body) == 10 for _ in range(4)] == [False, False, True, False]


@pytest.mark.parametrize("name", ["stall", "slow-drip", "delay", "connection-refused"])
def test_a_stop_ends_what_hangs_at_once(name: str) -> None:
    with on_the_wire(Fault(name, on="locations", seconds=600)) as wire, wire.connect() as connection:
        wire.send(connection, wire.target("locations"), {})
        for _ in within(10):
            if wire.sandbox.asked:
                break
        if name in ("stall", "slow-drip"):
            connection.recv(10)
        begun = time.monotonic()
        wire.sandbox.stop()
        try:
            while connection.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - begun < 5
