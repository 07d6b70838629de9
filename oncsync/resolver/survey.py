"""Asks the service what exists, each question once, several at a time.

Which questions: the tree once, the categories once, deployments per category or per place, whichever is fewer, and a
product listing once per distinct source. Dates are never sent with them, because it is not known how the service
matches them (open question 37); the resolver filters by overlap itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

from oncsync.api import discovery
from oncsync.api.archive import ArchiveListing, list_archive_files
from oncsync.api.emptiness import or_nothing
from oncsync.api.places import PlaceTree, read_tree
from oncsync.api.records import DataProduct, Deployment, Device
from oncsync.api.session import Session
from oncsync.errors import FaultError, UnreachableError
from oncsync.resolver.requests import Site

Answer = TypeVar("Answer")
Question = TypeVar("Question")
MOST_CALLS_AT_ONCE = 8
MOST_CATEGORIES_TO_NAME = 3


class Survey:
    """Remembers every answer, so that entries which ask the same thing share it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._answers: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    @property
    def clock_offset(self) -> float | None:
        """The service's clock minus this machine's, in seconds; None as long as the service has not answered."""
        return self._session.clock_offset

    @property
    def was_answered(self) -> bool:
        """Whether the service has answered any question, be it with a refusal."""
        with self._lock:
            over = [answer.exception() for answer in self._answers.values() if answer.done()]
        return any(not isinstance(error, (FaultError, UnreachableError)) for error in over)

    def tree(self) -> PlaceTree:
        """Gives every place with its children."""
        return self._once("tree", lambda: read_tree(discovery.get_location_tree(self._session)))

    def has_place(self, code: str) -> bool:
        """Whether a place exists that the tree does not show; asked only before a code is called unknown."""
        return self._once(("place", code), lambda: self._has_place(code))

    def _has_place(self, code: str) -> bool:
        found = or_nothing(lambda: discovery.get_locations(self._session, location_code=code))
        return any(location.location_code == code for location in found)

    def category_names(self) -> dict[str, str]:
        """Gives the names of all device categories by code."""
        return self._once(
            "categories",
            lambda: {
                category.device_category_code: category.device_category_name
                for category in discovery.get_device_categories(self._session)
            },
        )

    def property_names(self) -> dict[str, str]:
        """Gives the names of all properties by code; only asked where an entry names one."""
        return self._once(
            "properties",
            lambda: {known.property_code: known.property_name for known in discovery.get_properties(self._session)},
        )

    def all_products(self) -> list[DataProduct]:
        """Gives every product in every format, wherever it is; only asked before a code is called unknown."""
        return self._once("products", lambda: discovery.get_data_products(self._session))

    def product_names(self) -> dict[str, str]:
        """Gives the names of all products by code, for a message."""
        return {product.data_product_code: product.data_product_name for product in self.all_products()}

    def device_names(self) -> dict[str, str]:
        """Gives the names of all devices by code, for a message."""
        return {code: device.device_name for code, device in self.all_devices().items()}

    def all_devices(self) -> dict[str, Device]:
        """Gives every device by code; only asked where a message or many categories need it."""
        return self._once("devices", lambda: _by_code(discovery.get_devices(self._session)))

    def devices(self, categories: Iterable[str], codes: Iterable[str]) -> dict[str, Device]:
        """Gives the devices of the categories, or those with the codes, whichever takes fewer calls."""
        category_codes, device_codes = sorted(set(categories)), sorted(set(codes))
        if len(device_codes) <= 1 < len(category_codes) or len(device_codes) == 1:
            return self._devices_by(device_codes, "device_code")
        if len(category_codes) <= MOST_CATEGORIES_TO_NAME:
            return self._devices_by(category_codes, "device_category_code")
        return self.all_devices()

    def _devices_by(self, codes: Sequence[str], key: str) -> dict[str, Device]:
        def ask(code: str) -> dict[str, Device]:
            codes: dict[str, Any] = {key: code}
            return self._once(("devices", key, code), lambda: _by_code(discovery.get_devices(self._session, **codes)))

        found: dict[str, Device] = {}
        for devices in self.in_parallel(ask, codes):
            found |= devices
        return found

    def sites_by_category(self, category: str) -> list[Site]:
        """Gives all deployments of a category, wherever they are."""
        return self._once(("sites", "category", category), lambda: self._sites(device_category_code=category))

    def sites_by_location(self, location: str) -> list[Site]:
        """Gives all deployments at one place, of any category."""
        return self._once(("sites", "location", location), lambda: self._sites(location_code=location))

    def sites_by_device(self, device: str) -> list[Site]:
        """Gives all deployments of one device."""
        return self._once(("sites", "device", device), lambda: self._sites(device_code=device))

    def sites_measuring(self, location: str, property_code: str) -> list[Site]:
        """Gives all deployments at one place of instruments that measure a property."""
        return self._once(
            ("sites", "property", location, property_code),
            lambda: self._sites(location_code=location, property_code=property_code),
        )

    def properties_of(self, source: dict[str, str]) -> list[str]:
        """Gives the properties that a source (ONC's spelling) measures; only asked where a message needs it."""
        return self._once(("properties", tuple(sorted(source.items()))), lambda: self._properties(source))

    def listing(self, source: dict[str, str]) -> list[DataProduct]:
        """Gives the products of a source (ONC's spelling); none when the service knows of none there."""
        return self._once(("listing", tuple(sorted(source.items()))), lambda: self._listing(source))

    def archive_files(self, **question: Any) -> ArchiveListing:
        """Gives what the archive lists for a question in the words of `list_archive_files`."""
        key = ("archive files", *sorted((name, value) for name, value in question.items() if value is not None))
        return self._once(key, lambda: list_archive_files(self._session, **question))

    def in_parallel(self, ask: Callable[[Question], Answer], questions: Sequence[Question]) -> list[Answer]:
        """Asks several questions at a time; answers come in the order of the questions."""
        if len(questions) <= 1:
            return [ask(question) for question in questions]
        with ThreadPoolExecutor(max_workers=min(MOST_CALLS_AT_ONCE, len(questions))) as pool:
            return list(pool.map(ask, questions))

    def _sites(self, **codes: Any) -> list[Site]:
        """Gives deployments; a 400/127 for codes that are known to exist means that there are none (onc-api.md 2.3)."""
        deployments = or_nothing(lambda: discovery.get_deployments(self._session, **codes))
        sites = [_site(deployment) for deployment in deployments]
        return self._with_categories(sites, codes.get("device_category_code"))

    def _with_categories(self, sites: list[Site], asked: str | None) -> list[Site]:
        """Fills in the category where the service does not name it: the one asked for, or its device's (2.3)."""
        from msgspec.structs import replace

        if all(site.device_category_code for site in sites):
            return sites
        if asked is not None:
            return [replace(site, device_category_code=site.device_category_code or asked) for site in sites]
        devices = self.all_devices()
        filled = []
        for site in sites:
            if not site.device_category_code and site.device_code in devices:
                site = replace(site, device_category_code=devices[site.device_code].device_category_code or "")
            filled.append(site)
        return filled

    def _listing(self, source: dict[str, str]) -> list[DataProduct]:
        return or_nothing(lambda: discovery.get_data_products(self._session, **_parameters(source)))

    def _properties(self, source: dict[str, str]) -> list[str]:
        found = or_nothing(lambda: discovery.get_properties(self._session, **_parameters(source)))
        return [known.property_code for known in found]

    def _once(self, key: Hashable, ask: Callable[[], Answer]) -> Answer:
        with self._lock:
            known = self._answers.get(key)
            if known is None:
                answer: Future[Any] = Future()
                self._answers[key] = answer
        if known is not None:
            return cast(Answer, known.result())
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  every waiter gets what was raised
            answer.set_exception(error)
        return cast(Answer, answer.result())


def _parameters(source: dict[str, str]) -> dict[str, Any]:
    names = {
        "locationCode": "location_code",
        "deviceCategoryCode": "device_category_code",
        "propertyCode": "property_code",
        "deviceCode": "device_code",
    }
    return {names[key]: code for key, code in source.items()}


def _site(deployment: Deployment) -> Site:
    citation = deployment.citation
    return Site(
        location_code=deployment.location_code,
        device_category_code=deployment.device_category_code or "",
        device_code=deployment.device_code,
        begin=deployment.begin,
        end=deployment.end,
        lat=deployment.lat,
        lon=deployment.lon,
        depth=deployment.depth,
        citation=citation.citation if citation else None,
        doi=citation.doi if citation else None,
    )


def _by_code(devices: Iterable[Device]) -> dict[str, Device]:
    return {device.device_code: device for device in devices}
