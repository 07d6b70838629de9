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
TRIED_AGAIN = ("failed-retryable", "expired")
"""Failures that the next run tries again by itself: nobody has to read of them."""
MOST_MESSAGE = 140
"""Characters of a message that are shown; the log and the status have all of it."""


@contextmanager
def make_display(*, quiet: bool, verbose: bool) -> Iterator[Watcher]:
    """Gives the display that fits: bars when stderr is a terminal, lines otherwise, what needs a person when quiet."""
    is_plain = quiet or verbose or not sys.stderr.isatty()
    display: PlainDisplay | LiveDisplay = PlainDisplay(quiet=quiet, verbose=verbose) if is_plain else LiveDisplay()
    try:
        yield display
    finally:
        display.close()


@contextmanager
def hashing_progress(quiet: bool) -> Iterator[tuple[Callable[[int, int], None], Callable[[int], None]]]:
    """Gives what hears how far the hashing is: a bar when stderr is a terminal, nothing otherwise."""
    if quiet or not sys.stderr.isatty():
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


class _LastWords:
    """What is said when a run is over, whatever ended it: the service's remarks, and which orders live on."""

    def __init__(self) -> None:
        self._repeats = _Repeats()
        self._counts: Counts | None = None

    def _say_last_words(self, *, remarks: bool = True) -> None:
        summary = self._repeats.summary()
        if summary and remarks:
            say(summary)
        alive = self._counts.alive if self._counts else 0
        if alive:
            stay, them = ("stays", "it") if alive == 1 else ("stay", "them")
            say(f"{count(alive, 'order')} at the service {stay} alive; the next `sync` takes {them} up")


def _line(notice: Notice) -> str:
    prefix = f"{notice.level}: " if notice.level in SHOWN_QUIETLY else ""
    label = f"{notice.label}: " if notice.label else ""
    if notice.event == "message":
        return f"{prefix}ONC says: {shorten(notice.text, MOST_MESSAGE)}"
    if notice.event == "retry":
        return f"{prefix}{notice.text}"
    return f"{prefix}{label}{notice.text}"


class PlainDisplay(_LastWords):
    """Lines on stderr: each outcome, each warning once, and how far it is every half minute."""

    def __init__(self, *, quiet: bool, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._quiet, self._verbose, self._clock = quiet, verbose, clock
        self._last = clock()

    def notice(self, notice: Notice) -> None:
        """Prints one event, if it is wanted."""
        if self._verbose and notice.event == "message":
            say(_line(notice))
            return
        is_told = notice.level in SHOWN_QUIETLY and not (self._quiet and notice.event in TRIED_AGAIN)
        wanted = self._verbose or is_told or (not self._quiet and notice.level != "debug")
        if wanted and self._repeats.is_new(notice):
            say(_line(notice))

    def progress(self, counts: Counts) -> None:
        """Prints how far it is, now and then."""
        self._counts = counts
        if self._quiet or self._clock() - self._last < PLAIN_EVERY_SECONDS:
            return
        self._last = self._clock()
        say(_progress_text(counts))

    def close(self) -> None:
        """Prints the last words."""
        if not self._quiet:
            self._say_last_words(remarks=not self._verbose)


def _progress_text(counts: Counts) -> str:
    return (
        f"{counts.ended:,} of {count(counts.total, 'chunk')} ended, {count(counts.alive, 'order')} alive"
        f"{_not_ready(counts)}, {count(counts.transfers, 'transfer')}, {count(counts.files, 'file')},"
        f" {size(counts.bytes)}"
    )


def _not_ready(counts: Counts) -> str:
    """Gives of how many chunks ONC makes us wait for files although their orders are over."""
    return f", {counts.not_ready} not ready at ONC" if counts.not_ready else ""


class LiveDisplay(_LastWords):
    """Two lines that move, one for each pool, with warnings and errors above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        super().__init__()
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
        self._counts = counts
        if not self._is_moving:
            self._bars.start()
            self._is_moving = True
        alive = f"{counts.alive} alive at ONC{_not_ready(counts)}"
        orders = f"{counts.ended}/{counts.total} chunks, {alive}, {counts.waiting} to order"
        arriving = f"{counts.transfers} arriving, {counts.queued_files} queued"
        files = f"{count(counts.files, 'file')}, {size(counts.bytes)}, {arriving}"
        self._bars.update(self._orders, total=counts.total, completed=counts.ended, text=orders, visible=True)
        done = counts.files
        whole = counts.files + counts.transfers + counts.queued_files
        self._bars.update(self._files, total=max(whole, 1), completed=done, text=files, visible=True)

    def close(self) -> None:
        """Takes the bars away and prints the last words."""
        self._bars.stop()
        self._say_last_words()
