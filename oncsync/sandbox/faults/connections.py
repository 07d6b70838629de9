"""Faults of the connection and of how a body travels."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from ..replies import Call, Content, Reply
from .kinds import Answer, Argument, Kind, Scene, Value

_ACCEPTED = Argument("accepted", "flag", False)


def _hang_up(scene: Scene, call: Call, answer: Answer, by: Literal["close", "reset"]) -> Reply:
    reply = answer(call) if scene.flag("accepted") else Reply(0, "", Content(0, lambda: iter(())))
    return replace(reply, manner=replace(reply.manner, hang_up=by))


def _close(scene: Scene, call: Call, answer: Answer) -> Reply:
    return _hang_up(scene, call, answer, "close")


def _reset(scene: Scene, call: Call, answer: Answer) -> Reply:
    return _hang_up(scene, call, answer, "reset")


def _refuse(scene: Scene, call: Call, answer: Answer) -> Reply:
    reply = _hang_up(scene, call, answer, "reset")
    return replace(reply, manner=replace(reply.manner, away=scene.seconds()))


def _delay(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, manner=replace(reply.manner, delay=reply.manner.delay + scene.seconds()))


def _has_body(call: Call, reply: Reply) -> bool:
    return call.method == "GET" and reply.content.length > 0 and reply.status not in (0, 204)


def _is_whole(call: Call, reply: Reply) -> bool:
    return _has_body(call, reply) and reply.status == 200


def _inside(scene: Scene, reply: Reply) -> int:
    """Gives the asked offset, or the last one inside the body."""
    return min(scene.whole("bytes"), reply.content.length - 1)


def _cut(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, manner=replace(reply.manner, cut=_inside(scene, reply)))


def _reset_inside(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, manner=replace(reply.manner, cut=_inside(scene, reply), cut_by="reset"))


def _stall(scene: Scene, call: Call, reply: Reply) -> Reply:
    ends = scene.text("then") == "close"
    at = _inside(scene, reply)
    return replace(reply, manner=replace(reply.manner, stall=at, stall_seconds=scene.seconds(), stall_ends=ends))


def _drip(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, manner=replace(reply.manner, piece=scene.whole("bytes"), piece_seconds=scene.seconds()))


def _shorten(scene: Scene, call: Call, reply: Reply) -> Reply:
    whole, length = reply.content, _inside(scene, reply)
    return replace(reply, content=Content(length, lambda: _first(whole.blocks(), length)))


def _first(blocks: Iterator[bytes], length: int) -> Iterator[bytes]:
    for block in blocks:
        if length <= 0:
            return
        yield block[:length]
        length -= len(block)


def _empty(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, content=Content(0, lambda: iter(())))


def _lengthen(scene: Scene, call: Call, reply: Reply) -> Reply:
    whole, more = reply.content, scene.whole("bytes")
    longer = Content(whole.length + more, lambda: itertools.chain(whole.blocks(), iter((b"#" * more,))))
    return replace(reply, content=longer, manner=replace(reply.manner, announced=whole.length))


def _announce(scene: Scene, call: Call, reply: Reply) -> Reply:
    announced = max(0, reply.content.length + scene.whole("by"))
    return replace(reply, manner=replace(reply.manner, announced=announced))


def _no_length(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, manner=replace(reply.manner, framing="none"))


def _chunked(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, manner=replace(reply.manner, framing="chunked"))


def _gzip(scene: Scene, call: Call, reply: Reply) -> Reply:
    """Codes while it sends; the length is found by coding once before."""
    plain = reply.content
    length = sum(map(len, _coded(plain.blocks())))
    coded = Content(length, lambda: _coded(plain.blocks()))
    return replace(reply, content=coded, headers=(*reply.headers, ("Content-Encoding", "gzip")))


def _may_be_coded(arguments: Mapping[str, Value | None], call: Call) -> bool:
    return arguments["unasked"] is True or "gzip" in call.headers.get("accept-encoding", "")


def _coded(blocks: Iterator[bytes]) -> Iterator[bytes]:
    coder = zlib.compressobj(wbits=31)
    for block in blocks:
        yield coder.compress(block)
    yield coder.flush()


_BYTES = Argument("bytes", "whole", 1000)

KINDS = (
    Kind(
        "connection-refused",
        "Resets the connection, then nobody listens for so many seconds",
        arguments=(Argument("seconds", "seconds", 1.0), _ACCEPTED),
        act=_refuse,
    ),
    Kind(
        "close-before-answer",
        "Closes the connection without an answer, before or after the question is accepted",
        arguments=(_ACCEPTED,),
        act=_close,
    ),
    Kind(
        "reset-before-answer",
        "Resets the connection without an answer, before or after the question is accepted",
        arguments=(_ACCEPTED,),
        act=_reset,
    ),
    Kind("delay", "Waits before the first byte", arguments=(Argument("seconds", "seconds", 1.0),), change=_delay),
    Kind(
        "reset-mid-body", "Resets the connection after so many bytes", arguments=(_BYTES,), change=_reset_inside,
        fits=_has_body,
    ),
    Kind(
        "truncated-body", "Announces the whole body, closes after so many bytes", arguments=(_BYTES,), change=_cut,
        fits=_is_whole,
    ),
    Kind(
        "short-body", "Sends so many bytes of the body as if that were all", arguments=(_BYTES,), change=_shorten,
        fits=_is_whole,
    ),
    Kind("empty-body", "Sends no byte, and says so", change=_empty, fits=_is_whole),
    Kind(
        "long-body", "Sends so many bytes more than it announces", arguments=(_BYTES,), change=_lengthen,
        fits=_is_whole,
    ),
    Kind(
        "wrong-length", "Announces so many bytes more (or, negative, fewer) than it sends",
        arguments=(Argument("by", "whole", 100, least=-(1 << 31)),), change=_announce, fits=_is_whole,
    ),
    Kind("no-length", "Sends no Content-Length; the end of the connection ends the body", change=_no_length,
         fits=_has_body),
    Kind("chunked", "Sends the body in chunks, without Content-Length", change=_chunked, fits=_has_body),
    Kind(
        "stall", "Falls silent after so many bytes, then goes on or closes",
        arguments=(
            Argument("bytes", "whole", 0),
            Argument("seconds", "seconds", 5.0),
            Argument("then", "text", "go-on", ("go-on", "close")),
        ),
        change=_stall, fits=_has_body,
    ),
    Kind(
        "slow-drip", "Sends the body in small pieces with a pause after each",
        arguments=(Argument("bytes", "whole", 1000, least=1), Argument("seconds", "seconds", 0.05)),
        change=_drip, fits=_has_body,
    ),
    Kind(
        "gzip", "Codes the body with gzip, asked or not; without `unasked` only for who accepts it",
        arguments=(Argument("unasked", "flag", True),), change=_gzip,
        suits=_may_be_coded, fits=_has_body,
    ),
)  # fmt: skip
"""The faults of this module."""
