"""What several entries bring alike (R77)."""

from __future__ import annotations

from tests.resolver.conftest import Resolve
from tests.resolver.world import entry

CTD = "locationCode: NB\ndeviceCategoryCode: CTD\ndataProductCode: TSSD\nextension: csv\n"


def more(lines: str, name: str) -> str:
    """Gives a further entry of a manifest."""
    return entry(lines, name).removeprefix("downloads:\n")


def told(resolve: Resolve, text: str) -> list[tuple[str, str]]:
    """Gives the remarks about repeats: entry and what it says."""
    return [(one.entry, one.message) for one in resolve(text).remarks if "can go" in one.message]


def test_an_entry_that_only_repeats_anothers_chunks_is_a_warning(resolve: Resolve) -> None:
    """Of two that mean the same the later one is superfluous."""
    assert told(resolve, entry(CTD, "b") + more(CTD, "a")) == [
        ("b", "it asks for nothing that `a` does not ask for; it can go")
    ]


def test_a_part_of_another_entry_is_superfluous_whichever_comes_first(resolve: Resolve) -> None:
    part = CTD + "begin: 2020-03-01\nend: 2020-05-01"
    assert told(resolve, entry(CTD, "a") + more(part, "b")) == [
        ("b", "it asks for nothing that `a` does not ask for; it can go")
    ]
    assert told(resolve, entry(part, "a") + more(CTD, "b")) == [
        ("a", "it asks for nothing that `b` does not ask for; it can go")
    ]


def test_an_entry_that_two_others_bring_together_names_both(resolve: Resolve) -> None:
    first, second = "begin: 2020-02-01\nend: 2020-04-01", "begin: 2020-04-01\nend: 2020-06-01"
    whole = "begin: 2020-03-01\nend: 2020-05-01"
    assert told(resolve, entry(CTD + first, "a") + more(CTD + second, "b") + more(CTD + whole, "c")) == [
        ("c", "it asks for nothing that `a`, `b` does not ask for; it can go")
    ]


def test_entries_that_share_a_part_are_no_repeats(resolve: Resolve) -> None:
    text = entry(CTD + "begin: 2020-02-01\nend: 2020-04-01", "a") + more(
        CTD + "begin: 2020-03-01\nend: 2020-06-01", "b"
    )
    assert told(resolve, text) == []
    assert told(resolve, entry(CTD, "a") + more(CTD + "splitDateRange: day", "b")) == []
    assert told(resolve, entry(CTD, "a") + more(CTD + "options: {dpo_resample: average}", "b")) == []


def test_an_exact_request_may_repeat_a_download_and_is_told(resolve: Resolve) -> None:
    row = (
        "requests:\n  - {name: By Location!2, locationCode: NB, deviceCategoryCode: CTD, dataProductCode: TSSD, "
        "extension: csv, begin: 2020-02-01, end: 2020-04-01, splitDateRange: month}\n"
    )
    assert told(resolve, entry(CTD, "a") + row) == [
        ("By Location!2", "it asks for nothing that `a` does not ask for; it can go")
    ]


def test_entries_without_chunks_repeat_nothing(resolve: Resolve) -> None:
    nothing = "locationCode: SA\ndeviceCategoryCode: CTD\ndataProductCode: TSSD\nextension: csv"
    assert told(resolve, entry(nothing, "a") + more(nothing, "b")) == []
