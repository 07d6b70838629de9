"""What people look at: status now, and what is still to come; coverage and citations come here too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from oncsync.lockfile import Lock
from oncsync.report.outlook import Amount, EntryOutlook, Ordered, Outlook, forecast, is_much
from oncsync.report.sizes import ask_sizes
from oncsync.report.status import EntryStatus, FailureStatus, RequestStatus, Status, aged_entries, make_status
from oncsync.state import State

if TYPE_CHECKING:
    from oncsync.api import Session

__all__ = [
    "Amount",
    "EntryOutlook",
    "EntryStatus",
    "FailureStatus",
    "Ordered",
    "Outlook",
    "RequestStatus",
    "Status",
    "aged_entries",
    "forecast",
    "is_much",
    "make_outlook",
    "make_status",
]


def make_outlook(
    lock: Lock, orders: Iterable[Ordered], state: State, at_a_time: int, session: Session | None
) -> Outlook:
    """Gives what the orders of a lock take; with a session, ONC is asked for the sizes that history does not tell."""
    listed = list(orders)
    outlook = forecast(lock, listed, state, at_a_time, None)
    if session is None or not outlook.total.unsized:
        return outlook
    unsized = {key for key, amount in outlook.by_entry().items() if amount.unsized}
    unknown = [(one.request, one.chunk) for one in listed if one.entry.key in unsized and not one.request.is_archive]
    return forecast(lock, listed, state, at_a_time, ask_sizes(session, unknown))
