"""Keeps answers about what exists on disk for a day, so that looking around asks the service each thing once.

Who orders or downloads never asks through it: `resolve` and `sync` want the service's word of now. An answer is kept
as the session gave it, without the token, under the service's address, its path and its parameters. Whatever cannot be
used is as good as nothing: damaged, old, of another question, of another user. Two processes may use it at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from oncsync.api.answers import Answer, messages_of
from oncsync.api.asking import Asker
from oncsync.atomic import write_atomic
from oncsync.errors import FolderError
from oncsync.timespan import TimeTextError, format_instant, parse_instant

FORMAT = 1
LONGEST_AGE = timedelta(days=1)
CLOCK_SLACK = timedelta(minutes=5)
"""An answer may seem to come from so far in the future, when a clock was set back a little."""
MOST_BYTES = 100 * 1000 * 1000
MOST_ENTRIES = 5000
LARGEST_ENTRY = 50 * 1000 * 1000
_OURS = re.compile(r"[0-9a-f]{64}\.json|\.[0-9a-f]{64}\.json\.[0-9a-f]+\.part")
ONLY_MINE = 0o700
MINE_TO_READ = 0o600


class KeptAnswer(msgspec.Struct, frozen=True):
    """A body as it was kept, and when the service was asked for it."""

    body: Any
    asked: datetime


def cache_folder() -> Path:
    """Gives the folder of this user for answers of every service."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("oncsync", appauthor=False)) / "answers"


class AnswerCache:
    """The answers of one service, at `server` (its base address), in `folder`; `now` gives the UTC instant."""

    def __init__(self, folder: Path, server: str, now: Callable[[], datetime]) -> None:
        self._root, self._server, self._now = folder, server, now
        self._folder = folder / hashlib.sha256(server.encode()).hexdigest()[:16]
        self._has_tidied = False

    def read(self, path: str, params: Mapping[str, str]) -> KeptAnswer | None:
        """Gives the answer to a question of the last day, None when there is none that can be used."""
        try:
            document = json.loads(read_own(self._place(path, params)))
            asked = parse_instant(document["asked"])
            fits = {key: document[key] for key in ("format", "server", "path", "parameters")}
            age = self._now() - asked
            if fits != self._question(path, params) or not -CLOCK_SLACK <= age < LONGEST_AGE:
                return None
            return KeptAnswer(document["answer"], asked)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, TimeTextError):
            return None

    def keep(self, path: str, params: Mapping[str, str], body: Any, redact: Callable[[str], str]) -> None:
        """Keeps an answer, if the disk takes it; one that holds what `redact` would take out is not kept."""
        document = {**self._question(path, params), "asked": format_instant(self._now()), "answer": body}
        text = json.dumps(document)
        content = text.encode()
        if redact(text) != text or len(content) > LARGEST_ENTRY:
            return
        with contextlib.suppress(OSError, FolderError):
            for folder in (self._root, self._folder):
                folder.mkdir(mode=ONLY_MINE, parents=True, exist_ok=True)
            write_atomic(self._place(path, params), content, mode=MINE_TO_READ)
            if not self._has_tidied:
                self._has_tidied = True
                tidy(self._root, self._now())

    def forget(self, path: str, params: Mapping[str, str]) -> None:
        """Removes the answer to a question."""
        with contextlib.suppress(OSError):
            self._place(path, params).unlink()

    def _question(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        named = {name: value for name, value in sorted(params.items()) if name.lower() != "token"}
        return {"format": FORMAT, "server": self._server, "path": path, "parameters": named}

    def _place(self, path: str, params: Mapping[str, str]) -> Path:
        question = json.dumps(self._question(path, params), sort_keys=True)
        return self._folder / f"{hashlib.sha256(question.encode()).hexdigest()}.json"


def read_own(path: Path) -> bytes:
    """Gives the bytes of a file that is this user's own; raises `OSError` or `ValueError` for anything else."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as stream:
        found = os.fstat(stream.fileno())
        is_own = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
        if not (stat.S_ISREG(found.st_mode) and is_own and found.st_size <= LARGEST_ENTRY):
            raise ValueError("no answer of ours")
        return stream.read(LARGEST_ENTRY)


def tidy(root: Path, now: datetime) -> None:
    """Removes what is older than a day and, the oldest first, what is too much; other files stay untouched."""
    found = sorted(_entries(root), reverse=True)
    oldest = (now - LONGEST_AGE).timestamp()
    total = 0
    for number, (changed, size, path) in enumerate(found):
        total += size
        if changed < oldest or total > MOST_BYTES or number >= MOST_ENTRIES:
            with contextlib.suppress(OSError):
                path.unlink()
    for folder in {path.parent for _, _, path in found}:
        with contextlib.suppress(OSError):
            folder.rmdir()  # only an empty one goes


def _entries(root: Path) -> Iterator[tuple[float, int, Path]]:
    """Yields when it was written, how large it is and where it lies, of every file that this module wrote."""
    with contextlib.suppress(OSError):
        for folder in [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]:
            for path in folder.iterdir():
                with contextlib.suppress(OSError):
                    if _OURS.fullmatch(path.name):
                        found = path.lstat()
                        yield found.st_mtime, found.st_size, path


class RememberingAsker:
    """Asks the service what it has not answered before: in this process, or within a day when there is a cache."""

    def __init__(self, asker: Asker, cache: AnswerCache | None, now: Callable[[], datetime]) -> None:
        self._asker, self._cache, self._now = asker, cache, now
        self._answers: dict[tuple[str, frozenset[tuple[str, str]]], Answer] = {}
        self._lock = threading.Lock()
        self.oldest: datetime | None = None
        """When the oldest answer that was given came from the service."""
        self.kept = 0
        """How many answers were found on disk."""

    @property
    def host(self) -> str:
        """The name of the service's host, for messages."""
        return self._asker.host

    def get_json(self, path: str, params: Mapping[str, str], *, attempts: int | None = None) -> Answer:
        """Gives a remembered answer, or asks; only a 200 is remembered."""
        key = (path, frozenset(params.items()))
        with self._lock:
            known = self._answers.get(key)
        if known is not None:
            return known
        kept = self._cache.read(path, params) if self._cache else None
        if kept is not None:
            answer, asked = Answer(200, kept.body, messages_of(kept.body)), kept.asked
        else:
            answer, asked = self._asker.get_json(path, params, attempts=attempts), self._now()
            if self._cache and answer.status == 200:
                self._cache.keep(path, params, answer.body, self._asker.redact)
        with self._lock:
            self.kept += kept is not None
            self.oldest = min(self.oldest or asked, asked)
            if answer.status == 200:
                self._answers[key] = answer
        return answer

    def forget(self) -> None:
        """Removes every answer that was given, here and on disk: one of them turned out to be of no use."""
        with self._lock:
            questions = [(path, dict(params)) for path, params in self._answers]
            self._answers.clear()
        for path, params in questions:
            if self._cache:
                self._cache.forget(path, params)

    def redact(self, text: str) -> str:
        """Takes the token out of a text."""
        return self._asker.redact(text)

    def tell(self, message: str) -> None:
        """Passes a message for a person on."""
        self._asker.tell(message)

    def service_now(self) -> datetime:
        """Gives the UTC instant by the service's clock, as far as it is known."""
        return self._asker.service_now()
