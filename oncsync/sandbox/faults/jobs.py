"""Faults of orders, their runs and their files (onc-api.md section 3)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..content import Delivered, ProductFile
from ..delivery import Layout
from ..orders import Order
from ..replies import JSON_TYPE, Call, RefusedRequest, Reply, content_of, json_reply, page_reply
from ..times import Span
from .kinds import Answer, Argument, Kind, Scene, Value
from .shapes import body_of, is_json, with_body

_RUN, _DOWNLOAD = "dataProductDelivery/run", "dataProductDelivery/download"
_BOTH = (_RUN, _DOWNLOAD)
LayOut = Callable[[Order], Delivered]


def _waiting(text: str, state: str = "running") -> Reply:
    return json_reply({"message": text, "status": state}, 202)


def _is_told(call: Call, reply: Reply) -> bool:
    """Says whether an answer tells of runs, or of a file of one."""
    if call.service == _RUN:
        return is_json(call, reply) and isinstance(body_of(reply), list)
    return reply.status in (200, 202, 204, 404)


def _relabelled(reply: Reply, status: int, state: str) -> Reply:
    rows = [row | {"status": state, "fileCount": 0} for row in body_of(reply)]
    return json_reply(rows, status)


# --- States --------------------------------------------------------------------------------------------------------


def _fail(scene: Scene, call: Call, reply: Reply) -> Reply:
    if scene.tally() <= scene.whole("polls"):
        return reply
    form, text = scene.text("form"), scene.text("state")
    if form == "download":
        return json_reply({"message": "The run failed", "status": text}, 202)
    return _relabelled(reply, int(form), text)


def _is_failing(arguments: Mapping[str, Value | None], call: Call) -> bool:
    return call.service == (_DOWNLOAD if arguments["form"] == "download" else _RUN)


def _rename_state(scene: Scene, call: Call, reply: Reply) -> Reply:
    if reply.status != int(scene.text("form")):
        return reply
    return with_body(reply, [row | {"status": scene.text("state")} for row in body_of(reply)])


def _never_end(scene: Scene, call: Call, reply: Reply) -> Reply:
    state = scene.text("state")
    if call.service == _RUN:
        return _relabelled(reply, 202, state)
    return _waiting("Running", "queued" if state == "queued" else "running")


def _cancel(scene: Scene, call: Call, answer: Answer) -> Reply:
    if scene.tally() == scene.whole("polls") + 1 and scene.request_id is not None:
        with contextlib.suppress(RefusedRequest):
            scene.stage.deliveries.cancel(scene.request_id)
    return answer(call)


def _run_anew(scene: Scene, call: Call, answer: Answer) -> Reply:
    if scene.request_id is not None:
        with contextlib.suppress(RefusedRequest):
            scene.stage.deliveries.renew(scene.request_id)
    return answer(call)


def _forget(scene: Scene, call: Call, answer: Answer) -> Reply:
    scene.stage.deliveries.forget()
    return answer(call)


# --- Counts and ends -----------------------------------------------------------------------------------------------


def _counts(change: Callable[[dict[str, Any], int], Any]) -> Callable[[Scene, Call, Reply], Reply]:
    def act(scene: Scene, call: Call, reply: Reply) -> Reply:
        rows = body_of(reply)
        for row in rows:
            change(row, scene.whole("by") if "by" in scene.arguments else 0)
        return with_body(reply, rows)

    return act


def _fewer(row: dict[str, Any], by: int) -> None:
    row["fileCount"] = max(0, row["fileCount"] - by)


def _more(row: dict[str, Any], by: int) -> None:
    row["fileCount"] += by


def _none(row: dict[str, Any], by: int) -> None:
    row["fileCount"] = None


def _is_complete(call: Call, reply: Reply) -> bool:
    rows = body_of(reply) if reply.status == 200 and is_json(call, reply) else None
    return isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("fileCount"), int) for row in rows
    )


def _is_file(call: Call, reply: Reply) -> bool:
    return reply.status == 200


def _is_end(call: Call, reply: Reply) -> bool:
    return reply.status == 404


def _end(scene: Scene, call: Call, reply: Reply) -> Reply:
    status = int(scene.text("status"))
    return Reply(204, JSON_TYPE, content_of(b"")) if status == 204 else replace(reply, status=status)


# --- Waits ---------------------------------------------------------------------------------------------------------


def _synchronize(scene: Scene, call: Call, reply: Reply) -> Reply:
    """Holds a file back for some seconds from when it was first asked for and there."""
    now = scene.stage.clock()
    since = scene.memory.setdefault(f"{call.parameters.get('dpRunId')} {call.parameters.get('index')}", now)
    return reply if now - since >= scene.seconds() else _never_synchronize(scene, call, reply)


def _never_synchronize(scene: Scene, call: Call, reply: Reply) -> Reply:
    name = dict(reply.headers).get("Content-Disposition", "").rpartition("filename=")[2]
    return _waiting(f"Search complete, waiting on the file system to synchronize ({name})")


def _is_metadata(arguments: Mapping[str, Value | None], call: Call) -> bool:
    return call.parameters.get("index") == "meta"


def _is_data(arguments: Mapping[str, Value | None], call: Call) -> bool:
    return not _is_metadata(arguments, call)


def _no_metadata(scene: Scene, call: Call, reply: Reply) -> Reply:
    return json_reply({"errors": [{"errorCode": 127, "errorMessage": "No such file", "parameter": "index"}]}, 404)


def _metadata_down(scene: Scene, call: Call, reply: Reply) -> Reply:
    return page_reply(503, "503 Service Unavailable")


# --- What runs deliver ---------------------------------------------------------------------------------------------


def _parts(order: Order, count: int) -> Iterator[Order]:
    """Yields the order divided into spans of equal length."""
    begin, length = order.span.begin, (order.span.end - order.span.begin) / count
    for number in range(count):
        yield replace(order, span=Span(begin + number * length, begin + (number + 1) * length))


def _renamed(files: tuple[ProductFile, ...], names: list[str]) -> tuple[ProductFile, ...]:
    return tuple(replace(file, name=names[min(at, len(names) - 1)]) for at, file in enumerate(files))


def _divided(lay_out: LayOut, order: Order, count: int, *, equal_names: bool) -> tuple[Layout, ...]:
    def layout(part: Order) -> Delivered:
        delivered = lay_out(part)
        names = [file.name for file in lay_out(order).files]
        return replace(delivered, files=_renamed(delivered.files, names)) if equal_names and names else delivered

    return tuple((lambda part=part: layout(part)) for part in _parts(order, count))


def _doubled(lay_out: LayOut, order: Order) -> Delivered:
    """Gives the files of both halves of an order, all under the name of the first."""
    halves = [lay_out(part) for part in _parts(order, 2)]
    files = tuple(file for half in halves for file in half.files)
    return Delivered(_renamed(files, [file.name for file in files[:1]]), lay_out(order).metadata)


def _divide(equal_names: bool) -> Callable[[Scene, Call, Answer], Reply]:
    def act(scene: Scene, call: Call, answer: Answer) -> Reply:
        count = scene.whole("count")
        return _arranged(scene, call, answer, lambda lay_out, order: _divided(
            lay_out, order, count, equal_names=equal_names
        ))  # fmt: skip

    return act


def _double(scene: Scene, call: Call, answer: Answer) -> Reply:
    return _arranged(scene, call, answer, lambda lay_out, order: ((lambda: _doubled(lay_out, order)),))


def _reorder(scene: Scene, call: Call, answer: Answer) -> Reply:
    looks = itertools.count()

    def layouts(lay_out: LayOut, order: Order) -> tuple[Layout, ...]:
        def layout() -> Delivered:
            delivered = lay_out(order)
            is_turned = next(looks) % 2 == 1
            return replace(delivered, files=delivered.files[::-1]) if is_turned else delivered

        return (layout,)

    return _arranged(scene, call, answer, layouts)


def _deliver_nothing(scene: Scene, call: Call, answer: Answer) -> Reply:
    reply = _arranged(scene, call, answer, lambda lay_out, order: ((lambda: Delivered((), None)),))
    return _end(scene, call, reply) if call.service == _DOWNLOAD and reply.status == 404 else reply


def _arranged(
    scene: Scene, call: Call, answer: Answer, layouts: Callable[[LayOut, Order], tuple[Layout, ...]]
) -> Reply:
    if scene.request_id is not None:
        with contextlib.suppress(RefusedRequest):
            scene.stage.deliveries.divide(scene.request_id, layouts)
    return answer(call)


_BY = Argument("by", "whole", 1, least=1)
_COUNT = Argument("count", "whole", 2, least=2)
_SECONDS = Argument("seconds", "seconds", 10.0)
KINDS = (
    Kind(
        "run-error", "Ends the run of an order as failed: in `run` with 200 or 202, or in the body of the download",
        on=_BOTH,
        arguments=(
            Argument("form", "text", "200", ("200", "202", "download")),
            Argument("state", "text", "error"),
            Argument("polls", "whole", 0),
        ),
        change=_fail, suits=_is_failing, fits=_is_told, per_order=True,
    ),
    Kind(
        "unknown-run-state", "Names an unknown state of the run of an order: while it works (202) or at its end (200)",
        on=(_RUN,),
        arguments=(Argument("form", "text", "202", ("202", "200")), Argument("state", "text", "hibernating")),
        change=_rename_state, fits=_is_told, per_order=True,
    ),
    Kind(
        "endless-run", "Never ends the run of an order", on=_BOTH,
        arguments=(Argument("state", "text", "data product running", ("data product running", "queued")),),
        change=_never_end, fits=_is_told, per_order=True,
    ),
    Kind(
        "cancelled-elsewhere", "Cancels the run of an order after so many questions about it", on=_BOTH,
        arguments=(Argument("polls", "whole", 1),), act=_cancel, per_order=True,
    ),
    Kind("new-run-after-complete", "Begins new runs when `run` is asked again after the end", on=(_RUN,), act=_run_anew,
         per_order=True),
    Kind("orders-forgotten", "Forgets every order, as a restart of the service does", act=_forget),
    Kind("several-runs", "Divides an order into several runs", on=(_RUN,), arguments=(_COUNT,),
         act=_divide(equal_names=False), per_order=True),
    Kind("runs-with-equal-names", "Divides an order into several runs whose files have the same names", on=(_RUN,),
         arguments=(_COUNT,), act=_divide(equal_names=True), per_order=True),
    Kind("duplicate-names", "Delivers different files under one name in one run", on=(_RUN,), act=_double,
         per_order=True),
    Kind("files-reordered", "Turns the order of the files of a run round with every question about them", on=(_RUN,),
         act=_reorder, per_order=True),
    Kind("empty-run", "Completes the run of an order without a file; a download answers 404 or 204", on=_BOTH,
         arguments=(Argument("status", "text", "404", ("404", "204")),), act=_deliver_nothing, per_order=True),
    Kind("file-count-low", "Counts so many files too few", on=(_RUN,), arguments=(_BY,), change=_counts(_fewer),
         fits=_is_complete, per_order=True),
    Kind("file-count-high", "Counts so many files too many", on=(_RUN,), arguments=(_BY,), change=_counts(_more),
         fits=_is_complete, per_order=True),
    Kind("file-count-missing", "Leaves the count of files out", on=(_RUN,),
         change=_counts(lambda row, by: row.pop("fileCount")), fits=_is_complete, per_order=True),
    Kind("file-count-null", "Makes the count of files null", on=(_RUN,), change=_counts(_none), fits=_is_complete,
         per_order=True),
    Kind("end-of-files", "Answers an index beyond the last file with 410 or 204", on=(_DOWNLOAD,),
         arguments=(Argument("status", "text", "410", ("410", "204")),), change=_end, fits=_is_end),
    Kind("late-files", "Holds data files back for so many seconds after they are there", on=(_DOWNLOAD,),
         arguments=(_SECONDS,), change=_synchronize, suits=_is_data, fits=_is_file, per_order=True),
    Kind("endless-download", "Answers 202 for ever where there is a file", on=(_DOWNLOAD,), change=_never_synchronize,
         fits=_is_file, per_order=True),
    Kind("metadata-late", "Holds metadata back for so many seconds after they are there", on=(_DOWNLOAD,),
         arguments=(_SECONDS,), change=_synchronize, suits=_is_metadata, fits=_is_file, per_order=True),
    Kind("metadata-never", "Answers 202 for ever where there are metadata", on=(_DOWNLOAD,), change=_never_synchronize,
         suits=_is_metadata, fits=_is_file, per_order=True),
    Kind("metadata-missing", "Answers 404 where there are metadata", on=(_DOWNLOAD,), change=_no_metadata,
         suits=_is_metadata, fits=_is_file, per_order=True),
    Kind("metadata-unavailable", "Answers 503 where there are metadata", on=(_DOWNLOAD,), change=_metadata_down,
         suits=_is_metadata, fits=_is_file),
)  # fmt: skip
"""The faults of this module."""
