"""The tree of places: what lies below what, and what it is called. Pure (R34)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from oncsync.api.records import LocationNode


class PlaceTree(msgspec.Struct, frozen=True):
    """Every place by its code; `roots` and `children` stand in the service's order. A code may have several parents."""

    names: dict[str, str]
    children: dict[str, tuple[str, ...]]
    roots: tuple[str, ...]

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

    def tops(self, codes: Sequence[str]) -> tuple[str, ...]:
        """Gives the codes that lie below no other one of them; the tree's own roots for no codes."""
        inner = {code for top in codes for child in self.children.get(top, ()) for code in self.below([child])}
        return tuple(code for code in codes if code not in inner) or tuple(codes) or self.roots


def read_tree(nodes: Iterable[LocationNode]) -> PlaceTree:
    """Flattens the service's tree; a place that comes twice has the children of both, and the first of its names."""
    listed = list(nodes)
    names: dict[str, str] = {}
    children: dict[str, dict[str, None]] = {}
    for node in _every(listed):
        names[node.location_code] = min(names.get(node.location_code, node.location_name), node.location_name)
        children.setdefault(node.location_code, {}).update(
            dict.fromkeys(child.location_code for child in node.children)
        )
    inner = {code for below in children.values() for code in below}
    roots = tuple(dict.fromkeys(node.location_code for node in listed if node.location_code not in inner))
    return PlaceTree(
        names=names, children={code: tuple(below) for code, below in children.items()}, roots=roots or tuple(names)[:1]
    )


def _every(nodes: Iterable[LocationNode]) -> Iterator[LocationNode]:
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))
