"""The errors of oncsync, one tree.

* `OncsyncError`                  70  anything that went wrong; its own code marks a bug of ours
  * `InputError`                   2  what a person wrote is not usable: manifest, lock, workbook, flag
    * `ProblemsError`              2  several such mistakes at once, each with its place; filters that match nothing too
  * `DifferenceError`              1  a check found a difference (`--check`, `--locked`)
  * `TokenError`                   4  the token is missing or was refused
  * `ServiceError`                 3  the service gave an answer that cannot be used
    * `RefusedError`               3  400: code, text and parameter say why
    * `NotFoundError`              3  404 with a body that is no outage page
    * `ForbiddenError`             3  403: restricted data
    * `FaultError`                 3  5xx, 429, HTML in place of JSON, a body that cannot be read; worth a retry
    * `UnreachableError`           5  no connection, no answer in time
  * `FolderBusyError`              6  another oncsync holds the folder
  * `StoppedError`                 7  stopped by the run window or a budget, resumable
  * `FolderError`                  8  the local folder cannot be written

Every class knows its exit code; a message says what happened and where, `hint` says what to do.
No text in this tree ever holds a token: whoever builds a message passes it through the session's redaction.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

import msgspec

EXIT_CODE_ORDER = (70, 8, 4, 5, 3, 7, 1)
"""Which exit code wins when several apply (architecture, "Exit codes")."""
BUG_EXIT_CODE = 70
INTERRUPTED_EXIT_CODE = 130
DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What the system says when a place cannot be written."""


class OncsyncError(Exception):
    """Says what happened and where (`message`) and what to do about it (`hint`)."""

    exit_code = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), dict(self.__dict__)))

    def render(self) -> str:
        """Gives the text for a terminal: the message and, after a blank line, the hint."""
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message


def _rebuild(kind: type[OncsyncError], members: dict[str, object]) -> OncsyncError:
    error = kind.__new__(kind, members["message"])
    error.__dict__.update(members)
    return error


class InputError(OncsyncError):
    """Says that something a person wrote cannot be used."""

    exit_code = 2


class Problem(msgspec.Struct, frozen=True):
    """One mistake: `where` is `file:line:column` or `sheet!cell`, as far as it is known."""

    where: str
    message: str
    hint: str | None = None

    def render(self) -> str:
        """Gives one line for the mistake and, indented below it, one for its cure."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class ProblemsError(InputError):
    """Lists every mistake found in one document at once."""

    def __init__(self, title: str, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([title, *(f"  {problem.render()}" for problem in self.problems)]), hint=hint)


class DifferenceError(OncsyncError):
    """Says that a check found a difference."""

    exit_code = 1


class TokenError(OncsyncError):
    """Says that the token is missing or was refused (401)."""

    exit_code = 4


class ServiceError(OncsyncError):
    """Says that the service gave an answer that cannot be used.

    `status` is the HTTP status (None when there was no answer), `code`, `text` and `parameter` are those of the
    service's error body (onc-api.md 1.3) as far as it had one. `parameter` may hold several names.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        code: int | None = None,
        text: str | None = None,
        parameter: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.text = text
        self.parameter = parameter
        self.retry_after = retry_after


class RefusedError(ServiceError):
    """Says that the service refused the question (400)."""


class NotFoundError(ServiceError):
    """Says that the service knows nothing of this (404)."""


class ForbiddenError(ServiceError):
    """Says that the data are restricted (403)."""


class FaultError(ServiceError):
    """Says that the service is at fault for now: 429, 5xx, or an answer in an unreadable form."""


class UnreachableError(ServiceError):
    """Says that the service could not be reached, or did not answer in time."""

    exit_code = 5


class FolderBusyError(OncsyncError):
    """Says that another oncsync holds the folder."""

    exit_code = 6


class StoppedError(OncsyncError):
    """Says that the run window or a budget ended the run; it can be resumed."""

    exit_code = 7


class FolderError(OncsyncError):
    """Says that the local folder cannot be written: full, read-only, or not a folder."""

    exit_code = 8


def worst_exit_code(codes: Sequence[int]) -> int:
    """Gives the exit code that wins when several apply, 0 when there are none."""
    for code in EXIT_CODE_ORDER:
        if code in codes:
            return code
    return max(codes, default=0)


def exit_code_of(error: BaseException) -> int:
    """Gives the exit code of whatever ends a command: its own where it has one, else 130, 8, or 70 for a bug."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED_EXIT_CODE
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return FolderError.exit_code
    code: int = getattr(error, "exit_code", BUG_EXIT_CODE)
    return code
