"""What ONC's listing says of one archive file, as lock and state keep it. Pure.

Sources: onc-api.md 4.1 and 4.3, open questions 1, 28, 31 and 32.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Size = Annotated[int, msgspec.Meta(ge=0)]


SIZE_DIFFERS = "size differs from listing"
"""How a whole file is marked whose length is neither of the sizes that were listed (open question 1)."""
SIZE_BELIEVED = f"{SIZE_DIFFERS}, but the same bytes came twice"
"""How it is marked when it was fetched again on request: from then on it is not doubted."""


class Described(Protocol):
    """Whatever tells when an archive file was archived and how long it is; all of it may be unknown."""

    @property
    def archived(self) -> datetime | None:
        """When it was archived."""

    @property
    def modified(self) -> datetime | None:
        """When its record changed last."""

    @property
    def stored_size(self) -> int | None:
        """Bytes in the archive, compressed where it is."""

    @property
    def delivered_size(self) -> int | None:
        """Bytes of a download."""


_COMPARED = ("archived", "modified", "stored_size", "delivered_size")


class ListedFile(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    rename={
        "name": "filename",
        "data_product_code": "dataProductCode",
        "archived": "archivedDate",
        "modified": "modifyDate",
        "stored_size": "fileSize",
        "delivered_size": "uncompressedFileSize",
        "is_listed": "listed",
        "is_rearchived": "rearchived",
    },
):
    """One archive file as ONC listed it. `name` is the service's own and untrusted; sizes are bytes.

    `is_listed` is False once a listing of its span lacked it: perhaps restricted, perhaps gone, never deleted here.
    `is_rearchived` says that ONC archived it again under its name since the lock first named it.
    """

    name: str
    data_product_code: str | None = None
    archived: Instant | None = None
    modified: Instant | None = None
    stored_size: Size | None = None
    delivered_size: Size | None = None
    is_listed: bool = True
    is_rearchived: bool = False

    @property
    def bytes(self) -> int | None:
        """How long a download is expected to be, None when the listing does not say."""
        return self.delivered_size or self.stored_size


def listed_sizes(file: Described) -> frozenset[int]:
    """Gives the lengths, in bytes, that a download may have by the listing; 0 is no proof of anything."""
    return frozenset(size for size in (file.delivered_size, file.stored_size) if size is not None and size > 0)


def changed_members(now: Described, before: Described) -> tuple[str, ...]:
    """Gives which of both dates and both sizes a listing tells differently than before (open question 31).

    A value that the listing tells no more, or a size of 0, is no change: nothing says that the file is another one.
    """
    return tuple(name for name in _COMPARED if (value := getattr(now, name)) and value != getattr(before, name))
