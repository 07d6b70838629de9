"""Faults that answer in the place of the service: refusals, outages, redirects, and 200 with something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit

from ..replies import HTML_TYPE, JSON_TYPE, Call, Reply, content_of, json_reply, page_reply
from .kinds import Answer, Argument, Kind, Scene, Value
from .shapes import body_of, is_json

_STATUSES = {
    400: ("json", "Bad Request"),
    401: ("json", "Unauthorized"),
    403: ("json", "Forbidden"),
    404: ("json", "Not Found"),
    410: ("json", "Gone"),
    416: ("empty", "Range Not Satisfiable"),
    429: ("json", "Too Many Requests"),
    500: ("html", "Internal Server Error"),
    502: ("html", "Bad Gateway"),
    503: ("html", "Service Unavailable"),
    504: ("html", "Gateway Timeout"),
}
_BODIES = ("json", "html", "message", "list", "empty")
MOVED = "/moved"
"""The path below which the service answers too, so that a redirect leads somewhere."""


def _answer_with(status: int, title: str) -> Kind:
    body = _STATUSES[status][0]

    def act(scene: Scene, call: Call, answer: Answer) -> Reply:
        if scene.flag("accepted"):
            answer(call)
        return replace(_refusal(scene, status, title), headers=_retry_after(scene))

    return Kind(
        f"status-{status}",
        f"Answers {status} {title}; `body` says with what",
        arguments=(
            Argument("body", "text", body, _BODIES),
            Argument("code", "whole", 127),
            Argument("text", "text", title),
            Argument("parameter", "text", "token" if status == 401 else ""),
            Argument("retryAfter", "seconds"),
            Argument("retryAfterForm", "text", "seconds", ("seconds", "date")),
            Argument("accepted", "flag", False),
        ),
        act=act,
    )


def _refusal(scene: Scene, status: int, title: str) -> Reply:
    text, body = scene.text("text"), scene.text("body")
    if body == "html":
        return page_reply(status, f"{status} {title}")
    if body == "empty":
        return Reply(status, JSON_TYPE, content_of(b""))
    if body == "message":
        return json_reply({"status": "error", "message": text}, status)
    if body == "list":
        return json_reply([], status)
    error = {"errorCode": scene.whole("code"), "errorMessage": text, "parameter": scene.text("parameter")}
    return json_reply({"errors": [error]}, status)


def _retry_after(scene: Scene) -> tuple[tuple[str, str], ...]:
    if scene.arguments["retryAfter"] is None:
        return ()
    seconds = scene.seconds("retryAfter")
    if scene.text("retryAfterForm") == "date":
        return (("Retry-After", format_datetime(scene.stage.now() + timedelta(seconds=seconds), usegmt=True)),)
    return (("Retry-After", f"{seconds:g}"),)


def _no_content(scene: Scene, call: Call, answer: Answer) -> Reply:
    return Reply(204, JSON_TYPE, content_of(b""))


def _lose_answer(scene: Scene, call: Call, answer: Answer) -> Reply:
    answer(call)
    return page_reply(int(scene.text("status")), "Bad answer from the server behind this one")


def _revoke(scene: Scene, call: Call, answer: Answer) -> Reply:
    scene.revoke()
    return answer(call)


def _redirect(scene: Scene, call: Call, answer: Answer) -> Reply:
    own = urlsplit(scene.stage.url)
    host = f"http://localhost:{own.port}" if scene.text("to") == "other" else f"http://{own.netloc}"
    base = scene.text("base").rstrip("/") or f"{host}{MOVED}"
    token = {"token": scene.stage.token} if scene.flag("token") else {}
    where = f"{base}/api/{call.service}?{urlencode({**call.parameters, **token})}"
    return replace(page_reply(int(scene.text("status")), "Moved"), headers=(("Location", where),))


def _was_not_moved(arguments: Mapping[str, Value | None], call: Call) -> bool:
    return not call.moved


def _page(scene: Scene, call: Call, reply: Reply) -> Reply:
    page = page_reply(200, scene.text("title"))
    return replace(page, headers=reply.headers) if scene.flag("named") else page


def _errors_in_200(scene: Scene, call: Call, reply: Reply) -> Reply:
    error = {"errorCode": scene.whole("code"), "errorMessage": scene.text("text"), "parameter": ""}
    return json_reply({"errors": [error]})


def _busy_in_200(scene: Scene, call: Call, reply: Reply) -> Reply:
    return json_reply({"message": scene.text("message"), "status": scene.text("state")})


def _bad_json(scene: Scene, call: Call, reply: Reply) -> Reply:
    return replace(reply, media_type=JSON_TYPE, content=content_of(scene.text("text").encode()))


def _truncated_json(scene: Scene, call: Call, reply: Reply) -> Reply:
    body = b"".join(reply.content.blocks())
    kept = len(body) // 2 if scene.arguments["bytes"] is None else min(scene.whole("bytes"), len(body) - 1)
    return replace(reply, content=content_of(body[:kept]))


def _is_json(call: Call, reply: Reply) -> bool:
    return reply.media_type == JSON_TYPE and reply.status in (200, 202) and reply.content.length > 1


def _is_ok(call: Call, reply: Reply) -> bool:
    return reply.status == 200


def _empty_for_404(scene: Scene, call: Call, reply: Reply) -> Reply:
    return json_reply([])


def _is_discovery_404(call: Call, reply: Reply) -> bool:
    return reply.status == 404 and reply.media_type != HTML_TYPE


def _404_for_empty(scene: Scene, call: Call, reply: Reply) -> Reply:
    error = {"errorCode": 127, "errorMessage": "Nothing matches", "parameter": ""}
    return json_reply({"errors": [error]}, 404)


def _is_empty_list(call: Call, reply: Reply) -> bool:
    if reply.status != 200 or not is_json(call, reply):
        return False
    body = body_of(reply)
    return body == [] or (isinstance(body, dict) and body.get("files") == [])


KINDS = (
    *(_answer_with(status, title) for status, (_, title) in _STATUSES.items()),
    Kind("no-content", "Answers 204 with nothing", act=_no_content),
    Kind(
        "lost-answer", "Accepts the question, then answers with an outage page",
        arguments=(Argument("status", "text", "502", ("500", "502", "503", "504")),), act=_lose_answer,
    ),
    Kind("token-revoked", "From this question on, every question is answered 401", act=_revoke),
    Kind(
        "redirect", "Redirects to the same host, to another name of it, or to `base`",
        arguments=(
            Argument("to", "text", "same", ("same", "other")),
            Argument("base", "text"),
            Argument("status", "text", "302", ("301", "302", "303", "307", "308")),
            Argument("token", "flag", True),
        ),
        act=_redirect, suits=_was_not_moved,
    ),
    Kind(
        "html-200", "Answers 200 with a page, with or without the headers of the file",
        arguments=(Argument("title", "text", "Scheduled maintenance"), Argument("named", "flag", False)),
        change=_page, fits=_is_ok,
    ),
    Kind(
        "json-error-200", "Answers 200 with the body of an error",
        arguments=(Argument("code", "whole", 127), Argument("text", "text", "Something failed")),
        change=_errors_in_200, fits=_is_ok,
    ),
    Kind(
        "json-busy-200", "Answers 200 with the body of a 202",
        arguments=(Argument("state", "text", "running"), Argument("message", "text", "Running")),
        change=_busy_in_200, fits=_is_ok,
    ),
    Kind(
        "bad-json", "Puts text that is no JSON in the place of JSON",
        arguments=(Argument("text", "text", '{"dpRequestId": ,}'),), change=_bad_json, fits=_is_json,
    ),
    Kind(
        "truncated-json", "Ends JSON after so many bytes (half of them) as if that were all",
        arguments=(Argument("bytes", "whole"),), change=_truncated_json, fits=_is_json,
    ),
    Kind(
        "empty-list-for-404", "Answers 200 with `[]` where discovery has 404",
        on=("locations", "locations/*", "deployments", "device*", "properties", "dataProducts"),
        change=_empty_for_404, fits=_is_discovery_404,
    ),
    Kind(
        "404-for-empty-list", "Answers 404 where a list would be empty", change=_404_for_empty, fits=_is_empty_list,
    ),
)  # fmt: skip
"""The faults of this module."""
