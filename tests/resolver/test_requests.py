"""Requests and chunks from deployments, with values alone (R12, R50, R51, R71, R86 to R90)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncsync.lockfile import LockedRequest
from oncsync.resolver import requests as requests_module
from oncsync.resolver.options import ChosenProduct
from oncsync.resolver.requests import (
    Cut,
    Piece,
    Site,
    TooManyChunksError,
    build_requests,
    check_count,
    cut_chunks,
    mark_repeats,
)
from oncsync.resolver.spans import evaluate_span
from oncsync.timespan import DAY_NUMBERS, Span, merge_spans, snap_outward, split_span, subtract_spans
from tests.resolver.making import at, between, chosen, site
from tests.resolver.strategies import BASE, cuts, deployments, instants, moving_bounds, windows

HERE = {"locationCode": "HERE", "deviceCategoryCode": "CTD"}
MONTHS = Cut("month", "SU")


def build(sites: list[Site], span: Span, cut: Cut = MONTHS, **rest: object) -> list[LockedRequest]:
    """Builds requests for sites that share a source; the columns name the device."""
    source = rest.get("source", HERE)
    assert isinstance(source, dict)
    return build_requests(pieces_of(sites, span), source, chosen(), cut, device_column)


def pieces_of(sites: list[Site], span: Span) -> list[Piece]:
    """Clips deployments to a span."""
    clipped = [Piece(one, one.clipped(span)) for one in sites]
    return [piece for piece in clipped if not piece.span.is_empty]


def device_column(one: Site, product: ChosenProduct) -> dict[str, str | float | None]:
    """Gives the columns that name the device."""
    return {"deviceCode": one.device_code}


def spans_of(request: LockedRequest) -> list[Span]:
    """Gives the spans of a request's chunks."""
    return [chunk.span for chunk in request.chunks]


# --- Cutting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "cut", "expected"),
    [
        ("2017-05-01", "2017-06-01", Cut("month", "SU"), ["2017-05-01"]),
        ("2017-05-01", "2017-05-04", Cut("day", "SU"), ["2017-05-01", "2017-05-02", "2017-05-03"]),
        ("2017-05-03T12:00", "2017-05-20", Cut("week", "SU"), ["2017-05-03T12:00", "2017-05-07", "2017-05-14"]),
        ("2016-06-01", "2017-06-01", Cut("year", "SU"), ["2016-06-01", "2017-01-01"]),
        ("2016-06-01", "2017-06-01", Cut("all", "SU"), ["2016-06-01"]),
    ],
    ids=["month", "days", "weeks", "years", "all"],
)
def test_a_request_is_cut_as_documented(begin: str, end: str, cut: Cut, expected: list[str]) -> None:
    """R86, R90: the documented vectors, as chunks."""
    chunks = cut_chunks("d", [between(begin, end)], cut)
    assert [chunk.begin for chunk in chunks] == [at(text) for text in expected]
    assert [chunk.end for chunk in chunks] == [*(at(text) for text in expected[1:]), at(end)]


@pytest.mark.parametrize("day", list(DAY_NUMBERS))
def test_weeks_begin_on_the_day_that_was_chosen(day: str) -> None:
    """R88, R89: every cut inside the span lies on that day, the ends stay where they are."""
    chunks = cut_chunks("d", [between("2017-05-03T12:00", "2017-06-20T06:00")], Cut("week", day))
    assert {chunk.begin.weekday() for chunk in chunks[1:]} == {DAY_NUMBERS[day]}
    assert (chunks[0].begin, chunks[-1].end) == (at("2017-05-03T12:00"), at("2017-06-20T06:00"))


def test_a_chunk_is_named_by_product_and_span_alone() -> None:
    """Cutting the same stretch as part of another span gives the same id, another product another one."""
    short = cut_chunks("a", [between("2017-05-01", "2017-07-01")], MONTHS)
    long = cut_chunks("a", [between("2017-01-01", "2018-01-01")], MONTHS)
    other = cut_chunks("b", [between("2017-05-01", "2017-07-01")], MONTHS)
    assert [chunk.id for chunk in short] == [chunk.id for chunk in long[4:6]]
    assert not {chunk.id for chunk in short} & {chunk.id for chunk in other}


def test_too_many_chunks_are_refused_with_both_numbers() -> None:
    with pytest.raises(TooManyChunksError, match=r"^131,496 chunks are more than the limit of 100,000$"):
        cut_chunks("d", [between("2000-01-01", "2015-01-01")], Cut("hour", "SU"))
    assert len(cut_chunks("d", [between("2000-01-01", "2010-01-01")], Cut("hour", "SU"))) == 87_672


def test_the_limit_itself_is_allowed() -> None:
    check_count(requests_module.MOST_CHUNKS, MONTHS)
    check_count(requests_module.MOST_CHUNKS + 1, Cut("month", "SU", allow_many=True))
    with pytest.raises(TooManyChunksError):
        check_count(requests_module.MOST_CHUNKS + 1, MONTHS)


# --- One deployment --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "clipped"),
    [
        ("2019-01-01", "2021-01-01", ("2020-02-01", "2020-05-01")),
        ("2020-03-03T03:04:05", "2020-03-20", ("2020-03-03T03:04:05", "2020-03-20")),
        ("2019-01-01", "2020-02-10", ("2020-02-01", "2020-02-10")),
        ("2020-04-30", None, ("2020-04-30", "2020-05-01")),
    ],
    ids=["around", "inside", "ends in it", "open"],
)
def test_a_request_is_the_deployment_clipped_to_the_span(begin: str, end: str | None, clipped: tuple[str, str]) -> None:
    """R51; a deployment without an end lasts as long as the span."""
    (request,) = build([site("A", begin, end)], between("2020-02-01", "2020-05-01"))
    assert (request.begin, request.end) == (at(clipped[0]), at(clipped[1]))
    assert (request.chunks[0].begin, request.chunks[-1].end) == (request.begin, request.end)


@pytest.mark.parametrize(
    ("begin", "end"),
    [("2019-01-01", "2020-02-01"), ("2020-05-01", None), ("2020-03-01", "2020-03-01"), ("2020-03-05", "2020-03-01")],
    ids=["ends at the begin", "begins at the end", "no length", "backwards"],
)
def test_a_deployment_without_an_instant_in_the_span_gives_nothing(begin: str, end: str | None) -> None:
    assert build([site("A", begin, end)], between("2020-02-01", "2020-05-01")) == []


def test_a_request_carries_what_a_reviewer_needs() -> None:
    """R56, R57: columns, citation and DOI come from the deployment."""
    one = site("A", "2019-01-01", None, citation="Ocean Networks Canada. CTD.", doi="10.34943/x")
    (request,) = build([one], between("2020-02-01", "2020-02-03"), Cut("week", "WE"))
    assert request.about == {"deviceCode": "A"}
    assert (request.citation, request.doi) == ("Ocean Networks Canada. CTD.", "10.34943/x")
    assert (request.split, request.day_of_week) == ("week", "WE")
    assert request.source == HERE


# --- Several deployments ---------------------------------------------------------------------------------------


def test_each_instant_of_an_overlap_belongs_to_the_deployment_that_began_first() -> None:
    """Both requests keep their deployment's span; only the chunks are divided."""
    first, second = build(
        [site("B", "2020-02-20", "2020-06-01"), site("A", "2020-01-01", "2020-03-10T12:00")],
        between("2020-01-01", "2021-01-01"),
    )
    assert first.about["deviceCode"] == "A"
    assert (second.begin, second.end) == (at("2020-02-20"), at("2020-06-01"))
    assert second.chunks[0].begin == first.chunks[-1].end == at("2020-03-10T12:00")
    assert first.shared_with == ()
    assert second.shared_with == (first.id,)


def test_a_deployment_inside_another_keeps_its_line_but_has_no_chunks() -> None:
    outer, inner = build(
        [site("A", "2020-01-01", "2020-12-01"), site("B", "2020-03-01", "2020-04-01")],
        between("2020-01-01", "2021-01-01"),
    )
    assert inner.chunks == ()
    assert inner.shared_with == (outer.id,)


def test_a_deployment_around_another_has_chunks_on_both_sides_of_it() -> None:
    inner, outer = build(
        [site("B", "2020-03-01", "2020-04-01"), site("A", "2020-03-01T00:00:01", "2020-06-01")],
        between("2020-01-01", "2021-01-01"),
        Cut("all", "SU"),
    )
    assert spans_of(inner) == [between("2020-03-01", "2020-04-01")]
    assert spans_of(outer) == [between("2020-04-01", "2020-06-01")]


def test_a_third_deployment_names_both_that_it_overlaps() -> None:
    """Also the one whose chunks do not lie there, because an earlier one has them."""
    first, second, third = build(
        [
            site("A", "2020-01-01", "2020-03-01"),
            site("B", "2020-02-01", "2020-05-01"),
            site("C", "2020-02-10", "2020-02-20"),
        ],
        between("2020-01-01", "2021-01-01"),
    )
    assert third.shared_with == (first.id, second.id)
    assert third.chunks == ()


def test_deployments_back_to_back_share_nothing_but_their_boundary() -> None:
    first, second = build(
        [site("A", "2020-01-01", "2020-02-10"), site("B", "2020-02-10", None)], between("2020-01-01", "2020-04-01")
    )
    assert first.shared_with == second.shared_with == ()
    assert first.chunks[-1].end == second.chunks[0].begin == at("2020-02-10")


def test_two_deployments_that_mean_the_same_request_are_one() -> None:
    """R12, R50: place, category and span are the identity, the device is not."""
    both = [site("A", "2019-01-01", None), site("B", "2019-06-01", None)]
    (request,) = build(both, between("2020-01-01", "2020-02-01"))
    assert request.about["deviceCode"] == "A"


@given(deployments(), windows(), cuts)
def test_chunks_tile_the_union_of_the_deployments_exactly(sites: list[Site], window: Span, cut: Cut) -> None:
    """R90: no gap, no overlap, no empty chunk, whatever overlaps."""
    chunks = sorted(span for request in build(sites, window, cut) for span in spans_of(request))
    assert all(span.begin < span.end for span in chunks)
    assert all(before.end <= after.begin for before, after in pairwise(chunks))
    assert merge_spans(chunks) == merge_spans(one.clipped(window) for one in sites)


@given(deployments(), moving_bounds, cuts.filter(lambda cut: cut.split != "all"), instants)
def test_chunks_tile_a_span_that_moves_with_the_clock(
    sites: list[Site], bounds: tuple[str, str | None], cut: Cut, now: datetime
) -> None:
    """R90, R150: whatever the clock says; no chunk is cut off at it, so that an hour later it is the same chunk."""
    span = evaluate_span(*bounds, cut.split, cut.day_of_week, now)
    seen = [one.seen_from(now) for one in sites]
    chunks = sorted(chunk for request in build(seen, span, cut) for chunk in spans_of(request))
    assert merge_spans(chunks) == merge_spans(one.clipped(span) for one in seen)
    assert all(before.end <= after.begin for before, after in pairwise(chunks))
    ends = {one.end for one in seen} | {one.begin for one in seen} | {span.end}
    for chunk in chunks:
        grid = snap_outward(chunk, cut.split, cut.day_of_week)
        assert chunk.end in ends or chunk.end == grid.end


@given(deployments(), windows(), cuts)
def test_no_chunk_holds_an_instant_of_a_deployment_that_began_earlier(
    sites: list[Site], window: Span, cut: Cut
) -> None:
    begins = {one.device_code: one.begin for one in sites}
    for request in build(sites, window, cut):
        own_begin = begins[str(request.about["deviceCode"])]
        assert request.end is not None
        for span in spans_of(request):
            assert Span(request.begin, request.end).clip(span) == span
            for other in sites:
                assert other.begin >= own_begin or not other.clipped(window).overlaps(span)


@given(deployments(), windows(), cuts)
def test_chunks_are_cut_where_the_grid_or_a_neighbour_says(sites: list[Site], window: Span, cut: Cut) -> None:
    """R87: each request's own pieces, each along the grid, in order."""
    taken: list[Span] = []
    for request in build(sites, window, cut):
        assert request.end is not None
        clipped = Span(request.begin, request.end)
        pieces = subtract_spans(clipped, taken)
        expected = [span for piece in pieces for span in split_span(piece, cut.split, cut.day_of_week)]
        assert spans_of(request) == expected
        taken.append(clipped)


@given(deployments(), windows(), cuts)
def test_shared_with_names_exactly_the_earlier_requests_that_overlap(sites: list[Site], window: Span, cut: Cut) -> None:
    earlier: list[LockedRequest] = []
    for request in build(sites, window, cut):
        assert request.end is not None
        span = Span(request.begin, request.end)
        overlapping = [one.id for one in earlier if one.end is not None and Span(one.begin, one.end).overlaps(span)]
        assert request.shared_with == tuple(overlapping)
        earlier.append(request)


@given(deployments(), windows(), cuts, st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(
    sites: list[Site], window: Span, cut: Cut, shuffling: random.Random
) -> None:
    """F9: the same requests in the same order, ids and chunks included."""
    shuffled = list(sites)
    shuffling.shuffle(shuffled)
    assert build(shuffled, window, cut) == build(sites, window, cut)


@given(deployments(), windows(), cuts)
def test_there_is_one_request_for_each_distinct_span(sites: list[Site], window: Span, cut: Cut) -> None:
    """R12, R51: every deployment that overlaps has its request, no two requests are the same."""
    built = build(sites, window, cut)
    clipped = {one.clipped(window) for one in sites if not one.clipped(window).is_empty}
    assert {Span(one.begin, one.end) for one in built if one.end is not None} == clipped
    assert len({one.id for one in built}) == len(built) == len(clipped)


@settings(max_examples=40)
@given(deployments(), windows(), cuts, st.integers(0, 6))
def test_another_deployment_later_on_changes_no_chunk_before_it(
    sites: list[Site], window: Span, cut: Cut, days: int
) -> None:
    """What begins last takes only what nobody has: every chunk that was there stays."""
    last = max((one.begin for one in sites), default=BASE) + timedelta(days=days, hours=1)
    before = {span for request in build(sites, window, cut) for span in request.chunks}
    after = {span for request in build([*sites, site("Z", last, None)], window, cut) for span in request.chunks}
    assert before <= after


# --- The same data by place and by device ----------------------------------------------------------------------


def both_ways(device: str = "A", options: dict[str, str] | None = None) -> tuple[LockedRequest, LockedRequest]:
    """Gives a request by place and one by device for the same deployment."""
    one = site(device, "2019-01-01", None)
    span = between("2020-01-01", "2020-03-01")
    product = chosen("TSSD/csv", options)
    pieces = pieces_of([one], span)
    (by_place,) = build_requests(pieces, HERE, product, MONTHS, device_column)
    (by_device,) = build_requests(pieces, {"deviceCode": device}, product, MONTHS, lambda site, product: {})
    return by_place, by_device


def test_a_device_request_that_a_place_brings_is_listed_and_not_fetched() -> None:
    """R77: `sameAs` names the request that brings the data; nothing is downloaded twice."""
    by_place, by_device = both_ways()
    (marked,) = mark_repeats([by_device], [by_place])
    assert marked.same_as == by_place.id
    assert marked.chunks == ()
    assert (marked.id, marked.source) == (by_device.id, {"deviceCode": "A"})


def test_a_device_request_that_differs_in_anything_is_fetched() -> None:
    """R71: device, span, product and options are its identity."""
    by_place, by_device = both_ways()

    def by_device_of(begin: str, pair: str = "TSSD/csv", **more: str) -> LockedRequest:
        pieces = pieces_of([site("A", begin, None)], between("2020-01-01", "2020-03-01"))
        return build_requests(pieces, {"deviceCode": "A", **more}, chosen(pair), MONTHS, lambda site, product: {})[0]

    others = [
        both_ways("B")[1],
        both_ways("A", {"dpo_resample": "average"})[1],
        by_device_of("2020-01-02"),
        by_device_of("2019-01-01", "TSSD/mat"),
        by_device_of("2019-01-01", propertyCode="oxygen"),
    ]
    assert mark_repeats(others, [by_place]) == others
    assert mark_repeats([by_device], []) == [by_device]
