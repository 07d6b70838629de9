"""What a person may ask of a resolve: single entries, entries that stand still, locks of their own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from oncsync import Project
from oncsync.errors import DifferenceError, InputError
from oncsync.lockfile import LockEntry, read_lock, write_lock
from oncsync.locking import RELATIVE_LOCK
from tests.resolver.world import DEPLOYED, NOW, World, entry, make_world
from tests.support.scripted import Asked, Reply
from tests.test_resolving import BOTH, CSV, FIXED, MOVING, Make, lock_lines, make, relative_path, serve

__all__ = ["make", "serve"]

OTHER = entry(CSV + "locationCode: NA.1\ndeviceCategoryCode: BPR\nbegin: 2019-01-01\nend: 2020-01-01", "other")
MANY = FIXED + OTHER.removeprefix("downloads:\n")
LATER = NOW + timedelta(days=3)


class Shift:
    """A service whose world can become another one, and that remembers what it was asked."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.world(asked)


def grown_world() -> World:
    """Gives the small world with one more deployment of each kind that is asked for here."""
    return World(make_world([*DEPLOYED, ("SPARE", "NA.1", "2020-04-01", "2020-05-01"),
                             ("BPR1", "NA.1", "2019-01-01", "2019-05-01")]))  # fmt: skip


def entries_of(project: Project) -> dict[str, LockEntry]:
    """Gives the entries of the lock beside the manifest, by name."""
    lock = read_lock(project.lock_path)
    assert lock is not None
    return {one.name: one for one in lock.entries}


# --- Single entries ------------------------------------------------------------------------------------------------


def test_refresh_asks_about_the_named_entry_and_leaves_every_other_line(make: Make) -> None:
    shift = Shift()
    project = make(MANY, world=shift)
    project.resolve()
    before = entries_of(project)
    shift.world, shift.asked = grown_world(), []
    result = make(MANY).resolve(refresh=["other"])
    after = entries_of(project)
    assert after["fixed"] == before["fixed"]
    assert len(after["other"].requests) == len(before["other"].requests) + 1
    assert [(one.name, one.change) for one in result.change.entries] == [("fixed", "same"), ("other", "changed")]
    assert {one.query.get("deviceCategoryCode") for one in shift.asked if one.path.endswith("dataProducts")} == {"BPR"}
    assert make(MANY).resolve().change.entries[0].change == "changed", "a whole resolve asks about the rest"


def test_refresh_leaves_what_is_new_or_changed_in_the_manifest_and_says_so(make: Make) -> None:
    make(FIXED).resolve()
    before = entries_of(make(FIXED))["fixed"]
    changed = MANY.replace("deviceCategoryCode: CTD", "deviceCategoryCode: [CTD, BPR]")
    third = entry(CSV + "locationCode: NB", "third").removeprefix("downloads:\n")
    project = make(changed + third)
    result = project.resolve(refresh=["other"])
    assert entries_of(project)["fixed"] == before
    assert set(entries_of(project)) == {"fixed", "other"}
    assert any("`third`" in notice and "not in the lock yet" in notice for notice in result.notices)
    assert any("`fixed`" in notice and "changed in the manifest" in notice for notice in result.notices)
    assert not project.is_lock_current()


def test_refresh_keeps_what_the_manifest_dropped_until_a_whole_resolve(make: Make) -> None:
    make(MANY).resolve()
    project = make(FIXED)
    project.resolve(refresh=["fixed"])
    assert set(entries_of(project)) == {"fixed", "other"}
    project.resolve()
    assert set(entries_of(project)) == {"fixed"}


def test_refresh_knows_the_names_and_needs_a_lock(make: Make) -> None:
    project = make(FIXED)
    with pytest.raises(InputError, match="There is no lock"):
        project.resolve(refresh=["fixed"])
    project.resolve()
    with pytest.raises(InputError, match="has no entry `fixt`") as caught:
        project.resolve(refresh=["fixt"])
    assert caught.value.hint == "did you mean `fixed`?"
    with pytest.raises(InputError, match="has no entry `gone`"):
        project.resolve(pin=["gone"])


def test_refresh_refuses_a_lock_of_another_server(make: Make) -> None:
    make(FIXED).resolve()
    with pytest.raises(InputError, match="The lock was made on"):
        make(FIXED, world=World()).resolve(refresh=["fixed"])


# --- Entries that stand still --------------------------------------------------------------------------------------


def test_pin_freezes_a_moving_entry_into_the_lock_that_git_carries(make: Make) -> None:
    project = make(BOTH)
    project.resolve()
    relative = read_lock(relative_path(project))
    assert relative is not None
    result = make(BOTH).resolve(pin=["moving"])
    pinned = entries_of(project)["moving"]
    assert (pinned.relative, pinned.pinned) == (None, "-P2D/now")
    assert pinned.requests == relative.entries[0].requests
    assert any('"id"' in line for line in lock_lines(project))
    assert result.is_written
    own = read_lock(relative_path(project))
    assert own is not None
    assert own.entries == ()


def test_a_pinned_entry_stands_still_and_is_not_asked_about(make: Make) -> None:
    """Neither days nor new instruments change it; the others move on."""
    shift = Shift()
    make(MOVING, world=shift).resolve(pin=["moving"])
    project = make(MOVING, now=LATER)
    before = project.lock_path.read_bytes()
    shift.asked = []
    result = project.resolve()
    assert project.lock_path.read_bytes() == before
    assert result.change.is_same
    assert shift.asked == []
    assert project.is_lock_current()
    _, resolved = project.lock_for_dry_run()
    assert resolved is None, "a sync has nothing to resolve either"


def test_pin_again_takes_the_span_of_today_and_refresh_lets_it_move(make: Make) -> None:
    make(MOVING).resolve(pin=["moving"])
    first = entries_of(make(MOVING))["moving"]
    project = make(MOVING, now=LATER)
    project.resolve(pin=["moving"])
    again = entries_of(project)["moving"]
    assert again.pinned == "-P2D/now"
    assert again.requests[0].begin - first.requests[0].begin == timedelta(days=3)
    project.resolve(refresh=["moving"])
    loose = entries_of(project)["moving"]
    assert (loose.relative, loose.pinned, loose.requests) == ("-P2D/now", None, ())


def test_a_pin_ends_when_the_manifest_says_something_else(make: Make) -> None:
    make(MOVING).resolve(pin=["moving"])
    project = make(MOVING.replace("-P2D", "-P3D"))
    assert not project.is_lock_current()
    result = project.resolve()
    assert entries_of(project)["moving"].relative == "-P3D/now"
    assert any("No longer pinned" in notice and "`moving`" in notice for notice in result.notices)


def test_only_what_moves_can_be_pinned(make: Make) -> None:
    project = make(BOTH)
    with pytest.raises(InputError, match="`fixed` does not move with the clock"):
        project.resolve(pin=["fixed"])
    assert not project.lock_path.exists()


def test_pin_and_refresh_together_touch_one_entry(make: Make) -> None:
    project = make(BOTH)
    project.resolve()
    with pytest.raises(InputError, match="`moving` cannot be pinned without being asked about"):
        project.resolve(pin=["moving"], refresh=["fixed"])
    project.resolve(pin=["moving"], refresh=["moving"])
    assert entries_of(project)["moving"].pinned == "-P2D/now"


def test_an_entry_that_cannot_be_asked_is_not_pinned(make: Make) -> None:
    """Its lines are of another day; they stay where they are."""
    shift = Shift()
    make(BOTH, world=shift).resolve()
    shift.world = World(
        instead=lambda asked: Reply(503) if asked.query.get("locationCode") == "NB" else None,
    )
    project = make(BOTH, now=LATER)
    result = project.resolve(pin=["moving"])
    assert "moving" in [failure.entry for failure in result.failures]
    assert result.exit_code == 3
    assert entries_of(project)["moving"].relative == "-P2D/now"


def test_a_row_that_moves_can_be_pinned_too(make: Make) -> None:
    row = (
        "requests:\n  - {name: row, locationCode: NA, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,"
        " begin: -P2D, end: now, splitDateRange: day}\n"
    )
    project = make(row)
    project.resolve(pin=["row"])
    assert entries_of(project)["row"].pinned == "-P2D/now"
    assert len(entries_of(project)["row"].requests) == 1


def test_only_moving_entries_are_asked_about_before_a_sync(make: Make) -> None:
    shift = Shift()
    make(BOTH, world=shift).resolve()
    shift.asked = []
    _, resolved = make(BOTH, now=LATER).lock_for_dry_run()
    assert resolved is not None
    assert {one.query.get("locationCode") for one in shift.asked if one.path.endswith("dataProducts")} == {"NB"}


# --- Locks of their own --------------------------------------------------------------------------------------------

AREA = "vars: {area: NA, year: '2020'}\n" + entry(
    CSV + "locationCode: ${area}\ndeviceCategoryCode: CTD\nbegin: ${year}-01-01\nend: P1Y", "area"
)


def with_values(project: Project, lock_file: Path | None, **variables: str) -> Project:
    """Gives the same manifest with other values of its variables."""
    return Project(project.path, lock_file=lock_file, variables=variables, now=lambda: NOW)


def test_one_manifest_serves_another_area_and_another_year(make: Make, tmp_path: Path) -> None:
    """R9: variables with `--set`; each set of values has a lock of its own, and the first one stays as it is."""
    project = make(AREA)
    project.resolve()
    before = project.lock_path.read_bytes()
    south = with_values(project, tmp_path / "south.lock", area="SA", year="2011")
    lock = south.resolve().lock
    assert {one.source["locationCode"] for one in lock.entries[0].requests} == {"SA"}
    assert {one.begin.year for one in lock.entries[0].requests} == {2011}
    assert south.lock_path == tmp_path / "south.lock"
    assert project.lock_path.read_bytes() == before
    assert make(AREA).is_lock_current()
    assert with_values(project, tmp_path / "south.lock", area="SA", year="2011").is_lock_current()
    assert not with_values(project, tmp_path / "south.lock", area="SA", year="2012").is_lock_current()


def test_a_lock_of_other_values_says_how_it_is_made_again(make: Make, tmp_path: Path) -> None:
    project = make(AREA)
    other = with_values(project, tmp_path / "b.lock", year="2020", area="NB")
    other.resolve()
    command = "`oncsync resolve --set area=NB --set year=2020 --lock-file b.lock`"
    assert command in lock_lines(other)[0]


def test_values_without_a_lock_of_their_own_are_refused(make: Make) -> None:
    """They would turn the lock of everybody into that of one area."""
    project = make(AREA)
    project.resolve()
    before = project.lock_path.read_bytes()
    for lock_file in (None, project.lock_path):
        with pytest.raises(InputError, match="needs a lock of its own") as caught:
            with_values(project, lock_file, area="SA").resolve()
        assert caught.value.hint is not None
        assert "--lock-file" in caught.value.hint
        with pytest.raises(InputError):
            with_values(project, lock_file, area="SA").plan()
    assert project.lock_path.read_bytes() == before


@pytest.mark.parametrize("name", ["oncsync.yaml", "notes.txt", "lock"])
def test_a_file_that_is_no_lock_is_never_taken_for_one(make: Make, tmp_path: Path, name: str) -> None:
    project = make(AREA)
    content = project.path.read_bytes()
    with pytest.raises(InputError, match="is no name for a lock"):
        with_values(project, tmp_path / name, area="SA").resolve()
    assert project.path.read_bytes() == content


def test_a_lock_of_another_tool_is_not_overwritten(make: Make, tmp_path: Path) -> None:
    theirs = tmp_path / "uv.lock"
    theirs.write_text("version = 1\n")
    with pytest.raises(InputError, match="was not made by oncsync"):
        with_values(make(AREA), theirs, area="SA").resolve()
    assert theirs.read_text() == "version = 1\n"


def test_locks_of_several_values_in_one_folder_keep_their_moving_lines_apart(make: Make, tmp_path: Path) -> None:
    text = "vars: {area: NB}\n" + MOVING.replace("locationCode: NB", "locationCode: ${area}")
    project = make(text)
    project.resolve()
    other = with_values(project, tmp_path / "na.lock", area="SA")
    other.resolve()
    own = project.folder / ".oncsync"
    assert {path.name for path in own.glob("*.lock")} == {RELATIVE_LOCK, f"na.{RELATIVE_LOCK}"}
    for one, place in ((make(text), "NB"), (with_values(project, tmp_path / "na.lock", area="SA"), "SA")):
        lock = one.read_lock()
        assert lock is not None
        assert {request.source["locationCode"] for request in lock.entries[0].requests} == {place}


# --- A lock that cannot be read ------------------------------------------------------------------------------------


def with_conflict(project: Project, theirs: str) -> None:
    """Leaves the marks of a conflict around the second line of the first entry."""
    lines = lock_lines(project)
    torn = [*lines[:5], "<<<<<<< HEAD", *lines[5:6], "=======", theirs, ">>>>>>> other", *lines[6:]]
    project.lock_path.write_text("\n".join(torn) + "\n", encoding="utf-8")


def test_a_lock_with_conflict_marks_is_resolved_again_and_compared_with_our_side(make: Make) -> None:
    project = make(BOTH)
    project.resolve()
    content = project.lock_path.read_bytes()
    with_conflict(project, "- {}")
    assert not make(BOTH).is_lock_current()
    result = make(BOTH).resolve()
    assert project.lock_path.read_bytes() == content
    assert result.was_damaged
    assert result.differs()
    assert result.change.is_same
    assert any("made anew" in notice for notice in result.notices)


def test_an_entry_that_cannot_be_asked_keeps_the_lines_of_our_side_of_a_conflict(make: Make) -> None:
    shift = Shift()
    project = make(BOTH, world=shift)
    project.resolve()
    before = entries_of(project)["fixed"]
    with_conflict(project, "- {}")
    shift.world = World(instead=lambda asked: Reply(503) if asked.query.get("deviceCategoryCode") == "CTD"
                        and asked.path.endswith("deployments") else None)  # fmt: skip
    result = make(BOTH).resolve()
    assert [(failure.entry, failure.kept) for failure in result.failures] == [("fixed", True)]
    assert entries_of(project)["fixed"] == before


def test_a_sync_never_goes_on_with_one_side_of_a_conflict(make: Make) -> None:
    """Nobody has said yet which requests are meant."""
    shift = Shift()
    project = make(FIXED, world=shift)
    project.resolve()
    with_conflict(project, "- {}")
    with pytest.raises(DifferenceError):
        make(FIXED).sync(locked=True)
    with pytest.raises(InputError, match="is not as `oncsync resolve` writes it"):
        make(FIXED).sync(frozen=True)


def test_a_damaged_part_in_the_folder_leaves_the_rest_of_the_lock(make: Make) -> None:
    project = make(BOTH)
    project.resolve()
    before = entries_of(project)["fixed"]
    relative_path(project).write_text("torn")
    result = make(BOTH).resolve()
    assert result.was_damaged
    assert next(one for one in result.change.entries if one.name == "fixed").change == "same"
    assert entries_of(project)["fixed"] == before
    own = read_lock(relative_path(project))
    assert own is not None
    assert own.entries[0].requests


# --- Digests alone -------------------------------------------------------------------------------------------------


def test_drift_names_what_the_manifest_has_changed_and_asks_nobody(make: Make) -> None:
    shift = Shift()
    make(MANY, world=shift).resolve()
    shift.asked = []
    assert make(MANY).drift() == ()
    changed = FIXED.replace("csv", "mat") + MOVING.removeprefix("downloads:\n")
    drift = {(one.kind, one.name): one.change for one in make(changed).drift()}
    assert drift == {
        ("download", "fixed"): "changed",
        ("download", "moving"): "added",
        ("download", "other"): "removed",
    }
    assert shift.asked == []


def test_an_entry_that_a_merge_has_doubled_is_drift(make: Make) -> None:
    """Git merges two branches that each add the same entry in another place without a word."""
    project = make(FIXED)
    lock = project.resolve().lock
    doubled = type(lock)(server=lock.server, entries=(*lock.entries, *lock.entries))
    write_lock(project.lock_path, doubled, "oncsync.yaml")
    assert [(one.name, one.change) for one in make(FIXED).drift()] == [("fixed", "changed")]
    make(FIXED).resolve()
    assert make(FIXED).drift() == ()


def test_drift_needs_a_lock_that_can_be_read(make: Make) -> None:
    with pytest.raises(DifferenceError, match=r"There is no `oncsync\.lock`"):
        make(FIXED).drift()
    project = make(FIXED)
    project.resolve()
    with pytest.raises(DifferenceError, match="was made on"):
        make(FIXED, world=World()).drift()
    with_conflict(project, "- {}")
    with pytest.raises(DifferenceError, match="is not as `oncsync resolve` writes it"):
        make(FIXED).drift()


# --- Pinned options ------------------------------------------------------------------------------------------------


def with_default(value: str) -> World:
    """Gives the small world in which one option has another default."""

    def alter(asked: Asked, body: Any) -> Any:
        if asked.path.endswith("dataProducts"):
            for product in body:
                for option in product.get("dataProductOptions", ()):
                    if option["option"] == "dpo_resample":
                        option["defaultValue"] = value
        return body

    return World(alter=alter)


def test_pinned_options_are_kept_until_they_are_upgraded(make: Make) -> None:
    """What is sent does not follow ONC's defaults, unless that is asked for."""
    shift = Shift(with_default("none"))
    text = entry(CSV + "locationCode: NB\ndeviceCategoryCode: CTD\npinOptions: true", "fixed")

    def sent() -> str | None:
        return entries_of(make(text))["fixed"].requests[0].options.get("dpo_resample")

    make(text, world=shift).resolve()
    assert sent() == "none"
    shift.world = with_default("average")
    make(text).resolve()
    assert sent() == "none"
    make(text).resolve(upgrade=True)
    assert sent() == "average"
