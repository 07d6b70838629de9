"""The manifest that `oncsync init` writes."""

from __future__ import annotations

import re

import pytest

from oncsync.manifest import starter_manifest
from oncsync.timespan import parse_end, parse_instant
from tests.manifest.support import load_text


@pytest.mark.parametrize("server", ["production", "qa", "sandbox", "https://data.example.org/"])
def test_starter_loads_as_it_stands(server: str) -> None:
    manifest = load_text(starter_manifest(server))
    assert manifest.server == server
    assert [download.name for download in manifest.downloads] == ["barkley-ctd"]


def test_starter_asks_for_a_small_download() -> None:
    download = load_text(starter_manifest()).downloads[0]
    assert download.location_codes == ("BACAX",)
    assert (download.data_product_codes, download.extensions) == (("TSSD",), ("csv",))
    assert download.begin is not None
    assert download.end is not None
    assert (parse_end(download.end) - parse_instant(download.begin)).days == 7


def test_what_the_starter_has_commented_out_works_too() -> None:
    text = re.sub(r"^  # (?=- |  \w+:)", "  ", starter_manifest(), flags=re.MULTILINE)
    first, second = load_text(text).downloads
    assert (first.name, second.name) == ("barkley-ctd", "last-days")
    assert (second.begin, second.end, second.split_date_range) == ("-P3D", "now", "day")


def test_line_for_editors_is_optional() -> None:
    assert starter_manifest(schema="a/b.json").splitlines()[0] == "# yaml-language-server: $schema=a/b.json"
    assert "yaml-language-server" not in starter_manifest()


def test_starter_is_short() -> None:
    lines = starter_manifest().splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 120
