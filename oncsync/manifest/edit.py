"""Writes a new manifest, as a person would.

Scalars are written as the loader reads them, as text: dates plain, and quotes only where another YAML reader would
see something else than a text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oncsync.atomic import write_atomic

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

_FLOW_WIDTH = 100
_SPACED = ("settings", "downloads", "requests")
_PLAIN = re.compile(r"[\w./+$(-]([\w./+$()!=*%~-]|[ ](?=[\w./+$(*]))*|\d{4}-\d\d?-\d\d?[T ]\d\d?:\d\d[\d:.]*Z?")
"""What needs no quotes in any place, and dates with a time of day."""
_NOT_TEXT = re.compile(
    r"[-+]?(\.?\d[\d_]*\.?[\d_]*([eE][-+]?\d+)?|0[xob][\da-fA-F_]+|\.(inf|Inf|INF|nan|NaN|NAN))|[-+]?\d+(:\d+)+"
    r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|=|<<|-+|\.+"
)
"""What another YAML reader would not take for a text."""


def write_manifest(path: Path, manifest: Mapping[str, Any], *, comment: str | None = None) -> None:
    """Writes a manifest given as a plain mapping in the manifest's spelling; the same mapping gives the same bytes.

    `comment` stands above it, one `#` line per line. Raises `FolderError` when the place cannot be written.
    """
    lines = "".join(f"# {line}".rstrip() + "\n" for line in (comment or "").splitlines())
    write_atomic(path, (lines + format_manifest(manifest)).encode())


def format_manifest(manifest: Mapping[str, Any]) -> str:
    """Gives the YAML text of a manifest."""
    document = _block(manifest)
    for key in _SPACED:
        if key in document and next(iter(document)) != key:
            document.yaml_set_comment_before_after_key(key, before="\n")
    return _dump(_yaml(sequence=4, offset=2), document)


def format_node(value: Sequence[Any] | Mapping[str, Any]) -> str:
    """Gives the lines of a list of entries, or of `key: value`, at the margin."""
    from ruamel.yaml.comments import CommentedMap

    yaml = _yaml(sequence=2, offset=0)
    if isinstance(value, Mapping):
        return _dump(yaml, CommentedMap((_scalar(key), plain_node(member)) for key, member in value.items()))
    return _dump(yaml, plain_node(value))


def _yaml(*, sequence: int, offset: int) -> YAML:
    from ruamel.yaml import YAML
    from ruamel.yaml.resolver import VersionedResolver

    class TextResolver(VersionedResolver):
        """Takes every plain scalar for a text, so that each keeps its spelling."""

        @property
        def versioned_resolver(self) -> dict[Any, Any]:
            return {}

    yaml = YAML(typ="rt", pure=True)
    yaml.Resolver = TextResolver
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=sequence, offset=offset)
    return yaml


def _dump(yaml: YAML, document: object) -> str:
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def plain_node(value: Any) -> Any:
    """Gives a plain value as what is written: every scalar in the spelling that the loader reads back."""
    if isinstance(value, Mapping):
        return _block(value)
    if isinstance(value, list | tuple):
        return _list(value)
    return _scalar(value)


def _block(mapping: Mapping[str, Any]) -> CommentedMap:
    from ruamel.yaml.comments import CommentedMap

    block = CommentedMap((_scalar(key), plain_node(value)) for key, value in mapping.items())
    if all(not isinstance(value, Mapping | list | tuple) for value in mapping.values()) and not _is_entry(mapping):
        block.fa.set_flow_style() if len(str(dict(mapping))) <= _FLOW_WIDTH else block.fa.set_block_style()
    return block


def _is_entry(mapping: Mapping[str, Any]) -> bool:
    """Whether this is the manifest itself, its settings or an entry, which always have a line per key."""
    return not mapping.keys().isdisjoint(("version", "name", "begin", "runThreads", "splitDateRange", "beginRun"))


def _list(values: Sequence[Any]) -> Any:
    from ruamel.yaml.comments import CommentedSeq

    sequence = CommentedSeq(plain_node(value) for value in values)
    if not any(isinstance(value, Mapping | list | tuple) for value in values):
        sequence.fa.set_flow_style()
    return sequence


def _scalar(value: Any) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if not value.isprintable():
        return DoubleQuotedScalarString(value)
    is_plain = _PLAIN.fullmatch(value) is not None and _NOT_TEXT.fullmatch(value) is None
    return value if is_plain else SingleQuotedScalarString(value)
