"""Exact requests: sent as they are written, described by what ONC lists, never dropped (R61, I-22)."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.errors import ProblemsError, UnreachableError
from oncsync.lockfile import LockedRequest
from oncsync.resolver import Resolution
from tests.resolver.conftest import Connect, Resolve
from tests.resolver.making import at
from tests.resolver.world import NOW, World, briefly, entry, make_world, requests_of, resolved
from tests.support.scripted import Asked, Reply

NB_CTD = "locationCode: NB\ndeviceCategoryCode: CTD\n"
CSV = "dataProductCode: TSSD\nextension: csv\n"
KEPT = "It is kept and asked for as it is written"


def row(lines: str, name: str = "By Location!12") -> str:
    """Gives a manifest of one exact request for three months of 2020, unless it says otherwise."""
    rest = lines.strip().splitlines()
    for line in ("dataProductCode: TSSD", "extension: csv", "begin: 2020-02-01", "end: 2020-05-01"):
        if not any(one.startswith(line.split(":")[0] + ":") for one in rest):
            rest.append(line)
    return "\n".join(["requests:", f"  - name: {name}", *(f"    {line}" for line in rest)]) + "\n"


def the_row(resolution: Resolution, name: str = "By Location!12") -> LockedRequest:
    """Gives the line of a row."""
    (one,) = requests_of(resolution, name)
    return one


def told(resolution: Resolution) -> list[str]:
    """Gives the remarks without what each of them ends with."""
    return [remark.message.removesuffix(f". {KEPT}") for remark in resolution.remarks]


# --- What is sent ----------------------------------------------------------------------------------------------


def test_a_row_is_sent_as_it_is_written(resolve: Resolve) -> None:
    """A request is exact; its default is one order for the whole span (R86)."""
    one = the_row(resolve(row(NB_CTD + "options: {dpo_b: '2', dpo_resample: AVERAGE}")))
    assert one.source == {"locationCode": "NB", "deviceCategoryCode": "CTD"}
    assert one.options == {"dpo_b": "2", "dpo_resample": "AVERAGE"}
    assert [(chunk.begin, chunk.end) for chunk in one.chunks] == [(at("2020-02-01"), at("2020-05-01"))]


def test_a_row_by_device_is_sent_as_it_was_edited(resolve: Resolve) -> None:
    """R61, R76: whatever a person wrote into the tab, also where ONC lists something else."""
    one = the_row(resolve(row("deviceCode: CTD3\nextension: wav\nbegin: 2020-02-02\nend: 2020-02-03")))
    assert (one.source, one.extension) == ({"deviceCode": "CTD3"}, "wav")
    assert [(chunk.begin, chunk.end) for chunk in one.chunks] == [(at("2020-02-02"), at("2020-02-03"))]


def test_a_row_is_split_when_it_says_so(resolve: Resolve) -> None:
    """R55: one row becomes one or more orders."""
    assert len(the_row(resolve(row(NB_CTD + "splitDateRange: month"))).chunks) == 3


def test_a_row_that_is_off_keeps_its_line_has_no_chunks_and_nobody_is_asked(connect: Connect) -> None:
    """R54, R107."""
    service, session = connect(World())
    off = the_row(resolved(row(NB_CTD + "download: false"), session))
    assert service.asked == []
    on = the_row(resolved(row(NB_CTD), session))
    assert (off.download, off.chunks) == (False, ())
    assert off.id == on.id


def test_a_row_that_is_off_may_have_no_end_and_is_the_same_every_day(resolve: Resolve) -> None:
    """R81, I-28: the clock changes nothing in a line that asks for nothing."""
    text = row(NB_CTD + "download: false").replace("    end: 2020-05-01\n", "")
    first, later = resolve(text, now=NOW), resolve(text, now=at("2027-03-01T07:00"))
    assert the_row(first).end is None
    assert first.lock == later.lock


def test_a_row_and_a_download_that_mean_the_same_have_the_same_chunk_ids(resolve: Resolve) -> None:
    """A chunk is fetched once, whoever wants it."""
    resolution = resolve(entry(NB_CTD + CSV) + row(NB_CTD + "splitDateRange: month"))
    of_row = {chunk.id for chunk in the_row(resolution).chunks}
    assert len(of_row) == 3
    assert of_row <= {chunk.id for chunk in requests_of(resolution)[0].chunks}


def test_a_row_whose_span_has_no_instant_yet_is_a_mistake_with_its_line(resolve: Resolve) -> None:
    text = row(NB_CTD + "begin: 2027-01-01\nend: now\nsplitDateRange: day")
    with pytest.raises(ProblemsError) as caught:
        resolve(text)
    (problem,) = caught.value.problems
    assert problem.where.endswith("oncsync.yaml:6:12")
    assert "before it begins" in problem.message


# --- What is known of it ---------------------------------------------------------------------------------------


def test_a_row_by_place_gets_the_information_columns(resolve: Resolve) -> None:
    """R52, R56, R57: names, position, links, citation, and the defaults of what it leaves out."""
    one = the_row(resolve(row(NB_CTD)))
    assert one.about["locationName"] == "Place NB"
    assert one.about["deviceCode"] == "CTD3"
    assert (one.about["latitude"], one.about["longitude"], one.about["depth"]) == (48.5, -126.25, 400.0)
    assert one.about["dataProductName"] == "Time Series Scalar Data"
    assert one.about["helpDocument"] == "https://wiki.oceannetworks.ca/display/DP/1"
    assert one.defaults == {"dpo_resample": "none"}
    assert one.citation
    assert one.doi
    assert told(resolve(row(NB_CTD))) == []


def test_a_row_by_device_gets_the_information_columns(resolve: Resolve) -> None:
    """R73, R75: the place is told and never sent."""
    one = the_row(resolve(row("deviceCode: CTD3")))
    assert one.source == {"deviceCode": "CTD3"}
    assert (one.about["deviceName"], one.about["locationCode"]) == ("The CTD3", "NB")


def test_a_row_by_property_is_described_by_what_measures_it(resolve: Resolve) -> None:
    """R69: a place and a property are a source of their own."""
    one = the_row(resolve(row("locationCode: NA.1\npropertyCode: pressure\nbegin: 2020-01-05\nend: 2020-01-09")))
    assert one.source == {"locationCode": "NA.1", "propertyCode": "pressure"}
    assert one.about["deviceCode"] == "BPR1"


def test_a_row_that_covers_several_deployments_names_their_devices(resolve: Resolve) -> None:
    """I-22: the row's dates stay; whoever reviews it sees whose data it brings."""
    one = the_row(resolve(row("locationCode: NA\ndeviceCategoryCode: CTD")))
    assert one.about["deviceCode"] == "CTD1, CTD2"
    assert (one.begin, one.end, len(one.chunks)) == (at("2020-02-01"), at("2020-05-01"), 1)
    assert one.citation is None, "there are two"


def test_the_sources_of_many_rows_are_asked_once_each(connect: Connect) -> None:
    service, session = connect(World())
    text = row(NB_CTD, "a") + "".join(
        row(f"locationCode: {place}\ndeviceCategoryCode: CTD\nextension: {form}", f"{place} {form}").removeprefix(
            "requests:\n"
        )
        for place in ("NA", "NB", "SA")
        for form in ("csv", "mat", "json")
    )
    resolved(text, session)
    asked = [one.path.removeprefix("/api/") for one in service.asked]
    assert asked.count("deployments") == 1, "one category is fewer than three places"
    assert asked.count("dataProducts") == 3
    assert len(asked) <= 8


# --- Where discovery disagrees ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("locationCode: NBB\ndeviceCategoryCode: CTD", ["ONC knows no locationCode `NBB` (did you mean `NB`?)"]),
        (
            "locationCode: XXXX\ndeviceCategoryCode: CDT",
            [
                "ONC knows no locationCode `XXXX`",
                "ONC knows no deviceCategoryCode `CDT` (did you mean `CTD`?)",
            ],
        ),
        ("deviceCode: CTD9", ["ONC knows no deviceCode `CTD9` (did you mean `CTD8`, `CTD3` or `CTD2`?)"]),
        (NB_CTD + "propertyCode: salinty", ["ONC knows no propertyCode `salinty` (did you mean `salinity`?)"]),
        (
            "locationCode: SA\ndeviceCategoryCode: HYDROPHONE",
            [
                "nothing was ever deployed for SA HYDROPHONE",
                "the data product `TSSD` does not exist there",
            ],
        ),
        (
            "locationCode: SA\ndeviceCategoryCode: CTD",
            [
                "nothing was deployed for SA CTD in its span: the deployments lie between 2010-05-01T00:00:00.000Z and "
                "2012-05-01T00:00:00.000Z"
            ],
        ),
        (
            NB_CTD + "extension: wav",
            ["there is no `TSSD` as `wav` there; these formats exist: `csv`, `json`, `mat`"],
        ),
        (
            NB_CTD + "dataProductCode: AD",
            ["the data product `AD` does not exist there; these exist: `LF`, `TSSD`, `TSSP`"],
        ),
        (
            NB_CTD + "options: {dpo_resample: median}",
            [
                "`dpo_resample=median` is not possible for TSSD/csv (allowed: `average`, `none`; see "
                "https://wiki.oceannetworks.ca/display/DP/1)"
            ],
        ),
        (
            NB_CTD + "options: {dpo_resampel: none}",
            [
                "no product it downloads has the option `dpo_resampel` (did you mean `dpo_resample`?; see "
                "https://wiki.oceannetworks.ca/display/DP/1)"
            ],
        ),
    ],
)
def test_a_row_that_discovery_does_not_know_is_kept_and_told(resolve: Resolve, lines: str, expected: list[str]) -> None:
    """Issue: warn, keep, let the service decide; nothing of it is changed or dropped."""
    resolution = resolve(row(lines))
    assert told(resolution) == expected
    assert all(KEPT in remark.message for remark in resolution.remarks)
    assert len(the_row(resolution).chunks) == 1
    assert resolution.failures == ()


def test_a_row_that_is_off_is_not_judged(resolve: Resolve) -> None:
    assert told(resolve(row("locationCode: XXXX\ndeviceCategoryCode: CTD\ndownload: false"))) == []


def test_a_row_that_begins_in_the_future_is_told(resolve: Resolve) -> None:
    resolution = resolve(row(NB_CTD + "begin: 2030-01-01\nend: 2030-02-01"))
    assert told(resolution) == [
        "it begins in the future, at 2030-01-01T00:00:00.000Z: until then there is nothing to order"
    ]


def test_a_listing_without_options_forbids_none(connect: Connect) -> None:
    """onc-api.md 2.7: answers from before 2022 describe no options."""

    def without(asked: Asked, body: Any) -> Any:
        return [{**one, "dataProductOptions": []} for one in body] if asked.path == "/api/dataProducts" else body

    _, session = connect(World(alter=without))
    assert told(resolved(row(NB_CTD + "options: {dpo_x: '1'}"), session)) == []


# --- When discovery cannot be asked ----------------------------------------------------------------------------


def broken(path: str) -> World:
    """A world in which one service is broken."""
    return World(instead=lambda asked: Reply(503) if asked.path == f"/api/{path}" else None)


def test_a_row_that_could_not_be_asked_about_is_kept_and_told(connect: Connect) -> None:
    _, session = connect(broken("dataProducts"))
    resolution = resolved(row(NB_CTD), session)
    assert len(the_row(resolution).chunks) == 1
    assert the_row(resolution).about == {}
    (remark,) = resolution.remarks
    assert remark.message.startswith("it could not be compared with what ONC lists, and is asked for as it is written")


def test_a_row_that_could_not_be_asked_about_keeps_its_description(connect: Connect, resolve: Resolve) -> None:
    """Nothing in the lock changes because the service was silent; exit code 3 tells that it was."""
    before = resolve(row(NB_CTD)).lock
    _, session = connect(broken("dataProducts"))
    resolution = resolved(row(NB_CTD), session, previous=before)
    assert resolution.lock == before
    assert [(one.entry, one.kept) for one in resolution.failures] == [("By Location!12", True)]


def test_rows_without_a_service_are_no_lock(connect: Connect) -> None:
    """Exit code 5: nobody is there, so the lock that stands is used."""
    service, session = connect(World())
    service.__exit__(None, None, None)
    with pytest.raises(UnreachableError):
        resolved(row(NB_CTD), session)


# --- Pinned options --------------------------------------------------------------------------------------------


def test_the_pinned_options_of_a_row_are_the_defaults_that_are_listed(resolve: Resolve) -> None:
    """Architecture, "Options": they are sent, enter the id, and stay what they were."""
    plain, pinned = (the_row(resolve(row(NB_CTD + lines))) for lines in ("", "pinOptions: true"))
    assert (plain.options, pinned.options) == ({}, {"dpo_resample": "none"})
    assert pinned.defaults == {"dpo_resample": "none"}
    assert plain.id != pinned.id


def test_the_pinned_options_of_a_row_stay_when_nobody_can_be_asked(connect: Connect, resolve: Resolve) -> None:
    before = resolve(row(NB_CTD + "pinOptions: true")).lock
    _, session = connect(broken("dataProducts"))
    assert resolved(row(NB_CTD + "pinOptions: true"), session, previous=before).lock == before


# --- The same data in two rows ---------------------------------------------------------------------------------


def test_a_device_row_whose_data_a_place_row_brings_is_fetched_once(resolve: Resolve) -> None:
    """R77: a workbook with both tabs names the same data twice."""
    text = row(NB_CTD, "By Location!2") + row("deviceCode: CTD3", "By Device!2").removeprefix("requests:\n")
    resolution = resolve(text)
    by_place, by_device = the_row(resolution, "By Location!2"), the_row(resolution, "By Device!2")
    assert (by_device.same_as, by_device.chunks) == (by_place.id, ())
    assert told(resolution) == ["its data are those of `By Location!2`, and are fetched once"]


@pytest.mark.parametrize(
    "lines", ["deviceCode: CTD3\nextension: mat", "deviceCode: CTD3\nend: 2020-04-01", "deviceCode: CTD1"]
)
def test_a_device_row_that_means_something_else_is_fetched(resolve: Resolve, lines: str) -> None:
    text = row(NB_CTD, "By Location!2") + row(lines, "By Device!2").removeprefix("requests:\n")
    assert len(the_row(resolve(text), "By Device!2").chunks) == 1


def test_a_place_row_of_two_devices_stands_for_neither(resolve: Resolve) -> None:
    """At NA two CTDs were deployed in the span: asking by place brings more than either device."""
    place = "locationCode: NA\ndeviceCategoryCode: CTD"
    text = row(place, "By Location!2") + row("deviceCode: CTD1", "By Device!2").removeprefix("requests:\n")
    assert the_row(resolve(text), "By Device!2").same_as is None


def test_rows_keep_the_order_of_the_manifest_and_the_lines_of_a_download(resolve: Resolve) -> None:
    text = row(NB_CTD, "z") + row("deviceCode: BPR1\nextension: json", "a").removeprefix("requests:\n")
    lock = resolve(entry(NB_CTD + CSV, "m") + text).lock
    assert [one.name for one in lock.entries] == ["m", "z", "a"]


def test_a_world_without_positions_gives_blank_columns(connect: Connect) -> None:
    """R57: a position that ONC does not know is blank, not zero."""

    def unplaced(asked: Asked, body: Any) -> Any:
        if asked.path == "/api/deployments":
            return [{**one, "lat": None, "lon": None, "depth": None} for one in body]
        return body

    _, session = connect(World(make_world(), alter=unplaced))
    assert the_row(resolved(row(NB_CTD), session)).about["latitude"] is None
    assert briefly(requests_of(resolved(row(NB_CTD), session), "By Location!12"))
