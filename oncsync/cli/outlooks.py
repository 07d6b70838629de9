"""How orders, time and bytes that are still to come are said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncsync.cli.wording import MOST_LINES, count, printable, size

if TYPE_CHECKING:
    from oncsync.caretaking import Foresight
    from oncsync.report import Amount, Outlook


def describe_outlook(outlook: Outlook, *, was_asked: bool = False) -> str:
    """Gives the line about all that is still to be ordered; `was_asked` says that ONC was asked for sizes."""
    total = outlook.total
    if not total.orders and not total.files:
        return "Nothing is to be ordered"
    files = f"{count(total.files, 'archive file')} to fetch" if total.files else ""
    if not total.orders:
        return f"Nothing is to be ordered; {files}, {size_text(total)}"
    hint = " (`--estimate` asks ONC)" if total.unsized == total.orders and not was_asked else ""
    how = f"{outlook.at_a_time} at a time: {time_text(total)}{f'; {files}' if files else ''}, {size_text(total)}{hint}"
    return f"To order: {count(total.orders, 'chunk')}, {how}"


def describe_foresight(foreseen: Foresight) -> list[str]:
    """Gives the lines about what comes with a plan: what it takes, what holds it up, which files move or go."""
    total = foreseen.outlook.total
    lines = [describe_outlook(foreseen.outlook, was_asked=True)] if total.orders or total.files else []
    lines += [f"note: {note}" for note in foreseen.notes]
    lines += [f"move  {printable(move.source)}  to  {printable(move.target)}" for move in foreseen.moves[:MOST_LINES]]
    if len(foreseen.moves) > MOST_LINES:
        lines.append(f"and {count(len(foreseen.moves) - MOST_LINES, 'file')} more to move; `--json` has them all")
    if foreseen.unwanted:
        lines.append(
            f"{count(len(foreseen.unwanted), 'file')} no longer wanted: `oncsync prune` removes what is unchanged"
        )
    return lines


def describe_amount(amount: Amount) -> str:
    """Gives what one entry takes, for its line of a summary."""
    files = f"{count(amount.files, 'archive file')} to fetch" if amount.files else ""
    if not amount.orders:
        return f"{files}, {size_text(amount)}" if files else "nothing to order"
    orders = f"{count(amount.orders, 'order')}, {time_text(amount)}"
    return ", ".join(filter(None, [orders, files, size_text(amount)]))


def time_text(amount: Amount) -> str:
    """Gives how long orders take, as far as that is known."""
    if amount.seconds is None:
        return "time unknown"
    rest = f" and {count(amount.untimed, 'order')} of unknown time" if amount.untimed else ""
    return f"about {length(amount.seconds)}{rest}"


def size_text(amount: Amount) -> str:
    """Gives how large the files are, as far as that is known."""
    if amount.bytes is None:
        return "size unknown"
    noun = "file" if not amount.orders else "order" if not amount.files else "order or file"
    more = "orders or files" if amount.orders and amount.files else None
    rest = f" and {count(amount.unsized, noun, more)} of unknown size" if amount.unsized else ""
    return f"about {size(amount.bytes)}{rest}"


def length(seconds: float) -> str:
    """Gives a length of time for people: `40 s`, `12 min`, `3.5 h`, `2.5 days`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"
