"""Manifest and discovery to lock: each entry on its own, in a fixed order.

An entry that cannot be asked, or that suddenly matches nothing, keeps its previous lines and is reported (exit 3).
Unknown codes, and filters that never matched anything, stop everything before the lock is touched (exit 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from oncsync.api.session import Session
from oncsync.errors import Problem, ProblemsError, ServiceError, UnreachableError
from oncsync.lockfile import Lock, LockEntry, digest, product_digest, request_id, sort_entries, sort_requests
from oncsync.lockfile.records import LockedRequest
from oncsync.manifest import Download, Manifest, Request, effective_split, entry_digest
from oncsync.resolver.about import describe_site
from oncsync.resolver.findings import EntryError, Remark, VanishedError, where
from oncsync.resolver.products import check_options, choose_products, explain_no_product, impossible_pairs, with_options
from oncsync.resolver.requests import Cut, Site, build_requests, check_count, cut_chunks, mark_repeats
from oncsync.resolver.selection import select_sites
from oncsync.resolver.survey import Survey
from oncsync.timespan import Span, TimeTextError, evaluate_bounds, format_instant, is_relative, snap_outward

NOT_YET: dict[str, Callable[[Download], bool]] = {
    "events": lambda download: download.events is not None,
    "near": lambda download: download.near is not None,
    "pinOptions": lambda download: download.pin_options,
    "service": lambda download: download.service != "dataProductDelivery",
}
"""Keys that are valid in a manifest but that this version cannot honour; it says so instead of passing them over."""


class Failure(msgspec.Struct, frozen=True):
    """An entry that was not resolved this time. `kept` tells whether its previous lines stand."""

    entry: str
    error: str
    hint: str | None
    kept: bool


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A new lock with what there is to say about it."""

    lock: Lock
    remarks: tuple[Remark, ...] = ()
    failures: tuple[Failure, ...] = ()


def resolve_manifest(manifest: Manifest, session: Session, now: datetime, previous: Lock | None) -> Resolution:
    """Gives the lock that `manifest` means at `now` (a UTC instant).

    Raises `ProblemsError` for what a person must change, `TokenError` when the token is refused and
    `UnreachableError` when no entry at all could be asked.
    """
    survey = Survey(session)
    before = {entry.key: entry for entry in previous.entries} if previous and previous.server == manifest.server else {}
    entries: list[LockEntry] = []
    remarks: list[Remark] = []
    failures: list[Failure] = []
    problems: list[Problem] = []
    unreachable: list[UnreachableError] = []
    for download in manifest.downloads:
        bare = _bare_entry(download, manifest)
        old = before.get(bare.key)
        try:
            requests = _resolve_download(download, manifest, survey, now, remarks)
            entries.append(msgspec.structs.replace(bare, requests=requests))
        except EntryError as error:
            problems.extend(error.problems)
        except VanishedError as error:
            if old is None or old.digest != bare.digest or not old.requests:
                problems.append(error.problem)
            else:
                entries.append(old)
                failures.append(Failure(download.name, error.problem.message, error.problem.hint, kept=True))
        except ServiceError as error:
            if isinstance(error, UnreachableError):
                unreachable.append(error)
            failures.append(Failure(download.name, error.message, error.hint, kept=old is not None))
            entries.extend([old] if old else [])
    entries.extend(_resolve_row(request, manifest, now) for request in manifest.requests)
    if problems:
        raise ProblemsError(f"`{manifest.path.name}` cannot be resolved:", problems)
    if unreachable and len(unreachable) == len(manifest.downloads):
        raise unreachable[0]
    lock = Lock(server=manifest.server, entries=sort_entries(entries))
    return Resolution(lock=lock, remarks=tuple(remarks), failures=tuple(failures))


def _bare_entry(entry: Download | Request, manifest: Manifest) -> LockEntry:
    end = None if entry.end is None else entry.end
    moves = any(bound is not None and is_relative(bound) for bound in (entry.begin, end)) or (
        end is None and entry.begin is not None
    )
    is_download = isinstance(entry, Download)
    return LockEntry(
        kind="download" if is_download else "row",
        name=entry.name,
        digest=entry_digest(entry, manifest.settings),
        relative=f"{entry.begin}/{end or 'now'}" if moves else None,
        path=entry.path,
        metadata=entry.metadata,
        max_order_hours=entry.max_order_hours if isinstance(entry, Download) else None,
        late_days=entry.late_days if isinstance(entry, Download) else None,
        refresh_open=entry.refresh_open if isinstance(entry, Download) else None,
    )


def _span(entry: Download | Request, cut: Cut, now: datetime) -> Span:
    """Gives the span an entry means at `now`; one that moves with the clock is snapped outward to the grid."""
    try:
        span = evaluate_bounds(entry.begin or "", entry.end, now)
    except TimeTextError as error:
        raise EntryError([Problem(where(entry, "begin"), f"`{entry.name}`: {error}")]) from None
    moves = entry.end is None or is_relative(entry.end) or is_relative(entry.begin or "")
    return snap_outward(span, cut.split, cut.day_of_week) if moves else span


def _resolve_download(
    download: Download, manifest: Manifest, survey: Survey, now: datetime, remarks: list[Remark]
) -> tuple[LockedRequest, ...]:
    _refuse_what_is_not_there_yet(download)
    cut = Cut(*effective_split(manifest.settings, download))
    span = _span(download, cut, now)
    sites = select_sites(download, survey)
    present = [site for site in sites if not site.clipped(span).is_empty]
    if not present:
        when = f"{format_instant(span.begin)} to {format_instant(span.end)}"
        remarks.append(Remark(download.name, f"nothing was deployed from {when} (exclusive): {_when(sites)}"))
        return ()
    methods = ("byLocation", "byDevice") if download.download_method == "all" else (download.download_method,)
    found = {method: _resolve_method(method, download, present, survey, span, cut, remarks) for method in methods}
    requests = found.get("byLocation", [])
    by_device = found.get("byDevice", [])
    requests = [*requests, *(mark_repeats(by_device, requests) if requests else by_device)]
    check_count(requests, download.name)
    return sort_requests(requests)


def _refuse_what_is_not_there_yet(download: Download) -> None:
    problems = [
        Problem(where(download, key), f"`{download.name}`: this version of oncsync cannot resolve `{key}` yet")
        for key, is_used in NOT_YET.items()
        if is_used(download)
    ]
    if problems:
        raise EntryError(problems)


def _when(sites: Sequence[Site]) -> str:
    first = min(site.begin for site in sites)
    ends = [site.end for site in sites]
    last = "today" if None in ends else format_instant(max(end for end in ends if end is not None))
    return f"the deployments that match lie between {format_instant(first)} and {last}"


def _resolve_method(
    method: str,
    download: Download,
    sites: Sequence[Site],
    survey: Survey,
    span: Span,
    cut: Cut,
    remarks: list[Remark],
) -> list[LockedRequest]:
    by_source = _group_by_source(method, download, sites)
    sources = [dict(key) for key in by_source]
    listings = survey.in_parallel(survey.listing, sources)
    chosen = [choose_products(listing, download) for listing in listings]
    if not any(chosen):
        raise VanishedError(explain_no_product(listings, download))
    problems = check_options([product for products in chosen for product in products], download)
    if problems:
        raise EntryError(problems)
    missing = impossible_pairs(listings, download)
    if missing:
        remarks.append(Remark(download.name, f"these do not exist there and are left out: {', '.join(missing)}"))
    describe = describe_site(method, survey, sites)
    requests: list[LockedRequest] = []
    for source, group, products in zip(sources, by_source.values(), chosen, strict=True):
        for product in (with_options(product, download) for product in products):
            about = [describe(site, product) for site in group]
            requests += build_requests(group, span, source, product, cut, about)
    return requests


def _group_by_source(
    method: str, download: Download, sites: Sequence[Site]
) -> dict[tuple[tuple[str, str], ...], list[Site]]:
    """Gives the deployments by what names them in a request: place and category or device, and the property if any."""
    groups: dict[tuple[tuple[str, str], ...], list[Site]] = {}
    wanted = set(download.property_codes) - set(download.exclude.get("propertyCode", ()))
    properties: list[str | None] = [*sorted(wanted)] or [None]
    for site in sites:
        for code in properties:
            source = (
                (("deviceCode", site.device_code),)
                if method == "byDevice"
                else (("locationCode", site.location_code), ("deviceCategoryCode", site.device_category_code))
            )
            key = source if code is None else (*source, ("propertyCode", code))
            groups.setdefault(key, []).append(site)
    return groups


def _resolve_row(request: Request, manifest: Manifest, now: datetime) -> LockEntry:
    """Gives an exact request as it is written; one that is switched off keeps its line, without chunks."""
    cut = Cut(*effective_split(manifest.settings, request))
    span = _span(request, cut, now)
    codes = {
        "locationCode": request.location_code,
        "deviceCategoryCode": request.device_category_code,
        "propertyCode": request.property_code,
        "deviceCode": request.device_code,
    }
    source = {key: code for key, code in codes.items() if code}
    product = product_digest(source, request.data_product_code, request.extension, request.options)
    locked = LockedRequest(
        id=request_id(product, span.begin, span.end),
        source=source,
        data_product_code=request.data_product_code,
        extension=request.extension,
        begin=span.begin,
        end=span.end,
        split=cut.split,
        day_of_week=cut.day_of_week,
        options=dict(sorted(request.options.items())),
        download=request.download,
        chunks=cut_chunks(product, [span], cut) if request.download else (),
    )
    check_count([locked], request.name)
    return msgspec.structs.replace(_bare_entry(request, manifest), requests=(locked,))


def manifest_digest(manifest: Manifest) -> str:
    """Names the meaning of all entries together, to tell whether a lock is out of date."""
    entries: list[Download | Request] = [*manifest.downloads, *manifest.requests]
    return digest([manifest.server, [entry_digest(entry, manifest.settings) for entry in entries]])
