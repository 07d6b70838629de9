"""The location tree: which places lie below which, and what they are called. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec


class Node(Protocol):
    """A node of the service's tree, as `api` gives it."""

    @property
    def location_code(self) -> str: ...
    @property
    def location_name(self) -> str: ...
    @property
    def children(self) -> Sequence[Node]: ...


class PlaceTree(msgspec.Struct, frozen=True):
    """Every place by its code: its name and the codes directly below it. A code may stand in several branches."""

    names: dict[str, str]
    children: dict[str, tuple[str, ...]]

    def below(self, roots: Iterable[str]) -> frozenset[str]:
        """Gives the roots and every place below them, however deep; a loop in the tree ends the walk."""
        found: set[str] = set()
        waiting = list(roots)
        while waiting:
            code = waiting.pop()
            if code not in found:
                found.add(code)
                waiting.extend(self.children.get(code, ()))
        return frozenset(found)


def read_tree(nodes: Iterable[Node]) -> PlaceTree:
    """Flattens the service's tree; a place that comes twice keeps the children of both."""
    names: dict[str, str] = {}
    children: dict[str, dict[str, None]] = {}
    waiting: list[Node] = list(nodes)
    while waiting:
        node = waiting.pop()
        names[node.location_code] = min(names.get(node.location_code, node.location_name), node.location_name)
        below = children.setdefault(node.location_code, {})
        below.update(dict.fromkeys(child.location_code for child in node.children))
        waiting.extend(node.children)
    return PlaceTree(names=names, children={code: tuple(below) for code, below in children.items()})
