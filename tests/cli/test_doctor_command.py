"""`oncsync doctor`: readable lines or versioned JSON, the documented exit codes, and the token in neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.scripted import Reply, Serve, serve
from tests.support.world import TOKEN, World

__all__ = ["serve"]

WRONG = "5ec7e70c-0000-4000-8000-00c0ffee0666"


def test_all_is_well_before_and_after_a_sync(oncsync: Command, world: World) -> None:
    """With nothing, with a lock, and with data: exit 0, and a folder that stays as it is."""
    assert oncsync("doctor").code == 0
    assert not world.folder.exists()
    assert world.sync().exit_code == 0
    tree = world.tree()
    orders = world.asked("request")
    said = oncsync("doctor")
    assert (said.code, said.err) == (0, "")
    assert said.out.rstrip().endswith("All is well")
    assert "nobody works here now" in said.out
    assert "`oncsync.lock` is up to date: 3 chunks" in said.out
    assert world.tree() == tree
    assert world.asked("request") == orders, "it never orders"


def test_a_wrong_token_is_marked_in_its_line_with_what_to_do_below(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONC_TOKEN", WRONG)
    said = oncsync("doctor")
    assert said.code == 4
    lines = said.out.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("PROBLEM")]
    assert lines[place].split()[:2] == ["PROBLEM", "token"]
    assert lines[place + 1].strip().startswith("hint: log in at")
    assert "1 problem" in lines[-1]
    assert "\x1b" not in said.out, "readable without colour"


def test_the_service_being_down_is_exit_5(oncsync: Command, world: World) -> None:
    world.sandbox.stop()
    said = oncsync("doctor")
    assert said.code == 5
    assert "PROBLEM  connection" in said.out


def test_a_bad_manifest_is_exit_2_with_every_mistake_below(oncsync: Command, world: World) -> None:
    world.write("  - name: axis\n    colour: red\n    begin: someday\n")
    said = oncsync("doctor")
    assert said.code == 2
    assert "PROBLEM  manifest" in said.out
    assert "oncsync.yaml:6" in said.out
    assert said.err == ""


def test_a_broken_state_is_exit_2(oncsync: Command, world: World) -> None:
    own = world.folder / ".oncsync"
    own.mkdir(parents=True)
    (own / "state.json").write_text("{")
    assert oncsync("doctor").code == 2


def test_a_file_where_the_folder_should_be_is_exit_8_and_the_worst(oncsync: Command, world: World) -> None:
    world.folder.write_text("mine")
    world.sandbox.stop()
    assert oncsync("doctor").code == 8


def test_json_is_one_versioned_object_on_stdout(oncsync: Command, world: World) -> None:
    said = oncsync("doctor", "--json")
    answer = json.loads(said.out)
    assert set(answer) == {"version", "verdict", "exitCode", "findings"}
    assert (answer["version"], answer["exitCode"], said.code) == (1, 0, 0)
    assert answer["verdict"] == "warning", "there is no lock yet"
    for found in answer["findings"]:
        assert set(found) == {"name", "verdict", "what", "hint", "facts"}
        assert found["verdict"] in {"ok", "warning", "problem", "skipped"}
        assert "\n" not in found["what"]


def test_json_has_the_exit_code_of_the_process(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONC_TOKEN")
    said = oncsync("doctor", "--json")
    assert (json.loads(said.out)["exitCode"], said.code) == (4, 4)


def test_without_a_manifest_it_works_from_variables(
    oncsync: Command, world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("ONCSYNC_SERVER", world.sandbox.url)
    said = oncsync("doctor", "--folder", "here")
    assert said.code == 0
    assert "there is no `oncsync.yaml` here or further up" in said.out
    assert str(elsewhere / "here") in said.out


def test_the_embedded_service_is_well(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCSYNC_SERVER", "sandbox")
    monkeypatch.delenv("ONC_TOKEN")
    assert oncsync("doctor").code == 0


def test_offline_asks_nobody(oncsync: Command, world: World) -> None:
    assert oncsync("doctor", "--offline").code == 0
    assert world.sandbox.asked == ()


def test_a_variable_nobody_reads_is_a_warning(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flag's own variable is known, those of other commands too."""
    monkeypatch.setenv("ONCSYNC_TOKENFILE", "x")
    monkeypatch.setenv("ONCSYNC_MAX_TIME", "10m")
    said = oncsync("doctor", "--offline")
    assert "`ONCSYNC_TOKENFILE` means nothing to oncsync" in said.out
    assert said.code == 0


@pytest.mark.parametrize("flags", [(), ("--json",), ("--offline",), ("--json", "--offline")])
@pytest.mark.parametrize("token", [TOKEN, WRONG, f"  {TOKEN}\n"])
def test_the_token_is_in_no_output(
    oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], token: str
) -> None:
    """R181, F13: whether it works or not, and although the manifest and a variable repeat it."""
    monkeypatch.setenv("ONC_TOKEN", token)
    monkeypatch.setenv("ONCSYNC_TOKEN_FILE", "")
    monkeypatch.setenv("ONCSYNC_EVERY", token)
    said = oncsync("doctor", *flags)
    assert token.strip() not in said.out + said.err
    assert said.code == (4 if token == WRONG and "--offline" not in flags else 0)


def test_a_page_that_repeats_the_token_does_not_show_it(
    oncsync: Command, serve: Serve, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R181: a proxy's login page often repeats the address it was asked for."""
    service = serve(lambda asked: Reply.of_page(f"Log in to see {asked.target}"))
    monkeypatch.setenv("ONCSYNC_SERVER", service.url)
    for flags in ((), ("--json",)):
        said = oncsync("doctor", *flags)
        assert said.code == 5
        assert "Log in to see" in said.out
        assert TOKEN not in said.out + said.err
