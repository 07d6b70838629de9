"""From a manifest and its lock to the rows of a workbook."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from oncsync.lockfile import Lock, LockedRequest, LockEntry
from oncsync.manifest import Download, Manifest, Request, Settings
from oncsync.timespan import UTC
from oncsync.workbook import Exported, manifest_to_rows
from oncsync.workbook.exporting import production_link

BASE = Path("/home/ann/project")


def locked(**changes: Any) -> LockedRequest:
    members: dict[str, Any] = {
        "id": "r1",
        "source": {"locationCode": "BACAX", "deviceCategoryCode": "HYDROPHONE"},
        "data_product_code": "AD",
        "extension": "wav",
        "begin": datetime(2011, 7, 13, tzinfo=UTC),
        "end": datetime(2011, 7, 14, 12, tzinfo=UTC),
        "split": "month",
    }
    return LockedRequest(**(members | changes))


def entry(name: str, *requests: LockedRequest, kind: Any = "download", relative: str | None = None) -> LockEntry:
    return LockEntry(kind=kind, name=name, digest="d", requests=requests, relative=relative)


def request(name: str = "ctd", **changes: Any) -> Request:
    members: dict[str, Any] = {
        "location_code": "USDDL",
        "device_category_code": "CTD",
        "data_product_code": "TSSD",
        "extension": "csv",
        "begin": "2017-05-01T00:00:00.000Z",
        "end": "2017-06-01",
    }
    return Request(name=name, **(members | changes))


def manifest(*entries: Download | Request, folder: Path = BASE / "data", **settings: Any) -> Manifest:
    return Manifest(
        path=BASE / "oncsync.yaml",
        folder=folder,
        settings=Settings(**settings),
        downloads=tuple(entry for entry in entries if isinstance(entry, Download)),
        requests=tuple(entry for entry in entries if isinstance(entry, Request)),
    )


def exported(*entries: Download | Request, lock: tuple[LockEntry, ...] = (), **settings: Any) -> Exported:
    return manifest_to_rows(manifest(*entries, **settings), Lock(server="sandbox", entries=lock))


def test_requests_stand_in_their_order_as_they_are_written() -> None:
    result = exported(request("b", options={"dpo_a": "1"}, download=False), request("a", columns={"note": "x"}))
    assert [str(row.origin) for row in result.rows] == ["requests: b", "requests: a"]
    first, second = result.rows
    assert (first.location_code, first.device_category_code, first.begin, first.end) == (
        "USDDL",
        "CTD",
        "2017-05-01",
        "2017-06-01",
    )
    assert (first.download, first.options) == (False, {"dpo_a": "1"})
    assert second.columns == {"note": "x"}


def test_a_download_is_its_requests_in_the_lock() -> None:
    """R11, R51."""
    device = locked(source={"deviceCode": "NAXYS_HYD_007", "propertyCode": "soundpressure"}, options={"dpo_a": "1"})
    result = exported(Download(name="whales"), lock=(entry("whales", locked(), device),))
    by_location, by_device = result.rows
    assert (by_location.method, by_location.location_code, by_location.device_category_code) == (
        "byLocation",
        "BACAX",
        "HYDROPHONE",
    )
    assert (by_location.begin, by_location.end) == ("2011-07-13", "2011-07-14T12:00:00Z")
    assert (by_device.method, by_device.device_code, by_device.property_code) == (
        "byDevice",
        "NAXYS_HYD_007",
        "soundpressure",
    )
    assert by_device.options == {"dpo_a": "1"}


def test_a_row_of_a_download_carries_a_digest_that_shows_an_edit() -> None:
    (row,) = exported(Download(name="whales"), lock=(entry("whales", locked()),)).rows
    assert row.origin is not None
    assert row.origin.digest == row.digest
    assert not row.is_edited


def test_downloads_come_after_requests_by_name() -> None:
    result = exported(
        Download(name="b"), Download(name="a"), request("z"), lock=(entry("a", locked()), entry("b", locked()))
    )
    assert [row.origin.name for row in result.rows if row.origin] == ["z", "a", "b"]


def test_the_information_columns_come_from_the_lock_where_a_person_left_them_blank() -> None:
    """R56, R57."""
    about: dict[str, Any] = {
        "locationName": "Axis",
        "depth": 981.0,
        "deviceCode": "NAXYS_HYD_007",
        "dataSearchURL": "http://qa.oceannetworks.ca/DataSearch?location=BACAX",
        "deviceLink": None,
        "deviceName": "not in this tab",
    }
    (row,) = exported(
        request(columns={"locationName": None, "depth": 12, "note": "x"}),
        lock=(entry("ctd", locked(about=about), kind="row"),),
    ).rows
    assert row.columns == {
        "locationName": "Axis",
        "depth": 12,
        "note": "x",
        "deviceCode": "NAXYS_HYD_007",
        "Data Search": "https://data.oceannetworks.ca/DataSearch?location=BACAX",
    }


def test_own_columns_alone_stand_behind_what_the_lock_knows() -> None:
    (row,) = exported(
        request(columns={"note": "x"}), lock=(entry("ctd", locked(about={"locationName": "Axis"}), kind="row"),)
    ).rows
    assert list(row.columns) == ["locationName", "note"]


def test_links_point_to_production() -> None:
    """I-6."""
    assert production_link("http://qa.oceannetworks.ca/DeviceListing?DeviceId=1") == (
        "https://data.oceannetworks.ca/DeviceListing?DeviceId=1"
    )
    assert production_link("https://wiki.oceannetworks.ca/display/DP/7") == "https://wiki.oceannetworks.ca/display/DP/7"
    assert production_link("http://qa.oceannetworks.ca.example.org/") == "http://qa.oceannetworks.ca.example.org/"


def test_archive_files_and_what_is_not_locked_are_left_out_with_a_note() -> None:
    result = exported(
        Download(name="raw", service="archivefile"),
        Download(name="new"),
        Download(name="last-day"),
        lock=(entry("last-day", relative="-P1D"),),
    )
    assert result.rows == ()
    assert [note.split("`")[1] for note in result.notes] == ["last-day", "new", "raw"]


def test_a_manifest_without_a_lock_gives_its_requests() -> None:
    assert len(manifest_to_rows(manifest(request(), Download(name="whales")), None).rows) == 1


def test_data_that_another_row_brings_are_switched_off() -> None:
    """R77: the same data in both tabs are fetched once."""
    device = locked(source={"deviceCode": "D"}, same_as="r1")
    rows = exported(Download(name="whales"), lock=(entry("whales", locked(), device),)).rows
    assert [row.download for row in rows] == [True, False]


def test_pinned_options_are_those_that_were_sent() -> None:
    lock = (entry("ctd", locked(options={"dpo_a": "1", "dpo_default": "0"}), kind="row"),)
    (pinned,) = exported(request(options={"dpo_a": "1"}, pin_options=True), lock=lock).rows
    (plain,) = exported(request(options={"dpo_a": "1"}), lock=lock).rows
    assert (pinned.options, plain.options) == ({"dpo_a": "1", "dpo_default": "0"}, {"dpo_a": "1"})


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([None, None], ("all", [None, None])),
        (["month", "month"], ("month", [None, None])),
        (["month", None], ("all", ["month", None])),
    ],
)
def test_the_configuration_says_the_split_and_rows_that_differ_say_their_own(
    own: list[str | None], expected: tuple[str, list[str | None]]
) -> None:
    """R86, R87."""
    result = exported(*(request(f"r{index}", split_date_range=split) for index, split in enumerate(own)))
    assert (result.settings["splitDateRange"], [row.split_date_range for row in result.rows]) == expected


def test_a_split_that_the_manifest_sets_for_all_wins() -> None:
    result = exported(request("a"), request("b", split_date_range="day"), split_date_range="year")
    assert result.settings["splitDateRange"] == "year"
    assert [row.split_date_range for row in result.rows] == [None, "day"]


def test_the_first_day_of_the_week_matters_for_weeks_alone() -> None:
    """R88."""
    result = exported(
        request("a", split_date_range="week", day_of_week="MO"),
        request("b", split_date_range="week", day_of_week="TU"),
        request("c", split_date_range="day", day_of_week="WE"),
        day_of_week="MO",
    )
    assert result.settings["dayOfWeek"] == "MO"
    assert [row.day_of_week for row in result.rows] == [None, "TU", None]


def test_the_configuration_holds_the_manifests_settings() -> None:
    """R82-R85, R91, R95-R97."""
    settings = exported(
        request(), run_threads=2, download_queue_size=7, begin_run="22:00:00", end_run="06:00:00"
    ).settings
    assert settings == {
        "downloadFolder": "data",
        "logFile": "data/.oncsync/state.json",
        "splitDateRange": "all",
        "dayOfWeek": "SU",
        "runThreads": 2,
        "downloadThreads": 10,
        "downloadQueueSize": 7,
        "beginRun": "22:00:00",
        "endRun": "06:00:00",
    }


def test_further_settings_are_named_only_when_they_differ_from_the_default() -> None:
    settings = exported(request(), run_time_zone="UTC", metadata=False, late_days=1.0).settings
    assert (settings["runTimeZone"], settings["metadata"]) == ("UTC", False)
    assert "lateDays" not in settings
    assert exported(request()).settings["downloadQueueSize"] == "unlimited"


def test_a_folder_elsewhere_is_written_in_full_and_the_state_below_it() -> None:
    result = manifest_to_rows(manifest(request(), folder=Path("/srv/onc"), state="log/state.json"), None)
    assert result.settings["downloadFolder"] == Path("/srv/onc").as_posix()
    assert result.settings["logFile"] == f"{Path('/srv/onc').as_posix()}/log/state.json"
