"""Answers of the delivery services, in the shapes of onc-api.md section 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from .catalogue import Catalogue
from .citations import citation_of
from .content import Delivered, ProductFile, lay_out
from .delivery import CancelledRunError, Deliveries, NoSuchFileError, RunState, Waiting, read_index
from .orders import Order, read_order
from .parameters import read_number
from .replies import Reply, json_reply, nothing_found
from .times import written

_LINES = {"10Mb/s": 10, "100Mb/s": 100, "1Gb/s": 1000}
"""The lines that an archived answer names times for, in megabits a second."""

_DISCLAIMER = "Estimates of size and time are rough: the sandbox knows both no better than the service does."


@dataclass(frozen=True, repr=False)
class Counter:
    """Where orders are handed in and files handed out; `estimate` is how long a job may take, in seconds."""

    catalogue: Catalogue
    deliveries: Deliveries
    now: Callable[[], datetime]
    url: str
    token: str
    estimate: int

    def answer(self, service: str, given: Mapping[str, str]) -> Reply:
        """Answers one delivery service; the names of the parameters are known to be valid."""
        if service.endswith("/request"):
            return self._request(given)
        if service.endswith("/download"):
            return self._download(given)
        request_id = read_number(given, "dpRequestId")
        if service.endswith("/run"):
            return _runs_reply(self.deliveries.run(request_id), counted=True)
        if service.endswith("/cancel"):
            return _runs_reply(self.deliveries.cancel(request_id), counted=False)
        if service.endswith("/restart"):
            return _runs_reply(self.deliveries.restart(request_id), counted=False)
        return self._status(request_id)

    def _request(self, given: Mapping[str, str]) -> Reply:
        order = read_order(self.catalogue, given, self.now())
        request = self.deliveries.request(order, self.now())
        body: dict[str, object] = {"dpRequestId": request.id}
        body |= _archived_sizes(self.catalogue, order) if order.is_archived else self._estimates(order)
        pid = 10_000_000 + request.id % 50_000_000
        body["citations"] = self._citations(order, pid)
        body["queryPids"] = [pid]
        body["messages"] = [
            f"No value given for {name}: using its default {order.option(name)}" for name in order.filled
        ]
        body["queryURL"] = self._query_url(order, given)
        return json_reply(body)

    def _citations(self, order: Order, pid: int) -> list[dict[str, object]]:
        citations = []
        for deployment in order.deployments:
            citation = citation_of(self.catalogue, deployment)
            if citation:
                day = f"{self.now():%Y-%m-%d}"
                text = f"{citation['citation']} Subset Query: {pid}. Accessed {day}."
                citations.append(citation | {"citation": text, "queryPid": pid})
        return citations

    def _query_url(self, order: Order, given: Mapping[str, str]) -> str:
        """Gives the request's address with the token, and after it the options in force, the first one again."""
        asked = [(name, value) for name, value in given.items() if not name.startswith("dpo_")]
        options = list(order.options) + list(order.options[:1])
        query = urlencode([*asked, ("token", self.token), *options])
        return f"{self.url}api/dataProductDelivery/request?{query}"

    def _estimates(self, order: Order) -> dict[str, object]:
        hours = (order.span.end - order.span.begin).total_seconds() / 3600
        return {
            "estimatedFileSize": _size_text(4_000 + hours * 600),
            "estimatedProcessingTime": _time_text(self.estimate),
            "disclaimer": _DISCLAIMER,
        }

    def _status(self, request_id: int) -> Reply:
        request, state = self.deliveries.status(request_id)
        return json_reply(
            {
                "searchHdrId": request.id,
                "searchHdrStatus": state,
                "description": f"{request.order.product.name} as {request.order.product.extension}",
                "modifyDate": written(request.asked_at),
            }
        )

    def _download(self, given: Mapping[str, str]) -> Reply:
        run_id, index = read_number(given, "dpRunId"), read_index(given["index"])
        try:
            found = self.deliveries.download(run_id, index)
        except CancelledRunError:
            return json_reply({"status": "cancelled", "message": "The run was cancelled"}, 400)
        except NoSuchFileError:
            raise nothing_found("index") from None
        if isinstance(found, Waiting):
            message = {} if found.message is None else {"message": found.message}
            return json_reply(message | {"status": found.status}, 202)
        return _file_reply(found)


def _file_reply(found: ProductFile) -> Reply:
    """Gives a file; the header is misspelled and unquoted as the service has it (onc-api.md 1.6)."""
    header = ("Content-Disposition", f"attachement; filename={found.name}")
    return Reply(200, found.media_type, found.make(), (header,))


def _runs_reply(states: tuple[RunState, ...], *, counted: bool) -> Reply:
    rows: list[dict[str, object]] = []
    for state in states:
        count = {"fileCount": state.file_count} if counted else {}
        rows.append({"dpRunId": state.run_id, "status": state.status} | count)
    return json_reply(rows, 202 if counted and not all(state.is_over for state in states) else 200)


def _size_text(size: float) -> str:
    return f"{size / 1e3:.0f} kB" if size < 1e6 else f"{size / 1e6:.0f} MB"


def _time_text(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _archived_sizes(catalogue: Catalogue, order: Order) -> dict[str, object]:
    delivered: Delivered = lay_out(catalogue, order)
    size = sum(file.make().length for file in delivered.files)
    megabits = size * 8 / 1e6
    return {
        "numFiles": len(delivered.files),
        "fileSize": size,
        "compressedFileSize": size * 3 // 10,
        "downloadTimes": {name: round(megabits / speed, 2) for name, speed in _LINES.items()},
    }
