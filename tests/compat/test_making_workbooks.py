"""What `createXLS` writes: tabs, settings, and what becomes of a workbook that is there."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oncsync.api import RetryPolicy, Session
from oncsync.compat import createXLS
from oncsync.errors import InputError, ProblemsError, ServiceError, TokenError, UnreachableError
from oncsync.sandbox import Fault, Faults, Sandbox
from oncsync.workbook.layout import BY_DEVICE, BY_LOCATION
from tests.compat.conftest import SMALL, Command, column, edit, rows_of, settings_of
from tests.support.world import quick_sandbox

BOTH = SMALL.replace("Data", "Both") + " -m all"


def test_the_tabs_have_the_documented_columns_in_order(run: Command) -> None:
    """R56, R57, R65, R70, R73, R74: what is sent and what is there to review."""
    assert run(BOTH).code == 0
    for tab in (BY_LOCATION, BY_DEVICE):
        row = rows_of("Both/download.xlsx", tab.title)[0]
        assert list(row)[: len(tab.columns)] == [wanted.header for wanted in tab.columns]
    row = rows_of("Both/download.xlsx")[0]
    assert (row["locationName"], row["deviceCategoryName"]) == (
        "Upper Slope Delta Dynamics Laboratory",
        "Conductivity Temperature Depth",
    )
    assert (row["dataProductName"], row["deviceCode"]) == ("Time Series Scalar Data", "SBECTD37SIP8451")
    assert all(isinstance(row[name], float) for name in ("latitude", "longitude", "depth"))
    assert str(row["Device Listing"]).startswith("https://data.oceannetworks.ca/DeviceListing?DeviceId=")
    assert row["propertyCode"] is None, "R69"
    assert row["data product options"] is None, "R58"
    assert row["download"] == "Y", "R54"


def test_with_both_tabs_the_same_data_are_on_once_and_reported(run: Command) -> None:
    """R77."""
    said = run(BOTH)
    assert "Rows by device that only repeat rows by location: 2; their `download` is N" in said.err
    assert [row["download"] for row in rows_of("Both/download.xlsx")] == ["Y", "Y"]
    assert [row["download"] for row in rows_of("Both/download.xlsx", "By Device")] == ["N", "N"]
    assert run("download -f Both/download.xlsx").out.startswith("2 chunks done")


def test_the_settings_are_beside_the_rows_with_the_documented_defaults(run: Command) -> None:
    """R13, R14, R82 to R86, R88, R91, R95 to R97."""
    assert run(SMALL.replace("-o Data", "-o c:/ONC/Data/hydrophones/")).code == 0
    settings = settings_of("c:/ONC/Data/hydrophones/download.xlsx")
    del settings["setting"]
    token = settings.pop("token")
    assert "ONC_TOKEN" in token
    assert settings == {
        "downloadFolder": "c:/ONC/Data/hydrophones",
        "logFile": "c:/ONC/Data/hydrophones/download.json",
        "splitDateRange": "all",
        "dayOfWeek": "SU",
        "runThreads": 4,
        "downloadThreads": 10,
        "downloadQueueSize": "unlimited",
        "beginRun": "00:00:00",
        "endRun": "00:00:00",
    }


def test_backslashes_point_to_the_same_folder(run: Command) -> None:
    """R48: the workbook says it with forward slashes."""
    assert run(SMALL.replace("-o Data", r"-o 'c:\ONC\Data'") + r" -f 'c:\ONC\mine.xlsx'").code == 0
    assert settings_of("c:/ONC/mine.xlsx")["downloadFolder"] == "c:/ONC/Data"
    assert run(r"download -f 'c:\ONC\mine.xlsx'").code == 0
    assert Path("c:/ONC/Data/download.json").is_file()


def test_a_workbook_that_is_there_is_refused_before_anything_is_asked(
    run: Command, small: str, service: Sandbox
) -> None:
    """R28: hand edits are not lost."""
    before, asked = Path(small).read_bytes(), len(service.asked)
    said = run(SMALL)
    assert said.code == 2
    assert "is there already" in said.err
    assert "`--append`" in said.err
    assert (Path(small).read_bytes(), len(service.asked)) == (before, asked)
    assert run(f"{SMALL} --append --force").code == 2


def test_force_replaces_it(run: Command, small: str) -> None:
    """R28."""
    assert run(SMALL.replace("csv,json", "csv") + " --force").code == 0
    assert len(rows_of(small)) == 1


def _work_in(book: Any) -> None:
    sheet = book["By Location"]
    sheet.cell(2, column(sheet, "download")).value = "F"
    sheet.cell(3, column(sheet, "data product options")).value = "dpo_resample=none"
    last = sheet.max_column + 1
    sheet.cell(1, last).value, sheet.cell(2, last).value = "why", "too large"
    book["Configuration"]["B5"] = "day"


@pytest.mark.parametrize("flag", ["-a", "--append", "--APPEND"])
def test_append_adds_what_is_new_and_keeps_what_people_did(run: Command, small: str, flag: str) -> None:
    """R27, R78, R79, I-21: no row twice, hand edits, own columns and settings stay."""
    edit(small, _work_in)
    said = run(SMALL.replace("csv,json", "csv,json,mat") + f" {flag}")
    assert said.code == 0, said.err
    assert said.out.startswith(f"{small}: 1 row added\n")
    rows = rows_of(small)
    assert [row["extension"] for row in rows] == ["csv", "json", "mat"]
    assert [row["download"] for row in rows] == ["F", "Y", "Y"]
    assert [row["data product options"] for row in rows] == [None, "dpo_resample=none", None]
    assert rows[0]["why"] == "too large"
    assert settings_of(small)["splitDateRange"] == "day"
    before = Path(small).read_bytes()
    assert run(SMALL.replace("csv,json", "csv,json,mat") + f" {flag}").out.startswith(f"{small}: nothing to add")
    assert Path(small).read_bytes() == before


def test_append_makes_a_workbook_where_there_is_none(run: Command) -> None:
    """R27."""
    assert run(f"{SMALL} -a").out.startswith("2 rows into Data/download.xlsx")


def test_append_with_another_method_adds_its_tab(run: Command, small: str) -> None:
    """R80."""
    assert run(f"{SMALL} -a -m byDevice").code == 0
    assert len(rows_of(small)) == 2
    assert [row["deviceCode"] for row in rows_of(small, "By Device")] == ["SBECTD37SIP8451"] * 2


def test_append_moves_the_end_of_a_row_that_goes_on(run: Command, small: str) -> None:
    """R81: the same deployment seen later is the same row."""
    said = run(SMALL.replace("2017-05-02", "2017-05-03") + " -a")
    assert said.out.startswith(f"{small}: 2 ends moved")
    assert [row["end"] for row in rows_of(small)] == [datetime(2017, 5, 3)] * 2


# --- The class --------------------------------------------------------------------------------------------------------


def _maker(**attributes: object) -> createXLS:
    maker = createXLS(None, "Data")
    for name, value in ({"begin": "2017-05-01", "end": "2017-05-02", "locationCode": "USDDL"} | attributes).items():
        setattr(maker, name, value)
    return maker


def test_the_class_takes_codes_as_text_as_lists_and_leaves_out_what_is_not_set(service: Sandbox) -> None:
    """R17, R44, R46."""
    made = _maker(deviceCategoryCode=["CTD"], dataProductCode=("TSSD",), extension="csv,json").createWorkbook()
    assert (made.rows, made.workbook) == (2, Path("Data/download.xlsx"))
    _maker(deviceCategoryCode=[], dataProductCode="TSSD", extension="", force=True).createWorkbook()
    assert len({row["deviceCategoryCode"] for row in rows_of("Data/download.xlsx")}) > 1


def test_the_class_takes_dates_as_python_has_them(service: Sandbox) -> None:
    times = {"begin": datetime(2017, 5, 1).date(), "end": datetime(2017, 5, 1, 12)}
    _maker(deviceCategoryCode="CTD", dataProductCode="TSSD", extension="csv", **times).createWorkbook()
    row = rows_of("Data/download.xlsx")[0]
    assert (row["begin"], row["end"]) == (datetime(2017, 5, 1), datetime(2017, 5, 1, 12))


def test_the_class_names_every_mistake_by_its_attribute(service: Sandbox) -> None:
    """R26, R31."""
    with pytest.raises(ProblemsError) as caught:
        _maker(begin=None, end="2013-20-23", downloadMethod="both").createWorkbook()
    messages = [problem.render() for problem in caught.value.problems]
    assert messages[0] == "`begin` is missing"
    assert messages[1].endswith("hint: did you mean `2013-10-23`?")
    assert messages[2].startswith("`downloadMethod`: `both` is no method")
    assert not service.asked


def test_a_misspelled_attribute_is_no_filter_that_silently_means_everything() -> None:
    with pytest.raises(AttributeError):
        _maker(locationcode="USDDL")


def test_the_class_refuses_names_that_no_workbook_has(service: Sandbox) -> None:
    with pytest.raises(InputError):
        _maker().createWorkbook("mine.csv")
    with pytest.raises(InputError):
        _maker(append=True, force=True).createWorkbook()


def test_a_service_that_is_not_there_leaves_no_workbook(service: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.connection.Session", partial(Session, retry=RetryPolicy(attempts=1)))
    service.stop()
    with pytest.raises(UnreachableError):
        _maker().createWorkbook()
    assert not Path("Data/download.xlsx").exists()


def test_an_answer_that_cannot_be_used_leaves_no_workbook_not_even_one_of_earlier_filters(
    service: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier call had found is never written under the filters of this one."""
    _maker(deviceCategoryCode="CTD").createWorkbook("first.xlsx")
    monkeypatch.setattr("oncsync.connection.Session", partial(Session, retry=RetryPolicy(attempts=1)))
    with quick_sandbox(faults=Faults([Fault("status-500", on="*dataProducts")])) as broken:
        monkeypatch.setenv("ONCSYNC_SERVER", broken.url)
        with pytest.raises(ServiceError) as caught:
            _maker(deviceCategoryCode="CTD").createWorkbook("second.xlsx")
    assert caught.value.exit_code == 3
    assert not Path("second.xlsx").exists()


def test_a_token_for_another_host_is_refused_by_the_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule 5: what is bound to no host goes to ONC and to this machine alone."""
    monkeypatch.chdir(tmp_path)
    maker = createXLS("01234567-89ab-cdef-0123-456789abcdef", "Data", server="https://data.example.org/")
    maker.begin, maker.end = "2017-05-01", "2017-05-02"
    with pytest.raises(TokenError) as caught:
        maker.createWorkbook()
    assert "data.example.org" in str(caught.value)
