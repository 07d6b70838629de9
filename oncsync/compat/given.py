"""What people of the old tool give: paths of any system, tokens, and which server is meant."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oncsync.api import Token

_PLACEHOLDERS = ("token", "yourtoken", "yourtokenhere")


def local_path(text: str | os.PathLike[str]) -> Path:
    """Gives a path as this system has it; slashes may point either way (R48).

    Where there are no drives `c:/temp` is a folder of that name below the current one, as it was for the old tool.
    """
    written = os.fspath(text)
    path = Path(written if os.name == "nt" else written.replace("\\", "/"))
    try:
        return path.expanduser()
    except RuntimeError:  # the home of an unknown user
        return path


def local_folder(text: str | os.PathLike[str]) -> Path:
    """Gives a folder as an absolute path of this system."""
    return Path(os.path.normpath(Path.cwd() / local_path(text)))


def written_folder(text: str | os.PathLike[str]) -> str:
    """Gives a folder as the workbook says it: as it was given, with forward slashes and none at its end."""
    return PureWindowsPath(os.fspath(text)).as_posix()


def has_drive(text: str) -> bool:
    """Whether a path names a drive."""
    return bool(PureWindowsPath(text).drive)


def read_token(text: str | None) -> Token | None:
    """Gives a token that keeps itself to itself; None for none, and for the documentation's `YOUR_TOKEN_HERE`.

    Raises `TokenError` for a text that can be no token.
    """
    from oncsync.api import Token

    if not text or re.sub(r"[^a-z]", "", text.lower()) in _PLACEHOLDERS:
        return None
    return Token(text)


def server_in_force(server: str | None, is_qa: bool) -> str:
    """Gives the server to ask: the one that is named, in the call or in `ONCSYNC_SERVER`, else ONC's."""
    return server or os.environ.get("ONCSYNC_SERVER") or ("qa" if is_qa else "production")


def has_token(server: str) -> bool:
    """Whether there is a token for a server besides one that is given."""
    from oncsync.connection import SANDBOX, server_url
    from oncsync.credentials import find_token
    from oncsync.errors import TokenError

    if server == SANDBOX:
        return True
    try:
        find_token(server_url(server))
    except TokenError:
        return False
    return True
