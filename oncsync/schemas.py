"""Finds the JSON Schemas of the manifest, the lock and the state, in a checkout and in an installed wheel alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oncsync.errors import OncsyncError

SCHEMA_NAMES = ("manifest", "lock", "state")


def schema_path(name: str) -> Path:
    """Gives the path of `NAME.schema.json`; raises `OncsyncError` when the installation lacks it."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_schemas", package.parent / "schemas"):
        path = folder / f"{name}.schema.json"
        if path.is_file():
            return path
    raise OncsyncError(f"The schema `{name}` is missing from this installation", hint="install oncsync again")


def load_schema(name: str) -> dict[str, Any]:
    """Reads the schema `name`, one of `SCHEMA_NAMES`."""
    schema: dict[str, Any] = json.loads(schema_path(name).read_text(encoding="utf-8"))
    return schema
