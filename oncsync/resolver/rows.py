"""Exact requests, as a row of the workbook gives them: they are sent as they are written, whatever discovery says.

What discovery says is added for the reader (names, positions, citation, the defaults of options that are left out), and
what it says otherwise becomes a remark: the service itself decides (R61, I-22).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from oncsync.api.records import DataProduct
from oncsync.errors import Problem, ServiceError
from oncsync.lockfile import LockedRequest, product_digest, request_id
from oncsync.manifest import Download, Manifest, Request, effective_split
from oncsync.resolver.about import Columns, describe_site
from oncsync.resolver.asked import describe_future, entry_span
from oncsync.resolver.earlier import Earlier
from oncsync.resolver.findings import TooManyError, where
from oncsync.resolver.options import (
    ChosenProduct,
    check_options,
    describes_options,
    listed_defaults,
    pair_of,
    pinned_defaults,
)
from oncsync.resolver.requests import Cut, Site, TooManyChunksError, cut_chunks
from oncsync.resolver.spans import moving_bounds
from oncsync.resolver.survey import Survey
from oncsync.spelling import enumerate_codes, suggest
from oncsync.timespan import Span, TimeTextError, format_instant

MANY_HINT = "split into longer pieces"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What discovery says about the source of a row: its deployments at any time, its products."""

    sites: list[Site]
    listing: list[DataProduct]
    describe: Callable[[Site, ChosenProduct], Columns]


class RowDesk:
    """Asks about the sources of all rows, each question once, several at a time."""

    def __init__(self, survey: Survey, requests: Sequence[Request], now: datetime) -> None:
        self._survey = survey
        self._now = now
        self._requests = [request for request in requests if request.download]
        places = {one.location_code for one in self._requests}
        categories = {one.device_category_code for one in self._requests}
        self._asks_by_category = len(categories) <= len(places)
        self._known: list[Site] | None = None

    def facts(self, request: Request) -> Facts:
        """Gives what discovery says about one row; raises what asking raises."""
        if self._known is None:
            self._survey.in_parallel(self._try, self._requests)
            self._known = list({site for one in self._requests for site in self._known_sites(one)})
        listing = self._survey.listing(source_of(request))
        sites = [site.seen_from(self._now) for site in self._sites(request)]
        method = "byDevice" if request.device_code else "byLocation"
        return Facts(sites=sites, listing=listing, describe=describe_site(method, self._survey, self._known))

    def _try(self, request: Request) -> None:
        """Asks ahead; what went wrong is remembered, and told where the answer is needed."""
        self._known_sites(request)
        _none_if_refused(lambda: self._survey.listing(source_of(request)))

    def _known_sites(self, request: Request) -> list[Site]:
        return _none_if_refused(lambda: self._sites(request)) or []

    def _sites(self, request: Request) -> list[Site]:
        survey = self._survey
        if request.device_code:
            return survey.sites_by_device(request.device_code)
        place, category = request.location_code or "", request.device_category_code
        if category is None:
            return survey.sites_measuring(place, request.property_code or "")
        if self._asks_by_category:
            return [site for site in survey.sites_by_category(category) if site.location_code == place]
        return [site for site in survey.sites_by_location(place) if site.device_category_code == category]


def _none_if_refused(ask: Callable[[], list[Site] | list[DataProduct]]) -> list[Site] | None:
    try:
        return [one for one in ask() if isinstance(one, Site)]
    except ServiceError:
        return None


def source_of(request: Request) -> dict[str, str]:
    """Gives what names the instrument of a row, in ONC's spelling."""
    codes = {
        "locationCode": request.location_code,
        "deviceCategoryCode": request.device_category_code,
        "propertyCode": request.property_code,
        "deviceCode": request.device_code,
    }
    return {key: code for key, code in codes.items() if code}


class RowLine(msgspec.Struct, frozen=True):
    """What a row became, and what discovery says otherwise."""

    locked: LockedRequest
    remarks: tuple[str, ...] = ()


def resolve_row(
    request: Request,
    manifest: Manifest,
    facts: Facts | None,
    survey: Survey,
    now: datetime,
    earlier: Earlier,
    *,
    allow_many: bool = False,
) -> RowLine:
    """Gives a row as it is written, with what is known about it; one that is switched off has no chunks.

    Without `facts` it is described as in `earlier`. A row that is off may have no end; its line has none either, so
    that the clock does not change it. Raises `EntryError` for a span that means nothing, or too many chunks.
    """
    cut = Cut(*effective_split(manifest.settings, request), allow_many)
    span = entry_span(request, cut, now)
    end = None if moving_bounds(request.begin, request.end)[1] and not request.download else span.end
    source = source_of(request)
    remarks = describe_future(request, span, now) if request.download else []
    before = earlier.lines[0] if earlier.lines else None
    listed = _listed(request, facts) if facts is not None else None
    options, defaults = _options(request, listed, source, earlier)
    product = product_digest(source, request.data_product_code, request.extension, options)
    try:
        chunks = cut_chunks(product, [span], cut) if request.download else ()
    except (TooManyChunksError, TimeTextError) as error:
        problem = Problem(where(request, "splitDateRange"), f"`{request.name}`: {error}", MANY_HINT)
        raise TooManyError(problem) from None
    locked = LockedRequest(
        id=request_id(product, span.begin, end),
        source=source,
        data_product_code=request.data_product_code,
        extension=request.extension,
        begin=span.begin,
        end=end,
        split=cut.split,
        day_of_week=cut.day_of_week,
        options=dict(sorted(options.items())),
        defaults=dict(sorted(defaults.items())),
        download=request.download,
        chunks=chunks,
    )
    if facts is None:
        return RowLine(_described_as(locked, before), tuple(remarks))
    remarks += _disagreements(request, facts, listed, span, survey)
    return RowLine(_described(locked, request, facts, listed, span), tuple(remarks))


def _listed(request: Request, facts: Facts) -> DataProduct | None:
    pair = f"{request.data_product_code}/{request.extension}"
    found = [product for product in facts.listing if pair_of(product) == pair]
    return min(found, key=lambda one: (-len(one.options), msgspec.json.encode(one))) if found else None


def _options(
    request: Request, listed: DataProduct | None, source: dict[str, str], earlier: Earlier
) -> tuple[dict[str, str], dict[str, str]]:
    """Gives the options to send as they are written, with the pinned ones if there are any; and the defaults."""
    written = dict(request.options)
    if not request.pin_options:
        return written, listed_defaults(listed, written) if listed is not None else {}
    kept = earlier.pinned(source, request.data_product_code, request.extension)
    if listed is None:
        pinned = {key: value for key, value in (kept or {}).items() if key not in written}
    else:
        pinned = pinned_defaults(listed, written, kept)
    return {**pinned, **written}, pinned


def _described_as(locked: LockedRequest, before: LockedRequest | None) -> LockedRequest:
    """Gives a line with the description it had before."""
    if before is None:
        return locked
    return msgspec.structs.replace(
        locked,
        defaults=before.defaults if before.options == locked.options else locked.defaults,
        about=before.about,
        citation=before.citation,
        doi=before.doi,
    )


def _described(
    locked: LockedRequest, request: Request, facts: Facts, listed: DataProduct | None, span: Span
) -> LockedRequest:
    """Gives a line with the columns of the first deployment in its span; the devices of all are named (I-22)."""
    there = _in_span(facts.sites, span)
    product = ChosenProduct(
        code=request.data_product_code,
        name=listed.data_product_name if listed else "",
        extension=request.extension,
        help_document=(listed.help_document if listed else None) or "",
        options={},
        defaults={},
    )
    site = there[0] if there else _no_site(request, span)
    columns = {key: value if value != "" else None for key, value in facts.describe(site, product).items()}
    devices = sorted({one.device_code for one in there})
    if "deviceCode" in columns and len(devices) > 1:
        columns["deviceCode"] = ", ".join(devices)
    return msgspec.structs.replace(
        locked,
        about=columns,
        citation=there[0].citation if len(there) == 1 else None,
        doi=there[0].doi if len(there) == 1 else None,
    )


def _in_span(sites: Iterable[Site], span: Span) -> list[Site]:
    there = {site for site in sites if not site.clipped(span).is_empty}
    return sorted(there, key=lambda one: (one.begin, one.device_code, msgspec.json.encode(one)))


def _no_site(request: Request, span: Span) -> Site:
    """Gives what is known of a row's source when nothing was deployed there."""
    return Site(
        location_code=request.location_code or "",
        device_category_code=request.device_category_code or "",
        device_code=request.device_code or "",
        begin=span.begin,
        end=span.end,
    )


# --- What discovery says otherwise -----------------------------------------------------------------------------


def _disagreements(request: Request, facts: Facts, listed: DataProduct | None, span: Span, survey: Survey) -> list[str]:
    """Says what discovery knows otherwise; a row that is off asks for nothing, so nothing is said."""
    if not request.download:
        return []
    told = _unknown_codes(request, facts, survey)
    if not told:
        told = _describe_absence(request, facts.sites, span)
        told += _describe_product(request, facts, listed)
    return [f"{text}. It is kept and asked for as it is written" for text in told]


def _unknown_codes(request: Request, facts: Facts, survey: Survey) -> list[str]:
    """Says which codes of a row ONC does not know, with the nearest; asked only when it found nothing."""
    if facts.sites and facts.listing:
        return []
    told = []
    for key, code, known in (
        ("locationCode", request.location_code, lambda: survey.tree().names),
        ("deviceCategoryCode", request.device_category_code, lambda: survey.category_names()),
        ("propertyCode", request.property_code, lambda: survey.property_names()),
        ("deviceCode", request.device_code, lambda: survey.all_devices()),
    ):
        if code is None or code in (names := known()) or (key == "locationCode" and survey.has_place(code)):
            continue
        hint = suggest(code, list(names))
        told.append(f"ONC knows no {key} `{code}`" + (f" ({hint})" if hint else ""))
    return told


def _describe_absence(request: Request, sites: Sequence[Site], span: Span) -> list[str]:
    what = " ".join(source_of(request).values())
    if not sites:
        return [f"nothing was ever deployed for {what}"]
    if _in_span(sites, span):
        return []
    ends = [site.end for site in sites if site.end is not None]
    last = format_instant(max(ends)) if len(ends) == len(sites) else "today"
    between = f"{format_instant(min(site.begin for site in sites))} and {last}"
    return [f"nothing was deployed for {what} in its span: the deployments lie between {between}"]


def _describe_product(request: Request, facts: Facts, listed: DataProduct | None) -> list[str]:
    if listed is None:
        code = request.data_product_code
        formats = {product.extension for product in facts.listing if product.data_product_code == code}
        products = {product.data_product_code for product in facts.listing}
        if formats:
            return [
                f"there is no `{code}` as `{request.extension}` there; these formats exist: {enumerate_codes(formats)}"
            ]
        there = f"; these exist: {enumerate_codes(products)}" if products else ""
        return [f"the data product `{code}` does not exist there{there}"]
    if not describes_options(facts.listing):
        return []
    as_download = Download(name=request.name, options={"": request.options})
    problems = check_options([listed], as_download)
    prefix = f"`{request.name}`: "
    return [
        problem.message.removeprefix(prefix) + (f" ({problem.hint})" if problem.hint else "") for problem in problems
    ]
