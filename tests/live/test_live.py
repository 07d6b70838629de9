"""The main flows against a real service, for someone who has a token: `ONC_TOKEN=... python -m pytest --live`.

Left out otherwise. What is asserted holds for ONC and for the embedded service (`--live --server sandbox`) alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from oncsync.api import ArrivingFile, Session, Token, judge_size, list_archive_files, open_archive_file, run_phase
from oncsync.cli import cli
from oncsync.cli.ending import run_to_exit_code
from oncsync.project import Project
from oncsync.sandbox import Sandbox
from tests.conftest import NAMED
from tests.contract import conversations
from tests.contract.conversations import DEVICE, FIRST, LAST
from tests.contract.recording import NOBODY, Talk

pytestmark = pytest.mark.live

MANIFEST = """\
version: 1
server: {server}
folder: data
downloads:
  - name: a-day
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: 2015-01-01
    end: 2015-01-02
    splitDateRange: day
    options: {{dpo_resample: average, dpo_average: 3600}}
"""


class Service(NamedTuple):
    """Where the live tests ask."""

    url: str
    token: Token


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service that a person named; the embedded one runs as long as the tests do."""
    named = request.config.stash[NAMED]
    if named.url is not None:
        yield Service(named.url, named.token)
        return
    with Sandbox(job_seconds=(0.5, 1.0)) as sandbox:
        yield Service(sandbox.url, Token(sandbox.token))


@pytest.fixture
def session(service: Service) -> Iterator[Session]:
    """A session as every command opens it."""
    with Session(service.url, service.token, on_message=lambda text: None) as opened:
        yield opened


@pytest.fixture
def manifest(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest of one small order, in an environment that holds the token."""
    monkeypatch.setenv("ONC_TOKEN", service.token.reveal())
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "oncsync.yaml"
    path.write_text(MANIFEST.format(server=service.url), encoding="utf-8")
    return path


def test_discovery(service: Service, session: Session) -> None:
    """Each service of discovery answers in records that can be read."""
    with Session(service.url, NOBODY) as stranger:
        heard = conversations.discovery(Talk(session, stranger, lambda seconds: None))
    assert [location.location_code for location in heard.locations] == ["BACAX"]
    assert all((heard.tree, heard.deployments, heard.categories, heard.devices, heard.properties, heard.products))


def test_refusals(service: Service, session: Session) -> None:
    """A token that nobody has, and codes that do not exist, are refused as the contract says."""
    with Session(service.url, NOBODY) as stranger:
        heard = conversations.refusals(Talk(session, stranger, lambda seconds: None))
    assert {name: type(error).__name__ for name, error in heard.items()} == {
        "token": "TokenError",
        "value": "RefusedError",
        "name": "RefusedError",
        "nothing": "NotFoundError",
        "order": "RefusedError",
    }


def test_a_small_order_arrives_and_is_never_ordered_again(manifest: Path) -> None:
    """From the manifest to whole files with their metadata; the next sync finds nothing to do."""
    project = Project(manifest)
    result = project.sync()
    assert result.exit_code == 0
    files = project.files()
    assert {file.is_metadata for file in files} == {True, False}
    for file in files:
        assert file.bytes
        assert file.path.stat().st_size == file.bytes
    again = Project(manifest).sync()
    assert again.exit_code == 0
    assert again.plan.counts["order"] == 0
    assert list((manifest.parent / "data" / ".oncsync" / "partial").iterdir()) == []


def test_an_order_is_cancelled_and_taken_up_again(service: Service, session: Session) -> None:
    """The runs of an order that was restarted have the ids they had."""
    with Session(service.url, NOBODY) as stranger:
        heard = conversations.restart(Talk(session, stranger, time.sleep))
    assert [run.dp_run_id for run in heard.restarted] == [run.dp_run_id for run in heard.cancelled]
    assert {run_phase(run.status, finished=True) for run in heard.last.runs} == {"complete"}


def test_an_archive_file_arrives_whole(session: Session) -> None:
    """The smallest file of some days has the size that the listing tells."""
    listing = list_archive_files(session, device_code=DEVICE, date_from=FIRST, date_to=LAST, file_extension="txt")
    assert len(listing.files) >= 4
    smallest = min(listing.files, key=lambda file: file.stored_size or 0)
    answer = open_archive_file(session, smallest.name, listed=smallest)
    assert isinstance(answer, ArrivingFile)
    with answer:
        count = sum(len(block) for block in answer.blocks())
    assert judge_size(count, smallest, has_length=answer.length is not None) in ("good", "differs")


def test_doctor_finds_all_well(manifest: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """And shows nothing of the token."""
    assert run_to_exit_code(cli, ["doctor"]) == 0
    said = capsys.readouterr()
    assert "answers as the service does" in said.out
    is_shown = service.token.reveal() in said.out + said.err
    assert not is_shown
