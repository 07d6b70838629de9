"""Which columns each kind of discovery shows, and in which words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from oncsync.cli.showing import Column, cell_width, day, terminal_lines
from oncsync.cli.wording import count, size

if TYPE_CHECKING:
    from oncsync.catalogue import CoverageRow, OptionRow, TreeRow
    from oncsync.catalogue.coverage import DeliveredProduct

LASTING = "now"


def _column(heading: str, member: str | None = None, **settings: Any) -> Column:
    """Makes a column of one member, whose name is the heading's in snake_case unless given."""
    name = member or "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in heading)
    return Column(heading, attrgetter(name), **settings)


def _until(row: Any) -> str:
    """Gives the day of an end; `now` for what lasts, nothing for what never began."""
    return day(row.end) or (LASTING if row.begin else "")


def _position(row: Any) -> str:
    return "" if row.lat is None or row.lon is None else f"{row.lat:.4f} {row.lon:.4f}"


def _metres(row: Any) -> str:
    return "" if row.depth is None else f"{row.depth:.0f} m"


def _from_to(row: Any) -> str:
    return f"{day(row.begin)} to {_until(row)}" if row.begin else ""


def _times(rank: int) -> tuple[Column, ...]:
    """Gives begin and end as one column that is shown when there is room."""
    return (
        _column("time", "begin", rank=rank, shown=_from_to, for_programs=False),
        _column("begin", on_terminal=False),
        _column("end", on_terminal=False),
    )


def _where(rank: int) -> tuple[Column, ...]:
    return (
        _column("depth", rank=rank, is_number=True, shown=_metres),
        _column("position", "lat", rank=rank + 1, is_number=True, shown=_position, for_programs=False),
        _column("lat", on_terminal=False),
        _column("lon", on_terminal=False),
    )


def _range(row: OptionRow) -> str:
    return row.allowable_range.words if row.allowable_range is not None else ""


def _allowed(row: OptionRow) -> str:
    listed = ", ".join(row.allowable_values)
    allowed = " or ".join(filter(None, (listed, _range(row))))
    return f"{allowed} (with {row.only_with})" if row.only_with else allowed


def _formats(row: CoverageRow) -> tuple[str, ...]:
    return tuple(f"{one.data_product_code}/{extension}" for one in row.products for extension in one.extensions)


def _archived(row: CoverageRow) -> tuple[str, ...]:
    return tuple(f"{one.data_product_code}/{one.extension}" for one in row.archived)


def _evidence(row: CoverageRow) -> str:
    return f"{row.file_count:,}" if row.data == "archived" else row.data


def _bytes(row: CoverageRow) -> str:
    return size(row.bytes) if row.bytes else ""


def _days(row: CoverageRow) -> str:
    return f"{row.deployed_days:.0f}"


COLUMNS: dict[str, tuple[Column, ...]] = {
    "locations": (
        _column("locationCode"),
        _column("locationName", is_wide=True),
        _column("deviceCategoryCodes", is_wide=True),
        _column("below", "places_below", rank=1, is_number=True, shown=lambda row: f"{row.places_below or ''}"),
        *_times(rank=5),
        *_where(rank=3),
    ),
    "deployments": (
        _column("locationCode"),
        _column("deviceCategoryCode", rank=1),
        _column("deviceCode"),
        _column("begin"),
        _column("end", shown=_until),
        *_where(rank=2),
        _column("locationName", rank=8, is_wide=True),
        _column("heading", on_terminal=False),
        _column("pitch", on_terminal=False),
        _column("roll", on_terminal=False),
        _column("doi", rank=9),
    ),
    "categories": (
        _column("deviceCategoryCode"),
        _column("deviceCategoryName", is_wide=True),
        _column("places", is_number=True),
        _column("devices", is_number=True),
        *_times(rank=1),
    ),
    "devices": (
        _column("deviceName", is_wide=True),
        _column("locationCode"),
        _column("deviceCategoryCode"),
        _column("deviceCode"),
        *_times(rank=3),
        *_where(rank=1),
        _column("locationName", on_terminal=False),
    ),
    "properties": (
        _column("propertyCode"),
        _column("propertyName", is_wide=True),
        _column("uom", is_wide=True),
        _column("deviceCategoryCodes", rank=1, is_wide=True),
    ),
    "products": (
        _column("dataProductCode"),
        _column("dataProductName", is_wide=True),
        _column("extensions", is_wide=True),
        _column("deviceCategoryCodes", rank=2, is_wide=True),
        _column("helpDocument", rank=3),
    ),
    "options": (
        _column("dataProductCode", on_terminal=False),
        _column("extensions", on_terminal=False),
        _column("option", shown=lambda row: f"{'  ' if row.only_with else ''}{row.option}"),
        _column("allowableValues", is_wide=True, shown=_allowed),
        Column("allowableRange", _range, on_terminal=False),
        _column("defaultValue"),
        _column("onlyWith", on_terminal=False),
        _column("sources", on_terminal=False),
        _column("helpDocument", on_terminal=False),
        _column("documentation", on_terminal=False),
    ),
    "coverage": (
        _column("period"),
        _column("locationCode"),
        _column("deviceCategoryCode"),
        _column("deviceCode", rank=1),
        _column("begin", on_terminal=False),
        _column("end", on_terminal=False),
        _column("days", "deployed_days", rank=2, is_number=True, shown=_days),
        _column("files", "file_count", is_number=True, shown=_evidence, for_programs=False),
        _column("data", on_terminal=False),
        _column("fileCount", on_terminal=False),
        _column("bytes", rank=3, is_number=True, shown=_bytes),
        Column("archived", _archived, on_terminal=False),
        Column("formats", _formats, on_terminal=False),
    ),
}  # fmt: skip


TREE_COLUMNS = (
    Column("level", lambda line: line[0]),
    Column("locationCode", lambda line: line[1].location_code),
    Column("locationName", lambda line: line[1].location_name),
    Column("deviceCategoryCodes", lambda line: line[1].device_category_codes),
)


def tree_lines(rows: Sequence[TreeRow], level: int = 0) -> Iterator[tuple[int, TreeRow]]:
    """Yields every place with how deep it lies, each followed by those below it."""
    for row in rows:
        yield level, row
        yield from tree_lines(row.children, level + 1)


def terminal_text(kind: str, rows: Sequence[Any], width: int, *, is_bold: bool) -> list[str]:
    """Gives an answer for people: a tree, blocks of options, or a table with what belongs above and below it."""
    if kind == "tree":
        return [line for level, row in tree_lines(rows) for line in _branch(level, row, width)]
    if kind == "options":
        return _option_blocks(rows, width, is_bold)
    table = terminal_lines(COLUMNS[kind], rows, width, is_bold=is_bold)
    return [*_verdicts(rows), "", *table, "", *_formats_below(rows, width)] if kind == "coverage" else table


def _branch(level: int, row: TreeRow, width: int) -> list[str]:
    """Gives a place of a tree, and behind its name what is there, in as many lines as it needs."""
    codes = row.device_category_codes
    listed = ["-", *(f"{code}," for code in codes[:-1]), codes[-1]] if codes else []
    return fold(f"{'  ' * level}{row.location_code} ", [*row.location_name.split(), *listed], width, 2 * level + 4)


def _option_blocks(rows: Sequence[OptionRow], width: int, is_bold: bool) -> list[str]:
    """Gives a table for each product and group of formats, below their names and the page that explains them."""
    lines: list[str] = []
    for (code, extensions, sources), block in groupby(rows, attrgetter("data_product_code", "extensions", "sources")):
        options = list(block)
        words = [f"({', '.join(extensions)})", *([f"at {', '.join(sources)}"] if sources else [])]
        lines += fold(code, " ".join(words).split(), width, 4)
        lines += [options[0].help_document] if options[0].help_document else []
        lines += ["", *terminal_lines(COLUMNS["options"], options, width, is_bold=is_bold), ""]
    return lines[:-1]


def _verdicts(rows: Sequence[CoverageRow]) -> list[str]:
    """Gives the answer in a sentence for each year or month: was there data, from what, at how many places."""
    lines = []
    for period, group in groupby(rows, attrgetter("period")):
        there = [row for row in group if row.data != "none"]
        members = ("device_code", "device_category_code", "location_code")
        devices, kinds, places = ({getattr(row, member) for row in there} for member in members)
        of = f"{count(len(devices), 'instrument')} of {count(len(kinds), 'kind')} at {count(len(places), 'place')}"
        lines.append(f"{period}: data from {of}" if there else f"{period}: no data")
    return lines


def _formats_below(rows: Sequence[CoverageRow], width: int) -> list[str]:
    """Gives the formats of each kind of instrument once for all places and years where they are the same."""
    places: dict[tuple[str, tuple[DeliveredProduct, ...]], dict[str, None]] = {}
    for row in rows:
        if row.products:
            places.setdefault((row.device_category_code, row.products), {})[row.location_code] = None
    lines = ["Formats:"] if places else []
    for (category, products), at in places.items():
        formats = ", ".join(f"{one.data_product_code} ({' '.join(one.extensions)})" for one in products)
        lines += fold(f"  {category}", f"at {', '.join(at)}: {formats}".split(), width, 6)
    return lines


def fold(first: str, words: Sequence[str], width: int, indent: int) -> list[str]:
    """Gives words in lines of at most `width`, the first line beginning with `first`; no word is broken."""
    lines = [first]
    for word in words:
        if cell_width(lines[-1]) + 1 + cell_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(" " * indent + word)
    return [line.rstrip() for line in lines]
