"""`oncsync sync` and `oncsync plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oncsync.cli.ending import notices_of, say
from oncsync.cli.options import Seconds, make_project, option, print_json, project_options
from oncsync.cli.wording import count, courtesy_warning, describe_plan, describe_resolution, describe_result

if TYPE_CHECKING:
    from oncsync.engine.plan import Plan
    from oncsync.project import Project
    from oncsync.results import ResolveResult, SyncResult


@click.command()
@project_options
@option("--retry-failed", is_flag=True, help="Count chunks that failed for good as work.")
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@option("--frozen", is_flag=True, help="Use the lock as it is, without looking at the manifest's entries.")
@option("--allow-many", is_flag=True, help="Let an entry have more than 100,000 chunks.")
@option("--exit-code", is_flag=True, help="Exit 1 when something is to be done.")
@option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def plan(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    retry_failed: bool,
    only: tuple[str, ...],
    frozen: bool,
    allow_many: bool,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Show what `sync` would do; change nothing.

    Asks nobody, unless the lock is missing or out of date, or a span moves with the clock: then it is resolved again,
    as `sync` would, without being written. `--frozen` plans with the lock as it is.
    """
    project = make_project(manifest, folder, token_file, variables)
    answer, resolved = _plan(project, False, frozen, retry_failed, only, quiet=False, allow_many=allow_many)
    _print_plan(project, answer, as_json)
    if exit_code and answer.work:
        return 1
    return resolved.exit_code if resolved else 0


def _plan(
    project: Project,
    locked: bool,
    frozen: bool,
    retry_failed: bool,
    only: tuple[str, ...],
    *,
    quiet: bool,
    allow_many: bool,
) -> tuple[Plan, ResolveResult | None]:
    """Gives what a sync would do, with the lock that it would use."""
    with notices_of(project):
        lock, resolved = project.lock_for_dry_run(locked=locked, frozen=frozen, allow_many=allow_many)
        if resolved is not None:
            _tell_resolution(project, resolved, quiet)
    return project.plan(retry_failed=retry_failed, only=only, lock=lock), resolved


def _print_plan(project: Project, answer: Plan, as_json: bool) -> None:
    for warning in answer.warnings:
        say(f"warning: {warning}")
    if not as_json:
        click.echo("\n".join(describe_plan(answer)))
        return
    from oncsync.lockfile import describe_request

    print_json(
        {
            "version": 1,
            "counts": dict(answer.counts),
            "notices": list(dict.fromkeys(project.notices)),
            "warnings": answer.warnings,
            "notes": answer.notes,
            "chunks": [
                {
                    "id": planned.id,
                    "entry": planned.wanted.entry.name,
                    "request": describe_request(planned.wanted.request),
                    "begin": planned.wanted.chunk.begin,
                    "end": planned.wanted.chunk.end,
                    "step": planned.step,
                    "reason": planned.reason,
                }
                for planned in answer.chunks
            ],
        }
    )


@click.command()
@project_options
@option("--locked", is_flag=True, help="Refuse a lock that is out of date (exit 1).")
@option("--frozen", is_flag=True, help="Use the lock as it is, without looking at the manifest's entries.")
@option("-n", "--dry-run", is_flag=True, help="Show what would be done, as `plan` does.")
@option("--retry-failed", is_flag=True, help="Try chunks again that failed for good.")
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@option("--no-wait", is_flag=True, help="Exit 7 when the run window is closed, in place of waiting for it.")
@option("--max-time", type=Seconds(), metavar="TIME", help="Begin nothing new after so long (`10m`); exit 7.")
@option("--lock-timeout", type=Seconds(), default=0, metavar="TIME", help="Wait for another oncsync in the folder.")
@option("--take-over", is_flag=True, help="Use a folder that belongs to another manifest or server.")
@option("--allow-many", is_flag=True, help="Let an entry have more than 100,000 chunks.")
@option("-q", "--quiet", is_flag=True, help="Only warnings and errors.")
@option("-v", "--verbose", is_flag=True, help="A line for every event.")
@option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def sync(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    locked: bool,
    frozen: bool,
    dry_run: bool,
    retry_failed: bool,
    only: tuple[str, ...],
    no_wait: bool,
    max_time: float | None,
    lock_timeout: float,
    take_over: bool,
    allow_many: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Make the folder equal to the lock: order what is missing, download it, check it, and record what happened.

    Safe to stop at any moment: the next run goes on. Exit codes: 0 done, or nothing to do; 1 `--locked` and the lock
    is out of date; 3 some chunks failed; 4 token; 5 service not there; 6 another oncsync holds the folder; 7 stopped
    by the run window or `--max-time`; 8 the folder cannot be written.
    """
    if locked and frozen:
        raise click.UsageError("`--locked` and `--frozen` exclude each other")
    project = make_project(manifest, folder, token_file, variables)
    warning = courtesy_warning(project.manifest.settings.run_threads)
    if warning:
        say(f"warning: {warning}")
    if dry_run:
        answer, resolved = _plan(project, locked, frozen, retry_failed, only, quiet=quiet, allow_many=allow_many)
        _print_plan(project, answer, as_json)
        return resolved.exit_code if resolved else 0
    from oncsync.cli.progress import make_display

    with notices_of(project), make_display(quiet=quiet, verbose=verbose) as display:
        result = project.sync(
            locked=locked,
            frozen=frozen,
            retry_failed=retry_failed,
            only=only,
            take_over=take_over,
            allow_many=allow_many,
            wait_for_window=not no_wait,
            max_seconds=max_time,
            lock_patience=lock_timeout,
            watcher=display,
            on_resolved=lambda resolved: _tell_resolution(project, resolved, quiet),
            on_plan=lambda plan: None if quiet else say(describe_plan(plan)[-1]),
        )
    _print_result(project, result, as_json, quiet)
    return result.exit_code


def _tell_resolution(project: Project, result: ResolveResult, quiet: bool) -> None:
    for remark in result.remarks:
        say(f"warning: `{remark.entry}`: {remark.message}")
    for failure in result.failures:
        say(f"error: `{failure.entry}` could not be resolved: {failure.error}")
    if not quiet and not result.change.is_same:
        lines = describe_resolution(result, project.lock_path.name)
        say("\n".join(lines if result.is_written else lines[:-1]))


def _print_result(project: Project, result: SyncResult, as_json: bool, quiet: bool) -> None:
    counts = result.counts
    if as_json:
        print_json({"version": 1, "exitCode": result.exit_code, "planned": dict(result.plan.counts), "counts": counts,
                    "moved": result.moved, "notices": result.notices})  # fmt: skip
        return
    if quiet:
        for error in (result.unresolved, result.stopped):
            if error is not None:
                say(f"error: {error.render()}")
        return
    left = result.plan.counts["failed"]
    if not counts.total:
        moved = f"{count(result.moved, 'file')} moved to where the manifest wants them" if result.moved else ""
        has_failures = result.resolved is not None and result.resolved.failures
        is_current = not left and not has_failures and result.unresolved is None and result.stopped is None
        here = "Nothing to do: the folder is as the lock wants it" if is_current else "Nothing new was done"
        click.echo(moved or here)
    else:
        click.echo(describe_result(result, project.folder))
    if counts.failed:
        click.echo("`oncsync status` tells why; the next `sync` tries again what can be tried again")
    if result.unresolved is not None:
        say(f"error: The lock is not up to date: {result.unresolved.render()}")
    if result.stopped is not None:
        say(f"error: {result.stopped.render()}")
    if left:
        click.echo(
            f"{count(left, 'chunk')} failed for good before: `oncsync status` tells why, `--retry-failed` tries again"
        )
