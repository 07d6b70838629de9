"""What was listed of archive files is remembered in the user's cache, and nothing depends on it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from oncsync import listings
from oncsync.listings import DeviceListing, EntryListing, ListingNotes
from oncsync.project import Project
from oncsync.sandbox import Sandbox
from oncsync.timespan import UTC
from tests.support.world import TOKEN, World, quick_sandbox

NOW = datetime(2023, 5, 10, 12, tzinfo=UTC)
"""So far from the machine's own date that nobody takes the service's clock for a better one."""
DEVICE = DeviceListing(asked=NOW, full=NOW, spans=((NOW, NOW),), question="* ", lines="ab")
SOME = {("download", "x"): EntryListing("0" * 20, {"D": DEVICE}), ("download", "a"): EntryListing("1" * 20)}
HOURLY = """\
  - name: hourly
    service: archivefile
    deviceCode: [TUMPMTSPECTROMETER001, TUMPMTSPECTROMETER002]
    match: "*-SDAQ-MODULE.hdf5"
    begin: -P2D
    end: now
"""


def notes(name: str = "oncsync.lock", server: str = "sandbox") -> ListingNotes:
    return ListingNotes(Path("/w/oncsync.yaml"), Path("/w") / name, server)


def documents() -> list[Path]:
    """Gives what lies in the cache of this test."""
    return sorted(Path(os.environ["HOME"]).rglob("listings/*"))


def test_what_is_kept_is_read_back_for_that_lock_and_server_alone() -> None:
    assert notes().read() == {}
    notes().keep(SOME)
    assert notes().read() == SOME
    assert notes("other.lock").read() == {}
    assert notes(server="qa").read() == {}


def test_a_path_may_have_bytes_that_are_no_text() -> None:
    """It is a name like any other where names are bytes."""
    odd = [Path(os.fsdecode(name)) for name in (b"/w\xff/oncsync.yaml", b"/w\xfe/oncsync.yaml")]
    first, second = (ListingNotes(path, path.with_suffix(".lock"), "sandbox") for path in odd)
    first.keep(SOME)
    assert (first.read(), second.read()) == (SOME, {})


def test_the_document_is_its_users_own() -> None:
    notes().keep(SOME)
    (document,) = documents()
    if sys.platform != "win32":
        assert stat.S_IMODE(document.stat().st_mode) == 0o600
        assert stat.S_IMODE(document.parent.stat().st_mode) == 0o700


def test_a_document_that_says_the_same_is_not_written_again() -> None:
    notes().keep(SOME)
    (document,) = documents()
    before = document.stat().st_mtime_ns
    notes().keep(dict(reversed(SOME.items())))
    assert document.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 1}',
        b'{"format": 2, "manifest": "/w/oncsync.yaml", "lock": "/w/oncsync.lock", "server": "sandbox", "entries": []}',
        b'{"format": 1, "manifest": "/w/oncsync.yaml", "lock": "/w/oncsync.lock", "server": "sandbox", "entries": [1]}',
        b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_damaged_document_is_as_good_as_none(content: bytes) -> None:
    notes().keep(SOME)
    (document,) = documents()
    document.write_bytes(content)
    assert notes().read() == {}
    notes().keep(SOME)
    assert notes().read() == SOME


def test_a_cache_that_cannot_be_written_is_no_trouble() -> None:
    home = Path(os.environ["XDG_CACHE_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "oncsync").write_text("a file", encoding="utf-8")
    notes().keep(SOME)
    assert notes().read() == {}


def test_very_many_documents_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MOST_DOCUMENTS", 3)
    for number in range(6):
        notes(f"{number}.lock").keep(SOME)
    assert len(documents()) == 3


# --- In a project ----------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A manifest of archive files, on a service where it is always noon."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox(now=lambda: NOW) as sandbox:
        yield World(tmp_path, sandbox, HOURLY)


def project(world: World) -> Project:
    return Project(world.manifest, now=lambda: NOW)


def marks(sandbox: Sandbox, since: int) -> list[str | None]:
    """Gives from which archiving times on was asked, and that nothing else was asked."""
    asked = sandbox.asked[since:]
    assert {one.path for one in asked} == {"/api/archivefile/device"}
    return [one.parameters.get("dateArchivedFrom") for one in asked]


def test_the_next_process_asks_each_device_once_and_for_news_alone(world: World) -> None:
    """R142, R148: "nothing new" costs one call per device, with a short answer; `--full` lists everything."""
    first = project(world).resolve()
    assert marks(world.sandbox, 0) == [None, None]
    asked = len(world.sandbox.asked)
    second = project(world).resolve()
    assert None not in marks(world.sandbox, asked)
    assert len(world.sandbox.asked) == asked + 2
    assert (second.lock, second.is_written, second.change.is_same) == (first.lock, False, True)
    asked = len(world.sandbox.asked)
    project(world).resolve(full=True)
    assert marks(world.sandbox, asked) == [None, None]


def test_a_trial_leaves_no_memory(world: World) -> None:
    """What it listed is in no lock."""
    project(world).resolve(write=False)
    assert documents() == []
    newest = project(world).resolve().lock.entries[0].requests[0].chunks[-1].file
    asked = len(world.sandbox.asked)
    assert newest is not None
    world.sandbox.archive.archive_again(newest.name, b"again")
    assert project(world).resolve(write=False).differs()
    change = project(world).resolve().change.entries[0].files
    assert change is not None
    assert (change.added, change.changed) == (0, 1)
    assert not project(world).resolve(write=False).differs()
    assert None not in marks(world.sandbox, asked)


def test_no_file_name_and_no_token_is_kept(world: World) -> None:
    project(world).resolve()
    (document,) = documents()
    text = document.read_text(encoding="utf-8")
    assert TOKEN not in text
    assert "hdf5" not in text


def test_a_sync_lists_whole_when_asked_to_and_entries_that_stand_still_too(world: World) -> None:
    """`sync` asks about what moves; with `full` about all archive files, and about no other entry."""
    still = HOURLY.replace("hourly", "still").replace("-P2D", "2022-01-01").replace("end: now", "end: 2022-01-02")
    world.write(HOURLY + still)
    project(world).resolve()
    asked = len(world.sandbox.asked)
    project(world).lock_for_dry_run()
    assert len(marks(world.sandbox, asked)) == 2
    asked = len(world.sandbox.asked)
    project(world).lock_for_dry_run(full=True)
    assert marks(world.sandbox, asked) == [None] * 4
