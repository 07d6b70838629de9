"""What people give: paths of any system, placeholders, words in any case."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oncsync.compat.filters import read_begin, read_end, read_method
from oncsync.compat.given import local_folder, local_path, read_token, server_in_force, written_folder
from oncsync.errors import InputError


@pytest.mark.skipif(os.name == "nt", reason="the other system's rules")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("c:/temp", "c:/temp"),
        ("c:\\ONC\\Data", "c:/ONC/Data"),
        ("C:/ONC/Data/", "C:/ONC/Data"),
        ("data\\mixed/x", "data/mixed/x"),
        ("/srv/data", "/srv/data"),
        ("data", "data"),
    ],
)
def test_a_path_of_another_system_is_a_path_here(text: str, path: str) -> None:
    """R48: where there are no drives a drive is a folder; upper and lower case stay."""
    assert local_path(text) == Path(path)
    assert local_path(Path(text)) == Path(path)
    assert local_folder(text) == Path.cwd() / path


def test_home_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert local_path("~/data") == tmp_path / "data"
    assert local_path("~nobody-of-this-name/data") == Path("~nobody-of-this-name/data")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("c:\\ONC\\Data\\", "c:/ONC/Data"),
        ("c:/ONC/Data", "c:/ONC/Data"),
        ("c:/", "c:/"),
        ("/srv//data/", "/srv/data"),
        ("data", "data"),
    ],
)
def test_a_folder_is_written_with_forward_slashes(text: str, written: str) -> None:
    """R84: as it was given, otherwise."""
    assert written_folder(text) == written


@pytest.mark.parametrize("text", [None, "", "YOUR_TOKEN_HERE", "<YOUR_TOKEN_HERE>", "<YOUR_TOKEN>", "<token>", "Token"])
def test_a_placeholder_is_no_token(text: str | None) -> None:
    assert read_token(text) is None


def test_a_token_keeps_itself_to_itself() -> None:
    token = read_token("01234567-89ab-cdef-0123-456789abcdef")
    assert token is not None
    assert "0123" not in f"{token!r}{token}"


def test_the_server_that_is_named_nearest_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_in_force(None, False) == "production"
    assert server_in_force(None, True) == "qa"
    monkeypatch.setenv("ONCSYNC_SERVER", "sandbox")
    assert server_in_force(None, True) == "sandbox"
    assert server_in_force("https://data.example.org/", True) == "https://data.example.org/"


def test_a_date_that_one_digit_explains_is_suggested_and_never_corrected() -> None:
    """R126, I-18."""
    with pytest.raises(InputError) as caught:
        read_begin("2013-20-23T00:00:00.000Z")
    assert "`2013-20-23T00:00:00.000Z` has no month 20" in caught.value.message
    assert caught.value.hint == "did you mean `2013-10-23`?"
    assert read_end(" 2017-05-31T23:59:59.999Z ") == "2017-05-31T23:59:59.999Z"


@pytest.mark.parametrize("text", ["now", "-P1D"])
def test_a_time_that_moves_is_sent_to_where_it_works(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_end(text)
    assert "`oncsync.yaml`" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["byLocation", "BYLOCATION", " bylocation "])
def test_a_method_is_understood_in_any_case(text: str) -> None:
    """R31."""
    assert read_method(text) == "byLocation"
