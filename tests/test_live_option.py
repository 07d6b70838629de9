"""`pytest --live` asks whom a person named and nobody else; without it no test asks anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oncsync.errors import OncsyncError
from tests.support.service import name_service
from tests.support.world import TOKEN

CHECKOUT = Path(__file__).resolve().parents[1]


def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs pytest in a process of its own, without a token."""
    hidden = ("ONC_TOKEN", "ONCSYNC_SERVER")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments]
    return subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**environment, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_without_the_option_live_tests_are_left_out_without_noise() -> None:
    ended = run_pytest("tests/live")
    assert ended.returncode == 5, "no test was left"
    assert "deselected" in ended.stdout
    assert "skipped" not in ended.stdout.lower()


@pytest.mark.slow
def test_without_a_token_there_is_one_clear_message() -> None:
    ended = run_pytest("--live", "tests/live")
    assert ended.returncode == 4
    said = ended.stdout + ended.stderr
    assert "`--live` asks https://data.oceannetworks.ca/: No token for `data.oceannetworks.ca` was found" in said
    assert "ONC_TOKEN" in said
    assert "Traceback" not in said


def test_the_service_is_the_named_one_then_the_variables_then_the_default() -> None:
    environment = {"ONC_TOKEN": TOKEN, "ONCSYNC_SERVER": "http://127.0.0.1:8000"}
    assert name_service("--live", "qa", "production", environment).url == "https://qa.oceannetworks.ca/"
    assert name_service("--live", None, "production", environment).url == "http://127.0.0.1:8000/"
    assert name_service("--live", None, "production", {"ONC_TOKEN": TOKEN}).url == "https://data.oceannetworks.ca/"
    assert name_service("--live", "sandbox", "production", {}).url is None


def test_a_named_service_shows_no_token() -> None:
    assert TOKEN not in repr(name_service("--live", None, "production", {"ONC_TOKEN": TOKEN}))


def test_the_token_is_not_for_a_foreign_host() -> None:
    with pytest.raises(OncsyncError, match=r"it is not sent to `data\.example\.org`"):
        name_service("--live", "https://data.example.org", "production", {"ONC_TOKEN": TOKEN})
