"""A workbook as records: its rows, its settings, and where each row came from."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Literal

import msgspec

from oncsync.workbook.layout import CellValue

DIGEST_LENGTH = 8  # hexadecimal digits: enough to notice an edit, nobody forges one

_ORIGIN = re.compile(r"(?P<kind>downloads|requests): (?P<name>.+?)(?: \((?P<digest>[0-9a-f]{8})\))?")


class Origin(msgspec.Struct, frozen=True):
    """The entry of a manifest that an exported row came from; `digest` is that of the row when it was written."""

    kind: Literal["downloads", "requests"]
    name: str
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f" ({self.digest})" if self.digest else "")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One data product request as a line of a tab gives it; only filled-in filters that are sent are not None.

    `begin` and `end` are in the manifest's spelling (`moment_text`); no end means open (I-28). `columns` holds the
    information columns that are filled in, by documented header, and every own column, in sheet order; an own column
    that stands behind one that is sent has the header of that before it, with no value.
    The settings of one row (`split_date_range` ...) are None where those of the Configuration tab hold.
    """

    method: Literal["byLocation", "byDevice"]
    number: int = 0
    """The line in its tab, from 1; 0 for a row that is not in a workbook yet."""
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
    columns: dict[str, CellValue] = {}
    split_date_range: str | None = None
    day_of_week: str | None = None
    path: str | None = None
    metadata: bool | None = None
    origin: Origin | None = None

    @property
    def digest(self) -> str:
        """Names what the row asks for and how; information and own columns do not count."""
        asked = [
            getattr(self, name)
            for name in self.__struct_fields__
            if name not in ("number", "options", "columns", "origin")
        ]
        text = json.dumps([asked, sorted(self.options.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]

    @property
    def is_edited(self) -> bool:
        """Whether a person changed what the row asks for since it was exported."""
        return self.origin is not None and self.origin.digest not in (None, self.digest)


class Setting(msgspec.Struct, frozen=True):
    """One filled-in key of the Configuration tab; `where` is its cell."""

    key: str
    value: str | int | float | bool
    where: str


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """A workbook as it was read. The token's cell is never part of it; `has_token` says that there was one."""

    settings: tuple[Setting, ...] = ()
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    has_token: bool = False

    def setting(self, key: str) -> Setting | None:
        """Gives a setting by its key, None when the tab does not fill it in."""
        return next((setting for setting in self.settings if setting.key == key), None)


def parse_origin(text: str) -> Origin | None:
    """Reads a cell of the column `oncsync`; None for a text that is not ours."""
    match = _ORIGIN.fullmatch(text.strip())
    if match is None:
        return None
    kind: Literal["downloads", "requests"] = "downloads" if match["kind"] == "downloads" else "requests"
    return Origin(kind, match["name"], match["digest"])


def stamp_digest(row: Row) -> Row:
    """Gives a row that stands for a download with the digest that shows a later edit; other rows may be edited."""
    if row.origin is None or row.origin.kind != "downloads":
        return row
    return msgspec.structs.replace(row, origin=Origin("downloads", row.origin.name, row.digest))
