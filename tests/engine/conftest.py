"""What the tests of the engine share with those of the client: scripted services and sessions that never wait."""

from __future__ import annotations

from tests.api.conftest import connect, sleeper
from tests.support.scripted import serve

__all__ = ["connect", "serve", "sleeper"]
