"""Sentences and tables that several commands print. Readable without colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from oncsync.sizes import size_text
from oncsync.timespan import format_moment

if TYPE_CHECKING:
    from oncsync.engine.plan import Plan
    from oncsync.lockfile import EntryChange, FilesChange
    from oncsync.report import Amount, Outlook, RequestStatus, Status
    from oncsync.results import ResolveResult, SyncResult

COURTESY_RUN_THREADS = 4
MOST_LINES = 12
PERMANENT_OUTCOMES = ("failed-permanent", "refused")
SIGNS = {"added": "+", "removed": "-", "changed": "~", "same": "="}


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Gives `1 chunk`, `1,200 chunks`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: int) -> str:
    """Gives bytes in units of 1000, as the service does."""
    return size_text(number)


def moment(instant: datetime) -> str:
    """Gives an instant to the minute."""
    return format_moment(instant)


def shorten(text: str, most: int) -> str:
    """Cuts a text that is longer than `most` characters and shows that it was cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def printable(text: str) -> str:
    """Gives a text on one line, whatever characters a name on the disk has."""
    return text if text.isprintable() else "".join(mark if mark.isprintable() else "?" for mark in text)


def courtesy_warning(run_threads: int) -> str | None:
    """Says why more than four orders at a time hurt everybody (R92, R93)."""
    if run_threads <= COURTESY_RUN_THREADS:
        return None
    return (
        f"`runThreads: {run_threads}` keeps more orders alive than the {COURTESY_RUN_THREADS} that ONC asks each person"
        " to stay within; more of them slow the service down for everyone, you included"
    )


def table(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Gives rows as aligned columns, two blanks apart; `right` names the columns of numbers."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = set(right)
    return [
        "  ".join(
            cell.rjust(width) if column in aligned else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def describe_resolution(result: ResolveResult, lock_name: str, outlook: Outlook | None = None) -> list[str]:
    """Gives the summary of a resolve: what was added, removed and changed, and what it still takes where known."""
    change = result.change
    amounts = outlook.by_entry() if outlook and len(change.entries) > 1 else {}
    shown = change.entries
    if len(shown) > MOST_LINES:
        shown = tuple(entry for entry in change.entries if entry.change != "same")
    lines = [change_line(entry, amounts.get((entry.kind, entry.name))) for entry in shown]
    if len(shown) < len(change.entries):
        same = len(change.entries) - len(shown)
        lines.append(f"  {SIGNS['same']} {count(same, 'entry', 'entries')} unchanged")
    written = f"`{lock_name}` written" if result.is_written else f"`{lock_name}` is unchanged"
    files = len({chunk.id for _, request, chunk in result.lock.chunks() if request.is_archive})
    orders = change.chunk_ids - files
    each = ", one order each" if orders > 1 else ""
    held = [f"{count(orders, 'chunk')}{each}"] if orders or not files else []
    return [*lines, f"{written}: {', '.join([*held, *([count(files, 'archive file')] if files else [])])}"]


def change_line(entry: EntryChange, amount: Amount | None = None) -> str:
    """Gives one entry's line of a summary, with the requests that came and went below it."""
    from oncsync.cli.outlooks import describe_amount

    files = entry.files
    if entry.change == "removed":
        what = count(entry.chunks_removed, "chunk") if files is None else count(files.removed, "archive file")
        head = f"  - {entry.name}: removed ({what})"
    else:
        held = (
            f"{count(entry.requests, 'request')}, {count(entry.chunks, 'chunk')}"
            if files is None
            else f"{count(files.files, 'archive file')}, {size(files.bytes)}"
        )
        difference = f" (+{entry.chunks_added} -{entry.chunks_removed})" if entry.change == "changed" else ""
        if files is not None and difference:
            difference = f" ({_files_difference(files)})"
        ahead = f"; {describe_amount(amount)}" if amount is not None else ""
        head = f"  {SIGNS[entry.change]} {entry.name}: {held}{difference}{ahead}"
    if entry.change != "changed":
        return head
    lines = [f"      + {text}" for text in entry.requests_added] + [
        f"      - {text}" for text in entry.requests_removed
    ]
    if files is not None and files.unlisted:
        lines.append(f"      ~ {count(files.unlisted, 'file')} no longer listed by ONC")
    if entry.settings_changed:
        lines.append(f"      ~ {', '.join(f'`{key}`' for key in entry.settings_changed)}")
    if entry.is_reworded and not (lines or entry.chunks_added or entry.chunks_removed):
        lines.append("      ~ written differently in the manifest, the same requests")
    if entry.reviewed_changed:
        lines.append(f"      ~ {count(entry.reviewed_changed, 'request')} described differently by ONC")
    hidden = len(lines) - MOST_LINES
    return "\n".join([head, *lines[:MOST_LINES], *([f"      and {hidden} more"] if hidden > 0 else [])])


def _files_difference(files: FilesChange) -> str:
    """Gives how many archive files came, went and are told otherwise, and how large those are."""
    parts = [f"+{files.added:,} -{files.removed:,} ~{files.changed:,}"]
    for number, words in ((files.added_bytes, "new"), (files.removed_bytes, "gone"), (files.changed_bytes, "changed")):
        if number:
            parts.append(f"{size(number)} {words}")
    return ", ".join(parts)


def describe_plan(plan: Plan) -> list[str]:
    """Gives what a sync would do, one line per request that needs something, then the totals."""
    from oncsync.lockfile import describe_request

    groups: dict[tuple[str, str, str, str], int] = {}
    for planned in plan.chunks:
        if planned.step in ("order", "attach", "fetch", "failed"):
            key = (planned.step, planned.wanted.entry.name, describe_request(planned.wanted.request), planned.reason)
            groups[key] = groups.get(key, 0) + 1
    verbs = {"order": "order", "attach": "take up", "fetch": "fetch", "failed": "leave"}
    rows = [
        (f"  {verbs[step]}", str(number), name, request, reason)
        for (step, name, request, reason), number in groups.items()
    ]
    counts = plan.counts
    todo = counts["order"] + counts["attach"] + counts["fetch"]
    held = counts["done"] + counts["covered"] + counts["empty"]
    alive = f", {counts['attach']:,} ordered before" if counts["attach"] else ""
    total = f"{count(todo, 'chunk')} to do ({count(counts['order'], 'new order')}{alive}), {held:,} here or empty"
    others = [
        f"{counts['failed']:,} failed for good" if counts["failed"] else "",
        f"{counts['wait']:,} not yet due" if counts["wait"] else "",
        f"{counts['rest']:,} left alone for now" if counts["rest"] else "",
    ]
    notes = [f"note: {note}" for note in plan.notes[:MOST_LINES]]
    if len(plan.notes) > MOST_LINES:
        notes.append(f"note: and {len(plan.notes) - MOST_LINES} more like this; `--json` has them all")
    return [*table(rows, right=(1,)), *notes, ", ".join([total, *filter(None, others)])]


def describe_result(result: SyncResult, folder: Path) -> str:
    """Gives one sentence about what a sync did."""
    counts = result.counts
    parts = [f"{count(counts.done, 'chunk')} done"]
    for number, words in (
        (counts.restricted, "may lack restricted data"),
        (counts.empty, "without data"),
        (counts.failed, "failed"),
        (result.moved, "files moved to where the manifest wants them"),
        (result.removed, "old files removed (`keep`)"),
    ):
        if number:
            parts.append(f"{number:,} {words}")
    return f"{', '.join(parts)}; {count(counts.files, 'file')}, {size(counts.bytes)} into {folder}"


def describe_status(status: Status) -> list[str]:
    """Gives two lines per request, the reasons of failures below them, then the totals; fits a narrow terminal."""
    lines = []
    for entry in status.entries:
        lines.append(entry.name)
        lines += [line for request in entry.requests for line in _request_lines(request)]
        if not entry.requests:
            lines.append("  nothing to ask for: see `oncsync resolve`")
    if status.newest is not None:
        lines.append(f"The newest data here reach to {moment(status.newest)}")
    if stale := describe_stale_status(status):
        lines.append(stale)
    if status.missing:
        lacking, each = ("file is", "it") if status.missing == 1 else ("files are", "them")
        lines.append(
            f"{status.missing:,} {lacking} missing here, or of another size: the next `oncsync sync` fetches {each}"
        )
    if status.unwanted_files:
        lines.append(f"{count(status.unwanted_files, 'file')} here that the lock does not ask for any more")
    ended = f"{status.done:,} done, {status.empty:,} without data, {status.failed:,} failed"
    others = [
        f"{status.pending:,} pending{_ordered(status)}",
        f"{status.restricted:,} may lack restricted data" if status.restricted else "",
        f"{status.open:,} open" if status.open else "",
        f"{status.waiting:,} in the future" if status.waiting else "",
        f"{status.unlisted:,} no longer listed by ONC" if status.unlisted else "",
        f"{status.dropped:,} of the done let go on purpose" if status.dropped else "",
    ]
    held = f"{count(status.files, 'file')}, {size(status.bytes)}"
    return [*lines, f"{count(status.chunks, 'chunk')}: {', '.join([ended, *filter(None, others)])}; {held}"]


def describe_stale_status(status: Status) -> str:
    """Gives what may be stale by the last look at the archive (R149); nothing when nothing is known to be."""
    parts = [f"{count(status.stale_files, 'file')} may be stale"] if status.stale_files else []
    if status.stale_spans:
        parts.append(f"{count(status.stale_spans, 'chunk')} without data may have some now")
    looked = f", looked at {moment(status.looked_at)}" if status.looked_at else ""
    return f"{', '.join(parts)} (`oncsync outdated`{looked})" if parts else ""


def describe_wrong(status: Status) -> list[str]:
    """Gives the requests of which chunks failed or may lack data, with the reasons; nothing when all is well."""
    lines = []
    for entry in status.entries:
        wrong = [
            _request_lines(request)
            for request in entry.requests
            if request.failed or request.restricted or request.stale
        ]
        lines += [line for block in ([entry.name], *wrong) for line in block] if wrong else []
    return lines


def _request_lines(request: RequestStatus) -> list[str]:
    from oncsync.listed import SIZE_DIFFERS
    from oncsync.state import restrictions_in

    span = f" {request.begin:%Y-%m-%d}.." + (f"{request.end:%Y-%m-%d}" if request.end else "")
    lines = [f"  {request.request}{'' if request.is_archive else span}", f"    {_how_far(request)}"]
    for failure in request.failures:
        lines.append(f"    {failure.chunks:,} {failure.outcome}, from {failure.first:%Y-%m-%d}: {failure.reason}")
        lines.append(f"      hint: {failure.cure}")
    if SIZE_DIFFERS in request.notes:
        lines.append("    some files have another size than ONC lists (`oncsync list`)")
    return [*lines, *(f"    data may be missing: {text}" for text in restrictions_in(request.notes))]


def _ordered(status: Status | RequestStatus) -> str:
    """Gives how many of the pending chunks ONC is at work on, or has made."""
    return f" ({status.ordered:,} ordered)" if status.ordered else ""


def _how_far(request: RequestStatus) -> str:
    if request.is_off:
        return "switched off"
    if request.same_as:
        return "brought by another request"
    noun = "file" if request.is_archive else "chunk"
    whole = count(request.chunks, noun)
    done = whole if request.done == request.chunks else f"{request.done:,} of {whole}"
    among = [
        f"{request.covered:,} in files of another split" if request.covered else "",
        f"{request.dropped:,} let go on purpose" if request.dropped else "",
    ]
    parts = [f"{done} done" + (f" ({', '.join(filter(None, among))})" if any(among) else "")]
    for number, words in (
        (request.restricted, "may lack restricted data"),
        (request.stale, "may be stale"),
        (request.empty, "without data"),
        (request.failed, "failed"),
        (request.pending, f"pending{_ordered(request)}"),
        (request.open, "open: newer data may come"),
        (request.waiting, "in the future"),
        (request.unlisted, "no longer listed by ONC"),
    ):
        if number:
            parts.append(f"{number:,} {words}")
    if request.files:
        parts.append(
            size(request.bytes) if request.is_archive else f"{count(request.files, 'file')}, {size(request.bytes)}"
        )
    if request.missing:
        parts.append(f"{count(request.missing, 'file')} missing here")
    return ", ".join(parts)
