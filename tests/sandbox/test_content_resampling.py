"""Rows of intervals: means and extremes, in every format."""

from __future__ import annotations

import itertools
import json
import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.sandbox import Catalogue, read_catalogue
from oncsync.sandbox.content import lay_out
from oncsync.sandbox.content.series import Interval, Measured, Stretch, in_intervals
from oncsync.sandbox.orders import read_order
from tests.sandbox.asking import CTD_CSV, NOW, Asked
from tests.sandbox.test_content_formats import matrices
from tests.sandbox.test_content_pictures import decoded
from tests.sandbox.test_content_tables import moments_of, only_file, rows_of

TWO_DAYS = {"dateFrom": "2017-05-01T00:00:00.000Z", "dateTo": "2017-05-03T00:00:00.000Z"}
MODES = {"average": ("",), "minMax": (" min", " max"), "minMaxAvg": (" min", " max", " avg")}
DEVICE = read_catalogue().devices["SBECTD37SIP8451"]


def resampled(mode: str, seconds: int) -> dict[str, str]:
    return TWO_DAYS | {"dpo_resample": mode, f"dpo_{mode}": str(seconds)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seconds", [60, 600, 900, 3600, 86400])
def test_a_row_comes_every_n_seconds(ask: Asked, mode: str, seconds: int) -> None:
    """Finer and coarser than the half hour of the device, from the begin of the order on."""
    body = only_file(ask, **resampled(mode, seconds))
    rows = rows_of(body)
    moments = moments_of(rows)
    assert len(moments) == 2 * 86400 // seconds
    assert moments[0] == datetime.fromisoformat("2017-05-01T00:00:00+00:00")
    assert {two - one for one, two in itertools.pairwise(moments)} == {timedelta(seconds=seconds)}
    assert [name for name in rows[0] if "Conductivity" in name] == [f"Conductivity{s} (S/m)" for s in MODES[mode]]
    assert {len(row) for row in rows} == {1 + 6 * 2 * len(MODES[mode])}
    *_, about = itertools.takewhile(lambda line: line.startswith("#"), body.decode().splitlines())
    assert f"of the {seconds} seconds" in about


def test_a_year_by_the_day_has_365_rows(ask: Asked) -> None:
    given = resampled("average", 86400) | {"dateFrom": "2017-01-01", "dateTo": "2018-01-01", "locationCode": "BACAX"}
    assert len(rows_of(only_file(ask, **given))) == 1 + 365


@pytest.mark.parametrize("seconds", [3600, 86400])
def test_rows_are_means_and_extremes_of_the_samples(ask: Asked, seconds: int) -> None:
    """What is left of the raw samples is what the series without resampling has; suspect ones do not count."""
    plain = rows_of(only_file(ask, **TWO_DAYS))[1:]
    rows = rows_of(only_file(ask, **resampled("minMaxAvg", seconds)))[1:]
    per_row = seconds // 1800
    for number, row in enumerate(rows):
        own = plain[number * per_row : (number + 1) * per_row]
        for sensor in range(6):
            known = [float(sample[1 + 2 * sensor]) for sample in own if sample[2] == "1"]
            low, high, mean = (float(row[1 + 6 * sensor + 2 * n]) for n in range(3))
            assert (low, high) == (min(known), max(known))
            assert mean == pytest.approx(math.fsum(known) / len(known), abs=1e-4)


def test_fine_rows_lie_between_their_extremes_which_differ(ask: Asked) -> None:
    rows = [row for row in rows_of(only_file(ask, **resampled("minMaxAvg", 60)))[1:] if row[2] == "1"]
    assert all(float(row[7]) <= float(row[11]) <= float(row[9]) for row in rows)
    assert sum(float(row[7]) < float(row[9]) for row in rows) > 0.95 * len(rows)


def test_an_average_is_that_of_the_other_mode(ask: Asked) -> None:
    means = rows_of(only_file(ask, **resampled("average", 900)))[1:]
    mixed = rows_of(only_file(ask, **resampled("minMaxAvg", 900)))[1:]
    assert [row[1] for row in means] == [row[5] for row in mixed]


def test_clean_means_leave_suspect_samples_out_and_raw_ones_flag_them(ask: Asked) -> None:
    given = resampled("average", 86400) | {"dateTo": "2017-06-01"}
    clean, raw = (rows_of(only_file(ask, **given, dpo_qualityControl=value))[1:] for value in ("1", "0"))
    assert {row[2] for row in clean} == {"1"}
    flagged = [n for n, row in enumerate(raw) if row[2] == "4"]
    assert flagged
    for number, (one, two) in enumerate(zip(clean, raw, strict=True)):
        assert (float(two[1]) > float(one[1])) == (number in flagged)


def test_neighbouring_orders_make_the_rows_of_the_whole(ask: Asked) -> None:
    whole = rows_of(only_file(ask, **resampled("average", 600)))[1:]
    cut = "2017-05-01T17:30:00.000Z"
    first = rows_of(only_file(ask, **resampled("average", 600) | {"dateTo": cut}))[1:]
    second = rows_of(only_file(ask, **resampled("average", 600) | {"dateFrom": cut}))[1:]
    assert first + second == whole


def test_an_order_shorter_than_its_interval_is_one_row(ask: Asked) -> None:
    given = resampled("average", 86400) | {"dateFrom": "2017-05-01T05:00:00Z", "dateTo": "2017-05-01T09:00:00Z"}
    rows = rows_of(only_file(ask, **given))
    assert [row[0] for row in rows[1:]] == ["2017-05-01T05:00:00.000Z"]


def test_files_cut_by_the_day_hold_the_rows_of_the_whole(ask: Asked) -> None:
    given = CTD_CSV | TWO_DAYS | {"dpo_resample": "average", "dpo_average": "86400"}
    (whole, _) = ask.files(**given).values()
    *parts, _ = ask.files(**given, dpo_filePlotBreaks="1").values()
    assert len(parts) == 2
    assert [row for part in parts for row in rows_of(part)[1:]] == rows_of(whole)[1:]


def test_arrays_have_a_column_for_each_statistic(ask: Asked) -> None:
    table = rows_of(only_file(ask, **resampled("minMaxAvg", 900)))[1:]
    columns = matrices(only_file(ask, **resampled("minMaxAvg", 900), extension="mat"))
    assert list(columns)[1:4] == ["conductivity_min", "conductivity_max", "conductivity_avg"]
    for number, name in enumerate(list(columns)[1:]):
        known = [value for value in columns[name] if not math.isnan(value)]
        assert known == pytest.approx([float(row[1 + 2 * number]) for row in table if row[2] == "1"], abs=6e-5)
    netcdf = only_file(ask, **resampled("minMaxAvg", 900), extension="nc")
    assert b"soundspeed_avg" in netcdf
    assert b"of the 900 seconds" in netcdf


@pytest.mark.parametrize("encoding", ["ONC", "OM"])
def test_json_names_the_statistic_and_counts_its_rows(ask: Asked, encoding: str) -> None:
    given = resampled("minMax", 3600) | {"extension": "json", "dpo_jsonOutputEncoding": encoding}
    loaded = json.loads(only_file(ask, **given))
    assert loaded["metadata"]["rowCount"] == 48
    assert [sensor["statistic"] for sensor in loaded["sensorData"]] == ["min", "max"] * 6
    for sensor in loaded["sensorData"]:
        assert len(sensor["data"]["values"] if encoding == "ONC" else sensor["observations"]) == 48


def test_a_log_is_resampled_too(ask: Asked) -> None:
    given = resampled("minMax", 3600) | {"deviceCode": DEVICE.code, "dataProductCode": "LF", "extension": "txt"}
    (first, *_) = ask.files(**given).values()
    lines = [line.split() for line in first.decode().splitlines() if not line.startswith("#")]
    assert len(lines) == 24
    assert {len(line) for line in lines} == {1 + 6 * 2}


def test_a_plot_of_daily_means_has_no_tides(ask: Asked) -> None:
    """Pressure, the third panel, rises and falls twice a day by the hour, and lies flat by the day."""
    inked = []
    for seconds in ("600", "86400"):
        given = {"dpo_resample": "average", "dpo_average": seconds, "dateTo": "2017-05-08T00:00:00Z"}
        files = ask.files(**CTD_CSV | TWO_DAYS | {"dataProductCode": "TSSP", "extension": "png"} | given)
        _, _, rows = decoded(next(iter(files.values())))
        inked.append(sum(row.count(6) for row in rows))
    assert inked[0] > 2 * inked[1]


def test_a_decade_by_the_minute_announces_its_length_at_once(catalogue: Catalogue) -> None:
    given = CTD_CSV | {"locationCode": "BACAX", "dateFrom": "2010-01-01", "dateTo": "2020-01-01"}
    given |= {"dpo_resample": "average", "dpo_average": "60"}
    (file,) = lay_out(catalogue, read_order(catalogue, given, NOW)).files
    content = file.make()
    assert content.length > 5_000_000 * 100
    blocks = content.blocks()
    assert next(blocks).startswith(b"# ")


PARTS = st.lists(st.integers(0, 500_000), min_size=2, max_size=8, unique=True).map(sorted)


@given(PARTS, st.sampled_from([60, 600, 3600, 86400]), st.integers(1, 7200))
def test_every_interval_with_data_has_one_row_of_samples_within(bounds: list[int], seconds: int, step: int) -> None:
    """However stretches lie: rows rise by whole intervals, and each has a sample in its interval and stretch."""
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    parts = [Stretch(DEVICE, None, begin * 1000, end * 1000) for begin, end in pairs]
    length = seconds * 1000
    interval = Interval(length, bounds[0] * 1000)
    wide = in_intervals(parts, interval)
    measured = Measured(("", ""), tuple(wide), step * 1000, (), True, ("",), interval)
    rows = list(measured.instants())
    assert len(rows) == measured.rows
    starts = [moment for _, moment in rows]
    assert starts == sorted(set(starts))
    wanted = {
        number
        for begin, end in pairs
        for number in range((begin - bounds[0]) // seconds, -(-(end - bounds[0]) // seconds))
    }
    assert {(moment - interval.anchor) / length for moment in starts} == wanted
    for part, moment in rows:
        samples = measured.samples(part, moment)
        assert samples
        assert part.first is not None
        assert part.last is not None
        assert max(moment, part.first) <= samples[0] <= samples[-1] < min(moment + length, part.last)
