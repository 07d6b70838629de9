"""Deployments near a position: the great circle on a sphere of the Earth's mean radius (R141). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from oncsync.errors import Problem
from oncsync.manifest import Download, Near
from oncsync.resolver.findings import EntryError, where
from oncsync.resolver.requests import Site
from oncsync.spelling import enumerate_codes

EARTH_RADIUS_KM = 6371.0088


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Gives the kilometres between two positions in degrees, whatever turn of the globe their longitudes count in."""
    north, other_north = math.radians(lat), math.radians(other_lat)
    across, up = math.radians(other_lon - lon), other_north - north
    chord = math.sin(up / 2) ** 2 + math.cos(north) * math.cos(other_north) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


def is_near(site: Site, near: Near) -> bool:
    """Whether a deployment is known to lie in the circle; one without a position is not."""
    distance = _distance(site, near)
    return distance is not None and distance <= near.radius_km


def _distance(site: Site, near: Near) -> float | None:
    if site.lat is None or site.lon is None:
        return None
    return distance_km(near.lat, near.lon, site.lat, site.lon)


def sites_near(download: Download, sites: Sequence[Site]) -> list[Site]:
    """Gives the deployments in the circle of an entry, all of them when it has none; raises `EntryError` for none."""
    near = download.near
    if near is None:
        return list(sites)
    inside = [site for site in sites if is_near(site, near)]
    if inside or not sites:
        return inside
    known = [(distance, site) for site in sites if (distance := _distance(site, near)) is not None]
    message = f"`{download.name}`: nothing that passes its other filters was deployed within {near.radius_km:g} km"
    if known:
        distance, site = min(known, key=lambda one: (one[0], one[1].location_code, one[1].device_code))
        hint = f"the nearest is `{site.device_code}` at `{site.location_code}`, {distance:.1f} km away"
    else:
        hint = f"ONC gives no position for {enumerate_codes(site.location_code for site in sites)}"
    raise EntryError(Problem(where(download, "near"), message, hint))


def describe_unplaced(download: Download, sites: Iterable[Site]) -> list[str]:
    """Says which deployments `near` leaves out because ONC gives no position for them."""
    unplaced = [site for site in sites if site.lat is None or site.lon is None] if download.near else []
    if not unplaced:
        return []
    at = enumerate_codes(site.location_code for site in unplaced)
    devices = enumerate_codes(site.device_code for site in unplaced)
    return [f"`near` leaves out {devices} at {at}: ONC gives no position for what was deployed there"]
