"""Lines that are too long for a terminal are broken between words, and stay readable."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.cli.ending import say
from oncsync.cli.folding import fit, fold

WORDS = st.text(alphabet="ab-`/é", min_size=1, max_size=12)
LINES = st.lists(st.tuples(st.sampled_from([" ", "  "]), WORDS), min_size=1, max_size=20)


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self) -> bool:
        return True


@given(line=LINES, width=st.integers(20, 60))
def test_every_word_is_told_whole_and_in_order(line: list[tuple[str, str]], width: int) -> None:
    text = "".join(gap + word for gap, word in line)
    parts = fold(text, width)
    assert " ".join(parts).split() == text.split()
    assert all(len(part) <= width or len(part.split()) == 1 for part in parts)


def test_what_follows_stands_below_the_last_column() -> None:
    line = "  order  3  axis  tried again: the run failed at the service: error"
    assert fold(line, 60) == [
        "  order  3  axis  tried again: the run failed at the",
        "                  service: error",
    ]


def test_where_the_last_column_is_too_narrow_what_follows_is_indented() -> None:
    line = "  order  3  the-axis-of-barkley-canyon  BACAX CTD TSSD csv  tried again: it failed"
    assert fold(line, 66) == [
        "  order  3  the-axis-of-barkley-canyon  BACAX CTD TSSD csv  tried",
        "    again: it failed",
    ]


def test_only_a_terminal_gets_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = "error: " + "a word " * 40 + "at the end\n\nhint: mend it"
    assert fit(text, io.StringIO()) == fit(text, None) == text
    lines = fit(text, Terminal()).splitlines()
    assert (len(lines), max(map(len, lines)), lines[-2:]) == (6, 78, ["", "hint: mend it"])


def test_what_is_said_is_fitted_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors, warnings and hints, on stderr."""
    text = "hint: " + "free some space, then run the same command again; " * 4
    monkeypatch.setenv("COLUMNS", "80")
    say(text)
    assert capsys.readouterr().err == text + "\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    say(text)
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), " ".join(lines).split()) == (3, text.split())
