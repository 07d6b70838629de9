"""`oncsync outdated` and `sync --refresh-outdated`: what was archived again is told, stays told, is fetched again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oncsync.api import RetryPolicy, Session
from oncsync.cli import folding
from oncsync.engine.folder import FolderLock
from oncsync.sandbox import Reply, json_reply
from oncsync.state import ChunkState, Event, StateStore
from tests.cli.conftest import Command, Said
from tests.faults.staging import Asking, answers, asked_of, down, real_answer, refused
from tests.support.world import CTD_CSV, World

DEVICE = "SBECTD16p6002"
"""The CTD at BACAX during the spans here."""
FEBRUARY = f"{DEVICE}_20150203T000000.000Z.txt"
TWO_PLACES = CTD_CSV.replace("2015-04-01", "2015-02-01") + CTD_CSV.replace("axis", "slope").replace(
    "BACAX", "CBYIP"
).replace("2015-04-01", "2015-02-01")


def finding(oncsync: Command, *flags: str, code: int) -> dict[str, Any]:
    """Gives the answer of `outdated --json`."""
    said = oncsync("outdated", "--json", *flags)
    answer: dict[str, Any] = json.loads(said.out)
    assert said.code == answer["exitCode"] == code, said.err
    return answer


def chunks(world: World) -> list[ChunkState]:
    """Gives the state's chunks in order of time."""
    return sorted(world.project()._read_state().chunks.values(), key=lambda one: (one.begin, one.entry))


def orders(world: World) -> int:
    return world.asked("dataProductDelivery/request")


def listing(world: World, change: Callable[[list[dict[str, Any]]], None], **more: Any) -> Callable[[Asking], Reply]:
    """Gives the sandbox's own listing of a device with its rows changed."""

    def answer(asked: Asking) -> Reply:
        body = real_answer(world.sandbox, "archivefile/device", asked)
        change(body["files"])
        return json_reply(body | more)

    return answer


# --- Nothing, then something ---------------------------------------------------------------------------------------


def test_nothing_is_stale_right_after_a_sync(oncsync: Command, world: World) -> None:
    """Two questions: deployments, and one listing per device from a day before the fetch on, within what is held."""
    world.sync()
    before = len(world.sandbox.asked)
    answer = finding(oncsync, code=0)
    assert (answer["judged"], answer["devices"], answer["chunks"], answer["citations"]) == (3, [DEVICE], [], [])
    assert len(world.sandbox.asked) == before + 2
    (asked,) = asked_of(world.sandbox, "device")
    assert asked["deviceCode"] == DEVICE
    assert (asked["dateFrom"][:10], asked["dateTo"][:10]) == ("2014-12-31", "2015-04-01"), "a day early (Q27)"
    first = min(one.asked_at for one in chunks(world) if one.asked_at)
    assert asked["dateArchivedFrom"] < f"{first:%Y-%m-%dT%H:%M:%S}"
    assert json.loads(oncsync("status", "--json").out)["lookedAt"] == answer["lookedAt"]
    assert "stale" not in oncsync("status").out


def test_what_was_archived_again_is_told_stays_told_and_is_fetched_again(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R148, R149: from the look over `status` and `show` to the files that came anew."""
    world.sync()
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    (one,) = finding(oncsync, code=1)["chunks"]
    assert (one["begin"][:10], one["rawFiles"], one["downloads"]) == ("2015-02-01", [FEBRUARY], ["axis"])
    (path,) = one["files"]
    assert path in world.tree()

    assert "1 file may be stale (`oncsync outdated`, looked at " in oncsync("status").out
    assert "1 may be stale" in oncsync("status").out
    shown = oncsync("show", path).out
    assert f"1 raw file of {DEVICE} was archived since" in shown
    assert FEBRUARY in shown
    assert json.loads(oncsync("show", path, "--json").out)["stale"]["names"] == [FEBRUARY]

    placed = orders(world)
    oncsync("sync", "-q")
    assert orders(world) == placed, "a plain sync leaves what is here alone"
    planned = json.loads(oncsync("plan", "--json", "--refresh-outdated").out)
    assert [step["reason"] for step in planned["chunks"] if step["step"] == "order"] == [
        "ONC archived its raw files again"
    ]
    said = oncsync("sync", "--refresh-outdated")
    assert (said.code, orders(world)) == (0, placed + 1)
    assert len(world.tree()) == 6, "the new files took the places of the old"
    assert "stale" not in oncsync("status").out
    assert finding(oncsync, code=0)["chunks"] == []
    oncsync("sync", "--refresh-outdated", "-q")
    assert orders(world) == placed + 1


def test_cron_hears_nothing_of_a_week_in_which_nothing_became_stale(oncsync: Command, world: World) -> None:
    """Cron mails what is printed, a line of headings too; the exit code says that all is well."""
    world.sync()
    assert oncsync("outdated") == Said(0, "", "")


def test_on_a_terminal_a_table_and_a_sentence(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sync()
    monkeypatch.setattr(folding, "is_terminal", lambda: True)
    monkeypatch.setattr(folding, "terminal_width", lambda: 200)
    assert oncsync("outdated").out == "Nothing may be stale: 1 device asked about, 3 chunks looked at\n"
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    heading, row, *rest = oncsync("outdated").out.splitlines()
    assert heading.split()[0] == "file"
    assert row.split()[0].endswith("20150201T000000Z_20150228T000000Z-clean.csv")
    assert "1 file may be stale; 1 device and 3 chunks looked at" in rest
    monkeypatch.setattr(folding, "is_terminal", lambda: False)
    heading, row = oncsync("outdated").out.splitlines()
    assert dict(zip(heading.split("\t"), row.split("\t"), strict=True))["raw"] == FEBRUARY


def test_the_commands_of_the_page_do_what_it_says(oncsync: Command, world: World) -> None:
    """docs/reprocessing.md, from the look to the files that came anew."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "reprocessing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    world.sync()
    placed = orders(world)
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    assert [oncsync(*command).code for command in commands] == [1, 0, 0, 0, 0]
    assert orders(world) == placed + 1
    assert oncsync("outdated").code == 0


def test_before_the_first_sync_there_is_nothing_to_ask_about(oncsync: Command, world: World) -> None:
    assert oncsync("outdated").code == 2
    assert oncsync("outdated", "--only", "axes").code == 2


def test_who_refreshes_without_ever_having_looked_is_told(oncsync: Command, world: World) -> None:
    world.sync()
    assert "Nobody asked yet what ONC archived again" in oncsync("sync", "--refresh-outdated").err
    assert "Nobody asked yet" in oncsync("plan", "--refresh-outdated").err


# --- Strange rows --------------------------------------------------------------------------------------------------


def undated(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row.update(archivedDate=None, modifyDate=None)


def late(rows: list[dict[str, Any]]) -> None:
    """Adds a file that was archived years after its data, in the future of every fetch here."""
    rows.append({"filename": f"{DEVICE}_20150310T000000.000Z.txt", "archivedDate": "2096-01-01T00:00:00.000Z"})


def test_a_late_file_is_found_by_the_stamp_in_its_name(oncsync: Command, world: World) -> None:
    """Q28: a row that tells its name and its archiving alone."""
    world.sync()
    world.sandbox.interfere = answers(device=listing(world, late))
    (one,) = finding(oncsync, code=1)["chunks"]
    assert (one["begin"][:10], one["rawCount"]) == ("2015-03-01", 1)


def test_files_without_dates_are_asked_about_once_more(oncsync: Command, world: World) -> None:
    """Q31: listed as archived since the chunk was asked for is as good as a date; a fresh order cures it."""
    world.sync()
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    world.sandbox.interfere = answers(device=listing(world, undated))
    (one,) = finding(oncsync, code=1)["chunks"]
    assert (one["rawFiles"], one["archived"]) == ([FEBRUARY], None)
    assert len(asked_of(world.sandbox, "device")) == 2
    world.sync(refresh_outdated=True)
    assert finding(oncsync, code=0)["chunks"] == [], "within the overlap it is listed still, and not believed"


def test_names_alone_are_a_listing_too(oncsync: Command, world: World) -> None:
    """Q29."""
    world.sync()

    def names(asked: Asking) -> Reply:
        return json_reply({"files": [f"/NA_Archive_04/{FEBRUARY}"], "next": None})

    world.sandbox.interfere = answers(device=names)
    (one,) = finding(oncsync, code=1)["chunks"]
    assert one["rawFiles"] == [FEBRUARY]


def test_restrictions_are_shown(oncsync: Command, world: World) -> None:
    world.sync()
    text = "Some data are restricted and not listed"
    world.sandbox.interfere = answers(device=listing(world, lambda rows: None, messages=[text]))
    assert text in oncsync("outdated").err
    assert any(text in notice for notice in finding(oncsync, code=0)["notices"])


def test_every_page_is_read(oncsync: Command, world: World) -> None:
    world.sync()

    def one_per_page(asked: Asking) -> Reply:
        page = int(asked.get("page", "1"))
        row = {"filename": f"{DEVICE}_20150{page}10T000000.000Z.txt", "archivedDate": "2096-01-01T00:00:00.000Z"}
        following = {"parameters": {**asked, "page": str(page + 1)}} if page < 3 else None
        return json_reply({"files": [row], "next": following})

    world.sandbox.interfere = answers(device=one_per_page)
    assert finding(oncsync, code=1)["judged"] == len(finding(oncsync, code=1)["chunks"]) == 3


# --- What cannot be asked ------------------------------------------------------------------------------------------


@pytest.fixture
def two(world: World) -> World:
    """A folder with two instruments, whose raw files were archived again since."""
    world.write(TWO_PLACES)
    world.sync()
    return world


@pytest.fixture
def asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the client believe an outage at once."""
    monkeypatch.setattr("oncsync.connection.Session", partial(Session, retry=RetryPolicy(attempts=1)))


def devices_of(world: World) -> list[str]:
    lock = world.project().read_lock()
    assert lock is not None
    return sorted({str(request.about["deviceCode"]) for entry in lock.entries for request in entry.requests})


def test_a_device_that_cannot_be_asked_leaves_the_others_reported(oncsync: Command, two: World) -> None:
    other = next(device for device in devices_of(two) if device != DEVICE)
    two.sandbox.archive.archive_again(f"{DEVICE}_20150103T000000.000Z.txt", b"other bytes")
    two.sandbox.interfere = answers(device=lambda asked: refused(403) if asked["deviceCode"] == other else None)
    answer = finding(oncsync, code=3)
    assert [one["downloads"] for one in answer["chunks"]] == [["axis"]]
    assert [(one["subject"], one["chunks"]) for one in answer["unanswered"]] == [(f"device {other}", 1)]
    assert answer["devices"] == [DEVICE]
    said = oncsync("outdated")
    assert (said.code, f"device {other} could not be asked" in said.err) == (3, True)
    assert [one.stale is not None for one in chunks(two)] == [True, False]
    assert json.loads(oncsync("status", "--json").out)["lookedAt"] == answer["chunks"][0]["seenAt"], "no whole look"
    two.sandbox.interfere = None
    assert finding(oncsync, "--only", "slope", code=0)["devices"] == [other]
    assert [one["downloads"] for one in finding(oncsync, code=1)["chunks"]] == [["axis"]]


def test_a_finding_stays_when_the_next_look_cannot_be_had(oncsync: Command, two: World) -> None:
    """Q32: a row that is listed no more says nothing."""
    two.sandbox.archive.archive_again(f"{DEVICE}_20150103T000000.000Z.txt", b"other bytes")
    finding(oncsync, code=1)
    two.sandbox.interfere = answers(device=listing(two, lambda rows: rows.clear()))
    (one,) = finding(oncsync, code=1)["chunks"]
    assert (one["rawCount"], one["rawFiles"]) == (1, [])


def test_a_place_that_onc_does_not_know_any_more_is_traced_by_the_lock(oncsync: Command, two: World) -> None:
    """400/127 for the deployments of a place: the lock knows its device."""
    two.sandbox.interfere = answers(
        deployments=lambda asked: refused(400, 127, "No device with category CTD was ever deployed", "locationCode")
    )
    answer = finding(oncsync, code=0)
    assert (answer["devices"], answer["unanswered"]) == (devices_of(two), [])


def test_a_place_without_any_device_is_told(oncsync: Command, world: World, asks_once: None) -> None:
    """An exact request's line need not name a device; then the deployments do, and without them nobody knows."""
    world.sync()
    text = world.project().lock_path.read_text()
    assert f'"deviceCode": "{DEVICE}"' in text
    world.project().lock_path.write_text(text.replace(f'"deviceCode": "{DEVICE}"', '"deviceCode": null'))
    assert finding(oncsync, code=0)["devices"] == [DEVICE]
    world.sandbox.interfere = answers(deployments=lambda asked: refused(400, 127, "No such place", "locationCode"))
    answer = finding(oncsync, code=3)
    assert [one["chunks"] for one in answer["unanswered"]] == [3]
    world.sandbox.interfere = answers(deployments=lambda asked: down())
    assert [one["subject"] for one in finding(oncsync, code=3)["unanswered"]] == ["the deployments of CTD BACAX"]


def test_another_citation_is_a_difference(oncsync: Command, world: World) -> None:
    """Data that are published anew have another DOI; `resolve` takes it into the lock."""
    world.sync()

    def cited_anew(asked: Asking) -> Reply:
        rows = real_answer(world.sandbox, "deployments", asked)
        for row in rows:
            if row["deviceCode"] == DEVICE:
                row["citation"] = {"citation": "ONC. 2027.", "doi": "10.5072/new"}
        return json_reply(rows)

    world.sandbox.interfere = answers(deployments=cited_anew)
    (change,) = finding(oncsync, code=1)["citations"]
    assert (change["download"], change["doi"]) == ("axis", "10.5072/new")
    assert change["doiBefore"].startswith("10.5072/")
    assert "is cited otherwise" in oncsync("outdated").err
    oncsync("resolve")
    assert finding(oncsync, code=0)["citations"] == []


def test_no_service_and_no_token_end_as_everywhere(oncsync: Command, world: World, asks_once: None) -> None:
    world.sync()
    world.sandbox.interfere = lambda method, path, parameters: refused(401, 127, "Invalid", "token")
    assert oncsync("outdated").code == 4
    world.sandbox.stop()
    assert oncsync("outdated").code == 5


def test_beside_a_running_sync_the_answer_is_given_and_not_stored(oncsync: Command, world: World) -> None:
    world.sync()
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    with FolderLock(world.folder):
        assert finding(oncsync, code=1)["isStored"] is False
        assert "`oncsync status` will not tell it" in oncsync("outdated").err
    assert all(one.stale is None for one in chunks(world))
    assert finding(oncsync, code=1)["isStored"] is True


def test_a_chunk_that_was_fetched_again_meanwhile_is_not_marked(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look takes no lock; what a sync beside it brought is not what was judged."""
    from oncsync.caretaking import marking, outdated

    world.sync()
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    real = marking.mark_stale

    def sync_first(*arguments: Any, **flags: Any) -> None:
        real(*arguments, **flags)
        world.sync(refresh_outdated=True)
        real(*arguments, **flags)

    monkeypatch.setattr(outdated, "mark_stale", sync_first)
    finding(oncsync, code=1)
    assert all(one.stale is None for one in chunks(world))


# --- A refresh that is cut short -----------------------------------------------------------------------------------


class CutError(BaseException):
    """Ends a sync where a kill would."""


@pytest.mark.parametrize("events", [1, 2, 3, 5, 7])
def test_a_refresh_that_was_cut_short_goes_on_with_any_sync(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    """Old files stay until the new ones are whole; what lives at the service is not ordered twice (rule 3)."""
    world.sync()
    world.sandbox.archive.archive_again(FEBRUARY, b"other bytes")
    finding(oncsync, code=1)
    old, placed, left = world.tree(), orders(world), [events]
    real = StateStore.record

    def record(store: StateStore, event: Event) -> None:
        real(store, event)
        left[0] -= 1
        if left[0] == 0:
            raise CutError

    with monkeypatch.context() as cutting:
        cutting.setattr(StateStore, "record", record)
        with pytest.raises(CutError):
            world.sync(refresh_outdated=True)
    assert world.tree() == old
    assert ("1 file may be stale" in oncsync("status").out) == (events < 7)
    assert oncsync("sync", "-q").code == 0
    assert world.tree() == old, "the sandbox makes the same bytes again"
    assert orders(world) == placed + 1
    assert "stale" not in oncsync("status").out
    assert finding(oncsync, code=0)["chunks"] == []
