"""The lock document: its records, its canonical text, and what changed between two of them."""

from oncsync.lockfile.branches import has_conflicts, our_side
from oncsync.lockfile.compare import EntryChange, LockChange, compare_locks, describe_request
from oncsync.lockfile.records import (
    SOURCE_KEYS,
    Chunk,
    Lock,
    LockedRequest,
    LockEntry,
    chunk_id,
    digest,
    product_digest,
    request_id,
    sort_entries,
    sort_requests,
)
from oncsync.lockfile.text import LOCK_VERSION, MAKER, LockError, parse_lock, read_lock, render_lock, write_lock

__all__ = [
    "LOCK_VERSION",
    "MAKER",
    "SOURCE_KEYS",
    "Chunk",
    "EntryChange",
    "Lock",
    "LockChange",
    "LockEntry",
    "LockError",
    "LockedRequest",
    "chunk_id",
    "compare_locks",
    "describe_request",
    "digest",
    "has_conflicts",
    "our_side",
    "parse_lock",
    "product_digest",
    "read_lock",
    "render_lock",
    "request_id",
    "sort_entries",
    "sort_requests",
    "write_lock",
]
