"""`oncsync add` and `oncsync remove`: entries come into the manifest after a look at ONC, and go again."""

from __future__ import annotations

import json

import pytest

from oncsync.cli.entries import LISTS, TEXTS, entry_of
from oncsync.manifest import load_manifest
from oncsync.schemas import load_schema
from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, World

CTD = ("-l", "BACAX", "-c", "CTD", "-p", "TSSD", "-x", "json", "--begin", "2015-01-01", "--end", "2015-04-01")


def text_of(world: World) -> str:
    """Gives the manifest as it is written."""
    return world.manifest.read_text(encoding="utf-8")


# --- Adding --------------------------------------------------------------------------------------------------------


def test_add_writes_an_entry_that_resolves_and_says_what_to_do_next(world: World, oncsync: Command) -> None:
    before = text_of(world)
    said = oncsync("add", "plots", *CTD)
    assert said.code == 0, said.err
    assert said.out == (
        "Added `plots` to oncsync.yaml: 1 request, 3 chunks\n"
        "Next: `oncsync resolve`, then review and commit manifest and lock\n"
    )
    assert text_of(world) == before + (
        "  - name: plots\n    locationCode: BACAX\n    deviceCategoryCode: CTD\n    dataProductCode: TSSD\n"
        "    extension: json\n    begin: 2015-01-01\n    end: 2015-04-01\n"
    )
    assert not (world.directory / "oncsync.lock").exists(), "the lock is `resolve`'s"
    said = oncsync("resolve")
    assert "  + plots: 1 request, 3 chunks" in said.out
    assert world.asked("request") == 0


def test_flags_are_spelled_as_in_discover(world: World, oncsync: Command) -> None:
    """R45: `--locationCode`, `--location-code`, `--locationcode` and `-l` are one flag, and lists are lists."""
    flags = ["--location-code", "BACAX", "--deviceCategoryCode", "CTD", "--dataproductcode", "TSSD"]
    rest = ["-x", "csv", "-x", "json", "--begin", "2015-01-01", "--end", "2015-02-01"]
    assert oncsync("add", "many", *flags, *rest).code == 0
    added = load_manifest(world.manifest).downloads[-1]
    assert (added.location_codes, added.extensions) == (("BACAX",), ("csv", "json"))


def test_every_key_of_a_download_has_its_flag(world: World, oncsync: Command) -> None:
    """A new key of the manifest joins `add` as well."""
    (world.directory / "calls.csv").write_text("begin,end\n2015-01-01,2015-01-02\n")
    flags = {
        "service": "dataProductDelivery", "downloadMethod": "byLocation", "locationCode": "A", "deviceCode": "B",
        "deviceCategoryCode": "C", "propertyCode": "D", "dataProductCode": "E", "dataProductName": "F",
        "extension": "csv", "prefer": "csv", "begin": "2015-01-01", "end": "2016-01-01", "path": "{year}",
        "splitDateRange": "week", "dayOfWeek": "MO", "maxOrderHours": "12", "lateDays": "0.5", "refreshOpen": "PT1H",
        "match": "*.wav", "notMatch": "*.flac", "minSize": "1 kB", "maxSize": "1 GB", "newest": "3", "limit": "4",
        "keep": "P7D",
        "exclude": "deviceCode=X", "near": "48.5,-126.25,30", "events": "calls.csv", "option": "dpo_a=1",
    }  # fmt: skip
    listed = [part for key, value in flags.items() for part in (f"--{key}", value)]
    said = oncsync(
        "add", "all", *listed, "--pinOptions", "--latest", "--no-metadata", "--padding", "PT1M", "--no-check", "-n"
    )
    known = set(load_schema("manifest")["$defs"]["download"]["properties"])
    assert set(flags) - {"option"} | {"options", "pinOptions", "latest", "metadata", "name"} == known
    assert said.code == 2, "they do not all go together, and the manifest's own check says so"
    assert "`all` was not added to `oncsync.yaml`" in said.err
    assert "No such option" not in said.err


def test_options_go_to_all_products_or_to_one(world: World, oncsync: Command) -> None:
    options = ["--option", "dpo_resample=average", "--option", "TSSD/csv:dpo_average=3600"]
    said = oncsync("add", "means", *CTD, "-x", "csv", *options, "--no-check")
    assert said.code == 0, said.err
    assert load_manifest(world.manifest).downloads[-1].options == {
        "": {"dpo_resample": "average"},
        "TSSD/csv": {"dpo_average": "3600"},
    }
    assert "      TSSD/csv: {dpo_average: 3600}\n" in text_of(world)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--option", "dpo_resample"], "is not NAME=VALUE"),
        (["--option", ":dpo_x=1"], "is not NAME=VALUE"),
        (["--exclude", "X"], "is not KEY=CODE"),
        (["--near", "48,126"], "is not LAT,LON,KM"),
        (["--padding", "PT1M"], "belongs to `--events`"),
    ],
)
def test_flags_in_a_wrong_form_are_refused(world: World, oncsync: Command, flags: list[str], words: str) -> None:
    before = text_of(world)
    said = oncsync("add", "x", *CTD, *flags)
    assert said.code == 2
    assert words in said.err
    assert text_of(world) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["-l", "BACXA", "-c", "CTD", "--begin", "2015-01-01", "--end", "2015-02-01"], "did you mean `BACAX`"),
        (["-l", "BACAX", "-c", "CTD", "-p", "TSSD", "-x", "mp3", "--begin", "2015-01-01", "--end", "2015-02-01"],
         "mp3"),
        ([*CTD, "--option", "dpo_resample=sideways"], "dpo_resample"),
    ],
    ids=["place", "format", "option"],
)  # fmt: skip
def test_what_does_not_resolve_is_not_written(world: World, oncsync: Command, flags: list[str], words: str) -> None:
    before = text_of(world)
    said = oncsync("add", "wrong", *flags)
    assert said.code == 2
    assert "`wrong` was not added to `oncsync.yaml`" in said.err
    assert words in said.err
    assert "oncsync.yaml:" not in said.err.replace("`oncsync.yaml`:", ""), "no line of a text that is not there"
    assert text_of(world) == before


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("axis", CTD, "axis"),
        ("AXIS", CTD, "The name `AXIS` is taken"),
        ("a b", CTD, "a b"),
        ("x", ("-l", "BACAX", "--begin", "2013-20-23"), "did you mean `2013-10-23`"),
        ("x", ("-l", "BACAX", "--begin", "2015-01-01", "--end", "2015-01-01"), "exclusive"),
        ("x", ("-l", "BACAX", "--begin", "-P1D", "--end", "P1D"), "each relative to the other"),
        ("x", ("-l", "BACAX", "--begin", "2015-01-01", "--splitDateRange", "fortnight"), "fortnight"),
        ("x", ("-l", "BACAX", "--begin", "2015-01-01", "--maxOrderHours", "soon"), "soon"),
        (
            "x",
            (
                "-l",
                "BACAX",
            ),
            "begin",
        ),
    ],
)
def test_what_a_manifest_may_not_say_is_refused_in_the_same_words(
    world: World, oncsync: Command, name: str, flags: tuple[str, ...], words: str
) -> None:
    """And before ONC is asked."""
    before, asked = text_of(world), len(world.sandbox.asked)
    said = oncsync("add", name, *flags)
    assert said.code == 2
    assert words in said.err
    assert text_of(world) == before
    assert len(world.sandbox.asked) == asked


def test_without_onc_nothing_is_added_unless_that_is_said(
    world: World, oncsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONC_TOKEN")
    before = text_of(world)
    assert oncsync("add", "plots", *CTD).code == 4
    assert text_of(world) == before
    asked = len(world.sandbox.asked)
    said = oncsync("add", "plots", *CTD, "--no-check")
    assert said.code == 0
    assert said.out.startswith("Added `plots` to oncsync.yaml\n")
    assert len(world.sandbox.asked) == asked


def test_a_service_that_is_away_names_the_way_around(world: World, oncsync: Command, serve_nothing: str) -> None:
    world.manifest.write_text(text_of(world).replace(world.sandbox.url, serve_nothing))
    before = text_of(world)
    said = oncsync("add", "plots", *CTD)
    assert said.code == 5
    assert "`--no-check` adds it without asking" in said.err
    assert text_of(world) == before


@pytest.fixture
def serve_nothing(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address on this machine where nobody listens, asked without waiting between attempts."""
    from functools import partial

    from oncsync.api import Session

    monkeypatch.setattr("oncsync.connection.Session", partial(Session, sleep=lambda seconds: None))
    return "http://127.0.0.1:9/"


def test_a_dry_run_shows_the_difference_and_writes_nothing(world: World, oncsync: Command) -> None:
    before = text_of(world)
    said = oncsync("add", "plots", *CTD, "--dry-run")
    assert said.code == 0
    assert said.out.startswith("--- a/oncsync.yaml\n+++ b/oncsync.yaml\n@@ ")
    assert "\n+  - name: plots\n" in said.out
    assert said.out.endswith("Would add `plots` to oncsync.yaml: 1 request, 3 chunks\n")
    assert text_of(world) == before


def test_add_answers_in_json(world: World, oncsync: Command) -> None:
    answer = json.loads(oncsync("add", "plots", *CTD, "--json", "-n").out)
    assert (answer["written"], answer["names"], answer["requests"], answer["chunks"]) == (False, ["plots"], 1, 3)
    assert "+  - name: plots" in answer["diff"]


def test_a_span_without_instruments_is_added_with_a_warning(world: World, oncsync: Command) -> None:
    said = oncsync("add", "early", "-l", "BACAX", "-c", "CTD", "-p", "TSSD", "-x", "csv", "--begin", "1990-01-01",
                   "--end", "1991-01-01")  # fmt: skip
    assert said.code == 0
    assert "nothing was deployed" in said.err


def test_entry_of_writes_numbers_plain_and_leaves_what_is_none() -> None:
    given = dict.fromkeys([*(key.lower() for key in LISTS), "options"], ())
    singles = dict.fromkeys([*(key.lower() for key in TEXTS), "newest", "metadata", "near", "events", "padding"])
    numbers = {
        "maxorderhours": "12",
        "latedays": "0.5",
        "limit": "many",
        "pinoptions": False,
        "latest": False,
        "exclude": ["DeviceCode=X"],
    }
    assert entry_of("a", {**given, **singles, **numbers}) == {
        "name": "a", "maxOrderHours": 12, "lateDays": 0.5, "limit": "many", "exclude": {"deviceCode": "X"}
    }  # fmt: skip


# --- Removing ------------------------------------------------------------------------------------------------------


def test_remove_takes_entries_out_and_asks_nobody(world: World, oncsync: Command) -> None:
    before = text_of(world)
    world.manifest.write_text(before + "  # about plots\n" + CTD_CSV.replace("axis", "plots"))
    asked = len(world.sandbox.asked)
    said = oncsync("remove", "plots")
    assert said.code == 0
    assert said.out == (
        "Took `plots` out of oncsync.yaml\nNext: `oncsync resolve`, then review and commit manifest and lock\n"
    )
    assert text_of(world) == before + "  # about plots\n"
    assert len(world.sandbox.asked) == asked


def test_what_was_added_can_be_removed_again(world: World, oncsync: Command) -> None:
    before = world.manifest.read_bytes()
    oncsync("add", "plots", *CTD)
    oncsync("remove", "plots")
    assert world.manifest.read_bytes() == before


def test_remove_knows_the_names(world: World, oncsync: Command) -> None:
    before = text_of(world)
    said = oncsync("remove", "axsi", "axis")
    assert said.code == 2
    assert "did you mean `axis`?" in said.err
    assert text_of(world) == before


def test_a_removal_can_be_looked_at_first(world: World, oncsync: Command) -> None:
    before = text_of(world)
    said = oncsync("remove", "axis", "--dry-run")
    assert "\n-  - name: axis\n" in said.out
    assert said.out.endswith("Would take `axis` out of oncsync.yaml\n")
    assert text_of(world) == before
    assert json.loads(oncsync("remove", "axis", "--dry-run", "--json").out)["names"] == ["axis"]


def test_a_name_that_is_made_from_variables_is_left_to_a_person(world: World, oncsync: Command) -> None:
    world.manifest.write_text("vars: {a: axis}\n" + text_of(world).replace("name: axis", "name: ${a}"))
    before = text_of(world)
    said = oncsync("remove", "axis")
    assert said.code == 2
    assert "take it out by hand" in said.err
    assert text_of(world) == before


def test_a_manifest_that_is_a_link_stays_one(world: World, oncsync: Command) -> None:
    real = world.directory / "real.yaml"
    world.manifest.rename(real)
    world.manifest.symlink_to(real)
    assert oncsync("add", "plots", *CTD, "--no-check").code == 0
    assert world.manifest.is_symlink()
    assert "plots" in real.read_text()
