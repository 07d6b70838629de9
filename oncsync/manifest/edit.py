"""Writes a new manifest, and replaces the requests of one that stands, its comments kept.

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
from oncsync.errors import InputError
from oncsync.manifest.mapping import request_mapping
from oncsync.manifest.mistakes import Mistakes, UnreadableError
from oncsync.manifest.model import Request
from oncsync.manifest.nodes import ListNode, MapNode, Scalar, read_nodes
from oncsync.manifest.rows import append_rows, format_rows, rows_file
from oncsync.manifest.source import decode, read_limited, shown_path

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

_MAX_BYTES = 64 * 1024 * 1024
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


def replace_requests(path: Path, requests: Sequence[Request]) -> None:
    """Replaces the exact requests of the manifest at `path`, or of the file it names, and keeps everything else.

    Raises `ProblemsError` when the manifest cannot be read as YAML.
    """
    _edit_requests(path, requests, is_append=False)


def append_requests(path: Path, requests: Sequence[Request]) -> None:
    """Adds exact requests behind those of the manifest at `path`, or of the file it names; what is there stays.

    Raises `ProblemsError` when the manifest cannot be read as YAML.
    """
    _edit_requests(path, requests, is_append=True)


def _edit_requests(path: Path, requests: Sequence[Request], *, is_append: bool) -> None:
    content, text, root = _read(path)
    rows = _named_file(root, path)
    if rows is not None:
        lines = decode(read_limited(rows, _MAX_BYTES, shown_path(rows)), shown_path(rows)) if is_append else ""
        write_atomic(rows, (append_rows(lines, requests) if lines else format_rows(requests)).encode())
        return
    yaml = _yaml(**_indentation(text))
    document = yaml.load(text)
    added = _plain([request_mapping(request) for request in requests])
    present = root.get("requests")
    if is_append and isinstance(present, ListNode) and present.items:
        document["requests"].extend(added)
    else:
        document["requests"] = added
    written = _dump(yaml, document)
    if b"\r\n" in content:
        written = written.replace("\n", "\r\n")
    write_atomic(path.resolve(), written.encode())


def _read(path: Path) -> tuple[bytes, str, MapNode]:
    """Gives a manifest's bytes, text and nodes."""
    name = shown_path(path)
    mistakes = Mistakes()
    content = read_limited(path, _MAX_BYTES, name)
    try:
        text = decode(content, name)
        root = read_nodes(text, name, mistakes)
    except UnreadableError as error:
        mistakes.add(error.place, error.message, error.hint)
    mistakes.raise_any(f"The manifest `{name}`")
    if not isinstance(root, MapNode):
        raise InputError(f"The manifest `{name}` is empty", hint="`oncsync init` writes one to start from")
    return content, text, root


def _named_file(root: MapNode, path: Path) -> Path | None:
    requests = root.get("requests")
    file = requests.get("file") if isinstance(requests, MapNode) else None
    return rows_file(path, file.text) if isinstance(file, Scalar) else None


def _indentation(text: str) -> dict[str, int]:
    """Gives how the lists of a text are indented, so that an edit moves nothing."""
    match = re.search(r"^(downloads|requests):[^\n]*\n(?:[ ]*(?:#[^\n]*)?\n)*([ ]*)- ", text, re.MULTILINE)
    offset = len(match[2]) if match else 2
    return {"sequence": offset + 2, "offset": offset}


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


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _block(value)
    if isinstance(value, list | tuple):
        return _list(value)
    return _scalar(value)


def _block(mapping: Mapping[str, Any]) -> CommentedMap:
    from ruamel.yaml.comments import CommentedMap

    block = CommentedMap((_scalar(key), _plain(value)) for key, value in mapping.items())
    if all(not isinstance(value, Mapping | list | tuple) for value in mapping.values()) and not _is_entry(mapping):
        block.fa.set_flow_style() if len(str(dict(mapping))) <= _FLOW_WIDTH else block.fa.set_block_style()
    return block


def _is_entry(mapping: Mapping[str, Any]) -> bool:
    """Whether this is the manifest itself, its settings or an entry, which always have a line per key."""
    return not mapping.keys().isdisjoint(("version", "name", "begin", "runThreads", "splitDateRange", "beginRun"))


def _list(values: Sequence[Any]) -> Any:
    from ruamel.yaml.comments import CommentedSeq

    sequence = CommentedSeq(_plain(value) for value in values)
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
