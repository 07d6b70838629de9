"""`oncsync sync` and `oncsync plan`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from oncsync.cli.asking import can_ask, is_sure
from oncsync.cli.ending import notices_of, say
from oncsync.cli.folding import show
from oncsync.cli.listing import read_list
from oncsync.cli.options import (
    Seconds,
    json_option,
    lock_timeout_option,
    make_project,
    option,
    print_json,
    project_options,
)
from oncsync.cli.outlooks import describe_foresight, describe_outlook
from oncsync.cli.wording import count, courtesy_warning, describe_plan, describe_resolution, describe_result
from oncsync.errors import StoppedError

if TYPE_CHECKING:
    from oncsync.engine.plan import Plan
    from oncsync.engine.watch import Watcher
    from oncsync.lockfile import Lock
    from oncsync.project import Project
    from oncsync.results import ResolveResult, SyncResult


@click.command()
@project_options
@option("--retry-failed", is_flag=True, help="Count chunks that failed for good as work.")
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@option("--frozen", is_flag=True, help="Use the lock as it is, without looking at the manifest's entries.")
@option("--allow-many", is_flag=True, help="Let an entry have more than 100,000 chunks.")
@option("--refresh-outdated", is_flag=True, help="Count files as work that may be stale by `oncsync outdated`.")
@option("--exit-code", is_flag=True, help="Exit 1 when something is to be done.")
@json_option
def plan(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    retry_failed: bool,
    only: tuple[str, ...],
    frozen: bool,
    allow_many: bool,
    refresh_outdated: bool,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Show what `sync` would do; change nothing.

    Asks nobody, unless the lock is missing or out of date, or a span moves with the clock: then it is resolved again,
    as `sync` would, without being written. `--frozen` plans with the lock as it is.
    """
    project = make_project(manifest, folder, token_file, variables)
    answer, lock, resolved = _plan(
        project,
        False,
        frozen,
        retry_failed,
        only,
        quiet=False,
        allow_many=allow_many,
        refresh_outdated=refresh_outdated,
    )
    _print_plan(project, answer, lock, as_json)
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
    full: bool = False,
    refresh_outdated: bool,
) -> tuple[Plan, Lock, ResolveResult | None]:
    """Gives what a sync would do, the lock that it would use, and the resolution if there was one."""
    with notices_of(project):
        lock, resolved = project.lock_for_dry_run(locked=locked, frozen=frozen, allow_many=allow_many, full=full)
        if resolved is not None:
            _tell_resolution(project, resolved, quiet, set())
        planned = project.plan(retry_failed=retry_failed, only=only, refresh_outdated=refresh_outdated, lock=lock)
    return planned, lock, resolved


def _print_plan(project: Project, answer: Plan, lock: Lock, as_json: bool) -> None:
    from oncsync.caretaking import foresee
    from oncsync.lockfile import describe_request

    foreseen = foresee(project, answer, lock)
    for warning in answer.warnings:
        say(f"warning: {warning}")
    if not as_json:
        show([*describe_plan(answer), *describe_foresight(foreseen)])
        return
    print_json(
        {
            "version": 1,
            "counts": dict(answer.counts),
            "notices": list(dict.fromkeys(project.notices)),
            "warnings": answer.warnings,
            "notes": (*answer.notes, *foreseen.notes),
            "outlook": foreseen.outlook,
            "moves": foreseen.moves,
            "unwanted": foreseen.unwanted,
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


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the options of `sync` say, by their names."""

    locked: bool
    frozen: bool
    dry_run: bool
    retry_failed: bool
    only: tuple[str, ...]
    files_from: list[Any] | None
    refresh_outdated: bool
    no_wait: bool
    max_time: float | None
    every: float | None
    lock_timeout: float
    take_over: bool
    allow_many: bool
    full: bool
    yes: bool
    quiet: bool
    verbose: bool
    as_json: bool


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of several has of its own."""

    is_first: bool = True
    """No run before it came to its end."""
    resting: frozenset[str] = frozenset()
    listen: Callable[[Watcher], Watcher] = lambda watcher: watcher
    told: set[str] = msgspec.field(default_factory=set)
    """The remarks that runs before it told, and this one adds to: a log of weeks has each once."""


class DeclinedError(Exception):
    """A person was asked whether so much shall be ordered, and said no."""

    exit_code = 0


@click.command()
@project_options
@option("--locked", is_flag=True, help="Refuse a lock that is out of date (exit 1).")
@option("--frozen", is_flag=True, help="Use the lock as it is, without looking at the manifest's entries.")
@option("-n", "--dry-run", is_flag=True, help="Show what would be done, as `plan` does.")
@option("--retry-failed", is_flag=True, help="Try chunks again that failed for good.")
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@option("--files-from", metavar="LIST", callback=read_list, help="Only the files of a saved `list`; `-`: from stdin.")
@option("--refresh-outdated", is_flag=True, help="Fetch again what may be stale by the last `oncsync outdated`.")
@option("--no-wait", is_flag=True, help="Exit 7 when the run window is closed, in place of waiting for it.")
@option("--max-time", type=Seconds(), metavar="TIME", help="Begin nothing new after so long (`10m`); exit 7.")
@option("--every", type=Seconds(), metavar="TIME", help="Run again so often, till it is stopped (`15m`; 60s to 31d).")
@lock_timeout_option
@option("--take-over", is_flag=True, help="Use a folder that belongs to another manifest or server.")
@option("--allow-many", is_flag=True, help="Let an entry have more than 100,000 chunks.")
@option("--full", is_flag=True, help="List all archive files, not those alone that came since the last time.")
@option("-y", "--yes", is_flag=True, help="Do not ask before more than 500 new orders or 100 GB.")
@option("-q", "--quiet", is_flag=True, help="Only what needs a person; the exit code tells the rest.")
@option("-v", "--verbose", is_flag=True, help="A line for every event.")
@json_option
def sync(
    manifest: str | None, folder: str | None, token_file: str | None, variables: tuple[str, ...], **options: Any
) -> int:
    """Make the folder equal to the lock: order what is missing, download it, check it, and record what happened.

    Safe to stop at any moment: the next run goes on. Exit codes: 0 done, or nothing to do; 1 `--locked` and the lock
    is out of date; 3 some chunks failed; 4 token; 5 service not there; 6 another oncsync holds the folder; 7 stopped
    by the run window or `--max-time`; 8 the folder cannot be written, or `minFree` is not free.

    With `--every` runs follow each other, on a grid from the first one on, never two at once; manifest and lock are
    read again for each. A run that fails is told, and the next one comes at its time; only a refused token (4), a bug
    (70) and what is wrong at the first run already (1, 2, 8) end it, and SIGTERM (143), SIGHUP (129), Ctrl-C (130).
    """
    asked = Asked(**options)
    if asked.locked and asked.frozen:
        raise click.UsageError("`--locked` and `--frozen` exclude each other")
    if asked.full and (asked.locked or asked.frozen):
        raise click.UsageError("`--full` makes the lock anew, which `--locked` and `--frozen` do not let happen")
    if asked.every is not None and asked.dry_run:
        raise click.UsageError("`--every` and `--dry-run` exclude each other")

    def make() -> Project:
        return make_project(manifest, folder, token_file, variables)

    if asked.dry_run:
        return _dry_run(make(), asked)
    try:
        if asked.every is None:
            return run_once(make(), asked, Turn())
        from oncsync.cli.rounds import run_again_and_again

        run_again_and_again(make, asked, asked.every)
    except DeclinedError:
        say("Nothing was ordered")
        return 0


def _dry_run(project: Project, asked: Asked) -> int:
    _warn_of_many_threads(project)
    answer, lock, resolved = _plan(
        project,
        asked.locked,
        asked.frozen,
        asked.retry_failed,
        asked.only,
        quiet=asked.quiet,
        allow_many=asked.allow_many,
        full=asked.full,
        refresh_outdated=asked.refresh_outdated,
    )
    if asked.files_from is not None:
        from oncsync.choosing import choose_chunks

        files = project.files(everything=True, lock=resolved.lock if resolved else None)
        answer = answer.of_chunks(choose_chunks(asked.files_from, files))
    _print_plan(project, answer, lock, asked.as_json)
    return resolved.exit_code if resolved else 0


def _warn_of_many_threads(project: Project) -> None:
    warning = courtesy_warning(project.manifest.settings.run_threads)
    if warning:
        say(f"warning: {warning}")


def run_once(project: Project, asked: Asked, turn: Turn) -> int:
    """Syncs, prints how it went and gives the exit code; raises `DeclinedError` where a person said no."""
    from oncsync.cli.progress import make_display

    if turn.is_first:
        _warn_of_many_threads(project)
    with notices_of(project), make_display(quiet=asked.quiet, verbose=asked.verbose) as display:
        result = project.sync(
            locked=asked.locked,
            frozen=asked.frozen,
            retry_failed=asked.retry_failed and turn.is_first,
            only=asked.only,
            files=asked.files_from,
            refresh_outdated=asked.refresh_outdated,
            take_over=asked.take_over,
            allow_many=asked.allow_many,
            full=asked.full and turn.is_first,
            wait_for_window=not asked.no_wait,
            max_seconds=asked.max_time,
            lock_patience=asked.lock_timeout,
            resting=turn.resting,
            watcher=turn.listen(display),
            on_resolved=lambda resolved: _tell_resolution(project, resolved, asked.quiet, turn.told),
            on_plan=lambda plan: _review(project, plan, asked, turn),
        )
    if asked.as_json:
        print_json(_answer(result), on_one_line=asked.every is not None)
    elif asked.quiet:
        _print_wrong(result)
    else:
        _print_result(project, result, is_part=bool(asked.only) or asked.files_from is not None)
    return result.exit_code


def _review(project: Project, plan: Plan, asked: Asked, turn: Turn) -> None:
    """Says what is to be done; asks whoever sits at the terminal when that is very much."""
    from oncsync.report import is_much

    if not asked.quiet:
        say(describe_plan(plan)[-1])
    if asked.yes or not turn.is_first or not can_ask():
        return
    outlook = project.outlook(plan=plan)
    if is_much(outlook.total):
        say(describe_outlook(outlook, was_asked=True))
        if not is_sure("Order and fetch that much?", yes=False):
            raise DeclinedError


def _tell_resolution(project: Project, result: ResolveResult, quiet: bool, told: set[str]) -> None:
    for remark in result.remarks:
        text = f"warning: `{remark.entry}`: {remark.message}"
        if text not in told:
            told.add(text)
            say(text)
    for failure in result.failures:
        say(f"error: `{failure.entry}` could not be resolved: {failure.error}")
    if not quiet and not result.change.is_same:
        lines = describe_resolution(result, project.lock_path.name)
        say("\n".join(lines if result.is_written else lines[:-1]))


def _answer(result: SyncResult) -> dict[str, object]:
    return {
        "version": 1,
        "exitCode": result.exit_code,
        "planned": dict(result.plan.counts),
        "counts": result.counts,
        "moved": result.moved,
        "stopped": result.stopped and result.stopped.message,
        "unresolved": result.unresolved and result.unresolved.message,
        "notices": result.notices,
    }


def _print_wrong(result: SyncResult) -> None:
    """Prints what the display has not told and a person should see: no run goes on by itself where the disk is full."""
    for error in (result.unresolved, result.stopped):
        if error is not None and not isinstance(error, StoppedError):
            say(f"error: {error.render()}")
    if result.plan.counts["failed"]:
        say(f"error: {_failed_before(result)}")


def _failed_before(result: SyncResult) -> str:
    left = count(result.plan.counts["failed"], "chunk")
    return f"{left} failed for good before: `oncsync status` tells why, `--retry-failed` tries again"


def _print_result(project: Project, result: SyncResult, *, is_part: bool) -> None:
    counts, left, resting = result.counts, result.plan.counts["failed"], result.plan.counts["rest"]
    if not counts.total:
        moved = f"{count(result.moved, 'file')} moved to where the manifest wants them" if result.moved else ""
        has_failures = left or resting or (result.resolved is not None and result.resolved.failures)
        is_current = not has_failures and result.unresolved is None and result.stopped is None
        here = "Nothing new was done"
        if is_current:
            here = f"Nothing to do: {'what was named' if is_part else 'the folder'} is as the lock wants it"
        click.echo(moved or here)
    else:
        click.echo(describe_result(result, project.folder))
    if counts.failed:
        click.echo("`oncsync status` tells why; the next `sync` tries again what can be tried again")
    if resting:
        click.echo(f"{count(resting, 'chunk')} failed lately and left alone for now: tried again more and more rarely")
    if result.unresolved is not None:
        say(f"error: The lock is not up to date: {result.unresolved.render()}")
    if result.stopped is not None:
        say(f"error: {result.stopped.render()}")
    if left:
        click.echo(_failed_before(result))
