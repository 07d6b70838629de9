"""Says which base addresses a manifest may name: https anywhere, http on this machine alone."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from oncsync.errors import InputError
from oncsync.manifest.mistakes import shown
from oncsync.manifest.model import SERVER_NAMES
from oncsync.spelling import did_you_mean, either

_HINT = "write `production`, `qa`, `sandbox`, or an address such as `https://data.example.org/`"


def server_fault(address: str) -> tuple[str, str] | None:
    """Gives the message and the hint for an address that cannot be used, None for one that can."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "`server` is not an address", _HINT
    if not host or any(character.isspace() for character in address):
        return "`server` is not an address", _HINT
    if parts.username is not None or parts.password is not None:
        return "The address of the server holds a user name or a password", "no secret belongs in a manifest"
    if parts.query or parts.fragment:
        return "The address of the server goes on after its path", "leave out everything from the `?` or `#` on"
    if parts.scheme == "http" and not is_loopback(host):
        return "`server` begins with `http://`, which sends the token in the clear", "write `https://`"
    return None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_address(server: str) -> str:
    """Gives an address with the `/` that ends it; the words `production`, `qa` and `sandbox` stay."""
    return server.rstrip("/") + "/" if "://" in server else server


def checked_server(server: str, source: str) -> str:
    """Gives a server as it was named, an address with the `/` that ends it.

    Raises `InputError` for what names none; `source` says, in backticks, where it stands.
    """
    if "://" in server:
        fault = server_fault(server)
        if fault is not None:
            raise InputError(f"{fault[0]} (from {source})", hint=fault[1])
    elif server not in SERVER_NAMES:
        hint = did_you_mean(server, SERVER_NAMES) or f"write {either(SERVER_NAMES)}, or an address"
        raise InputError(f"{source} names no server: {shown(server)}", hint=hint)
    return base_address(server)
