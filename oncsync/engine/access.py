"""Whose order is it? What a refusal of access means for an order that an earlier run, or another person, placed.

It is not known whether one account can use another's ids (open question 55): where it cannot, the order is ordered
again, once. A token that is refused itself ends the run instead, so the two are told apart before anything is dropped.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Literal, TypeAlias

from oncsync.api import Session
from oncsync.engine.folder import current_user
from oncsync.engine.outcomes import BAD_REQUEST, UNKNOWN_CODE
from oncsync.engine.transfers import Broken
from oncsync.errors import ForbiddenError, OncsyncError, RefusedError, TokenError
from oncsync.state import Order

Holder: TypeAlias = Literal["us", "another"]
"""Who placed an order that this run takes up: this user on this machine, or anybody else."""

ANYBODYS_QUESTION = ("api/deviceCategories", {"deviceCategoryCode": "CTD"})
"""A small question that every token may ask."""


def holder_of(order: Order) -> Holder:
    """Gives who placed an order."""
    is_ours = order.host in ("", socket.gethostname()) and order.user in ("", current_user())
    return "us" if is_ours else "another"


def ask_about_order(session: Session, holder: Holder, call: Callable[[], object]) -> object:
    """Makes a call about an order that was taken up; a refusal of access to it becomes "unknown order".

    401 may mean that the account was changed, so it counts for everybody's orders; 403 for another's alone, because
    our own data may be restricted for a while. One refusal alone may be a whim, and an order costs hours: it has to
    come twice while the token is good. Raises `TokenError` when the token itself is refused.
    """
    answer, refusal = _make(call)
    if refusal is not None and _counts(refusal, holder):
        refusal = _fault_of_token(session) if isinstance(refusal, TokenError) else None
        if refusal is None:
            answer, refusal = _make(call)
            refusal = _as_unknown(refusal) if refusal is not None and _counts(refusal, holder) else refusal
    if refusal is None:
        return answer
    if isinstance(answer, Broken):
        return Broken(refusal)
    raise refusal


def _counts(refusal: OncsyncError, holder: Holder) -> bool:
    return holder == "another" or isinstance(refusal, TokenError)


def _fault_of_token(session: Session) -> OncsyncError | None:
    """Gives what speaks against the token, or the service, when it is asked anybody's question; None for an answer."""
    try:
        session.get_json(*ANYBODYS_QUESTION, attempts=1)
    except OncsyncError as fault:
        return fault
    return None


def _make(call: Callable[[], object]) -> tuple[object, OncsyncError | None]:
    """Makes a call; gives its answer, if it gave any, and the refusal of access that it met."""
    try:
        answer = call()
    except (TokenError, ForbiddenError) as refusal:
        return None, refusal
    met = answer.error if isinstance(answer, Broken) else None
    return answer, met if isinstance(met, TokenError | ForbiddenError) else None


def _as_unknown(refusal: OncsyncError) -> RefusedError:
    text = "the order belongs to another account"
    return RefusedError(f"{text}: {refusal.message}", status=BAD_REQUEST, code=UNKNOWN_CODE, text=text)
