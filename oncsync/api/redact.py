"""Keeps the token out of everything that can be shown, and knows how to take it out of a text.

Sources: onc-api.md 1.1 (the token travels in the query and is echoed), open question 50, R181, P41 to P43.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

from oncsync.errors import OncsyncError, TokenError

Given = ParamSpec("Given")
Result = TypeVar("Result")

MASK = "***"
TOKEN_HINT = (
    "log in at https://data.oceannetworks.ca, open your profile, choose the tab "  # noqa: S105
    '"Web Services API" and click "Generate Token"; then put the token into the environment variable `ONC_TOKEN`'
)
"""Where a token comes from, for every message that asks for one (R22, R161)."""

_ALLOWED = re.compile(r"[A-Za-z0-9-]+")
_SHORT = 8
"""A token below this length is taken out as a whole word only; real ones have 36 characters."""
_IN_QUERY = re.compile(r"(?i)(token(?:=|%3d))[^\s&\"'<>\\;,(){}\[\]]*")
_IN_JSON = re.compile(r"(?i)([\"'][a-z_-]*token[\"']\s*:\s*[\"'])[^\"']*")
_LOGGERS = (
    "requests",
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util",
    "urllib3.util.retry",
    "urllib3.util.ssl_",
)


def redact_named(text: str) -> str:
    """Replaces the value of every `token=...` and `"token": "..."` in a text, whoever's token it is."""
    if "token" not in text.lower():
        return text
    return _IN_JSON.sub(rf"\g<1>{MASK}", _IN_QUERY.sub(rf"\g<1>{MASK}", text))


class Token:
    """The user's token: it can be sent and taken out of a text, never shown, compared, stored or pickled.

    White space around it is dropped. Raises `TokenError`, without showing the text, when it is empty or holds
    anything but letters, digits and hyphens (onc-api.md 1.1).
    """

    __slots__ = ("_substitute", "_value")

    def __init__(self, text: str) -> None:
        value = text.strip()
        if not value:
            raise TokenError("The token is empty", hint=TOKEN_HINT)
        if not _ALLOWED.fullmatch(value):
            raise TokenError(
                "The token holds characters other than letters, digits and hyphens (it is not shown here)",
                hint=f"copy it once more, without quotes or blanks inside; {TOKEN_HINT}",
            )
        self._value = value
        pattern = re.escape(value).replace(r"\-", "(?:-|%2d)")
        if len(value) < _SHORT:
            pattern = rf"(?<![a-z0-9-]){pattern}(?![a-z0-9-])"
        self._substitute = re.compile(pattern, re.IGNORECASE).sub

    def reveal(self) -> str:
        """Gives the token itself; only the session calls this, at the moment it sends a question."""
        return self._value

    def redact(self, text: str) -> str:
        """Takes the token, in any case and with quoted hyphens, and the value of any `token=...` out of a text."""
        if len(text) >= len(self._value):
            text = self._substitute(MASK, text)
        return redact_named(text)

    def __repr__(self) -> str:
        return f"Token({MASK})"

    def __str__(self) -> str:
        return MASK

    def __copy__(self) -> Token:
        return self

    def __deepcopy__(self, memo: object) -> Token:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a token is never pickled")


def without_frames(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Makes a function raise its errors as if it had made them itself, without the frames and causes below.

    A traceback that shows variables would show the raw answer in them, and the service echoes the token there.
    """

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except OncsyncError as error:
            failure = error.with_traceback(None)
        raise failure

    return call


class RedactingFilter(logging.Filter):
    """Takes the value of every `token=...` out of a log record, before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass, without a token."""
        record.msg = redact_named(record.getMessage())
        record.args = None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redact_named(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def install_log_redaction() -> None:
    """Puts the filter on each logger of the HTTP libraries, which log addresses with their query.

    A filter on a parent logger does not see what a child logs, so each logger has its own; calling this again
    changes nothing.
    """
    known = logging.Logger.manager.loggerDict
    children = [name for name in tuple(known) if name.startswith(("urllib3.", "requests."))]
    for name in {*_LOGGERS, *children}:
        logger = logging.getLogger(name)
        if not any(isinstance(present, RedactingFilter) for present in logger.filters):
            logger.addFilter(RedactingFilter())
