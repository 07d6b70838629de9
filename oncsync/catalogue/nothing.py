"""Why nothing is found: which filter leaves nothing, and what there is without it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from oncsync.catalogue.filters import Filters
from oncsync.catalogue.questions import Questions, TooManyError
from oncsync.catalogue.rows import Row
from oncsync.errors import InputError
from oncsync.spelling import enumerate_codes

MOST_QUESTIONS = 40
"""An explanation is worth so many questions at each step."""
_BLAMED_FIRST = (
    ("extension", "extensions"),
    ("dataProductName", "data_product_names"),
    ("dataProductCode", "data_product_codes"),
    ("propertyCode", "property_codes"),
    ("deviceCategoryCode", "device_category_codes"),
    ("locationCode", "location_codes"),
    ("deviceCode", "device_codes"),
)
_SHOWN_BY: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "extension": ("products", ("extensions",)),
    "dataProductName": ("products", ("data_product_name",)),
    "dataProductCode": ("products", ("data_product_code",)),
    "propertyCode": ("properties", ("property_code",)),
    "deviceCode": (None, ("device_code",)),
    "deviceCategoryCode": (None, ("device_category_code", "device_category_codes")),
    "locationCode": (None, ("location_code",)),
}
"""The kind of row that shows what a filter can be, None for the kind that is asked for; and the members that do."""
_NAMES = ("location_name", "device_category_name", "device_name", "property_name", "data_product_name")
_NOUNS = {"tree": "locations", "categories": "device categories", "products": "data products", "coverage": "data"}

Find = Callable[[Filters], Sequence[Row]]


def explain_nothing(
    kind: str, filters: Filters, questions: Questions, find: Find, find_whenever: Find, finders: Mapping[str, Find]
) -> str:
    """Gives the remark for what exists, but without data or at another time; `find_whenever` looks at all times,
    `finders` for the `products` and `properties` that could have been asked for.

    Raises `InputError` for filters that nothing passes whenever, with what there is without one of them.
    """
    noun = _NOUNS.get(kind, kind)
    if filters.span is not None and (rows := _without(filters, questions, find_whenever, span=None)):
        return f"There are no {noun} in this time; {_when(rows)}"
    if not filters.with_empty and _without(filters, questions, find, with_empty=True):
        return f"There are {noun} that pass, but none has data; `--all` lists them"
    if filters.name and (rows := _without(filters, questions, find, name="")):
        raise InputError(f"No name of {noun} here contains `{filters.name}`", hint=_like(filters.name, rows))
    for key, member in _BLAMED_FIRST:
        codes: tuple[str, ...] = getattr(filters, member)
        if codes and (rows := _without(filters, questions, find, **{member: ()})):
            message = f"There are no {noun} with `{key}` {enumerate_codes(codes)} here"
            other, members = _SHOWN_BY[key]
            shown = _without(filters, questions, finders[other], name="", **{member: ()}) if other else rows
            raise InputError(message, hint=_there(shown, members))
    raise InputError(f"There are no {noun} that pass these filters", hint="leave one of them out")


def _without(filters: Filters, questions: Questions, find: Find, **relaxed: object) -> Sequence[Row]:
    """Gives what would be found without a filter; nothing when that would take too many questions."""
    try:
        with questions.at_most(MOST_QUESTIONS):
            return find(replace(filters, **relaxed))
    except TooManyError:
        return ()


def _values(rows: Sequence[Row], members: Sequence[str]) -> Iterator[str]:
    for row in rows:
        for member in members:
            value = getattr(row, member, ())
            yield from (value,) if isinstance(value, str) else value


def _there(rows: Sequence[Row], members: Sequence[str]) -> str:
    codes = {code for code in _values(rows, members) if code}
    return f"without it there is {enumerate_codes(codes)}" if codes else "without it there are some"


def _like(name: str, rows: Sequence[Row]) -> str:
    names = sorted(set(_values(rows, _NAMES)) - {""})
    words = {name.casefold(): name for name in names} | {
        word.casefold(): name for name in names for word in name.split()
    }
    near = dict.fromkeys(words[word] for word in difflib.get_close_matches(name.casefold(), words, n=3))
    return f"did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "leave `--name` out to see all"


def _when(rows: Sequence[Row]) -> str:
    begins = [begin for row in rows if isinstance(begin := getattr(row, "begin", None), datetime)]
    if not begins:
        return "at other times there are some"
    ends = [getattr(row, "end", None) for row in rows if getattr(row, "begin", None)]
    last = "now" if None in ends else f"{max(end for end in ends if end is not None):%Y-%m-%d}"
    return f"what passes the other filters was there between {min(begins):%Y-%m-%d} and {last}"
