"""`oncsync sandbox` and `oncsync schema`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from oncsync.cli.ending import TerminatedError
from oncsync.cli.options import option, print_json
from oncsync.errors import INTERRUPTED_EXIT_CODE

if TYPE_CHECKING:
    from oncsync.sandbox import Sandbox


class SecondsRange(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in newer versions only
    """Two lengths of time in seconds, `MIN:MAX`; one number stands for both."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Reads the text."""
        if isinstance(value, tuple):
            return value[0], value[1]
        least, _, most = str(value).partition(":")
        try:
            low, high = float(least), float(most or least)
        except ValueError:
            self.fail(f"`{value}` is not MIN:MAX; write for example `1:3`", param, ctx)
        if not 0 <= low <= high < float("inf"):
            self.fail(f"`{value}` must be two numbers of seconds, the smaller one first", param, ctx)
        return low, high


def _list_faults(context: click.Context, parameter: click.Parameter, is_asked: bool) -> None:
    if not is_asked:
        return
    from oncsync.sandbox import list_faults

    known = list_faults()
    width = max(len(name) for name, _ in known)
    for name, text in known:
        click.echo(f"{name:{width}}  {text}")
    context.exit()


def forever() -> None:
    """Waits until a signal ends the process."""
    while True:  # a second signal may cut this short at any point, which a wait for a lock does not survive
        time.sleep(3600)


@click.command()
@option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1 [default: a free one].")
@option("--token", metavar="TOKEN", help="Token to take [default: a new one].")
@option("--faults", metavar="FILE", type=click.Path(dir_okay=False), help="What goes wrong, and when (JSON).")
@option("--seed", type=int, help="Fixes what is drawn: durations and faults.")
@option(
    "--job-seconds",
    type=SecondsRange(),
    default=(1.0, 3.0),
    metavar="MIN:MAX",
    help="How long a job runs [default: 1:3].",
)
@option(
    "--sync-seconds",
    type=click.FloatRange(0, 86400),
    default=0.3,
    metavar="SECONDS",
    help="How long files of a finished job are on their way [default: 0.3].",
)
@option(
    "--max-running",
    type=click.IntRange(1),
    default=4,
    metavar="N",
    help="Jobs that run at once; the others wait [default: 4].",
)
@option("--max-alive", type=click.IntRange(1), metavar="N", help="Orders that may be queued or running.")
@option(
    "--beyond",
    type=click.Choice(["queued", "429", "400"]),
    default="queued",
    help="What happens to an order beyond these [default: queued].",
)
@option(
    "--log",
    "log_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Add each question to this file as a line of JSON.",
)
@option("--json", "as_json", is_flag=True, help="Print `url` and `token` as one line of JSON.")
@click.option(
    "--list-faults",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_faults,
    help="Print the name of every fault and what it does.",
)
def sandbox(token: str | None, as_json: bool, **settings: Any) -> int:
    """Run the embedded imitation of the service in the foreground, until Ctrl-C.

    Prints one line once it listens. Its token is its own: yours is never read.
    """
    import json

    service = _started(token, **settings)
    try:
        if as_json:
            click.echo(json.dumps({"url": service.url, "token": service.token}))
        else:
            click.echo(f"url={service.url} token={service.token}")
        forever()
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE
    except TerminatedError as error:
        return error.exit_code
    finally:
        service.stop()
    return 0


def _started(
    token: str | None, port: int, faults: str | None, seed: int | None, log_file: str | None, **settings: Any
) -> Sandbox:
    """Starts the service; what cannot be used is one message."""
    from oncsync.errors import InputError
    from oncsync.sandbox import FaultsError, Sandbox, read_faults

    try:
        rules = read_faults(faults, seed=seed) if faults else None
    except FaultsError as error:
        raise InputError(error.message, hint=error.hint) from None
    except OSError as error:
        raise InputError(f"Cannot read `{faults}`: {error.strerror}") from None
    try:
        service = Sandbox(port=port, token=token, faults=rules, seed=seed, log=log_file, **settings)
    except OSError as error:
        raise InputError(f"Cannot write `{log_file}`: {error.strerror}", hint="choose another `--log`") from None
    try:
        return service.start()
    except OSError as error:
        raise InputError(f"Cannot listen on port {port}: {error.strerror}", hint="choose another `--port`") from None


@click.command()
@click.argument("name", type=click.Choice(["manifest", "lock", "state"]))
def schema(name: str) -> int:
    """Print the JSON Schema of the manifest, the lock or the state."""
    from oncsync.schemas import load_schema

    print_json(load_schema(name))
    return 0
