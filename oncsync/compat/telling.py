"""How the classes tell what there is to say: by Python's logging, where warnings show unless someone mutes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from oncsync.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from oncsync.engine.watch import Counts, Notice

Tell: TypeAlias = Callable[[Literal["note", "warning"], str], None]

_LEVELS = {"debug": logging.DEBUG, "note": logging.INFO, "info": logging.INFO, "warning": logging.WARNING}


def log(level: str, text: str) -> None:
    """Logs a text under the name `oncsync`."""
    logging.getLogger("oncsync").log(_LEVELS.get(level, logging.ERROR), "%s", text)


class LoggingWatcher:
    """A watcher that logs the events of a sync: a failed row with the service's words is an error (R60, R114)."""

    def notice(self, notice: Notice) -> None:
        """Logs an event."""
        log(notice.level, f"{notice.label}: {notice.text}" if notice.label else notice.text)

    def progress(self, counts: Counts) -> None:
        """Passes over the counts."""


def rephrase(error: ProblemsError, title: str, names: Mapping[str, str], prefix: str = "") -> ProblemsError:
    """Gives the same mistakes by the names that a person knows, in place of lines of a manifest they never saw.

    A hint about all of them speaks of flags that these commands do not have, and stays out.
    """
    problems = []
    for one in error.problems:
        shown = names.get(one.where, one.where)
        message = one.message.removeprefix(prefix).removeprefix(f"`{shown}`: ")
        problems.append(Problem(shown, message, one.hint))
    return ProblemsError(title, problems)
