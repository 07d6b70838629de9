"""Which raw files may have changed what is here, and which citations changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from oncsync.api.listing import assumed_span
from oncsync.api.records import ArchiveFile
from oncsync.caretaking.judging import CitationChange, changed_at, compare_citations, files_by_chunk
from oncsync.caretaking.tracing import HeldChunk, source_of
from oncsync.lockfile import LockedRequest
from oncsync.resolver.requests import Site
from oncsync.state import ChunkState
from oncsync.timespan import FIRST_INSTANT, LAST_INSTANT, UTC, Span
from tests.caretaking.holding import ASKED, held, raw, site
from tests.support.records import at, make_request, steady

MAY = held("may", "2017-05-01", "2017-06-01")
JUNE = held("june", "2017-06-01", "2017-07-01")


def judged(*files: ArchiveFile) -> dict[str, list[str]]:
    return {key: [file.name for file in found] for key, found in files_by_chunk([JUNE, MAY], files).items()}


def test_a_file_that_was_archived_since_counts_where_it_overlaps() -> None:
    """R148; a file that begins at a chunk's end, or ends at its begin, is not in it (Q27)."""
    assert judged(raw("2017-05-31", "2017-06-01", name="last-of-may")) == {"may": ["last-of-may"]}
    assert judged(raw("2017-05-31T12:00", "2017-06-01T12:00", name="both")) == {"may": ["both"], "june": ["both"]}
    assert judged(raw("2017-07-01", "2017-07-02"), raw("2017-04-30", "2017-05-01")) == {}


def test_a_file_that_was_archived_before_the_chunk_was_asked_for_is_in_it() -> None:
    assert judged(raw("2017-05-03", "2017-05-04", "2017-12-31T23:59:59")) == {}
    assert judged(raw("2017-05-03", "2017-05-04", "2018-01-01", name="just")) == {"may": ["just"]}


def test_each_chunk_is_judged_by_when_it_was_asked_for() -> None:
    again = held("again", "2017-05-01", "2017-06-01", at("2018-03-01"))
    assert set(files_by_chunk([MAY, again], [raw("2017-05-03", "2017-05-04")])) == {"may"}


def test_a_record_that_changed_long_after_the_archiving_counts_too() -> None:
    """Q31: nobody knows whether reprocessing moves both dates; seconds between them mean nothing (onc-api.md 4.1)."""
    moved = raw("2017-05-03", "2017-05-04", "2017-05-05", modified=at("2018-02-01"), name="moved")
    assert judged(moved) == {"may": ["moved"]}
    seconds = raw("2017-05-03", "2017-05-04", "2017-12-31T23:59:59", modified=at("2018-01-01T00:00:03"))
    assert judged(seconds) == {}
    assert changed_at(raw(None, None, None, modified=at("2018-02-01"))) == at("2018-02-01")


def test_a_file_without_any_date_counts() -> None:
    """It was listed among what was archived lately."""
    assert judged(raw("2017-05-03", "2017-05-04", None, name="undated")) == {"may": ["undated"]}


def test_a_file_whose_span_is_not_told_is_placed_by_its_name_or_everywhere() -> None:
    """Q28: all of a row but its name may be missing."""
    named = "SBE_20170503T120000.000Z.txt"
    assert assumed_span(raw(None, None, name=named)) == Span(at("2017-05-03T12:00"), at("2017-05-04T12:00"))
    assert assumed_span(raw("2017-05-03", None)) == Span(at("2017-05-03"), at("2017-05-04"))
    assert assumed_span(raw(None, "2017-05-03")) == Span(at("2017-05-02"), at("2017-05-03"))
    assert assumed_span(raw("2017-05-03", "2017-05-02")) == Span(at("2017-05-03"), at("2017-05-04"))
    assert assumed_span(raw("2017-05-03", "2017-05-03")).overlaps(Span(at("2017-05-03"), at("2017-05-04")))
    assert assumed_span(raw(None, None, name="A_20171399T120000Z.txt")) == Span(FIRST_INSTANT, LAST_INSTANT)
    assert judged(raw(None, None, name=named), raw(None, None, name="x")) == {"may": [named, "x"], "june": ["x"]}


_HOURS = st.integers(0, 60)


def _instant(hours: int) -> datetime:
    return datetime(2017, 5, 1, tzinfo=UTC) + timedelta(hours=hours)


_CHUNKS = st.lists(st.tuples(_HOURS, st.integers(1, 20), st.integers(0, 3)), max_size=8)
_FILES = st.lists(st.tuples(_HOURS, st.integers(1, 20), st.none() | st.integers(0, 3)), max_size=8)


@steady(200)
@given(_CHUNKS, _FILES)
def test_no_chunk_and_no_file_is_passed_over(
    chunks: list[tuple[int, int, int]], files: list[tuple[int, int, int | None]]
) -> None:
    """Against asking every chunk about every file; chunks of several products overlap as they like."""
    listed = [
        HeldChunk(
            id=str(number),
            state=ChunkState(product="p", begin=_instant(begin), end=_instant(begin + length)),
            asked=ASKED + timedelta(days=day),
            entries=(),
            requests=(),
        )
        for number, (begin, length, day) in enumerate(chunks)
    ]
    rows = [
        ArchiveFile(
            name=str(number),
            begin=_instant(begin),
            end=_instant(begin + length),
            archived=None if day is None else ASKED + timedelta(days=day),
        )
        for number, (begin, length, day) in enumerate(files)
    ]
    expected = {
        (one.id, row.name)
        for one in listed
        for row in rows
        if one.span.overlaps(Span(row.begin or ASKED, row.end or ASKED))
        and (row.archived is None or row.archived >= one.asked)
    }
    found = files_by_chunk(listed, rows)
    assert {(key, file.name) for key, names in found.items() for file in names} == expected


# --- Citations -----------------------------------------------------------------------------------------------------

CITED = make_request(about={"deviceCode": "D1"}, citation="ONC. 2016.", doi="10.1/a")


def compared(request: LockedRequest, *sites: Site) -> list[CitationChange]:
    chunk = held("may", "2017-05-01", "2017-06-01", requests=(request,))
    return compare_citations([chunk, chunk], {source_of(request): list(sites)}, {request.id: "axis"})


def test_a_citation_that_changed_is_told_once() -> None:
    """Q41: data that were published anew have another DOI."""
    (change,) = compared(CITED, site("D1", "2016-01-01", citation="ONC. 2018.", doi="10.1/b"))
    assert (change.download, change.doi_before, change.doi) == ("axis", "10.1/a", "10.1/b")
    (change,) = compared(CITED, site("D1", "2016-01-01"))
    assert (change.citation, change.doi) == (None, None)


def test_the_same_citation_is_no_change() -> None:
    same = site("D1", "2016-01-01", citation="ONC. 2016.", doi="10.1/a")
    assert compared(CITED, same) == []
    assert compared(CITED, same, site("D2", "2016-01-01", doi="10.1/b")) == [], "of another device"
    assert compared(CITED, same, site("D1", "2018-01-01", doi="10.1/b")) == [], "of another time"


def test_where_no_one_deployment_explains_a_request_nothing_is_compared() -> None:
    assert compared(CITED) == []
    several = make_request(about={"deviceCode": "D1, D2"})
    assert compared(several, site("D1", "2016-01-01", doi="10.1/a"), site("D2", "2016-01-01", doi="10.1/b")) == []
