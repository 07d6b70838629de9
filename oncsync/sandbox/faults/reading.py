"""Reads a faults file: `{"seed": 7, "faults": [{"fault": NAME, ...}, ...]}`."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from .kinds import FaultsError
from .playing import Faults
from .rules import Fault, camel, nearest

_MEMBERS = ("seed", "faults")


def read_faults(path: str | PathLike[str], *, seed: int | None = None) -> Faults:
    """Reads a file of faults; a `seed` that is given goes before the file's own.

    Raises `FaultsError`, which names the place in the file, and `OSError`.
    """
    place = Path(path).name
    text = Path(path).read_bytes()
    try:
        document = json.loads(text, object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise FaultsError(f"{place}:{error.lineno}:{error.colno}: Not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise FaultsError(f"{place}: Not a text in UTF-8") from None
    except RecursionError:
        raise FaultsError(f"{place}: Nested too deep") from None
    except FaultsError as error:
        raise FaultsError(f"{place}: {error.message}", error.hint) from None
    except ValueError:
        raise FaultsError(f"{place}: A number in it is too long") from None
    return _faults(place, document, seed)


def _faults(place: str, document: Any, seed: int | None) -> Faults:
    if not isinstance(document, dict) or not isinstance(document.get("faults"), list):
        raise FaultsError(f"{place}: A faults file is an object with a list `faults`", 'for example {"faults": []}')
    for name in document:
        if name not in _MEMBERS:
            raise FaultsError(f"{place}: `{name}` is no key of a faults file", nearest(name, _MEMBERS))
    own_seed = document.get("seed", 0)
    if isinstance(own_seed, bool) or not isinstance(own_seed, int):
        raise FaultsError(f"{place}: seed: `seed` must be a whole number")
    rules = [_rule(f"{place}: faults[{number}]", rule) for number, rule in enumerate(document["faults"])]
    return Faults(rules, seed=own_seed if seed is None else seed)


def _rule(place: str, rule: Any) -> Fault:
    if not isinstance(rule, dict) or "fault" not in rule:
        raise FaultsError(f"{place}: A rule is an object with a name in `fault`")
    for name in rule:
        if camel(name) != name:
            raise FaultsError(f"{place}: `{name}` is no key of a rule", f"did you mean `{camel(name)}`?")
    try:
        return Fault(**rule)
    except FaultsError as error:
        raise FaultsError(f"{place}: {error.message}", error.hint) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FaultsError(f"`{twice}` stands twice in one object")
    return members
