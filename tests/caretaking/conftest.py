"""A folder of archive files: six hours of one spectrometer, and the commands that take care of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command, oncsync
from tests.support.world import CTD_CSV, TOKEN, World, quick_sandbox

__all__ = ["Command", "oncsync"]

DEVICE = "TUMPMTSPECTROMETER002"
SPECTRA = f"""\
  - name: spectra
    service: archivefile
    deviceCode: {DEVICE}
    match: "*-SDAQ-MODULE.hdf5"
    begin: 2021-08-30
    end: 2021-08-30T06:00:00Z
"""


def name_of(hour: int) -> str:
    """Gives the name of an hour's file."""
    return f"{DEVICE}_20210830T{hour:02}0000.000Z-SDAQ-MODULE.hdf5"


def place_of(hour: int) -> str:
    """Gives its place in the folder."""
    return f"{DEVICE}/2021_08/{name_of(hour)}"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service, a manifest of six archive files and its lock; the current folder is the manifest's."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with quick_sandbox() as sandbox:
        world = World(tmp_path, sandbox, SPECTRA)
        world.project().resolve()
        yield world


@pytest.fixture
def synced(world: World) -> World:
    """The same with all files in the folder."""
    assert world.sync().exit_code == 0
    return world


@pytest.fixture
def mixed(world: World) -> World:
    """A folder with archive files and with product files."""
    world.write(SPECTRA + CTD_CSV)
    assert world.sync().exit_code == 0
    return world
