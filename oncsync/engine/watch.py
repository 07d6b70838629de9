"""What a sync tells while it runs: events for the log, counts for the progress display."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import msgspec

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Tell: TypeAlias = Callable[[str], None]
"""Whoever takes a sentence for people."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One event: a name that scripts can rely on, the chunk and the order it is about, and a sentence for people."""

    event: str
    text: str
    level: Level = "info"
    chunk: str | None = None
    label: str | None = None
    request_id: int | None = None
    """ONC's `dpRequestId` of the order: what their help desk asks for."""
    run_ids: tuple[int, ...] = ()
    """Its `dpRunId`s, as far as they are known."""
    exit_code: int | None = None
    """Of the end of a run: what it ended with."""


class Counts(msgspec.Struct, kw_only=True, rename="camel"):
    """How far a sync is. `alive` orders are queued or running at the service; `bytes` arrived in this run."""

    total: int = 0
    done: int = 0
    empty: int = 0
    restricted: int = 0
    """Of those done: chunks that may lack data, because the service spoke of restrictions."""
    failed: int = 0
    alive: int = 0
    waiting: int = 0
    transfers: int = 0
    queued_files: int = 0
    not_ready: int = 0
    """Chunks of which a file is not ready at ONC though their order is over; it is asked for again and again."""
    files: int = 0
    bytes: int = 0

    @property
    def ended(self) -> int:
        """Chunks that need nothing more in this run."""
        return self.done + self.empty + self.failed


class Watcher(Protocol):
    """Whoever looks on: called from the conductor's thread only."""

    def notice(self, notice: Notice) -> None:
        """Takes one event."""

    def progress(self, counts: Counts) -> None:
        """Takes the counts after each change."""


class Overhearing:
    """A watcher that passes everything on and keeps what the service said besides its answers, each once."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._heard: dict[str, None] = {}

    @property
    def heard(self) -> tuple[str, ...]:
        """What the service said, in order."""
        return tuple(self._heard)

    def notice(self, notice: Notice) -> None:
        """Passes an event on."""
        if notice.event == "message":
            self._heard[notice.text] = None
        self._watcher.notice(notice)

    def progress(self, counts: Counts) -> None:
        """Passes the counts on."""
        self._watcher.progress(counts)


class Silent:
    """A watcher that looks away."""

    def notice(self, notice: Notice) -> None:
        """Passes over the event."""

    def progress(self, counts: Counts) -> None:
        """Passes over the counts."""
