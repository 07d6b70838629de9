"""`oncsync list`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oncsync.cli.discovering import any_spelling
from oncsync.cli.ending import notices_of, say
from oncsync.cli.folding import is_terminal, terminal_width
from oncsync.cli.options import json_option, make_project, option, project_options

if TYPE_CHECKING:
    from oncsync.cli.showing import Column
    from oncsync.inventory import Choice
    from oncsync.project import Project
    from oncsync.results import ProjectFile

STATES = ("here", "missing", "pending", "failed", "dropped", "unlisted", "empty", "covered", "listed")


@click.command("list", context_settings={"token_normalize_func": any_spelling})
@project_options
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@option("-d", "--device", "--deviceCode", "devices", multiple=True, metavar="CODE", help="Only of this instrument.")
@option("--match", multiple=True, metavar="GLOB", help="Only names (or, with a `/`, places) of this pattern.")
@option("-x", "--extension", "extensions", multiple=True, metavar="EXT", help="Only names with this extension.")
@option("--begin", metavar="TIME", help="Only data after this: a date, a year, `-P1D`.")
@option("--end", metavar="TIME", help="Only data before this [default: now].")
@option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only files in this state.")
@option("--newest", type=click.IntRange(min=0), metavar="N", help="The N that begin last.")
@option("--limit", type=click.IntRange(min=0), metavar="N", help="At most the first N.")
@option("--service", is_flag=True, help="Ask ONC's archive, without a lock.")
@option("-l", "--location", "--locationCode", metavar="CODE", help="With `--service`: a place.")
@option("-c", "--category", "--deviceCategoryCode", metavar="CODE", help="With `--service`: a kind of instrument.")
@option("--server", metavar="NAME", help="With `--service`: production, qa or an address [default: the manifest's].")
@json_option
@option(
    "--csv",
    "as_csv",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    help="Write the answer as CSV, to stdout when no file is named.",
)
def list_files(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    service: bool,
    location: str | None,
    category: str | None,
    server: str | None,
    as_json: bool,
    as_csv: str | None,
    **chosen: Any,
) -> int:
    """List the files that the lock wants: span, size, where each lies or will lie, and its state.

    Asks nobody: reads the lock, the state and the folder; with `--service` it lists what lies in ONC's archive, by
    device or by place and kind of instrument. A table on a terminal, columns parted by tabs elsewhere. A list that was
    saved with `--csv FILE` or `--json` can be edited and given to `oncsync sync --files-from`.

    States: here; missing (it was here); pending; failed; dropped (let go on purpose); unlisted (ONC lists it no more,
    and it is not here); empty (no data); covered (in files of another split); listed (with `--service`: not in the
    lock).
    """
    if as_json and as_csv:
        raise click.UsageError("`--json` and `--csv` are two forms of one answer; give one of them")
    if (location or category) and not service:
        raise click.UsageError("`--location` and `--category` belong to `--service`; `--match` looks at places, too")
    if not service and _is_on_command_line("server"):
        raise click.UsageError("`--server` belongs to `--service`; the lock's own server is the manifest's")
    from oncsync.inventory import choose_files

    choice = _read_choice(**chosen)
    project = make_project(manifest, folder, token_file, variables)
    if service:
        files = _ask(project, manifest, location, category, server, token_file, choice)
    else:
        from oncsync.resolving import check_names

        with notices_of(project):
            check_names(project.manifest, choice.entries)
            files = project.files(everything=True)
    _print(choose_files(files, choice), as_json, as_csv)
    return 0


def _is_on_command_line(name: str) -> bool:
    """Whether an option was given, not a variable that means every command."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _read_choice(
    begin: str | None, end: str | None, only: tuple[str, ...], newest: int | None, limit: int | None, **lists: Any
) -> Choice:
    from datetime import datetime

    from oncsync.catalogue import read_filters
    from oncsync.inventory import Choice
    from oncsync.timespan import UTC

    span = read_filters({}, begin=begin, end=end, now=datetime.now(UTC)).span
    split = {key: tuple(one for text in given for one in text.split(",") if one) for key, given in lists.items()}
    match = lists["match"]  # a comma may be part of a name
    return Choice(entries=only, newest=newest, limit=limit, span=span, **(split | {"match": match}))


def _ask(
    project: Project,
    manifest: str | None,
    location: str | None,
    category: str | None,
    server: str | None,
    token_file: str | None,
    choice: Choice,
) -> Sequence[ProjectFile]:
    from oncsync.caretaking import ArchiveQuestion, ask_archive
    from oncsync.errors import InputError

    question = ArchiveQuestion(
        device_codes=choice.devices,
        location_code=location,
        device_category_code=category,
        extension=choice.extensions[0] if len(choice.extensions) == 1 else None,
        span=choice.span,
    )
    try:
        known = project if project.path.exists() else None
    except InputError:
        known = None
    answer = ask_archive(question, manifest=manifest, server=server, token_file=token_file, project=known)
    for notice in answer.notices:
        say(f"warning: {notice}")
    return answer.files


def _columns(*, is_narrow: bool = False) -> tuple[Column, ...]:
    """Gives the columns of a list; where places are too wide for the terminal, names stand for them."""
    from oncsync.cli.showing import Column
    from oncsync.cli.wording import size
    from oncsync.inventory import COLUMNS

    looks: dict[str, dict[str, Any]] = {
        "id": {"rank": 6},
        "entry": {"rank": 4},
        "filename": {"on_terminal": False},
        "begin": {"shown": lambda file: f"{file.begin:%Y-%m-%d %H:%M}"},
        "end": {"rank": 3, "shown": lambda file: f"{file.end:%Y-%m-%d %H:%M}"},
        "bytes": {"is_number": True, "shown": lambda file: "" if file.bytes is None else size(file.bytes)},
        "outPath": {"on_terminal": False},
        "path": {"shown": lambda file: file.place or file.name},
        "state": {},
        "deviceCode": {"rank": 2},
        "archivedDate": {"rank": 5, "shown": lambda file: f"{file.archived:%Y-%m-%d %H:%M}" if file.archived else ""},
        "sha256": {"on_terminal": False},
        "reason": {"rank": 1, "is_wide": True},
    }
    if is_narrow:
        looks["filename"] = {"shown": lambda file: file.name or file.place}
        looks["path"] |= {"rank": 7}
        looks["begin"] |= {"rank": 1}
    return tuple(Column(heading, value, **looks[heading]) for heading, value in COLUMNS.items())


def _print(files: Sequence[ProjectFile], as_json: bool, as_csv: str | None) -> None:
    from oncsync.cli.options import print_json
    from oncsync.cli.showing import csv_text, fits, tab_lines, terminal_lines
    from oncsync.cli.wording import count, printable, size

    columns = _columns()
    if as_json:
        rows = [{column.heading: column.value(file) for column in columns} for file in files]
        print_json({"version": 1, "files": rows})
    elif as_csv == "-":
        click.echo(csv_text(columns, files), nl=False)
    elif as_csv:
        from oncsync.atomic import write_atomic

        write_atomic(Path(as_csv), csv_text(columns, files).encode())
        say(f"{count(len(files), 'file')} listed in `{as_csv}`")
    elif not is_terminal():
        click.echo("\n".join(printable_line(line) for line in tab_lines(columns, files)))
    elif files:
        is_bold = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        narrow = _columns(is_narrow=True)
        if not fits(columns, files, terminal_width()) and fits(narrow, files, terminal_width()):
            columns = narrow
        lines = terminal_lines(columns, files, terminal_width(), is_bold=is_bold)
        click.echo("\n".join(lines if is_bold else map(printable, lines)))
        known = sum(file.bytes or 0 for file in files)
        say(f"{count(len(files), 'file')}, {size(known)}")
    else:
        say("No file")


def read_list(ctx: click.Context, param: click.Parameter, value: str | None) -> list[Any] | None:
    """Reads what `--files-from` names: a list of files, `-` from stdin."""
    if value is None:
        return None
    from oncsync.choosing import read_names
    from oncsync.errors import InputError

    source = "stdin" if value == "-" else f"`{value}`"
    try:
        content = sys.stdin.buffer.read() if value == "-" else Path(value).read_bytes()
        return read_names(content.decode("utf-8"), source)
    except UnicodeDecodeError:
        hint = "name a saved `oncsync list`; a spreadsheet has to save it as CSV UTF-8"
        raise InputError(f"Cannot read {source}: it is no UTF-8 text", hint=hint) from None
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InputError(f"Cannot read {source}: {reason}", hint="name a saved `oncsync list`") from None


def printable_line(line: str) -> str:
    """Gives a line whose cells hold nothing that a terminal obeys; the tabs between them stay."""
    from oncsync.cli.wording import printable

    return "\t".join(map(printable, line.split("\t")))
