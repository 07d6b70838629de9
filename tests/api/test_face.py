"""The public face of the room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import oncsync.api
from oncsync import api

FOLDER = Path(oncsync.api.__file__).parent


def test_every_public_name_exists_and_is_listed_once() -> None:
    assert len(set(api.__all__)) == len(api.__all__)
    assert set(api.__all__) == set(api._ROOM_OF)
    for name in api.__all__:
        assert getattr(api, name) is not None
    assert set(api.__all__) <= set(dir(api))


def test_the_names_for_the_type_checker_are_the_names_at_run_time() -> None:
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module.rpartition(".")[2]
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert imported == api._ROOM_OF


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'get_everything'"):
        api.get_everything  # noqa: B018


@pytest.mark.parametrize("statement", ["import oncsync.api", "from oncsync.api import Location, Token, TOKEN_HINT"])
def test_the_http_library_is_loaded_by_who_needs_it(statement: str) -> None:
    code = f"{statement}; import sys; print([name for name in ('requests', 'urllib3') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_room_knows_no_room_but_those_below() -> None:
    """architecture.md "Floors": the client knows no manifest, lock or folder."""
    below = ("errors", "timespan", "schemas", "atomic", "naming", "listed")
    allowed = {"oncsync", *(f"oncsync.{room}" for room in below)}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("oncsync") or name in allowed or name.startswith("oncsync.api"), (path, name)
