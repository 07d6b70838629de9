"""Arbitrary locks, whose texts are as hostile as text can be."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from oncsync.listed import ListedFile
from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry, year_bounds
from oncsync.timespan import DAY_NUMBERS, UTC
from tests.support.records import hostile_text

TEXT = hostile_text()
IDS = st.text("0123456789abcdef", min_size=20, max_size=20)
INSTANTS = st.builds(
    lambda instant, milliseconds: instant.replace(microsecond=0, tzinfo=UTC) + timedelta(milliseconds=milliseconds),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 58)),
    st.integers(0, 999),
)
TEXT_MAPS = st.dictionaries(TEXT, TEXT, max_size=3)
CELLS = st.one_of(st.none(), TEXT, st.floats(allow_nan=False, allow_infinity=False))
SOURCES = st.dictionaries(
    st.sampled_from(["locationCode", "deviceCategoryCode", "propertyCode", "deviceCode"]), TEXT, min_size=1
)
REQUESTS = st.builds(
    LockedRequest,
    id=IDS,
    source=SOURCES,
    data_product_code=TEXT,
    extension=TEXT,
    begin=INSTANTS,
    end=st.none() | INSTANTS,
    split=st.sampled_from(["all", "year", "month", "week", "day", "hour", "PT6H", "P1M"]),
    day_of_week=st.sampled_from(sorted(DAY_NUMBERS)),
    options=TEXT_MAPS,
    defaults=TEXT_MAPS,
    about=st.dictionaries(TEXT, CELLS, max_size=4),
    citation=st.none() | TEXT,
    doi=st.none() | TEXT,
    download=st.booleans(),
    shared_with=st.lists(IDS, max_size=2).map(tuple),
    same_as=st.none() | IDS,
    chunks=st.lists(st.builds(Chunk, IDS, INSTANTS, INSTANTS), max_size=3).map(tuple),
)
SIZES = st.none() | st.integers(0, 2**53)
FILES = st.builds(
    ListedFile,
    name=TEXT,
    data_product_code=st.none() | TEXT,
    archived=st.none() | INSTANTS,
    modified=st.none() | INSTANTS,
    stored_size=SIZES,
    delivered_size=SIZES,
    is_listed=st.booleans(),
    is_rearchived=st.booleans(),
)


def _archive_request(
    name: str, place: tuple[str, str] | None, device: str, year: int, chunks: list[Chunk]
) -> LockedRequest:
    at_place = {"locationCode": place[0], "deviceCategoryCode": place[1]} if place else {}
    return LockedRequest(
        id=name,
        service="archivefile",
        source={**at_place, "deviceCode": device},
        data_product_code="",
        extension="",
        begin=year_bounds(year)[0],
        end=year_bounds(year)[1],
        chunks=tuple(chunks),
    )


ARCHIVE_REQUESTS = st.builds(
    _archive_request,
    IDS,
    st.none() | st.tuples(TEXT, TEXT),
    TEXT,
    st.integers(1, 9999),
    st.lists(st.builds(Chunk, IDS, INSTANTS, INSTANTS, FILES), max_size=3),
)
ENTRIES = st.builds(
    LockEntry,
    kind=st.sampled_from(["download", "row"]),
    name=TEXT,
    digest=IDS,
    relative=st.none() | TEXT,
    pinned=st.none() | TEXT,
    path=st.none() | TEXT,
    metadata=st.none() | st.booleans(),
    max_order_hours=st.none() | st.floats(0, 1e6),
    late_days=st.none() | st.floats(0, 1e6),
    refresh_open=st.sampled_from([None, "PT15M", "P1DT12H"]),
    latest=st.none() | st.booleans(),
    keep=st.sampled_from([None, "P7D"]),
    requests=st.lists(REQUESTS | ARCHIVE_REQUESTS, max_size=3).map(tuple),
)
LOCKS = st.builds(Lock, server=TEXT.filter(bool), entries=st.lists(ENTRIES, max_size=3).map(tuple))
