"""Each fault of orders, runs and their files, seen on a socket."""

from __future__ import annotations

import pytest

from oncsync.sandbox import Fault
from tests.sandbox.wire import DOWNLOAD, ORDER, RUN, Wire, name_in, on_the_wire, shows

WORKING, COMPLETE = "data product running", "complete"


def life_of(wire: Wire, request_id: int) -> list[tuple[int, str, object]]:
    """Polls the run of an order through its life: after 0, 5 and 60 seconds."""
    seen = []
    for seconds in (0, 5, 60):
        wire.clock.pass_by(seconds)
        status, (row,) = wire.runs(request_id)
        seen.append((status, row["status"], row.get("fileCount", "missing")))
    return seen


def files_of(wire: Wire, run_id: int) -> list[tuple[str, bytes]]:
    """Fetches the data files of a run, name and bytes, until there are no more."""
    got: list[tuple[str, bytes]] = []
    while (answer := wire.file(run_id, len(got) + 1)).status == 200:
        got.append((name_in(answer).removeprefix("attachement; filename="), answer.body))
    assert answer.status == 404
    return got


@shows("run-error")
@pytest.mark.parametrize("form", [200, 202])
def test_run_error_is_told_by_run_with_either_status(form: int) -> None:
    with on_the_wire(Fault("run-error", form=form, state="FAILED", polls=1)) as wire:
        assert life_of(wire, wire.order()) == [(202, "queued", 0), (form, "FAILED", 0), (form, "FAILED", 0)]


def test_run_error_may_be_told_by_the_download_alone() -> None:
    with on_the_wire(Fault("run-error", form="download")) as wire:
        request_id = wire.order()
        assert life_of(wire, request_id)[-1][:2] == (200, COMPLETE)
        answer = wire.file(wire.runs(request_id)[1][0]["dpRunId"])
        assert (answer.status, answer.json["status"]) == (202, "error")


def test_a_fault_of_runs_is_decided_once_for_each_order() -> None:
    """Ordinals count orders: here the second of three fails, for good."""
    with on_the_wire(Fault("run-error", nth=[2])) as wire:
        orders = [wire.order() for _ in range(3)]
        seen = [[wire.runs(request_id)[1][0]["status"] for request_id in orders] for _ in range(3)]
    assert seen[0] == ["queued", "error", "queued"]
    assert seen[2] == [WORKING, "error", WORKING]


@shows("unknown-run-state")
def test_unknown_run_state_while_working_or_at_the_end() -> None:
    with on_the_wire(Fault("unknown-run-state", form=202)) as wire:
        assert [row[:2] for row in life_of(wire, wire.order())] == [
            (202, "hibernating"), (202, "hibernating"), (200, COMPLETE),
        ]  # fmt: skip
    with on_the_wire(Fault("unknown-run-state", form=200, state="DONE")) as wire:
        assert life_of(wire, wire.order()) == [(202, "queued", 0), (202, WORKING, 0), (200, "DONE", 1)]


@shows("endless-run")
@pytest.mark.parametrize(("state", "waiting"), [(WORKING, "running"), ("queued", "queued")])
def test_endless_run_never_completes(state: str, waiting: str) -> None:
    with on_the_wire(Fault("endless-run", state=state)) as wire:
        request_id = wire.order()
        assert life_of(wire, request_id) == [(202, state, 0)] * 3
        answer = wire.file(wire.runs(request_id)[1][0]["dpRunId"])
        assert (answer.status, answer.json["status"]) == (202, waiting)


@shows("cancelled-elsewhere")
def test_cancelled_elsewhere_after_so_many_questions() -> None:
    with on_the_wire(Fault("cancelled-elsewhere", polls=2)) as wire:
        request_id = wire.order()
        assert [row[:2] for row in life_of(wire, request_id)] == [
            (202, "queued"), (202, WORKING), (200, COMPLETE),
        ]  # fmt: skip
        request_id = wire.order()
        seen = [wire.runs(request_id)[1][0] for _ in range(3)]
        assert [row["status"] for row in seen] == ["queued", WORKING, "cancelled"]
        answer = wire.file(seen[0]["dpRunId"])
        assert answer.status == 400
        assert "errors" not in answer.json
        assert wire("dataProductDelivery/restart", dpRequestId=request_id).json[0]["dpRunId"] == seen[0]["dpRunId"]
        assert wire.runs(request_id)[1][0]["status"] == WORKING


@shows("new-run-after-complete")
def test_new_run_after_complete_has_another_id_once_the_end_was_told() -> None:
    with on_the_wire(Fault("new-run-after-complete")) as wire:
        request_id = wire.order()
        first = wire.runs(request_id)[1][0]["dpRunId"]
        wire.clock.pass_by(60)
        assert wire.runs(request_id)[1][0] == {"dpRunId": first, "status": COMPLETE, "fileCount": 1}
        status, (row,) = wire.runs(request_id)
        assert (status, row["status"]) == (202, "queued")
        assert row["dpRunId"] != first
        assert wire.file(first).status == 200


@shows("orders-forgotten")
def test_orders_forgotten_are_unknown_to_every_service() -> None:
    with on_the_wire(Fault("orders-forgotten", on="locations", times=1)) as wire:
        request_id = wire.order()
        run_id = wire.runs(request_id)[1][0]["dpRunId"]
        wire("locations")
        assert wire.sandbox.alive_orders() == 0
        for name in ("run", "status", "cancel", "restart"):
            assert wire(f"dataProductDelivery/{name}", dpRequestId=request_id).status == 400
        answer = wire.file(run_id)
        assert (answer.status, answer.json["errors"][0]["errorCode"]) == (400, 127)
        assert wire.order() != request_id


@shows("several-runs")
def test_several_runs_share_the_span_of_an_order() -> None:
    with on_the_wire(Fault("several-runs", count=3)) as wire:
        request_id = wire.order()
        wire.runs(request_id)
        assert wire.sandbox.alive_orders() == 1, "one order, however many runs it is made in"
        wire.clock.pass_by(60)
        status, rows = wire.runs(request_id)
        assert (status, [row["fileCount"] for row in rows]) == (200, [1, 1, 1])
        files = [files_of(wire, row["dpRunId"]) for row in rows]
    assert len({row["dpRunId"] for row in rows}) == 3
    assert len({name for ((name, _),) in files}) == 3
    assert len({body for ((_, body),) in files}) == 3


def test_several_runs_are_over_when_every_one_is() -> None:
    with on_the_wire(Fault("several-runs"), max_running=1) as wire:
        request_id = wire.order()
        wire.runs(request_id)
        wire.clock.pass_by(15)
        status, rows = wire.runs(request_id)
        assert (status, [row["status"] for row in rows]) == (202, [COMPLETE, WORKING])


@shows("runs-with-equal-names")
def test_runs_with_equal_names_deliver_other_bytes_under_one_name() -> None:
    with on_the_wire(Fault("runs-with-equal-names")) as wire:
        request_id = wire.order()
        wire.runs(request_id)
        wire.clock.pass_by(60)
        rows = wire.runs(request_id)[1]
        (first,), (second,) = (files_of(wire, row["dpRunId"]) for row in rows)
    assert first[0] == second[0]
    assert first[1] != second[1]


@shows("duplicate-names")
def test_duplicate_names_deliver_other_bytes_under_one_name_in_one_run() -> None:
    with on_the_wire(Fault("duplicate-names")) as wire:
        request_id = wire.order()
        run_id = wire.runs(request_id)[1][0]["dpRunId"]
        wire.clock.pass_by(60)
        assert wire.runs(request_id)[1][0]["fileCount"] == 2
        first, second = files_of(wire, run_id)
    assert first[0] == second[0]
    assert first[1] != second[1]


@shows("files-reordered")
def test_files_reordered_have_another_index_with_every_question() -> None:
    audio = {"deviceCode": "NAXYS_HYD_007", "dataProductCode": "AD", "extension": "wav",
             "dateFrom": "2011-07-13", "dateTo": "2011-07-14"}  # fmt: skip
    with on_the_wire(Fault("files-reordered")) as wire:
        run_id = wire.delivered(**audio)
        names = [name_in(wire.file(run_id, index)) for index in (1, 1, 12, 12)]
    assert names[0] != names[1]
    assert sorted(names[:2]) == sorted(names[2:])


@shows("empty-run")
@pytest.mark.parametrize("status", [404, 204])
def test_empty_run_completes_without_a_file(status: int) -> None:
    with on_the_wire(Fault("empty-run", status=status)) as wire:
        request_id = wire.order()
        assert life_of(wire, request_id)[-1] == (200, COMPLETE, 0)
        run_id = wire.runs(request_id)[1][0]["dpRunId"]
        assert [wire.file(run_id, index).status for index in (1, "meta")] == [status, status]


@shows("file-count-low", "file-count-high", "file-count-missing", "file-count-null")
@pytest.mark.parametrize(
    ("name", "told"),
    [("low", 0), ("high", 2), ("missing", "missing"), ("null", None)],
)
def test_the_count_of_files_is_wrong_once_the_run_is_complete(name: str, told: object) -> None:
    with on_the_wire(Fault(f"file-count-{name}")) as wire:
        request_id = wire.order()
        seen = life_of(wire, request_id)
        assert [row[2] for row in seen] == [0, 0, told]
        assert len(files_of(wire, wire.runs(request_id)[1][0]["dpRunId"])) == 1


@shows("end-of-files")
@pytest.mark.parametrize("status", [410, 204])
def test_end_of_files_is_told_by_another_status(status: int) -> None:
    with on_the_wire(Fault("end-of-files", status=status)) as wire:
        run_id = wire.delivered()
        assert [wire.file(run_id, index).status for index in (1, 2, "meta")] == [200, status, 200]


@shows("late-files")
def test_late_files_wait_after_the_end_and_metadata_do_not() -> None:
    with on_the_wire(Fault("late-files", seconds=30)) as wire:
        run_id = wire.delivered()
        answer = wire.file(run_id)
        assert answer.status == 202
        assert "waiting on the file system to synchronize (Fraser" in answer.json["message"]
        assert wire.file(run_id, "meta").status == 200
        wire.clock.pass_by(29.9)
        assert wire.file(run_id).status == 202
        wire.clock.pass_by(0.1)
        assert wire.file(run_id).status == 200


@shows("endless-download")
def test_endless_download_never_has_the_file() -> None:
    with on_the_wire(Fault("endless-download")) as wire:
        request_id = wire.order()
        assert life_of(wire, request_id)[-1] == (200, COMPLETE, 1)
        run_id = wire.runs(request_id)[1][0]["dpRunId"]
        for _ in range(3):
            wire.clock.pass_by(1e6)
            assert [wire.file(run_id, index).status for index in (1, "meta")] == [202, 202]


@shows("metadata-late", "metadata-never", "metadata-missing", "metadata-unavailable")
@pytest.mark.parametrize(
    ("name", "first", "later"), [("late", 202, 200), ("never", 202, 202), ("missing", 404, 404),
                                 ("unavailable", 503, 503)],
)  # fmt: skip
def test_metadata_are_late_or_missing_while_the_data_are_there(name: str, first: int, later: int) -> None:
    with on_the_wire(Fault(f"metadata-{name}")) as wire:
        run_id = wire.delivered()
        assert [wire.file(run_id, index).status for index in (1, "meta")] == [200, first]
        wire.clock.pass_by(10)
        assert [wire.file(run_id, index).status for index in (1, "meta")] == [200, later]


# --- Quotas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["429", "400"])
def test_an_order_beyond_the_quota_is_refused_until_another_ends(status: str) -> None:
    with on_the_wire(max_alive=2, beyond=status) as wire:
        orders = [wire.order() for _ in range(3)]
        assert [wire(RUN, dpRequestId=request_id).status for request_id in orders] == [202, 202, int(status)]
        assert [wire(RUN, dpRequestId=request_id).status for request_id in orders[:2]] == [202, 202]
        assert wire.sandbox.peak_alive_orders == 2
        wire.clock.pass_by(60)
        assert wire(RUN, dpRequestId=orders[2]).status == 202


def test_a_cancelled_order_is_not_restarted_beyond_the_quota() -> None:
    with on_the_wire(max_alive=1, beyond="429") as wire:
        first, second = wire.order(), wire.order()
        wire.runs(first)
        wire("dataProductDelivery/cancel", dpRequestId=first)
        wire.runs(second)
        assert wire("dataProductDelivery/restart", dpRequestId=first).status == 429
        wire.clock.pass_by(60)
        assert wire("dataProductDelivery/restart", dpRequestId=first).status == 200


def test_an_order_beyond_the_quota_waits_unless_it_is_refused() -> None:
    with on_the_wire(max_alive=1, max_running=1) as wire:
        orders = [wire.order() for _ in range(3)]
        for request_id in orders:
            wire.runs(request_id)
        assert [wire.runs(request_id)[1][0]["status"] for request_id in orders] == [WORKING, "queued", "queued"]


def test_an_unknown_id_is_no_order_to_a_fault() -> None:
    with on_the_wire(Fault("run-error"), Fault("cancelled-elsewhere"), Fault("several-runs")) as wire:
        assert wire(RUN, dpRequestId=1).status == 400
        assert wire(DOWNLOAD, dpRunId=1, index=1).status == 400
        assert {one.fault for one in wire.sandbox.asked} == {None}
        assert wire("dataProductDelivery/request", **ORDER).status == 200
