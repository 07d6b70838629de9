"""What is found in the small world, kind by kind, and why nothing is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oncsync.cache import RememberingAsker
from oncsync.catalogue import KINDS, Questions, look, read_filters
from oncsync.catalogue.questions import TooManyError
from oncsync.errors import FaultError, InputError
from tests.catalogue.conftest import Look
from tests.resolver.making import at
from tests.resolver.world import NOW, World, session_with, shuffler
from tests.support.scripted import Asked, Reply, ScriptedService

Elsewhere = Callable[..., tuple[ScriptedService, Look]]


def codes(found: Any, member: str) -> list[Any]:
    return [getattr(row, member) for row in found.rows]


# --- Places ----------------------------------------------------------------------------------------------------


def test_places_come_with_the_kinds_of_instruments_that_have_data_there(look_at: Look) -> None:
    """R131: and those without instruments of their own with how many lie below."""
    found = {row.location_code: row for row in look_at("locations", deviceCategoryCode="CTD,HYDROPHONE").rows}
    assert found["NA"].device_category_codes == ("CTD", "HYDROPHONE")
    assert found["SA"].device_category_codes == ("CTD",)
    assert (found["NORTH"].device_category_codes, found["NORTH"].places_below) == ((), 2)
    assert "NA.1" not in found, "a pressure recorder only"
    assert (found["NA"].begin, found["NA"].end) == (at("2018-01-01"), at("2020-06-01"))
    assert found["NB"].end is None, "still there"
    assert (found["NA"].lat, found["NA"].lon, found["NA"].depth) == (48.5, -126.25, 400.0)


def test_a_place_is_a_root(look_at: Look) -> None:
    """R34."""
    assert codes(look_at("locations", locationCode="NORTH"), "location_code") == ["NA", "NA.1", "NB", "NORTH"]
    assert codes(look_at("deployments", locationCode="SOUTH"), "device_code") == ["BPR1", "CTDOLD", "CAM1"]


def test_instruments_without_data_count_only_when_asked_for(look_at: Look) -> None:
    """The receiver offers nothing, so its place shows nothing of it."""
    rows = look_at("deployments", locationCode="NB")
    assert codes(rows, "device_code") == ["CTD3", "CAM2"]
    assert codes(look_at("deployments", locationCode="NB", with_empty=True), "device_code") == ["EAR1", "CTD3", "CAM2"]


def test_the_tree_keeps_the_branches_where_something_is(look_at: Look) -> None:
    (root,) = look_at("tree", deviceCategoryCode="BPR").rows
    assert root.location_code == "ROOT"
    below = {child.location_code: child for child in root.children}
    assert set(below) == {"NORTH", "SOUTH"}
    (na,) = below["NORTH"].children
    assert (na.location_code, na.device_category_codes) == ("NA", ())
    assert [(leaf.location_code, leaf.device_category_codes) for leaf in na.children] == [("NA.1", ("BPR",))]


def test_a_name_is_a_part_in_any_case(look_at: Look) -> None:
    """R43: codes are looked up by name."""
    assert codes(look_at("locations", name="place n"), "location_code") == ["NA", "NA.1", "NB", "NORTH"]
    assert codes(look_at("categories", name="SALINITY"), "device_category_code") == ["CTD"]
    assert codes(look_at("devices", name="the ctd1"), "device_code") == ["CTD1"]
    assert codes(look_at("properties", name="PRESS"), "property_code") == ["pressure"]
    assert codes(look_at("products", name="audio"), "data_product_code") == ["AD"]
    (root,) = look_at("tree", name="place sa").rows
    assert [child.location_code for child in root.children] == ["SOUTH"]


# --- Instruments -----------------------------------------------------------------------------------------------


def test_deployments_overlap_the_time_and_keep_their_own(look_at: Look) -> None:
    found = look_at("deployments", locationCode="NA", begin="2020-02-25", end="2020-03-01")
    rows = [(row.device_code, row.begin, row.end) for row in found.rows]
    assert (
        rows
        == [
            ("BPR1", at("2019-06-01"), at("2020-02-15")),
            ("CTD1", at("2020-01-01"), at("2020-03-10T12:00")),
            ("CTD2", at("2020-02-20"), at("2020-06-01")),
            ("HYD2", at("2020-02-01"), at("2020-04-01")),
        ][1:]
    )


def test_a_deployment_that_ends_when_the_time_begins_is_not_in_it(look_at: Look) -> None:
    """Spans are half-open."""
    found = look_at("deployments", deviceCode="HYD1,HYD2", begin="2020-02-01", end="2020-03-01")
    assert codes(found, "device_code") == ["HYD2"]


def test_categories_are_counted(look_at: Look) -> None:
    rows = look_at("categories", locationCode="NORTH").rows
    counted = {row.device_category_code: (row.places, row.devices) for row in rows}
    assert counted == {"BPR": (1, 1), "CTD": (2, 4), "HYDROPHONE": (1, 2), "VIDEOCAM": (1, 1)}


def test_kinds_that_are_nowhere_are_listed_when_empty_ones_count(look_at: Look) -> None:
    assert "ADCP2MHZ" not in codes(look_at("categories"), "device_category_code")
    assert "ADCP2MHZ" in codes(look_at("categories", with_empty=True), "device_category_code")
    assert "ADCP2MHZ" not in codes(look_at("categories", with_empty=True, locationCode="NA"), "device_category_code")


def test_devices_come_with_all_that_selects_them(look_at: Look) -> None:
    """R173, R174, R175: name, place, category, device; one that moved has a row for each place."""
    rows = look_at("devices", deviceCategoryCode="BPR,HYDROPHONE").rows
    table = [(row.device_name, row.location_code, row.device_category_code, row.device_code) for row in rows]
    assert table == [
        ("The HYD1", "NA", "HYDROPHONE", "HYD1"),
        ("The HYD2", "NA", "HYDROPHONE", "HYD2"),
        ("The BPR1", "NA.1", "BPR", "BPR1"),
        ("The BPR1", "SA", "BPR", "BPR1"),
    ]


def test_a_device_that_was_never_anywhere_is_listed_when_empty_ones_count(look_at: Look) -> None:
    assert "SPARE" not in codes(look_at("devices", deviceCategoryCode="CTD"), "device_code")
    found = look_at("devices", deviceCategoryCode="CTD", with_empty=True)
    assert [row.location_code for row in found.rows if row.device_code == "SPARE"] == [""]


# --- Properties, products, options -----------------------------------------------------------------------------


def test_properties_are_those_of_the_instruments_in_question(look_at: Look) -> None:
    """R38."""
    assert codes(look_at("properties", deviceCategoryCode="CTD", locationCode="SA"), "property_code") == [
        "seawatertemperature"
    ]
    rows = look_at("properties", locationCode="NA").rows
    measured = {row.property_code: row.device_category_codes for row in rows}
    assert measured == {"pressure": ("BPR",), "salinity": ("CTD",), "seawatertemperature": ("CTD",)}


def test_properties_that_nothing_measures_are_listed_when_empty_ones_count(look_at: Look) -> None:
    assert "oxygen" not in codes(look_at("properties"), "property_code")
    assert "oxygen" in codes(look_at("properties", with_empty=True), "property_code")


def test_the_products_of_a_device(look_at: Look) -> None:
    """R40, R178: and never those of its kind alone."""
    rows = look_at("products", deviceCode="CTDOLD").rows
    assert [(row.data_product_code, row.extensions) for row in rows] == [("TSSD", ("csv",))]
    rows = look_at("products", deviceCode="CTD1").rows
    assert [(row.data_product_code, row.extensions) for row in rows] == [
        ("LF", ("txt",)),
        ("TSSD", ("csv", "json", "mat")),
        ("TSSP", ("png",)),
    ]


def test_the_products_of_a_device_in_one_format(look_at: Look) -> None:
    """R42, R179."""
    rows = look_at("products", deviceCode="CTD1", extension="mat,png").rows
    assert [(row.data_product_code, row.extensions) for row in rows] == [("TSSD", ("mat",)), ("TSSP", ("png",))]


def test_products_by_code_or_by_name(look_at: Look) -> None:
    """R176."""
    by_code = look_at("products", locationCode="NA", dataProductCode="TSSD")
    by_name = look_at("products", locationCode="NA", dataProductName="scalar data")
    assert by_code == by_name
    assert codes(by_code, "device_category_codes") == [("BPR", "CTD")]


def test_instruments_that_offer_a_product(look_at: Look) -> None:
    assert codes(look_at("deployments", dataProductCode="AD"), "device_code") == ["HYD1", "HYD2"]
    assert codes(look_at("categories", extension="mat"), "device_category_code") == ["CTD"]
    assert codes(look_at("deployments", locationCode="SA", extension="mp4"), "device_code") == ["CAM1"]


def test_options_are_those_of_the_product_there(look_at: Look) -> None:
    rows = look_at("options", locationCode="NA", deviceCategoryCode="CTD", extension="csv,json,mat").rows
    assert [(row.extensions, row.option, row.allowable_values, row.default_value) for row in rows] == [
        (("csv", "mat"), "dpo_resample", ("average", "none"), "none")
    ]
    assert rows[0].sources == ("NA/CTD",)


def test_products_without_options_are_no_mistake(look_at: Look) -> None:
    found = look_at("options", deviceCode="CAM1", dataProductCode="MP4V")
    assert (found.rows, found.remark) == ((), "These data products take no options")


# --- Nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"locationCode": "NAX"}, "ONC knows no `locationCode` `NAX`", "did you mean `NA` (Place NA)"),
        ({"locationCode": "na"}, "ONC knows no `locationCode` `na`", "did you mean `NA`? Codes are matched exactly"),
        (
            {"deviceCategoryCode": "HYDROFONE"},
            "no `deviceCategoryCode` `HYDROFONE`",
            "did you mean `HYDROPHONE` (Hydrophone)?",
        ),
        ({"propertyCode": "salinty"}, "no `propertyCode` `salinty`", "did you mean `salinity` (The salinity)?"),
        ({"locationCode": "place south"}, "`place south`", "did you mean `SOUTH` (Place SOUTH)?"),
        ({"deviceCode": "CTD11"}, "no `deviceCode` `CTD11`", "`CTD1`"),
        ({"dataProductCode": "TSD"}, "no `dataProductCode` `TSD`", "`TSSD`"),
        ({"extension": "cvs"}, "no `extension` `cvs`", "`csv`"),
        ({"deviceCategoryCode": "XQZW"}, "XQZW", "`--name TEXT` looks for one"),
    ],
)
def test_an_unknown_code_is_an_error_with_the_nearest_one(
    look_at: Look, asked: dict[str, str], message: str, hint: str
) -> None:
    """Exit 2; open question 12."""
    with pytest.raises(InputError) as caught:
        look_at("deployments", **asked)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_every_unknown_code_is_told_at_once(look_at: Look) -> None:
    with pytest.raises(InputError) as caught:
        look_at("devices", locationCode="NAX,NA", deviceCategoryCode="CTDX")
    assert "`NAX`" in caught.value.message
    assert "`CTDX`" in caught.value.message
    assert "`NA`\n" not in caught.value.message.replace("did you mean `NA`", "")


@pytest.mark.parametrize(
    ("kind", "asked", "message", "hint"),
    [
        ("deployments", {"locationCode": "NB", "deviceCategoryCode": "HYDROPHONE"}, "`deviceCategoryCode`",
         "without it there is `CTD`, `VIDEOCAM`"),
        ("deployments", {"locationCode": "NA", "deviceCode": "CAM1"}, "with `locationCode` `NA`", "there is `SA`"),
        ("products", {"deviceCode": "CTD1", "extension": "flac"}, "no data products with `extension` `flac` here",
         "without it there is `csv`, `json`, `mat`, `png`, `txt`"),
        ("products", {"deviceCode": "CTD1", "dataProductCode": "AD"}, "with `dataProductCode` `AD`",
         "`LF`, `TSSD`, `TSSP`"),
        ("properties", {"locationCode": "NB", "propertyCode": "pressure"}, "with `propertyCode` `pressure`",
         "`salinity`"),
        ("coverage", {"locationCode": "NB", "deviceCategoryCode": "CTD", "extension": "flac"},
         "no data with `extension` `flac` here", "without it there is `csv`, `json`, `mat`, `png`, `txt`"),
        ("deployments", {"deviceCode": "CTD1", "dataProductCode": "AD"}, "with `dataProductCode` `AD`", "`LF`, `TSSD`"),
        ("devices", {"locationCode": "NB", "propertyCode": "pressure"}, "with `propertyCode` `pressure`", "`salinity`"),
        ("locations", {"name": "plaice"}, "No name of locations here contains `plaice`", "did you mean `Place"),
    ],
)  # fmt: skip
def test_what_leaves_nothing_is_named_with_what_there_is_without_it(
    look_at: Look, kind: str, asked: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        look_at(kind, **asked)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["locations", "tree", "deployments", "categories", "devices", "coverage", "products"])
def test_nothing_in_the_time_asked_for_is_no_mistake(look_at: Look, kind: str) -> None:
    """Exit 0 with a warning, and when there was something."""
    found = look_at(kind, locationCode="SA", deviceCategoryCode="CTD", begin="2013", end="2014")
    assert found.rows == ()
    assert found.remark is not None
    assert "in this time" in found.remark
    if kind in ("locations", "deployments", "devices", "coverage"):
        assert "between 2010-05-01 and 2012-05-01" in found.remark


@pytest.mark.parametrize(("kind", "device"), [("devices", "SPARE"), ("deployments", "EAR1"), ("locations", "EAR1")])
def test_what_exists_without_data_is_no_mistake_either(look_at: Look, kind: str, device: str) -> None:
    found = look_at(kind, deviceCode=device)
    assert found.rows == ()
    assert found.remark == f"There are {kind} that pass, but none has data; `--all` lists them"


def test_a_place_that_the_tree_does_not_show_is_known_all_the_same(look_elsewhere: Elsewhere) -> None:
    def without_sa(asked: Asked, body: Any) -> Any:
        if asked.path.endswith("tree"):
            (root,) = body
            root["children"] = [child for child in root["children"] if child["locationCode"] != "SOUTH"]
        return body

    _, look_at = look_elsewhere(World(alter=without_sa))
    assert codes(look_at("deployments", locationCode="SA"), "device_code") == ["BPR1", "CTDOLD", "CAM1"]


# --- Questions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_question_is_asked_twice_and_none_with_dates_but_for_coverage(look_elsewhere: Elsewhere, kind: str) -> None:
    """Open question 37."""
    service, look_at = look_elsewhere(World())
    look_at(kind, locationCode="NA", begin="2020", end="2021")
    asked = [(one.path, tuple(sorted(one.query.items()))) for one in service.asked]
    assert len(asked) == len(set(asked))
    assert all("dateFrom" not in one.query for one in service.asked if "dataAvailability" not in one.path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_answers_changes_nothing(look_at: Look, look_elsewhere: Elsewhere, kind: str) -> None:
    """The tree aside, which stands in the service's order."""
    _, look_shuffled = look_elsewhere(World(alter=shuffler(3)))
    asked = {"locationCode": "NA", "begin": "2020", "end": "2021"}
    if kind != "tree":
        assert look_shuffled(kind, **asked) == look_at(kind, **asked)


def test_a_service_that_wants_a_filter_for_deployments_gets_one(look_elsewhere: Elsewhere) -> None:
    def only_filtered(asked: Asked) -> Reply | None:
        is_bare = asked.path.endswith("deployments") and set(asked.query) == {"token"}
        return Reply.of_errors((128, "Missing parameter", "locationCode")) if is_bare else None

    _, look_at = look_elsewhere(World(instead=only_filtered))
    assert len(look_at("deployments").rows) == 11


def test_a_service_that_does_not_name_categories_is_understood(look_elsewhere: Elsewhere) -> None:
    """onc-api.md 2.3: the member is there since 2023."""

    def without_category(asked: Asked, body: Any) -> Any:
        if asked.path.endswith("deployments"):
            for one in body:
                del one["deviceCategoryCode"]
        return body

    _, look_at = look_elsewhere(World(alter=without_category))
    assert codes(look_at("deployments", deviceCategoryCode="BPR"), "location_code") == ["NA.1", "SA"]


def test_a_question_that_would_take_too_much_is_refused_with_the_cure(
    look_at: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncsync.catalogue.questions.MOST_QUESTIONS", 3)
    with pytest.raises(TooManyError) as caught:
        look_at("products", locationCode="ROOT")
    assert "questions to the service" in caught.value.message
    assert "--locationCode" in (caught.value.hint or "")


def test_a_person_is_told_of_a_step_that_takes_long(world_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.catalogue.questions.MANY_QUESTIONS", 4)
    told: list[int] = []
    with session_with(world_url, now=lambda: NOW) as session:
        questions = Questions(RememberingAsker(session, None, lambda: NOW), told.append)
        look("products", read_filters({"locationCode": "ROOT"}, now=NOW), questions)
    assert told == [7, 8], "deployments of each place, then a listing for each place and kind of instrument"


def test_an_outage_is_never_nothing(look_elsewhere: Elsewhere) -> None:
    def down(asked: Asked) -> Reply | None:
        return Reply.of_page(status=503) if asked.path.endswith("deployments") else None

    _, look_at = look_elsewhere(World(instead=down))
    with pytest.raises(FaultError):
        look_at("devices")
