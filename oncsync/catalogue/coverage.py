"""Was there data, when, from what, and in which formats. Pure.

What was deployed tells what was there; what the archive lists tells what was recorded; the product listing of a place
and category tells how the data can be delivered, files of the archive or not (R132-R134).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from oncsync.api.places import PlaceTree
from oncsync.api.records import Availability, DataProduct, Deployment
from oncsync.catalogue.filters import Filters
from oncsync.catalogue.questions import Source
from oncsync.catalogue.rows import Row, is_named
from oncsync.catalogue.sites import is_wanted, span_of
from oncsync.timespan import Span, merge_spans, split_span

Step = Literal["year", "month"]
Evidence = Literal["archived", "on request", "none"]
_MILLISECOND = timedelta(milliseconds=1)
_LABELS = {"year": "%Y", "month": "%Y-%m"}


class Stretch(msgspec.Struct, frozen=True, order=True):
    """A place and category in a year or month, clipped to what is asked and to now: one question to the archive."""

    label: str
    source: Source
    span: Span

    @property
    def last_instant(self) -> datetime:
        """The last instant in it: the service counts the whole day of the end that it is sent."""
        return self.span.end - _MILLISECOND


class ArchivedFormat(Row, frozen=True, kw_only=True):
    """Files of one kind that lie in the archive; `average_coverage` is the share of their days that they cover."""

    data_product_code: str
    extension: str
    file_count: int | None = None
    bytes: int | None = None
    average_coverage: float | None = None


class DeliveredProduct(Row, frozen=True, kw_only=True):
    """A product and the formats it can be delivered in."""

    data_product_code: str
    data_product_name: str
    extensions: tuple[str, ...]


class CoverageRow(Row, frozen=True, kw_only=True):
    """What there is from an instrument at a place in a year or month.

    `data` is `archived` when files lie in the archive, `on request` when none are listed but products can be made from
    what was recorded, and `none`. `deployed_days` counts the time it was there, within what was asked.
    """

    period: str
    begin: datetime
    end: datetime
    location_code: str
    location_name: str
    device_category_code: str
    device_code: str
    deployed_days: float
    data: Evidence
    file_count: int
    bytes: int
    archived: tuple[ArchivedFormat, ...]
    products: tuple[DeliveredProduct, ...]


def stretches(sites: Sequence[Deployment], asked: Span | None, step: Step, now: datetime) -> list[Stretch]:
    """Gives what the archive has to be asked: a question per place, category and year or month with a deployment."""
    found: dict[tuple[str, Source], Stretch] = {}
    for one in sites:
        source = pair_of(one)
        there = span_of(one).clip(Span(one.begin, now))
        for piece in split_span(there if asked is None else there.clip(asked), step):
            label = piece.begin.strftime(_LABELS[step])
            known = found.get((label, source))
            whole = Span(min(known.span.begin, piece.begin), max(known.span.end, piece.end)) if known else piece
            found[label, source] = Stretch(label, source, whole)
    return sorted(found.values())


def pair_of(one: Deployment) -> Source:
    """Gives the place and category of a deployment, its device where the category is not known."""
    if not one.device_category_code:
        return Source(device_code=one.device_code)
    return Source(location_code=one.location_code, device_category_code=one.device_category_code)


def coverage_rows(
    sites: Sequence[Deployment],
    archived: Iterable[tuple[Stretch, Sequence[Availability]]],
    products: Mapping[Source, Sequence[DataProduct]],
    tree: PlaceTree,
    filters: Filters,
) -> list[CoverageRow]:
    """Gives a row per year or month, place, category and device, in this order.

    Rows that offer nothing of the products asked for are left out; without such a filter a row without data says so.
    """
    rows = []
    for stretch, answer in archived:
        offered = [one for one in products.get(stretch.source, ()) if one.has_device_data and is_wanted(one, filters)]
        files = [one for one in answer if (one.file_count or 0) > 0 and _is_wanted_file(one, offered, filters)]
        for device in _devices(stretch, sites, files):
            row = _row(stretch, device, sites, files, offered, tree)
            if not filters.names_products or row.data != "none":
                rows.append(row)
    rows = [row for row in rows if is_named(filters.name, row.location_name, row.device_code)]
    return sorted(rows, key=lambda row: (row.period, row.location_code, row.device_category_code, row.device_code))


def _is_wanted_file(one: Availability, offered: Sequence[DataProduct], filters: Filters) -> bool:
    """Whether files fit the filters on products; the name of theirs is known from the listing."""
    if filters.data_product_names and one.data_product_code not in {known.data_product_code for known in offered}:
        return False
    return (not filters.data_product_codes or one.data_product_code in filters.data_product_codes) and (
        not filters.extensions or one.extension in filters.extensions
    )


def _devices(stretch: Stretch, sites: Sequence[Deployment], files: Sequence[Availability]) -> list[str]:
    """Gives the devices that were there, and those that files are from; files without a device are the only one's."""
    there = {one.device_code for one in _there(stretch, sites)}
    unknown = {""} if len(there) != 1 and any(one.device_code is None for one in files) else set()
    return sorted(there | {one.device_code for one in files if one.device_code} | unknown)


def _there(stretch: Stretch, sites: Sequence[Deployment]) -> list[Deployment]:
    return [one for one in sites if pair_of(one) == stretch.source and span_of(one).overlaps(stretch.span)]


def _row(
    stretch: Stretch,
    device: str,
    sites: Sequence[Deployment],
    files: Sequence[Availability],
    offered: Sequence[DataProduct],
    tree: PlaceTree,
) -> CoverageRow:
    there = _there(stretch, sites)
    own = [one for one in there if one.device_code == device]
    is_only = len({one.device_code for one in there}) == 1
    its = [one for one in files if one.device_code == device or (one.device_code is None and (is_only or not device))]
    times = merge_spans(span_of(one).clip(stretch.span) for one in own)
    delivered = _delivered(offered) if any(one.has_device_data for one in own) or its else ()
    place = stretch.source.location_code or next((one.location_code for one in own), "")
    return CoverageRow(
        period=stretch.label,
        begin=times[0].begin if times else stretch.span.begin,
        end=times[-1].end if times else stretch.span.end,
        location_code=place,
        location_name=tree.names.get(place, ""),
        device_category_code=stretch.source.device_category_code,
        device_code=device,
        deployed_days=round(sum((time.end - time.begin).total_seconds() for time in times) / 86_400, 2),
        data="archived" if its else "on request" if delivered else "none",
        file_count=sum(one.file_count or 0 for one in its),
        bytes=sum(one.delivered_size or one.stored_size or 0 for one in its),
        archived=_archived(its),
        products=delivered,
    )


def _archived(files: Sequence[Availability]) -> tuple[ArchivedFormat, ...]:
    found = [
        ArchivedFormat(
            data_product_code=one.data_product_code,
            extension=one.extension or "",
            file_count=one.file_count,
            bytes=one.delivered_size or one.stored_size,
            average_coverage=one.average_coverage,
        )
        for one in files
    ]
    return tuple(sorted(found, key=lambda one: (one.data_product_code, one.extension)))


def _delivered(offered: Sequence[DataProduct]) -> tuple[DeliveredProduct, ...]:
    by_code: dict[str, list[DataProduct]] = {}
    for product in offered:
        by_code.setdefault(product.data_product_code, []).append(product)
    return tuple(
        DeliveredProduct(
            data_product_code=code,
            data_product_name=found[0].data_product_name,
            extensions=tuple(sorted({product.extension for product in found})),
        )
        for code, found in sorted(by_code.items())
    )
