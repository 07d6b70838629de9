"""How the session asks: addresses, redirects, retries, connections, time-outs, and what each status becomes."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.api import RetryPolicy, Session, Timeouts
from oncsync.errors import (
    FaultError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OncsyncError,
    RefusedError,
    ServiceError,
    TokenError,
    UnreachableError,
)
from tests.api.conftest import NOW, TOKEN, Connect, Sleeper
from tests.support.scripted import Asked, Reply, Script, Serve

OK = Reply.of_json([1])


def fail(session: Session, path: str = "api/locations", attempts: int | None = 1) -> OncsyncError:
    """Asks a question that fails and gives its error."""
    with pytest.raises(OncsyncError) as caught:
        session.get_json(path, {}, attempts=attempts)
    return caught.value


def test_a_question_is_a_get_with_its_parameters_and_the_token(serve: Serve, connect: Connect) -> None:
    """onc-api.md 1: every service is a GET, the token travels in the query."""
    service = serve([OK])
    answer = connect(service).get_json(
        "api/locations", {"locationName": "Café & co", "dateFrom": "2016-06-01T00:00:00.000Z"}
    )
    assert (answer.status, answer.body) == (200, [1])
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("GET", "/api/locations")
    assert asked.query == {"locationName": "Café & co", "dateFrom": "2016-06-01T00:00:00.000Z", "token": TOKEN}
    assert asked.headers["user-agent"].startswith("oncsync/")


def test_the_parameters_of_the_caller_are_left_alone_and_bring_no_token(serve: Serve, connect: Connect) -> None:
    """P42: no token in the caller's filters, no other token on the way."""
    service = serve([OK])
    params = {"a": "1", "token": "another"}
    connect(service).get_json("api/x", params)
    assert params == {"a": "1", "token": "another"}
    assert service.asked[0].query == {"a": "1", "token": TOKEN}


def test_a_base_address_may_have_a_path(serve: Serve, connect: Connect) -> None:
    service = serve([OK])
    connect(service.url + "onc").get_json("/api/x", {})
    assert service.asked[0].path == "/onc/api/x"


def test_netrc_and_cookies_add_nothing(
    serve: Serve, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    service = serve([Reply.of_json([], headers={"Set-Cookie": "JSESSIONID=1; Path=/"}), OK])
    session = connect(service)
    session.get_json("api/x", {})
    session.get_json("api/x", {})
    for asked in service.asked:
        assert "authorization" not in asked.headers
        assert "cookie" not in asked.headers


def test_this_machine_is_never_asked_through_a_proxy(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve([])
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert connect(serve([OK])).get_json("api/x", {}).body == [1]
    assert proxy.asked == []


def test_https_goes_through_the_proxy_of_the_machine_without_showing_the_token(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve([Reply(403)])
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    error = fail(connect("https://data.example/"))
    assert isinstance(error, UnreachableError)
    assert "proxy" in error.message
    assert [(asked.method, asked.target) for asked in proxy.asked] == [("CONNECT", "data.example:443")]


@pytest.mark.parametrize("url", ["http://data.oceannetworks.ca/", "ftp://data.oceannetworks.ca/", "localhost"])
def test_only_https_or_this_machine_is_accepted(url: str) -> None:
    with pytest.raises(InputError):
        Session(url, TOKEN)


def test_a_token_that_cannot_be_one_is_refused_at_once() -> None:
    with pytest.raises(TokenError):
        Session("https://data.oceannetworks.ca/", "my token")


# Statuses


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (400, RefusedError, 3),
        (403, ForbiddenError, 3),
        (404, NotFoundError, 3),
        (405, RefusedError, 3),
        (408, FaultError, 3),
        (410, RefusedError, 3),
        (414, RefusedError, 3),
        (429, FaultError, 3),
        (500, FaultError, 3),
        (501, FaultError, 3),
        (502, FaultError, 3),
        (503, FaultError, 3),
        (504, FaultError, 3),
        (599, FaultError, 3),
        (201, FaultError, 3),
        (204, FaultError, 3),
        (206, FaultError, 3),
        (300, FaultError, 3),
        (304, FaultError, 3),
        (407, UnreachableError, 5),
    ],
)
@pytest.mark.parametrize("with_body", [True, False])
def test_each_status_has_its_error(
    serve: Serve, connect: Connect, status: int, kind: type[ServiceError], exit_code: int, with_body: bool
) -> None:
    """onc-api.md 1.2; open question 9: decided by the status alone, with any body."""
    body = {"errors": [{"errorCode": 1, "errorMessage": "why", "parameter": "p"}]}
    reply = Reply.of_json(body, status) if with_body and status not in (204, 304) else Reply(status)
    error = fail(connect(serve([reply])))
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert error.status == status
    assert "api/locations" in error.message or exit_code == 5


def test_a_refused_token_says_where_to_get_one(serve: Serve, connect: Connect) -> None:
    """R22: 401 names the tab and the button."""
    service = serve([Reply.of_errors((127, "Invalid parameter value", "token"), status=401)] * 2)
    error = fail(connect(service), attempts=5)
    assert isinstance(error, TokenError)
    assert error.exit_code == 4
    assert "Web Services API" in (error.hint or "")
    assert "Generate Token" in (error.hint or "")
    assert len(service.asked) == 1


def test_a_refusal_carries_code_text_and_parameter(serve: Serve, connect: Connect) -> None:
    """onc-api.md 1.3."""
    error = fail(connect(serve([Reply.of_errors((127, "Invalid parameter value", "locationCode"))])))
    assert isinstance(error, RefusedError)
    assert (error.code, error.text, error.parameter) == (127, "Invalid parameter value", "locationCode")
    assert error.message == (
        "`api/locations` at 127.0.0.1 refused the question: Invalid parameter value (code 127, `locationCode`)"
    )


def test_several_errors_are_all_told(serve: Serve, connect: Connect) -> None:
    """onc-api.md 1.3: several at once are possible."""
    reply = Reply.of_errors(
        (128, "Missing parameter", "dpo_a"), (128, "Missing too", "dpo_b/dpo_c"), (128, "", "dpo_a")
    )
    error = fail(connect(serve([reply])))
    assert isinstance(error, RefusedError)
    assert (error.code, error.text, error.parameter) == (128, "Missing parameter; Missing too", "dpo_a, dpo_b/dpo_c")


def test_errors_of_different_codes_have_no_common_code(serve: Serve, connect: Connect) -> None:
    error = fail(connect(serve([Reply.of_errors((127, "Bad", "a"), (129, "Unknown", "b"))])))
    assert isinstance(error, RefusedError)
    assert error.code is None
    assert "code 127" in error.message
    assert "code 129" in error.message


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(400), None),
        (Reply.of_json({"status": "cancelled"}, 400), "cancelled"),
        (Reply.of_json([{"message": "No longer"}], 400), "No longer"),
        (Reply.of_json("plain words", 400), "plain words"),
        (Reply.of_json({}, 400), None),
        (Reply(400, b"just text", {"Content-Type": "text/plain"}), None),
        (Reply.of_page("Bad Request", 400), None),
        (Reply(400, b"\xff\xfe\x00", {"Content-Type": "application/json"}), None),
    ],
)
def test_a_refusal_without_an_error_body_is_a_refusal(
    serve: Serve, connect: Connect, reply: Reply, text: str | None
) -> None:
    """onc-api.md 1.2: the 400 of a cancelled run has no `errors`."""
    error = fail(connect(serve([reply])))
    assert isinstance(error, RefusedError)
    assert (error.code, error.text, error.parameter) == (None, text, None)


@pytest.mark.parametrize("body", [b"", b" \n", b"[]", b'{"errors":[{"errorCode":1}]}'])
def test_a_404_of_the_service_is_nothing_found(serve: Serve, connect: Connect, body: bytes) -> None:
    """Open question 9: whatever type the body claims."""
    for kind in ("application/json", "text/html"):
        error = fail(connect(serve([Reply(404, body, {"Content-Type": kind})])))
        assert isinstance(error, NotFoundError)


@pytest.mark.parametrize(
    "reply",
    [
        Reply.of_page("Not Found", 404),
        Reply(404, b"<html>nothing</html>", {"Content-Type": "application/json"}),
        Reply(404, b"404 page not found", {"Content-Type": "text/plain"}),
    ],
)
def test_a_404_page_is_a_wrong_address_not_nothing_found(serve: Serve, connect: Connect, reply: Reply) -> None:
    """Open question 11: an outage never looks like "no data"."""
    service = serve([reply] * 2)
    error = fail(connect(service), attempts=2)
    assert isinstance(error, FaultError)
    assert "address" in (error.hint or "")
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply.of_page("Back at noon"), "a page titled `Back at noon`"),
        (Reply(200, b"<html><p>", {"Content-Type": "application/json"}), "a page"),
        (Reply(200, b'[{"a":', {"Content-Type": "application/json"}), "an answer that is no JSON"),
        (Reply(200, b""), "an empty answer"),
        (Reply(200, b"\xff\xff\xff", {}), "an answer that is no JSON"),
        (Reply.of_errors((99, "odd", "p"), status=200), "odd (code 99, `p`)"),
        (Reply(202, b"soon"), "an answer that is no JSON"),
    ],
)
def test_a_good_status_with_another_body_is_a_fault(serve: Serve, connect: Connect, reply: Reply, words: str) -> None:
    """Open question 5, for JSON services."""
    error = fail(connect(serve([reply])))
    assert isinstance(error, FaultError)
    assert words in error.message
    assert error.status == reply.status


def test_a_json_answer_has_a_bound(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.api.session.LARGEST_JSON", 1000)
    error = fail(connect(serve([Reply.of_json(["x" * 2000])])))
    assert isinstance(error, FaultError)
    assert "more than 1000 bytes" in error.message


def test_warnings_come_with_the_answer_and_hold_no_token(serve: Serve, connect: Connect) -> None:
    reply = Reply.of_json(
        {"messages": [f"a default was used, see ?token={TOKEN}"], "queryUrl": f"https://h/?token={TOKEN}"}
    )
    answer = connect(serve([reply])).get_json("api/x", {})
    assert answer.messages == ("a default was used, see ?token=***",)
    assert answer.body["queryUrl"] == "https://h/?token=***"


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_service_is_followed_with_one_token(serve: Serve, connect: Connect, status: int) -> None:
    service = serve([Reply(status, headers={"Location": f"/api/moved/?a=2&token={TOKEN}"}), OK])
    assert connect(service).get_json("api/x", {"a": "1"}).body == [1]
    assert service.asked[1].target == f"/api/moved/?a=2&token={TOKEN}"


@pytest.mark.parametrize(
    "form", ["{url}api/x?a=1", "//127.0.0.1:{port}/api/x", "https://127.0.0.1:{own}/x", "//localhost:{own}/x"]
)
def test_the_token_never_follows_a_redirect_elsewhere(serve: Serve, connect: Connect, form: str) -> None:
    """Open question 48: scheme, host and port must stay; the other server is not even connected to."""
    other = serve([OK])

    def redirect(asked: Asked) -> Reply:
        location = form.format(url=other.url, port=other.port, own=asked.headers["host"].rpartition(":")[2])
        return Reply(302, headers={"Location": location})

    service = serve(redirect)
    error = fail(connect(service), attempts=3)
    assert isinstance(error, FaultError)
    assert "token does not follow" in error.message
    assert (other.asked, other.connections) == ([], 0)
    assert len(service.asked) == 1


def test_redirects_come_to_an_end(serve: Serve, connect: Connect) -> None:
    service = serve(lambda asked: Reply(302, headers={"Location": asked.path + "x"}))
    assert "redirects more than 3 times" in fail(connect(service), attempts=2).message
    assert len(service.asked) == 4


@pytest.mark.parametrize("headers", [{}, {"Location": ""}, {"Location": "http://[x"}, {"Location": "http://h:port/"}])
def test_a_redirect_without_a_target_is_a_fault(serve: Serve, connect: Connect, headers: dict[str, str]) -> None:
    assert isinstance(fail(connect(serve([Reply(302, headers=headers)]))), FaultError)


# Retries


@pytest.mark.parametrize(
    "trouble",
    [
        *(Reply(status) for status in (429, 500, 502, 503, 504)),
        Reply.of_page(),
        Reply(200, b"[1,", length=None),
        Reply(200, b"[1, 2, 3]", cut=3),
        Reply(200, b"[1, 2, 3]", cut=3, reset=True),
        Reply(raw=b""),
        Reply(raw=b"no HTTP at all\r\n\r\n"),
        Reply(200, b"[1]", {"Content-Encoding": "gzip"}),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:9]!r}-{reply.cut}-{reply.raw!r}",
)
def test_a_passing_fault_is_asked_again(serve: Serve, connect: Connect, sleeper: Sleeper, trouble: Reply) -> None:
    """R180, open question 45: with a growing wait."""
    service = serve([trouble, trouble, OK])
    assert connect(service).get_json("api/x", {}).body == [1]
    assert sleeper.naps == [0.5, 1.0]


def test_attempts_are_bounded_and_the_last_error_is_told(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    service = serve([Reply(500)] * 4 + [Reply(503)] + [OK])
    error = fail(connect(service), attempts=None)
    assert isinstance(error, FaultError)
    assert error.status == 503
    assert len(service.asked) == 5
    assert sleeper.naps == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_never_asked_again(serve: Serve, connect: Connect, sleeper: Sleeper, status: int) -> None:
    """Open questions 45 and 46: no retry is burnt on it."""
    service = serve([Reply(status)] * 2)
    fail(connect(service), attempts=5)
    assert len(service.asked) == 1
    assert sleeper.naps == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_waits_are_jittered_between_zero_and_the_bound(serve: Serve, connect: Connect, share: float) -> None:
    naps: list[float] = []
    session = connect(
        serve([Reply(500)] * 3 + [OK]),
        retry=RetryPolicy(attempts=4, first=1.0, cap=2.0),
        jitter=lambda: share,
        sleep=naps.append,
    )
    session.get_json("api/x", {})
    assert naps == [pytest.approx(share * bound) for bound in (1.0, 2.0, 2.0)]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_honoured(serve: Serve, connect: Connect, sleeper: Sleeper, status: int) -> None:
    """Open question 44: never earlier than asked, spread by the jitter."""
    service = serve([Reply(status, headers={"Retry-After": "30"}), OK])
    connect(service).get_json("api/x", {})
    assert sleeper.naps == [30.5]


def test_retry_after_as_a_date_counts_from_the_services_own_clock(
    serve: Serve, connect: Connect, sleeper: Sleeper
) -> None:
    service_time = NOW + timedelta(hours=3)
    headers = {
        "Date": format_datetime(service_time, usegmt=True),
        "Retry-After": format_datetime(service_time + timedelta(seconds=42), usegmt=True),
    }
    connect(serve([Reply(503, headers=headers), OK])).get_json("api/x", {})
    assert sleeper.naps == [42.5]


def test_retry_after_is_capped(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    connect(serve([Reply(503, headers={"Retry-After": "86400"}), OK])).get_json("api/x", {})
    assert sleeper.naps == [600.5]


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_every_error_carries_the_retry_after_it_came_with(serve: Serve, connect: Connect, status: int) -> None:
    error = fail(connect(serve([Reply(status, headers={"Retry-After": "7"})])))
    assert isinstance(error, ServiceError)
    assert error.retry_after == 7.0


def test_a_pause_that_one_thread_met_holds_for_the_session(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    """Open question 44: one shared wait for all workers."""
    session = connect(serve([Reply(429, headers={"Retry-After": "20"}), OK, OK]))
    assert session.pause_left == 0.0
    fail(session, attempts=1)
    assert session.pause_left == 20.0
    session.get_json("api/x", {}, attempts=1)
    assert sleeper.naps == [20.5], "a little longer, so that not everybody comes in one instant"
    assert session.pause_left == 0.0
    session.get_json("api/x", {}, attempts=2)
    assert sleeper.naps == [20.5]


# Connections


def test_questions_share_one_connection(serve: Serve, connect: Connect) -> None:
    service = serve(lambda asked: Reply.of_file(b"x" * 300_000) if asked.path == "/f" else OK)
    session = connect(service)
    for _ in range(5):
        session.get_json("api/x", {})
        with session.open_stream("f", {}) as stream:
            assert len(stream.read(1_000_000)) == 300_000
    assert len(service.asked) == 10
    assert service.connections == 1


def test_answers_with_an_error_keep_the_connection(serve: Serve, connect: Connect) -> None:
    service = serve([Reply.of_errors((127, "Bad", "a")), Reply(404), Reply(503), OK])
    session = connect(service)
    for _ in range(3):
        fail(session)
    session.get_json("api/x", {})
    assert service.connections == 1


def test_a_stream_that_is_left_early_does_not_disturb_the_next_question(serve: Serve, connect: Connect) -> None:
    service = serve([Reply.of_file(b"x" * 900_000), OK])
    session = connect(service)
    with session.open_stream("f", {}) as stream:
        next(stream.blocks())
    assert session.get_json("api/x", {}).body == [1]
    assert service.connections == 2


def test_the_pool_keeps_a_connection_for_each_thread(serve: Serve, connect: Connect) -> None:
    """As many connections as threads, each kept and used again."""
    threads = 6
    barrier = threading.Barrier(threads)

    def together(asked: Asked) -> Reply:
        barrier.wait(10)
        return Reply.of_json(asked.query["n"])

    service = serve(together)
    session = connect(service, pool_size=threads)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            bodies = pool.map(lambda n: session.get_json("api/x", {"n": str(n)}).body, range(threads))
            assert list(bodies) == [str(n) for n in range(threads)]
    assert len(service.asked) == 3 * threads
    assert service.connections == threads


# Time-outs and unreachable services


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_refused_connection_is_unreachable(connect: Connect, sleeper: Sleeper) -> None:
    error = fail(connect(f"http://127.0.0.1:{unused_port()}/"), attempts=3)
    assert isinstance(error, UnreachableError)
    assert error.exit_code == 5
    assert error.message == "Cannot reach 127.0.0.1: the connection was refused"
    assert "nothing is lost" in (error.hint or "")
    assert len(sleeper.naps) == 2


def test_a_name_that_does_not_resolve_is_unreachable(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = fail(connect("https://data.example/"))
    assert isinstance(error, UnreachableError)
    assert "cannot be resolved" in error.message


def test_a_service_that_never_answers_meets_the_first_byte_limit(serve: Serve, connect: Connect) -> None:
    """R180, R182, open question 47: a message in words, with the limit."""
    session = connect(serve([Reply(stall=-1)]), timeouts=Timeouts(connect=5, first_byte=0.1, idle=60))
    error = fail(session)
    assert isinstance(error, UnreachableError)
    assert error.message == "Cannot reach 127.0.0.1: no answer within 0.1 s"


def test_a_connect_time_out_is_told_in_words(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """R182."""

    def slow(*_: object, **__: object) -> socket.socket:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", slow)
    error = fail(connect("http://127.0.0.1:9/", timeouts=Timeouts(connect=10)))
    assert isinstance(error, UnreachableError)
    assert error.message == "Cannot reach 127.0.0.1: no connection within 10 s"


def test_what_does_not_speak_tls_is_unreachable(connect: Connect) -> None:
    """A server that answers a handshake with anything else is told from one that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)  # the handshake, so that closing does not reset the connection
                connection.sendall(b"this is no handshake\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        error = fail(connect(f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join()
    assert isinstance(error, UnreachableError)
    assert "encrypted connection failed" in error.message or "closed" in error.message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_a_service_error(serve: Serve, connect: Connect, raw: bytes) -> None:
    assert isinstance(fail(connect(serve([Reply(raw=raw)]))), (UnreachableError, FaultError))


# The rest


def test_the_clock_offset_is_known_after_an_answer(serve: Serve, connect: Connect) -> None:
    late = format_datetime(NOW + timedelta(minutes=10), usegmt=True)
    session = connect(
        serve([OK, Reply.of_json([], headers={"Date": late}), Reply.of_json([], headers={"Date": "odd"})])
    )
    offsets: list[float | None] = [session.clock_offset]
    for _ in range(3):
        session.get_json("api/x", {})
        offsets.append(session.clock_offset)
    assert offsets == [None, None, 600.0, 600.0]


def test_a_message_reaches_the_callback_without_the_token(connect: Connect, sleeper: Sleeper) -> None:
    connect("https://h/").tell(f"see https://h/?token={TOKEN}")
    assert sleeper.told == ["see https://h/?token=***"]


def test_a_message_is_told_once_in_a_session(
    connect: Connect, sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncsync.api.session.MOST_REMEMBERED", 2)
    session = connect("https://h/")
    for text in ("a", "a", "b", f"token={TOKEN}", "a"):
        session.tell(text)
    assert sleeper.told == ["a", "b", "token=***"]


def test_without_a_callback_messages_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with Session("https://h/", TOKEN) as session:
        session.tell("something odd")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("WARNING", "something odd")]


@pytest.mark.parametrize("script", [[Reply(500, b"why")], [Reply.of_json([1])]])
def test_open_stream_asks_once_and_raises_for_what_was_not_accepted(
    serve: Serve, connect: Connect, sleeper: Sleeper, script: Script
) -> None:
    session = connect(serve(script))
    with pytest.raises(FaultError) as caught:
        session.open_stream("f", {}, accepted=(202,))
    assert caught.value.status in (500, 200)
    assert sleeper.naps == []


def test_the_session_tells_its_service_and_nothing_else(connect: Connect) -> None:
    session = connect("https://data.oceannetworks.ca")
    assert repr(session) == "Session('https://data.oceannetworks.ca/', Token(***))"
    assert (session.base_url, session.host) == ("https://data.oceannetworks.ca/", "data.oceannetworks.ca")


def test_the_default_clock_is_utc(serve: Serve) -> None:
    date = format_datetime(datetime.now(NOW.tzinfo), usegmt=True)
    service = serve([Reply.of_json([], headers={"Date": date})])
    with Session(service.url, TOKEN) as session:
        session.get_json("api/x", {})
        assert session.clock_offset is not None
        assert abs(session.clock_offset) < 60
