"""Manifest to lock: formats, methods, options, columns, rows and the order of it all."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.errors import ProblemsError
from oncsync.lockfile import compare_locks, render_lock
from oncsync.resolver import resolve_manifest
from tests.manifest.support import load_text
from tests.resolver.conftest import Connect, Resolve
from tests.resolver.making import at
from tests.resolver.world import DEPLOYED, NOW, World, briefly, entry, make_world, requests_of, resolved
from tests.support.scripted import Asked

NB_CTD = "locationCode: NB\ndeviceCategoryCode: CTD\n"
CSV = "dataProductCode: TSSD\nextension: csv\n"


# --- Products and formats --------------------------------------------------------------------------------------


def test_without_product_and_extension_everything_comes_in_every_format(resolve: Resolve) -> None:
    """R3, R6, R40, R41, R44: what exists for these instruments, nothing else."""
    found = requests_of(resolve(entry(NB_CTD + "splitDateRange: all")))
    assert [f"{one.data_product_code}/{one.extension}" for one in found] == [
        "LF/txt", "TSSD/csv", "TSSD/json", "TSSD/mat", "TSSP/png"
    ]  # fmt: skip


def test_without_an_extension_a_product_comes_in_every_format(resolve: Resolve) -> None:
    """R127: the atmosphere researcher names TSSD and leaves the format out."""
    found = requests_of(resolve(entry("dataProductCode: TSSD\nlocationCode: NORTH\nsplitDateRange: all")))
    assert {(one.source["deviceCategoryCode"], one.extension) for one in found} == {
        ("CTD", "csv"), ("CTD", "json"), ("CTD", "mat"), ("BPR", "csv"), ("BPR", "json"), ("VIDEOCAM", "json")
    }  # fmt: skip


def test_impossible_pairs_are_reported_and_not_requested(resolve: Resolve) -> None:
    """R47."""
    resolution = resolve(entry("dataProductCode: [MP4V, TSSD]\nextension: [mp4, json]\ndeviceCategoryCode: VIDEOCAM"))
    pairs = {f"{one.data_product_code}/{one.extension}" for one in requests_of(resolution)}
    assert pairs == {"MP4V/mp4", "TSSD/json"}
    assert [remark.message for remark in resolution.remarks] == [
        "there are `MP4V/mp4`, `TSSD/json`; these do not exist there and are left out: MP4V/json, TSSD/mp4"
    ]


def test_a_product_that_only_other_instruments_offer_is_reported(resolve: Resolve) -> None:
    resolution = resolve(entry(NB_CTD + "dataProductCode: [TSSD, AD]"))
    assert [remark.message for remark in resolution.remarks] == [
        "there are `LF`, `TSSD`, `TSSP`; these do not exist there and are left out: AD"
    ]


def test_each_place_offers_what_its_own_instruments_offer(resolve: Resolve) -> None:
    """R40: SA's old CTD has csv alone."""
    found = requests_of(
        resolve(entry("deviceCategoryCode: CTD\ndataProductCode: TSSD\nbegin: 2010-01-01\nend: 2021-01-01"))
    )
    assert {one.extension for one in found if one.source["locationCode"] == "SA"} == {"csv"}
    assert {one.extension for one in found if one.source["locationCode"] == "NB"} == {"csv", "json", "mat"}


def test_the_preferred_format_is_taken_at_each_place(resolve: Resolve) -> None:
    lines = "deviceCategoryCode: CTD\ndataProductCode: TSSD\nprefer: [mat, csv]\nbegin: 2010-01-01\nend: 2021-01-01"
    found = requests_of(resolve(entry(lines)))
    assert {(one.source["locationCode"], one.extension) for one in found} == {
        ("NA", "mat"), ("NB", "mat"), ("SA", "csv")
    }  # fmt: skip


# --- Options ---------------------------------------------------------------------------------------------------


def test_options_are_taken_as_written_and_defaults_are_kept_for_review(resolve: Resolve) -> None:
    """R7: only what was written is sent and enters the identity."""
    plain = requests_of(resolve(entry(NB_CTD + CSV)))[0]
    averaged = requests_of(resolve(entry(NB_CTD + CSV + "options: {dpo_resample: average}")))[0]
    assert (plain.options, plain.defaults) == ({}, {"dpo_resample": "none"})
    assert (averaged.options, averaged.defaults) == ({"dpo_resample": "average"}, {})
    assert plain.id != averaged.id
    assert not {chunk.id for chunk in plain.chunks} & {chunk.id for chunk in averaged.chunks}


def test_an_option_reaches_the_formats_that_have_it(resolve: Resolve) -> None:
    found = requests_of(resolve(entry(NB_CTD + "dataProductCode: TSSD\noptions: {dpo_resample: average}")))
    assert {one.extension: one.options for one in found} == {
        "csv": {"dpo_resample": "average"}, "json": {}, "mat": {"dpo_resample": "average"}
    }  # fmt: skip


def test_a_value_that_one_place_does_not_take_is_reported_and_not_sent_there(connect: Connect) -> None:
    def at_na_none_only(asked: Asked, body: Any) -> Any:
        if asked.path == "/api/dataProducts" and asked.query.get("locationCode") == "NA":
            for row in body:
                for known in row["dataProductOptions"]:
                    known["allowableValues"] = ["none"]
        return body

    _, session = connect(World(alter=at_na_none_only))
    resolution = resolved(entry(CSV + "deviceCategoryCode: CTD\noptions: {dpo_resample: average}"), session)
    assert {(one.source["locationCode"], *one.options.values()) for one in requests_of(resolution)} == {
        ("NA",), ("NB", "average")
    }  # fmt: skip
    assert [remark.message for remark in resolution.remarks] == [
        "`dpo_resample=average` is not possible everywhere for TSSD/csv; it is not sent where it is not"
    ]


def test_a_wrong_option_is_refused_with_its_line_and_the_help_document(resolve: Resolve) -> None:
    with pytest.raises(ProblemsError) as caught:
        resolve(entry(NB_CTD + CSV + "options: {dpo_resample: averag}"))
    (problem,) = caught.value.problems
    assert problem.where.endswith("oncsync.yaml:8:14")
    assert problem.message == "`x`: `dpo_resample=averag` is not possible for TSSD/csv"
    assert problem.hint == "allowed: `average`, `none`; see https://wiki.oceannetworks.ca/display/DP/1"


# --- By location, by device, both ------------------------------------------------------------------------------


def test_by_location_is_the_default_and_names_place_and_category(resolve: Resolve) -> None:
    """R32, R53."""
    (one,) = requests_of(resolve(entry(NB_CTD + CSV)))
    assert one.source == {"locationCode": "NB", "deviceCategoryCode": "CTD"}
    assert one == requests_of(resolve(entry(NB_CTD + CSV + "downloadMethod: byLocation")))[0]


def test_by_device_names_the_device_alone(resolve: Resolve) -> None:
    """R36, R71, R75: the place is information and is never sent."""
    found = requests_of(resolve(entry(CSV + "downloadMethod: byDevice\nlocationCode: NORTH\ndeviceCategoryCode: CTD")))
    assert briefly(found) == [
        "CTD1 TSSD/csv 2020-01-01..2020-03-10 3",
        "CTD2 TSSD/csv 2020-02-20..2020-06-01 4",
        "CTD3 TSSD/csv 2020-01-15..2021-01-01 12",
    ]
    assert all(set(one.source) == {"deviceCode"} for one in found)
    assert [one.about["locationCode"] for one in found] == ["NA", "NA", "NB"]


def test_with_both_methods_the_same_data_are_listed_twice_and_fetched_once(resolve: Resolve) -> None:
    """R77: each device request says which location request brings its data, and has no chunks."""
    found = requests_of(resolve(entry(CSV + "downloadMethod: all\nlocationCode: NB\ndeviceCategoryCode: CTD")))
    by_place = [one for one in found if "locationCode" in one.source]
    by_device = [one for one in found if "deviceCode" in one.source]
    assert len(by_place) == len(by_device) == 1
    assert by_device[0].same_as == by_place[0].id
    assert by_device[0].chunks == ()
    assert len(by_place[0].chunks) == 12


def test_with_both_methods_a_property_is_compared_too(resolve: Resolve) -> None:
    """R71, R77: the same property by place and by device is the same data, another property is not."""
    lines = "downloadMethod: all\nextension: csv\nlocationCode: NB\npropertyCode: [salinity, seawatertemperature]"
    found = requests_of(resolve(entry(lines)))
    by_place = {one.source["propertyCode"]: one.id for one in found if "locationCode" in one.source}
    by_device = {one.source["propertyCode"]: one.same_as for one in found if "deviceCode" in one.source}
    assert len(by_place) == 2
    assert by_device == by_place


def test_with_both_methods_a_device_that_no_place_line_names_is_fetched(resolve: Resolve) -> None:
    """Two CTDs span the same days at NA: one line by place, named after the first; the other is asked for."""
    lines = CSV + "downloadMethod: all\nlocationCode: NA\ndeviceCategoryCode: CTD\nbegin: 2020-03-01\nend: 2020-03-05"
    found = requests_of(resolve(entry(lines)))
    assert [(*one.source.values(), one.same_as is None, len(one.chunks)) for one in found] == [
        ("CTD1", False, 0), ("CTD2", True, 1), ("NA", "CTD", True, 1)
    ]  # fmt: skip


# --- Columns for the reviewer ----------------------------------------------------------------------------------


def test_a_request_by_place_has_the_documented_columns(resolve: Resolve) -> None:
    """R52, R56, R57: names, position, depth and links."""
    (one,) = requests_of(resolve(entry(NB_CTD + CSV)))
    assert one.about == {
        "locationName": "Place NB",
        "deviceCategoryName": "Salinity Sensor",
        "deviceCode": "CTD3",
        "latitude": 48.5,
        "longitude": -126.25,
        "depth": 400.0,
        "dataProductName": "Time Series Scalar Data",
        "helpDocument": "https://wiki.oceannetworks.ca/display/DP/1",
        "dataSearchURL": "https://data.oceannetworks.ca/DataSearch?location=NB&deviceCategory=CTD",
        "deviceLink": "https://data.oceannetworks.ca/DeviceListing?DeviceId=1002",
    }
    assert one.citation
    assert one.doi


def test_a_request_by_device_has_the_documented_columns(resolve: Resolve) -> None:
    """R73: no link to a data search, but the place of the deployment."""
    (one,) = requests_of(resolve(entry(CSV + "downloadMethod: byDevice\ndeviceCode: CTD3")))
    assert one.about == {
        "deviceName": "The CTD3",
        "deviceCategoryCode": "CTD",
        "locationCode": "NB",
        "latitude": 48.5,
        "longitude": -126.25,
        "depth": 400.0,
        "dataProductName": "Time Series Scalar Data",
        "helpDocument": "https://wiki.oceannetworks.ca/display/DP/1",
        "deviceLink": "https://data.oceannetworks.ca/DeviceListing?DeviceId=1002",
    }


def test_columns_that_onc_writes_differently_change_no_request(connect: Connect) -> None:
    """Information is listed as such: ids and chunks stay."""
    _, session = connect(World())
    before = resolved(entry(NB_CTD + CSV), session)
    _, other = connect(World(alter=_renamed))
    after = resolved(entry(NB_CTD + CSV), other)
    change = compare_locks(before.lock, after.lock)
    assert change.asks_the_same
    assert [one.reviewed_changed for one in change.entries] == [1]
    assert requests_of(before)[0].chunks == requests_of(after)[0].chunks


def _renamed(asked: object, body: object) -> object:
    rows = body if isinstance(body, list) else []
    return [{**row, "deviceName": "New name", "dataProductName": "New name"} for row in rows] or body


# --- Very many chunks ------------------------------------------------------------------------------------------


def test_more_chunks_than_anyone_wants_are_refused_by_entry(resolve: Resolve) -> None:
    with pytest.raises(ProblemsError) as caught:
        resolve(entry(NB_CTD + CSV + "splitDateRange: PT5M\nbegin: 2020-01-01\nend: 2026-01-01"))
    (problem,) = caught.value.problems
    assert "chunks are more than the limit of 100,000" in problem.message
    assert problem.hint is not None
    assert "narrow the span or the filters" in problem.hint
    assert caught.value.hint == "`--allow-many` lets an entry have so many chunks"


def test_more_pieces_than_can_be_counted_are_refused_the_same_way(resolve: Resolve) -> None:
    with pytest.raises(ProblemsError, match="cuts this span into more than 1,000,000 pieces"):
        resolve(entry(NB_CTD + CSV + "splitDateRange: PT1M\nbegin: 2020-01-01\nend: 2026-01-01"))


def test_the_chunks_of_all_requests_of_an_entry_count_together(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncsync.resolver.requests.MOST_CHUNKS", 15)
    assert len(requests_of(resolve(entry(NB_CTD + CSV)))[0].chunks) == 12
    with pytest.raises(ProblemsError, match="24 chunks are more than the limit of 15"):
        resolve(entry(NB_CTD + "dataProductCode: TSSD\nextension: [csv, json]"))


def test_the_chunks_of_all_entries_count_together(resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.resolver.requests.MOST_CHUNKS", 20)
    text = entry(NB_CTD + CSV, "a") + entry(NB_CTD + CSV.replace("csv", "mat"), "b").removeprefix("downloads:\n")
    with pytest.raises(ProblemsError, match="All entries together: 24 chunks are more than the limit of 20"):
        resolve(text)


def test_so_many_chunks_are_resolved_when_they_are_meant(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue: more than 100,000 chunks asks for `--allow-many`."""
    monkeypatch.setattr("oncsync.resolver.requests.MOST_CHUNKS", 5)
    _, session = connect(World())
    row = (
        "requests:\n  - {name: r, deviceCode: CTD3, dataProductCode: TSSD, extension: csv, begin: 2020-03-01,"
        " end: 2020-04-01, splitDateRange: day}\n"
    )
    manifest = load_text(f"server: sandbox\n{entry(NB_CTD + CSV)}{row}")
    with pytest.raises(ProblemsError, match="limit of 5") as caught:
        resolve_manifest(manifest, session, lambda: NOW, None)
    assert [problem.where.rpartition("yaml:")[2] for problem in caught.value.problems] == ["3:5", "11:124"]
    lock = resolve_manifest(manifest, session, lambda: NOW, None, allow_many=True).lock
    assert sum(1 for _ in lock.chunks()) == 12 + 31


# --- The lock as a whole ---------------------------------------------------------------------------------------


TWO = entry(NB_CTD + CSV, "b") + entry("deviceCode: BPR1\nextension: json", "d").removeprefix("downloads:\n")


def test_an_exchange_of_instruments_is_followed_by_the_same_manifest(connect: Connect) -> None:
    """R147: the new instrument is there, and nothing but the month of the exchange is asked for anew."""
    text = entry(NB_CTD + CSV)
    exchanged = [row for row in DEPLOYED if row[:2] != ("CTD3", "NB")]
    exchanged += [("CTD3", "NB", "2020-01-15", "2020-07-10"), ("CTD8", "NB", "2020-07-11", None)]
    _, session = connect(World())
    before = requests_of(resolved(text, session))
    _, session = connect(World(make_world(exchanged)))
    after = requests_of(resolved(text, session))
    assert [one.about["deviceCode"] for one in after] == ["CTD3", "CTD8"]
    known = {chunk.id for one in before for chunk in one.chunks}
    new = [chunk for one in after for chunk in one.chunks if chunk.id not in known]
    assert len(known) == 12, "from 15 January on, month by month"
    assert [(f"{one.begin:%m-%d}", f"{one.end:%m-%d}") for one in new] == [("07-01", "07-10"), ("07-11", "08-01")]


def test_adding_an_entry_adds_lines_and_moves_none(resolve: Resolve) -> None:
    """So that branches merge line by line and a review shows what is new."""
    added = entry("locationCode: NA\ndataProductCode: AD\nextension: wav", "c").removeprefix("downloads:\n")
    before = render_lock(resolve(TWO).lock, "m").decode().splitlines()
    after = render_lock(resolve(TWO + added).lock, "m").decode().splitlines()
    new = [line for line in after if line not in before]
    assert [line for line in after if line not in new] == before
    assert new[0].startswith('- {"download": "c"')
    assert after.index(new[0]) == after.index(next(line for line in after if '"download": "d"' in line)) - len(new)


def test_the_order_of_entries_in_the_manifest_does_not_matter(resolve: Resolve) -> None:
    first, second = TWO.removeprefix("downloads:\n").split("  - name: d")
    swapped = f"downloads:\n  - name: d{second}{first}"
    assert resolve(TWO).lock == resolve(swapped).lock


def test_the_entry_carries_what_decides_places_and_waits(resolve: Resolve) -> None:
    lines = NB_CTD + CSV + 'path: "{year}"\nmetadata: false\nmaxOrderHours: 5\nlateDays: 2\nrefreshOpen: PT2H'
    (one,) = resolve(entry(lines)).lock.entries
    assert (one.path, one.metadata, one.max_order_hours, one.late_days, one.refresh_open) == (
        "{year}", False, 5.0, 2.0, "PT2H"
    )  # fmt: skip


def test_now_is_read_once_for_all_entries(connect: Connect) -> None:
    """Two entries of one manifest never mean two different days."""
    _, session = connect(World())
    moments = iter([at("2026-11-21T23:59:59"), at("2026-11-22T00:00:01")])
    text = entry(NB_CTD + CSV + "begin: -P1D\nend: now\nsplitDateRange: day", "a")
    text += entry(NB_CTD + CSV + "begin: -P1D\nsplitDateRange: day", "b").removeprefix("downloads:\n")
    manifest = load_text(f"server: sandbox\n{text}")
    lock = resolve_manifest(manifest, session, lambda: next(moments), None).lock
    assert lock.entries[0].requests[0].end == lock.entries[1].requests[0].end == at("2026-11-22")
