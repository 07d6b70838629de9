"""The long proof of tests/soak, in short: all faults at once, two folders, kills (`make soak` is the long form)."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncsync.sandbox.faults import KINDS
from tests.soak.soak import Report, soak
from tests.soak.weather import ABSENT, make_rules


def test_every_fault_of_the_sandbox_is_part_of_the_weather() -> None:
    """Issue 6: "every fault on at once"; those that are absent say why."""
    assert {rule.fault for rule in make_rules()} | ABSENT.keys() == KINDS.keys()
    assert all(ABSENT.values())


@pytest.mark.slow
def test_a_few_chunks_get_through_the_worst_weather(tmp_path: Path) -> None:
    """F1, F3, rules 1 to 3: every file whole, four orders at most, none twice without a cause, no call afterwards."""
    report = Report()
    soak(tmp_path, chunks=16, minutes=3, kill_every=(0.8, 1.6), seed=11, report=report)
    assert report.broken == []
