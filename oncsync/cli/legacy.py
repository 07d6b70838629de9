"""`downloadONC`: the documented commands of the tool we replace, `createXLS` and `download`.

Long options are understood in any case, and every option takes its value behind a blank or a `=` (R45).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from oncsync import __version__
from oncsync.cli.books import describe_exchanged
from oncsync.cli.ending import run_to_exit_code, say
from oncsync.cli.options import Seconds
from oncsync.cli.wording import MOST_LINES, PERMANENT_OUTCOMES, count, describe_plan, describe_result
from oncsync.errors import OncsyncError

if TYPE_CHECKING:
    from oncsync.project import Project
    from oncsync.results import SyncResult

_SHORT_WITH_EQUALS = re.compile(r"(?s)(-[A-Za-z])=(.*)")
_TOKEN_SHAPE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class _Commands(click.Group):
    """The two commands, in any case."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Finds a command."""
        return next((self.commands[name] for name in self.commands if name.lower() == cmd_name.lower()), None)


class _Command(click.Command):
    """A command that shows no token, also when one stands where it does not belong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the command line; a short option may have a `=` before its value."""
        try:
            return super().parse_args(ctx, list(_without_equals(args)))
        except click.UsageError as error:
            raise click.UsageError(_TOKEN_SHAPE.sub("[token]", error.format_message()), error.ctx) from None


def _without_equals(args: Sequence[str]) -> Iterator[str]:
    for argument in args:
        match = _SHORT_WITH_EQUALS.fullmatch(argument)
        yield from match.groups() if match else (argument,)


class _Checked(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in newer versions only
    """A text that one of the readers of `oncsync.compat.filters` understands."""

    def __init__(self, name: str, reader: str) -> None:
        self.name = name
        self._reader = reader

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Reads the text; a mistake is told with what was probably meant."""
        from oncsync.compat import filters

        try:
            text: str = getattr(filters, self._reader)(value)
        except OncsyncError as error:
            message = error.message.partition(": ")[2] or error.message
            self.fail(f"{message}; {error.hint}" if error.hint else message, param, ctx)
        return text


def _server_options(command: Callable[..., int]) -> Callable[..., int]:
    command = click.option("--server", envvar="ONCSYNC_SERVER", hidden=True)(command)
    return click.option("-q", "--qa", is_flag=True, hidden=True, help="ONC's QA server, for ONC's own use.")(command)


@click.group(
    cls=_Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "token_normalize_func": str.lower,
    },
)
@click.version_option(__version__, prog_name="downloadONC, by oncsync")
def cli() -> None:
    """Write a workbook of what Ocean Networks Canada has for a few filters, then download its rows.

    \b
    downloadONC createXLS -o Data -b 2017-05-01 -e 2017-06-01 -l USDDL -c CTD
    downloadONC download -f Data/download.xlsx
    """


@cli.command("createXLS", cls=_Command)
@click.option("-t", "--token", metavar="TOKEN", help="Your token; better put it into ONC_TOKEN, see below.")
@click.option("-o", "--outPath", "out_path", metavar="FOLDER", help="The folder for the data files. Required.")
@click.option("-b", "--begin", metavar="TIME", type=_Checked("time", "read_begin"), help="Begin of the data. Required.")
@click.option("-e", "--end", metavar="TIME", type=_Checked("time", "read_end"), help="End of the data. Required.")
@click.option("-a", "--append", is_flag=True, help="Add the rows that a workbook lacks, and keep the rest of it.")
@click.option("--force", is_flag=True, help="Replace a workbook that is there.")
@click.option("-f", "--file", metavar="FILE", help="The workbook [default: download.xlsx in the folder].")
@click.option(
    "-m",
    "--downloadMethod",
    "download_method",
    metavar="METHOD",
    type=_Checked("method", "read_method"),
    default="byLocation",
    show_default=True,
    help="byLocation, byDevice or all: which tabs.",
)
@click.option("-l", "--locationCode", "locationCode", metavar="CODE", help="A place; all places below it count.")
@click.option("-c", "--deviceCategoryCode", "deviceCategoryCode", metavar="CODE", help="A kind of instrument.")
@click.option("-d", "--deviceCode", "deviceCode", metavar="CODE", help="One instrument.")
@click.option("-v", "--propertyCode", "propertyCode", metavar="CODE", help="What is measured.")
@click.option("-p", "--dataProductCode", "dataProductCode", metavar="CODE", help="A data product.")
@click.option("-x", "--extension", metavar="EXT", help="A file format.")
@_server_options
def create_xls(
    token: str | None,
    out_path: str | None,
    begin: str | None,
    end: str | None,
    append: bool,
    force: bool,
    file: str | None,
    download_method: str,
    qa: bool,
    server: str | None,
    **filters: str | None,
) -> int:
    """Look up what ONC has for the filters, and write it into a workbook to review and edit.

    Every filter takes one code or several with commas between them; one that is left out means everything.

    A token: log in at https://data.oceannetworks.ca, open your profile, choose the tab `Web Services API` and click
    `Generate Token`. Put it into the variable ONC_TOKEN, or store it with `oncsync auth login`: what stands on a
    command line, others on the machine can see. One that is given with -t is kept in your credential store, for
    `download`; the workbook never holds it.
    """
    from oncsync.compat import createXLS
    from oncsync.compat.given import has_token, read_token, server_in_force

    needed = {"-o/--outPath": out_path, "-b/--begin": begin, "-e/--end": end}
    missing = [name for name, value in needed.items() if not value]
    if read_token(token) is None and not has_token(server_in_force(server, qa)):
        missing.insert(0, "-t/--token (or ONC_TOKEN)")
    if missing:
        raise click.UsageError(f"Missing: {', '.join(missing)}")
    assert out_path is not None
    maker = createXLS(token, out_path, server=server, tell=_tell)
    maker.begin, maker.end, maker.downloadMethod = begin, end, download_method
    maker.append, maker.force, maker.qa = append, force, qa
    for name, codes in filters.items():
        setattr(maker, name, codes)
    if sys.stderr.isatty():
        say("Looking up what ONC has ...")
    written = maker.createWorkbook(file)
    click.echo(describe_exchanged(written))
    click.echo(f'Next: look at it, then `downloadONC download --file="{written.workbook}"`')
    return 0


@cli.command("download", cls=_Command)
@click.option("-f", "--file", metavar="FILE", required=True, help="The workbook, or the log of an earlier run.")
@click.option("--retry-failed", is_flag=True, help="Try rows again that failed for good.")
@click.option("--no-wait", is_flag=True, help="Exit 7 when it is not between beginRun and endRun, in place of waiting.")
@click.option("--max-time", type=Seconds(), metavar="TIME", help="Begin nothing new after so long (`10m`); exit 7.")
@click.option("--lock-timeout", type=Seconds(), default=0, metavar="TIME", help="Wait for another run in the folder.")
@_server_options
def download(
    file: str,
    retry_failed: bool,
    no_wait: bool,
    max_time: float | None,
    lock_timeout: float,
    qa: bool,
    server: str | None,
) -> int:
    """Order, download and check the files of every row whose `download` is on.

    Safe to stop at any moment: the same command goes on. Rows that are done are not ordered again; edit the workbook
    and run it once more to get what is new. Exit codes: 0 done or nothing to do; 2 something in the workbook must be
    changed; 3 some rows failed; 4 token; 5 service not there; 6 another run is at work in the folder; 7 stopped by
    the run window or `--max-time`; 8 the folder cannot be written.
    """
    from oncsync.cli.progress import make_display
    from oncsync.compat import download as runner

    with make_display(quiet=False, verbose=False) as display:
        running = runner(qa=qa, server=server, tell=_tell, watcher=display)
        result = running.execute(
            file,
            retry_failed=retry_failed,
            wait_for_window=not no_wait,
            max_seconds=max_time,
            lock_patience=lock_timeout,
            on_plan=lambda plan: say(describe_plan(plan)[-1]),
        )
    assert running.project is not None
    _print_result(running.project, result)
    return result.exit_code


def _tell(level: str, text: str) -> None:
    say(f"{level}: {text}")


def _print_result(project: Project, result: SyncResult) -> None:
    if result.counts.total or result.moved:
        click.echo(describe_result(result, project.folder))
    elif not result.exit_code:
        click.echo("Nothing to do: every row that is on is done")
    lines = list(_failed_rows(project)) if result.counts.failed or result.plan.counts["failed"] else []
    if lines:
        click.echo("\n".join(["Failed:", *lines[:MOST_LINES]]))
        if len(lines) > MOST_LINES:
            click.echo(f"  and {count(len(lines) - MOST_LINES, 'row')} more, all in {project.folder / '.oncsync'}")
        click.echo("Mend these rows in the workbook and run the same command again, or try again as noted")
    for error in (result.unresolved, result.stopped):
        if error is not None:
            say(f"error: {error.render()}")


def _failed_rows(project: Project) -> Iterator[str]:
    """Yields a line for each row that failed, with the service's words (R60, R114)."""
    for entry in project.status().entries:
        for failure in (failure for request in entry.requests for failure in request.failures):
            again = (
                "`--retry-failed` tries again" if failure.outcome in PERMANENT_OUTCOMES else "the next run tries again"
            )
            yield f"  {entry.name}, from {failure.first:%Y-%m-%d}: {failure.reason} ({again})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the documented command line and ends the process with the documented exit code."""
    try:
        code = run_to_exit_code(cli, arguments, program="downloadONC")
    except KeyboardInterrupt:  # before anything has begun
        code = 130
    sys.exit(code)
