"""`oncsync prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oncsync.cli.asking import is_sure
from oncsync.cli.ending import notices_of, say
from oncsync.cli.folding import show
from oncsync.cli.options import json_option, lock_timeout_option, make_project, option, print_json, project_options
from oncsync.cli.wording import count, printable, size
from oncsync.errors import InputError

if TYPE_CHECKING:
    from oncsync.caretaking import PruneFile

KEPT_BECAUSE = {
    "vanished": "only ONC's answer let go of it; `--include-vanished` removes it",
    "changed": "changed here: from now on it is yours",
    "missing": "not in the folder: it is forgotten",
    "dropped": "let go on purpose: it is forgotten",
}


@click.command()
@project_options
@option("-n", "--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
@option("-y", "--yes", is_flag=True, help="Do not ask.")
@option("--max-delete", type=click.IntRange(min=0), metavar="N", help="Refuse to remove more than N files (exit 2).")
@option("--include-vanished", is_flag=True, help="Also files that the manifest did not give up, but ONC's answer did.")
@lock_timeout_option
@json_option
def prune(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    max_delete: int | None,
    include_vanished: bool,
    lock_timeout: float,
    as_json: bool,
) -> int:
    """Remove files that came from ONC and that the lock no longer wants, after showing them.

    Only files that are as they arrived: one that you changed stays and is yours. Nothing outside the folder, and no
    file that oncsync did not bring, is ever touched. Files whose data another split still needs are kept.

    Exit codes: 0 removed, or nothing to remove; 1 the lock is out of date; 2 more than `--max-delete`; 6 another
    oncsync works in the folder; 8 something could not be removed.
    """
    from oncsync import caretaking

    project = make_project(manifest, folder, token_file, variables)
    with notices_of(project):
        shown = caretaking.find_unwanted(project, include_vanished=include_vanished)
    going = [one for one in shown if one.fate == "remove"]
    if not as_json:
        _print_plan(shown)
    if max_delete is not None and len(going) > max_delete:
        raise InputError(
            f"{count(len(going), 'file')} would be removed, more than `--max-delete {max_delete}`; nothing was done",
            hint="look at the list, then give a higher number",
        )
    removed: tuple[PruneFile, ...] = ()
    if caretaking.chunks_to_prune(shown) and not dry_run:
        if going and not is_sure(f"Remove {count(len(going), 'file')}?", yes=yes):
            say("Nothing was removed")
            return 0
        done = caretaking.prune(project, shown, include_vanished=include_vanished, lock_patience=lock_timeout)
        removed = done.removed
        if not as_json:
            click.echo(f"{count(len(removed), 'file')} removed, {size(done.bytes)}")
    if as_json:
        print_json({"version": 1, "dryRun": dry_run, "files": shown, "removed": [one.path for one in removed]})
    return 0


def _print_plan(shown: list[PruneFile]) -> None:
    if not shown:
        click.echo("Nothing to remove: the lock wants every file that is here")
        return
    lines = []
    for one in shown:
        if one.fate == "remove":
            lines.append(f"remove  {printable(one.path)}  ({size(one.bytes)})")
        else:
            verb = "forget" if one.fate in ("missing", "dropped") else "keep"
            lines.append(f"{verb:<6}  {printable(one.path)}  ({KEPT_BECAUSE[one.fate]})")
    going = [one for one in shown if one.fate == "remove"]
    kept = f", {count(len(shown) - len(going), 'file')} not" if len(going) < len(shown) else ""
    show([*lines, f"{count(len(going), 'file')} to remove, {size(sum(one.bytes for one in going))}{kept}"])
