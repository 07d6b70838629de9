"""The commands of docs/discover.md and what they print: checked by a test, written anew by running this module."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from oncsync.cli import cli, discovering
from oncsync.cli.ending import run_to_exit_code

PAGE = Path(__file__).resolve().parents[2] / "docs" / "discover.md"
_SHOWN = re.compile(r"```console\n\$ (?P<command>oncsync .*)\n(?P<answer>(?:.*\n)*?)```")
_NAMED = re.compile(r"```sh\n(?P<commands>(?:.*\n)*?)```")


def shown_commands(text: str) -> Iterator[tuple[str, str]]:
    """Yields each command that is shown with its answer, and that answer."""
    for match in _SHOWN.finditer(text):
        yield match["command"], match["answer"]


def named_commands(text: str) -> Iterator[str]:
    """Yields each command that is shown without an answer."""
    for match in _NAMED.finditer(text):
        yield from match["commands"].splitlines()


def answer_to(command: str) -> tuple[int, str]:
    """Gives the exit code of a command and what a terminal of 80 columns shows, on the embedded service."""
    said = io.StringIO()
    with (
        patch.object(discovering, "is_terminal", lambda: True),
        patch.object(discovering, "terminal_width", lambda: 80),
        patch.dict(os.environ, {"NO_COLOR": "1", "ONCSYNC_SERVER": "sandbox"}),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        code = run_to_exit_code(cli, shlex.split(command)[1:])
    return code, said.getvalue()


def written_anew(text: str) -> str:
    """Gives the page with the answers of today."""
    return _SHOWN.sub(lambda match: f"```console\n$ {match[1]}\n{answer_to(match[1])[1]}```", text)


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
