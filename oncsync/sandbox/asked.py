"""The log of what the service was asked: in memory for tests, and as JSON lines in a file."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike

from .times import written


@dataclass(frozen=True)
class Asked:
    """One question that the service answered; the parameters are without the token.

    `status` is 0 when the connection ended before the first byte; `fault` names the faults that hit, joined by `+`;
    `range` is the `Range` header.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    status: int
    at: datetime
    fault: str | None = None
    range: str | None = None


class QuestionLog:
    """Every question, in the order of the answers, and a line of JSON for each in a file; any thread may add to it.

    Raises `OSError` at once when the file cannot be written; a disk that fills up later costs lines of the file alone.
    """

    def __init__(self, token: str, path: str | PathLike[str] | None = None) -> None:
        self._token = token
        self._path = path
        self._write("")
        self._asked: list[Asked] = []
        self._lock = threading.Lock()

    def note(self, asked: Asked) -> None:
        """Keeps a question, and writes its line if there is room for it: whoever asked gets an answer anyway."""
        with self._lock:
            self._asked.append(asked)
            with contextlib.suppress(OSError):
                self._write(self._line(asked))

    def read(self) -> tuple[Asked, ...]:
        """Gives the questions so far."""
        with self._lock:
            return tuple(self._asked)

    def _write(self, text: str) -> None:
        if self._path is not None:
            with open(self._path, "a", encoding="utf-8") as stream:
                stream.write(text)

    def _line(self, asked: Asked) -> str:
        """Gives the line of a question; a token in some odd place is struck out."""
        members = {
            "at": written(asked.at),
            "method": asked.method,
            "path": asked.path,
            "parameters": dict(asked.parameters),
            "status": asked.status,
            "fault": asked.fault,
            "range": asked.range,
        }
        return json.dumps(members, ensure_ascii=False).replace(self._token, "[token]") + "\n"
