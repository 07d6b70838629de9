"""How a command ends: one clear message, the right exit code, and a traceback in the log only for a bug of ours."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

import click

from oncsync import __version__
from oncsync.cli.folding import fit
from oncsync.errors import BUG_EXIT_CODE, DISK_ERRORS, INTERRUPTED_EXIT_CODE, FolderError, OncsyncError
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.project import Project


class TerminatedError(BaseException):
    """The process was asked to end (SIGTERM) or lost its terminal (SIGHUP); what runs is wound up as for Ctrl-C."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def run_to_exit_code(command: click.Command, arguments: Sequence[str] | None, *, program: str = "oncsync") -> int:
    """Runs a command and gives its exit code; every error has been told on stderr by then."""
    _open_closed_streams()
    _listen_for_the_end()
    _take_any_text()
    try:
        code = _run(command, arguments, program)
    except BrokenPipeError:
        code = 0
    except OSError as error:
        code = _not_written(error)
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    return code


def _run(command: click.Command, arguments: Sequence[str] | None, program: str) -> int:
    """Runs a command to its exit code; raises what the system says against writing."""
    try:
        answer = command.main(args=arguments, prog_name=program, standalone_mode=False)
        return answer if isinstance(answer, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("\nInterrupted. What was done is recorded; run the same command to go on")
        return INTERRUPTED_EXIT_CODE
    except TerminatedError as error:
        say("Terminated. What was done is recorded; run the same command to go on")
        return error.exit_code
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    except OncsyncError as error:
        if error.exit_code == BUG_EXIT_CODE:
            return _bug(error)
        say(f"error: {error.render()}")
        return error.exit_code
    except SystemExit:  # click's way of saying that nobody reads the answer any more
        return 0
    except OSError as error:
        if error.errno not in DISK_ERRORS and not _is_about_the_answer(error):
            return _bug(error)
        raise
    except Exception as error:  # noqa: BLE001  the one place where a bug of ours becomes a message
        return _bug(error)


def say(text: str) -> None:
    """Writes to stderr, where everything goes that is no answer; the token is taken out whoever put it there.

    Where nobody can be told, work goes on: a terminal that is gone, or a full disk that stderr leads to, ends nothing.
    """
    with contextlib.suppress(OSError):
        click.echo(fit(_without_token(text), sys.stderr), err=True)


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


def _not_written(error: OSError) -> int:
    """Tells what the system says against writing the answer, or a file."""
    if _is_about_the_answer(error):
        say(f"error: The answer could not be written to stdout: {error.strerror or error}")
        say("\nhint: what was done is recorded; make room where stdout leads to, or send it elsewhere")
    else:
        say(f"error: {error.strerror}" + (f": `{error.filename}`" if error.filename else ""))
    return FolderError.exit_code


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


def _open_closed_streams() -> None:
    """Gives a command that was started without stdin, stdout or stderr (`>&-`) ones that lead nowhere.

    So no file that is opened later gets the place of a stream, and nobody has to ask whether there is one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  as long as the process lives


def _is_about_the_answer(error: OSError) -> bool:
    """Whether an error came from printing: `say`, which prints too, keeps its own."""
    return any(frame.f_code is click.echo.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))


def _let_go(stream: TextIO) -> None:
    """Drops what could not be written: else the end of the process fails on it, with an exit code of its own."""
    with contextlib.suppress(OSError, ValueError):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _listen_for_the_end() -> None:
    """Lets SIGTERM, and SIGHUP unless it is ignored (`nohup`), wind a command up; the second SIGTERM ends it at once.

    A terminal that is closed sends SIGHUP itself and by its shell, so a second one of these counts for nothing.
    """
    hangup = getattr(signal, "SIGHUP", None)

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if hangup is not None:
            signal.signal(hangup, signal.SIG_IGN)
        raise TerminatedError(number)

    try:
        signal.signal(signal.SIGTERM, end)
        if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
            signal.signal(hangup, end)
    except ValueError:  # not the main thread
        pass


def _take_any_text() -> None:
    """Keeps a name that the terminal cannot show from ending a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
