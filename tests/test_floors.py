"""The house keeps its floors: imports only go down, rooms stay small, and starting is quick (architecture "Rooms")."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import oncsync

PACKAGE = Path(oncsync.__file__).parent
FLOORS = (
    {"__main__"},
    {"cli"},
    {"compat", "doctor", "caretaking"},
    {
        "project",
        "choosing",
        "connection",
        "discovery",
        "entries",
        "exchange",
        "inventory",
        "jobs",
        "limits",
        "locking",
        "resolving",
        "results",
        "revisions",
    },
    {"resolver", "engine", "workbook", "report", "catalogue"},
    {"manifest", "lockfile", "state", "api", "cache", "credentials", "listings"},
    {"naming", "atomic", "schemas", "listed", "sizes", "spelling"},
    {"timespan", "errors"},
)
NEIGHBOURS = {
    *(("project", "connection"), ("project", "locking"), ("project", "results"), ("discovery", "connection")),
    *(
        ("credentials", "api"),
        ("cache", "api"),
        ("listings", "cache"),
        ("revisions", "locking"),
        ("project", "limits"),
        ("project", "jobs"),
        ("jobs", "limits"),
        ("project", "resolving"),
    ),
    *(("entries", "connection"), ("entries", "resolving")),
    *(("choosing", "results"), ("inventory", "results"), ("project", "choosing"), ("project", "inventory")),
}
"""Rooms of one floor that may know each other."""
BESIDE_THE_HOUSE = {"sandbox"}
WHO_KNOWS_THE_SANDBOX = {"cli", "project", "connection", "sandbox"}
MOST_LINES = 400
MOST_BODY_LINES = 50
SLOW = ("requests", "urllib3", "openpyxl", "jsonschema", "ruamel.yaml", "rich", "portalocker", "msgspec")
MODULES = sorted(PACKAGE.rglob("*.py"))


class Import(NamedTuple):
    """One import of ours by ours: the room, the line, and the room that is imported."""

    room: str
    place: str
    imported: str


def room_of(path: Path) -> str:
    """Gives the room a module lies in: the first folder or module below the package."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_names(path: Path) -> Iterator[tuple[int, str]]:
    """Yields every name that a module imports, inside functions and for type checkers too, with its line."""
    package = ["oncsync", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            is_package = module == "oncsync"
            yield from ((node.lineno, f"{module}.{alias.name}" if is_package else module) for alias in node.names)


@cache
def our_imports() -> list[Import]:
    """Gives every import of one of our rooms."""
    found = []
    for path in MODULES:
        for line, name in imported_names(path):
            parts = name.split(".")
            if parts[0] == "oncsync" and len(parts) > 1:
                found.append(Import(room_of(path), f"{path.relative_to(PACKAGE)}:{line}", parts[1]))
    return found


FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = {room_of(path) for path in MODULES} - {"__init__"}


def test_every_room_has_its_floor() -> None:
    """A new room joins the plan of the house before it is built."""
    assert set(FLOOR_OF) >= ROOMS - BESIDE_THE_HOUSE
    assert {"cli", "project", "resolver", "engine", "manifest", "api", "timespan"} <= ROOMS


def test_imports_only_go_down() -> None:
    """A module imports from floors below its own; the few neighbours that know each other are named."""
    wrong = [
        f"{one.place} imports oncsync.{one.imported}"
        for one in our_imports()
        if one.room in FLOOR_OF
        and one.imported in FLOOR_OF
        and one.room != one.imported
        and FLOOR_OF[one.imported] <= FLOOR_OF[one.room]
        and (one.room, one.imported) not in NEIGHBOURS
    ]
    assert wrong == []


def test_the_imports_that_are_checked_are_found_at_all() -> None:
    """A reader of imports that finds none would prove nothing."""
    seen = {(one.room, one.imported) for one in our_imports()}
    assert {("resolver", "api"), ("project", "engine"), ("cli", "project"), ("connection", "sandbox")} <= seen
    assert {name for path in MODULES for _, name in imported_names(path)} > {"msgspec", "oncsync.timespan", "json"}


def test_no_room_reaches_for_a_name_that_is_none_of_ours() -> None:
    """Every `oncsync.X` that is imported exists, names of the package's own face aside."""
    face = set(oncsync.__all__) | {"__version__"}
    assert {one.imported for one in our_imports()} <= ROOMS | face


def test_only_the_command_line_uses_the_packages_own_face() -> None:
    """`from oncsync import Project` is for users: inside the house it would hide which way an import goes."""
    face = set(oncsync.__all__) - {"__version__"}
    assert [one.place for one in our_imports() if one.imported in face] == []


def test_the_sandbox_imports_nothing_of_ours() -> None:
    """It is an imitation of the service: what it shared with the client, both could get wrong together."""
    assert [one.place for one in our_imports() if one.room == "sandbox" and one.imported != "sandbox"] == []
    allowed = {"__future__", *sys.stdlib_module_names, "oncsync"}
    outside = {name.split(".")[0] for path in MODULES if room_of(path) == "sandbox" for _, name in imported_names(path)}
    assert outside <= allowed, "the standard library is all it needs"


def test_only_who_starts_the_sandbox_knows_it() -> None:
    assert {one.room for one in our_imports() if one.imported == "sandbox"} <= WHO_KNOWS_THE_SANDBOX


def test_the_client_knows_no_manifest_lock_or_folder() -> None:
    """`api` is the client and nothing else."""
    assert {one.imported for one in our_imports() if one.room == "api"} <= {
        "api", "errors", "timespan", "naming", "listed", "atomic", "schemas", "__version__"
    }  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_a_room_not_a_hall(path: Path) -> None:
    """At most 400 lines, and no function whose statements do not fit a screen."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            own = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            assert own[-1].end_lineno is not None
            assert own[-1].end_lineno - own[0].lineno < MOST_BODY_LINES, node.name


def loaded_by(statement: str) -> set[str]:
    """Gives the slow libraries that a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps([name for name in {SLOW!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(json.loads(done.stdout.splitlines()[-1]))


HEAVY = set(SLOW) - {"msgspec"}


@pytest.mark.parametrize(
    "statement",
    [
        "import oncsync",
        "import oncsync.cli",
        "import oncsync.project",
        "from oncsync import Project",
        "from downloadONC import createXLS, download",
        "from click.testing import CliRunner; import oncsync.cli; CliRunner().invoke(oncsync.cli.cli, ['--help'])",
        "import oncsync.cli.legacy",
    ],
)
def test_starting_loads_no_heavy_library(statement: str) -> None:
    """A cron job that starts every few minutes pays for what it uses (R140)."""
    assert loaded_by(statement) & HEAVY == set()


def test_a_heavy_library_that_is_used_is_loaded() -> None:
    """The check above sees what it looks for."""
    assert {"requests", "urllib3"} <= loaded_by("import oncsync.api.session")
