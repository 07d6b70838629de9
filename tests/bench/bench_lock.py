"""The lock at 100,000 chunks: written, read, resolved and checked, against the standard library's JSON of the same."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from oncsync.api import Token
from oncsync.lockfile import Lock, parse_lock, render_lock
from oncsync.project import Project
from oncsync.sandbox import Sandbox
from oncsync.timespan import UTC
from tests.bench.measuring import Measure
from tests.support.records import make_entry, make_lock, make_request
from tests.support.wide import ROOT, wide_catalogue

TOKEN = "5ec7e70c-0000-4000-8000-00c0ffee0002"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
CHUNKS = 100_000
MANIFEST = """\
version: 1
server: {url}
folder: data
downloads:
  - name: wide
    locationCode: {root}
    begin: 2012-01-01
    end: 2013-01-01
    splitDateRange: PT3H
    dataProductCode: P0
    extension: csv
"""
PLACES = 36  # of 2,800 chunks each


def measures() -> Iterator[Measure]:
    """Gives the figures of the lock (quality.md B11 to B13, and the cost of a resolve)."""
    yield from _text_measures()
    with _resolving() as (resolve, check, lock):
        records = _records(lock)
        text = json.dumps(records)

        def plain() -> None:
            json.loads(text)
            json.dumps(records)

        yield Measure("resolve", f"resolve and write {_chunks(lock):,} chunks ÷ json load + dump", resolve, plain, 5)
        yield Measure("B12", f"`resolve --check` of {_chunks(lock):,} chunks ÷ json load + dump", check, plain, 4)


def _text_measures() -> Iterator[Measure]:
    lock = _lock_of(CHUNKS)
    text, records = render_lock(lock, "oncsync.yaml"), _records(lock)
    dumped = json.dumps(records)
    yield Measure(
        "B11", "write a lock ÷ json.dumps", lambda: render_lock(lock, "oncsync.yaml"), lambda: json.dumps(records), 2.5
    )
    yield Measure(
        "B11", "read and check a lock ÷ json.loads", lambda: parse_lock(text), lambda: json.loads(dumped), 2.5
    )
    large = _lock_of(10 * CHUNKS)
    large_text = render_lock(large, "oncsync.yaml")
    yield Measure(
        "B13",
        "write and read a lock of 1 M chunks ÷ of 100 k",
        lambda: (render_lock(large, "oncsync.yaml"), parse_lock(large_text)),
        lambda: (render_lock(lock, "oncsync.yaml"), parse_lock(text)),
        11,
        rounds=3,
    )


@lru_cache(maxsize=2)
def _lock_of(chunks: int) -> Lock:
    """Gives a lock of requests of ten years by day."""
    days = 3653
    sources = [{"locationCode": f"P{number:04}", "deviceCategoryCode": "CTD"} for number in range(chunks // days + 1)]
    requests = [make_request("2012-01-01", "2022-01-01", source=source, split="day") for source in sources]
    return make_lock(make_entry("wide", *requests))


def _chunks(lock: Lock) -> int:
    return sum(1 for _ in lock.chunks())


def _records(lock: Lock) -> list[Any]:
    """Gives the same data as the standard library's JSON has them."""
    lines = render_lock(lock, "oncsync.yaml").decode().splitlines()
    return [json.loads(line[2:]) for line in lines if line.startswith("- ")]


@contextlib.contextmanager
def _resolving() -> Iterator[tuple[Callable[[], object], Callable[[], object], Lock]]:
    """Gives a whole resolve into an empty place, a check of a lock that is current, and that lock."""
    with (
        tempfile.TemporaryDirectory() as place,
        Sandbox(catalogue=wide_catalogue(PLACES, PLACES, 4), token=TOKEN, now=lambda: NOW) as sandbox,
    ):
        path = Path(place) / "oncsync.yaml"
        path.write_text(MANIFEST.format(url=sandbox.url, root=ROOT))

        def project() -> Project:
            return Project(path, token=Token(TOKEN), now=lambda: NOW)

        def resolve() -> None:
            project().lock_path.unlink(missing_ok=True)
            assert project().resolve(allow_many=True).is_written

        def check() -> None:
            assert project().resolve(write=False, allow_many=True).change.is_same

        resolve()
        lock = project().read_lock()
        assert lock is not None
        yield resolve, check, lock
