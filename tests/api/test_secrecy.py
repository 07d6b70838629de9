"""The token is in nothing that can be shown: R181, P41, P42, open question 50."""

from __future__ import annotations

import gc
import io
import logging
import pickle
import pprint
import socket
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest
import requests

from oncsync.api import (
    ArrivingFile,
    Session,
    StreamAnswer,
    get_availability,
    get_locations,
    list_archive_files,
    open_archive_file,
    open_file,
    request_product,
    run_order,
)
from oncsync.errors import OncsyncError, ServiceError
from tests.api.conftest import TOKEN, Connect
from tests.support.scripted import Asked, Reply, Serve

ECHO = f"https://data.example/api/x?a=1&token={TOKEN}"


def echo(status: int, kind: str = "application/json") -> Callable[[Asked], Reply]:
    """Answers with the token wherever a service could put it."""

    def answer(asked: Asked) -> Reply:
        body = {
            "errors": [{"errorCode": 127, "errorMessage": f"bad {TOKEN}", "parameter": f"token={TOKEN}"}],
            "queryUrl": ECHO,
            "message": ECHO,
            "status": TOKEN,
        }
        if kind == "text/html":
            return Reply.of_page(f"{asked.target} {TOKEN}", status)
        if kind == "text/plain":
            return Reply(status, f"{asked.target} {TOKEN.upper()}".encode(), {"Content-Type": kind})
        return Reply.of_json(
            body, status, headers={"X-Echo": asked.target, "Location": f"https://evil.example{asked.target}"}
        )

    return answer


TROUBLES: dict[str, Any] = {
    **{
        f"{status}-{kind}": echo(status, kind)
        for status in (200, 302, 400, 401, 403, 404, 410, 429, 500, 503)
        for kind in ("application/json", "text/html", "text/plain")
    },
    "cut": [Reply(200, b"[" + TOKEN.encode() * 99, cut=50)],
    "no-http": [Reply(raw=TOKEN.encode() + b"\r\n\r\n")],
    "no-answer": [Reply(raw=b"")],
    "bad-header": [Reply(raw=f"HTTP/1.1 200 OK\r\nContent-Length: 1, 2{TOKEN}\r\n\r\n".encode())],
    "bad-location": [Reply(301, headers={"Location": f"http://[{TOKEN}"})],
    "bad-coding": [Reply(200, b"x", {"Content-Encoding": f"token={TOKEN}"})],
    "bad-gzip": [Reply(200, TOKEN.encode(), {"Content-Encoding": "gzip"})],
}


def chain(error: BaseException | None) -> list[BaseException]:
    """Gives an error with everything that hangs on it, shown or not."""
    found: list[BaseException] = []
    pending = [error]
    while pending:
        link = pending.pop()
        if link is None or any(link is seen for seen in found):
            continue
        found.append(link)
        pending += [link.__cause__, link.__context__]
    return found


def locals_of(trace: TracebackType | None) -> list[Any]:
    """Gives the variables of our own functions that a verbose traceback would show."""
    values: list[Any] = []
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith("oncsync"):
            values += [repr(value) for value in trace.tb_frame.f_locals.values()]
        trace = trace.tb_next
    return values


def everything_shown(error: BaseException) -> str:
    """Gives every text that a person, a log or a pickle could make of an error."""
    shown: list[Any] = []
    for link in chain(error):
        shown += [str(link), repr(link), repr(vars(link)), link.args, locals_of(link.__traceback__)]
        shown.append(pickle.dumps(link).decode("latin-1"))
    shown.append("".join(traceback.format_exception(error)))
    verbose = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown.append("".join(line for line in verbose.format() if "tests/" not in line and "tests\\" not in line))
    if isinstance(error, OncsyncError):
        shown.append(error.render())
    return pprint.pformat(shown, width=1000)


def assert_secret(text: str) -> None:
    assert TOKEN.lower() not in text.lower()


QUESTIONS: list[Callable[[Session], Any]] = [
    lambda session: session.get_json("api/x", {"a": "1"}, attempts=2),
    lambda session: open_file(session, 1, 1),
    lambda session: request_product(session, {"a": "1"}),
    lambda session: run_order(session, 1),
    get_locations,
    lambda session: list_archive_files(session, device_code="D"),
    lambda session: open_archive_file(session, "a.txt"),
    lambda session: get_availability(session, device_code="D"),
]


@pytest.mark.parametrize("name", sorted(TROUBLES))
@pytest.mark.parametrize("question", range(len(QUESTIONS)))
def test_no_trouble_shows_the_token(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture, name: str, question: int
) -> None:
    """R181: "Max retries exceeded with url: /api/...?token=" is what others print."""
    trouble = TROUBLES[name]
    session = connect(serve(trouble if callable(trouble) else trouble * 5))
    with caplog.at_level(logging.DEBUG):
        try:
            answer = QUESTIONS[question](session)
        except OncsyncError as error:
            assert_secret(everything_shown(error))
        else:
            assert_secret(repr(answer))
    assert_secret(caplog.text)
    assert_secret(repr([vars(record) for record in caplog.records]))


def test_an_unreachable_service_does_not_show_the_token(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """R181: the very case of the README that printed one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    session = connect(f"http://127.0.0.1:{port}/")
    with caplog.at_level(logging.DEBUG), pytest.raises(ServiceError) as caught:
        session.get_json("api/x", {}, attempts=3)
    assert_secret(everything_shown(caught.value))
    assert chain(caught.value) == [caught.value]
    assert_secret(caplog.text)


def test_a_body_that_breaks_off_drags_nothing_along(serve: Serve, connect: Connect) -> None:
    arriving = open_file(connect(serve([Reply.of_file(b"x" * 900_000, cut=600_000)])), 1, 1)
    assert isinstance(arriving, ArrivingFile)
    with pytest.raises(ServiceError) as caught:
        list(arriving.blocks())
    assert chain(caught.value) == [caught.value]
    assert_secret(everything_shown(caught.value))


def test_the_http_library_logs_its_questions_without_the_token(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 logs the path with its query; a handler of its own sees no token either."""
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    library = logging.getLogger("urllib3.connectionpool")
    library.addHandler(handler)
    try:
        with caplog.at_level(logging.DEBUG):
            connect(serve([Reply.of_json([])])).get_json("api/x", {"a": "1"})
    finally:
        library.removeHandler(handler)
    assert "/api/x?a=1&token=*** HTTP/1.1" in shown.getvalue()
    assert "/api/x?a=1&token=*** HTTP/1.1" in caplog.text
    assert_secret(shown.getvalue() + caplog.text)


def test_our_own_log_tells_what_was_asked_without_the_token(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="oncsync"):
        connect(serve([Reply.of_json([])])).get_json("api/x", {"locationCode": "BACAX"})
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("oncsync")]
    assert "`api/x` at 127.0.0.1: 200" in line
    assert "BACAX" in line
    assert_secret(line)


def test_the_session_never_shows_and_never_leaves_the_process(connect: Connect) -> None:
    session = connect("https://data.example/")
    for text in (repr(session), str(session), pprint.pformat(vars(session)), pprint.pformat(vars(session._requests))):
        assert_secret(text)
    with pytest.raises(TypeError, match="cannot be pickled") as caught:
        pickle.dumps(session)
    assert_secret(everything_shown(caught.value))


def reachable(root: Any, depth: int = 6) -> list[Any]:
    """Gives what hangs on an object, as a debugger or a memory dump of it would show."""
    found: dict[int, Any] = {}
    level = [root]
    for _ in range(depth):
        level = [
            child
            for child in gc.get_referents(*level)
            if id(child) not in found
            and isinstance(child, (str, bytes, dict, list, tuple, object))
            and not isinstance(child, type)
            and getattr(type(child), "__module__", "") != "types"
            and type(child).__name__
            not in ("module", "function", "frame", "Token", "builtin_function_or_method", "method", "cell")
        ]
        found.update((id(child), child) for child in level)
        if not level:
            break
    return list(found.values())


def test_an_open_answer_holds_no_address_and_is_never_pickled(serve: Serve, connect: Connect) -> None:
    """`requests.Response` keeps the address with the token in two places; ours keeps it in none."""
    stream = connect(serve([Reply.of_file(b"x" * 900_000)])).open_stream("api/f", {"a": "1"})
    assert repr(stream) == "<StreamAnswer 200 of `api/f` at 127.0.0.1>"
    assert str(stream) == repr(stream)
    with pytest.raises(TypeError):
        pickle.dumps(stream)
    held = reachable(stream)
    assert not any(isinstance(value, (requests.Response, requests.PreparedRequest)) for value in held)
    assert not any(TOKEN in value for value in held if isinstance(value, str))
    assert not any(TOKEN.encode() in value for value in held if isinstance(value, bytes))
    stream.close()


def test_the_answer_to_a_json_question_shows_no_body(serve: Serve, connect: Connect) -> None:
    answer = connect(serve([Reply.of_json({"queryUrl": ECHO, "messages": [ECHO]})])).get_json("api/x", {})
    assert_secret(repr(answer) + str(answer) + repr(answer.body))
    assert_secret(pickle.dumps(answer).decode("latin-1"))


def test_the_wrapper_of_an_answer_is_what_open_stream_gives(serve: Serve, connect: Connect) -> None:
    with connect(serve([Reply.of_file(b"x")])).open_stream("api/f", {}) as stream:
        assert isinstance(stream, StreamAnswer)
        assert not hasattr(stream, "__dict__")
