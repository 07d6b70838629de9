"""Collects the mistakes of one manifest, each with its place, and quotes what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from oncsync.errors import Problem, ProblemsError
from oncsync.manifest.model import Place

_TOKEN_SHAPE = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_QUERY = re.compile(r"[?&][^?&\s]*=[^&\s]*|(?<=//)[^/@\s]+@")
_SHOWN_LENGTH = 60
MOST_SHOWN = 100


class Mistakes:
    """A growing collection of mistakes; `raise_any` ends it."""

    def __init__(self) -> None:
        self._found: dict[tuple[Place, str], str | None] = {}
        self._places: set[Place] = set()
        self._ignored: set[Place] = set()

    def add(self, place: Place, message: str, hint: str | None = None) -> None:
        """Notes a mistake at `place`, once, however often it is found; nothing like a token gets into it."""
        if place not in self._ignored:
            self._places.add(place)
            clean_hint = None if hint is None else _TOKEN_SHAPE.sub("...", hint)
            self._found.setdefault((place, _TOKEN_SHAPE.sub("...", message)), clean_hint)

    def has(self, place: Place) -> bool:
        """Whether something is wrong at `place` already."""
        return place in self._places

    def ignore(self, place: Place) -> None:
        """Lets no further mistake in at `place`: what is wrong there has been said, the rest follows from it."""
        self._ignored.add(place)

    def problems(self, files: Sequence[str] = ()) -> list[Problem]:
        """Gives the mistakes in document order, the files in the order of `files`."""
        rank = {file: index for index, file in enumerate(files)}
        ordered = sorted(
            self._found, key=lambda found: (rank.get(found[0].file, len(rank)), found[0].line, found[0].column)
        )
        return [Problem(str(found[0]), found[1], self._found[found]) for found in ordered]

    def error(self, title: str, files: Sequence[str] = ()) -> ProblemsError:
        """Gives the error that lists the mistakes; of very many the first, and how many more there are."""
        problems = self.problems(files)
        count = len(problems)
        if count > MOST_SHOWN:
            problems = [*problems[:MOST_SHOWN], Problem("", f"and {count - MOST_SHOWN:,} more")]
        return ProblemsError(f"{title} has {count:,} problem{'' if count == 1 else 's'}", problems)

    def raise_any(self, title: str, files: Sequence[str] = ()) -> None:
        """Raises `ProblemsError` with every mistake, nothing when there is none."""
        if self._found:
            raise self.error(title, files)


class UnreadableError(Exception):
    """Says why reading cannot go on; it becomes one mistake."""

    def __init__(self, place: Place, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.hint = hint


def shown(value: object) -> str:
    """Gives a value as a message quotes it: short, on one line, in backticks, without anything like a token."""
    text = " ".join(_TOKEN_SHAPE.sub("...", _QUERY.sub("...", str(value))).split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f"`{text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + '...'}`"
