"""Locks that moved, that are not here, or whose service answers oddly: what git carries changes only with a cause."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from oncsync.errors import InputError
from oncsync.project import Project
from oncsync.results import ResolveResult
from oncsync.sandbox import Reply, content_of, json_reply
from tests.faults.staging import (
    NO_METADATA,
    Answerer,
    Asking,
    answers,
    asked_of,
    in_time,
    real_answer,
    sync,
)
from tests.support.world import CTD_CSV, World

FIXED = CTD_CSV.replace("locationCode: BACAX", "locationCode: NC89").replace("name: axis", "name: fixed")
MOVING = (
    CTD_CSV.replace("begin: 2015-01-01", "begin: -P2D")
    .replace("end: 2015-04-01", "end: now")
    .replace("name: axis", "name: moving\n    splitDateRange: day")
)
MOVING_PLACES = MOVING.replace("locationCode: BACAX", "locationCode: [BACAX, NC89]")
PLACES = CTD_CSV.replace("locationCode: BACAX", "locationCode: [BACAX, NC89]")


def altered(world: World, service: str, change: Callable[[dict[str, Any]], None]) -> Answerer:
    """Gives the sandbox's own answers of a service, with every row changed."""

    def answer(asked: Asking) -> Reply:
        rows = real_answer(world.sandbox, service, asked)
        for row in rows:
            change(row)
        return json_reply(rows)

    return answer


def end_early(row: dict[str, Any]) -> None:
    """Makes a deployment end before the spans of these tests do, as if ONC had corrected it."""
    if row["begin"] < "2015-02":
        row["end"] = "2015-02-10T00:00:00.000Z"


def lock_files(world: World) -> dict[str, bytes]:
    """Gives both locks."""
    paths = (world.directory / "oncsync.lock", world.folder / ".oncsync" / "relative.lock")
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def places(result: ResolveResult) -> set[str]:
    """Gives the places that a lock has requests for."""
    return {request.source["locationCode"] for entry in result.lock.entries for request in entry.requests}


# --- What git carries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locked", [True, False])
def test_a_sync_of_a_current_lock_asks_only_about_what_moves(world: World, locked: bool) -> None:
    """`--locked` promises the lock that was reviewed: the lines of fixed entries stand, whatever ONC says now."""
    world.write(FIXED + MOVING, settings=NO_METADATA)
    world.project().resolve()
    before = lock_files(world)
    asked_before = len(world.sandbox.asked)
    world.sandbox.interfere = answers(deployments=altered(world, "deployments", end_early))
    result = sync(world, locked=locked)
    assert result.exit_code == 0
    assert lock_files(world)["oncsync.lock"] == before["oncsync.lock"]
    assert [asked["locationCode"] for asked in asked_of(world.sandbox, "request")].count("NC89") == 3
    discovery = [one for one in world.sandbox.asked[asked_before:] if "dataProductDelivery" not in one.path]
    assert discovery
    assert not any(one.parameters.get("locationCode") == "NC89" for one in discovery)


def test_a_resolve_on_purpose_does_ask_about_what_is_fixed(world: World) -> None:
    """The counterpart: `oncsync resolve` takes over what ONC corrected."""
    world.write(FIXED + MOVING)
    world.project().resolve()
    before = lock_files(world)
    world.sandbox.interfere = answers(deployments=altered(world, "deployments", end_early))
    assert world.project().resolve().is_written
    assert lock_files(world)["oncsync.lock"] != before["oncsync.lock"]


# --- A fresh clone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask", [lambda project: project.sync(frozen=True), Project.status, Project.plan], ids=["frozen", "status", "plan"]
)
def test_a_fresh_clone_names_the_moving_entries_that_were_never_resolved_here(
    world: World, ask: Callable[[Project], object]
) -> None:
    """Exit code 2: "nothing to do" would be a lie, because nobody has looked what those entries mean."""
    world.write(FIXED + MOVING + MOVING.replace("moving", "rolling"))
    world.project().resolve()
    shutil.rmtree(world.folder)
    asked_before = len(world.sandbox.asked)
    with pytest.raises(InputError) as caught:
        in_time(lambda: ask(world.project()))
    assert caught.value.exit_code == 2
    assert caught.value.message.endswith("not resolved for this folder: moving, rolling")
    assert "oncsync resolve" in (caught.value.hint or "")
    assert len(world.sandbox.asked) == asked_before


def test_a_fresh_clone_resolves_what_moves_and_syncs(world: World) -> None:
    """The counterpart: a plain `sync` needs nobody's help, and leaves the lock of the repository alone."""
    world.write(FIXED + MOVING, settings=NO_METADATA)
    world.project().resolve()
    before = lock_files(world)
    shutil.rmtree(world.folder)
    result = sync(world)
    assert (result.exit_code, result.counts.failed) == (0, 0)
    assert result.counts.done > 3
    assert lock_files(world)["oncsync.lock"] == before["oncsync.lock"]


@pytest.mark.parametrize("command", ["sync", "resolve"])
def test_a_second_manifest_on_the_folder_leaves_the_lines_of_the_first_alone(world: World, command: str) -> None:
    """Exit code 2 comes before anything in the folder is touched; the first manifest goes on as if nothing was."""
    world.write(MOVING, settings=NO_METADATA)
    assert sync(world).exit_code == 0
    before = lock_files(world)
    other = world.directory / "other.yaml"
    other.write_text(world.manifest.read_text().replace("moving", "other").replace("-P2D", "-P1D"))
    project = Project(other)
    with pytest.raises(InputError, match=r"belongs to the manifest `\.\./oncsync\.yaml`, not to `\.\./other\.yaml`"):
        in_time(project.sync if command == "sync" else project.resolve)
    assert lock_files(world) == before
    assert not (world.directory / "other.lock").exists()
    assert sync(world).counts.total == 0


# --- What the service leaves out -----------------------------------------------------------------------------------


def without_category(row: dict[str, Any]) -> None:
    """Takes the member out that older answers do not have."""
    row.pop("deviceCategoryCode", None)


BY_PLACE = CTD_CSV.replace("    deviceCategoryCode: CTD\n", "")
WHOLE_TREE = CTD_CSV.replace("locationCode: BACAX", "locationCode: NEP")


@pytest.mark.parametrize(
    ("text", "services"),
    [
        (CTD_CSV, ["deployments"]),
        (WHOLE_TREE, ["deployments"]),
        (WHOLE_TREE, ["deployments", "devices"]),
        (BY_PLACE, ["deployments"]),
    ],
    ids=["place and category", "category", "category, devices without it too", "place"],
)
def test_deployments_without_a_category_mean_the_same(world: World, text: str, services: list[str]) -> None:
    """onc-api.md 2.3: the category asked for, or that of the device, stands in."""
    world.write(text)
    expected = world.project().resolve(write=False).lock
    world.sandbox.interfere = answers(**{one: altered(world, one, without_category) for one in services})
    assert world.project().resolve(write=False).lock == expected


def unlisted(world: World, place: str) -> None:
    """Makes the service know of no product at one place."""
    nothing = Reply(404, "text/plain", content_of(b""))
    world.sandbox.interfere = answers(
        dataProducts=lambda asked: nothing if asked.get("locationCode") == place else None
    )


@pytest.mark.parametrize("text", [PLACES, MOVING_PLACES], ids=["fixed", "moving"])
def test_a_place_whose_products_are_suddenly_not_listed_keeps_its_lines(world: World, text: str) -> None:
    """Exit code 3, naming the place: its deployment is there as before, so its lines do not go silently."""
    world.write(text)
    before = world.project().resolve()
    assert places(before) == {"BACAX", "NC89"}
    files = lock_files(world)
    unlisted(world, "NC89")
    after = world.project().resolve()
    assert after.lock == before.lock
    assert after.exit_code == 3
    (failure,) = after.failures
    assert failure.error == "no data product is listed any more for `NC89 CTD`"
    assert failure.kept
    assert lock_files(world) == files
    world.sandbox.interfere = None
    assert world.project().resolve().exit_code == 0


def test_the_other_places_are_resolved_as_ever_while_one_is_not_listed(world: World) -> None:
    """What ONC corrected elsewhere is taken over; the lines that were kept are those of the silent place alone."""
    world.write(PLACES)
    before = world.project().resolve()
    unlisted(world, "NC89")
    assert world.sandbox.interfere is not None
    listing = world.sandbox.interfere
    corrected = answers(deployments=altered(world, "deployments", end_early))
    world.sandbox.interfere = lambda *asked: listing(*asked) or corrected(*asked)
    after = world.project().resolve()
    assert after.exit_code == 3

    def lines(result: ResolveResult, place: str) -> list[object]:
        return [one for one in result.lock.entries[0].requests if one.source["locationCode"] == place]

    assert lines(after, "NC89") == lines(before, "NC89")
    assert lines(after, "BACAX") != lines(before, "BACAX")


def test_a_place_whose_products_were_never_listed_is_named(world: World) -> None:
    """No previous lines: exit code 0 and a remark, for there are places without products."""
    world.write(PLACES)
    unlisted(world, "NC89")
    result = world.project().resolve()
    assert places(result) == {"BACAX"}
    assert result.exit_code == 0
    assert [remark.message for remark in result.remarks] == ["no data product is listed for `NC89 CTD`, left out"]


def test_lines_of_another_meaning_do_not_stand_in_for_a_place(world: World) -> None:
    """The entry asks for another format now: the old lines of the silent place are not what it wants."""
    world.write(PLACES)
    world.project().resolve()
    world.write(PLACES.replace("extension: csv", "extension: json").replace("    options: {dpo", "    # {dpo"))
    unlisted(world, "NC89")
    result = world.project().resolve()
    assert places(result) == {"BACAX"}
    assert result.failures == ()
    assert len(result.remarks) == 1


def test_a_sync_with_a_silent_place_fetches_the_rest_and_exits_three(world: World) -> None:
    """The failure reaches the exit code of `sync` too."""
    world.write(MOVING_PLACES, settings=NO_METADATA)
    world.project().resolve()
    unlisted(world, "NC89")
    result = sync(world)
    assert result.exit_code == 3
    assert result.counts.failed == 0
    assert {path.partition("/")[0] for path in world.tree()} == {"BACAX", "NC89"}
