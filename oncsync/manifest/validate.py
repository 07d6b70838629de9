"""Checks a typed document against its JSON Schema; `wording` says what is found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.typed import Document, ValuePath
from oncsync.manifest.wording import Finding, note, note_missing
from oncsync.schemas import load_schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_SECRET = re.compile(
    r"(api|access|auth|onc|user|service|web)?(token|tokens|passw(or)?d|pwd|apikey|secret|credentials?)"
)
_CURE = "keep the token in the environment variable `ONC_TOKEN`, or store it once with `oncsync auth`"


@lru_cache(maxsize=1)
def manifest_schema() -> dict[str, Any]:
    """Gives the manifest's schema."""
    return load_schema("manifest")


@lru_cache(maxsize=1)
def local_schema() -> dict[str, Any]:
    """Gives the schema of what belongs to one machine: `folder` and `settings` alone."""
    schema = manifest_schema()
    kept = {name: schema["properties"][name] for name in ("folder", "settings")}
    return {**schema, "$id": f"{schema['$id']}:local", "properties": kept}


def validate(document: Document, schema: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Notes every way in which the document breaks the schema, and every secret in it."""
    note_secrets(document, mistakes)
    mistyped: set[ValuePath] = set()
    for finding in sorted(_findings(_validator(schema), document.value, ()), key=lambda found: found.keyword != "type"):
        if finding.path in mistyped or any(isinstance(part, str) and looks_secret(part) for part in finding.path):
            continue
        if finding.keyword == "type":
            mistyped.add(finding.path)
        _note(finding, document, mistakes)


class RowValidator:
    """Checks the rows of a long list of requests; each distinct cell is checked once."""

    def __init__(self, document: Document, mistakes: Mistakes) -> None:
        self.definitions: dict[str, Any] = manifest_schema()["$defs"]
        self.schema: dict[str, Any] = self.definitions["request"]
        self._document = document
        self._mistakes = mistakes
        self._members = {
            name: _validator({**member, "$defs": self.definitions})
            for name, member in self.schema["properties"].items()
        }
        self._sound: set[tuple[str, str]] = set()

    def check(self, row: Mapping[str, Any], path: ValuePath) -> None:
        """Notes what is wrong with the row that stands at `path`."""
        for name, value in row.items():
            seen = (name, repr(value))
            if seen in self._sound:
                continue
            findings = list(_findings(self._members[name], value, (*path, name)))
            for finding in findings:
                _note(finding, self._document, self._mistakes)
            if not findings:
                self._sound.add(seen)
        note_missing(path, row, self.schema["required"], self.schema, self._document, self._mistakes)


def _validator(schema: Mapping[str, Any]) -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


def _findings(validator: Validator, value: Any, path: ValuePath) -> Iterator[Finding]:
    for error in validator.iter_errors(value):
        is_name = "propertyNames" in error.absolute_schema_path
        yield Finding(
            path=(*path, *error.absolute_path),
            keyword="propertyNames" if is_name else str(error.validator),
            allowed=error.validator_value,
            instance=error.instance,
            schema=cast("dict[str, Any]", error.schema),
        )


def _note(finding: Finding, document: Document, mistakes: Mistakes) -> None:
    if finding.keyword == "additionalProperties":
        known = {key: value for key, value in finding.instance.items() if not looks_secret(key)}
        note(finding.replace_instance(known), manifest_schema(), document, mistakes)
    else:
        note(finding, manifest_schema(), document, mistakes)


def note_secrets(document: Document, mistakes: Mistakes) -> None:
    """Notes every key that names a secret; its value is never looked at."""
    for path, place in document.keys.items():
        if isinstance(path[-1], str) and looks_secret(path[-1]):
            mistakes.add(place, f"No secret belongs in a manifest, but it has {shown(path[-1])}", _CURE)


def looks_secret(key: str) -> bool:
    """Whether a key names a token, a password or the like."""
    return _SECRET.fullmatch(re.sub(r"[^a-z]", "", key.lower())) is not None
