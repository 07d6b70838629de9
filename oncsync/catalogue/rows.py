"""What a person is shown of places, deployments, kinds of instruments and instruments. Pure.

Members keep ONC's spelling in JSON; positions are degrees, depths metres. `begin` and `end` are the first and the last
instant of what a row sums up; an `end` of None means that something is still there, unless `begin` is None too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from statistics import fmean

import msgspec

from oncsync.api.places import PlaceTree
from oncsync.api.records import Deployment, Device, DeviceCategory
from oncsync.catalogue.filters import Filters


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that was found."""


class PlaceRow(Row, frozen=True, kw_only=True):
    """A place with the kinds of instruments that have data there (R131); `places_below` have some below it."""

    location_code: str
    location_name: str
    device_category_codes: tuple[str, ...]
    places_below: int
    begin: datetime | None = None
    end: datetime | None = None
    depth: float | None = None
    lat: float | None = None
    lon: float | None = None


class TreeRow(Row, frozen=True, kw_only=True):
    """A place with the kinds of instruments that have data there, and the places below it."""

    location_code: str
    location_name: str
    device_category_codes: tuple[str, ...]
    children: tuple[TreeRow, ...] = ()


class DeploymentRow(Row, frozen=True, kw_only=True):
    """An instrument at a place for a time, not clipped to what was asked."""

    location_code: str
    location_name: str
    device_category_code: str
    device_code: str
    begin: datetime
    end: datetime | None = None
    depth: float | None = None
    lat: float | None = None
    lon: float | None = None
    heading: float | None = None
    pitch: float | None = None
    roll: float | None = None
    has_device_data: bool = True
    doi: str | None = None


class CategoryRow(Row, frozen=True, kw_only=True):
    """A kind of instrument, at how many places and in how many devices it is there."""

    device_category_code: str
    device_category_name: str
    places: int
    devices: int
    begin: datetime | None = None
    end: datetime | None = None


class DeviceRow(Row, frozen=True, kw_only=True):
    """An instrument at a place, by all that it can be selected by (R173-R175); the position is the latest one there."""

    device_name: str
    location_code: str
    device_category_code: str
    device_code: str
    location_name: str = ""
    begin: datetime | None = None
    end: datetime | None = None
    depth: float | None = None
    lat: float | None = None
    lon: float | None = None
    device_link: str | None = None


def place_rows(sites: Sequence[Deployment], tree: PlaceTree, filters: Filters) -> list[PlaceRow]:
    """Gives the places where something is, and those above them, by code; all in question when empty ones count."""
    at = _by_place(sites)
    shown = tree.below(tree.tops(filters.location_codes)) | set(at)
    rows = []
    for code in sorted(shown):
        here = at.get(code, [])
        below = sum(other in at for other in tree.below([code]) - {code})
        if here or below or filters.counts_empty:
            begin, end = reach(here)
            rows.append(
                PlaceRow(
                    location_code=code,
                    location_name=tree.names.get(code, ""),
                    device_category_codes=_categories(here),
                    places_below=below,
                    begin=begin,
                    end=end,
                    depth=_mean(one.depth for one in here),
                    lat=_mean(one.lat for one in here),
                    lon=_mean(one.lon for one in here),
                )
            )
    return [row for row in rows if is_named(filters.name, row.location_name, row.location_code)]


def tree_rows(sites: Sequence[Deployment], tree: PlaceTree, filters: Filters) -> list[TreeRow]:
    """Gives the tree below the roots in question, without branches where nothing is, unless empty ones count."""
    at = _by_place(sites)

    def node(code: str, above: frozenset[str]) -> TreeRow | None:
        below = above | {code}  # a place never lies below itself, whatever the service says
        children = [node(child, below) for child in tree.children.get(code, ()) if child not in below]
        kept = tuple(child for child in children if child is not None)
        name = tree.names.get(code, "")
        is_meant = (code in at or filters.counts_empty) and is_named(filters.name, name, code)
        if not (is_meant or kept):
            return None
        categories = _categories(at.get(code, []))
        return TreeRow(location_code=code, location_name=name, device_category_codes=categories, children=kept)

    tops = [node(code, frozenset()) for code in tree.tops(filters.location_codes)]
    return [top for top in tops if top is not None]


def deployment_rows(sites: Sequence[Deployment], tree: PlaceTree, filters: Filters) -> list[DeploymentRow]:
    """Gives deployments as they are."""
    rows = [
        DeploymentRow(
            location_code=one.location_code,
            location_name=tree.names.get(one.location_code, ""),
            device_category_code=one.device_category_code or "",
            device_code=one.device_code,
            begin=one.begin,
            end=one.end,
            depth=one.depth,
            lat=one.lat,
            lon=one.lon,
            heading=one.heading,
            pitch=one.pitch,
            roll=one.roll,
            has_device_data=one.has_device_data,
            doi=one.citation.doi if one.citation else None,
        )
        for one in sites
    ]
    return [row for row in rows if is_named(filters.name, row.location_name, row.device_code)]


def category_rows(
    sites: Sequence[Deployment], known: Mapping[str, DeviceCategory], filters: Filters
) -> list[CategoryRow]:
    """Gives the kinds of instruments of the deployments; every kind there is when empty ones count."""
    found: dict[str, list[Deployment]] = {
        code: [] for code in known if filters.counts_empty and not filters.location_codes
    }
    for one in sites:
        found.setdefault(one.device_category_code or "", []).append(one)
    if filters.device_category_codes:
        found = {code: here for code, here in found.items() if code in filters.device_category_codes}
    rows = []
    for code, here in sorted(found.items()):
        begin, end = reach(here)
        rows.append(
            CategoryRow(
                device_category_code=code,
                device_category_name=known[code].device_category_name if code in known else "",
                places=len({one.location_code for one in here}),
                devices=len({one.device_code for one in here}),
                begin=begin,
                end=end,
            )
        )
    return [row for row in rows if is_named(filters.name, row.device_category_name, row.device_category_code)]


def device_rows(
    sites: Sequence[Deployment], devices: Mapping[str, Device], tree: PlaceTree, filters: Filters
) -> list[DeviceRow]:
    """Gives each instrument once per place where it was."""
    rows = []
    key = _place_and_device
    for (place, code), deployed in groupby(sorted(sites, key=key), key=key):
        here = sorted(deployed, key=lambda one: one.begin)
        device, latest = devices.get(code), here[-1]
        begin, end = reach(here)
        rows.append(
            DeviceRow(
                device_name=device.device_name if device else "",
                location_code=place,
                device_category_code=latest.device_category_code or "",
                device_code=code,
                location_name=tree.names.get(place, ""),
                begin=begin,
                end=end,
                depth=latest.depth,
                lat=latest.lat,
                lon=latest.lon,
                device_link=device.device_link if device else None,
            )
        )
    rows.sort(key=lambda row: (row.location_code, row.device_category_code, row.device_code))
    return [row for row in rows if is_named(filters.name, row.device_name, row.device_code)]


def never_deployed(devices: Mapping[str, Device], deployed: Iterable[str], filters: Filters) -> list[DeviceRow]:
    """Gives the instruments that were never anywhere, as far as they fit the filters."""
    anywhere = set(deployed)
    return [
        DeviceRow(
            device_name=device.device_name,
            location_code="",
            device_category_code=device.device_category_code or "",
            device_code=code,
            device_link=device.device_link,
        )
        for code, device in sorted(devices.items())
        if code not in anywhere
        and (not filters.device_codes or code in filters.device_codes)
        and (not filters.device_category_codes or device.device_category_code in filters.device_category_codes)
        and is_named(filters.name, device.device_name, code)
    ]


def is_named(part: str, *texts: str) -> bool:
    """Whether a part stands in one of the texts, in whatever case; no part stands in all."""
    return any(part.casefold() in text.casefold() for text in texts)


def reach(sites: Sequence[Deployment]) -> tuple[datetime | None, datetime | None]:
    """Gives the first begin and the last end; no end when one of them lasts."""
    if not sites:
        return None, None
    ends = [one.end for one in sites]
    last = None if None in ends else max(end for end in ends if end is not None)
    return min(one.begin for one in sites), last


def _place_and_device(one: Deployment) -> tuple[str, str]:
    return one.location_code, one.device_code


def _by_place(sites: Iterable[Deployment]) -> dict[str, list[Deployment]]:
    found: dict[str, list[Deployment]] = {}
    for one in sites:
        found.setdefault(one.location_code, []).append(one)
    return found


def _categories(sites: Iterable[Deployment]) -> tuple[str, ...]:
    return tuple(sorted({one.device_category_code or "" for one in sites} - {""}))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 6) if known else None
