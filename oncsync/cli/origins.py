"""`oncsync show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from oncsync.cli.options import json_option, make_project, print_json, project_options
from oncsync.cli.wording import count, printable, size

if TYPE_CHECKING:
    from oncsync.caretaking import FileOrigin, Origin
    from oncsync.caretaking.origins import Event
    from oncsync.listed import ListedFile

Row = tuple[str, str]
_CODES = ("locationCode", "deviceCategoryCode", "propertyCode", "deviceCode")


@click.command()
@click.argument("subject", metavar="PATH|ID")
@project_options
@json_option
def show(
    subject: str,
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    as_json: bool,
) -> int:
    """Tell where a file comes from, or what happened to a chunk.

    PATH|ID is the path of a file, a chunk's id (or how it begins), a `dpRequestId` or a `dpRunId`. Asks nobody: reads
    the state, the lock and the log of the folder.
    """
    from oncsync.caretaking import find_origin

    origin = find_origin(make_project(manifest, folder, token_file, variables), subject)
    if as_json:
        print_json(origin)
        return 0
    is_archived = origin.archived is not None
    rows = [*_file_rows(origin.file, is_archived), *_chunk_rows(origin)] if origin.file else _chunk_rows(origin)
    width = max(len(heading) for heading, _ in rows)
    click.echo("\n".join(f"{heading:<{width}}  {printable(text)}".rstrip() for heading, text in rows))
    if origin.file is None:
        _print_history(origin)
    return 0


def _moment(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else ""


def _filled(rows: Iterable[Row]) -> list[Row]:
    return [(heading, text) for heading, text in rows if text]


def _pairs(members: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(members.items()))


def _file_rows(file: FileOrigin, is_archived: bool) -> list[Row]:
    unchecked = "" if file.is_length_known else ", the service told no length"
    there = "" if file.presence == "here" else f" ({file.presence})"
    return _filled(
        [
            ("file", f"{file.path}{there}"),
            ("name at ONC", file.name if file.name != file.path.rpartition("/")[2] else ""),
            ("what", "archive file" if is_archived else _what(file)),
            ("version here", str(file.run_id) if is_archived and file.run_id > 1 else ""),
            ("run", "" if is_archived else str(file.run_id)),
            ("size", f"{size(file.bytes)} ({file.bytes:,} bytes{unchecked})"),
            ("SHA-256", file.sha256),
            ("fetched", _moment(file.fetched_at)),
        ]
    )


def _what(file: FileOrigin) -> str:
    return "metadata" if file.is_metadata else f"data, file {file.index} of its run"


def _chunk_rows(origin: Origin) -> list[Row]:
    ended = f"{origin.outcome}{f': {origin.reason}' if origin.reason else ''}" if origin.outcome else "not ended"
    return _filled(
        [
            ("download", ", ".join(origin.downloads) or "none: the lock does not ask for it any more"),
            *_request_rows(origin),
            ("span", f"{_moment(origin.begin)} to {_moment(origin.end)}, exclusive"),
            ("fetched to", _moment(origin.fetched_to) if origin.fetched_to != origin.end else ""),
            ("chunk", origin.chunk),
            ("outcome", f"{ended} ({_moment(origin.ended_at)})" if origin.ended_at else ended),
            *(_order_rows(origin) if origin.archived is None else _archive_rows(origin.archived)),
            ("may be stale", _stale_text(origin)),
            *(("note", note) for note in origin.notes),
        ]
    )


def _stale_text(origin: Origin) -> str:
    from oncsync.caretaking.marking import describe_stale

    stale = origin.stale
    if stale is None:
        return ""
    more = f" and {stale.count - len(stale.names):,} more" if stale.count > len(stale.names) else ""
    return f"{describe_stale(stale)}: {', '.join(stale.names)}{more} (looked at {_moment(stale.at)})"


def _request_rows(origin: Origin) -> list[Row]:
    request = origin.request
    if request is None:
        return []
    about = {key: str(value) for key, value in request.about.items() if value is not None}
    place = " ".join(
        filter(None, (about.get("locationName"), about.get("deviceCategoryName"), about.get("deviceName")))
    )
    codes = [request.source[key] for key in _CODES if key in request.source]
    name = f" ({about['dataProductName']})" if about.get("dataProductName") else ""
    return [
        ("place", f"{' '.join(codes)}{f' ({place})' if place else ''}"),
        ("device", about.get("deviceCode", "")),
        ("product", f"{request.data_product_code} {request.extension}{name}".strip()),
        ("cite as", request.citation or ""),
        ("DOI", request.doi or ""),
    ]


def _archive_rows(listed: ListedFile) -> list[Row]:
    sizes = [
        f"{listed.delivered_size:,} bytes delivered" if listed.delivered_size is not None else "",
        f"{listed.stored_size:,} bytes stored" if listed.stored_size is not None else "",
    ]
    return [
        ("product", listed.data_product_code or ""),
        ("archived", _moment(listed.archived)),
        ("changed at ONC", _moment(listed.modified)),
        ("size as listed", ", ".join(filter(None, sizes))),
    ]


def _order_rows(origin: Origin) -> list[Row]:
    order = origin.order
    if order is None:
        lost = next((event for event in reversed(origin.events) if event.dp_request_id is not None), None)
        return [("order", "none" if lost is None else f"none any more, the last one was {_ids(lost)}")]
    asked_by = f" by {order.user} on {order.host}" if order.user or order.host else ""
    is_older = origin.file is not None and order.run_ids and origin.file.run_id not in order.run_ids
    later = " (a later one than the file's)" if is_older else ""
    number = "without an id" if order.dp_request_id is None else f"dpRequestId {order.dp_request_id}"
    return [
        ("order", f"{number}, placed {_moment(order.placed_at)}{asked_by}{later}"),
        ("runs", ", ".join(map(str, order.run_ids))),
        ("options sent", _pairs(order.options)),
        ("asked", order.query_url or ""),
        *(("restriction", text) for text in order.restrictions),
    ]


def _print_history(origin: Origin) -> None:
    if origin.files:
        click.echo(f"\n{count(len(origin.files), 'file')}")
    for file in origin.files:
        there = "" if file.presence == "here" else f", {file.presence}"
        click.echo(f"  {printable(file.path)}  ({size(file.bytes)}, fetched {_moment(file.fetched_at)}{there})")
    if origin.events:
        click.echo("\nwhat happened")
    before = ""
    for event in origin.events:
        ids = _ids(event)
        click.echo(f"  {event.at}  {printable(event.text)}{f' ({ids})' if ids not in ('', before) else ''}")
        before = ids or before


def _ids(event: Event) -> str:
    """Gives what ONC calls the order of an event."""
    runs = f", dpRunId {', '.join(map(str, event.dp_run_ids))}" if event.dp_run_ids else ""
    return "" if event.dp_request_id is None else f"dpRequestId {event.dp_request_id}{runs}"
