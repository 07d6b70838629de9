"""Says what a finding of the schema means: what was found, what is allowed, and the nearest match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.typed import Document, ValuePath
from oncsync.spelling import did_you_mean, either

TYPE_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "string": "a text",
    "array": "a list",
    "object": "a group of `key: value` lines",
}
OTHER_NAMES = {
    "datefrom": "begin",
    "dateto": "end",
    "start": "begin",
    "startdate": "begin",
    "from": "begin",
    "stop": "end",
    "enddate": "end",
    "to": "end",
    "until": "end",
    "location": "locationCode",
    "device": "deviceCode",
    "category": "deviceCategoryCode",
    "devicecategory": "deviceCategoryCode",
    "property": "propertyCode",
    "product": "dataProductCode",
    "dataproduct": "dataProductCode",
    "format": "extension",
    "fileextension": "extension",
    "method": "downloadMethod",
    "split": "splitDateRange",
    "requesttimespan": "splitDateRange",
    "threads": "runThreads",
    "downloadfolder": "folder",
    "outpath": "folder",
    "logfile": "state",
    "dataproductoptions": "options",
}
"""What people who know ONC's interface or the workbook write, letters alone, and the manifest's own key for it."""


class Finding(msgspec.Struct, frozen=True):
    """One way in which the value at `path` breaks `keyword` of `schema`."""

    path: ValuePath
    keyword: str
    allowed: Any
    instance: Any
    schema: dict[str, Any]

    def replace_instance(self, instance: Any) -> Finding:
        """Gives the same finding about another value."""
        return msgspec.structs.replace(self, instance=instance)


def note(finding: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    """Notes one finding, in words; `schema` is that of the whole manifest."""
    _WORDINGS.get(finding.keyword, _note_value)(finding, schema, document, mistakes)


def note_missing(
    path: ValuePath,
    entry: Mapping[str, Any],
    required: Iterable[str],
    schema: Mapping[str, Any],
    document: Document,
    mistakes: Mistakes,
) -> None:
    """Notes every key that the entry at `path` has to have and lacks."""
    for key in required:
        if key not in entry:
            example = schema["properties"][key].get("examples") or _EXAMPLES.get(key)
            hint = f"write for example `{key}: {example[0]}`" if example else f"add `{key}:`"
            mistakes.add(document.place(path), f"{name_of(path, entry)} has no `{key}`", hint)


_EXAMPLES = {"begin": ["2017-05-01"], "extension": ["csv"]}


def name_of(path: ValuePath, entry: object) -> str:
    """Gives what a message calls the thing at `path`: ``The download `whales` ``, `Request 3`, `` `near` ``."""
    if len(path) == 2 and isinstance(path[1], int) and path[0] in ("downloads", "requests"):
        kind = "download" if path[0] == "downloads" else "request"
        name = entry.get("name") if isinstance(entry, Mapping) else None
        return f"The {kind} {shown(name)}" if isinstance(name, str) and name else f"{kind.title()} {path[1] + 1}"
    return _label(path)


def _label(path: ValuePath) -> str:
    if not path:
        return "The manifest"
    if isinstance(path[-1], int):
        names = [part for part in path if isinstance(part, str)]
        return f"An entry of `{names[-1]}`"
    return shown(path[-1])


def _note_required(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    note_missing(found.path, found.instance, found.allowed, found.schema, document, mistakes)


def _note_unknown(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    known = found.schema.get("properties", {})
    patterns = found.schema.get("patternProperties", {})
    for key in found.instance:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        place = document.key_place((*found.path, key))
        if patterns:
            mistakes.add(place, f"{shown(key)} is no option", "the name of an option begins with `dpo_`")
        else:
            where = _owner(found.path)
            mistakes.add(place, f"{shown(key)} is not a key {where}", _unknown_hint(key, known, schema))


def _owner(path: ValuePath) -> str:
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return "of a manifest"
    if isinstance(path[-1], int):
        return {"downloads": "of a download", "requests": "of a request"}.get(names[-1], f"of `{names[-1]}`")
    return f"of `{names[-1]}`"


def _unknown_hint(key: str, known: Iterable[str], schema: Mapping[str, Any]) -> str:
    same = OTHER_NAMES.get(re.sub(r"[^a-z]", "", key.lower()), key)
    if same in known:
        return f"did you mean `{same}`?"
    if f"{same}s" in known:
        return f"did you mean `{same}s`?"
    home = _home_of(same, schema)
    if home is not None:
        return f"`{same}` stands {home}"
    return did_you_mean(key, known) or f"it can hold {either(known)}"


def _home_of(key: str, schema: Mapping[str, Any]) -> str | None:
    """Gives where in the manifest a key is at home, None when nowhere."""
    homes = {
        "at the top of the manifest": schema,
        "below `settings:`": schema["$defs"]["settings"],
        "in an entry of `downloads:`": schema["$defs"]["download"],
        "in an entry of `requests:`": schema["$defs"]["request"],
    }
    return next((words for words, holder in homes.items() if key in holder["properties"]), None)


def _note_type(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    types = list(found.allowed)
    label = _label(found.path)
    if found.path[-2:-1] == ("options",) and types == ["object"] and found.instance is not None:
        mistakes.add(
            document.key_place(found.path),
            f"{label} is no option",
            "the name of an option begins with `dpo_`; a `CODE` or `CODE/ext` holds the options of one product",
        )
    elif found.instance is None:
        mistakes.add(document.place(found.path), f"{label} has no value", "write a value, or remove the line")
    else:
        wanted = " or ".join(TYPE_WORDS[name] for name in types if name in TYPE_WORDS)
        message = f"{label} is {_words(found.instance)}, not {wanted}"
        mistakes.add(document.place(found.path), message, _type_hint(found.instance, types))


def _words(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "a group of `key: value` lines" if isinstance(value, dict) else shown(value)


def _type_hint(value: object, types: list[str]) -> str | None:
    if isinstance(value, dict) and "string" in types:
        return "a text that begins with `{` needs quotes"
    if "array" in types and "string" not in types:
        return "begin each entry with `- `"
    return None


def _note_value(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    """Words a value of the right type that is not allowed: pattern, minLength, minItems and the like."""
    label = _label(found.path)
    if found.instance in ("", []):
        mistakes.add(document.place(found.path), f"{label} is empty", "leave the key out when it has nothing to say")
    else:
        message = f"{label} cannot be {_words(found.instance)}"
        mistakes.add(document.place(found.path), message, found.schema.get("errorMessage"))


def _note_choice(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    if found.keyword == "enum":
        choices, rest = list(found.allowed), ""
    else:
        choices = next(branch["enum"] for branch in found.allowed if "enum" in branch)
        rest = f", or {found.schema['errorMessage']}"
    message = f"{_label(found.path)} cannot be {_words(found.instance)}; allowed: {either(choices)}{rest}"
    written = str(found.instance).lower()
    begins = [choice for choice in choices if written.startswith(choice.lower())]
    hint = f"did you mean `{begins[0]}`?" if begins else did_you_mean(written, choices)
    mistakes.add(document.place(found.path), message, hint)


def _note_range(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    limit = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}[found.keyword]
    message = f"{_label(found.path)} is {shown(found.instance)}, and has to be {limit} {found.allowed}"
    mistakes.add(document.place(found.path), message, found.schema.get("errorMessage"))


def _note_name(found: Finding, schema: Mapping[str, Any], document: Document, mistakes: Mistakes) -> None:
    place = document.key_place((*found.path, str(found.instance)))
    mistakes.add(place, f"{shown(found.instance)} cannot be the name of a variable", "use letters, digits and `_`")


_WORDINGS: dict[str, Callable[[Finding, Mapping[str, Any], Document, Mistakes], None]] = {
    "additionalProperties": _note_unknown,
    "required": _note_required,
    "type": _note_type,
    "enum": _note_choice,
    "anyOf": _note_choice,
    "minimum": _note_range,
    "maximum": _note_range,
    "exclusiveMinimum": _note_range,
    "propertyNames": _note_name,
}
