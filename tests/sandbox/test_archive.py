"""The archive services: what is listed, how, and what a download brings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest

from oncsync.sandbox import Catalogue, Sandbox
from oncsync.sandbox.shelves import ArchiveFile, Shelf, files_of
from oncsync.sandbox.times import UTC
from tests.sandbox.asking import NOW, Asked

BPR = {"deviceCode": "BPR-Folger-59", "dateFrom": "2019-11-23", "dateTo": "2019-11-26"}
BPR_PLACE = {"locationCode": "NCBC", "deviceCategoryCode": "BPR", "dateFrom": "2019-11-23", "dateTo": "2019-11-26"}
BPR_NAMES = [f"BPR-Folger-59_201911{day}T000000.000Z.txt" for day in (23, 24, 25)]
SOUND = {"deviceCode": "ICLISTENHF6094", "dateFrom": "2024-05-02T10:00:00.000Z", "dateTo": "2024-05-02T11:00:00.000Z"}
STRINGS = {
    "STR3": "TUMLIDAR001", "STR10": "TUMLIDAR002", "STR5": "TUMMINISPECTROMETER001", "STR6": "TUMMUONTRACKER001",
    "STR2": "TUMPMTSPECTROMETER001", "STR9": "TUMPMTSPECTROMETER002", "STR4": "TUMSTANDARDMODULE001",
    "STR7": "TUMSTANDARDMODULE004", "STR8": "TUMSTANDARDMODULE003", "STR1": "UMAINZWOM001",
}  # fmt: skip
HOUR = {"dateFrom": "2021-08-30T00:00:00.000Z", "dateTo": "2021-08-30T01:00:00.000Z"}


def names(ask: Asked, service: str = "device", **given: object) -> list[str]:
    answer = ask(f"archivefile/{service}", **given)
    assert answer.status == 200, answer.body
    files: list[str] = answer.json["files"]
    return files


def rows(ask: Asked, **given: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask("archivefile/device", returnOptions="all", **given).json["files"]
    return found


class TestAnswer:
    def test_a_device_lists_its_daily_logs_by_name(self, ask: Asked) -> None:
        answer = ask("archivefile/device", **BPR, fileExtension="txt", rowLimit=80_000, page=1).json
        assert answer["files"] == BPR_NAMES
        assert set(answer) == {"files", "next", "queryUrl", "returnOption", "citations", "messages"}
        assert (answer["next"], answer["returnOption"], answer["messages"]) == (None, "default", [])
        (citation,) = answer["citations"]
        assert set(citation) == {"citation", "doi", "landingPageUrl", "queryPid"}

    def test_a_place_lists_what_its_devices_made(self, ask: Asked) -> None:
        assert names(ask, "location", **BPR_PLACE) == BPR_NAMES

    def test_the_query_is_echoed_with_the_token(self, ask: Asked) -> None:
        """The real service does so, and a client must hide it (Q50)."""
        url = urlsplit(ask("archivefile/device", **BPR).json["queryUrl"])
        assert url.path == "/api/archivefile/device"
        assert parse_qs(url.query) == {name: [value] for name, value in BPR.items()} | {"token": [ask.sandbox.token]}

    def test_all_gives_rows_with_dates_sizes_and_compression(self, ask: Asked) -> None:
        first = rows(ask, **BPR)[0]
        assert list(first) == [
            *("filename", "deviceCode", "dataProductCode", "dateFrom", "dateTo", "archivedDate", "modifyDate"),
            *("fileSize", "uncompressedFileSize", "compression", "archiveLocation", "path"),
        ]
        assert (first["filename"], first["deviceCode"], first["dataProductCode"]) == (
            BPR_NAMES[0], "BPR-Folger-59", "LF",
        )  # fmt: skip
        assert (first["dateFrom"], first["dateTo"]) == ("2019-11-23T00:00:00.000Z", "2019-11-24T00:00:00.000Z")
        assert first["dateTo"] < first["archivedDate"] < first["modifyDate"]
        assert first["compression"] == "gz"
        assert first["fileSize"] < first["uncompressedFileSize"]
        assert ask("archivefile/device", **BPR, returnOptions="all").json["returnOption"] == "all"

    def test_what_is_no_text_lies_in_the_archive_as_it_is(self, ask: Asked) -> None:
        found = rows(ask, **SOUND)
        packed = {row["filename"].rpartition(".")[2] for row in found if row["compression"] == "gz"}
        assert packed == {"txt", "fft"}
        loose = [row for row in found if row["compression"] != "gz"]
        assert all(row["fileSize"] == row["uncompressedFileSize"] for row in loose)
        assert {row["compression"] for row in loose} == {None, ""}

    def test_archive_location_gives_the_name_and_where_it_lies(self, ask: Asked) -> None:
        found = ask("archivefile/device", **BPR, returnOptions="archiveLocation").json
        assert found["returnOption"] == "archiveLocation"
        assert [set(row) for row in found["files"]] == [{"filename", "archiveLocation"}] * 3
        assert found["files"][0]["archiveLocation"].startswith("/NA_Archive_")

    def test_extension_and_product_are_filters(self, ask: Asked) -> None:
        kinds = {name.rpartition(".")[2] for name in names(ask, **SOUND)}
        assert kinds == {"txt", "acc", "wav", "flac", "fft", "mat", "png"}
        assert {name.rpartition(".")[2] for name in names(ask, **SOUND, dataProductCode="HSD")} == {"fft", "mat", "png"}
        assert len(names(ask, **SOUND, fileExtension="flac")) == 12
        assert names(ask, **SOUND, fileExtension="flac", dataProductCode="HSD") == []


class TestWindow:
    def test_both_ends_are_exclusive_and_a_file_that_began_before_is_in(self, ask: Asked) -> None:
        """Q27: what ends at the start or begins at the end is out; overlap is in."""
        found = names(ask, **(SOUND | {"dateFrom": "2024-05-02T10:02:00.000Z"}), fileExtension="wav")
        assert found[0] == "ICLISTENHF6094_20240502T100000.000Z.wav"
        assert found[-1] == "ICLISTENHF6094_20240502T105500.000Z.wav"
        assert names(ask, **SOUND, fileExtension="wav") == found

    def test_files_come_by_begin(self, ask: Asked) -> None:
        stamps = [name.split("_")[1][:20] for name in names(ask, **SOUND)]
        assert stamps == sorted(stamps)
        assert len(set(stamps)) < len(stamps)

    def test_the_first_file_of_a_deployment_begins_with_it(self, ask: Asked) -> None:
        (first,) = names(ask, deviceCode="BPR-Folger-59", dateFrom="2019-09-01", dateTo="2019-09-08")
        assert first == "BPR-Folger-59_20190907T142105.000Z.txt"

    def test_no_file_lies_in_a_gap(self, ask: Asked) -> None:
        assert names(ask, deviceCode="ICLISTENHF6324", dateFrom="2023-06-01", dateTo="2023-07-01") == []
        assert names(ask, deviceCode="ICLISTENHF6324", dateFrom="2023-07-01", dateTo="2023-07-02")

    def test_a_device_at_two_places_has_the_files_of_both(self, ask: Asked) -> None:
        """A device listing asks for no place (Q36)."""
        given = {"deviceCode": "BPR-Folger-59"}
        assert names(ask, **given, dateFrom="2016-05-01", dateTo="2016-05-02")
        assert names(ask, **given, dateFrom="2020-05-01", dateTo="2020-05-02")

    def test_a_place_mixes_the_devices_that_followed_each_other(self, ask: Asked) -> None:
        """Q35: a replaced device counts, a child location does not."""
        place = {"locationCode": "SEVIP", "deviceCategoryCode": "HYDROPHONE", "fileExtension": "txt"}
        found = names(ask, "location", **place, dateFrom="2018-09-20", dateTo="2018-10-10")
        assert {name.split("_")[0] for name in found} == {"ICLISTENHF1207", "ICLISTENHF1560"}
        assert not any("ICLISTENHF6310" in name for name in names(ask, "location", **place, dateTo="2026-01-01"))

    def test_relative_bounds_are_read(self, ask: Asked) -> None:
        assert names(ask, **(BPR | {"dateFrom": "-P3D"})) == BPR_NAMES
        assert names(ask, **(BPR | {"dateTo": "PT72H"})) == BPR_NAMES

    def test_a_camera_has_a_film_and_a_picture_every_five_minutes(self, ask: Asked) -> None:
        found = names(
            ask, "location", locationCode="RISS", deviceCategoryCode="VIDEOCAM",
            dateFrom="2016-12-01T00:00:00.000Z", dateTo="2016-12-01T00:05:00.000Z",
        )  # fmt: skip
        camera = "AXISQ6044PTZACCC8E334C53_20161201T00000"
        assert found == [f"{camera}0.000Z.mp4", f"{camera}1.000Z.jpg"]

    def test_a_camera_of_the_arctic_has_films(self, ask: Asked, catalogue: Catalogue) -> None:
        places = [
            d.location
            for d in catalogue.deployments
            if d.device.category == "VIDEOCAM" and d.location in catalogue.below("ARCT")
        ]
        given = {"deviceCategoryCode": "VIDEOCAM", "fileExtension": "mp4", "rowLimit": 1}
        assert places
        assert all(names(ask, "location", locationCode=place, **given) for place in places)


class TestStrings:
    @pytest.mark.parametrize(("place", "device"), STRINGS.items())
    def test_every_module_has_its_raw_data_in_the_hour_of_the_example(
        self, ask: Asked, place: str, device: str
    ) -> None:
        """R173, R177: by device and by place, one hour of 2021-08-30."""
        module = f"{device}_20210830T000000.000Z-SDAQ-MODULE.hdf5"
        assert module in names(ask, deviceCode=device, **HOUR)
        category = ask("devices", deviceCode=device).json[0]["deviceCategoryCode"]
        assert module in names(ask, "location", locationCode=place, deviceCategoryCode=category, **HOUR)
        assert names(ask, deviceCode=device, **HOUR, dataProductCode="SMRD") == [module]

    def test_the_extension_filter_leaves_the_hdf5_files(self, ask: Asked) -> None:
        found = names(ask, deviceCode="TUMPMTSPECTROMETER002", **HOUR, fileExtension="hdf5")
        assert "TUMPMTSPECTROMETER002_20210830T000000.000Z-SDAQ-CAMERA.hdf5" in found
        assert all(name.endswith(".hdf5") for name in found)

    def test_a_listed_product_can_be_filtered_by(self, ask: Asked) -> None:
        """R176, R178, R179."""
        offered = ask("dataProducts", deviceCode="TUMPMTSPECTROMETER002", extension="hdf5").json
        for product in offered:
            assert names(ask, deviceCode="TUMPMTSPECTROMETER002", **HOUR, dataProductCode=product["dataProductCode"])


class TestPages:
    def test_next_names_the_page_as_text_and_holds_the_token(self, ask: Asked) -> None:
        answer = ask("archivefile/location", **BPR_PLACE, rowLimit=1).json
        assert answer["files"] == BPR_NAMES[:1]
        whole = BPR_PLACE | {"rowLimit": "1", "page": "2", "token": ask.sandbox.token}
        assert answer["next"]["parameters"] == whole
        url = urlsplit(answer["next"]["url"])
        assert url.path == "/api/archivefile/location"
        assert parse_qs(url.query) == {name: [value] for name, value in whole.items()}

    def test_the_last_page_has_no_next_and_those_after_it_are_empty(self, ask: Asked) -> None:
        last = ask("archivefile/device", **BPR, rowLimit=2, page=2).json
        assert (last["files"], last["next"]) == (BPR_NAMES[2:], None)
        full = ask("archivefile/device", **BPR, rowLimit=3).json
        assert (full["files"], full["next"]) == (BPR_NAMES, None)
        after = ask("archivefile/device", **BPR, rowLimit=2, page=3).json
        assert (after["files"], after["next"]) == ([], None)

    @pytest.mark.parametrize("limit", ["0", "-5", "100001", "999999999999"])
    def test_a_row_limit_out_of_bounds_is_the_most(self, ask: Asked, limit: str) -> None:
        answer = ask("archivefile/device", **(BPR | {"deviceCode": "ICLISTENHF6095"}), rowLimit=limit).json
        assert len(answer["files"]) == len(names(ask, **(BPR | {"deviceCode": "ICLISTENHF6095"})))
        assert limit in answer["messages"][0]

    def test_a_page_holds_100000_files_unless_asked_for_fewer(self, ask: Asked) -> None:
        given = {"deviceCode": "ICLISTENHF6094", "fileExtension": "wav"}
        first = ask("archivefile/device", **given).json
        assert len(first["files"]) == 100_000
        assert first["next"]["parameters"]["page"] == "2"
        second = names(ask, **given, page=2)
        assert first["files"][-1] < second[0]

    @pytest.mark.parametrize(("name", "value"), [("rowLimit", "x"), ("rowLimit", "1.5"), ("page", "0"), ("page", "x")])
    def test_a_page_that_is_no_number_is_code_127(self, ask: Asked, name: str, value: str) -> None:
        assert ask("archivefile/device", **BPR, **{name: value}).complaints == [(127, name)]

    def test_get_latest_turns_the_order(self, ask: Asked) -> None:
        """Q34: what it means is a guess; here the newest come first."""
        assert names(ask, **BPR, getLatest="true") == BPR_NAMES[::-1]
        assert names(ask, **BPR, getLatest="true", rowLimit=1) == BPR_NAMES[-1:]
        assert names(ask, **SOUND, getLatest="true") == names(ask, **SOUND)[::-1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("service", "given", "complaint"),
        [
            ("location", {}, (128, "locationCode,deviceCategoryCode")),
            ("location", {"locationCode": "NCBC"}, (128, "deviceCategoryCode")),
            ("device", {}, (128, "deviceCode")),
            ("device", {"deviceCode": "XYZ123"}, (127, "deviceCode")),
            ("location", {"locationCode": "XYZ123", "deviceCategoryCode": "BPR"}, (127, "locationCode")),
            ("device", BPR | {"extension": "txt"}, (129, "extension")),
            ("device", BPR | {"propertyCode": "pressure"}, (129, "propertyCode")),
            ("device", BPR | {"locationCode": "NCBC"}, (129, "locationCode")),
            ("device", BPR | {"fileExtension": "txt.gz"}, (127, "fileExtension")),
            ("device", BPR | {"dataProductCode": "XYZ123"}, (127, "dataProductCode")),
            ("device", BPR | {"returnOptions": "some"}, (127, "returnOptions")),
            ("device", BPR | {"getLatest": "maybe"}, (127, "getLatest")),
            ("device", BPR | {"dateTo": "2018-01-01"}, (23, "dateFrom,dateTo")),
            ("device", BPR | {"dateFrom": "2050-01-01", "dateTo": "2051-01-01"}, (25, "dateFrom")),
            ("device", BPR | {"dateArchivedFrom": "never"}, (127, "dateArchivedFrom")),
            (
                "device", BPR | {"dateArchivedFrom": "2020-01-01", "dateArchivedTo": "2019-01-01"},
                (23, "dateArchivedFrom,dateArchivedTo"),
            ),
            ("download", {}, (128, "filename")),
            ("download", {"filename": "XYZ123_20191123T000000.000Z.txt"}, (96, "filename")),
            ("download", {"filename": f"{BPR_NAMES[0]}.gz"}, (96, "filename")),
            ("download", {"filename": BPR_NAMES[0].replace("T000000", "T000001")}, (96, "filename")),
            ("download", {"filename": "BPR-Folger-59_20191323T000000.000Z.txt"}, (96, "filename")),
            ("download", {"filename": ""}, (128, "filename")),
        ],
    )  # fmt: skip
    def test_a_wrong_request_has_its_code(
        self, ask: Asked, service: str, given: dict[str, str], complaint: tuple[int, str]
    ) -> None:
        answer = ask(f"archivefile/{service}", **given)
        assert (answer.status, answer.complaints) == (400, [complaint])

    def test_an_unknown_file_is_named_so(self, ask: Asked) -> None:
        error = ask("archivefile/download", filename="x").json["errors"][0]
        assert error["errorMessage"] == "No file could be found."

    def test_a_place_without_a_deployment_in_the_window_is_refused_in_words(self, ask: Asked) -> None:
        """Q10: 400/127 that means "nothing", told from a typo by its text alone."""
        answer = ask(
            "archivefile/location", locationCode="FGPD", deviceCategoryCode="HYDROPHONE",
            dateFrom="2024-05-01", dateTo="2024-10-01",
        )  # fmt: skip
        (error,) = answer.json["errors"]
        assert (answer.status, error["errorCode"]) == (400, 127)
        assert "was deployed at location FGPD but not during the provided time range" in error["errorMessage"]

    def test_a_place_that_never_had_the_category_is_refused_in_other_words(self, ask: Asked) -> None:
        (error,) = ask("archivefile/location", locationCode="FGPD", deviceCategoryCode="METSTN").json["errors"]
        assert error["errorCode"] == 127
        assert "not during the provided time range" not in error["errorMessage"]

    def test_a_device_out_of_the_water_has_an_empty_answer(self, ask: Asked) -> None:
        answer = ask("archivefile/device", deviceCode="BPR-Folger-59", dateFrom="2018-01-01", dateTo="2018-02-01")
        assert (answer.status, answer.json["files"], answer.json["next"]) == (200, [], None)

    def test_a_place_with_a_deployment_but_no_file_has_an_empty_answer(self, ask: Asked) -> None:
        given = {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE"}
        assert names(ask, "location", **given, dateFrom="2023-06-10", dateTo="2023-06-20") == []


class TestDownload:
    def test_a_text_arrives_unpacked_with_its_name(self, ask: Asked) -> None:
        answer = ask("archivefile/download", filename=BPR_NAMES[0])
        assert answer.status == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{BPR_NAMES[0]}"'
        assert answer.headers["Content-Type"] == "text/plain"
        assert answer.body.startswith(b"# NRCan Bottom Pressure Recorder 59")
        assert len(answer.body) == rows(ask, **BPR)[0]["uncompressedFileSize"]

    def test_an_archived_log_is_the_same_file_that_an_order_brings(self, ask: Asked) -> None:
        """Q25: the names of archived products are taken to be those of the archive."""
        ordered = ask.files(
            deviceCode="BPR-Folger-59",
            dataProductCode="LF",
            extension="txt",
            dateFrom="2019-11-23",
            dateTo="2019-11-24",
        )
        assert ordered[BPR_NAMES[0]] == ask("archivefile/download", filename=BPR_NAMES[0]).body

    def test_over_http_a_range_is_ignored_and_head_has_the_length(self, catalogue: Catalogue) -> None:
        with Sandbox(catalogue=catalogue, now=lambda: NOW) as sandbox:
            url = f"{sandbox.url}api/archivefile/download?filename={BPR_NAMES[0]}&token={sandbox.token}"
            with urlopen(url) as answer:
                whole = answer.read()
            with urlopen(Request(url, headers={"Range": "bytes=10-"})) as answer:
                assert (answer.status, answer.headers["Content-Range"], answer.read()) == (200, None, whole)
            with urlopen(Request(url, method="HEAD")) as answer:
                assert (int(answer.headers["Content-Length"]), answer.read()) == (len(whole), b"")
                assert BPR_NAMES[0] in answer.headers["Content-Disposition"]


class Calendar:
    """A date that a test turns."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Turned(Asked):
    """A sandbox whose date can be turned."""

    def __init__(self, catalogue: Catalogue, now: datetime) -> None:
        super().__init__(catalogue)
        self.calendar = Calendar(now)
        self.sandbox = Sandbox(catalogue=catalogue, now=self.calendar)


WEEK = {"deviceCode": "ICLISTENHF6094", "fileExtension": "flac", "dateFrom": "2024-05-01", "dateTo": "2024-05-08"}


class TestArchiving:
    @pytest.fixture
    def turned(self, catalogue: Catalogue) -> Turned:
        return Turned(catalogue, datetime(2024, 5, 8, tzinfo=UTC))

    def test_files_come_in_as_time_goes_by_some_of_them_days_late(self, turned: Turned) -> None:
        """A listing of the same window grows, and a late file stands among those listed before (Q31)."""
        early = names(turned, **WEEK)
        turned.calendar.now += timedelta(days=4)
        full = names(turned, **WEEK)
        missed = [name for name in full if name not in early]
        assert set(early) < set(full)
        assert any(name < early[-1] for name in missed)
        assert any(name > early[-1] for name in missed)
        turned.calendar.now += timedelta(days=10)
        assert names(turned, **WEEK) == full

    def test_a_file_that_is_not_archived_yet_cannot_be_downloaded(self, turned: Turned) -> None:
        early = set(names(turned, **WEEK))
        turned.calendar.now += timedelta(days=4)
        late = next(name for name in names(turned, **WEEK) if name not in early)
        turned.calendar.now -= timedelta(days=4)
        assert turned("archivefile/download", filename=late).complaints == [(96, "filename")]

    def test_nothing_listed_was_archived_later_than_now(self, turned: Turned) -> None:
        for row in rows(turned, **WEEK):
            assert row["dateTo"] < row["archivedDate"] <= "2024-05-08T00:00:00.000Z"

    def test_files_up_to_minutes_before_now_are_there(self, turned: Turned) -> None:
        latest = rows(turned, deviceCode="ICLISTENHF6094", getLatest="true", rowLimit=1)[0]
        assert latest["dateFrom"] > "2024-05-07T23:00:00.000Z"

    def test_the_archived_window_has_what_came_in_then_and_nothing_else(self, turned: Turned) -> None:
        """Both ends of `dateArchivedFrom`/`dateArchivedTo` are in."""
        turned.calendar.now = NOW
        own = {
            "deviceCode": "ICLISTENHF6094",
            "fileExtension": "flac",
            "dateFrom": "2023-01-01",
            "dateTo": "2023-06-01",
        }
        every = rows(turned, **own)
        for first, last in (("2023-02-03", "2023-02-05"), ("2023-06-02", "2026-10-01"), ("2023-01-01", "2023-01-02")):
            wanted = [
                row for row in every if f"{first}T00:00:00.000Z" <= row["archivedDate"] <= f"{last}T00:00:00.000Z"
            ]
            assert wanted
            found = rows(turned, **own, dateArchivedFrom=first, dateArchivedTo=last)
            assert [row["filename"] for row in found] == [row["filename"] for row in wanted]
        edge = every[100]
        only = rows(turned, **own, dateArchivedFrom=edge["archivedDate"], dateArchivedTo=edge["archivedDate"])
        assert only == [edge]

    def test_a_small_share_is_archived_again_with_another_size(self, turned: Turned) -> None:
        """The name stays; dates, size and bytes do not, and `dateArchivedFrom` finds it (onc-api.md 4.3)."""
        own = {"deviceCode": "BPR-Folger-59", "dateFrom": "2019-09-01", "dateTo": "2021-09-01"}
        turned.calendar.now = datetime(2021, 9, 8, tzinfo=UTC)
        before = {row["filename"]: row for row in rows(turned, **own)}
        turned.calendar.now = NOW
        after = {row["filename"]: row for row in rows(turned, **own)}
        assert list(before) == list(after)
        changed = [name for name in after if after[name] != before[name]]
        assert 0 < len(changed) < len(after) / 10
        (old, new), name = (before[changed[0]], after[changed[0]]), changed[0]
        assert new["archivedDate"] > old["archivedDate"]
        assert new["modifyDate"] > new["archivedDate"]
        assert new["uncompressedFileSize"] != old["uncompressedFileSize"]
        since = rows(turned, **own, dateArchivedFrom="2021-09-08")
        assert [row["filename"] for row in since] == changed
        assert len(turned("archivefile/download", filename=name).body) == new["uncompressedFileSize"]

    def test_a_test_can_archive_a_file_again_now(self, turned: Turned) -> None:
        name = "ICLISTENHF6094_20240502T100000.000Z.fft"
        since = {"deviceCode": "ICLISTENHF6094", "dateArchivedFrom": "2024-05-08T00:00:00.000Z"}
        assert names(turned, **since) == []
        for body, size in ((b"one", 3), (b"other", 5)):
            turned.sandbox.archive.archive_again(name, body)
            (row,) = rows(turned, **since)
            assert (row["filename"], row["uncompressedFileSize"], row["compression"]) == (name, size, "gz")
            assert row["archivedDate"] == "2024-05-08T00:00:00.000Z" < row["modifyDate"]
            assert turned("archivefile/download", filename=name).body == body
        assert turned.sandbox.archive.edition_number(name) == 2

    def test_only_a_file_that_is_there_can_be_archived_again(self, turned: Turned) -> None:
        with pytest.raises(LookupError, match="none"):
            turned.sandbox.archive.archive_again("none", b"x")


class TestSpeed:
    """Decades of files cost nothing: a listing works out what it shows and little more."""

    @pytest.fixture
    def looked(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The days whose files were worked out."""
        days: list[int] = []

        def noted(shelf: Shelf, day: int) -> list[ArchiveFile]:
            days.append(day)
            return files_of(shelf, day)

        monkeypatch.setattr("oncsync.sandbox.archive.files_of", noted)
        return days

    def test_one_hour_looks_at_its_own_day_only(self, ask: Asked, looked: list[int]) -> None:
        assert names(ask, **SOUND)
        assert len(set(looked)) <= 2

    def test_a_late_page_makes_no_file_of_the_pages_before(self, ask: Asked, looked: list[int]) -> None:
        assert len(names(ask, deviceCode="ICLISTENHF6094", fileExtension="wav", rowLimit=100, page=4000)) == 100
        assert len(looked) <= 3

    def test_the_latest_file_is_found_from_the_end(self, ask: Asked, looked: list[int]) -> None:
        assert len(names(ask, deviceCode="ICLISTENHF6094", getLatest="true", rowLimit=1)) == 1
        assert len(set(looked)) <= 2
