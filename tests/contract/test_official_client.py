"""The official Python client, changed in nothing but its address, as a witness of the sandbox."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncsync.sandbox import Catalogue, Sandbox, read_catalogue

onc = pytest.importorskip("onc")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue()


@pytest.fixture
def sandbox(catalogue: Catalogue) -> Iterator[Sandbox]:
    with Sandbox(catalogue=catalogue, job_seconds=(0.0, 0.0), sync_seconds=0.0) as running:
        yield running
    assert not running.broken


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Any:
    made = onc.ONC(sandbox.token, outPath=tmp_path / "got")
    made.baseUrl = sandbox.url
    return made


def test_locations(client: Any) -> None:
    (row,) = client.getLocations({"locationCode": "BACAX"})
    assert row["hasDeviceData"] is True
    below = client.getLocations({"locationCode": "ARCT", "includeChildren": "true"})
    assert len(below) > 5


def test_locations_tree(client: Any) -> None:
    (node,) = client.getLocationsTree({"locationCode": "BACCC"})
    assert node["hasDeviceData"] is False
    assert [child["hasDeviceData"] for child in node["children"]] == [True, True]


def test_deployments(client: Any) -> None:
    rows = client.getDeployments(
        {
            "locationCode": "BACAX",
            "deviceCategoryCode": "CTD",
            "dateFrom": "2015-09-17",
            "dateTo": "2015-09-17T13:00:00.000Z",
        }
    )
    assert [row["deviceCode"] for row in rows] == ["SBECTD16p6002"]


def test_devices_categories_properties_products(client: Any) -> None:
    assert client.getDevices({"deviceCode": "BPR-Folger-59"})[0]["deviceId"] == 21503
    assert client.getDeviceCategories({"deviceCategoryCode": "ADCP1200KHZ"})[0]["hasDeviceData"] is True
    assert client.getProperties({"propertyCode": "conductivity"})[0]["uom"] == "S/m"
    products = client.getDataProducts({"dataProductCode": "SHV", "extension": "png"})
    assert [option["option"] for option in products[0]["dataProductOptions"]] == [
        "dpo_lowerColourLimit",
        "dpo_spectrogramColourPalette",
        "dpo_upperColourLimit",
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"locationCode": "XYZ123"}, "API Error 127"),
        ({"locationCodes": "BACAX"}, "API Error 129"),
        ({"dateFrom": "2020-01-01", "dateTo": "2019-01-01"}, "API Error 23"),
        ({"dateFrom": "2050-01-01"}, "API Error 25"),
        ({"locationCode": "FGPD", "deviceCategoryCode": "LIDAR"}, "API Error 127"),
        ({"locationCode": "BARC"}, "404 Client Error"),
    ],
)
def test_errors_are_what_its_tests_expect(client: Any, given: dict[str, str], text: str) -> None:
    with pytest.raises(Exception, match=text):
        client.getDeployments(given)


def test_a_wrong_token_is_401(client: Any) -> None:
    client.token = "ffffffff-0000-4000-8000-000000000000"
    with pytest.raises(Exception, match="Status 401"):
        client.getLocations({})


def test_an_order_arrives_with_its_metadata(client: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.WARNING):
        result = client.orderDataProduct(
            {
                "locationCode": "CRIP.C1",
                "deviceCategoryCode": "CTD",
                "dataProductCode": "TSSP",
                "extension": "png",
                "dateFrom": "2019-06-20T00:00:00.000Z",
                "dateTo": "2019-06-21T00:00:00.000Z",
            }
        )
    rows = result["downloadResults"]
    assert [(row["index"], row["status"]) for row in rows] == [
        ("1", "complete"),
        ("2", "complete"),
        ("meta", "complete"),
    ]
    for row in rows:
        assert (tmp_path / "got" / row["file"]).stat().st_size == row["size"] > 0
    assert "dpo_qualityControl" in caplog.text


def test_an_archived_order_is_told_apart(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    result = client.orderDataProduct(
        {
            "locationCode": "FGPD",
            "deviceCategoryCode": "HYDROPHONE",
            "dataProductCode": "AD",
            "extension": "flac",
            "dateFrom": "2017-05-01T00:00:00.000Z",
            "dateTo": "2017-05-01T00:10:00.000Z",
            "dpo_audioFormatConversion": "1",
        },
        includeMetadataFile=False,
    )
    assert "Data product is ready for download." in capsys.readouterr().out
    assert len(result["downloadResults"]) == 2


def test_cancel_and_restart_keep_the_run(sandbox: Sandbox, client: Any, catalogue: Catalogue) -> None:
    with Sandbox(catalogue=catalogue) as slow:
        client.token, client.baseUrl = slow.token, slow.url
        request = client.requestDataProduct(
            {
                "locationCode": "CRIP.C1",
                "deviceCategoryCode": "CTD",
                "dataProductCode": "TSSP",
                "extension": "png",
                "dateFrom": "2019-06-20T00:00:00.000Z",
                "dateTo": "2019-06-21T00:00:00.000Z",
            }
        )["dpRequestId"]
        assert client.checkDataProduct(request)["searchHdrStatus"] == "OPEN"
        (run_id,) = client.runDataProduct(request, waitComplete=False)["runIds"]
        assert client.cancelDataProduct(request) == [{"dpRunId": run_id, "status": "cancelled"}]
        (row,) = client.restartDataProduct(request, waitComplete=False)
        assert row["dpRunId"] == run_id
        assert row["status"] in ("queued", "data product running")


def test_files_are_counted_by_head(client: Any) -> None:
    request = client.requestDataProduct(
        {
            "locationCode": "CRIP.C1",
            "deviceCategoryCode": "CTD",
            "dataProductCode": "TSSP",
            "extension": "png",
            "dateFrom": "2019-06-20T00:00:00.000Z",
            "dateTo": "2019-06-21T00:00:00.000Z",
        }
    )["dpRequestId"]
    (run_id,) = client.runDataProduct(request, waitComplete=False)["runIds"]
    rows = client.downloadDataProduct(run_id, downloadResultsOnly=True, includeMetadataFile=True)
    assert [row["index"] for row in rows] == ["1", "2", "meta"]
