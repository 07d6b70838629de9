"""100,000 archive files: listed, locked, read and asked about again, beside the standard library's JSON of the rows."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from oncsync.api import Token
from oncsync.locking import read_beside
from oncsync.project import Project
from oncsync.timespan import UTC, format_instant
from tests.bench.measuring import Measure
from tests.support.scripted import Asked, Reply, ScriptedService

TOKEN = "5ec7e70c-0000-4000-8000-00c0ffee0003"
FILES = 100_000
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
EVERY = timedelta(minutes=5)
MANIFEST = """\
version: 1
server: {url}
folder: data
downloads:
  - name: sound
    service: archivefile
    deviceCode: ICLISTENHF1354
    begin: 2020-01-01
    end: 2021-01-01
"""


def measures() -> Iterator[Measure]:
    """Gives the figures of archive files (issue 7)."""
    rows = [_row(number) for number in range(FILES)]
    text = json.dumps(rows)

    def plain() -> None:
        json.dumps(json.loads(text))

    with _project(rows) as (resolve, ask_again, read):
        yield Measure("archive", f"list and lock {FILES:,} files ÷ json load + dump of the rows", resolve, plain, 14)
        yield Measure("archive", f"read the lock of {FILES:,} files ÷ json load + dump", read, plain, 2)
        yield Measure("archive", f'"nothing new" for {FILES:,} files ÷ json load + dump', ask_again, plain, 6)


def _row(number: int) -> dict[str, Any]:
    begin = BEGIN + number * EVERY
    archived = begin + timedelta(minutes=17)
    return {
        "filename": f"ICLISTENHF1354_{begin:%Y%m%dT%H%M%S}.000Z.flac",
        "deviceCode": "ICLISTENHF1354",
        "dataProductCode": "AD",
        "dateFrom": format_instant(begin),
        "dateTo": format_instant(begin + EVERY),
        "archivedDate": format_instant(archived),
        "modifyDate": format_instant(archived + timedelta(seconds=4)),
        "fileSize": 80_152 + number % 997,
        "uncompressedFileSize": 80_152 + number % 997,
        "compression": None,
        "archiveLocation": "/NA_Archive_04",
        "path": "14/10/96",
    }


@contextlib.contextmanager
def _project(
    rows: list[dict[str, Any]],
) -> Iterator[tuple[Callable[[], object], Callable[[], object], Callable[[], object]]]:
    """Gives a first resolve, one that finds nothing new, and reading the lock; the service's answers are ready."""
    everything = Reply.of_json({"files": rows, "next": None})
    nothing = Reply.of_json({"files": [], "next": None})

    def answer(asked: Asked) -> Reply:
        return nothing if "dateArchivedFrom" in asked.query else everything

    with tempfile.TemporaryDirectory() as place, ScriptedService(answer) as service, _own_cache(place):
        path = Path(place) / "oncsync.yaml"
        path.write_text(MANIFEST.format(url=service.url), encoding="utf-8")

        def project() -> Project:
            return Project(path, token=Token(TOKEN), now=lambda: NOW)

        def resolve() -> None:
            project().lock_path.unlink(missing_ok=True)
            shutil.rmtree(Path(place) / "oncsync.lock.d", ignore_errors=True)
            assert project().resolve().is_written

        def ask_again() -> None:
            assert project().resolve().change.is_same
            assert "dateArchivedFrom" in service.asked[-1].query

        def read() -> None:
            assert read_beside(project().lock_path) is not None

        resolve()
        yield resolve, ask_again, read


@contextlib.contextmanager
def _own_cache(place: str) -> Iterator[None]:
    """Keeps what is remembered of listings away from the user's own cache."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(Path(place) / "cache")
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = before
