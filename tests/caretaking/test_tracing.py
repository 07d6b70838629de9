"""Which chunks can be stale, and which instruments they were made from."""

from __future__ import annotations

from typing import Any

import msgspec

from oncsync.caretaking.tracing import Holdings, find_holdings, named_devices, source_of, sources_of, trace
from oncsync.engine.plan import Terms
from oncsync.listed import ListedFile
from oncsync.lockfile import LockedRequest
from oncsync.state import State
from tests.caretaking.holding import ASKED, chunk_state, site, state_of
from tests.support.records import at, make_entry, make_lock, make_request

MAY = make_request(about={"deviceCode": "D1"})


def holdings(state: State, *requests: LockedRequest, only: tuple[str, ...] = (), **settings: Any) -> Holdings:
    return find_holdings(make_lock(make_entry("axis", *requests, **settings)), state, Terms(), only)


def ids(found: Holdings) -> list[str]:
    return [one.id for one in found.chunks]


# --- What can be stale ---------------------------------------------------------------------------------------------


def test_a_finished_chunk_and_one_without_data_can_be_stale() -> None:
    """Data that arrive late turn "no data" into a wrong answer too."""
    both = make_request("2017-05-01", "2017-07-01")
    state = state_of(both)
    key = both.chunks[1].id
    state.chunks[key] = chunk_state(both, 1, outcome="empty", files=())
    assert ids(holdings(state, both)) == [chunk.id for chunk in both.chunks]
    assert [one.entries for one in holdings(state, both).chunks] == [("axis",), ("axis",)]


def test_a_refresh_that_failed_leaves_the_old_files_to_be_judged() -> None:
    assert ids(holdings(state_of(MAY, outcome="failed-retryable"), MAY)) == [MAY.chunks[0].id]


def test_what_is_not_here_cannot_be_stale() -> None:
    for state in (
        State(),
        state_of(MAY, asked=None),
        state_of(MAY, files=(), outcome="failed-retryable"),
        state_of(MAY, files=(), outcome="empty", code=25),
        state_of(MAY, listed=ListedFile(name="a.txt")),
    ):
        assert ids(holdings(state, MAY)) == []


def test_a_chunk_that_is_still_open_is_counted_and_left_to_the_next_sync() -> None:
    """It is ordered again anyway; everything that arrives in it would look like reprocessing."""
    early = state_of(MAY, asked=at("2017-06-01T12:00"))
    assert (ids(holdings(early, MAY)), holdings(early, MAY).open) == ([], 1)
    assert ids(holdings(early, MAY, late_days=0.25)) == [MAY.chunks[0].id], "the entry's own `lateDays`"


def test_only_the_entries_named_count() -> None:
    june = make_request("2017-06-01", "2017-07-01")
    lock = make_lock(make_entry("axis", MAY), make_entry("other", june), make_entry("third", MAY))
    found = find_holdings(lock, state_of(MAY, june), Terms(), ("third",))
    assert [(one.id, one.entries) for one in found.chunks] == [(MAY.chunks[0].id, ("axis", "third"))]


def test_files_of_another_cut_belong_to_the_requests_of_their_product() -> None:
    """A folder whose split was changed still holds what was fetched before."""
    weekly = make_request(split="week", about={"deviceCode": "D1"})
    (one,) = holdings(state_of(MAY), weekly).chunks
    assert (one.id, one.requests) == (MAY.chunks[0].id, (weekly,))
    assert ids(holdings(state_of(MAY), make_request(extension="mat"))) == []
    assert ids(holdings(state_of(MAY), make_request("2017-06-01", "2017-07-01"))) == []


def test_archive_files_are_left_to_resolving() -> None:
    assert ids(holdings(state_of(MAY), msgspec.structs.replace(MAY, service="archivefile"))) == []


# --- Which instruments ---------------------------------------------------------------------------------------------


def traced(found: Holdings, **sites: Any) -> list[tuple[str, ...]]:
    return list(trace(found.chunks, {source_of(MAY): sites["there"]} if sites else {}).values())


def test_the_lock_names_the_device() -> None:
    assert named_devices(MAY) == ["D1"]
    assert named_devices(make_request(about={"deviceCode": "D1, D2"})) == ["D1", "D2"]
    assert named_devices(make_request(source={"deviceCode": "D3"})) == ["D3"]
    assert named_devices(make_request(about={"deviceCode": None})) == []
    assert traced(holdings(state_of(MAY), MAY), there=[site("D9", "2010-01-01")]) == [("D1",)]


def test_deployments_name_the_device_where_the_lock_does_not() -> None:
    """Q36: only those that were there during the chunk."""
    plain = make_request("2017-05-01", "2017-07-01")
    there = [site("D1", "2016-01-01", "2017-05-20"), site("D2", "2017-05-20"), site("D3", "2017-07-01")]
    assert traced(holdings(state_of(plain), plain), there=there) == [("D1", "D2"), ("D2",)]
    assert traced(holdings(state_of(plain), plain)) == [(), ()]


def test_overlapping_deployments_count_together() -> None:
    """Architecture, "Overlapping deployments": each instant has one chunk, whose data come from both devices."""
    elder = make_request("2017-05-01", "2017-06-01", about={"deviceCode": "D1"})
    younger = make_request("2017-05-20", "2017-07-01", about={"deviceCode": "D2"}, shared_with=(elder.id,))
    tail = msgspec.structs.replace(younger, chunks=younger.chunks[1:])
    assert traced(holdings(state_of(elder, tail), elder, tail)) == [("D1", "D2"), ("D2",)]


def test_every_source_is_asked_about_once() -> None:
    mat = make_request(extension="mat")
    device = make_request(source={"deviceCode": "D3"})
    found = holdings(state_of(MAY, mat, device), MAY, mat, device)
    assert sources_of(found.chunks) == [
        (("deviceCategoryCode", "CTD"), ("locationCode", "BACAX")),
        (("deviceCode", "D3"),),
    ]
    assert {one.asked for one in found.chunks} == {ASKED}
