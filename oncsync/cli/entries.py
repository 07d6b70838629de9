"""`oncsync add` and `oncsync remove`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oncsync.cli.discovering import SHORT, any_spelling
from oncsync.cli.ending import say
from oncsync.cli.options import json_option, option, print_json, read_variables
from oncsync.cli.wording import count

if TYPE_CHECKING:
    from oncsync.entries import Edited

Command = TypeVar("Command", bound=Callable[..., Any])

LISTS = {
    "locationCode": "A place; everything below it counts.",
    "deviceCategoryCode": "A kind of instrument.",
    "deviceCode": "An instrument.",
    "propertyCode": "A measured quantity.",
    "dataProductCode": "A data product.",
    "dataProductName": "A part of the name of a data product.",
    "extension": "A format.",
    "prefer": "Formats in order: the first that exists for a place is taken.",
    "match": "Archive files of such names (`*.flac`).",
    "notMatch": "No archive files of such names.",
}
"""Keys that take one text or several; like the others they are spelled as in the manifest."""
TEXTS = {
    "service": "dataProductDelivery or archivefile.",
    "downloadMethod": "byLocation, byDevice or all.",
    "begin": "The first instant: a date, `now`, or a duration such as `-P3D`.",
    "end": "The first instant that is not wanted any more [default: now].",
    "splitDateRange": "How the time is cut: all, year, month, week, day, hour or a duration.",
    "dayOfWeek": "The first day of a week.",
    "path": "A template of the place in the folder.",
    "minSize": "No smaller archive files.",
    "maxSize": "No larger archive files.",
    "refreshOpen": "Least time between two orders of a piece that is still open.",
    "keep": "How long archive files stay that a moving span has left behind.",
}
NUMBERS = {
    "maxOrderHours": "Give up on an order after so many hours.",
    "lateDays": "So many days data may come late.",
    "newest": "Only so many archive files, the newest.",
    "limit": "Only so many archive files.",
}
FLAGS = {
    "pinOptions": "Send the defaults of the options too, and keep them.",
    "latest": "Keep the newest files in `latest/NAME/` too.",
}


def _entry_options(command: Command) -> Command:
    """Adds a flag for every key of a download, in the order of the help."""
    lists = [
        option(*filter(None, (SHORT.get(key), f"--{key}")), key.lower(), metavar="TEXT", multiple=True, help=text)
        for key, text in LISTS.items()
    ]
    singles = [option(f"--{key}", key.lower(), metavar="TEXT", help=text) for key, text in TEXTS.items()]
    numbers = [option(f"--{key}", key.lower(), metavar="NUMBER", help=text) for key, text in NUMBERS.items()]
    flags = [option(f"--{key}", key.lower(), is_flag=True, help=text) for key, text in FLAGS.items()]
    others = [
        option("--metadata/--no-metadata", default=None, help="Fetch the XML that describes each product."),
        option("--option", "options", multiple=True, metavar="[CODE[/EXT]:]NAME=VALUE", help="An option `dpo_...`."),
        option("--exclude", multiple=True, metavar="KEY=CODE", help="Leave out what matches, as `deviceCode=X`."),
        option("--near", metavar="LAT,LON,KM", help="Only what lies in this circle."),
        option("--events", metavar="FILE", help="A file of times, each of which is fetched."),
        option("--padding", metavar="DURATION", help="With `--events`: so much more at both ends."),
    ]
    for add_option in reversed([*lists, *singles, *flags, *numbers, *others]):
        command = add_option(command)
    return command


def _manifest_options(command: Command) -> Command:
    for add_option in (
        json_option,
        option("-n", "--dry-run", is_flag=True, help="Show what would change; write nothing."),
        option("--set", "variables", multiple=True, metavar="NAME=VALUE", help="Give a variable of `vars:` a value."),
        option("-m", "--manifest", metavar="FILE", help="The manifest [default: oncsync.yaml here or further up]."),
    ):
        command = add_option(command)
    return command


@click.command(context_settings={"token_normalize_func": any_spelling})
@click.argument("name")
@_entry_options
@option("--no-check", is_flag=True, help="Do not ask ONC whether it exists; needs neither token nor network.")
@option("--allow-many", is_flag=True, help="Let the entry have more than 100,000 chunks.")
@option("--token-file", type=click.Path(dir_okay=False), help="File that holds your token.")
@_manifest_options
def add(
    name: str,
    no_check: bool,
    allow_many: bool,
    token_file: str | None,
    manifest: str | None,
    variables: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Write a download NAME into the manifest, from the flags of `oncsync discover` and every other key of a download.

    ONC is asked first what it means: unknown codes, options and formats that do not exist, and filters that match
    nothing are refused, and nothing is written. Comments, order and line ends of the manifest stay as they are.

    Example: oncsync add turbidity -l CBYIP -c TURBIDITYMETER -p TSSD -x csv --begin 2019-01-01 --end 2020-01-01
    """
    from oncsync.entries import add_download

    edited = add_download(
        manifest,
        entry_of(name, given),
        check=not no_check,
        write=not dry_run,
        allow_many=allow_many,
        token_file=token_file,
        variables=read_variables(variables),
    )
    for notice in edited.notices:
        say(f"warning: `{name}`: {notice}")
    meant = ""
    if edited.requests is not None:
        meant = f": {count(edited.requests, 'request')}, {count(edited.chunks or 0, 'chunk')}"
    _print(edited, as_json, f"{'Would add' if dry_run else 'Added'} `{name}` to {edited.manifest.name}{meant}")
    return 0


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_manifest_options
def remove(
    names: tuple[str, ...], manifest: str | None, variables: tuple[str, ...], dry_run: bool, as_json: bool
) -> int:
    """Take downloads and requests out of the manifest by name; asks nobody.

    Lines of comment stay, and so does everything in the folder.
    """
    from oncsync.entries import remove_entries

    edited = remove_entries(manifest, names, write=not dry_run, variables=read_variables(variables))
    listed = ", ".join(f"`{name}`" for name in edited.names)
    _print(edited, as_json, f"{'Would take' if dry_run else 'Took'} {listed} out of {edited.manifest.name}")
    return 0


def _print(edited: Edited, as_json: bool, sentence: str) -> None:
    if as_json:
        print_json({"version": 1, "written": edited.is_written, "manifest": edited.manifest.name, "names": edited.names,
                    "requests": edited.requests, "chunks": edited.chunks, "notices": edited.notices,
                    "diff": edited.diff})  # fmt: skip
        return
    if not edited.is_written and edited.diff:
        click.echo(edited.diff, nl=False)
    click.echo(sentence)
    if edited.is_written:
        click.echo("Next: `oncsync resolve`, then review and commit manifest and lock")


def entry_of(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Gives the entry that the flags describe, in the manifest's spelling and with what they say as it was written."""
    entry: dict[str, Any] = {"name": name}
    for key in LISTS:
        if given[key.lower()]:
            entry[key] = _one_or_list(given[key.lower()])
    entry |= {key: given[key.lower()] for key in TEXTS if given[key.lower()] is not None}
    entry |= {key: _number(given[key.lower()]) for key in NUMBERS if given[key.lower()] is not None}
    entry |= {key: True for key in FLAGS if given[key.lower()]}
    if given["metadata"] is not None:
        entry["metadata"] = given["metadata"]
    if given["options"]:
        entry["options"] = _options(given["options"])
    if given["exclude"]:
        entry["exclude"] = _exclude(given["exclude"])
    if given["near"] is not None:
        entry["near"] = _near(given["near"])
    if given["padding"] is not None and given["events"] is None:
        raise click.UsageError("`--padding` belongs to `--events`")
    if given["events"] is not None:
        entry["events"] = {"file": given["events"]}
        entry["events"] |= {"padding": given["padding"]} if given["padding"] is not None else {}
    return entry


def _one_or_list(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _number(text: str) -> int | float | str:
    """Gives a number as it is written without quotes; what is none is left for the manifest's own check to refuse."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if str(number) == text else text
    return text


def _options(texts: Sequence[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        scope, colon, option_name = key.rpartition(":")
        if not equals or not option_name or (colon and not scope):
            raise click.UsageError(f"`--option {text}` is not NAME=VALUE or CODE:NAME=VALUE")
        target = options.setdefault(scope, {}) if scope else options
        target[option_name] = _number(value)
    return options


def _exclude(texts: Sequence[str]) -> dict[str, Any]:
    excluded: dict[str, list[str]] = {}
    for text in texts:
        key, equals, code = text.partition("=")
        if not equals or not key or not code:
            raise click.UsageError(f"`--exclude {text}` is not KEY=CODE")
        excluded.setdefault(next((one for one in LISTS if any_spelling(one) == any_spelling(key)), key), []).append(
            code
        )
    return {key: _one_or_list(codes) for key, codes in excluded.items()}


def _near(text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3:
        raise click.UsageError(f"`--near {text}` is not LAT,LON,KM")
    return dict(zip(("lat", "lon", "radiusKm"), map(_number, parts), strict=True))
