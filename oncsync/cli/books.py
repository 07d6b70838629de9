"""`oncsync import` and `oncsync export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oncsync.cli.ending import say
from oncsync.cli.options import make_project, option, project_options
from oncsync.cli.wording import count
from oncsync.errors import InputError

if TYPE_CHECKING:
    from oncsync.workbook import Imported

MOST_ROWS_IN_YAML = 200


@click.command("import")
@click.argument("workbook", type=click.Path(dir_okay=False))
@option("-o", "--output", metavar="FILE", default="oncsync.yaml", show_default=True, help="The manifest to write.")
@option("--append", is_flag=True, help="Add the rows to a manifest that is there.")
@option("--force", is_flag=True, help="Replace a manifest that is there.")
def import_book(workbook: str, output: str, append: bool, force: bool) -> int:
    """Read the three documented tabs of a workbook into a manifest, row by row.

    Rows that are off stay, switched off. The token in the workbook is never copied.
    """
    from oncsync.workbook import book_to_requests, read_workbook

    path = Path(output).absolute()
    book = read_workbook(Path(workbook))
    if append and force:
        raise click.UsageError("`--append` and `--force` exclude each other")
    if path.exists() and not (append or force):
        raise InputError(f"`{path}` is there already", hint="give `--append` or `--force`, or another `-o`")
    imported = book_to_requests(book, path.parent)
    for note in imported.notes:
        say(f"note: {note}")
    added = _append(path, imported) if append and path.exists() else _write(path, imported, Path(workbook).name)
    off = sum(not request.download for request in imported.requests)
    click.echo(f"{count(added, 'row')} into {path}" + (f", {off} of them switched off" if off else ""))
    click.echo("Next: `oncsync resolve`, then `oncsync sync`")
    return 0


def _write(path: Path, imported: Imported, source: str) -> int:
    from oncsync.atomic import write_atomic
    from oncsync.manifest.edit import write_manifest
    from oncsync.manifest.mapping import escape, request_mapping
    from oncsync.manifest.rows import format_rows

    manifest: dict[str, Any] = {"version": 1}
    if imported.folder is not None and not imported.folder_is_foreign:
        manifest["folder"] = escape(imported.folder)
    settings = {key: escape(value) if isinstance(value, str) else value for key, value in imported.settings.items()}
    if imported.state is not None:
        settings["state"] = escape(imported.state)
    if settings:
        manifest["settings"] = settings
    if len(imported.requests) > MOST_ROWS_IN_YAML:
        rows = path.with_name("requests.csv")
        write_atomic(rows, format_rows(imported.requests).encode())
        manifest["requests"] = {"file": rows.name}
    else:
        manifest["requests"] = [request_mapping(request) for request in imported.requests]
    write_manifest(path, manifest, comment=f"Imported from {source} by `oncsync import`.")
    return len(imported.requests)


def _append(path: Path, imported: Imported) -> int:
    """Adds the rows whose names the manifest does not have; gives how many."""
    from oncsync.manifest import append_requests, load_manifest

    present = load_manifest(path).requests
    names = {request.name for request in present}
    new = [request for request in imported.requests if request.name not in names]
    for request in imported.requests:
        if request.name in names:
            say(f"note: the manifest has a row `{request.name}` already; it was left as it is")
    append_requests(path, new)
    return len(new)


@click.command("export")
@click.argument("workbook", type=click.Path(dir_okay=False))
@project_options
@option("--force", is_flag=True, help="Replace a workbook that is there.")
def export_book(
    workbook: str,
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    force: bool,
) -> int:
    """Write the documented workbook of manifest and lock: its tabs, one row per request. The token is never written."""
    from oncsync.workbook import manifest_to_rows, write_workbook

    project = make_project(manifest, folder, token_file, variables)
    path = Path(workbook).absolute()
    if path.suffix.lower() != ".xlsx":
        raise InputError(f"`{workbook}` is no name for a workbook", hint="give it the ending `.xlsx`")
    if path.exists() and not force:
        raise InputError(f"`{path}` is there already", hint="give `--force` to replace it, or another name")
    exported = manifest_to_rows(project.manifest, project.read_lock())
    for note in exported.notes:
        say(f"note: {note}")
    if project.manifest.server != "production":
        say(f"note: the workbook has no place for `server: {project.manifest.server}`; an import means production")
    write_workbook(path, exported.rows, exported.settings)
    click.echo(f"{count(len(exported.rows), 'row')} into {path}")
    return 0
