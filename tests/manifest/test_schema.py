"""The schema for editors: a sound JSON Schema that takes natural YAML, and knows every key that the loader knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from oncsync.manifest import Download, Request, Settings, starter_manifest
from oncsync.manifest.build import LIST_MEMBERS, PATTERN_MEMBERS, PLAIN_MEMBERS, REQUEST_MEMBERS, SETTING_MEMBERS
from oncsync.manifest.mapping import DOWNLOAD_ORDER, REQUEST_ORDER
from oncsync.manifest.model import DAYS_OF_WEEK
from oncsync.manifest.rows import ROW_KEYS
from oncsync.schemas import load_schema
from tests.manifest.test_amend import WRITTEN as COMMENTED
from tests.manifest.test_edit import WRITTEN
from tests.manifest.test_load import WHALES

SCHEMA = load_schema("manifest")

NATURAL = """\
version: 1
server: sandbox
vars: {year: 2017, wet: true}
settings:
  runThreads: 4
  downloadQueueSize: unlimited
  metadata: false
  maxOrderHours: 1.5
downloads:
  - name: adcp
    extension: 000
    near: {lat: 48, lon: -126.5, radiusKm: 10}
    begin: 2020-01-01
    end: -P1D
    options: {dpo_average: 60, dpo_include: true, AD/wav: {dpo_x: off}}
    pinOptions: true
    splitDateRange: PT6H
  - name: files
    service: archivefile
    begin: -P1D
    newest: 3
    minSize: 1000
requests:
  - deviceCode: X
    dataProductCode: TSSD
    extension: csv
    begin: 2020-01-01T00:00:00.000Z
    end: 2020-01-02
    download: false
    columns: {depth: 981.5, note: , flag: true}
"""


EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.yaml"))


def _as_an_editor_reads_it(text: str) -> Any:
    """Reads YAML with natural types, a time as the text it is in JSON."""
    yaml = YAML(typ="safe", pure=True)
    return _texts(yaml.load(text))


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _texts(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def test_schema_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text", [WHALES, NATURAL, WRITTEN, COMMENTED, starter_manifest(), starter_manifest("sandbox", schema="x.json")]
)
def test_editors_accept_what_the_loader_accepts(text: str) -> None:
    errors = [error.message for error in Draft202012Validator(SCHEMA).iter_errors(_as_an_editor_reads_it(text))]
    assert errors == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_editors_accept_every_example(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert Draft202012Validator(SCHEMA).is_valid(_as_an_editor_reads_it(text))


@pytest.mark.parametrize(
    "text",
    [
        "oops: 1",
        "settings: {runThreads: 0}",
        "downloads: [{locationCode: A}]",
        "downloads: [{name: x, oops: 1}]",
        "requests: [{deviceCode: X}]",
        "requests: {file: x, oops: 1}",
        "server: elsewhere",
        "downloads: [{name: x, options: {oops: 1}}]",
        "downloads: [{name: x, options: {AD: {oops: 1}}}]",
        "settings: {splitDateRange: weekly}",
        "version: 2",
    ],
)
def test_editors_refuse_what_the_loader_refuses(text: str) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(_as_an_editor_reads_it(text))


def _schemas(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield path, schema
        for key, member in schema.items():
            yield from _schemas(member, f"{path}/{key}")
    elif isinstance(schema, list):
        for member in schema:
            yield from _schemas(member, path)


def test_nothing_else_is_valid_anywhere() -> None:
    """Each object of fixed keys is closed."""
    open_objects = [
        path
        for path, schema in _schemas(SCHEMA)
        if isinstance(schema.get("properties"), dict)
        and "type" in schema
        and schema.get("additionalProperties") is not False
    ]
    assert open_objects == []


def test_every_key_explains_itself() -> None:
    definitions = SCHEMA["$defs"]
    holders = [SCHEMA, *(definitions[name] for name in ("settings", "download", "request"))]
    silent = [
        key
        for holder in holders
        for key, member in holder["properties"].items()
        if not (member.get("description") or definitions.get(member.get("$ref", "").rsplit("/", 1)[-1], {}))
    ]
    assert silent == []


def test_types_are_lists_for_the_loader() -> None:
    """The loader tries the types in their order, so each is a list."""
    single = [path for path, schema in _schemas(SCHEMA) if isinstance(schema.get("type"), str)]
    assert single == [""]


def test_loader_and_schema_know_the_same_keys() -> None:
    definitions = SCHEMA["$defs"]
    downloads = set(definitions["download"]["properties"])
    requests = set(definitions["request"]["properties"])
    assert set(definitions["settings"]["properties"]) == set(SETTING_MEMBERS)
    assert set(DOWNLOAD_ORDER) == downloads
    assert set(REQUEST_ORDER) == requests
    assert set(ROW_KEYS) == requests - {"columns"}
    nested = {"exclude", "near", "events", "options"}
    assert downloads <= LIST_MEMBERS.keys() | PATTERN_MEMBERS.keys() | PLAIN_MEMBERS.keys() | nested
    assert requests <= REQUEST_MEMBERS.keys() | PLAIN_MEMBERS.keys() | nested


@pytest.mark.parametrize(
    ("record", "members"),
    [
        (Download, {**LIST_MEMBERS, **PATTERN_MEMBERS, **PLAIN_MEMBERS}),
        (Request, {**REQUEST_MEMBERS, **PLAIN_MEMBERS}),
        (Settings, SETTING_MEMBERS),
    ],
)
def test_every_member_of_a_record_comes_from_a_key(record: type[msgspec.Struct], members: dict[str, str]) -> None:
    nested = {"exclude", "near", "events", "options", "place", "places"}
    assert {field.name for field in msgspec.structs.fields(record)} <= set(members.values()) | nested


def test_days_of_the_week_are_those_of_the_workbook() -> None:
    """R88: MO, TU, WE, TH, FR, SA, SU."""
    assert tuple(SCHEMA["$defs"]["dayOfWeek"]["enum"]) == DAYS_OF_WEEK


def test_schema_names_no_place_of_any_machine() -> None:
    assert SCHEMA["$id"] == "urn:oncsync:manifest:1"
