"""docs/unattended.md: its recipes are run, its units hold only what systemd knows."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from oncsync.caretaking import repeating
from oncsync.cli.ending import TerminatedError
from tests.cli.conftest import Command
from tests.support.world import World

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "unattended.md").read_text(encoding="utf-8")
MANIFEST = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[0]
KNOWN_TO_SYSTEMD = {
    "Unit": {"description", "onfailure"},
    "Service": {"type", "workingdirectory", "execstart", "successexitstatus", "restart", "restartsec",
                "restartpreventexitstatus", "timeoutstopsec"},
    "Timer": {"oncalendar", "persistent"},
    "Install": {"wantedby"},
}  # fmt: skip


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def commands() -> Iterator[str]:
    """Yields every command of the recipes, without its path."""
    for language in ("crontab", "ini", "matlab", "sh"):
        for text in blocks(language):
            yield from re.findall(r"(?<!\w)oncsync ((?:sync|status)\b[^'\n]*)", text)


def test_the_page_has_recipes_for_each_way() -> None:
    assert len(list(commands())) == 8
    assert [len(blocks(language)) for language in ("crontab", "ini", "matlab", "sh")] == [1, 3, 1, 1]


def test_every_command_of_the_recipes_works(world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """R140, R151, R154: with the page's manifest, on the built-in service."""

    def stop(seconds: float) -> None:
        raise TerminatedError

    monkeypatch.setattr(repeating, "CLOCK", repeating.Clock(sleep=stop))
    world.manifest.write_text(MANIFEST.replace("folder: data", f"folder: data\nserver: {world.sandbox.url}"))
    assert oncsync("sync").code == 0
    for command in commands():
        said = oncsync(*shlex.split(command))
        assert said.code == (143 if "--every" in command else 0), (command, said.err)
    world.manifest.write_text(world.manifest.read_text().replace("-P1D", "2015-01-01\n    end: 2015-01-02"))
    assert oncsync("sync").code == 0
    checks = [command for command in commands() if "--max-age" in command]
    assert [oncsync(*shlex.split(command)).code for command in checks] == [1] * 4


@pytest.mark.parametrize("text", blocks("ini"))
def test_every_unit_has_sections_and_keys_that_systemd_knows(text: str) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(text)
    for name in unit.sections():
        assert set(unit[name]) <= KNOWN_TO_SYSTEMD[name]
