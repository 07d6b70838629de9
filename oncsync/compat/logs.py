"""The log of the old tool, `download.json`: which one is ours, whose it is, and what is left alone.

Ours is the state document, under the name that the workbook gives it. Sources: R105, R107, R113, R116, I-16.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from oncsync.atomic import folder_error
from oncsync.engine.folder import OWN_FOLDER
from oncsync.errors import InputError
from oncsync.state import State, StateStore

_OF_A_WORKBOOK = re.compile(rf"{re.escape(OWN_FOLDER)}/[^/]+\.yaml")


class _Shape(msgspec.Struct):
    version: int
    generation: int


def is_json(path: Path) -> bool:
    """Whether a file is no workbook but a log, by what it begins with (I-16), or by its journal where it is to come."""
    try:
        with path.open("rb") as stream:
            return stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    except OSError:
        return _has_journal(path)


def is_ours(log: Path) -> bool:
    """Whether oncsync keeps its state at a place; a log that somebody else wrote is not ours, whatever it holds."""
    try:
        msgspec.json.decode(log.read_bytes(), type=_Shape)
    except msgspec.DecodeError:
        return _has_journal(log)  # ours, and damaged: whoever reads it says so
    except FileNotFoundError:
        return True
    except OSError as error:
        raise folder_error(log, error, verb="read") from error
    return True


def _has_journal(log: Path) -> bool:
    try:
        with log.with_suffix(".journal").open("rb") as journal:
            return journal.readline().startswith(b'{"version":')
    except (OSError, ValueError):
        return False


def find_manifest(log: Path) -> tuple[Path, Path]:
    """Gives the manifest and the folder that a log of ours belongs to; raises `InputError` for any other log."""
    if not is_ours(log):
        raise InputError(
            f"`{log}` is a log of another program, such as the former downloadONC.py; oncsync cannot go on from it",
            hint="name the workbook instead: `downloadONC download -f download.xlsx`. The log is left as it is",
        )
    named = StateStore(log).state.manifest
    for folder in log.absolute().parents:
        if _OF_A_WORKBOOK.fullmatch(named) and (folder / named).is_file():
            return folder / named, folder
    if _OF_A_WORKBOOK.fullmatch(named) or not named:
        raise InputError(f"The workbook that `{log}` belongs to is not known here", hint="name the workbook instead")
    raise InputError(f"`{log}` belongs to the manifest `{named}`", hint="run `oncsync sync` with that manifest")


def check_owner(state: State, manifest: str, server: str) -> bool:
    """Whether a state has to be taken over from another workbook that shares the log.

    Several workbooks may share one folder and one log: what one of them has fetched, the others have too. Raises
    `InputError` when the state belongs to a manifest of another kind, or to another server.
    """
    if not state.manifest:
        return False
    if state.server != server:
        raise InputError(
            f"The log holds what came from `{state.server}`; this run would ask `{server}`",
            hint="ask the same server again, or give another `downloadFolder` and `logFile`",
        )
    if state.manifest == manifest:
        return False
    if _OF_A_WORKBOOK.fullmatch(state.manifest):
        return True
    raise InputError(
        f"The folder belongs to the manifest `{state.manifest}`",
        hint="import the workbook there with `oncsync import`, or give it another `downloadFolder` and `logFile`",
    )
