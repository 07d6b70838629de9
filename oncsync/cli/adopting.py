"""`oncsync adopt`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oncsync.cli.options import json_option, lock_timeout_option, make_project, option, print_json, project_options
from oncsync.cli.progress import hashing_progress
from oncsync.cli.wording import count, printable, size

if TYPE_CHECKING:
    from oncsync.caretaking import AdoptResult, FoundFile

WORDS = {
    "here": "here already",
    "duplicate": "the same as another",
    "differs": "of uncertain content",
    "size": "of another size",
    "unsized": "without a listed size",
    "unknown": "not in the lock",
    "dropped": "let go on purpose",
    "link": "links",
    "unreadable": "unreadable",
}


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@project_options
@option("-n", "--dry-run", is_flag=True, help="List what matches, and what does not and why; change nothing.")
@option("--move", is_flag=True, help="Remove each file where it was found, once its bytes are in place.")
@option("--threads", type=click.IntRange(1, 32), default=1, metavar="N", help="Hash so many at a time [default: 1].")
@lock_timeout_option
@option("-q", "--quiet", is_flag=True, help="No progress, and only the sums at the end.")
@json_option
def adopt(
    directory: str,
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    dry_run: bool,
    move: bool,
    threads: int,
    lock_timeout: float,
    quiet: bool,
    as_json: bool,
) -> int:
    """Take in archive files that you have already, so that they are not fetched.

    A file below DIRECTORY counts as ONC's when its name and its size are those of a file of the lock; it is hashed and
    linked into its place, copied where the disk does not link, or moved with `--move`. Nothing is overwritten. Files of
    which ONC lists no size are left alone, and so are links. May be stopped at any moment: the next run goes on.

    Exit codes: 0 taken in, or nothing to take in; 2 no lock, or one without archive files; 6 another oncsync works in
    the folder; 8 the folder cannot be written.
    """
    from oncsync import caretaking

    project = make_project(manifest, folder, token_file, variables)
    if dry_run:
        found = caretaking.find_to_adopt(project, Path(directory))
    else:
        with hashing_progress(quiet) as (on_start, on_bytes):
            found = caretaking.adopt(
                project,
                Path(directory),
                move=move,
                threads=threads,
                lock_patience=lock_timeout,
                on_start=on_start,
                on_bytes=on_bytes,
            )
    if as_json:
        rows = [{key: _shown(getattr(one, key)) for key in one.__struct_fields__} for one in found.files]
        print_json({"version": 1, "dryRun": dry_run, "files": rows})
    else:
        _print(found, dry_run, quiet)
    return 0


def _shown(value: object) -> object:
    """Gives a name as JSON can hold it, whatever bytes it has on the disk."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _print(found: AdoptResult, dry_run: bool, quiet: bool) -> None:
    taken = found.of("adopt")
    if not quiet:
        told = found.files if dry_run else [one for one in found.files if one.fate not in ("adopt", "here", "unknown")]
        for one in told:
            click.echo(_line(one))
    fates: Counter[str] = Counter(one.fate for one in found.files)
    others = [f"{fates[fate]:,} {words}" for fate, words in WORDS.items() if fates[fate]]
    verb = "to adopt" if dry_run else "adopted"
    left = f"; left alone: {', '.join(others)}" if others else ""
    click.echo(f"{count(len(taken), 'file')} {verb}, {size(sum(one.bytes for one in taken))}{left}")
    if fates["unknown"] and not dry_run and not quiet:
        click.echo("`--dry-run` lists every file and why")


def _line(one: FoundFile) -> str:
    what = f"to {printable(one.path)}" if one.fate == "adopt" else one.reason
    return f"{'adopt' if one.fate == 'adopt' else 'leave'}  {printable(one.source)}  ({size(one.bytes)}; {what})"
