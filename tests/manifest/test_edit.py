"""Writing a manifest: as a person would, and so that loading gives it back."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncsync.errors import FolderError
from oncsync.manifest import (
    Download,
    Events,
    Manifest,
    Near,
    Request,
    Settings,
    format_manifest,
    manifest_mapping,
    request_mapping,
    write_manifest,
)
from oncsync.manifest.validate import looks_secret
from tests.manifest.support import load_text, without_places
from tests.manifest.test_load import WHALES

REQUESTS = [
    Request(
        name="By Location!2",
        location_code="BACAX",
        device_category_code="HYDROPHONE",
        data_product_code="AD",
        extension="wav",
        begin="2011-07-13",
        end="2011-07-14",
        options={"dpo_hydrophoneDataDiversionMode": "All"},
        columns={"locationName": "Axis", "depth": 981, "note": "a: b # c", "serial": "007", "latest": None},
    ),
    Request(
        name="By Device!2",
        download=False,
        device_code="NAXYS_HYD_007",
        data_product_code="AD",
        extension="000",
        begin="2011-07-13T00:00:00.000Z",
        end="now",
        split_date_range="day",
    ),
]

WRITTEN = """\
# made by hand

version: 1
folder: data

settings:
  splitDateRange: week
  beginRun: '22:00:00'

downloads:
  - name: ctd
    locationCode: [BACAX, USDDL]
    begin: 2017-05-01
    end: -P1D
    options: {dpo_qualityControl: '1'}
    path: '{locationCode}/{year}'

requests:
  - name: By Location!2
    locationCode: BACAX
    deviceCategoryCode: HYDROPHONE
    dataProductCode: AD
    extension: wav
    begin: 2011-07-13
    end: 2011-07-14
    options: {dpo_hydrophoneDataDiversionMode: All}
    columns: {locationName: Axis, depth: 981, note: 'a: b # c', serial: '007', latest: null}
  - name: By Device!2
    download: false
    deviceCode: NAXYS_HYD_007
    dataProductCode: AD
    extension: '000'
    begin: 2011-07-13T00:00:00.000Z
    end: now
    splitDateRange: day
"""


def test_manifest_is_written_as_a_person_would(tmp_path: Path) -> None:
    mapping: dict[str, Any] = {
        "version": 1,
        "folder": "data",
        "settings": {"splitDateRange": "week", "beginRun": "22:00:00"},
        "downloads": [
            {
                "name": "ctd",
                "locationCode": ["BACAX", "USDDL"],
                "begin": "2017-05-01",
                "end": "-P1D",
                "options": {"dpo_qualityControl": "1"},
                "path": "{locationCode}/{year}",
            }
        ],
        "requests": [request_mapping(request) for request in REQUESTS],
    }
    path = tmp_path / "new" / "oncsync.yaml"
    write_manifest(path, mapping, comment="made by hand\n")
    assert path.read_text(encoding="utf-8").replace("\n\n", "\n") == WRITTEN.replace("\n\n", "\n")


def test_same_manifest_gives_the_same_bytes() -> None:
    mapping = manifest_mapping(load_text(WHALES))
    assert format_manifest(mapping) == format_manifest(manifest_mapping(load_text(WHALES)))


def test_place_that_cannot_be_written_is_a_folder_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FolderError):
        write_manifest(tmp_path / "file" / "oncsync.yaml", {"version": 1})


# What a person may write, as records: loading what is written of them gives them back.

_CODES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,7}", fullmatch=True)
_ANY_CODES = st.lists(_CODES, max_size=3, unique=True).map(tuple)
_SOME_CODES = st.lists(_CODES, min_size=1, max_size=3, unique=True).map(tuple)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
_CELL_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_PRINTABLE = st.text(string.printable.replace("\x0b", "").replace("\x0c", ""), min_size=1, max_size=12)
_OPTION_NAMES = st.from_regex(r"dpo_[A-Za-z0-9]{1,6}", fullmatch=True)
_OPTION_VALUES = _TEXTS | _PRINTABLE | st.sampled_from(["off", "1", "000", "~", "null"])
_OPTIONS = st.dictionaries(_OPTION_NAMES, _OPTION_VALUES, max_size=2)
_SOME_OPTIONS = st.dictionaries(_OPTION_NAMES, _OPTION_VALUES, min_size=1, max_size=2)
_SPANS = st.sampled_from(
    [("2020-01-01", "2020-02-01"), ("-P1D", "now"), ("2017-05-01T00:00:00.000Z", None), ("2011-07-13 0:00:00", "P1M")]
)
_SPLITS = st.none() | st.sampled_from(["year", "month", "week", "day", "hour", "PT6H"])
_PATHS = st.none() | st.sampled_from(["{locationCode}/{year}", "plain", "a b/{day}: x"])
_NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)
_COUNTS = st.none() | st.integers(1, 10**6)


@st.composite
def _downloads(draw: st.DrawFn) -> Download:
    is_archive = draw(st.booleans())
    begin, end = draw(_SPANS)
    common: dict[str, Any] = {
        "name": draw(_NAMES),
        "download_method": draw(st.sampled_from(["byLocation", "byDevice", "all"])),
        "location_codes": draw(_ANY_CODES),
        "device_codes": draw(_ANY_CODES),
        "data_product_names": draw(st.sampled_from([(), ("Audio Data",), ("true", "5")])),
        "extensions": draw(st.sampled_from([(), ("000",), ("csv", "mat")])),
        "exclude": draw(st.dictionaries(st.sampled_from(["deviceCode", "extension"]), _SOME_CODES)),
        "near": draw(st.none() | st.just(Near(lat=48.5, lon=-126.0, radius_km=1e-05))),
        "begin": begin,
        "end": end,
        "path": draw(_PATHS),
        "metadata": draw(st.none() | st.booleans()),
        "late_days": draw(st.none() | st.integers(0, 9) | st.floats(0, 9).map(lambda days: round(days, 3))),
    }
    if is_archive:
        patterns = st.lists(_TEXTS, max_size=2).map(tuple)
        return Download(
            **common,
            service="archivefile",
            match=draw(patterns),
            not_match=draw(patterns),
            min_size=draw(st.none() | st.just("1 kB")),
            newest=draw(_COUNTS),
            limit=draw(_COUNTS),
        )
    scoped = draw(st.dictionaries(st.sampled_from(["", "TSSD", "AD/000"]), _SOME_OPTIONS, max_size=3))
    return Download(
        **common,
        events=draw(st.none() | st.just(Events(file="no such.csv", padding="PT30S"))),
        prefer=draw(st.sampled_from([(), ("flac", "wav")])),
        options=dict(sorted(scoped.items())),
        pin_options=draw(st.booleans()),
        split_date_range=draw(_SPLITS),
        day_of_week=draw(st.none() | st.just("WE")),
        max_order_hours=draw(st.none() | st.integers(1, 99)),
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    begin, end = draw(_SPANS)
    is_by_device = draw(st.booleans())
    source: dict[str, Any] = (
        {"device_code": draw(_CODES)}
        if is_by_device
        else {"location_code": draw(_CODES), "device_category_code": draw(_CODES)}
    )
    cells = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | _CELL_TEXTS | _PRINTABLE
    return Request(
        **source,
        name=draw(_TEXTS.filter(lambda name: len(name.lower()) == len(name))),
        download=draw(st.booleans()),
        property_code=draw(st.none() | _CODES),
        data_product_code=draw(_CODES),
        extension=draw(_CODES),
        begin=begin,
        end=end,
        options=draw(_OPTIONS),
        pin_options=draw(st.booleans()),
        path=draw(_PATHS),
        split_date_range=draw(st.sampled_from(["year", "day", "PT6H"])),
        metadata=draw(st.none() | st.booleans()),
        columns=draw(
            st.dictionaries(
                _TEXTS.filter(lambda header: not looks_secret(header)),
                cells | st.floats(-1e6, 1e6).map(lambda cell: round(cell, 6)),
                max_size=4,
            )
        ),
    )


_MANIFESTS = st.builds(
    Manifest,
    path=st.just(Path("oncsync.yaml")),
    server=st.sampled_from(["production", "qa", "sandbox", "https://data.example.org/"]),
    folder=st.sampled_from(["data", "on", "2020-01-01", "a: b"]).map(lambda name: Path(name).absolute()),
    vars=st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), _TEXTS | st.just("007"), max_size=2),
    settings=st.builds(
        Settings,
        split_date_range=_SPLITS,
        run_threads=st.integers(1, 9),
        download_queue_size=_COUNTS,
        begin_run=st.sampled_from(["00:00:00", "22:00:00"]),
        run_time_zone=st.none() | st.just("UTC"),
        metadata=st.booleans(),
        max_order_hours=st.just(48.0) | st.just(0.5),
        refresh_open=st.none() | st.just("PT1H"),
        min_free=st.none() | st.sampled_from(["10GB", "1000"]),
        state=st.none() | st.just("p.json"),
    ),
    downloads=st.lists(_downloads(), max_size=3, unique_by=lambda download: download.name.lower()).map(tuple),
    requests=st.lists(requests(), max_size=3, unique_by=lambda request: request.name.lower()).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(_MANIFESTS)
def test_loading_what_was_written_gives_the_manifest_back(manifest: Manifest) -> None:
    text = format_manifest(manifest_mapping(manifest))
    assert without_places(load_text(text)) == without_places(manifest)
