"""Every example means what it says, on the embedded service (requirements.md section 9)."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from oncsync import Project, ResolveResult
from oncsync.engine.run import Tools
from oncsync.errors import ProblemsError
from oncsync.lockfile import LockedRequest
from oncsync.timespan import Span, is_tiled
from tests.resolver.making import at
from tests.support.world import QUICK_PACE

CHECKOUT = Path(__file__).resolve().parents[1]
EXAMPLES = CHECKOUT / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
NOW = at("2026-11-20T10:20:30")
QUICK_SANDBOX: dict[str, object] = {"job_seconds": (0.02, 0.05), "sync_seconds": 0.02, "now": lambda: NOW}


class Example(NamedTuple):
    """An example that was copied and resolved."""

    project: Project
    result: ResolveResult

    @property
    def requests(self) -> list[LockedRequest]:
        """All requests, in lock order."""
        return [request for one in self.result.lock.entries for request in one.requests]

    @property
    def places(self) -> set[str]:
        """The places that data come from."""
        return {request.source["locationCode"] for request in self.requests}

    @property
    def categories(self) -> set[str]:
        """The kinds of instruments that data come from."""
        return {request.source["deviceCategoryCode"] for request in self.requests}

    @property
    def pairs(self) -> set[str]:
        """Products and formats, as `CODE/ext`."""
        return {f"{request.data_product_code}/{request.extension}" for request in self.requests}


def copy(name: str, place: Path, *changes: tuple[str, str]) -> Project:
    """Copies an example to a place of its own, with changes, so that its lock and its data lie there."""
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = place / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    for file in set(re.findall(r"events: {file: ([\w.-]+)", text)):
        shutil.copy(EXAMPLES / file, place)
    return Project(path, folder=str(place / "files"), now=lambda: NOW, sandbox_options=QUICK_SANDBOX)


def line_of(project: Project, text: str) -> int:
    """Gives the line of a manifest that begins with a text."""
    lines = project.path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.strip().startswith(text))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Example]:
    """Every example, resolved as it stands."""
    place = tmp_path_factory.mktemp("examples")
    projects = {name: copy(name, place) for name in NAMES}
    return {name: Example(project, project.resolve()) for name, project in projects.items()}


# --- All of them -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_example_resolves_to_chunks_without_a_failure(examples: dict[str, Example], name: str) -> None:
    """Each entry means something, and every request is tiled by its chunks, shared with others, or made of files."""
    example = examples[name]
    assert example.result.exit_code == 0
    for one in example.result.lock.entries:
        assert one.requests, one.name
    for request in example.requests:
        assert request.end is not None
        if request.is_archive:
            assert all(chunk.file for chunk in request.chunks)
        elif not request.shared_with and not request.same_as:
            assert is_tiled(Span(request.begin, request.end), [chunk.span for chunk in request.chunks])


@pytest.mark.parametrize("name", NAMES)
def test_an_example_needs_no_account_and_says_how_to_get_the_real_data(name: str) -> None:
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    assert "server: sandbox #" in text or "\nserver: sandbox\n" in text
    assert "production" in text
    assert "ONC_TOKEN" in text
    assert "$schema=../schemas/manifest.schema.json" in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_the_researchers_of_the_source_document_are_all_here() -> None:
    assert {"annotations", "basic", "whale", "geoscience", "atmosphere", "imaging", "quickstart"} <= set(NAMES)


# --- One by one ------------------------------------------------------------------------------------------------


def test_basic_is_every_product_of_one_ctd_for_a_month(examples: dict[str, Example]) -> None:
    """R121: USDDL, CTD, May 2017, by location, one order for each product and format."""
    example = examples["basic"]
    assert (example.places, example.categories) == ({"USDDL"}, {"CTD"})
    assert {"TSSD/csv", "TSSD/mat", "TSSP/png", "LF/txt"} <= example.pairs
    spans = {(request.begin, request.end) for request in example.requests}
    assert spans == {(at("2017-05-01"), at("2017-06-01"))}
    assert all(len(request.chunks) == 1 for request in example.requests)


def test_whale_is_the_sound_of_many_places_and_deployments_for_a_year(examples: dict[str, Example]) -> None:
    """R122: below NEP, each deployment clipped to the cycle, month by month."""
    example = examples["whale"]
    assert len(example.places) >= 6
    assert example.categories == {"HYDROPHONE"}
    assert example.pairs == {"AD/flac"}
    assert len(example.requests) > len(example.places), "instruments were exchanged within the year"
    axis = [request for request in example.requests if request.source["locationCode"] == "BACAX"]
    assert [request.begin for request in axis] == [at("2016-06-01"), at("2016-06-28T14:22:01")]
    assert axis[0].end == at("2016-06-27T22:53:53")
    assert axis[1].end == at("2017-06-01")
    assert {chunk.begin.day for chunk in axis[1].chunks[1:]} == {1}


def test_a_complete_cycle_ends_with_the_last_instant_of_may(examples: dict[str, Example]) -> None:
    """R124: `2017-05-31T23:59:59.999Z` is the whole day, so that no millisecond is missing or asked for twice."""
    for name in ("whale", "geoscience", "atmosphere"):
        assert max(request.end for request in examples[name].requests if request.end) == at("2017-06-01")


def test_a_format_that_is_no_longer_made_is_refused_with_those_that_are(tmp_path: Path) -> None:
    """R123, I-17: the researcher's own mp3; nothing is ordered, nothing is written."""
    project = copy("whale", tmp_path, ("extension: flac #", "extension: mp3 #"))
    with pytest.raises(ProblemsError) as caught:
        project.resolve()
    (problem,) = caught.value.problems
    assert problem.where.endswith(f"whale.yaml:{line_of(project, 'extension: mp3')}:16")
    assert problem.message == "`migration-cycle`: the extension `mp3` does not exist there"
    assert problem.hint == "these formats of `AD` exist: `flac`, `wav`"
    assert not project.lock_path.exists()


def test_geoscience_is_every_instrument_of_one_place_in_one_format(examples: dict[str, Example]) -> None:
    """R125: neither category nor product is named."""
    example = examples["geoscience"]
    assert {request.extension for request in example.requests} == {"mat"}
    assert "LSDDL" in example.places
    assert {"CTD", "HYDROPHONE", "ADCP600KHZ", "OXYSENSOR"} <= example.categories
    assert {"TSSD/mat", "HSD/mat", "RADCPTS/mat"} <= example.pairs
    assert min(request.begin for request in example.requests) == at("2013-10-23"), "the date that was meant"


def test_the_date_as_it_was_mistyped_is_refused_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R126, I-18: month 20 names the date that was meant; day and month are never exchanged in silence."""
    project = copy("geoscience", tmp_path, ("begin: 2013-10-23", 'begin: "2013-20-23T00:00:00.000Z"'))
    monkeypatch.setattr("oncsync.connection.open_session", lambda *given, **named: pytest.fail("somebody was asked"))
    with pytest.raises(ProblemsError, match="2013-10-23") as caught:
        project.resolve()
    assert caught.value.problems[0].where.endswith(f"geoscience.yaml:{line_of(project, 'begin:')}:12")


def test_atmosphere_is_all_scalar_data_of_an_area_in_every_format(examples: dict[str, Example]) -> None:
    """R127, I-19: the format is left out, so all formats of TSSD come; one of them is a fifth."""
    example = examples["atmosphere"]
    assert {request.data_product_code for request in example.requests} == {"TSSD"}
    assert {request.extension for request in example.requests} == {"csv", "json", "mat", "nc", "txt"}
    assert len(example.places) >= 6
    assert len(example.categories) >= 6


def test_atmosphere_serves_another_area_with_one_word(tmp_path: Path) -> None:
    """R9: the definition is used again for another area."""
    copy("atmosphere", tmp_path)
    path = tmp_path / "atmosphere.yaml"
    project = Project(
        path, folder=str(tmp_path / "files"), variables={"root": "SAAN"}, lock_file="saan.lock", now=lambda: NOW
    )
    found = {one.source["locationCode"] for entry in project.resolve().lock.entries for one in entry.requests}
    assert found
    assert not found & {"SEVIP", "SCVIP", "USDDL", "LSDDL"}


def test_imaging_is_one_day_of_every_camera_that_was_there(examples: dict[str, Example]) -> None:
    """R128, R129, R130: video and scalar data in one entry, only cameras that were deployed on that day."""
    example = examples["imaging"]
    assert example.categories == {"VIDEOCAM"}
    assert example.pairs == {"MP4V/mp4", "TSSD/json"}
    assert {(one.begin, one.end) for one in example.requests} == {(at("2017-05-31"), at("2017-06-01"))}
    assert len(example.places) >= 8
    assert not example.places & {"KEMF"}, "its camera came two years later"
    assert all(len(one.chunks) == 1 for one in example.requests)
    (remark,) = example.result.remarks
    assert remark.message.endswith("MP4V/json, TSSD/mp4")


def test_annotations_are_short_orders_around_the_times_of_a_file(examples: dict[str, Example]) -> None:
    """R137, R138, R139, R153: padded, merged where they overlap, as numbers, as pictures and as sound."""
    example = examples["annotations"]
    assert (example.places, example.pairs) == ({"BACAX"}, {"HSD/mat", "HSD/png", "AD/wav"})
    windows = {
        pair: [
            (f"{one.begin:%d %H:%M:%S}", f"{one.end:%d %H:%M:%S}", one.about["label"])
            for one in example.requests
            if f"{one.data_product_code}/{one.extension}" == pair and one.end is not None
        ]
        for pair in example.pairs
    }
    assert windows["HSD/mat"] == windows["HSD/png"] == [
        ("13 04:09:35", "13 04:11:10", "fin whale"),
        ("13 22:30:30", "13 22:34:00", "humpback song"),
        ("14 23:59:15", "15 00:00:15", "ship"),
    ]  # fmt: skip
    assert windows["AD/wav"] == [
        ("13 04:10:00", "13 04:10:10", "fin whale"),
        ("13 04:10:35", "13 04:10:45", "fin whale"),
        ("13 22:30:55", "13 22:33:35", "humpback song"),
        ("14 23:59:40", "14 23:59:50", "ship"),
    ]


# --- Resolving and syncing them --------------------------------------------------------------------------------


def test_an_example_resolves_to_the_same_lock_again(examples: dict[str, Example]) -> None:
    """R107: nothing that was finished becomes new work."""
    for example in examples.values():
        before = example.project.lock_path.read_bytes()
        assert not example.project.resolve().is_written
        assert example.project.lock_path.read_bytes() == before


def test_the_smallest_example_syncs_to_whole_files(tmp_path: Path) -> None:
    """R8, R10, R111: from Python, the manifest alone becomes files on disk, then there is nothing left to do."""
    project = copy("basic", tmp_path)
    result = project.sync(tools=Tools(pace=QUICK_PACE, now=lambda: NOW))
    assert result.exit_code == 0
    assert (result.counts.failed, result.counts.done) == (0, 13)
    held = project.files()
    assert {file.path for file in held} == {
        path for path in project.folder.rglob("*") if path.is_file() and ".oncsync" not in path.parts
    }
    for file in held:
        assert file.bytes
        assert file.path.stat().st_size == file.bytes
        if file.is_metadata:
            assert file.path.parent.name == "_meta"
            ElementTree.parse(file.path)
    table = next(file.path for file in held if file.path.suffix == ".csv")
    with table.open(newline="", encoding="utf-8") as stream:
        head, *rows = (row for row in csv.reader(stream) if row and not row[0].startswith("#"))
    assert head[0].startswith("Time")
    assert at("2017-05-01") <= at(rows[0][0]) < at(rows[-1][0]) < at("2017-06-01")
    assert not project.plan().work


def test_the_quickstart_syncs_and_shows_where_everything_is(tmp_path: Path) -> None:
    """R2 to R8: what `make demo` does, faster; then the page that it ends with."""
    project = copy("quickstart", tmp_path)
    result = project.sync(tools=Tools(pace=QUICK_PACE, now=lambda: NOW))
    assert (result.exit_code, result.counts.failed) == (0, 0)
    assert 10 <= result.counts.done <= 16, "a demo has to fit into a minute"
    folder = project.folder
    sound = sorted((folder / "BACAX" / "HYDROPHONE" / "AD_wav" / "2011" / "07").glob("*.wav"))
    with wave.open(str(sound[0])) as audio:
        assert audio.getnframes() > 0
    plots = list(folder.glob("[LU]SDDL/CTD/TSSP_png/2017/*.png"))
    assert len({path.parts[-5] for path in plots}) == 2
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for path in plots)
    assert list(folder.glob("BPR-Folger-59/BPR/TSSD_json/20*/*.json"))

    shown = after_demo(folder)
    assert str(folder / "BACAX" / "HYDROPHONE" / "AD_wav" / "2011" / "07") in shown
    assert f"{len(sound)} files" in shown
    assert f"{sum(not file.is_metadata for file in project.files())} files, and " in shown
    for typed in ("status -m", "sync -m", "init -m", "--help"):
        assert f"oncsync {typed}" in shown


def after_demo(folder: Path) -> str:
    """Runs the script that ends the demo and gives what it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "after_demo.py"), str(folder)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONIOENCODING": "utf-8"},
        cwd=folder.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_starter_of_the_next_steps_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the demo tells people to type next works: `oncsync init -m` in a folder that is not there yet."""
    from oncsync.cli import cli
    from oncsync.cli.ending import run_to_exit_code

    inside = tmp_path / "checkout"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert run_to_exit_code(cli, ["init", "-m", str(Path("..", "my-data", "oncsync.yaml"))]) == 0
    assert Project(tmp_path / "my-data" / "oncsync.yaml").manifest.server == "production"


def test_an_open_end_asks_for_nothing_that_lies_ahead(tmp_path: Path) -> None:
    """The quickstart with an end that moves: its chunks reach to the end of the month, its deployments are open."""
    change = ("    begin: 2017-05-01\n    end: 2017-06-01\n", "    begin: -P1M\n    end: now\n")
    project = copy("quickstart", tmp_path, change, ("[USDDL, LSDDL]", "SCVIP"))
    (plots,) = (one for one in project.resolve().lock.entries if one.name == "delta-plots")
    assert plots.relative == "-P1M/now"
    (request,) = plots.requests
    assert (request.begin, request.end) == (at("2026-10-01"), at("2026-12-01"))
    ahead = [one for one in project.plan().chunks if one.wanted.entry.name == "delta-plots"]
    assert [one.step for one in ahead] == ["order", "order"]
