"""`run_official_suite.py` runs the published tests of a checkout, and no others, against a sandbox of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.world import child_environment

SCRIPT = Path(__file__).with_name("run_official_suite.py")
SHARED = """
import os

import pytest
from dotenv import load_dotenv
from onc import ONC

load_dotenv(override=True)


@pytest.fixture
def requester(tmp_path):
    return ONC(production=True, outPath=tmp_path)
"""
ASKS = """
def test_asks(requester):
    assert requester.baseUrl.startswith("http://127.0.0.1:")
    assert requester.getLocations({"locationCode": "BACAX"})[0]["locationCode"] == "%s"
"""
NEVER = "raise SystemExit('this folder is not for the sandbox')\n"


def checkout_of(folder: Path, expected: str) -> Path:
    """Lays out what a checkout has, with one wanted folder of tests and two that are not."""
    (folder / "pyproject.toml").parent.mkdir()
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib"]\n')
    (folder / ".env").write_text("ONC_TOKEN=00000000-1111-4222-8333-444444444444\n")
    for room, text in {"discover_locations": ASKS % expected, "raw_data": NEVER, "scalar_data": NEVER}.items():
        (folder / "tests" / room).mkdir(parents=True)
        (folder / "tests" / room / "test_it.py").write_text(text)
    (folder / "tests" / "conftest.py").write_text(SHARED)
    return folder


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as its documentation says."""
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=child_environment(), capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_wanted_folders_run_against_a_sandbox(tmp_path: Path) -> None:
    """The client of an unchanged test talks to loopback, the token of a `.env` file stays where it is, exit 0."""
    pytest.importorskip("onc")
    done = run(str(checkout_of(tmp_path / "checkout", "BACAX")), "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert sorted(path.name for path in (tmp_path / "checkout" / "tests").iterdir()) == [
        "conftest.py",
        "discover_locations",
        "raw_data",
        "scalar_data",
    ], "nothing is written into the checkout"


@pytest.mark.slow
def test_a_test_that_fails_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """The exit code is that of pytest, and its options can be given."""
    pytest.importorskip("onc")
    checkout = str(checkout_of(tmp_path / "checkout", "elsewhere"))
    assert run(checkout).returncode == 1
    assert run(checkout, "-k", "nothing").returncode == 5


def test_a_path_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    """Exit 2 and one sentence, without a traceback."""
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "is no checkout" in done.stderr
    assert "Traceback" not in done.stderr
