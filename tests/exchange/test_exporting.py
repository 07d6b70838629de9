"""`oncsync export`: the documented workbook, or what one that people work in lacks; nothing of theirs is lost."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openpyxl import load_workbook
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table

from oncsync.errors import FolderError, InputError, ProblemsError
from oncsync.exchange import Exchanged, export_workbook, import_workbook
from oncsync.lockfile import Chunk, Lock, LockedRequest, LockEntry
from oncsync.manifest import load_manifest
from tests.exchange.desk import change, put, requests_of, save, take
from tests.support.records import at
from tests.workbook.books import TOKEN, change_parts, configuration_rows, location_rows, save_book

REQUEST = (
    "  - {{name: {name}, deviceCode: {device}, dataProductCode: TSSD, extension: csv, begin: 2020-01-01, end: {end}}}\n"
)


def write_manifest(folder: Path, *rows: dict[str, str], settings: str = "", downloads: str = "") -> Path:
    lines = "".join(REQUEST.format(**({"name": "r", "device": "A", "end": "2020-02-01"} | row)) for row in rows)
    path = folder / "oncsync.yaml"
    text = f"version: 1\n{settings}{downloads}" + (f"requests:\n{lines}" if lines else "")
    path.write_text(text)
    return path


def export(manifest: Path, workbook: Path, lock: Lock | None = None, **flags: Any) -> Exchanged:
    return export_workbook(load_manifest(manifest, environment={}), lock, workbook, **flags)


def whales(*requests: LockedRequest) -> Lock:
    return Lock(
        server="production", entries=(LockEntry(kind="download", name="whales", digest="-", requests=requests),)
    )


def locked(**members: Any) -> LockedRequest:
    given: dict[str, Any] = {
        "id": "0" * 20,
        "source": {"locationCode": "BACAX", "deviceCategoryCode": "HYDROPHONE"},
        "data_product_code": "AD",
        "extension": "wav",
        "begin": at("2011-07-13"),
        "end": at("2011-07-14"),
        "split": "all",
    }
    return LockedRequest(**(given | members))


WHALES = "downloads:\n  - {name: whales, begin: 2011-07-13, end: 2011-07-14}\n"


cell_rule: Any = CellIsRule


def sheet_of(path: Path, tab: str = "By Location") -> Any:
    return load_workbook(path)[tab]


# --- A new workbook ---------------------------------------------------------------------------------------------------


def test_a_workbook_that_is_there_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    """R28: hand edits would be lost."""
    manifest = write_manifest(tmp_path, {})
    path = tmp_path / "out.xlsx"
    assert (export(manifest, path).rows, path.exists()) == (1, True)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        export(manifest, path)
    assert "--append" in str(caught.value.hint)
    assert path.read_bytes() == before
    export(write_manifest(tmp_path, {}, {"name": "s"}), path, force=True)
    assert sheet_of(path, "By Device").max_row == 3


def test_only_a_name_of_a_workbook_will_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no name for a workbook"):
        export(write_manifest(tmp_path, {}), tmp_path / "out.csv")


def test_archive_files_are_left_out_with_a_warning(tmp_path: Path) -> None:
    downloads = "downloads:\n  - {name: raw, service: archivefile, deviceCode: A, begin: -P1D, end: now}\n"
    written = export(write_manifest(tmp_path, {}, downloads=downloads), tmp_path / "out.xlsx")
    assert written.rows == 1
    assert any("`raw` was left out" in note for note in written.notes)


def test_rows_of_a_lock_that_is_older_than_the_manifest_are_told(tmp_path: Path) -> None:
    written = export(write_manifest(tmp_path, downloads=WHALES), tmp_path / "out.xlsx", whales(locked()))
    assert any("has changed since `oncsync resolve`" in note for note in written.notes)


def test_another_server_has_no_place_in_a_workbook_and_is_told(tmp_path: Path) -> None:
    written = export(write_manifest(tmp_path, {}, settings="server: qa\n"), tmp_path / "out.xlsx")
    assert any("server: qa" in note for note in written.notes)


def test_a_row_begins_where_an_overlapping_one_ends(tmp_path: Path) -> None:
    """R77: the same data are in one row only, and a row that has nothing of its own is off."""
    later = locked(begin=at("2011-07-14"), end=at("2011-07-20"), shared_with=("1" * 20,))
    chunk = Chunk("2" * 20, at("2011-07-16"), at("2011-07-20"))
    lock = whales(msgspec.structs.replace(later, chunks=(chunk,)), later)
    path = tmp_path / "out.xlsx"
    export(write_manifest(tmp_path, downloads=WHALES), path, lock)
    assert [take(path, line, "begin") for line in (2, 3)] == [datetime(2011, 7, 16), datetime(2011, 7, 14)]
    assert [take(path, line, "download") for line in (2, 3)] == ["Y", "N"]


# --- What a workbook lacks --------------------------------------------------------------------------------------------


def test_append_makes_the_workbook_when_there_is_none(tmp_path: Path) -> None:
    """R27."""
    written = export(write_manifest(tmp_path, {}), tmp_path / "out.xlsx", append=True)
    assert (written.rows, written.was_there) == (1, False)


def test_append_to_a_misspelled_workbook_says_so(tmp_path: Path) -> None:
    """I-5."""
    save(tmp_path, {}).rename(tmp_path / "download.xlxs")
    with pytest.raises(InputError, match=r"`download\.xlxs` is"):
        export(write_manifest(tmp_path, {}), tmp_path / "download.xlsx", append=True)


def test_nothing_to_add_leaves_bytes_and_time(tmp_path: Path) -> None:
    """R78."""
    path = save(tmp_path, {}, {"extension": "mp3"})
    import_workbook(path, tmp_path / "oncsync.yaml")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    written = export(tmp_path / "oncsync.yaml", path, append=True)
    assert (written.rows, written.moved_ends, written.was_there) == (0, 0, True)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_row_without_options_is_not_added_beside_one_that_was_filled_in(tmp_path: Path) -> None:
    """I-21, R81."""
    path = save(tmp_path, {})
    manifest = write_manifest(tmp_path, downloads=WHALES)
    assert export(manifest, path, whales(locked()), append=True).rows == 0
    assert take(path, 2, "data product options") == "dpo_hydrophoneDataDiversionMode=All"
    other = locked(options={"dpo_hydrophoneDataDiversionMode": "OD"})
    assert export(manifest, path, whales(other), append=True).rows == 1


def test_new_rows_stand_below_and_everything_else_stays(tmp_path: Path) -> None:
    """R79: hand edits, flags, own columns, formats, other tabs, the Configuration."""
    sheets = {
        "Notes": [["about"], ["this file"]],
        "By Location": location_rows(
            {"download": "N", "checked": "Ann", "begin": datetime(2011, 7, 13)}, {"extension": "mp3"}
        ),
        "Configuration": configuration_rows(runThreads=2),
    }

    def decorate(workbook: Any) -> None:
        sheet = workbook["By Location"]
        sheet.column_dimensions["A"].width = 33
        sheet["A2"].font = Font(name="Courier New", size=14, bold=True)
        sheet["A3"].font = Font(name="Courier New", size=14, color="FFAA0000")
        sheet["G3"].number_format = "dd/mm/yyyy"
        sheet["A3"].fill = PatternFill("solid", start_color="FFFFFF00")
        sheet["T3"].comment = None
        sheet.row_dimensions[2].hidden = True
        sheet.auto_filter.ref = "A1:T3"
        workbook.active = workbook["By Location"]

    path = save_book(tmp_path, sheets, finish=decorate)
    written = export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    assert (written.rows, written.moved_ends) == (1, 0)
    book = load_workbook(path)
    assert book.sheetnames == ["Notes", "By Location", "Configuration"]
    assert book.active == book["By Location"]
    assert [cell.value for cell in book["Notes"]["A"]] == ["about", "this file"]
    assert [[cell.value for cell in line] for line in book["Configuration"].iter_rows()] == [
        [value if value != "" else None for value in line] for line in configuration_rows(runThreads=2)
    ]
    sheet = book["By Location"]
    assert (sheet["A2"].font.name, sheet["A2"].font.size, sheet.column_dimensions["A"].width) == ("Courier New", 14, 33)
    assert (take(path, 2, "download"), take(path, 2, "checked"), sheet.row_dimensions[2].hidden) == ("N", "Ann", True)
    assert (take(path, 4, "extension"), take(path, 4, "download"), take(path, 4, "checked")) == ("flac", "Y", None)
    assert (sheet["A4"].font.name, sheet["A4"].fill.start_color.rgb, sheet["A4"].font.color.rgb) == (
        "Courier New",
        "FFFFFF00",
        "FFAA0000",
    )
    assert (sheet["G4"].value, sheet["G4"].number_format) == (datetime(2011, 7, 13), "dd/mm/yyyy")
    assert take(path, 4, "oncsync").startswith("downloads: whales (")
    assert sheet.auto_filter.ref == "A1:U4"
    assert any("`runThreads`" in note and "left as it is" in note for note in written.notes)
    assert export(tmp_path / "oncsync.yaml", path, whales(locked(extension="flac")), append=True).rows == 0


def test_choices_formats_and_tables_cover_the_new_rows(tmp_path: Path) -> None:
    def decorate(workbook: Any) -> None:
        sheet = workbook["By Location"]
        choice = DataValidation(type="list", formula1='"Y,N"')
        choice.add("F2:F3")
        choice.add("F9")
        sheet.add_data_validation(choice)
        rule: Any = cell_rule(operator="equal", formula=['"N"'], fill=PatternFill("solid", end_color="FFFF0000"))
        sheet.conditional_formatting.add("F2:F3 H2:H3", rule)
        sheet.conditional_formatting.add("A1:A1", rule)
        sheet.add_table(Table(displayName="Rows", ref="A1:S3"))

    sheets = {"By Location": location_rows({}, {"extension": "mp3"}), "Configuration": configuration_rows()}
    path = save_book(tmp_path, sheets, finish=decorate)
    export(
        write_manifest(tmp_path, downloads=WHALES),
        path,
        whales(locked(extension="a"), locked(extension="b")),
        append=True,
    )
    sheet = sheet_of(path)
    assert {str(area) for area in sheet.data_validations.dataValidation[0].sqref.ranges} == {"F2:F5", "F9"}
    assert {str(found.sqref): len(found.rules) for found in sheet.conditional_formatting} == {"F2:F5 H2:H5": 1, "A1": 1}
    assert sheet.tables["Rows"].ref == "A1:S5"


def test_a_note_below_the_rows_is_not_written_over(tmp_path: Path) -> None:
    path = save(tmp_path, {})
    change(path, lambda workbook: workbook["By Location"].__setitem__("W6", "checked by Ann"))
    export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    sheet = sheet_of(path)
    assert (sheet["W6"].value, sheet["A7"].value) == ("checked by Ann", "BACAX")
    assert sheet["X1"].value == "oncsync"
    assert import_workbook(path, tmp_path / "again.yaml").rows == 2


def test_dates_of_new_rows_fit_their_columns(tmp_path: Path) -> None:
    """A date that does not fit would be shown as `###`; other columns keep their widths."""
    path = save(tmp_path, {})

    def group(workbook: Any) -> None:
        columns = workbook["By Location"].column_dimensions
        columns["A"].min, columns["A"].max, columns["A"].width = 1, 30, 7

    change(path, group)
    export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    content = b"".join(_parts(path)).decode("utf-8", "replace")
    columns = re.findall(r'<col width="([\d.]+)" customWidth="1" min="(\d+)" max="(\d+)"', content)
    assert [(float(width), int(first), int(last)) for width, first, last in columns][:5] == [
        (7, 1, 6),
        (21, 7, 7),
        (21, 8, 8),
        (7, 9, 19),
        (30, 20, 20),
    ]


def test_a_missing_tab_is_added_in_its_place(tmp_path: Path) -> None:
    """R80."""
    path = save(tmp_path, {})
    written = export(write_manifest(tmp_path, {"device": "D"}), path, append=True)
    assert written.rows == 1
    book = load_workbook(path)
    assert book.sheetnames == ["By Location", "By Device", "Configuration"]
    assert book.active == book["By Location"]
    assert sum(bool(sheet.sheet_view.tabSelected) for sheet in book.worksheets) <= 1
    assert (take(path, 2, "deviceCode", "By Device"), book["By Device"].freeze_panes) == ("D", "B2")
    other = save_book(
        tmp_path, {"By Device": [["deviceCode", "begin", "end", "dataProductCode", "extension"]]}, name="d.xlsx"
    )
    export(write_manifest(tmp_path, downloads=WHALES), other, whales(locked()), append=True)
    assert load_workbook(other).sheetnames == ["By Location", "By Device"]


def test_an_end_that_has_come_since_moves_and_is_no_second_row(tmp_path: Path) -> None:
    """R81: also in a row whose options were filled in by hand."""
    manifest = write_manifest(tmp_path, downloads=WHALES)
    path = tmp_path / "out.xlsx"
    export(manifest, path, whales(locked(end=None), locked(extension="mp3")))
    put(path, 2, options="dpo_a=1", download="N")
    now = whales(locked(end=at("2012-01-01")), locked(extension="mp3", end=at("2012-01-01T06:00:00.500")))
    written = export(manifest, path, now, append=True)
    assert (written.rows, written.moved_ends) == (0, 2)
    assert [take(path, line, "end") for line in (2, 3)] == [
        datetime(2012, 1, 1),
        datetime(2012, 1, 1, 6, 0, 0, 500_000),
    ]
    assert (take(path, 2, "data product options"), take(path, 2, "download")) == ("dpo_a=1", "N")
    assert export(manifest, path, now, append=True) == Exchanged(
        workbook=path, rows=0, was_there=True, notes=written.notes
    )
    put(path, 2, options=None, download="Y")
    assert import_workbook(path, manifest).merge is not None


def test_a_row_that_a_person_edited_is_left_and_told(tmp_path: Path) -> None:
    """R79."""
    manifest = write_manifest(tmp_path, downloads=WHALES)
    path = tmp_path / "out.xlsx"
    export(manifest, path, whales(locked(), locked(extension="mp3")))
    put(path, 2, begin=datetime(2011, 7, 13, 12), extension="flac")
    put(path, 3, end=datetime(2011, 7, 13, 6))
    before = path.read_bytes()
    written = export(manifest, path, whales(locked(), locked(extension="mp3")), append=True)
    assert (written.rows, path.read_bytes()) == (0, before)
    assert [note[:15] for note in written.notes if "left as it is" in note] == ["By Location!2: ", "By Location!3: "]


def test_a_request_of_the_same_name_from_elsewhere_is_a_row_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    export(write_manifest(tmp_path, {"name": "By Device!2", "device": "A"}), path)
    written = export(write_manifest(tmp_path, {"name": "By Device!2", "device": "B"}), path, append=True)
    assert written.rows == 1
    assert [take(path, line, "deviceCode", "By Device") for line in (2, 3)] == ["A", "B"]


def test_a_new_row_means_the_same_under_the_workbooks_own_configuration(tmp_path: Path) -> None:
    """R79, R86: the tab stays, so the row says itself how it is split."""
    path = save(tmp_path, {}, splitDateRange="all")
    settings = "settings: {splitDateRange: week, dayOfWeek: MO, metadata: false}\n"
    export(write_manifest(tmp_path, {}, settings=settings), path, append=True)
    import_workbook(path, tmp_path / "again.yaml")
    request = requests_of(tmp_path / "again.yaml")[-1]
    assert (request.split_date_range, request.day_of_week, request.metadata) == ("week", "MO", False)


def test_a_column_that_a_new_row_needs_is_added_and_one_of_information_is_not(tmp_path: Path) -> None:
    """R62: who deleted the columns that are not sent does not get them back."""
    headers = ["deviceCode", "begin", "end", "dataProductCode", "extension"]
    row = ["A", "2020-01-01", "2020-01-02", "TSSD", "csv"]
    path = save_book(tmp_path, {"By Device": [headers, row]})
    request = (
        "requests:\n  - {name: r, deviceCode: B, propertyCode: p, dataProductCode: TSSD, extension: csv, "
        "begin: 2020-01-01, options: {dpo_a: 1}, splitDateRange: day, columns: {deviceName: Bee, mine: 7}}\n"
    )
    (tmp_path / "oncsync.yaml").write_text(request)
    export(tmp_path / "oncsync.yaml", path, append=True)
    sheet = sheet_of(path, "By Device")
    assert [cell.value for cell in sheet[1]] == [
        *headers,
        "propertyCode",
        "download",
        "data product options",
        "mine",
        "oncsync splitDateRange",
        "oncsync",
    ]
    assert [cell.value for cell in sheet[3]][5:] == ["p", "Y", "dpo_a=1", 7, "day", "requests: r"]
    import_workbook(path, tmp_path / "again.yaml")
    first, second = requests_of(tmp_path / "again.yaml")
    assert (first.download, second.download, second.property_code) == (False, True, "p")


def test_results_of_formulas_survive(tmp_path: Path) -> None:
    """R63, R79: a person's own formula can still be imported after an append."""
    path = save(tmp_path, {"days": "=H2-G2", "text": '="a"&"<b>"', "flag": "=1>0"}, {"extension": "mp3"})

    def solve(name: str, content: bytes) -> bytes:
        for formula, result in ((b"H2-G2", b"1.5"), (b'"a"&amp;"&lt;b&gt;"', b"a&lt;b&gt;"), (b"1&gt;0", b"1")):
            kind = {b"1.5": b"", b"1": b' t="b"'}.get(result, b' t="str"')
            content = content.replace(
                b"><f>" + formula + b"</f><v />", kind + b"><f>" + formula + b"</f><v>" + result + b"</v>"
            ).replace(b"><f>" + formula + b"</f><v></v>", kind + b"><f>" + formula + b"</f><v>" + result + b"</v>")
        return content

    change_parts(path, solve)
    import_workbook(path, tmp_path / "before.yaml")
    written = export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    assert written.rows == 1
    assert not any("formulas" in note for note in written.notes)
    assert sheet_of(path)["T2"].value == "=H2-G2"
    import_workbook(path, tmp_path / "after.yaml")
    before, after = requests_of(tmp_path / "before.yaml")[0], requests_of(tmp_path / "after.yaml")[0]
    assert {name: after.columns[name] for name in ("days", "text", "flag")} == {
        "days": 1.5,
        "text": "a<b>",
        "flag": True,
    }
    assert before == after


def test_formulas_without_results_are_told(tmp_path: Path) -> None:
    path = save(tmp_path, {"days": "=H2-G2"})
    written = export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    assert any("open and save it" in note for note in written.notes)


@pytest.mark.parametrize(
    ("part", "content", "word"),
    [
        ("xl__media__image1.png", b"x", "pictures"),
        ("xl__charts__chart1.xml", b"<x/>", "charts"),
        ("xl__vbaProject.bin", b"x", "macros"),
        ("xl__connections.xml", b"<x/>", "data connections"),
    ],
)
def test_what_could_not_be_written_back_is_refused_before_anything_changes(
    tmp_path: Path, part: str, content: bytes, word: str
) -> None:
    """R79."""
    path = save(tmp_path, {})
    change_parts(path, lambda name, old: old, **{part: content})
    before = path.read_bytes()
    with pytest.raises(InputError, match=word):
        export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    assert path.read_bytes() == before
    assert (
        export(
            tmp_path / "oncsync.yaml",
            path,
            whales(locked(options={"dpo_hydrophoneDataDiversionMode": "All"})),
            append=True,
        ).rows
        == 0
    )


@pytest.mark.parametrize(
    ("mark", "word"),
    [
        (
            b'<extLst><ext uri="{0}"><x14:sparklineGroups><x14:sparklineGroup/></x14:sparklineGroups></ext></extLst>',
            "sparklines",
        ),
        (b'<extLst><ext uri="{0}"><x14:conditionalFormatting xmlns:xm="x"/></ext></extLst>', "newer Excel"),
    ],
)
def test_decorations_of_newer_programs_are_refused_too(tmp_path: Path, mark: bytes, word: str) -> None:
    path = save(tmp_path, {})
    space = b'<worksheet xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" '

    def add(name: str, content: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return content
        return content.replace(b"<worksheet ", space, 1).replace(b"</worksheet>", mark + b"</worksheet>")

    change_parts(path, add)
    with pytest.raises(InputError, match=word):
        export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)


def test_a_workbook_with_mistakes_is_not_added_to(tmp_path: Path) -> None:
    path = save(tmp_path, {"begin": "yesterday"})
    before = path.read_bytes()
    with pytest.raises(ProblemsError, match="By Location!G2"):
        export(write_manifest(tmp_path, {}), path, append=True)
    assert path.read_bytes() == before


def test_the_token_of_an_older_workbook_is_not_spread(tmp_path: Path) -> None:
    """R83: its own cell is the person's and stays; nothing of ours takes it further."""
    path = save(tmp_path, {})
    written = export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    assert TOKEN not in repr(written)
    assert TOKEN in {cell.value for cell in sheet_of(path, "Configuration")["B"]}
    export(write_manifest(tmp_path, {}), tmp_path / "new.xlsx")
    assert b"not kept in workbooks" in b"".join(_parts(tmp_path / "new.xlsx"))


def _parts(path: Path) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_a_failing_disk_leaves_the_workbook_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, {})
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(FolderError):
        export(write_manifest(tmp_path, downloads=WHALES), path, whales(locked(extension="flac")), append=True)
    assert path.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"download.xlsx", "oncsync.yaml"}
