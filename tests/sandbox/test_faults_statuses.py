"""Each fault that answers in the place of the service, seen on a socket."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from oncsync.sandbox import Fault
from tests.sandbox.asking import NOW
from tests.sandbox.wire import DOWNLOAD, LISTING, ORDER, RUN, on_the_wire, shows

STATUSES = (400, 401, 403, 404, 410, 416, 429, 500, 502, 503, 504)
BACAX = {"locationCode": "BACAX"}


@shows(*(f"status-{status}" for status in STATUSES))
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_answered_in_the_place_of_the_service(status: int) -> None:
    """By default as JSON below 500, as a page from 500 on; the order is not taken."""
    with on_the_wire(Fault(f"status-{status}", on="dataProductDelivery/request", times=1)) as wire:
        answer = wire("dataProductDelivery/request", **ORDER)
        assert answer.status == status
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        if status >= 500:
            assert answer.headers["Content-Type"].startswith("text/html")
        elif status != 416:
            assert answer.json["errors"][0]["errorCode"] == 127
        assert wire("dataProductDelivery/request", **ORDER).status == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("json", '{"errors":[{"errorCode":130,"errorMessage":"Odd","parameter":"a/b"}]}'),
        ("message", '{"status":"error","message":"Odd"}'),
        ("list", "[]"),
        ("empty", ""),
    ],
)
def test_the_body_of_a_refusal_is_switchable(body: str, expected: str) -> None:
    with on_the_wire(Fault("status-404", on="locations", body=body, code=130, text="Odd", parameter="a/b")) as wire:
        answer = wire("locations", **BACAX)
        assert (answer.status, answer.body.decode()) == (404, expected)


def test_a_404_may_be_a_page() -> None:
    with on_the_wire(Fault("status-404", on="locations", body="html")) as wire:
        answer = wire("locations", **BACAX)
        assert answer.status == 404
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_absent_or_seconds_or_a_date(status: int) -> None:
    name = f"status-{status}"
    rules = (
        Fault(name, on="locations", nth=[1]),
        Fault(name, on="locations", nth=[1], retry_after=7),
        Fault(name, on="locations", nth=[1], retry_after=90, retryAfterForm="date"),
    )
    with on_the_wire(*rules) as wire:
        dated, in_seconds, absent = (wire("locations", **BACAX).headers.get("Retry-After") for _ in range(3))
    assert absent is None
    assert in_seconds == "7"
    assert dated is not None
    assert (parsedate_to_datetime(dated) - NOW).total_seconds() == 90


@pytest.mark.parametrize("accepted", [False, True])
def test_a_refusal_may_hide_that_the_question_was_accepted(accepted: bool) -> None:
    with on_the_wire(Fault("status-503", on=RUN, times=1, accepted=accepted)) as wire:
        request_id = wire.order()
        assert wire(RUN, dpRequestId=request_id).status == 503
        assert wire.sandbox.alive_orders() == accepted


@shows("lost-answer")
def test_lost_answer_starts_the_run_and_hides_it() -> None:
    with on_the_wire(Fault("lost-answer", on=RUN, times=1, status=504)) as wire:
        request_id = wire.order()
        answer = wire(RUN, dpRequestId=request_id)
        assert answer.status == 504
        assert answer.headers["Content-Type"].startswith("text/html")
        assert wire.sandbox.alive_orders() == 1
        wire.runs(request_id)
        assert wire.sandbox.alive_orders() == 1


@shows("no-content")
def test_no_content_has_neither_body_nor_length() -> None:
    with on_the_wire(Fault("no-content", on=DOWNLOAD)) as wire:
        answer = wire.file(wire.delivered())
        assert (answer.status, answer.body) == (204, b"")
        assert "Content-Length" not in answer.headers
        assert "Content-Type" not in answer.headers


@shows("token-revoked")
def test_token_revoked_refuses_every_service_from_then_on() -> None:
    with on_the_wire(Fault("token-revoked", nth=[3])) as wire:
        seen = [wire("locations", **BACAX).status for _ in range(3)] + [wire("devices").status]
        assert seen == [200, 200, 401, 401]
        assert wire("properties").json["errors"][0]["parameter"] == "token"


@shows("redirect")
@pytest.mark.parametrize(("to", "host"), [("same", "127.0.0.1"), ("other", "localhost")])
def test_redirect_leads_to_the_same_host_or_to_another(to: str, host: str) -> None:
    """The address is answered, so that a client that follows is seen."""
    with on_the_wire(Fault("redirect", on="locations", to=to, status=307)) as wire:
        answer = wire("locations", **BACAX)
        assert answer.status == 307
        place = urlsplit(answer.headers["Location"])
        assert place.hostname == host
        assert place.port == urlsplit(wire.sandbox.url).port
        assert parse_qs(place.query)["token"] == [wire.sandbox.token]
        followed = wire.follow(f"{place.path}?{place.query}")
        assert (followed.status, followed.json[0]["locationCode"]) == (200, "BACAX")
        assert wire.sandbox.asked[-1].path == "/moved/api/locations"


def test_redirect_may_leave_the_token_out_and_lead_anywhere() -> None:
    with on_the_wire(Fault("redirect", on="locations", base="https://elsewhere.invalid/", token=False)) as wire:
        answer = wire("locations", **BACAX)
        assert answer.headers["Location"] == "https://elsewhere.invalid/api/locations?locationCode=BACAX"


@shows("html-200")
def test_html_200_is_a_page_in_the_place_of_the_file() -> None:
    rules = (Fault("html-200", on=DOWNLOAD, nth=[1]), Fault("html-200", on=DOWNLOAD, nth=[2], named=True))
    with on_the_wire(*rules) as wire:
        run_id = wire.delivered()
        unnamed, named, file = (wire.file(run_id) for _ in range(3))
    for answer in (named, unnamed):
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"Scheduled maintenance" in answer.body
    assert "Content-Disposition" in named.headers
    assert "Content-Disposition" not in unnamed.headers
    assert file.headers["Content-Type"] == "text/csv"


@shows("json-error-200")
def test_json_error_200_has_the_body_of_an_error() -> None:
    with on_the_wire(Fault("json-error-200", on=DOWNLOAD, code=96)) as wire:
        answer = wire.file(wire.delivered())
        assert (answer.status, answer.json["errors"][0]["errorCode"]) == (200, 96)


@shows("json-busy-200")
def test_json_busy_200_has_the_body_of_a_202() -> None:
    with on_the_wire(Fault("json-busy-200", on=DOWNLOAD)) as wire:
        answer = wire.file(wire.delivered())
        assert (answer.status, answer.json) == (200, {"message": "Running", "status": "running"})


@shows("bad-json")
def test_bad_json_says_that_it_is_json_and_is_not() -> None:
    with on_the_wire(Fault("bad-json", on="locations")) as wire:
        answer = wire("locations", **BACAX)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        with pytest.raises(json.JSONDecodeError):
            answer.json  # noqa: B018


@shows("truncated-json")
@pytest.mark.parametrize("length", [None, 25])
def test_truncated_json_ends_in_the_middle_as_if_that_were_all(length: int | None) -> None:
    cut = {} if length is None else {"bytes": length}
    with on_the_wire(Fault("truncated-json", on="locations", times=1, **cut)) as wire:  # type: ignore[arg-type]
        answer, whole = wire("locations", **BACAX), wire("locations", **BACAX)
        assert int(answer.headers["Content-Length"]) == len(answer.body) == (length or len(whole.body) // 2)
        assert whole.body.startswith(answer.body)


@shows("empty-list-for-404")
def test_empty_list_for_404_turns_nothing_found_into_an_empty_list() -> None:
    nowhere = {"locationCode": "BACAX", "deviceCategoryCode": "LIDAR"}
    with on_the_wire() as wire:
        assert wire("devices", **nowhere).status == 404
    with on_the_wire(Fault("empty-list-for-404")) as wire:
        answer = wire("devices", **nowhere)
        assert (answer.status, answer.json) == (200, [])
        assert wire(DOWNLOAD, dpRunId=1, index=1).status == 400


@shows("404-for-empty-list")
def test_404_for_empty_list_turns_an_empty_listing_into_404() -> None:
    nothing = LISTING | {"dateFrom": "1999-11-01", "dateTo": "1999-11-08"}
    with on_the_wire(Fault("404-for-empty-list")) as wire:
        assert wire("archivefile/device", **nothing).status == 404
        assert wire("archivefile/device", **LISTING).status == 200


def test_what_hits_stands_in_the_log_with_method_and_range() -> None:
    with on_the_wire(Fault("status-503", on="locations", times=1), Fault("delay", on="locations", seconds=0)) as wire:
        wire.ask("locations", BACAX, {"Range": "bytes=5-"}, "HEAD")
        wire("locations", **BACAX)
        first, second = wire.sandbox.asked
    assert (first.method, first.range, first.fault, first.status) == ("HEAD", "bytes=5-", "status-503+delay", 503)
    assert (second.method, second.range, second.fault, second.status) == ("GET", None, "delay", 200)


def test_the_order_of_a_question_can_be_asked_for() -> None:
    """`where` also looks at the order that an id belongs to, with globs."""
    other = ORDER | {"locationCode": "BACAX"}
    with on_the_wire(Fault("status-410", on=DOWNLOAD, where={"locationCode": "US*", "index": 1})) as wire:
        first, second = wire.delivered(**ORDER), wire.delivered(**other)
        assert [wire.file(run_id).status for run_id in (first, second)] == [410, 200]
        assert wire.file(first, "meta").status == 200


def test_a_fault_may_wait_for_an_answer_of_the_service() -> None:
    with on_the_wire(Fault("status-410", on=DOWNLOAD, answered=200, nth=[1])) as wire:
        run_id = wire.runs(wire.order())[1][0]["dpRunId"]
        seen = [wire.file(run_id).status]
        wire.clock.pass_by(60)
        seen += [wire.file(run_id).status for _ in range(2)]
    assert seen == [202, 410, 200]


def test_no_answer_of_a_fault_shows_the_token_but_where_the_service_does() -> None:
    with on_the_wire(Fault("status-500", on="locations"), Fault("status-400", on="devices")) as wire:
        shown = wire("locations").received + wire("devices").received
        assert not re.search(wire.sandbox.token.encode(), shown)
