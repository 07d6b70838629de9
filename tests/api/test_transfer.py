"""Files as they arrive, and every answer that is no file."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import threading
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.api import (
    ArrivingFile,
    EndOfFiles,
    Expired,
    FailedRun,
    FileAnswer,
    NoData,
    NotReady,
    Timeouts,
    open_file,
)
from oncsync.api.coding import BLOCK_SIZE
from oncsync.errors import FaultError, ForbiddenError, RefusedError, TokenError, UnreachableError
from tests.api.conftest import TOKEN, Connect, Sleeper
from tests.support.scripted import Reply, Serve

BODY = bytes(range(256)) * 3000  # 768,000 bytes: three blocks


def ask(serve: Serve, connect: Connect, reply: Reply, **changed: Any) -> FileAnswer:
    return open_file(connect(serve([reply]), **changed), 56000001, 1)


def fetch(serve: Serve, connect: Connect, reply: Reply, **changed: Any) -> bytes:
    arriving = ask(serve, connect, reply, **changed)
    assert isinstance(arriving, ArrivingFile)
    return b"".join(arriving.blocks())


def test_a_file_is_asked_for_by_run_and_index(serve: Serve, connect: Connect) -> None:
    """onc-api.md 3.3; open question 4: no content coding is asked for."""
    service = serve([Reply.of_file(b"x"), Reply.of_file(b"<x/>", "A_META.xml")])
    session = connect(service)
    for index in (2, "meta"):
        arriving = open_file(session, 56000001, index)
        assert isinstance(arriving, ArrivingFile)
        arriving.close()
    assert [asked.query for asked in service.asked] == [
        {"dpRunId": "56000001", "index": "2", "token": TOKEN},
        {"dpRunId": "56000001", "index": "meta", "token": TOKEN},
    ]
    assert service.asked[0].path == "/api/dataProductDelivery/download"
    assert service.asked[0].headers["accept-encoding"] == "identity"


def test_a_file_comes_with_name_length_and_type(serve: Serve, connect: Connect) -> None:
    """onc-api.md 1.6: the header is misspelled and the name has no quotes."""
    arriving = ask(
        serve, connect, Reply.of_file(BODY, "Axis CTD_2016-clean.csv", headers={"Content-Type": "Text/CSV; charset=x"})
    )
    assert isinstance(arriving, ArrivingFile)
    assert (arriving.name, arriving.length, arriving.content_type) == ("Axis CTD_2016-clean.csv", len(BODY), "text/csv")
    blocks = list(arriving.blocks())
    assert b"".join(blocks) == BODY
    assert max(map(len, blocks)) <= BLOCK_SIZE
    assert len(blocks) == 3


def test_a_name_is_given_as_it_came(serve: Serve, connect: Connect) -> None:
    """Rule 7: it is untrusted; whoever writes the file makes it safe."""
    arriving = ask(serve, connect, Reply.of_file(b"x", "../../.bashrc"))
    assert isinstance(arriving, ArrivingFile)
    assert arriving.name == "../../.bashrc"


def test_a_file_may_come_without_name_and_type(serve: Serve, connect: Connect) -> None:
    arriving = ask(serve, connect, Reply(200, b"abc"))
    assert isinstance(arriving, ArrivingFile)
    assert (arriving.name, arriving.content_type) == (None, "")
    assert b"".join(arriving.blocks()) == b"abc"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(size=st.integers(1, 3 * BLOCK_SIZE + 3), has_length=st.booleans())
def test_every_size_arrives_whole(serve: Serve, connect: Connect, size: int, has_length: bool) -> None:
    body = os.urandom(size)
    assert fetch(serve, connect, Reply.of_file(body, length="auto" if has_length else None)) == body


@pytest.mark.parametrize("size", [1, 2, 8191, 8192, 8193, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 2 * BLOCK_SIZE])
def test_sizes_around_a_block_arrive_whole(serve: Serve, connect: Connect, size: int) -> None:
    body = BODY[:size]
    assert fetch(serve, connect, Reply.of_file(body)) == body


def test_a_chunked_file_arrives_whole_without_a_length(serve: Serve, connect: Connect) -> None:
    arriving = ask(serve, connect, Reply.of_file(b"", chunks=[b"abc", b"d" * 70_000, b"e"]))
    assert isinstance(arriving, ArrivingFile)
    assert arriving.length is None
    assert b"".join(arriving.blocks()) == b"abc" + b"d" * 70_000 + b"e"


def test_a_file_keeps_the_connection_for_the_next(serve: Serve, connect: Connect) -> None:
    service = serve([Reply.of_file(BODY)] * 3 + [Reply.of_json({}, 202)] * 2 + [Reply(404)])
    session = connect(service)
    for _ in range(6):
        answer = open_file(session, 1, 1)
        if isinstance(answer, ArrivingFile):
            assert sum(map(len, answer.blocks())) == len(BODY)
    assert service.connections == 1


# Broken bodies


@pytest.mark.parametrize("cut", [1, 1000, BLOCK_SIZE, BLOCK_SIZE + 5, len(BODY) - 1])
def test_a_short_body_is_a_fault(serve: Serve, connect: Connect, cut: int) -> None:
    """Open question 2: nothing short ever looks whole."""
    with pytest.raises(FaultError) as caught:
        fetch(serve, connect, Reply.of_file(BODY, cut=cut))
    assert "early" in caught.value.message
    assert f"of {len(BODY)} bytes" in caught.value.message


@pytest.mark.parametrize(("size", "announced"), [(3000, 1), (3000, 2), (3000, 2999), (len(BODY), BLOCK_SIZE + 7)])
def test_a_long_body_is_a_fault(serve: Serve, connect: Connect, size: int, announced: int) -> None:
    """Open question 1: a length that counts the stored, compressed bytes must not cut the file."""
    with pytest.raises(FaultError, match=f"more than the {announced} bytes it announced"):
        fetch(serve, connect, Reply.of_file(BODY[:size], length=announced))


def test_a_chunked_body_that_breaks_off_is_a_fault(serve: Serve, connect: Connect) -> None:
    with pytest.raises(FaultError):
        fetch(serve, connect, Reply.of_file(b"", chunks=[b"x" * 1000, b"y" * 1000], cut=1500))


def test_a_reset_connection_is_an_error_of_the_connection(serve: Serve, connect: Connect) -> None:
    with pytest.raises((UnreachableError, FaultError), match=r"broke|early"):
        fetch(serve, connect, Reply.of_file(BODY, cut=BLOCK_SIZE + 1, reset=True))


@pytest.mark.parametrize("after", [0, 10, BLOCK_SIZE + 10])
def test_a_body_that_stalls_meets_the_idle_limit(serve: Serve, connect: Connect, after: int) -> None:
    """R180, open question 47: the idle limit, not the longer one for the first byte."""
    limits = Timeouts(connect=5, first_byte=60, idle=0.2)
    with pytest.raises(UnreachableError, match=r"nothing more for 0\.2 s") as caught:
        fetch(serve, connect, Reply.of_file(BODY, stall=after), timeouts=limits)
    assert caught.value.exit_code == 5


def test_a_slow_body_may_pause_longer_than_the_first_byte_limit(serve: Serve, connect: Connect) -> None:
    """Open question 47: there is no limit on a transfer as a whole."""
    limits = Timeouts(connect=5, first_byte=0.5, idle=30)
    assert fetch(serve, connect, Reply.of_file(b"ab", drip=(1, 0.7)), timeouts=limits) == b"ab"


def test_a_file_of_no_bytes_is_a_fault(serve: Serve, connect: Connect) -> None:
    """Open question 2."""
    for reply in (Reply.of_file(b""), Reply.of_file(b"", length=None), Reply.of_file(b"", chunks=[])):
        with pytest.raises(FaultError, match="empty"):
            ask(serve, connect, reply)


def test_closing_from_another_thread_never_looks_like_the_end(serve: Serve, connect: Connect) -> None:
    arriving = ask(serve, connect, Reply.of_file(BODY, length=None, close=True))
    assert isinstance(arriving, ArrivingFile)
    blocks = arriving.blocks()
    next(blocks)
    thread = threading.Thread(target=arriving.close)
    thread.start()
    thread.join()
    with pytest.raises((FaultError, UnreachableError)):
        list(blocks)


# Content codings


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_a_coding_that_was_not_asked_for_is_undone(serve: Serve, connect: Connect, coding: str, code: Any) -> None:
    """Open question 4: decoded, and its length is not the file's."""
    arriving = ask(serve, connect, Reply.of_file(code(BODY), headers={"Content-Encoding": coding}))
    assert isinstance(arriving, ArrivingFile)
    assert arriving.length == (len(BODY) if coding == "identity" else None)
    assert b"".join(arriving.blocks()) == BODY


@pytest.mark.parametrize("name", ["A.csv.gz", "A.fft", "A.csv"])
def test_a_compressed_file_stays_compressed(serve: Serve, connect: Connect, name: str) -> None:
    """Open question 4: neither name nor first bytes decide."""
    packed = gzip.compress(BODY)
    arriving = ask(serve, connect, Reply.of_file(packed, name, headers={"Content-Type": "application/gzip"}))
    assert isinstance(arriving, ArrivingFile)
    assert arriving.length == len(packed)
    assert b"".join(arriving.blocks()) == packed


def test_a_coded_file_that_ends_early_is_a_fault_even_without_a_length(serve: Serve, connect: Connect) -> None:
    packed = gzip.compress(os.urandom(400_000))
    for reply in (
        Reply.of_file(packed[:-1000], headers={"Content-Encoding": "gzip"}, length=None),
        Reply.of_file(packed, headers={"Content-Encoding": "gzip"}, cut=len(packed) - 5),
        Reply.of_file(packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"}),
    ):
        with pytest.raises(FaultError):
            fetch(serve, connect, reply)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, deflate"])
def test_an_unknown_coding_is_a_fault_not_a_file(serve: Serve, connect: Connect, coding: str) -> None:
    with pytest.raises(FaultError, match="was not asked for"):
        ask(serve, connect, Reply.of_file(BODY, headers={"Content-Encoding": coding}))


# A 200 that is not the file


@pytest.mark.parametrize(
    "reply",
    [
        Reply.of_page("Maintenance"),
        Reply.of_page(headers={"Content-Disposition": "attachement; filename=A.csv"}),
        Reply.of_file(b"\r\n<!doctype HTML><p>", "A.png"),
        Reply.of_file(b"<html>", "A.txt"),
        Reply.of_file(b"a,b\n", "A.csv", headers={"Content-Type": "text/html;charset=UTF-8"}),
        Reply.of_json({"errors": [{"errorCode": 5, "errorMessage": "gone wrong", "parameter": ""}]}),
        Reply.of_file(json.dumps({"errors": []}).encode(), "A.csv"),
        Reply.of_json({"status": "running", "message": "Running"}),
        Reply.of_json({"status": "error", "message": "Failed"}),
        Reply(200, b'{"errors":[{"errorCo', {"Content-Type": "application/json"}),
        Reply.of_file(b' {"status":"running","message":""}', "A.wav"),
    ],
    ids=lambda reply: reply.body[:40].decode(),
)
def test_a_good_status_that_is_not_the_file_is_a_fault(serve: Serve, connect: Connect, reply: Reply) -> None:
    """Open question 5."""
    with pytest.raises(FaultError, match=r"in place of the file|a page"):
        ask(serve, connect, reply)


LIES = [b"[]", b"null", b"7", b'"x"', b"[null]", b"{}", b"[[[", b"[" * 100_000, '{"a":1}'.encode("utf-16"), b"\xff{"]


@pytest.mark.parametrize("body", LIES, ids=lambda body: repr(body[:12]))
def test_json_that_nobody_calls_a_file_is_no_file(serve: Serve, connect: Connect, body: bytes) -> None:
    """F6, rule 7, onc-api.md 1.6: a product comes with a name, one in JSON too."""
    with pytest.raises(FaultError, match="in place of the file"):
        ask(serve, connect, Reply(200, body, {"Content-Type": "application/json;charset=UTF-8"}))
    assert fetch(serve, connect, Reply.of_file(body, "A.json", headers={"Content-Type": "application/json"})) == body


@pytest.mark.parametrize("body", [b"[]", b'{"a": 1}', b' [{"status": "x"}]\n'])
def test_a_body_that_is_all_json_is_no_file_whatever_its_type(serve: Serve, connect: Connect, body: bytes) -> None:
    """A bare number may be a text, and what is longer than a block is no answer of the service."""
    with pytest.raises(FaultError, match="in place of the file"):
        ask(serve, connect, Reply(200, body))
    for data in (b"7", b"null", b"[" + b" " * BLOCK_SIZE + b"]"):
        assert fetch(serve, connect, Reply(200, data)) == data


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("A.html", b"<html><body>report</body></html>", "text/html"),
        ("A.HTM", b"<!DOCTYPE html>", "text/html"),
        ("A.json", b'{"status":"ok","message":"a product"}', "application/json"),
        ("A.JSON", b'{"errors":[]}', "text/plain"),
        ("A.txt", b'{"status":"ok"}', "text/plain"),
        ("A.txt", b"{not json", "application/json"),
        ("A.csv", b'["errors"]', "text/csv"),
        ("A.xml", b'<?xml version="1.0"?><html/>', "application/xml"),
        ("A.txt", b'{"status":1,"message":2,"rest":"' + b"x" * 70_000 + b'"}', "text/plain"),
    ],
)
def test_a_product_that_resembles_an_error_is_a_product(
    serve: Serve, connect: Connect, name: str, body: bytes, kind: str
) -> None:
    assert fetch(serve, connect, Reply.of_file(body, name, headers={"Content-Type": kind})) == body


def test_the_services_words_are_in_the_fault(serve: Serve, connect: Connect) -> None:
    with pytest.raises(FaultError, match="gone wrong"):
        ask(serve, connect, Reply.of_errors((5, "gone wrong", "x"), status=200))


# Other statuses


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"message": "Running", "status": "running"}, "running", "Running"),
        ({"status": "queued"}, "queued", ""),
        ([{"status": "running", "message": "Running... writing"}], "running", "Running... writing"),
        ({}, "", ""),
        ([], "", ""),
        ("soon", "", ""),
        ({"status": "never heard of"}, "never heard of", ""),
    ],
)
def test_a_202_is_not_ready(serve: Serve, connect: Connect, body: Any, status: str, message: str) -> None:
    """onc-api.md 3.3: the message can be missing; open question 14: an unknown state keeps being polled."""
    assert ask(serve, connect, Reply.of_json(body, 202)) == NotReady(status, message)


@pytest.mark.parametrize("reply", [Reply(202), Reply.of_page("Wait", 202), Reply(202, b"\xff\xfe{")])
def test_a_202_counts_by_its_status_whatever_its_body(serve: Serve, connect: Connect, reply: Reply) -> None:
    """Open question 9."""
    assert ask(serve, connect, reply) == NotReady()


def test_a_202_carries_the_wait_it_asks_for(serve: Serve, connect: Connect) -> None:
    answer = ask(serve, connect, Reply.of_json({"status": "running"}, 202, headers={"Retry-After": "9"}))
    assert answer == NotReady("running", "", 9.0)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"status": "error", "message": "disk full"}, FailedRun("disk full", "failed")),
        ({"status": "ERROR"}, FailedRun("ERROR", "failed")),
        ([{"status": "failed"}], FailedRun("failed", "failed")),
        ({"status": "cancelled", "message": "by user"}, FailedRun("by user", "cancelled")),
        ({"status": "Canceled"}, FailedRun("Canceled", "cancelled")),
    ],
)
@pytest.mark.parametrize("status", [202, 400])
def test_a_failed_run_is_told_by_its_state(
    serve: Serve, connect: Connect, status: int, body: Any, answer: FailedRun
) -> None:
    """Open question 13: in a 202, or in the 400 of a cancelled run, which has no `errors`."""
    assert ask(serve, connect, Reply.of_json(body, status)) == answer


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"message": "no"}', b'{"errors": []}', b"<html></html>", b"Bad"])
def test_a_400_without_errors_is_a_cancelled_run(serve: Serve, connect: Connect, body: bytes) -> None:
    """onc-api.md 1.2, open question 9: the status decides, whatever else the body says."""
    answer = ask(serve, connect, Reply(400, body))
    assert isinstance(answer, FailedRun)
    assert answer.phase == "cancelled"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(404), EndOfFiles()),
        (Reply(404, b"", {"Content-Type": "text/html"}), EndOfFiles()),
        (Reply(404, b'{"message": "no"}', {"Content-Type": "text/html"}), EndOfFiles("no")),
        (Reply.of_json({"message": "no such index"}, 404), EndOfFiles("no such index")),
        (Reply.of_page("Not Found", 404), EndOfFiles("", is_page=True)),
        (Reply(204), NoData()),
        (Reply(410), Expired()),
        (Reply.of_json({"message": "deleted"}, 410), Expired("deleted")),
        (Reply.of_page("Gone", 410), Expired()),
    ],
    ids=str,
)
def test_the_end_no_data_and_expiry_are_told_apart_by_status(
    serve: Serve, connect: Connect, reply: Reply, answer: FileAnswer
) -> None:
    """onc-api.md 3.3, open questions 7 and 9."""
    assert ask(serve, connect, reply) == answer


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.of_errors((127, "Invalid parameter value", "dpRunId")), RefusedError),
        (Reply.of_json({"errors": [{"errorCode": 127}], "status": "error"}, 400), RefusedError),
        (Reply.of_errors((127, "Invalid", "token"), status=401), TokenError),
        (Reply(403), ForbiddenError),
        (Reply(429, headers={"Retry-After": "3"}), FaultError),
        (Reply.of_page("Down", 503), FaultError),
        (Reply.of_json({"status": "error", "message": "Internal"}, 500), FaultError),
        (Reply(206, b"part"), FaultError),
        (Reply(302, headers={"Location": "https://elsewhere.example/"}), FaultError),
    ],
    ids=str,
)
def test_every_other_answer_raises_once(
    serve: Serve, connect: Connect, sleeper: Sleeper, reply: Reply, kind: type[Exception]
) -> None:
    """Open question 45: transfers are scheduled by the engine; an outage with the word `error` fails no run."""
    service = serve([reply] * 2)
    with pytest.raises(kind) as caught:
        open_file(connect(service), 1, 1)
    assert type(caught.value) is kind
    assert (len(service.asked), sleeper.naps) == (1, [])


def test_attempts_may_be_asked_for(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    service = serve([Reply(503), Reply(503), Reply.of_file(b"x")])
    assert isinstance(open_file(connect(service), 1, 1, attempts=3), ArrivingFile)
    assert len(sleeper.naps) == 2


def test_no_words_of_an_answer_keep_the_token(serve: Serve, connect: Connect) -> None:
    answer = ask(serve, connect, Reply.of_json({"status": "running", "message": f"see ?token={TOKEN} or {TOKEN}"}, 202))
    assert answer == NotReady("running", "see ?token=*** or ***")


def test_an_arriving_file_is_closed_by_its_context_and_never_pickled(serve: Serve, connect: Connect) -> None:
    service = serve([Reply.of_file(BODY), Reply.of_json([])])
    session = connect(service)
    with open_file(session, 1, 1) as arriving:  # type: ignore[union-attr]
        assert repr(arriving) == "<ArrivingFile 'A.bin', 768000 bytes>"
        with pytest.raises(TypeError):
            pickle.dumps(arriving)
    session.get_json("api/x", {})
    assert service.connections == 2
