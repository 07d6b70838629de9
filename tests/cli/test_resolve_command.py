"""`oncsync resolve` as it is typed: what it checks, what it says, and the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, World

OTHER = CTD_CSV.replace("axis", "other").replace("extension: csv", "extension: json")
MOVING = """\
  - name: moving
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: -P2D
    end: now
    splitDateRange: day
"""


def as_json(oncsync: Command, *arguments: str) -> dict[str, Any]:
    """Gives the answer of a command as JSON."""
    said = oncsync(*arguments, "--json")
    answer: dict[str, Any] = json.loads(said.out)
    assert answer["exitCode"] == said.code
    return answer


# --- Checks --------------------------------------------------------------------------------------------------------


def test_check_offline_compares_digests_alone(world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pre-commit hook: without token and network; exit 1 names what the lock lacks."""
    oncsync("resolve")
    monkeypatch.delenv("ONC_TOKEN")
    before = len(world.sandbox.asked)
    said = oncsync("resolve", "--check", "--offline")
    assert (said.code, said.out) == (0, "`oncsync.lock` is up to date\n")
    world.write(CTD_CSV.replace("2015-04-01", "2015-05-01") + OTHER)
    said = oncsync("resolve", "--check", "--offline")
    assert said.code == 1
    assert said.out == ("  ~ axis\n  + other\n`oncsync.lock` is out of date: run `oncsync resolve` and commit it\n")
    world.write(OTHER)
    assert "  - axis\n" in oncsync("resolve", "--check", "--offline").out
    assert len(world.sandbox.asked) == before


def test_check_offline_tells_of_a_lock_that_is_missing_or_in_conflict(world: World, oncsync: Command) -> None:
    said = oncsync("resolve", "--check", "--offline")
    assert said.code == 1
    assert "There is no `oncsync.lock`" in said.err
    oncsync("resolve")
    lock = world.directory / "oncsync.lock"
    lock.write_bytes(lock.read_bytes() + b"<<<<<<< HEAD\n")
    assert oncsync("resolve", "--check", "--offline").code == 1
    assert as_json(oncsync, "resolve", "--check", "--offline")["reason"].startswith("`oncsync.lock` is not as")


def test_check_offline_is_not_moved_by_the_clock(world: World, oncsync: Command) -> None:
    """A download that moves is up to date as long as its expression stands."""
    world.write(MOVING)
    oncsync("resolve")
    assert oncsync("resolve", "--check", "--offline").code == 0
    (world.folder / ".oncsync" / "relative.lock").unlink()
    assert oncsync("resolve", "--check", "--offline").code == 0


def test_check_lists_information_that_changed_and_is_strict_on_request(world: World, oncsync: Command) -> None:
    """Names, positions and citations alone are no difference, unless `--strict`."""
    oncsync("resolve")
    lock = world.directory / "oncsync.lock"
    text = lock.read_text()
    assert '"latitude": ' in text
    lock.write_text(text.replace('"latitude": ', '"latitude": 1', 1))
    before = lock.read_bytes()
    said = oncsync("resolve", "--check")
    assert said.code == 0
    assert "1 request described differently by ONC" in said.out
    assert "`oncsync.lock` would change in its descriptions alone" in said.out
    assert oncsync("resolve", "--check", "--strict").code == 1
    assert as_json(oncsync, "resolve", "--check")["differs"] is False
    assert as_json(oncsync, "resolve", "--check", "--strict")["differs"] is True
    assert lock.read_bytes() == before


def test_check_finds_a_difference_that_only_onc_knows(world: World, oncsync: Command) -> None:
    """The digests are equal; the requests are not."""
    oncsync("resolve")
    lock = world.directory / "oncsync.lock"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join(lines[:-1]))
    assert oncsync("resolve", "--check", "--offline").code == 0
    said = oncsync("resolve", "--check")
    assert said.code == 1
    assert "`oncsync.lock` would change" in said.out


def test_check_finds_a_lock_in_another_form_different(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    lock = world.directory / "oncsync.lock"
    text = lock.read_text()
    lock.write_text(text.replace('"id": ', '"id":  ', 1) + "<<<<<<< HEAD\n=======\n>>>>>>> x\n")
    assert oncsync("resolve", "--check").code == 1
    assert oncsync("resolve").code == 0
    assert lock.read_text() == text


def test_flags_that_mean_nothing_together_are_refused(world: World, oncsync: Command) -> None:
    for flags in (["--offline"], ["--strict"], ["--check", "--offline", "--refresh", "axis"],
                  ["--check", "--offline", "--estimate"], ["--check", "--offline", "--strict"]):  # fmt: skip
        said = oncsync("resolve", *flags)
        assert said.code == 2
        assert "--check" in said.err


# --- What it says --------------------------------------------------------------------------------------------------


def test_each_entry_and_all_together_say_what_is_still_to_be_ordered(world: World, oncsync: Command) -> None:
    """Orders, time and bytes; unknown until something similar was made."""
    world.write(CTD_CSV + OTHER)
    lines = oncsync("resolve").out.splitlines()
    assert lines == [
        "  + axis: 1 request, 3 chunks; 3 orders, time unknown, size unknown",
        "  + other: 1 request, 3 chunks; 3 orders, time unknown, size unknown",
        "`oncsync.lock` written: 6 chunks, one order each",
        "To order: 6 chunks, 4 at a time: time unknown, size unknown (`--estimate` asks ONC)",
    ]


def test_after_a_sync_history_tells_time_and_size(world: World, oncsync: Command) -> None:
    oncsync("sync")
    assert "Nothing is to be ordered" in oncsync("resolve").out
    world.write(CTD_CSV.replace("2015-04-01", "2015-09-01"))
    said = oncsync("resolve")
    assert "To order: 5 chunks, 4 at a time: about 1 s, about " in said.out
    world.write(CTD_CSV.replace("2015-04-01", "2015-08-01"))
    amount = as_json(oncsync, "resolve")["outlook"]["total"]
    held = sum(
        path.stat().st_size for path in world.folder.rglob("*") if path.is_file() and ".oncsync" not in path.parts
    )
    assert (amount["orders"], amount["untimed"], amount["unsized"]) == (4, 0, 0)
    assert held * 0.9 < amount["bytes"] < held * 1.8
    assert amount["seconds"] > 0


def test_the_numbers_of_the_text_are_those_of_the_json(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV + OTHER)
    answer = as_json(oncsync, "resolve", "--dry-run")
    assert answer["outlook"]["atATime"] == 4
    total = {"orders": 6, "seconds": None, "untimed": 6, "bytes": None, "unsized": 6, "files": 0}
    assert answer["outlook"]["total"] == total
    assert [(one["name"], one["amount"]["orders"]) for one in answer["outlook"]["entries"]] == [
        ("axis", 3),
        ("other", 3),
    ]
    assert [(one["name"], one["change"], one["chunksAdded"]) for one in answer["change"]["entries"]] == [
        ("axis", "added", 3), ("other", "added", 3)]  # fmt: skip
    assert (answer["written"], answer["differs"], answer["lock"]) == (False, True, "oncsync.lock")


@pytest.mark.parametrize(
    "flags",
    [[], ["--dry-run"], ["--check"], ["--check", "--strict"], ["--refresh", "axis"], ["--upgrade"], ["--estimate"],
     ["--allow-many"]],
)  # fmt: skip
def test_every_mode_answers_in_json(world: World, oncsync: Command, flags: list[str]) -> None:
    oncsync("resolve")
    answer = as_json(oncsync, "resolve", *flags)
    assert answer["version"] == 1
    assert answer["exitCode"] == 0
    assert answer["written"] is False
    assert {"differs", "change", "outlook", "remarks", "failures", "notices"} <= set(answer)


def test_a_check_spends_no_time_on_what_is_to_be_ordered(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    assert as_json(oncsync, "resolve", "--check")["outlook"] is None


def test_estimate_asks_onc_for_sizes_that_history_does_not_know(world: World, oncsync: Command) -> None:
    """A few questions: one for each source."""
    world.write("""\
  - name: sound
    locationCode: CBYIP
    deviceCategoryCode: HYDROPHONE
    dataProductCode: AD
    extension: [wav, flac]
    begin: 2019-01-01
    end: 2019-01-03
    splitDateRange: day
""")
    said = oncsync("resolve", "--estimate")
    assert said.code == 0, said.err
    assert world.asked("dataAvailability/dataproducts") == 1
    total = as_json(oncsync, "resolve", "--estimate")["outlook"]["total"]
    assert total["orders"] == 4
    assert total["unsized"] == 0, said.out
    assert total["bytes"] > 0
    assert "about" in said.out


def test_sizes_that_onc_does_not_know_either_stay_unknown(world: World, oncsync: Command) -> None:
    """Of products that are made on order the archive says nothing; asking is not proposed a second time."""
    said = oncsync("resolve", "--estimate")
    assert said.out.endswith("To order: 3 chunks, 4 at a time: time unknown, size unknown\n")


def test_what_was_done_before_and_cannot_be_read_is_no_reason_to_fail(world: World, oncsync: Command) -> None:
    oncsync("sync")
    (world.folder / ".oncsync" / "state.json").write_text('{"version": 99}')
    said = oncsync("resolve")
    assert said.code == 0
    assert "What is still to be ordered cannot be told" in said.err


# --- Entries and locks of one's own --------------------------------------------------------------------------------


def test_refresh_and_pin_are_flags(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV + MOVING)
    oncsync("resolve")
    lock = world.directory / "oncsync.lock"
    assert '"relative": "-P2D/now"' in lock.read_text()
    said = oncsync("resolve", "--refresh", "moving", "--pin", "moving")
    assert said.code == 0, said.err
    assert '"pinned": "-P2D/now"' in lock.read_text()
    said = oncsync("resolve", "--pin", "axis")
    assert said.code == 2
    assert "`axis` does not move with the clock" in said.err


def test_one_manifest_serves_two_areas_from_the_command_line(world: World, oncsync: Command) -> None:
    """R9, end to end: resolve, plan, sync, status and doctor with `--set`, each with the lock of its values."""
    text = CTD_CSV.replace("BACAX", "${place}").replace("name: axis", "name: ctd")
    world.manifest.write_text(
        f"version: 1\nserver: {world.sandbox.url}\nfolder: data-${{place}}\nvars: {{place: BACAX}}\ndownloads:\n{text}"
    )
    assert oncsync("resolve").code == 0
    said = oncsync("resolve", "--set", "place=NC89")
    assert said.code == 2
    assert "needs a lock of its own" in said.err
    other = ["--set", "place=NC89", "--lock-file", "nc89.lock"]
    assert oncsync("resolve", *other).code == 0
    assert oncsync("plan", *other).out.count("NC89") == 1
    assert oncsync("sync", *other).code == 0
    assert "NC89 CTD" in oncsync("status", *other).out
    assert "`nc89.lock` is up to date" in oncsync("doctor", *other, "--offline").out
    assert "`oncsync.lock` is up to date" in oncsync("doctor", "--offline").out
    assert sorted(path.name for path in world.directory.glob("*.lock")) == ["nc89.lock", "oncsync.lock"]
    assert sorted(path.name for path in Path().glob("data-*")) == ["data-NC89"]
    assert oncsync("resolve", "--check", "--offline", *other).code == 0
    assert oncsync("resolve", "--check", "--offline").code == 0
    assert oncsync("sync").code == 0
    assert (world.directory / "data-BACAX" / "BACAX").is_dir()
