"""What `plan` tells besides the orders: options that are left out, rows that overlap, and very many chunks."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, World

ROW = "{locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv"
ROWS = f"""\
requests:
  - {ROW}, name: By Location!2, begin: 2015-01-01, end: 2015-03-01}}
  - {ROW}, name: By Location!3, begin: 2015-02-01, end: 2015-04-01}}
"""


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
    assert "overlap from 2015-02-01T00:00:00.000Z to 2015-03-01T00:00:00.000Z" in said.err


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
