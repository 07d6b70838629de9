"""`oncsync diff`."""

from __future__ import annotations

import click

from oncsync.cli.options import json_option, make_project, option, print_json, project_options
from oncsync.cli.wording import change_line, count


@click.command()
@project_options
@option("--against", metavar="FILE", help="Another lock, or a revision of git [default: the last commit].")
@option("--exit-code", is_flag=True, help="Exit 1 when the lock asks for something else.")
@json_option
def diff(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    against: str | None,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Show what changed in the lock since the last commit, download by download; asks nobody.

    Requests and chunks that came and went, settings, and what ONC describes differently. The lines themselves are in
    `git diff`; what moves with the clock is not in the lock.
    """
    from oncsync.errors import InputError
    from oncsync.lockfile import compare_locks
    from oncsync.locking import read_beside
    from oncsync.revisions import earlier_lock

    project = make_project(manifest, folder, token_file, variables)
    path = project.lock_path
    lock = read_beside(path)
    if lock is None:
        raise InputError(f"There is no `{path.name}`", hint="run `oncsync resolve`")
    old, name = earlier_lock(path, against)
    change = compare_locks(old, lock)
    if as_json:
        print_json({"version": 1, "lock": path.name, "against": name.strip("`"), "wasThere": old is not None,
                    "differs": not change.asks_the_same, "change": change})  # fmt: skip
    else:
        changed = [entry for entry in change.entries if entry.change != "same"]
        if not changed:
            click.echo(f"`{path.name}` is as in {name}")
        else:
            there = "" if old is not None else f" (there was none in {name})"
            total = (
                f"{count(len(changed), 'entry', 'entries')} changed, {count(change.chunk_ids, 'chunk')} in all{there}"
            )
            click.echo("\n".join([*map(change_line, changed), total]))
    return int(exit_code and not change.asks_the_same)
