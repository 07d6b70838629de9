"""Asks which products the archive holds, per device, extension and time: useful to estimate bytes before a download.

Sources: onc-api.md 2.8, open questions 10, 30 and 34.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from oncsync.api.asking import Asker
from oncsync.api.discovery import sent
from oncsync.api.emptiness import is_outside_window
from oncsync.api.paging import read_pages
from oncsync.api.records import Availability
from oncsync.errors import NotFoundError, RefusedError

_PATH = "api/dataAvailability/dataproducts"


class AvailabilityListing(msgspec.Struct, frozen=True):
    """What the archive holds; `nothing_because` holds the service's words when it said that there can be nothing."""

    rows: tuple[Availability, ...] = ()
    messages: tuple[str, ...] = ()
    nothing_because: str | None = None


def get_availability(
    session: Asker,
    *,
    location_code: str | None = None,
    device_category_code: str | None = None,
    device_code: str | None = None,
    property_code: str | None = None,
    data_product_code: str | None = None,
    extension: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
    minimum_coverage: float | None = None,
    maximum_coverage: float | None = None,
    more: Mapping[str, str] | None = None,
) -> AvailabilityListing:
    """Lists what the archive holds of a device, or of a category at a location; the service counts in whole days.

    Coverages are shares from 0 to 1. `more` are parameters that a user asked for by name (`getLatest`, `groupBy`,
    `mergeGaps`, `includeEmptyDays`, `rowLimit`); nothing else is known about them. All pages, or an error: `FaultError`
    for an answer that is no listing, a page that is refused or repeats, otherwise what `Session.get_json` raises.
    """
    filters = {
        "locationCode": location_code,
        "deviceCategoryCode": device_category_code,
        "deviceCode": device_code,
        "propertyCode": property_code,
        "dataProductCode": data_product_code,
        "extension": extension,
        "dateFrom": date_from,
        "dateTo": date_to,
        "minimumCoverage": minimum_coverage,
        "maximumCoverage": maximum_coverage,
    }
    params = {name: sent(value) for name, value in filters.items() if value is not None} | dict(more or {})
    try:
        rows, messages = read_pages(session, _PATH, params, "availableDataProducts", Availability)
    except RefusedError as refusal:
        if not is_outside_window(session, refusal, date_from):
            raise
        return AvailabilityListing(nothing_because=refusal.text or refusal.message)
    except NotFoundError as error:
        return AvailabilityListing(nothing_because=error.text or error.message)
    return AvailabilityListing(rows, messages)
