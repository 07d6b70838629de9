"""Options that several commands share. Every flag has an `ONCSYNC_` variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from oncsync.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])
_LOCK_FILE = "oncsync.lock_file"
_JSON = "oncsync.json"
LONGEST_SECONDS = 36_600 * 86_400.0


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Declares a flag whose value may also stand in `ONCSYNC_NAME`."""
    long = next(name for name in names if name.startswith("--"))
    variable = "ONCSYNC_" + long.split("/")[0].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=variable, **settings)


def json_option(command: Command) -> Command:
    """Adds `--json`, under which an error that ends the command is told on stdout too."""
    add = option("--json", "as_json", is_flag=True, callback=_keep_json, help="Print the answer as JSON.")
    return add(command)


def _keep_json(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta[_JSON] = value
    return value


def wants_json(ctx: click.Context) -> bool:
    """Whether the command under way was asked for JSON."""
    return bool(ctx.meta.get(_JSON))


def lock_timeout_option(command: Command) -> Command:
    """Adds `--lock-timeout`."""
    text = "Wait for another oncsync in the folder."
    return option("--lock-timeout", type=Seconds(), default=0, metavar="TIME", help=text)(command)


def project_options(command: Command) -> Command:
    """Adds the options that name manifest, folder, lock and the token's file, and give variables their values."""
    for add in (
        option("--set", "variables", multiple=True, metavar="NAME=VALUE", help="Give a variable of `vars:` a value."),
        option("--token-file", type=click.Path(dir_okay=False), help="File that holds your token."),
        option(
            "--lock-file",
            metavar="FILE",
            expose_value=False,
            callback=_keep_lock_file,
            help="The lock, in place of the one beside the manifest; values given with `--set` need one of their own.",
        ),
        option("--folder", metavar="FOLDER", help="Where the data lie, in place of the manifest's `folder`."),
        option("-m", "--manifest", metavar="FILE", help="The manifest [default: oncsync.yaml here or further up]."),
    ):
        command = add(command)
    return command


def _keep_lock_file(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    ctx.meta[_LOCK_FILE] = value


def named_lock_file() -> str | None:
    """Gives what `--lock-file` of the command under way says."""
    named: str | None = click.get_current_context().meta.get(_LOCK_FILE)
    return named


def make_project(
    manifest: str | None, folder: str | None, token_file: str | None, variables: tuple[str, ...]
) -> Project:
    """Makes the project that the shared options name."""
    from oncsync.project import Project

    values = read_variables(variables)
    return Project(manifest, folder=folder, lock_file=named_lock_file(), token_file=token_file, variables=values)


def read_variables(variables: tuple[str, ...]) -> dict[str, str]:
    """Reads the values of `--set`."""
    values = {}
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals or not name:
            raise click.UsageError(f"`--set {variable}` is not NAME=VALUE")
        values[name] = value
    return values


class Seconds(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in newer versions only
    """A length of time: `90s`, `10m`, `2h`, `1d` or an ISO 8601 duration; becomes seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Reads the text."""
        seconds = self._read(value, param, ctx)
        if seconds > LONGEST_SECONDS:
            self.fail(f"`{value}` is longer than a hundred years", param, ctx)
        return seconds

    def _read(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from oncsync.timespan import TimeTextError, parse_duration

        if isinstance(value, (int, float)):
            return float(value)
        units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        text = str(value).strip().lower()
        if text and text[-1] in units and text[:-1].replace(".", "", 1).isdigit():
            return float(text[:-1]) * units[text[-1]]
        try:
            duration = parse_duration(text)
        except TimeTextError:
            self.fail(f"`{value}` is no length of time; write for example `90s`, `10m` or `PT2H`", param, ctx)
        if duration.is_negative or duration.months:
            self.fail(f"`{value}` must be a positive number of days, hours, minutes or seconds", param, ctx)
        return duration.milliseconds / 1000


def print_json(value: object, *, on_one_line: bool = False) -> None:
    """Prints an answer as JSON, in camelCase as the documents have it; on one line where others follow."""
    import msgspec

    encoded = msgspec.json.encode(value)
    click.echo((encoded if on_one_line else msgspec.json.format(encoded, indent=2)).decode())
