"""Which parameters each service takes, and how their values are checked (onc-api.md 1.1, 1.3, 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from .catalogue import Catalogue
from .replies import FUTURE_START, INVALID_TIME_RANGE, UNKNOWN_NAME, Complaint, RefusedRequest, invalid_value, missing
from .times import FIRST_INSTANT, LAST_INSTANT, Duration, Span, parse_bound

_WINDOW = ("dateFrom", "dateTo")
_PLACE = ("locationCode", "deviceCategoryCode", "propertyCode", "dataProductCode", "deviceCode", "locationName")
_ORDER = ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode", "dataProductCode", "extension")

TRUTHS = ("true", "false", "True", "False")

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
}
"""Each service's parameters besides `token`; any other name is refused."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "dataProductDelivery/request": ("dataProductCode", "extension", "dateFrom", "dateTo"),
    "dataProductDelivery/run": ("dpRequestId",),
    "dataProductDelivery/download": ("dpRunId", "index"),
    "dataProductDelivery/cancel": ("dpRequestId",),
    "dataProductDelivery/restart": ("dpRequestId",),
    "dataProductDelivery/status": ("dpRequestId",),
}


def check_names(service: str, given: Mapping[str, str]) -> None:
    """Refuses unknown names (129, all at once) and missing required ones (128); options are checked later."""
    allowed = SERVICES[service]
    takes_options = service == "dataProductDelivery/request"
    unknown = [name for name in given if name not in allowed and not (takes_options and name.startswith("dpo_"))]
    if unknown:
        complaints = (Complaint(UNKNOWN_NAME, "Invalid parameter name", name) for name in unknown)
        raise RefusedRequest(400, *complaints)
    absent = [name for name in REQUIRED.get(service, ()) if name not in given]
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
        "includeChildren": TRUTHS,
    }
    wrong = [name for name, value in given.items() if name in known and value not in known[name]]
    if wrong:
        raise RefusedRequest(400, *invalid_value(",".join(wrong)).complaints)


def read_window(given: Mapping[str, str], now: datetime) -> Span | None:
    """Reads `dateFrom` and `dateTo`; gives None when neither is there.

    A duration counts from the other bound; a relative `dateFrom` alone counts from now. A missing bound is the
    beginning or the end of time. Raises code 127 for a text that is no time, 23 when the start lies after the
    end, 25 when the start lies in the future.
    """
    if not any(name in given for name in _WINDOW):
        return None
    bounds = {name: _bound(name, given[name]) for name in _WINDOW if name in given}
    begin, end = bounds.get("dateFrom", FIRST_INSTANT), bounds.get("dateTo", LAST_INSTANT)
    if isinstance(begin, Duration) and isinstance(end, Duration):
        raise invalid_value("dateFrom,dateTo", "Only one of the two dates may be a duration")
    if isinstance(begin, Duration):
        begin = begin.after(end if isinstance(end, datetime) and "dateTo" in bounds else now)
    assert isinstance(begin, datetime)
    if isinstance(end, Duration):
        end = end.after(begin)
    if begin > end:
        raise RefusedRequest(
            400, Complaint(INVALID_TIME_RANGE, "Invalid time range: the start lies after the end", "dateFrom,dateTo")
        )
    if begin > now:
        raise RefusedRequest(
            400, Complaint(FUTURE_START, "Invalid Time Range, Start Time is in the future.", "dateFrom")
        )
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
