"""The stage on which the tests of the open questions play, and what the official client and ours need."""

from __future__ import annotations

from tests.api.conftest import connect, sleeper
from tests.contract.official import client, clock, service
from tests.contract.questions import stage
from tests.support.scripted import serve

__all__ = ["client", "clock", "connect", "serve", "service", "sleeper", "stage"]
