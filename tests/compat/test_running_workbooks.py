"""What `download` makes of a workbook: its rows run, its log kept, and edits by hand followed."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from oncsync.compat import createXLS, download
from oncsync.errors import InputError, ProblemsError
from oncsync.project import Project
from oncsync.sandbox import Sandbox
from tests.compat.conftest import SMALL, Command, column, data_files, edit, orders, rows_of

RUN = "download -f Data/download.xlsx"
LOG = Path("Data/download.json")
LEGACY_LOG = (
    b'{"token": "x", "downloadFolder": "c:/temp", "locations": [{"locationCode": "BACAX", "status": "complete"}]}'
)


def _set(**cells: object) -> Callable[[Any], None]:
    """Gives an edit that fills cells of the first row, by header."""

    def change(book: Any) -> None:
        sheet = book["By Location"]
        for header, value in cells.items():
            sheet.cell(2, column(sheet, header.replace("_", " "))).value = value

    return change


def _configure(key: str, value: object) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        for row in book["Configuration"].iter_rows():
            if row[0].value == key:
                row[1].value = value

    return change


def _log() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(LOG.read_bytes())
    return document


def test_the_first_run_makes_the_log_with_settings_and_progress(run: Command, small: str) -> None:
    """R104, R105, R111: read, log, run, download, save; the log lies where `logFile` says."""
    assert not LOG.exists()
    assert run(RUN).code == 0
    log = _log()
    assert log["settings"]["runThreads"] == 4
    assert log["settings"]["splitDateRange"] == "all"
    assert [chunk["outcome"] for chunk in log["chunks"].values()] == ["done", "done"]
    assert all((Path("Data") / file["path"]).is_file() for chunk in log["chunks"].values() for file in chunk["files"])


class Ends:
    """A person who stops the run when the first row is done."""

    def notice(self, notice: Any) -> None:
        if notice.event == "done":
            raise KeyboardInterrupt

    def progress(self, counts: Any) -> None: ...


def test_progress_is_written_as_it_happens(service: Sandbox, small: str) -> None:
    """R106, R110: what is recorded before a run ends badly is not ordered again."""
    with pytest.raises(KeyboardInterrupt):
        download(watcher=Ends()).execute(small)
    assert b'"outcome":"done"' in LOG.with_suffix(".journal").read_bytes()
    download().execute(small)
    assert orders(service) == 2
    assert len(data_files("Data")) == 2


def test_running_again_orders_nothing_again(run: Command, small: str, service: Sandbox) -> None:
    """R109: finished rows stay finished, and a file that is gone is fetched."""
    run(RUN)
    asked, files = len(service.asked), data_files("Data")
    assert run(RUN).out == "Nothing to do: every row that is on is done\n"
    assert len(service.asked) == asked
    (Path("Data") / next(iter(files))).unlink()
    assert run(RUN).code == 0
    assert data_files("Data") == files
    assert orders(service) == 2


def test_rows_that_are_new_or_changed_are_new_work_and_the_others_stay_finished(
    run: Command, small: str, service: Sandbox
) -> None:
    """R15, R61, R107: what a cell says is what is asked for."""
    run(RUN)
    edit(small, _set(end=datetime(2017, 5, 1, 12), data_product_options="dpo_resample=none"))
    assert run(RUN).out.startswith("1 chunk done")
    assert run(SMALL.replace("csv,json", "txt") + " -a").code == 0
    assert run(RUN).out.startswith("1 chunk done")
    assert orders(service) == 4
    sent = [dict(asked.parameters) for asked in service.asked if asked.path.endswith("request")]
    assert [one for one in sent if one.get("dpo_resample") == "none" and one["dateTo"] == "2017-05-01T12:00:00.000Z"]


@pytest.mark.parametrize("off", ["F", "N", "no", "0", False, None])
def test_rows_that_are_off_are_kept_as_history_and_not_run(
    run: Command, small: str, service: Sandbox, off: object
) -> None:
    """R54, R107, I-7."""
    edit(small, _set(download=off))
    assert run(RUN).out.startswith("1 chunk done")
    edit(small, _set(download="T"))
    assert run(RUN).out.startswith("1 chunk done")
    files, history = data_files("Data"), _log()["chunks"]
    edit(small, _set(download=off))
    assert run(RUN).code == 0
    assert (data_files("Data"), _log()["chunks"]) == (files, history)
    assert orders(service) == 2


def test_rows_that_are_removed_are_kept_as_history(run: Command, small: str, service: Sandbox) -> None:
    """R107: their files stay, and putting the row back orders nothing."""
    run(RUN)
    files, whole = data_files("Data"), Path(small).read_bytes()
    edit(small, lambda book: book["By Location"].delete_rows(2))
    assert run(RUN).code == 0
    assert data_files("Data") == files
    assert len(_log()["chunks"]) == 2
    Path(small).write_bytes(whole)
    assert run(RUN).code == 0
    assert orders(service) == 2


def test_lines_may_move_without_being_ordered_again(run: Command, small: str, service: Sandbox) -> None:
    """R15: people sort and insert."""
    run(RUN)
    edit(small, lambda book: book["By Location"].insert_rows(2, 3))
    assert run(RUN).code == 0
    assert orders(service) == 2


def test_columns_may_go_and_come(run: Command, small: str) -> None:
    """R62, R63, R64: only what is sent has to be there."""

    def change(book: Any) -> None:
        sheet = book["By Location"]
        for header in ("locationName", "Data Search", "depth", "propertyCode", "oncsync"):
            sheet.delete_cols(column(sheet, header))
        sheet.insert_cols(1)
        sheet.cell(1, 1).value, sheet.cell(2, 1).value = "mine", "first"

    edit(small, change)
    assert run(RUN).out.startswith("2 chunks done")


def test_information_is_never_sent(run: Command, small: str, service: Sandbox) -> None:
    """R52, R53."""
    edit(small, _set(deviceCode="NO_SUCH_DEVICE", dataProductName="Something else"))
    assert run(RUN).code == 0
    for asked in service.asked:
        if asked.path.endswith("request"):
            assert "deviceCode" not in asked.parameters
            assert asked.parameters["locationCode"] == "USDDL"


def test_a_row_by_device_sends_no_location(run: Command, service: Sandbox) -> None:
    """R75."""
    run(f"{SMALL} -m byDevice")
    assert run(RUN).code == 0
    sent = [asked.parameters for asked in service.asked if asked.path.endswith("request")]
    assert [one["deviceCode"] for one in sent] == ["SBECTD37SIP8451"] * 2
    assert all("locationCode" not in one for one in sent)


def test_the_settings_of_the_workbook_count(run: Command, small: str, service: Sandbox) -> None:
    """R55, R82, R86, R90: a row becomes several orders."""
    edit(small, _configure("splitDateRange", "hour"))
    edit(small, _set(end=datetime(2017, 5, 1, 3)))
    edit(small, lambda book: book["By Location"].delete_rows(3))
    assert run(RUN).out.startswith("3 chunks done")
    assert orders(service) == 3


def test_at_most_as_many_orders_are_alive_as_the_workbook_allows(run: Command, small: str, service: Sandbox) -> None:
    """R91, R108, R112: counted at the service."""
    edit(small, _configure("runThreads", 2))
    edit(small, _configure("splitDateRange", "hour"))
    assert run(RUN).code == 0
    assert orders(service) == 48
    assert service.peak_alive_orders == 2


def test_more_orders_than_the_courtesy_limit_are_spoken_of(run: Command, small: str) -> None:
    """R92, R93."""
    edit(small, _configure("runThreads", 6))
    assert "make everybody else's wait; ONC asks for at most 4" in run(RUN).err


def test_a_closed_window_starts_nothing(run: Command, small: str, service: Sandbox) -> None:
    """R100, R101: `--no-wait` ends with a code of its own, for scheduled runs."""
    now = datetime.now().astimezone()
    begin, end = (f"{(now.hour + hours) % 24:02d}:00:00" for hours in (2, 3))
    edit(small, _configure("beginRun", begin))
    edit(small, _configure("endRun", end))
    said = run(f"{RUN} --no-wait")
    assert said.code == 7
    assert orders(service) == 0


# --- Rows that fail ---------------------------------------------------------------------------------------------------


def test_a_row_with_wrong_options_fails_with_the_services_words_and_the_others_go_on(
    run: Command, small: str, service: Sandbox
) -> None:
    """R60, R114: on the console by its line, and in the log."""
    edit(small, _set(data_product_options="dpo_resample=sideways"))
    said = run(RUN)
    assert said.code == 3
    assert "1 chunk done, 1 failed" in said.out
    line = next(line for line in said.out.splitlines() if "By Location!2" in line)
    assert "dpo_resample" in line
    assert "dpo_resample" in said.err
    outcomes = {chunk["outcome"]: chunk.get("reason", "") for chunk in _log()["chunks"].values()}
    assert "dpo_resample" in outcomes["refused"]
    assert outcomes["refused"] in line
    assert "dpo_resample" in Path("Data/.oncsync/oncsync.log").read_text()
    asked = orders(service)
    again = run(RUN)
    assert (again.code, orders(service)) == (3, asked), "not tried on every run"
    assert "By Location!2" in again.out
    assert run(f"{RUN} --retry-failed").code == 3
    assert orders(service) > asked
    edit(small, _set(data_product_options="dpo_resample=none"))
    assert run(RUN).code == 0


def test_a_row_for_a_place_that_onc_does_not_know_fails_alone(run: Command, small: str) -> None:
    """R60."""
    edit(small, _set(locationCode="NOWHERE"))
    said = run(RUN)
    assert said.code == 3
    assert "1 chunk done, 1 failed" in said.out
    assert "By Location!2" in said.out


def test_many_failed_rows_are_counted_after_a_dozen(run: Command) -> None:
    formats = "createXLS -o Data -l USDDL -c CTD -b 2017-05-01 -e 2017-05-02"
    assert run(formats).code == 0

    def spoil(book: Any) -> None:
        sheet = book["By Location"]
        for row in range(2, sheet.max_row + 1):
            sheet.cell(row, column(sheet, "locationCode")).value = "NOWHERE"

    edit("Data/download.xlsx", spoil)
    lines = run(RUN).out.splitlines()
    assert sum("By Location!" in line for line in lines) == 12
    assert any("and 1 row more" in line for line in lines)


def test_from_python_a_failed_row_is_logged_and_counted(
    small: str, service: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """R114, R119: what shows on a console that nobody set up is Python's own logging of errors."""
    edit(small, _set(data_product_options="dpo_resample=sideways"))
    caplog.set_level(logging.WARNING, "oncsync")
    caplog.clear()
    result = download().execute(small)
    assert (result.exit_code, result.counts.failed, result.counts.done) == (3, 1, 1)
    assert any("dpo_resample" in record.message for record in caplog.records if record.levelno == logging.ERROR)
    caplog.clear()
    edit(small, _set(download="N"))
    assert download().execute(small).exit_code == 0
    assert caplog.records == [], "R162: quiet when all is well"


def test_mistakes_in_cells_are_all_told_before_anything_is_done(run: Command, small: str, service: Sandbox) -> None:
    """R59, R104, I-7: by sheet and cell."""
    edit(small, _set(download="perhaps", begin="13/13/2017", extension=None))
    said = run(RUN)
    assert said.code == 2
    assert [cell for cell in ("By Location!F2", "By Location!G2", "By Location!O2") if cell not in said.err] == []
    assert orders(service) == 0


@pytest.mark.parametrize("extra", [0, 300])
def test_what_only_shows_when_rows_are_worked_out_names_the_row(run: Command, small: str, extra: int) -> None:
    """In few rows and in many: nobody has to look into a file of ours."""

    def change(book: Any) -> None:
        _configure("splitDateRange", "hour")(book)
        _set(begin=datetime(2005, 1, 1))(book)
        for _ in range(extra):
            book["By Location"].append([cell.value for cell in book["By Location"][3]])

    edit(small, change)
    said = run(RUN)
    assert said.code == 2
    assert said.err.rstrip().endswith(
        "`Data/download.xlsx` cannot be run:\n"
        "  By Location!2: 108,096 chunks are more than the limit of 100,000\n    hint: split into longer pieces"
    )


# --- The log ----------------------------------------------------------------------------------------------------------


def test_the_log_of_a_run_stands_for_its_workbook(run: Command, small: str, service: Sandbox) -> None:
    """R116, I-16: decided by what the file holds."""
    run(RUN)
    next(Path("Data").rglob("*.csv")).unlink()
    said = run("download -f Data/download.json")
    assert said.code == 0
    assert said.out.startswith("1 chunk done")
    renamed = Path("Data/log-of-mine.txt")
    renamed.write_bytes(LOG.read_bytes())
    assert run(f"download -f {renamed}").code == 0
    Path("no-ending").write_bytes(Path(small).read_bytes())
    assert run("download -f no-ending").code == 0
    assert orders(service) == 2


def test_a_log_that_has_only_its_journal_yet_stands_for_its_workbook_too(
    run: Command, small: str, service: Sandbox
) -> None:
    """R110: after a first run that was stopped."""
    with pytest.raises(KeyboardInterrupt):
        download(watcher=Ends()).execute(small)
    assert not LOG.exists()
    assert run("download -f Data/download.json").code == 0
    assert len(data_files("Data")) == 2
    assert orders(service) == 2


def test_a_log_whose_workbook_is_gone_is_one_message(run: Command, small: str) -> None:
    run(RUN)
    Path("moved.json").write_bytes(LOG.read_bytes())
    said = run("download -f moved.json")
    assert said.code == 2
    assert "The workbook that `moved.json` belongs to is not known here" in said.err


def test_a_log_of_the_former_tool_is_one_message(run: Command, small: str) -> None:
    """R113, R116."""
    Path("old.json").write_bytes(LEGACY_LOG)
    said = run("download -f old.json")
    assert said.code == 2
    assert "`old.json` is a log of another program" in said.err
    assert "`downloadONC download -f download.xlsx`" in said.err
    assert Path("old.json").read_bytes() == LEGACY_LOG


@pytest.mark.parametrize("content", [LEGACY_LOG, b"[]", b'{"version": "1.0"}', b"not JSON at all", b""])
def test_a_log_that_is_not_ours_is_reported_and_left_alone(run: Command, small: str, content: bytes) -> None:
    """R113: byte for byte, while the run keeps its own."""
    LOG.write_bytes(content)
    for _ in range(2):
        said = run(RUN)
        assert said.code == 0, said.err
        assert "is a log of another program, such as the former downloadONC.py: it is left as it is" in said.err
    assert LOG.read_bytes() == content
    assert len(json.loads(Path("Data/.oncsync/state.json").read_bytes())["chunks"]) == 2


def test_a_log_of_ours_that_is_damaged_is_not_taken_for_somebody_elses(run: Command, small: str) -> None:
    """Starting anew beside it would order everything once more."""
    run(RUN)
    LOG.write_bytes(LOG.read_bytes()[:-100])
    said = run(RUN)
    assert said.code == 0
    assert "is made again from the one before it, and nothing is lost" in said.err
    assert "0 new orders" in said.err
    for path in (LOG, LOG.with_name(f"{LOG.name}.previous")):
        path.write_bytes(path.read_bytes()[:-100])
    said = run(RUN)
    assert said.code == 2
    assert "is not a state document of oncsync" in said.err


def test_a_log_of_a_newer_oncsync_is_refused(run: Command, small: str) -> None:
    run(RUN)
    LOG.write_text(json.dumps(_log() | {"version": 99}))
    said = run(RUN)
    assert said.code == 2
    assert "format version 99" in said.err


def test_workbooks_that_share_a_log_share_what_they_have(run: Command, small: str, service: Sandbox) -> None:
    """R107: also after the workbook was given another name."""
    run(RUN)
    assert run(f"{SMALL.replace('csv,json', 'json,txt')} -f Data/other.xlsx").code == 0
    assert run("download -f Data/other.xlsx").out.startswith("1 chunk done")
    assert run(RUN).code == 0
    assert orders(service) == 3
    assert len(_log()["chunks"]) == 3


def test_a_log_that_lies_outside_the_folder_is_kept_inside(run: Command, small: str) -> None:
    edit(small, _configure("logFile", "elsewhere/download.json"))
    assert run(RUN).code == 0
    edit(small, _configure("logFile", "c:/elsewhere/download.json"))
    assert run(RUN).code == 0
    assert not Path("c:").exists()
    assert Path("Data/.oncsync/state.json").exists()


def test_a_folder_of_another_manifest_is_refused(run: Command, small: str, service: Sandbox) -> None:
    """What belongs to an `oncsync.yaml` stays its own."""
    manifest = Path("oncsync.yaml")
    manifest.write_text(
        "version: 1\nfolder: Data\nsettings: {state: download.json}\ndownloads:\n  - {name: a, locationCode: USDDL, "
        "deviceCategoryCode: CTD, dataProductCode: TSSD, extension: mat, begin: 2017-05-01, end: 2017-05-02}\n"
    )
    Project(manifest).sync()
    said = run(RUN)
    assert said.code == 2
    assert "belongs to the manifest `../oncsync.yaml`" in said.err
    with pytest.raises(InputError, match="belongs to the manifest"):
        download().execute(LOG)


def test_another_server_is_refused(run: Command, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data of two services never mix in one folder."""
    run(RUN)
    monkeypatch.setenv("ONCSYNC_SERVER", "http://127.0.0.1:9/")
    said = run(RUN)
    assert said.code == 2
    assert "`http://127.0.0.1:9/`" in said.err


# --- What people give -------------------------------------------------------------------------------------------------


def test_the_documented_misspelling_of_the_workbook_is_found(run: Command, small: str) -> None:
    """I-5: opened, with a note."""
    Path(small).rename("Data/download.xlxs")
    said = run(RUN)
    assert said.code == 0
    assert "rename it to `.xlsx`" in said.err


@pytest.mark.parametrize(
    ("name", "content"), [("nothing.xlsx", None), ("words.xlsx", b"hello"), ("empty.xlsx", b""), ("folder", None)]
)
def test_a_file_that_is_no_workbook_is_one_clear_message(
    run: Command, service: Sandbox, name: str, content: bytes | None
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    elif name == "folder":
        Path(name).mkdir()
    said = run(f"download -f {name}")
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert name in said.err
    assert not service.asked


def test_a_workbook_without_a_folder_keeps_its_files_beside_it(run: Command, small: str) -> None:
    edit(small, lambda book: book.remove(book["Configuration"]))
    assert run(RUN).code == 0
    assert len(data_files("Data")) == 2


def test_a_workbook_with_many_rows_runs_like_a_small_one(run: Command, small: str, service: Sandbox) -> None:
    """More rows than a manifest lists go to a file beside it; those that are off cost nothing."""

    def change(book: Any) -> None:
        sheet = book["By Location"]
        off = [cell.value for cell in sheet[2]]
        off[column(sheet, "download") - 1] = "N"
        for _ in range(300):
            sheet.append(off)

    edit(small, change)
    assert run(RUN).out.startswith("2 chunks done")
    assert Path("Data/.oncsync/download.xlsx.csv").is_file()
    assert len(rows_of(small)) == 302


def test_an_open_row_is_fetched_in_pieces_up_to_now(run: Command, small: str) -> None:
    """I-28."""
    edit(small, _set(begin=datetime(2017, 5, 1), end=None))
    said = run(f"{RUN} --max-time 0.000001s")
    assert said.code == 7
    assert "a row without a fixed end cannot be one piece" in said.err


def test_names_of_ours_in_the_folder_never_clash_with_a_workbooks(run: Command) -> None:
    """A workbook may be called anything: its manifest and lock are called after it, ending included."""
    for name in ("createXLS", "relative", "state", "lock"):
        assert run(f"{SMALL} -f Data/{name}.xlsx").code == 0
        wanted = Path("Data/.oncsync/createXLS.yaml").read_bytes()
        assert run(f"download -f Data/{name}.xlsx").code == 0
        Path(name).write_bytes(Path(f"Data/{name}.xlsx").read_bytes())
        assert run(f"download -f {name}").code == 0
        assert Path("Data/.oncsync/createXLS.yaml").read_bytes() == wanted
        assert not Path("Data/.oncsync/relative.lock").exists()
    assert len(data_files("Data")) == 2


def test_two_runs_in_one_folder_do_not_meet(small: str, service: Sandbox, run: Command) -> None:
    """Exit 6, and the first one goes on."""
    inside, go_on = threading.Event(), threading.Event()

    class Waits:
        def notice(self, notice: Any) -> None:
            if notice.event == "ordered":
                inside.set()
                assert go_on.wait(20)

        def progress(self, counts: Any) -> None: ...

    results: list[Any] = []
    first = threading.Thread(target=lambda: results.append(download(watcher=Waits()).execute(small)))
    first.start()
    try:
        assert inside.wait(20)
        said = run(RUN)
    finally:
        go_on.set()
        first.join()
    assert said.code == 6
    assert "Another oncsync works in" in said.err
    assert results[0].exit_code == 0


def test_the_class_says_what_it_ran(small: str, service: Sandbox) -> None:
    """R119: no arguments needed, and the result is there to look at."""
    running = download()
    result = running.execute(Path(small))
    assert result.counts.done == 2
    assert running.project is not None
    assert running.project.folder == Path("Data").absolute()
    assert len([file for file in running.project.files() if not file.is_metadata]) == 2
    edit(small, _set(begin="never"))
    with pytest.raises(ProblemsError):
        running.execute(small)


def test_the_folder_may_be_named_from_the_environment_for_oncsync_without_moving_a_workbooks_files(
    small: str, service: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCSYNC_FOLDER", "Elsewhere")
    createXLS(None, "Data")
    assert download().execute(small).counts.done == 2
    assert not Path("Elsewhere").exists()
