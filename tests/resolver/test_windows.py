"""The windows of events, deployment by deployment, with values alone (R137, R138)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from oncsync.manifest import Place
from oncsync.manifest.events import Event
from oncsync.resolver.requests import Cut, Site, build_requests
from oncsync.resolver.windows import EventWindows, Window, merge_windows, pad_event
from oncsync.timespan import Duration, Span, merge_spans, parse_duration
from tests.resolver.making import at, between, chosen, site
from tests.resolver.strategies import cuts

BASE = at("2020-01-01")
BELOW = {"HERE": frozenset({"HERE", "THERE"}), "THERE": frozenset({"THERE"})}


def event(begin: str, end: str | None = None, **rest: str) -> Event:
    """Gives an event in line 1."""
    return Event(begin=at(begin), end=at(end or begin), place=Place("c.csv", 1, 1), **rest)


def windows_of(*events: Event, padding: str = "PT1M") -> EventWindows:
    """Gives the windows of padded events."""
    return EventWindows(events, [pad_event(one, parse_duration(padding)) for one in events], BELOW)


def test_a_padding_widens_on_both_sides() -> None:
    assert pad_event(event("2020-01-01T00:01"), parse_duration("PT30S")) == between(
        "2020-01-01T00:00:30", "2020-01-01T00:01:30"
    )
    assert pad_event(event("2020-03-31", "2020-04-01"), parse_duration("P1M")) == between("2020-02-29", "2020-05-01")


def test_windows_that_overlap_or_touch_are_one_with_all_labels() -> None:
    merged = merge_windows(
        [
            Window(between("2020-01-01", "2020-01-03"), ("fin",)),
            Window(between("2020-01-05", "2020-01-06"), ("sei",)),
            Window(between("2020-01-02", "2020-01-04"), ("blue",)),
            Window(between("2020-01-04", "2020-01-05"), ("fin",)),
        ]
    )
    assert merged == [Window(between("2020-01-01", "2020-01-06"), ("fin", "blue", "sei"))]
    assert merged[0].label == "fin; blue; sei"


def test_many_labels_are_counted() -> None:
    window = Window(between("2020-01-01", "2020-01-02"), tuple(f"l{number}" for number in range(20)))
    assert window.label is not None
    assert window.label.endswith("l11; and 8 more")
    assert Window(between("2020-01-01", "2020-01-02")).label is None


def test_an_event_counts_for_the_deployments_it_means() -> None:
    windows = windows_of(
        event("2020-02-01", label="all"),
        event("2020-02-02", label="there", location_code="THERE"),
        event("2020-02-03", label="here and below", location_code="HERE"),
        event("2020-02-04", label="A", device_code="A"),
        event("2020-02-05", label="BPR", device_category_code="BPR"),
    )
    here, below = site("A", BASE, None), site("B", BASE, None, location_code="THERE", device_category_code="BPR")
    assert [piece.label for piece in windows.pieces(here)] == ["all", "here and below", "A"]
    assert [piece.label for piece in windows.pieces(below)] == ["all", "there", "here and below", "BPR"]


def test_a_window_is_clipped_to_the_deployment() -> None:
    windows = windows_of(event("2020-02-01"), event("2020-03-01"), event("2020-04-01"), padding="P2D")
    (middle,) = windows.pieces(site("A", "2020-03-01T06:00", "2020-03-02"))
    assert middle.span == between("2020-03-01T06:00", "2020-03-02")
    assert windows.pieces(site("A", "2020-03-10", "2020-03-20")) == []


def test_events_that_meet_nothing_are_named_in_the_order_of_time() -> None:
    windows = windows_of(event("2020-05-01", label="late"), event("2020-02-01", label="met"), event("2019-01-01"))
    sites = [site("A", "2020-01-01", "2020-03-01"), site("B", "2020-02-15", "2020-04-01")]
    assert [one.begin for one in windows.missed(sites)] == [at("2019-01-01"), at("2020-05-01")]
    assert windows.missed([*sites, site("C", "2018-01-01", None)]) == []


hours = st.integers(0, 24 * 60).map(lambda number: BASE + timedelta(hours=number))


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    """Draws events of places and devices that the deployments may have or not."""
    made = []
    for number, begin in enumerate(draw(st.lists(hours, max_size=10))):
        length = draw(st.integers(0, 60))
        codes = draw(
            st.fixed_dictionaries(
                {}, optional={"location_code": st.sampled_from(["HERE", "THERE"]), "device_code": st.sampled_from("AB")}
            )
        )
        end = begin + timedelta(hours=length)
        made.append(Event(begin=begin, end=end, label=f"e{number}", place=Place("c.csv", number + 2, 1), **codes))
    return made


@st.composite
def site_lists(draw: st.DrawFn) -> list[Site]:
    """Draws deployments of two devices at one place that overlap as they like."""
    made = []
    for begin in draw(st.lists(hours, max_size=5)):
        length = draw(st.none() | st.integers(1, 24 * 40))
        end = None if length is None else begin + timedelta(hours=length)
        made.append(site(draw(st.sampled_from("AB")), begin, end))
    return made


paddings = st.sampled_from(["PT1M", "PT6H", "P3D", "P1M"])
HERE = {"locationCode": "HERE", "deviceCategoryCode": "CTD"}


def _wanted(events: list[Event], padding: Duration, sites: list[Site]) -> list[Span]:
    """Gives what is asked for, instant by instant, in the plainest way."""
    found = []
    for one in sites:
        for made in events:
            is_meant = made.location_code in (None, "HERE") and made.device_code in (None, one.device_code)
            if is_meant:
                found.append(one.clipped(pad_event(made, padding)))
    return merge_spans(found)


@given(event_lists(), paddings, site_lists(), cuts)
def test_chunks_tile_what_the_events_ask_for_exactly(
    events: list[Event], padding_text: str, sites: list[Site], cut: Cut
) -> None:
    """R90, R137: no gap, no overlap, no empty chunk, whatever overlaps: events, deployments or both."""
    padding = parse_duration(padding_text)
    windows = windows_of(*events, padding=padding_text)
    pieces = [piece for one in sites for piece in windows.pieces(one)]
    requests = build_requests(pieces, HERE, chosen(), cut, lambda site, product: {"deviceCode": site.device_code})
    spans = sorted(chunk.span for request in requests for chunk in request.chunks)
    assert all(span.begin < span.end for span in spans)
    assert all(before.end <= after.begin for before, after in pairwise(spans))
    assert merge_spans(spans) == _wanted(events, padding, sites)


@given(event_lists(), site_lists())
def test_an_event_is_missed_exactly_when_no_deployment_that_it_means_was_there(
    events: list[Event], sites: list[Site]
) -> None:
    windows = windows_of(*events)
    padding = parse_duration("PT1M")
    assert {one.place.line for one in windows.missed(sites)} == {
        one.place.line for one in events if not _wanted([one], padding, sites)
    }
