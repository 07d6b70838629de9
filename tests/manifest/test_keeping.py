"""`latest` and `keep` in a manifest: what they mean, and which mistakes are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncsync.errors import ProblemsError
from oncsync.manifest import load_manifest
from oncsync.manifest.model import Download

MOVING = "begin: -P1D\n    end: now\n    service: archivefile\n"


def write(directory: Path, lines: str) -> Path:
    path = directory / "oncsync.yaml"
    path.write_text(f"version: 1\ndownloads:\n  - name: a\n    deviceCode: X\n    {lines}", encoding="utf-8")
    return path


def download(directory: Path, lines: str) -> Download:
    return load_manifest(write(directory, lines)).downloads[0]


def mistake(directory: Path, lines: str) -> str:
    with pytest.raises(ProblemsError) as caught:
        load_manifest(write(directory, lines))
    (problem,) = caught.value.problems
    return f"{problem.message}; {problem.hint}"


def test_both_are_read(tmp_path: Path) -> None:
    read = download(tmp_path, MOVING + "    latest: true\n    keep: P7D\n")
    assert (read.latest, read.keep) == (True, "P7D")
    assert (download(tmp_path, MOVING).latest, download(tmp_path, MOVING).keep) == (False, None)
    assert download(tmp_path, "begin: 2020-01-01\n    end: 2021-01-01\n    latest: true\n").latest, "orders too"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (MOVING + "    keep: seven days\n", "not a duration"),
        (MOVING + "    keep: -P7D\n", "longer than nothing"),
        (MOVING + "    keep: P0D\n", "longer than nothing"),
        (MOVING + "    keep: PT12H\n", "shorter than the span"),
        ("begin: 2020-01-01\n    end: 2021-01-01\n    service: archivefile\n    keep: P7D\n", "moves with the clock"),
        ("begin: 2020-01-01\n    end: now\n    service: archivefile\n    keep: P7D\n", "moves with the clock"),
        ("begin: -P1D\n    end: 2021-01-01\n    service: archivefile\n    keep: P7D\n", "moves with the clock"),
        ("begin: -P1D\n    end: now\n    keep: P7D\n", "has no meaning for `service: dataProductDelivery`"),
    ],
)
def test_a_keep_that_cannot_be_followed_is_told(tmp_path: Path, lines: str, said: str) -> None:
    """Issue 7: on a span that does not move, negative, on products that are ordered."""
    assert said in mistake(tmp_path, lines)


def test_a_keep_as_long_as_the_span_and_no_end_at_all_are_fine(tmp_path: Path) -> None:
    assert download(tmp_path, "begin: -P1M\n    service: archivefile\n    keep: P1M\n").keep == "P1M"


def test_a_place_in_latest_is_refused(tmp_path: Path) -> None:
    """R143: nothing but the newest files lies there."""
    assert "`latest`" in mistake(tmp_path, MOVING + "    path: latest/{year}\n")
