"""`Project.resolve`: the lock and its files, as the command line and a script see them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest

from oncsync import Project
from oncsync.api import Session
from oncsync.errors import DifferenceError, InputError, ProblemsError, UnreachableError
from oncsync.lockfile import Lock, read_lock
from oncsync.timespan import UTC
from tests.resolver.making import at
from tests.resolver.world import NOW, TOKEN, World, entry
from tests.support.scripted import Asked, Reply, ScriptedService, Serve, serve

__all__ = ["serve"]

CSV = "dataProductCode: TSSD\nextension: csv\n"
FIXED = entry(CSV + "deviceCategoryCode: CTD", "fixed")
MOVING = entry(CSV + "locationCode: NB\nsplitDateRange: day\nbegin: -P2D\nend: now", "moving")
BOTH = FIXED + MOVING.removeprefix("downloads:\n")

Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Writes a manifest beside an empty folder and gives its project; the small world is its server."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.setattr("oncsync.connection.Session", partial(Session, sleep=lambda seconds: None))
    shared: list[ScriptedService] = []

    def project(text: str, *, world: World | None = None, now: datetime = NOW) -> Project:
        if world is not None or not shared:
            shared[:] = [serve(world or World())]
        path = tmp_path / "oncsync.yaml"
        path.write_text(f"server: {shared[0].url}\nfolder: data\n{text}", encoding="utf-8")
        return Project(path, now=lambda: now)

    return project


def lock_lines(project: Project) -> list[str]:
    """Gives the lines of the lock beside the manifest."""
    return project.lock_path.read_text(encoding="utf-8").splitlines()


def relative_path(project: Project) -> Path:
    """Gives where the lines of moving entries lie."""
    return project.folder / ".oncsync" / "relative.lock"


# --- What is written -------------------------------------------------------------------------------------------


def test_the_lock_is_written_beside_the_manifest_and_says_what_is_new(make: Make) -> None:
    project = make(FIXED)
    result = project.resolve()
    assert result.is_written
    assert result.exit_code == 0
    assert project.lock_path == project.path.with_name("oncsync.lock")
    assert read_lock(project.lock_path) == result.lock
    assert [(one.name, one.change, one.requests) for one in result.change.entries] == [("fixed", "added", 3)]


def test_resolving_twice_changes_neither_bytes_nor_times(make: Make) -> None:
    """Nothing in a lock changes without a cause; an unchanged lock is not written."""
    project = make(BOTH)
    project.resolve()
    before = {path: path.read_bytes() for path in (project.lock_path, relative_path(project))}
    for path in before:
        os.utime(path, ns=(1_000_000_000, 1_000_000_000))
    result = make(BOTH, now=NOW + timedelta(hours=3)).resolve()
    assert not result.is_written
    assert result.change.is_same
    for path, content in before.items():
        assert path.read_bytes() == content
        assert path.stat().st_mtime_ns == 1_000_000_000


def test_trying_out_writes_nothing(make: Make) -> None:
    project = make(BOTH)
    result = project.resolve(write=False)
    assert not result.is_written
    assert len(result.lock.entries) == 2
    assert not project.lock_path.exists()
    assert not project.folder.exists()


def test_mistakes_leave_the_lock_as_it_was(make: Make) -> None:
    """Exit code 2 comes before anything is touched."""
    make(FIXED).resolve()
    project = make(FIXED.replace("deviceCategoryCode: CTD", "deviceCategoryCode: CDT"))
    before = project.lock_path.read_bytes()
    with pytest.raises(ProblemsError, match="did you mean `CTD`"):
        project.resolve()
    assert project.lock_path.read_bytes() == before


def test_an_entry_that_could_not_be_asked_makes_exit_code_3(make: Make) -> None:
    def down(asked: Asked) -> Reply | None:
        is_meant = asked.path == "/api/deployments" and asked.query.get("deviceCategoryCode") == "CTD"
        return Reply(503) if is_meant else None

    project = make(BOTH, world=World(instead=down))
    result = project.resolve()
    assert result.exit_code == 3
    assert [(one.entry, one.kept) for one in result.failures] == [("fixed", False)]
    assert [one.name for one in result.lock.entries] == ["moving"]


def test_a_service_that_is_away_leaves_the_lock_as_it_was(make: Make) -> None:
    """Exit code 5; `sync` then goes on with the lock it has."""
    project = make(FIXED)
    project.resolve()
    before = project.lock_path.read_bytes()
    away = make(FIXED, world=World(instead=lambda asked: Reply(raw=b"")))
    with pytest.raises(UnreachableError) as caught:
        away.resolve()
    assert caught.value.exit_code == 5
    assert away.lock_path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    ["<<<<<<< HEAD\n", '- {"id": "torn', "version: 1\nserver: {a: b}\nrecords: []\n"],
    ids=["conflict", "torn", "another form"],
)
def test_a_lock_in_another_form_is_made_anew_with_a_notice(make: Make, damage: str) -> None:
    project = make(FIXED)
    whole = project.resolve().lock
    content = project.lock_path.read_bytes()
    project.lock_path.write_text(damage, encoding="utf-8")
    result = make(FIXED).resolve()
    assert result.lock == whole
    assert project.lock_path.read_bytes() == content
    assert any("oncsync.lock" in notice and "made anew" in notice for notice in result.notices)


# --- What moves with the clock ---------------------------------------------------------------------------------


def test_the_lock_beside_the_manifest_names_a_moving_entry_by_its_expression_only(make: Make) -> None:
    """git carries no lines that change daily."""
    project = make(BOTH)
    lock = project.resolve().lock
    moving = [line for line in lock_lines(project) if "moving" in line]
    assert len(moving) == 1
    assert '"relative": "-P2D/now"' in moving[0]
    assert lock_lines(project)[-1] == moving[0], "its requests and chunks lie elsewhere"
    relative = read_lock(relative_path(project))
    assert relative is not None
    assert [one.name for one in relative.entries] == ["moving"]
    assert relative.entries == tuple(one for one in lock.entries if one.name == "moving")
    assert project.read_lock() == lock


def test_another_day_changes_the_folders_own_lock_alone(make: Make) -> None:
    project = make(BOTH)
    project.resolve()
    beside, own = project.lock_path.read_bytes(), relative_path(project).read_bytes()
    result = make(BOTH, now=NOW + timedelta(days=1)).resolve()
    assert project.lock_path.read_bytes() == beside
    assert relative_path(project).read_bytes() != own
    assert not result.is_written
    (moving,) = (one for one in result.change.entries if one.name == "moving")
    assert (moving.change, moving.chunks_added, moving.chunks_removed) == ("changed", 1, 1)


def test_a_fixed_span_given_as_a_duration_is_an_ordinary_entry(make: Make) -> None:
    """`begin: 2020-02-10, end: P1M` moves with no clock: its lines lie in the lock, and the span is not widened."""
    project = make(entry(CSV + "locationCode: NB\nbegin: 2020-02-10\nend: P1M", "month"))
    (locked,) = project.resolve().lock.entries
    assert locked.relative is None
    assert [(one.begin, one.end) for one in locked.requests] == [(at("2020-02-10"), at("2020-03-10"))]
    assert len(lock_lines(project)) == 4 + 1 + 1 + 2
    assert not relative_path(project).exists()


def test_an_entry_that_stops_moving_leaves_the_folders_own_lock(make: Make) -> None:
    make(BOTH).resolve()
    project = make(BOTH.replace("begin: -P2D", "begin: 2020-02-01").replace("end: now", "end: 2020-02-03"))
    project.resolve()
    assert read_lock(relative_path(project)) == Lock(server=project.manifest.server)
    assert len([line for line in lock_lines(project) if '"id"' in line and "2020-02-0" in line]) >= 2


def test_a_lock_without_the_folders_own_part_is_read_without_those_requests(make: Make) -> None:
    """As on a machine that has just cloned the repository."""
    project = make(BOTH)
    project.resolve()
    relative_path(project).unlink()
    lock = project.read_lock()
    assert lock is not None
    assert [(one.name, len(one.requests)) for one in lock.entries] == [("fixed", 3), ("moving", 0)]


def test_the_services_clock_is_used_when_this_machines_is_off(make: Make) -> None:
    """More than five minutes apart: the day is the service's, and a notice says so."""
    now = datetime.now(UTC)
    ahead = World(headers={"Date": format_datetime(now + timedelta(days=3), usegmt=True)})
    result = make(MOVING, world=ahead, now=now).resolve()
    (moving,) = result.lock.entries
    assert moving.requests[0].end is not None
    assert timedelta(days=3) < moving.requests[0].end - now <= timedelta(days=4)
    assert any("clock" in notice for notice in result.notices)


def test_a_clock_that_is_about_right_is_trusted(make: Make) -> None:
    now = datetime.now(UTC)
    near = World(headers={"Date": format_datetime(now + timedelta(minutes=4), usegmt=True)})
    result = make(MOVING, world=near, now=NOW).resolve()
    assert result.lock.entries[0].requests[0].end == at("2026-11-22")
    assert result.notices == ()


# --- Whether the lock is current -------------------------------------------------------------------------------


def test_a_lock_is_current_until_the_meaning_of_the_manifest_changes(make: Make) -> None:
    project = make(FIXED)
    assert not project.is_lock_current()
    project.resolve()
    assert make(FIXED).is_lock_current()
    assert make("# a comment\n" + FIXED).is_lock_current()
    assert not make(FIXED.replace("csv", "mat")).is_lock_current()
    assert not make(BOTH).is_lock_current()


def test_a_locked_sync_refuses_a_lock_that_is_out_of_date(make: Make) -> None:
    """Exit code 1, before anybody is asked."""
    with pytest.raises(DifferenceError, match=r"There is no lock for `oncsync\.yaml`"):
        make(FIXED).sync(locked=True)
    make(FIXED).resolve()
    with pytest.raises(DifferenceError, match=r"`oncsync\.lock` is out of date"):
        make(FIXED.replace("csv", "mat")).sync(locked=True)


def test_a_frozen_sync_needs_a_lock_of_the_same_server(make: Make) -> None:
    with pytest.raises(InputError, match="There is no lock"):
        make(FIXED).sync(frozen=True)
    make(FIXED).resolve()
    project = make(FIXED, world=World())
    with pytest.raises(InputError, match="The lock was made on"):
        project.sync(frozen=True)


def test_a_current_lock_without_moving_entries_is_used_and_nobody_is_asked(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(FIXED).resolve()
    project = make(FIXED)

    def no_session(*arguments: object, **named: object) -> None:
        raise AssertionError("nobody is to be asked")

    monkeypatch.setattr("oncsync.connection.open_session", no_session)
    lock, resolved = project.lock_for_dry_run()
    assert resolved is None
    assert lock == project.read_lock()


def test_a_dry_run_resolves_what_moves_and_writes_nothing(make: Make) -> None:
    make(BOTH).resolve()
    project = make(BOTH, now=NOW + timedelta(days=1))
    before = relative_path(project).read_bytes()
    lock, resolved = project.lock_for_dry_run()
    assert resolved is not None
    assert resolved.lock == lock != project.read_lock()
    assert relative_path(project).read_bytes() == before
