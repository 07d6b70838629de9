"""The log of a folder: one JSON object per line, rotated, safe for several processes.

A thread of its own writes it, so that a slow disk, or another process that holds the log, keeps no order waiting.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import queue
import re
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from oncsync.engine.watch import Counts, Notice, Watcher
from oncsync.timespan import UTC, format_instant

MOST_BYTES = 10 * 1024 * 1024
KEPT_FILES = 5
PATIENCE_AT_THE_END = 5.0
"""How long lines that are not written yet may take when a run ends, in seconds."""

_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What JSON leaves as it is, but a terminal obeys, an editor takes for a line's end, or no file can hold."""


class EventLog:
    """A watcher that writes every event into `oncsync.log`. A log that cannot be written ends nothing.

    Without a path its lines wait until `open` says where they go. `redact` takes the token out of what is written.
    """

    def __init__(
        self, path: Path | None, *, redact: Callable[[str], str], now: Callable[[], datetime] | None = None
    ) -> None:
        self.redact = redact
        self._now = now or (lambda: datetime.now(UTC))
        self._queue: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._handler: logging.Handler | None = None
        self._listener: logging.handlers.QueueListener | None = None
        self._is_waiting = True
        if path is not None:
            self.open(path)

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has said yet where the lines go."""
        return self._is_waiting

    def open(self, path: Path) -> None:
        """Writes what waited and what is to come into a file."""
        from concurrent_log_handler import ConcurrentRotatingFileHandler

        self._is_waiting = False
        try:
            handler = ConcurrentRotatingFileHandler(
                str(path), maxBytes=MOST_BYTES, backupCount=KEPT_FILES, encoding="utf-8", umask=None
            )
        except OSError:
            return
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        self._handler = handler
        self._listener = logging.handlers.QueueListener(self._queue, handler)
        self._listener.start()

    def notice(self, notice: Notice) -> None:
        """Writes one event."""
        members = {
            "at": format_instant(self._now()),
            "level": notice.level,
            "event": notice.event,
            "chunk": notice.chunk,
            "dpRequestId": notice.request_id,
            "dpRunIds": notice.run_ids or None,
            "about": notice.label and self.redact(notice.label),
            "exitCode": notice.exit_code,
            "text": self.redact(notice.text),
        }
        line = json.dumps({key: value for key, value in members.items() if value is not None}, ensure_ascii=False)
        line = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
        if self._is_waiting or self._listener is not None:
            self._queue.put(logging.LogRecord("oncsync", logging.INFO, "", 0, line, None, None))

    def progress(self, counts: Counts) -> None:
        """Passes over the counts."""

    def close(self) -> None:
        """Writes what is left and closes the file; one that somebody else holds for long is left as it is."""
        if self._handler is None or self._listener is None:
            return
        end = threading.Thread(target=self._listener.stop, name="oncsync-log-end", daemon=True)
        end.start()
        end.join(PATIENCE_AT_THE_END)
        self._listener = None
        if not end.is_alive():
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
