"""One rule: which fault, on which questions, and when."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..parameters import SERVICES
from . import connections, filenames, jobs, ranges, shapes, statuses
from .kinds import MOST_BYTES, MOST_SECONDS, Argument, FaultsError, Kind, Value

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for room in (connections, statuses, ranges, filenames, shapes, jobs)
    for kind in room.KINDS
}  # fmt: skip
"""Every named fault."""

PER = ("service", "order", "run", "file")
CONDITIONS = ("on", "where", "answered", "probability", "nth", "since", "times", "per")


@dataclass(frozen=True, init=False)
class Fault:
    """A named fault and the questions that it hits.

    `on` is a service path or a glob of them, or several (the fault's own services unless given); `where` are
    parameters of the question, or of the order that it is about, each a glob; `answered` is the status that the
    service itself gave. Of the questions that fit all this, it hits each with `probability`, or the `nth` ones, or
    those from `since` on, at most `times`; ordinals begin at 1 and are counted together, or for each service, order,
    run or file (`per`). Conditions that are not given hold always. The other arguments are the fault's own, in
    snake_case here and in camelCase in a faults file.

    Raises `FaultsError`.
    """

    fault: str
    on: tuple[str, ...]
    where: Mapping[str, str]
    answered: int | None
    probability: float | None
    nth: tuple[int, ...] | None
    since: int
    times: int | None
    per: str | None
    arguments: Mapping[str, Value | None]

    def __init__(
        self,
        /,
        fault: str,
        *,
        on: str | Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
        answered: int | None = None,
        probability: float | None = None,
        nth: Sequence[int] | int | None = None,
        since: int = 1,
        times: int | None = None,
        per: str | None = None,
        **arguments: object,
    ) -> None:
        kind = _kind(fault)
        ordinals = (nth,) if isinstance(nth, int) else nth
        members = {
            "fault": fault,
            "on": kind.on if on is None else _services(on),
            "where": _where({} if where is None else where),
            "answered": None if answered is None else _whole("answered", answered, 200, 599),
            "probability": None if probability is None else _probability(probability),
            "nth": None if ordinals is None else _ordinals(ordinals),
            "since": _whole("since", since, 1),
            "times": None if times is None else _whole("times", times, 1),
            "per": None if per is None else _per(kind, per),
            "arguments": _arguments(kind, {camel(name): value for name, value in arguments.items()}),
        }
        for name, value in members.items():
            object.__setattr__(self, name, value)

    @property
    def kind(self) -> Kind:
        """What the fault does."""
        return KINDS[self.fault]

    def is_on(self, service: str) -> bool:
        """Says whether the rule is about a service."""
        return any(fnmatchcase(service, pattern) for pattern in self.on)

    def is_where(self, parameters: Mapping[str, str]) -> bool:
        """Says whether the parameters are those that the rule asks for."""
        return all(fnmatchcase(parameters.get(name, ""), pattern) for name, pattern in self.where.items())


def list_faults() -> list[tuple[str, str]]:
    """Gives the name of every fault and one line about it."""
    return [(kind.name, kind.text) for kind in KINDS.values()]


def nearest(name: str, known: Collection[str]) -> str | None:
    """Gives a hint that names the nearest known name; None when none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else None


def _kind(name: object) -> Kind:
    if not isinstance(name, str) or name not in KINDS:
        hint = nearest(str(name), KINDS) or "`oncsync sandbox --list-faults` names them all"
        raise FaultsError(f"No fault is called `{name}`", hint)
    return KINDS[name]


def _services(given: Any) -> tuple[str, ...]:
    patterns = (given,) if isinstance(given, str) else given
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(one, str) for one in patterns) or not patterns:
        raise FaultsError("`on` must be a service path, a glob of them, or a list of these")
    for pattern in patterns:
        if not any(fnmatchcase(service, pattern) for service in SERVICES):
            raise FaultsError(f"`on` names no service: `{pattern}`", nearest(pattern, SERVICES))
    return tuple(patterns)


def _where(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise FaultsError("`where` must be an object of parameters and their values")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise FaultsError(f"`where.{name}` must be text or a whole number")
    return {name: str(value) for name, value in given.items()}


def _probability(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= 1:
        raise FaultsError("`probability` must be a number from 0 to 1")
    return float(given)


def _whole(name: str, given: Any, least: int, most: int = MOST_BYTES) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        bounds = f"of {least} or more" if most == MOST_BYTES else f"from {least} to {most}"
        raise FaultsError(f"`{name}` must be a whole number {bounds}")
    return given


def _ordinals(given: Any) -> tuple[int, ...]:
    if not isinstance(given, (list, tuple)) or not given:
        raise FaultsError("`nth` must be a list of ordinals, the first being 1")
    return tuple(_whole("nth", one, 1) for one in given)


def _per(kind: Kind, given: Any) -> str:
    if given not in PER:
        raise FaultsError(f"`per` must be one of {', '.join(PER)}", nearest(str(given), PER))
    if kind.per_order:
        raise FaultsError(
            f"`per` does not go with `{kind.name}`", "this fault is decided once for each order: ordinals count orders"
        )
    return str(given)


def _arguments(kind: Kind, given: Mapping[str, object]) -> dict[str, Value | None]:
    known = {argument.name: argument for argument in kind.arguments}
    for name in given:
        if name not in known:
            raise FaultsError(
                f"`{name}` is no key of a rule with `{kind.name}`", nearest(name, (*known, *CONDITIONS, "fault"))
            )
    return {
        name: _value(argument, given[name]) if name in given else argument.default for name, argument in known.items()
    }


def _value(argument: Argument, given: Any) -> Value | None:
    name, type_ = argument.name, argument.type
    if type_ == "whole":
        return _whole(name, given, argument.least)
    if type_ == "seconds":
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= MOST_SECONDS:
            raise FaultsError(f"`{name}` must be a number of seconds from 0 to {MOST_SECONDS:g}")
        return given
    if type_ == "flag":
        if not isinstance(given, bool):
            raise FaultsError(f"`{name}` must be true or false")
        return given
    if type_ == "texts":
        if not isinstance(given, (list, tuple)) or not all(isinstance(one, str) for one in given):
            raise FaultsError(f"`{name}` must be a list of texts")
        return tuple(given)
    return _text(argument, given)


def _text(argument: Argument, given: Any) -> str:
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if argument.choices and text not in argument.choices:
        raise FaultsError(
            f"`{argument.name}` must be one of {', '.join(argument.choices)}", nearest(str(text), argument.choices)
        )
    if not isinstance(text, str) or "\n" in text or "\r" in text:
        raise FaultsError(f"`{argument.name}` must be text on one line")
    return text


def camel(name: str) -> str:
    """Gives the spelling of a faults file for a name in snake_case."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
