"""What a person sees while a sync runs: live bars on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from oncsync.cli.ending import say
from oncsync.cli.wording import count, shorten, size

if TYPE_CHECKING:
    from oncsync.engine.watch import Counts, Notice, Watcher

PLAIN_EVERY_SECONDS = 30.0
SHOWN_QUIETLY = ("warning", "error")
MOST_MESSAGE = 140
"""Characters of a message that are shown; the log and the status have all of it."""


@contextmanager
def make_display(*, quiet: bool, verbose: bool) -> Iterator[Watcher]:
    """Gives the display that fits: bars when stderr is a terminal, lines otherwise, warnings only when quiet."""
    is_plain = quiet or verbose or sys.stderr is None or not sys.stderr.isatty()
    display: PlainDisplay | LiveDisplay = PlainDisplay(quiet=quiet, verbose=verbose) if is_plain else LiveDisplay()
    try:
        yield display
    finally:
        display.close()


@contextmanager
def hashing_progress(quiet: bool) -> Iterator[tuple[Callable[[int, int], None], Callable[[int], None]]]:
    """Gives what hears how far the hashing is: a bar when stderr is a terminal, nothing otherwise."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield (lambda files, total: None), (lambda number: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("hashing", total=None)
        guard = threading.Lock()

        def on_bytes(number: int) -> None:
            with guard:
                bars.advance(task, number)

        yield (lambda files, total: bars.update(task, description=f"hashing {files:,} files", total=total)), on_bytes


class _Repeats:
    """Holds back what would be said again and again.

    Why something is tried again is told once; remarks of the service are counted for one line at the end, except those
    that speak of restrictions, which may mean that data are missing (open question 46).
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._remarks = 0
        self._first_remark = ""

    def is_new(self, notice: Notice) -> bool:
        """Whether a notice is worth a line now."""
        if notice.event == "message" and "restrict" not in notice.text.casefold():
            self._remarks += 1
            self._first_remark = self._first_remark or notice.text.split("; ")[0]
            return False
        if notice.event not in ("message", "retry", "window"):
            return True
        if notice.text in self._seen:
            return False
        self._seen.add(notice.text)
        return True

    def summary(self) -> str | None:
        """Gives the line for the end, None when the service remarked nothing."""
        if not self._remarks:
            return None
        orders = count(self._remarks, "order")
        return f"note: ONC remarked on {orders}, first: {shorten(self._first_remark, MOST_MESSAGE)} (all in the log)"


def _line(notice: Notice) -> str:
    prefix = f"{notice.level}: " if notice.level in SHOWN_QUIETLY else ""
    label = f"{notice.label}: " if notice.label else ""
    if notice.event == "message":
        return f"{prefix}ONC says: {shorten(notice.text, MOST_MESSAGE)}"
    if notice.event == "retry":
        return f"{prefix}{notice.text}"
    return f"{prefix}{label}{notice.text}"


class PlainDisplay:
    """Lines on stderr: each outcome, each warning once, and how far it is every half minute."""

    def __init__(self, *, quiet: bool, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._verbose, self._clock = quiet, verbose, clock
        self._repeats = _Repeats()
        self._last = clock()

    def notice(self, notice: Notice) -> None:
        """Prints one event, if it is wanted."""
        if self._verbose and notice.event == "message":
            say(_line(notice))
            return
        wanted = self._verbose or notice.level in SHOWN_QUIETLY or (not self._quiet and notice.level != "debug")
        if wanted and self._repeats.is_new(notice):
            say(_line(notice))

    def progress(self, counts: Counts) -> None:
        """Prints how far it is, now and then."""
        if self._quiet or self._clock() - self._last < PLAIN_EVERY_SECONDS:
            return
        self._last = self._clock()
        say(_progress_text(counts))

    def close(self) -> None:
        """Prints the line about the service's remarks."""
        summary = self._repeats.summary()
        if summary and not (self._quiet or self._verbose):
            say(summary)


def _progress_text(counts: Counts) -> str:
    return (
        f"{counts.ended:,} of {count(counts.total, 'chunk')} ended, {count(counts.alive, 'order')} alive,"
        f" {count(counts.transfers, 'transfer')}, {count(counts.files, 'file')}, {size(counts.bytes)}"
    )


class LiveDisplay:
    """Two lines that move, one for each pool, with warnings and errors above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._repeats = _Repeats()
        self._bars: Any = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._orders = self._bars.add_task("orders", total=None, text="", visible=False)
        self._files = self._bars.add_task("files", total=None, text="", visible=False)
        self._is_moving = False

    def notice(self, notice: Notice) -> None:
        """Prints warnings and errors above the bars."""
        if notice.level in SHOWN_QUIETLY and self._repeats.is_new(notice):
            self._bars.console.print(_line(notice), markup=False, highlight=False)
        elif notice.event in ("quota", "window", "retry") and self._repeats.is_new(notice):
            self._bars.console.print(notice.text, markup=False, highlight=False)

    def progress(self, counts: Counts) -> None:
        """Moves the bars; they begin with the first work, so that questions before it have the terminal."""
        if not self._is_moving:
            self._bars.start()
            self._is_moving = True
        orders = f"{counts.ended}/{counts.total} chunks, {counts.alive} alive at ONC, {counts.waiting} to order"
        arriving = f"{counts.transfers} arriving, {counts.queued_files} queued"
        files = f"{count(counts.files, 'file')}, {size(counts.bytes)}, {arriving}"
        self._bars.update(self._orders, total=counts.total, completed=counts.ended, text=orders, visible=True)
        done = counts.files
        whole = counts.files + counts.transfers + counts.queued_files
        self._bars.update(self._files, total=max(whole, 1), completed=done, text=files, visible=True)

    def close(self) -> None:
        """Takes the bars away and prints the line about the service's remarks."""
        self._bars.stop()
        summary = self._repeats.summary()
        if summary:
            say(summary)
