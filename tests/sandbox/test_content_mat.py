"""MAT files: what orders deliver and what lies in the archive, read by scipy."""

from __future__ import annotations

import io
from typing import Any

import pytest
import scipy.io

from oncsync.sandbox.content.matlab import Variable, datenum, matlab_content
from tests.sandbox.asking import CTD_CSV, Asked

UNIX_DAYS = 719_529
HOUR = {"dateFrom": "2017-05-01", "dateTo": "2017-05-01T01:00:00.000Z"}
DAY = {"dateFrom": "2017-05-01", "dateTo": "2017-05-02"}
SOUND = {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE", "dataProductCode": "HSD", "extension": "mat"}


def opened(body: bytes) -> dict[str, Any]:
    variables: dict[str, Any] = scipy.io.loadmat(io.BytesIO(body))
    return {name: value for name, value in variables.items() if not name.startswith("__")}


def test_a_series_has_time_and_a_column_for_every_sensor(ask: Asked) -> None:
    body = next(iter(ask.files(**(CTD_CSV | {"extension": "mat"}), **DAY).values()))
    found = opened(body)
    assert {"time", "conductivity", "seawatertemperature", "pressure"} <= set(found)
    assert {value.shape for value in found.values()} == {(48, 1)}
    assert found["time"][0, 0] == pytest.approx(UNIX_DAYS + 17_287, abs=0.01)
    assert 0 < found["seawatertemperature"][0, 0] < 20


def test_spectra_of_an_order_have_a_column_for_every_instant(ask: Asked) -> None:
    found = opened(next(iter(ask.files(**SOUND, **HOUR).values())))
    assert set(found) == {"time", "frequency", "PSD", "deviceCode", "units", "notice"}
    assert found["PSD"].shape == (found["frequency"].size, found["time"].size) == (64, 30)
    assert found["deviceCode"].item() == "ICLISTENHF1560B"


def test_archived_spectra_are_read_alike(ask: Asked) -> None:
    """The archive's own `mat` files open as well, each with levels that fall with frequency."""
    name = "ICLISTENHF1560B_20170501T000000.000Z-spect.mat"
    found = opened(ask("archivefile/download", filename=name).body)
    levels = found["PSD"].mean(axis=1)
    assert levels[0] > levels[-1]
    assert found["units"].item() == "dB re 1 uPa^2/Hz"
    assert found["time"][1, 0] - found["time"][0, 0] == pytest.approx(10 / 86_400, abs=1e-8)


def test_every_archived_mat_file_of_a_sonar_opens(ask: Asked) -> None:
    given = {"deviceCode": "KONGSBERG1071ROTARY", "fileExtension": "mat", "rowLimit": 2}
    for name in ask("archivefile/device", **given).json["files"]:
        assert "time" in opened(ask("archivefile/download", filename=name).body)


def test_matrices_are_written_column_by_column_and_texts_in_any_language() -> None:
    content = matlab_content(
        [Variable("grid", 2, 3, lambda: range(6)), Variable("none", 0, 1, lambda: [])],
        {"text": "Straße °C", "odd": "abc"},
    )
    body = b"".join(content.blocks())
    assert len(body) == content.length
    found = opened(body)
    assert found["grid"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert found["none"].shape == (0, 1)
    assert (found["text"].item(), found["odd"].item()) == ("Straße °C", "abc")


def test_a_datenum_counts_days_from_year_zero() -> None:
    assert datenum(0) == UNIX_DAYS
    assert datenum(36 * 3_600_000) == UNIX_DAYS + 1.5
