"""ONC's own Python client beside the sandbox: changed in nothing but its address, and when it waits a clock moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncsync.sandbox import Sandbox
from tests.sandbox.asking import Clock

WHERE_IT_WAITS = ("onc.modules._OncDelivery.sleep", "onc.modules._DataProductFile.sleep")


@pytest.fixture
def clock() -> Clock:
    """The seconds that jobs of the service are measured with."""
    return Clock()


@pytest.fixture
def service(clock: Clock) -> Iterator[Sandbox]:
    """A sandbox as everybody gets it, with jobs of one to three seconds; it made no mistake of its own."""
    with Sandbox(clock=clock, seed=20260701) as running:
        yield running
    assert not running.broken


@pytest.fixture
def client(service: Sandbox, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The official client, which downloads into `got`."""
    onc = pytest.importorskip("onc")
    for name in WHERE_IT_WAITS:
        monkeypatch.setattr(name, clock.pass_by)
    made = onc.ONC(service.token, outPath=tmp_path / "got")
    made.baseUrl = service.url
    return made


def names_in(folder: Path) -> list[str]:
    """Gives the sorted names of the files in a folder; none when it is not there."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def asked_of(service: Sandbox, name: str) -> list[dict[str, str]]:
    """Gives the parameters of every question to one service, in turn."""
    return [dict(asked.parameters) for asked in service.asked if asked.path == f"/api/{name}"]


def statuses_of(service: Sandbox, name: str) -> list[int]:
    """Gives the status of every answer of one service, in turn."""
    return [asked.status for asked in service.asked if asked.path == f"/api/{name}"]
