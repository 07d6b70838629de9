"""`SHA256SUMS`: the files that are ours, as `sha256sum -c` reads them; from the state, nothing is hashed again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from oncsync.atomic import folder_error, write_atomic
from oncsync.caretaking.premises import read_known_state
from oncsync.engine.checks import OurFile, our_files
from oncsync.errors import InputError
from oncsync.naming import fold
from oncsync.project import Project

SUMS_NAME = "SHA256SUMS"
_SUM_LINE = re.compile(rb"\\?[0-9a-f]{64} [ *].+")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def write_sums(project: Project, target: Path | None = None) -> tuple[Path, int]:
    """Writes the sums of every file of ours to `target` (None: `SHA256SUMS` in the folder); gives it and their number.

    Paths are relative to the folder. Raises `InputError` where a file lies that holds no sums.
    """
    ours = our_files(read_known_state(project))
    place = (target or project.folder / SUMS_NAME).absolute()
    _check_place(place, project.folder, ours)
    write_atomic(place, render_sums(ours))
    return place, len(ours)


def sums_text(project: Project) -> bytes:
    """Gives the sums of every file of ours."""
    return render_sums(our_files(read_known_state(project)))


def render_sums(ours: Iterable[OurFile]) -> bytes:
    """Gives one line per file in GNU's format, sorted by path."""
    lines = sorted((one.file.path, _line(one.file.path, one.file.sha256)) for one in ours)
    return "".join(line for _, line in lines).encode("utf-8", "surrogatepass")


def _line(path: str, digest: str) -> str:
    escaped = path.translate(_ESCAPES)
    return f"{'' if escaped == path else chr(92)}{digest}  {escaped}\n"


def _check_place(place: Path, folder: Path, ours: Iterable[OurFile]) -> None:
    """Refuses to write over a file of ours, or over one that holds something else than sums (rule 1)."""
    hint = "name another place with `-o`"
    if any(fold(str((folder / one.file.path).resolve())) == fold(str(place.resolve())) for one in ours):
        raise InputError(f"`{place}` is a file that came from ONC", hint=hint)
    if not os.path.lexists(place):
        return
    try:
        content = place.read_bytes() if place.is_file() else b"-"
    except OSError as error:
        raise folder_error(place, error, verb="read") from error
    if not all(_SUM_LINE.fullmatch(line) for line in content.splitlines()):
        raise InputError(f"`{place}` is there already and holds no SHA-256 sums", hint=hint)
