"""docs/discover.md is true: each command on it runs against the embedded service and prints what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oncsync.project import Project
from tests.cli.discover_page import PAGE, answer_to, named_commands, shown_commands

TEXT = PAGE.read_text(encoding="utf-8")
SHOWN = list(shown_commands(TEXT))


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_prints_what_the_page_shows(command: str, answer: str) -> None:
    """R131-R134, R178, R179; `python -m tests.cli.discover_page` writes the answers anew."""
    code, said = answer_to(command)
    assert said == answer
    assert code == (2 if answer.startswith("error:") else 0)
    assert all(len(line) <= 80 for line in said.splitlines() if not line.startswith("warning:"))


@pytest.mark.parametrize("command", list(named_commands(TEXT)))
def test_a_command_without_an_answer_works(command: str) -> None:
    """R136."""
    assert answer_to(command)[0] == 0


def test_the_page_walks_through_the_whole_scenario() -> None:
    kinds = {command.split()[2] for command in [command for command, _ in SHOWN] + list(named_commands(TEXT))}
    assert {"locations", "tree", "categories", "devices", "properties", "products", "options", "coverage"} <= kinds


def test_the_manifest_at_the_end_of_the_walk_resolves(tmp_path: Path) -> None:
    """R135: several products and formats, one year, in one manifest."""
    (manifest,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    path = tmp_path / "oncsync.yaml"
    path.write_text(manifest)
    resolved = Project(path, server="sandbox").resolve()
    assert resolved.failures == ()
    assert [(entry.name, sum(len(one.chunks) for one in entry.requests)) for entry in resolved.lock.entries] == [
        ("audio", 12),
        ("ice", 12),
        ("temperature", 12),
    ]
