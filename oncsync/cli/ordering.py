"""`oncsync orders` and `oncsync cancel`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from oncsync.cli.asking import is_sure
from oncsync.cli.ending import notices_of, say
from oncsync.cli.options import json_option, lock_timeout_option, make_project, option, print_json, project_options
from oncsync.cli.wording import count, printable, table

if TYPE_CHECKING:
    from oncsync.caretaking import Cancelled, LiveOrder

HEADINGS = ("ORDER", "RUN", "SINCE (UTC)", "AGE", "OF", "SPAN", "AT ONC")


@click.command()
@project_options
@option("--check", is_flag=True, help="Ask the service for the state of each.")
@json_option
def orders(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    check: bool,
    as_json: bool,
) -> int:
    """List the orders that live at the service: of this folder, and of your other folders on this machine.

    Reads the records of both and asks nobody, unless `--check` asks the service, which changes nothing. Works beside a
    running sync.
    """
    from oncsync.caretaking import ask_about_orders, live_orders

    project = make_project(manifest, folder, token_file, variables)
    listed = live_orders(project)
    if check and listed:
        with notices_of(project):
            listed = ask_about_orders(project, listed)
    if as_json:
        print_json({"version": 1, "runThreads": project.manifest.settings.run_threads, "orders": listed})
        return 0
    click.echo("\n".join(_lines(listed)))
    return 0


def _lines(listed: list[LiveOrder]) -> list[str]:
    """Gives a line for each order, its folder below it where that is another one, then the total."""
    if not listed:
        return ["No order is alive"]
    head, *rows = table([HEADINGS, *(_row(one) for one in listed)])
    lines = [head]
    for row, one in zip(rows, listed, strict=True):
        lines += [row] if one.is_here else [row, f"    for {printable(one.folder)} on {one.host}"]
    return [*lines, _total(listed)]


def _total(listed: list[LiveOrder]) -> str:
    """Gives the line below the orders: what the service says of them, or what the records let hope."""
    orders = count(len(listed), "order")
    if any(one.said is not None for one in listed):
        at_work = sum(one.is_finished is False for one in listed)
        finished = sum(one.is_finished is True for one in listed)
        unknown = len(listed) - at_work - finished
        parts = [f"{at_work:,} at work"]
        parts += [f"{finished:,} finished (`oncsync sync` fetches the files)"] if finished else []
        parts += [f"{unknown:,} in a state that is not known"] if unknown else []
        return f"{orders}: {', '.join(parts)}"
    counted = sum(one.counts for one in listed)
    if counted == len(listed):
        return f"{orders} alive"
    return f"{orders} alive or over, {counted:,} of them within the limit of `runThreads`; `--check` asks ONC"


def _row(one: LiveOrder) -> tuple[str, ...]:
    return (
        str(one.dp_request_id or "asking"),
        ",".join(map(str, one.run_ids)) or "-",
        f"{one.since:%Y-%m-%d %H:%M}",
        age(one.age),
        printable(one.download or f"chunk {one.chunk}"),
        f"{_short(one.begin)}..{_short(one.end)}" if one.begin else "-",
        printable(one.said or "-"),
    )


def _short(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d}" if instant else ""


def age(seconds: float) -> str:
    """Gives a length of time for people: `40 s`, `12 min`, `3 h`, `2 d`."""
    for most, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400:.0f} d"


@click.command()
@click.argument("subjects", nargs=-1, metavar="[NAME|ID]...")
@project_options
@option("--all", "is_all", is_flag=True, help="Every live order of this folder.")
@option("-y", "--yes", is_flag=True, help="Do not ask.")
@lock_timeout_option
@json_option
def cancel(
    subjects: tuple[str, ...],
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    is_all: bool,
    yes: bool,
    lock_timeout: float,
    as_json: bool,
) -> int:
    """Cancel live orders of this folder at the service.

    NAME is a download, ID a `dpRequestId` or a chunk's id (or how it begins). The next `sync` orders again what the
    manifest still wants. Orders that are finished, and wanted, are left to it: their files are ready. What the service
    says against cancelling is told and ends nothing: such an order is over.

    Exit codes: 0 nothing is alive any more of what was named; 3 the service was out of order for some; 4 token; 5
    service not there; 6 a sync works in the folder: stop it first.
    """
    from oncsync.caretaking import ask_about_orders, cancel_orders, choose_orders, live_orders

    if bool(subjects) == is_all:
        raise click.UsageError("Name downloads or orders, or give `--all`")
    project = make_project(manifest, folder, token_file, variables)
    here = [one for one in live_orders(project) if one.is_here and one.dp_request_id is not None]
    names = [*(one.name for one in project.manifest.downloads), *(one.name for one in project.manifest.requests)]
    chosen = choose_orders(here, subjects, names)
    done: list[Cancelled] = []
    with notices_of(project):
        chosen = ask_about_orders(project, chosen) if chosen else []
        if chosen:
            say("\n".join(_lines(chosen)))
        chosen = [one for one in chosen if not (one.is_finished and one.download)]
        if chosen:
            if not is_sure(f"Cancel {count(len(chosen), 'order')} at the service?", yes=yes):
                say("Nothing was cancelled")
                return 0
            done = cancel_orders(project, chosen, lock_patience=lock_timeout, warn=lambda text: say(f"warning: {text}"))
    return _print_cancelled(done, as_json)


def _print_cancelled(done: list[Cancelled], as_json: bool) -> int:
    code = 0 if all(one.is_gone for one in done) else 3
    if as_json:
        print_json({"version": 1, "exitCode": code, "orders": done})
        return code
    for one in done:
        if one.said:
            what = "is not at work" if one.is_gone else "could not be cancelled"
            click.echo(f"order {one.dp_request_id} {what}: {printable(one.said)}")
    gone = sum(one.is_gone for one in done)
    click.echo(f"{count(gone, 'order')} cancelled" if done else "No order of this folder is alive")
    return code
