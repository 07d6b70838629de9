"""`oncsync init` and `oncsync auth`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from oncsync.cli.ending import say
from oncsync.cli.options import option
from oncsync.errors import InputError, TokenError

ONC_HOST = "data.oceannetworks.ca"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@click.command()
@option("-m", "--manifest", metavar="FILE", default="oncsync.yaml", show_default=True, help="The manifest to write.")
@option("--server", default="production", show_default=True, help="production, qa, sandbox or an address.")
@option("--force", is_flag=True, help="Replace a manifest that is there.")
def init(manifest: str, server: str, force: bool) -> int:
    """Write a commented manifest to start from; keep the data out of git, and the lock as it is written in it.

    `--server sandbox` needs no token: it runs against the embedded service.
    """
    from oncsync.atomic import write_atomic
    from oncsync.manifest import load_manifest
    from oncsync.manifest.server import server_fault
    from oncsync.manifest.starter import starter_manifest

    path = Path(manifest).absolute()
    if server not in ("production", "qa", "sandbox") and (fault := server_fault(server)):
        raise InputError(fault[0], hint=fault[1])
    if path.exists() and not force:
        raise InputError(f"`{path}` is there already", hint="edit it, choose another `-m`, or give `--force`")
    write_atomic(path, starter_manifest(server).encode())
    folder = load_manifest(path, environment={}).folder
    told = {".gitignore": _ignore_folder(path.parent, folder), ".gitattributes": _keep_line_ends(path)}
    click.echo(f"Wrote {path}")
    for name, line in told.items():
        if line:
            click.echo(f"Added `{line}` to {path.parent / name}")
    token = "" if server == "sandbox" else "give your token (`oncsync auth login`), "
    click.echo(f"Next: edit it, {token}then `oncsync resolve` and `oncsync sync`")
    return 0


def _ignore_folder(directory: Path, folder: Path) -> str | None:
    """Adds the folder, and what belongs to this machine, to `.gitignore`; gives the line that was new."""
    if directory not in folder.parents:
        return None
    line = f"/{folder.relative_to(directory).as_posix()}/"
    return _add_line(directory / ".gitignore", line, "/oncsync.local.yaml")


def _keep_line_ends(manifest: Path) -> str | None:
    """Adds the lock and its shards to `.gitattributes`: text that is merged, with the line ends it was written with."""
    from oncsync.manifest import lock_path

    name = lock_path(manifest).name
    return _add_line(manifest.parent / ".gitattributes", f"/{name} text eol=lf", f"/{name}.d/** text eol=lf")


def _add_line(path: Path, line: str, *others: str) -> str | None:
    """Adds lines to a file unless it has the first of them; gives that one if it was new."""
    from oncsync.atomic import write_atomic

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if line in text.splitlines():
        return None
    separator = "" if not text or text.endswith("\n") else "\n"
    write_atomic(path, (text + separator + "".join(f"{one}\n" for one in (line, *others))).encode())
    return line


@click.group()
def auth() -> None:
    """Store, check or remove the token for a host.

    ONC's own hosts also take the token in `ONC_TOKEN`, which needs no storing.
    """


@auth.command()
@option("--host", default=ONC_HOST, show_default=True, help="The host the token is for.")
def login(host: str) -> int:
    """Store a token: asked for without showing it, or read from stdin when that is no terminal."""
    from oncsync.credentials import store_token

    if sys.stdin.isatty():
        say("Log in at https://data.oceannetworks.ca, open your profile, tab `Web Services API`, `Generate Token`")
        text = click.prompt("Token", hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    click.echo(f"The token for {host} is in {store_token(host, text)}")
    if not UUID.fullmatch(text.strip()):
        say("warning: ONC's tokens look like 01234567-89ab-cdef-0123-456789abcdef; this one does not")
    return 0


@auth.command()
@option("--host", default=ONC_HOST, show_default=True, help="The host the token is for.")
@option("--token-file", type=click.Path(dir_okay=False), help="File that holds your token.")
def status(host: str, token_file: str | None) -> int:
    """Say whether there is a token for a host; exit 4 when there is none. Shows nothing of it and asks nobody."""
    from oncsync.credentials import find_token

    find_token(f"https://{host}/", token_file=Path(token_file) if token_file else None)
    click.echo(f"There is a token for {host}")
    return 0


@auth.command()
@option("--host", default=ONC_HOST, show_default=True, help="The host the token is for.")
def logout(host: str) -> int:
    """Remove the stored token of a host."""
    from oncsync.credentials import forget_token

    if not forget_token(host):
        raise TokenError(f"No token is stored for `{host}`")
    click.echo(f"The token for {host} is gone from the store")
    return 0
