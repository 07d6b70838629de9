"""Hints and places in messages."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.errors import Problem
from oncsync.manifest import Place
from oncsync.resolver.findings import EntryError, enumerate_codes, suggest, where
from tests.resolver.making import wanting

KNOWN = ["HYDROPHONE", "CTD", "ADCP75KHZ", "ADCP55KHZ", "BPR-Folger-59"]


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ("HYDROFONE", "did you mean `HYDROPHONE`?"),
        ("hydrophon", "did you mean `HYDROPHONE`?"),
        ("hydrophone", "did you mean `HYDROPHONE`? Codes are matched exactly"),
        ("bpr-folger-59", "did you mean `BPR-Folger-59`? Codes are matched exactly"),
        ("ADCP65KHZ", "did you mean `ADCP75KHZ` or `ADCP55KHZ`?"),
        ("xyz", None),
    ],
)
def test_the_nearest_known_codes_are_suggested(found: str, hint: str | None) -> None:
    assert suggest(found, KNOWN) == hint


def test_three_codes_are_joined_for_reading() -> None:
    assert suggest("NC89X", ["NC891", "NC892", "NC893", "NC894"]).count("`") == 6  # type: ignore[union-attr]
    assert "`, `" in str(suggest("NC89X", ["NC891", "NC892", "NC893"]))


@given(st.lists(st.text(st.sampled_from("ABab19"), min_size=1, max_size=6), unique=True))
def test_a_hint_does_not_depend_on_the_order_of_what_is_known(codes: list[str]) -> None:
    for found in codes[:3]:
        assert suggest(found + "x", codes) == suggest(found + "x", reversed(codes))


def test_codes_are_listed_sorted_once_and_the_tail_is_counted() -> None:
    assert enumerate_codes(["b", "a", "b"]) == "`a`, `b`"
    assert enumerate_codes("abcdef", most=4) == "`a`, `b`, `c`, `d` and 2 more"
    assert enumerate_codes([]) == ""


def test_a_message_names_the_line_of_the_key_else_of_the_entry_else_its_name() -> None:
    key, entry = Place("oncsync.yaml", 7, 20), Place("oncsync.yaml", 5, 5)
    download = msgspec.structs.replace(wanting(), place=entry, places={"begin": key})
    assert where(download, "begin") == "oncsync.yaml:7:20"
    assert where(download, "end") == "oncsync.yaml:5:5"
    assert where(wanting(), "end") == "`x`"


def test_an_entry_error_says_all_its_problems() -> None:
    error = EntryError(Problem("a:1:1", "first"), Problem("a:2:1", "second", "cure"))
    assert str(error) == "first; second"
    assert [problem.hint for problem in error.problems] == [None, "cure"]
