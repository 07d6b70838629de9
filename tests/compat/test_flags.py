"""Every documented flag of `createXLS` and `download`, in every documented way to write it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from oncsync.manifest import Download
from oncsync.sandbox import Sandbox
from tests.compat.conftest import SMALL, Command, filters_of, orders, rows_of, settings_of
from tests.support.world import TOKEN

NEEDED = "-b 2017-05-01 -e 2017-05-02 -o Data"
DAY = Download(name="createXLS", begin="2017-05-01", end="2017-05-02")
CTD = "SBECTD37SIP8451"


def _plain(download: Download) -> dict[str, object]:
    return {
        name: getattr(download, name)
        for name in download.__struct_fields__
        if not name.startswith("place") and getattr(download, name) != getattr(DAY, name)
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("-l USDDL -p TSSD -x csv", {"location_codes": ("USDDL",)}),
        ("-l=USDDL -p=TSSD -x=csv", {"location_codes": ("USDDL",)}),
        ("--locationCode=USDDL -p TSSD -x csv", {"location_codes": ("USDDL",)}),
        ("--locationCode USDDL -p TSSD -x csv", {"location_codes": ("USDDL",)}),
        ("--locationcode=USDDL -p TSSD -x csv", {"location_codes": ("USDDL",)}),
        ("--LOCATIONCODE=USDDL -p TSSD -x csv", {"location_codes": ("USDDL",)}),
        ("-l USDDL -c CTD -p TSSD -x csv", {"location_codes": ("USDDL",), "device_category_codes": ("CTD",)}),
        ("-l USDDL --deviceCategoryCode=CTD -p TSSD -x csv",
         {"location_codes": ("USDDL",), "device_category_codes": ("CTD",)}),
        (f"-d {CTD} -p TSSD -x csv", {"device_codes": (CTD,)}),
        (f"--deviceCode={CTD} -p TSSD -x csv", {"device_codes": (CTD,)}),
        (f"-d {CTD} -v salinity -p TSSD -x csv", {"device_codes": (CTD,), "property_codes": ("salinity",)}),
        (f"-d {CTD} --propertyCode=salinity -p TSSD -x csv",
         {"device_codes": (CTD,), "property_codes": ("salinity",)}),
        (f"-d {CTD} --dataProductCode=TSSD --extension=csv", {"device_codes": (CTD,)}),
        (f"-d {CTD} -p TSSD -x csv -m byDevice", {"device_codes": (CTD,), "download_method": "byDevice"}),
        (f"-d {CTD} -p TSSD -x csv -m BYDEVICE", {"device_codes": (CTD,), "download_method": "byDevice"}),
        (f"-d {CTD} -p TSSD -x csv --downloadMethod=all", {"device_codes": (CTD,), "download_method": "all"}),
        (f"-d {CTD} -p TSSD -x csv --downloadmethod byLocation", {"device_codes": (CTD,)}),
    ],
)  # fmt: skip
def test_a_filter_means_the_same_however_it_is_written(run: Command, written: str, meant: dict[str, object]) -> None:
    """R31, R32, R34 to R37, R39, R41, R45, I-2: short and long, in any case, with `=` or a blank."""
    said = run(f"downloadONC.py createXLS {NEEDED} {written}")
    assert said.code == 0, said.err
    assert _plain(filters_of("Data")) == {"data_product_codes": ("TSSD",), "extensions": ("csv",), **meant}


def test_commas_mean_any_of_and_filters_narrow_each_other(run: Command) -> None:
    """R44, R46."""
    assert run(f"createXLS {NEEDED} -l USDDL,BACAX -c CTD -p TSSD -x 'csv, json'").code == 0
    rows = rows_of("Data/download.xlsx")
    assert {(row["locationCode"], row["extension"]) for row in rows} >= {("USDDL", "csv"), ("BACAX", "json")}
    assert {row["deviceCategoryCode"] for row in rows} == {"CTD"}


@pytest.mark.parametrize("flag", ["-o", "--outPath", "--outpath", "--OUTPATH"])
def test_the_output_path_is_where_workbook_and_files_go(run: Command, flag: str) -> None:
    """R23, R30, I-2, I-5: the default name is `download.xlsx` in that folder."""
    said = run(f"createXLS {flag} Some/Place -b 2017-05-01 -e 2017-05-02 -l USDDL -c CTD -p TSSD -x csv")
    assert said.code == 0
    assert settings_of("Some/Place/download.xlsx")["downloadFolder"] == "Some/Place"
    assert not Path("Some/Place/download.xlxs").exists()


@pytest.mark.parametrize("flag", ["-f ", "-f=", "--file=", "--FILE "])
def test_the_file_flag_names_the_workbook(run: Command, flag: str) -> None:
    """R29."""
    assert run(f"{SMALL} {flag}books/mine.xlsx").code == 0
    assert len(rows_of("books/mine.xlsx")) == 2
    assert not Path("Data/download.xlsx").exists()


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("-b 2017-05-01 -e 2017-05-02", datetime(2017, 5, 2)),
        ("--begin=2017-05-01T00:00:00.000Z --end=2017-05-01T23:59:59.999Z", datetime(2017, 5, 2)),
        ("--BEGIN '2017-05-01 0:00:00' --End '2017-05-01 12:00:00'", datetime(2017, 5, 1, 12)),
    ],
)
def test_begin_and_end_bound_the_rows(run: Command, begin: str, end: datetime) -> None:
    """R24, R25, I-3: with and without a zone, date only, and a last millisecond that means the whole day."""
    assert run(f"createXLS -o Data -l USDDL -c CTD -p TSSD -x csv {begin}").code == 0
    assert [(row["begin"], row["end"]) for row in rows_of("Data/download.xlsx")] == [(datetime(2017, 5, 1), end)]


def test_the_rows_are_deployments_clipped_to_the_range(run: Command) -> None:
    """R12, R51, R130: one row per deployment, and none that does not reach into the range."""
    assert run("createXLS -o Data -l BACAX -c CTD -p TSSD -x csv -b 2010-01-01 -e 2016-01-01").code == 0
    rows = rows_of("Data/download.xlsx")
    assert len(rows) > 1
    assert len({row["deviceCode"] for row in rows}) > 1
    assert all(datetime(2010, 1, 1) <= row["begin"] < row["end"] <= datetime(2016, 1, 1) for row in rows)
    assert len({(row["begin"], row["end"]) for row in rows}) == len(rows)


def test_every_value_that_is_missing_is_named_at_once(
    run: Command, service: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R26: one usage error."""
    monkeypatch.delenv("ONC_TOKEN")
    said = run("downloadONC.py createXLS -l USDDL")
    assert said.code == 2
    assert "Missing: -t/--token (or ONC_TOKEN), -o/--outPath, -b/--begin, -e/--end" in said.err
    assert "Missing: -e/--end\n" in run("createXLS -t x -o Data -b 2017-05-01").err
    assert not service.asked


def test_a_method_that_does_not_exist_is_refused_with_those_that_do(run: Command, service: Sandbox) -> None:
    """R31."""
    said = run(f"{SMALL} -m both")
    assert said.code == 2
    assert "`both` is no method; write byLocation, byDevice, all" in said.err
    assert not service.asked


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("-b 2017-05-01 -e 2017-02-30", "'-e' / '--end': `2017-02-30` has no day 30"),
        ("-b yesterday -e 2017-02-03", "'-b' / '--begin': `yesterday` is not a time"),
        ("-b -P1D -e 2017-02-03", "'-b' / '--begin'"),
        ("-b 2017-05-02 -e 2017-05-01", "`end` (2017-05-01) is not after `begin` (2017-05-02)"),
        ("-b 2017-05-02 -e 2017-05-02", "is not after"),
    ],
)
def test_times_that_cannot_be_used_are_named_before_anything_is_asked(
    run: Command, service: Sandbox, times: str, message: str
) -> None:
    """R24, R25, R126."""
    said = run(f"createXLS -o Data {times}")
    assert said.code == 2
    assert message in said.err
    assert not service.asked
    assert not Path("Data").exists()


def test_codes_that_onc_does_not_know_are_named_by_their_flags(run: Command) -> None:
    """R35, R43: every mistake at once, with what was probably meant, and no word of files nobody has seen."""
    said = run(f"createXLS {NEEDED} -l USDL -c CDT")
    assert said.code == 2
    assert "`locationCode`: ONC knows no locationCode `USDL`\n    hint: did you mean `USDDL`" in said.err
    assert "`deviceCategoryCode`: ONC knows no deviceCategoryCode `CDT`\n    hint: did you mean `CTD` (" in said.err
    assert "yaml" not in said.err


def test_a_span_without_any_deployment_gives_an_empty_workbook_and_a_warning(run: Command) -> None:
    said = run("createXLS -o Data -l USDDL -c CTD -b 1990-01-01 -e 1990-02-01")
    assert said.code == 0
    assert "warning: nothing was deployed" in said.err
    assert rows_of("Data/download.xlsx") == []


@pytest.mark.parametrize("command", ["createXLS", "CREATEXLS", "download", ""])
@pytest.mark.parametrize("flag", ["-h", "--help", "-H", "--HELP"])
def test_help_is_asked_for_with_no_other_flag(run: Command, service: Sandbox, command: str, flag: str) -> None:
    """R20, R117, I-1: exit 0 and the usage."""
    said = run(f"{command} {flag}")
    assert said.code == 0
    assert said.out.startswith("Usage: downloadONC")
    assert not service.asked


def test_the_help_names_every_documented_flag_and_where_a_token_comes_from(run: Command) -> None:
    """R20, R22: the internal flag stays out of it (R33)."""
    text = run("createXLS -h").out
    documented = (
        "-t, --token", "-o, --outPath", "-b, --begin", "-e, --end", "-a, --append", "-f, --file",
        "-m, --downloadMethod", "-l, --locationCode", "-c, --deviceCategoryCode", "-d, --deviceCode",
        "-v, --propertyCode", "-p, --dataProductCode", "-x, --extension", "-h, --help",
    )  # fmt: skip
    assert [flag for flag in documented if flag not in text] == []
    assert "Generate" in text
    assert "https://data.oceannetworks.ca" in text
    assert "ONC_TOKEN" in text
    assert "--qa" not in text
    assert "-f, --file" in run("download -h").out


@pytest.mark.parametrize("flag", ["-q", "--qa", "--QA"])
def test_the_internal_flag_means_the_qa_server(run: Command, flag: str) -> None:
    """R33, R118, I-6: in both commands; here ONCSYNC_SERVER leads both to the embedded service."""
    assert run(f"{SMALL} {flag}").code == 0
    assert "server: qa\n" in Path("Data/.oncsync/createXLS.yaml").read_text()
    assert run(f"download {flag} -f Data/download.xlsx").code == 0
    assert "server: qa\n" in Path("Data/.oncsync/download.xlsx.yaml").read_text()
    links = [value for row in rows_of("Data/download.xlsx") for value in row.values() if "http" in str(value)]
    assert links
    assert all("qa." not in link for link in links)


def test_without_the_flag_onc_itself_is_asked(run: Command) -> None:
    """R33: the manifests name no other server."""
    run(SMALL)
    run("download -f Data/download.xlsx")
    for manifest in Path("Data/.oncsync").glob("*.yaml"):
        assert "server:" not in manifest.read_text()


def test_the_server_may_be_named_on_the_command_line(
    run: Command, service: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCSYNC_SERVER", "https://nowhere.example.org/")
    assert run(f"{SMALL} --server {service.url}").code == 0
    assert run(f"download -f Data/download.xlsx --server={service.url}").code == 0
    assert orders(service) == 2


def test_the_embedded_service_needs_no_token(run: Command, service: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a token of its own, and takes nobody else's."""
    monkeypatch.delenv("ONC_TOKEN")
    assert run(f"{SMALL} --server sandbox -t {TOKEN}").code == 0
    assert len(rows_of("Data/download.xlsx")) == 2
    assert not service.asked


def test_download_without_a_file_is_a_usage_error_that_names_it(run: Command) -> None:
    """R115."""
    said = run("downloadONC.py download")
    assert said.code == 2
    assert "Missing option '-f' / '--file'" in said.err


@pytest.mark.parametrize("flag", ["-f Data/download.xlsx", "-f=Data/download.xlsx", "--FILE=Data/download.xlsx"])
def test_download_takes_its_file_in_every_way(run: Command, small: str, flag: str) -> None:
    """R45, R115."""
    assert run(f"DOWNLOAD {flag}").code == 0


def test_a_command_that_does_not_exist_is_no_bug(run: Command) -> None:
    assert run("downloadXLS").code == 2


def test_a_workbook_is_opened_by_its_tabs_not_by_the_method_that_made_it(run: Command) -> None:
    """R19: two tabs for one method, three for all."""
    tabs = {
        "byLocation": ["By Location", "Configuration"],
        "byDevice": ["By Device", "Configuration"],
        "all": ["By Location", "By Device", "Configuration"],
    }
    for method, titles in tabs.items():
        assert run(f"{SMALL} -m {method} -f {method}.xlsx").code == 0
        assert load_workbook(f"{method}.xlsx").sheetnames == titles
    assert run(f"{SMALL} -f default.xlsx").code == 0
    assert load_workbook("default.xlsx").sheetnames == tabs["byLocation"], "R32, R49"
