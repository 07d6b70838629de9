"""Codes in messages: the nearest known ones to a typo, and lists that stay short. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

MOST_LISTED = 12
MOST_SUGGESTED = 3


def did_you_mean(found: str, known: Mapping[str, str]) -> str | None:
    """Gives a hint with the codes of `known` (to their names) that were probably meant, None when nothing is near.

    Near is what is spelled alike, or else what has such a name.
    """
    by_fold = {code.casefold(): code for code in sorted(known)}
    folded = found.casefold()
    if folded in by_fold:
        return f"did you mean `{by_fold[folded]}`? Codes are matched exactly"
    near = [by_fold[code] for code in difflib.get_close_matches(folded, by_fold, n=MOST_SUGGESTED)]
    near = near or [code for fold, code in by_fold.items() if fold.startswith(folded)]
    near = near or [code for code, name in sorted(known.items()) if folded in name.casefold()]
    shown = [f"`{code}`" + (f" ({known[code]})" if known[code] else "") for code in near[:MOST_SUGGESTED]]
    return f"did you mean {' or '.join(shown)}?" if shown else None


def list_codes(codes: Iterable[str], most: int = MOST_LISTED) -> str:
    """Gives codes for a message: sorted, in backticks, the tail counted."""
    listed = sorted(set(codes))
    shown = ", ".join(f"`{code}`" for code in listed[:most])
    return f"{shown} and {len(listed) - most:,} more" if len(listed) > most else shown
