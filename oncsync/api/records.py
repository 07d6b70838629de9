"""What the service tells, as records: ONC's members under snake_case names, everything optional that may be missing.

`rename` gives each member back its ONC spelling in JSON. A member without a default is one that an entry cannot be
used without. Instants are UTC, depths metres (negative above the sea), positions degrees, sizes bytes.
Sources: onc-api.md 1.4, 2 to 4, onc-glossary.md "How to read an option".
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something the service told."""

    dates_decide: ClassVar[bool] = True
    """Whether an entry whose date cannot be read is worth nothing: `missing` would mean something else."""


class VocabularyTerm(Record, frozen=True, kw_only=True):
    """A term of a public vocabulary that means the same."""

    uri: str | None = None
    vocabulary: str | None = None


class VocabularyTerms(Record, frozen=True, kw_only=True):
    """The terms for a device category, a device, or a property and its unit."""

    device_category: tuple[VocabularyTerm, ...] = ()
    device: tuple[VocabularyTerm, ...] = ()
    property: tuple[VocabularyTerm, ...] = ()
    uom: tuple[VocabularyTerm, ...] = ()


class Citation(Record, frozen=True, kw_only=True):
    """How to cite the data of a deployment or of an order."""

    citation: str = ""
    doi: str | None = None
    landing_page_url: str | None = None
    query_pid: int | None = None


class BoundingBox(Record, frozen=True, kw_only=True):
    """The box around everything deployed at a location."""

    min_depth: float | None = None
    max_depth: float | None = None
    min_lat: float | None = None
    max_lat: float | None = None
    min_lon: float | None = None
    max_lon: float | None = None


class Location(Record, frozen=True, kw_only=True):
    """A place; `has_device_data` and `has_property_data` are true unless the service says no."""

    location_code: str
    location_name: str = ""
    description: str = ""
    deployments: int | None = None
    has_device_data: bool = True
    has_property_data: bool = True
    depth: float | None = None
    lat: float | None = None
    lon: float | None = None
    bbox: BoundingBox | None = None
    data_search_url: str | None = msgspec.field(default=None, name="dataSearchURL")


class LocationNode(Location, frozen=True, kw_only=True):
    """A place with the places below it."""

    children: tuple[LocationNode, ...] = ()


class Deployment(Record, frozen=True, kw_only=True):
    """A device at a place for a time, not clipped to what was asked; `end` is None while it is still there."""

    begin: datetime
    end: datetime | None = None
    device_code: str
    device_category_code: str | None = None
    location_code: str
    lat: float | None = None
    lon: float | None = None
    depth: float | None = None
    heading: float | None = None
    pitch: float | None = None
    roll: float | None = None
    has_device_data: bool = True
    citation: Citation | None = None


class DeviceCategory(Record, frozen=True, kw_only=True):
    """A kind of instrument."""

    device_category_code: str
    device_category_name: str = ""
    description: str = ""
    long_description: str = ""
    has_device_data: bool = True
    cv_term: VocabularyTerms | None = None


class Property(Record, frozen=True, kw_only=True):
    """A measured quantity; `uom` is its unit of measure."""

    property_code: str
    property_name: str = ""
    description: str = ""
    uom: str = ""
    has_device_data: bool = True
    has_property_data: bool = True
    cv_term: VocabularyTerms | None = None


class DataRating(Record, frozen=True, kw_only=True):
    """How often a device samples during a time; `sample_period` is in seconds, `date_to` None while it lasts."""

    date_from: datetime
    date_to: datetime | None = None
    sample_period: float | None = None
    sample_size: int | None = None


class Device(Record, frozen=True, kw_only=True):
    """An instrument."""

    device_code: str
    device_id: int | None = None
    device_name: str = ""
    device_link: str | None = None
    device_category_code: str | None = None
    has_device_data: bool = True
    cv_term: VocabularyTerms | None = None
    data_rating: tuple[DataRating, ...] = ()


class AllowableRange(Record, frozen=True, kw_only=True):
    """The numbers an option may be, both ends included; its listed values are legal besides."""

    lower_bound: float | None = None
    upper_bound: float | None = None
    only_integers: bool = False
    unit_of_measure: str | None = None

    @property
    def words(self) -> str:
        """The range as people read it: `a whole number from 1 to 60 s`, as far as the bounds are known."""
        low = f" from {self.lower_bound:g}" if self.lower_bound is not None else ""
        high = f" to {self.upper_bound:g}" if self.upper_bound is not None else ""
        unit = f" {self.unit_of_measure}" if self.unit_of_measure else ""
        return f"{'a whole number' if self.only_integers else 'a number'}{low}{high}{unit}"


NO_OPTION = "dpo_none"
"""A sub-option that only fills a place among the others: it is never sent."""


class ProductOption(Record, frozen=True, kw_only=True):
    """A `dpo_*` option of a product. A sub-option's `default_value` is an internal id and is never sent."""

    option: str
    allowable_values: tuple[str, ...] = ()
    allowable_range: AllowableRange | None = None
    default_value: str | None = None
    suboptions: tuple[ProductOption, ...] = ()
    documentation: tuple[str, ...] = ()


class DataProduct(Record, frozen=True, kw_only=True):
    """A data product in one extension, with the options of this pair."""

    data_product_code: str
    data_product_name: str = ""
    extension: str
    has_device_data: bool = True
    has_property_data: bool = True
    help_document: str | None = None
    options: tuple[ProductOption, ...] = msgspec.field(default=(), name="dataProductOptions")


class OrderTicket(Record, frozen=True, kw_only=True):
    """The answer to `request`: the order's id, and estimates that may be missing and are poor (onc-api.md 3.1).

    A product to be generated has `estimated_file_size` (a text) and `estimated_processing_time` (seconds), one that
    lies in the archive has `file_size` (bytes) and `num_files`. `query_url` holds no token.
    """

    dp_request_id: int
    estimated_file_size: str | None = None
    estimated_processing_time: float | None = None
    file_size: int | None = None
    compressed_file_size: int | None = None
    num_files: int | None = None
    citations: tuple[Citation, ...] = ()
    query_pids: tuple[int, ...] = ()
    query_url: str | None = msgspec.field(default=None, name="queryURL")
    messages: tuple[str, ...] = ()


class Run(Record, frozen=True, kw_only=True):
    """One run of an order; `file_count` leaves out the metadata file and is 0 until the end (onc-api.md 3.2)."""

    dp_run_id: int
    status: str = ""
    message: str = ""
    file_count: int | None = None


class OrderStatus(Record, frozen=True, kw_only=True):
    """The answer to `status`, as far as it says something (onc-api.md 3.4)."""

    search_hdr_status: str | None = None
    status: str | None = None
    description: str | None = None
    modify_date: str | None = None


class ArchiveFile(Record, frozen=True, kw_only=True):
    """A file that lies in the archive, as a listing describes it; only its name is sure to be there (onc-api.md 4.1).

    `name` is what the service calls it, without a path: it is what a download asks for, and untrusted. `begin` and
    `end` are the span of the data, `archived` and `modified` when it was archived and its record changed last,
    `stored_size` the bytes in the archive (compressed where `compression` says so), `delivered_size` those of a
    download. A size of 0 is no proof that the file is empty (open question 28).
    """

    dates_decide: ClassVar[bool] = False

    name: str = msgspec.field(name="filename")
    device_code: str | None = None
    data_product_code: str | None = None
    begin: datetime | None = msgspec.field(default=None, name="dateFrom")
    end: datetime | None = msgspec.field(default=None, name="dateTo")
    archived: datetime | None = msgspec.field(default=None, name="archivedDate")
    modified: datetime | None = msgspec.field(default=None, name="modifyDate")
    stored_size: int | None = msgspec.field(default=None, name="fileSize")
    delivered_size: int | None = msgspec.field(default=None, name="uncompressedFileSize")
    compression: str | None = None


class Availability(Record, frozen=True, kw_only=True):
    """What the archive holds of one product and extension of a device in a time of whole days (onc-api.md 2.8).

    Sizes are bytes as for `ArchiveFile`, of all files together; coverages are shares from 0 to 1.
    """

    dates_decide: ClassVar[bool] = False

    data_product_code: str
    extension: str | None = None
    device_code: str | None = None
    begin: datetime | None = msgspec.field(default=None, name="dateFrom")
    end: datetime | None = msgspec.field(default=None, name="dateTo")
    file_count: int | None = None
    stored_size: int | None = msgspec.field(default=None, name="totalFileSize")
    delivered_size: int | None = msgspec.field(default=None, name="totalUncompressedFileSize")
    average_coverage: float | None = msgspec.field(default=None, name="averageFileCoverage")
    min_coverage: float | None = msgspec.field(default=None, name="minFileCoverage")
    max_coverage: float | None = msgspec.field(default=None, name="maxFileCoverage")
    min_coverage_date: datetime | None = msgspec.field(default=None, name="minFileCoverageDate")
    max_coverage_date: datetime | None = msgspec.field(default=None, name="maxFileCoverageDate")
