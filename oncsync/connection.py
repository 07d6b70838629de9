"""Opens a session on the server that a manifest names; `sandbox` starts the embedded service meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from oncsync.api import Session, Token
from oncsync.credentials import check_host, find_token
from oncsync.manifest import Manifest
from oncsync.manifest.model import SERVERS

SANDBOX = "sandbox"
CLOCK_TOLERANCE = timedelta(minutes=5)
CLOCK_NONSENSE = timedelta(days=400)
"""A service whose clock is further off than this is not believed."""


@contextmanager
def open_session(
    manifest: Manifest,
    *,
    token: Token | None = None,
    token_file: Path | None = None,
    on_message: Callable[[str], None] | None = None,
    sandbox_options: dict[str, Any] | None = None,
) -> Iterator[Session]:
    """Gives a session on the manifest's server, sized to its threads, and closes it.

    A `token` given in memory is used in place of any that is stored; like that of `ONC_TOKEN` it goes to ONC's own
    hosts and to this machine alone, else `TokenError` is raised. The embedded service has its own token and never reads
    the user's (rule 5).
    """
    pool_size = manifest.settings.run_threads + manifest.settings.download_threads
    if manifest.server == SANDBOX:
        from oncsync.sandbox import Sandbox

        with (
            Sandbox(**(sandbox_options or {})) as sandbox,
            Session(sandbox.url, sandbox.token, pool_size=pool_size, on_message=on_message) as session,
        ):
            yield session
        return
    url = server_url(manifest.server)
    if token is None:
        token = find_token(url, token_file=token_file)
    else:
        check_host(urlsplit(url).hostname or "")
    with Session(url, token, pool_size=pool_size, on_message=on_message) as session:
        yield session


class Line:
    """A project's line to the service: one session, opened when it is needed and shared as long as anyone holds it."""

    def __init__(
        self,
        manifest: Callable[[], Manifest],
        now: Callable[[], datetime],
        notices: list[str],
        *,
        token: Token | None = None,
        token_file: Path | None = None,
        sandbox_options: dict[str, Any] | None = None,
    ) -> None:
        self._manifest, self._now, self._notices = manifest, now, notices
        self._token, self._token_file, self._sandbox_options = token, token_file, sandbox_options
        self._session: Session | None = None
        self._said_clock = False

    def open_for(self, stack: ExitStack) -> Session:
        """Gives the session; the first who asks closes it with their stack."""
        if self._session is None:
            self._session = stack.enter_context(
                open_session(
                    self._manifest(),
                    token=self._token,
                    token_file=self._token_file,
                    on_message=self._notices.append,
                    sandbox_options=self._sandbox_options,
                )
            )
            stack.callback(self._forget)
        return self._session

    def _forget(self) -> None:
        self._session = None

    def service_now(self) -> datetime:
        """Gives now by the service's clock, by this machine's before the first answer."""
        return self._session.service_now() if self._session else self._now()

    def now(self) -> datetime:
        """Gives now, by the service's clock when this machine's is far off, which is said once."""
        now, remark = service_now(self._now(), self._session.clock_offset if self._session else None)
        if remark and not self._said_clock:
            self._said_clock = True
            self._notices.append(remark)
        return now


def service_now(now: datetime, offset: float | None) -> tuple[datetime, str | None]:
    """Gives the instant to go by, and what to say about it: this machine's, or the service's when that is far off.

    `offset` is how many seconds the service's clock is ahead, None when it is not known.
    """
    if offset is None or not CLOCK_TOLERANCE.total_seconds() < abs(offset) < CLOCK_NONSENSE.total_seconds():
        return now, None
    remark = f"This machine's clock is {abs(offset) / 60:.0f} min off the service's, which is used"
    return now + timedelta(seconds=offset), remark


def server_url(server: str) -> str:
    """Gives the base address of a server named in a manifest."""
    return SERVERS.get(server, server)
