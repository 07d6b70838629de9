"""Which service a person named for `pytest --live` or `--record-cassettes`, and the token for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from oncsync.connection import SANDBOX, server_url
from oncsync.errors import OncsyncError


class NamedService(msgspec.Struct, frozen=True):
    """A service to really ask; `url` is None for the embedded one, which has its own token."""

    url: str | None
    token: Any = None
    """A `Token`, which shows nothing of itself when a test fails."""


def name_service(flag: str, server: str | None, default: str, environment: Mapping[str, str]) -> NamedService:
    """Gives the service that `--server` names, else `ONCSYNC_SERVER`, else the default.

    Raises `OncsyncError` with one clear message when there is no token for it.
    """
    from oncsync.credentials import find_token

    named = server or environment.get("ONCSYNC_SERVER") or default
    if named == SANDBOX:
        return NamedService(None)
    url = server_url(named).rstrip("/") + "/"
    try:
        return NamedService(url, find_token(url, environment=environment))
    except OncsyncError as error:
        raise OncsyncError(f"`{flag}` asks {url}: {error.message}", hint=error.hint) from None
