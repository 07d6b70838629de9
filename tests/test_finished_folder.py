"""A finished folder stays finished: resolving again orders nothing, whatever clock and split say (R107, R109)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from oncsync import Project
from oncsync.engine.run import Tools
from oncsync.sandbox import Sandbox
from tests.resolver.making import at
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World, quick_sandbox

OPEN = """\
  - name: lately
    locationCode: SCVIP
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: -P2D
    end: now
    splitDateRange: day
"""
EVENTS = """\
  - name: calls
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    events: {file: calls.csv, padding: PT10M}
"""


class Clock:
    """The one clock of the service and of this machine."""

    def __init__(self) -> None:
        self.time = at("2026-11-21T10:20:30")

    def __call__(self) -> datetime:
        return self.time


class Finished(World):
    """A world whose clock a test sets."""

    def __init__(self, directory: Path, sandbox: Sandbox, clock: Clock, downloads: str) -> None:
        super().__init__(directory, sandbox, downloads)
        self.clock = clock

    def project(self) -> Project:
        """Gives a fresh view of the manifest at the time of the clock."""
        return Project(self.manifest, now=self.clock)

    def sync_all(self) -> int:
        """Syncs and gives how many orders that took."""
        before = self.asked("request")
        result = self.project().sync(tools=Tools(pace=QUICK_PACE, now=self.clock))
        assert result.exit_code == 0
        return self.asked("request") - before


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finished]:
    """A folder in which everything is done."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.setattr("oncsync.connection.service_now", lambda now, offset: (now, None))  # there is one clock
    clock = Clock()
    (tmp_path / "calls.csv").write_text("time,label\n2015-02-03T10:00:00Z,fin\n2015-02-28T23:55:00Z,fin\n")
    with quick_sandbox(now=clock) as sandbox:
        world = Finished(tmp_path, sandbox, clock, CTD_CSV + OPEN + EVENTS)
        assert world.sync_all() == 3 + 3 + 3
        yield world


def test_resolving_twice_orders_nothing(finished: Finished) -> None:
    finished.project().resolve()
    assert finished.sync_all() == 0


def test_resolving_an_hour_later_orders_nothing(finished: Finished) -> None:
    """The span that moves with the clock means the same days; its open chunks are not due yet."""
    finished.clock.time += timedelta(hours=1)
    result = finished.project().resolve()
    assert result.change.is_same
    assert finished.sync_all() == 0


def test_a_day_later_only_what_is_new_or_open_is_ordered(finished: Finished) -> None:
    """The counterpart: today's new day, and the two that may have got more data."""
    finished.clock.time += timedelta(days=1)
    assert finished.sync_all() == 3


def test_another_split_of_a_finished_folder_orders_nothing(finished: Finished) -> None:
    """From months to days: what is held is cut in another way, and is held all the same."""
    finished.write(
        (CTD_CSV + EVENTS).replace("    begin: 2015-01-01", "    splitDateRange: day\n    begin: 2015-01-01")
    )
    result = finished.project().resolve()
    assert sum(1 for _ in result.lock.chunks()) == 90 + 3
    assert finished.sync_all() == 0
    finished.write(CTD_CSV + EVENTS + "    splitDateRange: hour\n")
    assert finished.sync_all() == 0


def test_adding_an_event_orders_that_event_alone(finished: Finished) -> None:
    with (finished.directory / "calls.csv").open("a") as stream:
        stream.write("2015-03-10T00:00:00Z,blue\n")
    assert finished.sync_all() == 1


def test_a_comment_or_another_order_of_the_events_orders_nothing(finished: Finished) -> None:
    calls = finished.directory / "calls.csv"
    head, *rows = calls.read_text().splitlines()
    calls.write_text("\n".join(["# by hand", head, *reversed(rows)]) + "\n")
    assert finished.sync_all() == 0
