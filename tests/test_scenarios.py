"""The recipes of docs/scenarios.md: each example as it stands, on a service and a machine with a simulated clock."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from oncsync import Project
from oncsync.cli import cli
from oncsync.cli.ending import run_to_exit_code
from oncsync.engine.run import Tools
from oncsync.errors import UnreachableError
from oncsync.results import SyncResult
from oncsync.sandbox import Fault, Faults, Sandbox
from oncsync.timespan import UTC, parse_instant
from tests.support.world import QUICK_PACE, TOKEN, quick_sandbox

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = (CHECKOUT / "docs" / "scenarios.md").read_text(encoding="utf-8")
START = datetime(2025, 6, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Scenario:
    """An example in a folder of its own, a service, and one clock for both that only the test moves."""

    def __init__(self, name: str, directory: Path) -> None:
        self.now = START
        self.directory = directory
        self.manifest = directory / f"{name}.yaml"
        self.folder = directory / "files"
        self.sandbox: Sandbox
        self.text = (CHECKOUT / "examples" / f"{name}.yaml").read_text(encoding="utf-8")

    def write(self, *changes: tuple[str, str]) -> None:
        """Writes the manifest, for the service of the test."""
        text = re.sub(r"(?m)^server: .*$", f"server: {self.sandbox.url}", self.text)
        text = re.sub(r"(?m)^folder: .*$", "folder: files", text)
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.manifest.write_text(text, encoding="utf-8")

    def sync(self, now: datetime | None = None, **flags: Any) -> SyncResult:
        """Syncs at an instant, as a fresh process does."""
        self.now = now or self.now
        project = Project(self.manifest, now=lambda: self.now)
        return project.sync(tools=Tools(pace=QUICK_PACE, now=lambda: self.now), **flags)

    def asked(self, part: str) -> int:
        """Counts the questions whose path ends so."""
        return sum(asked.path.rstrip("/").endswith(part) for asked in self.sandbox.asked)

    def here(self, pattern: str = "**/*") -> list[str]:
        """Gives the files below the folder that a user sees, without `latest/`."""
        hidden = {".oncsync", "latest", "_meta"}
        found = (path for path in self.folder.glob(pattern) if path.is_file())
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in found
            if not hidden & set(path.relative_to(self.folder).parts)
        )

    def index(self, name: str) -> dict[str, Any]:
        """Gives what `latest/NAME/index.json` says."""
        read: dict[str, Any] = json.loads((self.folder / "latest" / name / "index.json").read_bytes())
        return read


@pytest.fixture
def scenario(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    """The example that the test names in its parameter."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    made = Scenario(request.param, tmp_path)
    with quick_sandbox(now=lambda: made.now) as made.sandbox:
        made.write()
        yield made


def of_scenario(name: str) -> pytest.MarkDecorator:
    """Names the example of a test."""
    return pytest.mark.parametrize("scenario", [name], indirect=True, ids=[name])


def span_of(name: str) -> datetime:
    """Gives the begin that a file's name tells."""
    match = re.search(r"_(\d{8}T\d{6})", name)
    assert match is not None
    return datetime.strptime(f"{match[1]}+0000", "%Y%m%dT%H%M%S%z")


# --- A mobile platform -----------------------------------------------------------------------------------------


@of_scenario("mobile_platform")
def test_the_newest_scan_near_a_position_comes_once_and_nothing_new_is_cheap(scenario: Scenario) -> None:
    """R140, R141, R142, R143: by position; the index says how new; no transfer and one listing without news."""
    assert scenario.sync(START).exit_code == 0
    (first,) = scenario.here()
    assert first.startswith("ASLAZFP55028/")
    index = scenario.index("nearby-sonar")
    assert (index["path"], parse_instant(index["begin"])) == (first, span_of(first))
    assert (scenario.folder / "latest" / "nearby-sonar" / Path(first).name).read_bytes()

    fetched, listed = scenario.asked("archivefile/download"), scenario.asked("archivefile/device")
    assert scenario.sync(START + timedelta(minutes=5)).counts.files == 0
    assert scenario.asked("archivefile/download") == fetched
    assert scenario.asked("archivefile/device") == listed + 1
    assert scenario.index("nearby-sonar")["end"] == index["end"]
    assert parse_instant(scenario.index("nearby-sonar")["checked"]) > parse_instant(index["checked"])

    scenario.sync(START + 3 * HOUR)
    newest = scenario.index("nearby-sonar")
    assert parse_instant(newest["end"]) > parse_instant(index["end"])
    assert [one["name"] for one in newest["files"]] == [Path(newest["path"]).name]


@of_scenario("mobile_platform")
def test_a_small_disk_stays_small(scenario: Scenario) -> None:
    """R140: scans go a day after newer ones have come; the newest one stays, however long nothing comes."""
    for hours in range(0, 49, 12):
        assert scenario.sync(START + hours * HOUR).exit_code == 0
    begins = [span_of(name) for name in scenario.here()]
    assert max(begins) > START + 40 * HOUR
    assert min(begins) > START + 12 * HOUR
    assert len(begins) <= 4


@of_scenario("mobile_platform")
def test_a_platform_that_moves_gives_its_position_anew(scenario: Scenario) -> None:
    """R141: the page's own keys and command; the other position has another instrument."""
    position, names = "near: {lat: 49.04, lon: -123.42, radiusKm: 5}", 'vars: {lat: "49.04", lon: "-123.42"}'
    moving = 'near: {lat: "${lat}", lon: "${lon}", radiusKm: 5}'
    assert all(f"`{shown}`" in PAGE for shown in (moving, names))
    scenario.write((position, moving), ("downloads:\n", f"{names}\ndownloads:\n"))
    shown = re.search(r"oncsync sync -m (\S+) --lock-file (\S+) --set lat=48.65 --set lon=-123.48", PAGE)
    assert shown is not None
    manifest = scenario.manifest.rename(scenario.manifest.with_name(shown[1]))
    project = Project(
        manifest,
        lock_file=manifest.with_name(shown[2]),
        variables={"lat": "48.65", "lon": "-123.48"},
        now=lambda: START,
    )
    assert project.sync(tools=Tools(pace=QUICK_PACE, now=lambda: START)).exit_code == 0
    assert {Path(name).parts[0] for name in scenario.here()} == {"ASLAZFP55029"}


# --- An archive of one's own -----------------------------------------------------------------------------------


@of_scenario("own_archive")
def test_an_archive_grows_by_a_day_a_day_into_predictable_places(scenario: Scenario) -> None:
    """R144, R145, R146, R147: incremental, by place and kind alone; no plot is ordered that is there already."""
    scenario.write(("begin: 2026-09-01", "begin: 2025-06-01"))
    sizes = []
    for day in range(3):
        assert scenario.sync(START + day * DAY + 12 * HOUR).exit_code == 0
        sizes.append(len(scenario.here("ONC/**/*")))
    assert sizes == [sizes[0], sizes[0] + 1, sizes[0] + 2]
    assert {Path(name).parent.as_posix() for name in scenario.here("ONC/**/*")} == {"ONC/NCBC/CTD/2025/06"}
    assert scenario.asked("dataProductDelivery/request") == 0
    plots = scenario.index("plots")["files"]
    assert len({one["deviceCode"] for one in plots}) == len(plots) == 3
    for one in plots:
        shown = scenario.folder / "latest" / "plots" / one["name"]
        assert shown.read_bytes().startswith(b"\x89PNG")
    assert "deviceCode" not in scenario.text


@of_scenario("own_archive")
def test_a_reprocessed_file_is_told_and_fetched_again(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    """R148, R149: named also by a quiet run, marked in the lock; what lies here afterwards is the new one."""
    scenario.write(("begin: 2026-09-01", "begin: 2025-06-01"))
    scenario.sync(START + 12 * HOUR, only=("raw",))
    path = scenario.here("ONC/**/*")[2]
    scenario.now += DAY
    scenario.sandbox.archive.archive_again(Path(path).name, b"better data\n")
    assert run_to_exit_code(cli, ["sync", "-q", "-m", scenario.manifest.name, "--only", "raw"]) == 0
    assert Path(path).name in "".join(capsys.readouterr())
    assert (scenario.folder / path).read_bytes() == b"better data\n"
    lines = (scenario.folder / ".oncsync" / "relative.lock").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if Path(path).name in line)
    assert '"rearchived": true' in line


# --- The last 24 hours -----------------------------------------------------------------------------------------


@of_scenario("last_day")
def test_each_midnight_brings_the_last_24_hours_once(scenario: Scenario) -> None:
    """R144, R150, R152: three nights; every hour has its spectrum, nothing comes twice, one order a day."""
    for night in range(3):
        before = set(scenario.here("**/*-spect.png"))
        fetched = scenario.asked("archivefile/download")
        result = scenario.sync(START + night * DAY + HOUR / 2)
        assert result.exit_code == 0
        new = set(scenario.here("**/*-spect.png")) - before
        assert scenario.asked("archivefile/download") == fetched + len(new)
        if night:
            assert 22 <= len(new) <= 25
    begins = sorted(span_of(name) for name in scenario.here("**/*-spect.png"))
    assert begins == sorted(set(begins))
    assert {later - earlier for earlier, later in pairwise(begins)} == {HOUR}
    assert begins[0] <= START - 22 * HOUR
    assert begins[-1] >= START + 2 * DAY - 2 * HOUR


@of_scenario("last_day")
def test_means_of_a_day_are_ordered_once_a_day(scenario: Scenario) -> None:
    """R151, R152: down-sampled at ONC; what is finished is not ordered again by the next midnight."""
    for night in range(3):
        assert scenario.sync(START + night * DAY, only=("means",)).exit_code == 0
    tables = scenario.here("**/*.csv")
    assert len(tables) == 3
    for name in tables:
        with open(scenario.folder / name, newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if row and not row[0].startswith("#")]
        times = [parse_instant(row[0]) for row in rows[1:]]
        assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=10)}


@of_scenario("last_day")
def test_a_night_without_the_service_is_made_up_for(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """R140, R154: the run says that it failed, and the next one brings what is missing."""
    monkeypatch.setattr("oncsync.api.session.backoff", lambda *given: 0.0)
    scenario.sync(START, only=("means",))
    before = scenario.here()
    scenario.sandbox.faults = Faults([Fault("reset-before-answer")])
    with pytest.raises(UnreachableError):
        scenario.sync(START + DAY, only=("means",))
    assert scenario.here() == before
    scenario.sandbox.faults = Faults()
    assert scenario.sync(START + DAY + HOUR, only=("means",)).exit_code == 0
    assert len(scenario.here()) > len(before)


# --- A display -------------------------------------------------------------------------------------------------


@of_scenario("public_display")
def test_a_display_has_new_files_every_quarter_of_an_hour(scenario: Scenario) -> None:
    """R155, R156: the newest of each, whole, and the running hour made anew; nothing else is ordered."""
    seen = []
    for quarter in range(5):
        assert scenario.sync(START + 12 * HOUR + quarter * timedelta(minutes=15)).exit_code == 0
        seen.append({name: scenario.index(name)["end"] for name in ("pictures", "sound")})
        for name in ("pictures", "sound"):
            for one in scenario.index(name)["files"]:
                shown = scenario.folder / "latest" / name / one["name"]
                assert shown.stat().st_size == one["bytes"] > 0
    for name in ("pictures", "sound"):
        ends = [parse_instant(one[name]) for one in seen]
        assert ends == sorted(ends)
        assert ends[-1] > ends[0]
    orders = scenario.asked("dataProductDelivery/request")
    assert 5 <= orders <= 8
    tables = scenario.here("**/*.csv")
    assert 2 <= len(tables) <= 3


@of_scenario("public_display")
def test_a_table_can_be_joined_with_one_of_erddap_by_its_time(scenario: Scenario) -> None:
    """R157: the first column is an instant in UTC, written as ERDDAP writes it."""
    scenario.sync(START + 12 * HOUR, only=("water",))
    with open(scenario.folder / scenario.here("**/*.csv")[0], newline="", encoding="utf-8") as stream:
        head, *rows = (row for row in csv.reader(stream) if row and not row[0].startswith("#"))
    assert head[0].startswith("Time UTC")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[0]) for row in rows)


# --- The page --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["mobile_platform", "own_archive", "last_day", "public_display"], indirect=True)
def test_the_commands_of_the_page_work_as_they_stand(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """R140, R151, R154: without a terminal, with their own exit codes; too old is exit 1."""
    monkeypatch.setattr("oncsync.engine.pace.DEFAULT_PACE", QUICK_PACE)
    name = scenario.manifest.stem
    scenario.now = datetime.now(UTC)
    commands = [line for text in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in text.splitlines()]
    commands += re.findall(r"system\('(oncsync .*?)'\)", PAGE)
    commands = [line for line in commands if f"-m {name}.yaml" in line]
    assert commands
    for line in commands:
        assert run_to_exit_code(cli, shlex.split(line)[1:]) == 0, line
    assert run_to_exit_code(cli, ["status", "-m", f"{name}.yaml", "--max-age", "1s"]) == 1


def test_the_page_has_every_scenario_and_says_what_is_out_of_scope() -> None:
    """R159, R160: code at ONC and dashboards are not offered; where problems of the service belong."""
    for linked in ("discover.md", "annotations.yaml", "mobile_platform.yaml", "own_archive.yaml", "last_day.yaml"):
        assert linked in PAGE
    assert "does not run your code at ONC and is no dashboard" in PAGE
    assert "http://jira.neptune.uvic.ca/servicedesk" in PAGE
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert "It does not run your code at ONC and draws no dashboards" in readme
    assert "http://jira.neptune.uvic.ca/servicedesk" in readme
