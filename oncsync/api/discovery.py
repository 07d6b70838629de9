"""Asks what exists: locations, deployments, device categories, devices, properties and data products.

Only the filters that are given are sent; all of them combine with AND. A question that is valid but finds nothing
gives an empty list, an outage never does. Every function may raise what `Session.get_json` raises.
Sources: onc-api.md 2, open questions 10 to 12, 37 to 43.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from oncsync.api.answers import Answer
from oncsync.api.asking import Asker
from oncsync.api.emptiness import is_outside_window
from oncsync.api.failures import FAULT_HINT
from oncsync.api.reading import Notes, as_list, read_list
from oncsync.api.records import DataProduct, Deployment, Device, DeviceCategory, Location, LocationNode, Property
from oncsync.errors import FaultError, NotFoundError, RefusedError
from oncsync.timespan import format_instant

R = TypeVar("R", bound=msgspec.Struct)
Filter = str | bool | float | datetime | None


def get_locations(
    session: Asker,
    *,
    location_code: str | None = None,
    device_category_code: str | None = None,
    property_code: str | None = None,
    data_product_code: str | None = None,
    device_code: str | None = None,
    location_name: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
    include_children: bool = False,
) -> list[Location]:
    """Lists locations; `include_children`, with a location code, lists what lies below it too (onc-api.md 2.1)."""
    return _list(
        session,
        "api/locations",
        Location,
        locationCode=location_code,
        deviceCategoryCode=device_category_code,
        propertyCode=property_code,
        dataProductCode=data_product_code,
        deviceCode=device_code,
        locationName=location_name,
        dateFrom=date_from,
        dateTo=date_to,
        includeChildren=include_children or None,
    )


def get_location_tree(
    session: Asker,
    *,
    location_code: str | None = None,
    device_category_code: str | None = None,
    property_code: str | None = None,
    data_product_code: str | None = None,
    device_code: str | None = None,
    location_name: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
) -> list[LocationNode]:
    """Lists locations with all that lies below them (onc-api.md 2.2)."""
    return _list(
        session,
        "api/locations/tree",
        LocationNode,
        locationCode=location_code,
        deviceCategoryCode=device_category_code,
        propertyCode=property_code,
        dataProductCode=data_product_code,
        deviceCode=device_code,
        locationName=location_name,
        dateFrom=date_from,
        dateTo=date_to,
    )


def get_deployments(
    session: Asker,
    *,
    location_code: str | None = None,
    device_category_code: str | None = None,
    device_code: str | None = None,
    property_code: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
) -> list[Deployment]:
    """Lists deployments that overlap a window, with their own dates; a location's children are not included.

    A refusal that only says that nothing was deployed in the window is an empty list (onc-api.md 1.3); any other, as
    for an unknown code, raises `RefusedError`: only who knows that the codes exist can tell what it means.
    """
    try:
        return _list(
            session,
            "api/deployments",
            Deployment,
            locationCode=location_code,
            deviceCategoryCode=device_category_code,
            deviceCode=device_code,
            propertyCode=property_code,
            dateFrom=date_from,
            dateTo=date_to,
        )
    except RefusedError as refusal:
        if is_outside_window(session, refusal, date_from):
            return []
        raise


def get_device_categories(
    session: Asker,
    *,
    device_category_code: str | None = None,
    device_category_name: str | None = None,
    description: str | None = None,
    location_code: str | None = None,
    property_code: str | None = None,
) -> list[DeviceCategory]:
    """Lists kinds of instruments; name and description match any part, in any case (onc-api.md 2.4)."""
    return _list(
        session,
        "api/deviceCategories",
        DeviceCategory,
        deviceCategoryCode=device_category_code,
        deviceCategoryName=device_category_name,
        description=description,
        locationCode=location_code,
        propertyCode=property_code,
    )


def get_devices(
    session: Asker,
    *,
    device_code: str | None = None,
    device_name: str | None = None,
    device_category_code: str | None = None,
    location_code: str | None = None,
    property_code: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
) -> list[Device]:
    """Lists instruments; the name matches any part, in any case (onc-api.md 2.5)."""
    return _list(
        session,
        "api/devices",
        Device,
        deviceCode=device_code,
        deviceName=device_name,
        deviceCategoryCode=device_category_code,
        locationCode=location_code,
        propertyCode=property_code,
        dateFrom=date_from,
        dateTo=date_to,
    )


def get_properties(
    session: Asker,
    *,
    property_code: str | None = None,
    property_name: str | None = None,
    description: str | None = None,
    location_code: str | None = None,
    device_category_code: str | None = None,
    device_code: str | None = None,
) -> list[Property]:
    """Lists measured quantities; name and description match any part, in any case (onc-api.md 2.6)."""
    return _list(
        session,
        "api/properties",
        Property,
        propertyCode=property_code,
        propertyName=property_name,
        description=description,
        locationCode=location_code,
        deviceCategoryCode=device_category_code,
        deviceCode=device_code,
    )


def get_data_products(
    session: Asker,
    *,
    data_product_code: str | None = None,
    extension: str | None = None,
    data_product_name: str | None = None,
    location_code: str | None = None,
    device_category_code: str | None = None,
    device_code: str | None = None,
    property_code: str | None = None,
) -> list[DataProduct]:
    """Lists data products, one entry per extension; narrowed to a place or a device it tells what can be ordered there.

    See onc-api.md 2.7: a listing may still name products that cannot be ordered.
    """
    return _list(
        session,
        "api/dataProducts",
        DataProduct,
        dataProductCode=data_product_code,
        extension=extension,
        dataProductName=data_product_name,
        locationCode=location_code,
        deviceCategoryCode=device_category_code,
        deviceCode=device_code,
        propertyCode=property_code,
    )


def _list(session: Asker, path: str, kind: type[R], **filters: Filter) -> list[R]:
    """Asks one service for a list; 200 with nothing in it and a 404 of the service both mean: nothing (question 40)."""
    params = {name: sent(value) for name, value in filters.items() if value is not None}
    try:
        answer = session.get_json(path, params)
    except NotFoundError:
        return []
    return _entries(session, path, kind, answer)


def sent(value: str | bool | float | datetime) -> str:
    """Gives a filter as the service is sent it."""
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _entries(session: Asker, path: str, kind: type[R], answer: Answer) -> list[R]:
    """Reads the entries of an answer; an answer of which nothing can be used is a fault, not an empty one."""
    notes = Notes(path)
    listed = as_list(answer.body)
    try:
        entries = read_list(kind, listed, notes)
    except RecursionError:
        entries = []
    if answer.body is None or answer.status != 200 or (listed and not entries):
        raise FaultError(
            f"`{path}` at {session.host} gave an answer of another kind", hint=FAULT_HINT, status=answer.status
        )
    for message in (*answer.messages, *notes.render()):
        session.tell(message)
    return entries
