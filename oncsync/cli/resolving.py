"""`oncsync resolve` and `oncsync diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oncsync.cli.ending import notices_of, say
from oncsync.cli.options import json_option, make_project, option, print_json, project_options
from oncsync.cli.wording import courtesy_warning
from oncsync.errors import DifferenceError, FolderError, InputError

if TYPE_CHECKING:
    from oncsync.project import Project
    from oncsync.report import Outlook
    from oncsync.results import ResolveResult


@click.command()
@project_options
@option("-n", "--dry-run", is_flag=True, help="Show what would change; write nothing.")
@option("--check", is_flag=True, help="Write nothing; exit 1 when the lock would ask for something else.")
@option("--offline", is_flag=True, help="With `--check`: compare digests alone; needs neither token nor network.")
@option("--strict", is_flag=True, help="With `--check`: names, positions and citations count as well.")
@option("--refresh", multiple=True, metavar="NAME", help="Ask about this entry only; may be given several times.")
@option("--pin", multiple=True, metavar="NAME", help="Freeze an entry that moves with the clock into the lock.")
@option("--upgrade", is_flag=True, help="Take the options of `pinOptions` anew.")
@option("--full", is_flag=True, help="List all archive files, not those alone that came since the last time.")
@option("--estimate", is_flag=True, help="Ask ONC for the sizes that are not known from earlier downloads.")
@option("--allow-many", is_flag=True, help="Let an entry have more than 100,000 chunks.")
@json_option
def resolve(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    dry_run: bool,
    check: bool,
    offline: bool,
    strict: bool,
    refresh: tuple[str, ...],
    pin: tuple[str, ...],
    upgrade: bool,
    full: bool,
    estimate: bool,
    allow_many: bool,
    as_json: bool,
) -> int:
    """Ask ONC what the manifest means and write it, request by request and chunk by chunk, into the lock.

    The answer names what was added, removed and changed, and what is still to be ordered: how many orders, how long
    they take as far as similar ones were made before, and how large they are.

    Exit codes: 0 resolved, 1 `--check` found a difference, 2 something in the manifest must be changed, 3 some entries
    could not be asked and kept their previous lines, 4 the token is missing or refused, 5 the service is not there.
    """
    if (offline or strict) and not check:
        raise click.UsageError("`--offline` and `--strict` belong to `--check`")
    if offline and (strict or refresh or pin or upgrade or full or estimate):
        raise click.UsageError("`--offline` compares digests alone; it goes with `--check` and nothing else")
    project = make_project(manifest, folder, token_file, variables)
    if offline:
        return _check_offline(project, as_json)
    warning = courtesy_warning(project.manifest.settings.run_threads)
    if warning:
        say(f"warning: {warning}")
    with notices_of(project), project.connected():
        result = project.resolve(
            write=not (dry_run or check),
            refresh=refresh,
            pin=pin,
            upgrade=upgrade,
            allow_many=allow_many,
            full=full,
        )
        outlook = None if check else _look_ahead(project, result, estimate)
    exit_code = 1 if check and not result.failures and result.differs(strict=strict) else result.exit_code
    _tell(result)
    if as_json:
        _print_json(project, result, outlook, exit_code, strict=strict)
    else:
        _print_text(project, result, outlook, strict=strict, is_trial=dry_run or check, estimate=estimate)
    return exit_code


def _look_ahead(project: Project, result: ResolveResult, estimate: bool) -> Outlook | None:
    """Gives what is still to be ordered; None, with a warning, when what was done before cannot be read."""
    try:
        return project.outlook(result.lock, estimate=estimate)
    except (InputError, FolderError) as error:
        say(f"warning: What is still to be ordered cannot be told: {error.message}")
        return None


def _tell(result: ResolveResult) -> None:
    for remark in result.remarks:
        say(f"warning: `{remark.entry}`: {remark.message}")
    for failure in result.failures:
        kept = "its previous lines stand" if failure.kept else "it has no lines in the lock"
        say(f"error: `{failure.entry}` could not be resolved; {kept}: {failure.error}")
        if failure.hint:
            say(f"    hint: {failure.hint}")


def _print_text(
    project: Project,
    result: ResolveResult,
    outlook: Outlook | None,
    *,
    strict: bool,
    is_trial: bool,
    estimate: bool,
) -> None:
    from oncsync.cli.outlooks import describe_outlook
    from oncsync.cli.wording import describe_resolution

    name = project.lock_path.name
    lines = describe_resolution(result, name, outlook)
    if is_trial:
        lines[-1] = f"`{name}` {_verdict(result, strict)}"
    if outlook is not None:
        lines.append(describe_outlook(outlook, was_asked=estimate))
    click.echo("\n".join(lines))


def _verdict(result: ResolveResult, strict: bool) -> str:
    if result.differs(strict=strict):
        return "would change"
    return "would stay as it is" if result.change.is_same else "would change in its descriptions alone"


def _print_json(
    project: Project, result: ResolveResult, outlook: Outlook | None, exit_code: int, *, strict: bool
) -> None:
    print_json(
        {
            "version": 1,
            "exitCode": exit_code,
            "lock": project.lock_path.name,
            "written": result.is_written,
            "differs": result.differs(strict=strict),
            "change": result.change,
            "outlook": outlook,
            "remarks": result.remarks,
            "failures": result.failures,
            "notices": result.notices,
        }
    )


def _check_offline(project: Project, as_json: bool) -> int:
    """Says whether the lock was made from what the manifest says now; reads two files and asks nobody."""
    reason = None
    try:
        entries = project.drift()
    except DifferenceError as error:
        if not as_json:
            raise
        entries, reason = (), error.message
    differs = bool(entries or reason)
    name = project.lock_path.name
    if as_json:
        answer = {"version": 1, "exitCode": int(differs), "lock": name, "differs": differs, "reason": reason}
        print_json({**answer, "entries": entries})
    else:
        from oncsync.cli.wording import SIGNS

        lines = [f"  {SIGNS[entry.change]} {entry.name}" for entry in entries]
        verdict = "is out of date: run `oncsync resolve` and commit it" if differs else "is up to date"
        click.echo("\n".join([*lines, f"`{name}` {verdict}"]))
    return int(differs)
