"""Faults of the shape of JSON answers: types, members, messages, and the paging of lists."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlencode

from ..replies import JSON_TYPE, Call, Reply, content_of, json_reply
from ..times import written
from .kinds import Answer, Argument, Kind, Scene, Value

_LISTS = ("archivefile/location", "archivefile/device", "dataAvailability/*")
_WARNING = "Some of these data are restricted and were left out"


def is_json(call: Call, reply: Reply) -> bool:
    """Says whether an answer is JSON of a question that was taken, and no fault before has made it unreadable."""
    if reply.media_type != JSON_TYPE or reply.status not in (200, 202):
        return False
    try:
        body_of(reply)
    except ValueError:
        return False
    return True


def body_of(reply: Reply) -> Any:
    """Reads the JSON of an answer."""
    return json.loads(b"".join(reply.content.blocks()))


def with_body(reply: Reply, body: object) -> Reply:
    """Gives an answer another JSON body."""
    return replace(reply, content=json_reply(body).content)


def _mapped(value: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """Changes every member that is no list and no object; members of a list have the name of the list."""
    if isinstance(value, dict):
        return {key: _mapped(member, change, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_mapped(member, change, name) for member in value]
    return change(name, value)


def _everywhere(change: Callable[[Any], Any]) -> Callable[[Scene, Call, Reply], Reply]:
    def act(scene: Scene, call: Call, reply: Reply) -> Reply:
        names = scene.texts("members")

        def chosen(name: str, value: Any) -> Any:
            return change(value) if not names or name in names else value

        return with_body(reply, _mapped(body_of(reply), chosen))

    return act


def _truth_as_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _text_as_truth(value: Any) -> Any:
    return value == "true" if value in ("true", "false") else value


def _number_as_text(value: Any) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return json.dumps(value) if is_number else value


def _without_fraction(value: Any) -> Any:
    return re.sub(r"(T\d\d:\d\d:\d\d)\.000Z", r"\1Z", value) if isinstance(value, str) else value


def _in_objects(change: Callable[[dict[str, Any], tuple[str, ...]], None]) -> Callable[[Scene, Call, Reply], Reply]:
    def visit(value: Any, names: tuple[str, ...]) -> None:
        for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            visit(member, names)
        if isinstance(value, dict):
            change(value, names)

    def act(scene: Scene, call: Call, reply: Reply) -> Reply:
        body = body_of(reply)
        visit(body, scene.texts("members"))
        return with_body(reply, body)

    return act


def _drop(row: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        row.pop(name, None)


def _blank(row: dict[str, Any], names: tuple[str, ...]) -> None:
    row.update((name, None) for name in names if name in row)


def _add(row: dict[str, Any], names: tuple[str, ...]) -> None:
    row.update((name, {"since": 2027, "of": []}) for name in names)


def _warn(scene: Scene, call: Call, reply: Reply) -> Reply:
    body = body_of(reply)
    member = scene.text("member")
    return with_body(reply, body | {member: [*(body.get(member) or ()), scene.text("text")]})


def _is_object(call: Call, reply: Reply) -> bool:
    return is_json(call, reply) and reply.status == 200 and isinstance(body_of(reply), dict)


def _is_list(call: Call, reply: Reply) -> bool:
    return _is_object(call, reply) and "next" in body_of(reply)


def _repeat_next(scene: Scene, call: Call, reply: Reply) -> Reply:
    """Points to page 2 from every page, page 2 included."""
    parameters = {**call.parameters, "token": scene.stage.token, "page": "2"}
    url = f"{scene.stage.url}api/{call.service}?{urlencode(parameters)}"
    return with_body(reply, body_of(reply) | {"next": {"parameters": parameters, "url": url}})


def _next_elsewhere(scene: Scene, call: Call, reply: Reply) -> Reply:
    body = body_of(reply)
    if body["next"] is not None:
        body["next"]["url"] = re.sub(r"^https?://[^/]+/", scene.text("base"), body["next"]["url"])
    return with_body(reply, body)


def _is_later_page(arguments: Mapping[str, Value | None], call: Call) -> bool:
    return call.parameters.get("page", "1") != "1"


def _refuse_page(scene: Scene, call: Call, answer: Answer) -> Reply:
    deployed = "A device of this category was deployed here, but not during the provided time range"
    future = "Invalid Time Range, Start Time is in the future."
    code, text = (25, future) if scene.text("form") == "future" else (127, deployed)
    return json_reply({"errors": [{"errorCode": code, "errorMessage": text, "parameter": "dateFrom"}]}, 400)


def _shorten_pages(scene: Scene, call: Call, answer: Answer) -> Reply:
    """Asks the service for short pages, and hides it: the answer repeats the limit that was asked for."""
    asked = call.parameters.get("rowLimit")
    reply = answer(replace(call, parameters={**call.parameters, "rowLimit": str(scene.whole("rows"))}))
    if not _is_list(call, reply):
        return reply

    def restored(name: str, value: Any) -> Any:
        if name.lower() not in ("url", "queryurl") or not isinstance(value, str):
            return value
        if asked is not None:
            return re.sub(r"rowLimit=\d+", f"rowLimit={asked}", value)
        return re.sub(r"(?<=[?&])rowLimit=\d+&|&rowLimit=\d+$", "", value)

    body = _mapped(body_of(reply), restored)
    if body["next"] is not None:
        parameters = body["next"]["parameters"]
        _drop(parameters, ("rowLimit",))
        parameters.update({} if asked is None else {"rowLimit": asked})
    return with_body(reply, body)


def _archive_again(scene: Scene, call: Call, reply: Reply) -> Reply:
    """Makes files longer, and has listings say when that happened and how long they are now."""
    more, match = scene.whole("bytes"), scene.text("match")
    if call.service.endswith("/download"):
        if not fnmatchcase(call.parameters.get("filename", ""), match) or reply.status != 200:
            return reply
        whole = b"".join(reply.content.blocks())
        return replace(reply, content=content_of(whole + b"#" * more))
    body, now = body_of(reply), written(scene.stage.now())
    for row in body.get("files", ()):
        if isinstance(row, dict) and fnmatchcase(row.get("filename", ""), match):
            row |= {"archivedDate": now, "modifyDate": now}
            sizes = [name for name in ("fileSize", "uncompressedFileSize") if isinstance(row.get(name), int)]
            row |= {name: row[name] + more for name in sizes}
    return with_body(reply, body)


def _is_archive_answer(call: Call, reply: Reply) -> bool:
    return call.service.endswith("/download") or _is_object(call, reply)


_MEMBERS = Argument("members", "texts", ())
KINDS = (
    Kind("booleans-as-text", "Writes true and false as text", arguments=(_MEMBERS,),
         change=_everywhere(_truth_as_text), fits=is_json),
    Kind("text-as-booleans", 'Writes the texts "true" and "false" as booleans', arguments=(_MEMBERS,),
         change=_everywhere(_text_as_truth), fits=is_json),
    Kind("numbers-as-text", "Writes numbers as text", arguments=(_MEMBERS,),
         change=_everywhere(_number_as_text), fits=is_json),
    Kind("dates-without-fraction", "Writes instants without milliseconds", arguments=(_MEMBERS,),
         change=_everywhere(_without_fraction), fits=is_json),
    Kind("missing-members", "Leaves members out, at every level",
         arguments=(Argument("members", "texts", ("citation", "citations")),), change=_in_objects(_drop), fits=is_json),
    Kind("null-members", "Makes members null, at every level",
         arguments=(Argument("members", "texts", ("depth", "lat", "lon")),), change=_in_objects(_blank), fits=is_json),
    Kind("new-members", "Adds members that nobody knows, at every level",
         arguments=(Argument("members", "texts", ("addedLater",)),), change=_in_objects(_add), fits=is_json),
    Kind(
        "restricted-message", "Adds a message that speaks of restriction",
        on=("dataProductDelivery/request", *_LISTS),
        arguments=(
            Argument("member", "text", "messages", ("messages", "warningMessages")),
            Argument("text", "text", _WARNING),
        ),
        change=_warn, fits=_is_object,
    ),
    Kind("next-repeats", "Points to page 2 from every page of a list", on=_LISTS, change=_repeat_next, fits=_is_list),
    Kind("next-elsewhere", "Writes another host into the address of the next page", on=_LISTS,
         arguments=(Argument("base", "text", "http://localhost:9/"),), change=_next_elsewhere, fits=_is_list),
    Kind(
        "page-refused", "Answers a later page with a 400 that would mean that there are no data", on=_LISTS,
        arguments=(Argument("form", "text", "deployment", ("deployment", "future")),),
        act=_refuse_page, suits=_is_later_page,
    ),
    Kind("short-pages", "Makes pages of so many rows, whatever limit was asked for", on=_LISTS,
         arguments=(Argument("rows", "whole", 2, least=1),), act=_shorten_pages),
    Kind(
        "archived-again", "Makes archive files longer by so many bytes and their listing newer", on=("archivefile/*",),
        arguments=(Argument("bytes", "whole", 64), Argument("match", "text", "*")),
        change=_archive_again, fits=_is_archive_answer,
    ),
)  # fmt: skip
"""The faults of this module."""
