"""The log of one run, from its first line to the last, which says how it ended, whatever ended it (rule 9).

The folder may turn out to be another manifest's, or not to be there: nothing is written before it is known to be ours.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from oncsync import __version__
from oncsync.engine.eventlog import EventLog
from oncsync.engine.folder import OWN_FOLDER
from oncsync.engine.mounts import check_place
from oncsync.engine.watch import Counts, Level, Notice
from oncsync.errors import OncsyncError, exit_code_of
from oncsync.state import StateStore

NOTHING_WRONG = (0, 7)
"""Exit codes of a run that came to its end, or was to stop; those of signals, from 128 on, say that too."""


class RunLog(EventLog):
    """The log of one run. Its lines wait until whoever holds the folder, and knows that it is ours, opens it."""

    def __init__(self, command: str, now: Callable[[], datetime]) -> None:
        super().__init__(None, redact=lambda text: text, now=now)
        self._command = command
        where = f"process {os.getpid()} on {socket.gethostname()}"
        self.notice(Notice(event="begin", text=f"`{command}` begins: oncsync {__version__}, {where}"))

    def open_in(self, folder: Path) -> None:
        """Writes into the log of a folder that is ours."""
        self.open(folder / OWN_FOLDER / "oncsync.log")

    def end(self, exit_code: int, counts: Counts | None = None, causes: Iterable[str] = ()) -> None:
        """Says how the run ended, and why not otherwise."""
        parts = [f"`{self._command}` ended with exit code {exit_code}", *causes]
        if counts is not None:
            ended = f"{counts.done} done, {counts.empty} empty, {counts.failed} failed of {counts.total} chunks"
            parts.insert(1, f"{ended}, {counts.files} files, {counts.alive} orders alive")
        level: Level = "info" if exit_code in NOTHING_WRONG or exit_code > 128 else "error"
        self.notice(Notice(event="end", text="; ".join(parts), level=level, exit_code=exit_code))


@contextmanager
def run_log(
    command: str, folder: Path, state_path: Path, identity: str, server: str, now: Callable[[], datetime]
) -> Iterator[RunLog]:
    """Gives the log of a run in a folder that may be ours. An error that ends the run is its last line."""
    log = RunLog(command, now)
    try:
        yield log
    except BaseException as error:
        log.end(exit_code_of(error), causes=[str(error) or type(error).__name__])
        if log.is_waiting and _is_ours(folder, state_path, identity, server):
            log.open_in(folder)
        raise
    finally:
        log.close()


def _is_ours(folder: Path, state_path: Path, identity: str, server: str) -> bool:
    """Whether the records in a folder say that it belongs to a manifest, and nothing in it is strange."""
    try:
        check_place(folder, state_path)
        state = StateStore(state_path).state
    except (OncsyncError, OSError):
        return False
    return (state.manifest, state.server) == (identity, server)
