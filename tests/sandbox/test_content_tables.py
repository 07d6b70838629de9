"""Time series as CSV, text and JSON."""

from __future__ import annotations

import csv
import io
import itertools
import json
import tracemalloc
from datetime import datetime, timedelta
from typing import Any

from oncsync.sandbox import Catalogue
from oncsync.sandbox.content import lay_out
from oncsync.sandbox.orders import read_order
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Asked


def only_file(ask: Asked, **given: object) -> bytes:
    files = ask.files(**(CTD_CSV | MAY | given))
    (body,) = [body for name, body in files.items() if not name.endswith("_META.xml")]
    return body


def rows_of(body: bytes) -> list[list[str]]:
    text = body.decode()
    lines = itertools.dropwhile(lambda line: line.startswith("#"), io.StringIO(text))
    return list(csv.reader(lines, skipinitialspace=True))


def moments_of(rows: list[list[str]]) -> list[datetime]:
    return [datetime.strptime(row[0], "%Y-%m-%dT%H:%M:%S.%f%z") for row in rows[1:]]


def test_a_csv_has_a_row_each_half_hour_and_a_flag_each_value(ask: Asked) -> None:
    rows = rows_of(only_file(ask))
    assert rows[0][0].startswith("Time UTC")
    assert rows[0][1] == "Conductivity (S/m)"
    assert {len(row) for row in rows} == {13}
    moments = moments_of(rows)
    assert len(moments) == 31 * 48
    assert {two - one for one, two in itertools.pairwise(moments)} == {timedelta(minutes=30)}
    assert {row[2] for row in rows[1:]} == {"1", "4"}


def test_values_are_plausible(ask: Asked) -> None:
    """Seawater: some degrees, some S/m, and the pressure of its depth."""
    rows = rows_of(only_file(ask, dpo_qualityControl="1"))[1:]
    for column, low, high in ((1, 2.5, 4.0), (3, 3.0, 12.0), (5, 95.0, 125.0), (7, 28.0, 38.0)):
        values = [float(row[column]) for row in rows]
        known = [value for value in values if value == value]
        assert low < min(known) < max(known) < high
        assert len(known) > 0.9 * len(values)
        assert len(set(known)) > 100


def test_clean_data_have_no_value_where_raw_data_have_a_flagged_one(ask: Asked) -> None:
    clean, raw = (rows_of(only_file(ask, dpo_qualityControl=value))[1:] for value in ("1", "0"))
    suspect = [n for n, row in enumerate(clean) if row[2] == "4"]
    assert suspect
    for n, (one, two) in enumerate(zip(clean, raw, strict=True)):
        if n in suspect:
            assert one[1] == "NaN"
            assert float(two[1]) > 5
        else:
            assert one == two


def test_neighbouring_orders_share_no_row_and_miss_none(ask: Asked) -> None:
    """Month by month the rows are those of the whole."""
    bounds = ["2017-05-01", "2017-05-12", "2017-05-12T00:00:08.000Z", "2017-06-01"]
    parts = [
        row
        for begin, end in itertools.pairwise(bounds)
        if (begin, end) != (bounds[1], bounds[2])
        for row in rows_of(only_file(ask, dateFrom=begin, dateTo=end))[1:]
    ]
    whole = rows_of(only_file(ask))[1:]
    first_after = [row for row in whole if row[0].startswith("2017-05-12T00:00")]
    assert sorted(parts + ([] if first_after[0] in parts else first_after)) == whole


def test_a_property_alone_is_one_column(ask: Asked) -> None:
    header = rows_of(only_file(ask, propertyCode="salinity"))[0]
    assert len(header) == 3
    assert header[1].endswith("(psu)")


def test_a_place_and_its_device_measure_the_same(ask: Asked) -> None:
    place = rows_of(only_file(ask))
    files = ask.files(deviceCode="SBECTD37SIP8451", dataProductCode="TSSD", extension="csv", **MAY)
    assert rows_of(next(iter(files.values()))) == place


def test_where_two_deployments_overlap_the_first_delivers(ask: Asked) -> None:
    """Each instant has one row even while two devices of one category share a place."""
    given = {"locationCode": "SCVIP", "dateFrom": "2016-02-20", "dateTo": "2016-03-10"}
    moments = moments_of(rows_of(only_file(ask, **given)))
    assert moments == sorted(set(moments))
    assert {two - one for one, two in itertools.pairwise(moments)} == {timedelta(minutes=30)}


def test_a_gap_of_a_deployment_is_empty(ask: Asked) -> None:
    given = {"locationCode": "CBY", "dateFrom": "2013-01-30", "dateTo": "2013-02-13"}
    moments = moments_of(rows_of(only_file(ask, **given)))
    days = {moment.day for moment in moments}
    assert days == {30, 31, 11, 12}


def test_text_is_the_same_with_tabs(ask: Asked) -> None:
    lines = only_file(ask, extension="txt").decode().splitlines()
    table = [line.split("\t") for line in lines if not line.startswith("%")]
    assert table[0][0] == "time"
    assert {len(row) for row in table} == {13}
    assert len(table) == 1 + 31 * 48


def sensors_of(body: bytes) -> list[dict[str, Any]]:
    loaded = json.loads(body)
    assert loaded["metadata"]["rowCount"] == 31 * 48
    sensors = loaded["sensorData"]
    assert isinstance(sensors, list)
    return sensors


def test_json_comes_in_two_encodings_of_the_same_values(ask: Asked) -> None:
    columns = sensors_of(only_file(ask, extension="json", dpo_jsonOutputEncoding="ONC"))
    objects = sensors_of(only_file(ask, extension="json"))
    assert [s["propertyCode"] for s in columns] == [s["propertyCode"] for s in objects]
    for one, two in zip(columns, objects, strict=True):
        rows = zip(one["data"]["sampleTimes"], one["data"]["values"], one["data"]["qaqcFlags"], strict=True)
        assert list(rows) == [(o["time"], o["value"], o["flag"]) for o in two["observations"]]
        assert None in one["data"]["values"]


def test_equal_orders_give_equal_bytes_in_every_life(catalogue: Catalogue) -> None:
    for extension in ("csv", "json", "txt"):
        given = {"extension": extension}
        assert only_file(Asked(catalogue), **given) == only_file(Asked(catalogue), **given)


def test_other_options_give_other_bytes(ask: Asked) -> None:
    assert only_file(ask, dpo_dataGaps="0") != only_file(ask, dpo_dataGaps="1")


def test_a_year_passes_through_without_being_held(catalogue: Catalogue) -> None:
    given = CTD_CSV | {"dateFrom": "2015-01-01", "dateTo": "2016-01-01"}
    (file,) = lay_out(catalogue, read_order(catalogue, given, NOW)).files
    content = file.make()
    tracemalloc.start()
    sent = sum(len(block) for block in content.blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent == content.length > 2_000_000
    assert peak < 600_000
