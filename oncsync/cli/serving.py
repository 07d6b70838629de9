"""`oncsync sandbox` and `oncsync schema`."""

from __future__ import annotations

import threading

import click

from oncsync.cli.ending import INTERRUPTED_EXIT_CODE, TERMINATED_EXIT_CODE, TerminatedError
from oncsync.cli.options import option, print_json


@click.command()
@option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1 [default: a free one].")
@option("--token", metavar="TOKEN", help="Token to take [default: a new one].")
@option("--json", "as_json", is_flag=True, help="Print `url` and `token` as one line of JSON.")
def sandbox(port: int, token: str | None, as_json: bool) -> int:
    """Run the embedded imitation of the service in the foreground, until Ctrl-C.

    Prints one line once it listens. Its token is its own: yours is never read.
    """
    import json

    from oncsync.errors import InputError
    from oncsync.sandbox import Sandbox

    try:
        service = Sandbox(port=port, token=token).start()
    except OSError as error:
        raise InputError(f"Cannot listen on port {port}: {error.strerror}", hint="choose another `--port`") from None
    try:
        if as_json:
            click.echo(json.dumps({"url": service.url, "token": service.token}))
        else:
            click.echo(f"url={service.url} token={service.token}")
        threading.Event().wait()
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE
    except TerminatedError:
        return TERMINATED_EXIT_CODE
    finally:
        service.stop()
    return 0


@click.command()
@click.argument("name", type=click.Choice(["manifest", "lock", "state"]))
def schema(name: str) -> int:
    """Print the JSON Schema of the manifest, the lock or the state."""
    from oncsync.schemas import load_schema

    print_json(load_schema(name))
    return 0
