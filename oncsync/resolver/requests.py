"""From deployments and products to requests and chunks. Pure.

A request stands for one deployment, clipped to a span that was asked for (R51). The chunks of all requests of one
source and product tile the union of their deployments: where two overlap, each instant belongs to the deployment that
began first (architecture, "Overlapping deployments").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from oncsync.lockfile import Chunk, LockedRequest, chunk_id, product_digest, request_id
from oncsync.resolver.options import ChosenProduct
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

    def seen_from(self, now: datetime) -> Site:
        """Gives the deployment as it is at `now`: an end that lies ahead is a plan, and plans change (Q41)."""
        return msgspec.structs.replace(self, end=None) if self.end is not None and self.end > now else self


class Piece(msgspec.Struct, frozen=True):
    """A deployment clipped to one of the spans that were asked for: what one request stands for (R51)."""

    site: Site
    span: Span
    label: str | None = None


class TooManyChunksError(Exception):
    """Says that an entry means more chunks than anyone asks for by mistake."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count:,} chunks are more than the limit of {MOST_CHUNKS:,}")


class Cut(msgspec.Struct, frozen=True):
    """How spans are cut into chunks, and whether an entry may have any number of them."""

    split: str
    day_of_week: str
    allow_many: bool = False


Describe: TypeAlias = Callable[[Site, ChosenProduct], "dict[str, str | float | None]"]
"""Gives the information columns of a deployment and a product."""


def build_requests(
    pieces: Sequence[Piece], source: dict[str, str], product: ChosenProduct, cut: Cut, describe: Describe
) -> list[LockedRequest]:
    """Gives a request for each distinct span of `pieces`, with chunks that tile the union of the pieces exactly.

    The sites of the pieces share `source`. Pieces of several sites that have one span are one request. A piece's
    label stands among the columns.
    """
    digest = product_digest(source, product.code, product.extension, product.options)
    requests: list[LockedRequest] = []
    for together in _clusters(pieces):
        claimed: list[tuple[Span, str]] = []
        for piece in sorted(together, key=_seniority):
            identity = request_id(digest, piece.span.begin, piece.span.end)
            if any(identity == other for _, other in claimed):
                continue
            overlapping = [(taken, other) for taken, other in claimed if taken.overlaps(piece.span)]
            label = {"label": piece.label} if piece.label else {}
            requests.append(
                LockedRequest(
                    id=identity,
                    source=source,
                    data_product_code=product.code,
                    extension=product.extension,
                    begin=piece.span.begin,
                    end=piece.span.end,
                    split=cut.split,
                    day_of_week=cut.day_of_week,
                    options=product.options,
                    defaults=product.defaults,
                    about={**describe(piece.site, product), **label},
                    citation=piece.site.citation,
                    doi=piece.site.doi,
                    shared_with=tuple(dict.fromkeys(other for _, other in overlapping)),
                    chunks=cut_chunks(digest, subtract_spans(piece.span, [taken for taken, _ in overlapping]), cut),
                )
            )
            claimed.append((piece.span, identity))
    return requests


def _seniority(piece: Piece) -> tuple[datetime, datetime, str]:
    return (piece.site.begin, piece.span.end, piece.site.device_code)


def _clusters(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Yields the pieces that overlap, directly or through others, together; so many spans cost no more than a few."""
    together: list[Piece] = []
    reach: datetime | None = None
    for piece in sorted(pieces, key=lambda one: (one.span.begin, *_seniority(one))):
        if reach is not None and piece.span.begin >= reach:
            yield together
            together, reach = [], None
        together.append(piece)
        reach = piece.span.end if reach is None else max(reach, piece.span.end)
    if together:
        yield together


def cut_chunks(digest: str, pieces: Iterable[Span], cut: Cut) -> tuple[Chunk, ...]:
    """Cuts pieces along the grid into chunks named by what they hold; raises `TooManyChunksError`."""
    spans = [span for piece in pieces for span in split_span(piece, cut.split, cut.day_of_week)]
    check_count(len(spans), cut)
    return tuple(Chunk(chunk_id(digest, span), span.begin, span.end) for span in spans)


def mark_repeats(by_device: Iterable[LockedRequest], by_location: Iterable[LockedRequest]) -> list[LockedRequest]:
    """Gives the device requests; those whose data a location request brings get `sameAs` and no chunks (R77)."""
    brought = {_what_is_brought(request, request.about.get("deviceCode")): request.id for request in by_location}
    marked = []
    for request in by_device:
        same = brought.get(_what_is_brought(request, request.source["deviceCode"]))
        marked.append(msgspec.structs.replace(request, same_as=same, chunks=()) if same else request)
    return marked


def _what_is_brought(request: LockedRequest, device: object) -> tuple[object, ...]:
    options = tuple(sorted(request.options.items()))
    span = (request.begin, request.end)
    return (device, request.source.get("propertyCode"), request.data_product_code, request.extension, options, span)


def check_count(count: int, cut: Cut) -> None:
    """Raises `TooManyChunksError` above `MOST_CHUNKS`, unless so many are allowed."""
    if count > MOST_CHUNKS and not cut.allow_many:
        raise TooManyChunksError(count)
