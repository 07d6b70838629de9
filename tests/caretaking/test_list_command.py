"""`oncsync list`: what the lock or the archive has, as a table that people and programs read (R167-R171)."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from oncsync.errors import InputError
from oncsync.sandbox import Fault, Faults
from tests.caretaking.conftest import DEVICE, SPECTRA, Command, name_of, place_of
from tests.support.world import CTD_CSV, World

COLUMNS = [
    *("id", "entry", "filename", "begin", "end", "bytes", "outPath", "path", "state", "deviceCode", "archivedDate"),
    *("sha256", "reason"),
]


def listed(oncsync: Command, *flags: str) -> list[dict[str, Any]]:
    """Gives the rows of the answer as JSON."""
    said = oncsync("list", "--json", *flags)
    assert said.code == 0, said.err
    answer = json.loads(said.out)
    assert answer["version"] == 1
    rows: list[dict[str, Any]] = answer["files"]
    return rows


def hours(rows: list[dict[str, Any]]) -> list[int]:
    """Gives the hours whose files were listed."""
    return [int(row["begin"][11:13]) for row in rows]


def test_the_list_comes_before_the_download(oncsync: Command, world: World) -> None:
    """R167, R168, R170: a table with at least the name and the target folder of each file; nothing is fetched."""
    rows = listed(oncsync)
    assert [row["filename"] for row in rows] == [name_of(hour) for hour in range(6)]
    assert {row["outPath"] for row in rows} == {f"{DEVICE}/2021_08"}
    assert [row["path"] for row in rows] == [place_of(hour) for hour in range(6)]
    assert {row["state"] for row in rows} == {"pending"}
    assert all(row["bytes"] > 0 and row["archivedDate"] and row["entry"] == "spectra" for row in rows)
    assert world.tree() == {}


def test_what_is_listed_is_what_comes(oncsync: Command, world: World) -> None:
    """The places and sizes of the list are those of the files, and stay so once they are here."""
    before = listed(oncsync)
    world.sync()
    assert {row["path"]: row["bytes"] for row in before} == {path: len(body) for path, body in world.tree().items()}
    after = listed(oncsync)
    assert [row["path"] for row in after] == [row["path"] for row in before]
    assert {row["state"] for row in after} == {"here"}


def test_every_filter_keeps_what_it_says(oncsync: Command, synced: World) -> None:
    """R166, R171: by instrument, name, format, time, state and number."""
    (synced.folder / place_of(4)).unlink()
    for flags, expected in {
        ("--only", "spectra"): [0, 1, 2, 3, 4, 5],
        ("--device", DEVICE): [0, 1, 2, 3, 4, 5],
        ("--device", "OTHER"): [],
        ("--match", "*T03*"): [3],
        ("--match", f"{DEVICE}/2021_08/*T02*"): [2],
        ("--match", "t03*"): [],
        ("--extension", "HDF5"): [0, 1, 2, 3, 4, 5],
        ("--extension", ".txt,hdf5"): [0, 1, 2, 3, 4, 5],
        ("--extension", "df5"): [],
        ("--begin", "2021-08-30T01:30:00Z", "--end", "2021-08-30T03:00:00Z"): [1, 2],
        ("--state", "missing"): [4],
        ("--newest", "2"): [4, 5],
        ("--newest", "3", "--limit", "1"): [3],
        ("--limit", "2"): [0, 1],
        ("--limit", "0"): [],
    }.items():
        assert hours(listed(oncsync, *flags)) == expected, flags
    assert oncsync("list", "--only", "spectre").code == 2


def test_products_have_rows_from_the_first_day_on(oncsync: Command, world: World) -> None:
    """Before they came their chunk and its folder are known, later their files."""
    world.write(CTD_CSV)
    world.project().resolve()
    before = listed(oncsync)
    assert [(row["filename"], row["path"], row["state"]) for row in before] == [
        ("", "BACAX/CTD/TSSD_csv/2015/", "pending")
    ] * 3
    assert len(listed(oncsync, "--extension", "csv")) == 3
    assert listed(oncsync, "--extension", "png") == []
    world.sync()
    after = listed(oncsync)
    assert sorted(row["path"] for row in after) == sorted(world.tree())
    assert {row["id"] for row in after} == {row["id"] for row in before}
    assert {len(row["sha256"]) for row in after} == {64}


def test_a_failure_says_why_in_onc_s_words(oncsync: Command, world: World) -> None:
    world.sandbox.faults = Faults([Fault("status-403", on="archivefile/download")])
    assert world.sync().exit_code == 3
    rows = listed(oncsync)
    assert {row["state"] for row in rows} == {"failed"}
    assert all(row["reason"] for row in rows)


def test_csv_goes_to_a_file_or_into_a_pipe(oncsync: Command, world: World) -> None:
    said = oncsync("list", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert list(rows[0]) == COLUMNS
    assert [row["filename"] for row in rows] == [name_of(hour) for hour in range(6)]
    assert rows[0]["begin"] == "2021-08-30T00:00:00.000Z"
    assert oncsync("list", "--csv", "list.csv").out == ""
    assert Path("list.csv").read_text(encoding="utf-8") == said.out
    assert oncsync("list", "--csv", "-", "--json").code == 2


def test_a_pipe_gets_one_line_per_file_and_a_terminal_a_table(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = oncsync("list").out.splitlines()
    assert lines[0].split("\t") == COLUMNS
    assert [line.split("\t")[2] for line in lines[1:]] == [name_of(hour) for hour in range(6)]
    monkeypatch.setattr("oncsync.cli.listing.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")
    said = oncsync("list")
    assert place_of(0) in said.out
    assert "6 files, " in said.err
    assert oncsync("list", "--limit", "0").err == "No file\n"


@pytest.mark.parametrize(("width", "head"), [(80, "filename"), (120, "filename"), (160, "entry"), (40, "id: ")])
def test_a_narrow_terminal_gets_a_table_of_names(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch, width: int, head: str
) -> None:
    """Places of three long parts fit no usual terminal; names do, and what is left out is named."""
    monkeypatch.setattr("oncsync.cli.listing.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    lines = oncsync("list").out.splitlines()
    assert lines[0].startswith(head)
    if head == "filename":
        assert [line.split()[0] for line in lines[1:7]] == [name_of(hour) for hour in range(6)]
        assert "path" in lines[-1]
        assert max(map(len, lines[:-1])) <= width


def test_what_was_let_go_says_so_in_the_list(oncsync: Command, synced: World) -> None:
    assert oncsync("drop", place_of(0), "--yes").code == 0
    assert [row["reason"] for row in listed(oncsync, "--state", "dropped")] == [
        "let go on purpose; `oncsync restore` fetches it again"
    ]


def test_the_archive_is_asked_without_a_lock(oncsync: Command, world: World) -> None:
    """By device, or by place and kind of instrument; what the lock has too says where it lies."""
    span = ("--begin", "2021-08-30T04:00:00Z", "--end", "2021-08-30T08:00:00Z")
    rows = listed(oncsync, "--service", "--device", DEVICE, "-x", "hdf5", *span, "--match", "*-SDAQ-MODULE*")
    assert hours(rows) == [4, 5, 6, 7]
    assert [row["state"] for row in rows] == ["pending", "pending", "listed", "listed"]
    assert [row["path"] for row in rows[:2]] == [place_of(4), place_of(5)]
    assert rows[2]["path"] == ""
    assert hours(listed(oncsync, "--service", "-d", DEVICE, *span, "--match", "*MODULE*", "--state", "listed")) == [
        6,
        7,
    ]
    world.manifest.unlink()
    alone = listed(oncsync, "--service", "-d", DEVICE, *span, "--server", world.sandbox.url, "--newest", "1")
    assert [row["state"] for row in alone] == ["listed"]
    by_place = ("--location", "STR2", "--category", "BIOSPECTROMETER", "--server", world.sandbox.url)
    assert listed(oncsync, "--service", *by_place, *span)


def test_a_code_that_onc_does_not_know_is_told_with_its_like(oncsync: Command, world: World) -> None:
    said = oncsync("list", "--service", "--device", DEVICE.replace("002", "02"))
    assert said.code == 2
    assert f"`{DEVICE}`" in said.err
    said = oncsync("list", "--service", "--location", "STRX", "--category", "BIOSPECTROMETER")
    assert (said.code, "locationCode" in said.err) == (2, True)


def test_the_archive_is_asked_in_one_way(oncsync: Command, world: World) -> None:
    asked = world.asked("archivefile/device")
    assert oncsync("list", "--service").code == 2
    assert oncsync("list", "--service", "--location", "STR2").code == 2
    assert oncsync("list", "--location", "STR2").code == 2
    assert oncsync("list", "--server", "qa").code == 2
    assert world.asked("archivefile/device") == asked


def test_without_a_lock_there_is_nothing_to_list(oncsync: Command, world: World) -> None:
    world.project().lock_path.unlink()
    said = oncsync("list")
    assert said.code == 2
    assert "run `oncsync resolve`" in said.err


# --- From Python ---------------------------------------------------------------------------------------------------


def test_python_has_the_same_records(oncsync: Command, world: World) -> None:
    rows = listed(oncsync)
    files = world.project().files(everything=True)
    assert [(file.chunk, file.place, file.bytes, file.state) for file in files] == [
        (row["id"], row["path"], row["bytes"], row["state"]) for row in rows
    ]
    assert world.project().files() == []
    world.sync()
    here = world.project().files()
    assert [file.path.read_bytes() for file in here] == [world.tree()[place_of(hour)] for hour in range(6)]
    assert {(file.state, file.entry, file.device_code) for file in here} == {("here", "spectra", DEVICE)}


def test_files_that_are_here_are_told_without_a_lock(synced: World) -> None:
    synced.project().lock_path.unlink()
    assert [file.entry for file in synced.project().files()] == [""] * 6


def test_a_frame_has_the_columns_of_the_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R168: `pd_result[['filename', 'outPath']]`."""
    pandas = ModuleType("pandas")
    pandas.DataFrame = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    frame = world.project().frame()
    assert list(frame) == COLUMNS
    assert frame["filename"] == [name_of(hour) for hour in range(6)]
    assert set(frame["outPath"]) == {f"{DEVICE}/2021_08"}


def test_without_pandas_the_cure_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="needs pandas") as raised:
        world.project().frame()
    assert "pip install" in (raised.value.hint or "")


def test_one_chunk_of_two_entries_is_listed_once_for_both(oncsync: Command, world: World) -> None:
    world.write(SPECTRA + SPECTRA.replace("spectra", "again").replace("06:00", "02:00"))
    world.project().resolve()
    rows = listed(oncsync)
    assert [row["entry"] for row in rows] == ["again,spectra"] * 2 + ["spectra"] * 4
    assert hours(listed(oncsync, "--only", "again")) == [0, 1]
