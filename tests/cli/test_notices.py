"""What the service says besides its answers reaches whoever runs a command: once, without the token (R181, Q46)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from oncsync.sandbox import Reply, json_reply
from tests.cli.conftest import Command
from tests.faults.staging import real_answer
from tests.support.world import CTD_CSV, TOKEN, World

RESTRICTED = "Some data are restricted and were left out"
ECHO = f"see https://data.example/?token={TOKEN}"
SHOWN = "see https://data.example/?token=***"


def said_by(world: World, service: str, change: Callable[[Any], Any]) -> None:
    """Lets a service answer as it does, changed."""

    def interfere(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        if not path.endswith(f"/{service}"):
            return None
        return json_reply(change(real_answer(world.sandbox, path.removeprefix("/api/").strip("/"), parameters)))

    world.sandbox.interfere = interfere


def with_messages(body: Any) -> Any:
    """Says something beside the one deployment of a CTD."""
    only = next(
        row for row in body if row["deviceCategoryCode"] == "CTD" and row["begin"] < "2015" < (row["end"] or "9")
    )
    return {**only, "messages": [RESTRICTED, ECHO], "warningMessages": [RESTRICTED]}


def with_unreadable(body: Any) -> Any:
    return [*body, {"locationCode": "BACAX"}, {"locationCode": "BACAX"}]


@pytest.fixture
def one_deployment(world: World) -> World:
    """A world whose deployments come with messages."""
    said_by(world, "deployments", with_messages)
    return world


def test_messages_of_discovery_are_told_once_by_resolve(one_deployment: World, oncsync: Command) -> None:
    said = oncsync("resolve")
    assert said.code == 0
    assert said.err.count(RESTRICTED) == 1
    assert said.err.count(SHOWN) == 1
    assert f"warning: {RESTRICTED}" in said.err.splitlines()
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize("command", [["resolve"], ["plan"], ["sync", "--dry-run"], ["sync", "--quiet"]])
def test_they_are_in_the_json_too(one_deployment: World, oncsync: Command, command: list[str]) -> None:
    said = oncsync(*command, "--json")
    assert said.code == 0
    notices = json.loads(said.out)["notices"]
    assert notices.count(RESTRICTED) == notices.count(SHOWN) == 1
    assert said.err.count(RESTRICTED) == 1
    assert TOKEN not in said.out + said.err


def test_what_could_not_be_read_is_told(world: World, oncsync: Command) -> None:
    said_by(world, "deployments", with_unreadable)
    said = oncsync("resolve")
    assert said.err.count("an entry for a deployment lacks") == 1


@pytest.mark.parametrize("command", ["resolve", "sync", "plan"])
def test_they_are_told_even_when_the_command_fails(world: World, oncsync: Command, command: str) -> None:
    """What the service said may be the reason."""
    said_by(world, "deployments", with_messages)
    world.write(CTD_CSV.replace("TSSD", "NOPE"))
    said = oncsync(command)
    assert said.code == 2
    assert said.err.count(RESTRICTED) == 1
    assert said.err.index(RESTRICTED) < said.err.index("error:")


def test_messages_of_orders_are_told_and_in_the_json(world: World, oncsync: Command) -> None:
    assert oncsync("resolve").code == 0

    def change(body: Any) -> Any:
        return {**body, "messages": [], "warningMessages": [RESTRICTED, ECHO]}

    said_by(world, "request", change)
    said = oncsync("sync", "--json")
    assert said.code == 0
    assert RESTRICTED in said.err
    notices = json.loads(said.out)["notices"]
    assert notices.count(RESTRICTED) == notices.count(SHOWN) == 1
    assert TOKEN not in said.out + said.err
