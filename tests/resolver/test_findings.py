"""Places and problems in messages."""

from __future__ import annotations

import msgspec

from oncsync.errors import Problem
from oncsync.manifest import Place
from oncsync.resolver.findings import EntryError, where
from tests.resolver.making import wanting


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
