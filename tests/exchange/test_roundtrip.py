"""Out and in, in and out: the same chunks, the same book, whatever program saved it in between."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from openpyxl import load_workbook

from oncsync.errors import ProblemsError
from oncsync.exchange import export_workbook, import_workbook
from oncsync.lockfile import Lock, read_lock
from oncsync.manifest import Request, load_manifest
from oncsync.project import Project
from oncsync.sandbox import Sandbox
from oncsync.workbook import Row, read_workbook, write_workbook
from oncsync.workbook.layout import CellValue, tab_of
from tests.exchange.desk import change, delete, insert, put, requests_of, save, take
from tests.support.world import TOKEN, quick_sandbox
from tests.workbook.strategies import books, configurations
from tests.workbook.test_roundtrip import defaults_gone, without_our_marks

DOWNLOADS = """\
downloads:
  - {name: axis, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: [csv, json],
     begin: 2018-01-01, end: 2019-01-01, downloadMethod: all, options: {dpo_resample: none}}
  - {name: weeks, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,
     begin: 2015-01-01, end: 2015-02-01, splitDateRange: week, dayOfWeek: MO, path: "{locationCode}/{year}"}
  - {name: waiting, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,
     begin: -P3D, end: now, splitDateRange: day}
"""
REQUESTS = """\
requests:
  - {name: by hand, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,
     begin: 2014-01-01T06:00:00.500Z, end: 2014-03-01, splitDateRange: P10D, columns: {note: "=mine", depth: 7}}
  - {name: off, deviceCode: SBECTD19p7027, dataProductCode: TSSD, extension: mat, begin: 2014-01-01, download: false}
"""


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox() as running:
        yield running


def write_manifest(folder: Path, sandbox: Sandbox, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "oncsync.yaml"
    path.write_text(f"version: 1\nserver: {sandbox.url}\n{text}")
    return path


def resolve(manifest: Path) -> Lock:
    return Project(manifest).resolve().lock


def chunks_of(lock: Lock) -> set[str]:
    """Gives the chunks that a sync would bring."""
    return {chunk.id for _, request, chunk in lock.chunks() if request.download and request.same_as is None}


def export(manifest: Path, workbook: Path, **flags: Any) -> Any:
    return export_workbook(load_manifest(manifest), Project(manifest).read_lock(), workbook, **flags)


def take_in(workbook: Path, manifest: Path, sandbox: Sandbox) -> Path:
    """Imports into a new manifest, and says there which service is meant."""
    manifest.parent.mkdir(exist_ok=True)
    import_workbook(workbook, manifest)
    manifest.write_text(manifest.read_text().replace("version: 1\n", f"version: 1\nserver: {sandbox.url}\n"))
    return manifest


# --- The same chunks --------------------------------------------------------------------------------------------------


def test_importing_an_export_resolves_to_the_same_chunks(tmp_path: Path, sandbox: Sandbox) -> None:
    """R11, R77, R104: deployments that overlap, both methods, weeks, spans that move, rows that are off."""
    manifest = write_manifest(tmp_path / "a", sandbox, DOWNLOADS + REQUESTS)
    lock = resolve(manifest)
    assert any(request.shared_with for entry in lock.entries for request in entry.requests)
    assert any(request.same_as for entry in lock.entries for request in entry.requests)
    export(manifest, tmp_path / "out.xlsx")
    back = resolve(take_in(tmp_path / "out.xlsx", tmp_path / "b" / "oncsync.yaml", sandbox))
    assert chunks_of(back) == chunks_of(lock)
    off = [entry for entry in back.entries if not entry.requests[0].download]
    assert off
    assert all(request.chunks == () for entry in off for request in entry.requests)


def test_many_rows_resolve_to_the_same_chunks(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncsync.exchange.importing.MOST_ROWS_IN_YAML", 2)
    manifest = write_manifest(tmp_path / "a", sandbox, DOWNLOADS + REQUESTS)
    lock = resolve(manifest)
    export(manifest, tmp_path / "out.xlsx")
    taken = take_in(tmp_path / "out.xlsx", tmp_path / "b" / "oncsync.yaml", sandbox)
    assert (tmp_path / "b" / "requests.csv").exists()
    assert chunks_of(resolve(taken)) == chunks_of(lock)


def test_importing_it_back_into_its_own_manifest_changes_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    """What the lock had filled in stays with the lock."""
    manifest = write_manifest(tmp_path, sandbox, DOWNLOADS + REQUESTS)
    resolve(manifest)
    export(manifest, tmp_path / "out.xlsx")
    before = manifest.read_bytes()
    taken = import_workbook(tmp_path / "out.xlsx", manifest, find_lock=lambda _: Project(manifest).read_lock())
    assert (taken.is_written, manifest.read_bytes()) == (False, before)
    assert not any("lacks" in note or "not in the workbook" in note for note in taken.notes)


@pytest.mark.parametrize("edit", [{"download": "N"}, {"extension": "mat"}, {"options": "dpo_resample=average"}])
def test_an_edited_row_of_a_download_is_a_mistake_that_names_the_cure(
    tmp_path: Path, sandbox: Sandbox, edit: dict[str, str]
) -> None:
    manifest = write_manifest(tmp_path, sandbox, DOWNLOADS)
    resolve(manifest)
    path = tmp_path / "out.xlsx"
    export(manifest, path)
    put(path, 3, **edit)
    before = manifest.read_bytes()
    with pytest.raises(ProblemsError) as caught:
        import_workbook(path, manifest)
    (problem,) = caught.value.problems
    name = str(take(path, 3, "oncsync")).split()[1]
    assert (problem.where, f"`{name}`" in problem.message) == ("By Location!3", True)
    assert f"--detach {name}" in str(problem.hint)
    assert "exclude" in str(problem.hint)
    assert manifest.read_bytes() == before


def test_detaching_a_download_keeps_its_chunks_and_lets_its_rows_be_edited(tmp_path: Path, sandbox: Sandbox) -> None:
    manifest = write_manifest(tmp_path, sandbox, "# mine\n" + DOWNLOADS + "# end\n")
    lock = resolve(manifest)
    path = tmp_path / "out.xlsx"
    export(manifest, path)
    taken = import_workbook(path, manifest, detach=["weeks"])
    assert (taken.detached, taken.merge and taken.merge.added) == (("weeks",), 1)
    text = manifest.read_text()
    assert [download.name for download in load_manifest(manifest).downloads] == ["axis", "waiting"]
    assert text.split("requests:")[0].count("#") == 2
    assert chunks_of(resolve(manifest)) == chunks_of(lock)
    (request,) = requests_of(manifest)
    assert (request.split_date_range, request.day_of_week, request.path) == ("week", "MO", "{locationCode}/{year}")
    line = next(line for line in range(2, 99) if str(take(path, line, "oncsync")).startswith("downloads: weeks"))
    put(path, line, download="N")
    again = import_workbook(path, manifest)
    assert again.merge is not None
    assert again.merge.switched_off == 1


def test_a_row_that_is_missing_is_told_because_the_download_still_brings_it(tmp_path: Path, sandbox: Sandbox) -> None:
    manifest = write_manifest(tmp_path, sandbox, DOWNLOADS)
    lock = resolve(manifest)
    path = tmp_path / "out.xlsx"
    export(manifest, path)
    name = str(take(path, 2, "oncsync")).split()[1]
    put(path, 3, mine="a word")
    delete(path, 2)
    notes = import_workbook(path, manifest, find_lock=lambda _: lock).notes
    assert any(f"lacks a row of the download `{name}`" in note for note in notes)
    assert any("`mine`" in note and "stays in the workbook alone" in note for note in notes)


def test_what_the_lock_knows_is_no_word_of_a_person(tmp_path: Path, sandbox: Sandbox) -> None:
    """An edit of an information cell is kept; a cell that the export filled in is not copied."""
    manifest = write_manifest(tmp_path, sandbox, REQUESTS.replace("depth: 7", "depth: null"))
    lock = resolve(manifest)
    about = {"locationName": "Axis", "depth": 981.0}
    entries = tuple(
        msgspec.structs.replace(
            entry, requests=tuple(msgspec.structs.replace(one, about=about) for one in entry.requests)
        )
        for entry in lock.entries
    )
    lock = Lock(server=lock.server, entries=entries)
    path = tmp_path / "out.xlsx"
    export_workbook(load_manifest(manifest), lock, path)
    assert (take(path, 2, "locationName"), take(path, 2, "depth")) == ("Axis", 981)
    assert not import_workbook(path, manifest, find_lock=lambda _: lock).is_written
    put(path, 2, locationName="my axis")
    import_workbook(path, manifest, find_lock=lambda _: lock)
    assert requests_of(manifest)[0].columns == {"note": "=mine", "depth": None, "locationName": "my axis"}


# --- The same book ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["list", "file"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "file":
        monkeypatch.setattr("oncsync.exchange.importing.MOST_ROWS_IN_YAML", 0)
    return str(request.param)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=books(), configuration=configurations())
def test_exporting_an_import_gives_the_book_again(
    tmp_path: Path, form: str, rows: list[Row], configuration: dict[str, CellValue]
) -> None:
    """R61-R64, R82: every documented column, own column, row order and setting; in either form of the manifest."""
    for old in tmp_path.iterdir():
        old.unlink()
    configuration = {**configuration, "downloadFolder": "data", "logFile": "data/log.json"}
    path, manifest = tmp_path / "book.xlsx", tmp_path / "oncsync.yaml"
    write_workbook(path, [msgspec.structs.replace(row, origin=None) for row in rows], configuration)
    import_workbook(path, manifest)
    assert (tmp_path / "requests.csv").exists() == (form == "file" and bool(rows))
    export_workbook(load_manifest(manifest, environment={}), None, tmp_path / "again.xlsx")
    first, second = read_workbook(path), read_workbook(tmp_path / "again.xlsx")
    assert _in_order(without_our_marks(second.rows)) == _in_order(without_our_marks(first.rows))
    assert {one.key: one.value for one in second.settings} == defaults_gone(configuration)
    if form == "list" or not _shared(rows):  # a file has one place for a column, whichever tab it is of
        assert _own_order(tmp_path / "again.xlsx") == _own_order(path)
    if rows:
        assert not import_workbook(tmp_path / "again.xlsx", manifest).is_written


def _shared(rows: list[Row]) -> set[str]:
    """Gives the own headers that both tabs have."""
    own: dict[str, set[str]] = {"byLocation": set(), "byDevice": set()}
    for row in rows:
        own[row.method].update(name for name in row.columns if tab_of(row.method).column(name) is None)
    return own["byLocation"] & own["byDevice"]


def _in_order(rows: list[Row]) -> list[tuple[Row, list[tuple[str, str, object]]]]:
    """Gives rows with their filled-in cells, each with its kind."""
    return [
        (
            msgspec.structs.replace(row, columns={}),
            sorted((name, type(cell).__name__, cell) for name, cell in row.columns.items() if cell is not None),
        )
        for row in rows
    ]


def _own_order(path: Path) -> dict[str, list[object]]:
    """Gives the headers of each tab that hold something, without those that an export adds."""
    workbook = load_workbook(path)
    return {
        sheet.title: [
            column[0].value
            for column in sheet.iter_cols()
            if any(cell.value is not None for cell in column[1:]) and not str(column[0].value).startswith("oncsync")
        ]
        for sheet in workbook.worksheets[:-1]
    }


def test_own_columns_come_back_in_their_places(tmp_path: Path, form: str) -> None:
    """R63, also where rows leave cells blank and the manifest keeps its rows in a file."""
    path = save(tmp_path, {"after": "x"}, {"locationName": None, "after": "y"}, {"depth": None, "after": None})

    def place(workbook: Any) -> None:
        sheet = workbook["By Location"]
        for column, header in ((15, "behind the product"), (3, "between"), (2, "behind the place"), (1, "first")):
            sheet.insert_cols(column)
            for line, value in enumerate([header, 1, None, 3], 1):
                sheet.cell(line, column).value = value

    change(path, place)
    import_workbook(path, tmp_path / "oncsync.yaml")
    export_workbook(load_manifest(tmp_path / "oncsync.yaml", environment={}), None, tmp_path / "again.xlsx")
    assert _own_order(tmp_path / "again.xlsx")["By Location"] == [
        name for name in _own_order(path)["By Location"] if name != "propertyCode"
    ]
    assert [take(tmp_path / "again.xlsx", line, "between") for line in (2, 3, 4)] == [1, None, 3]


# --- Another program in between ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def through_libreoffice(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Opens a workbook in LibreOffice and saves it again; skips where that is not installed."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    home = tmp_path_factory.mktemp("libreoffice")

    def save_again(path: Path) -> Path:
        target = tmp_path_factory.mktemp("saved")
        command = [program, f"-env:UserInstallation={home.as_uri()}", "--headless", "--convert-to"]
        arguments = ["xlsx:Calc MS Excel 2007 XML", "--outdir", str(target), str(path)]
        subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=180)
        return target / path.name

    return save_again


@pytest.mark.slow
def test_a_workbook_that_libreoffice_saved_means_the_same(
    tmp_path: Path, sandbox: Sandbox, through_libreoffice: Callable[[Path], Path]
) -> None:
    """An export that was opened and saved imports without a change, can be edited, and can be added to."""
    manifest = write_manifest(tmp_path, sandbox, DOWNLOADS + REQUESTS)
    lock = resolve(manifest)
    path = tmp_path / "out.xlsx"
    export(manifest, path)
    before = manifest.read_bytes()
    saved = through_libreoffice(path)
    assert _plain(read_workbook(saved).rows) == _plain(read_workbook(path).rows)
    assert {one.key: one.value for one in read_workbook(saved).settings} == {
        one.key: one.value for one in read_workbook(path).settings
    }
    taken = import_workbook(saved, manifest, find_lock=lambda _: lock)
    assert (taken.is_written, manifest.read_bytes()) == (False, before)
    delete(saved, 2)
    insert(saved, 2, extension="mat", oncsync=None, options="=1")
    change(saved, lambda workbook: workbook["By Location"].delete_rows(2))
    added = export(manifest, saved, append=True)
    assert added.rows == 1
    again = through_libreoffice(saved)
    rows = {str(row.origin): row for row in _plain(read_workbook(again).rows)}
    assert rows == {str(row.origin): row for row in _plain(read_workbook(path).rows)}
    back = take_in(again, tmp_path / "b" / "oncsync.yaml", sandbox)
    assert chunks_of(resolve(back)) == chunks_of(lock)


@pytest.mark.slow
def test_odd_texts_and_kinds_of_cells_come_through_libreoffice(
    tmp_path: Path, through_libreoffice: Callable[[Path], Path]
) -> None:
    odd: dict[str, Any] = {
        "text": "=1+1",
        "plus": "+1",
        "at": "@SUM(A1)",
        "minus": "-1",
        "digits": "007",
        "number": 7,
        "flag": True,
        "lines": "a\nb",
        "day": "2017-05-01",
        "sign": "🐋 Ω",
    }
    manifest = tmp_path / "oncsync.yaml"
    row = Request(
        name="r",
        device_code="A",
        data_product_code="B",
        extension="c",
        begin="2020-01-01",
        end="2020-01-02T00:00:00.001Z",
    )
    from oncsync.manifest import request_mapping, write_manifest

    request = msgspec.structs.replace(row, columns=odd)
    write_manifest(manifest, {"version": 1, "requests": [request_mapping(request)]})
    export_workbook(load_manifest(manifest, environment={}), None, tmp_path / "out.xlsx")
    saved = through_libreoffice(tmp_path / "out.xlsx")
    (found,) = read_workbook(saved).rows
    assert found.columns == odd
    assert not import_workbook(saved, manifest).is_written
    assert read_lock(tmp_path / "oncsync.lock") is None


def _plain(rows: tuple[Row, ...]) -> list[Row]:
    return [msgspec.structs.replace(row, number=0) for row in rows]
