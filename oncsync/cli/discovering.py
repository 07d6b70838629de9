"""`oncsync discover`: what exists at ONC."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import click

from oncsync.cli.ending import say
from oncsync.cli.folding import is_terminal, terminal_width
from oncsync.cli.options import json_option, option, print_json

if TYPE_CHECKING:
    from oncsync.discovery import Discovery

HELP = {
    "locations": "List places with the kinds of instruments that have data there.\n\n"
    "A place without instruments of its own is listed when some below it have data; `below` counts them.",
    "tree": "Show which places lie below which, and the kinds of instruments that have data there.",
    "deployments": "List which instrument was where, when, and how deep.",
    "categories": "List kinds of instruments, at how many places and in how many devices.",
    "devices": "List instruments by name with the codes that select them: place, category, device.",
    "properties": "List what is measured: everything, or by the instruments that pass the filters.",
    "products": "List data products and their formats: all, or those that the instruments that pass the filters offer.",
    "options": "List the options of data products: values, ranges, defaults, and where they are explained.\n\n"
    "Name a place and category or a device: options differ between instruments.",
    "coverage": "Tell whether there was data, year by year, from what, and in which formats.\n\n"
    "`data` counts the files in the archive; `on request` means that there are none, but products can be made from "
    "what was recorded.",
}
SHORT_HELP = {
    "locations": "Places, with the kinds of instruments there.",
    "tree": "Which places lie below which.",
    "deployments": "Which instrument was where, when, how deep.",
    "categories": "Kinds of instruments.",
    "devices": "Instruments, with the codes that select them.",
    "properties": "What is measured.",
    "products": "Data products and their formats.",
    "options": "Options of data products.",
    "coverage": "Was there data, from what, in which formats?",
}
SHORT = {
    "locationCode": "-l",
    "deviceCategoryCode": "-c",
    "deviceCode": "-d",
    "propertyCode": "-v",
    "dataProductCode": "-p",
    "extension": "-x",
}
ABOUT_CODES = {
    "locationCode": "A place; everything below it counts.",
    "deviceCategoryCode": "A kind of instrument.",
    "deviceCode": "An instrument.",
    "propertyCode": "A measured quantity.",
    "dataProductCode": "A data product that must be on offer.",
    "dataProductName": "A part of the name of a data product.",
    "extension": "A format that must be on offer.",
}
EXAMPLES = {
    "locations": "oncsync discover locations -l ARCT -c HYDROPHONE",
    "tree": "oncsync discover tree -l CBY",
    "deployments": "oncsync discover deployments -l CBY --begin 2012 --end 2013",
    "categories": "oncsync discover categories -l CBYIP",
    "devices": "oncsync discover devices -c CTD -l ARCT",
    "properties": "oncsync discover properties -l CBYIP -c CTD",
    "products": "oncsync discover products -d TUMPMTSPECTROMETER001 -x hdf5",
    "options": "oncsync discover options -l CBY -c CTD -p TSSD -x csv",
    "coverage": "oncsync discover coverage -l ARCT --begin 2012 --end 2013",
}


def any_spelling(word: str) -> str:
    """Takes `--locationCode`, `--locationcode` and `--location-code` for one flag (R45)."""
    return word.lower().replace("-", "").replace("_", "")


class OrderedGroup(click.Group):
    """A group whose commands stand in the order in which they answer one question after the other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Gives the commands as they were added."""
        return list(self.commands)


@click.group(cls=OrderedGroup, context_settings={"token_normalize_func": any_spelling})
def discover() -> None:
    """Show what exists at ONC: places, instruments, data products, and when there are data.

    Filters mean what the manifest's keys mean and can be lists: `-c CTD,HYDROPHONE`. Tables on a terminal; columns
    parted by tabs elsewhere, or `--json`, `--csv`. Answers are kept on this machine for a day.

    Exit codes: 0 found, or nothing in the time asked for (with a warning), 2 unknown codes or filters that nothing
    passes, 4 the token is missing or refused, 5 the service cannot be reached.
    """


def _filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what every kind of discovery takes, in the order of the help."""
    codes = [
        option(
            *filter(None, (SHORT.get(key), f"--{key}")),
            _member(key),
            metavar="CODE" if key != "dataProductName" else "TEXT",
            multiple=True,
            help=text,
        )
        for key, text in ABOUT_CODES.items()
    ]
    others = [
        option("--begin", metavar="TIME", help="Only what was there after this: a date, a year, `-P1Y`."),
        option("--end", metavar="TIME", help="Only what was there before this [default: now]."),
        option("--name", metavar="TEXT", help="A part of a name or code, in any case."),
        option("--all", "with_empty", is_flag=True, help="List what has no data, too."),
        json_option,
        option("--csv", "as_csv", is_flag=True, help="Print the answer as CSV."),
        option("--no-cache", is_flag=True, help="Ask again what was answered within a day."),
        option("--server", metavar="NAME", help="production, qa, sandbox or an address [default: the manifest's]."),
        option("-m", "--manifest", metavar="FILE", help="The manifest [default: oncsync.yaml here or further up]."),
        option("--token-file", type=click.Path(dir_okay=False), help="File that holds your token."),
    ]  # fmt: skip
    for add in reversed([*codes, *others]):
        command = add(command)
    return command


def _member(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def _add(kind: str) -> None:
    def run(**settings: Any) -> int:
        return _discover(kind, **settings)

    command = _filter_options(run)
    if kind == "coverage":
        add = option(
            "--by", type=click.Choice(["year", "month"]), default="year", help="Length of a row [default: year]."
        )
        command = add(command)
    epilog = f"Example: {EXAMPLES[kind]}"
    discover.command(kind, help=HELP[kind], epilog=epilog)(command)


for _kind in HELP:
    _add(_kind)


def _discover(kind: Any, as_json: bool, as_csv: bool, no_cache: bool, **settings: Any) -> int:
    from oncsync.discovery import discover as ask

    if as_json and as_csv:
        raise click.UsageError("`--json` and `--csv` are two forms of one answer; give one of them")
    found = ask(kind, use_cache=not no_cache, on_many=_ask_for_patience, **settings)
    for notice in found.notices:
        say(f"warning: {notice}")
    if as_json:
        print_json({"version": 1, **_members(found)})
    else:
        _print_rows(found, as_csv)
    if found.remark:
        say(f"warning: {found.remark}")
    if found.from_cache and found.as_of and _is_old(found.as_of) and sys.stderr.isatty():
        say(f"note: answers of {found.as_of:%Y-%m-%d %H:%M} UTC or later; `--no-cache` asks again")
    return 0


def _is_old(instant: datetime) -> bool:
    """Whether it is worth saying when an answer was given."""
    return datetime.now(timezone.utc) - instant > timedelta(hours=1)


def _ask_for_patience(questions: int) -> None:
    if sys.stderr.isatty():
        say(f"That is {questions} questions to the service")


def _members(found: Discovery) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "server": found.server,
        "filters": found.filters,
        "asOf": found.as_of,
        "rows": found.rows,
        "remark": found.remark,
        "notices": found.notices,
    }


def _print_rows(found: Discovery, as_csv: bool) -> None:
    from oncsync.cli import exhibits, showing

    is_tree = found.kind == "tree"
    columns = exhibits.TREE_COLUMNS if is_tree else exhibits.COLUMNS[found.kind]
    rows: Sequence[Any] = list(exhibits.tree_lines(found.rows)) if is_tree else found.rows
    if as_csv:
        click.echo(showing.csv_text(columns, rows), nl=False)
    elif not is_terminal():
        click.echo("\n".join(showing.tab_lines(columns, rows)))
    elif rows:
        width = terminal_width()
        is_bold = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        click.echo("\n".join(exhibits.terminal_text(found.kind, found.rows, width, is_bold=is_bold)))
