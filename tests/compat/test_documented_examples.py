"""The documented commands and Python examples, as they stand in the documentation of downloadONC.py."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

import downloadONC
from oncsync.sandbox import Sandbox
from tests.compat.conftest import Command, data_files, orders, rows_of, settings_of
from tests.support.world import TOKEN

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the documented paths name a real drive here")

BASIC = (
    'c:\\onc>downloadONC.py createXLS --token=YOUR_TOKEN_HERE --outPath="c:/ONC/Data" --locationCode=USDDL '
    '--deviceCategoryCode=CTD --begin="2017-05-01T00:00:00.000Z" --end="2017-06-01T00:00:00.000Z"'
)
DOWNLOAD = '$ downloadONC.py download --file="C:/temp/download/download.xlsx"'
WHALE = (
    '$downloadONC.py createXLS --token=YOUR_TOKEN_HERE --outPath="c:/temp" --locationCode=NEP '
    "--deviceCategoryCode=HYDROPHONE --dataProductCode=AD --extension=mp3 "
    '--begin="2016-06-01T00:00:00.000Z" --end="2017-05-31T23:59:59.999Z"'
)
GEOSCIENCE = (
    '$ downloadONC.py createXLS --token=YOUR_TOKEN_HERE --outPath="c:/temp" --locationCode=LSDDL --extension=mat '
    '--begin="2013-20-23T00:00:00.000Z" --end="2017-05-31T23:59:59.999Z"'
)
ATMOSPHERE = (
    '$ downloadONC.py createXLS --token=YOUR_TOKEN_HERE --outPath="c:/temp" --locationCode=SOG --dataProductCode=TSSD '
    '--begin="2016-06-01T00:00:00.000Z" --end="2017-05-31T23:59:59.999Z"'
)
IMAGING = (
    '$ downloadONC.py createXLS --token=YOUR_TOKEN_HERE --outPath="c:/temp" --locationCode=ONC '
    "--deviceCategoryCode=VIDEOCAM --dataProductCode=MP4V,TSSD --extension=mp4,json "
    '--begin="2017-05-31T00:00:00.000Z" --end="2017-05-31T23:59:59.999Z"'
)
CREATE_IN_PYTHON = """
from downloadONC import createXLS

x = createXLS('<YOUR_TOKEN_HERE>',"c:/ONC/Data")

x.locationCode='USDDL'
x.deviceCategoryCode='CTD'
x.begin='2017-05-01T00:00:00.000Z'
x.end='2017-06-01T00:00:00.000Z'

x.createWorkbook('C:/ONC/Data/download.xlsx')
"""
DOWNLOAD_IN_PYTHON = """
from downloadONC import download
d = download()
d.execute('C:/temp/download/download.xlsx')
"""


def test_the_basic_example_gives_a_workbook_and_the_workbook_its_files(run: Command, service: Sandbox) -> None:
    """R8, R10, R16, R18, R121: filters to workbook to files, by two commands with nothing set up before."""
    said = run(BASIC)
    assert said.code == 0, said.err
    rows = rows_of("c:/ONC/Data/download.xlsx")
    assert {(row["locationCode"], row["deviceCategoryCode"]) for row in rows} == {("USDDL", "CTD")}
    assert {(row["begin"], row["end"]) for row in rows} == {(datetime(2017, 5, 1), datetime(2017, 6, 1))}
    assert orders(service) == 0
    said = run('downloadONC.py download --file="c:/ONC/Data/download.xlsx"')
    assert said.code == 0, said.err
    assert said.out.startswith(f"{len(rows)} chunks done; ")
    fetched = {"_".join(path.split("/")[2].split("_")) for path in data_files("c:/ONC/Data")}
    assert fetched == {f"{row['dataProductCode']}_{row['extension']}" for row in rows}


def test_the_command_that_comes_next_is_said_and_works(run: Command) -> None:
    """R18: what is written on the console can be typed as it stands."""
    line = run(BASIC + " --dataProductCode=TSSD --extension=csv").out.splitlines()[-1]
    command = line.partition("`")[2].rstrip("`")
    assert run(command.removeprefix("downloadONC ")).code == 0
    assert len(data_files("c:/ONC/Data")) == 1


def test_the_download_example_runs_the_workbook_it_names(run: Command) -> None:
    """R115, R116."""
    made = run(f'{BASIC} -p TSSD -x csv --force --file="C:/temp/download/download.xlsx"')
    assert made.code == 0, made.err
    assert run(DOWNLOAD).code == 0
    assert len(data_files("c:/ONC/Data")) == 1


def test_a_format_that_is_not_offered_is_named_with_those_that_are(run: Command, service: Sandbox) -> None:
    """R42, R123, I-17: mp3 is gone, flac and wav are there."""
    said = run(WHALE)
    assert said.code == 2
    assert "`extension`: the extension `mp3` does not exist there" in said.err
    assert "these formats of `AD` exist: `flac`, `wav`" in said.err
    assert orders(service) == 0
    assert not Path("c:/temp/download.xlsx").exists()


def test_the_whale_example_in_a_format_that_exists_finds_every_hydrophone_below_the_root(run: Command) -> None:
    """R34, R122, R124: a subtree, a whole year to its last millisecond, one row for each deployment."""
    assert run(WHALE.replace("mp3", "flac")).code == 0
    rows = rows_of("c:/temp/download.xlsx")
    assert len({row["locationCode"] for row in rows}) > 1
    assert {row["deviceCategoryCode"] for row in rows} == {"HYDROPHONE"}
    assert {(row["dataProductCode"], row["extension"]) for row in rows} == {("AD", "flac")}
    assert max(row["end"] for row in rows) == datetime(2017, 6, 1)
    assert min(row["begin"] for row in rows) == datetime(2016, 6, 1)
    assert len({(row["locationCode"], row["begin"], row["end"], row["deviceCode"]) for row in rows}) == len(rows)


def test_a_month_that_does_not_exist_is_told_before_anything_is_asked(run: Command, service: Sandbox) -> None:
    """R126, I-18: the flag, the value, and what was probably meant."""
    said = run(GEOSCIENCE)
    assert said.code == 2
    assert "'-b' / '--begin'" in said.err
    assert "`2013-20-23T00:00:00.000Z` has no month 20; did you mean `2013-10-23`?" in said.err
    assert not service.asked
    assert not Path("c:").exists()


def test_the_geoscience_example_with_its_date_mended_asks_for_everything_in_one_format(run: Command) -> None:
    """R44, R125: no category and no product means all of them."""
    assert run(GEOSCIENCE.replace("2013-20-23", "2013-10-23")).code == 0
    rows = rows_of("c:/temp/download.xlsx")
    assert {row["extension"] for row in rows} == {"mat"}
    assert len({row["deviceCategoryCode"] for row in rows}) > 1
    assert len({row["dataProductCode"] for row in rows}) > 1


def test_the_atmosphere_example_brings_every_format_of_one_product(run: Command) -> None:
    """R127, I-19: what the command leaves out means everything."""
    assert run(ATMOSPHERE).code == 0
    rows = rows_of("c:/temp/download.xlsx")
    assert {row["dataProductCode"] for row in rows} == {"TSSD"}
    assert {"csv", "json", "mat"} <= {row["extension"] for row in rows}


def test_the_imaging_example_pairs_products_and_formats_that_exist(run: Command) -> None:
    """R46, R47, R128, R129, R130: MP4V as mp4 and TSSD as json, the other two pairs reported, one day."""
    said = run(IMAGING)
    assert said.code == 0
    assert "MP4V/json, TSSD/mp4" in said.err
    rows = rows_of("c:/temp/download.xlsx")
    assert {(row["dataProductCode"], row["extension"]) for row in rows} == {("MP4V", "mp4"), ("TSSD", "json")}
    assert {(row["begin"], row["end"]) for row in rows} == {(datetime(2017, 5, 31), datetime(2017, 6, 1))}


def test_the_python_examples_do_what_the_commands_do(service: Sandbox) -> None:
    """R10, R17, R119."""
    exec(compile(CREATE_IN_PYTHON, "example", "exec"), {})
    assert len(rows_of("C:/ONC/Data/download.xlsx")) > 1
    assert settings_of("C:/ONC/Data/download.xlsx")["downloadFolder"] == "c:/ONC/Data"
    small = CREATE_IN_PYTHON.replace("C:/ONC/Data", "C:/temp/download").replace("c:/ONC/Data", "C:/temp/download")
    small = small.replace("x.begin=", "x.dataProductCode='TSSD'; x.extension=['csv', 'json']\nx.begin=")
    exec(compile(small, "example", "exec"), {})
    exec(compile(DOWNLOAD_IN_PYTHON, "example", "exec"), {})
    assert len(data_files("C:/temp/download")) == 2
    assert json.loads(Path("C:/temp/download/download.json").read_bytes())["syncedAt"]


def test_the_shipped_module_is_the_package_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """R120: one module to import, and nothing else to install."""
    from oncsync import compat

    assert (downloadONC.createXLS, downloadONC.download) == (compat.createXLS, compat.download)
    assert set(downloadONC.__all__) <= set(compat.__all__)


def test_the_examples_placeholder_is_no_token(run: Command, service: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """R21: who copies an example as it stands uses the token in ONC_TOKEN, or is told that there is none."""
    monkeypatch.delenv("ONC_TOKEN")
    said = run(BASIC)
    assert said.code == 2
    assert "Missing: -t/--token" in said.err
    assert run(BASIC.replace("YOUR_TOKEN_HERE", TOKEN)).code == 0
