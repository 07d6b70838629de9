"""`oncsync resolve`."""

from __future__ import annotations

import click

from oncsync.cli.ending import say
from oncsync.cli.options import make_project, option, print_json, project_options
from oncsync.cli.wording import courtesy_warning, describe_resolution


@click.command()
@project_options
@option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@option("--check", is_flag=True, help="Write nothing; exit 1 when the lock would change.")
@option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def resolve(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    dry_run: bool,
    check: bool,
    as_json: bool,
) -> int:
    """Ask ONC what the manifest means and write it, request by request and chunk by chunk, into the lock.

    Exit codes: 0 resolved, 1 `--check` found a difference, 2 something in the manifest must be changed, 3 some entries
    could not be asked and kept their previous lines, 4 the token is missing or refused, 5 the service is not there.
    """
    project = make_project(manifest, folder, token_file, variables)
    warning = courtesy_warning(project.manifest.settings.run_threads)
    if warning:
        say(f"warning: {warning}")
    result = project.resolve(write=not (dry_run or check))
    for notice in result.notices:
        say(f"warning: {notice}")
    for remark in result.remarks:
        say(f"warning: `{remark.entry}`: {remark.message}")
    for failure in result.failures:
        kept = "its previous lines stand" if failure.kept else "it has no lines in the lock"
        say(f"error: `{failure.entry}` could not be resolved; {kept}: {failure.error}")
    if as_json:
        print_json({"version": 1, "written": result.is_written, "change": result.change, "remarks": result.remarks,
                    "failures": result.failures})  # fmt: skip
    elif dry_run or check:
        lines = describe_resolution(result, project.lock_path.name)[:-1]
        verdict = "would stay as it is" if result.change.is_same else "would change"
        click.echo("\n".join([*lines, f"`{project.lock_path.name}` {verdict}"]))
    else:
        click.echo("\n".join(describe_resolution(result, project.lock_path.name)))
    if check and not result.failures and not result.change.is_same:
        return 1
    return result.exit_code
