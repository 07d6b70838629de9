"""`oncsync doctor`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oncsync.cli.folding import show
from oncsync.cli.options import json_option, named_lock_file, option, print_json, project_options, read_variables
from oncsync.cli.wording import count
from oncsync.errors import InputError

if TYPE_CHECKING:
    from oncsync.doctor import Finding, Report

MARKS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM", "skipped": "-"}


@click.command()
@project_options
@option("--offline", is_flag=True, help="Ask nobody: look at this machine alone.")
@json_option
def doctor(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    offline: bool,
    as_json: bool,
) -> int:
    """Check what a sync needs, one line each, and say what to do about what is wrong.

    Works with and without a manifest. Asks the service one small question, orders nothing, leaves the folder as it is
    and shows nothing of the token.

    Exit codes: 0 all well (warnings allowed), 4 the token is missing or refused, 5 the service cannot be reached, 8 the
    folder cannot be written, 2 manifest, lock or state are broken, 1 something else is wrong.
    """
    from oncsync.doctor import Machine, Subject, examine

    try:
        start = Path.cwd()
    except FileNotFoundError:
        raise InputError("The current folder is gone", hint="change into one that exists") from None
    lock_file = named_lock_file()
    subject = Subject(
        start=start,
        manifest=manifest,
        folder=folder,
        lock_file=Path(lock_file) if lock_file else None,
        token_file=Path(token_file) if token_file else None,
        variables=read_variables(variables),
        offline=offline,
    )
    report = examine(subject, Machine(known_variables=_known_variables()))
    if as_json:
        print_json(report)
    else:
        show(describe_report(report))
    return report.exit_code


def describe_report(report: Report) -> list[str]:
    """Gives a line per finding, with its details and its hint below it, then the sum of all."""
    lines = [line for _, group in groupby(report.findings, _skipped_for) for line in _group_lines(list(group))]
    verdicts = [finding.verdict for finding in report.findings]
    found = [
        count(verdicts.count("problem"), "problem") if "problem" in verdicts else "",
        count(verdicts.count("warning"), "warning") if "warning" in verdicts else "",
    ]
    return [*lines, "", ", ".join(filter(None, found)) or "All is well"]


def _skipped_for(finding: Finding) -> tuple[str, str]:
    """Names what neighbours have in common that were not looked at for one reason."""
    return ("", finding.what) if finding.verdict == "skipped" else (finding.name, "")


def _group_lines(group: list[Finding]) -> list[str]:
    if group[0].verdict != "skipped":
        return _finding_lines(group[0])
    names = ", ".join(finding.name for finding in group) + (":" if len(group) > 1 else "")
    return [f"{MARKS['skipped']:<8} {names:<12} {group[0].what}"]


def _finding_lines(finding: Finding) -> list[str]:
    indent = " " * 22
    details = finding.facts.get("details")
    below = [f"{indent}{text}" for text in details] if isinstance(details, list) else []
    hint = [f"{indent}hint: {finding.hint}"] if finding.hint else []
    return [f"{MARKS[finding.verdict]:<8} {finding.name:<12} {finding.what}", *below, *hint]


def _known_variables() -> frozenset[str]:
    """Gives every `ONCSYNC_` variable that some flag or the manifest listens to."""
    from oncsync.cli import COMMANDS, cli

    context = click.Context(cli)
    named = {"ONCSYNC_SERVER", "ONCSYNC_FOLDER"}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        group = list(command.commands.values()) if isinstance(command, click.Group) else []
        for one in [command, *group]:
            for parameter in one.params if one else ():
                variables = getattr(parameter, "envvar", None)
                named |= {variables} if isinstance(variables, str) else set(variables or ())
    return frozenset(named)
