"""The address of a service: which ones a token may travel to at all, and what counts as the same place.

Sources: onc-api.md 1 (the token travels in the query), open question 48.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urljoin, urlsplit

import msgspec

from oncsync.errors import InputError

_BASE = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]*)*)"
)
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """Where a service lives; `path` begins and ends with `/`, `host` is in lower case and has no brackets."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    @property
    def origin(self) -> str:
        """The address without its path, as a browser would show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def url(self) -> str:
        """The whole address, ending in `/`."""
        return self.origin + self.path


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1 or `localhost`, and no other spelling."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def parse_address(text: str) -> Address:
    """Reads the base address of a service.

    Raises `InputError` for anything but `https://HOST[:PORT][/PATH]`, or `http://` to this machine: the token
    travels in the query, so plain http would show it to everyone on the way.
    """
    match = _BASE.fullmatch(text.strip())
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        # The address itself is not repeated: it may hold a password or a token.
        raise InputError(
            "The address of the service is not usable",
            hint="write it as `https://data.oceannetworks.ca/`: no user name, query or fragment",
        )
    scheme, host = match["scheme"].lower(), match["host"].strip("[]").lower()
    if scheme == "http" and not is_loopback(host):
        raise InputError(
            f"`{host}` is addressed by plain http, which would show the token to everyone on the way",
            hint=f"write `https://{match['host']}`; plain http is for `localhost` alone",
        )
    return Address(scheme, host, int(match["port"] or _DEFAULT_PORTS[scheme]), match["path"].rstrip("/") + "/")


def redirect_target(address: Address, current: str, location: str) -> tuple[str, str] | None:
    """Gives path and query that a redirect from the path `current` leads to, None when it leaves the service.

    Scheme, host and port must stay, because the token would follow.
    """
    try:
        parts = urlsplit(urljoin(address.origin + current, location.strip()))
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if (parts.scheme, parts.hostname, port) != (address.scheme, address.host, address.port):
        return None
    return parts.path or "/", parts.query
