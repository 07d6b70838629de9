"""What a named fault is: what it takes, which questions it suits, and what it does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..delivery import Deliveries
from ..replies import Call, Reply

Answer = Callable[[Call], Reply]
Value: TypeAlias = "float | int | str | bool | tuple[str, ...]"
MOST_SECONDS = 600.0
MOST_BYTES = 1 << 31


class FaultsError(ValueError):
    """Says that a fault cannot be used: what is wrong, where, and what would be right (`hint`)."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Argument:
    """One argument of a fault, as a faults file spells it; a None default means that it may be left out."""

    name: str
    type: Literal["seconds", "whole", "text", "flag", "texts"]
    default: Value | None = None
    choices: tuple[str, ...] = ()
    least: int = 0


@dataclass(frozen=True)
class Stage:
    """What the running service lends its faults."""

    now: Callable[[], datetime]
    clock: Callable[[], float]
    url: str
    token: str
    deliveries: Deliveries


@dataclass(frozen=True)
class Scene:
    """One hit: the service, the fault's arguments, and what it remembers of this subject (an order, a file, ...).

    `request_id` is that of the order which the question is about. `tally` counts, for this subject, from 1.
    """

    stage: Stage
    arguments: Mapping[str, Value | None]
    request_id: int | None
    memory: dict[str, float]
    tally: Callable[[], int]
    revoke: Callable[[], None]

    def whole(self, name: str) -> int:
        """Gives an argument that is a whole number."""
        value = self.arguments[name]
        assert isinstance(value, int)
        return value

    def seconds(self, name: str = "seconds") -> float:
        """Gives an argument that is a time."""
        value = self.arguments[name]
        assert isinstance(value, (int, float))
        return float(value)

    def text(self, name: str) -> str:
        """Gives an argument that is text; the empty text when it was left out."""
        return str(self.arguments[name] or "")

    def flag(self, name: str) -> bool:
        """Gives an argument that is true or false."""
        return self.arguments[name] is True

    def texts(self, name: str) -> tuple[str, ...]:
        """Gives an argument that is a list of texts."""
        value = self.arguments[name]
        assert isinstance(value, tuple)
        return value


@dataclass(frozen=True)
class Kind:
    """One named fault. Exactly one of `act` and `change` is there.

    `act` takes the place of the service and may call it; `change` alters an answer that `fits`. `suits` leaves
    questions out that the fault cannot be about; only questions that suit and fit are counted and drawn for. With
    `per_order`, whether it hits is decided once for each order and then holds for all its questions.
    """

    name: str
    text: str
    on: tuple[str, ...] = ("*",)
    arguments: tuple[Argument, ...] = ()
    act: Callable[[Scene, Call, Answer], Reply] | None = None
    change: Callable[[Scene, Call, Reply], Reply] | None = None
    suits: Callable[[Mapping[str, Value | None], Call], bool] = lambda arguments, call: True
    fits: Callable[[Call, Reply], bool] = lambda call, reply: True
    per_order: bool = False

    def told_arguments(self) -> str:
        """Gives the arguments with their defaults, the first choice being the default."""
        return ", ".join(map(_told, self.arguments))


def _told(argument: Argument) -> str:
    default = argument.default
    if argument.choices:
        others = [choice for choice in argument.choices if choice != default]
        return f"{argument.name}: {' / '.join([str(default), *others])}"
    if default is None or default in ("", ()):
        return argument.name
    if isinstance(default, tuple):
        return f"{argument.name}: {', '.join(default)}"
    return f"{argument.name}: {str(default).lower() if isinstance(default, bool) else default}"
