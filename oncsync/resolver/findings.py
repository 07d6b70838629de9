"""What the resolver has to say besides the lock: warnings, and entries that could not be resolved."""

from __future__ import annotations

import msgspec

from oncsync.errors import Problem
from oncsync.manifest import Download, Place, Request


class Remark(msgspec.Struct, frozen=True):
    """Something a person should know about an entry that was resolved all the same."""

    entry: str
    message: str


class EntryError(Exception):
    """Says why an entry means nothing: unknown codes or options, or filters that match nothing that ever existed.

    Whether a person must change it (exit 2) or the service did (exit 3), the old lock knows.
    """

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in self.problems))


class TooManyError(EntryError):
    """Says that an entry means more chunks than anyone asks for by mistake; `--allow-many` lets it."""


def where(entry: Download | Request, key: str | None = None) -> str:
    """Gives the place of a key of an entry, as far as it is known, for a message."""
    place: Place | None = entry.places.get(key) if key else None
    place = place or entry.place
    return str(place) if place else f"`{entry.name}`"
