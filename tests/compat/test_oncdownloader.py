"""`ONCDownloader`: the S2 example as it stands, with and without pandas, and what happens when something goes wrong."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncsync.api import ArchiveFile
from oncsync.compat import ONCDownloader, dev_codes_deployed
from oncsync.compat.fetching import Wanted, sort_out, sweep
from oncsync.compat.listings import local_path_of, place_of
from oncsync.compat.moments import read_moments
from oncsync.compat.remembered import Memory
from oncsync.compat.tables import Column, Records
from oncsync.errors import InputError, ServiceError, TokenError, UnreachableError
from oncsync.sandbox import Fault, Faults, Sandbox
from oncsync.timespan import UTC
from tests.support.world import TOKEN

EXAMPLE = """
onc_downloader = ONCDownloader(showInfo=False)

dev_codes = list(dev_codes_deployed)
dev_codes.sort()

pd_result = onc_downloader.download_structured(dev_codes=dev_codes[:2],
                                               extensions=None,
                                               date_from='2021-08-30T00:00:00.000',
                                               date_to='2021-08-30T01:00:00.000',
                                               download=False,
                                               )
pd_result_masked = pd_result[['filename', 'outPath']]
filters_or_result = dict(files=pd_result_masked.to_dict(orient='records'))
onc_downloader.getDirectFiles(filters_or_result=filters_or_result)
"""
HOUR: dict[str, Any] = {"date_from": "2021-08-30T00:00:00.000", "date_to": "2021-08-30T01:00:00.000"}
MODULE = "TUMLIDAR001_20210830T000000.000Z-SDAQ-MODULE.hdf5"
NOW = datetime(2026, 11, 21, 10, 20, 30, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("service")


@pytest.fixture(params=["pandas", "records"])
def tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user who has pandas, and one who has not."""
    if request.param == "pandas":
        pytest.importorskip("pandas")
    else:
        monkeypatch.setitem(sys.modules, "pandas", None)
    return str(request.param)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the downloader warns of; nothing of it holds the token."""
    texts: list[str] = []
    yield texts
    assert TOKEN not in str(texts)


def downloader(told: list[str] | None = None, **named: Any) -> ONCDownloader:
    """Gives a downloader whose warnings are kept."""
    kept = [] if told is None else told
    return ONCDownloader(tell=lambda level, text: kept.append(text), now=lambda: NOW, **named)


def here(folder: str = "data") -> list[str]:
    """Gives the files a user sees below a folder, by path."""
    found = (path for path in Path(folder).rglob("*") if path.is_file() and ".oncsync" not in path.parts)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def downloads(service: Sandbox) -> int:
    """Counts the transfers that were asked for."""
    return sum(asked.path.rstrip("/").endswith("archivefile/download") for asked in service.asked)


def module_of(one: ONCDownloader) -> Path:
    """Fetches one file and gives its path."""
    one.download_structured(dev_codes="TUMLIDAR001", extensions="-MODULE.hdf5", **HOUR)
    return Path("data", "tumlidar001", "2021_08", MODULE)


# --- The example -----------------------------------------------------------------------------------------------


def test_the_example_brings_the_files_of_one_hour(tables: str, capfd: pytest.CaptureFixture[str]) -> None:
    """R162, R163, R164, R165, R166, R168, R172, I-25: two devices of a sorted list, an hour, all formats; no print."""
    scope: dict[str, Any] = {"ONCDownloader": ONCDownloader, "dev_codes_deployed": dev_codes_deployed}
    exec(compile(EXAMPLE, "example", "exec"), scope)
    assert here() == sorted(
        f"{device.lower()}/2021_08/{device}_20210830T000000.000Z{end}"
        for device in ("TUMLIDAR001", "TUMLIDAR002")
        for end in ("-SDAQ-LIDAR.hdf5", "-SDAQ-MODULE.hdf5", "-TOT.txt", ".hld", ".txt")
    )
    table = scope["pd_result"]
    assert list(table.columns)[:2] == ["filename", "outPath"]
    assert {str(Path("data").absolute() / "tumlidar001" / "2021_08")} < set(table["outPath"])
    assert tuple(capfd.readouterr()) == ("", "")


def test_exactly_the_rows_that_were_chosen_are_fetched(tables: str) -> None:
    """R167, R169, R171, I-20: list, choose, fetch; and what is here is seen the next time."""
    one = downloader()
    table = one.download_structured(dev_codes=["TUMLIDAR001", "TUMLIDAR002"], download=False, **HOUR)
    assert not here()
    chosen = table[table["filename"].str.endswith(".hdf5") & (table["fileSize"] > 0)][:3]
    assert one.getDirectFiles(chosen)["stats"]["fileCount"] == 3
    assert [Path(path).name for path in here()] == sorted(chosen["filename"])
    again = one.download_structured(pd_result=table, extensions="hdf5", min_file_size=1, max_file_size=10**9)
    assert len(again) == 4
    assert list(again["synced"]) == [True] * 4
    assert one.result["stats"]["fileCount"] == 1


def test_every_row_may_lie_in_a_folder_of_its_own(service: Sandbox) -> None:
    """R170: also elsewhere than below `outPath`, also by the name alone."""
    rows = [
        {"filename": MODULE, "outPath": "here"},
        {"filename": MODULE, "outPath": "there/deeper"},
        MODULE.replace("MODULE", "LIDAR"),
    ]
    one = downloader(outPath="kept")
    assert {row["status"] for row in one.getDirectFiles(rows)["downloadResults"]} == {"completed"}
    assert (here("here"), here("there")) == ([MODULE], [f"deeper/{MODULE}"])
    assert here("kept") == [MODULE.replace("MODULE", "LIDAR")]
    assert sum(asked.path.rstrip("/").endswith("archivefile/device") for asked in service.asked) == 1
    again = downloader(outPath="kept").getDirectFiles({"files": rows})
    assert {row["status"] for row in again["downloadResults"]} == {"skipped"}
    assert sum(asked.path.rstrip("/").endswith("archivefile/device") for asked in service.asked) == 1


def test_filters_name_files_as_they_do_at_the_service() -> None:
    """R172, R173, R176, R177: by device or place, and by the code, the name or the extension of a product."""
    one = downloader(outPath="flat")
    filters = {"dateFrom": "2021-08-30", "dateTo": "2021-08-30T01:00:00.000Z", "returnOptions": "all"}
    one.getDirectFiles({"deviceCode": "TUMLIDAR001", "dataProductName": "Standard Module Raw Data", **filters})
    assert here("flat") == [MODULE]
    listed = one.getListByDevice({"deviceCode": "TUMLIDAR001", "dataProductCode": "SMRD", **filters})
    assert [row["filename"] for row in listed["files"]] == [MODULE]
    place = {"locationCode": "STR3", "deviceCategoryCode": "LIDAR", "extension": "hld", "dateFrom": "2021-08-30"}
    names = one.getListByLocation({**place, "dateTo": datetime(2021, 8, 30, 2, tzinfo=UTC)})["files"]
    assert names == ["TUMLIDAR001_20210830T000000.000Z.hld", "TUMLIDAR001_20210830T010000.000Z.hld"]
    with pytest.raises(InputError, match="no data product"):
        one.getDirectFiles({"deviceCode": "TUMLIDAR001", "dataProductName": "Whale Song", **filters})
    with pytest.raises(InputError, match="`devicecode` is no filter") as caught:
        one.getDirectFiles({"devicecode": "TUMLIDAR001"})
    assert caught.value.hint == "did you mean `deviceCode`?"


def test_products_of_a_device_print_as_a_table() -> None:
    """R178, R179: by code and name, for one format too."""
    products = downloader().getDataProducts({"deviceCode": "TUMPMTSPECTROMETER002", "extension": "hdf5"})
    assert str(products).splitlines() == [
        "dataProductCode  dataProductName                extension",
        "PMTSD            PMT Spectrometer Sensor Data   hdf5",
        "PMTTC            PMT Spectrometer TRB Counters  hdf5",
        "SMRD             Standard Module Raw Data       hdf5",
    ]
    every = downloader().getDataProducts({"deviceCode": "TUMPMTSPECTROMETER002"})
    assert {row["extension"] for row in every} == {"hdf5", "hld", "txt"}
    with pytest.raises(InputError, match="no filter of data products"):
        downloader().getDataProducts({"devicecode": "TUMPMTSPECTROMETER002"})


def test_sizes_and_endings_choose_and_leave_no_large_file_out() -> None:
    """R166: None is every format; no size is dropped unless a limit is given (P24)."""
    one = downloader()
    every = one.get_files_structured("TUMLIDAR001", extensions=None, **HOUR)
    assert len(every) == 5
    sizes = sorted(every["fileSize"])
    assert len(one.get_files_structured("TUMLIDAR001", min_file_size=sizes[1], max_file_size=sizes[3], **HOUR)) == 3
    assert len(one.get_files_structured("TUMLIDAR001", extensions=["hld", "TOT.txt"], **HOUR)) == 2


def test_show_info_says_how_much_there_is_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    one = downloader(showInfo=True)
    one.download_structured(dev_codes="TUMLIDAR001", extensions="-MODULE.hdf5", **HOUR)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Files: 1; here: 0; to download: 1, \d+\.\d kB", said[0])
    assert said[1:] == ["Fetched: 1; here before: 0; failed: 0"]


def test_a_device_that_is_unknown_is_never_corrected_but_told() -> None:
    """I-26: the odd one out of the table is real; a slip is told with what was probably meant."""
    assert len(downloader().get_files_structured("UMAINZWOM001", extensions="hdf5", **HOUR)) == 1
    with pytest.raises(InputError, match="ONC knows no device `TUMAINZWOM001`") as caught:
        downloader().download_structured(dev_codes=["TUMLIDAR001", "TUMAINZWOM001"], **HOUR)
    assert "`UMAINZWOM001`" in str(caught.value.hint)
    assert not here()
    with pytest.raises(InputError, match="names no device"):
        downloader().get_files_structured([], **HOUR)
    for ask in (downloader().getListByDevice, downloader().getDirectFiles, downloader().getDataProducts):
        with pytest.raises(InputError, match="ONC knows no device `TUMLIDAR01`") as caught:
            ask({"deviceCode": "TUMLIDAR01"})
        assert "`TUMLIDAR001`" in str(caught.value.hint)


def test_filters_that_leave_nothing_are_told(told: list[str]) -> None:
    """A slip in `extensions` looks like an hour without files otherwise."""
    assert not len(downloader(told).get_files_structured("TUMLIDAR001", extensions="hdf55", **HOUR))
    assert told == ["None of the 5 files listed passes `extensions` and the sizes"]


def test_a_name_alone_and_a_column_of_names_are_lists_too(tables: str) -> None:
    one = downloader()
    one.getDirectFiles(MODULE)
    assert here() == [MODULE]
    table = one.get_files_structured("TUMLIDAR001", extensions="hdf5", **HOUR)
    one.getDirectFiles(table["filename"])
    assert here() == sorted([MODULE, MODULE.replace("MODULE", "LIDAR")])


# --- What is here already --------------------------------------------------------------------------------------


def test_a_file_that_is_here_whole_is_not_fetched_again(service: Sandbox) -> None:
    path = module_of(downloader())
    changed = path.stat().st_mtime_ns
    module_of(downloader())
    assert (downloads(service), path.stat().st_mtime_ns) == (1, changed)
    downloader().getDirectFiles([{"filename": MODULE, "outPath": str(path.parent)}], overwrite=True)
    assert downloads(service) == 2


def test_a_file_that_another_program_left_is_taken_by_its_size(service: Sandbox) -> None:
    """What the former program fetched whole stays; its beginnings of files are made whole (P1)."""
    path = module_of(downloader())
    whole = path.read_bytes()
    (Path("data") / ".oncsync" / "ONCDownloader.jsonl").unlink()
    module_of(downloader())
    assert downloads(service) == 1
    for stub in (whole[:1000], b""):
        path.write_bytes(stub)
        module_of(downloader())
        assert here() == [path.relative_to("data").as_posix()]
        assert path.read_bytes() == whole


def test_a_file_that_is_somebody_elses_is_set_aside_and_told(told: list[str]) -> None:
    path = Path("data", "tumlidar001", "2021_08", MODULE)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"my own notes")
    module_of(downloader(told))
    aside = path.with_name(MODULE.replace(".hdf5", "~changed-1.hdf5"))
    assert aside.read_bytes() == b"my own notes"
    assert aside.name in told[0]


def test_a_file_that_was_archived_again_replaces_ours(service: Sandbox) -> None:
    """R148: also when it has the same size; the one that we brought before goes."""
    path = module_of(downloader())
    fresh = bytes(reversed(path.read_bytes()))
    service.archive.archive_again(MODULE, fresh)
    table = downloader().get_files_structured("TUMLIDAR001", extensions="-MODULE.hdf5", **HOUR)
    assert list(table["synced"]) == [False]
    module_of(downloader())
    assert (path.read_bytes(), here()) == (fresh, [path.relative_to("data").as_posix()])


def test_a_whole_file_of_another_size_than_listed_is_kept_marked_and_not_fetched_for_ever(
    service: Sandbox, told: list[str]
) -> None:
    """Open question 1: the announced length was kept to, so nothing is missing; the listing may be wrong."""
    rows = [{"filename": MODULE, "fileSize": 5, "uncompressedFileSize": 7}]
    (row,) = downloader(told).getDirectFiles(rows)["downloadResults"]
    assert (row["status"], row["message"]) == ("completed", "size differs from listing")
    assert "size differs from listing" in told[0]
    assert downloader().getDirectFiles(rows)["stats"]["skipped"] == 1
    assert downloads(service) == 1


def test_a_table_that_was_cut_down_can_be_fetched_too(tables: str) -> None:
    """R172: `filename` and `outPath` are all that is needed."""
    one = downloader()
    table = one.get_files_structured("TUMLIDAR001", extensions="-MODULE.hdf5", **HOUR)[["filename", "outPath"]]
    one.download_structured(table)
    assert len(here()) == 1
    assert list(table.columns) == ["filename", "outPath"]


def test_what_a_killed_run_left_behind_goes(tmp_path: Path) -> None:
    """Half a file never has a name that anyone reads, and does not stay for ever."""
    old, young, foreign = (
        tmp_path / name for name in (".a.hdf5.0123456789ab.part", ".b.hdf5.0123456789ab.part", ".mine.part")
    )
    for path in (old, young, foreign):
        path.write_bytes(b"half")
    for path in (old, foreign):
        os.utime(path, (0, 0))
    sweep([tmp_path, tmp_path / "missing"])
    assert sorted(path.name for path in tmp_path.glob(".*.part")) == [young.name, foreign.name]


def test_a_torn_line_of_the_record_costs_no_other(tmp_path: Path) -> None:
    file = ArchiveFile(name="a.txt", stored_size=3)
    (tmp_path / "a.txt").write_bytes(b"abcd")
    assert not Memory(tmp_path).is_whole(tmp_path / "a.txt", file)
    Memory(tmp_path).note(tmp_path / "a.txt", 4, "0" * 64, file)
    with open(tmp_path / ".oncsync" / "ONCDownloader.jsonl", "ab") as stream:
        stream.write(b'{"path": "b.t')
    assert Memory(tmp_path).is_whole(tmp_path / "a.txt", file)


# --- When something goes wrong ---------------------------------------------------------------------------------


def test_a_broken_transfer_is_tried_again_and_one_failure_stops_no_other(service: Sandbox) -> None:
    """R180, P4, P7: per file, with the reason in words; the next call brings what is missing."""
    service.faults = Faults(
        [
            Fault("status-500", on="archivefile/download", where={"filename": MODULE}),
            Fault("truncated-body", on="archivefile/download", nth=[1], bytes=1000),
            Fault("status-503", on="archivefile/download", nth=[2]),
        ]
    )
    one = downloader()
    with pytest.raises(ServiceError, match=rf"1 of 5 files could not be fetched:\n  `{re.escape(MODULE)}`: .*500"):
        one.download_structured(dev_codes="TUMLIDAR001", **HOUR)
    assert len(here()) == 4
    assert sorted(row["status"] for row in one.result["downloadResults"]) == ["completed"] * 4 + ["failed"]
    service.faults = Faults()
    table = one.download_structured(dev_codes="TUMLIDAR001", **HOUR)
    assert len(here()) == len(table) == 5
    assert one.result["stats"]["fileCount"] == 1
    assert not list(Path("data").rglob("*.part"))


def test_a_file_that_is_listed_and_not_there_is_told_at_once(service: Sandbox) -> None:
    """Open question 33."""
    with pytest.raises(ServiceError, match="ONC does not have it"):
        downloader().getDirectFiles([MODULE.replace("2021", "2019")])
    assert downloads(service) == 1


def test_an_outage_ends_in_words_without_the_token(monkeypatch: pytest.MonkeyPatch, service: Sandbox) -> None:
    """R180, R181: no traceback of a library that shows the address with the token in it."""
    with pytest.raises(UnreachableError) as caught:
        downloader(server="http://127.0.0.1:9/").download_structured(dev_codes="TUMLIDAR001", **HOUR)
    seen: BaseException | None = caught.value
    while seen is not None:
        assert TOKEN not in f"{seen!r} {seen}"
        seen = seen.__cause__ or seen.__context__
    monkeypatch.setenv("ONC_TOKEN", "0badc0de-0000-4000-8000-00c0ffee0002")
    with pytest.raises(TokenError, match="token"):
        downloader().download_structured(dev_codes="TUMLIDAR001", **HOUR)


def test_a_service_that_goes_away_in_the_middle_is_not_asked_for_every_file(service: Sandbox) -> None:
    """An outage of hours must not take minutes for each of a thousand files."""
    one = downloader(download_threads=1)
    table = one.get_files_structured(list(dev_codes_deployed), **HOUR)
    assert len(table) > 20
    service.faults = Faults([Fault("reset-before-answer", on="archivefile/download")])
    with pytest.raises(UnreachableError):
        one.getDirectFiles(table)
    assert downloads(service) <= 5 * 4


def test_the_token_is_in_no_file_and_no_row(service: Sandbox) -> None:
    """R181: one that is given is kept in memory alone."""
    os.environ.pop("ONC_TOKEN")
    one = ONCDownloader(TOKEN)
    module_of(one)
    assert TOKEN not in f"{one!r} {vars(one)} {one.result}"
    assert all(TOKEN.encode() not in path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file())


def test_results_that_name_no_file_are_refused() -> None:
    for given in (None, [{"outPath": "x"}], {"files": [{"filename": 3}]}, [""]):
        with pytest.raises(InputError):
            downloader().getDirectFiles(given)
    with pytest.raises(InputError, match="at least 1"):
        ONCDownloader(download_threads=0)
    with pytest.raises(InputError, match="`5` is neither a text nor a list"):
        downloader().get_files_structured("ICLISTENHF1353", date_from=1, extensions=5)  # type: ignore[arg-type]


def test_names_of_the_service_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    """Open question 29; and two names that one place would take for the same are told, not mixed."""
    for name in ("../../evil.txt", "a/b\\c.txt", "CON.txt", "nul"):
        path = local_path_of(tmp_path, ArchiveFile(name=name))
        assert path.parent == tmp_path
        assert path.name.lower() not in ("con.txt", "nul")
    assert place_of(ArchiveFile(name="x", device_code="../UP")).parts[0] not in ("..", "/")
    pair = [Wanted(ArchiveFile(name=name), tmp_path / name) for name in ("a.txt", "A.txt", "a.txt")]
    kept, (refused,) = sort_out(pair)
    assert [one.listed.name for one in kept] == ["a.txt"]
    assert refused.error is not None
    assert "place of `a.txt`" in refused.error.message


# --- Times and tables ------------------------------------------------------------------------------------------

DAY = timedelta(days=1)
MIDNIGHT = datetime(2021, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date_from", "date_to", "begin", "end"),
    [
        (None, None, NOW - DAY, NOW),
        (2, None, NOW - 2 * DAY, NOW),
        ("-1.5", None, NOW - 1.5 * DAY, NOW),
        (timedelta(hours=-3), None, NOW - timedelta(hours=3), NOW),
        ("strawb_all", None, datetime(2020, 10, 1, tzinfo=UTC), NOW),
        ("2021-08-30T00:00:00.000", "2021-08-30T01:00:00.000", MIDNIGHT, MIDNIGHT + timedelta(hours=1)),
        ("2021-08-30T00:00:00.000000Z", "0.5", MIDNIGHT, MIDNIGHT + DAY / 2),
        (date(2021, 8, 30), timedelta(days=1), MIDNIGHT, MIDNIGHT + DAY),
        (datetime(2021, 8, 30), "2021-08-30T23:59:59.999Z", MIDNIGHT, MIDNIGHT + DAY),
    ],
)
def test_a_range_may_be_written_in_many_ways(date_from: Any, date_to: Any, begin: datetime, end: datetime) -> None:
    """R165, I-27: without a zone it is UTC; a range is half-open, and the last second of a day is the whole day."""
    assert read_moments(date_from, date_to, NOW) == (begin, end)


@pytest.mark.parametrize(
    ("date_from", "date_to", "message"),
    [
        ("2013-20-23", None, "no month 20"),
        ("2021-08-30", "yesterday", "`date_to`"),
        ("2021-08-30", "2021-08-30", "is not after"),
        (1e9, None, "outside of the calendar"),
    ],
)
def test_a_range_that_cannot_be_is_refused(date_from: Any, date_to: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_moments(date_from, date_to, NOW)


def test_rows_without_pandas_are_chosen_as_with_it() -> None:
    rows = Records([{"a": 1, "b": "xy"}, {"a": None, "b": "yz"}, {"a": 3, "b": "zz"}])
    assert rows[rows["a"] >= 3].to_dict() == [{"a": 3, "b": "zz"}]
    assert rows[rows["b"].str.contains("y") & ~(rows["a"] == 1)].to_dict(orient="records") == [{"a": None, "b": "yz"}]
    assert rows[(rows["a"] < 2) | rows["b"].isin(["zz"])][["b"]].to_dict() == [{"b": "xy"}, {"b": "zz"}]
    assert (rows.head(1).shape, rows["a"].sum(), rows[-1]["a"]) == ((1, 2), 4, 3)
    assert rows["b"].str.startswith("x").tolist() == [True, False, False]
    assert (rows["a"] != 1).tolist() == [False, True, True]
    assert ((rows["a"] <= 1).tolist(), (rows["a"] > 3).sum()) == ([True, False, False], 0)
    assert isinstance(rows["a"], Column)
    assert str(Records([], ["filename"])) == "filename"
    assert str(Records([{"n": number} for number in range(61)])).endswith("and 1 more rows")
    with pytest.raises(ValueError, match="records"):
        rows.to_dict(orient="list")
