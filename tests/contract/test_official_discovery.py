"""The official Python client finds its way around the sandbox (onc-api.md 1.3 and 2)."""

from __future__ import annotations

from typing import Any

import pytest

CTDS_OF_ONE_DAY = {
    "locationCode": "BACAX",
    "deviceCategoryCode": "CTD",
    "dateFrom": "2015-09-17",
    "dateTo": "2015-09-17T13:00:00.000Z",
}
LISTINGS = (
    "getLocations",
    "getLocationsTree",
    "getDeployments",
    "getDeviceCategories",
    "getDevices",
    "getProperties",
    "getDataProducts",
)
DATED = ("getLocations", "getLocationsTree", "getDeployments", "getDevices")
CODE_OF = {
    "getLocations": "locationCode",
    "getLocationsTree": "locationCode",
    "getDeployments": "locationCode",
    "getDeviceCategories": "deviceCategoryCode",
    "getDevices": "deviceCode",
    "getProperties": "propertyCode",
    "getDataProducts": "dataProductCode",
}


def kinds(row: dict[str, Any]) -> dict[str, str]:
    """Gives the name of the type of every member."""
    return {name: type(value).__name__ for name, value in row.items()}


def test_a_location_has_its_numbers_and_its_box(client: Any) -> None:
    """A place with deployments in the window is described by their means and bounds, its flags are booleans."""
    (row,) = client.getLocations({"locationCode": "FGPD", "dateFrom": "2005-09-17", "dateTo": "2020-09-17"})
    assert kinds(row) == {
        "locationCode": "str",
        "locationName": "str",
        "description": "str",
        "deployments": "int",
        "hasDeviceData": "bool",
        "hasPropertyData": "bool",
        "depth": "float",
        "lat": "float",
        "lon": "float",
        "bbox": "dict",
        "dataSearchURL": "str",
    }
    assert row["bbox"]["minDepth"] <= row["depth"] <= row["bbox"]["maxDepth"]
    assert row["bbox"]["minLat"] <= row["lat"] <= row["bbox"]["maxLat"]
    assert row["bbox"]["minLon"] <= row["lon"] <= row["bbox"]["maxLon"]


def test_children_come_when_they_are_asked_for(client: Any) -> None:
    """`includeChildren` adds everything below a location."""
    alone = client.getLocations({"locationCode": "ARCT"})
    below = client.getLocations({"locationCode": "ARCT", "includeChildren": "true"})
    assert [row["locationCode"] for row in alone] == ["ARCT"]
    assert len(below) > 5


def test_some_places_have_a_depth_and_no_position(client: Any) -> None:
    """Every member of a box can be null on its own, as for a ferry; the whole box can be null too."""
    rows = client.getLocations()
    boxes = [row["bbox"] for row in rows]
    assert None in boxes
    assert {"minDepth": 0.0, "maxDepth": 0.0, "minLat": None, "maxLat": None, "minLon": None, "maxLon": None} in boxes


def test_the_tree_has_children_or_null_at_every_level(client: Any) -> None:
    """A parent without data of its own keeps the children that have some; a leaf's children are null."""
    (node,) = client.getLocationsTree({"locationCode": "BACCC"})
    assert (node["hasDeviceData"], node["hasPropertyData"]) == (False, True)
    assert [child["locationCode"] for child in node["children"]] == ["BACCC.A1", "BACCC.A2"]
    assert [(child["hasDeviceData"], child["children"]) for child in node["children"]] == [(True, None)] * 2


def test_the_tree_is_narrowed_to_where_cameras_are(client: Any) -> None:
    """A filter on the category leaves only the branches that lead to one."""
    (whole,) = client.getLocationsTree({"locationCode": "ARCT"})
    (filmed,) = client.getLocationsTree({"locationCode": "ARCT", "deviceCategoryCode": "VIDEOCAM"})
    assert 0 < len(filmed["children"]) < len(whole["children"])


def test_a_deployment_is_told_with_its_own_dates(client: Any) -> None:
    """The window selects by overlap and clips nothing; the citation has no query of its own."""
    (row,) = client.getDeployments(dict(CTDS_OF_ONE_DAY))
    assert (row["deviceCode"], row["begin"], row["end"]) == (
        "SBECTD16p6002",
        "2014-05-09T15:50:42.000Z",
        "2015-09-17T12:59:52.000Z",
    )
    assert (row["heading"], row["pitch"], row["roll"]) == (None, None, None)
    assert set(row["citation"]) == {"citation", "doi", "landingPageUrl", "queryPid"}
    assert row["citation"]["queryPid"] is None
    assert row["citation"]["landingPageUrl"].endswith(row["citation"]["doi"])


def test_a_relative_end_counts_from_the_begin(client: Any) -> None:
    """`dateTo=PT7M` is seven minutes after `dateFrom` (onc-api.md 1.1)."""
    before = CTDS_OF_ONE_DAY | {"dateFrom": "2015-09-17T13:10:00.000Z"}
    with pytest.raises(Exception, match="API Error 127"):
        client.getDeployments(before | {"dateTo": "PT7M"})
    (row,) = client.getDeployments(before | {"dateTo": "PT20M"})
    assert row["deviceCode"] == "SBECTD16p7080"


def test_a_device_has_a_term_and_a_rating_without_end(client: Any) -> None:
    """The bottom pressure recorder of the client's own tests is there, and samples to this day."""
    (row,) = client.getDevices({"deviceCode": "BPR-Folger-59", "dateFrom": "2005-09-17", "dateTo": "2020-09-17"})
    (term,) = row["cvTerm"]["device"]
    assert (row["deviceId"], term["vocabulary"]) == (21503, "SeaVoX Device Catalogue")
    assert "/L22/" in term["uri"]
    assert [(kinds(rating), rating["dateTo"]) for rating in row["dataRating"]] == [
        ({"dateFrom": "str", "dateTo": "NoneType", "samplePeriod": "float", "sampleSize": "int"}, None)
    ]


def test_a_category_is_found_by_parts_of_its_texts(client: Any) -> None:
    """Name and description match by a part; a part that is nowhere is 404."""
    asked = {"deviceCategoryCode": "CTD", "deviceCategoryName": "Conductivity", "description": "temperature"}
    (row,) = client.getDeviceCategories(dict(asked))
    assert row["cvTerm"]["deviceCategory"][0]["uri"].endswith("/L05/current/130/")
    assert row["hasDeviceData"] is True
    with pytest.raises(Exception, match="404 Client Error"):
        client.getDeviceCategories(asked | {"description": "TemperatureXXX"})


@pytest.mark.parametrize("code", ["conductivity", "seawatertemperature", "totalpressure"])
def test_a_property_has_the_term_of_its_unit(client: Any, code: str) -> None:
    """The properties of the client's own tests are there, with a vocabulary term."""
    (row,) = client.getProperties({"propertyCode": code})
    assert (row["hasDeviceData"], row["hasPropertyData"]) == (True, True)
    (term,) = row["cvTerm"]["uom"]
    assert term["vocabulary"] == "BODC data storage units"


def test_a_property_is_looked_for_at_the_place_itself(client: Any) -> None:
    """What is measured below a location is not measured at it."""
    asked = {"propertyCode": "conductivity", "deviceCategoryCode": "CTD"}
    assert client.getProperties(asked | {"locationCode": "PVIP"})
    with pytest.raises(Exception, match="404 Client Error"):
        client.getProperties({"propertyCode": "conductivity", "locationCode": "SAAN"})


def test_a_product_comes_with_its_options(client: Any) -> None:
    """Each option has values or a range; the seventh of HSD as png has both."""
    (row,) = client.getDataProducts({"dataProductCode": "HSD", "extension": "png"})
    seventh = row["dataProductOptions"][6]
    assert kinds(seventh) == {
        "option": "str",
        "allowableValues": "list",
        "allowableRange": "dict",
        "defaultValue": "str",
        "suboptions": "NoneType",
        "documentation": "list",
    }
    assert {name: kind for name, kind in kinds(seventh["allowableRange"]).items() if name != "unitOfMeasure"} == {
        "lowerBound": "str",
        "upperBound": "str",
        "onlyIntegers": "bool",
    }
    (viewer,) = client.getDataProducts({"dataProductCode": "SHV", "extension": "png"})
    assert [option["option"] for option in viewer["dataProductOptions"]] == [
        "dpo_lowerColourLimit",
        "dpo_spectrogramColourPalette",
        "dpo_upperColourLimit",
    ]


@pytest.mark.parametrize("method", LISTINGS)
def test_a_code_that_nothing_has_is_127(client: Any, method: str) -> None:
    """`XYZ123` is no code of anything."""
    with pytest.raises(Exception, match=f"API Error 127: .*{CODE_OF[method]}"):
        getattr(client, method)({CODE_OF[method]: "XYZ123"})


@pytest.mark.parametrize("method", [*LISTINGS, "getDataAvailability"])
def test_a_name_that_no_service_takes_is_129(client: Any, method: str) -> None:
    """A parameter with a letter too many is refused and not passed over."""
    with pytest.raises(Exception, match=r"API Error 129: .*locationCodes"):
        getattr(client, method)({"locationCodes": "BACAX"})


@pytest.mark.parametrize("method", DATED)
@pytest.mark.parametrize(
    ("dates", "code"),
    [({"dateFrom": "2020-01-01", "dateTo": "2019-01-01"}, 23), ({"dateFrom": "2050-01-01"}, 25)],
)
def test_a_window_that_cannot_be_is_refused(client: Any, method: str, dates: dict[str, str], code: int) -> None:
    """A start after the end is 23, a start in the future 25."""
    with pytest.raises(Exception, match=f"API Error {code}:"):
        getattr(client, method)({"locationCode": "FGPD", **dates})


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("getLocations", {"locationCode": "FGPD", "dateTo": "1900-01-01"}),
        ("getLocationsTree", {"locationCode": "ARCT", "dateTo": "1900-01-01"}),
        ("getDeployments", {"locationCode": "BARC"}),
        ("getDevices", {"deviceCode": "BPR-Folger-59", "dateTo": "1900-01-01"}),
        ("getDataProducts", {"dataProductCode": "HSD", "extension": "txt"}),
    ],
)
def test_a_good_question_without_an_answer_is_404(client: Any, method: str, asked: dict[str, str]) -> None:
    """Nothing to list is no mistake of the client."""
    with pytest.raises(Exception, match="404 Client Error"):
        getattr(client, method)(asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"locationCode": "BACAX", "deviceCategoryCode": "CTD", "dateTo": "1900-01-01"},
        {"locationCode": "FGPD", "deviceCategoryCode": "LIDAR"},
    ],
)
def test_a_place_and_category_that_never_met_are_127(client: Any, asked: dict[str, str]) -> None:
    """Deployments alone refuses a pair without a deployment, as if it were a wrong code."""
    with pytest.raises(Exception, match="API Error 127"):
        client.getDeployments(asked)


def test_a_wrong_token_is_401(client: Any) -> None:
    """The client tells its user to look at the token."""
    client.token = "ffffffff-0000-4000-8000-000000000000"
    with pytest.raises(Exception, match="Status 401 - Unauthorized"):
        client.getLocations({})
