"""Tells "there is nothing" from a question that is wrong and from an outage.

Sources: onc-api.md 1.2 and 1.3, open questions 10 to 12.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from oncsync.api.asking import Asker
from oncsync.errors import NotFoundError, RefusedError

Answer = TypeVar("Answer")

_NOT_IN_WINDOW = "not during the provided time range"
_BAD_REQUEST = 400
CODE_UNKNOWN_OR_NOTHING = 127
_START_IN_FUTURE = 25


def or_nothing(ask: Callable[[], list[Answer]]) -> list[Answer]:
    """Gives an answer; none where a 404, or a 400/127 for codes that are known to exist, says that there is nothing.

    A refusal that speaks of the token is raised, as is everything else.
    """
    try:
        return ask()
    except NotFoundError:
        return []
    except RefusedError as refusal:
        if refusal.code != CODE_UNKNOWN_OR_NOTHING or "token" in (refusal.parameter or ""):
            raise
        return []


def is_outside_window(session: Asker, refusal: RefusedError, *begins: datetime | None) -> bool:
    """Whether a refusal only says that nothing can lie in the window: 127 with its known words, or 25.

    Code 25 counts when one of `begins`, what the window was sent with, lies in the future by the service's clock; for
    a window that has begun it is a fault.
    """
    if refusal.status != _BAD_REQUEST:
        return False
    if refusal.code == _START_IN_FUTURE:
        return any(begin is not None and begin > session.service_now() for begin in begins)
    texts = (refusal.text or "").casefold().split("; ")
    return refusal.code == CODE_UNKNOWN_OR_NOTHING and all(_NOT_IN_WINDOW in text for text in texts)
