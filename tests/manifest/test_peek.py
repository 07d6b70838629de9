"""The server of a manifest can be read while the rest of it is being written."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncsync.errors import InputError
from oncsync.manifest.peek import peek_server


def peek(folder: Path, text: str) -> str:
    path = folder / "oncsync.yaml"
    path.write_text(text)
    return peek_server(path)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("version: 1\nserver: sandbox\n", "sandbox"),
        ("version: 1\n", "production"),
        ("", "production"),
        ("server:\n", "production"),
        ("server: https://example.org/onc\n", "https://example.org/onc/"),
        ("vars: {where: qa}\nserver: ${where}\n", "qa"),
        ("server: qa\ndownloads:\n  - colour: red\n    begin: someday\n", "qa"),
        ("- a list\n", "production"),
    ],
)
def test_only_the_server_counts(tmp_path: Path, text: str, server: str) -> None:
    assert peek(tmp_path, text) == server


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server: produktion\n", "names no server: `produktion`"),
        ("server: http://example.org/\n", "sends the token in the clear"),
        ("server: [a\n", "oncsync.yaml"),
    ],
)
def test_what_names_no_server_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        peek(tmp_path, text)
    assert message in caught.value.message


def test_a_manifest_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        peek_server(tmp_path / "none.yaml")
