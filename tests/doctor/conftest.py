"""What the tests of the self-check share: a machine whose network and disk are in order, until a test breaks a part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from oncsync import credentials
from oncsync.doctor import Finding, Machine, Report, Subject, examine
from oncsync.timespan import UTC
from tests.support.scripted import Asked, Reply, ScriptedService, serve

__all__ = ["serve"]

TOKEN = "5ec7e70c-0000-4000-8000-00c0ffee0001"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CATEGORY = [{"deviceCategoryCode": "CTD", "deviceCategoryName": "CTD", "hasDeviceData": "true"}]
DATE = {"Date": "Sat, 21 Nov 2026 12:00:00 GMT"}
MANIFEST = """\
version: 1
server: {server}
folder: data
downloads:
  - name: axis
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: 2015-01-01
    end: 2015-04-01
"""

Diagnose = Callable[..., Report]


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the keyring of this machine, if it has one, out of the tests."""
    monkeypatch.setattr(credentials, "_keyring", lambda: None)


def answering(asked: Asked) -> Reply:
    """Answers as the service does, at noon, to the one token it takes."""
    if asked.query.get("token") != TOKEN:
        return Reply.of_errors((127, "Invalid parameter value", "token"), status=401, headers=DATE)
    return Reply.of_json(CATEGORY, headers=DATE)


def machine(**changed: Any) -> Machine:
    """Gives this machine at noon, with a quiet environment and plenty of space."""
    settings: dict[str, Any] = {
        "now": lambda: NOW,
        "environment": {"ONC_TOKEN": TOKEN},
        "free_space": lambda place: 10**12,
        "mounts": lambda: "/dev/sda1 / ext4 rw 0 0\n",
        "requirements": lambda: None,
        "proxy_for": lambda url: None,
    }
    return Machine(**(settings | changed))


def write_manifest(directory: Path, server: str = "production", text: str = MANIFEST) -> Path:
    """Writes the manifest of these tests."""
    path = directory / "oncsync.yaml"
    path.write_text(text.replace("{server}", server), encoding="utf-8")
    return path


def finding(report: Report, name: str) -> Finding:
    """Gives the finding of a name."""
    (found,) = [one for one in report.findings if one.name == name]
    return found


def tree(directory: Path) -> dict[str, bytes | None]:
    """Gives everything below a folder: the content of files, None for folders."""
    return {
        path.relative_to(directory).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(directory.rglob("*"))
    }


@pytest.fixture
def diagnose(tmp_path: Path) -> Diagnose:
    """Looks at everything from the test's folder, on a machine with the parts that the test names."""

    def run(
        *,
        manifest: str | None = None,
        folder: str | None = None,
        token_file: Path | None = None,
        offline: bool = False,
        **changed: Any,
    ) -> Report:
        subject = Subject(start=tmp_path, manifest=manifest, folder=folder, token_file=token_file, offline=offline)
        return examine(subject, machine(**changed))

    return run


@pytest.fixture
def service(serve: Callable[..., ScriptedService]) -> ScriptedService:
    """A service that answers as the real one does."""
    return serve(answering)


def environment_with(service: ScriptedService, token: str | None = TOKEN, **more: str) -> dict[str, str]:
    """Gives an environment that names a service and, perhaps, a token."""
    named = {"ONCSYNC_SERVER": service.url, **more}
    return named if token is None else {**named, "ONC_TOKEN": token}


def own(directory: Path) -> Path:
    """Makes what oncsync keeps in the folder `data`."""
    place = directory / "data" / ".oncsync"
    (place / "partial").mkdir(parents=True)
    return place
