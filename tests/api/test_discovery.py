"""What exists: filters as they are sent, answers as they are read, and what counts as nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from oncsync.api import (
    Answer,
    Session,
    get_data_products,
    get_deployments,
    get_device_categories,
    get_devices,
    get_location_tree,
    get_locations,
    get_properties,
)
from oncsync.errors import FaultError, RefusedError
from tests.api.conftest import NOW, TOKEN, Connect, Sleeper
from tests.support.scripted import Reply, Serve

BEGIN = datetime(2016, 6, 1, tzinfo=timezone.utc)
END = datetime(2017, 6, 1, tzinfo=timezone.utc)
OUTSIDE = "A device with category CTD was deployed at location X but not during the provided time range"

Discover = Callable[[Session], list[Any]]
EVERY: dict[str, tuple[Discover, dict[str, Any]]] = {
    "/api/locations": (get_locations, {"locationCode": "A"}),
    "/api/locations/tree": (get_location_tree, {"locationCode": "A", "children": None}),
    "/api/deployments": (
        get_deployments,
        {"begin": "2016-06-24T00:00:00.000Z", "end": None, "deviceCode": "D", "locationCode": "A"},
    ),
    "/api/deviceCategories": (get_device_categories, {"deviceCategoryCode": "CTD"}),
    "/api/devices": (get_devices, {"deviceCode": "D"}),
    "/api/properties": (get_properties, {"propertyCode": "P"}),
    "/api/dataProducts": (get_data_products, {"dataProductCode": "TSSD", "extension": "csv"}),
}
every = pytest.mark.parametrize(("path", "discover", "entry"), [(path, *rest) for path, rest in EVERY.items()])


@every
def test_each_service_lives_at_its_address_and_is_sent_no_filter_unasked(
    serve: Serve, connect: Connect, path: str, discover: Discover, entry: dict[str, Any]
) -> None:
    """onc-api.md 2: a parameter that was not asked for could be an error."""
    service = serve([Reply.of_json([entry, entry])])
    assert len(discover(connect(service))) == 2
    assert service.asked[0].path == path
    assert service.asked[0].query == {"token": TOKEN}


@every
@pytest.mark.parametrize(
    "nothing",
    [Reply.of_json([]), Reply(404), Reply.of_errors((127, "none", "x"), status=404)],
    ids=["200", "404", "404-json"],
)
def test_nothing_found_is_an_empty_list(
    serve: Serve, connect: Connect, path: str, discover: Discover, entry: dict[str, Any], nothing: Reply
) -> None:
    """onc-api.md 1.2, open question 40."""
    assert discover(connect(serve([nothing]))) == []


@every
@pytest.mark.parametrize(
    "outage",
    [
        Reply.of_page(),
        Reply.of_page("Not Found", 404),
        Reply(204),
        Reply.of_json(None),
        Reply.of_json({"status": "down"}),
        Reply.of_json(["text"]),
        Reply.of_json([{}, {"unknown": 1}]),
        Reply.of_json(5),
        Reply.of_json([], 202),
        Reply(500),
    ],
    ids=str,
)
def test_an_outage_never_looks_like_nothing_found(
    serve: Serve, connect: Connect, path: str, discover: Discover, entry: dict[str, Any], outage: Reply
) -> None:
    """Open questions 10 and 11: an empty answer is accepted only in its known forms."""
    with pytest.raises(FaultError):
        discover(connect(serve([outage] * 5)))


@every
def test_a_refusal_is_raised_with_its_code(
    serve: Serve, connect: Connect, path: str, discover: Discover, entry: dict[str, Any]
) -> None:
    """Open question 12: the user sees parameter and text."""
    with pytest.raises(RefusedError) as caught:
        discover(connect(serve([Reply.of_errors((127, "Invalid parameter value", "locationCode"))])))
    assert (caught.value.code, caught.value.parameter) == (127, "locationCode")


@every
def test_an_object_in_place_of_a_list_is_read(
    serve: Serve, connect: Connect, path: str, discover: Discover, entry: dict[str, Any]
) -> None:
    assert len(discover(connect(serve([Reply.of_json(entry)])))) == 1


def test_an_entry_that_cannot_be_used_is_told_and_the_others_are_kept(
    serve: Serve, connect: Connect, sleeper: Sleeper
) -> None:
    service = serve([Reply.of_json([{"locationName": "no code"}, {"locationCode": "A"}])])
    assert [location.location_code for location in get_locations(connect(service))] == ["A"]
    assert sleeper.told == [
        "The answer of `api/locations`: an entry for a location lacks `locationCode`; it is left out"
    ]


def test_location_filters_are_sent_in_the_services_spelling(serve: Serve, connect: Connect) -> None:
    """onc-api.md 2.1."""
    service = serve([Reply.of_json([])])
    get_locations(
        connect(service),
        location_code="BACAX",
        device_category_code="CTD",
        property_code="pressure,salinity",
        data_product_code="TSSD",
        device_code="D 1",
        location_name="axis",
        date_from=BEGIN,
        date_to=END,
        include_children=True,
    )
    assert service.asked[0].query == {
        "locationCode": "BACAX",
        "deviceCategoryCode": "CTD",
        "propertyCode": "pressure,salinity",
        "dataProductCode": "TSSD",
        "deviceCode": "D 1",
        "locationName": "axis",
        "dateFrom": "2016-06-01T00:00:00.000Z",
        "dateTo": "2017-06-01T00:00:00.000Z",
        "includeChildren": "true",
        "token": TOKEN,
    }


def test_tree_filters_are_sent_in_the_services_spelling(serve: Serve, connect: Connect) -> None:
    service = serve([Reply.of_json([])])
    get_location_tree(
        connect(service),
        location_code="a",
        device_category_code="b",
        property_code="c",
        data_product_code="d",
        device_code="e",
        location_name="f",
        date_from=BEGIN,
        date_to=END,
    )
    assert list(service.asked[0].query) == [
        "locationCode",
        "deviceCategoryCode",
        "propertyCode",
        "dataProductCode",
        "deviceCode",
        "locationName",
        "dateFrom",
        "dateTo",
        "token",
    ]


@pytest.mark.parametrize(
    ("discover", "filters", "sent"),
    [
        (
            get_deployments,
            {"location_code": "a", "device_category_code": "b", "device_code": "c", "property_code": "d"},
            {"locationCode": "a", "deviceCategoryCode": "b", "deviceCode": "c", "propertyCode": "d"},
        ),
        (
            get_device_categories,
            {
                "device_category_code": "a",
                "device_category_name": "b",
                "description": "c",
                "location_code": "d",
                "property_code": "e",
            },
            {
                "deviceCategoryCode": "a",
                "deviceCategoryName": "b",
                "description": "c",
                "locationCode": "d",
                "propertyCode": "e",
            },
        ),
        (
            get_devices,
            {
                "device_code": "a",
                "device_name": "b",
                "device_category_code": "c",
                "location_code": "d",
                "property_code": "e",
                "date_from": BEGIN,
                "date_to": END,
            },
            {
                "deviceCode": "a",
                "deviceName": "b",
                "deviceCategoryCode": "c",
                "locationCode": "d",
                "propertyCode": "e",
                "dateFrom": "2016-06-01T00:00:00.000Z",
                "dateTo": "2017-06-01T00:00:00.000Z",
            },
        ),
        (
            get_properties,
            {
                "property_code": "a",
                "property_name": "b",
                "description": "c",
                "location_code": "d",
                "device_category_code": "e",
                "device_code": "f",
            },
            {
                "propertyCode": "a",
                "propertyName": "b",
                "description": "c",
                "locationCode": "d",
                "deviceCategoryCode": "e",
                "deviceCode": "f",
            },
        ),
        (
            get_data_products,
            {
                "data_product_code": "a",
                "extension": "b",
                "data_product_name": "c",
                "location_code": "d",
                "device_category_code": "e",
                "device_code": "f",
                "property_code": "g",
            },
            {
                "dataProductCode": "a",
                "extension": "b",
                "dataProductName": "c",
                "locationCode": "d",
                "deviceCategoryCode": "e",
                "deviceCode": "f",
                "propertyCode": "g",
            },
        ),
    ],
)
def test_filters_are_sent_in_the_services_spelling(
    serve: Serve, connect: Connect, discover: Callable[..., list[Any]], filters: dict[str, Any], sent: dict[str, str]
) -> None:
    """onc-api.md 2.3 to 2.7."""
    service = serve([Reply.of_json([])])
    discover(connect(service), **filters)
    assert service.asked[0].query == {**sent, "token": TOKEN}


def test_a_window_of_deployments_is_sent_with_milliseconds_in_utc(serve: Serve, connect: Connect) -> None:
    """onc-api.md 1.1."""
    service = serve([Reply.of_json([])])
    get_deployments(connect(service), date_from=BEGIN, date_to=END)
    assert service.asked[0].query["dateFrom"] == "2016-06-01T00:00:00.000Z"
    assert service.asked[0].query["dateTo"] == "2017-06-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "errors",
    [
        [(127, OUTSIDE, "locationCode")],
        [(127, OUTSIDE, "locationCode"), (127, OUTSIDE, "deviceCategoryCode")],
        [(25, "Invalid Time Range, Start Time is in the future.", "dateFrom")],
    ],
)
def test_no_deployment_in_the_window_is_nothing(
    serve: Serve, connect: Connect, errors: list[tuple[int, str, str]]
) -> None:
    """onc-api.md 1.3, open question 10 (c) and (d)."""
    service = serve([Reply.of_errors(*errors)])
    assert get_deployments(connect(service), date_from=NOW + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([(127, "Invalid parameter value", "locationCode")], 400),
        ([(127, OUTSIDE, "a"), (127, "Invalid parameter value", "deviceCategoryCode")], 400),
        ([(25, "future", "dateFrom"), (127, "Invalid parameter value", "locationCode")], 400),
        ([(129, OUTSIDE, "a")], 400),
        ([(23, "start after end", "dateFrom")], 400),
        ([(33, "no data", "")], 400),
        ([(25, "Invalid Time Range, Start Time is in the future.", "dateFrom")], 400),
        ([(127, OUTSIDE, "a")], 410),
        ([], 400),
    ],
)
def test_every_other_refusal_of_deployments_is_raised(
    serve: Serve, connect: Connect, errors: list[tuple[int, str, str]], status: int
) -> None:
    """Open question 12: a typo is told, not taken for nothing."""
    with pytest.raises(RefusedError):
        get_deployments(connect(serve([Reply.of_errors(*errors, status=status)])))


def test_the_window_phrase_is_nothing_for_deployments_alone(serve: Serve, connect: Connect) -> None:
    with pytest.raises(RefusedError):
        get_locations(connect(serve([Reply.of_errors((127, OUTSIDE, "a"))])))


def test_passing_faults_are_retried_inside(serve: Serve, connect: Connect, sleeper: Sleeper) -> None:
    service = serve([Reply(503), Reply(503), Reply.of_json([{"locationCode": "A"}])])
    assert len(get_locations(connect(service))) == 1
    assert len(sleeper.naps) == 2


@pytest.mark.parametrize("depth", [3000, 100_000])
def test_a_tree_of_absurd_depth_is_a_fault(serve: Serve, connect: Connect, depth: int) -> None:
    """Rule 7: a size that the service chooses breaks nothing."""
    body = b'[{"locationCode":"A","children":' * depth + b"null" + b"}]" * depth
    with pytest.raises(FaultError):
        get_location_tree(connect(serve([Reply(200, body, {"Content-Type": "application/json"})] * 5)))


def test_a_tree_too_deep_to_become_records_is_a_fault(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    node: dict[str, Any] = {"locationCode": "A"}
    for _ in range(3000):
        node = {"locationCode": "A", "children": [node]}
    monkeypatch.setattr(Session, "get_json", lambda *_, **__: Answer(200, [node]))
    with pytest.raises(FaultError):
        get_location_tree(connect("https://h/"))


def test_a_deep_tree_is_read_whole(serve: Serve, connect: Connect) -> None:
    body = b'[{"locationCode":"A","children":' * 40 + b"null" + b"}]" * 40
    nodes = get_location_tree(connect(serve([Reply(200, body)])))
    depth = 0
    while nodes:
        nodes, depth = list(nodes[0].children), depth + 1
    assert depth == 40
