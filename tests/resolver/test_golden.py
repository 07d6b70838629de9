"""The worked examples, byte for byte (R121 to R130)."""

from __future__ import annotations

import pytest

from oncsync.errors import ProblemsError
from oncsync.lockfile import LockedRequest, parse_lock
from oncsync.timespan import parse_instant
from tests.resolver import golden
from tests.resolver.conftest import Resolve
from tests.resolver.world import entry


def requests(case: str) -> tuple[LockedRequest, ...]:
    """Gives the requests of a golden lock."""
    return parse_lock((golden.FOLDER / f"{case}.lock").read_bytes()).entries[0].requests


@pytest.mark.parametrize("case", golden.CASES)
def test_a_worked_example_means_what_it_meant(case: str) -> None:
    """`make golden` writes them anew; every change of a byte is a change to review."""
    assert golden.make_lock(case) == (golden.FOLDER / f"{case}.lock").read_bytes()


def test_every_worked_example_has_its_lock_and_every_lock_its_example() -> None:
    """R121, R122, R123, R124, R125, R126, R127, R128, R129, R130."""
    assert set(golden.CASES) == {f"R{number}" for number in range(121, 131)}
    assert {path.stem for path in golden.FOLDER.glob("*.lock")} == set(golden.CASES)


def test_the_locks_mean_something() -> None:
    """What each of them is there for, so that writing them anew cannot empty them unseen."""
    assert {(one.begin, one.end) for one in requests("R121")} == {
        (parse_instant("2017-05-01"), parse_instant("2017-06-01"))
    }
    assert len({one.source["locationCode"] for one in requests("R122")}) >= 6
    assert {one.extension for one in requests("R123")} == {"flac"}
    assert max(one.end for one in requests("R124") if one.end) == parse_instant("2017-06-01")
    assert {one.extension for one in requests("R125")} == {"mat"}
    assert min(one.begin for one in requests("R126")) == parse_instant("2013-10-23")
    assert {one.extension for one in requests("R127")} == {"csv", "json", "mat", "nc", "txt"}
    assert len({one.source["locationCode"] for one in requests("R128")}) >= 8
    pairs = {(one.data_product_code, one.extension) for one in requests("R129")}
    assert pairs == {("MP4V", "mp4"), ("TSSD", "json")}
    assert any(one.begin > parse_instant("2009-01-01") for one in requests("R130")), "clipped to the deployment"


@pytest.mark.parametrize("case", golden.CASES)
def test_a_golden_lock_names_no_day_of_its_making(case: str) -> None:
    assert b"2026" not in (golden.FOLDER / f"{case}.lock").read_bytes()


def test_the_date_as_it_was_mistyped_is_refused_with_the_one_that_was_meant(resolve: Resolve) -> None:
    """R126, I-18: day and month are never exchanged in silence."""
    with pytest.raises(ProblemsError, match="did you mean `2013-10-23`"):
        resolve(entry('locationCode: NB\nbegin: "2013-20-23T00:00:00.000Z"\nend: 2017-06-01'))
