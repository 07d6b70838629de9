"""Versions against their bounds, the environment without its secrets, and what all findings add up to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oncsync import __version__
from oncsync.doctor import FINDING_NAMES, Finding
from oncsync.doctor.findings import EXIT_CODES, make_report
from oncsync.doctor.installation import check_environment, is_within
from oncsync.doctor.machine import Machine
from tests.doctor.conftest import TOKEN, Diagnose, environment_with, finding
from tests.support.scripted import ScriptedService

REQUIRED = ["click<9,>=8.1.7", "urllib3>=2,<3", 'pytest<10,>=8; extra == "test"', "msgspec (>=0.18.6,<1)"]


@pytest.mark.parametrize(
    ("version", "bounds", "within"),
    [
        ("2.31.0", ">=2.31,<3", True),
        ("2.31", ">=2.31.0,<3", True),
        ("2.9", ">=2.31,<3", False),
        ("3.0.0", ">=2.31,<3", False),
        ("10.1rc1", ">=9.9", True),
        ("1.0", "", True),
    ],
)
def test_bounds_are_numbers_not_texts(version: str, bounds: str, within: bool) -> None:
    assert is_within(version, bounds) is within


def test_libraries_within_their_bounds_are_ok(diagnose: Diagnose) -> None:
    versions = {"click": "8.3", "urllib3": "2.5.0", "msgspec": "0.22.0"}
    report = diagnose(offline=True, requirements=lambda: REQUIRED, installed=versions.get)
    libraries = finding(report, "libraries")
    assert (libraries.verdict, libraries.facts) == ("ok", versions), "what tests need is nobody's business"


def test_a_library_that_is_too_new_or_missing_is_a_problem(diagnose: Diagnose) -> None:
    versions = {"click": "9.0.1", "msgspec": "0.22.0"}
    report = diagnose(offline=True, requirements=lambda: REQUIRED, installed=versions.get)
    libraries = finding(report, "libraries")
    assert (libraries.verdict, report.exit_code) == ("problem", 1)
    assert libraries.what == "click 9.0.1 is outside of <9,>=8.1.7; urllib3 is missing"


def test_a_checkout_that_is_not_installed_has_no_bounds(diagnose: Diagnose) -> None:
    assert finding(diagnose(offline=True, requirements=lambda: None), "libraries").verdict == "skipped"


def test_this_machines_libraries_are_found() -> None:
    assert Machine().installed("click") is not None
    assert Machine().installed("no-such-library-anywhere") is None


def test_the_versions_that_a_report_of_a_bug_needs_are_there(diagnose: Diagnose) -> None:
    found = finding(diagnose(offline=True), "oncsync")
    assert found.facts["oncsync"] == __version__
    assert {"python", "platform"} <= set(found.facts)


# --- The environment -------------------------------------------------------------------------------------------


def test_names_are_listed_and_values_of_ours_that_hold_no_secret() -> None:
    environment = {
        "ONC_TOKEN": TOKEN,
        "ONCSYNC_FOLDER": "/data",
        "ONCSYNC_TOKEN_FILE": TOKEN,  # somebody mistook it for the token itself
        "ONCSYNC_SERVER": "https://me:s3cret@data.example.org/",
        "HTTPS_PROXY": "http://me:s3cret@proxy.example:3128",
        "EDITOR": "vi",
    }
    found = check_environment(environment, frozenset())
    assert found.verdict == "ok"
    assert found.facts == {
        "ONCSYNC_FOLDER": "/data",
        "ONCSYNC_TOKEN_FILE": "(set)",
        "ONCSYNC_SERVER": "(set)",
        "others": ["ONC_TOKEN", "HTTPS_PROXY"],
    }
    assert "s3cret" not in repr(found)
    assert TOKEN not in repr(found)


def test_a_variable_that_means_nothing_is_a_warning() -> None:
    found = check_environment({"ONCSYNC_FODLER": "/data"}, frozenset({"ONCSYNC_FOLDER"}))
    assert found.verdict == "warning"
    assert "`ONCSYNC_FODLER`" in found.what


# --- The sum ---------------------------------------------------------------------------------------------------


def problems(*names: str) -> tuple[Finding, ...]:
    """Gives problems of some names, beside a warning and something that is well."""
    well = Finding(name="oncsync", verdict="ok", what="")
    warning = Finding(name="orders", verdict="warning", what="")
    return (well, warning, *(Finding(name=name, verdict="problem", what="") for name in names))


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ((), 0),
        (("clock",), 1),
        (("clock", "manifest"), 2),
        (("manifest", "connection"), 5),
        (("connection", "token"), 4),
        (("token", "writing", "clock"), 8),
    ],
)
def test_of_several_problems_the_documented_one_gives_the_exit_code(names: tuple[str, ...], code: int) -> None:
    report = make_report(problems(*names), redact=str)
    assert report.exit_code == code
    assert report.verdict == ("problem" if names else "warning")


def test_every_finding_has_its_exit_code_and_its_turn(diagnose: Diagnose, service: ScriptedService) -> None:
    """Each name comes once, whatever there is to look at."""
    for report in (
        diagnose(offline=True),
        diagnose(environment=environment_with(service), folder="data"),
        diagnose(manifest="missing.yaml"),
    ):
        assert sorted(found.name for found in report.findings) == sorted(FINDING_NAMES)
    assert set(EXIT_CODES.values()) == {1, 2, 4, 5, 8}


def test_the_page_names_every_finding_with_its_exit_code() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    findings, codes = page.split("| exit code | when |")
    rows = dict(re.findall(r"(?m)^\| (\d) \| (.*) \|$", codes))
    for name, code in EXIT_CODES.items():
        assert f"`{name}`" in findings
        assert code == 1 or f"`{name}`" in rows[str(code)], name
