"""One entry of `downloads:` to its requests: deployments, products and options, spans, chunks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from oncsync.api.records import DataProduct
from oncsync.errors import Problem
from oncsync.listings import EntryListing
from oncsync.lockfile import LockedRequest, sort_requests
from oncsync.manifest import Download, Manifest, effective_split
from oncsync.resolver.about import describe_site
from oncsync.resolver.asked import Asked, what_is_asked
from oncsync.resolver.earlier import Earlier
from oncsync.resolver.findings import EntryError, Remark, TooManyError, where
from oncsync.resolver.near import describe_unplaced, sites_near
from oncsync.resolver.options import (
    ChosenProduct,
    check_options,
    describes_options,
    pair_of,
    uneven_options,
    unpinnable,
    with_options,
)
from oncsync.resolver.products import (
    choose_products,
    codes_of,
    describe_existing,
    explain_no_product,
    impossible_pairs,
)
from oncsync.resolver.requests import Cut, Site, TooManyChunksError, build_requests, check_count, mark_repeats
from oncsync.resolver.selection import select_sites, unknown_codes
from oncsync.resolver.survey import Survey
from oncsync.spelling import enumerate_codes, suggest
from oncsync.timespan import TimeTextError, format_instant

MANY_HINT = "every chunk is an order of its own: split into longer pieces, or narrow the span or the filters"

MOST_ASKED_FOR_A_MESSAGE = 8

Source = tuple[tuple[str, str], ...]
"""What names an instrument in a request, in ONC's spelling: place and category, or device, and the property if any."""


class Unheard(msgspec.Struct, frozen=True):
    """Says what could not be learned of one instrument; `kept` tells whether it has lines all the same."""

    message: str
    hint: str | None
    kept: bool


class Resolved(msgspec.Struct, frozen=True):
    """What an entry became, and what a person should know about it."""

    requests: tuple[LockedRequest, ...]
    remarks: tuple[Remark, ...] = ()
    is_quiet: bool = False
    """Whether nothing was deployed in the span, though something was at another time."""
    lost: tuple[str, ...] = ()
    """Instruments that are still there, whose products the service suddenly does not list: their lines were kept."""
    unheard: tuple[Unheard, ...] = ()
    is_partial: bool = False
    """Whether instruments are missing altogether, so that the entry has to be resolved again."""
    listing: EntryListing | None = None
    """What was listed of archive files, to be remembered when the lock is written."""


class _Gathering:
    """What comes together while the instruments of one entry are gone through."""

    def __init__(self, earlier: Earlier) -> None:
        self.earlier = earlier
        self.remarks: list[str] = []
        self.lost: list[str] = []
        self._before: dict[frozenset[tuple[str, str]], list[LockedRequest]] = {}
        for request in earlier.lines:
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

    def choose_options(
        self, source: Source, product: DataProduct, download: Download, *, is_described: bool
    ) -> ChosenProduct:
        """Gives a product with the options to send, those that were pinned before in the place of today's."""
        kept = self.earlier.pinned(dict(source), product.data_product_code, product.extension)
        chosen = with_options(product, download, is_described=is_described, kept=kept)
        if not download.pin_options:
            return chosen
        today = with_options(product, download, is_described=is_described)
        if today.options != chosen.options:
            changed = enumerate_codes(
                key for key in {*today.options, *chosen.options} if today.options.get(key) != chosen.options.get(key)
            )
            self.remarks.append(
                f"ONC's defaults for {changed} of {pair_of(product)} are others by now; the pinned ones stay,"
                " `oncsync resolve --upgrade` takes those of today"
            )
        for key in unpinnable(product, chosen.options):
            self.remarks.append(f"`{key}` of {pair_of(product)} cannot be pinned: write it under `options`")
        return chosen


def resolve_download(
    download: Download,
    manifest: Manifest,
    survey: Survey,
    now: datetime,
    earlier: Earlier | None = None,
    *,
    allow_many: bool = False,
) -> Resolved:
    """Gives the requests that a download means at `now`; raises `EntryError`, and what asking the service raises.

    `earlier` is what the lock that stands knows of the entry; `allow_many` lets it have any number of chunks.
    """
    cut = Cut(*effective_split(manifest.settings, download), allow_many)
    asked = what_is_asked(download, manifest.path, survey, cut, now)
    if asked.span is None:
        return Resolved((), _remarks(download, asked.remarks))
    found = select_sites(asked.download, survey)
    sites = [site.seen_from(now) for site in sites_near(download, found)]
    present = [site for site in sites if asked.pieces(site)]
    if not present:
        return Resolved((), _remarks(download, [*asked.remarks, describe_absence(asked, sites)]), is_quiet=True)
    gathering = _Gathering(earlier or Earlier())
    gathering.remarks += asked.remarks
    gathering.remarks += describe_unplaced(download, (site for site in found if asked.pieces(site)))
    gathering.remarks += asked.describe_missed(sites)
    methods = ("byLocation", "byDevice") if download.download_method == "all" else (download.download_method,)
    try:
        made = {method: _resolve_method(method, asked, present, survey, cut, gathering) for method in methods}
    except (TooManyChunksError, TimeTextError) as error:
        problem = Problem(where(download, "splitDateRange"), f"`{download.name}`: {error}", MANY_HINT)
        raise TooManyError(problem) from None
    by_location, by_device = made.get("byLocation", []), made.get("byDevice", [])
    requests = sort_requests([*by_location, *mark_repeats(by_device, by_location)])
    lost = tuple(dict.fromkeys(gathering.lost))
    return Resolved(requests, _remarks(download, gathering.remarks), lost=lost)


def _remarks(download: Download, texts: Iterable[str]) -> tuple[Remark, ...]:
    return tuple(Remark(download.name, text) for text in dict.fromkeys(texts))


def describe_absence(asked: Asked, sites: Sequence[Site]) -> str:
    """Says that nothing was deployed when it was asked for, and when it was."""
    assert asked.span is not None
    first = min(site.begin for site in sites)
    ends = [site.end for site in sites if site.end is not None]
    last = format_instant(max(ends)) if len(ends) == len(sites) else "today"
    when = f"{format_instant(asked.span.begin)} to {format_instant(asked.span.end)} (exclusive)"
    span = f"from {when}" if asked.windows is None else f"during any event from {when}"
    return f"nothing was deployed {span}: the deployments that match lie between {format_instant(first)} and {last}"


def _resolve_method(
    method: str, asked: Asked, sites: Sequence[Site], survey: Survey, cut: Cut, gathering: _Gathering
) -> list[LockedRequest]:
    download = asked.download
    by_source = _group_by_source(method, download, sites)
    listings = survey.in_parallel(survey.listing, [dict(source) for source in by_source])
    chosen = _choose(download, list(by_source), listings, survey, gathering.remarks)
    kept = gathering.keep_lost(by_source, listings)
    describe = describe_site(method, survey, sites)
    is_described = describes_options(product for products in chosen for product in products)
    requests: list[LockedRequest] = [request for requests in kept.values() for request in requests]
    count = sum(len(request.chunks) for request in requests)
    for (source, group), products in zip(by_source.items(), chosen, strict=True):
        pieces = [piece for site in group for piece in asked.pieces(site)]
        for product in products:
            with_its_options = gathering.choose_options(source, product, download, is_described=is_described)
            built = build_requests(pieces, dict(source), with_its_options, cut, describe)
            count += sum(len(request.chunks) for request in built)
            check_count(count, cut)
            requests += built
    return requests


def _name(source: Source) -> str:
    return " ".join(code for _, code in source)


def _choose(
    download: Download,
    sources: Sequence[Source],
    listings: Sequence[Sequence[DataProduct]],
    survey: Survey,
    remarks: list[str],
) -> list[list[DataProduct]]:
    """Gives the products of each listing that the entry means; raises `EntryError` when it means none of any."""
    chosen = [choose_products(listing, download) for listing in listings]
    problems = _unknown_products(download, listings, survey)
    if problems:
        raise EntryError(*problems)
    if not any(chosen):
        measured = _measured_there(download, sources, survey) if not any(listings) else frozenset()
        raise EntryError(explain_no_product(listings, download, measured))
    together = [product for products in chosen for product in products]
    problems = check_options(together, download)
    if problems:
        raise EntryError(*problems)
    missing = impossible_pairs(listings, download)
    if missing:
        exist = describe_existing(listings, download)
        remarks.append(f"{exist}; these do not exist there and are left out: {', '.join(missing)}")
    remarks += uneven_options(together, download)
    return chosen


def _measured_there(download: Download, sources: Sequence[Source], survey: Survey) -> frozenset[str]:
    """Gives the properties that the instruments of an entry measure, for a message only; a few are asked."""
    if not download.property_codes:
        return frozenset()
    bare = dict.fromkeys(tuple(one for one in source if one[0] != "propertyCode") for source in sources)
    asked = [dict(source) for source in list(bare)[:MOST_ASKED_FOR_A_MESSAGE]]
    return frozenset(code for answer in survey.in_parallel(survey.properties_of, asked) for code in answer)


def _unknown_products(download: Download, listings: Sequence[Sequence[DataProduct]], survey: Survey) -> list[Problem]:
    """Gives the products and extensions that ONC knows nowhere; asks for the whole list only when one is not there."""
    listed = [product for listing in listings for product in listing]
    codes, extensions = codes_of(listed)
    dropped_codes = download.exclude.get("dataProductCode", ())
    dropped_extensions = download.exclude.get("extension", ())
    strange_names = [name for name in download.data_product_names if not names_any(name, listed)]
    named = {*download.extensions, *download.prefer, *dropped_extensions}
    is_known = codes.issuperset({*download.data_product_codes, *dropped_codes}) and extensions.issuperset(named)
    if is_known and not strange_names:
        return []
    everything = survey.all_products()
    all_codes, all_extensions = codes_of(everything)
    return [
        *unknown_codes(download, "dataProductCode", download.data_product_codes, codes | all_codes),
        *unknown_codes(download, "dataProductCode", dropped_codes, codes | all_codes, at="exclude"),
        *unknown_codes(download, "extension", download.extensions, extensions | all_extensions),
        *unknown_codes(download, "extension", dropped_extensions, extensions | all_extensions, at="exclude"),
        *unknown_codes(download, "extension", download.prefer, extensions | all_extensions, at="prefer"),
        *(unknown_name(download, name, everything) for name in strange_names if not names_any(name, everything)),
    ]


def names_any(name: str, products: Iterable[DataProduct]) -> bool:
    """Whether the name of some product holds the words, without regard to case."""
    return any(name.casefold() in product.data_product_name.casefold() for product in products)


def unknown_name(download: Download, name: str, products: Iterable[DataProduct]) -> Problem:
    """Gives the problem of a name that no product has."""
    hint = suggest(name, {product.data_product_name for product in products if product.data_product_name})
    message = f"`{download.name}`: no data product of ONC is called `{name}`"
    return Problem(where(download, "dataProductName"), message, hint)


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
