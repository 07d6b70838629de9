"""Fixtures of the resolver's tests: the small world, served over HTTP, and sessions on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oncsync.api import Session
from oncsync.resolver import Resolution
from tests.resolver.world import World, resolved, session_with
from tests.support.scripted import ScriptedService, Serve, serve

__all__ = ["serve"]

Resolve = Callable[..., Resolution]
Connect = Callable[..., tuple[ScriptedService, Session]]


@pytest.fixture(scope="session")
def world_url() -> Iterator[str]:
    """The address of the small world, which no test changes."""
    with ScriptedService(World()) as service:
        yield service.url


@pytest.fixture
def resolve(world_url: str) -> Iterator[Resolve]:
    """Resolves the text of a manifest in the small world."""
    with session_with(world_url) as session:
        yield lambda text, **rest: resolved(text, session, **rest)


@pytest.fixture
def connect(serve: Serve) -> Iterator[Connect]:
    """Opens a session on a service of the test's own; gives the service too, to see what it was asked."""
    with contextlib.ExitStack() as opened:

        def open_session(script: Any, **changed: Any) -> tuple[ScriptedService, Session]:
            service = serve(script)
            return service, opened.enter_context(session_with(service.url, **changed))

        yield open_session
