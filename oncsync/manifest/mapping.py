"""Turns records back into what a manifest says: plain mappings in the manifest's spelling and order.

What a default says already is left out, so that loading the mapping gives an equal record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oncsync.manifest.build import (
    LIST_MEMBERS,
    PATTERN_MEMBERS,
    PLAIN_MEMBERS,
    REQUEST_MEMBERS,
    SETTING_MEMBERS,
)
from oncsync.manifest.model import Download, Manifest, Request, Settings

DOWNLOAD_ORDER = (
    "name",
    "service",
    "downloadMethod",
    "locationCode",
    "deviceCategoryCode",
    "deviceCode",
    "propertyCode",
    "dataProductCode",
    "dataProductName",
    "extension",
    "exclude",
    "near",
    "prefer",
    "begin",
    "end",
    "events",
    "options",
    "pinOptions",
    "path",
    "splitDateRange",
    "dayOfWeek",
    "metadata",
    "maxOrderHours",
    "lateDays",
    "refreshOpen",
    "match",
    "notMatch",
    "minSize",
    "maxSize",
    "newest",
    "limit",
    "latest",
    "keep",
)
REQUEST_ORDER = (
    "name",
    "workbook",
    "download",
    "locationCode",
    "deviceCategoryCode",
    "deviceCode",
    "propertyCode",
    "dataProductCode",
    "extension",
    "begin",
    "end",
    "options",
    "pinOptions",
    "path",
    "splitDateRange",
    "dayOfWeek",
    "metadata",
    "columns",
)


def manifest_mapping(manifest: Manifest) -> dict[str, Any]:
    """Gives the whole manifest as a plain mapping; the folder is relative when it lies below the manifest's."""
    written = {
        "version": manifest.version,
        "server": manifest.server,
        "folder": escape(relative_folder(manifest.folder, manifest.path.parent)),
        "vars": {name: escape(text) for name, text in manifest.vars.items()},
        "settings": settings_mapping(manifest.settings),
        "downloads": [download_mapping(download) for download in manifest.downloads],
        "requests": [request_mapping(request) for request in manifest.requests],
    }
    return {key: value for key, value in written.items() if value not in ({}, [])}


def relative_folder(folder: Path, base: Path) -> str:
    """Gives a folder as a manifest in `base` names it."""
    base = Path(os.path.normpath(base.absolute()))
    return folder.relative_to(base).as_posix() if folder.is_relative_to(base) else folder.as_posix()


def settings_mapping(settings: Settings) -> dict[str, Any]:
    """Gives the settings that are not at their default."""
    default = Settings()
    written = {key: getattr(settings, member) for key, member in SETTING_MEMBERS.items()}
    return {
        key: escape(value) if isinstance(value, str) else value
        for key, value in written.items()
        if value != getattr(default, SETTING_MEMBERS[key])
    }


def download_mapping(download: Download) -> dict[str, Any]:
    """Gives one entry of `downloads:`; a single code stands alone, several are a list."""
    default = Download(name="")
    written: dict[str, Any] = {}
    for key, member in {**LIST_MEMBERS, **PATTERN_MEMBERS, **PLAIN_MEMBERS}.items():
        value = getattr(download, member, None)
        if value != getattr(default, member, None):
            written[key] = _texts(value)
    if download.exclude:
        written["exclude"] = {key: _texts(codes) for key, codes in download.exclude.items()}
    if download.near is not None:
        near = download.near
        written["near"] = {"lat": near.lat, "lon": near.lon, "radiusKm": near.radius_km}
    if download.events is not None:
        events = {"file": download.events.file, "padding": download.events.padding}
        written["events"] = {key: escape(value) for key, value in events.items() if value is not None}
    if download.options:
        written["options"] = _options(download.options.get("", {})) | {
            scope: _options(options) for scope, options in download.options.items() if scope
        }
    return {key: written[key] for key in DOWNLOAD_ORDER if key in written}


def request_mapping(request: Request) -> dict[str, Any]:
    """Gives one entry of `requests:`."""
    default = Request(name="", data_product_code="", extension="", begin="")
    written: dict[str, Any] = {}
    for key, member in {**REQUEST_MEMBERS, **PLAIN_MEMBERS}.items():
        value = getattr(request, member, None)
        if value != getattr(default, member, None):
            written[key] = _texts(value)
    if request.options:
        written["options"] = _options(request.options)
    if request.columns:
        written["columns"] = {
            key: escape(cell) if isinstance(cell, str) else cell for key, cell in request.columns.items()
        }
    return {key: written[key] for key in REQUEST_ORDER if key in written}


def escape(text: str) -> str:
    """Gives a text in which `${` is no variable any more."""
    return text.replace("${", "$${")


def _options(options: Mapping[str, str]) -> dict[str, str]:
    return {name: escape(value) for name, value in options.items()}


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Sequence):
        texts = [escape(text) for text in value]
        return texts[0] if len(texts) == 1 else texts
    return value
