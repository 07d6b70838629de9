"""Asks the service what exists, in as few questions as the filters allow, several at a time.

Dates are never sent with them: how the service matches them is not known for every service (open question 37), so
what overlaps is found here. A refusal with code 127 for codes that exist means that there is nothing (onc-api.md 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from oncsync.api import availability, discovery
from oncsync.api.asking import Asker
from oncsync.api.emptiness import or_nothing
from oncsync.api.places import PlaceTree, read_tree
from oncsync.api.records import Availability, DataProduct, Deployment, Device, DeviceCategory, Property
from oncsync.catalogue.filters import Filters
from oncsync.errors import InputError, RefusedError

Question = TypeVar("Question")
Answer = TypeVar("Answer")

MOST_QUESTIONS = 500
MANY_QUESTIONS = 30
MOST_CALLS_AT_ONCE = 8
MOST_NAMED = 8
"""Up to so many places or categories are asked for one by one; more of them are picked out of the whole list."""


class Source(msgspec.Struct, frozen=True, order=True):
    """Whose products and properties are meant: a category, at a place or anywhere, or a device."""

    location_code: str = ""
    device_category_code: str = ""
    device_code: str = ""


class TooManyError(InputError):
    """Says that an answer would take more questions than is fair to the service."""


class Questions:
    """What can be asked; the asker remembers, so asking again is free.

    `on_many` is told how many questions a step asks when they are so many that a person waits.
    """

    def __init__(self, asker: Asker, on_many: Callable[[int], None] = lambda number: None) -> None:
        self._asker = asker
        self._on_many = on_many
        self._most = MOST_QUESTIONS

    def tree(self) -> PlaceTree:
        """Gives every place with what lies below it."""
        return read_tree(discovery.get_location_tree(self._asker))

    def has_place(self, code: str) -> bool:
        """Whether a place exists that the tree does not show."""
        found = or_nothing(lambda: discovery.get_locations(self._asker, location_code=code))
        return any(place.location_code == code for place in found)

    def categories(self) -> dict[str, DeviceCategory]:
        """Gives every kind of instrument by its code."""
        listed = discovery.get_device_categories(self._asker)
        return {category.device_category_code: category for category in listed}

    def all_properties(self) -> list[Property]:
        """Gives every property, measured anywhere or not."""
        return discovery.get_properties(self._asker)

    def all_products(self) -> list[DataProduct]:
        """Gives every data product in every extension, wherever it is from."""
        return discovery.get_data_products(self._asker)

    def devices(self, codes: Collection[str] = ()) -> dict[str, Device]:
        """Gives devices by code: those with the codes, or all when there are more than a few or none named."""
        if 0 < len(codes) <= MOST_NAMED:
            listed = self._gather(lambda code: discovery.get_devices(self._asker, device_code=code), sorted(codes))
        else:
            listed = discovery.get_devices(self._asker)
        return {device.device_code: device for device in listed}

    def deployments(self, places: Collection[str] | None, filters: Filters) -> list[Deployment]:
        """Gives what was ever deployed; more than the filters want, never less, the property aside, which is sent."""
        narrow: list[dict[str, str]]
        if filters.device_codes:
            narrow = [{"device_code": code} for code in filters.device_codes]
        elif places is not None and len(places) <= MOST_NAMED:
            narrow = [{"location_code": code} for code in sorted(places)]
        elif 0 < len(filters.device_category_codes) <= MOST_NAMED:
            narrow = [{"device_category_code": code} for code in filters.device_category_codes]
        else:
            narrow = [{}]
        measuring: list[dict[str, str]] = [{"property_code": code} for code in filters.property_codes] or [{}]
        found = self._gather(self._deployed, [{**one, **other} for one in narrow for other in measuring])
        return self._with_categories(list(dict.fromkeys(found)))

    def _deployed(self, codes: dict[str, Any]) -> list[Deployment]:
        if codes:
            return or_nothing(lambda: discovery.get_deployments(self._asker, **codes))
        try:
            return discovery.get_deployments(self._asker)
        except RefusedError:  # a service that wants a filter gets one
            return self._gather(self._deployed, [{"device_category_code": code} for code in sorted(self.categories())])

    def _with_categories(self, found: list[Deployment]) -> list[Deployment]:
        """Fills in the category where the service does not name it (onc-api.md 2.3)."""
        if all(one.device_category_code for one in found):
            return found
        devices = self.devices()
        return [
            one
            if one.device_category_code or one.device_code not in devices
            else replace(one, device_category_code=devices[one.device_code].device_category_code)
            for one in found
        ]

    def products(self, source: Source, property_codes: Sequence[str] = ()) -> list[DataProduct]:
        """Gives what a source offers, for some of the properties when there are any."""
        return [
            product
            for code in property_codes or (None,)
            for product in self._listing(source, code, discovery.get_data_products)
        ]

    def properties(self, source: Source) -> list[Property]:
        """Gives what a source measures."""
        return self._listing(source, None, discovery.get_properties)

    def _listing(self, source: Source, property_code: str | None, ask: Callable[..., list[Answer]]) -> list[Answer]:
        codes = {**msgspec.structs.asdict(source), "property_code": property_code}
        named = {name: code for name, code in codes.items() if code}
        return or_nothing(lambda: ask(self._asker, **named))

    def available(self, source: Source, begin: datetime, end: datetime) -> tuple[Availability, ...]:
        """Gives what the archive holds of a source in a time of whole days, `end` included."""

        def ask() -> list[Availability]:
            listing = availability.get_availability(
                self._asker,
                location_code=source.location_code or None,
                device_category_code=source.device_category_code or None,
                device_code=source.device_code or None,
                date_from=begin,
                date_to=end,
            )
            return list(listing.rows)

        return tuple(or_nothing(ask))

    def now(self) -> datetime:
        """Gives the UTC instant by the service's clock."""
        return self._asker.service_now()

    def in_parallel(self, ask: Callable[[Question], Answer], questions: Iterable[Question]) -> list[Answer]:
        """Asks several questions at a time; answers come in the order of the questions.

        Raises `TooManyError` for more than is fair to the service.
        """
        listed = list(questions)
        if len(listed) > self._most:
            raise TooManyError(
                f"That takes {len(listed):,} questions to the service, more than {self._most:,}",
                hint="name a place further down (`--locationCode`), a `--deviceCategoryCode` or a shorter time",
            )
        if len(listed) >= MANY_QUESTIONS:
            self._on_many(len(listed))
        if len(listed) <= 1:
            return [ask(question) for question in listed]
        with ThreadPoolExecutor(max_workers=min(MOST_CALLS_AT_ONCE, len(listed))) as pool:
            return list(pool.map(ask, listed))

    @contextmanager
    def at_most(self, questions: int) -> Iterator[None]:
        """Lowers how many questions one step may ask, for what only makes a message better."""
        before, self._most = self._most, questions
        try:
            yield
        finally:
            self._most = before

    def _gather(self, ask: Callable[[Any], Sequence[Answer]], questions: Iterable[Any]) -> list[Answer]:
        return [found for answer in self.in_parallel(ask, questions) for found in answer]
