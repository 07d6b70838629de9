"""What every test shares: nothing of the machine's own settings reaches a test, and nobody is asked unless told so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from oncsync.errors import OncsyncError
from tests.support.service import NamedService, name_service

settings.register_profile("change", derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.register_profile("search", settings.get_profile("default"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "change"))
"""A change is judged by the same examples everywhere; `HYPOTHESIS_PROFILE=search` looks for new ones."""

NAMED = pytest.StashKey[NamedService]()
"""The service that a person named, and the token that the tests' own environment hides."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what makes tests ask a service that is not theirs."""
    group = parser.getgroup("oncsync")
    group.addoption("--live", action="store_true", help="Run the live tests, and only those, against a real service.")
    group.addoption("--record-cassettes", action="store_true", help="Record the cassettes anew, in place of playing.")
    group.addoption(
        "--server",
        metavar="NAME",
        help="For both: production, qa, sandbox or an address [default: ONCSYNC_SERVER, else production for --live and "
        "sandbox for --record-cassettes].",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Notes which service is meant; ends with one message when there is no token for it."""
    for flag, default in (("--live", "production"), ("--record-cassettes", "sandbox")):
        if config.getoption(flag):
            try:
                config.stash[NAMED] = name_service(flag, config.getoption("--server"), default, os.environ)
            except OncsyncError as error:
                raise pytest.UsageError(error.render()) from None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Gives two workers for each core: a third of the time a test waits for a child, a socket or a poll."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the live tests out unless they are asked for, and everything else when they are."""
    is_live = bool(config.getoption("--live"))
    left_out = [item for item in items if (item.get_closest_marker("live") is not None) != is_live]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gives new directories; pytest's own way looks through all that there are for each, which are thousands."""
    top = tmp_path_factory.mktemp("places")
    return (top / str(number) for number in count())


@pytest.fixture
def tmp_path(_places: Iterator[Path]) -> Path:
    """Gives a test an empty directory of its own."""
    place = next(_places)
    place.mkdir()
    return place


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, _places: Iterator[Path]) -> None:
    """Gives each test empty user folders and an environment without a token or an `ONCSYNC_` variable."""
    home = next(_places)
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home if name in ("HOME", "USERPROFILE") else home / name.lower()))
    for name in ("ONC_TOKEN", "ONCSYNC_SERVER", "ONCSYNC_FOLDER", "NETRC"):
        monkeypatch.delenv(name, raising=False)
