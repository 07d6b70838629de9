"""`oncsync drop` and `oncsync restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oncsync.cli.asking import is_sure
from oncsync.cli.ending import say
from oncsync.cli.options import json_option, lock_timeout_option, make_project, option, print_json, project_options
from oncsync.cli.progress import hashing_progress
from oncsync.cli.wording import count, printable, size
from oncsync.errors import InputError

if TYPE_CHECKING:
    from oncsync.caretaking import DropFile, RestoreFile, Selection

VERBS = {"drop": "drop", "gone": "drop", "changed": "keep", "busy": "keep", "part": "keep"}
FOLLOWS = {
    "fetch": "the next sync fetches it",
    "here": "it lies in its place",
    "taken": "another file lies in its place: the fetched one gets a mark in its name",
}


def _read_selection(selectors: tuple[str, ...], before: str | None) -> Selection:
    from datetime import datetime

    from oncsync.caretaking import Selection
    from oncsync.catalogue import read_filters
    from oncsync.timespan import UTC

    span = read_filters({}, begin=None, end=before, now=datetime.now(UTC)).span
    return Selection(selectors=selectors, before=span.end if span else None)


@click.command()
@click.argument("selectors", metavar="[SELECTOR]...", nargs=-1)
@project_options
@option("--before", metavar="TIME", help="Only files whose data end by then: a date, a year, `-P2Y`.")
@option("-n", "--dry-run", is_flag=True, help="Show what would be let go; remove nothing.")
@option("-y", "--yes", is_flag=True, help="Do not ask.")
@option("--max-delete", type=click.IntRange(min=0), metavar="N", help="Refuse to remove more than N files (exit 2).")
@lock_timeout_option
@json_option
def drop(
    selectors: tuple[str, ...],
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    before: str | None,
    dry_run: bool,
    yes: bool,
    max_delete: int | None,
    lock_timeout: float,
    as_json: bool,
) -> int:
    """Let go of files on purpose, after showing them: they leave the folder and are not fetched again.

    SELECTOR is a path, a directory, a pattern (`'*.wav'`), an id or the name of an entry. Only files that are as they
    arrived go, by their content; what you changed stays. Their hashes are remembered; `oncsync restore` makes them
    wanted again. A file that you moved elsewhere yourself is remembered the same way. A chunk of several files goes
    whole or not at all, its metadata with it.

    Exit codes: 0 let go, or nothing to let go; 2 a selector means nothing, or more than `--max-delete`; 6 another
    oncsync works in the folder; 8 something could not be removed.
    """
    from oncsync import caretaking

    project = make_project(manifest, folder, token_file, variables)
    with hashing_progress(as_json) as (on_start, on_bytes):
        shown = caretaking.find_to_drop(
            project, _read_selection(selectors, before), on_start=on_start, on_bytes=on_bytes
        )
    going = [one for one in shown if VERBS[one.fate] == "drop"]
    if not as_json:
        _print_shown(shown, going)
    removing = sum(one.fate == "drop" for one in going)
    if max_delete is not None and removing > max_delete:
        raise InputError(
            f"{count(removing, 'file')} would be removed, more than `--max-delete {max_delete}`; nothing was done",
            hint="look at the list, then give a higher number",
        )
    went: list[DropFile] = []
    if going and not dry_run:
        if not is_sure(f"Let go of {count(len(going), 'file')}?", yes=yes):
            say("Nothing was let go")
            return 0
        went = caretaking.drop(project, shown, lock_patience=lock_timeout)
        if not as_json:
            click.echo(f"{count(len(went), 'file')} let go, {size(sum(one.bytes for one in went))}")
    if as_json:
        files = [
            {key: getattr(one, key) for key in ("path", "bytes", "sha256", "chunk", "fate", "reason")} for one in shown
        ]
        print_json({"version": 1, "dryRun": dry_run, "files": files, "dropped": [one.path for one in went]})
    return 0


def _print_shown(shown: list[DropFile], going: list[DropFile]) -> None:
    if not shown:
        click.echo("Nothing to let go: no file of these is here")
        return
    for one in shown:
        why = f"; {one.reason}" if one.reason else ""
        click.echo(f"{VERBS[one.fate]}  {printable(one.path)}  ({size(one.bytes)}{why})")
    kept = f", {count(len(shown) - len(going), 'file')} not" if len(going) < len(shown) else ""
    click.echo(f"{count(len(going), 'file')} to let go, {size(sum(one.bytes for one in going))}{kept}")


@click.command()
@click.argument("selectors", metavar="[SELECTOR]...", nargs=-1)
@project_options
@option("--before", metavar="TIME", help="Only files whose data end by then: a date, a year, `-P2Y`.")
@option("-n", "--dry-run", is_flag=True, help="Show what would be wanted again; change nothing.")
@lock_timeout_option
@json_option
def restore(
    selectors: tuple[str, ...],
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    before: str | None,
    dry_run: bool,
    lock_timeout: float,
    as_json: bool,
) -> int:
    """Make files wanted again that `oncsync drop` let go: the next sync fetches them.

    SELECTOR is what `drop` takes. Files that you have put back into their places, or that `oncsync adopt` takes in
    before the next sync, are not fetched.

    Exit codes: 0 wanted again; 2 a selector means nothing that was let go; 6 another oncsync works in the folder.
    """
    from oncsync import caretaking

    project = make_project(manifest, folder, token_file, variables)
    shown = caretaking.find_to_restore(project, _read_selection(selectors, before))
    restored = 0 if dry_run else caretaking.restore(project, shown, lock_patience=lock_timeout)
    if as_json:
        print_json({"version": 1, "dryRun": dry_run, "files": shown, "restored": restored})
        return 0
    _print_restored(shown)
    if not dry_run:
        click.echo(f"{count(restored, 'file')} wanted again")
    return 0


def _print_restored(shown: list[RestoreFile]) -> None:
    for one in shown:
        click.echo(f"restore  {printable(one.path)}  ({size(one.bytes)}; {FOLLOWS[one.fate]})")
