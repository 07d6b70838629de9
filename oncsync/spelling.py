"""Words in messages: what was probably meant by one that nobody knows, and lists that stay short. Pure."""

from __future__ import annotations

import bisect
import difflib
import math
from collections.abc import Iterable, Mapping, Sequence

MOST_LISTED = 12
MOST_SUGGESTED = 3
ALIKE, MUCH_ALIKE = 0.6, 0.75
"""Shares of two words that are the same, as `difflib` measures it."""
MOST_COMPARED = 1000
"""Texts that one is compared with."""


def did_you_mean(written: str, known: Iterable[str]) -> str | None:
    """Gives the hint that names the nearest known word, without regard to case; None when nothing is near."""
    near = _nearest(written, {word.casefold(): word for word in sorted(known)}, most=1)
    return f"did you mean `{near[0]}`?" if near else None


def suggest(written: str, known: Iterable[str] | Mapping[str, str]) -> str | None:
    """Gives the hint that names the codes which were probably meant, None when nothing is near.

    A mapping gives the codes' names too: they are shown, and where no code is spelled much alike, they are searched.
    """
    names = known if isinstance(known, Mapping) else dict.fromkeys(known, "")
    by_fold = {code.casefold(): code for code in sorted(names)}
    folded = written.casefold()
    if folded in by_fold:
        return f"did you mean `{by_fold[folded]}`? Codes are matched exactly"
    near = _nearest(written, by_fold, most=MOST_SUGGESTED)
    if not _nearest(written, by_fold, most=1, likeness=MUCH_ALIKE):
        near = _named(folded, by_fold, names) or near
    shown = [f"`{code}`" + (f" ({names[code]})" if names[code] else "") for code in near[:MOST_SUGGESTED]]
    return f"did you mean {_or(shown)}?" if shown else None


def _nearest(written: str, by_fold: Mapping[str, str], *, most: int, likeness: float = ALIKE) -> list[str]:
    return [by_fold[fold] for fold in difflib.get_close_matches(written.casefold(), by_fold, n=most, cutoff=likeness)]


def _named(folded: str, by_fold: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Gives the codes that begin so, else those whose name holds the word; none for codes without names."""
    if not any(names.values()):
        return []
    begun = [code for fold, code in by_fold.items() if fold.startswith(folded)]
    return begun or [code for code in by_fold.values() if folded in names[code].casefold()]


def enumerate_codes(codes: Iterable[str], most: int = MOST_LISTED) -> str:
    """Gives codes for a message: sorted, in backticks, the tail counted."""
    return enumerate_values(sorted(set(codes)), most)


def enumerate_values(values: Sequence[str], most: int = MOST_LISTED) -> str:
    """Gives values for a message in the order they have, in backticks, the tail counted."""
    shown = ", ".join(f"`{value}`" for value in values[:most])
    return f"{shown} and {len(values) - most:,} more" if len(values) > most else shown


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Orders values that come in no order, each once: numbers by size before words."""

    def key(value: str) -> tuple[int, float, str]:
        try:
            number = float(value)
        except ValueError:
            return 1, 0.0, value
        return (0, number, value) if math.isfinite(number) else (1, 0.0, value)

    return tuple(sorted(set(values), key=key))


def either(words: Iterable[str]) -> str:
    """Gives words as a message lists a choice: `a`, `b` or `c`."""
    return _or([f"`{word}`" for word in words])


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def neighbours(texts: Iterable[str], wanted: str) -> list[str]:
    """Gives those texts that stand next to the wanted one in their order: comparing all of many takes too long."""
    listed = sorted(texts)
    middle = bisect.bisect(listed, wanted)
    return listed if len(listed) <= MOST_COMPARED else listed[max(0, middle - MOST_COMPARED // 2) :][:MOST_COMPARED]
