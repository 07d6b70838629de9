"""The filters of `createXLS`: from what a person wrote to one download of a manifest.

Sources: R24-R47, R126, I-3, I-18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from oncsync.errors import InputError, Problem, ProblemsError
from oncsync.manifest import Download
from oncsync.manifest.build import LIST_MEMBERS, split_codes
from oncsync.timespan import TimeTextError, is_relative, parse_end, parse_instant

ENTRY = "createXLS"
"""What the download is called in the manifest."""
FILTERS = (
    "locationCode",
    "deviceCategoryCode",
    "deviceCode",
    "propertyCode",
    "dataProductCode",
    "extension",
)
METHODS = ("byLocation", "byDevice", "all")

Codes = str | Iterable[str] | None


def read_filters(method: str, begin: object, end: object, codes: dict[str, Codes]) -> Download:
    """Gives the download that the filters mean; an omitted one means everything (R44).

    Raises `ProblemsError` with every mistake in them, by the name of the filter.
    """
    problems = [Problem("", f"`{name}` is missing") for name, value in (("begin", begin), ("end", end)) if not value]
    members: dict[str, Any] = {}
    readers: tuple[tuple[str, Callable[[object], str], object], ...] = (
        ("begin", read_begin, begin),
        ("end", read_end, end),
        ("download_method", read_method, method),
    )
    for member, read, value in readers:
        try:
            members[member] = read(value) if value else ""
        except InputError as error:
            problems.append(Problem("", error.message, error.hint))
    if not problems and parse_instant(members["begin"]) >= parse_end(members["end"]):
        problems.append(Problem("", f"`end` ({members['end']}) is not after `begin` ({members['begin']})"))
    if problems:
        raise ProblemsError("These filters cannot be used:", problems)
    for name, value in codes.items():
        members[LIST_MEMBERS[name]] = split_codes(
            value if isinstance(value, str) else [str(one) for one in value or ()]
        )
    return Download(name=ENTRY, **members)


def read_begin(value: object) -> str:
    """Gives the text of a begin that is a time, else raises `InputError` with what was probably meant (R126)."""
    return _read_time("begin", value, parse_instant)


def read_end(value: object) -> str:
    """Gives the text of an end that is a time; the last second or millisecond of a day means that day (I-3)."""
    return _read_time("end", value, parse_end)


def _read_time(name: str, value: object, parse: Callable[[str], datetime]) -> str:
    text = str(value).strip()
    try:
        parse(text)
    except TimeTextError as error:
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else None
        if is_relative(text):
            hint = "a workbook holds fixed times; what moves with the clock belongs into an `oncsync.yaml`"
        raise InputError(f"`{name}`: {error}", hint=hint) from None
    return text


def read_method(value: object) -> str:
    """Gives a download method in ONC's spelling, whatever its case (R31); raises `InputError` for any other word."""
    for method in METHODS:
        if method.lower() == str(value).strip().lower():
            return method
    raise InputError(f"`downloadMethod`: `{value}` is no method", hint=f"write {', '.join(METHODS)}")
