"""F8: whatever people and kills do to a folder, in any order, nothing is lost and the next sync ends well."""

from __future__ import annotations

import pytest

from tests.faults.machine import walk


@pytest.mark.slow
def test_fifty_walks_of_twenty_steps() -> None:
    """F8, rule 1, R110: edits, syncs, kills, outages, deletions, damage, prunes and repairs in any order."""
    walk(examples=50, steps=20)
