"""What a person should know of the orders that a plan would make. Pure.

Sources: R59, R77, I-22, the glossary's "Are options required?".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from oncsync.engine.placement import WantedChunk
from oncsync.lockfile import LockEntry
from oncsync.timespan import Span, format_moment, merge_spans

MOST_PAIRS = 12
MOST_NAMES = 3


def describe_overlaps(chunks: Sequence[WantedChunk], ordered: Iterable[str]) -> list[str]:
    """Says which entries want the same instants of one product in chunks of their own: those are fetched twice.

    Chunks that both want as they are do not count, nor what needs no order any more; `ordered` are the ids of those
    that do. The rows of a workbook overlap like this where two instruments were at one place (I-22).
    """
    in_work = set(ordered)
    by_product: dict[str, list[WantedChunk]] = defaultdict(list)
    digests: dict[str, str] = {}
    for one in chunks:
        if one.request.id not in digests:
            digests[one.request.id] = one.request.product_digest
        by_product[digests[one.request.id]].append(one)
    shared: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for alike in by_product.values():
        for earlier, later in _overlapping_pairs(alike):
            if earlier.chunk.id in in_work or later.chunk.id in in_work:
                pair = sorted((_name(earlier), _name(later)))
                shared[(pair[0], pair[1])].append(earlier.chunk.span.clip(later.chunk.span))
    lines = [_describe_pair(*pair, merge_spans(spans)) for pair, spans in sorted(shared.items())]
    rest = len(lines) - MOST_PAIRS
    more = [f"{rest} more pairs of entries overlap like this"] if rest > 0 else []
    return [*lines[:MOST_PAIRS], *more]


def _overlapping_pairs(chunks: Sequence[WantedChunk]) -> Iterable[tuple[WantedChunk, WantedChunk]]:
    open_chunks: list[WantedChunk] = []
    for one in sorted(chunks, key=lambda chunk: (chunk.chunk.begin, chunk.chunk.end, chunk.chunk.id)):
        open_chunks = [other for other in open_chunks if other.chunk.end > one.chunk.begin]
        for other in open_chunks:
            if other.entry.key != one.entry.key:
                yield other, one
        open_chunks.append(one)


def _name(chunk: WantedChunk) -> str:
    device = chunk.request.about.get("deviceCode")
    return f"`{chunk.entry.name}`" + (f" ({device})" if device and chunk.entry.kind == "row" else "")


def _describe_pair(first: str, second: str, spans: Sequence[Span]) -> str:
    span = f"from {format_moment(spans[0].begin)} to {format_moment(spans[0].end)}"
    more = f" and {len(spans) - 1} more times" if len(spans) > 1 else ""
    return f"{first} and {second} overlap {span}{more}: what both want is fetched twice"


def describe_repeats(entries: Iterable[LockEntry]) -> list[str]:
    """Says how many requests by device ask for what requests by place bring: that is fetched once (R77)."""
    lines = []
    for entry in entries:
        repeats = sum(request.same_as is not None for request in entry.requests)
        by_device = sum("deviceCode" in request.source for request in entry.requests)
        if repeats and entry.kind == "download":
            of = f"{repeats:,} of {by_device:,} requests by device"
            lines.append(f"{of} of `{entry.name}` ask for what requests by place bring; it is fetched once")
    return lines


def describe_lacking(chunks: Iterable[WantedChunk]) -> list[str]:
    """Says which products are asked for without options that the service used to demand, with its defaults.

    Today it fills them in (glossary); where it demands one after all, the order is made anew with the default.
    """
    lacking: dict[tuple[str, tuple[tuple[str, str], ...], str], dict[str, None]] = defaultdict(dict)
    for one in chunks:
        request = one.request
        left_out = tuple(sorted((key, value) for key, value in request.defaults.items() if key not in request.options))
        if left_out:
            product = f"{request.data_product_code}/{request.extension}"
            help_document = str(request.about.get("helpDocument") or "")
            lacking[(product, left_out, help_document)][one.entry.name] = None
    return [
        _describe_product(product, left_out, help_document, list(names))
        for (product, left_out, help_document), names in sorted(lacking.items())
    ]


def _describe_product(product: str, left_out: Iterable[tuple[str, str]], link: str, names: Sequence[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    defaults = ", ".join(f"`{key}={value}`" for key, value in left_out)
    see = f"; see {link}" if link else ""
    return f"{product} of {listed}{more} leaves options to ONC, which once demanded them: {defaults}{see}"
