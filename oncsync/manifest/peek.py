"""Looks into a manifest for the server alone, so that codes can be looked up while the rest is being written."""

from __future__ import annotations

from pathlib import Path

from oncsync.errors import InputError
from oncsync.manifest.load import MAX_MANIFEST_BYTES
from oncsync.manifest.mistakes import Mistakes, UnreadableError
from oncsync.manifest.nodes import MapNode, Scalar, read_nodes
from oncsync.manifest.server import checked_server
from oncsync.manifest.source import decode, read_limited, shown_path
from oncsync.manifest.variables import Variables


def peek_server(path: Path) -> str:
    """Gives the server that a manifest names, `production` when it names none; the rest of it may be wrong.

    Raises `InputError` when the file cannot be read, is no YAML, or names something that is no server.
    """
    name = shown_path(path)
    mistakes = Mistakes()
    try:
        root = read_nodes(decode(read_limited(path, MAX_MANIFEST_BYTES, name), name), name, mistakes)
    except UnreadableError as error:
        raise InputError(f"{error.place}: {error.message}", hint=error.hint) from None
    if not isinstance(root, MapNode):
        mistakes.raise_any(f"The manifest `{name}`", [name])
        return "production"
    written = root.get("server")
    if not isinstance(written, Scalar) or written.is_empty:
        return "production"
    return checked_server(Variables(root, {}, mistakes).expand(written), f"`server` of `{name}`")
