"""Which order a question is about, under a label that is the same in every life of the service."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..replies import Call, Reply

REQUEST, RUN = "dataProductDelivery/request", "dataProductDelivery/run"


@dataclass(frozen=True)
class KnownOrder:
    """An order: its id, its parameters, and a label made of these and of how often they were asked before."""

    request_id: int
    parameters: Mapping[str, str]
    label: str


class Ledger:
    """Reads the ids of orders and runs from the service's own answers. Safe to use from many threads.

    Ids are random in each life; a draw that depended on them would not repeat.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[str, KnownOrder] = {}
        self._by_run: dict[str, tuple[KnownOrder, int]] = {}
        self._placed: Counter[str] = Counter()

    def read(self, call: Call, reply: Reply) -> None:
        """Learns from an answer of the service which ids belong together."""
        if call.service not in (REQUEST, RUN) or reply.status not in (200, 202):
            return
        try:
            body = json.loads(b"".join(reply.content.blocks()))
        except ValueError:
            return
        with self._lock:
            if call.service == REQUEST and isinstance(body, dict) and isinstance(body.get("dpRequestId"), int):
                self._add_order(body["dpRequestId"], call.parameters)
            elif call.service == RUN and isinstance(body, list):
                self._add_runs(call.parameters.get("dpRequestId", ""), body)

    def order_of(self, call: Call) -> KnownOrder | None:
        """Gives the order that a question names by the id of its request or its run."""
        with self._lock:
            if "dpRequestId" in call.parameters:
                return self._orders.get(call.parameters["dpRequestId"])
            known = self._by_run.get(call.parameters.get("dpRunId", ""))
            return known[0] if known else None

    def parameters_of(self, call: Call) -> Mapping[str, str]:
        """Gives a question's parameters and those of the order that it is about."""
        order = self.order_of(call)
        return call.parameters if order is None else {**order.parameters, **call.parameters}

    def label(self, call: Call, per: str | None) -> str:
        """Names what ordinals are counted for: everything, a service, an order, a run or a file."""
        if per is None:
            return ""
        if per == "service":
            return call.service
        order = self.order_of(call)
        if order is None:
            return self._file_of(call) if per == "file" else written_out(call.parameters)
        run = self._run_of(call) if per != "order" else ""
        return f"{order.label} {run} {call.parameters.get('index', '') if per == 'file' else ''}"

    def question(self, call: Call) -> str:
        """Names a question, without ids that differ from life to life."""
        order = self.order_of(call)
        parameters = {name: value for name, value in call.parameters.items() if not name.startswith("dpR")}
        about = f"{order.label} {self._run_of(call)}" if order else ""
        return f"{call.service} {about} {written_out(parameters)}"

    def _add_order(self, request_id: int, parameters: Mapping[str, str]) -> None:
        text = written_out(parameters)
        self._placed[text] += 1
        self._orders[str(request_id)] = KnownOrder(request_id, dict(parameters), f"{text} #{self._placed[text]}")

    def _add_runs(self, request_id: str, rows: list[object]) -> None:
        order = self._orders.get(request_id)
        if order is None:
            return
        for number, row in enumerate(rows, 1):
            if isinstance(row, dict):
                self._by_run.setdefault(str(row.get("dpRunId")), (order, number))

    def _run_of(self, call: Call) -> str:
        with self._lock:
            known = self._by_run.get(call.parameters.get("dpRunId", ""))
            return str(known[1]) if known else ""

    @staticmethod
    def _file_of(call: Call) -> str:
        return call.parameters.get("filename") or written_out(call.parameters)


def written_out(parameters: Mapping[str, str]) -> str:
    """Gives parameters as one text, whatever order they came in."""
    return json.dumps(sorted(parameters.items()))
