"""What changed between two locks, for people who review it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from oncsync.listed import ListedFile
from oncsync.lockfile.records import Lock, LockedRequest, LockEntry

SETTINGS = {
    "relative": "relative",
    "pinned": "pinned",
    "path": "path",
    "metadata": "metadata",
    "maxOrderHours": "max_order_hours",
    "lateDays": "late_days",
    "refreshOpen": "refresh_open",
    "latest": "latest",
    "keep": "keep",
}


class FilesChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many archive files an entry has and how large they are, and those that came, went, or are told otherwise.

    Bytes are those of a download as far as the listing tells; `changed_bytes` are those of the files as they are now.
    `unlisted` files are there, and ONC lists them no more.
    """

    files: int = 0
    bytes: int = 0
    unlisted: int = 0
    added: int = 0
    added_bytes: int = 0
    removed: int = 0
    removed_bytes: int = 0
    changed: int = 0
    changed_bytes: int = 0


class EntryChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How one entry differs: requests and chunks that came and went, and those whose description changed."""

    kind: str
    name: str
    change: str
    """`added`, `removed`, `changed` or `same`."""
    requests: int = 0
    chunks: int = 0
    requests_added: tuple[str, ...] = ()
    requests_removed: tuple[str, ...] = ()
    chunks_added: int = 0
    chunks_removed: int = 0
    files: FilesChange | None = None
    """The archive files among the chunks; None for an entry without any."""
    settings_changed: tuple[str, ...] = ()
    """Settings of the entry that differ, in the manifest's spelling; `relative` and `pinned` too."""
    is_reworded: bool = False
    """Whether the manifest says something else, be it that the requests are the same."""
    reviewed_changed: int = 0
    """Requests that ask for the same data but whose information columns differ."""
    asks_the_same: bool = False
    """Whether nothing but information columns differs."""


class LockChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a whole lock differs from the one before."""

    entries: tuple[EntryChange, ...]
    chunk_ids: int
    """Distinct chunks in the new lock."""

    @property
    def is_same(self) -> bool:
        """Whether both locks ask for the same data, described in the same way."""
        return all(entry.change == "same" for entry in self.entries)

    @property
    def asks_the_same(self) -> bool:
        """Whether both locks ask for the same data; information columns may differ."""
        return all(entry.asks_the_same for entry in self.entries)


def compare_locks(old: Lock | None, new: Lock) -> LockChange:
    """Gives the change from `old` (None: there was none) to `new`, entry by entry in lock order, removed ones last."""
    before = {entry.key: entry for entry in old.entries} if old else {}
    after = {entry.key for entry in new.entries}
    changes = [_compare_entries(before.get(entry.key), entry) for entry in new.entries]
    changes += [
        EntryChange(
            kind=entry.kind,
            name=entry.name,
            change="removed",
            requests_removed=tuple(describe_request(request) for request in entry.requests),
            chunks_removed=len(_chunk_ids(entry)),
            files=_compare_files(entry, None),
        )
        for key, entry in before.items()
        if key not in after
    ]
    return LockChange(entries=tuple(changes), chunk_ids=len({chunk.id for _, _, chunk in new.chunks()}))


def describe_request(request: LockedRequest) -> str:
    """Gives what a person calls a request: place, category, product and extension, and its options if any."""
    if request.is_archive:
        codes = [request.source[key] for key in ("locationCode", "deviceCode") if key in request.source]
        return " ".join([*codes, f"archive files of {request.begin:%Y}"])
    codes = [request.source[key] for key in ("locationCode", "deviceCode", "deviceCategoryCode", "propertyCode")
             if key in request.source]  # fmt: skip
    options = " ".join(f"{key}={value}" for key, value in sorted(request.options.items()))
    return " ".join(filter(None, [*codes, request.data_product_code, request.extension, options]))


def _compare_entries(old: LockEntry | None, new: LockEntry) -> EntryChange:
    chunks = _chunk_ids(new)
    replace = msgspec.structs.replace
    same = EntryChange(
        kind=new.kind,
        name=new.name,
        change="same",
        requests=len(new.requests),
        chunks=len(chunks),
        files=_compare_files(new, new),
        asks_the_same=True,
    )
    if old == new:
        return same
    same = replace(same, files=_compare_files(old, new))
    if old is None:
        added = tuple(describe_request(request) for request in new.requests)
        return replace(same, change="added", requests_added=added, chunks_added=len(chunks), asks_the_same=False)
    old_requests = {request.id: request for request in old.requests}
    new_requests = {request.id: request for request in new.requests}
    old_chunks = _chunk_ids(old)
    reviewed = sum(
        _description(old_requests[key]) != _description(request)
        for key, request in new_requests.items()
        if key in old_requests
    )
    return replace(
        same,
        change="changed",
        requests_added=tuple(
            describe_request(request) for key, request in new_requests.items() if key not in old_requests
        ),
        requests_removed=tuple(
            describe_request(request) for key, request in old_requests.items() if key not in new_requests
        ),
        chunks_added=len(chunks - old_chunks),
        chunks_removed=len(old_chunks - chunks),
        settings_changed=_settings_changed(old, new),
        is_reworded=old.digest != new.digest,
        reviewed_changed=reviewed,
        asks_the_same=_without_descriptions(old) == _without_descriptions(new),
    )


def _compare_files(old: LockEntry | None, new: LockEntry | None) -> FilesChange | None:
    before, after = _files(old), _files(new)
    if not before and not after:
        return None
    added = [file for key, file in after.items() if key not in before]
    removed = [file for key, file in before.items() if key not in after]
    changed = [file for key, file in after.items() if key in before and before[key] != file]
    return FilesChange(
        files=len(after),
        bytes=_bytes(after.values()),
        unlisted=sum(not file.is_listed for file in after.values()),
        added=len(added),
        added_bytes=_bytes(added),
        removed=len(removed),
        removed_bytes=_bytes(removed),
        changed=len(changed),
        changed_bytes=_bytes(changed),
    )


def _files(entry: LockEntry | None) -> dict[str, ListedFile]:
    requests = entry.requests if entry else ()
    return {chunk.id: chunk.file for request in requests for chunk in request.chunks if chunk.file is not None}


def _bytes(files: Iterable[ListedFile]) -> int:
    return sum(file.bytes or 0 for file in files)


def _settings_changed(old: LockEntry, new: LockEntry) -> tuple[str, ...]:
    return tuple(key for key, name in SETTINGS.items() if getattr(old, name) != getattr(new, name))


def _description(request: LockedRequest) -> tuple[object, ...]:
    """Gives what a reviewer reads and nobody sends."""
    return (request.about, request.defaults, request.citation, request.doi)


def _without_descriptions(entry: LockEntry) -> LockEntry:
    replace = msgspec.structs.replace
    bare = tuple(replace(request, about={}, defaults={}, citation=None, doi=None) for request in entry.requests)
    return replace(entry, requests=bare)


def _chunk_ids(entry: LockEntry) -> set[str]:
    return {chunk.id for request in entry.requests for chunk in request.chunks}
