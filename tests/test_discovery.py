"""The Python face of discovery: which service is asked, and records that come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import oncsync
from oncsync import discover
from oncsync.api import Token
from oncsync.catalogue import CoverageRow, PlaceRow
from oncsync.discovery import find_server
from oncsync.errors import InputError
from oncsync.sandbox import Sandbox
from oncsync.timespan import UTC
from tests.support.world import TOKEN, quick_sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with quick_sandbox() as running:
        yield running


def test_a_function_gives_records(sandbox: Sandbox) -> None:
    """R10."""
    found = discover("coverage", location_code="CBY", device_category_code=["CTD"], begin="2012", end="2013",
                     server=sandbox.url, token=Token(TOKEN))  # fmt: skip
    (row,) = found.rows
    assert isinstance(row, CoverageRow)
    assert (row.location_code, row.data) == ("CBY", "archived")
    assert oncsync.Discovery is type(found)
    assert not found.from_cache


def test_a_day_later_it_asks_again(sandbox: Sandbox) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def look(instant: datetime) -> oncsync.Discovery:
        return discover("locations", server=sandbox.url, token=Token(TOKEN), now=lambda: instant)

    first, second, third = look(now), look(now + timedelta(hours=23)), look(now + timedelta(hours=25))
    assert first.rows == second.rows == third.rows
    assert isinstance(first.rows[0], PlaceRow)
    assert [found.from_cache for found in (first, second, third)] == [False, True, False]
    assert [found.as_of for found in (first, second, third)] == [now, now, now + timedelta(hours=25)]
    assert sum(asked.path.endswith("locations/tree") for asked in sandbox.asked) == 2


def test_what_the_service_says_besides_is_in_the_notices(sandbox: Sandbox) -> None:
    found = discover("locations", server="sandbox")
    assert found.notices == ()
    assert found.server == "sandbox"


@pytest.mark.parametrize(
    ("named", "environment", "written", "expected"),
    [
        ("qa", {"ONCSYNC_SERVER": "sandbox"}, "server: production\n", "qa"),
        (None, {"ONCSYNC_SERVER": "https://example.org/x"}, "server: qa\n", "https://example.org/x/"),
        (None, {}, "server: qa\n", "qa"),
        (None, {"ONCSYNC_SERVER": ""}, "version: 1\n", "production"),
        (None, {}, None, "production"),
    ],
)
def test_the_service_is_the_one_named_else_the_variables_else_the_manifests_else_production(
    named: str | None,
    environment: dict[str, str],
    written: str | None,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if written is not None:
        (tmp_path / "oncsync.yaml").write_text(written)
    assert find_server(named, None, environment) == expected


def test_a_manifest_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        find_server(None, tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    ("named", "environment", "source"),
    [("prod", {}, "`--server`"), (None, {"ONCSYNC_SERVER": "prod"}, "`ONCSYNC_SERVER`")],
)
def test_a_name_that_is_no_service_says_where_it_stands(
    named: str | None, environment: dict[str, str], source: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_server(named, None, environment)
    assert source in caught.value.message
