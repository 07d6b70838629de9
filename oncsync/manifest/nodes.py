"""Reads YAML into nodes that remember their place; every scalar stays the text that was written.

Built from parser events and not from a loaded document, because a loader would turn `2017-05-01`, `000` and `off`
into something else, and because an untrusted document is cut off here before it grows (architecture, rule 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from oncsync.manifest.mistakes import Mistakes, UnreadableError, shown
from oncsync.manifest.model import Place

MAX_DEPTH = 24
MAX_NODES = 200_000
NULL_WORDS = frozenset(("", "~", "null", "Null", "NULL"))

_PLAIN_TAGS = frozenset(
    (None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "map", "seq", "null")))
)
_MERGE = "<<"


class Scalar(msgspec.Struct, frozen=True):
    """One text; `is_plain` when it stood without quotes."""

    text: str
    place: Place
    is_plain: bool = True
    size: int = 1
    depth: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written, or the word for nothing."""
        return self.is_plain and self.text in NULL_WORDS


class ListNode(msgspec.Struct, frozen=True):
    """A list; `size` and `depth` count what its aliases expand to."""

    items: tuple[Node, ...]
    place: Place
    size: int
    depth: int


class MapNode(msgspec.Struct, frozen=True):
    """A mapping in document order, merge keys already merged."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place
    size: int
    depth: int

    def get(self, key: str) -> Node | None:
        """Gives the value of `key`, None when the mapping lacks it."""
        return next((value for name, value in self.entries if name.text == key), None)


Node = Scalar | ListNode | MapNode


def read_nodes(text: str, file: str, mistakes: Mistakes) -> Node | None:
    """Gives the one document of a YAML text; None when it is empty or unreadable, which `mistakes` then says."""
    try:
        return _Builder(file, mistakes).build(_events(text, file))
    except UnreadableError as error:
        mistakes.add(error.place, error.message, error.hint)
        return None


def _events(text: str, file: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    from oncsync.manifest.yamlwords import explain

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise explain(error, text, file) from None
    except YAMLError:
        raise UnreadableError(Place(file, 1, 1), "This is not YAML") from None
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError):
        # The parser stumbles in its own way over a few malformed escapes and tags.
        raise UnreadableError(
            Place(file, 1, 1),
            "This is not YAML: it has an escape or a tag that cannot be read",
            "in double quotes a backslash begins an escape; use single quotes",
        ) from None


def _beside(key: Scalar, value: Node) -> Node:
    """Gives an empty value the place of its key; the parser sees it where the next thing begins."""
    if isinstance(value, Scalar) and not value.text and value.is_plain:
        return Scalar(value.text, key.place)
    return value


class _Frame:
    """A list or mapping that is still open."""

    def __init__(self, place: Place, anchor: str | None, *, is_map: bool) -> None:
        self.place = place
        self.anchor = anchor
        self.is_map = is_map
        self.children: list[Node] = []


class _Builder:
    """Turns parser events into nodes without recursion."""

    def __init__(self, file: str, mistakes: Mistakes) -> None:
        self._file = file
        self._mistakes = mistakes
        self._open: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._documents = 0
        self._count = 0

    def build(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            kind = type(event).__name__
            place = Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
            if kind == "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise UnreadableError(
                        place, "A second document begins here; one file holds one", "remove the line `---`"
                    )
            elif kind == "ScalarEvent":
                self._check_tag(event, place)
                text = self._characters(event.value, place)
                self._place_node(Scalar(text, place, event.style is None), event.anchor)
            elif kind == "AliasEvent":
                self._place_node(self._anchored(event.anchor, place), None)
            elif kind in ("SequenceStartEvent", "MappingStartEvent"):
                self._check_tag(event, place)
                self._push(_Frame(place, event.anchor, is_map=kind == "MappingStartEvent"))
            elif kind in ("SequenceEndEvent", "MappingEndEvent"):
                frame = self._open.pop()
                self._place_node(self._close(frame), frame.anchor)
        return self._root

    def _characters(self, text: str, place: Place) -> str:
        """Gives the text with the halves of escaped characters joined (JSON writes a whale as two)."""
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self._mistakes.add(place, "An escape stands for a character that does not exist", "remove the escape")
            self._mistakes.ignore(place)
            return text.encode("ascii", "replace").decode("ascii")

    def _push(self, frame: _Frame) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise UnreadableError(frame.place, f"This is nested more than {MAX_DEPTH} levels deep")
        self._open.append(frame)

    def _check_tag(self, event: Any, place: Place) -> None:
        tag = None if event.tag is None else str(event.tag)
        if tag not in _PLAIN_TAGS:
            self._mistakes.add(place, "A YAML tag stands here", "write the value without the word that begins with `!`")

    def _anchored(self, anchor: str, place: Place) -> Node:
        if anchor in self._anchors:
            return self._anchors[anchor]
        written = "*" + anchor
        raise UnreadableError(
            place,
            f"{shown(written)} refers to an anchor that does not exist before this place",
            f'a text that begins with `*` needs quotes: `"{shown(written)[1:-1]}"`',
        )

    def _place_node(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if max(node.size, self._count) > MAX_NODES or node.depth > MAX_DEPTH:
            raise UnreadableError(
                node.place,
                "This is too large for a manifest, with its aliases (`*name`) written out",
                "long lists of exact requests belong in a CSV file: `requests: {file: requests.csv}`",
            )
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node

    def _close(self, frame: _Frame) -> Node:
        size = 1 + sum(child.size for child in frame.children)
        depth = 1 + max((child.depth for child in frame.children), default=0)
        if not frame.is_map:
            return ListNode(tuple(frame.children), frame.place, size, depth)
        return MapNode(tuple(self._entries(frame)), frame.place, size, depth)

    def _entries(self, frame: _Frame) -> list[tuple[Scalar, Node]]:
        own: dict[str, tuple[Scalar, Node]] = {}
        merged: list[tuple[Scalar, Node]] = []
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._mistakes.add(
                    key.place, "A key is a text here", "a value that begins with `{` or `[` needs quotes"
                )
            elif key.text == _MERGE and key.is_plain:
                merged.extend(self._merged(value))
            elif key.text in own:
                first = own[key.text][0].place
                self._mistakes.add(
                    key.place,
                    f"{shown(key.text)} is written twice, first in line {first.line}",
                    "keep one of the two",
                )
            else:
                own[key.text] = (key, _beside(key, value))
        for key, value in merged:
            own.setdefault(key.text, (key, value))
        return list(own.values())

    def _merged(self, value: Node) -> Iterator[tuple[Scalar, Node]]:
        sources = value.items if isinstance(value, ListNode) else (value,)
        for source in sources:
            if isinstance(source, MapNode):
                yield from source.entries
            else:
                self._mistakes.add(value.place, "`<<` merges mappings, this is none", "write `<<: *name`")
