"""On a terminal `sync` asks before very much is ordered; without one it goes on (rule 9)."""

from __future__ import annotations

import click
import pytest

from oncsync.cli import asking, syncing
from oncsync.report import Amount, is_much
from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, World

Asked = list[str]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A terminal at which somebody says no; and what was asked."""
    asked: Asked = []

    def confirm(question: str, **how: object) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr(asking, "can_ask", lambda: True)
    monkeypatch.setattr(syncing, "can_ask", lambda: True)
    monkeypatch.setattr(click, "confirm", confirm)
    return asked


@pytest.fixture
def many(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which three orders are many."""
    monkeypatch.setattr("oncsync.report.outlook.MANY_ORDERS", 2)
    return world


def test_no_orders_nothing_and_ends_well(many: World, oncsync: Command, terminal: Asked) -> None:
    said = oncsync("sync")
    assert said.code == 0
    assert "To order: 3 chunks, 4 at a time: time unknown, size unknown" in said.err
    assert said.err.splitlines()[-1] == "Nothing was ordered"
    assert terminal == ["Order and fetch that much?"]
    assert many.asked("request") == 0
    assert oncsync("sync").code == 0
    assert many.asked("request") == 3


def test_ctrl_c_at_the_question_is_ctrl_c_and_nothing_is_said_of_orders(
    many: World, oncsync: Command, terminal: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None was ever placed."""

    def interrupt(question: str, **how: object) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", interrupt)
    said = oncsync("sync")
    assert said.code == 130
    assert "Interrupted. What was done is recorded" in said.err
    assert "alive" not in said.err


def test_what_is_here_already_is_not_counted(many: World, oncsync: Command, terminal: Asked) -> None:
    """One more month is not much, and nothing to do is nothing to ask about."""
    many.sync()
    assert oncsync("sync").code == 0
    many.write(CTD_CSV.replace("2015-04-01", "2015-05-01"))
    assert oncsync("sync").code == 0
    assert terminal == []


def test_yes_is_said_beforehand(
    many: World, oncsync: Command, terminal: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert oncsync("sync", "--only", "axis", "--yes").code == 0
    monkeypatch.setenv("ONCSYNC_YES", "1")
    many.write(CTD_CSV.replace("csv", "json"))
    assert oncsync("sync").code == 0
    assert terminal == []


def test_without_a_terminal_nobody_is_asked(many: World, oncsync: Command) -> None:
    """Cron, CI, MATLAB's `system()`."""
    assert oncsync("sync").code == 0
    assert many.asked("request") == 3


def test_many_bytes_are_much_where_history_tells_them(
    world: World, oncsync: Command, terminal: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncsync.report.outlook.MANY_BYTES", 1000)
    world.write(CTD_CSV.replace("2015-04-01", "2015-02-01"))
    assert oncsync("sync").code == 0
    assert terminal == []
    world.write(CTD_CSV)
    assert "Nothing was ordered" in oncsync("sync").err
    assert terminal == ["Order and fetch that much?"]


@pytest.mark.parametrize(
    ("amount", "answer"),
    [
        (Amount(orders=500, bytes=None), False),
        (Amount(orders=501, bytes=None), True),
        (Amount(orders=1, bytes=100_000_000_000), False),
        (Amount(orders=1, bytes=100_000_000_001), True),
    ],
)
def test_much_is_more_than_500_orders_or_100_gb(amount: Amount, answer: bool) -> None:
    assert is_much(amount) is answer
