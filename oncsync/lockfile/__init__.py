"""The lock document: its records, its canonical text, and what changed between two of them."""

from oncsync.lockfile.archived import shard_name, shards_of, sort_files, with_shards, year_bounds
from oncsync.lockfile.branches import has_conflicts, our_side
from oncsync.lockfile.compare import EntryChange, FilesChange, LockChange, compare_locks, describe_request
from oncsync.lockfile.records import (
    SOURCE_KEYS,
    Chunk,
    Lock,
    LockedRequest,
    LockEntry,
    archive_chunk_id,
    archive_request_id,
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
    "FilesChange",
    "Lock",
    "LockChange",
    "LockEntry",
    "LockError",
    "LockedRequest",
    "archive_chunk_id",
    "archive_request_id",
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
    "shard_name",
    "shards_of",
    "sort_entries",
    "sort_files",
    "sort_requests",
    "with_shards",
    "write_lock",
    "year_bounds",
]
