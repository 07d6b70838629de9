"""How orders, time and bytes that are still to come are said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncsync.cli.wording import count, size

if TYPE_CHECKING:
    from oncsync.report import Amount, Outlook


def describe_outlook(outlook: Outlook, *, was_asked: bool = False) -> str:
    """Gives the line about all that is still to be ordered; `was_asked` says that ONC was asked for sizes."""
    total = outlook.total
    if not total.orders:
        return "Nothing is to be ordered"
    hint = " (`--estimate` asks ONC)" if total.unsized == total.orders and not was_asked else ""
    how = f"{outlook.at_a_time} at a time: {time_text(total)}, {size_text(total)}{hint}"
    return f"To order: {count(total.orders, 'chunk')}, {how}"


def describe_amount(amount: Amount) -> str:
    """Gives what one entry takes, for its line of a summary."""
    if not amount.orders:
        return "nothing to order"
    return f"{count(amount.orders, 'order')}, {time_text(amount)}, {size_text(amount)}"


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
    rest = f" and {count(amount.unsized, 'order')} of unknown size" if amount.unsized else ""
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
