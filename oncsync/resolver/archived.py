"""One entry with `service: archivefile` to its files: which devices, what lies in the archive, what the entry means.

By `deviceCode` alone each device costs one question and nothing else is asked (R142). By place the deployments say
which devices were there and when, and a file that none of them explains is left out.
Sources: onc-api.md 4, open questions 10 to 12, 27 to 36, R147, R148, R163 to R179.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from oncsync.api.listing import clip_to_deployments
from oncsync.api.records import ArchiveFile, Deployment
from oncsync.errors import Problem, ServiceError
from oncsync.listings import DeviceListing, EntryListing
from oncsync.lockfile import LockedRequest, LockEntry
from oncsync.manifest import Download, Manifest
from oncsync.resolver.archived_asking import Answered, Question, UnknownDevice, ask_all
from oncsync.resolver.archived_filters import Products, apply_filters, filters_of, prefer_files
from oncsync.resolver.archived_lines import (
    Line,
    Merged,
    Stay,
    as_listed,
    keep_first,
    keep_newest,
    lines_by_device,
    merge_lines,
    requests_of,
)
from oncsync.resolver.archived_since import begin_of_news, can_be_partial, note_listing
from oncsync.resolver.archived_telling import (
    describe_again,
    describe_missing,
    describe_outside,
    describe_silent,
    explain_empty,
    too_many_files,
    unknown_devices,
)
from oncsync.resolver.asked import Asked, what_is_asked
from oncsync.resolver.downloads import Resolved, Unheard, describe_absence, names_any, unknown_name
from oncsync.resolver.findings import EntryError, Remark, where
from oncsync.resolver.near import describe_unplaced, sites_near
from oncsync.resolver.requests import MOST_CHUNKS, Cut, Site
from oncsync.resolver.selection import select_sites
from oncsync.resolver.survey import Survey
from oncsync.timespan import FIRST_INSTANT, merge_spans

_EMPTY_HINT = "their lines stand, marked; exclude the device, or change the entry, if they are gone for good"


class Before(msgspec.Struct, frozen=True):
    """What stands of an entry: its lines in the lock, what was listed for them, and whether they mean the same."""

    lines: Mapping[str, dict[str, Line]]
    listing: EntryListing | None
    means_the_same: bool

    def listed(self, device: str) -> DeviceListing | None:
        """Gives what was listed of a device, None when it never was."""
        return self.listing.devices.get(device) if self.listing else None


class _Device(msgspec.Struct, frozen=True):
    """A device that an entry means: where and when, and the deployments that explain its files (none by device)."""

    code: str
    stays: tuple[Stay, ...]
    deployments: tuple[Deployment, ...] = ()


class _Found(msgspec.Struct, frozen=True):
    """What became of one device: its lines, the files that the service listed, those outside of every deployment."""

    merged: Merged
    listed: tuple[ArchiveFile, ...] = ()
    outside: int = 0
    error: ServiceError | None = None
    note: DeviceListing | None = None

    def vanished(self) -> bool:
        """Whether nothing is listed any more of a device that had files in the window until now."""
        return self.error is None and not self.listed and bool(self.merged.missing)


def is_by_device(download: Download) -> bool:
    """Whether an entry names its devices and nothing that only deployments can tell."""
    by_place = (*download.location_codes, *download.device_category_codes)
    by_place += (*download.exclude.get("locationCode", ()), *download.exclude.get("deviceCategoryCode", ()))
    return bool(download.device_codes) and not by_place and download.near is None


def read_before(old: LockEntry | None, listing: EntryListing | None, digest: str) -> Before:
    """Gives what stands of an entry whose meaning has the digest."""
    return Before(
        lines_by_device(old.requests if old else ()),
        listing if listing and listing.digest == digest else None,
        old is not None and old.digest == digest,
    )


def resolve_archived(
    download: Download,
    manifest: Manifest,
    survey: Survey,
    now: datetime,
    before: Before,
    digest: str,
    *,
    allow_many: bool = False,
    full: bool = False,
) -> Resolved:
    """Gives the archive files that an entry means at `now`; raises `EntryError`, and what asking the service raises.

    A device that cannot be asked keeps its lines, unless none can. `full` lists everything, whatever was listed before.
    """
    _refuse_properties(download)
    asked = what_is_asked(download, manifest.path, survey, Cut("all", "SU", allow_many), now)
    if asked.span is None:
        return Resolved((), tuple(Remark(download.name, text) for text in asked.remarks))
    remarks = list(asked.remarks)
    devices = _devices(asked, survey, now, remarks)
    if not devices:
        return Resolved((), tuple(Remark(download.name, text) for text in remarks), is_quiet=True)
    products = _products(download, survey)
    desk = _Desk(download, products, survey, before, now, is_full=full or not can_be_partial(download))
    found = desk.look(devices)
    refusals = [one.error for one in found.values() if one.error]
    if len(refusals) == len(found):
        raise refusals[0]
    requests = requests_of(line for one in found.values() for line in one.merged.lines)
    if not requests:
        remarks += explain_empty(asked, survey, desk.bare_listing(devices, found), desk.filters, now)
    elif download.limit is not None:
        requests = keep_first(requests, download.limit)
    _refuse_too_many(download, requests, allow_many)
    remarks += _remarks(asked, found, has_files=bool(requests))
    return Resolved(
        requests,
        tuple(Remark(download.name, text) for text in dict.fromkeys(remarks)),
        unheard=tuple(_unheard(found)),
        is_partial=any(one.error and not (before.means_the_same and one.merged.lines) for one in found.values()),
        listing=EntryListing(digest, {code: one.note for code, one in found.items() if one.note}),
    )


def _refuse_properties(download: Download) -> None:
    if download.property_codes:
        message = (
            f"`{download.name}`: `propertyCode` says nothing about archive files, which hold all that was measured"
        )
        raise EntryError(Problem(where(download, "propertyCode"), message, "write `dataProductCode`, or leave it out"))


def _refuse_too_many(download: Download, requests: Iterable[LockedRequest], allow_many: bool) -> None:
    count = sum(len(request.chunks) for request in requests)
    if count > MOST_CHUNKS and not allow_many:
        raise too_many_files(download, count)


def _remarks(asked: Asked, found: Mapping[str, _Found], *, has_files: bool) -> list[str]:
    """Says what a person should know of the files that are there, and of those that are not."""
    heard = {code: one for code, one in found.items() if one.error is None}
    silent = [code for code, one in heard.items() if not one.merged.lines]
    assert asked.span is not None
    return [
        *describe_silent(silent if has_files else [], asked.span),
        *describe_outside(sum(one.outside for one in heard.values())),
        *describe_again([name for one in heard.values() for name in one.merged.again]),
        *describe_missing([name for one in heard.values() if not one.vanished() for name in one.merged.missing]),
    ]


def _unheard(found: Mapping[str, _Found]) -> Iterable[Unheard]:
    for code, one in found.items():
        if one.error is not None:
            message = f"the archive files of `{code}` could not be listed: {one.error.message}"
            yield Unheard(message, one.error.hint, kept=bool(one.merged.lines))
        elif one.vanished():
            count = len(one.merged.missing)
            files = "the file that it has" if count == 1 else f"any of the {count:,} files that it has"
            yield Unheard(f"ONC does not list {files} of `{code}` any more", _EMPTY_HINT, kept=True)


# --- Devices -------------------------------------------------------------------------------------------------------


def _devices(asked: Asked, survey: Survey, now: datetime, remarks: list[str]) -> list[_Device]:
    """Gives the devices that are asked about, by code; none, with a remark, when nothing was deployed at the time."""
    download = asked.download
    if is_by_device(download) and not (asked.windows and asked.windows.names_places):
        codes = sorted(set(download.device_codes) - set(download.exclude.get("deviceCode", ())))
        if not codes:
            message = f"`{download.name}` excludes every device that it names"
            raise EntryError(Problem(where(download, "exclude"), message, "leave one of them, or both keys out"))
        anywhere = [_anywhere(code) for code in codes]
        remarks += asked.describe_missed(anywhere)
        stays = {site.device_code: _stay(asked, site, (("deviceCode", site.device_code),)) for site in anywhere}
        return [_Device(code, (stay,)) for code, stay in stays.items() if stay.spans]
    found = select_sites(download, survey)
    sites = [site.seen_from(now) for site in sites_near(download, found)]
    present = [site for site in sites if asked.pieces(site)]
    if not present:
        remarks.append(describe_absence(asked, sites))
        return []
    remarks += describe_unplaced(download, (site for site in found if asked.pieces(site)))
    remarks += asked.describe_missed(sites)
    groups: dict[str, list[Site]] = {}
    for site in sorted(present, key=lambda one: (one.device_code, one.begin, one.location_code)):
        groups.setdefault(site.device_code, []).append(site)
    return [
        _Device(code, tuple(_stay(asked, site, _at_place(site)) for site in group), tuple(map(_deployment, group)))
        for code, group in groups.items()
    ]


def _anywhere(device_code: str) -> Site:
    return Site(location_code="", device_category_code="", device_code=device_code, begin=FIRST_INSTANT, end=None)


def _stay(asked: Asked, site: Site, source: tuple[tuple[str, str], ...]) -> Stay:
    return Stay(source, tuple(merge_spans(piece.span for piece in asked.pieces(site))))


def _at_place(site: Site) -> tuple[tuple[str, str], ...]:
    place = (("locationCode", site.location_code), ("deviceCategoryCode", site.device_category_code))
    return (*place, ("deviceCode", site.device_code))


def _deployment(site: Site) -> Deployment:
    return Deployment(begin=site.begin, end=site.end, device_code=site.device_code, location_code=site.location_code)


def _products(download: Download, survey: Survey) -> Products:
    """Gives the products that an entry means; what ONC calls them is asked only when it names any."""
    dropped = frozenset(download.exclude.get("dataProductCode", ()))
    wanted = frozenset(download.data_product_codes) if download.data_product_codes else None
    dropped_names = download.exclude.get("dataProductName", ())
    if not download.data_product_names and not dropped_names:
        return Products(wanted, dropped)
    everything = survey.all_products()
    strange = [name for name in download.data_product_names if not names_any(name, everything)]
    if strange:
        raise EntryError(*(unknown_name(download, name, everything) for name in strange))

    def called(names: Sequence[str]) -> frozenset[str]:
        return frozenset(one.data_product_code for one in everything if any(names_any(name, [one]) for name in names))

    if download.data_product_names:
        named = called(download.data_product_names)
        wanted = named if wanted is None else wanted & named
    return Products(wanted, dropped | called(dropped_names))


class _Desk:
    """Where one entry's questions go out, and its lines come together."""

    def __init__(
        self, download: Download, products: Products, survey: Survey, before: Before, now: datetime, *, is_full: bool
    ) -> None:
        self._download, self._products, self._survey = download, products, survey
        self._before, self._now, self._is_full = before, now, is_full
        self.filters = filters_of(download, products)

    def look(self, devices: Sequence[_Device]) -> dict[str, _Found]:
        """Gives what became of each device; raises `EntryError` for devices that ONC does not know."""
        questions = [self._question(device) for device in devices]
        answers = ask_all(self._survey, questions)
        unknown = [
            device.code
            for device, answer in zip(devices, answers, strict=True)
            if isinstance(answer, UnknownDevice) or self._is_unheard_of(device, answer)
        ]
        if unknown:
            raise unknown_devices(self._download, unknown, self._survey)
        found = {}
        for device, question, answer in zip(devices, questions, answers, strict=True):
            assert not isinstance(answer, UnknownDevice)
            found[device.code] = self._take_in(device, question, answer)
        return found

    def _is_unheard_of(self, device: _Device, answer: Answered | ServiceError) -> bool:
        """Whether an empty answer is one about a device that there is not; asks only when nothing is known of it."""
        if isinstance(answer, ServiceError) or answer.files or device.deployments:
            return False
        if self._before.lines.get(device.code) or self._before.listed(device.code):
            return False
        return device.code not in self._survey.all_devices()

    def _question(self, device: _Device) -> Question:
        extensions = self._download.extensions
        question = Question(
            device.code,
            device.stays,
            extensions[0].removeprefix(".") if len(extensions) == 1 else None,
            self._products.only,
        )
        if self._is_full:
            return question
        known, lines = self._before.listed(device.code), tuple(self._before.lines.get(device.code, {}).values())
        since = begin_of_news(known, lines, question.spans, self._asked_for, self._now)
        return msgspec.structs.replace(question, since=since)

    @property
    def _asked_for(self) -> str:
        """Names what decides, besides the entry's meaning, which files of a listing it keeps."""
        products = self._products
        wanted = "*" if products.wanted is None else ",".join(sorted(products.wanted))
        return f"{wanted} {','.join(sorted(products.dropped))}"

    def _take_in(self, device: _Device, question: Question, answer: Answered | ServiceError) -> _Found:
        lines = self._lines_before(device)
        if isinstance(answer, ServiceError):
            return _Found(Merged(tuple(lines.values())), error=answer, note=self._before.listed(device.code))
        inside = _of_device(device, answer.files)
        files = prefer_files(apply_filters(inside, self.filters), self._download.prefer)
        merged = merge_lines(answer.narrowed(files), device.stays, lines)
        if self._download.newest is not None:
            merged = msgspec.structs.replace(merged, lines=keep_newest(merged.lines, self._download.newest))
        note = note_listing(
            self._before.listed(device.code),
            merged.lines if merged.is_exact and not _is_doubtful(merged, answer) else None,
            question.spans,
            self._asked_for,
            self._now,
            is_full=answer.is_full,
        )
        return _Found(merged, answer.files, len(answer.files) - len(inside), note=note)

    def _lines_before(self, device: _Device) -> dict[str, Line]:
        """Gives the lines that the device had, as far as the entry still means them."""
        lines = self._before.lines.get(device.code, {})
        if self._before.means_the_same:
            return lines
        return {name: line for name, line in lines.items() if apply_filters([as_listed(line)], self.filters)}

    def bare_listing(self, devices: Sequence[_Device], found: Mapping[str, _Found]) -> list[ArchiveFile]:
        """Gives all files of the window, those too that the service was asked to leave out; for a message, once."""
        if any(self._before.listed(device.code) for device in devices):
            return [file for one in found.values() for file in one.listed]
        bare = [Question(device.code, device.stays) for device in devices[:_MOST_ASKED]]
        answers = ask_all(self._survey, bare)
        return [file for answer in answers if isinstance(answer, Answered) for file in answer.files]


_MOST_ASKED = 8


def _is_doubtful(merged: Merged, answer: Answered) -> bool:
    """Whether a listing lacked so much that it may have been a bad day: the next one looks at everything again."""
    return bool(merged.missing) or (answer.is_full and not answer.files)


def _of_device(device: _Device, files: Sequence[ArchiveFile]) -> Sequence[ArchiveFile]:
    """Gives the files that are the device's own, and that a deployment explains when it is asked for by place."""
    told = ((file, file.device_code or device.code) for file in files)
    own = [
        file if code == device.code else msgspec.structs.replace(file, device_code=device.code)
        for file, code in told
        if code.casefold() == device.code.casefold()
    ]
    return clip_to_deployments(own, device.deployments).kept if device.deployments else own
