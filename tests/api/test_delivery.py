"""Orders: request, run, cancel, restart, status, and what a run's state means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import (
    Citation,
    OrderStatus,
    OrderTicket,
    Run,
    RunAnswer,
    Session,
    cancel_order,
    order_phase,
    order_status,
    request_product,
    restart_order,
    run_order,
    run_phase,
)
from oncsync.api.delivery import parse_seconds
from oncsync.errors import FaultError, RefusedError, UnreachableError
from tests.api.conftest import TOKEN, Connect, Sleeper
from tests.support.scripted import Reply, Serve

PARAMS = {"dataProductCode": "TSSD", "extension": "csv", "dpo_qualityControl": "1"}
GENERATED = {
    "dpRequestId": 28000001,
    "estimatedFileSize": "151 kB",
    "estimatedProcessingTime": "20 s",
    "citations": [
        {"citation": "Somebody.", "doi": "10.1/x", "landingPageUrl": "https://doi.org/10.1/x", "queryPid": 33}
    ],
    "queryPids": [33],
    "messages": ["a default was used"],
    "queryURL": f"https://h/api/dataProductDelivery/request?a=1&token={TOKEN}&dpo_resample=none",
    "disclaimer": "rough",
}


def order(serve: Serve, connect: Connect, body: Any, **rest: Any) -> OrderTicket:
    return request_product(connect(serve([Reply.of_json(body, **rest)])), PARAMS)


def test_a_request_is_sent_as_it_is_and_its_ticket_read(serve: Serve, connect: Connect) -> None:
    """onc-api.md 3.1; the address that comes back holds no token."""
    service = serve([Reply.of_json(GENERATED)])
    ticket = request_product(connect(service), PARAMS)
    assert service.asked[0].path == "/api/dataProductDelivery/request"
    assert service.asked[0].query == {**PARAMS, "token": TOKEN}
    assert ticket == OrderTicket(
        dp_request_id=28000001,
        estimated_file_size="151 kB",
        estimated_processing_time=20.0,
        citations=(
            Citation(citation="Somebody.", doi="10.1/x", landing_page_url="https://doi.org/10.1/x", query_pid=33),
        ),
        query_pids=(33,),
        query_url="https://h/api/dataProductDelivery/request?a=1&token=***&dpo_resample=none",
        messages=("a default was used",),
    )


def test_an_archived_product_has_other_estimates(serve: Serve, connect: Connect) -> None:
    """onc-api.md 3.1, open question 25."""
    body = {
        "dpRequestId": "1852000",
        "numFiles": 3,
        "fileSize": 27146541.0,
        "compressedFileSize": 7,
        "downloadTimes": {},
    }
    ticket = order(serve, connect, body)
    assert (ticket.dp_request_id, ticket.num_files, ticket.file_size) == (1852000, 3, 27146541)
    assert (ticket.estimated_file_size, ticket.estimated_processing_time) == (None, None)


@pytest.mark.parametrize("body", [{"dpRequestId": 5}, [{"dpRequestId": 5}]])
def test_only_the_id_is_needed(serve: Serve, connect: Connect, body: Any) -> None:
    """Open question 25: all estimates are optional."""
    assert order(serve, connect, body) == OrderTicket(dp_request_id=5)


def test_odd_estimates_do_not_lose_the_order(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    ticket = order(
        serve,
        connect,
        {
            "dpRequestId": 5,
            "numFiles": "some",
            "queryPids": 33,
            "citations": {"doi": "10.1/x"},
            "estimatedFileSize": 150,
        },
    )
    assert ticket == OrderTicket(
        dp_request_id=5, query_pids=(33,), citations=(Citation(doi="10.1/x"),), estimated_file_size="150"
    )
    assert len(sleeper.told) == 1


def test_warnings_of_every_spelling_are_on_the_ticket(serve: Serve, connect: Connect) -> None:
    """onc-api.md 1.4: restricted data may be mentioned in `warningMessages` only."""
    ticket = order(serve, connect, {"dpRequestId": 5, "messages": [], "warningMessages": ["some data are restricted"]})
    assert ticket.messages == ("some data are restricted",)


@pytest.mark.parametrize(
    "body", [{}, [], [{"dpRequestId": 1}, {"dpRequestId": 2}], {"dpRequestId": "x"}, {"dpRequestId": None}, "x"]
)
def test_an_answer_without_one_id_is_a_fault(serve: Serve, connect: Connect, body: Any) -> None:
    with pytest.raises(FaultError, match="another kind"):
        order(serve, connect, body)


@pytest.mark.parametrize(("code", "text"), [(33, "no data"), (128, "Missing Parameter.  Expected values: OD, LPF")])
def test_a_refused_request_carries_its_code(serve: Serve, connect: Connect, code: int, text: str) -> None:
    """onc-api.md 1.3: 33 is no data, 128 names the option."""
    service = serve([Reply.of_errors((code, text, "dpo_x"))])
    with pytest.raises(RefusedError) as caught:
        request_product(connect(service), PARAMS)
    assert (caught.value.code, caught.value.text, caught.value.parameter) == (code, text, "dpo_x")


EVERY: list[Callable[..., Any]] = [
    lambda session, **rest: request_product(session, PARAMS, **rest),
    lambda session, **rest: run_order(session, 7, **rest),
    lambda session, **rest: cancel_order(session, 7, **rest),
    lambda session, **rest: restart_order(session, 7, **rest),
    lambda session, **rest: order_status(session, 7, **rest),
]


@pytest.mark.parametrize("ask", EVERY)
def test_each_asks_once_unless_told_otherwise(
    serve: Serve, connect: Connect, sleeper: Sleeper, ask: Callable[..., Any]
) -> None:
    """Open question 45: a second request would be a second order, so the engine decides."""
    service = serve([Reply(503)] * 4)
    with pytest.raises(FaultError):
        ask(connect(service))
    assert (len(service.asked), sleeper.naps) == (1, [])
    with pytest.raises(FaultError):
        ask(connect(service), attempts=3)
    assert len(service.asked) == 4


def run(serve: Serve, connect: Connect, body: Any, status: int = 202) -> RunAnswer:
    return run_order(connect(serve([Reply.of_json(body, status)])), 7)


@pytest.mark.parametrize(("status", "is_finished"), [(202, False), (200, True)])
def test_a_run_tells_its_id_state_and_files(serve: Serve, connect: Connect, status: int, is_finished: bool) -> None:
    """onc-api.md 3.2: 202 while working, 200 when finished."""
    service = serve([Reply.of_json([{"dpRunId": 56000001, "fileCount": 2, "status": "data product running"}], status)])
    answer = run_order(connect(service), 28000001)
    assert service.asked[0].path == "/api/dataProductDelivery/run"
    assert service.asked[0].query == {"dpRequestId": "28000001", "token": TOKEN}
    expected = Run(dp_run_id=56000001, status="data product running", file_count=2)
    assert answer == RunAnswer((expected,), is_finished, status)


def test_several_runs_are_all_read(serve: Serve, connect: Connect) -> None:
    """Open question 17."""
    answer = run(
        serve, connect, [{"dpRunId": 1, "status": "complete"}, {"dpRunId": "2", "status": "queued", "fileCount": None}]
    )
    assert [(one.dp_run_id, one.status, one.file_count) for one in answer.runs] == [
        (1, "complete", None),
        (2, "queued", None),
    ]


def test_a_single_run_may_come_as_an_object(serve: Serve, connect: Connect) -> None:
    assert run(serve, connect, {"dpRunId": 1}).runs == (Run(dp_run_id=1),)


@pytest.mark.parametrize("body", [[], None])
def test_no_run_yet_is_no_fault(serve: Serve, connect: Connect, body: Any) -> None:
    assert run(serve, connect, body).runs == ()


@pytest.mark.parametrize("body", [[{"status": "queued"}], ["x"], {"message": "wait"}, 5])
def test_entries_without_a_run_are_a_fault(serve: Serve, connect: Connect, body: Any) -> None:
    with pytest.raises(FaultError, match="no run in it has an id"):
        run(serve, connect, body)


def test_an_unknown_order_is_refused_with_its_code(serve: Serve, connect: Connect) -> None:
    """onc-api.md 3.4."""
    with pytest.raises(RefusedError) as caught:
        run_order(connect(serve([Reply.of_errors((127, "Invalid search header ID.", "dpRequestId"))])), 7)
    assert caught.value.code == 127


@pytest.mark.parametrize(("ask", "name"), [(cancel_order, "cancel"), (restart_order, "restart")])
def test_cancel_and_restart_tell_the_runs(
    serve: Serve, connect: Connect, ask: Callable[[Session, int], tuple[Run, ...]], name: str
) -> None:
    """onc-api.md 3.4."""
    service = serve([Reply.of_json([{"dpRunId": 1, "status": "cancelled"}])])
    assert ask(connect(service), 7) == (Run(dp_run_id=1, status="cancelled"),)
    assert service.asked[0].path == f"/api/dataProductDelivery/{name}"


@pytest.mark.parametrize(
    ("body", "state"),
    [({"searchHdrStatus": "OPEN"}, "OPEN"), ([{"searchHdrStatus": "COMPLETED"}], "COMPLETED"), ({}, None), ([], None)],
)
def test_the_status_of_an_order_is_read_as_far_as_it_goes(
    serve: Serve, connect: Connect, body: Any, state: str | None
) -> None:
    """onc-api.md 3.4, open question 24."""
    assert order_status(connect(serve([Reply.of_json(body)])), 7).search_hdr_status == state


@pytest.mark.parametrize("ask", [run_order, cancel_order, restart_order, order_status])
def test_what_the_service_says_beside_an_order_is_told_once(
    serve: Serve, connect: Connect, sleeper: Sleeper, ask: Callable[[Session, int], Any]
) -> None:
    """Open question 46: in an object and in the entries of a list, however often the order is polled."""
    row = {"dpRunId": 1, "status": "queued", "searchHdrStatus": "OPEN"}
    rows = [{**row, "messages": ["restricted"]}, {**row, "dpRunId": 2, "warningMessages": ["slow", "restricted"]}]
    session = connect(serve([Reply.of_json(rows), Reply.of_json(rows), Reply.of_json({**row, "warnings": "late"})]))
    for _ in range(3):
        ask(session, 7)
    assert sleeper.told == ["restricted", "slow", "late"]


def test_a_lost_connection_is_told_as_such(serve: Serve, connect: Connect) -> None:
    with pytest.raises(UnreachableError):
        run_order(connect(serve([Reply(raw=b"")])), 7)


@pytest.mark.parametrize(
    ("text", "finished", "phase"),
    [
        ("queued", False, "working"),
        ("data product running", False, "working"),
        ("complete", True, "complete"),
        ("complete", False, "complete"),
        ("Completed", False, "complete"),
        ("COMPLETE", True, "complete"),
        ("error", False, "failed"),
        ("error", True, "failed"),
        ("ERROR: disk full", False, "failed"),
        ("Failed", True, "failed"),
        ("failure", False, "failed"),
        ("data product error", False, "failed"),
        ("cancelled", False, "cancelled"),
        ("Canceled", True, "cancelled"),
        ("data product cancelled", False, "cancelled"),
        ("", False, "working"),
        ("", True, "complete"),
        ("resting", False, "working"),
        ("resting", True, "complete"),
        ("running without error", False, "working"),
        ("cancelling", False, "working"),
        ("completing", False, "working"),
        ("errors", False, "working"),
    ],
)
def test_a_state_means_the_same_in_any_case(text: str, finished: bool, phase: str) -> None:
    """Open questions 13 and 14."""
    assert run_phase(text, finished) == phase


@given(st.text(max_size=30))
def test_an_unknown_state_never_ends_a_run_as_failed(text: str) -> None:
    """Open question 14: bounded by a deadline, not by our guess."""
    known = ("error", "fail", "cancel", "complete")
    if not any(word in text.lower() for word in known):
        assert run_phase(text, False) == "working"
        assert run_phase(text, True) == "complete"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20 s", 20.0),
        ("20s", 20.0),
        ("1.5 min", 90.0),
        ("2 minutes", 120.0),
        ("3 m", 180.0),
        ("1 hour", 3600.0),
        ("2 Hours", 7200.0),
        ("1 h", 3600.0),
        ("1 day", 86400.0),
        ("5", 5.0),
        ("30 sec.", 30.0),
        (30, 30.0),
        (2.5, 2.5),
        (-1, None),
        ("soon", None),
        ("5 fortnights", None),
        ("5 ss s", None),
        ("", None),
        (None, None),
        (True, None),
        ([5], None),
        ({}, None),
    ],
)
def test_estimates_are_read_leniently(text: Any, seconds: float | None) -> None:
    """onc-api.md 3.1, open question 26."""
    assert parse_seconds(text) == seconds


@given(st.text(max_size=30))
def test_no_estimate_breaks_an_order(text: str) -> None:
    seconds = parse_seconds(text)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("OPEN", "open"),
        ("COMPLETED", "over"),
        ("Complete", "over"),
        (" open ", "open"),
        ("CART", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_state_of_an_order_is_known_by_two_words(word: str | None, phase: str) -> None:
    assert order_phase(OrderStatus(search_hdr_status=word)) == phase
