"""What every test shares: nothing of the machine's own settings reaches a test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Gives each test empty user folders and an environment without a token or an `ONCSYNC_` variable."""
    home: Path = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home if name in ("HOME", "USERPROFILE") else home / name.lower()))
    for name in ("ONC_TOKEN", "ONCSYNC_SERVER", "ONCSYNC_FOLDER", "NETRC"):
        monkeypatch.delenv(name, raising=False)
