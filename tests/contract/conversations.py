"""The client's conversations that are recorded: small questions, the same for the embedded service and the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from oncsync.api import (
    ArchiveAnswer,
    ArchiveListing,
    ArrivingFile,
    AvailabilityListing,
    DataProduct,
    Deployment,
    Device,
    DeviceCategory,
    FileAnswer,
    Location,
    LocationNode,
    NotReady,
    OrderStatus,
    OrderTicket,
    Property,
    Run,
    RunAnswer,
    cancel_order,
    get_availability,
    get_data_products,
    get_deployments,
    get_device_categories,
    get_devices,
    get_location_tree,
    get_locations,
    get_properties,
    list_archive_files,
    open_archive_file,
    open_file,
    order_status,
    request_product,
    restart_order,
    run_order,
)
from oncsync.errors import OncsyncError
from oncsync.timespan import parse_instant
from tests.contract.recording import Talk

PRODUCT = {
    "locationCode": "BACAX",
    "deviceCategoryCode": "CTD",
    "dataProductCode": "TSSD",
    "extension": "csv",
    "dateFrom": "2015-01-01T00:00:00.000Z",
    "dateTo": "2015-01-02T00:00:00.000Z",
    "dpo_resample": "average",
    "dpo_average": "3600",
}
"""One day of hourly averages: a small file."""
MOST_POLLS = 240
FIRST, LAST = parse_instant("2019-11-03"), parse_instant("2019-11-07")
DEVICE = "BPR-Folger-59"


class Arrived(NamedTuple):
    """A file as it came."""

    name: str | None
    length: int | None
    body: bytes


class Discovery(NamedTuple):
    """What each service of discovery told."""

    locations: list[Location]
    tree: list[LocationNode]
    deployments: list[Deployment]
    categories: list[DeviceCategory]
    devices: list[Device]
    properties: list[Property]
    products: list[DataProduct]


class Order(NamedTuple):
    """An order from request to files; `waits` are the answers before a file was ready."""

    ticket: OrderTicket
    polls: list[RunAnswer]
    waits: list[NotReady]
    files: dict[str, Arrived]
    end: FileAnswer | Arrived


class Restart(NamedTuple):
    """An order that was cancelled and taken up again, and what `status` said meanwhile."""

    cancelled: tuple[Run, ...]
    restarted: tuple[Run, ...]
    last: RunAnswer
    statuses: list[OrderStatus]


class Archive(NamedTuple):
    """Two pages of a listing, a file of it, and one that is not there."""

    listing: ArchiveListing
    file: Arrived
    missing: ArchiveAnswer


def discovery(talk: Talk) -> Discovery:
    """Asks each service of discovery about a little."""
    session = talk.session
    return Discovery(
        locations=get_locations(session, location_code="BACAX"),
        tree=get_location_tree(session, location_code="BACAX"),
        deployments=get_deployments(
            session,
            location_code="BACAX",
            device_category_code="CTD",
            date_from=parse_instant("2015-01-01"),
            date_to=parse_instant("2016-01-01"),
        ),
        categories=get_device_categories(session, device_category_code="CTD"),
        devices=get_devices(session, device_code=DEVICE),
        properties=get_properties(session, property_code="conductivity"),
        products=get_data_products(
            session, location_code="BACAX", device_category_code="CTD", data_product_code="TSSD", extension="csv"
        ),
    )


def order(talk: Talk) -> Order:
    """Orders a product and fetches everything that it delivers, up to the answer that ends the files."""
    ticket = request_product(talk.session, PRODUCT)
    polls = _run_to_the_end(talk, ticket.dp_request_id)
    run_id = polls[-1].runs[0].dp_run_id
    waits: list[NotReady] = []
    files: dict[str, Arrived] = {}
    end = _fetch(talk, run_id, 1, waits)
    while isinstance(end, Arrived):
        files[str(len(files) + 1)] = end
        end = _fetch(talk, run_id, len(files) + 1, waits)
    metadata = _fetch(talk, run_id, "meta", waits)
    if isinstance(metadata, Arrived):
        files["meta"] = metadata
    return Order(ticket, polls, waits, files, end)


def restart(talk: Talk) -> Restart:
    """Cancels an order that runs, takes it up again and waits for its end."""
    session = talk.session
    order_id = request_product(session, PRODUCT).dp_request_id
    run_order(session, order_id)
    statuses = [order_status(session, order_id)]
    cancelled = cancel_order(session, order_id)
    statuses.append(order_status(session, order_id))
    restarted = restart_order(session, order_id)
    polls = _run_to_the_end(talk, order_id)
    return Restart(cancelled, restarted, polls[-1], statuses)


def archive(talk: Talk) -> Archive:
    """Lists four daily files in pages, fetches the first, and asks for one that nobody has."""
    listing = list_archive_files(
        talk.session,
        device_code=DEVICE,
        date_from=FIRST,
        date_to=LAST,
        file_extension="txt",
        more={"rowLimit": "3"},
    )
    first = open_archive_file(talk.session, listing.files[0].name)
    assert isinstance(first, ArrivingFile)
    missing = open_archive_file(talk.session, f"{DEVICE}_19000101T000000.000Z.txt")
    return Archive(listing, _take(first), missing)


def availability(talk: Talk) -> AvailabilityListing:
    """Asks what the archive holds of a device in some days."""
    return get_availability(talk.session, device_code=DEVICE, date_from=FIRST, date_to=LAST)


def refusals(talk: Talk) -> dict[str, OncsyncError]:
    """Asks what is refused: a token nobody has, a code nobody has, a name no service takes, a place without data."""
    session = talk.session
    asked: dict[str, Callable[[], Any]] = {
        "token": lambda: talk.stranger.get_json("api/deviceCategories", {"deviceCategoryCode": "CTD"}),
        "value": lambda: get_deployments(session, location_code="XYZ123"),
        "name": lambda: session.get_json("api/deployments", {"locationCodes": "BACAX"}),
        "nothing": lambda: session.get_json("api/locations", {"locationCode": "BACAX", "deviceCategoryCode": "LIDAR"}),
        "order": lambda: run_order(session, 1),
    }
    return {name: _error_of(ask) for name, ask in asked.items()}


CONVERSATIONS: dict[str, Callable[[Talk], Any]] = {
    "archive": archive,
    "availability": availability,
    "discovery": discovery,
    "order": order,
    "refusals": refusals,
    "restart": restart,
}


def _error_of(ask: Callable[[], object]) -> OncsyncError:
    try:
        answer = ask()
    except OncsyncError as error:
        return error
    raise AssertionError(f"this was to be refused: {answer!r}")


def _pauses() -> Iterator[float]:
    """Yields waits of some seconds that grow, and end with what a patient person would call the end."""
    yield from (1.0, 1.0, 2.0, 4.0, 8.0, 15.0)
    yield from (30.0 for _ in range(MOST_POLLS))
    raise AssertionError("the order does not end")


def _run_to_the_end(talk: Talk, order_id: int) -> list[RunAnswer]:
    """Asks `run` until the order's runs are over; gives every answer."""
    answers = [run_order(talk.session, order_id)]
    pauses = _pauses()
    while not answers[-1].is_finished:
        talk.wait(next(pauses))
        answers.append(run_order(talk.session, order_id))
    return answers


def _fetch(talk: Talk, run_id: int, index: int | Literal["meta"], waits: list[NotReady]) -> FileAnswer | Arrived:
    """Asks for a file until it is ready or not to be had; notes the answers in between."""
    pauses = _pauses()
    while isinstance(answer := open_file(talk.session, run_id, index), NotReady):
        waits.append(answer)
        talk.wait(next(pauses))
    return _take(answer) if isinstance(answer, ArrivingFile) else answer


def _take(file: ArrivingFile) -> Arrived:
    with file:
        return Arrived(file.name, file.length, b"".join(file.blocks()))
