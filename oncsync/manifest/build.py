"""Builds the records from a document that has no mistakes left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from oncsync.manifest.events import events_path
from oncsync.manifest.model import FILTER_MEMBERS, Download, Events, Near, Place, Request, Settings
from oncsync.manifest.source import content_digest
from oncsync.manifest.typed import Document, ValuePath

LIST_MEMBERS = {**FILTER_MEMBERS, "prefer": "prefer"}
PATTERN_MEMBERS = {"match": "match", "notMatch": "not_match"}
PLAIN_MEMBERS = {
    "name": "name",
    "workbook": "workbook",
    "service": "service",
    "downloadMethod": "download_method",
    "download": "download",
    "begin": "begin",
    "end": "end",
    "pinOptions": "pin_options",
    "path": "path",
    "splitDateRange": "split_date_range",
    "dayOfWeek": "day_of_week",
    "metadata": "metadata",
    "maxOrderHours": "max_order_hours",
    "lateDays": "late_days",
    "refreshOpen": "refresh_open",
    "minSize": "min_size",
    "maxSize": "max_size",
    "newest": "newest",
    "limit": "limit",
    "latest": "latest",
    "keep": "keep",
    "columns": "columns",
}
REQUEST_MEMBERS = {
    "locationCode": "location_code",
    "deviceCategoryCode": "device_category_code",
    "deviceCode": "device_code",
    "propertyCode": "property_code",
    "dataProductCode": "data_product_code",
    "extension": "extension",
}
SETTING_MEMBERS = {
    "splitDateRange": "split_date_range",
    "dayOfWeek": "day_of_week",
    "runThreads": "run_threads",
    "downloadThreads": "download_threads",
    "downloadQueueSize": "download_queue_size",
    "beginRun": "begin_run",
    "endRun": "end_run",
    "runTimeZone": "run_time_zone",
    "metadata": "metadata",
    "maxOrderHours": "max_order_hours",
    "lateDays": "late_days",
    "refreshOpen": "refresh_open",
    "minFree": "min_free",
    "state": "state",
}


def build_settings(settings: Mapping[str, Any]) -> Settings:
    """Gives the settings as a record; times of day get two digits each."""
    members = {SETTING_MEMBERS[key]: value for key, value in settings.items()}
    for key in ("begin_run", "end_run"):
        if key in members:
            members[key] = members[key].rjust(8, "0")
    if "min_free" in members:
        members["min_free"] = str(members["min_free"])
    if members.get("download_queue_size") == "unlimited":
        members["download_queue_size"] = None
    return Settings(**members)


def build_download(document: Document, index: int, manifest_path: Path) -> Download:
    """Gives one entry of `downloads:` as a record; its events file lies beside the manifest, or below its folder."""
    path = ("downloads", index)
    entry = document.value["downloads"][index]
    members: dict[str, Any] = {PLAIN_MEMBERS[key]: entry[key] for key in entry if key in PLAIN_MEMBERS}
    for key, member in LIST_MEMBERS.items():
        if key in entry:
            members[member] = split_codes(entry[key])
    for key, member in PATTERN_MEMBERS.items():
        if key in entry:
            members[member] = tuple(entry[key]) if isinstance(entry[key], list) else (entry[key],)
    if "exclude" in entry:
        members["exclude"] = {key: split_codes(value) for key, value in entry["exclude"].items()}
    if "near" in entry:
        near = entry["near"]
        members["near"] = Near(lat=float(near["lat"]), lon=float(near["lon"]), radius_km=float(near["radiusKm"]))
    if "events" in entry:
        file = entry["events"]["file"]
        found = events_path(manifest_path, file)
        content = content_digest(found) if found is not None else None
        members["events"] = Events(file=file, padding=entry["events"].get("padding"), content=content)
    if "options" in entry:
        members["options"] = _by_scope(entry["options"])
    return Download(**members, place=document.place(path), places=_places(document, path, entry))


def build_request(document: Document, index: int) -> Request:
    """Gives one entry of `requests:` as a record; one without a name is `row N`, counted from 1."""
    path = ("requests", index)
    entry = document.value["requests"][index]
    members: dict[str, Any] = {PLAIN_MEMBERS[key]: entry[key] for key in entry if key in PLAIN_MEMBERS}
    members.setdefault("name", f"row {index + 1}")
    for key, member in REQUEST_MEMBERS.items():
        if key in entry:
            members[member] = split_codes(entry[key])[0]
    if "options" in entry:
        members["options"] = {name: option_text(value) for name, value in entry["options"].items()}
    return Request(**members, place=document.place(path), places=_places(document, path, entry))


def split_codes(value: str | Sequence[str]) -> tuple[str, ...]:
    """Gives the codes of one text, a comma list or a list, each once, in order."""
    texts: Iterable[str] = [value] if isinstance(value, str) else value
    words = (word.strip() for text in texts for word in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def option_text(value: object) -> str:
    """Gives an option's value as it is sent."""
    return str(value)


def _by_scope(options: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    scoped: dict[str, dict[str, str]] = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            scoped[name] = {option: option_text(written) for option, written in value.items()}
        else:
            scoped.setdefault("", {})[name] = option_text(value)
    return scoped


def _places(document: Document, path: ValuePath, entry: Mapping[str, Any]) -> dict[str, Place]:
    return {key: document.place((*path, key)) for key in entry}
