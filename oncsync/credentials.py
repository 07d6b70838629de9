"""Where the token comes from, and to which hosts it may go (rule 5).

A token from `ONC_TOKEN` or `--token-file` belongs to ONC's own hosts and to this machine; any other host needs one that
was stored for it: in `.netrc`, or in the credential store (the system's keyring, or a file only the user reads).
"""

from __future__ import annotations

import json
import netrc
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from oncsync.api import TOKEN_HINT, Token, is_loopback
from oncsync.atomic import write_atomic
from oncsync.errors import InputError, TokenError

ONC_HOSTS = ("data.oceannetworks.ca", "qa.oceannetworks.ca")
KEYRING_SERVICE = "oncsync"


class FoundToken(msgspec.Struct, frozen=True):
    """A token and, in words, where it was found."""

    token: Token
    source: str


def find_token(url: str, *, token_file: Path | None = None, environment: Mapping[str, str] | None = None) -> Token:
    """Gives the token for the service at `url`, from the first source that has one.

    Sources, in order: `--token-file`, `ONC_TOKEN`, `.netrc`, the credential store. Raises `TokenError` when there is
    none, `InputError` when the named file cannot be read or is empty.
    """
    return locate_token(url, token_file=token_file, environment=environment).token


def locate_token(
    url: str, *, token_file: Path | None = None, environment: Mapping[str, str] | None = None
) -> FoundToken:
    """Gives what `find_token` gives, and where it came from."""
    variables = os.environ if environment is None else environment
    host = urlsplit(url).hostname or ""
    unbound = _read_token_file(token_file) if token_file else variables.get("ONC_TOKEN", "").strip()
    if unbound and may_send_to(host):
        return FoundToken(Token(unbound), f"the file `{token_file}`" if token_file else "the variable `ONC_TOKEN`")
    if bound := _from_netrc(host, variables):
        return FoundToken(Token(bound), "`.netrc`")
    if bound := _ring_token(host.lower()):
        return FoundToken(Token(bound), "the system's keyring")
    if bound := _read_store().get(host.lower()):
        return FoundToken(Token(bound), "the credential store")
    if unbound:
        check_host(host)
    store = "oncsync auth login" if host == ONC_HOSTS[0] else f"oncsync auth login --host {host}"
    hint = f"{TOKEN_HINT}, or store it: `{store}`" if may_send_to(host) else f"store one: `{store}`"
    raise TokenError(f"No token for `{host}` was found", hint=hint)


def may_send_to(host: str) -> bool:
    """Whether a token that is bound to no host may go to `host`."""
    return host in ONC_HOSTS or is_loopback(host)


def check_host(host: str) -> None:
    """Raises `TokenError` for a host that a token bound to no host may not go to."""
    if not may_send_to(host):
        raise TokenError(
            f"The token given is for ONC's own hosts; it is not sent to `{host}`",
            hint=f"store one for that host: `oncsync auth login --host {host}`",
        )


def _read_token_file(path: Path) -> str:
    """Reads the file a person named; one that holds nothing is a mistake and never means "look elsewhere"."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"Cannot read the token file `{path}`: {reason}") from None
    if not text:
        raise InputError(f"The token file `{path}` is empty", hint=TOKEN_HINT)
    return text


def _from_netrc(host: str, variables: Mapping[str, str]) -> str | None:
    """Gives the password of a host; the entry named `default` is bound to no host and is none."""
    named = variables.get("NETRC")
    try:
        hosts = netrc.netrc(Path(named) if named else Path.home() / ".netrc").hosts
    except (OSError, RuntimeError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    entry = next((entry for name, entry in hosts.items() if name.lower() == host and name != "default"), None)
    return entry[2].strip() if entry and entry[2] else None


# --- The credential store --------------------------------------------------------------------------------------


def store_path() -> Path:
    """Gives the file of the credential store that is used where the system has no keyring."""
    import platformdirs

    return Path(platformdirs.user_config_dir("oncsync", appauthor=False)) / "credentials.json"


def stored_token(host: str) -> str | None:
    """Gives the token stored for a host, None when there is none; raises `TokenError` for a store that leaks."""
    return _ring_token(host.lower()) or _read_store().get(host.lower())


def _ring_token(host: str) -> str | None:
    """Gives what the keyring holds; one that is locked or out of order holds nothing."""
    ring = _keyring()
    if ring is None:
        return None
    try:
        return ring.get_password(KEYRING_SERVICE, host)
    except Exception:  # noqa: BLE001  every system's keyring fails in its own way, and it is optional
        return None


def store_token(host: str, text: str) -> str:
    """Stores a token for a host; says where. Raises `TokenError` when the text cannot be a token."""
    token = Token(text)
    ring = _keyring()
    if ring is not None:
        try:
            ring.set_password(KEYRING_SERVICE, host.lower(), token.reveal())
            return "the system's keyring"
        except Exception:  # noqa: BLE001, S110  the file below takes its place, and the caller says where the token is
            pass
    path = store_path()
    _write_store(_read_store() | {host.lower(): token.reveal()})
    return f"`{path}`, which only you can read"


def keep_token(host: str, token: Token) -> str | None:
    """Stores a token for a host, unless it is stored there already; says where, None when nothing was to be done."""
    return None if stored_token(host) == token.reveal() else store_token(host, token.reveal())


def forget_token(host: str) -> bool:
    """Removes the token stored for a host; says whether there was one."""
    ring = _keyring()
    had = False
    if ring is not None and _ring_token(host.lower()):
        ring.delete_password(KEYRING_SERVICE, host.lower())
        had = True
    tokens = _read_store()
    if tokens.pop(host.lower(), None) is not None:
        _write_store(tokens)
        had = True
    return had


def _write_store(tokens: Mapping[str, str]) -> None:
    write_atomic(store_path(), json.dumps(tokens, indent=1).encode() + b"\n", mode=0o600)


def _read_store() -> dict[str, str]:
    path = store_path()
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise TokenError(f"`{path}` can be read by others", hint=f"chmod 600 {path}")
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        raise TokenError(f"The credential store `{path}` cannot be read", hint="remove it and log in again") from None
    return {str(key): str(value) for key, value in stored.items()} if isinstance(stored, dict) else {}


class _Keyring:
    """What is used of the `keyring` package."""

    def get_password(self, service: str, name: str) -> str | None: ...
    def set_password(self, service: str, name: str, password: str) -> None: ...
    def delete_password(self, service: str, name: str) -> None: ...


def _keyring() -> _Keyring | None:
    """Gives the system's keyring when the optional package is installed and has a place to keep secrets."""
    try:
        import keyring  # type: ignore[import-not-found,unused-ignore]
        from keyring.backends import fail  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return None if isinstance(backend, fail.Keyring) else backend  # type: ignore[no-any-return,unused-ignore]
