"""Importing a workbook again: exactly its rows are replaced, and only what a person changed counts as changed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest

from oncsync.errors import InputError, ProblemsError
from oncsync.exchange import Taken, export_workbook, import_workbook
from oncsync.manifest import load_manifest
from tests.exchange.desk import change, delete, insert, names_of, put, requests_of, save, take

OWN = """\
# Top.
version: 1
folder:   data   # spaced by hand
requests:
  # mine: never touched
  - name: own
    deviceCode: A   # a device
    dataProductCode:  TSSD
    extension: csv
    begin: 2020-01-01
    end: 2020-02-01
# The end.
"""
THREE: tuple[dict[str, Any], ...] = ({"extension": "wav"}, {"extension": "mp3"}, {"extension": "flac"})


def take_in(folder: Path, workbook: Path, **flags: Any) -> Taken:
    return import_workbook(workbook, folder / "oncsync.yaml", **flags)


def tally(taken: Taken) -> dict[str, int]:
    assert taken.merge is not None
    counts = ("added", "changed", "switched_off", "switched_on", "removed")
    return {name: count for name in counts if (count := getattr(taken.merge, name))}


@pytest.fixture(params=["list", "file"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose manifest, or file of rows, holds three rows of `download.xlsx`."""
    if request.param == "file":
        monkeypatch.setattr("oncsync.exchange.importing.MOST_ROWS_IN_YAML", 2)
    take_in(tmp_path, save(tmp_path, *THREE))
    assert (tmp_path / "requests.csv").exists() == (request.param == "file")
    return tmp_path


def rows_of(project: Path) -> list[str]:
    """Gives the lines that a reviewer sees."""
    file = project / "requests.csv"
    return (file if file.exists() else project / "oncsync.yaml").read_text().splitlines()


def test_nothing_changed_touches_nothing(project: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in project.iterdir()}
    taken = take_in(project, project / "download.xlsx")
    assert (tally(taken), taken.is_written) == ({}, False)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in project.iterdir()} == before


def test_each_change_counts_once_and_no_other_line_changes(project: Path) -> None:
    """R61, R107: 1 changed, 1 off, 1 added; a row that is off stays as a line."""
    before = rows_of(project)
    put(project / "download.xlsx", 2, end="2011-07-15 6:00:00")
    put(project / "download.xlsx", 3, download="N")
    insert(project / "download.xlsx", 5, copy_of=4, extension="ogg")
    taken = take_in(project, project / "download.xlsx")
    assert tally(taken) == {"changed": 1, "switched_off": 1, "added": 1}
    first, second, third, fourth = requests_of(project / "oncsync.yaml")
    assert (first.end, second.download, third.extension, fourth.extension) == (
        "2011-07-15T06:00:00Z",
        False,
        "flac",
        "ogg",
    )
    after = rows_of(project)
    if (project / "requests.csv").exists():
        assert [old == new for old, new in zip(before, after, strict=False)] == [True, False, False, True]
        return
    lines = list(difflib.ndiff(before, after))
    assert [line for line in lines if line.startswith("- ")] == ["-     end: 2011-07-14"]
    added = [line[2:] for line in lines if line.startswith("+ ")]
    assert added[:3] == ["    end: 2011-07-15T06:00:00Z", "    download: false", "  - name: By Location!5"]
    assert after[-len(added) + 2 :] == added[2:]


def test_a_row_that_comes_back_on_counts_as_on(project: Path) -> None:
    put(project / "download.xlsx", 2, download="N")
    take_in(project, project / "download.xlsx")
    put(project / "download.xlsx", 2, download=True)
    assert tally(take_in(project, project / "download.xlsx")) == {"switched_on": 1}
    assert requests_of(project / "oncsync.yaml")[0].download


def test_an_inserted_line_is_the_only_new_one_and_the_names_follow_the_lines(project: Path) -> None:
    insert(project / "download.xlsx", 2, extension="ogg")
    assert tally(take_in(project, project / "download.xlsx")) == {"added": 1}
    assert [(request.name, request.extension) for request in requests_of(project / "oncsync.yaml")] == [
        ("By Location!2", "ogg"),
        ("By Location!3", "wav"),
        ("By Location!4", "mp3"),
        ("By Location!5", "flac"),
    ]


def test_a_deleted_line_is_removed(project: Path) -> None:
    delete(project / "download.xlsx", 3)
    assert tally(take_in(project, project / "download.xlsx")) == {"removed": 1}
    assert [request.extension for request in requests_of(project / "oncsync.yaml")] == ["wav", "flac"]


def test_sorted_lines_are_no_changes_but_stand_in_the_new_order(project: Path) -> None:
    save(project, *reversed(THREE))
    taken = take_in(project, project / "download.xlsx")
    assert (tally(taken), taken.is_written) == ({}, True)
    assert [request.extension for request in requests_of(project / "oncsync.yaml")] == ["flac", "mp3", "wav"]
    assert names_of(project / "oncsync.yaml") == ["By Location!2", "By Location!3", "By Location!4"]


def test_a_changed_row_is_recognised_below_an_inserted_one(project: Path) -> None:
    insert(project / "download.xlsx", 2, extension="ogg")
    put(project / "download.xlsx", 4, begin="2011-07-12", options="dpo_a=1")
    assert tally(take_in(project, project / "download.xlsx")) == {"added": 1, "changed": 1}


def test_own_and_information_cells_count_as_changes(project: Path) -> None:
    """R63, R79."""
    put(project / "download.xlsx", 2, note="mine", depth=900)
    assert tally(take_in(project, project / "download.xlsx")) == {"changed": 1}
    first, second, _ = requests_of(project / "oncsync.yaml")
    assert (first.columns["note"], first.columns["depth"]) == ("mine", 900)
    assert second.columns.get("note") is None


def test_filled_in_options_are_a_change_of_that_row(tmp_path: Path) -> None:
    """R58, R59."""
    take_in(tmp_path, save(tmp_path, *({**row, "data product options": None} for row in THREE)))
    put(tmp_path / "download.xlsx", 3, options="dpo_a=1; dpo_b=2")
    assert tally(take_in(tmp_path, tmp_path / "download.xlsx")) == {"changed": 1}
    assert requests_of(tmp_path / "oncsync.yaml")[1].options == {"dpo_a": "1", "dpo_b": "2"}


def test_a_mistake_leaves_the_manifest_as_it_is(project: Path) -> None:
    before = (project / "oncsync.yaml").read_bytes()
    put(project / "download.xlsx", 2, end="soon")
    with pytest.raises(ProblemsError):
        take_in(project, project / "download.xlsx")
    assert (project / "oncsync.yaml").read_bytes() == before


# --- Other entries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_everything_else_in_the_manifest_stays_byte_for_byte(tmp_path: Path, newline: str) -> None:
    """Comments, spacing, line ends and requests of other origin."""
    manifest = tmp_path / "oncsync.yaml"
    manifest.write_bytes(OWN.replace("\n", newline).encode())
    path = save(tmp_path, *THREE)
    with pytest.raises(InputError, match="nothing in it came from"):
        take_in(tmp_path, path)
    assert tally(take_in(tmp_path, path, append=True)) == {"added": 3}
    appended = manifest.read_bytes().decode()
    head, end = OWN.replace("\n", newline).split("# The end.")
    assert appended.startswith(head)
    assert appended.endswith("# The end." + end)
    assert appended.count("\n") == appended.count(newline)
    put(path, 3, download="N")
    take_in(tmp_path, path)
    assert manifest.read_bytes().decode().replace(f"    download: false{newline}", "") == appended
    assert tally(take_in(tmp_path, save(tmp_path, THREE[1]))) == {"switched_on": 1, "removed": 2}
    assert names_of(manifest) == ["own", "By Location!2"]
    assert manifest.read_bytes().decode().startswith(head)
    assert manifest.read_bytes().decode().endswith("# The end." + end)


def test_rows_of_two_workbooks_stand_side_by_side_with_names_of_their_own(tmp_path: Path) -> None:
    first = save(tmp_path, *THREE, name="a.xlsx")
    second = save(tmp_path, *({**row, "locationCode": "NC89"} for row in THREE), name="b.xlsx")
    take_in(tmp_path, first)
    assert tally(take_in(tmp_path, second, append=True)) == {"added": 3}
    names = names_of(tmp_path / "oncsync.yaml")
    assert len({name.lower() for name in names}) == 6
    assert names[3:] == ["By Location!2 (2)", "By Location!3 (2)", "By Location!4 (2)"]
    put(first, 2, download="N")
    put(second, 4, end="2011-08-01")
    assert tally(take_in(tmp_path, first)) == {"switched_off": 1}
    assert tally(take_in(tmp_path, second)) == {"changed": 1}
    delete(first, 3)
    assert tally(take_in(tmp_path, first)) == {"removed": 1}
    assert [request.workbook for request in requests_of(tmp_path / "oncsync.yaml")] == ["a.xlsx"] * 2 + ["b.xlsx"] * 3
    assert tally(take_in(tmp_path, second)) == {}


def test_another_workbook_of_the_same_name_is_not_taken_for_it(tmp_path: Path) -> None:
    take_in(tmp_path, save(tmp_path, *THREE))
    (tmp_path / "elsewhere").mkdir()
    other = save(tmp_path / "elsewhere", {"locationCode": "NC89", "dataProductCode": "TSSD"})
    with pytest.raises(InputError, match="rows of another workbook"):
        take_in(tmp_path, other, append=True)
    assert len(names_of(tmp_path / "oncsync.yaml")) == 3
    assert tally(take_in(tmp_path, tmp_path / "download.xlsx", append=True)) == {}


def test_rows_keep_their_place_among_a_persons_own_requests(tmp_path: Path) -> None:
    take_in(tmp_path, save(tmp_path, *THREE))
    manifest = tmp_path / "oncsync.yaml"
    own = OWN[OWN.index("  # mine") : OWN.index("# The end.")]
    text = manifest.read_text()
    place = text.index("  - name: By Location!3")
    manifest.write_text(text[:place] + own + text[place:])
    put(tmp_path / "download.xlsx", 2, download="N")
    insert(tmp_path / "download.xlsx", 3, extension="ogg")
    take_in(tmp_path, tmp_path / "download.xlsx")
    assert names_of(manifest) == ["By Location!2", "By Location!3", "own", "By Location!4", "By Location!5"]
    assert own in manifest.read_text()


def test_settings_that_differ_are_told_and_left(tmp_path: Path) -> None:
    """How rows are split is kept row by row; anything else belongs to the manifest."""
    path = save(tmp_path, *THREE)
    take_in(tmp_path, path)
    head = (tmp_path / "oncsync.yaml").read_text().split("requests:")[0]

    changed = {"runThreads": 2, "splitDateRange": "month", "downloadFolder": "elsewhere", "beginRun": "22:00"}
    changed["logFile"] = "elsewhere/download.json"

    def change_settings(workbook: Any) -> None:
        for line in workbook["Configuration"].iter_rows():
            line[1].value = changed.get(line[0].value, line[1].value)

    change(path, change_settings)
    taken = take_in(tmp_path, path)
    assert tally(taken) == {"changed": 3}
    assert (tmp_path / "oncsync.yaml").read_text().split("requests:")[0] == head
    assert {request.split_date_range for request in requests_of(tmp_path / "oncsync.yaml")} == {"month"}
    left = [note for note in taken.notes if "was left as it is" in note]
    assert [note.split("`")[1] for note in left] == ["runThreads: 2", "beginRun: 22:00:00", "downloadFolder: elsewhere"]


def test_the_split_of_the_workbook_goes_with_rows_into_a_manifest_of_another(tmp_path: Path) -> None:
    """R86-R88: the rows mean the same pieces as before."""
    (tmp_path / "oncsync.yaml").write_text("version: 1\nsettings: {splitDateRange: day}\n")
    take_in(tmp_path, save(tmp_path, {}, splitDateRange="week", dayOfWeek="TU"), append=True)
    (request,) = requests_of(tmp_path / "oncsync.yaml")
    assert (request.split_date_range, request.day_of_week) == ("week", "TU")


def test_a_list_that_becomes_long_moves_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(tmp_path, save(tmp_path, *THREE))
    before = requests_of(tmp_path / "oncsync.yaml")
    monkeypatch.setattr("oncsync.exchange.importing.MOST_ROWS_IN_YAML", 3)
    insert(tmp_path / "download.xlsx", 5, copy_of=2, extension="ogg")
    taken = take_in(tmp_path, tmp_path / "download.xlsx")
    assert any("`requests.csv`" in note for note in taken.notes)
    assert "requests: {file: requests.csv}" in (tmp_path / "oncsync.yaml").read_text()
    assert names_of(tmp_path / "oncsync.yaml") == [*(request.name for request in before), "By Location!5"]
    assert tally(take_in(tmp_path, tmp_path / "download.xlsx")) == {}


def test_a_list_with_a_persons_words_stays_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "oncsync.yaml").write_text(OWN)
    monkeypatch.setattr("oncsync.exchange.importing.MOST_ROWS_IN_YAML", 2)
    take_in(tmp_path, save(tmp_path, *THREE), append=True)
    assert "# mine: never touched" in (tmp_path / "oncsync.yaml").read_text()
    assert len(names_of(tmp_path / "oncsync.yaml")) == 4


# --- An exported workbook ---------------------------------------------------------------------------------------------


def export(project: Path, name: str = "out.xlsx") -> Path:
    path = project / name
    export_workbook(load_manifest(project / "oncsync.yaml", environment={}), None, path, force=True)
    return path


def test_an_export_that_nobody_changed_changes_nothing(project: Path) -> None:
    before = (project / "oncsync.yaml").read_bytes()
    taken = take_in(project, export(project))
    assert (tally(taken), taken.is_written) == ({}, False)
    assert (project / "oncsync.yaml").read_bytes() == before


def test_an_exported_row_is_known_by_its_name_whatever_is_changed_in_it(project: Path) -> None:
    path = export(project)
    put(path, 3, locationCode="NC89", extension="ogg", begin="2012-01-01", end="2012-02-01", download="N")
    assert tally(take_in(project, path)) == {"changed": 1, "switched_off": 1}
    second = requests_of(project / "oncsync.yaml")[1]
    assert (second.name, second.location_code, second.workbook) == ("By Location!3", "NC89", "download.xlsx")
    assert tally(take_in(project, path)) == {}


def test_a_row_added_to_an_export_belongs_to_that_workbook(project: Path) -> None:
    path = export(project)
    insert(path, 5, copy_of=2, extension="ogg", oncsync=None)
    assert tally(take_in(project, path)) == {"added": 1}
    assert [request.workbook for request in requests_of(project / "oncsync.yaml")] == ["download.xlsx"] * 3 + [
        "out.xlsx"
    ]
    assert tally(take_in(project, path)) == {}


def test_a_copied_line_is_a_row_of_its_own(project: Path) -> None:
    path = export(project)
    insert(path, 3, copy_of=2, extension="ogg")
    assert tally(take_in(project, path)) == {"added": 1}
    assert len({*names_of(project / "oncsync.yaml")}) == 4


def test_a_row_deleted_from_an_export_is_left_and_told(project: Path) -> None:
    path = export(project)
    delete(path, 3)
    taken = take_in(project, path)
    assert tally(taken) == {}
    assert any("`By Location!3` is not in the workbook" in note for note in taken.notes)
    assert len(names_of(project / "oncsync.yaml")) == 3


def test_a_manifests_own_spelling_and_variables_survive_an_export(tmp_path: Path) -> None:
    manifest = tmp_path / "oncsync.yaml"
    text = OWN.replace("version: 1", "version: 1\nvars: {year: 2020}").replace("2020-01-01", "${year}-01-01 0:00")
    manifest.write_text(text)
    path = export(tmp_path)
    put(path, 2, "By Device", download="N")
    assert tally(take_in(tmp_path, path)) == {"switched_off": 1}
    assert manifest.read_text() == text.replace("- name: own\n", "- name: own\n    download: false\n")
    assert take(path, 2, "oncsync", "By Device") == "requests: own"


def test_an_export_of_another_manifest_is_refused(tmp_path: Path) -> None:
    take_in(tmp_path, save(tmp_path, *THREE))
    path = export(tmp_path)
    (tmp_path / "oncsync.yaml").write_text(OWN)
    with pytest.raises(InputError, match="nothing in it came from"):
        take_in(tmp_path, path)


def test_an_export_of_another_manifest_never_writes_over_rows_of_the_same_names(tmp_path: Path) -> None:
    """Rows are named after their lines, so every manifest has a `By Location!2`."""
    take_in(tmp_path, save(tmp_path, *THREE))
    path = export(tmp_path)
    (tmp_path / "oncsync.yaml").unlink()
    other = ({**row, "locationCode": "NC89", "begin": "2015-01-01", "end": "2015-01-02"} for row in THREE)
    take_in(tmp_path, save(tmp_path, *other, name="other.xlsx"))
    before = (tmp_path / "oncsync.yaml").read_text()
    with pytest.raises(InputError, match="nothing in it came from"):
        take_in(tmp_path, path)
    assert tally(take_in(tmp_path, path, append=True)) == {"added": 3}
    assert (tmp_path / "oncsync.yaml").read_text().startswith(before)
    assert names_of(tmp_path / "oncsync.yaml")[3:] == ["By Location!2 (2)", "By Location!3 (2)", "By Location!4 (2)"]
    assert tally(take_in(tmp_path, path, append=True)) == {}


def test_the_only_request_is_known_after_an_edit(tmp_path: Path) -> None:
    (tmp_path / "oncsync.yaml").write_text(OWN)
    path = export(tmp_path)
    put(path, 2, "By Device", begin="2019-01-01", end="2019-02-01")
    assert tally(take_in(tmp_path, path)) == {"changed": 1}
