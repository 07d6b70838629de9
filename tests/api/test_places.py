"""The location tree, with values alone (R34)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import LocationNode
from oncsync.api.places import PlaceTree, read_tree


def node(code: str, *children: LocationNode, name: str = "") -> LocationNode:
    """Gives a place with the places below it."""
    return LocationNode(location_code=code, location_name=name or f"Place {code}", children=children)


TREE = read_tree([node("ROOT", node("N", node("N1"), node("N2", node("N2.A"))), node("S")), node("LONE")])


def test_a_place_counts_with_everything_below_it() -> None:
    """R34: the code names a parent, however deep the instruments lie."""
    assert TREE.below(["N"]) == {"N", "N1", "N2", "N2.A"}
    assert TREE.below(["ROOT"]) == {"ROOT", "N", "N1", "N2", "N2.A", "S"}
    assert TREE.below(["N2.A"]) == {"N2.A"}


def test_several_roots_are_taken_together_and_no_root_is_nothing() -> None:
    assert TREE.below(["N1", "S", "N1"]) == {"N1", "S"}
    assert TREE.below([]) == frozenset()


def test_a_place_that_the_tree_does_not_show_stands_for_itself() -> None:
    assert TREE.below(["HIDDEN"]) == {"HIDDEN"}


def test_every_place_has_its_name_and_its_direct_children() -> None:
    assert TREE.names["N2"] == "Place N2"
    assert set(TREE.names) == {"ROOT", "N", "N1", "N2", "N2.A", "S", "LONE"}
    assert set(TREE.children["ROOT"]) == {"N", "S"}
    assert TREE.children["N2.A"] == ()


def test_a_place_in_two_branches_keeps_the_children_of_both() -> None:
    tree = read_tree([node("ROOT", node("A", node("X", node("X1"))), node("B", node("X", node("X2"))))])
    assert tree.below(["A"]) == {"A", "X", "X1", "X2"}
    assert set(tree.children["X"]) == {"X1", "X2"}


def test_a_place_with_two_names_has_the_same_one_whatever_the_order() -> None:
    one, two = node("X", name="Axis"), node("X", name="Barkley Axis")
    assert read_tree([one, two]).names == read_tree([two, one]).names == {"X": "Axis"}


def test_a_loop_in_the_tree_ends_the_walk() -> None:
    looped = PlaceTree(names={"A": "", "B": ""}, children={"A": ("B",), "B": ("A",)}, roots=())
    assert looped.below(["A"]) == {"A", "B"}


def test_a_tree_deeper_than_the_stack_is_read() -> None:
    """What the service sends is not trusted to be shallow."""
    deep = node("P0")
    for number in range(1, 3000):
        deep = node(f"P{number}", deep)
    assert len(read_tree([deep]).below(["P2999"])) == 3000


# --- The order of what is shown --------------------------------------------------------------------------------


def test_the_order_is_the_services() -> None:
    tree = read_tree([node("ROOT", node("B", node("B.2"), node("B.1")), node("A"))])
    assert tree.children["ROOT"] == ("B", "A")
    assert tree.roots == ("ROOT",)


def test_a_place_below_another_one_that_is_named_is_no_top() -> None:
    assert TREE.tops(("N2.A", "S", "N")) == ("S", "N")
    assert TREE.tops(()) == ("ROOT", "LONE")
    assert TREE.tops(("HIDDEN",)) == ("HIDDEN",), "a place that the tree does not show"


def test_a_tree_in_a_circle_has_a_root_and_a_top() -> None:
    tree = read_tree([node("A", node("B", node("A")))])
    assert tree.roots == ("A",)
    assert tree.tops(("A", "B")) == ("A", "B")


parents = st.lists(st.integers(0, 30), min_size=1, max_size=30)


@given(parents, st.integers(0, 30))
def test_below_is_exactly_what_has_the_root_among_its_parents(above: list[int], root: int) -> None:
    """Each place hangs below one that was made before it; a walk upwards tells the same as one downwards."""
    parent = {number: min(chosen, number - 1) for number, chosen in enumerate(above, start=1)}
    root = min(root, len(above))
    children: dict[str, list[str]] = {}
    for number, up in parent.items():
        children.setdefault(str(up), []).append(str(number))
    tree = PlaceTree(names={}, children={code: tuple(below) for code, below in children.items()}, roots=())

    def has_root_above(number: int) -> bool:
        while number != root and number in parent:
            number = parent[number]
        return number == root

    assert tree.below([str(root)]) == {str(number) for number in range(len(above) + 1) if has_root_above(number)}
