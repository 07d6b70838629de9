"""Answers of the discovery services, in the shapes of onc-api.md section 2."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from statistics import fmean

from .catalogue import VOCABULARY, WIKI, Catalogue, Deployment, Option
from .citations import citation_of
from .matching import Question, contains, fits, matching_deployments, matching_devices, narrowed_products
from .replies import Reply, invalid_value, json_reply, nothing_found
from .times import written

DATA_PAGES = "https://data.oceannetworks.ca/"
_CATEGORY_VOCABULARY = "SeaDataNet device categories"
_DEVICE_VOCABULARY = "SeaVoX Device Catalogue"
_UNIT_VOCABULARY = "BODC data storage units"


def answer(catalogue: Catalogue, service: str, question: Question) -> Reply:
    """Answers one discovery service; raises 404 or 400/127 when nothing fits, as that service does."""
    rows = _ANSWERS[service](catalogue, question)
    if not rows:
        raise nothing_found(question.names())
    return json_reply(rows)


def _text(flag: bool) -> str:
    return "true" if flag else "false"


def _asked_places(catalogue: Catalogue, question: Question, *, subtree: bool) -> Collection[str]:
    code = question.given.get("locationCode")
    if code is None:
        return catalogue.locations
    return catalogue.below(code) if subtree else (code,)


def _found_by_place(catalogue: Catalogue, question: Question) -> dict[str, list[Deployment]]:
    others = {name: value for name, value in question.given.items() if name != "locationCode"}
    found: dict[str, list[Deployment]] = {}
    for deployment in matching_deployments(catalogue, Question(others, question.window)):
        found.setdefault(deployment.location, []).append(deployment)
    return found


def _is_filtered(question: Question) -> bool:
    """Whether a filter asks for deployments, so that a place without any does not fit."""
    return question.window is not None or any(
        name in question.given for name in ("deviceCategoryCode", "deviceCode", "propertyCode", "dataProductCode")
    )


def _locations(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    subtree = question.given.get("includeChildren", "").lower() == "true"
    found = _found_by_place(catalogue, question)
    rows: list[dict[str, object]] = []
    for code in sorted(_asked_places(catalogue, question, subtree=subtree)):
        place = catalogue.locations[code]
        here = found.get(code, [])
        if (_is_filtered(question) and not here) or not contains(question.given, "locationName", place.name):
            continue
        rows.append(
            {
                "locationCode": code,
                "locationName": place.name,
                "description": place.description,
                "deployments": len(here),
                "hasDeviceData": _text(bool(here)),
                "hasPropertyData": _text(place.property_data),
                "depth": _mean(d.depth for d in here),
                "lat": _mean(d.lat for d in here),
                "lon": _mean(d.lon for d in here),
                "bbox": _box(here),
                "dataSearchURL": f"{DATA_PAGES}DataSearch?location={code}",
            }
        )
    return rows


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 6) if known else None


def _box(deployments: Iterable[Deployment]) -> dict[str, float | None] | None:
    here = list(deployments)
    depths = [d.depth for d in here if d.depth is not None]
    lats = [d.lat for d in here if d.lat is not None]
    lons = [d.lon for d in here if d.lon is not None]
    if not (depths or lats or lons):
        return None
    return {
        "minDepth": min(depths, default=None),
        "maxDepth": max(depths, default=None),
        "minLat": min(lats, default=None),
        "maxLat": max(lats, default=None),
        "minLon": min(lons, default=None),
        "maxLon": max(lons, default=None),
    }


def _tree(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    found = _found_by_place(catalogue, question)
    filtered = _is_filtered(question) or "locationName" in question.given

    def node(code: str) -> dict[str, object] | None:
        place = catalogue.locations[code]
        below = [child for child in map(node, catalogue.children.get(code, ())) if child is not None]
        fits = contains(question.given, "locationName", place.name)
        fits = fits and (bool(found.get(code)) or not _is_filtered(question))
        if filtered and not below and not fits:
            return None
        return {
            "locationCode": code,
            "locationName": place.name,
            "description": place.description,
            "hasDeviceData": _text(bool(found.get(code))),
            "hasPropertyData": _text(place.property_data),
            "children": below or None,
        }

    root = question.given.get("locationCode")
    roots = catalogue.children[None] if root is None else (root,)
    return [top for top in map(node, roots) if top is not None]


def _deployments(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    found = matching_deployments(catalogue, question)
    if not found and {"locationCode", "deviceCategoryCode"} <= set(question.given):
        _refuse_empty_pair(catalogue, question)
    found.sort(key=lambda d: (d.location, d.device.code, d.begin))
    rows: list[dict[str, object]] = []
    for deployment in found:
        row: dict[str, object] = {
            "begin": written(deployment.begin),
            "end": None if deployment.end is None else written(deployment.end),
            "deviceCode": deployment.device.code,
            "deviceCategoryCode": deployment.device.category,
            "locationCode": deployment.location,
            "lat": deployment.lat,
            "lon": deployment.lon,
            "depth": deployment.depth,
            "heading": deployment.heading,
            "pitch": deployment.pitch,
            "roll": deployment.roll,
            "hasDeviceData": bool(deployment.device.kind.products),
        }
        citation = citation_of(catalogue, deployment)
        rows.append(row | ({"citation": citation} if citation else {}))
    return rows


def _refuse_empty_pair(catalogue: Catalogue, question: Question) -> None:
    """Refuses a place and category without a deployment (400/127, not 404: onc-api.md 2.3)."""
    place, category = question.given["locationCode"], question.given["deviceCategoryCode"]
    ever = matching_deployments(catalogue, Question(question.given, None))
    when = "not during the provided time range" if ever else "no such deployment is known"
    message = f"Looked for a {category} device at location {place}: {'deployed, but ' if ever else ''}{when}"
    raise invalid_value("locationCode,deviceCategoryCode", message)


def _device_categories(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    given = question.given
    narrowed = {name: given[name] for name in ("locationCode", "propertyCode") if name in given}
    if "locationCode" in narrowed:
        used = {d.device.category for d in matching_deployments(catalogue, Question(narrowed, None))}
    else:
        used = {device.category for device in matching_devices(catalogue, narrowed)}
    return [
        {
            "deviceCategoryCode": category.code,
            "deviceCategoryName": category.name,
            "description": category.name,
            "longDescription": f" {category.description}" if category.description else "",
            "hasDeviceData": _text(category.code in used),
            "cvTerm": {"deviceCategory": _terms(category.term, _CATEGORY_VOCABULARY)},
        }
        for category in catalogue.categories.values()
        if fits(given, "deviceCategoryCode", category.code)
        and contains(given, "deviceCategoryName", category.name)
        and contains(given, "description", f"{category.name} {category.description}")
        and (category.code in used or not narrowed)
    ]


def _terms(term: str | None, vocabulary: str) -> list[dict[str, str]]:
    if term is None:
        return []
    collection, _, code = term.partition(":")
    return [{"uri": f"{VOCABULARY}{collection}/current/{code}/", "vocabulary": vocabulary}]


def _devices(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    found = matching_devices(catalogue, question.given)
    if question.window is not None or "locationCode" in question.given:
        deployed = {d.device.code for d in matching_deployments(catalogue, question)}
        found = [device for device in found if device.code in deployed]
    return [
        {
            "deviceCode": device.code,
            "deviceId": device.id,
            "deviceName": device.name,
            "deviceLink": f"{DATA_PAGES}DeviceListing?DeviceId={device.id}",
            "deviceCategoryCode": device.category,
            "hasDeviceData": bool(device.kind.products),
            "cvTerm": {"device": _terms(device.term, _DEVICE_VOCABULARY)},
            "dataRating": [
                {
                    "dateFrom": written(rating.begin),
                    "dateTo": None if rating.end is None else written(rating.end),
                    "samplePeriod": rating.period,
                    "sampleSize": rating.size,
                }
                for rating in device.ratings
            ],
        }
        for device in sorted(found, key=lambda device: device.code)
    ]


def _properties(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    given = question.given
    narrowed = {n: given[n] for n in ("locationCode", "deviceCategoryCode", "deviceCode") if n in given}
    if "locationCode" in narrowed:
        devices = [d.device for d in matching_deployments(catalogue, Question(narrowed, None))]
    else:
        devices = matching_devices(catalogue, narrowed)
    measured = {sensor for device in devices for sensor in device.kind.sensors}
    return [
        {
            "propertyCode": known.code,
            "propertyName": known.name,
            "description": f"{known.name} in {known.unit}",
            "uom": known.unit,
            "hasDeviceData": _text(known.code in measured),
            "hasPropertyData": _text(known.code in measured),
            "cvTerm": {"property": [], "uom": _terms(known.term, _UNIT_VOCABULARY)},
        }
        for known in catalogue.properties.values()
        if fits(given, "propertyCode", known.code)
        and contains(given, "propertyName", known.name)
        and contains(given, "description", f"{known.name} in {known.unit}")
        and (known.code in measured or not narrowed)
    ]


def _data_products(catalogue: Catalogue, question: Question) -> list[dict[str, object]]:
    given = question.given
    return [
        {
            "dataProductCode": product.code,
            "dataProductName": product.name,
            "extension": product.extension,
            "hasDeviceData": product.device_data,
            "hasPropertyData": product.property_data,
            "helpDocument": f"{WIKI}display/DP/{product.help_page}",
            "dataProductOptions": [_option(option) for option in product.options],
        }
        for product in narrowed_products(catalogue, given)
        if fits(given, "dataProductCode", product.code)
        and fits(given, "extension", product.extension)
        and contains(given, "dataProductName", product.name)
    ]


def _option(option: Option) -> dict[str, object]:
    bounds = option.bounds
    return {
        "option": option.name,
        "allowableValues": list(option.values),
        "allowableRange": bounds
        and {
            "lowerBound": bounds.low,
            "upperBound": bounds.high,
            "onlyIntegers": bounds.integers,
            "unitOfMeasure": bounds.unit,
        },
        "defaultValue": option.default,
        "suboptions": None if option.suboptions is None else [_option(sub) for sub in option.suboptions],
        "documentation": list(option.documents),
    }


_ANSWERS: dict[str, Callable[[Catalogue, Question], list[dict[str, object]]]] = {
    "locations": _locations,
    "locations/tree": _tree,
    "deployments": _deployments,
    "deviceCategories": _device_categories,
    "devices": _devices,
    "properties": _properties,
    "dataProducts": _data_products,
}
