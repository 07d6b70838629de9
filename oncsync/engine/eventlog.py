"""The log of a folder: one JSON object per line, rotated, safe for several processes."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from oncsync.engine.watch import Counts, Notice, Watcher
from oncsync.timespan import UTC, format_instant

MOST_BYTES = 10 * 1024 * 1024
KEPT_FILES = 5

_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What JSON leaves as it is, but a terminal obeys, an editor takes for a line's end, or no file can hold."""


class EventLog:
    """A watcher that writes every event into `oncsync.log`. A log that cannot be written ends nothing."""

    def __init__(self, path: Path, *, redact: Callable[[str], str], now: Callable[[], datetime] | None = None) -> None:
        from concurrent_log_handler import ConcurrentRotatingFileHandler

        self._redact = redact
        self._now = now or (lambda: datetime.now(UTC))
        self._handler: logging.Handler | None = None
        try:
            handler = ConcurrentRotatingFileHandler(
                str(path), maxBytes=MOST_BYTES, backupCount=KEPT_FILES, encoding="utf-8", umask=None
            )
        except OSError:
            return
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        self._handler = handler

    def notice(self, notice: Notice) -> None:
        """Writes one event."""
        members = {
            "at": format_instant(self._now()),
            "level": notice.level,
            "event": notice.event,
            "chunk": notice.chunk,
            "about": notice.label and self._redact(notice.label),
            "text": self._redact(notice.text),
        }
        line = json.dumps({key: value for key, value in members.items() if value is not None}, ensure_ascii=False)
        line = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
        if self._handler is not None:
            self._handler.emit(logging.LogRecord("oncsync", logging.INFO, "", 0, line, None, None))

    def progress(self, counts: Counts) -> None:
        """Passes over the counts."""

    def close(self) -> None:
        """Closes the file."""
        if self._handler is not None:
            with contextlib.suppress(OSError):
                self._handler.close()


class Watchers:
    """Several watchers as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def notice(self, notice: Notice) -> None:
        """Passes the event on to all."""
        for watcher in self._watchers:
            watcher.notice(notice)

    def progress(self, counts: Counts) -> None:
        """Passes the counts on to all."""
        for watcher in self._watchers:
            watcher.progress(counts)
