"""Turns a manifest and its lock into the rows and settings of a workbook. Pure.

Sources: R11, R51, R65, R74, I-6, and architecture.md "The lock".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from oncsync.lockfile import Lock, LockedRequest, LockEntry
from oncsync.manifest import Download, Manifest, Request, Settings, effective_split, entry_digest
from oncsync.workbook.cells import canonical_moment, moment_text
from oncsync.workbook.layout import BY_DEVICE, BY_LOCATION, SETTING_KEYS, STATE_PATH, CellValue, Tab
from oncsync.workbook.records import Book, Origin, Row, stamp_digest

_EXTRA_SETTINGS = {
    "runTimeZone": "run_time_zone",
    "metadata": "metadata",
    "maxOrderHours": "max_order_hours",
    "lateDays": "late_days",
    "refreshOpen": "refresh_open",
    "minFree": "min_free",
}
_ONC_HOST = re.compile(r"^https?://(?:qa|data)\.oceannetworks\.ca(?=/|$)")


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest and its lock give a workbook; `settings` are by key of the Configuration tab."""

    rows: tuple[Row, ...]
    settings: dict[str, CellValue]
    notes: tuple[str, ...]


def manifest_to_rows(manifest: Manifest, lock: Lock | None) -> Exported:
    """Gives the rows that stand for a manifest: its requests in order, then its downloads as the lock expands them.

    Archive files have no place in the layout; they and downloads that are not locked are left out, with a note.
    """
    entries = {entry.key: entry for entry in lock.entries} if lock else {}
    notes: list[str] = []
    rows = [_request_to_row(request, entries.get(("row", request.name)), manifest) for request in manifest.requests]
    for download in sorted(manifest.downloads, key=lambda entry: entry.name):
        rows += _download_to_rows(download, entries.get(("download", download.name)), manifest.settings, notes)
    split, day_of_week = _common_split(manifest.settings, rows)
    return Exported(
        rows=tuple(_settle(row, split, day_of_week) for row in rows),
        settings=settings_to_configuration(manifest, split, day_of_week),
        notes=tuple(notes),
    )


def _request_to_row(request: Request, entry: LockEntry | None, manifest: Manifest) -> Row:
    locked = entry.requests[0] if entry is not None and entry.requests else None
    tab = BY_LOCATION if request.location_code is not None else BY_DEVICE
    split, day_of_week = effective_split(manifest.settings, request)
    return Row(
        method=tab.method,
        download=request.download,
        location_code=request.location_code,
        device_category_code=request.device_category_code if tab is BY_LOCATION else None,
        device_code=request.device_code,
        property_code=request.property_code,
        data_product_code=request.data_product_code,
        extension=request.extension,
        begin=canonical_moment(request.begin),
        end=None if request.end is None else canonical_moment(request.end),
        options=locked.options if request.pin_options and locked is not None else request.options,
        columns=_merge_columns(tab, request.columns, locked),
        split_date_range=split,
        day_of_week=day_of_week,
        path=request.path,
        metadata=request.metadata,
        origin=Origin("requests", request.name),
    )


def _download_to_rows(
    download: Download, entry: LockEntry | None, settings: Settings, notes: list[str]
) -> Iterator[Row]:
    """Yields a row per request. Of deployments that overlap, the later one's begins where the earlier one's ends.

    So each row asks for what no other one does, and the rows on their own mean the chunks that the download means.
    """
    if download.service == "archivefile":
        notes.append(f"The download `{download.name}` was left out: archive files have no place in a workbook")
        return
    if entry is None or (entry.relative is not None and not entry.requests):
        notes.append(f"The download `{download.name}` was left out: it is not in the lock; run `oncsync resolve` first")
        return
    if entry.digest != entry_digest(download, settings):
        notes.append(
            f"The download `{download.name}` has changed since `oncsync resolve`; its rows are those of before"
        )
    for locked in entry.requests:
        source = locked.source
        tab = BY_LOCATION if "locationCode" in source else BY_DEVICE
        yield Row(
            method=tab.method,
            download=locked.download and locked.same_as is None and not (locked.shared_with and not locked.chunks),
            location_code=source.get("locationCode"),
            device_category_code=source.get("deviceCategoryCode") if tab is BY_LOCATION else None,
            device_code=source.get("deviceCode"),
            property_code=source.get("propertyCode"),
            data_product_code=locked.data_product_code,
            extension=locked.extension,
            begin=moment_text(locked.chunks[0].begin if locked.shared_with and locked.chunks else locked.begin),
            end=None if locked.end is None else moment_text(locked.end),
            options=locked.options,
            columns=_merge_columns(tab, {}, locked),
            split_date_range=locked.split,
            day_of_week=locked.day_of_week,
            path=download.path,
            metadata=download.metadata,
            origin=Origin("downloads", download.name),
        )


def _merge_columns(tab: Tab, written: Mapping[str, CellValue], locked: LockedRequest | None) -> dict[str, CellValue]:
    """Gives the cells that are not sent: what a person wrote, and what the lock knows where that is blank."""
    known: dict[str, CellValue] = {
        column.header: production_link(value) if isinstance(value, str) else value
        for column in tab.columns
        if locked is not None and column.kind == "information"
        if (value := locked.about.get(column.key)) is not None
    }
    own: dict[str, CellValue] = {}
    for header, value in written.items():
        column = tab.column(header)
        name = column.header if column else header
        if column is None or column.kind == "information":
            own[name] = known.get(name) if value is None else value
        elif value is None:
            own[name] = None  # says where the own column behind it stands
    is_bare = not own.keys() & set(tab.information_headers)
    return known | own if is_bare else own | {name: value for name, value in known.items() if name not in own}


def production_link(text: str) -> str:
    """Gives an address at the production server, whichever of ONC's servers named it (I-6); other text stays."""
    return _ONC_HOST.sub("https://data.oceannetworks.ca", text)


def _common_split(settings: Settings, rows: Sequence[Row]) -> tuple[str, str]:
    """Gives what the Configuration tab says for all rows; `all` when the manifest says nothing and rows differ."""
    splits = {row.split_date_range for row in rows}
    only = splits.pop() if len(splits) == 1 else None
    days = {row.day_of_week for row in rows if row.split_date_range == "week"}
    only_day = days.pop() if len(days) == 1 else None
    return settings.split_date_range or only or "all", settings.day_of_week or only_day or "SU"


def _settle(row: Row, split: str, day_of_week: str) -> Row:
    """Gives the row without what the Configuration tab says for it, and with the digest that shows a later edit."""
    differs = row.split_date_range != split
    day_differs = row.split_date_range == "week" and row.day_of_week != day_of_week
    settled = msgspec.structs.replace(
        row,
        split_date_range=row.split_date_range if differs else None,
        day_of_week=row.day_of_week if day_differs else None,
    )
    return stamp_digest(settled)


def settle_rows(exported: Exported, book: Book) -> list[Row]:
    """Gives the rows as they mean the same under the Configuration tab of another workbook."""

    def of_book(key: str, default: CellValue) -> CellValue:
        setting = book.setting(key)
        return default if setting is None else setting.value

    split, day = str(of_book("splitDateRange", "all")), str(of_book("dayOfWeek", "SU"))
    metadata = exported.settings.get("metadata", True)
    own_metadata = None if metadata == of_book("metadata", True) else bool(metadata)
    rows = []
    for row in exported.rows:
        meant = msgspec.structs.replace(
            row,
            split_date_range=row.split_date_range or str(exported.settings["splitDateRange"]),
            day_of_week=row.day_of_week or str(exported.settings["dayOfWeek"]),
            metadata=own_metadata if row.metadata is None else row.metadata,
        )
        rows.append(_settle(meant, split, day))
    return rows


def other_settings(exported: Exported, book: Book) -> list[str]:
    """Gives the settings of which another workbook says something else than the manifest.

    The folder is left out, which is every machine's own, and how rows are split, which they say themselves.
    """
    said = {setting.key: setting.value for setting in book.settings}
    quiet = ("token", "downloadFolder", "logFile", "splitDateRange", "dayOfWeek")
    return [
        setting.key
        for setting in SETTING_KEYS
        if setting.key not in quiet
        and exported.settings.get(setting.key, setting.default) != said.get(setting.key, setting.default)
    ]


def settings_to_configuration(manifest: Manifest, split: str, day_of_week: str) -> dict[str, CellValue]:
    """Gives the Configuration tab's values; keys that the documentation does not know stand in it only when set."""
    settings, defaults = manifest.settings, Settings()
    folder = _written_folder(manifest)
    configuration: dict[str, CellValue] = {
        "downloadFolder": folder,
        "logFile": f"{folder.rstrip('/')}/{settings.state or STATE_PATH}",
        "splitDateRange": split,
        "dayOfWeek": day_of_week,
        "runThreads": settings.run_threads,
        "downloadThreads": settings.download_threads,
        "downloadQueueSize": settings.download_queue_size or "unlimited",
        "beginRun": settings.begin_run,
        "endRun": settings.end_run,
    }
    for key, name in _EXTRA_SETTINGS.items():
        if getattr(settings, name) != getattr(defaults, name):
            configuration[key] = getattr(settings, name)
    return configuration


def _written_folder(manifest: Manifest) -> str:
    base = manifest.path.absolute().parent
    if manifest.folder.is_relative_to(base):
        return manifest.folder.relative_to(base).as_posix()
    return manifest.folder.as_posix()
