"""The command line: parses, calls, prints. No rules live here.

Commands are loaded when they are used, so that `oncsync --help` starts quickly.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from oncsync import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("starting", "Start a manifest in this folder."),
    "add": ("entries", "Write a download into the manifest."),
    "remove": ("entries", "Take entries out of the manifest."),
    "discover": ("discovering", "Show what exists at ONC."),
    "resolve": ("resolving", "Turn the manifest into the lock."),
    "diff": ("differing", "Show what changed in the lock."),
    "plan": ("syncing", "Show what `sync` would do."),
    "sync": ("syncing", "Make the folder equal to the lock."),
    "status": ("looking", "Show what is done, empty, failed and pending."),
    "list": ("listing", "List the files that the lock or ONC has."),
    "show": ("origins", "Tell where a file comes from."),
    "orders": ("ordering", "List the orders that live at the service."),
    "cancel": ("ordering", "Cancel live orders."),
    "verify": ("verifying", "Hash the files again: what is changed or missing."),
    "outdated": ("outdating", "Ask ONC what was archived again since."),
    "prune": ("pruning", "Remove files that the lock no longer wants."),
    "adopt": ("adopting", "Take in archive files that are here already."),
    "drop": ("dropping", "Let go of files without fetching them again."),
    "restore": ("dropping", "Want files again that were let go."),
    "sums": ("verifying", "Write SHA256SUMS of the files that came from ONC."),
    "import": ("books", "Read a workbook into the manifest."),
    "export": ("books", "Write the workbook of manifest and lock."),
    "auth": ("starting", "Store, check or remove your token."),
    "doctor": ("checking", "Check service, token, clock, folder and installation."),
    "sandbox": ("serving", "Run the embedded service."),
    "schema": ("serving", "Print a JSON Schema."),
}
FUNCTION_NAMES = {"import": "import_book", "export": "export_book", "list": "list_files"}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; their one-line help stands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Gives the commands in the order of a first day with oncsync."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"oncsync.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, FUNCTION_NAMES.get(cmd_name, cmd_name))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; an error that ends it is told on stdout too where JSON was asked for."""
        from oncsync.errors import OncsyncError

        try:
            return super().invoke(ctx)
        except OncsyncError as error:
            from oncsync.cli.ending import tell_as_json
            from oncsync.cli.options import wants_json

            if wants_json(ctx):
                tell_as_json(error)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds a command; a wrong name gets the nearest one as a hint."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean `{near[0]}`?", ctx) from None
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="oncsync")
def cli() -> None:
    """Keep a local folder equal to what a short manifest asks of Ocean Networks Canada.

    \b
    A first day:  oncsync init            write oncsync.yaml, then edit it
                  oncsync resolve         expand it into oncsync.lock, and review that
                  oncsync sync            order, download and check every file
                  oncsync status          what is here, what is missing, and why
    """


def main(arguments: Sequence[str] | None = None) -> Any:
    """Runs the command line and ends the process with the documented exit code."""
    try:
        from oncsync.cli.ending import run_to_exit_code

        code = run_to_exit_code(cli, arguments)
    except KeyboardInterrupt:  # before anything has begun
        code = 130
    sys.exit(code)
