"""Plans what an export adds to a workbook that people work in: rows it lacks, ends that have come since. Pure.

Sources: R78-R81, I-21.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import msgspec

from oncsync.workbook.cells import canonical_moment
from oncsync.workbook.records import Row

_SOURCE = ("method", "location_code", "device_category_code", "device_code", "property_code")
_PRODUCT = ("data_product_code", "extension")


class MovedEnd(msgspec.Struct, frozen=True):
    """A row that is there, and the same row as it is now: its deployment ended, or ended later (R81)."""

    row: Row
    now: Row


class AppendPlan(msgspec.Struct, frozen=True):
    """What to do to a workbook, in the order of the wanted rows; `edited` rows are left as a person made them."""

    added: tuple[Row, ...]
    ends: tuple[MovedEnd, ...] = ()
    edited: tuple[Row, ...] = ()


def plan_append(present: Sequence[Row], wanted: Sequence[Row]) -> AppendPlan:
    """Gives the rows that the workbook lacks and the ends that moved.

    A row is there when one with the same source, product, format and span is; its options count only when both have
    some, because people fill blank ones in by hand (I-21). It is there, too, when a person has edited it since it was
    exported. Only the end of a row that was open, or that nobody has changed since it was exported, is moved. Rows
    that are equal are added once.
    """
    by_span = _group(present, _span)
    by_begin = _group(present, _beginning)
    by_origin = _group(present, _exported_as)
    still_wanted = {_span(row) for row in wanted}
    added: list[Row] = []
    ends: dict[tuple[str, int], MovedEnd] = {}
    edited: dict[tuple[str, int], Row] = {}
    for row in wanted:
        if any(_options_agree(row, other) for other in by_span.get(_span(row), ())):
            continue
        free = [
            other
            for other in by_begin.get(_beginning(row), ())
            if _options_agree(row, other) and _span(other) not in still_wanted and _line(other) not in ends
        ]
        if movable := [other for other in free if other.end is None or _is_as_exported(other, row)]:
            ends[_line(movable[0])] = MovedEnd(movable[0], row)
        elif changed := [*by_origin.get(_exported_as(row), ()), *(other for other in free if other.is_edited)]:
            edited.setdefault(_line(changed[0]), changed[0])
        else:
            added.append(row)
            by_span.setdefault(_span(row), []).append(row)
    return AppendPlan(tuple(added), tuple(ends.values()), tuple(edited.values()))


def _group(rows: Sequence[Row], key_of: Callable[[Row], Hashable]) -> dict[Hashable, list[Row]]:
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(key_of(row), []).append(row)
    groups.pop(None, None)
    return groups


def _exported_as(row: Row) -> Hashable:
    """Gives what stays the same of an exported row whatever a person does to it; None for any other.

    A row of a download is known by its digest. Requests of different manifests may share a name, so that theirs counts
    only with what it asks for.
    """
    origin = row.origin
    if origin is None:
        return None
    return (origin.name, origin.digest) if origin.digest else (origin.name, _source(row))


def _is_as_exported(row: Row, now: Row) -> bool:
    """Whether nobody changed what the row asks for since its export; a switch and options filled in do not count."""
    bare = msgspec.structs.replace(row, options=now.options, download=now.download)
    return row.origin is not None and row.origin.digest == bare.digest


def _line(row: Row) -> tuple[str, int]:
    return row.method, row.number


def _span(row: Row) -> Hashable:
    return _beginning(row), row.end and canonical_moment(row.end)


def _beginning(row: Row) -> Hashable:
    return _source(row), canonical_moment(row.begin)


def _source(row: Row) -> Hashable:
    return tuple(getattr(row, member) for member in (*_SOURCE, *_PRODUCT))


def _options_agree(row: Row, other: Row) -> bool:
    return not row.options or not other.options or row.options == other.options
