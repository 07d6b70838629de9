"""Fixtures of the catalogue's tests: the small world of the resolver's tests, and questions to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oncsync.api import Session
from oncsync.cache import RememberingAsker
from oncsync.catalogue import Found, Questions, look, read_filters
from tests.resolver.world import NOW, World, session_with
from tests.support.scripted import ScriptedService, Serve, serve

__all__ = ["serve"]

Look = Callable[..., Any]


@pytest.fixture(scope="session")
def world_url() -> Iterator[str]:
    """The address of the small world, which no test changes."""
    with ScriptedService(World()) as service:
        yield service.url


def look_through(session: Session, kind: Any, **asked: Any) -> Found:
    """Looks with filters as they are written; codes by their ONC spelling."""
    rest = {name: asked.pop(name) for name in ("begin", "end", "name", "with_empty") if name in asked}
    by = asked.pop("by", "year")
    filters = read_filters(asked, now=NOW, **rest)
    questions = Questions(RememberingAsker(session, None, lambda: NOW))
    return look(kind, filters, questions, by=by)


@pytest.fixture
def look_at(world_url: str) -> Iterator[Look]:
    """Looks at the small world: `look_at("devices", deviceCategoryCode="CTD")`."""
    with session_with(world_url, now=lambda: NOW) as session:
        yield lambda kind, **asked: look_through(session, kind, **asked)


@pytest.fixture
def look_elsewhere(serve: Serve) -> Iterator[Callable[..., tuple[ScriptedService, Look]]]:
    """Gives a service of the test's own, and what looks at it."""
    opened: list[Session] = []

    def open_world(script: Any) -> tuple[ScriptedService, Look]:
        service = serve(script)
        session = session_with(service.url, now=lambda: NOW)
        opened.append(session)
        return service, lambda kind, **asked: look_through(session, kind, **asked)

    yield open_world
    for session in opened:
        session.close()
