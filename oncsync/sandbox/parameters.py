"""Which parameters each service takes, and how their values are checked (onc-api.md 1.1, 1.3, 1.5, 2, 3 and 4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from .catalogue import Catalogue
from .replies import FUTURE_START, INVALID_TIME_RANGE, UNKNOWN_NAME, Complaint, RefusedRequest, invalid_value, missing
from .times import FIRST_INSTANT, LAST_INSTANT, Duration, Span, parse_bound

_WINDOW = ("dateFrom", "dateTo")
_PLACE = ("locationCode", "deviceCategoryCode", "propertyCode", "dataProductCode", "deviceCode", "locationName")
_ORDER = ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode", "dataProductCode", "extension")
_ARCHIVE = (
    *("dateFrom", "dateTo", "dateArchivedFrom", "dateArchivedTo"),
    *("fileExtension", "dataProductCode", "returnOptions", "rowLimit", "page", "getLatest"),
)

TRUTHS = ("true", "false", "True", "False")
RETURN_OPTIONS = ("all", "archiveLocation")
MOST_ROWS = 100_000
"""Rows of one page, asked for or not (onc-api.md 1.5)."""

SERVICES: dict[str, tuple[str, ...]] = {
    "locations": (*_PLACE, "includeChildren", *_WINDOW),
    "locations/tree": (*_PLACE, *_WINDOW),
    "deployments": ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode", *_WINDOW),
    "deviceCategories": (
        "deviceCategoryCode",
        "deviceCategoryName",
        "description",
        "locationCode",
        "propertyCode",
    ),
    "devices": ("deviceCode", "deviceName", "deviceCategoryCode", "locationCode", "propertyCode", *_WINDOW),
    "properties": (
        "propertyCode",
        "propertyName",
        "description",
        "locationCode",
        "deviceCategoryCode",
        "deviceCode",
    ),
    "dataProducts": (
        "dataProductCode",
        "extension",
        "dataProductName",
        "locationCode",
        "deviceCategoryCode",
        "deviceCode",
        "propertyCode",
    ),
    "dataProductDelivery/request": (*_ORDER, *_WINDOW),
    "dataProductDelivery/run": ("dpRequestId",),
    "dataProductDelivery/download": ("dpRunId", "index"),
    "dataProductDelivery/cancel": ("dpRequestId",),
    "dataProductDelivery/restart": ("dpRequestId",),
    "dataProductDelivery/status": ("dpRequestId",),
    "archivefile/location": ("locationCode", "deviceCategoryCode", *_ARCHIVE),
    "archivefile/device": ("deviceCode", *_ARCHIVE),
    "archivefile/download": ("filename",),
    "dataAvailability/dataproducts": (
        *_ORDER,
        *_WINDOW,
        *("minimumCoverage", "maximumCoverage", "getLatest", "groupBy", "mergeGaps", "includeEmptyDays"),
        *("rowLimit", "page"),
    ),
}
"""Each service's parameters besides `token`; any other name is refused. Availability takes `page` for its `next`."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "dataProductDelivery/request": ("dataProductCode", "extension", "dateFrom", "dateTo"),
    "dataProductDelivery/run": ("dpRequestId",),
    "dataProductDelivery/download": ("dpRunId", "index"),
    "dataProductDelivery/cancel": ("dpRequestId",),
    "dataProductDelivery/restart": ("dpRequestId",),
    "dataProductDelivery/status": ("dpRequestId",),
    "archivefile/location": ("locationCode", "deviceCategoryCode"),
    "archivefile/device": ("deviceCode",),
    "archivefile/download": ("filename",),
}


def check_names(service: str, given: Mapping[str, str]) -> None:
    """Refuses unknown names (129, all at once) and required ones that are missing or empty (128); no options yet."""
    allowed = SERVICES[service]
    takes_options = service == "dataProductDelivery/request"
    unknown = [name for name in given if name not in allowed and not (takes_options and name.startswith("dpo_"))]
    if unknown:
        complaints = (Complaint(UNKNOWN_NAME, "Invalid parameter name", name) for name in unknown)
        raise RefusedRequest(400, *complaints)
    absent = [name for name in REQUIRED.get(service, ()) if not given.get(name)]
    if absent:
        raise missing(",".join(absent))


def check_codes(catalogue: Catalogue, given: Mapping[str, str]) -> None:
    """Refuses a code that nothing has (127), naming every parameter that holds one; case counts."""
    known: dict[str, Collection[str]] = {
        "locationCode": catalogue.locations,
        "deviceCategoryCode": catalogue.categories,
        "deviceCode": catalogue.devices,
        "propertyCode": catalogue.properties,
        "dataProductCode": catalogue.product_codes,
        "extension": catalogue.extensions,
        "fileExtension": catalogue.extensions,
        "returnOptions": RETURN_OPTIONS,
        "includeChildren": TRUTHS,
        "getLatest": TRUTHS,
        "mergeGaps": TRUTHS,
        "includeEmptyDays": TRUTHS,
    }
    wrong = [name for name, value in given.items() if name in known and value not in known[name]]
    if wrong:
        raise RefusedRequest(400, *invalid_value(",".join(wrong)).complaints)


def read_window(given: Mapping[str, str], now: datetime, names: tuple[str, str] = _WINDOW) -> Span | None:
    """Reads `dateFrom` and `dateTo`, or two bounds of other names; gives None when neither is there.

    A duration counts from the other bound; a relative `dateFrom` alone counts from now. A missing bound is the
    beginning or the end of time. Raises code 127 for a text that is no time, 23 when the start lies after the
    end, 25 when the start lies in the future.
    """
    if not any(name in given for name in names):
        return None
    first, last = names
    bounds = {name: _bound(name, given[name]) for name in names if name in given}
    begin, end = bounds.get(first, FIRST_INSTANT), bounds.get(last, LAST_INSTANT)
    if isinstance(begin, Duration) and isinstance(end, Duration):
        raise invalid_value(",".join(names), "Only one of the two dates may be a duration")
    if isinstance(begin, Duration):
        begin = begin.after(end if isinstance(end, datetime) and last in bounds else now)
    assert isinstance(begin, datetime)
    if isinstance(end, Duration):
        end = end.after(begin)
    if begin > end:
        raise RefusedRequest(
            400, Complaint(INVALID_TIME_RANGE, "Invalid time range: the start lies after the end", ",".join(names))
        )
    if begin > now:
        raise RefusedRequest(400, Complaint(FUTURE_START, "Invalid Time Range, Start Time is in the future.", first))
    return Span(begin, end)


def _bound(name: str, text: str) -> datetime | Duration:
    bound = parse_bound(text)
    if bound is None:
        raise invalid_value(name)
    return bound


def read_number(given: Mapping[str, str], name: str) -> int:
    """Reads an id; a text that is no whole number is refused like an id that nobody has (127)."""
    text = given[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid_value(name)
    return int(text)


def read_flag(given: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Reads a truth value that is known to be one."""
    return given[name].lower() == "true" if name in given else default


def read_limit(given: Mapping[str, str]) -> tuple[int, list[str]]:
    """Reads how many rows a page may have, and what to say about it; too many, 0 or fewer mean the most."""
    asked = _whole_number(given, "rowLimit", MOST_ROWS)
    if 1 <= asked <= MOST_ROWS:
        return asked, []
    return MOST_ROWS, [f"The rowLimit {asked} is not between 1 and {MOST_ROWS}: using {MOST_ROWS}"]


def read_page(given: Mapping[str, str]) -> int:
    """Reads the number of a page, from 1."""
    page = _whole_number(given, "page", 1)
    if page < 1:
        raise invalid_value("page")
    return page


def _whole_number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise invalid_value(name)
    return int(text)
