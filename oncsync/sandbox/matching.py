"""What fits the filters of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .catalogue import Catalogue, Deployment, Device, Product, merged_listing
from .times import Span


@dataclass(frozen=True)
class Question:
    """A discovery request whose names, codes and dates are known to be valid."""

    given: Mapping[str, str]
    window: Span | None

    def names(self) -> str:
        """Gives the names of the filters, for an error's `parameter`."""
        return ",".join(self.given)


def matching_deployments(catalogue: Catalogue, question: Question) -> list[Deployment]:
    """Gives the deployments that fit every filter; the window matches by overlap (onc-api.md 2.3)."""
    given = question.given
    return [
        deployment
        for deployment in catalogue.deployments
        if fits(given, "locationCode", deployment.location)
        and fits(given, "deviceCode", deployment.device.code)
        and fits(given, "deviceCategoryCode", deployment.device.category)
        and holds(given, "propertyCode", deployment.device.kind.sensors)
        and holds(given, "dataProductCode", (p.code for p in deployment.device.kind.products))
        and (question.window is None or question.window.overlaps(deployment.begin, deployment.end))
    ]


def narrowed_products(catalogue: Catalogue, given: Mapping[str, str]) -> tuple[Product, ...]:
    """Gives the products that the named place, category, device or property offers, before other filters.

    Without any of these it is the whole list, formats included that no device offers any more.
    """
    if not any(name in given for name in ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode")):
        return catalogue.products
    filters = {name: value for name, value in given.items() if not name.startswith("dataProduct")}
    if "locationCode" in filters:
        devices = [found.device for found in matching_deployments(catalogue, Question(filters, None))]
    else:
        devices = matching_devices(catalogue, filters)
    products = merged_listing({device.kind.name: device.kind for device in devices}.values())
    return tuple(p for p in products if p.property_data or "propertyCode" not in given)


def fits(given: Mapping[str, str], name: str, value: str) -> bool:
    """Whether a filter is absent or equal to a value."""
    return name not in given or given[name] == value


def holds(given: Mapping[str, str], name: str, values: Iterable[str]) -> bool:
    """Whether a filter is absent or one of some values."""
    return name not in given or given[name] in values


def contains(given: Mapping[str, str], name: str, text: str) -> bool:
    """Whether a filter is absent or part of a text, in whatever case."""
    return name not in given or given[name].casefold() in text.casefold()


def matching_devices(catalogue: Catalogue, given: Mapping[str, str]) -> list[Device]:
    """Gives the devices that fit the filters on code, name, category and property, wherever they are."""
    return [
        device
        for device in catalogue.devices.values()
        if fits(given, "deviceCode", device.code)
        and contains(given, "deviceName", device.name)
        and fits(given, "deviceCategoryCode", device.category)
        and holds(given, "propertyCode", device.kind.sensors)
    ]
