"""What `plan` tells besides the orders: options that are left out, rows that overlap, and very many chunks."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo

import pytest

from oncsync.caretaking import foreseeing
from tests.cli.conftest import Command
from tests.support.records import at
from tests.support.world import CTD_CSV, World

ROW = "{locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv"
ROWS = f"""\
requests:
  - {ROW}, name: By Location!2, begin: 2015-01-01, end: 2015-03-01}}
  - {ROW}, name: By Location!3, begin: 2015-02-01, end: 2015-04-01}}
"""


class FixedClock(datetime):
    """A clock that stands at ten in the morning in Vancouver."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return at("2026-11-21T18:00")


def test_options_that_were_once_demanded_are_noted_with_the_help_link(world: World, oncsync: Command) -> None:
    """R59."""
    oncsync("resolve")
    (note,) = [line for line in oncsync("plan").out.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: TSSD/csv of `axis` leaves options to ONC, which once demanded them: `dpo_dataGaps=")
    assert note.endswith("; see https://wiki.oceannetworks.ca/display/DP/1")
    assert json.loads(oncsync("plan", "--json").out)["notes"] == [note.removeprefix("note: ")]


def test_rows_that_overlap_are_warned_of_with_both_names(world: World, oncsync: Command) -> None:
    """I-22: the plan says it before anything is ordered."""
    world.write(CTD_CSV + ROWS)
    oncsync("resolve")
    said = oncsync("plan")
    assert "`By Location!2` (" in said.err
    assert "and `By Location!3` (" in said.err
    assert "overlap from 2015-02-01 00:00 UTC to 2015-03-01 00:00 UTC" in said.err


@pytest.mark.parametrize("command", [["resolve"], ["plan"], ["sync", "--dry-run"]], ids=" ".join)
def test_very_many_chunks_need_a_flag(
    world: World, oncsync: Command, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncsync.resolver.requests.MOST_CHUNKS", 2)
    said = oncsync(*command)
    assert said.code == 2
    assert "3 chunks are more than the limit of 2" in said.err
    assert "`--allow-many`" in said.err
    assert oncsync(*command, "--allow-many").code == 0


def test_a_closed_window_is_noted_in_its_own_zone(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing begins before it opens, whatever time the orders take."""
    monkeypatch.setattr(foreseeing, "datetime", FixedClock)
    settings = '  beginRun: "12:00:00"\n  endRun: "14:00:00"\n  runTimeZone: America/Vancouver\n'
    world.write(CTD_CSV, settings)
    oncsync("resolve")
    note = "the run window is closed until 2026-11-21 12:00 America/Vancouver: a sync begins nothing before"
    assert f"note: {note}" in oncsync("plan").out.splitlines()
    assert note in json.loads(oncsync("plan", "--json").out)["notes"]
    world.write(CTD_CSV, settings.replace("12:00:00", "02:00:00"))
    assert "run window" not in oncsync("plan").out


def test_a_disk_without_the_room_that_is_to_stay_free_is_noted(world: World, oncsync: Command) -> None:
    """Before the folder is there, and only while there is something to do."""
    world.write(CTD_CSV, settings="  minFree: 999999 TB\n")
    oncsync("resolve")
    (note,) = [line for line in oncsync("plan").out.splitlines() if "minFree" in line]
    assert note.startswith("note: Only ")
    assert note.endswith(": a sync begins nothing")
    world.write(CTD_CSV, settings="  minFree: 1 kB\n")
    assert "minFree" not in oncsync("plan").out
    assert world.sync().exit_code == 0
    world.write(CTD_CSV, settings="  minFree: 999999 TB\n")
    assert "minFree" not in oncsync("plan").out
