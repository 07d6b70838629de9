"""What an error of the service means for a chunk. Pure.

Sources: rule 4, onc-api.md 1.2 and 1.3, open questions 9, 10, 12, 21, 45, 46, 49; the glossary's safe client rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from oncsync.errors import FaultError, ForbiddenError, OncsyncError, RefusedError, ServiceError, UnreachableError
from oncsync.state import Outcome

BAD_REQUEST, GONE = 400, 410
NO_DATA_CODE = 33
FUTURE_CODE = 25
"""The service took the span for the future: no data now, never the last word on a span that has begun."""
UNKNOWN_CODE = 127
MISSING_OPTION_CODE = 128
WRONG_OPTION_CODES = (UNKNOWN_CODE, 129)
REFUSALS = (23, UNKNOWN_CODE, MISSING_OPTION_CODE, 129)
"""Codes that say the question itself is wrong; any other code is a fault with its text (open question 49)."""
NOT_THEN_TEXT = "not during the provided time range"

Verdict: TypeAlias = Literal["retry", "forget"] | Outcome
"""`retry`: the same call may work later; `forget`: the service does not know the order (any more)."""


def judge_request(error: OncsyncError, *, has_begun: bool = False) -> Verdict:
    """Says what an error of `request` means. Only the service's own word is "no data" (open question 10).

    What neither the contract nor a person's mistake explains is a fault: kept, told, and tried again by the next sync.
    So is "in the future" of a span that `has_begun` by the service's own clock.
    """
    if isinstance(error, FaultError | UnreachableError):
        return "retry"
    if isinstance(error, RefusedError):
        if error.status == BAD_REQUEST and _says_no_data(error, has_begun):
            return "empty"
        return "refused" if error.code in REFUSALS else "failed-retryable"
    return "refused" if isinstance(error, ForbiddenError) else "failed-retryable"


def _says_no_data(error: RefusedError, has_begun: bool) -> bool:
    if error.code == UNKNOWN_CODE:
        return all(NOT_THEN_TEXT in text for text in (error.text or "").casefold().split("; "))
    return error.code == NO_DATA_CODE or (error.code == FUTURE_CODE and not has_begun)


def judge_poll(error: OncsyncError) -> Verdict:
    """Says what an error of `run` means. Only an unknown id ends an order; anything else leaves it where it is."""
    if isinstance(error, FaultError | UnreachableError):
        return "retry"
    if not isinstance(error, RefusedError) or "token" in (error.parameter or ""):
        return "failed-retryable"
    return "forget" if error.code == UNKNOWN_CODE or error.status == GONE else "failed-retryable"


def judge_download(error: OncsyncError) -> Verdict:
    """Says what an error of `download` means; what a cancelled run gives is an answer of its own, no error."""
    return "refused" if isinstance(error, ForbiddenError) else judge_poll(error)


def corrected_options(
    options: Mapping[str, str], defaults: Mapping[str, str], error: OncsyncError
) -> dict[str, str] | None:
    """Gives the options to try once more after a refusal that names one, None when nothing can be corrected.

    A missing option (128) is added with the listing's default, a wrong one (127, 129) is left out.
    """
    if not isinstance(error, RefusedError):
        return None
    named = [name for name in _names(error.parameter) if name.startswith("dpo_")]
    if error.code == MISSING_OPTION_CODE:
        added = {name: defaults[name] for name in named if name in defaults and name not in options}
        return {**options, **added} if added else None
    if error.code in WRONG_OPTION_CODES:
        wrong = [name for name in named if name in options]
        return {name: value for name, value in options.items() if name not in wrong} if wrong else None
    return None


def _names(parameter: str | None) -> list[str]:
    return [name.strip() for name in (parameter or "").replace("/", ",").split(",") if name.strip()]


def explain(error: OncsyncError) -> str:
    """Gives the reason to store: the service's own words where it had some."""
    if isinstance(error, ServiceError) and error.text:
        code = f" (code {error.code})" if error.code is not None else ""
        about = f", parameter {error.parameter}" if error.parameter else ""
        return f"{error.text}{code}{about}"
    return error.message
