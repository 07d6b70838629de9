"""What is wrong in a manifest gets a clear error before anything is ordered, most of it before anybody is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncsync.errors import Problem, ProblemsError
from oncsync.manifest import load_manifest
from oncsync.resolver import resolve_manifest
from tests.manifest.support import only_problem, problems_of
from tests.resolver.conftest import Connect, Resolve
from tests.resolver.world import NOW, World, entry

CTD = "locationCode: NB\ndeviceCategoryCode: CTD\ndataProductCode: TSSD\nextension: csv\n"


def spoken(problem: Problem) -> str:
    """Gives a mistake in one text: place, message and hint."""
    return f"{problem.where.rpartition('/')[2]}: {problem.message} | {problem.hint}"


def told(resolve: Resolve, text: str) -> list[str]:
    """Gives the mistakes of a manifest that can be read."""
    with pytest.raises(ProblemsError) as caught:
        resolve(text)
    assert caught.value.exit_code == 2
    return [spoken(problem) for problem in caught.value.problems]


# --- Found before anybody is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (
            "begin: 2013-20-23\nend: 2017-06-01",
            "oncsync.yaml:3:12: `2013-20-23` has no month 20 | did you mean `2013-10-23`?",
        ),
        (
            "begin: 2013-01-01\nend: 2013-13-01T00:00:00Z",
            "oncsync.yaml:4:10: `2013-13-01T00:00:00Z` has no month 13 | did you mean `2013-12-01`?",
        ),
        (
            "begin: 2013-06-31\nend: 2017-06-01",
            "oncsync.yaml:3:12: `2013-06-31` has no day 31: that month has 30 days | None",
        ),
    ],
)
def test_a_date_that_does_not_exist_is_told_with_the_one_that_was_meant(bounds: str, expected: str) -> None:
    """R126, I-18: never exchanged in silence."""
    problems = problems_of(entry(bounds))
    assert spoken(problems[0]) == expected


def test_a_begin_after_the_end_is_told_with_the_cure() -> None:
    problem = only_problem(entry("begin: 2017-06-01\nend: 2017-05-01"))
    assert spoken(problem) == (
        "oncsync.yaml:4:10: The span ends (`2017-05-01`) before it begins (`2017-06-01`) | exchange `begin` and `end`"
    )


def test_a_begin_equal_to_the_end_is_told_with_the_cure() -> None:
    """I-3: the end is exclusive."""
    problem = only_problem(entry("begin: 2017-06-01\nend: 2017-06-01"))
    assert spoken(problem) == (
        "oncsync.yaml:4:10: The span from `2017-06-01` to `2017-06-01` is empty | "
        "the end is exclusive: for one day write `end: 2017-06-02`"
    )


def test_bounds_that_are_relative_to_each_other_are_told() -> None:
    problem = only_problem(entry("begin: -P1D\nend: PT6H"))
    assert problem.message == "`begin` (`-P1D`) and `end` (`PT6H`) are durations, each relative to the other"
    assert problem.hint == "write one of the two as a date or as `now`"


def test_a_negative_padding_is_told() -> None:
    problem = only_problem("downloads:\n  - name: x\n    events: {file: calls.csv, padding: -PT30S}\n")
    assert spoken(problem) == "oncsync.yaml:3:40: `padding` has to be longer than nothing, not `-PT30S` | None"


def test_a_missing_variable_is_told_with_the_nearest() -> None:
    problem = only_problem("vars: {begin: 2017-05-01}\n" + entry("begin: ${beginn}\nend: 2017-06-01"))
    assert (problem.message, problem.hint) == ("There is no variable `beginn`", "did you mean `begin`?")


def test_variables_in_a_ring_are_told() -> None:
    problem = only_problem("vars: {a: '${b}', b: '${a}'}\n" + entry("begin: ${a}\nend: 2017-06-01"))
    assert problem.message.startswith("The variable `b` refers to itself: b -> a -> b")


def test_duplicate_names_are_told_with_both_lines() -> None:
    text = entry(CTD, "whales") + entry(CTD, "Whales").removeprefix("downloads:\n")
    problem = only_problem(text)
    assert spoken(problem) == (
        "oncsync.yaml:9:11: The name `Whales` is taken, also in line 2 | "
        "every entry of `downloads:` has a name of its own, upper and lower case being the same"
    )


@pytest.mark.parametrize("end", ["", "end: now\n"])
def test_all_with_an_open_end_is_told_with_the_cure(end: str) -> None:
    problem = only_problem(entry(f"begin: 2017-05-01\n{end}splitDateRange: all"))
    assert "`splitDateRange: all` cannot cut" in problem.message
    assert problem.hint == "write an `end:` date, or `splitDateRange: day` (or hour, week, month, year)"


@pytest.mark.parametrize("folder", ['"C:\\onc\\data"', '"C:\\Users\\data"', '"\\\\server\\share"'])
def test_backslashes_in_double_quotes_are_told_with_the_cure(folder: str) -> None:
    """R48, P47: a path of Windows, as many write it."""
    problem = only_problem(f"folder: {folder}\n")
    assert problem.where == "oncsync.yaml:1:9" or problem.where.startswith("oncsync.yaml:1:")
    assert "backslash" in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize(
    ("line", "sign"),
    [("match: *.hdf5", "*"), ("extension: *csv", "*"), ("path: {year}/{month}", "{"), ("path: {locationCode}/x", "{")],
)
def test_a_star_or_a_brace_without_quotes_is_told_with_the_cure(line: str, sign: str) -> None:
    problems = problems_of(f"downloads:\n  - name: x\n    begin: 2017-05-01\n    end: 2017-06-01\n    {line}\n")
    assert problems[0].where.startswith("oncsync.yaml:5:")
    assert "quotes" in f"{problems[0].message} {problems[0].hint}"
    assert sign in f"{problems[0].message} {problems[0].hint}"


def test_an_exclusion_of_properties_that_are_not_named_is_told() -> None:
    """Without `propertyCode` none is sent, so that there is nothing to leave out."""
    problem = only_problem(entry(CTD + "exclude: {propertyCode: salinity}"))
    assert problem.message == "`exclude` has a `propertyCode`, but the download `x` names none to choose from"
    assert problem.hint == "name the properties that you want"


def test_mistakes_are_told_before_anybody_is_asked(tmp_path: Path, connect: Connect) -> None:
    """Issue: refused at resolve time; events are read before the first question as well."""
    service, session = connect(World())
    (tmp_path / "calls.csv").write_text("begin,end\n2013-20-23,2014-01-01\n2015-01-02,2015-01-01\nx,y\n")
    path = tmp_path / "oncsync.yaml"
    path.write_text("downloads: [{name: x, deviceCategoryCode: CTD, events: {file: calls.csv, padding: PT1M}}]\n")
    with pytest.raises(ProblemsError) as caught:
        resolve_manifest(load_manifest(path, environment={}), session, lambda: NOW, None)
    assert [problem.where.rpartition("/")[2] for problem in caught.value.problems] == [
        "calls.csv:2:1", "calls.csv:3:2", "calls.csv:4:1", "calls.csv:4:2"
    ]  # fmt: skip
    assert service.asked == []


# --- Found by asking -------------------------------------------------------------------------------------------


def test_unknown_codes_are_told_with_near_matches(resolve: Resolve) -> None:
    """R43, Q12; what is wrong is told at once, whatever kind of code it is."""
    wrong = "locationCode: NORHT\ndeviceCategoryCode: HYDROFONE\ndeviceCode: BPR\ndataProductCode: TSD\nextension: cvs"
    assert told(resolve, entry(wrong)) == [
        "oncsync.yaml:4:19: `x`: ONC knows no locationCode `NORHT` | did you mean `NORTH` (Place NORTH)?",
        "oncsync.yaml:5:25: `x`: ONC knows no deviceCategoryCode `HYDROFONE` | did you mean `HYDROPHONE` (Hydrophone)?",
        "oncsync.yaml:6:17: `x`: ONC knows no deviceCode `BPR` | did you mean `BPR1` (The BPR1)?",
        "oncsync.yaml:7:22: `x`: ONC knows no dataProductCode `TSD` | did you mean `TSSD` (Time Series Scalar Data)?",
        "oncsync.yaml:8:16: `x`: ONC knows no extension `cvs` | did you mean `csv`?",
    ]


def test_an_unknown_product_name_is_told_with_near_matches(resolve: Resolve) -> None:
    """R176: products by code or name."""
    assert told(resolve, entry("locationCode: NB\ndataProductName: Time Series Skalar Data")) == [
        "oncsync.yaml:5:22: `x`: no data product of ONC is called `Time Series Skalar Data` | "
        "did you mean `Time Series Scalar Data` or `Time Series Scalar Plot`?"
    ]


def test_more_than_a_hundred_thousand_chunks_ask_for_a_flag(resolve: Resolve) -> None:
    with pytest.raises(ProblemsError, match="limit of 100,000") as caught:
        resolve(entry(CTD + "splitDateRange: PT5M\nbegin: 2020-02-01\nend: 2026-01-01"))
    assert caught.value.hint is not None
    assert "`--allow-many`" in caught.value.hint


# --- Warnings --------------------------------------------------------------------------------------------------


def test_a_begin_in_the_future_is_a_warning_and_resolves(resolve: Resolve) -> None:
    resolution = resolve(entry(CTD + "begin: 2030-01-01\nend: 2030-02-01"))
    assert "begins in the future" in resolution.remarks[0].message
    assert resolution.failures == ()
    assert sum(1 for _ in resolution.lock.chunks()) == 1


def test_an_entry_that_only_repeats_anothers_chunks_is_a_warning_and_resolves(resolve: Resolve) -> None:
    resolution = resolve(entry(CTD, "a") + entry(CTD, "b").removeprefix("downloads:\n"))
    assert [(one.entry, "can go" in one.message) for one in resolution.remarks] == [("b", True)]
    assert len(resolution.lock.entries) == 2
