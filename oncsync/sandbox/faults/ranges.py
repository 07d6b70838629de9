"""Faults of ranges and validators; without them the service ignores `Range` and has no `ETag` (onc-api.md 1.6)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..replies import JSON_TYPE, Call, Content, Reply, content_of
from .kinds import Argument, Kind, Scene, Value

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_SERVICES = ("dataProductDelivery/download", "archivefile/download")


def _asks_for_a_range(arguments: Mapping[str, Value | None], call: Call) -> bool:
    found = _RANGE.fullmatch(call.headers.get("range", ""))
    return found is not None and found.groups() != ("", "")


def _is_whole_file(call: Call, reply: Reply) -> bool:
    return reply.status == 200 and reply.content.length > 0


def _asked_range(call: Call, length: int) -> tuple[int, int]:
    """Gives the first byte asked for and the one after the last; an empty range cannot be satisfied."""
    found = _RANGE.fullmatch(call.headers["range"])
    assert found is not None
    first, last = found.groups()
    if first == "":
        return max(0, length - int(last)), length
    return int(first), min(length, int(last) + 1) if last else length


def _slice(content: Content, begin: int, end: int) -> Content:
    return Content(end - begin, lambda: _between(content.blocks(), begin, end))


def _between(blocks: Iterator[bytes], begin: int, end: int) -> Iterator[bytes]:
    at = 0
    for block in blocks:
        piece = block[max(0, begin - at) : max(0, end - at)]
        at += len(block)
        if piece:
            yield piece
        if at >= end:
            return


def _part(reply: Reply, begin: int, end: int, told: str | None) -> Reply:
    header = () if told is None else (("Content-Range", told),)
    return replace(reply, status=206, content=_slice(reply.content, begin, end), headers=(*reply.headers, *header))


def _honour(scene: Scene, call: Call, reply: Reply) -> Reply:
    length = reply.content.length
    condition = call.headers.get("if-range")
    if condition is not None and condition != dict(reply.headers).get("ETag"):
        return reply
    begin, end = _asked_range(call, length)
    if begin >= end:
        told = (("Content-Range", f"bytes */{length}"),)
        return Reply(416, JSON_TYPE, content_of(b""), told)
    return _part(reply, begin, end, f"bytes {begin}-{end - 1}/{length}")


def _mistake(scene: Scene, call: Call, reply: Reply) -> Reply:
    """Answers 206 with something else than the range that was asked for."""
    length, form = reply.content.length, scene.text("form")
    begin, end = _asked_range(call, length)
    begin = min(begin, length - 1)
    end = max(end, begin + 1)
    if form == "earlier":
        begin = max(0, begin - scene.whole("by"))
    elif form == "later":
        begin = min(end - 1, begin + scene.whole("by"))
    elif form == "whole":
        begin, end = 0, length
    total = length + scene.whole("by") if form == "total" else length
    told = None if form == "untold" else f"bytes {begin}-{end - 1}/{total}"
    if form == "shifted":
        shift = scene.whole("by")
        return _part(reply, max(0, begin - shift), max(1, end - shift), told)
    return _part(reply, begin, end, told)


def _tag(scene: Scene, call: Call, reply: Reply) -> Reply:
    name = f"{call.service} {sorted(call.parameters.items())} {reply.content.length}"
    return replace(reply, headers=(*reply.headers, ("ETag", f'"{hashlib.sha256(name.encode()).hexdigest()[:16]}"')))


def _change_tag(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, headers=(*reply.headers, ("ETag", f'"version-{scene.tally()}"')))


KINDS = (
    Kind(
        "honour-range", "Answers a range with 206, or 416 when it lies outside; heeds If-Range",
        on=_SERVICES, change=_honour, suits=_asks_for_a_range, fits=_is_whole_file,
    ),
    Kind(
        "wrong-range", "Answers a range with 206 and another range, other bytes, another total or no Content-Range",
        on=_SERVICES,
        arguments=(
            Argument("form", "text", "earlier", ("earlier", "later", "whole", "total", "untold", "shifted")),
            Argument("by", "whole", 10, least=1),
        ),
        change=_mistake, suits=_asks_for_a_range, fits=_is_whole_file,
    ),
    Kind("etag", "Sends an ETag, the same for the same file", on=_SERVICES, change=_tag, fits=_is_whole_file),
    Kind("changed-etag", "Sends another ETag with every answer", on=_SERVICES, change=_change_tag,
         fits=_is_whole_file),
)  # fmt: skip
"""The faults of this module."""
