"""What an entry means: its effective split, and a digest that changes exactly when its meaning does."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from oncsync.manifest.model import DEFAULT_SPLITS, Download, Request, Settings
from oncsync.timespan import format_instant, is_relative, parse_end, parse_instant

_DIGEST_LENGTH = 20
_CHOOSING = ("deviceCode", "exclude", "near", "prefer")
_NO_FILTERS = ("download", "latest", "keep", "maxOrderHours", "lateDays", "refreshOpen")
"""Members of a meaning that do not say what is asked for."""


def effective_split(settings: Settings, entry: Download | Request) -> tuple[str, str]:
    """Gives the `splitDateRange` and the `dayOfWeek` that hold for an entry: its own, the settings', the default.

    The default is `month` for downloads, `all` for requests, and `SU` (R86, R88).
    """
    section = "downloads" if isinstance(entry, Download) else "requests"
    split = entry.split_date_range or settings.split_date_range or DEFAULT_SPLITS[section]
    return split, entry.day_of_week or settings.day_of_week or "SU"


def entry_digest(entry: Download | Request, settings: Settings) -> str:
    """Gives 20 hex digits that stand for everything that decides what resolving an entry gives.

    Its name, its place, comments, the order of keys and of any-of filters, and a workbook's other columns do not
    count; for `events` the content of the file does.
    """
    meaning = _download_meaning(entry) if isinstance(entry, Download) else _request_meaning(entry)
    meaning |= {
        "begin": _bound(entry.begin),
        "end": _bound("now" if entry.end is None else entry.end, is_end=True),
        "path": entry.path,
        "metadata": entry.metadata,
    }
    if not isinstance(entry, Download) or entry.service != "archivefile":
        split, day_of_week = effective_split(settings, entry)
        meaning |= {
            "split": split,
            "dayOfWeek": day_of_week if split == "week" else None,
            "pinOptions": entry.pin_options,
        }
    written = {key: value for key, value in meaning.items() if value not in (None, (), [], {})}
    content = msgspec.json.encode(written, order="sorted")
    return hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH]


def filter_digest(entry: Download | Request) -> str:
    """Gives hex digits that stand for what an entry asks for, whenever, cut and kept however, and named whatever.

    20 of them for all its filters; before a dash as many for those that choose among what a place has.
    """
    meaning = _download_meaning(entry) if isinstance(entry, Download) else _request_meaning(entry)
    written = {
        key: value for key, value in meaning.items() if key not in _NO_FILTERS and value not in (None, (), [], {})
    }
    choosing = {key: value for key, value in written.items() if key in _CHOOSING}
    return f"{_digest_of(choosing)}-{_digest_of(written)}"


def _digest_of(written: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(written, order="sorted")).hexdigest()[:_DIGEST_LENGTH]


def _download_meaning(download: Download) -> dict[str, Any]:
    events = download.events
    return {
        "service": download.service,
        "downloadMethod": download.download_method,
        "locationCode": sorted(download.location_codes),
        "deviceCategoryCode": sorted(download.device_category_codes),
        "deviceCode": sorted(download.device_codes),
        "propertyCode": sorted(download.property_codes),
        "dataProductCode": sorted(download.data_product_codes),
        "dataProductName": sorted(download.data_product_names),
        "extension": sorted(download.extensions),
        "exclude": {key: sorted(codes) for key, codes in download.exclude.items()},
        "near": download.near,
        "prefer": download.prefer,
        "events": events and [events.content or events.file, events.padding],
        "options": {scope: options for scope, options in download.options.items() if options},
        "match": sorted(download.match),
        "notMatch": sorted(download.not_match),
        "minSize": download.min_size,
        "maxSize": download.max_size,
        "newest": download.newest,
        "limit": download.limit,
        "latest": download.latest or None,
        "keep": download.keep,
        "maxOrderHours": download.max_order_hours,
        "lateDays": download.late_days,
        "refreshOpen": download.refresh_open,
    }


def _request_meaning(request: Request) -> dict[str, Any]:
    return {
        "download": request.download,
        "locationCode": request.location_code,
        "deviceCategoryCode": request.device_category_code,
        "deviceCode": request.device_code,
        "propertyCode": request.property_code,
        "dataProductCode": request.data_product_code,
        "extension": request.extension,
        "options": request.options,
    }


def _bound(text: str | None, *, is_end: bool = False) -> str | None:
    """Gives one spelling for every way to write the same bound."""
    if text is None:
        return None
    if is_relative(text):
        return text.strip().upper()
    return format_instant(parse_end(text) if is_end else parse_instant(text))
