"""The tree of places, whatever form the service gives it."""

from __future__ import annotations

from oncsync.api import LocationNode
from oncsync.catalogue import read_tree


def node(code: str, *children: LocationNode) -> LocationNode:
    return LocationNode(location_code=code, location_name=f"Place {code}", children=children)


TREE = read_tree([node("ROOT", node("B", node("B.2"), node("B.1")), node("A"))])


def test_what_lies_below_a_place_is_found_however_deep() -> None:
    """R34."""
    assert TREE.below(["ROOT"]) == {"ROOT", "A", "B", "B.1", "B.2"}
    assert TREE.below(["B"]) == {"B", "B.1", "B.2"}
    assert TREE.names["B.1"] == "Place B.1"


def test_the_order_is_the_services() -> None:
    assert TREE.children["ROOT"] == ("B", "A")
    assert TREE.roots == ("ROOT",)


def test_a_place_below_another_one_that_is_named_is_no_top() -> None:
    assert TREE.tops(("B.1", "A", "B")) == ("A", "B")
    assert TREE.tops(()) == ("ROOT",)
    assert TREE.tops(("HIDDEN",)) == ("HIDDEN",), "a place that the tree does not show"


def test_a_place_that_comes_twice_has_the_children_of_both() -> None:
    tree = read_tree([node("ROOT", node("A", node("X")), node("B", node("A", node("Y"))))])
    assert tree.below(["A"]) == {"A", "X", "Y"}


def test_a_tree_in_a_circle_is_no_endless_walk() -> None:
    tree = read_tree([node("A", node("B", node("A")))])
    assert tree.below(["B"]) == {"A", "B"}
    assert tree.tops(("A", "B")) == ("A", "B")
