"""What the self-check needs of this machine: every effect it has, so that a test can put its own in its place."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from oncsync.timespan import UTC

CONNECT_SECONDS = 10.0


class Certificate(msgspec.Struct, frozen=True):
    """What a TLS handshake showed: who vouches for the host, until when."""

    issuer: str
    expires: datetime


def _now() -> datetime:
    return datetime.now(UTC)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()


def _handshake(host: str, port: int) -> Certificate:
    """Greets a host as the session does, with the same certificates; raises `OSError` (`ssl.SSLError`)."""
    import ssl

    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    environment = os.environ
    trusted = environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    is_folder = Path(trusted).is_dir()
    context = ssl.create_default_context(cafile=None if is_folder else trusted, capath=trusted if is_folder else None)
    with (
        socket.create_connection((host, port), timeout=CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        shown = secure.getpeercert() or {}
    names = dict(pair[0] for pair in shown.get("issuer", ()) if pair)  # type: ignore[misc,index,unused-ignore]
    expires = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    issuer = str(names.get("organizationName") or names.get("commonName") or "unknown")
    return Certificate(issuer, datetime.fromtimestamp(expires, timezone.utc))


def _proxy_for(url: str) -> str | None:
    """Gives the proxy that the session would take, as the environment names it."""
    import requests.utils

    proxies = requests.utils.get_environ_proxies(url, no_proxy=None)
    return requests.utils.select_proxy(url, proxies)


def _free_space(place: Path) -> int:
    return shutil.disk_usage(place).free


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _locks_exclude(path: Path) -> bool:
    """Whether a second opening of a file is kept out while the first holds its lock; raises when locks fail."""
    import portalocker

    exclusive = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    with open(path, "a+b") as first, open(path, "a+b") as second:
        portalocker.lock(first, exclusive)
        try:
            portalocker.lock(second, exclusive)
        except portalocker.exceptions.AlreadyLocked:
            return True
        finally:
            portalocker.unlock(first)
        portalocker.unlock(second)
        return False


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _requirements() -> list[str] | None:
    """Gives what the installed package asks for, None when oncsync runs without being installed."""
    from importlib import metadata

    try:
        return metadata.requires("oncsync") or []
    except metadata.PackageNotFoundError:
        return None


def _installed(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The clock, the network, the disk, the installation and the environment.

    `known_variables` are the `ONCSYNC_` variables that mean something; empty when that is not known.
    """

    now: Callable[[], datetime] = _now
    clock: Callable[[], float] = time.monotonic
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: os.environ)
    known_variables: frozenset[str] = frozenset()
    resolve: Callable[[str, int], list[str]] = _resolve
    connect: Callable[[str, int], None] = _connect
    handshake: Callable[[str, int], Certificate] = _handshake
    proxy_for: Callable[[str], str | None] = _proxy_for
    free_space: Callable[[Path], int] = _free_space
    write: Callable[[Path, bytes], None] = _write
    may_write: Callable[[Path], bool] = _may_write
    locks_exclude: Callable[[Path], bool] = _locks_exclude
    mounts: Callable[[], str] = _mounts
    requirements: Callable[[], list[str] | None] = _requirements
    installed: Callable[[str], str | None] = _installed
