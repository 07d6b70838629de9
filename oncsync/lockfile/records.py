"""The lock as records: entries, requests, chunks, and the digests that name them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Annotated, Literal

import msgspec

from oncsync.listed import ListedFile
from oncsync.timespan import Span, format_instant

DIGEST_LENGTH = 20  # hexadecimal digits: 80 bits
SOURCE_KEYS = ("locationCode", "deviceCategoryCode", "propertyCode", "deviceCode")


ChunkId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{20,64}\Z")]
"""Ids become parts of file names, so a lock from elsewhere may not put anything else in their place."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Chunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One piece of a request's span: the unit that is ordered, downloaded and recorded.

    With `service: archivefile` it is one file of the archive, and its span that of the file's data as far as the
    listing tells it: without an end it is empty, without a begin it begins when the file's name or archiving says.
    """

    id: ChunkId
    begin: Instant
    end: Instant
    file: ListedFile | None = None

    @property
    def span(self) -> Span:
        """The chunk's half-open span."""
        return Span(self.begin, self.end)


class LockedRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One expanded data product request: what is sent, what a reviewer needs, and its chunks.

    With `service: archivefile` it is a year of the archive files of one device, at one place if it was asked for by
    place: `data_product_code` and `extension` are empty, `begin` and `end` the year's.

    `source` holds what names the instrument, in ONC's spelling (`SOURCE_KEYS`). `end` is None for a request without
    end. `defaults` are the listing's defaults for options that are not sent. `about` holds the information columns
    of the workbook. `shared_with` and `same_as` name requests that bring part of, or all of, the same data.
    """

    id: str
    source: dict[str, str]
    data_product_code: str
    extension: str
    begin: datetime
    end: datetime | None
    split: str = "all"
    day_of_week: str = "SU"
    options: dict[str, str] = {}
    defaults: dict[str, str] = {}
    about: dict[str, str | float | None] = {}
    citation: str | None = None
    doi: str | None = None
    download: bool = True
    shared_with: tuple[str, ...] = ()
    same_as: str | None = None
    service: Literal["dataProductDelivery", "archivefile"] = "dataProductDelivery"
    summary: tuple[int, int] | None = None
    """How many files and bytes the request's shard holds, as long as it is not read; None when the chunks are here."""
    chunks: tuple[Chunk, ...] = ()

    def __post_init__(self) -> None:
        if self.split != "week" and self.day_of_week != "SU":
            # Only weeks begin on a day; a lock says the same whatever the day is set to for other splits.
            msgspec.structs.force_setattr(self, "day_of_week", "SU")

    @property
    def is_archive(self) -> bool:
        """Whether its chunks are files that lie in the archive, which nobody has to order."""
        return self.service == "archivefile"

    @property
    def product_digest(self) -> str:
        """Names what is asked for, without its span: chunks of one digest hold pieces of one series."""
        return product_digest(self.source, self.data_product_code, self.extension, self.options)


class LockEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry of the manifest became. `digest` is that of the entry's meaning.

    The settings are those that decide where files lie and when a chunk is settled; None means the default.
    """

    kind: Literal["download", "row"]
    name: str
    digest: str
    relative: str | None = None
    """The expression of a span that moves with the clock; such an entry's requests lie in the folder's own lock."""
    pinned: str | None = None
    """Such an expression whose requests were frozen: they lie in the lock until the entry is refreshed or changed."""
    path: str | None = None
    metadata: bool | None = None
    max_order_hours: float | None = None
    late_days: float | None = None
    refresh_open: str | None = None
    latest: bool | None = None
    keep: str | None = None
    requests: tuple[LockedRequest, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Tells a download and a row of one name apart."""
        return (self.kind, self.name)


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """`oncsync.lock`: entries in the order they are written."""

    server: str
    entries: tuple[LockEntry, ...] = ()

    def chunks(self) -> Iterator[tuple[LockEntry, LockedRequest, Chunk]]:
        """Yields every chunk line with what it stands under, in lock order; one id may come more than once."""
        for entry in self.entries:
            for request in entry.requests:
                for chunk in request.chunks:
                    yield entry, request, chunk


def digest(value: object) -> str:
    """Gives 80 bits that name a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGEST_LENGTH]


def product_digest(source: Mapping[str, str], code: str, extension: str, options: Mapping[str, str]) -> str:
    """Names a product of one source with one set of options, without its span."""
    return digest([dict(source), code, extension, dict(options)])


def chunk_id(product: str, span: Span) -> str:
    """Names a chunk by the parameters that decide its content: the digest of a list of all three."""
    text = f'[{encode_basestring_ascii(product)},"{format_instant(span.begin)}","{format_instant(span.end)}"]'
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGEST_LENGTH]


def archive_chunk_id(name: str) -> str:
    """Names the chunk of an archive file: whoever asks for the file, it is the same."""
    return digest(["archivefile", name])


def archive_request_id(source: Mapping[str, str], year: int) -> str:
    """Names the archive files of a year of one device, or of one at one place."""
    return digest(["archivefile", dict(source), year])


def request_id(product: str, begin: datetime, end: datetime | None) -> str:
    """Names a request by what is sent and its span."""
    return digest(["request", product, format_instant(begin), end and format_instant(end)])


def sort_entries(entries: Iterable[LockEntry]) -> tuple[LockEntry, ...]:
    """Gives entries in lock order: downloads by name, then rows in the order of the manifest."""
    listed = list(entries)
    downloads = sorted((entry for entry in listed if entry.kind == "download"), key=lambda entry: entry.name)
    return (*downloads, *(entry for entry in listed if entry.kind == "row"))


def sort_requests(requests: Iterable[LockedRequest]) -> tuple[LockedRequest, ...]:
    """Gives requests in lock order: by what is sent, then by begin."""

    def order(request: LockedRequest) -> tuple[object, ...]:
        sent = [request.source.get(key, "") for key in SOURCE_KEYS]
        options = sorted(request.options.items())
        end = "" if request.end is None else format_instant(request.end)
        device = str(request.about.get("deviceCode") or "")
        return (
            sent,
            request.data_product_code,
            request.extension,
            options,
            request.begin,
            end,
            device,
            request.id,
        )

    return tuple(sorted(requests, key=order))
