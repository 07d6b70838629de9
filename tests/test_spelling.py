"""Near matches and lists in messages."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.spelling import did_you_mean, either, enumerate_codes, in_order, suggest

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


NAMES = {
    "CBY": "Cambridge Bay",
    "CBYIP": "Underwater Network",
    "BACAX": "Axis",
    "KVIP": "",
    "FERR": "Ferries",
    "FRDD": "Fraser River Delta",
}


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ("BACXA", "did you mean `BACAX` (Axis)?"),
        ("cby", "did you mean `CBY`? Codes are matched exactly"),
        ("Cambridge", "did you mean `CBY` (Cambridge Bay)?"),
        ("Network", "did you mean `CBYIP` (Underwater Network)?"),
        ("Fraser", "did you mean `FRDD` (Fraser River Delta)?"),
        ("FERF", "did you mean `FERR` (Ferries)?"),
        ("C", "did you mean `CBY` (Cambridge Bay) or `CBYIP` (Underwater Network)?"),
        ("KVIPP", "did you mean `KVIP`?"),
        ("zz", None),
    ],
)
def test_names_are_shown_and_searched_where_they_are_known(found: str, hint: str | None) -> None:
    """R43: who knows what a place is called finds its code."""
    assert suggest(found, NAMES) == hint


def test_a_word_has_one_nearest_whatever_its_case() -> None:
    assert did_you_mean("BEGINRUNN", ["beginRun", "endRun"]) == "did you mean `beginRun`?"
    assert did_you_mean("x", ["beginRun", "endRun"]) is None


def test_a_choice_is_listed_with_or() -> None:
    assert either(["a"]) == "`a`"
    assert either(["c", "a", "b"]) == "`c`, `a` or `b`"


@given(st.lists(st.sampled_from(["3600", "60", "600", "-1", "0.5", "none", "average", "nan", "inf"]), unique=True))
def test_numbers_stand_by_size_before_words_whatever_order_they_came_in(values: list[str]) -> None:
    expected = [one for one in ("-1", "0.5", "60", "600", "3600", "average", "inf", "nan", "none") if one in values]
    assert in_order(random.Random(len(values)).sample(values, len(values))) == tuple(expected)
