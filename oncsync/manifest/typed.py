"""Turns nodes into plain values of the types that the schema names, and keeps the place of each.

Every scalar comes as text; a type that the text does not fit leaves it text, so that the schema refuses it
with the text that was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from oncsync.manifest.model import Place
from oncsync.manifest.nodes import NULL_WORDS, ListNode, Node, Scalar

ValuePath = tuple[str | int, ...]

TRUE_WORDS = frozenset(("true", "t", "yes", "y", "on", "1", "x"))
FALSE_WORDS = frozenset(("false", "f", "no", "n", "off", "0"))

_INTEGER = re.compile(r"[+-]?\d{1,15}")
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


class Document(msgspec.Struct):
    """A document's plain value, and where each value and each key stands, by its path from the top."""

    value: Any
    places: dict[ValuePath, Place]
    keys: dict[ValuePath, Place]

    def place(self, path: ValuePath) -> Place:
        """Gives the place of the value at `path`, or of the nearest thing around it that was written."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places[path]

    def key_place(self, path: ValuePath) -> Place:
        """Gives the place of the key at `path`; of its value where it has no key of its own."""
        return self.keys.get(path) or self.place(path)


Expand = Callable[[Scalar], str]


def type_document(root: Node, schema: Mapping[str, Any], expand: Expand) -> Document:
    """Gives the document of `root`, its scalars expanded by `expand` and typed by `schema`."""
    document = Document(None, {}, {})
    document.value = type_node(root, schema, schema.get("$defs", {}), expand, document, ())
    return document


def type_node(
    node: Node,
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    expand: Expand,
    document: Document,
    path: ValuePath,
) -> Any:
    """Gives the plain value of one node and adds its places to `document` below `path`."""
    schema = resolve_reference(schema, definitions)
    document.places[path] = node.place
    if isinstance(node, Scalar):
        return _type_scalar(node, schema.get("type", ()), expand)
    if isinstance(node, ListNode):
        items = schema.get("items", {})
        return [
            type_node(item, items, definitions, expand, document, (*path, index))
            for index, item in enumerate(node.items)
        ]
    value = {}
    for key, child in node.entries:
        below = (*path, key.text)
        document.keys[below] = key.place
        value[key.text] = type_node(child, _member_schema(schema, key.text), definitions, expand, document, below)
    return value


def resolve_reference(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Gives the schema that a `$ref` to a definition stands for, with what is written beside it."""
    if "$ref" not in schema:
        return schema
    return {**definitions[schema["$ref"].rsplit("/", 1)[-1]], **schema}


def _member_schema(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if key in schema.get("properties", {}):
        member: Mapping[str, Any] = schema["properties"][key]
        return member
    for pattern, candidate in schema.get("patternProperties", {}).items():
        if re.search(pattern, key):
            matching: Mapping[str, Any] = candidate
            return matching
    additional = schema.get("additionalProperties", {})
    return additional if isinstance(additional, Mapping) else {}


def _type_scalar(node: Scalar, types: tuple[str, ...] | list[str], expand: Expand) -> Any:
    """Gives the value of the first type, in the order of the schema, that the text fits."""
    if node.is_empty:
        return _empty_value(types)
    text = expand(node)
    is_cell = "null" in types  # a cell of the workbook keeps its spelling, so only canonical numbers are numbers
    for name in types:
        if name == "string" or (is_cell and not node.is_plain):
            return text
        value = _canonical(name, text) if is_cell else _fitting(name, text)
        if value is not None:
            return value
    return text


def _empty_value(types: tuple[str, ...] | list[str]) -> Any:
    """A list or mapping whose entries are all commented out is an empty one; any other value is missing."""
    if "string" not in types:
        if "array" in types:
            return []
        if "object" in types:
            return {}
    return None


def is_cell_text(text: str) -> bool:
    """Whether a workbook's other cell that is written like this, without quotes, is a text."""
    return text not in NULL_WORDS and all(_canonical(name, text) is None for name in ("boolean", "number"))


def _fitting(name: str, text: str) -> Any:
    if name == "boolean":
        return read_flag(text)
    if name == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if name == "number" and _NUMBER.fullmatch(text):
        return int(text) if _INTEGER.fullmatch(text) else float(text)
    return None


def _canonical(name: str, text: str) -> Any:
    if name == "boolean":
        return {"true": True, "false": False}.get(text)
    if name == "number" and _NUMBER.fullmatch(text):
        value = int(text) if _INTEGER.fullmatch(text) else float(text)
        return value if repr(value) == text else None
    return None


def read_flag(text: str) -> bool | None:
    """Gives the truth of a word in any usual spelling (I-7), None for any other word."""
    word = text.strip().lower()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None
