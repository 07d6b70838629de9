"""A manifest that is right: what each key becomes, and what is laid over it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from oncsync.errors import InputError
from oncsync.manifest import (
    Events,
    Near,
    Place,
    Settings,
    find_manifest,
    load_manifest,
    local_path,
    lock_path,
)
from tests.manifest.support import download_of, load_text

WHALES = """\
version: 1
server: production
folder: data
settings:
  splitDateRange: month
  runThreads: 4
  downloadThreads: 10
  beginRun: "22:00:00"
  endRun: "06:00:00"
downloads:
  - name: whales
    locationCode: NEP
    deviceCategoryCode: HYDROPHONE
    dataProductCode: AD
    extension: flac
    begin: 2016-06-01
    end: 2017-06-01
    options: {dpo_hydrophoneDataDiversionMode: OD}
  - name: last-day
    service: archivefile
    deviceCode: TUMPMTSPECTROMETER002
    match: "*-SDAQ-MODULE.hdf5"
    begin: -P1D
    end: now
requests: []
"""


def test_reads_what_a_person_wrote() -> None:
    manifest = load_text(WHALES)
    whales, last_day = manifest.downloads
    assert (whales.name, whales.location_codes, whales.begin, whales.end) == (
        "whales",
        ("NEP",),
        "2016-06-01",
        "2017-06-01",
    )
    assert whales.options == {"": {"dpo_hydrophoneDataDiversionMode": "OD"}}
    assert (last_day.service, last_day.match, last_day.begin) == ("archivefile", ("*-SDAQ-MODULE.hdf5",), "-P1D")
    assert manifest.requests == ()


def test_settings_are_those_of_the_configuration_tab() -> None:
    """R14, R82, R86, R88, R91, R95, R96, R97: every key of the tab has its place in `settings:`."""
    settings = load_text(
        """\
settings:
  splitDateRange: week
  dayOfWeek: MO
  runThreads: 2
  downloadThreads: 6
  downloadQueueSize: 50
  beginRun: 22:00:00
  endRun: 6:00:00
  runTimeZone: America/Vancouver
  metadata: no
  maxOrderHours: 12.5
  lateDays: 2
  refreshOpen: PT1H
  minFree: 1.5 GiB
  state: progress/download.json
"""
    ).settings
    assert settings == Settings(
        split_date_range="week",
        day_of_week="MO",
        run_threads=2,
        download_threads=6,
        download_queue_size=50,
        begin_run="22:00:00",
        end_run="06:00:00",
        run_time_zone="America/Vancouver",
        metadata=False,
        max_order_hours=12.5,
        late_days=2,
        refresh_open="PT1H",
        min_free="1.5 GiB",
        state="progress/download.json",
    )


def test_defaults_are_the_documented_ones() -> None:
    """R91, R95, R96, R97: four orders, ten transfers, no limit to the queue, no window."""
    manifest = load_text("version: 1\n")
    assert (manifest.server, manifest.folder.name) == ("production", "data")
    assert manifest.settings == Settings()
    assert (manifest.settings.run_threads, manifest.settings.download_threads) == (4, 10)
    assert manifest.settings.download_queue_size is None
    assert (manifest.settings.begin_run, manifest.settings.end_run) == ("00:00:00", "00:00:00")


def test_unlimited_queue_is_none() -> None:
    """R96: `unlimited` is a value of its own."""
    assert load_text("settings: {downloadQueueSize: unlimited}\n").settings.download_queue_size is None


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "T", "Y", "1"])
def test_any_usual_word_switches_a_flag_on(word: str) -> None:
    assert load_text(f"settings: {{metadata: {word}}}\n").settings.metadata is True


@pytest.mark.parametrize("word", ["false", "FALSE", "no", "Off", "F", "n", "0"])
def test_any_usual_word_switches_a_flag_off(word: str) -> None:
    assert load_text(f"settings: {{metadata: {word}}}\n").settings.metadata is False


def test_every_key_of_a_download_is_read() -> None:
    download = download_of(
        """
service: dataProductDelivery
downloadMethod: all
locationCode: [BACAX, USDDL]
deviceCategoryCode: CTD, HYDROPHONE
deviceCode: [A, "B,C"]
propertyCode: conductivity
dataProductCode: [TSSD]
dataProductName: Time Series Scalar Data
extension: csv
exclude: {deviceCode: [X, Y], extension: mat}
near: {lat: 48.3, lon: -126, radiusKm: 50}
prefer: [flac, wav]
begin: 2017-05-01T00:00:00.000Z
end: now
events: {file: calls.csv, padding: PT30S}
options: {dpo_qualityControl: 1, TSSD: {dpo_resample: none}, TSSD/csv: {dpo_dataGaps: 0}}
pinOptions: yes
path: "{locationCode}/{year}"
splitDateRange: P7D
dayOfWeek: TU
metadata: false
maxOrderHours: 6
lateDays: 0
refreshOpen: PT15M
"""
    )
    assert download.download_method == "all"
    assert download.location_codes == ("BACAX", "USDDL")
    assert download.device_category_codes == ("CTD", "HYDROPHONE")
    assert download.device_codes == ("A", "B", "C")
    assert download.property_codes == ("conductivity",)
    assert download.data_product_codes == ("TSSD",)
    assert download.data_product_names == ("Time Series Scalar Data",)
    assert download.extensions == ("csv",)
    assert download.exclude == {"deviceCode": ("X", "Y"), "extension": ("mat",)}
    assert download.near == Near(lat=48.3, lon=-126.0, radius_km=50.0)
    assert download.prefer == ("flac", "wav")
    assert download.events == Events(file="calls.csv", padding="PT30S")
    assert download.options == {
        "": {"dpo_qualityControl": "1"},
        "TSSD": {"dpo_resample": "none"},
        "TSSD/csv": {"dpo_dataGaps": "0"},
    }
    assert (download.pin_options, download.metadata) == (True, False)
    assert (download.path, download.split_date_range, download.day_of_week) == ("{locationCode}/{year}", "P7D", "TU")
    assert (download.max_order_hours, download.late_days, download.refresh_open) == (6, 0, "PT15M")


def test_every_key_of_an_archive_download_is_read() -> None:
    download = download_of(
        """
service: archivefile
deviceCode: X
begin: -P1D
match: ["*.hdf5", "*.txt"]
notMatch: "*_old*"
minSize: 1 kB
maxSize: 2 GiB
newest: 3
limit: 5
"""
    )
    assert (download.match, download.not_match) == (("*.hdf5", "*.txt"), ("*_old*",))
    assert (download.min_size, download.max_size, download.newest, download.limit) == ("1 kB", "2 GiB", 3, 5)


def test_every_key_of_a_request_is_read() -> None:
    request = load_text(
        """\
requests:
  - name: By Location!12
    download: F
    locationCode: BACAX
    deviceCategoryCode: HYDROPHONE
    propertyCode: soundpressure
    dataProductCode: AD
    extension: wav
    begin: 2011-07-13 0:00:00
    end: 2011-07-14 0:00:00
    options: {dpo_hydrophoneDataDiversionMode: All}
    pinOptions: no
    path: calls/{year}
    splitDateRange: day
    dayOfWeek: SU
    metadata: no
    columns: {locationName: Axis, depth: 981, latitude: 48.316758, note: "007", empty: , flag: true, code: 007}
"""
    ).requests[0]
    assert (request.name, request.download, request.location_code) == ("By Location!12", False, "BACAX")
    assert (request.device_category_code, request.property_code) == ("HYDROPHONE", "soundpressure")
    assert (request.data_product_code, request.extension) == ("AD", "wav")
    assert (request.begin, request.end) == ("2011-07-13 0:00:00", "2011-07-14 0:00:00")
    assert request.options == {"dpo_hydrophoneDataDiversionMode": "All"}
    assert (request.path, request.split_date_range, request.metadata) == ("calls/{year}", "day", False)
    assert list(request.columns.items()) == [
        ("locationName", "Axis"),
        ("depth", 981),
        ("latitude", 48.316758),
        ("note", "007"),
        ("empty", None),
        ("flag", True),
        ("code", "007"),
    ]


def test_requests_without_a_name_are_counted() -> None:
    request = "{deviceCode: X, dataProductCode: TSSD, extension: csv, begin: 2020-01-01, end: 2020-01-02}"
    manifest = load_text(f"requests:\n  - {request}\n  - {request}\n")
    assert [request.name for request in manifest.requests] == ["row 1", "row 2"]


def test_scalars_keep_their_spelling() -> None:
    download = download_of(
        """
extension: 000
deviceCode: 23
begin: 2016-06-01
options: {dpo_3beam: off, dpo_average: 0600, dpo_filter: 1e3, dpo_mode: None, dpo_include: False}
"""
    )
    assert (download.extensions, download.device_codes, download.begin) == (("000",), ("23",), "2016-06-01")
    assert download.options[""] == {
        "dpo_3beam": "off",
        "dpo_average": "0600",
        "dpo_filter": "1e3",
        "dpo_mode": "None",
        "dpo_include": "False",
    }


def test_comma_list_and_list_mean_the_same() -> None:
    """R46: a comma list is any of its members, each once."""
    assert download_of("begin: now\nend: PT1H\nextension: mp4, json,mp4,").extensions == ("mp4", "json")
    assert download_of("begin: now\nend: PT1H\nextension: [mp4, json]").extensions == ("mp4", "json")


def test_entries_know_their_places() -> None:
    download = load_text(WHALES).downloads[0]
    assert download.place is not None
    assert (download.place.line, download.place.column) == (11, 5)
    assert (download.places["begin"].line, download.places["begin"].column) == (16, 12)
    assert str(Place("oncsync.yaml", 16, 12)) == "oncsync.yaml:16:12"


def test_messages_name_the_file_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "oncsync.yaml"
    path.write_text(WHALES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    place = load_manifest(path).downloads[0].place
    assert place is not None
    assert place.file == "project/oncsync.yaml"


def test_anchors_and_merge_keys_share_lines() -> None:
    manifest = load_text(
        """\
downloads:
  - &base
    name: one
    locationCode: BACAX
    begin: 2020-01-01
  - <<: *base
    name: two
  - <<: [{extension: csv}, *base]
    name: three
    begin: 2021-01-01
"""
    )
    one, two, three = manifest.downloads
    assert (one.begin, two.begin, three.begin) == ("2020-01-01", "2020-01-01", "2021-01-01")
    assert (two.location_codes, three.location_codes, three.extensions) == (("BACAX",), ("BACAX",), ("csv",))


@pytest.mark.parametrize("text", ["\ufeff" + WHALES, WHALES.replace("\n", "\r\n"), WHALES.rstrip("\n")])
def test_byte_order_mark_and_line_ends_change_nothing(text: str) -> None:
    assert [download.name for download in load_text(text).downloads] == ["whales", "last-day"]


@pytest.mark.parametrize("key", ["settings", "downloads", "requests", "vars"])
@pytest.mark.parametrize("empty", ["", "~", "null", "# nothing yet"])
def test_a_section_without_entries_is_empty(key: str, empty: str) -> None:
    manifest = load_text(f"version: 1\n{key}: {empty}\n")
    assert (manifest.downloads, manifest.requests, manifest.settings) == ((), (), Settings())


class TestVariables:
    def test_replace_names_in_any_text(self) -> None:
        """R9: one value changes the area or the year of the whole manifest."""
        manifest = load_text(
            """\
vars: {year: 2017, place: BACAX, until: "${year}-06-01"}
folder: data-${place}
settings: {runThreads: "${threads}"}
downloads:
  - name: ctd-${year}
    locationCode: ${place}
    begin: ${year}-05-01
    end: ${until}
""",
            overrides={"threads": "2"},
        )
        download = manifest.downloads[0]
        assert manifest.folder.name == "data-BACAX"
        assert manifest.settings.run_threads == 2
        assert (download.name, download.location_codes) == ("ctd-2017", ("BACAX",))
        assert (download.begin, download.end) == ("2017-05-01", "2017-06-01")
        assert manifest.vars == {"year": "2017", "place": "BACAX", "until": "2017-06-01", "threads": "2"}

    def test_a_value_given_with_set_wins(self) -> None:
        """R9: `--set` repeats a manifest for another range."""
        text = "vars: {year: 2017}\ndownloads:\n  - {name: x, begin: '${year}-01-01'}\n"
        assert load_text(text, overrides={"year": "2020"}).downloads[0].begin == "2020-01-01"

    def test_two_dollars_keep_the_text(self) -> None:
        download = download_of("begin: 2020-01-01\ndataProductName: '$${x} $5 ${'")
        assert download.data_product_names == ("${x} $5 ${",)


class TestOverlay:
    def test_local_file_lays_its_folder_and_settings_over(self, tmp_path: Path) -> None:
        path = tmp_path / "oncsync.yaml"
        path.write_text("folder: data\nsettings: {runThreads: 3, lateDays: 5}\n", encoding="utf-8")
        local_path(path).write_text(f"folder: {tmp_path}/big\nsettings: {{runThreads: 2}}\n", encoding="utf-8")
        manifest = load_manifest(path, environment={})
        assert manifest.folder == tmp_path / "big"
        assert (manifest.settings.run_threads, manifest.settings.late_days) == (2, 5)

    def test_local_file_may_be_empty(self) -> None:
        assert load_text("folder: a\n", beside={"oncsync.local.yaml": "# nothing\n"}).folder.name == "a"

    def test_folder_is_relative_to_the_manifest(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "project").mkdir()
        (tmp_path / "project" / "oncsync.yaml").write_text("folder: ../data\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        assert load_manifest(Path("project/oncsync.yaml"), environment={}).folder == tmp_path / "data"

    def test_argument_wins_over_environment_over_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "project" / "oncsync.yaml"
        path.parent.mkdir()
        path.write_text("folder: data\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        environment = {"ONCSYNC_FOLDER": "from-environment"}
        assert load_manifest(path, environment=environment).folder == tmp_path / "from-environment"
        assert load_manifest(path, environment=environment, folder="given").folder == tmp_path / "given"
        assert load_manifest(path, environment={"ONCSYNC_FOLDER": ""}).folder == tmp_path / "project" / "data"

    def test_folder_may_begin_at_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert load_text("folder: ~/onc\n").folder == tmp_path / "onc"

    @pytest.mark.skipif("__import__('os').name == 'nt'")
    def test_windows_folder_elsewhere_says_where_to_write_another(self) -> None:
        with pytest.raises(InputError, match="Windows path") as caught:
            load_text('folder: "C:/ONC/Data"\n')
        assert "oncsync.local.yaml" in str(caught.value.hint)

    @pytest.mark.skipif("__import__('os').name == 'nt'")
    def test_home_of_an_unknown_user_is_an_input_error(self) -> None:
        with pytest.raises(InputError, match="home of an unknown user"):
            load_text("folder: ~nobody-of-this-name/x\n")

    def test_server_of_the_environment_wins(self) -> None:
        environment = {"ONCSYNC_SERVER": "sandbox"}
        assert load_text("server: qa\n", environment=environment).server == "sandbox"

    @pytest.mark.parametrize("server", ["http://example.org", "sandbax", "https://user:pw@example.org/"])
    def test_unusable_server_of_the_environment_is_refused(self, server: str) -> None:
        with pytest.raises(InputError, match="ONCSYNC_SERVER") as caught:
            load_text("version: 1\n", environment={"ONCSYNC_SERVER": server})
        assert "pw" not in caught.value.render()


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("production", "production"),
        ("qa", "qa"),
        ("sandbox", "sandbox"),
        ("https://data.example.org", "https://data.example.org/"),
        ("https://example.org/onc/", "https://example.org/onc/"),
        ("http://127.0.0.1:8321", "http://127.0.0.1:8321/"),
        ("http://localhost:80/", "http://localhost:80/"),
        ("'http://[::1]:8000'", "http://[::1]:8000/"),
    ],
)
def test_servers(written: str, server: str) -> None:
    assert load_text(f"server: {written}\n").server == server


class TestFinding:
    def test_finds_the_manifest_in_a_folder_above(self, tmp_path: Path) -> None:
        (tmp_path / "oncsync.yaml").write_text("version: 1\n", encoding="utf-8")
        below = tmp_path / "a" / "b"
        below.mkdir(parents=True)
        assert find_manifest(below) == tmp_path / "oncsync.yaml"
        assert find_manifest(tmp_path) == tmp_path / "oncsync.yaml"

    def test_nearest_manifest_wins(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        for folder in (tmp_path, tmp_path / "a"):
            (folder / "oncsync.yaml").write_text("version: 1\n", encoding="utf-8")
        assert find_manifest(tmp_path / "a") == tmp_path / "a" / "oncsync.yaml"

    def test_none_says_how_to_start_one(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            find_manifest(tmp_path)
        assert caught.value.exit_code == 2
        assert "oncsync init" in str(caught.value.hint)

    def test_missing_file_and_folder_are_input_errors(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="There is no file"):
            load_manifest(tmp_path / "none.yaml")
        with pytest.raises(InputError, match="is a folder"):
            load_manifest(tmp_path)

    def test_lock_and_local_file_lie_beside_the_manifest(self) -> None:
        assert lock_path(Path("a/oncsync.yaml")) == Path("a/oncsync.lock")
        assert lock_path(Path("quickstart.yaml")) == Path("quickstart.lock")
        assert local_path(Path("a/oncsync.yaml")) == Path("a/oncsync.local.yaml")


def test_importing_the_manifest_loads_no_slow_library() -> None:
    slow = ("ruamel.yaml", "jsonschema", "requests", "openpyxl", "rich")
    program = f"import sys, oncsync.manifest; print([name for name in {slow} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
