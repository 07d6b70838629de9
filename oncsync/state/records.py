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
    ahead: dict[str, datetime] = {}
    """Those that the archive dates after `at`, by name: a date is no news to an order that came after it was seen."""

    def is_cured_by(self, asked: datetime) -> bool:
        """Whether an order that was placed at an instant was made from all of those raw files.

        It was when they were archived, or were seen, before it: dates may be misread by a zone (open question 31).
        """
        return asked > min(self.archived or self.at, self.at)


class Refresh(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An order that was to replace held files and brought none: they stay, and so does what is known of them.

    `asked_at` is when it was placed, `at` when it ended; the rest is what the service said.
    """

    asked_at: datetime
    at: datetime
    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    code: int | None = None


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
    held_order: Order | None = None
    """The order that `files` came from, while another one is to replace them."""
    refresh: Refresh | None = None
    """The last order that was to replace `files`, if it brought none."""
    files: tuple[FileRecord, ...] = ()
    arriving: tuple[FileRecord, ...] = ()
    superseded: tuple[FileRecord, ...] = ()
    attempts: int = 0
    """How many orders in a row the service could not make, or made and lost."""
    failing_since: datetime | None = None
    """When that was said of the first of them."""
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
    seen: dict[str, datetime] = {}
    """Raw files that the files were made from though the archive dates them later, with those dates."""

    @property
    def last_asked(self) -> datetime | None:
        """When the last order that came to an end was placed, whether or not it brought the files that are held."""
        return self.refresh.asked_at if self.refresh else self.asked_at

    @property
    def is_refreshing(self) -> bool:
        """Whether another order than that behind the held files is to replace them, or was and is gone."""
        is_lost = self.refresh is not None and self.refresh.outcome == "expired"
        is_held = self.outcome == "done" and bool(self.files) and bool(self.product)
        return is_held and (is_lost or self.order is None or self.order.at != self.asked_at)

    @property
    def may_be_newer(self) -> bool:
        """Whether raw files were archived since, and no order that came after them was answered."""
        asked = self.last_asked
        return self.stale is not None and (asked is None or not self.stale.is_cured_by(asked))


def has_failed(chunk: ChunkState) -> bool:
    """Whether the last that is known of a chunk is that it failed: no order was placed for it since."""
    if chunk.refresh is not None:
        return chunk.refresh.outcome not in FINAL_OUTCOMES
    if chunk.outcome is None or chunk.outcome in FINAL_OUTCOMES:
        return False
    return chunk.order is None or chunk.at is None or chunk.order.at <= chunk.at


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
    filters: dict[str, str] = {}
    """What they asked for, whenever: the digests of their filters, as far as they were known."""
    released: tuple[str, ...] = ()
    """Chunks that people no longer want: their entry changed or went, and the lock names them no more."""
    chunks: dict[str, ChunkState] = {}
