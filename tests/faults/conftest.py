"""The world of the fault tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import TOKEN, World, quick_sandbox


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service, a manifest of three chunks, an empty folder."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox() as sandbox:
        yield World(tmp_path, sandbox)
