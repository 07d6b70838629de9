"""The life of an order, poll by poll, by a clock that the test turns (onc-api.md 3.2 to 3.4)."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.sandbox import Catalogue
from tests.sandbox.asking import CTD_CSV, MAY, Answer, Asked, name_of

RUN, DOWNLOAD = "dataProductDelivery/run", "dataProductDelivery/download"
ORDER = CTD_CSV | MAY
GAP = {
    "locationCode": "CBY", "deviceCategoryCode": "CTD", "dataProductCode": "TSSD", "extension": "csv",
    "dateFrom": "2013-02-02", "dateTo": "2013-02-09",
}  # fmt: skip


def fetch(ask: Asked, run_id: int, index: object = 1) -> Answer:
    return ask(DOWNLOAD, dpRunId=run_id, index=index)


def run_state(ask: Asked, request_id: int) -> tuple[int, dict[str, Any]]:
    answer = ask(RUN, dpRequestId=request_id)
    (row,) = answer.json
    assert set(row) == {"dpRunId", "fileCount", "status"}
    return answer.status, row


def test_run_goes_from_queued_over_running_to_complete(ask: Asked) -> None:
    request_id = ask.order(**ORDER)
    seen = []
    for seconds in (0.0, 3.0, 6.9, 0.1):
        ask.clock.pass_by(seconds)
        status, row = run_state(ask, request_id)
        seen.append((status, row["status"], row["fileCount"]))
    assert seen == [
        (202, "queued", 0),
        (202, "data product running", 0),
        (202, "data product running", 0),
        (200, "complete", 1),
    ]


def test_run_gives_the_same_run_while_active_and_after(ask: Asked) -> None:
    request_id = ask.order(**ORDER)
    ids = set()
    for _ in range(5):
        ids.add(ask.run(request_id))
        ask.clock.pass_by(4)
    assert len(ids) == 1
    assert 10_000_000 <= ids.pop() <= 99_999_999


def test_nothing_runs_before_run_is_called(ask: Asked) -> None:
    request_id = ask.order(**ORDER)
    ask.clock.pass_by(100)
    assert run_state(ask, request_id)[0] == 202
    assert ask.sandbox.alive_orders() == 1


def test_the_sixth_order_waits_for_a_place(catalogue: Catalogue) -> None:
    ask = Asked(catalogue, max_running=2)
    requests = [ask.order(**ORDER) for _ in range(3)]
    for request_id in requests:
        ask.run(request_id)
    ask.clock.pass_by(9.9)
    assert [run_state(ask, r)[1]["status"] for r in requests] == ["data product running"] * 2 + ["queued"]
    ask.clock.pass_by(0.1)
    assert [run_state(ask, r)[1]["status"] for r in requests] == ["complete"] * 2 + ["data product running"]
    ask.clock.pass_by(9.8)
    assert run_state(ask, requests[2])[1]["status"] == "data product running"
    ask.clock.pass_by(0.3)
    assert run_state(ask, requests[2])[1]["status"] == "complete"


def test_alive_orders_are_those_queued_or_running(catalogue: Catalogue) -> None:
    ask = Asked(catalogue, max_running=2)
    for _ in range(3):
        ask.run(ask.order(**ORDER))
    assert (ask.sandbox.alive_orders(), ask.sandbox.peak_alive_orders) == (3, 3)
    ask.clock.pass_by(10)
    assert ask.sandbox.alive_orders() == 1
    ask.clock.pass_by(10)
    assert (ask.sandbox.alive_orders(), ask.sandbox.peak_alive_orders) == (0, 3)


def test_download_answers_202_with_json_until_the_file_is_there(ask: Asked) -> None:
    """The messages follow the job; now and then there is none; the wait goes on after `complete`."""
    request_id = ask.order(**ORDER)
    run_id = ask.run(request_id)
    seen: list[object] = []
    for seconds in (0.0, 2.0, 3.0, 3.0, 1.5, 0.5, 1.9):
        ask.clock.pass_by(seconds)
        answer = fetch(ask, run_id)
        assert answer.status == 202
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json["status"] == "running"
        seen.append(answer.json.get("message"))
    assert seen[0] is None
    assert seen[1] == "Running"
    assert str(seen[2]).startswith("Running...")
    assert str(seen[3]).startswith("Running...")
    assert str(seen[4]).startswith("Transferring (")
    assert str(seen[5]).startswith("Search complete, waiting on the file system to synchronize (")
    assert seen[5] == seen[6]
    assert run_state(ask, request_id)[0] == 200
    ask.clock.pass_by(0.1)
    answer = fetch(ask, run_id)
    assert answer.status == 200
    assert f"({name_of(answer)})" in str(seen[5])


def test_download_of_a_queued_run_says_so(catalogue: Catalogue) -> None:
    ask = Asked(catalogue, max_running=1)
    ask.run(ask.order(**ORDER))
    waiting = ask.run(ask.order(**ORDER))
    answer = fetch(ask, waiting)
    assert (answer.status, answer.json["status"]) == (202, "queued")


def test_the_header_with_the_name_is_misspelled_and_unquoted(ask: Asked) -> None:
    run_id = ask.run(ask.order(**ORDER))
    ask.clock.pass_by(100)
    header = fetch(ask, run_id).headers["Content-Disposition"]
    assert header.startswith("attachement; filename=FraserRiverDelta_")
    assert '"' not in header
    assert header[22:].endswith("-clean.csv")


def test_an_index_beyond_the_last_file_is_404(ask: Asked) -> None:
    run_id = ask.run(ask.order(**ORDER))
    ask.clock.pass_by(100)
    assert [fetch(ask, run_id, index).status for index in (1, 2, 999)] == [200, 404, 404]


def test_before_the_end_no_index_is_404(ask: Asked) -> None:
    run_id = ask.run(ask.order(**ORDER))
    assert [fetch(ask, run_id, index).status for index in (1, 2, 999, "meta")] == [202] * 4


def test_metadata_come_later_under_their_own_name(ask: Asked) -> None:
    run_id = ask.run(ask.order(**ORDER))
    ask.clock.pass_by(12)
    first, meta = fetch(ask, run_id), fetch(ask, run_id, "meta")
    assert (first.status, meta.status) == (200, 202)
    ask.clock.pass_by(1)
    meta = fetch(ask, run_id, "meta")
    assert meta.status == 200
    assert name_of(meta) == name_of(first).replace(".csv", "_CSV_META.xml")


def test_head_has_the_status_and_headers_of_get(ask: Asked) -> None:
    run_id = ask.run(ask.order(**ORDER))

    def both(index: object) -> list[tuple[int, object]]:
        given = {"token": ask.sandbox.token, "dpRunId": run_id, "index": index}
        answers = [ask.raw(method, DOWNLOAD, given) for method in ("GET", "HEAD")]
        return [(answer.status, answer.headers) for answer in answers]

    for _ in range(3):
        for index in (1, 2, "meta"):
            get, head = both(index)
            assert get == head
        ask.clock.pass_by(7)


def test_a_gap_inside_a_deployment_completes_without_a_file(ask: Asked) -> None:
    request_id = ask.order(**GAP)
    run_id = ask.run(request_id)
    ask.clock.pass_by(100)
    assert run_state(ask, request_id)[1] == {"dpRunId": run_id, "fileCount": 0, "status": "complete"}
    assert fetch(ask, run_id).status == 404
    assert fetch(ask, run_id, "meta").status == 404


def test_several_files_are_counted_without_metadata(ask: Asked) -> None:
    request_id = ask.order(**(ORDER | {"dpo_filePlotBreaks": "2"}))
    ask.run(request_id)
    ask.clock.pass_by(100)
    assert run_state(ask, request_id)[1]["fileCount"] == 5


class TestCancel:
    def test_a_running_order_is_cancelled(self, ask: Asked) -> None:
        request_id = ask.order(**ORDER)
        run_id = ask.run(request_id)
        answer = ask("dataProductDelivery/cancel", dpRequestId=request_id)
        assert (answer.status, answer.json) == (200, [{"dpRunId": run_id, "status": "cancelled"}])
        assert ask.sandbox.alive_orders() == 0
        assert run_state(ask, request_id) == (200, {"dpRunId": run_id, "fileCount": 0, "status": "cancelled"})

    def test_its_download_is_400_without_errors(self, ask: Asked) -> None:
        request_id = ask.order(**ORDER)
        run_id = ask.run(request_id)
        ask("dataProductDelivery/cancel", dpRequestId=request_id)
        for index in (1, "meta"):
            answer = fetch(ask, run_id, index)
            assert answer.status == 400
            assert "errors" not in answer.json

    def test_what_is_complete_stays_complete(self, ask: Asked) -> None:
        request_id = ask.order(**ORDER)
        run_id = ask.run(request_id)
        ask.clock.pass_by(100)
        assert ask("dataProductDelivery/cancel", dpRequestId=request_id).json[0]["status"] == "complete"
        assert fetch(ask, run_id).status == 200

    def test_a_request_that_never_ran_has_nothing_to_cancel_or_restart(self, ask: Asked) -> None:
        request_id = ask.order(**ORDER)
        for service in ("cancel", "restart"):
            answer = ask(f"dataProductDelivery/{service}", dpRequestId=request_id)
            assert (answer.status, answer.json) == (200, [])

    def test_restart_runs_it_again_under_the_same_id(self, ask: Asked) -> None:
        request_id = ask.order(**ORDER)
        run_id = ask.run(request_id)
        ask.clock.pass_by(9)
        ask("dataProductDelivery/cancel", dpRequestId=request_id)
        answer = ask("dataProductDelivery/restart", dpRequestId=request_id)
        (row,) = answer.json
        assert answer.status == 200
        assert set(row) == {"dpRunId", "status"}
        assert row["dpRunId"] == run_id
        assert row["status"] in ("queued", "data product running")
        ask.clock.pass_by(9)
        assert run_state(ask, request_id)[0] == 202
        ask.clock.pass_by(1)
        assert run_state(ask, request_id)[0] == 200
        assert ask.sandbox.alive_orders() == 0


class TestStatus:
    def test_its_state_member_has_a_name_of_its_own(self, ask: Asked) -> None:
        request_id = ask.order(**ORDER)

        def state() -> str:
            answer = ask("dataProductDelivery/status", dpRequestId=request_id).json
            assert "status" not in answer
            assert answer["modifyDate"] == "2026-11-01T12:00:00.000Z"
            return str(answer["searchHdrStatus"])

        assert state() == "OPEN"
        ask.run(request_id)
        assert state() == "OPEN"
        ask("dataProductDelivery/cancel", dpRequestId=request_id)
        assert state() == "CANCELLED"
        ask("dataProductDelivery/restart", dpRequestId=request_id)
        assert state() == "OPEN"
        ask.clock.pass_by(100)
        assert state() == "COMPLETED"


def test_ids_are_never_given_twice(ask: Asked) -> None:
    requests = [ask.order(**ORDER) for _ in range(50)]
    runs = [ask.run(request_id) for request_id in requests]
    assert len(set(requests)) == len(set(runs)) == 50


def test_an_id_of_an_earlier_life_is_unknown(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each life begins its ids at a place of its own in a range of millions."""
    starts = iter([1_000, 2_000, 50_000_000, 40_000_000])
    monkeypatch.setattr("oncsync.sandbox.delivery.secrets.randbelow", lambda limit: next(starts) % limit)
    first, second = Asked(catalogue), Asked(catalogue)
    request_id = first.order(**ORDER)
    run_id = first.run(request_id)
    second.run(second.order(**ORDER))
    assert second(RUN, dpRequestId=request_id).complaints == [(127, "dpRequestId")]
    assert fetch(second, run_id).complaints == [(127, "dpRunId")]


def test_two_lives_begin_at_different_ids(catalogue: Catalogue) -> None:
    starts = {Asked(catalogue).order(**ORDER) for _ in range(4)}
    assert max(starts) - min(starts) > 1000


def test_archived_products_are_ready_in_a_tenth_of_the_time(ask: Asked) -> None:
    request_id = ask.order(
        locationCode="FGPD", deviceCategoryCode="HYDROPHONE", dataProductCode="AD", extension="flac", **MAY
    )
    assert run_state(ask, request_id)[0] == 202
    ask.clock.pass_by(1)
    assert run_state(ask, request_id)[1]["fileCount"] == 12
