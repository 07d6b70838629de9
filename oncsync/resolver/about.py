"""The information columns of a request: names, position, links. Reviewed, exported, never sent (R52, R56, R57, R73)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from oncsync.resolver.options import ChosenProduct
from oncsync.resolver.requests import Site
from oncsync.resolver.survey import Survey

Columns: TypeAlias = dict[str, str | float | None]
DATA_SEARCH = "https://data.oceannetworks.ca/DataSearch"


def describe_site(method: str, survey: Survey, sites: Sequence[Site]) -> Callable[[Site, ChosenProduct], Columns]:
    """Gives a function that fills in the columns of one deployment and product; asks the service for names once."""
    devices = survey.devices((site.device_category_code for site in sites), (site.device_code for site in sites))
    names = {} if method == "byDevice" else survey.tree().names
    categories = {} if method == "byDevice" else survey.category_names()

    def by_location(site: Site, product: ChosenProduct) -> Columns:
        place, category = site.location_code, site.device_category_code
        return {
            "locationName": names.get(place),
            "deviceCategoryName": categories.get(category),
            "deviceCode": site.device_code,
            **_position(site),
            "dataProductName": product.name,
            "helpDocument": product.help_document or None,
            "dataSearchURL": f"{DATA_SEARCH}?location={place}&deviceCategory={category}",
            "deviceLink": _link(site),
        }

    def by_device(site: Site, product: ChosenProduct) -> Columns:
        device = devices.get(site.device_code)
        return {
            "deviceName": device.device_name if device else None,
            "deviceCategoryCode": site.device_category_code,
            "locationCode": site.location_code,
            **_position(site),
            "dataProductName": product.name,
            "helpDocument": product.help_document or None,
            "deviceLink": _link(site),
        }

    def _link(site: Site) -> str | None:
        device = devices.get(site.device_code)
        return device.device_link if device else None

    return by_device if method == "byDevice" else by_location


def _position(site: Site) -> Columns:
    return {"latitude": site.lat, "longitude": site.lon, "depth": site.depth}
