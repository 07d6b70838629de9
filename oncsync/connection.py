"""Opens a session on the server that a manifest names; `sandbox` starts the embedded service meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oncsync.api import Session
from oncsync.credentials import find_token
from oncsync.manifest import Manifest
from oncsync.manifest.model import SERVERS

SANDBOX = "sandbox"


@contextmanager
def open_session(
    manifest: Manifest,
    *,
    token_file: Path | None = None,
    on_message: Callable[[str], None] | None = None,
    sandbox_options: dict[str, Any] | None = None,
) -> Iterator[Session]:
    """Gives a session on the manifest's server, sized to its threads, and closes it.

    The embedded service has its own token and never reads the user's (rule 5).
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
    token = find_token(url, token_file=token_file)
    with Session(url, token, pool_size=pool_size, on_message=on_message) as session:
        yield session


def server_url(server: str) -> str:
    """Gives the base address of a server named in a manifest."""
    return SERVERS.get(server, server)
