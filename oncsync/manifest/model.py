"""The manifest as records: what a person wants, typed, with the place each entry was read from.

Member names are the manifest's keys in snake_case; lists are plural. Times stay text as written
(`timespan` gives them a meaning), because relative bounds are evaluated by the resolver alone.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

ALL_SPLITS = ("all", "year", "month", "week", "day", "hour")
DAYS_OF_WEEK = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FILTER_MEMBERS = {
    "locationCode": "location_codes",
    "deviceCategoryCode": "device_category_codes",
    "deviceCode": "device_codes",
    "propertyCode": "property_codes",
    "dataProductCode": "data_product_codes",
    "dataProductName": "data_product_names",
    "extension": "extensions",
}
"""The member of `Download` for each filter, by the manifest's key."""
DEFAULT_SPLITS = {"downloads": "month", "requests": "all"}
SERVERS = {"production": "https://data.oceannetworks.ca/", "qa": "https://qa.oceannetworks.ca/"}
SERVER_NAMES = (*SERVERS, "sandbox")


class Place(msgspec.Struct, frozen=True):
    """Where something stands in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the workbook's Configuration tab; None means the key was not written."""

    split_date_range: str | None = None
    day_of_week: str | None = None
    run_threads: int = 4
    download_threads: int = 10
    download_queue_size: int | None = None  # None: unlimited
    begin_run: str = "00:00:00"
    end_run: str = "00:00:00"
    run_time_zone: str | None = None
    metadata: bool = True
    max_order_hours: float = 48.0
    late_days: float = 1.0
    refresh_open: str | None = None
    min_free: str | None = None
    state: str | None = None


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """A file of times, each of which becomes a span."""

    file: str
    """As written, relative to the manifest."""
    padding: str | None = None
    content: str | None = None
    """A digest of what the file held when the manifest was loaded; None when it could not be read."""


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A circle on the map: degrees and kilometres."""

    lat: float
    lon: float
    radius_km: float


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `downloads:`. An empty tuple means: everything that exists."""

    name: str
    service: str = "dataProductDelivery"
    download_method: str = "byLocation"
    location_codes: tuple[str, ...] = ()
    device_category_codes: tuple[str, ...] = ()
    device_codes: tuple[str, ...] = ()
    property_codes: tuple[str, ...] = ()
    data_product_codes: tuple[str, ...] = ()
    data_product_names: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    exclude: dict[str, tuple[str, ...]] = {}
    near: Near | None = None
    prefer: tuple[str, ...] = ()
    begin: str | None = None
    end: str | None = None
    events: Events | None = None
    options: dict[str, dict[str, str]] = {}
    """`dpo_*` by scope: "" for all products, `CODE` or `CODE/ext` for some."""
    pin_options: bool = False
    path: str | None = None
    split_date_range: str | None = None
    day_of_week: str | None = None
    metadata: bool | None = None
    max_order_hours: float | None = None
    late_days: float | None = None
    refresh_open: str | None = None
    match: tuple[str, ...] = ()
    not_match: tuple[str, ...] = ()
    min_size: str | None = None
    max_size: str | None = None
    newest: int | None = None
    limit: int | None = None
    latest: bool = False
    """Whether the newest files also lie in `latest/NAME/`."""
    keep: str | None = None
    """How long archive files stay that a moving span has left behind, once newer ones are here; None: for ever."""
    place: Place | None = None
    places: dict[str, Place] = {}
    """Where each key's value stands, by the manifest's own key, for messages."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `requests:`: an exact request, as a workbook row gives it."""

    name: str
    workbook: str | None = None
    """The file that `oncsync import` took it from; importing that file again replaces it."""
    download: bool = True
    location_code: str | None = None
    device_category_code: str | None = None
    device_code: str | None = None
    property_code: str | None = None
    data_product_code: str
    extension: str
    begin: str
    end: str | None = None
    options: dict[str, str] = {}
    pin_options: bool = False
    path: str | None = None
    split_date_range: str | None = None
    day_of_week: str | None = None
    metadata: bool | None = None
    columns: dict[str, str | int | float | bool | None] = {}
    place: Place | None = None
    places: dict[str, Place] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`oncsync.yaml` with what belongs to this machine laid over it."""

    path: Path
    version: int = 1
    server: str = "production"
    """`production`, `qa`, `sandbox` or a base address."""
    folder: Path
    """Absolute."""
    vars: dict[str, str] = {}
    settings: Settings = Settings()
    downloads: tuple[Download, ...] = ()
    requests: tuple[Request, ...] = ()
