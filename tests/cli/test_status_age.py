"""`oncsync status --max-age`: an alarm that asks nobody (R143, R154)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import msgspec
import pytest

from oncsync.timespan import UTC
from tests.cli.conftest import Command
from tests.faults.staging import NO_SUCH_FILE, a_file, answers
from tests.support.archived import FILES, archive_entry, list_files, write_lock
from tests.support.world import CTD_CSV, World

OPEN = """\
  - name: open
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: json
    begin: -P2D
    splitDateRange: day
"""


@pytest.fixture
def synced(world: World) -> World:
    """A finished span of 2015, and one that follows the clock."""
    world.write(CTD_CSV + OPEN, settings="  metadata: false\n")
    assert world.sync().exit_code == 0
    return world


def test_the_newest_data_of_each_entry_and_of_all_are_in_the_json(synced: World, oncsync: Command) -> None:
    """R143: an open chunk reaches to its last sample (one every half an hour), not to the end of its day."""
    answer = json.loads(oncsync("status", "--json").out)
    newest = {entry["name"]: datetime.fromisoformat(entry["newest"]) for entry in answer["entries"]}
    assert newest["axis"] == datetime(2015, 3, 31, tzinfo=UTC), "the last daily average, as its file's name has it"
    assert timedelta() < datetime.now(UTC) - newest["open"] < timedelta(minutes=32)
    assert datetime.fromisoformat(answer["newest"]) == newest["open"]
    assert "tooOld" not in answer
    line = oncsync("status").out.splitlines()[-2]
    assert line == f"The newest data here reach to {newest['open']:%Y-%m-%d %H:%M} UTC"


def test_entries_with_files_of_one_device_have_a_newest_each(world: World, oncsync: Command) -> None:
    """R143: the first of both has more of the year than the second."""
    fewer = FILES.replace("name: files", "name: fewer").replace("end: 2017-07-09", "end: 2017-07-03")
    world.write(FILES.replace("name: files", "name: all") + fewer)
    assert world.sync().exit_code == 0
    answer = json.loads(oncsync("status", "--json").out)
    newest = {entry["name"]: entry["newest"][:10] for entry in answer["entries"]}
    assert newest == {"all": "2017-07-09", "fewer": "2017-07-03"}
    assert answer["newest"][:10] == "2017-07-09"


def test_an_archive_file_is_as_new_as_it_can_be_whatever_it_claims(world: World, oncsync: Command) -> None:
    """R154: an instrument whose clock is wrong must not keep the alarm silent."""
    (file, *_) = list_files(world.sandbox)
    far = msgspec.structs.replace(file, end=datetime(9999, 1, 1, tzinfo=UTC))
    write_lock(world, archive_entry("files", [far]))
    assert world.sync(frozen=True).exit_code == 0
    newest = datetime.fromisoformat(json.loads(oncsync("status", "--json").out)["newest"])
    assert abs(datetime.now(UTC) - newest) < timedelta(minutes=2)


def test_old_data_exit_one_and_say_how_old_they_are(synced: World, oncsync: Command) -> None:
    said = oncsync("status", "--max-age", "PT1H")
    assert said.code == 1
    last = said.out.splitlines()[-1]
    assert last.startswith("too old: axis: the newest data are of 2015-03-31 00:00 UTC, ")
    assert last.endswith(" days ago")
    quiet = oncsync("status", "--max-age", "1h", "--quiet")
    assert (quiet.code, quiet.out.splitlines()) == (1, [last])


def test_only_the_entries_named_count(synced: World, oncsync: Command) -> None:
    said = oncsync("status", "--max-age", "PT1H", "--only", "open")
    assert said.code == 0
    assert "axis" not in said.out
    assert said.out.splitlines()[-1] == "The newest data of every entry are less than 60 min old"
    assert oncsync("status", "--max-age", "PT1H", "--only", "open", "-q").out == ""
    answer = json.loads(oncsync("status", "--max-age", "PT1H", "--only", "axis", "--json").out)
    assert [entry["name"] for entry in answer["entries"]] == ["axis"]
    assert [one["name"] for one in answer["tooOld"]] == ["axis"]
    assert answer["tooOld"][0]["ageSeconds"] > 10 * 365 * 86_400
    assert (answer["chunks"], answer["unwantedFiles"]) == (3, 0)
    assert oncsync("status", "--only", "opne").code == 2


def test_an_age_that_nothing_exceeds_is_no_alarm(synced: World, oncsync: Command) -> None:
    assert oncsync("status", "--max-age", "36500d").code == 0
    said = oncsync("status", "--max-age", "99999999999d")
    assert said.code == 2
    assert "longer than a hundred years" in said.err


def test_where_nothing_is_here_everything_is_too_old(world: World, oncsync: Command) -> None:
    """The alarm rings too when the first sync never worked."""
    oncsync("resolve")
    said = oncsync("status", "--max-age", "1d", "-q")
    assert (said.code, said.out) == (1, "too old: axis: no data are here\n")
    assert json.loads(oncsync("status", "--json").out)["newest"] is None


def test_an_instrument_that_fell_silent_raises_the_alarm(world: World, oncsync: Command) -> None:
    """Issue 6, 6, R143, R154: the newest datum counts, not that somebody asked today."""
    now = datetime.now(UTC).replace(microsecond=0)
    last = now - timedelta(days=1)
    name = f"Axis_CTD_{now - timedelta(days=2):%Y%m%dT%H%M%SZ}_{last:%Y%m%dT%H%M%SZ}-clean.json"
    days = OPEN.replace("splitDateRange: day", "splitDateRange: P10D\n    latest: true")
    world.write(days, settings="  metadata: false\n")
    world.sandbox.interfere = answers(download=lambda asked: a_file(name) if asked["index"] == "1" else NO_SUCH_FILE)
    assert world.sync().exit_code == 0
    assert oncsync("status", "--max-age", "PT1H", "--quiet").code == 1
    assert oncsync("status", "--max-age", "P2D", "--quiet").code == 0
    assert datetime.fromisoformat(json.loads(oncsync("status", "--json").out)["newest"]) == last
    index = json.loads((world.folder / "latest" / "open" / "index.json").read_bytes())
    assert datetime.fromisoformat(index["end"].replace("Z", "+00:00")) == last


def test_files_that_are_gone_from_the_folder_do_not_count(synced: World, oncsync: Command) -> None:
    for path in synced.folder.rglob("*.json"):
        if ".oncsync" not in path.parts:
            path.unlink()
    said = oncsync("status", "--max-age", "1h", "--only", "open", "-q")
    assert (said.code, said.out) == (1, "too old: open: no data are here\n")


def test_data_held_in_another_split_count(world: World, oncsync: Command) -> None:
    world.sync()
    world.write(CTD_CSV + "    splitDateRange: year\n")
    assert oncsync("sync").code == 0
    answer = json.loads(oncsync("status", "--json").out)
    assert answer["newest"].startswith("2015-04-01T00:00:00")


def test_an_entry_that_is_switched_off_has_no_age(world: World, oncsync: Command) -> None:
    row = "{name: off, download: false, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, "
    row += "extension: csv, begin: 2015-01-01, end: 2015-01-02}"
    world.manifest.write_text(f"version: 1\nserver: {world.sandbox.url}\nfolder: data\nrequests:\n  - {row}\n")
    oncsync("resolve")
    assert oncsync("status", "--max-age", "1h").code == 0
