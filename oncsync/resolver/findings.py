"""What the resolver has to say besides the lock: warnings, and entries that could not be resolved."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

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


def suggest(found: str, known: Iterable[str]) -> str | None:
    """Gives a hint with the known codes nearest to what was found, None when nothing is near."""
    by_fold = {code.casefold(): code for code in sorted(known)}
    if found.casefold() in by_fold:
        return f"did you mean `{by_fold[found.casefold()]}`? Codes are matched exactly"
    near = difflib.get_close_matches(found.casefold(), by_fold, n=3, cutoff=0.6)
    return f"did you mean {_either([by_fold[code] for code in near])}?" if near else None


def _either(codes: list[str]) -> str:
    quoted = [f"`{code}`" for code in codes]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


def enumerate_codes(codes: Iterable[str], most: int = 12) -> str:
    """Gives codes for a message: sorted, in backticks, the tail counted."""
    listed = sorted(set(codes))
    shown = ", ".join(f"`{code}`" for code in listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown
