"""Puts the values of `vars:` (and of `--set`) in the place of `${name}`; `$${` stands for `${` itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.model import Place
from oncsync.manifest.nodes import MapNode, Node, Scalar
from oncsync.spelling import did_you_mean, either

MAX_LENGTH = 10_000
"""Characters that a text may grow to."""

_MAX_CHAIN = 50
_REFERENCE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<name>[^${}]*)\}")


class Variables:
    """The variables of one manifest; `expand` is total: what cannot be expanded is noted and stays."""

    def __init__(self, root: Node, overrides: Mapping[str, str], mistakes: Mistakes) -> None:
        declared = root.get("vars") if isinstance(root, MapNode) else None
        entries = declared.entries if isinstance(declared, MapNode) else ()
        self._written = {key.text: value for key, value in entries if isinstance(value, Scalar)}
        self._declared = {key.text for key, _ in entries}
        self._overrides = overrides
        for name, text in overrides.items():
            place = self._written[name].place if name in self._written else root.place
            self._written[name] = Scalar(text, place)
        self._values: dict[str, str | None] = {}
        self._open: list[str] = []
        self._used: set[str] = set()
        self._mistakes = mistakes

    def expand(self, scalar: Scalar) -> str:
        """Gives the text of a scalar with every `${name}` replaced, those in the values too."""
        expanded = self._expand(scalar) if "${" in scalar.text else scalar.text
        if expanded is None:
            self._mistakes.ignore(scalar.place)
            return scalar.text
        return expanded

    def _expand(self, scalar: Scalar) -> str | None:
        pieces: list[str] = []
        length = end = 0
        is_sound = True
        for match in _REFERENCE.finditer(scalar.text):
            replacement = self._replacement(match, scalar.place)
            is_sound = is_sound and replacement is not None
            pieces += (scalar.text[end : match.start()], replacement or "")
            end = match.end()
            length += len(pieces[-2]) + len(pieces[-1])
            if length > MAX_LENGTH:
                message = f"This grows to more than {MAX_LENGTH:,} characters with its variables"
                self._mistakes.add(scalar.place, message)
                return None
        return "".join([*pieces, scalar.text[end:]]) if is_sound else None

    def _replacement(self, match: re.Match[str], place: Place) -> str | None:
        """Gives what a reference stands for; None, and a mistake, when it stands for nothing."""
        if match["escape"]:
            return "${"
        name = match["name"].strip()
        self._used.add(name)
        if name in self._open:
            ring = " -> ".join((*self._open[self._open.index(name) :], name))
            self._mistakes.add(place, f"The variable `{name}` refers to itself: {ring}")
        elif name not in self._written:
            hint = did_you_mean(name, self._written) or f"add it below `vars:`, or give it with `--set {name}=...`"
            self._mistakes.add(place, f"There is no variable {shown(name)}", hint)
        elif len(self._open) >= _MAX_CHAIN:
            self._mistakes.add(place, f"The variables refer to each other more than {_MAX_CHAIN} times in a row")
        else:
            return self._value(name)
        return None

    def _value(self, name: str) -> str | None:
        """Gives a variable's value, expanded once, however often it is used; None when that cannot be done."""
        if name not in self._values:
            self._open.append(name)
            written = self._written[name]
            self._values[name] = self._expand(written) if "${" in written.text else written.text
            self._open.pop()
        return self._values[name]

    def check_overrides(self, place: Place) -> None:
        """Notes each `--set` whose name the manifest neither declares nor uses; call it after every `expand`."""
        for name in self._overrides:
            if name not in self._declared | self._used:
                known = sorted(self._declared | self._used)
                there = f"it has {either(known)}" if known else "it has no `vars:`"
                hint = did_you_mean(name, known) or there
                self._mistakes.add(place, f"`--set {name}=...` names a variable that the manifest lacks", hint)

    def values(self) -> dict[str, str]:
        """Gives what each declared or overridden variable stands for."""
        return {name: self._value(name) or "" for name in self._written}
