"""What a plan says about the orders that it would make (R59, I-22)."""

from __future__ import annotations

from typing import Any

import msgspec

from oncsync.engine.plan import Terms, make_plan
from oncsync.lockfile import Lock, LockedRequest
from oncsync.state import State
from tests.support.records import at, make_entry, make_lock, make_request

NOW = at("2026-11-21")
HELP = "https://wiki.oceannetworks.ca/display/DP/1"


def warnings(lock: Lock, **state: Any) -> list[str]:
    """Gives the warnings of a plan for an empty folder."""
    return list(make_plan(lock, State(**state), (), NOW, Terms()).warnings)


def notes(lock: Lock) -> list[str]:
    """Gives the notes of a plan for an empty folder."""
    return list(make_plan(lock, State(), (), NOW, Terms()).notes)


def row(begin: str, end: str, device: str, **more: Any) -> LockedRequest:
    """Gives the request of a row by place, that shows a device."""
    return make_request(begin, end, split="all", about={"deviceCode": device}, **more)


def test_rows_that_overlap_are_fetched_twice_and_both_are_named() -> None:
    """I-22: two instruments at one place give two rows; the service brings both for either."""
    lock = make_lock(
        make_entry("By Location!2", row("2017-01-01", "2017-03-10", "CTD1"), kind="row"),
        make_entry("By Location!3", row("2017-03-01", "2017-06-01", "CTD2"), kind="row"),
    )
    assert warnings(lock) == [
        "`By Location!2` (CTD1) and `By Location!3` (CTD2) overlap from 2017-03-01 00:00 UTC to "
        "2017-03-10 00:00 UTC: what both want is fetched twice"
    ]


def test_rows_back_to_back_or_of_other_products_overlap_in_nothing() -> None:
    lock = make_lock(
        make_entry("a", row("2017-01-01", "2017-03-01", "CTD1"), kind="row"),
        make_entry("b", row("2017-03-01", "2017-06-01", "CTD2"), kind="row"),
        make_entry("c", row("2017-01-01", "2017-06-01", "CTD2", extension="mat"), kind="row"),
        make_entry("d", row("2017-01-01", "2017-06-01", "CTD2", options={"dpo_a": "1"}), kind="row"),
    )
    assert warnings(lock) == []


def test_a_chunk_that_two_entries_want_is_fetched_once() -> None:
    lock = make_lock(make_entry("a", make_request()), make_entry("b", make_request()))
    assert warnings(lock) == []


def test_entries_that_cut_the_same_data_in_two_ways_are_told_once() -> None:
    lock = make_lock(
        make_entry("days", make_request(split="day")), make_entry("months", make_request("2017-04-01", "2017-07-01"))
    )
    assert warnings(lock) == [
        "`days` and `months` overlap from 2017-05-01 00:00 UTC to 2017-06-01 00:00 UTC: what both want is fetched twice"
    ]


def test_several_overlaps_of_a_pair_are_counted() -> None:
    lock = make_lock(
        make_entry("a", row("2017-01-05", "2017-01-10", "A"), row("2017-02-05", "2017-02-10", "A")),
        make_entry("b", row("2017-01-01", "2017-03-01", "B")),
    )
    assert warnings(lock) == [
        "`a` and `b` overlap from 2017-01-05 00:00 UTC to 2017-01-10 00:00 UTC and 1 more times: what both "
        "want is fetched twice"
    ]


def test_very_many_overlaps_are_counted() -> None:
    entries = [make_entry(f"r{n}", row(f"2017-01-{n + 1:02d}", "2017-06-01", "A"), kind="row") for n in range(7)]
    told = warnings(make_lock(*entries))
    assert len(told) == 13
    assert told[-1] == "9 more pairs of entries overlap like this"


def test_what_needs_no_order_is_not_told() -> None:
    """Both lie in the future: nothing is fetched."""
    lock = make_lock(
        make_entry("a", row("2030-01-01", "2030-03-10", "A"), kind="row"),
        make_entry("b", row("2030-03-01", "2030-06-01", "B"), kind="row"),
    )
    assert [text for text in warnings(lock) if "overlap" in text] == []


def test_options_that_were_once_demanded_are_flagged_with_their_defaults_and_the_help_link() -> None:
    """R59: before anything is sent, for downloads and rows alike."""
    lacking = make_request(
        defaults={"dpo_resample": "none", "dpo_qualityControl": "1"},
        options={"dpo_dataGaps": "0"},
        about={"helpDocument": HELP},
    )
    lock = make_lock(make_entry("whales", lacking))
    assert notes(lock) == [
        "TSSD/csv of `whales` leaves options to ONC, which once demanded them: `dpo_qualityControl=1`, "
        f"`dpo_resample=none`; see {HELP}"
    ]


def test_entries_that_lack_the_same_are_one_note() -> None:
    entries = [
        make_entry(f"By Location!{n}", row(f"201{n}-01-01", f"201{n}-02-01", "A", defaults={"dpo_a": "1"}), kind="row")
        for n in range(2, 7)
    ]
    assert notes(make_lock(*entries)) == [
        "TSSD/csv of `By Location!2`, `By Location!3`, `By Location!4` and 2 more leaves options to ONC, which once "
        "demanded them: `dpo_a=1`"
    ]


def test_pinned_options_lack_nothing() -> None:
    pinned = make_request(defaults={"dpo_a": "1"}, options={"dpo_a": "1"})
    assert notes(make_lock(make_entry("a", pinned))) == []


def test_what_needs_no_order_is_not_flagged() -> None:
    later = make_request("2030-01-01", "2030-02-01", defaults={"dpo_a": "1"})
    assert notes(make_lock(make_entry("a", later))) == []
    assert notes(make_lock(make_entry("a", msgspec.structs.replace(later, chunks=())))) == []


def test_requests_by_device_whose_data_come_by_place_are_counted() -> None:
    """R77: overlaps of the two methods are reported."""
    by_place = make_request()
    same = msgspec.structs.replace(make_request(), source={"deviceCode": "A"}, same_as=by_place.id, chunks=())
    own = msgspec.structs.replace(make_request("2018-01-01", "2018-02-01"), source={"deviceCode": "A"})
    assert notes(make_lock(make_entry("both", by_place, same, own), make_entry("other", own))) == [
        "1 of 2 requests by device of `both` ask for what requests by place bring; it is fetched once"
    ]
