"""How a command ends: one clear message, the right exit code, and a traceback in the log only for a bug of ours."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from oncsync import __version__
from oncsync.errors import FolderError, OncsyncError
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.project import Project

BUG_EXIT_CODE = 70
INTERRUPTED_EXIT_CODE = 130
TERMINATED_EXIT_CODE = 143
DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What the system says when a place cannot be written, the answer's own included (`oncsync status >/dev/full`)."""


class TerminatedError(BaseException):
    """The process was asked to end (SIGTERM); what runs is wound up as for Ctrl-C."""


def run_to_exit_code(command: click.Command, arguments: Sequence[str] | None, *, program: str = "oncsync") -> int:
    """Runs a command and gives its exit code; every error has been told on stderr by then."""
    _listen_for_sigterm()
    _take_any_text()
    try:
        answer = command.main(args=arguments, prog_name=program, standalone_mode=False)
        return answer if isinstance(answer, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OncsyncError as error:
        if error.exit_code == BUG_EXIT_CODE:
            return _bug(error)
        say(f"error: {error.render()}")
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit:  # click's way of saying that nobody reads the answer any more
        return 0
    except TerminatedError:
        say("Terminated. What was done is recorded; orders at the service stay alive. Run the same command to go on")
        return TERMINATED_EXIT_CODE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            return _bug(error)
        say(f"error: {error.strerror}" + (f": `{error.filename}`" if error.filename else ""))
        return FolderError.exit_code
    except Exception as error:  # noqa: BLE001  the one place where a bug of ours becomes a message
        return _bug(error)


def say(text: str) -> None:
    """Writes to stderr, where everything goes that is no answer; the token is taken out whoever put it there."""
    click.echo(_without_token(text), err=True)


def tell_as_json(error: OncsyncError) -> None:
    """Tells on stdout, on one line of JSON, what ended a command or one run of several."""
    import msgspec

    answer = {"version": 1, "exitCode": error.exit_code, "error": error.message, "hint": error.hint}
    click.echo(_without_token(msgspec.json.encode(answer).decode()))


@contextmanager
def notices_of(project: Project) -> Iterator[None]:
    """Tells at the end, however it ends, what the service said besides its answers, each once."""
    try:
        yield
    finally:
        for notice in dict.fromkeys(project.notices):
            say(f"warning: {notice}")


def _interrupted() -> int:
    say("\nInterrupted. What was done is recorded; orders at the service stay alive. Run the same command to go on")
    return INTERRUPTED_EXIT_CODE


def _bug(error: BaseException) -> int:
    path = _write_traceback(error)
    say(f"error: A bug in oncsync {__version__}: {type(error).__name__}: {error}")
    where = f"the traceback is in `{path}`" if path else "the traceback could not be written"
    say(f"\nhint: {where}; please report it with the command you gave. Nothing that was recorded is lost")
    return BUG_EXIT_CODE


def _write_traceback(error: BaseException) -> Path | None:
    """Writes a traceback into the user's log folder, without the token."""
    import platformdirs

    path = Path(platformdirs.user_log_dir("oncsync", appauthor=False)) / "bugs.log"
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} oncsync {__version__}\n{_without_token(text)}\n")
    except OSError:
        return None
    return path


def _without_token(text: str) -> str:
    token = os.environ.get("ONC_TOKEN", "").strip()
    return text.replace(token, "[token]") if len(token) > 3 else text


def _listen_for_sigterm() -> None:
    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise TerminatedError

    try:
        signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread
        pass


def _take_any_text() -> None:
    """Keeps a name that the terminal cannot show from ending a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
