"""Faults of the name of a file (onc-api.md 1.6): its spelling in `Content-Disposition`, and hostile names."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from ..replies import Call, Reply
from .kinds import Argument, Kind, Scene

_HEADER = "Content-Disposition"
_SERVICES = ("dataProductDelivery/download", "archivefile/download")
HOSTILE = {
    "parent": "../../escaped-{name}",
    "absolute": "/escaped-{name}",
    "backslash": "..\\..\\escaped-{name}",
    "drive": "C:\\escaped-{name}",
    "nul": "nul\x00{name}",
    "control": "bell\x07escape\x1b[31m{name}",
    "reserved": "CON.{extension}",
    "reserved-port": "com1.{extension}",
    "overlong": "{long}{name}",
    "trailing-dot": "{name}. .",
    "dots": "..",
    "blank": " ",
    "partial": ".oncsync",
    "colon": "{name}:stream",
}
"""Names that no client may write as they are; `{name}` is the file's own."""


def _name_of(reply: Reply) -> str:
    """Gives the file name of an answer; the empty text when it names none."""
    value = dict(reply.headers).get(_HEADER, "")
    return value.rpartition("filename=")[2].strip('"')


def _names_a_file(call: Call, reply: Reply) -> bool:
    return reply.status in (200, 206) and _name_of(reply) != ""


def _with(reply: Reply, *values: str) -> Reply:
    headers = tuple(header for header in reply.headers if header[0] != _HEADER)
    # Headers are sent in Latin-1: other letters go out as the bytes of UTF-8, as careless servers send them.
    coded = ((_HEADER, value.encode().decode("latin-1")) for value in values)
    return replace(reply, headers=(*headers, *coded))


def _quote(scene: Scene, call: Call, reply: Reply) -> Reply:
    return _with(reply, f'attachement; filename="{_name_of(reply)}"')


def _extend(scene: Scene, call: Call, reply: Reply) -> Reply:
    name = _name_of(reply)
    plain = f"filename={name}; " if scene.flag("plain") else ""
    return _with(reply, f"attachement; {plain}filename*=UTF-8''{quote(name, safe='')}")


def _spell(scene: Scene, call: Call, reply: Reply) -> Reply:
    return _with(reply, f"attachment; filename={_name_of(reply)}")


def _withhold(scene: Scene, call: Call, reply: Reply) -> Reply:
    return _with(reply)


def _rename(scene: Scene, call: Call, reply: Reply) -> Reply:
    return _with(reply, f"attachement; filename={scene.text('name').replace('{name}', _name_of(reply))}")


def _endanger(scene: Scene, call: Call, reply: Reply) -> Reply:
    name = HOSTILE[scene.text("form")].format(**_parts(reply))
    return _with(reply, f"attachement; filename={name}")


def _parts(reply: Reply) -> dict[str, str]:
    name = _name_of(reply)
    return {"name": name, "extension": name.rpartition(".")[2], "long": "x" * 300}


def _kind(name: str, text: str, *arguments: Argument, change: object) -> Kind:
    assert callable(change)
    return Kind(name, text, on=_SERVICES, arguments=arguments, change=change, fits=_names_a_file)


KINDS = (
    _kind("quoted-name", "Puts the file name in quotes", change=_quote),
    _kind(
        "extended-name", "Gives the file name as `filename*=`, alone or beside the plain one",
        Argument("plain", "flag", False), change=_extend,
    ),
    _kind("attachment-spelling", "Spells `attachment` right", change=_spell),
    _kind("no-name", "Names no file", change=_withhold),
    _kind(
        "other-name", "Gives the file another name; `{name}` stands for its own",
        Argument("name", "text", "other-{name}"), change=_rename,
    ),
    _kind(
        "hostile-name", "Gives the file a name that must not be written as it is",
        Argument("form", "text", "parent", tuple(HOSTILE)), change=_endanger,
    ),
)  # fmt: skip
"""The faults of this module."""
