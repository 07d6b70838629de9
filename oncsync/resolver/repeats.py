"""What several entries of a manifest bring alike. Pure (R77)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import msgspec

from oncsync.lockfile import LockEntry
from oncsync.resolver.findings import Remark
from oncsync.spelling import enumerate_codes


def find_repeats(entries: Sequence[LockEntry]) -> list[Remark]:
    """Says which entries ask for nothing but chunks of others: they can go. Of two that mean the same, the later.

    Which archive files a span that moves has today says nothing of tomorrow, and such an entry may do more than ask.
    """
    chunks = [{chunk.id for request in entry.requests for chunk in request.chunks} for entry in entries]
    wanted = Counter(chain.from_iterable(chunks))
    superfluous: set[int] = set()
    remarks = []
    for number in reversed(range(len(entries))):
        ids = chunks[number]
        if not ids or _may_mean_more(entries[number]) or any(wanted[key] < 2 for key in ids):
            continue
        wanted.subtract(ids)
        superfluous.add(number)
        others = [one for one in range(len(entries)) if one not in superfluous and not ids.isdisjoint(chunks[one])]
        bringing = enumerate_codes(entries[one].name for one in others)
        remarks.append(Remark(entries[number].name, f"it asks for nothing that {bringing} does not ask for; it can go"))
    return remarks[::-1]


def _may_mean_more(entry: LockEntry) -> bool:
    is_moving = entry.relative is not None and any(request.is_archive for request in entry.requests)
    return bool(entry.latest) or is_moving


def mark_repeating_rows(rows: Sequence[LockEntry]) -> tuple[list[LockEntry], list[Remark]]:
    """Gives rows of which those by device say which row by place brings their data, and have no chunks then.

    A workbook with both tabs names much of the same data twice. A row by place counts when the lock knows its device.
    """
    brought: dict[object, tuple[str, str]] = {}
    for row in rows:
        for request in row.requests:
            if "locationCode" in request.source and request.chunks and request.about.get("deviceCode"):
                key = (request.about["deviceCode"], *_product_of(row, request.source))
                brought.setdefault(key, (request.id, row.name))
    marked, remarks = [], []
    for row in rows:
        own = row.requests[0] if row.requests else None
        same = None
        if own is not None and "deviceCode" in own.source and own.chunks:
            same = brought.get((own.source["deviceCode"], *_product_of(row, own.source)))
        if own is not None and same is not None:
            changed = msgspec.structs.replace(own, same_as=same[0], chunks=())
            row = msgspec.structs.replace(row, requests=(changed,))
            remarks.append(Remark(row.name, f"its data are those of `{same[1]}`, and are fetched once"))
        marked.append(row)
    return marked, remarks


def _product_of(row: LockEntry, source: dict[str, str]) -> tuple[object, ...]:
    request = row.requests[0]
    return (
        source.get("propertyCode"),
        request.data_product_code,
        request.extension,
        tuple(sorted(request.options.items())),
        request.begin,
        request.end,
        row.path,
    )
