"""`oncsync sync --every`: one run after another, each told as a single `sync` tells it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

import click

from oncsync.caretaking import repeating
from oncsync.cli.ending import say, tell_as_json
from oncsync.cli.outlooks import length
from oncsync.cli.syncing import Asked, Turn, run_once
from oncsync.cli.wording import count, moment
from oncsync.errors import OncsyncError
from oncsync.project import Project


def run_again_and_again(make: Callable[[], Project], asked: Asked, seconds: float) -> NoReturn:
    """Syncs every so many seconds; raises what ends it: a signal, or an error that the next run would meet as well."""
    shortest, longest = (one.total_seconds() for one in (repeating.SHORTEST_EVERY, repeating.LONGEST_EVERY))
    if not shortest <= seconds <= longest:
        raise click.UsageError(f"`--every` is from {length(shortest)} to {length(longest)}")
    every = timedelta(seconds=seconds)
    renewal, rests = repeating.Renewal(make), repeating.Rests(every)
    has_come_through = False
    told: set[str] = set()

    def run(start: datetime) -> None:
        nonlocal has_come_through
        project, fault = renewal.project()
        if fault is not None:
            say(f"error: {fault.render()}\n\nThis run goes on with the manifest as it was read last")
        turn = Turn(
            is_first=not has_come_through,
            resting=rests.at(start),
            listen=lambda watcher: rests.listening(watcher, start),
            told=told,
        )
        run_once(project, asked, turn)
        has_come_through = True

    def tell_error(error: OncsyncError) -> None:
        say(f"error: {error.render()}")
        if asked.as_json:
            tell_as_json(error)

    def tell_wait(start: datetime, skipped: int) -> None:
        if not asked.quiet:
            late = f"; {count(skipped, 'start')} skipped, this run took longer" if skipped else ""
            say(f"Next run at {moment(start)}{late}")

    repeating.repeat(run, every, repeating.CLOCK, on_error=tell_error, on_wait=tell_wait)
