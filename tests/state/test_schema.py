"""`schemas/state.schema.json` describes exactly what a snapshot is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from oncsync.schemas import load_schema
from oncsync.state import Event, State, render_state
from tests.state.events import CHUNK, EVENTS, an_order, state_after
from tests.support.records import make_file, steady


def mistakes(document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(load_schema("state")).iter_errors(document)]


def document_of(state: State) -> Any:
    return json.loads(render_state(state))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(load_schema("state"))


@steady(100)
@given(st.lists(EVENTS, max_size=10))
def test_every_snapshot_keeps_to_the_schema(events: list[Event]) -> None:
    assert mistakes(document_of(state_after(*events))) == []


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ((), {"version": 2}),
        ((), {"generation": -1}),
        ((), {"unknown": 1}),
        (("chunks",), {"not an id": {}}),
        (("chunks", CHUNK), {"outcome": "fine"}),
        (("chunks", CHUNK), {"begin": "2017-05-01"}),
        (("chunks", CHUNK), {"attempts": -1}),
        (("chunks", CHUNK), {"unknown": 1}),
        (("chunks", CHUNK, "order"), {"runIds": ["1"]}),
        (("chunks", CHUNK, "order"), {"dateTo": None}),
        (("chunks", CHUNK, "files", 0), {"index": "0"}),
        (("chunks", CHUNK, "files", 0), {"path": "/etc/passwd"}),
        (("chunks", CHUNK, "files", 0), {"path": "a/../../b"}),
        (("chunks", CHUNK, "files", 0), {"partial": "a/b"}),
        (("chunks", CHUNK, "files", 0), {"sha256": "abc"}),
        (("chunks", CHUNK, "files", 0), {"bytes": -1}),
    ],
)
def test_what_is_no_state_breaks_it(place: tuple[str | int, ...], change: dict[str, Any]) -> None:
    document = document_of(state_after(*an_order(make_file("a.csv"))))
    assert mistakes(document) == []
    target = document
    for step in place:
        target = target[step]
    target |= change
    assert mistakes(document)
