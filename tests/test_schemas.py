"""The JSON Schemas are found, read and sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import oncsync.schemas
from oncsync.errors import OncsyncError
from oncsync.schemas import SCHEMA_NAMES, load_schema, schema_path


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_every_schema_is_there_and_is_a_json_schema(name: str) -> None:
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_file_is_plain_json_that_ends_with_a_line_end(name: str) -> None:
    content = schema_path(name).read_bytes()
    assert json.loads(content) == load_schema(name)
    assert content.endswith(b"}\n")
    assert b"\r" not in content


def test_schemas_in_a_wheel_win_over_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel the schemas lie inside the package."""
    package = tmp_path / "site-packages" / "oncsync"
    (package / "_schemas").mkdir(parents=True)
    (package / "_schemas" / "manifest.schema.json").write_text('{"title": "from the wheel"}', encoding="utf-8")
    monkeypatch.setattr(oncsync.schemas, "__file__", str(package / "schemas.py"))
    assert load_schema("manifest") == {"title": "from the wheel"}


def test_missing_schema_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oncsync.schemas, "__file__", str(tmp_path / "oncsync" / "schemas.py"))
    with pytest.raises(OncsyncError, match="The schema `lock` is missing") as caught:
        load_schema("lock")
    assert caught.value.hint == "install oncsync again"
