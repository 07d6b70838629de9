"""Manifest and discovery to lock: each entry on its own, in a fixed order.

An entry that cannot be asked, or that suddenly means nothing, keeps its previous lines and is reported (exit 3).
Unknown codes, and filters that never matched anything, stop everything before the lock is touched (exit 2). Which of
the two it is, the previous lock knows: it holds lines of the same entry, or it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import msgspec

from oncsync.api.session import Session
from oncsync.errors import Problem, ProblemsError, ServiceError, UnreachableError
from oncsync.lockfile import Lock, LockedRequest, LockEntry, product_digest, request_id, sort_entries
from oncsync.manifest import Download, Manifest, Request, effective_split, entry_digest
from oncsync.resolver.downloads import Resolved, entry_span, refuse_what_is_not_there_yet, resolve_download
from oncsync.resolver.findings import EntryError, Remark, enumerate_codes, where
from oncsync.resolver.requests import Cut, TooManyChunksError, cut_chunks
from oncsync.resolver.spans import moving_bounds, span_expression
from oncsync.resolver.survey import Survey
from oncsync.timespan import TimeTextError

LOST_HINT = "their previous lines stand; exclude them, or change the entry, if they are gone for good"


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


def resolve_manifest(
    manifest: Manifest,
    session: Session,
    now: Callable[[], datetime],
    previous: Lock | None,
    *,
    only_moving: bool = False,
) -> Resolution:
    """Gives the lock that `manifest` means at `now()` (a UTC instant, the same for all entries).

    With `only_moving` the entries whose span does not move with the clock keep the lines of `previous` unasked.

    `now` is read after the service has answered once, so that it may look at the service's clock. Raises
    `ProblemsError` for what a person must change, `TokenError` when the token is refused and `UnreachableError` when
    no entry at all could be asked.
    """
    survey = Survey(session)
    entries: list[Download | Request] = [*manifest.downloads, *manifest.requests]
    if any(span_expression(entry.begin, entry.end) for entry in entries):
        with suppress(ServiceError):
            survey.tree()
    moment = now()
    before = {entry.key: entry for entry in previous.entries} if previous and previous.server == manifest.server else {}
    gathered = _Gathered()
    for download in manifest.downloads:
        bare = _bare_entry(download, manifest)
        if only_moving and bare.relative is None and bare.key in before:
            gathered.entries.append(before[bare.key])
            continue
        _resolve_one(
            download,
            bare,
            before.get(bare.key),
            gathered,
            lambda one, lines: resolve_download(one, manifest, survey, moment, lines),
        )
    for request in manifest.requests:
        try:
            gathered.entries.append(_resolve_row(request, manifest, moment))
        except EntryError as error:
            gathered.problems.extend(error.problems)
    if gathered.problems:
        raise ProblemsError(f"`{manifest.path.name}` cannot be resolved:", gathered.problems)
    asked = sum(not only_moving or _bare_entry(one, manifest).relative is not None for one in manifest.downloads)
    if gathered.unreachable and len(gathered.unreachable) == asked:
        raise gathered.unreachable[0]
    lock = Lock(server=manifest.server, entries=sort_entries(gathered.entries))
    return Resolution(lock=lock, remarks=tuple(gathered.remarks), failures=tuple(gathered.failures))


class _Gathered:
    """What comes together while entry after entry is resolved."""

    def __init__(self) -> None:
        self.entries: list[LockEntry] = []
        self.remarks: list[Remark] = []
        self.failures: list[Failure] = []
        self.problems: list[Problem] = []
        self.unreachable: list[UnreachableError] = []

    def keep(self, old: LockEntry, message: str, hint: str | None) -> None:
        """Takes over the previous lines of an entry that could not be resolved."""
        self.entries.append(old)
        self.failures.append(Failure(old.name, message, hint, kept=True))


def _resolve_one(
    download: Download,
    bare: LockEntry,
    old: LockEntry | None,
    gathered: _Gathered,
    resolve: Callable[[Download, tuple[LockedRequest, ...]], Resolved],
) -> None:
    """Adds one download's lines: new ones, its previous ones with the reason, or what a person must change."""
    lines = old.requests if old is not None and old.digest == bare.digest else ()
    try:
        resolved = resolve(download, lines)
    except EntryError as error:
        if old is None or not lines:
            gathered.problems.extend(error.problems)
        else:
            gathered.keep(old, str(error), next((one.hint for one in error.problems if one.hint), None))
    except ServiceError as error:
        if isinstance(error, UnreachableError):
            gathered.unreachable.append(error)
        if old is not None:
            gathered.keep(old, error.message, error.hint)
        else:
            gathered.failures.append(Failure(download.name, error.message, error.hint, kept=False))
    else:
        if resolved.is_quiet and old is not None and lines and bare.relative is None:
            gathered.keep(old, "; ".join(remark.message for remark in resolved.remarks), None)
            return
        if resolved.lost:
            message = f"no data product is listed any more for {enumerate_codes(resolved.lost)}"
            gathered.failures.append(Failure(download.name, message, LOST_HINT, kept=True))
        gathered.remarks.extend(resolved.remarks)
        gathered.entries.append(msgspec.structs.replace(bare, requests=resolved.requests))


def _bare_entry(entry: Download | Request, manifest: Manifest) -> LockEntry:
    is_download = isinstance(entry, Download)
    return LockEntry(
        kind="download" if is_download else "row",
        name=entry.name,
        digest=entry_digest(entry, manifest.settings),
        relative=span_expression(entry.begin, entry.end),
        path=entry.path,
        metadata=entry.metadata,
        max_order_hours=entry.max_order_hours if isinstance(entry, Download) else None,
        late_days=entry.late_days if isinstance(entry, Download) else None,
        refresh_open=entry.refresh_open if isinstance(entry, Download) else None,
    )


def _resolve_row(request: Request, manifest: Manifest, now: datetime) -> LockEntry:
    """Gives an exact request as it is written; one that is switched off keeps its line, without chunks.

    A row that is off may have no end; its line has none either, so that the clock does not change it.
    """
    refuse_what_is_not_there_yet(request, ["pinOptions"] if request.pin_options else [])
    cut = Cut(*effective_split(manifest.settings, request))
    span = entry_span(request, cut, now)
    end = None if moving_bounds(request.begin, request.end)[1] and not request.download else span.end
    codes = {
        "locationCode": request.location_code,
        "deviceCategoryCode": request.device_category_code,
        "propertyCode": request.property_code,
        "deviceCode": request.device_code,
    }
    source = {key: code for key, code in codes.items() if code}
    product = product_digest(source, request.data_product_code, request.extension, request.options)
    try:
        chunks = cut_chunks(product, [span], cut) if request.download else ()
    except (TooManyChunksError, TimeTextError) as error:
        problem = Problem(where(request, "splitDateRange"), f"`{request.name}`: {error}", "split into longer pieces")
        raise EntryError(problem) from None
    locked = LockedRequest(
        id=request_id(product, span.begin, end),
        source=source,
        data_product_code=request.data_product_code,
        extension=request.extension,
        begin=span.begin,
        end=end,
        split=cut.split,
        day_of_week=cut.day_of_week,
        options=dict(sorted(request.options.items())),
        download=request.download,
        chunks=chunks,
    )
    return msgspec.structs.replace(_bare_entry(request, manifest), requests=(locked,))
