"""`oncsync discover`: tables, tabs, JSON and CSV, the documented exit codes, and a cache of a day."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from oncsync.catalogue import KINDS
from oncsync.cli import discovering
from tests.cli.conftest import Command
from tests.support.scripted import Reply, Serve, serve
from tests.support.world import TOKEN, World

__all__ = ["serve"]

NARROW = ("-l", "CBY", "-c", "CTD", "--begin", "2012", "--end", "2013")


def kept_files() -> list[Path]:
    return list(Path(platformdirs.user_cache_dir("oncsync", appauthor=False)).rglob("*.json"))


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes commands print for a terminal of some columns."""

    def set_width(columns: int) -> None:
        monkeypatch.setattr(discovering, "is_terminal", lambda: True)
        monkeypatch.setattr(discovering, "terminal_width", lambda: columns)
        monkeypatch.setenv("NO_COLOR", "1")

    return set_width


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_in_every_form(
    oncsync: Command, world: World, on_terminal: Callable[[int], None], kind: str
) -> None:
    """R1, R2, R6, R7, R43."""
    plain = oncsync("discover", kind, *NARROW)
    as_json = oncsync("discover", kind, *NARROW, "--json")
    as_csv = oncsync("discover", kind, *NARROW, "--csv")
    assert [said.code for said in (plain, as_json, as_csv)] == [0, 0, 0]
    assert [said.err for said in (plain, as_json, as_csv)] == ["", "", ""]
    lines = plain.out.splitlines()
    rows = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert lines[0].split("\t") == list(rows[0])
    assert [line.split("\t") for line in lines[1:]] == [list(row.values()) for row in rows]
    assert len(rows) >= len(json.loads(as_json.out)["rows"]) > 0
    on_terminal(80)
    shown = oncsync("discover", kind, *NARROW)
    assert shown.code == 0
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    assert "\x1b" not in shown.out


def test_json_is_one_versioned_object(oncsync: Command, world: World) -> None:
    """R136: with ONC's spelling, for a web application."""
    answer = json.loads(oncsync("discover", "coverage", *NARROW, "--json").out)
    assert set(answer) == {"version", "kind", "server", "filters", "asOf", "rows", "remark", "notices"}
    assert (answer["version"], answer["kind"], answer["remark"]) == (1, "coverage", None)
    assert answer["filters"] == {
        "locationCode": "CBY", "deviceCategoryCode": "CTD",
        "begin": "2012-01-01T00:00:00.000Z", "end": "2013-01-01T00:00:00.000Z",
    }  # fmt: skip
    (row,) = answer["rows"]
    assert (row["period"], row["locationCode"], row["deviceCode"], row["data"]) == (
        "2012", "CBY", "SBECTD37SIP8390", "archived",
    )  # fmt: skip
    assert row["archived"][0]["dataProductCode"] == "LF"
    assert {"dataProductCode": "TSSD", "dataProductName": "Time Series Scalar Data",
            "extensions": ["csv", "json", "mat", "nc", "txt"]} in row["products"]  # fmt: skip


def test_the_table_of_instruments_prints_what_selects_each(oncsync: Command, world: World) -> None:
    """R173-R175: three of them share a kind, so that place or device tells them apart."""
    said = oncsync("discover", "devices", "-c", "BIOSPECTROMETER")
    heading, *lines = said.out.splitlines()
    assert heading.split("\t")[:4] == ["deviceName", "locationCode", "deviceCategoryCode", "deviceCode"]
    found = {tuple(line.split("\t")[1:4]) for line in lines}
    assert {("STR2", "BIOSPECTROMETER", "TUMPMTSPECTROMETER001"),
            ("STR9", "BIOSPECTROMETER", "TUMPMTSPECTROMETER002")} <= found  # fmt: skip


@pytest.mark.parametrize("flag", ["--locationCode", "--locationcode", "--location-code", "-l", "--LOCATIONCODE"])
def test_a_flag_is_understood_in_every_spelling(oncsync: Command, world: World, flag: str) -> None:
    """R45."""
    assert oncsync("discover", "deployments", flag, "CBYDR").out.count("\n") == 2
    assert oncsync("discover", "deployments", "--locationCode=CBYDR").out.count("\n") == 2


def test_flags_have_variables(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCSYNC_LOCATIONCODE", "CBYDR")
    assert oncsync("discover", "deployments").out.count("\n") == 2


# --- Exit codes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["locations", "-l", "CBYX"], "ONC knows no `locationCode` `CBYX`", "`CBY`"),
        (["products", "-d", "NAXYS_HYD_009", "-x", "csv"], "no data products with `extension` `csv`", "`flac`"),
        (["deployments", "--begin", "2013-20-23"], "no month 20", "2013-10-23"),
        (["deployments", "-c", ","], "given without a value", "leave it out"),
        (["devices", "--server", "produktion"], "`--server` names no server", "production"),
    ],
)
def test_what_a_person_got_wrong_is_exit_2(
    oncsync: Command, world: World, arguments: list[str], message: str, hint: str
) -> None:
    said = oncsync("discover", *arguments)
    assert said.code == 2
    assert message in said.err
    assert hint in said.err
    assert said.out == ""


def test_two_forms_at_once_are_bad_usage(oncsync: Command, world: World) -> None:
    assert oncsync("discover", "devices", "--json", "--csv").code == 2


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_nothing_in_the_time_is_exit_0_with_a_warning(oncsync: Command, world: World, form: tuple[str, ...]) -> None:
    """R132: a clear answer."""
    said = oncsync("discover", "coverage", "-l", "CBY", "-c", "HYDROPHONE", "--begin", "2001", "--end", "2002", *form)
    assert said.code == 0
    assert "warning: There are no data in this time" in said.err
    assert "2012-08-27" in said.err
    if form == ("--json",):
        answer = json.loads(said.out)
        assert answer["rows"] == []
        assert "no data in this time" in answer["remark"]
    else:
        assert len(said.out.splitlines()) == 1, "the headings"


def test_without_a_token_it_is_exit_4(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONC_TOKEN")
    assert oncsync("discover", "locations").code == 4


def test_a_refused_token_is_exit_4(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONC_TOKEN", "5ec7e70c-0000-4000-8000-00c0ffee0666")
    assert oncsync("discover", "locations").code == 4
    assert kept_files() == []


@pytest.fixture
def _one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets nobody wait for a service that is down."""
    from oncsync.api import RetryPolicy, Session

    defaults = {**(Session.__init__.__kwdefaults__ or {}), "retry": RetryPolicy(attempts=1)}
    monkeypatch.setattr("oncsync.api.session.Session.__init__.__kwdefaults__", defaults)


@pytest.mark.usefixtures("_one_attempt")
def test_an_outage_is_exit_5(oncsync: Command, world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is gone, one that shows a page in its place, and one that answers something else."""
    world.sandbox.stop()
    assert oncsync("discover", "locations").code == 5
    for reply in (Reply.of_page(status=503), Reply.of_page(), Reply.of_json({"status": "maintenance"})):
        service = serve([reply] * 9)
        monkeypatch.setenv("ONCSYNC_SERVER", service.url)
        said = oncsync("discover", "locations")
        assert (said.code, said.out) == (5, "")
        assert kept_files() == [], "an answer of no use is not kept"


# --- The cache -------------------------------------------------------------------------------------------------


def test_answers_are_kept_for_the_next_command(oncsync: Command, world: World) -> None:
    """Those that found something; where there was nothing it is asked again."""

    def answered() -> int:
        return sum(asked.status == 200 for asked in world.sandbox.asked)

    first = oncsync("discover", "coverage", *NARROW)
    asked = answered()
    assert asked > 0
    assert oncsync("discover", "coverage", *NARROW) == first
    assert answered() == asked
    assert oncsync("discover", "coverage", *NARROW, "--no-cache") == first
    assert answered() == 2 * asked


def test_what_is_kept_holds_no_token(oncsync: Command, world: World) -> None:
    """R181: although the service repeats it in its answers."""
    assert oncsync("discover", "coverage", *NARROW, "--locationCode", "CBY").code == 0
    files = kept_files()
    assert any("availableDataProducts" in path.read_text() for path in files)
    assert all(TOKEN not in path.read_text() + str(path) for path in files)


def test_a_token_given_by_mistake_is_shown_and_kept_nowhere(oncsync: Command, world: World) -> None:
    said = oncsync("discover", "devices", "-d", TOKEN, "--json")
    assert said.code == 2
    assert TOKEN not in said.out + said.err
    assert all(TOKEN not in path.read_text() for path in kept_files())


def test_without_a_cache_nothing_is_kept(oncsync: Command, world: World) -> None:
    assert oncsync("discover", "locations", "-l", "CBY", "--no-cache").code == 0
    assert kept_files() == []


def test_resolve_never_uses_what_is_kept(oncsync: Command, world: World) -> None:
    """It wants the service's word of now."""
    assert oncsync("discover", "locations", "-l", "BACAX").code == 0
    before = world.asked("locations/tree")
    assert oncsync("resolve").code == 0
    assert world.asked("locations/tree") == before + 1


# --- Which service ---------------------------------------------------------------------------------------------


def test_the_manifest_names_the_service_even_while_it_is_being_written(oncsync: Command, world: World) -> None:
    world.write("  - name: axis\n    colour: red\n    begin: someday\n")
    assert oncsync("discover", "locations", "-l", "CBY").code == 0
    assert world.asked("locations/tree") == 1


def test_another_manifest_or_server_can_be_named(
    oncsync: Command, world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert oncsync("discover", "locations", "-l", "CBY", "-m", str(world.manifest)).code == 0
    assert oncsync("discover", "devices", "-l", "CBY", "--server", world.sandbox.url).code == 0
    assert world.asked("devices") > 0


def test_the_embedded_service_needs_no_token_and_leaves_nothing_behind(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONC_TOKEN")
    assert oncsync("discover", "locations", "-l", "CBY", "--server", "sandbox").code == 0
    assert kept_files() == []


def test_the_help_of_each_kind_has_an_example_that_works(oncsync: Command, world: World) -> None:
    for kind, example in discovering.EXAMPLES.items():
        assert example in oncsync("discover", kind, "--help").out
        assert oncsync(*example.split()[1:]).code == 0
