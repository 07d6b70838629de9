"""What the tests of the client share: scripted services, and sessions that never wait."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from oncsync.api import RetryPolicy, Session, Timeouts
from tests.support.scripted import ScriptedService, serve

__all__ = ["serve"]

TOKEN = "5A6b7c8d-1234-4abc-9DEF-0123456789ab"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)

Connect = Callable[..., Session]


class Sleeper:
    """A clock that only sleeping moves; `naps` are the waits, in order."""

    def __init__(self) -> None:
        self.naps: list[float] = []
        self.told: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)

    def clock(self) -> float:
        return 1000.0 + sum(self.naps)


@pytest.fixture
def sleeper() -> Sleeper:
    """Gives the clock that the sessions of this test run on."""
    return Sleeper()


@pytest.fixture
def connect(sleeper: Sleeper) -> Iterator[Connect]:
    """Opens sessions to a service that sleep on `sleeper`, and closes them after the test."""
    with contextlib.ExitStack() as opened:

        def open_session(service: ScriptedService | str, **changed: Any) -> Session:
            settings: dict[str, Any] = {
                "timeouts": Timeouts(connect=5.0, first_byte=10.0, idle=10.0),
                "retry": RetryPolicy(),
                "sleep": sleeper.sleep,
                "clock": sleeper.clock,
                "jitter": lambda: 0.5,
                "now": lambda: NOW,
                "on_message": sleeper.told.append,
                **changed,
            }
            url = service if isinstance(service, str) else service.url
            return opened.enter_context(Session(url, settings.pop("token", TOKEN), **settings))

        yield open_session
