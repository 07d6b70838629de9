"""F8, long: the walks of tests/faults/machine.py, more of them and longer, with examples that are new each time."""

from __future__ import annotations

import time

from hypothesis import settings

from tests.faults import machine
from tests.soak.soak import Report


def walk(*, examples: int, steps: int, report: Report) -> None:
    """Walks so many times; what is found is raised with the shortest way to it."""
    settings.load_profile("default")
    began = time.monotonic()
    try:
        machine.walk(examples, steps)
    except AssertionError as error:
        report.tell("\n".join(getattr(error, "__notes__", [])))
        report.check(False, f"model and disk agree in {examples} walks of {steps} steps: {error}")
        return
    report.check(True, f"model and disk agree in {examples} walks of {steps} steps ({time.monotonic() - began:.0f} s)")
