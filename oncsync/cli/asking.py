"""Questions before something that cannot be undone: asked on a terminal, answered by `--yes` elsewhere."""

from __future__ import annotations

import sys

import click


def is_sure(question: str, *, yes: bool) -> bool:
    """Whether to go on: `--yes`, or the answer of a person. Raises `UsageError` where nobody can be asked."""
    if yes:
        return True
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        raise click.UsageError("There is no terminal to ask on: give `--yes` to go on without a question")
    return click.confirm(question, err=True)


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())
