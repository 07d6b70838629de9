"""`oncsync import` and `oncsync export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oncsync.cli.ending import say
from oncsync.cli.options import make_project, option, project_options
from oncsync.cli.wording import count

if TYPE_CHECKING:
    from oncsync.exchange import Exchanged, Taken
    from oncsync.lockfile import Lock
    from oncsync.manifest import Manifest


@click.command("import")
@click.argument("workbook", type=click.Path(dir_okay=False))
@option("-o", "--output", metavar="FILE", default="oncsync.yaml", show_default=True, help="The manifest to write.")
@option("--append", is_flag=True, help="Add the rows to a manifest of other origin.")
@option("--force", is_flag=True, help="Replace a manifest that is there.")
@option("--detach", metavar="NAME", multiple=True, help="Turn the rows of this download into requests of their own.")
def import_book(workbook: str, output: str, append: bool, force: bool, detach: tuple[str, ...]) -> int:
    """Read the three documented tabs of a workbook into a manifest, row by row.

    Rows that are off stay, switched off. The token in the workbook is never copied. Importing a workbook again
    replaces exactly the rows that came from it.
    """
    from oncsync.exchange import import_workbook

    if append and force:
        raise click.UsageError("`--append` and `--force` exclude each other")
    path = Path(output)
    taken = import_workbook(Path(workbook), path, append=append, force=force, detach=detach, find_lock=_find_lock)
    for note in taken.notes:
        say(f"note: {note}")
    click.echo(describe_taken(taken))
    if taken.is_written:
        named = "" if output == "oncsync.yaml" else f" -m {output}"
        click.echo(f"Next: `oncsync resolve{named}`, then `oncsync sync{named}`")
    return 0


def _find_lock(manifest: Manifest) -> Lock | None:
    """Gives the lock of a manifest; None when there is none, or none that can be read."""
    from oncsync.lockfile import LockError
    from oncsync.locking import read_locks
    from oncsync.manifest import lock_path

    try:
        return read_locks(lock_path(manifest.path), manifest.folder)
    except LockError:
        return None


def describe_taken(taken: Taken) -> str:
    """Gives one sentence about an import: `12 rows into oncsync.yaml: 3 changed, 1 off, 2 added`."""
    text = f"{count(taken.rows, 'row')} into {taken.manifest}"
    if taken.merge is None:
        return text + (f", {taken.rows_off} of them switched off" if taken.rows_off else "")
    merge = taken.merge
    parts = {
        "changed": merge.changed,
        "off": merge.switched_off,
        "on": merge.switched_on,
        "added": merge.added,
        "removed": merge.removed,
    }
    told = [f"{number:,} {word}" for word, number in parts.items() if number]
    told += [f"`{name}` detached" for name in taken.detached]
    quiet = "only the order or the names changed" if taken.is_written else "nothing changed"
    return f"{text}: {', '.join(told) or quiet}"


@click.command("export")
@click.argument("workbook", type=click.Path(dir_okay=False))
@project_options
@option("--append", is_flag=True, help="Add the rows that a workbook lacks, and keep the rest of it.")
@option("--force", is_flag=True, help="Replace a workbook that is there.")
def export_book(
    workbook: str,
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    append: bool,
    force: bool,
) -> int:
    """Write the documented workbook of manifest and lock: its tabs, one row per request. The token is never written."""
    from oncsync.exchange import export_workbook

    if append and force:
        raise click.UsageError("`--append` and `--force` exclude each other")
    project = make_project(manifest, folder, token_file, variables)
    path = Path(workbook).absolute()
    written = export_workbook(project.manifest, project.read_lock(), path, append=append, force=force)
    for note in written.notes:
        say(f"note: {note}")
    click.echo(describe_exchanged(written))
    return 0


def describe_exchanged(written: Exchanged) -> str:
    """Gives one sentence about an export: `12 rows into download.xlsx`, or what an append added."""
    if not written.was_there:
        return f"{count(written.rows, 'row')} into {written.workbook}"
    told = [f"{count(written.rows, 'row')} added"] if written.rows else []
    told += [f"{count(written.moved_ends, 'end')} moved"] if written.moved_ends else []
    return f"{written.workbook}: {', '.join(told) or 'nothing to add'}"
