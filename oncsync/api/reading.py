"""Reads parsed JSON into records, tolerating what the contract says varies.

String booleans, numbers as text, null, missing and unknown members, an object in place of a list of one and the
other way round are all understood (onc-api.md 1.4, open questions 29, 39 and 53). A member that cannot be read is
noted and left out when the entry can be used without it; otherwise the entry is noted and left out.
"""

from __future__ import annotations

import contextlib
import math
import re
import types
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from oncsync.timespan import UTC, TimeTextError, parse_instant

R = TypeVar("R", bound=msgspec.Struct)
_ZONED = re.compile(r"\d(?:Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class UnreadableError(ValueError):
    """Says why a member, or an entry because of it, cannot be read."""


class Notes:
    """Collects what was left out, so that a thousand like entries make one message."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._counts: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Notes one thing that was left out."""
        self._counts[text] += 1

    def render(self) -> list[str]:
        """Gives one line for each kind of thing left out, in the order they were met."""
        return [
            f"The answer of `{self._where}`: {text}" + (f" ({count} times)" if count > 1 else "")
            for text, count in self._counts.items()
        ]


class _Member(msgspec.Struct, frozen=True):
    name: str
    wire_name: str
    convert: Callable[[Any, Notes], Any]
    is_needed: bool
    is_decisive: bool
    """An instant that is there but cannot be read must not become `still deployed`: the entry goes."""


def as_list(value: Any) -> list[Any]:
    """Gives a list: nothing for null, the object itself when it stands in place of a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def read_list(kind: type[R], value: Any, notes: Notes) -> list[R]:
    """Reads a list of entries; those that cannot be used are noted and left out."""
    entries = []
    for entry in as_list(value):
        try:
            entries.append(read_record(kind, entry, notes))
        except UnreadableError as reason:
            notes.add(f"{reason}; it is left out")
    return entries


def read_record(kind: type[R], value: Any, notes: Notes) -> R:
    """Reads one entry; raises `UnreadableError` when it lacks what it cannot be used without."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise UnreadableError(f"an entry for {_noun(kind)} is no object")
    found: dict[str, Any] = {}
    for member in _members(kind):
        raw = _lookup(value, member.wire_name)
        if raw is None:
            if member.is_needed:
                raise UnreadableError(f"an entry for {_noun(kind)} lacks `{member.wire_name}`")
            continue
        try:
            found[member.name] = member.convert(raw, notes)
        except UnreadableError:
            if member.is_needed or member.is_decisive:
                raise UnreadableError(f"an entry for {_noun(kind)} has an unreadable `{member.wire_name}`") from None
            notes.add(f"`{member.wire_name}` of an entry for {_noun(kind)} cannot be read and is ignored")
    return kind(**found)


def _lookup(value: dict[str, Any], name: str) -> Any:
    """Finds a member, if need be without regard to case (`queryUrl` and `queryURL` both exist); blank is missing."""
    raw = value.get(name)
    if raw is None:
        folded = name.lower()
        raw = next((other for key, other in value.items() if key.lower() == folded and other is not None), None)
    return None if isinstance(raw, str) and not raw.strip() else raw


def _noun(kind: type[msgspec.Struct]) -> str:
    noun = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


@cache
def _members(kind: type[msgspec.Struct]) -> tuple[_Member, ...]:
    members = []
    for field in msgspec.structs.fields(kind):
        plain = _without_none(field.type)
        is_decisive = plain is datetime and getattr(kind, "dates_decide", True)
        members.append(_Member(field.name, field.encode_name, _converter(plain), field.required, is_decisive))
    return tuple(members)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _converter(kind: Any) -> Callable[[Any, Notes], Any]:
    """Gives the function that reads a member of a type; nested records and tuples of them are understood."""
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return lambda raw, notes: tuple(read_list(inner, raw, notes))
        convert = _CONVERTERS[inner]
        return lambda raw, notes: tuple(convert(entry) for entry in as_list(raw) if entry is not None)
    if issubclass(kind, msgspec.Struct):
        return lambda raw, notes: read_record(kind, raw, notes) if raw != [] else None
    convert = _CONVERTERS[kind]
    return lambda raw, notes: convert(raw)


def to_text(raw: Any) -> str:
    """Reads a text; a number or a boolean gives its JSON spelling."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (str, int, float)):
        return str(raw)
    raise UnreadableError


def to_flag(raw: Any) -> bool:
    """Reads a boolean, also as a text or as 0 and 1."""
    flag = _FLAGS.get(to_text(raw).strip().lower())
    if flag is None:
        raise UnreadableError
    return flag


def to_number(raw: Any) -> float:
    """Reads a finite number, also as a text."""
    if isinstance(raw, bool):
        raise UnreadableError
    try:
        number = float(to_text(raw))
    except (ValueError, OverflowError):
        raise UnreadableError from None
    if not math.isfinite(number):
        raise UnreadableError
    return number


def to_whole(raw: Any) -> int:
    """Reads a whole number, also as a text or with a zero fraction."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    text = to_text(raw).strip()
    if isinstance(raw, str) and re.fullmatch(r"[+-]?[0-9]{1,30}", text):
        return int(text)
    number = to_number(raw)
    if not number.is_integer():
        raise UnreadableError
    return int(number)


def to_instant(raw: Any) -> datetime:
    """Reads a timestamp with or without fraction; one without a zone is refused (open question 53)."""
    if not isinstance(raw, str) or not _ZONED.search(raw.strip()):
        raise UnreadableError
    if _USUAL.fullmatch(raw):
        # What the service nearly always sends, a hundred thousand times in one listing.
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(raw[:-1]).replace(tzinfo=UTC)
    try:
        return parse_instant(raw)
    except TimeTextError:
        raise UnreadableError from None


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    str: to_text,
    bool: to_flag,
    float: to_number,
    int: to_whole,
    datetime: to_instant,
}
