"""Cancels orders of this folder at the service; the next sync orders them again unless nobody wants them any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec

from oncsync.api import Session, cancel_order
from oncsync.caretaking.orders import LiveOrder
from oncsync.engine.eventlog import EventLog
from oncsync.engine.folder import OWN_FOLDER, FolderLock, prepare_folder
from oncsync.engine.mounts import check_place
from oncsync.engine.outcomes import explain
from oncsync.engine.plan import has_live_order
from oncsync.engine.planning import check_owner
from oncsync.engine.slots import SlotBook, slots_folder
from oncsync.engine.watch import Level, Notice
from oncsync.errors import FaultError, ServiceError, UnreachableError
from oncsync.project import Project
from oncsync.state import Forgotten, StateStore
from oncsync.timespan import UTC

REASON = "cancelled by `oncsync cancel`"


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of cancelling one order: `is_gone` says that nothing waits for it any more.

    `said` is what the service answered in place of a plain yes. An order that the service may not have heard of being
    cancelled stays as it was.
    """

    dp_request_id: int
    chunk: str
    download: str | None
    is_gone: bool
    said: str | None = None


def cancel_orders(
    project: Project,
    orders: Sequence[LiveOrder],
    *,
    lock_patience: float = 0.0,
    warn: Callable[[str], None] = lambda text: None,
) -> list[Cancelled]:
    """Cancels live orders of this folder at the service, frees their slots and records it.

    What the service says against it ends nothing (open question 24): an order that it does not know or that is over
    needs no cancelling. Only an outage leaves an order as it was. Raises `FolderBusyError` while a sync is at work
    here, `TokenError`, `UnreachableError`.
    """
    check_place(project.folder, project.state_path)
    prepare_folder(project.folder)  # orders live on when their folder is removed
    with FolderLock(project.folder, patience=lock_patience), project.connected() as session:
        store = StateStore(project.state_path)
        check_owner(store.state, project.folder, project.identity, project.manifest.server)
        slots = SlotBook(slots_folder(), session.base_url, project.folder, warn=warn)
        with _journal(store), _log(project, session) as log:
            done = []
            for order in orders:
                if order.dp_request_id is None or not order.is_here:
                    continue
                one = _cancel(session, order, order.dp_request_id)
                if one.is_gone:
                    _forget(store, slots, order)
                log.notice(_notice(one, order.run_ids))
                done.append(one)
    return done


def _cancel(session: Session, order: LiveOrder, request_id: int) -> Cancelled:
    def ended(is_gone: bool, said: str | None = None) -> Cancelled:
        return Cancelled(
            dp_request_id=request_id, chunk=order.chunk, download=order.download, is_gone=is_gone, said=said
        )

    try:
        cancel_order(session, request_id, attempts=3)
    except UnreachableError:
        raise
    except FaultError as error:
        return ended(error.status in (200, 202), explain(error))
    except ServiceError as error:
        return ended(True, explain(error))
    return ended(True)


def _forget(store: StateStore, slots: SlotBook, order: LiveOrder) -> None:
    """Records that an order is gone. The slot goes last: a kill before that leaves a slot that the next sync frees."""
    now = datetime.now(UTC)
    chunk = store.state.chunks.get(order.chunk)
    if chunk and chunk.order and chunk.order.request_id == order.dp_request_id and has_live_order(chunk):
        store.record(Forgotten(at=now, chunk=order.chunk, reason=REASON))
    if order.slot is not None:
        slots.free(order.slot, now)


@contextmanager
def _journal(store: StateStore) -> Iterator[None]:
    if store.state.chunks:
        store.open_journal()
    try:
        yield
        if store.recorded:
            store.snapshot()
    finally:
        store.close()


@contextmanager
def _log(project: Project, session: Session) -> Iterator[EventLog]:
    log = EventLog(project.folder / OWN_FOLDER / "oncsync.log", redact=session.redact)
    try:
        yield log
    finally:
        log.close()


def _notice(one: Cancelled, run_ids: tuple[int, ...]) -> Notice:
    text = f"order {one.dp_request_id} {'cancelled' if one.is_gone else 'could not be cancelled'}"
    level: Level = "info" if one.is_gone else "error"
    text = f"{text}: {one.said}" if one.said else text
    return Notice(
        event="cancel", text=text, level=level, chunk=one.chunk, request_id=one.dp_request_id, run_ids=run_ids
    )
