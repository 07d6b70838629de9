"""Orders that live at the service: this folder's by its state, those of all folders here by the slots."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from oncsync.api import Session, order_phase, order_status
from oncsync.api.address import parse_address
from oncsync.caretaking.premises import lock_if_any
from oncsync.connection import SANDBOX, server_url
from oncsync.engine.folder import OWN_FOLDER, check_own_place
from oncsync.engine.outcomes import explain
from oncsync.engine.plan import has_live_order
from oncsync.engine.slots import Slot, read_slots, slots_folder
from oncsync.errors import InputError, OncsyncError, ServiceError, UnreachableError
from oncsync.lockfile import Lock, describe_request
from oncsync.locking import read_locks
from oncsync.manifest import lock_path
from oncsync.project import Project
from oncsync.state import ChunkState, Order, State, StateStore
from oncsync.timespan import UTC


class LiveOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One order that the service may be at work on. `age` is in seconds.

    `dp_request_id` is None from the moment of asking until the service's answer. `download`, `request`, `begin`, `end`
    and `run_ids` are known where the folder that placed it can be read. `counts` says that it takes a slot of
    `runThreads`; `said` is the service's word for its state, where it was asked, and `is_finished` what that means:
    None where it does not say.
    """

    dp_request_id: int | None
    run_ids: tuple[int, ...]
    since: datetime
    age: float
    folder: str
    is_here: bool
    download: str | None
    request: str | None
    begin: datetime | None
    end: datetime | None
    chunk: str
    host: str
    process: int | None
    counts: bool
    slot: str | None
    said: str | None = None
    is_finished: bool | None = None


class _Site(msgspec.Struct, frozen=True):
    """A folder with what is known of it: its state, and what its lock calls each chunk."""

    folder: str
    state: State
    names: dict[str, tuple[str, str]]


def live_orders(project: Project, now: datetime | None = None) -> list[LiveOrder]:
    """Gives the live orders of this folder and of the other folders of this user on this machine, oldest first.

    Reads records alone, waits for nobody, and asks nobody.
    """
    now = now or datetime.now(UTC)
    here = _site_here(project)
    slots = _slots(project, now)
    live = {chunk for chunk, state in here.state.chunks.items() if has_live_order(state)}
    # By the order's id: the slot of a folder that was moved still names the place where it was.
    by_order = {(slot.chunk, slot.order): slot for slot in slots}
    orders, named = [], set()
    for chunk in live:
        order = here.state.chunks[chunk].order
        slot = by_order.get((chunk, order.request_id)) if order else None
        named.add(slot.id if slot else None)
        orders.append(_order(here, chunk, slot, now, is_here=True))
    left = [slot for slot in slots if slot.id not in named]
    orders += [_order(here, slot.chunk, slot, now, is_here=True) for slot in left if slot.folder == here.folder]
    elsewhere = [slot for slot in left if slot.folder != here.folder]
    sites = {folder: _site_elsewhere(folder) for folder in {slot.folder for slot in elsewhere}}
    orders += [_order(sites[slot.folder], slot.chunk, slot, now, is_here=False) for slot in elsewhere]
    return sorted(orders, key=lambda one: (one.since, one.folder, one.chunk))


def _slots(project: Project, now: datetime) -> list[Slot]:
    if project.manifest.server == SANDBOX:  # it ends with the command that started it, and its orders with it
        return []
    return read_slots(slots_folder(), parse_address(server_url(project.manifest.server)).url, now)


def _site_here(project: Project) -> _Site:
    check_own_place(project.folder)
    folder = str(project.folder).encode("utf-8", "backslashreplace").decode()
    return _Site(folder, StateStore(project.state_path).state, _names(lock_if_any(project)))


def _site_elsewhere(folder: str) -> _Site:
    """Gives what another folder says of itself, as far as it can be read from here."""
    place = Path(folder)
    try:
        state = StateStore(place / OWN_FOLDER / "state.json").state
        lock = read_locks(lock_path(place / state.manifest), place) if state.manifest else None
    except (OncsyncError, OSError, ValueError):
        return _Site(folder, State(), {})
    return _Site(folder, state, _names(lock))


def _names(lock: Lock | None) -> dict[str, tuple[str, str]]:
    names: dict[str, tuple[str, str]] = {}
    for entry, request, chunk in lock.chunks() if lock else ():
        names.setdefault(chunk.id, (entry.name, describe_request(request)))
    return names


def _order(site: _Site, chunk: str, slot: Slot | None, now: datetime, *, is_here: bool) -> LiveOrder:
    state = site.state.chunks.get(chunk)
    order = _order_of(state, slot)
    since = slot.since if slot else order.at if order else now
    name, request = site.names.get(chunk, (None, None))
    return LiveOrder(
        dp_request_id=slot.order if slot else order.request_id if order else None,
        run_ids=order.run_ids if order else (),
        since=since,
        age=max(timedelta(), now - since).total_seconds(),
        folder=site.folder,
        is_here=is_here,
        download=name,
        request=request,
        begin=state.begin if state else None,
        end=state.end if state else None,
        chunk=chunk,
        host=slot.host if slot else order.host if order else "",
        process=slot.process if slot else None,
        counts=slot is not None,
        slot=slot.id if slot else None,
    )


def _order_of(state: ChunkState | None, slot: Slot | None) -> Order | None:
    """Gives the order of a chunk's state, unless the slot holds another one."""
    order = state.order if state else None
    return order if order and (slot is None or slot.order == order.request_id) else None


# --- What the service says -----------------------------------------------------------------------------------------


def ask_about_orders(project: Project, orders: Sequence[LiveOrder]) -> list[LiveOrder]:
    """Asks the service for the state of each order, in its own words; starts and changes nothing.

    An answer that it does not know an order is what it says of it. Raises `TokenError` and `UnreachableError`.
    """
    with project.connected() as session:
        return [_ask(session, one) for one in orders]


def _ask(session: Session, order: LiveOrder) -> LiveOrder:
    if order.dp_request_id is None:
        return order
    try:
        status = order_status(session, order.dp_request_id, attempts=2)
    except UnreachableError:
        raise
    except ServiceError as error:
        return msgspec.structs.replace(order, said=explain(error))
    is_finished = {"open": False, "over": True}.get(order_phase(status))
    return msgspec.structs.replace(order, said=status.search_hdr_status or "no state", is_finished=is_finished)


# --- Which ones are meant ------------------------------------------------------------------------------------------


def choose_orders(orders: Iterable[LiveOrder], subjects: Sequence[str], known_names: Iterable[str]) -> list[LiveOrder]:
    """Gives the orders that names of downloads, chunk ids or `dpRequestId`s mean; no subjects mean all.

    Raises `InputError` for what is neither the name of a download nor a live order.
    """
    listed, names = list(orders), set(known_names)
    if not subjects:
        return listed
    chosen: dict[str, LiveOrder] = {}
    for subject in subjects:
        meant = [one for one in listed if _is_meant(one, subject)]
        if not meant and subject not in names:
            # Never another order's id: whoever took the hint would cancel what is at work.
            near = difflib.get_close_matches(subject, names, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`oncsync orders` lists those that live"
            if subject.isdecimal():
                hint = f"it may be over, or cancelled: `oncsync show {subject}` tells what is known of it"
            raise InputError(f"`{subject}` is no live order of this folder and no download", hint=hint)
        chosen.update({f"{one.chunk} {one.dp_request_id}": one for one in meant})
    return list(chosen.values())


def _is_meant(order: LiveOrder, subject: str) -> bool:
    if subject in (order.download, order.chunk, str(order.dp_request_id)):
        return True
    return bool(re.fullmatch("[0-9a-f]{6,}", subject)) and order.chunk.startswith(subject)
