"""Orders data products: request, run, cancel, restart and status; the files themselves come from `transfer`.

Each function asks once unless `attempts` says otherwise, because whoever runs the orders schedules them.
Every function may raise what `Session.get_json` raises.
Sources: onc-api.md 3, open questions 13 to 17 and 24 to 26.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import Any, Literal

import msgspec

from oncsync.api.answers import Answer, messages_of, state_words
from oncsync.api.failures import FAULT_HINT
from oncsync.api.reading import Notes, UnreadableError, as_list, read_list, read_record, to_number
from oncsync.api.records import OrderStatus, OrderTicket, Run
from oncsync.api.session import Session
from oncsync.errors import FaultError

RunPhase = Literal["working", "complete", "failed", "cancelled"]
OrderPhase = Literal["open", "over", "unknown"]

_SERVICE = "api/dataProductDelivery"
_PHASES: tuple[tuple[RunPhase, re.Pattern[str]], ...] = (
    ("failed", re.compile(r"(?:data product )?(?:error|failed|failure)\b")),
    ("cancelled", re.compile(r"(?:data product )?cancell?ed\b")),
    ("complete", re.compile(r"(?:data product )?completed?\b")),
)
_DURATION = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*)\.?", re.IGNORECASE)
_UNIT_SECONDS = {
    "": 1,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
}
_UNIT_SECONDS |= {"d": 86400, "day": 86400}


class RunAnswer(msgspec.Struct, frozen=True):
    """The answer to `run`: one run is the norm, several are allowed for; `is_finished` stands for HTTP 200.

    `said` is the state and the message of an answer that names no run (open question 13).
    """

    runs: tuple[Run, ...]
    is_finished: bool
    status: int
    said: tuple[str, str] = ("", "")


def request_product(session: Session, params: Mapping[str, str], *, attempts: int = 1) -> OrderTicket:
    """Places an order for what `params` (ONC's spelling) describe; nothing runs yet (onc-api.md 3.1).

    Every attempt that reaches the service makes an order of its own. Raises `RefusedError` when the question is
    wrong (127, 128, 129, 23, 25) or there are no data (33).
    """
    answer = session.get_json(f"{_SERVICE}/request", params, attempts=attempts)
    listed = as_list(answer.body)
    members = dict(listed[0]) if len(listed) == 1 and isinstance(listed[0], dict) else {}
    members["messages"] = list(messages_of(members))
    members["estimatedProcessingTime"] = parse_seconds(members.get("estimatedProcessingTime"))
    notes = Notes(f"{_SERVICE}/request")
    try:
        ticket = read_record(OrderTicket, members, notes)
    except UnreadableError as reason:
        problem = str(reason)
    else:
        for message in notes.render():
            session.tell(message)
        return ticket
    raise _other_kind(session, "request", answer, problem)


def run_order(session: Session, dp_request_id: int, *, attempts: int = 1) -> RunAnswer:
    """Starts the runs of an order, or tells how far they are; asking again while they work starts nothing new.

    Raises `RefusedError` with code 127 when the service does not know the order (any more).
    """
    answer = _ask(session, "run", dp_request_id, attempts)
    status, message = state_words(answer.body)
    is_finished = answer.status == 200
    if run_phase(status, finished=False) in ("failed", "cancelled") and not _names_run(answer.body):
        return RunAnswer((), is_finished, answer.status, (status, message or status))
    return RunAnswer(_runs(session, "run", answer), is_finished, answer.status)


def cancel_order(session: Session, dp_request_id: int, *, attempts: int = 1) -> tuple[Run, ...]:
    """Cancels the runs of an order that are queued or running."""
    return _runs(session, "cancel", _ask(session, "cancel", dp_request_id, attempts))


def restart_order(session: Session, dp_request_id: int, *, attempts: int = 1) -> tuple[Run, ...]:
    """Restarts an order that was cancelled; its runs keep their ids."""
    return _runs(session, "restart", _ask(session, "restart", dp_request_id, attempts))


def order_status(session: Session, dp_request_id: int, *, attempts: int = 1) -> OrderStatus:
    """Asks for the state of an order as a whole; nothing depends on it (open question 24)."""
    answer = _ask(session, "status", dp_request_id, attempts)
    listed = as_list(answer.body)
    notes = Notes(f"{_SERVICE}/status")
    status = read_record(OrderStatus, listed[0] if listed and isinstance(listed[0], dict) else {}, notes)
    _tell(session, answer, notes)
    return status


def run_phase(text: str, finished: bool) -> RunPhase:
    """Gives what a run's state means; `finished` says that `run` answered 200 (open questions 13 and 14).

    An unknown state is still working while the service answers 202, and worth trying the download after a 200.
    """
    state = " ".join(text.lower().split())
    for phase, pattern in _PHASES:
        if pattern.match(state):
            return phase
    return "complete" if finished else "working"


def order_phase(status: OrderStatus) -> OrderPhase:
    """Gives what the state of an order as a whole means; only two words for it are known (onc-api.md 3.4)."""
    word = (status.search_hdr_status or "").strip().casefold()
    if word == "open":
        return "open"
    return "over" if word.startswith("complete") else "unknown"


def parse_seconds(value: Any) -> float | None:
    """Reads an estimate such as `20 s`, `3 min` or a number of seconds; None when it says nothing (question 26)."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        unit = match["unit"].lower() if match else "?"
        factor = _UNIT_SECONDS.get(unit, _UNIT_SECONDS.get(unit.removesuffix("s")))
        return float(match["count"]) * factor if match and factor else None
    try:
        seconds = to_number(value)
    except UnreadableError:
        return None
    return seconds if seconds >= 0 else None


def _ask(session: Session, name: str, dp_request_id: int, attempts: int) -> Answer:
    return session.get_json(f"{_SERVICE}/{name}", {"dpRequestId": str(dp_request_id)}, attempts=attempts)


def _runs(session: Session, name: str, answer: Answer) -> tuple[Run, ...]:
    """Reads the list of runs; an answer that has entries but no run is a fault."""
    notes = Notes(f"{_SERVICE}/{name}")
    listed = as_list(answer.body)
    runs = tuple(read_list(Run, listed, notes))
    if listed and not runs:
        raise _other_kind(session, name, answer, "no run in it has an id")
    _tell(session, answer, notes)
    return runs


def _names_run(body: Any) -> bool:
    return any(isinstance(entry, dict) and entry.get("dpRunId") is not None for entry in as_list(body))


def _tell(session: Session, answer: Answer, notes: Notes) -> None:
    """Passes on what the service said in an answer or in an entry of it, and what could not be read."""
    for message in (*chain.from_iterable(map(messages_of, as_list(answer.body))), *notes.render()):
        session.tell(message)


def _other_kind(session: Session, name: str, answer: Answer, reason: str) -> FaultError:
    return FaultError(
        f"`{_SERVICE}/{name}` at {session.host} gave an answer of another kind: {reason}",
        hint=FAULT_HINT,
        status=answer.status,
    )
