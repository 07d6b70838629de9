"""Entries with events, from the file to the requests; spans that lie ahead (R137 to R139, R153)."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncsync.api import Session
from oncsync.errors import ProblemsError
from oncsync.lockfile import LockedRequest, parse_lock, render_lock
from oncsync.manifest import load_manifest
from oncsync.resolver import Resolution, resolve_manifest
from tests.resolver.conftest import Connect, Resolve
from tests.resolver.making import at
from tests.resolver.world import NOW, World, entry, requests_of

CALLS = """\
time,label
2020-02-03T10:00:00Z,fin
2020-02-03T10:00:40Z,blue
2020-03-31T23:59:50Z,fin
"""
FIN = "locationCode: NB\ndeviceCategoryCode: CTD\ndataProductCode: TSSD\nextension: csv\n"


class Sea:
    """A folder with a manifest and an events file, and a session on the small world."""

    def __init__(self, folder: Path, session: Session) -> None:
        self.folder = folder
        self._session = session

    def resolve(self, events: str, lines: str = FIN, *, padding: str = "PT30S", file: str = "calls.csv") -> Resolution:
        """Resolves an entry with these events."""
        (self.folder / file).write_text(events, encoding="utf-8")
        rest = [f"    {line}" for line in lines.strip().splitlines()]
        head = ["server: sandbox", "downloads:", "  - name: x", f"    events: {{file: {file}, padding: {padding}}}"]
        path = self.folder / "oncsync.yaml"
        path.write_text("\n".join([*head, *rest]) + "\n", encoding="utf-8")
        return resolve_manifest(load_manifest(path, environment={}), self._session, lambda: NOW, None)

    def problems(self, events: str, lines: str = FIN) -> list[str]:
        """Gives what is wrong with an entry: place in its file, message and hint."""
        with pytest.raises(ProblemsError) as caught:
            self.resolve(events, lines)
        return [f"{one.where.rpartition('/')[2]} | {one.message} | {one.hint}" for one in caught.value.problems]


@pytest.fixture
def sea(tmp_path: Path, connect: Connect) -> Sea:
    """The small world beside a manifest with events."""
    _, session = connect(World())
    return Sea(tmp_path, session)


def windows(requests: tuple[LockedRequest, ...]) -> list[tuple[str, str, object, int]]:
    """Gives requests as begin, end, label and number of chunks."""
    return [
        (f"{one.begin:%m-%dT%H:%M:%S}", f"{one.end:%m-%dT%H:%M:%S}", one.about.get("label"), len(one.chunks))
        for one in requests
        if one.end is not None
    ]


# --- Events ----------------------------------------------------------------------------------------------------


def test_each_event_becomes_a_request_and_overlapping_ones_become_one(sea: Sea) -> None:
    """R137, R138, R153: padded windows, merged, with their labels; the split still applies."""
    assert windows(requests_of(sea.resolve(CALLS))) == [
        ("02-03T09:59:30", "02-03T10:01:10", "fin; blue", 1),
        ("03-31T23:59:20", "04-01T00:00:20", "fin", 2),
    ]


def test_the_same_windows_serve_several_products(sea: Sea) -> None:
    """R139: both as data and as plots."""
    found = requests_of(sea.resolve(CALLS, FIN.replace("csv", "[csv, png]").replace("TSSD", "[TSSD, TSSP]")))
    by_product = {
        one.data_product_code: windows(tuple(two for two in found if two.data_product_code == one.data_product_code))
        for one in found
    }
    assert set(by_product) == {"TSSD", "TSSP"}
    assert by_product["TSSD"] == by_product["TSSP"]


def test_only_the_events_are_ordered_not_what_lies_between(sea: Sea) -> None:
    found = requests_of(sea.resolve(CALLS))
    total = sum((chunk.end - chunk.begin).total_seconds() for one in found for chunk in one.chunks)
    assert total == 100 + 60


def test_a_request_of_an_event_is_a_line_like_any_other(sea: Sea) -> None:
    """The label is reviewed with the other columns, and the lock reads back to the same."""
    lock = sea.resolve(CALLS).lock
    assert parse_lock(render_lock(lock, "m")) == lock
    assert b'"label": "fin; blue"' in render_lock(lock, "m")


def test_events_at_places_ask_about_those_places_alone(tmp_path: Path, connect: Connect) -> None:
    """R138: times and locations; nothing is asked about the rest of the ocean."""
    service, session = connect(World())
    table = "time,locationCode\n2020-02-03,NB\n2020-02-04,NA\n"
    found = requests_of(Sea(tmp_path, session).resolve(table, "dataProductCode: TSSD\nextension: csv"))
    assert {(one.source["locationCode"], f"{one.begin:%m-%d}") for one in found} == {
        ("NB", "02-02"), ("NA", "02-03"), ("NA.1", "02-03")
    }  # fmt: skip
    places = {one.query.get("locationCode") for one in service.asked if one.path == "/api/deployments"}
    assert places <= {"NA", "NA.1", "NB"}


def test_events_of_a_device_follow_it_alone(sea: Sea) -> None:
    table = "begin,end,deviceCode\n2020-01-20,2020-02-20,CTD1\n2020-01-20,2020-02-20,BPR1\n"
    found = requests_of(sea.resolve(table, "dataProductCode: TSSD\nextension: csv\nsplitDateRange: all"))
    assert {(one.source["locationCode"], one.about["deviceCode"]) for one in found} == {
        ("NA", "CTD1"), ("NA.1", "BPR1")
    }  # fmt: skip


def test_by_device_asks_for_the_same_windows(sea: Sea) -> None:
    found = requests_of(sea.resolve(CALLS, FIN + "downloadMethod: byDevice"))
    assert {tuple(one.source) for one in found} == {("deviceCode",)}
    assert [label for _, _, label, _ in windows(found)] == ["fin; blue", "fin"]


def test_both_methods_fetch_an_event_once(sea: Sea) -> None:
    found = requests_of(sea.resolve(CALLS, FIN + "downloadMethod: all"))
    assert sum(one.same_as is not None for one in found) == 2
    assert sum(len(one.chunks) for one in found) == 3


def test_a_json_list_means_the_same_as_a_table(sea: Sea) -> None:
    """R138: CSV or JSON."""
    listed = '[{"time": "2020-02-03T10:00:00Z", "label": "fin"}]'
    table = "time,label\n2020-02-03T10:00:00Z,fin\n"
    assert requests_of(sea.resolve(listed, file="calls.json")) == requests_of(sea.resolve(table))


def test_events_outside_begin_and_end_are_left_out_and_told(sea: Sea) -> None:
    resolution = sea.resolve(CALLS, FIN + "begin: 2020-03-01\nend: 2020-04-01")
    assert windows(requests_of(resolution)) == [("03-31T23:59:20", "04-01T00:00:00", "fin", 1)]
    assert [one.message for one in resolution.remarks] == ["2 events lie outside `begin` and `end` and are left out"]


def test_events_where_nothing_was_deployed_are_told_with_their_lines(sea: Sea) -> None:
    """P39: an empty answer has a reason."""
    resolution = sea.resolve(CALLS + "2019-01-01,early\n")
    assert len(requests_of(resolution)) == 2
    (remark,) = resolution.remarks
    assert remark.message.startswith("1 event falls where nothing that matches was deployed: ")
    assert "calls.csv:5:1 (2019-01-01T00:00:00.000Z)" in remark.message


def test_events_of_which_none_meets_a_deployment_are_a_warning(sea: Sea) -> None:
    resolution = sea.resolve("time\n2019-01-01\n")
    assert requests_of(resolution) == ()
    (remark,) = resolution.remarks
    assert remark.message.startswith("nothing was deployed during any event from 2018-12-31T23:59:30.000Z")


def test_events_in_the_future_are_told(sea: Sea) -> None:
    resolution = sea.resolve("time\n2020-02-03\n2030-02-03\n")
    assert [one.message for one in resolution.remarks] == [
        "1 of 2 events lie in the future: until then there is nothing to order"
    ]


def test_a_file_without_events_is_a_warning(sea: Sea) -> None:
    resolution = sea.resolve("time\n")
    assert requests_of(resolution) == ()
    assert [one.message for one in resolution.remarks] == ["`calls.csv` holds no event"]


def test_columns_that_mean_nothing_are_told(sea: Sea) -> None:
    resolution = sea.resolve("time,score\n2020-02-03,1\n")
    assert [one.message for one in resolution.remarks] == ["these columns of `calls.csv` mean nothing here: `score`"]


def test_bad_rows_are_all_told_and_nobody_is_asked(tmp_path: Path, connect: Connect) -> None:
    """Issue: events files with a bad row; all of them with their line, before any request."""
    service, session = connect(World())
    told = Sea(tmp_path, session).problems("time\n2013-20-23\nnever\n2020-02-03\n")
    assert [one.split(" | ")[0] for one in told] == ["calls.csv:2:1", "calls.csv:3:1"]
    assert "did you mean `2013-10-23`?" in told[0]
    assert service.asked == []


def test_unknown_codes_of_events_are_told_with_their_lines_and_the_nearest(sea: Sea) -> None:
    table = (
        "time,locationCode,deviceCategoryCode,deviceCode\n"
        "2020-02-03,NB,,\n2020-02-03,NBB,,\n2020-02-03,,CDT,\n2020-02-03,,,BPR\n"
    )
    assert sea.problems(table) == [
        "calls.csv:3:1 | `x`: ONC knows no locationCode `NBB` | did you mean `NB` (Place NB)?",
        "calls.csv:4:1 | `x`: ONC knows no deviceCategoryCode `CDT` | did you mean `CTD` (Salinity Sensor)?",
        "calls.csv:5:1 | `x`: ONC knows no deviceCode `BPR` | did you mean `BPR1` (The BPR1)?",
    ]


def test_a_missing_file_is_told_with_the_line_of_the_manifest(sea: Sea) -> None:
    sea.resolve(CALLS)
    (sea.folder / "calls.csv").unlink()
    with pytest.raises(ProblemsError, match="there is no events file"):
        resolve_manifest(load_manifest(sea.folder / "oncsync.yaml", environment={}), sea._session, lambda: NOW, None)


def test_padding_beyond_the_calendar_is_told(sea: Sea) -> None:
    with pytest.raises(ProblemsError, match="outside the years 1 to 9999"):
        sea.resolve("time\n2020-01-01\n", padding="P9000Y")


def test_adding_an_event_changes_no_chunk_of_the_others(sea: Sea) -> None:
    """Adding never changes other ids, so nothing is ordered again."""
    before = {chunk.id for one in requests_of(sea.resolve(CALLS)) for chunk in one.chunks}
    after = {chunk.id for one in requests_of(sea.resolve(CALLS + "2020-05-05,sei\n")) for chunk in one.chunks}
    assert before < after


def test_the_order_of_the_rows_does_not_matter(sea: Sea) -> None:
    head, *rows = CALLS.splitlines()
    turned = "\n".join([head, *reversed(rows)]) + "\n"
    assert requests_of(sea.resolve(CALLS)) == requests_of(sea.resolve(turned))


def test_ten_thousand_events_cost_no_question_more(tmp_path: Path, connect: Connect) -> None:
    service, session = connect(World())
    table = "time\n" + "".join(f"2020-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:00:00Z\n" for n in range(10_000))
    resolution = Sea(tmp_path, session).resolve(table)
    assert 100 < len(requests_of(resolution)) < 10_000, "those of one time are one"
    assert len(service.asked) <= 6


# --- Spans that lie ahead --------------------------------------------------------------------------------------


def test_a_begin_in_the_future_is_a_warning(resolve: Resolve) -> None:
    resolution = resolve(entry(FIN + "begin: 2030-01-01\nend: 2030-02-01"))
    assert len(requests_of(resolution)) == 1
    assert [one.message for one in resolution.remarks] == [
        "it begins in the future, at 2030-01-01T00:00:00.000Z: until then there is nothing to order"
    ]


def test_a_span_that_moves_with_the_clock_is_never_called_future(resolve: Resolve) -> None:
    resolution = resolve(entry(FIN + "begin: now\nend: PT6H\nsplitDateRange: hour"))
    assert requests_of(resolution)[0].begin == at("2026-11-21T10:00")
    assert resolution.remarks == ()
