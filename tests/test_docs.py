"""Documentation that cannot lie: what it names exists, what it shows works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from oncsync import errors
from oncsync.cli import COMMANDS, cli, legacy
from oncsync.errors import OncsyncError
from oncsync.manifest import load_manifest
from oncsync.schemas import load_schema

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = sorted([CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")])
FLAG = re.compile(r"(?<![\w-])--[a-z][A-Za-z-]*[a-z](?!-*>)\b")
OTHERS_FLAGS = {"--strict", "--user", "--now", "--locationcode", "--location-code"}
"""Of mypy and systemctl; and other spellings of a flag of ours."""


def _blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for number, text in enumerate(re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)):
            found.append((f"{page.name}-{number}", text))
    return found


@pytest.mark.parametrize(("name", "text"), _blocks("yaml"))
def test_every_manifest_shown_loads(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "oncsync.yaml"
    path.write_text(text)
    assert load_manifest(path, environment={}).version == 1


@pytest.mark.parametrize(("name", "text"), _blocks("python"))
def test_every_python_block_names_what_exists(name: str, text: str) -> None:
    compiled = compile(text, name, "exec")
    if "downloadONC" in compiled.co_names:
        from oncsync.compat import createXLS, download

        known = {"downloadONC", "createXLS", "download", "x", "d", *dir(createXLS), *dir(download)}
        assert set(compiled.co_names) <= known
        return
    if "ONCDownloader" in compiled.co_names:
        return  # tests/compat/test_oncdownloader_page.py runs them
    if "discover" in compiled.co_names:
        from oncsync.catalogue import CoverageRow

        known = {"oncsync", "discover", "row", "rows", "print", *CoverageRow.__struct_fields__}
        assert set(compiled.co_names) <= known
        return
    from oncsync.project import Project
    from oncsync.results import HeldFile

    assert {"Project"} <= set(compiled.co_names)
    known = set(dir(Project)) | set(HeldFile.__struct_fields__) | {"Project", "oncsync", "print"}
    assert set(compiled.co_names) - {"project", "result", "file"} <= known


def _subcommands(group: click.Command) -> dict[str, click.Command]:
    assert isinstance(group, click.Group)
    context = click.Context(group)
    found = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found[name] = command
    return found


def _all_flags() -> set[str]:
    commands = _subcommands(cli)
    for group in ("auth", "discover"):
        commands |= {f"{group} {name}": command for name, command in _subcommands(commands[group]).items()}
    flags = {"--help", "--version"}
    for command in [cli, *commands.values(), *legacy.cli.commands.values()]:
        for parameter in command.params:
            flags |= {text for text in (*parameter.opts, *parameter.secondary_opts) if text.startswith("--")}
    return flags


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_and_command_named_exists(page: Path) -> None:
    text = page.read_text()
    assert set(FLAG.findall(text)) - OTHERS_FLAGS <= _all_flags()
    named = re.findall(r"`oncsync ([a-z]+)\b", text) + re.findall(r"(?m)^(?:\S*/)?oncsync ([a-z]+)\b", text)
    assert set(named) - set(COMMANDS) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_path_named_exists(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
    for target in re.findall(r"`((?:tests|docs|examples|schemas)/[\w./-]+)`", text):
        assert (CHECKOUT / target).exists(), target


def test_every_command_is_in_the_readme() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert [name for name in COMMANDS if f"oncsync {name}" not in text] == []


def test_the_exit_codes_are_those_of_the_error_tree() -> None:
    """Each class's code stands in the page, and in the tree drawn above the classes."""
    page = (CHECKOUT / "docs" / "exit-codes.md").read_text()
    drawn = dict(re.findall(r"\* `(\w+)`\s+(\d+)", errors.__doc__ or ""))
    classes = {
        name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, OncsyncError)
    }
    assert {name: str(kind.exit_code) for name, kind in classes.items()} == drawn
    assert all(f"| {kind.exit_code} |" in page for kind in classes.values())


def test_every_key_of_the_manifest_is_in_its_page() -> None:
    page = (CHECKOUT / "docs" / "manifest.md").read_text()
    schema = load_schema("manifest")

    def keys(node: object) -> set[str]:
        if isinstance(node, dict):
            own = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
            return own.union(*(keys(value) for value in node.values()))
        if isinstance(node, list):
            return set().union(*(keys(value) for value in node))
        return set()

    assert {key for key in keys(schema) if f"`{key}`" not in page} == set()


def test_every_dependency_has_its_line() -> None:
    page = (CHECKOUT / "docs" / "dependencies.md").read_text()
    project = (CHECKOUT / "pyproject.toml").read_text()
    for section in ("dependencies", "test"):
        listed = re.search(rf"(?m)^{section} = \[\n(.*?)^\]", project, flags=re.DOTALL)
        assert listed is not None
        for name in re.findall(r'"([A-Za-z0-9.-]+)', listed[1]):
            assert name in page or name.startswith("types-"), name


def test_the_tested_set_names_versions_and_no_addresses() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pinned = re.compile(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+(; python_version (<|>=) \"3\.\d+\")?")
    assert all(pinned.fullmatch(line) for line in lines if not line.startswith("#"))


def test_the_published_schemas_are_json() -> None:
    for path in (CHECKOUT / "schemas").glob("*.json"):
        assert json.loads(path.read_text())["$schema"].startswith("https://json-schema.org/draft/2020-12/")
