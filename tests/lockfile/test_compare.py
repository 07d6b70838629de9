"""What changed between two locks, as a reviewer is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from oncsync.lockfile import Lock, compare_locks, describe_request
from tests.support.records import make_entry, make_lock, make_request

MAY = make_request("2017-05-01", "2017-06-01")
JUNE = make_request("2017-06-01", "2017-07-01")


def test_the_same_lock_is_the_same() -> None:
    lock = make_lock(make_entry("a", MAY), make_entry("b", JUNE))
    change = compare_locks(lock, lock)
    assert change.is_same
    assert change.asks_the_same
    assert [entry.change for entry in change.entries] == ["same", "same"]
    assert change.chunk_ids == 2


def test_a_first_lock_adds_everything() -> None:
    change = compare_locks(None, make_lock(make_entry("a", MAY, JUNE)))
    (entry,) = change.entries
    assert (entry.change, entry.requests, entry.chunks, entry.chunks_added) == ("added", 2, 2, 2)
    assert len(entry.requests_added) == 2
    assert not change.is_same
    assert not change.asks_the_same


def test_removed_entries_come_last_with_what_they_asked_for() -> None:
    change = compare_locks(make_lock(make_entry("a", MAY), make_entry("b", JUNE)), make_lock(make_entry("b", JUNE)))
    assert [(entry.name, entry.change, entry.chunks_removed) for entry in change.entries] == [
        ("b", "same", 0),
        ("a", "removed", 1),
    ]
    assert change.entries[1].requests_removed == ("BACAX CTD TSSD csv",)
    assert not change.asks_the_same


def test_a_row_and_a_download_of_one_name_are_two_entries() -> None:
    change = compare_locks(make_lock(make_entry("a", MAY)), make_lock(make_entry("a", MAY, kind="row")))
    assert [(entry.kind, entry.change) for entry in change.entries] == [("row", "added"), ("download", "removed")]


def test_a_request_that_came_and_one_that_went_are_told() -> None:
    change = compare_locks(make_lock(make_entry("a", MAY)), make_lock(make_entry("a", JUNE)))
    (entry,) = change.entries
    assert (entry.change, entry.chunks_added, entry.chunks_removed) == ("changed", 1, 1)
    assert entry.requests_added == entry.requests_removed == ("BACAX CTD TSSD csv",)
    assert not change.asks_the_same


def test_another_split_changes_the_chunks_and_is_a_difference() -> None:
    daily = make_request("2017-05-01", "2017-06-01", split="day")
    assert daily.id == MAY.id
    change = compare_locks(make_lock(make_entry("a", MAY)), make_lock(make_entry("a", daily)))
    (entry,) = change.entries
    assert (entry.requests_added, entry.chunks_added, entry.chunks_removed) == ((), 31, 1)
    assert entry.reviewed_changed == 0
    assert not change.asks_the_same


@pytest.mark.parametrize(
    "described",
    [{"about": {"depth": 1.0}}, {"citation": "Cite"}, {"doi": "10.1/x"}, {"defaults": {"dpo_a": "1"}}],
)
def test_information_columns_alone_are_listed_and_ask_for_the_same(described: dict[str, Any]) -> None:
    """Architecture, "The lock": such changes are no difference unless strict."""
    change = compare_locks(make_lock(make_entry("a", MAY)), make_lock(make_entry("a", make_request(**described))))
    (entry,) = change.entries
    assert (entry.change, entry.reviewed_changed) == ("changed", 1)
    assert change.asks_the_same
    assert not change.is_same


@pytest.mark.parametrize(
    "setting", [{"path": "flat"}, {"late_days": 3.0}, {"metadata": False}, {"relative": "-P1D/now"}]
)
def test_a_setting_of_an_entry_is_a_difference(setting: dict[str, Any]) -> None:
    change = compare_locks(make_lock(make_entry("a", MAY)), make_lock(make_entry("a", MAY, **setting)))
    assert change.entries[0].change == "changed"
    assert not change.asks_the_same


def test_another_meaning_of_the_entry_is_a_difference() -> None:
    entry = make_entry("a", MAY)
    other: Lock = make_lock(msgspec.structs.replace(entry, digest="0" * 20))
    assert not compare_locks(make_lock(entry), other).asks_the_same


def test_a_chunk_that_two_requests_want_counts_once() -> None:
    lock = make_lock(make_entry("a", MAY), make_entry("b", MAY))
    assert compare_locks(None, lock).chunk_ids == 1


def test_a_request_is_described_by_its_codes_and_options() -> None:
    source = {"propertyCode": "depth", "deviceCategoryCode": "CTD", "locationCode": "BACAX"}
    request = make_request(source=source, options={"dpo_b": "2", "dpo_a": "1"})
    assert describe_request(request) == "BACAX CTD depth TSSD csv dpo_a=1 dpo_b=2"
    assert describe_request(make_request(source={"deviceCode": "NAXYS 7"})) == "NAXYS 7 TSSD csv"
