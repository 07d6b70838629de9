"""Ids and orders of the lock: what they depend on, and what they do not."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from oncsync.lockfile import (
    Lock,
    LockedRequest,
    LockEntry,
    chunk_id,
    digest,
    product_digest,
    render_lock,
    request_id,
    sort_entries,
    sort_requests,
)
from oncsync.timespan import Span
from tests.lockfile.locks import ENTRIES, INSTANTS, REQUESTS, SOURCES, TEXT, TEXT_MAPS
from tests.support.records import BACAX_CTD, at, make_entry, make_lock, make_request, span, steady

PRODUCTS = st.tuples(SOURCES, TEXT, TEXT, TEXT_MAPS)
SPANS = st.builds(Span, INSTANTS, INSTANTS)


def test_an_id_has_at_least_80_bits() -> None:
    product = product_digest(BACAX_CTD, "TSSD", "csv", {})
    ids = [
        digest(None),
        product,
        chunk_id(product, span("2017-05-01", "2017-06-01")),
        request_id(product, at("2017-05-01"), None),
    ]
    for one in ids:
        assert len(bytes.fromhex(one)) * 8 >= 80


def test_ids_stay_what_they_are() -> None:
    """A lock and a state of an earlier version keep their meaning: these ids may never change."""
    product = product_digest(BACAX_CTD, "TSSD", "csv", {"dpo_resample": "average"})
    assert product == "ff02c6290d860e6c6747"
    assert chunk_id(product, span("2017-05-01", "2017-06-01")) == "77f8352cb940b9b31a72"
    assert request_id(product, at("2017-05-01"), None) == "3f089d5645fe435aecf5"


@steady(60)
@given(PRODUCTS, SPANS, st.randoms(use_true_random=False))
def test_ids_do_not_depend_on_the_order_in_which_things_are_written(
    product: tuple[dict[str, str], str, str, dict[str, str]], one: Span, chance: random.Random
) -> None:
    source, code, extension, options = product
    mixed_source, mixed_options = (dict(chance.sample(list(keys.items()), len(keys))) for keys in (source, options))
    first = product_digest(source, code, extension, options)
    second = product_digest(mixed_source, code, extension, mixed_options)
    assert first == second
    assert chunk_id(first, one) == chunk_id(second, one)


@steady(60)
@given(PRODUCTS, SPANS, PRODUCTS, SPANS)
def test_ids_tell_apart_whatever_decides_the_content(
    first: tuple[dict[str, str], str, str, dict[str, str]],
    first_span: Span,
    second: tuple[dict[str, str], str, str, dict[str, str]],
    second_span: Span,
) -> None:
    ids = (chunk_id(product_digest(*first), first_span), chunk_id(product_digest(*second), second_span))
    assert (ids[0] == ids[1]) == ((first, first_span) == (second, second_span))


@steady(60)
@given(TEXT, TEXT, TEXT)
def test_parts_of_an_id_do_not_run_into_each_other(one: str, two: str, three: str) -> None:
    """`ab`+`c` is not `a`+`bc`, and a request is never taken for a chunk."""
    if two:
        assert product_digest({}, one + two, three, {}) != product_digest({}, one, two + three, {})
    product = product_digest({}, one, two, {})
    begin, end = at("2017-05-01"), at("2017-06-01")
    assert request_id(product, begin, end) != chunk_id(product, Span(begin, end))
    assert request_id(product, begin, None) != request_id(product, begin, end)


def test_what_a_reviewer_reads_does_not_enter_an_id() -> None:
    plain = make_request()
    described = make_request(about={"depth": 982.0}, citation="Cite", doi="10.1/x", defaults={"dpo_a": "1"})
    assert [plain.id, plain.chunks] == [described.id, described.chunks]
    assert plain.product_digest == described.product_digest


@steady(60)
@given(st.lists(ENTRIES, max_size=4), ENTRIES)
def test_another_entry_adds_lines_and_moves_none(entries: list[LockEntry], added: LockEntry) -> None:
    """Branches merge line by line: the lines there were stand in the same order, with the same ids."""
    entries = [msgspec.structs.replace(one, name=f"{number}") for number, one in enumerate(entries)]
    before = Lock(server="production", entries=sort_entries(entries))
    after = Lock(server="production", entries=sort_entries([*entries, added]))
    lines = iter(render_lock(after, "m").split(b"\n")[4:])
    for line in render_lock(before, "m").split(b"\n")[4:-1]:
        assert line in lines


def test_downloads_stand_by_name_and_rows_as_they_are_written() -> None:
    rows = [make_entry(name, kind="row") for name in ("z", "a")]
    downloads = [make_entry(name) for name in ("b", "B", "a")]
    lock = make_lock(rows[0], downloads[0], rows[1], downloads[1], downloads[2])
    assert [entry.key for entry in lock.entries] == [
        ("download", "B"),
        ("download", "a"),
        ("download", "b"),
        ("row", "z"),
        ("row", "a"),
    ]


@steady(60)
@given(st.lists(REQUESTS, max_size=6), st.randoms(use_true_random=False))
def test_requests_stand_in_one_order_however_they_were_found(
    requests: list[LockedRequest], chance: random.Random
) -> None:
    """Rule 8: the order never depends on the timing of threads."""
    requests = [msgspec.structs.replace(one, id=f"{number:020d}", about={}) for number, one in enumerate(requests)]
    mixed = chance.sample(requests, len(requests))
    assert sort_requests(mixed) == sort_requests(requests)


def test_requests_stand_by_what_is_sent_then_by_begin() -> None:
    later, earlier = make_request("2017-06-01", "2017-07-01"), make_request()
    other = make_request(source={"locationCode": "AAA", "deviceCategoryCode": "CTD"})
    device = make_request(source={"deviceCode": "X"})
    assert sort_requests([later, other, earlier, device]) == (device, other, earlier, later)


def test_every_chunk_line_is_told_with_what_it_stands_under() -> None:
    one, two = make_request("2017-01-01", "2017-03-01"), make_request("2017-02-01", "2017-03-01")
    lock = make_lock(make_entry("a", one), make_entry("b", two))
    told = [(entry.name, request.id, chunk.id) for entry, request, chunk in lock.chunks()]
    assert told == [
        ("a", one.id, one.chunks[0].id),
        ("a", one.id, one.chunks[1].id),
        ("b", two.id, two.chunks[0].id),
    ]
    assert one.chunks[1].id == two.chunks[0].id
