"""`oncsync outdated`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click
import msgspec

from oncsync.cli import folding
from oncsync.cli.ending import notices_of, say
from oncsync.cli.options import json_option, lock_timeout_option, make_project, option, print_json, project_options
from oncsync.cli.wording import count, printable

if TYPE_CHECKING:
    from oncsync.caretaking import OutdatedResult, StaleChunk
    from oncsync.project import Project

NO_DATA_THEN = "(no data then)"


class _Row(msgspec.Struct, frozen=True):
    """A product file that may be stale, or a span that had no data; `more` files of its chunk are not shown."""

    chunk: StaleChunk
    file: str
    more: int = 0


@click.command()
@project_options
@option("--only", multiple=True, metavar="NAME", help="Only this entry; may be given several times.")
@lock_timeout_option
@json_option
def outdated(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    only: tuple[str, ...],
    lock_timeout: float,
    as_json: bool,
) -> int:
    """Ask ONC which raw files were archived again, or late, since you fetched what is made from them.

    Lists the product files that may be stale, and requests that ONC cites otherwise by now. Orders nothing and changes
    no file; `oncsync status` tells the finding from then on, and `oncsync sync --refresh-outdated` fetches those files
    again.

    Exit codes: 0 nothing may be stale; 1 something may be, or is cited otherwise; 3 a device could not be asked; 4
    token; 5 service not there.
    """
    from oncsync.caretaking import find_outdated

    project = make_project(manifest, folder, token_file, variables)
    with notices_of(project):
        found = find_outdated(project, only=only, lock_patience=lock_timeout)
    if as_json:
        _print_as_json(project, found)
    else:
        _print_table(found)
        for line in _summary(found):
            folding.show([line])
    for one in found.unanswered:
        left = f"; {count(one.chunks, 'chunk')} could not be judged" if one.chunks else ""
        say(f"error: {one.subject} could not be asked: {printable(one.message)}{left}")
    if found.not_stored is not None:
        say(f"warning: `oncsync status` will not tell it: {found.not_stored.message}")
    return found.exit_code


# --- For people and programs -----------------------------------------------------------------------------------------


def _print_table(found: OutdatedResult) -> None:
    from oncsync.cli import showing

    if not found.chunks:
        return

    def moment(instant: datetime | None) -> str:
        return f"{instant:%Y-%m-%d %H:%M}" if instant else "not told"

    columns = (
        showing.Column("file", lambda row: row.file, shown=_shown_file),
        showing.Column("download", lambda row: row.chunk.downloads, rank=3),
        showing.Column(
            "askedFor", lambda row: row.chunk.asked_at, rank=2, shown=lambda row: moment(row.chunk.asked_at)
        ),
        showing.Column("rawFiles", lambda row: row.chunk.raw_count, is_number=True),
        showing.Column(
            "archived", lambda row: row.chunk.archived, rank=1, shown=lambda row: moment(row.chunk.archived)
        ),
        showing.Column("devices", lambda row: row.chunk.devices, rank=4),
        showing.Column("chunk", lambda row: row.chunk.id, on_terminal=False),
        showing.Column("raw", lambda row: row.chunk.raw_files, on_terminal=False),
    )
    if not folding.is_terminal():
        rows = [row for one in found.chunks for row in _all_rows(one)]
        click.echo("\n".join(showing.tab_lines(columns, rows)))
    else:
        is_bold = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        rows = [_first_row(one) for one in found.chunks]
        click.echo("\n".join(showing.terminal_lines(columns, rows, folding.terminal_width(), is_bold=is_bold)))
        click.echo()


def _all_rows(one: StaleChunk) -> Iterator[_Row]:
    yield from (_Row(one, path) for path in one.files or ("",))


def _first_row(one: StaleChunk) -> _Row:
    return _Row(one, one.files[0] if one.files else "", max(0, len(one.files) - 1))


def _shown_file(row: _Row) -> str:
    if not row.file:
        return f"{NO_DATA_THEN} {row.chunk.request} {row.chunk.begin:%Y-%m-%d}"
    return printable(row.file) + (f" and {row.more:,} more" if row.more else "")


def _summary(found: OutdatedResult) -> Iterator[str]:
    """Yields what is cited otherwise, then the totals; on a terminal alone, for the rows stand for themselves."""
    tell = [_citation_line(one.request, one.download, one.doi_before, one.doi) for one in found.citations]
    if not folding.is_terminal():
        for line in tell:
            say(line)
        return
    yield from tell
    files = sum(len(one.files) for one in found.chunks)
    spans = sum(not one.files for one in found.chunks)
    devices, judged = count(len(found.devices), "device"), count(found.judged, "chunk")
    still_open = f"; {count(found.open, 'chunk')} still open: `sync` orders those again by itself" if found.open else ""
    parts = [f"{count(files, 'file')} may be stale"] if files else []
    parts += [f"{count(spans, 'span')} without data may have some now"] if spans else []
    if found.chunks:
        yield f"{', '.join(parts)}; {devices} and {judged} looked at{still_open}"
        yield "`oncsync sync --refresh-outdated` fetches them again and keeps the old until the new are whole"
    elif not found.unanswered:
        yield f"Nothing may be stale: {devices} asked about, {judged} looked at{still_open}"
    else:
        yield f"Nothing is known to be stale, as far as {devices} could be asked{still_open}"


def _citation_line(request: str, download: str, before: str | None, now: str | None) -> str:
    told = (
        f"DOI {before or 'none'} before, {now or 'none'} now" if before != now else "the text of the citation changed"
    )
    return f"`{download}` {request} is cited otherwise: {told}; `oncsync resolve` takes it into the lock"


def _print_as_json(project: Project, found: OutdatedResult) -> None:
    print_json(
        {
            "version": 1,
            "exitCode": found.exit_code,
            "lookedAt": found.looked_at,
            "isStored": found.not_stored is None,
            "judged": found.judged,
            "open": found.open,
            "devices": found.devices,
            "chunks": found.chunks,
            "rawFiles": found.raw_files,
            "citations": found.citations,
            "unanswered": found.unanswered,
            "notices": list(dict.fromkeys(project.notices)),
        }
    )
