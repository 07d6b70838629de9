"""Merges the rows of a workbook into the requests a manifest has: which are new, changed, switched, gone. Pure.

A row is recognised by the name it was exported under, else by what it asks for, else by its line; so that lines may be
inserted, sorted and edited, and only what a person really changed counts as changed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import msgspec

from oncsync.manifest import Request, Settings, effective_split
from oncsync.manifest.amend import NewRow
from oncsync.workbook import Imported, Row
from oncsync.workbook.cells import canonical_moment
from oncsync.workbook.layout import CellValue

_PRODUCT = (
    "location_code",
    "device_category_code",
    "device_code",
    "property_code",
    "data_product_code",
    "extension",
)
_NOT_ASKED = ("name", "workbook", "download", "columns", "place", "places")


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """What a workbook makes of a manifest's requests: the new list, and how many rows became what."""

    rows: tuple[NewRow, ...]
    added: int = 0
    changed: int = 0
    switched_off: int = 0
    switched_on: int = 0
    removed: int = 0
    recognised: int = 0
    """Rows that the manifest has by the name of an export, or by what they ask for."""


def merge_rows(
    present: Sequence[Request],
    imported: Imported,
    workbook: str,
    settings: Settings,
    exported: Mapping[str, Row] | None = None,
    *,
    is_foreign: bool = False,
) -> Merge:
    """Replaces what came from the workbook of that name by the workbook's rows as they are now.

    Requests of another origin stay where they are, except that those which the workbook was exported from say what it
    says. Rows take each other's places in the workbook's order, a new one the place behind the row before it.
    `exported` are the rows that an export of the manifest would write now, by the name of their request. With
    `is_foreign` the workbook may have been exported from another manifest, where the same name means something else.
    """
    matches, recognised = _match(present, imported, workbook, is_foreign)
    book_split = _book_split(imported)
    names = _free_names(present, imported, matches, workbook)
    made: list[NewRow] = []
    in_place: dict[int, NewRow] = {}
    tally = {"added": 0, "changed": 0, "switched_off": 0, "switched_on": 0}
    for row, name, match in zip(imported.requests, names, matches, strict=True):
        row = _settle_split(row, book_split, settings)
        if match is None:
            tally["added"] += 1
            made.append(NewRow(msgspec.structs.replace(row, name=name, workbook=workbook)))
            continue
        before = present[match]
        base = (exported or {}).get(row.name) if row.name in imported.exported else None
        after = _carry_over(row, before, name, base, settings)
        tally["changed"] += _asked(after) != _asked(before)
        tally["switched_off"] += before.download and not after.download
        tally["switched_on"] += after.download and not before.download
        if before.workbook == workbook:
            made.append(NewRow(after, match))
        else:
            in_place[match] = NewRow(after, match)
    rows = _splice(present, made, in_place, workbook)
    ours = sum(request.workbook == workbook for request in present)
    removed = ours - sum(row.index is not None for row in made)
    return Merge(rows=tuple(rows), removed=removed, recognised=recognised, **tally)


def _match(
    present: Sequence[Request], imported: Imported, workbook: str, is_foreign: bool
) -> tuple[list[int | None], int]:
    """Finds the present request, by index, that each imported row is (None: a new one); counts those that are sure."""
    ours = [index for index, request in enumerate(present) if request.workbook == workbook]
    by_name = {request.name.lower(): index for index, request in enumerate(present)}
    matches: list[int | None] = []
    for row in imported.requests:
        index = by_name.get(row.name.lower()) if row.name in imported.exported else None
        matches.append(None if index is not None and is_foreign and not is_alike(row, present[index]) else index)
    taken = {match for match in matches if match is not None}

    def fill(key_of: Callable[[Request], Hashable]) -> None:
        free: dict[Hashable, list[int]] = {}
        for index in reversed(ours):
            if index not in taken:
                free.setdefault(key_of(present[index]), []).append(index)
        for place, row in enumerate(imported.requests):
            if matches[place] is None and (found := free.get(key_of(row))):
                matches[place] = found.pop()
                taken.add(matches[place] or 0)

    fill(lambda request: (_product(request), _begin(request), _end(request), tuple(sorted(request.options.items()))))
    recognised = len(matches) - matches.count(None)
    fill(lambda request: (_product(request), _begin(request), _end(request)))
    fill(lambda request: (_product(request), _begin(request)))
    fill(lambda request: (_product(request), _end(request)))
    fill(lambda request: request.name)
    return matches, recognised


def is_alike(row: Request | Row, request: Request) -> bool:
    """Whether a row may be a request that was edited: it has the same source and product, or the same span."""
    return _product(row)[:5] == _product(request)[:5] or (_begin(row), _end(row)) == (_begin(request), _end(request))


def _product(request: Request | Row) -> tuple[str | None, ...]:
    """Gives what makes a row that row (R50, R71), without its span and its options."""
    return tuple(getattr(request, member) for member in _PRODUCT)


def _begin(request: Request | Row) -> str:
    return canonical_moment(request.begin)


def _end(request: Request | Row) -> str | None:
    return request.end and canonical_moment(request.end)


def _asked(request: Request) -> dict[str, object]:
    asked = {name: getattr(request, name) for name in request.__struct_fields__ if name not in _NOT_ASKED}
    times = {"begin": _begin(request), "end": _end(request)}
    return asked | times | {"columns": {name: cell for name, cell in request.columns.items() if cell is not None}}


def _carry_over(row: Request, before: Request, name: str, base: Row | None, settings: Settings) -> Request:
    """Gives the row as the manifest says it: in its spelling, and without what only an export had added."""
    same_split = _cut(row, settings) == _cut(before, settings)
    return msgspec.structs.replace(
        row,
        name=name,
        workbook=before.workbook,
        begin=before.begin if _begin(before) == _begin(row) else row.begin,
        end=before.end if _end(before) == _end(row) else row.end,
        options=before.options if row.options in (before.options, base and base.options) else row.options,
        split_date_range=before.split_date_range if same_split else row.split_date_range,
        day_of_week=before.day_of_week if same_split else row.day_of_week,
        pin_options=before.pin_options,
        columns=row.columns if base is None else _own_words(row, before, base),
    )


def _cut(request: Request, settings: Settings) -> tuple[str, str | None]:
    split, day = effective_split(settings, request)
    return split, day if split == "week" else None


def _own_words(row: Request, before: Request, base: Row) -> dict[str, CellValue]:
    """Gives the cells of an exported row that a person wrote; what the lock had filled in is left to the lock."""
    columns = {}
    for header, value in row.columns.items():
        if value == base.columns.get(header):
            if header in before.columns:
                columns[header] = before.columns[header]
        else:
            columns[header] = value
    return columns


def _free_names(
    present: Sequence[Request], imported: Imported, matches: Sequence[int | None], workbook: str
) -> list[str]:
    """Names the rows: one that was exported keeps its name, any other is called after its line, once."""
    own = {index for index in matches if index is not None}
    taken = {
        request.name.lower()
        for index, request in enumerate(present)
        if index not in own and request.workbook != workbook
    }
    kept = [
        index is not None and row.name in imported.exported
        for row, index in zip(imported.requests, matches, strict=True)
    ]
    taken |= {row.name.lower() for row, is_kept in zip(imported.requests, kept, strict=True) if is_kept}
    names = []
    for row, is_kept in zip(imported.requests, kept, strict=True):
        name, count = row.name, 1
        while not is_kept and name.lower() in taken:
            count += 1
            name = f"{row.name} ({count})"
        taken.add(name.lower())
        names.append(name)
    return names


def _book_split(imported: Imported) -> tuple[str, str]:
    settings = imported.settings
    return str(settings.get("splitDateRange", "all")), str(settings.get("dayOfWeek", "SU"))


def _settle_split(row: Request, book: tuple[str, str], settings: Settings) -> Request:
    """Writes the split into a row where the manifest's settings would give it another than its workbook did."""
    split, day = row.split_date_range or book[0], row.day_of_week or book[1]
    manifest_split, manifest_day = effective_split(
        settings, msgspec.structs.replace(row, split_date_range=None, day_of_week=None)
    )
    return msgspec.structs.replace(
        row,
        split_date_range=None if split == manifest_split else split,
        day_of_week=None if split != "week" or day == manifest_day else day,
    )


def _splice(
    present: Sequence[Request], made: Sequence[NewRow], in_place: Mapping[int, NewRow], workbook: str
) -> list[NewRow]:
    """Gives the whole list: rows of the workbook in the places of those that are still there, in its order."""
    groups: list[list[NewRow]] = [[]]
    for row in made:
        if row.index is not None:
            groups.append([])
        groups[-1].append(row)
    places = sorted(row.index for row in made if row.index is not None)
    ours = [index for index, request in enumerate(present) if request.workbook == workbook]
    filled = dict(zip(places, groups[1:], strict=True))
    first = (places or ours or [len(present)])[0]
    rows: list[NewRow] = []
    for index, request in enumerate([*present, None]):
        if index == first:
            rows += groups[0]
        if index in filled:
            rows += filled[index]
        elif request is not None and request.workbook != workbook:
            rows.append(in_place.get(index, NewRow(request, index)))
    return rows
