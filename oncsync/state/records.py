"""The state as records. Pure.

Every record carries only what a later run needs: to re-attach an order, to find a file again, to explain an outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from oncsync.listed import ListedFile

Outcome: TypeAlias = Literal["done", "empty", "failed-retryable", "failed-permanent", "refused", "expired"]
"""How a chunk ended (rule 4): `done` has its files, `empty` is the service's word that there are no data,
`refused` is a request the service rejects, `expired` lost its order at the service, the others failed."""

FINAL_OUTCOMES = ("done", "empty")
PERMANENT_OUTCOMES = ("failed-permanent", "refused")

META = "meta"


def restrictions_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Gives those of the service's remarks that speak of restrictions: data may be missing (open question 46)."""
    return tuple(text for text in texts if "restrict" in text.casefold())


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One product file that is, or is about to be, in the folder.

    `index` is 1..N or `meta`; `name` is the service's own name, `path` the place in the folder (relative, with `/`);
    `partial` is the file in `partial/` that becomes `path`; `bytes` and `sha256` are of the file as it arrived.
    """

    run_id: int
    index: str
    name: str
    path: str
    partial: str
    bytes: int
    sha256: str
    at: datetime
    replaces: str | None = None
    """The SHA-256 of the file of ours that lay at `path` when this one was given its place, and goes for it."""
    unverified: bool = False
    """No length came with the file, so only the clean end of the transfer says that it is whole."""

    def __post_init__(self) -> None:
        # A state that came with a folder from elsewhere must not lead out of that folder (rule 7).
        if not _is_inside(self.path) or not _is_inside(self.partial) or "/" in self.partial:
            raise ValueError(f"`{self.path}` or `{self.partial}` is no place in the folder")

    @property
    def key(self) -> tuple[int, str]:
        """Names the file within its chunk."""
        return (self.run_id, self.index)


def _is_inside(path: str) -> bool:
    is_plain = bool(path) and not path.startswith("/") and "\\" not in path and "\0" not in path and path[1:2] != ":"
    return is_plain and (".." not in path or ".." not in path.split("/"))


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the service holds for a chunk.

    `request_id` is ONC's `dpRequestId`, None from the moment we mean to ask until the answer is stored; `run_ids` are
    its `dpRunId`s; `counts` the files each run announced, None when it announced nothing. `date_to` is the end that
    was sent, earlier than the chunk's end for an open chunk.
    """

    at: datetime
    date_to: datetime
    options: dict[str, str] = {}
    request_id: int | None = None
    run_ids: tuple[int, ...] = ()
    counts: tuple[int | None, ...] = ()
    is_ended: bool = False
    """The service's work on it was seen to be over: it counts against no limit any more."""
    host: str = ""
    user: str = ""
    query_url: str | None = None
    """What the service says it was asked, defaults that it filled in included, without the token (open question 51)."""
    restrictions: tuple[str, ...] = ()
    """What the service said of data that it leaves out (open question 46)."""


class Stale(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why the files of a chunk may be stale: raw files of its devices were archived after it was asked for.

    `count` is how many, `names` the first few of them, `archived` when the last of them was archived, as far as the
    archive tells it; `at` when that was seen.
    """

    at: datetime
    count: int
    archived: datetime | None = None
    devices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def is_cured_by(self, asked: datetime) -> bool:
        """Whether an order that was placed at an instant was made from all of those raw files."""
        return asked > (self.archived or self.at)


class ChunkState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What happened to one chunk on this machine.

    `product` is the digest of what was asked without its span. `files` are held; `arriving` are those of the order
    under way, which replace `files` when all of them are whole; `superseded` are those that were replaced and may
    still lie in the folder.
    """

    product: str
    begin: datetime
    end: datetime
    outcome: Outcome | None = None
    reason: str | None = None
    status: int | None = None
    code: int | None = None
    at: datetime | None = None
    fetched_to: datetime | None = None
    """The end that the order behind `files` was asked for."""
    asked_at: datetime | None = None
    """When that order was placed."""
    order: Order | None = None
    files: tuple[FileRecord, ...] = ()
    arriving: tuple[FileRecord, ...] = ()
    superseded: tuple[FileRecord, ...] = ()
    attempts: int = 0
    """How many orders in a row the service could not make, or made and lost."""
    corrected: dict[str, str] | None = None
    """The options the service accepted in place of those asked for, which the next order starts from."""
    entry: str = ""
    """The entry of the lock that it was ordered for: `download/NAME` or `row/NAME`."""
    notes: tuple[str, ...] = ()
    listed: ListedFile | None = None
    """Of an archive file: what the listing said of it when the one that is held was fetched."""
    coming: ListedFile | None = None
    """Of an archive file: what the listing said of the one that is being fetched."""
    dropped: tuple[FileRecord, ...] = ()
    """Files that were let go on purpose: they are known, and not fetched again until they are restored."""
    stale: Stale | None = None
    """Raw files that were archived since, when somebody looked; None again once an order after them is whole."""


class State(msgspec.Struct, kw_only=True, rename="camel"):
    """The whole state of one folder. The only record that changes in place: one writer applies events to it."""

    version: int = 1
    generation: int = 0
    manifest: str = ""
    server: str = ""
    settings: dict[str, str | int | float | bool | None] = {}
    synced_at: datetime | None = None
    looked_at: datetime | None = None
    """When the archive was last asked, for everything that is here, which raw files were archived since."""
    entries: dict[str, str] = {}
    """The entries of the lock of the last sync, with their digests."""
    released: tuple[str, ...] = ()
    """Chunks that people no longer want: their entry changed or went, and the lock names them no more."""
    chunks: dict[str, ChunkState] = {}
