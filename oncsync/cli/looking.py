"""`oncsync status`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from oncsync.cli.folding import show
from oncsync.cli.options import Seconds, json_option, make_project, option, print_json, project_options
from oncsync.cli.outlooks import length
from oncsync.cli.wording import describe_status, describe_wrong, moment
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.report import EntryStatus, Status


@click.command()
@project_options
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@option("--max-age", type=Seconds(), metavar="TIME", help="Exit 1 when the newest data of an entry are older (`2h`).")
@option("-q", "--quiet", is_flag=True, help="Only what is wrong.")
@json_option
def status(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    only: tuple[str, ...],
    max_age: float | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Show, per request, what is done, empty, failed (in the service's words) and pending.

    Asks nobody: reads the lock, the state and the folder. The newest data of an entry are as new as the latest span
    that was fetched for it, as far as it had passed by then.
    """
    project = make_project(manifest, folder, token_file, variables)
    answer = project.status(only)
    aged = _aged(answer, max_age)
    if as_json:
        _print_json(answer, aged, max_age)
    else:
        lines = describe_wrong(answer) if quiet else describe_status(answer)
        lines += [_age_line(entry, age) for entry, age in aged]
        if max_age is not None and not aged and not quiet:
            lines.append(f"The newest data of every entry are less than {length(max_age)} old")
        if lines:
            show(lines)
    return 1 if aged else 0


def _aged(answer: Status, max_age: float | None) -> list[tuple[EntryStatus, timedelta | None]]:
    from oncsync.report import aged_entries

    return [] if max_age is None else aged_entries(answer, datetime.now(UTC), timedelta(seconds=max_age))


def _age_line(entry: EntryStatus, age: timedelta | None) -> str:
    if entry.newest is None or age is None:
        return f"too old: {entry.name}: no data are here"
    return f"too old: {entry.name}: the newest data are of {moment(entry.newest)}, {length(age.total_seconds())} ago"


def _print_json(answer: Status, aged: list[tuple[EntryStatus, timedelta | None]], max_age: float | None) -> None:
    import msgspec

    said = msgspec.to_builtins(answer)
    if max_age is not None:
        said["tooOld"] = [
            {"name": entry.name, "newest": entry.newest, "ageSeconds": None if age is None else age.total_seconds()}
            for entry, age in aged
        ]
    print_json(said)
