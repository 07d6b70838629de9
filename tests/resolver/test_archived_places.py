"""`service: archivefile` by place: the deployments say which devices were there, when, and whose a file is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from oncsync.errors import ProblemsError
from tests.resolver.conftest import Connect
from tests.resolver.shelf import Shelf, chunks_of, day_of, entry, files_of, resolve_archive, row, texts_of
from tests.resolver.world import World, make_world
from tests.support.scripted import Asked, Reply

HYDROPHONES = "locationCode: NORTH\ndeviceCategoryCode: HYDROPHONE\nbegin: 2020-01-30\nend: 2020-02-03\n"


def listed(service: object) -> list[Asked]:
    return [asked for asked in service.asked if "archivefile" in asked.path]  # type: ignore[attr-defined]


def test_a_place_follows_its_devices_through_a_replacement(connect: Connect) -> None:
    """R147, Q35, Q36: one question per device, clipped to its deployments; what lies outside is left out and told."""
    days = ("2020-01-30", "2020-01-31", "2020-02-01", "2020-02-02")
    rows = [one for day in days for device in ("HYD1", "HYD2") for one in day_of(device, day, ".wav")]
    service, session = connect(Shelf(rows))
    resolution = resolve_archive(entry(HYDROPHONES), session)
    asked = [(one.query["deviceCode"], one.query["dateFrom"][:10], one.query["dateTo"][:10]) for one in listed(service)]
    assert sorted(asked) == [("HYD1", "2020-01-29", "2020-02-01"), ("HYD2", "2020-01-31", "2020-02-03")]
    assert [(one.source, one.begin.year, len(one.chunks)) for one in resolution.lock.entries[0].requests] == [
        ({"locationCode": "NA", "deviceCategoryCode": "HYDROPHONE", "deviceCode": "HYD1"}, 2020, 48),
        ({"locationCode": "NA", "deviceCategoryCode": "HYDROPHONE", "deviceCode": "HYD2"}, 2020, 48),
    ]
    assert texts_of(resolution) == ""


def test_files_that_no_deployment_explains_are_left_out_and_counted(connect: Connect) -> None:
    """Q36: a service that does not clip the window itself gives test data too."""
    rows = [*day_of("HYD2", "2020-02-01"), row("HYD2", "2020-01-31T12:00"), row("HYD2", "2020-01-31T13:00")]
    everything = Reply.of_json({"files": rows, "next": None})
    _, session = connect(Shelf(instead=lambda asked: everything if asked.query.get("deviceCode") == "HYD2" else None))
    unknown = [{**one, "dateTo": None} for one in rows]
    resolution = resolve_archive(entry(HYDROPHONES), session)
    assert len(files_of(resolution)) == 24
    everything = Reply.of_json({"files": unknown, "next": None})
    assert len(files_of(resolve_archive(entry(HYDROPHONES), session))) == 26


def test_a_device_is_the_same_however_a_listing_writes_its_code(connect: Connect) -> None:
    """Q43: the answer is about the device that was asked about."""
    rows = [{**one, "deviceCode": "hyd2"} for one in day_of("HYD2", "2020-02-01")]
    _, session = connect(Shelf(rows))
    assert len(files_of(resolve_archive(entry(HYDROPHONES), session))) == 24


def test_files_of_another_device_are_left_out_and_counted(connect: Connect) -> None:
    rows = [*day_of("HYD2", "2020-02-01"), row("HYD1", "2020-02-01T12:00")]
    answer = Reply.of_json({"files": rows, "next": None})
    _, session = connect(Shelf(instead=lambda asked: answer if "archivefile" in asked.path else None))
    resolution = resolve_archive(entry(HYDROPHONES + "exclude: {deviceCode: HYD1}"), session)
    assert len(files_of(resolution)) == 24
    assert "1 file lies outside of every deployment that matches: left out" in texts_of(resolution)


def test_a_device_that_moved_brings_each_file_to_the_place_where_it_was(connect: Connect) -> None:
    """A file that overlaps both deployments belongs to the first; one in between belongs to none."""
    deployed = [("BPR1", "NA.1", "2020-01-01", "2020-02-15T06:30"), ("BPR1", "SA", "2020-02-15T06:45", None)]
    world = World(make_world(deployed))
    _, session = connect(Shelf(day_of("BPR1", "2020-02-15"), instead=lambda asked: _discovery(world, asked)))
    text = entry("locationCode: ROOT\ndeviceCategoryCode: BPR\nbegin: 2020-02-15\nend: 2020-02-16")
    requests = resolve_archive(text, session).lock.entries[0].requests
    assert [(one.source["locationCode"], len(one.chunks)) for one in requests] == [("NA.1", 7), ("SA", 17)]


def _discovery(world: World, asked: Asked) -> Reply | None:
    return None if "archivefile" in asked.path else world(asked)


def test_the_method_changes_nothing(connect: Connect) -> None:
    """`downloadMethod` speaks of orders; files are told apart by device either way."""
    _, session = connect(Shelf(day_of("HYD1", "2020-01-30")))
    texts = [entry(HYDROPHONES + f"downloadMethod: {method}") for method in ("byLocation", "byDevice", "all")]
    assert len({tuple(files_of(resolve_archive(text, session))) for text in texts}) == 1


def test_devices_at_a_place_are_asked_about_there_alone(connect: Connect) -> None:
    """R173, R174: a device and a place together."""
    service, session = connect(Shelf(day_of("BPR1", "2020-01-05") + day_of("BPR1", "2020-03-05")))
    text = entry("deviceCode: BPR1\nlocationCode: SOUTH\nbegin: 2020-01-01\nend: 2020-04-01")
    (request,) = resolve_archive(text, session).lock.entries[0].requests
    assert (request.source["locationCode"], len(request.chunks)) == ("SA", 24)
    assert [one.query["dateFrom"][:10] for one in listed(service)] == ["2020-02-29"]


def test_exclude_and_near_choose_among_deployments(connect: Connect) -> None:
    """R141: the catalogue of the small world has everything at one position."""
    _, session = connect(Shelf(day_of("HYD1", "2020-01-30") + day_of("HYD2", "2020-02-01")))
    without = resolve_archive(entry(HYDROPHONES + "exclude: {deviceCode: HYD1}"), session)
    assert {name[:4] for name in files_of(without)} == {"HYD2"}
    near = resolve_archive(entry(HYDROPHONES + "near: {lat: 48.5, lon: -126.25, radiusKm: 1}"), session)
    assert {name[:4] for name in files_of(near)} == {"HYD1", "HYD2"}
    with pytest.raises(ProblemsError, match="was deployed within 1 km"):
        resolve_archive(entry(HYDROPHONES + "near: {lat: 10, lon: 10, radiusKm: 1}"), session)


def test_where_nothing_was_deployed_at_the_time_nothing_is_listed(connect: Connect) -> None:
    """R130: no mistake; and lines that stood there stay, with exit code 3."""
    service, session = connect(Shelf(day_of("HYD1", "2020-01-30")))
    later = HYDROPHONES.replace("2020-01-30", "2022-01-30").replace("2020-02-03", "2022-02-03")
    resolution = resolve_archive(entry(later), session)
    assert "nothing was deployed from 2022-01-30" in texts_of(resolution)
    assert listed(service) == []
    first = resolve_archive(entry(HYDROPHONES), session)
    moved = World(make_world([("HYD1", "NA", "2010-01-01", "2011-01-01")]))
    _, other = connect(Shelf(instead=lambda asked: _discovery(moved, asked)))
    second = resolve_archive(entry(HYDROPHONES), other, previous=first.lock)
    assert second.lock == first.lock
    assert [failure.kept for failure in second.failures] == [True]


def test_an_unknown_place_is_told_as_for_products(connect: Connect) -> None:
    _, session = connect(Shelf())
    with pytest.raises(ProblemsError, match="ONC knows no locationCode `NRTH`"):
        resolve_archive(entry(HYDROPHONES.replace("NORTH", "NRTH")), session)


# --- Events ----------------------------------------------------------------------------------------------------

EVENTS = "time,end\n2020-01-05T03:30:00Z,2020-01-05T03:40:00Z\n2020-01-05T12:00:00Z,2020-01-05T12:00:01Z\n"
Events = Callable[[str], Path]


@pytest.fixture
def events(tmp_path: Path) -> Events:
    """Writes `calls.csv`; gives its folder."""

    def write(text: str) -> Path:
        (tmp_path / "calls.csv").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_events_bring_the_files_that_their_padded_windows_overlap(connect: Connect, events: Events) -> None:
    """R137, R153: one question per device, though there are several events on a day."""
    service, session = connect(Shelf(day_of("CTD3", "2020-01-05")))
    text = entry("deviceCode: CTD3\nevents: {file: calls.csv, padding: PT30S}")
    resolution = resolve_archive(text, session, place=events(EVENTS))
    assert [chunk.begin.hour for chunk in chunks_of(resolution)] == [3, 11, 12]
    assert len(service.asked) == 1


def test_events_far_apart_do_not_list_the_years_between(connect: Connect, events: Events) -> None:
    lines = [f"20{year}-06-01T00:00:00Z,20{year}-06-01T01:00:00Z" for year in range(10, 26)]
    service, session = connect(Shelf())
    text = entry("deviceCode: CTD3\nevents: {file: calls.csv}")
    resolve_archive(text, session, place=events("time,end\n" + "\n".join(lines) + "\n"))
    assert 2 <= len(listed(service)) <= 24


def test_events_of_a_place_ask_for_what_was_deployed_there(connect: Connect, events: Events) -> None:
    listed_events = "time,end,location\n2020-01-30T03:30:00Z,2020-01-30T03:40:00Z,NA\n"
    rows = day_of("HYD1", "2020-01-30") + day_of("CTD3", "2020-01-30")
    _, session = connect(Shelf(rows))
    text = entry("deviceCode: [HYD1, CTD3]\nevents: {file: calls.csv}")
    resolution = resolve_archive(text, session, place=events(listed_events))
    assert list(files_of(resolution)) == ["HYD1_20200130T030000.000Z.txt"]
    assert resolution.lock.entries[0].requests[0].source["locationCode"] == "NA"


def test_an_empty_list_of_events_asks_nothing(connect: Connect, events: Events) -> None:
    service, session = connect(Shelf())
    text = entry("deviceCode: CTD3\nevents: {file: calls.csv}")
    resolution = resolve_archive(text, session, place=events("time,end\n"))
    assert (chunks_of(resolution), listed(service)) == ([], [])
    assert "holds no event" in texts_of(resolution)
