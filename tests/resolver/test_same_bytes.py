"""F9: the lock is the same bytes whatever the order of answers, the threads, the locale or the time zone."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import oncsync
from oncsync.lockfile import parse_lock, render_lock
from oncsync.manifest import load_manifest
from oncsync.resolver import resolve_manifest
from tests.resolver.conftest import Connect
from tests.resolver.world import DEPLOYED, NOW, World, entry, make_world, requests_of, resolved, session_with, shuffler
from tests.support.scripted import Asked, Reply, ScriptedService

EVERYTHING = (
    entry("locationCode: ROOT\ndownloadMethod: all\noptions: {dpo_resample: average}", "all")
    + entry("deviceCategoryCode: CTD\nbegin: -P1Y\nend: now\nsplitDateRange: week", "open").removeprefix("downloads:\n")
    + entry("propertyCode: [salinity, pressure]\nextension: [csv, json]", "props").removeprefix("downloads:\n")
    + entry("near: {lat: 48.5, lon: -126, radiusKm: 50}\npinOptions: true\nprefer: csv", "near").removeprefix(
        "downloads:\n"
    )
    + "  - {name: calls, events: {file: calls.csv, padding: PT12H}, downloadMethod: all}\n"
    "requests:\n"
    "  - {name: r1, locationCode: NA, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,"
    " begin: 2020-01-01, end: 2020-06-01, pinOptions: true}\n"
    "  - {name: r2, deviceCode: CTD3, dataProductCode: TSSD, extension: mat, begin: 2020-02-01, end: 2020-06-01}\n"
)


TWINS = [*DEPLOYED, ("CTD3", "NB", "2020-01-15", "2020-08-01"), ("CTD3", "NB", "2020-01-15", "2020-09-01")]
"""Deployments of one device that begin at the same instant, so that nothing but their end tells them apart."""


CALLS = """\
time,label,locationCode,deviceCode
2020-02-03T10:00:00Z,fin,NORTH,
2020-02-03T19:00:00Z,blue,,
2020-03-31T23:59:50Z,fin,SA,
2020-03-01,sei,,CTD3
"""


def lock_bytes(script: World) -> bytes:
    """Resolves the whole small world and gives the lock's bytes."""
    with tempfile.TemporaryDirectory() as place:
        manifest = Path(place) / "oncsync.yaml"
        manifest.write_text(f"server: sandbox\n{EVERYTHING}", encoding="utf-8")
        (manifest.parent / "calls.csv").write_text(CALLS, encoding="utf-8")
        with ScriptedService(script) as service, session_with(service.url) as session:
            resolution = resolve_manifest(load_manifest(manifest, environment={}), session, lambda: NOW, None)
        assert resolution.failures == ()
        labels = {one.about.get("label") for one in requests_of(resolution, "calls")}
        assert labels >= {"fin; blue", "fin", "sei"}, "events are mixed as well"
        return render_lock(resolution.lock, "oncsync.yaml")


@pytest.fixture(scope="module")
def plain() -> bytes:
    """The lock's bytes with answers in the service's own order."""
    return lock_bytes(World(make_world(TWINS)))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_shuffled_answers_give_the_same_bytes(plain: bytes, seed: int) -> None:
    """Every list and every object of every answer is mixed."""
    assert lock_bytes(World(make_world(TWINS), alter=shuffler(seed))) == plain


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_the_order_in_which_threads_are_answered_gives_the_same_bytes(plain: bytes, seed: int) -> None:
    """Each answer is held back until another question or two have come in, as far as there are any."""
    mixing = random.Random(seed)
    came = threading.Semaphore(0)

    def hold(asked: Asked) -> Reply | None:
        came.release()
        for _ in range(mixing.randrange(3)):
            came.acquire(timeout=0.003)
        return None

    assert lock_bytes(World(make_world(TWINS), instead=hold)) == plain


SCRIPT = """
import sys
from tests.resolver.test_same_bytes import TWINS, lock_bytes
from tests.resolver.world import World, make_world
sys.stdout.buffer.write(lock_bytes(World(make_world(TWINS))))
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "77"},
    ],
    ids=["far east", "turkish"],
)
def test_another_time_zone_locale_or_hash_seed_gives_the_same_bytes(plain: bytes, environment: dict[str, str]) -> None:
    root = Path(oncsync.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | environment | {"PYTHONPATH": str(root), "PYTHONUTF8": "0"},
        cwd=root,
        capture_output=True,
        check=True,
    )
    assert done.stdout == plain


def test_the_lock_holds_no_time_of_its_making_and_no_word_of_the_machine(plain: bytes) -> None:
    """Nothing in it changes without a cause."""
    assert b"127.0.0.1" not in plain
    assert b"2026-11-21" not in plain
    assert str(Path.cwd()).encode() not in plain


def test_nothing_the_service_says_leads_to_a_line_that_is_no_line(connect: Connect) -> None:
    """Names with line ends, quotes and control characters stay one flow map a line."""
    nasty = "a\nb\r\u2028c\u0085\"d'\\e\x7f # {f}: [g]"

    def rename(asked: Asked, body: object) -> object:
        return [{**row, "deviceName": nasty, "dataProductName": nasty} for row in body] if isinstance(body, list) else 0

    _, session = connect(World(alter=rename))
    resolution = resolved(entry("deviceCode: CTD3\ndownloadMethod: byDevice\nextension: csv"), session)
    assert parse_lock(render_lock(resolution.lock, "m")) == resolution.lock
    name = resolution.lock.entries[0].requests[0].about["deviceName"]
    assert isinstance(name, str)
    assert name.isprintable(), "what the client lets through can be shown"
    assert "# {f}: [g]" in name
