"""`schemas/lock.schema.json` describes exactly what a lock is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from oncsync.lockfile import Lock, render_lock
from oncsync.schemas import load_schema
from tests.lockfile.locks import LOCKS
from tests.support.records import make_entry, make_lock, make_request, steady


def document_of(lock: Lock) -> Any:
    """Gives what a YAML parser makes of a lock."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(render_lock(lock, "oncsync.yaml").decode())


def mistakes(document: Any) -> list[str]:
    validator = Draft202012Validator(load_schema("lock"))
    return [error.message for error in validator.iter_errors(document)]


def a_document() -> Any:
    weekly = make_request("2017-05-03T12:00", "2017-05-20", split="week", day_of_week="WE", about={"depth": 1})
    return document_of(make_lock(make_entry("a", weekly, refresh_open="PT6H"), make_entry("r", kind="row")))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(load_schema("lock"))


@steady(40)
@given(LOCKS)
def test_every_lock_keeps_to_the_schema(lock: Lock) -> None:
    assert mistakes(document_of(lock)) == []


@pytest.mark.parametrize(
    ("record", "change"),
    [
        (0, {"download": None}),
        (0, {"row": "both"}),
        (0, {"lateDays": "2"}),
        (0, {"refreshOpen": "often"}),
        (1, {"unknown": 1}),
        (1, {"split": "fortnight"}),
        (1, {"split": "month"}),
        (1, {"end": "2017-06-01"}),
        (1, {"begin": None}),
        (1, {"options": {"dpo_a": 1}}),
        (1, {"about": {"depth": [1]}}),
        (1, {"download": "no"}),
        (1, {"sharedWith": ["x"]}),
        (2, {"id": "../x"}),
        (2, {"begin": "2017-13-01T00:00:00.000Z"}),
        (2, {"end": None}),
        (2, {"count": 3}),
    ],
)
def test_what_is_no_lock_breaks_it(record: int, change: dict[str, Any]) -> None:
    document = a_document()
    assert mistakes(document) == []
    document["records"][record] |= change
    assert mistakes(document)


@pytest.mark.parametrize("member", ["version", "server", "records"])
def test_the_header_is_needed(member: str) -> None:
    document = a_document()
    del document[member]
    assert mistakes(document)


def test_a_newer_version_breaks_it() -> None:
    assert mistakes(a_document() | {"version": 2})
