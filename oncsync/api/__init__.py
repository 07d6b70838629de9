"""The client of Oceans 3.0 and nothing else: a session, what exists, what can be ordered, and the records of both.

`import oncsync.api` is quick: the HTTP library is loaded with the first name that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oncsync.api.address import Address, is_loopback, parse_address
    from oncsync.api.answers import Answer
    from oncsync.api.delivery import (
        OrderPhase,
        RunAnswer,
        RunPhase,
        cancel_order,
        order_phase,
        order_status,
        request_product,
        restart_order,
        run_order,
        run_phase,
    )
    from oncsync.api.discovery import (
        get_data_products,
        get_deployments,
        get_device_categories,
        get_devices,
        get_location_tree,
        get_locations,
        get_properties,
    )
    from oncsync.api.failures import Timeouts
    from oncsync.api.records import (
        AllowableRange,
        BoundingBox,
        Citation,
        DataProduct,
        DataRating,
        Deployment,
        Device,
        DeviceCategory,
        Location,
        LocationNode,
        OrderStatus,
        OrderTicket,
        ProductOption,
        Property,
        Run,
    )
    from oncsync.api.redact import MASK, TOKEN_HINT, Token, redact_named
    from oncsync.api.retry import RetryPolicy
    from oncsync.api.session import Session
    from oncsync.api.stream import StreamAnswer
    from oncsync.api.transfer import (
        ArrivingFile,
        EndOfFiles,
        Expired,
        FailedRun,
        FileAnswer,
        NoData,
        NotReady,
        open_file,
    )

_ROOMS = {
    "address": ("Address", "is_loopback", "parse_address"),
    "answers": ("Answer",),
    "delivery": (
        "OrderPhase",
        "RunAnswer",
        "RunPhase",
        "cancel_order",
        "order_phase",
        "order_status",
        "request_product",
        "restart_order",
        "run_order",
        "run_phase",
    ),
    "discovery": (
        "get_data_products",
        "get_deployments",
        "get_device_categories",
        "get_devices",
        "get_location_tree",
        "get_locations",
        "get_properties",
    ),
    "failures": ("Timeouts",),
    "records": (
        "AllowableRange",
        "BoundingBox",
        "Citation",
        "DataProduct",
        "DataRating",
        "Deployment",
        "Device",
        "DeviceCategory",
        "Location",
        "LocationNode",
        "OrderStatus",
        "OrderTicket",
        "ProductOption",
        "Property",
        "Run",
    ),
    "redact": ("MASK", "TOKEN_HINT", "Token", "redact_named"),
    "retry": ("RetryPolicy",),
    "session": ("Session",),
    "stream": ("StreamAnswer",),
    "transfer": (
        "ArrivingFile",
        "EndOfFiles",
        "Expired",
        "FailedRun",
        "FileAnswer",
        "NoData",
        "NotReady",
        "open_file",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "MASK",
    "TOKEN_HINT",
    "Address",
    "AllowableRange",
    "Answer",
    "ArrivingFile",
    "BoundingBox",
    "Citation",
    "DataProduct",
    "DataRating",
    "Deployment",
    "Device",
    "DeviceCategory",
    "EndOfFiles",
    "Expired",
    "FailedRun",
    "FileAnswer",
    "Location",
    "LocationNode",
    "NoData",
    "NotReady",
    "OrderPhase",
    "OrderStatus",
    "OrderTicket",
    "ProductOption",
    "Property",
    "RetryPolicy",
    "Run",
    "RunAnswer",
    "RunPhase",
    "Session",
    "StreamAnswer",
    "Timeouts",
    "Token",
    "cancel_order",
    "get_data_products",
    "get_deployments",
    "get_device_categories",
    "get_devices",
    "get_location_tree",
    "get_locations",
    "get_properties",
    "is_loopback",
    "open_file",
    "order_phase",
    "order_status",
    "parse_address",
    "redact_named",
    "request_product",
    "restart_order",
    "run_order",
    "run_phase",
]


def __getattr__(name: str) -> Any:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{room}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
