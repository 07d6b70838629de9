"""From deployments and products to requests and chunks. Pure.

A request stands for one deployment, clipped to the span that was asked for (R51). The chunks of all requests of one
source and product tile the union of their deployments: where two overlap, each instant belongs to the deployment that
began first (architecture, "Overlapping deployments").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from oncsync.lockfile import Chunk, LockedRequest, chunk_id, product_digest, request_id
from oncsync.resolver.products import ChosenProduct
from oncsync.timespan import Span, split_span, subtract_spans

MOST_CHUNKS = 100_000


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment as the resolver sees it. `end` is None while the instrument is still deployed."""

    location_code: str
    device_category_code: str
    device_code: str
    begin: datetime
    end: datetime | None
    lat: float | None = None
    lon: float | None = None
    depth: float | None = None
    citation: str | None = None
    doi: str | None = None

    def clipped(self, span: Span) -> Span:
        """Gives the part of `span` during which the instrument was there; empty when there is none."""
        return Span(max(self.begin, span.begin), span.end if self.end is None else min(self.end, span.end))


class TooManyChunksError(Exception):
    """Says that an entry means more chunks than anyone asks for on purpose."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count:,} chunks are more than the limit of {MOST_CHUNKS:,}")


class Cut(msgspec.Struct, frozen=True):
    """How spans are cut into chunks."""

    split: str
    day_of_week: str


def build_requests(
    sites: Sequence[Site],
    span: Span,
    source: dict[str, str],
    product: ChosenProduct,
    cut: Cut,
    about: Sequence[dict[str, str | float | None]],
) -> list[LockedRequest]:
    """Gives one request per site that overlaps `span`, with chunks that tile the union of the sites exactly.

    `sites` share `source`; `about` gives the information columns of each. Sites of one device that repeat a span are
    one request.
    """
    digest = product_digest(source, product.code, product.extension, product.options)
    present = [
        (site, columns, site.clipped(span))
        for site, columns in zip(sites, about, strict=True)
        if not site.clipped(span).is_empty
    ]
    present.sort(key=lambda one: (one[0].begin, one[2].end, one[0].device_code))
    requests: list[LockedRequest] = []
    claimed: list[tuple[Span, str]] = []
    for site, columns, clipped in present:
        identity = request_id(digest, clipped.begin, clipped.end)
        if any(identity == other for _, other in claimed):
            continue
        overlapping = [(taken, other) for taken, other in claimed if taken.overlaps(clipped)]
        pieces = subtract_spans(clipped, [taken for taken, _ in overlapping])
        requests.append(
            LockedRequest(
                id=identity,
                source=source,
                data_product_code=product.code,
                extension=product.extension,
                begin=clipped.begin,
                end=clipped.end,
                split=cut.split,
                day_of_week=cut.day_of_week,
                options=product.options,
                defaults=product.defaults,
                about=columns,
                citation=site.citation,
                doi=site.doi,
                shared_with=tuple(dict.fromkeys(other for _, other in overlapping)),
                chunks=cut_chunks(digest, pieces, cut),
            )
        )
        claimed.append((clipped, identity))
    return requests


def cut_chunks(digest: str, pieces: Iterable[Span], cut: Cut) -> tuple[Chunk, ...]:
    """Cuts pieces along the grid into chunks named by what they hold; raises `TooManyChunksError`."""
    spans = [span for piece in pieces for span in split_span(piece, cut.split, cut.day_of_week)]
    check_count(len(spans))
    return tuple(Chunk(chunk_id(digest, span), span.begin, span.end) for span in spans)


def mark_repeats(by_device: Iterable[LockedRequest], by_location: Iterable[LockedRequest]) -> list[LockedRequest]:
    """Gives the device requests; those whose data a location request brings get `sameAs` and no chunks (R77)."""
    brought = {
        (
            request.about.get("deviceCode"),
            request.source.get("propertyCode"),
            request.data_product_code,
            request.extension,
            tuple(sorted(request.options.items())),
            request.begin,
            request.end,
        ): request.id
        for request in by_location
    }
    marked = []
    for request in by_device:
        same = brought.get(
            (
                request.source["deviceCode"],
                request.source.get("propertyCode"),
                request.data_product_code,
                request.extension,
                tuple(sorted(request.options.items())),
                request.begin,
                request.end,
            )
        )
        marked.append(msgspec.structs.replace(request, same_as=same, chunks=()) if same else request)
    return marked


def check_count(count: int) -> None:
    """Raises `TooManyChunksError` above `MOST_CHUNKS`."""
    if count > MOST_CHUNKS:
        raise TooManyChunksError(count)
