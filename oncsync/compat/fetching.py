"""Fetches archive files, each into a folder of its own: only whole ones get their names, one failure stops no other.

Sources: R170, R180, P1, P4, P7, open questions 1, 2 and 33.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

import msgspec

from oncsync.api import (
    SIZE_DIFFERS,
    ArchiveFile,
    ArrivingFile,
    Session,
    judge_size,
    open_archive_file,
)
from oncsync.api.retry import is_worth_retrying
from oncsync.atomic import folder_error
from oncsync.compat.remembered import Memory
from oncsync.compat.telling import Tell
from oncsync.engine import pace as paces
from oncsync.engine.disk import (
    is_beginning,
    remove_quietly,
    rename_over,
    rename_to_free_place,
    set_aside,
)
from oncsync.errors import FaultError, FolderError, OncsyncError, ServiceError, TokenError, UnreachableError
from oncsync.naming import fold

MOST_OUT_OF_REACH = 3
"""After so many files in a row that could not be reached at all, the rest is left for another time."""
LEFT_OVER_AFTER = 3600.0
"""Seconds without a byte after which a partial file belongs to no transfer any more."""


class Wanted(msgspec.Struct, frozen=True):
    """A file to fetch, as it was listed, and the path that it shall have."""

    listed: ArchiveFile
    path: Path


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a wanted file; `bytes` and `sha256` are of one that was fetched now."""

    wanted: Wanted
    status: Literal["completed", "skipped", "failed"]
    bytes: int = 0
    sha256: str | None = None
    remark: str | None = None
    error: OncsyncError | None = None


class _Body(msgspec.Struct, frozen=True):
    partial: Path
    bytes: int
    sha256: str
    has_length: bool


class Fetcher:
    """Fetches files with a few threads; `overwrite` fetches those again that are here whole."""

    def __init__(self, session: Session, memory: Memory, tell: Tell, *, threads: int, overwrite: bool = False) -> None:
        self._session, self._memory, self._tell = session, memory, tell
        self._threads, self._overwrite = threads, overwrite
        self._stop = threading.Event()

    def fetch(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        """Gives an outcome for each file, in the order given; every file is tried, whatever happens to others.

        Raises what makes the rest pointless: `TokenError`, `FolderError`, and `UnreachableError` when several files
        in a row could not be reached.
        """
        sweep({one.path.parent for one in wanted})
        outcomes: dict[int, Outcome] = {}
        out_of_reach = 0
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="oncsync-transfer")
        try:
            waiting: dict[Future[Outcome], int] = {pool.submit(self._one, one): at for at, one in enumerate(wanted)}
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = outcomes[waiting.pop(future)] = future.result()
                    out_of_reach = out_of_reach + 1 if isinstance(outcome.error, UnreachableError) else 0
                    if isinstance(outcome.error, TokenError | FolderError) or out_of_reach >= MOST_OUT_OF_REACH:
                        assert outcome.error is not None
                        raise outcome.error
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
        return [outcomes[at] for at in range(len(wanted))]

    def _one(self, wanted: Wanted) -> Outcome:
        """Fetches one file unless it is here, and tries again what may go better; never raises."""
        if not self._overwrite and self._memory.is_whole(wanted.path, wanted.listed):
            return Outcome(wanted=wanted, status="skipped")
        seen: set[str] = set()
        attempt = 1
        while True:
            try:
                return self._attempt(wanted, seen)
            except OncsyncError as error:
                pace = paces.DEFAULT_PACE
                is_last = attempt >= pace.attempts or not is_worth_retrying(error) or self._stop.is_set()
                if is_last:
                    return Outcome(wanted=wanted, status="failed", error=error)
                asked = error.retry_after if isinstance(error, ServiceError) else None
            self._stop.wait(paces.retry_wait(pace, attempt, asked, random.random()))  # noqa: S311
            attempt += 1

    def _attempt(self, wanted: Wanted, seen: set[str]) -> Outcome:
        answer = open_archive_file(self._session, wanted.listed.name, listed=wanted.listed)
        if not isinstance(answer, ArrivingFile):
            raise ServiceError(f"ONC does not have it{f': {answer.text}' if answer.text else ''}")
        with answer:
            body = self._receive(answer, wanted.path)
        try:
            verdict = judge_size(body.bytes, wanted.listed, has_length=body.has_length, came_before=body.sha256 in seen)
            if verdict == "fault":
                seen.add(body.sha256)
                raise FaultError(f"{body.bytes:,} bytes came, which is not what was listed")
            self._put(body, wanted.path)
        finally:
            remove_quietly(body.partial)
        remark = {"differs": SIZE_DIFFERS, "unverified": "no size to compare with"}.get(verdict)
        if remark:
            self._tell("warning", f"`{wanted.path}`: {remark}")
        self._memory.note(wanted.path, body.bytes, body.sha256, wanted.listed)
        return Outcome(wanted=wanted, status="completed", bytes=body.bytes, sha256=body.sha256, remark=remark)

    def _receive(self, arriving: ArrivingFile, path: Path) -> _Body:
        """Writes the body to a partial file beside its place, removed unless it is whole."""
        partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
        hasher = hashlib.sha256()
        count = 0
        is_whole = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "xb") as stream:
                for block in arriving.blocks():
                    if self._stop.is_set():
                        raise UnreachableError("The transfer was stopped")
                    stream.write(block)
                    hasher.update(block)
                    count += len(block)
            is_whole = True
            return _Body(partial, count, hasher.hexdigest(), arriving.length is not None)
        except OSError as error:
            raise folder_error(path, error) from error
        finally:
            if not is_whole:
                remove_quietly(partial)

    def _put(self, body: _Body, path: Path) -> None:
        """Gives a whole file its name. What lies there goes if it is ours or only lacks its end, else it stays, too."""
        is_replaceable = self._overwrite or self._memory.is_ours(path)
        if not is_replaceable and rename_to_free_place(body.partial, path):
            return
        if not is_replaceable and not is_beginning(path, body.partial):
            aside = set_aside(path)
            self._tell("warning", f"`{path}` was another file; it is now `{aside.name}`, beside the new one")
        rename_over(body.partial, path)


def sweep(folders: Iterable[Path]) -> None:
    """Removes what killed runs left half written."""
    for folder in folders:
        for path in folder.glob(".*.part") if folder.is_dir() else ():
            try:
                is_left_over = time.time() - path.stat().st_mtime > LEFT_OVER_AFTER
            except OSError:
                continue
            if is_left_over and re.fullmatch(r"\..+\.[0-9a-f]{12}\.part", path.name):
                remove_quietly(path)


def sort_out(wanted: Iterable[Wanted]) -> tuple[list[Wanted], list[Outcome]]:
    """Takes out what stands there twice, and refuses names that one place would take for the same."""
    kept: dict[str, Wanted] = {}
    refused: list[Outcome] = []
    for one in wanted:
        first = kept.setdefault(fold(os.fspath(one.path)), one)
        if first.listed.name != one.listed.name:
            error = ServiceError(f"it would take the place of `{first.listed.name}`")
            refused.append(Outcome(wanted=one, status="failed", error=error))
    return list(kept.values()), refused
