"""The text of a manifest with the place of each of its parts, for edits that leave every other byte as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from oncsync.errors import InputError
from oncsync.manifest.mistakes import Mistakes, UnreadableError
from oncsync.manifest.nodes import MapNode, read_nodes
from oncsync.manifest.source import decode, read_limited, shown_path

MAX_BYTES = 64 * 1024 * 1024
_MARK = "\ufeff"


class Part(msgspec.Struct):
    """A value as it is written, from its first character up to behind its last; children of a mapping alternate."""

    kind: Literal["scalar", "list", "map", "alias"]
    begin: int
    end: int
    text: str = ""
    is_flow: bool = False
    children: list[Part] = []

    def pairs(self) -> Iterator[tuple[Part, Part]]:
        """Yields the keys of a mapping with their values."""
        yield from zip(self.children[::2], self.children[1::2], strict=True)

    def pair(self, key: str) -> tuple[Part, Part] | None:
        """Gives a key that is written in this mapping itself, with its value."""
        return next((pair for pair in self.pairs() if pair[0].kind == "scalar" and pair[0].text == key), None)


class Edit(msgspec.Struct, frozen=True):
    """A text to put in the place of what stands from `begin` up to `end`."""

    begin: int
    end: int
    text: str


class Page:
    """One file of YAML: its text with the line ends it has, and the parts of its top mapping."""

    def __init__(self, text: str, root: Part, *, has_mark: bool = False) -> None:
        self.text = text
        self.root = root
        self.mark = _MARK if has_mark else ""
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def line_begin(self, index: int) -> int:
        """Gives where the line of a character begins."""
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        """Gives where the next line begins; the end of the text behind the last one."""
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found + 1

    def column(self, index: int) -> int:
        """Gives how far a character is from the margin."""
        return index - self.line_begin(index)

    def colon(self, key: Part) -> int:
        """Gives where the value of a key may begin: behind its colon."""
        return self.text.index(":", key.end) + 1

    def lines(self, begin: int, end: int) -> str:
        """Gives the text between two line beginnings, its last line closed."""
        text = self.text[begin:end]
        return text if not text or text.endswith("\n") else text + self.newline

    def indented(self, text: str, column: int) -> str:
        """Gives lines moved to a column, with the line ends of this page."""
        return "".join(" " * column + line + self.newline for line in text.splitlines())

    def edited(self, edits: Iterable[Edit], begin: int, end: int) -> str:
        """Gives the text from `begin` to `end` with the edits in it; those at one place in the given order."""
        pieces: list[str] = []
        for edit in sorted(edits, key=lambda edit: (edit.begin, edit.end)):
            pieces += (self.text[begin : edit.begin], edit.text)
            begin = edit.end
        return "".join([*pieces, self.text[begin:end]])

    def dash(self, item: Part) -> int:
        """Gives where the line with the dash of a list's item begins."""
        begin = self.line_begin(item.begin)
        if self.text[begin : item.begin].rstrip(" \t").endswith("-"):
            return begin
        while begin > 0:  # the dash stands alone, on a line above
            begin = self.line_begin(begin - 1)
            if self.text[begin : self.line_end(begin)].split("#")[0].strip() == "-":
                break
        return begin


def read_page(path: Path) -> Page:
    """Reads a manifest for editing; raises `ProblemsError` when it cannot be read as YAML, `InputError`."""
    name = shown_path(path)
    content = read_limited(path, MAX_BYTES, name)
    root = _check(content, name)
    if not isinstance(root, MapNode):
        raise InputError(f"The manifest `{name}` is empty", hint="`oncsync init` writes one to start from")
    text = content.decode("utf-8-sig")
    return Page(text, _read_parts(text), has_mark=content.startswith(_MARK.encode()))


def apply_edits(page: Page, edits: Iterable[Edit], path: Path) -> bytes:
    """Gives the bytes of an edited page; raises `InputError` when an edit would take away what the rest refers to."""
    content = page.edited(edits, 0, len(page.text)).encode()
    name = shown_path(path)
    mistakes = Mistakes()
    try:
        read_nodes(decode(content, name), name, mistakes)
    except UnreadableError as error:
        mistakes.add(error.place, error.message, error.hint)
    if problems := mistakes.problems():
        raise InputError(
            f"`{name}` cannot be changed without harm: {problems[0].message}",
            hint="write out what its anchors (`&name`, `*name`) stand for, then run this again",
        )
    return page.mark.encode() + content


def _check(content: bytes, name: str) -> Any:
    mistakes = Mistakes()
    root = None
    try:
        root = read_nodes(decode(content, name), name, mistakes)
    except UnreadableError as error:
        mistakes.add(error.place, error.message, error.hint)
    mistakes.raise_any(f"The manifest `{name}`")
    return root


def _read_parts(text: str) -> Part:
    """Gives the top part of a text that `read_nodes` has accepted."""
    from ruamel.yaml import YAML

    top = Part("list", 0, 0)
    open_parts = [top]
    for event in YAML(typ="safe", pure=True).parse(text):
        kind = type(event).__name__
        begin, end = event.start_mark.index, event.end_mark.index
        if kind == "ScalarEvent":
            if begin == end and open_parts[-1].children:  # of an empty value the parser tells where the next begins
                begin = end = open_parts[-1].children[-1].end
            open_parts[-1].children.append(Part("scalar", begin, _trimmed(text, begin, end), event.value))
        elif kind == "AliasEvent":
            open_parts[-1].children.append(Part("alias", begin, end))
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            part = Part("list" if kind.startswith("S") else "map", begin, end, is_flow=bool(event.flow_style))
            open_parts[-1].children.append(part)
            open_parts.append(part)
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            part = open_parts.pop()
            part.end = end if part.is_flow else part.children[-1].end
    return top.children[0]


def _trimmed(text: str, begin: int, end: int) -> int:
    """Gives the end of a scalar without the line ends that belong to a block of text."""
    return begin + len(text[begin:end].rstrip("\r\n \t"))
