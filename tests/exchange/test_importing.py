"""`oncsync import` of a workbook for the first time: exactly its rows, its settings, and nothing that is secret."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from oncsync.errors import FolderError, InputError, ProblemsError
from oncsync.exchange import Taken, import_workbook
from oncsync.manifest import Settings, load_manifest
from tests.exchange.desk import SETTINGS, change, put, requests_of, save
from tests.workbook.books import TOKEN, configuration_rows, device_rows, location_rows, save_book

SPANS = [{"begin": datetime(2011, 1, 1 + day), "end": datetime(2011, 1, 2 + day)} for day in range(30)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes two rows as many as a manifest holds."""
    monkeypatch.setattr("oncsync.exchange.importing.MOST_ROWS_IN_YAML", 2)


def take_in(folder: Path, workbook: Path, **flags: Any) -> Taken:
    return import_workbook(workbook, folder / "oncsync.yaml", **flags)


def test_a_workbook_becomes_a_manifest_of_exactly_its_rows(tmp_path: Path) -> None:
    """R65, R66, R74, R75, I-22: the documented rows, each with what it sends and what it only shows."""
    taken = take_in(tmp_path, save(tmp_path, {"checked": "Ann"}, {"download": "N"}, devices=1))
    assert (taken.rows, taken.rows_off, taken.merge) == (3, 1, None)
    manifest = (tmp_path / "oncsync.yaml").read_text()
    assert manifest.startswith("# Imported from download.xlsx by `oncsync import`.\nversion: 1\nfolder: data\n")
    first, second, third = requests_of(tmp_path / "oncsync.yaml")
    assert (first.name, first.workbook, first.download) == ("By Location!2", "download.xlsx", True)
    assert (first.location_code, first.device_category_code, first.device_code) == ("BACAX", "HYDROPHONE", None)
    assert (first.begin, first.end, first.options) == (
        "2011-07-13",
        "2011-07-14",
        {"dpo_hydrophoneDataDiversionMode": "All"},
    )
    assert (first.columns["checked"], first.columns["depth"], first.columns["deviceCode"]) == (
        "Ann",
        981,
        "NAXYS_HYD_007",
    )
    assert (second.name, second.download) == ("By Location!3", False)
    assert (third.name, third.device_code, third.location_code) == ("By Device!2", "NAXYS_HYD_007", None)
    assert third.columns["locationCode"] == "BACAX"


def test_the_configuration_becomes_settings_folder_and_state(tmp_path: Path) -> None:
    """R13, R14, R82-R88, R91, R95-R97."""
    settings: dict[str, Any] = {"splitDateRange": "week", "dayOfWeek": "mo", "runThreads": 2, "downloadQueueSize": 7}
    take_in(tmp_path, save(tmp_path, {}, **settings, beginRun="22:00:00", endRun="6:00:00"))
    manifest = load_manifest(tmp_path / "oncsync.yaml", environment={})
    assert manifest.folder == tmp_path / "data"
    assert manifest.settings == Settings(
        split_date_range="week",
        day_of_week="MO",
        run_threads=2,
        download_queue_size=7,
        begin_run="22:00:00",
        end_run="06:00:00",
        state="download.json",
    )


def test_a_folder_below_the_manifest_is_written_relative_to_it(tmp_path: Path) -> None:
    """R84: so that the project can be given away."""
    folder = tmp_path / "raw" / "hydrophones"
    take_in(tmp_path, save(tmp_path, {}, downloadFolder=str(folder), logFile=f"{folder}/log.json"))
    assert "folder: raw/hydrophones\n" in (tmp_path / "oncsync.yaml").read_text()
    assert str(tmp_path) not in (tmp_path / "oncsync.yaml").read_text()


@pytest.mark.parametrize("folder", ["C:/ONC/Data", "\\\\server\\onc"])
def test_a_folder_of_another_system_goes_to_a_file_of_this_machine(tmp_path: Path, folder: str) -> None:
    """R48, R84: the manifest stays usable here and there."""
    taken = take_in(tmp_path, save(tmp_path, {}, downloadFolder=folder, logFile=folder + "/download.json"))
    assert "ONC" not in (tmp_path / "oncsync.yaml").read_text().replace("ONCSYNC", "")
    assert folder.replace("\\", "/") in (tmp_path / "oncsync.local.yaml").read_text()
    manifest = load_manifest(tmp_path / "oncsync.yaml", environment={})
    assert (manifest.folder, manifest.settings.state) == (tmp_path / "data", "download.json")
    assert any("oncsync.local.yaml" in note for note in taken.notes)


def test_a_folder_that_this_machine_has_already_stays(tmp_path: Path) -> None:
    (tmp_path / "oncsync.local.yaml").write_text("folder: /srv/onc\n")
    taken = take_in(tmp_path, save(tmp_path, {}, downloadFolder="C:/ONC/Data"))
    assert (tmp_path / "oncsync.local.yaml").read_text() == "folder: /srv/onc\n"
    assert any("names a folder already" in note for note in taken.notes)


def test_the_token_is_never_copied_and_the_way_to_give_it_is_told(tmp_path: Path) -> None:
    """R83."""
    taken = take_in(tmp_path, save(tmp_path, {"note": f"my token is {TOKEN}", "Token": TOKEN}, downloadFolder="D:/x"))
    (tmp_path / "download.xlsx").unlink()
    assert any("ONC_TOKEN" in note for note in taken.notes)
    assert any("`Token` was left out" in note for note in taken.notes)
    for path in tmp_path.iterdir():
        assert TOKEN not in path.read_text()
    assert TOKEN not in repr(taken)
    requests_of(tmp_path / "oncsync.yaml")


def test_all_mistakes_are_told_at_once_by_sheet_and_cell_and_nothing_is_written(tmp_path: Path) -> None:
    """I-3, I-7, I-8, I-18."""
    rows: list[dict[str, Any]] = [
        {"download": "perhaps", "begin": "03/04/2017"},
        {"extension": None},
        {"end": "2013-20-23"},
    ]
    path = save(tmp_path, *rows, devices=1, runThreads="many")
    put(path, 2, "By Device", deviceCode=None)
    with pytest.raises(ProblemsError) as caught:
        take_in(tmp_path, path)
    wheres = [problem.where for problem in caught.value.problems]
    assert wheres == [
        "By Location!F2",
        "By Location!G2",
        "By Location!O3",
        "By Location!H4",
        "By Device!A2",
        "Configuration!B6",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["download.xlsx"]


@pytest.mark.parametrize(
    ("settings", "cell", "word"),
    [
        ({"runThreads": 1000}, "B6", "100"),
        ({"logFile": "data/log.txt"}, "B3", "no place for the state"),
        ({"downloadFolder": "~nobody-at-all/x", "logFile": None}, "B2", "unknown user"),
        ({"runTimeZone": "Vancouver"}, "B11", "There is no time zone"),
        ({"refreshOpen": "-PT1H"}, "B11", "refreshOpen"),
        ({"splitDateRange": "PT1S"}, "B4", "is not a way to split"),
    ],
)
def test_a_setting_that_no_manifest_can_have_is_told_by_its_cell(
    tmp_path: Path, settings: dict[str, Any], cell: str, word: str
) -> None:
    with pytest.raises(ProblemsError) as caught:
        take_in(tmp_path, save(tmp_path, {}, **settings))
    (problem,) = caught.value.problems
    assert problem.where == f"Configuration!{cell}"
    assert word in problem.message
    assert not (tmp_path / "oncsync.yaml").exists()


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ({"begin": "P1D", "end": "P1D"}, "H2"),
        ({"begin": "now", "end": "now"}, "H2"),
        ({"begin": "P1D", "end": None}, "H2"),
        ({"begin": "2017-05-02", "end": "-P1D"}, "H2"),
        ({"oncsync path": "{nothing}/x"}, "T2"),
        ({"oncsync path": "../x"}, "T2"),
        ({"oncsync splitDateRange": "-P1D"}, "T2"),
        ({"locationCode": "_x0007_A"}, "A2"),
    ],
)
def test_a_row_that_no_manifest_can_have_is_told_by_its_cell(tmp_path: Path, row: dict[str, Any], cell: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        take_in(tmp_path, save(tmp_path, row))
    assert [problem.where for problem in caught.value.problems] == [f"By Location!{cell}"]


def test_texts_that_mean_something_in_a_manifest_stay_texts(tmp_path: Path) -> None:
    row = {"note": "${HOME}", "serial": "007", "flag": "true", "odd": "'quoted'", "lines": "a\nb"}
    take_in(tmp_path, save(tmp_path, row, downloadFolder="${x}", logFile=None))
    (request,) = requests_of(tmp_path / "oncsync.yaml")
    assert {name: request.columns[name] for name in row} == row
    assert load_manifest(tmp_path / "oncsync.yaml", environment={}).folder == tmp_path / "${x}"


def test_a_misspelled_file_is_found_and_a_formula_is_its_value(tmp_path: Path) -> None:
    """I-5; formulas are never evaluated."""
    save(tmp_path, {"note": '=CONCATENATE("a","b")'}).rename(tmp_path / "download.xlxs")
    with pytest.raises(ProblemsError, match="not stored in the file"):
        take_in(tmp_path, tmp_path / "download.xlsx")
    (tmp_path / "download.xlxs").unlink()
    save(tmp_path, {}).rename(tmp_path / "download.xlxs")
    assert any("download.xlxs" in note for note in take_in(tmp_path, tmp_path / "download.xlsx").notes)


# --- Many rows --------------------------------------------------------------------------------------------------------


def test_up_to_two_hundred_rows_stand_in_the_manifest_and_more_in_a_file(tmp_path: Path) -> None:
    """Item 1: one diffable line a row, UTF-8, the columns of the tabs."""
    rows = [{"extension": f"e{number}", "note": "Ωmega"} for number in range(201)]
    path = save(tmp_path, *rows)
    take_in(tmp_path, path)
    assert (tmp_path / "oncsync.yaml").read_text().endswith("\nrequests: {file: requests.csv}\n")
    lines = (tmp_path / "requests.csv").read_bytes().decode("utf-8").splitlines()
    assert len(lines) == 202
    header = next(csv.reader(lines))
    assert {"locationCode", "deviceCategoryCode", "data product options", "locationName", "Data Search"} <= {*header}
    assert all("Ωmega" in line for line in lines[1:])
    requests = requests_of(tmp_path / "oncsync.yaml")
    assert [request.extension for request in requests] == [row["extension"] for row in rows]
    (tmp_path / "small").mkdir()
    take_in(tmp_path / "small", save(tmp_path, *rows[:200]))
    assert not (tmp_path / "small" / "requests.csv").exists()
    assert requests_of(tmp_path / "small" / "oncsync.yaml") == requests[:200]


@pytest.mark.usefixtures("few")
def test_cells_keep_their_kind_and_their_lines_in_a_file(tmp_path: Path) -> None:
    """Own columns keep values and order: numbers, texts that look like numbers, flags, line breaks, blanks."""
    odd: dict[str, Any] = {"z": 7, "a": "7", "m": True, "t": "true", "x": "null", "s": "'q'", "n": 'a\nb,"c"', "k": 1.5}
    rows = [odd, {**odd, "a": None, "depth": None}, {**odd, "propertyCode": "p", "end": None}]
    take_in(tmp_path, save(tmp_path, *rows))
    assert len((tmp_path / "requests.csv").read_text().splitlines()) == 4
    first, second, third = requests_of(tmp_path / "oncsync.yaml")
    assert {name: first.columns[name] for name in odd} == odd
    assert [type(first.columns[name]) for name in odd] == [type(value) for value in odd.values()]
    assert [name for name in first.columns if name in odd] == list(odd)
    assert (second.columns["a"], second.columns["depth"]) == (None, None)
    assert (third.property_code, third.end, third.split_date_range) == ("p", None, "month")


@pytest.mark.usefixtures("few")
def test_a_persons_own_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("mine\n")
    path = save(tmp_path, *SPANS[:3])
    taken = take_in(tmp_path, path)
    assert (tmp_path / "requests.csv").read_text() == "mine\n"
    assert any("`oncsync-requests.csv`" in note for note in taken.notes)
    assert len(requests_of(tmp_path / "oncsync.yaml")) == 3
    take_in(tmp_path, path, force=True)
    assert (tmp_path / "requests.csv").read_text() == "mine\n"
    (tmp_path / "oncsync.yaml").unlink()
    (tmp_path / "oncsync-requests.csv").write_text("mine too\n")
    for force in (False, True):
        with pytest.raises(InputError, match="not this manifest's"):
            take_in(tmp_path, path, force=force)
    assert (tmp_path / "oncsync-requests.csv").read_text() == "mine too\n"
    assert not (tmp_path / "oncsync.yaml").exists()


@pytest.mark.usefixtures("few")
def test_force_replaces_the_file_that_an_import_left_and_no_other_manifest_names(tmp_path: Path) -> None:
    path = save(tmp_path, *SPANS[:3])
    take_in(tmp_path, path)
    (tmp_path / "oncsync.yaml").rename(tmp_path / "other.yaml")
    take_in(tmp_path, path, force=True)
    assert "oncsync-requests.csv" in (tmp_path / "oncsync.yaml").read_text()
    (tmp_path / "other.yaml").unlink()
    (tmp_path / "oncsync.yaml").unlink()
    put(path, 2, extension="mp3")
    take_in(tmp_path, path, force=True)
    assert requests_of(tmp_path / "oncsync.yaml")[0].extension == "mp3"
    assert "mp3" in (tmp_path / "requests.csv").read_text()


@pytest.mark.usefixtures("few")
def test_force_with_few_rows_says_that_the_old_file_is_not_used_any_more(tmp_path: Path) -> None:
    take_in(tmp_path, save(tmp_path, *SPANS[:3]))
    taken = take_in(tmp_path, save(tmp_path, {}), force=True)
    assert any("`requests.csv` is not named by the manifest any more" in note for note in taken.notes)
    assert len(requests_of(tmp_path / "oncsync.yaml")) == 1


def test_a_manifest_of_other_origin_is_refused_and_force_replaces_it(tmp_path: Path) -> None:
    manifest = tmp_path / "oncsync.yaml"
    manifest.write_text("# mine\nversion: 1\n")
    path = save(tmp_path, {})
    with pytest.raises(InputError, match=r"nothing in it came from `download\.xlsx`") as caught:
        take_in(tmp_path, path)
    assert "--append" in str(caught.value.hint)
    assert manifest.read_text() == "# mine\nversion: 1\n"
    take_in(tmp_path, path, force=True)
    assert len(requests_of(manifest)) == 1
    manifest.write_text("folder: @broken\n")
    take_in(tmp_path, path, force=True)
    assert len(requests_of(manifest)) == 1


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError):
        import_workbook(save(tmp_path, {}), tmp_path / "file" / "oncsync.yaml")


def test_detaching_needs_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no manifest"):
        take_in(tmp_path, save(tmp_path, {}), detach=["whales"])


def test_the_configuration_may_lie_on_its_side(tmp_path: Path) -> None:
    """I-14, R103."""
    keys = configuration_rows(**SETTINGS, runThreads=2)
    sheets = {"By Device": device_rows({}), "Configuration": [list(line) for line in zip(*keys, strict=True)]}
    take_in(tmp_path, save_book(tmp_path, sheets))
    assert load_manifest(tmp_path / "oncsync.yaml", environment={}).settings.run_threads == 2


def test_headers_stand_in_any_order_case_and_spacing(tmp_path: Path) -> None:
    """R62-R64, R68, I-24."""
    path = save_book(
        tmp_path, {"by  location": location_rows({"own": 1}), "Configuration": configuration_rows(**SETTINGS)}
    )

    def shuffle(workbook: Any) -> None:
        sheet = workbook["by  location"]
        lines = [[cell.value for cell in line][::-1] for line in sheet.iter_rows()]
        for row, line in enumerate(lines, 1):
            for column, value in enumerate(line, 1):
                sheet.cell(row, column).value = f" {value.upper()} " if row == 1 else value

    change(path, shuffle)
    take_in(tmp_path, path)
    (request,) = requests_of(tmp_path / "oncsync.yaml")
    assert (request.location_code, request.begin) == ("BACAX", "2011-07-13")
    assert next(iter(request.columns.items())) == ("OWN", 1)
