"""Each fault of the shape of JSON answers and of paging, seen on a socket."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.sandbox import Fault
from tests.sandbox.wire import LISTING, ORDER, RUN, on_the_wire, shows

BACAX = {"locationCode": "BACAX"}


def differences(fault: Fault, service: str, **given: object) -> list[tuple[str, Any, Any]]:
    """Gives the members of the first row that the fault changes: name, without it, with it."""
    with on_the_wire(fault) as wire:
        changed = wire(service, **given).json[0]
    with on_the_wire() as wire:
        plain = wire(service, **given).json[0]
    names = [*plain, *(name for name in changed if name not in plain)]
    return [(name, plain.get(name), changed.get(name)) for name in names if plain.get(name) != changed.get(name)]


@shows("booleans-as-text")
def test_booleans_as_text() -> None:
    assert differences(Fault("booleans-as-text"), "devices", **BACAX) == [("hasDeviceData", True, "true")]


@shows("text-as-booleans")
def test_text_as_booleans_at_every_level() -> None:
    changed = differences(Fault("text-as-booleans"), "locations", **BACAX)
    assert ("hasDeviceData", "true", True) in changed
    assert {name for name, _, _ in changed} <= {"hasDeviceData", "hasPropertyData"}
    with on_the_wire(Fault("text-as-booleans")) as wire:
        (root,) = wire("locations/tree", locationCode="NEP").json
        assert {type(child["hasDeviceData"]) for child in root["children"]} == {bool}


@shows("numbers-as-text")
def test_numbers_as_text() -> None:
    changed = differences(Fault("numbers-as-text"), "locations", **BACAX)
    assert {name for name, _, _ in changed} == {"deployments", "depth", "lat", "lon", "bbox"}
    for name, before, after in changed:
        assert name == "bbox" or (isinstance(after, str) and float(after) == before)


def test_numbers_as_text_may_be_about_some_members() -> None:
    changed = differences(Fault("numbers-as-text", members=["depth"]), "locations", **BACAX)
    assert [name for name, _, _ in changed] == ["depth"]


def test_numbers_as_text_reach_the_ids_of_an_order() -> None:
    with on_the_wire(Fault("numbers-as-text")) as wire:
        request_id = wire("dataProductDelivery/request", **ORDER).json["dpRequestId"]
        assert request_id.isdigit()
        (row,) = wire(RUN, dpRequestId=request_id).json
        assert (row["dpRunId"].isdigit(), row["fileCount"]) == (True, "0")


@shows("dates-without-fraction")
def test_dates_without_fraction() -> None:
    changed = differences(Fault("dates-without-fraction"), "deployments", **BACAX)
    assert "begin" in [name for name, _, _ in changed]
    assert all(before == after.replace("Z", ".000Z") for _, before, after in changed)


@shows("missing-members")
def test_missing_members() -> None:
    with on_the_wire(Fault("missing-members", members=["citation", "uri"])) as wire:
        assert all("citation" not in row for row in wire("deployments", **BACAX).json)
        assert "uri" not in wire("deviceCategories", deviceCategoryCode="CTD").body.decode()


@shows("null-members")
def test_null_members() -> None:
    changed = differences(Fault("null-members", members=["depth", "nothing"]), "locations", **BACAX)
    assert [(name, after) for name, _, after in changed] == [("depth", None)]


@shows("new-members")
def test_new_members() -> None:
    changed = differences(Fault("new-members"), "properties", propertyCode="salinity")
    assert ("addedLater", None, {"since": 2027, "of": []}) in changed


@shows("restricted-message")
@pytest.mark.parametrize("member", ["messages", "warningMessages"])
@pytest.mark.parametrize(
    ("service", "given"), [("dataProductDelivery/request", ORDER), ("archivefile/device", LISTING)]
)
def test_restricted_message_stands_beside_the_others(member: str, service: str, given: dict[str, str]) -> None:
    with on_the_wire() as wire:
        plain = wire(service, **given).json.get(member, [])
    with on_the_wire(Fault("restricted-message", member=member)) as wire:
        told = wire(service, **given).json[member]
    assert told[:-1] == plain
    assert "restricted" in told[-1]


@shows("short-pages")
@pytest.mark.parametrize("limit", [{}, {"rowLimit": "6"}])
def test_short_pages_are_shorter_than_their_limit_and_have_a_next(limit: dict[str, str]) -> None:
    """Followed by `next`, they bring every row once; nothing in them tells of the shorter limit."""
    with on_the_wire() as wire:
        wanted = wire("archivefile/device", **LISTING).json["files"]
    with on_the_wire(Fault("short-pages", rows=3)) as wire:
        page = wire("archivefile/device", **LISTING, **limit).json
        got = list(page["files"])
        sizes = [len(page["files"])]
        while page["next"] is not None:
            assert page["next"]["parameters"].get("rowLimit", "").strip() == limit.get("rowLimit", "")
            for url in (page["next"]["url"], page["queryUrl"]):
                assert ("rowLimit=" in url) == bool(limit)
                assert "rowLimit=3" not in url
            page = wire("archivefile/device", **page["next"]["parameters"]).json
            got += page["files"]
            sizes.append(len(page["files"]))
    assert got == wanted
    assert max(sizes) <= 3 < len(wanted)


@shows("next-repeats")
def test_next_repeats_points_to_page_2_for_ever() -> None:
    with on_the_wire(Fault("next-repeats"), Fault("short-pages")) as wire:
        seen = []
        given: dict[str, object] = dict(LISTING)
        for _ in range(4):
            following = wire("archivefile/device", **given).json["next"]
            seen.append(following["parameters"])
            assert "page=2" in following["url"]
            given = dict(following["parameters"])
    assert seen[0]["page"] == "2"
    assert all(one == seen[0] for one in seen)
    assert seen[0]["token"] == wire.sandbox.token


@shows("next-elsewhere")
def test_next_elsewhere_names_another_host() -> None:
    with on_the_wire(Fault("short-pages"), Fault("next-elsewhere", base="https://elsewhere.invalid/")) as wire:
        following = wire("archivefile/device", **LISTING).json["next"]
        assert following["url"].startswith("https://elsewhere.invalid/api/archivefile/device?")
        assert following["parameters"]["page"] == "2"


@shows("page-refused")
@pytest.mark.parametrize(
    ("form", "code", "text"),
    [("deployment", 127, "not during the provided time range"), ("future", 25, "Start Time is in the future")],
)
def test_page_refused_says_on_page_2_that_there_are_no_data(form: str, code: int, text: str) -> None:
    with on_the_wire(Fault("short-pages"), Fault("page-refused", form=form)) as wire:
        first = wire("archivefile/device", **LISTING)
        second = wire("archivefile/device", **first.json["next"]["parameters"])
        assert (first.status, second.status) == (200, 400)
        (error,) = second.json["errors"]
        assert error["errorCode"] == code
        assert text in error["errorMessage"]
