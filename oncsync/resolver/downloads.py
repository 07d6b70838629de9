"""One entry of `downloads:` to its requests: deployments, products and options, spans, chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from oncsync.api.records import DataProduct
from oncsync.errors import Problem
from oncsync.lockfile import LockedRequest, sort_requests
from oncsync.manifest import Download, Manifest, Request, effective_split
from oncsync.resolver.about import describe_site
from oncsync.resolver.findings import EntryError, Remark, enumerate_codes, where
from oncsync.resolver.products import (
    check_options,
    choose_products,
    codes_of,
    describes_options,
    explain_no_product,
    impossible_pairs,
    uneven_options,
    with_options,
)
from oncsync.resolver.requests import Cut, Site, TooManyChunksError, build_requests, check_count, mark_repeats
from oncsync.resolver.selection import select_sites, unknown_codes
from oncsync.resolver.spans import describe_widening, evaluate_span
from oncsync.resolver.survey import Survey
from oncsync.timespan import Span, TimeTextError, format_instant

NOT_YET: dict[str, Callable[[Download], bool]] = {
    "events": lambda download: download.events is not None,
    "near": lambda download: download.near is not None,
    "pinOptions": lambda download: download.pin_options,
    "service": lambda download: download.service != "dataProductDelivery",
}
"""Keys that are valid in a manifest but that this version cannot honour; it says so instead of passing them over."""

Source = tuple[tuple[str, str], ...]
"""What names an instrument in a request, in ONC's spelling: place and category, or device, and the property if any."""


class Resolved(msgspec.Struct, frozen=True):
    """What an entry became, and what a person should know about it."""

    requests: tuple[LockedRequest, ...]
    remarks: tuple[Remark, ...] = ()
    is_quiet: bool = False
    """Whether nothing was deployed in the span, though something was at another time."""
    lost: tuple[str, ...] = ()
    """Instruments that are still there, whose products the service suddenly does not list: their lines were kept."""


class _Gathering:
    """What comes together while the instruments of one entry are gone through; `before` are its previous lines."""

    def __init__(self, before: Iterable[LockedRequest]) -> None:
        self.remarks: list[str] = []
        self.lost: list[str] = []
        self._before: dict[frozenset[tuple[str, str]], list[LockedRequest]] = {}
        for request in before:
            self._before.setdefault(frozenset(request.source.items()), []).append(request)

    def keep_lost(
        self, sources: Iterable[Source], listings: Sequence[Sequence[DataProduct]]
    ) -> dict[Source, list[LockedRequest]]:
        """Gives the previous lines of instruments without any listed product, and tells of those and of the others."""
        without = [source for source, listing in zip(sources, listings, strict=True) if not listing]
        kept = {source: self._before[frozenset(source)] for source in without if frozenset(source) in self._before}
        self.lost += [_name(source) for source in kept]
        never = [_name(source) for source in without if source not in kept]
        if never:
            self.remarks.append(f"no data product is listed for {enumerate_codes(never)}, left out")
        return kept


def resolve_download(
    download: Download, manifest: Manifest, survey: Survey, now: datetime, before: Iterable[LockedRequest] = ()
) -> Resolved:
    """Gives the requests that a download means at `now`; raises `EntryError`, and what asking the service raises.

    `before` are the entry's lines of the same meaning in the lock that stands.
    """
    refuse_what_is_not_there_yet(download, [key for key, is_used in NOT_YET.items() if is_used(download)])
    cut = Cut(*effective_split(manifest.settings, download))
    span = entry_span(download, cut, now)
    sites = select_sites(download, survey)
    present = [site for site in sites if not site.clipped(span).is_empty]
    if not present:
        when = f"{format_instant(span.begin)} to {format_instant(span.end)}"
        remark = f"nothing was deployed from {when} (exclusive): {_when(sites)}"
        return Resolved((), (Remark(download.name, remark),), is_quiet=True)
    methods = ("byLocation", "byDevice") if download.download_method == "all" else (download.download_method,)
    widening = describe_widening(download.begin or "", download.end, cut.split, span, now)
    gathering = _Gathering(before)
    gathering.remarks += [widening] if widening else []
    try:
        found = {method: _resolve_method(method, download, present, survey, span, cut, gathering) for method in methods}
    except (TooManyChunksError, TimeTextError) as error:
        hint = "split into longer pieces, or narrow the span or the filters"
        raise EntryError(Problem(where(download, "splitDateRange"), f"`{download.name}`: {error}", hint)) from None
    by_location, by_device = found.get("byLocation", []), found.get("byDevice", [])
    requests = sort_requests([*by_location, *mark_repeats(by_device, by_location)])
    remarks = tuple(Remark(download.name, text) for text in dict.fromkeys(gathering.remarks))
    return Resolved(requests, remarks, lost=tuple(dict.fromkeys(gathering.lost)))


def entry_span(entry: Download | Request, cut: Cut, now: datetime) -> Span:
    """Gives the span an entry means at `now`; raises `EntryError` when it has none."""
    try:
        return evaluate_span(entry.begin or "", entry.end, cut.split, cut.day_of_week, now)
    except TimeTextError as error:
        raise EntryError(Problem(where(entry, "begin"), f"`{entry.name}`: {error}")) from None


def refuse_what_is_not_there_yet(entry: Download | Request, keys: Iterable[str]) -> None:
    """Raises `EntryError` for keys of an entry that this version cannot honour."""
    problems = [
        Problem(where(entry, key), f"`{entry.name}`: this version of oncsync cannot resolve `{key}` yet")
        for key in keys
    ]
    if problems:
        raise EntryError(*problems)


def _when(sites: Sequence[Site]) -> str:
    first = min(site.begin for site in sites)
    ends = [site.end for site in sites if site.end is not None]
    last = format_instant(max(ends)) if len(ends) == len(sites) else "today"
    return f"the deployments that match lie between {format_instant(first)} and {last}"


def _resolve_method(
    method: str,
    download: Download,
    sites: Sequence[Site],
    survey: Survey,
    span: Span,
    cut: Cut,
    gathering: _Gathering,
) -> list[LockedRequest]:
    by_source = _group_by_source(method, download, sites)
    listings = survey.in_parallel(survey.listing, [dict(source) for source in by_source])
    chosen = _choose(download, listings, survey, gathering.remarks)
    kept = gathering.keep_lost(by_source, listings)
    describe = describe_site(method, survey, sites)
    is_described = describes_options(product for products in chosen for product in products)
    requests: list[LockedRequest] = [request for requests in kept.values() for request in requests]
    count = sum(len(request.chunks) for request in requests)
    for (source, group), products in zip(by_source.items(), chosen, strict=True):
        for product in (with_options(product, download, is_described=is_described) for product in products):
            about = [describe(site, product) for site in group]
            built = build_requests(group, span, dict(source), product, cut, about)
            count += sum(len(request.chunks) for request in built)
            check_count(count)
            requests += built
    return requests


def _name(source: Source) -> str:
    return " ".join(code for _, code in source)


def _choose(
    download: Download, listings: Sequence[Sequence[DataProduct]], survey: Survey, remarks: list[str]
) -> list[list[DataProduct]]:
    """Gives the products of each listing that the entry means; raises `EntryError` when it means none of any."""
    chosen = [choose_products(listing, download) for listing in listings]
    problems = _unknown_products(download, listings, survey)
    if problems:
        raise EntryError(*problems)
    if not any(chosen):
        raise EntryError(explain_no_product(listings, download))
    together = [product for products in chosen for product in products]
    problems = check_options(together, download)
    if problems:
        raise EntryError(*problems)
    missing = impossible_pairs(listings, download)
    if missing:
        remarks.append(f"these do not exist there and are left out: {', '.join(missing)}")
    remarks += uneven_options(together, download)
    return chosen


def _unknown_products(download: Download, listings: Sequence[Sequence[DataProduct]], survey: Survey) -> list[Problem]:
    """Gives the products and extensions that ONC knows nowhere; asks for the whole list only when one is not there."""
    codes, extensions = codes_of(product for listing in listings for product in listing)
    named = {*download.extensions, *download.prefer}
    if codes.issuperset(download.data_product_codes) and extensions.issuperset(named):
        return []
    all_codes, all_extensions = codes_of(survey.all_products())
    return [
        *unknown_codes(download, "dataProductCode", download.data_product_codes, codes | all_codes),
        *unknown_codes(download, "extension", download.extensions, extensions | all_extensions),
        *unknown_codes(download, "prefer", download.prefer, extensions | all_extensions),
    ]


def _group_by_source(method: str, download: Download, sites: Sequence[Site]) -> dict[Source, list[Site]]:
    """Gives the deployments by what names them in a request."""
    groups: dict[Source, list[Site]] = {}
    properties = _properties(download)
    for site in sites:
        source: Source = (
            (("deviceCode", site.device_code),)
            if method == "byDevice"
            else (("locationCode", site.location_code), ("deviceCategoryCode", site.device_category_code))
        )
        for code in properties:
            groups.setdefault(source if code is None else (*source, ("propertyCode", code)), []).append(site)
    return groups


def _properties(download: Download) -> Sequence[str | None]:
    """Gives the properties to ask for, each by itself; None stands for not naming any."""
    if not download.property_codes:
        return [None]
    wanted = sorted(set(download.property_codes) - set(download.exclude.get("propertyCode", ())))
    if not wanted:
        message = f"`{download.name}` excludes every property that it names"
        raise EntryError(Problem(where(download, "exclude"), message, "leave one of them, or both keys out"))
    return wanted
