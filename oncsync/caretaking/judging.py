"""Which chunks raw files that were archived since may have made stale, and whether a citation is another one. Pure.

Sources: R148, onc-api.md 4.1 and 4.3, open questions 27, 28, 29, 31, 35 and 41.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

import msgspec

from oncsync.api.listing import assumed_span
from oncsync.api.records import ArchiveFile
from oncsync.caretaking.tracing import HeldChunk, Source, named_devices, source_of
from oncsync.lockfile import describe_request
from oncsync.resolver.requests import Site
from oncsync.timespan import LAST_INSTANT, Span

RECORD_DELAY = timedelta(minutes=10)
"""How long after the archiving the record of a file may still change for that reason alone."""


class CitationChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request that ONC cites otherwise than the lock does; None where there is no citation or DOI."""

    download: str
    request: str
    begin: datetime
    end: datetime | None
    citation_before: str | None
    citation: str | None
    doi_before: str | None
    doi: str | None


def changed_at(file: ArchiveFile) -> datetime | None:
    """Gives when a file was archived last, or its record changed long after that; None when neither is told.

    It is not known whether reprocessing moves both dates (open question 31); a record that changes right after the
    archiving tells of nothing else (onc-api.md 4.1).
    """
    if file.archived is None or file.modified is None:
        return file.archived or file.modified
    return file.modified if file.modified - file.archived > RECORD_DELAY else file.archived


def files_by_chunk(chunks: Sequence[HeldChunk], files: Iterable[ArchiveFile]) -> dict[str, list[ArchiveFile]]:
    """Gives the files of a listing that may have changed what was asked for, by the chunk's id, in the listing's order.

    They overlap the chunk's span and were archived after it was asked for; one without any date counts, as the listing
    itself is one of what was archived since. One that was seen before with a date that is still to come does not.
    """
    listed = sorted(chunks, key=lambda one: one.state.begin)
    begins = [one.state.begin for one in listed]
    reach = list(accumulate((one.state.end for one in listed), max))
    found: dict[str, list[ArchiveFile]] = defaultdict(list)
    for file in files:
        span, changed = assumed_span(file), changed_at(file) or LAST_INSTANT
        for number in range(bisect.bisect_left(begins, span.end) - 1, -1, -1):
            if reach[number] <= span.begin:
                break
            one = listed[number]
            is_known = one.state.seen.get(file.name) == changed
            if one.state.end > span.begin and changed >= one.asked and not is_known:
                found[one.id].append(file)
    return dict(found)


def compare_citations(
    chunks: Iterable[HeldChunk], sites: Mapping[Source, list[Site]], names: Mapping[str, str]
) -> list[CitationChange]:
    """Compares the citation of each request in the lock with that of its deployment now, in the order of the chunks.

    Only where one deployment explains the request. `names` gives the entry of a request by its id.
    """
    changes: dict[str, CitationChange] = {}
    seen = set()
    for chunk in chunks:
        for request in chunk.requests:
            if request.id in seen or source_of(request) not in sites or request.id not in names:
                continue
            seen.add(request.id)
            devices = named_devices(request)
            span = Span(request.begin, request.end or LAST_INSTANT)
            there = {
                (site.citation or None, site.doi or None)
                for site in sites[source_of(request)]
                if not site.clipped(span).is_empty and (not devices or site.device_code in devices)
            }
            now = there.pop() if len(there) == 1 and len(devices) <= 1 else None
            if now is None or now == (request.citation or None, request.doi or None):
                continue
            changes[request.id] = CitationChange(
                download=names[request.id],
                request=describe_request(request),
                begin=request.begin,
                end=request.end,
                citation_before=request.citation,
                citation=now[0],
                doi_before=request.doi,
                doi=now[1],
            )
    return list(changes.values())
