"""Questions before something that cannot be undone: asked on a terminal, answered by `--yes` elsewhere."""

from __future__ import annotations

import sys

import click


def is_sure(question: str, *, yes: bool) -> bool:
    """Whether to go on: `--yes`, or the answer of a person; Ctrl-C is no answer, and ends the command like any other.

    Raises `UsageError` where nobody can be asked.
    """
    if yes:
        return True
    if not can_ask():
        raise click.UsageError("There is no terminal to ask on: give `--yes` to go on without a question")
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        raise KeyboardInterrupt from None


def can_ask() -> bool:
    """Whether a person sits at a terminal and can answer."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())
