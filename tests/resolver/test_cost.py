"""Resolving a whole region costs the service little: each question once, not too many of them, several at a time."""

from __future__ import annotations

import threading

import pytest

from tests.resolver.conftest import Connect
from tests.resolver.world import World, entry, requests_of, resolved
from tests.support.scripted import Asked, Reply
from tests.support.wide import ROOT, wide_catalogue

OTHERS = 12
"""Questions that have nothing to do with a place and category."""
EVERYTHING = entry(f"locationCode: {ROOT}\nbegin: 2012-01-01\nend: 2016-01-01\nsplitDateRange: year", "all")


@pytest.mark.slow
def test_a_region_of_300_places_takes_at_most_two_questions_for_each_place_and_category(connect: Connect) -> None:
    """300 places, 900 deployments, 8 products, with every filter left out."""
    service, session = connect(World(wide_catalogue(300, 900, 8)))
    resolution = resolved(EVERYTHING, session)
    requests = requests_of(resolution, "all")
    pairs = {(one.source["locationCode"], one.source["deviceCategoryCode"]) for one in requests}
    assert (len(pairs), len(requests)) == (300, 900 * 8)
    questions = [one.target for one in service.asked]
    assert len(set(questions)) == len(questions), "no question is asked twice"
    assert len(questions) <= 2 * len(pairs) + OTHERS
    assert sum("dataProducts" in question for question in questions) <= len(pairs) + 1


def test_twice_as_many_products_formats_and_years_take_the_same_questions(connect: Connect) -> None:
    few, session = connect(World(wide_catalogue(20, 20, 2)))
    resolved(EVERYTHING, session)
    many, session = connect(World(wide_catalogue(20, 80, 16)))
    resolved(EVERYTHING, session)
    assert len(many.asked) == len(few.asked)


def test_questions_about_places_are_asked_several_at_a_time(connect: Connect) -> None:
    """Four listings are under way at once, or none of them is answered."""
    together = threading.Barrier(4, timeout=30)
    world = World(wide_catalogue(8, 8, 2))

    def instead(asked: Asked) -> Reply | None:
        if asked.path.endswith("dataProducts") and "locationCode" in asked.query:
            together.wait()
        return world(asked)

    _, session = connect(World(wide_catalogue(8, 8, 2), instead=instead))
    resolved(EVERYTHING, session)
    assert not together.broken


def test_an_entry_more_about_the_same_region_asks_nothing_more(connect: Connect) -> None:
    one, session = connect(World(wide_catalogue(20, 20, 4)))
    resolved(EVERYTHING, session)
    two, session = connect(World(wide_catalogue(20, 20, 4)))
    again = entry(f"locationCode: {ROOT}\ndataProductCode: P1\nextension: mat", "again")
    resolved(EVERYTHING + again.removeprefix("downloads:\n"), session)
    assert len(two.asked) == len(one.asked)
