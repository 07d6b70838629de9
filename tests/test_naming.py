"""Names and places: whatever the service or a manifest says, the folder gets names that every system takes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.naming import (
    MOST_NAME_BYTES,
    TEMPLATE_FIELDS,
    TemplateError,
    check_template,
    fill_template,
    fold,
    safe_component,
    safe_file_name,
    split_suffix,
    with_mark,
)
from tests.support.records import hostile_text, steady

DEVICES = ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9", "COM¹", "CONIN$")
FORBIDDEN = set('<>:"/\\|?*\u200b\u2028\u2029\u202e\u2066\ufeff\uffff') | {
    chr(code) for code in (*range(32), *range(0x7F, 0xA0))
}
TEXT = hostile_text(max_size=30) | st.text(max_size=30)


def is_safe(name: str) -> bool:
    """Whether Windows, macOS and Linux take a name as one plain component of a path, and keep it as it is."""
    stem = name.split(".")[0].strip().upper()
    return (
        name not in ("", ".", "..")
        and not set(name) & FORBIDDEN
        and name == name.strip()
        and not name.endswith(".")
        and stem not in DEVICES
        and len(name.encode("utf-8")) <= MOST_NAME_BYTES
        and unicodedata.is_normalized("NFC", name)
        and name.casefold() != ".oncsync"
    )


# --- Components ----------------------------------------------------------------------------------------------------


@steady(500)
@given(TEXT | st.sampled_from(DEVICES).flatmap(lambda name: st.tuples(st.just(name), TEXT).map("".join)))
def test_every_component_is_safe_everywhere(text: str) -> None:
    """R48, rule 7, open question 29."""
    name = safe_component(text)
    assert is_safe(name)
    assert safe_component(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BACAX", "BACAX"),
        ("Axis CTD (66754)", "Axis CTD (66754)"),
        ("NC89.J1", "NC89.J1"),
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("C:x", "C_x"),
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("a\x00b\nc\x1bd\x7fe\x9bf", "a_b_c_d_e_f"),
        ("a\u202eb\u200bc\u2066d\ufeffe", "a_b_c_d_e"),
        ("  a.. ", "a"),
        ("a. . .", "a"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        (" ", "_"),
        ("...", "_"),
        ("___", "_"),
        (".hidden", ".hidden"),
        ("con", "_con"),
        ("CON.csv", "_CON.csv"),
        ("aux .txt", "_aux .txt"),
        ("Lpt¹", "_Lpt¹"),
        ("console", "console"),
        ("com10", "com10"),
        (".oncsync", "_.oncsync"),
        (".OncSync", "_.OncSync"),
        ("e\u0301", "é"),
        ("\ud800x", "_x"),
        ("海", "海"),
    ],
)
def test_a_component_is_as_near_to_the_text_as_possible(text: str, name: str) -> None:
    assert safe_component(text) == name


def test_an_empty_component_is_called_what_the_caller_says() -> None:
    assert safe_component("..", "chunk_1") == "chunk_1"


@pytest.mark.parametrize("character", ["a", "é", "海", "😀"])
def test_a_long_name_is_cut_at_a_character_and_keeps_its_suffix(character: str) -> None:
    """File systems count bytes, not characters."""
    name = safe_component(character * 300 + ".csv")
    assert name.endswith(character + ".csv")
    assert MOST_NAME_BYTES - 4 < len(name.encode()) <= MOST_NAME_BYTES


def test_a_long_name_without_a_short_suffix_is_cut_at_its_end() -> None:
    assert safe_component("a" * 100 + "." + "b" * 200) == "a" * 100 + "." + "b" * (MOST_NAME_BYTES - 101)


def test_a_name_that_just_fits_stays_as_it_is() -> None:
    assert safe_component("a" * MOST_NAME_BYTES) == "a" * MOST_NAME_BYTES
    assert len(safe_component("a" * (MOST_NAME_BYTES + 1))) == MOST_NAME_BYTES


def test_a_suffix_is_short() -> None:
    assert split_suffix("a." + "b" * 16) == ("a", "." + "b" * 16)
    assert split_suffix("a." + "b" * 17) == ("a." + "b" * 17, "")


def test_a_device_that_only_appears_when_a_name_is_cut_is_one_all_the_same() -> None:
    assert safe_component("con" + " " * 300 + "x") == "_con"
    assert len(safe_component("con." + "x" * 300).encode()) <= MOST_NAME_BYTES


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("a.csv", "a.csv"),
        ("../../.bashrc", ".bashrc"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\x.dll", "x.dll"),
        ("dir/sub\\a.csv", "a.csv"),
        ("a/", "fallback"),
        ("..", "fallback"),
        ("", "fallback"),
        (None, "fallback"),
        ('"quoted.csv"', "_quoted.csv_"),
    ],
)
def test_a_file_is_called_by_the_last_part_of_its_name(raw: str | None, name: str) -> None:
    """P20, open question 19: a name is no path."""
    assert safe_file_name(raw, "fallback") == name


# --- Names that are taken for one another --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [("A.csv", "a.CSV"), ("É", "é"), ("É", "e\u0301"), ("straße", "STRASSE"), ("\u01f0", "J\u030c"), ("ſ", "S")],
)
def test_names_that_some_file_system_takes_for_one_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@steady(200)
@given(TEXT)
def test_folding_is_stable_and_ignores_case_and_composition(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)
    assert fold(text.lower()) == fold(text) or not text.isascii()


@steady(200)
@given(TEXT.map(safe_component), st.from_regex(r"[0-9a-f]{20}-[0-9]{8}-meta", fullmatch=True))
def test_a_mark_makes_another_safe_name_that_fits(name: str, mark: str) -> None:
    marked = with_mark(name, mark)
    assert mark in marked
    assert fold(marked) != fold(name)
    assert split_suffix(marked)[1] == split_suffix(name)[1]
    assert len(marked.encode()) <= 255
    assert safe_component(marked) == marked or len(marked.encode()) > MOST_NAME_BYTES


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ("a.b.csv", "a.b~x.csv"),
        ("plain", "plain~x"),
        (".hidden", ".hidden~x"),
        ("a." + "b" * 20, "a." + "b" * 20 + "~x"),
    ],
)
def test_a_mark_stands_before_the_suffix(name: str, marked: str) -> None:
    assert with_mark(name, "x") == marked


# --- Templates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        "data",
        "{locationCode}/{year}",
        "a/{begin}_{end}",
        "{name}",
        "a b/é",
        "a//b",
        "..a/b..",
        "./a",
        "a/.oncsync",
        "a~b",
    ],
)
def test_a_place_in_the_folder_is_a_template(template: str) -> None:
    check_template(template)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("/data", "leaves the folder"),
        ("\\data", "leaves the folder"),
        ("~/data", "leaves the folder"),
        ("C:/data", "leaves the folder"),
        ("d:data", "leaves the folder"),
        ("../data", "leaves the folder"),
        ("a/../b", "leaves the folder"),
        ("a\\..\\b", "leaves the folder"),
        ("a/ .. /b", "leaves the folder"),
        (".oncsync", "oncsync's own place"),
        (".OncSync/x", "oncsync's own place"),
        (".oncsync\\x", "oncsync's own place"),
        ("./.oncsync/x", "oncsync's own place"),
        (".oncsync. /x", "oncsync's own place"),
        ("{Year}", "no field"),
        ("{}", "no field"),
        ("{year", "single brace"),
        ("year}", "single brace"),
    ],
)
def test_what_is_no_place_in_the_folder_is_refused(template: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        check_template(template)


def test_a_refusal_names_the_fields_there_are() -> None:
    with pytest.raises(TemplateError) as caught:
        check_template("{location}")
    assert all(f"{{{field}}}" in str(caught.value) for field in TEMPLATE_FIELDS)


def test_fields_are_filled_in() -> None:
    fields = {"locationCode": "BACAX", "year": "2017", "extension": "csv"}
    assert fill_template("{locationCode}/y{year}-{extension}", fields) == ["BACAX", "y2017-csv"]


def test_a_value_with_a_slash_stays_one_component() -> None:
    assert fill_template("{name}/x", {"name": "../a/b"}) == [".._a_b", "x"]


def test_components_that_come_out_empty_are_left_out() -> None:
    assert fill_template("{propertyCode}/a//./{deviceCode}", {"propertyCode": ""}) == ["a"]


FIELDS = st.dictionaries(st.sampled_from(TEMPLATE_FIELDS), TEXT)


@steady(300)
@given(
    st.lists(
        st.sampled_from(["/", "\\", "..", ".oncsync", "a", " "])
        | TEXT
        | st.sampled_from(TEMPLATE_FIELDS).map("{{{}}}".format)
    ).map("".join),
    FIELDS,
)
def test_no_template_and_no_value_leads_out_of_the_folder(template: str, fields: dict[str, str]) -> None:
    """Rule 7: templates come from cloned manifests and locks as well, where nothing has checked them."""
    parts = fill_template(template, fields)
    assert all(part == safe_component(part) for part in parts)
    assert all(fold(part) != ".oncsync" and part not in ("", ".", "..") and "/" not in part for part in parts)
