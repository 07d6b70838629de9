"""File names as the service and others write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api.disposition import file_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachement; filename=A_20170119T000000Z-clean.png", "A_20170119T000000Z-clean.png"),
        ("attachment; filename=A.png", "A.png"),
        ('attachment; filename="A B.png"', "A B.png"),
        ("attachement; filename=A B.png", "A B.png"),
        ("ATTACHMENT; FileName = A.png ; size=3", "A.png"),
        ('attachment; filename="a;b.csv"', "a;b.csv"),
        (r'attachment; filename="a\"b\\c.csv"', r"a\"b\c.csv".replace(r"\"", '"')),
        (r'attachment; filename="C:\dir\x.png"', r"C:\dir\x.png"),
        ("attachment; filename='A.png'", "A.png"),
        ("attachment; filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
        ("attachment; filename=plain.txt; filename*=UTF-8''b%C3%A9.txt", "bé.txt"),
        ("attachment; filename*=UTF-8'en'b.txt; filename=a.txt", "b.txt"),
        ("attachment; filename*=\"UTF-8''b.txt\"", "b.txt"),
        ("attachment; filename*=iso-8859-1''%E9.txt", "é.txt"),
        ("attachment; filename*=nonsense''%C3%A9.txt", "é.txt"),
        ("attachment; filename*=UTF-8''", None),
        ("attachment; filename=\"\"; filename*=UTF-8''", None),
        ("filename=A.png", "A.png"),
        ("attachement;filename=A.png", "A.png"),
        ("attachement; filename=naïve.png".encode().decode("latin-1"), "naïve.png"),
        ("attachement; filename=na\xefve.png", "naïve.png"),
        ("attachment; filename=../../etc/passwd", "../../etc/passwd"),
        ("attachment; myfilename=A.png", None),
        ("attachment", None),
        ("attachment; filename=", None),
        ("", None),
        (None, None),
    ],
)
def test_the_name_is_found_in_every_form(header: str | None, name: str | None) -> None:
    """onc-api.md 1.6: misspelled and unquoted, quoted, or extended; never made safe here."""
    assert file_name(header) == name


NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters=";\"'\\"), min_size=1, max_size=60
)


@given(NAMES)
def test_any_plain_name_comes_back_as_it_was_sent(name: str) -> None:
    assert file_name(f"attachement; filename={name}") == name
    assert file_name(f'attachment; filename="{name}"') == name


@given(st.text(max_size=80))
def test_no_header_breaks_the_reading(header: str) -> None:
    name = file_name(header)
    assert name is None or name.strip()
