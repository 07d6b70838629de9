"""`oncsync status`."""

from __future__ import annotations

import click

from oncsync.cli.options import make_project, option, print_json, project_options
from oncsync.cli.wording import describe_status


@click.command()
@project_options
@option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def status(
    manifest: str | None, folder: str | None, token_file: str | None, variables: tuple[str, ...], as_json: bool
) -> int:
    """Show, per request, what is done, empty, failed (in the service's words) and pending.

    Asks nobody: reads the lock, the state and the folder.
    """
    project = make_project(manifest, folder, token_file, variables)
    answer = project.status()
    if as_json:
        print_json(answer)
    else:
        click.echo("\n".join(describe_status(answer)))
    return 0
