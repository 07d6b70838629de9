"""The tree of errors: exit codes, messages, hints."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

import oncsync.errors
from oncsync.errors import (
    EXIT_CODE_ORDER,
    FaultError,
    InputError,
    OncsyncError,
    Problem,
    ProblemsError,
    RefusedError,
    ServiceError,
    UnreachableError,
    worst_exit_code,
)

CLASSES = [
    kind
    for _, kind in inspect.getmembers(oncsync.errors, inspect.isclass)
    if issubclass(kind, OncsyncError) and kind.__module__ == "oncsync.errors"
]


@pytest.mark.parametrize("kind", CLASSES)
def test_tree_at_the_top_draws_every_class_with_its_code_and_parent(kind: type[OncsyncError]) -> None:
    drawing = str(oncsync.errors.__doc__).splitlines()
    (line,) = [line for line in drawing if f"`{kind.__name__}`" in line]
    depth = len(kind.__mro__) - len(OncsyncError.__mro__)
    assert re.match(rf"^{'  ' * depth}\* `{kind.__name__}` +{kind.exit_code} ", line)


def test_documented_exit_codes() -> None:
    assert {kind.__name__: kind.exit_code for kind in CLASSES} == {
        "OncsyncError": 70,
        "InputError": 2,
        "ProblemsError": 2,
        "DifferenceError": 1,
        "TokenError": 4,
        "ServiceError": 3,
        "RefusedError": 3,
        "NotFoundError": 3,
        "ForbiddenError": 3,
        "FaultError": 3,
        "UnreachableError": 5,
        "FolderBusyError": 6,
        "StoppedError": 7,
        "FolderError": 8,
    }


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ([], 0),
        ([0, 0], 0),
        ([3, 7], 3),
        ([7, 1], 7),
        ([3, 5, 4], 4),
        ([4, 8], 8),
        ([8, 70, 1], 70),
        ([0, 1], 1),
        ([6], 6),
    ],
)
def test_worst_exit_code_wins(codes: list[int], worst: int) -> None:
    assert worst_exit_code(codes) == worst
    assert worst_exit_code(codes[::-1]) == worst


def test_order_of_exit_codes_is_the_documented_one() -> None:
    assert EXIT_CODE_ORDER == (70, 8, 4, 5, 3, 7, 1)


def test_message_is_followed_by_its_hint() -> None:
    error = InputError("There is no manifest", hint="`oncsync init` starts one")
    assert str(error) == "There is no manifest"
    assert error.render() == "There is no manifest\n\nhint: `oncsync init` starts one"
    assert InputError("Odd").render() == "Odd"


def test_problems_stand_one_below_the_other_with_their_places() -> None:
    error = ProblemsError(
        "The manifest `oncsync.yaml` has 2 problems",
        [Problem("oncsync.yaml:3:5", "`x` is wrong", "write `y`"), Problem("", "something else")],
        hint="see the manual",
    )
    assert error.render() == (
        "The manifest `oncsync.yaml` has 2 problems\n"
        "  oncsync.yaml:3:5: `x` is wrong\n"
        "    hint: write `y`\n"
        "  something else\n"
        "\n"
        "hint: see the manual"
    )
    assert len(error.problems) == 2


@pytest.mark.parametrize("kind", [ServiceError, RefusedError, FaultError, UnreachableError])
def test_service_errors_survive_a_trip_between_processes(kind: type[ServiceError]) -> None:
    error = kind(
        "No", hint="why", status=400, code=127, text="Invalid parameter value", parameter="a,b", retry_after=2.5
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert copy.__dict__ == error.__dict__
    assert str(copy) == "No"


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not ProblemsError])
def test_every_error_survives_a_trip_between_processes(kind: type[OncsyncError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("What", hint="cure")))
    assert (type(copy), copy.message, copy.hint) == (kind, "What", "cure")


def test_problems_survive_a_trip_between_processes() -> None:
    error = ProblemsError("Title", [Problem("a:1:2", "b", "c")], hint="d")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.render(), copy.problems) == (error.render(), error.problems)


def test_each_class_says_what_it_says() -> None:
    silent = [kind.__name__ for kind in CLASSES if not (kind.__doc__ or "").strip()]
    assert silent == []
