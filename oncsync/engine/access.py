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
    """Makes a call about an order that was taken up; a refusal of access to it is raised as "unknown order".

    401 may mean that the account was changed, so it counts for everybody's orders; 403 for another's alone, because
    our own data may be restricted for a while. Raises `TokenError` when the token itself is refused.
    """
    try:
        answer = call()
    except (TokenError, ForbiddenError) as error:
        refusal: OncsyncError = error
    else:
        if not isinstance(answer, Broken):
            return answer
        return Broken(_meaning(session, holder, answer.error))
    raise _meaning(session, holder, refusal)


def _meaning(session: Session, holder: Holder, error: OncsyncError) -> OncsyncError:
    if isinstance(error, TokenError):
        try:
            session.get_json(*ANYBODYS_QUESTION, attempts=1)
        except OncsyncError as other:
            return other
    elif holder == "us" or not isinstance(error, ForbiddenError):
        return error
    text = "the order belongs to another account"
    return RefusedError(f"{text}: {error.message}", status=BAD_REQUEST, code=UNKNOWN_CODE, text=text)
