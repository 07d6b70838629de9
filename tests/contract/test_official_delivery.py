"""The official Python client orders, cancels, restarts and downloads at the sandbox (onc-api.md 3)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from oncsync.sandbox import Sandbox
from tests.contract.official import asked_of, names_in, statuses_of

PLOT = {
    "locationCode": "CRIP.C1",
    "deviceCategoryCode": "CTD",
    "dataProductCode": "TSSP",
    "extension": "png",
    "dateFrom": "2019-08-29",
    "dateTo": "2019-08-30",
    "dpo_qualityControl": 1,
    "dpo_resample": "none",
}
SOUND = {
    "locationCode": "FGPD",
    "deviceCategoryCode": "HYDROPHONE",
    "dataProductCode": "AD",
    "extension": "flac",
    "dateFrom": "2017-05-01T00:00:00.000Z",
    "dateTo": "2017-05-01T00:10:00.000Z",
    "dpo_audioFormatConversion": "1",
}
NOBODYS = 1234567890
"""An id that no request and no run has."""


def outline(rows: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """Gives index, status and whether it was fetched, of each result of the client."""
    return [(row["index"], row["status"], row["downloaded"]) for row in rows]


FETCHED = [("1", "complete", True), ("2", "complete", True), ("meta", "complete", True)]


def test_an_order_brings_two_plots_and_their_metadata(client: Any, tmp_path: Path) -> None:
    """One day of a CTD as `TSSP` `png` is two files and one XML file, each as long as the client was told."""
    result = client.orderDataProduct(dict(PLOT))
    rows = result["downloadResults"]
    assert outline(rows) == FETCHED
    assert names_in(tmp_path / "got") == sorted(row["file"] for row in rows)
    assert [Path(row["file"]).suffix for row in rows] == [".png", ".png", ".xml"]
    for row in rows:
        assert (tmp_path / "got" / row["file"]).stat().st_size == row["size"] > 0
    assert result["stats"]["totalSize"] == sum(row["size"] for row in rows)
    assert all(isinstance(row["fileDownloadTime"], float) for row in rows)


def test_a_file_is_waited_for_with_202(client: Any, service: Sandbox) -> None:
    """The client downloads straight after `run`: it hears 202 until the first file is there, 404 after the last."""
    client.orderDataProduct(dict(PLOT))
    assert statuses_of(service, "dataProductDelivery/run") == [202]
    statuses = statuses_of(service, "dataProductDelivery/download")
    waits = statuses.index(200)
    assert waits > 0
    assert set(statuses[:waits]) == {202}
    assert [status for status in statuses if status != 202] == [200, 200, 404, 200]


def test_an_order_can_leave_the_metadata_out(client: Any, tmp_path: Path) -> None:
    """Without metadata only the two plots come."""
    result = client.orderDataProduct(dict(PLOT), includeMetadataFile=False)
    assert outline(result["downloadResults"]) == FETCHED[:2]
    assert len(names_in(tmp_path / "got")) == 2


def test_an_order_can_be_for_the_links_alone(client: Any, service: Sandbox, tmp_path: Path) -> None:
    """The client waits for the run, and lists as many links as its `fileCount` says, without a download."""
    result = client.orderDataProduct(dict(PLOT), downloadResultsOnly=True)
    assert outline(result["downloadResults"]) == [(index, status, False) for index, status, _ in FETCHED]
    assert statuses_of(service, "dataProductDelivery/run")[-1] == 200
    assert statuses_of(service, "dataProductDelivery/download") == []
    assert names_in(tmp_path / "got") == []


def test_files_can_be_counted_without_a_download(client: Any, service: Sandbox, tmp_path: Path) -> None:
    """`HEAD` has the status of `GET`, so the client counts with it."""
    request_id = client.requestDataProduct(dict(PLOT))["dpRequestId"]
    (run_id,) = client.runDataProduct(request_id, waitComplete=False)["runIds"]
    rows = client.downloadDataProduct(run_id, downloadResultsOnly=True)
    assert [row["index"] for row in rows] == ["1", "2", "meta"]
    assert {asked.method for asked in service.asked if asked.path.endswith("/download")} == {"HEAD"}
    assert names_in(tmp_path / "got") == []


def test_an_order_by_hand_is_open_and_then_completed(client: Any, tmp_path: Path) -> None:
    """request, status, run, download, status: each step on its own."""
    request_id = client.requestDataProduct(dict(PLOT))["dpRequestId"]
    assert client.checkDataProduct(request_id)["searchHdrStatus"] == "OPEN"
    run = client.runDataProduct(request_id)
    assert run["fileCount"] == 2
    rows = client.downloadDataProduct(run["runIds"][0])
    assert outline(rows) == FETCHED
    assert len(names_in(tmp_path / "got")) == 3
    assert client.checkDataProduct(request_id)["searchHdrStatus"] == "COMPLETED"


def test_a_second_download_skips_what_is_there(client: Any) -> None:
    """The names stay the same from one download to the next, so the client finds its files."""
    (run_id,) = client.runDataProduct(client.requestDataProduct(dict(PLOT))["dpRequestId"])["runIds"]
    first = client.downloadDataProduct(run_id)
    again = client.downloadDataProduct(run_id)
    assert [(row["file"], row["status"]) for row in again] == [(row["file"], "skipped") for row in first]
    replaced = client.downloadDataProduct(run_id, overwrite=True)
    assert [(row["file"], row["size"]) for row in replaced] == [(row["file"], row["size"]) for row in first]


def test_cancel_and_restart_keep_the_run(client: Any, tmp_path: Path) -> None:
    """An order is still running right after `run`; cancelled it has nothing to download, restarted it is the same."""
    request_id = client.requestDataProduct(dict(PLOT))["dpRequestId"]
    (run_id,) = client.runDataProduct(request_id, waitComplete=False)["runIds"]
    assert client.cancelDataProduct(request_id) == [{"dpRunId": run_id, "status": "cancelled"}]
    with pytest.raises(KeyError, match="errors"):  # the one 400 of the service without this member
        client.downloadDataProduct(run_id)
    assert client.restartDataProduct(request_id)["runIds"] == [run_id]
    assert outline(client.downloadDataProduct(run_id)) == FETCHED
    assert len(names_in(tmp_path / "got")) == 3


def test_a_restart_tells_how_the_run_is(client: Any) -> None:
    """Without waiting, a restart answers with the run and no count of files."""
    request_id = client.requestDataProduct(dict(PLOT))["dpRequestId"]
    (run_id,) = client.runDataProduct(request_id, waitComplete=False)["runIds"]
    client.cancelDataProduct(request_id)
    (row,) = client.restartDataProduct(request_id, waitComplete=False)
    assert set(row) == {"dpRunId", "status"}
    assert row["dpRunId"] == run_id
    assert row["status"] in ("queued", "data product running")


def test_an_archived_product_is_told_apart(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What lies ready has a size in bytes and no estimate; the client says so and fetches it."""
    result = client.orderDataProduct(dict(SOUND), includeMetadataFile=False)
    assert "Data product is ready for download." in capsys.readouterr().out
    assert outline(result["downloadResults"]) == FETCHED[:2]


def test_a_default_that_is_filled_in_is_said(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The `messages` of a request reach the user as warnings."""
    with caplog.at_level(logging.WARNING):
        client.requestDataProduct({name: value for name, value in PLOT.items() if name != "dpo_qualityControl"})
    assert "dpo_qualityControl" in caplog.text


def test_the_token_is_echoed_and_the_options_too(client: Any, service: Sandbox) -> None:
    """`queryURL` is the question as the service understood it."""
    answer = client.requestDataProduct(dict(PLOT))
    assert answer["queryURL"].startswith(f"{service.url}api/dataProductDelivery/request?")
    assert f"token={service.token}" in answer["queryURL"]
    assert "dpo_resample=none" in answer["queryURL"]
    assert asked_of(service, "dataProductDelivery/request")[0]["dpo_qualityControl"] == "1"
    assert [citation["queryPid"] for citation in answer["citations"]] == answer["queryPids"]


@pytest.mark.parametrize(
    "method",
    ["runDataProduct", "checkDataProduct", "cancelDataProduct", "restartDataProduct", "downloadDataProduct"],
)
def test_an_id_that_nobody_has_is_127(client: Any, method: str) -> None:
    """Unknown requests and unknown runs are refused alike."""
    with pytest.raises(Exception, match="API Error 127"):
        getattr(client, method)(NOBODYS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dataProductCode": "XYZ123"}, 127),
        ({"dataProductCode": "AD", "extension": "flac"}, 127),
        ({"dpo_resample": "sometimes"}, 127),
        ({"extension": None}, 128),
        ({"deviceCategoryCode": None}, 128),
        ({"dpo_noSuchOption": "1"}, 129),
        ({"locationCodes": "BACAX"}, 129),
        ({"dateFrom": "2019-08-31"}, 23),
        ({"dateFrom": "2050-01-01", "dateTo": "2051-01-01"}, 25),
        ({"dateFrom": "2001-01-01", "dateTo": "2001-01-02"}, 33),
    ],
)
def test_an_order_that_cannot_be_is_refused(client: Any, change: dict[str, str | None], code: int) -> None:
    """Every refusal has the code that the client's users know."""
    order = {name: value for name, value in (PLOT | change).items() if value is not None}
    with pytest.raises(Exception, match=f"API Error {code}:"):
        client.orderDataProduct(order)
