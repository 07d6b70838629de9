"""How many questions a resolve asks, and that it asks each of them once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.resolver.conftest import Connect
from tests.resolver.world import World, entry, resolved

CSV = "dataProductCode: TSSD\nextension: csv\n"


def asked_for(connect: Connect, text: str) -> Counter[str]:
    """Gives how often each service was asked; no question is ever asked twice."""
    service, session = connect(World())
    resolved(text, session)
    questions = Counter((one.path, tuple(sorted(one.query.items()))) for one in service.asked)
    assert set(questions.values()) == {1}
    return Counter(one.path.removeprefix("/api/") for one in service.asked)


def test_a_category_anywhere_is_one_question_about_deployments(connect: Connect) -> None:
    """One listing for each place and category that was found, the tree and the names once."""
    assert asked_for(connect, entry(CSV + "deviceCategoryCode: CTD\nlocationCode: ROOT")) == {
        "locations/tree": 1, "deviceCategories": 1, "deployments": 1, "dataProducts": 2, "devices": 1
    }  # fmt: skip


def test_deployments_are_asked_by_place_or_by_category_whichever_is_fewer(connect: Connect) -> None:
    """Two places and six categories: two questions; seven places and two categories: two as well."""
    assert asked_for(connect, entry(CSV + "locationCode: [NA.1, NB]"))["deployments"] == 2
    categories = "locationCode: ROOT\ndeviceCategoryCode: [CTD, BPR]"
    assert asked_for(connect, entry(CSV + categories))["deployments"] == 2
    assert asked_for(connect, entry(CSV + "locationCode: NB\ndeviceCategoryCode: [CTD, BPR]"))["deployments"] == 1


def test_everything_is_a_question_for_each_category(connect: Connect) -> None:
    assert asked_for(connect, entry(CSV))["deployments"] == 6


def test_a_device_is_one_question_and_its_products_another(connect: Connect) -> None:
    assert asked_for(connect, entry(CSV + "downloadMethod: byDevice\ndeviceCode: CTD3")) == {
        "deployments": 1, "dataProducts": 1, "devices": 1
    }  # fmt: skip


def test_entries_that_ask_the_same_share_the_answer(connect: Connect) -> None:
    one = entry(CSV + "deviceCategoryCode: CTD", "a")
    three = one + "".join(
        entry(f"dataProductCode: TSSD\nextension: {form}\ndeviceCategoryCode: CTD", name).removeprefix("downloads:\n")
        for name, form in (("b", "mat"), ("c", "json"))
    )
    assert asked_for(connect, three) == asked_for(connect, one)


def test_the_number_of_products_formats_and_chunks_costs_no_question(connect: Connect) -> None:
    few = asked_for(connect, entry("dataProductCode: TSSD\nextension: csv\ndeviceCategoryCode: CTD"))
    many = asked_for(connect, entry("deviceCategoryCode: CTD\nsplitDateRange: day"))
    assert few == many


def test_the_whole_list_of_products_is_asked_for_only_before_a_code_is_called_unknown(connect: Connect) -> None:
    service, session = connect(World())
    resolved(entry("deviceCategoryCode: CTD\ndataProductCode: [TSSD, AD]"), session)
    whole = [one for one in service.asked if one.path == "/api/dataProducts" and set(one.query) == {"token"}]
    assert len(whole) == 1


@pytest.mark.parametrize("lines", ["deviceCategoryCode: CTD", "locationCode: NORTH", "deviceCode: BPR1"])
def test_no_question_carries_a_date(connect: Connect, lines: str) -> None:
    """Open question 37: how the service matches dates is not known, so the resolver clips by itself."""
    service, session = connect(World())
    resolved(entry(CSV + lines), session)
    assert not {"dateFrom", "dateTo"} & {name for one in service.asked for name in one.query}


def test_no_question_carries_what_the_service_does_not_take(connect: Connect) -> None:
    """Every answer was one the service gives to a sound question (onc-api.md 1.3: 400/129 refuses unknown names)."""
    service, session = connect(World())
    assert resolved(entry("propertyCode: salinity\nlocationCode: ROOT\ndownloadMethod: all"), session).failures == ()
    assert {one.method for one in service.asked} == {"GET"}
