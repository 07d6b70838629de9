"""Which deployments an entry of the manifest means, and why there are none when there are none.

Sources: R4, R5, R34-R36, R44, R46, R51, R130, open questions 12, 37, 38 and 42.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from oncsync.api.places import PlaceTree
from oncsync.errors import Problem
from oncsync.manifest import Download
from oncsync.manifest.model import FILTER_MEMBERS
from oncsync.resolver.findings import EntryError, where
from oncsync.resolver.requests import Site
from oncsync.resolver.survey import Survey
from oncsync.spelling import enumerate_codes, suggest


def select_sites(download: Download, survey: Survey) -> list[Site]:
    """Gives every deployment that passes the filters, whenever it was, in a fixed order.

    Raises `EntryError` for codes the service does not know, and when known codes match nothing together.
    """
    _check_codes(download, survey)
    places = _places(download, survey)
    categories = _categories(download, survey)
    found = _ask(download, survey, places, categories)
    _check_excluded_devices(download, survey, found)
    sites = sorted({site for site in found if _passes(site, download, places, categories)}, key=_order)
    if not sites:
        raise EntryError(_explain_no_site(download, found, places, categories, survey))
    return sites


def _order(site: Site) -> tuple[object, ...]:
    """Orders deployments by what tells them apart for a reader, then by everything else that was told of them."""
    place = (site.location_code, site.device_category_code)
    return (*place, site.begin, site.device_code, msgspec.json.encode(site))


def _places(download: Download, survey: Survey) -> frozenset[str] | None:
    """Gives the places that count, None for all."""
    excluded = download.exclude.get("locationCode", ())
    if not download.location_codes and not excluded:
        return None
    tree = survey.tree()
    roots = download.location_codes or tuple(tree.names)
    return tree.below(roots) - tree.below(excluded)


def _categories(download: Download, survey: Survey) -> frozenset[str] | None:
    excluded = download.exclude.get("deviceCategoryCode", ())
    if not download.device_category_codes and not excluded:
        return None
    return frozenset(download.device_category_codes or survey.category_names()) - frozenset(excluded)


def _check_codes(download: Download, survey: Survey) -> None:
    """Raises `EntryError` with every place, category and property the service does not know (open question 12).

    With one of these, devices, products and formats are looked up as well, so that all is told at once.
    """
    problems = [
        *_unknown(download, "locationCode", lambda: _known_places(download, survey)),
        *_unknown(download, "deviceCategoryCode", survey.category_names),
        *_unknown(download, "propertyCode", survey.property_names),
    ]
    if problems:
        raise EntryError(
            *problems,
            *_unknown(download, "deviceCode", survey.device_names),
            *_unknown(download, "dataProductCode", survey.product_names),
            *_unknown(download, "extension", lambda: dict.fromkeys(one.extension for one in survey.all_products())),
        )


def _known_places(download: Download, survey: Survey) -> dict[str, str]:
    names = survey.tree().names
    asked = (*download.location_codes, *download.exclude.get("locationCode", ()))
    return names | {code: "" for code in asked if code not in names and survey.has_place(code)}


def _unknown(download: Download, key: str, ask: Callable[[], Iterable[str]]) -> list[Problem]:
    """Gives the codes of one filter, and of its exclusion, that are not known; asks only when there are some."""
    named, dropped = getattr(download, FILTER_MEMBERS[key]), download.exclude.get(key, ())
    known = ask() if named or dropped else ()
    return [*unknown_codes(download, key, named, known), *unknown_codes(download, key, dropped, known, at="exclude")]


def _check_excluded_devices(download: Download, survey: Survey, found: Iterable[Site]) -> None:
    """Raises `EntryError` for instruments to leave out that ONC does not know: a typo would bring them all the same."""
    dropped = download.exclude.get("deviceCode", ())
    there = {site.device_code for site in found}
    if not there.issuperset(dropped):
        known = dict.fromkeys(there, "") | survey.device_names()
        problems = unknown_codes(download, "deviceCode", dropped, known, at="exclude")
        if problems:
            raise EntryError(*problems)


def unknown_codes(
    download: Download, key: str, codes: Iterable[str], known: Iterable[str], *, at: str | None = None
) -> list[Problem]:
    """Gives a problem, with the nearest code there is, for each code not known; `at` is the key it stands in.

    `known` may give the names of the codes too.
    """
    listed = known if isinstance(known, Mapping) else set(known)
    return [
        Problem(where(download, at or key), f"`{download.name}`: ONC knows no {key} `{code}`", suggest(code, listed))
        for code in dict.fromkeys(codes)
        if code not in listed
    ]


def _ask(
    download: Download, survey: Survey, places: frozenset[str] | None, categories: frozenset[str] | None
) -> list[Site]:
    """Asks for deployments in as few calls as the filters allow."""
    if download.device_codes:
        answers = survey.in_parallel(survey.sites_by_device, sorted(set(download.device_codes)))
        _check_devices(download, survey, answers)
    elif places is not None and len(places) <= len(categories or survey.category_names()):
        answers = survey.in_parallel(survey.sites_by_location, sorted(places))
    else:
        asked = categories if categories is not None else frozenset(survey.category_names())
        answers = survey.in_parallel(survey.sites_by_category, sorted(asked))
    return [site for answer in answers for site in answer]


def _check_devices(download: Download, survey: Survey, answers: Sequence[Sequence[Site]]) -> None:
    """Asks for the list of devices only when one of them has no deployment, to tell a typo from an empty history."""
    if all(answers):
        return
    problems = unknown_codes(download, "deviceCode", download.device_codes, survey.device_names())
    if problems:
        raise EntryError(*problems)


def _passes(site: Site, download: Download, places: frozenset[str] | None, categories: frozenset[str] | None) -> bool:
    return (
        (places is None or site.location_code in places)
        and (categories is None or site.device_category_code in categories)
        and (not download.device_codes or site.device_code in download.device_codes)
        and site.device_code not in download.exclude.get("deviceCode", ())
    )


def _explain_no_site(
    download: Download,
    found: Sequence[Site],
    places: frozenset[str] | None,
    categories: frozenset[str] | None,
    survey: Survey,
) -> Problem:
    """Says which filter emptied the set, and what would not have."""
    if download.exclude and (problem := _explain_exclusion(download, survey)):
        return problem
    if download.device_codes:
        return _explain_devices(download, found, places, categories)
    there = [site for site in found if places is None or site.location_code in places]
    below = _below(download)
    if not download.device_category_codes:
        message = f"`{download.name}`: no device was ever deployed {below}"
        return Problem(where(download, "locationCode"), message, _places_with_devices(download, survey))
    names = enumerate_codes(download.device_category_codes)
    message = f"`{download.name}`: no device of category {names} was ever deployed {below}"
    elsewhere = there or _sites_at(places, survey)
    known = {site.device_category_code for site in elsewhere}
    hint = f"these categories were: {enumerate_codes(known)}" if known else _places_with_devices(download, survey)
    return Problem(where(download, "deviceCategoryCode"), message, hint)


def _explain_exclusion(download: Download, survey: Survey) -> Problem | None:
    """Gives the problem of an `exclude` that drops all that the other filters keep; None when they keep nothing."""
    try:
        kept = select_sites(msgspec.structs.replace(download, exclude={}), survey)
    except EntryError:
        return None
    message = f"`{download.name}`: `exclude` drops every deployment that its other filters keep"
    devices = enumerate_codes(site.device_code for site in kept)
    at = enumerate_codes(site.location_code for site in kept)
    return Problem(where(download, "exclude"), message, f"those are of {devices} at {at}")


def _explain_devices(
    download: Download, found: Sequence[Site], places: frozenset[str] | None, categories: frozenset[str] | None
) -> Problem:
    """Says why none of the instruments that an entry names counts."""
    name, codes = f"`{download.name}`", enumerate_codes(download.device_codes)
    at = enumerate_codes(site.location_code for site in found)
    if not found:
        return Problem(where(download, "deviceCode"), f"{name}: {codes} was never deployed", "name another device")
    if places is not None and not any(site.location_code in places for site in found):
        message = f"{name}: {codes} was never deployed {_below(download)}"
        return Problem(where(download, "locationCode"), message, f"these places had it: {at}")
    kinds = {site.device_category_code for site in found}
    if categories is not None and not kinds & categories:
        message = f"{name}: {codes} is not of category {enumerate_codes(download.device_category_codes)}"
        return Problem(where(download, "deviceCategoryCode"), message, f"its category is {enumerate_codes(kinds)}")
    message = f"{name}: no deployment of {codes} passes all its filters"
    return Problem(
        where(download, "deviceCode"), message, f"there are some at {at}, of category {enumerate_codes(kinds)}"
    )


def _below(download: Download) -> str:
    return f"at or below {enumerate_codes(download.location_codes)}" if download.location_codes else "anywhere"


def _sites_at(places: frozenset[str] | None, survey: Survey) -> list[Site]:
    """Gives what was deployed at the places, for a message only; asks a bounded number of questions."""
    if places is None or len(places) > 20:
        return []
    return [site for sites in survey.in_parallel(survey.sites_by_location, sorted(places)) for site in sites]


def _places_with_devices(download: Download, survey: Survey) -> str:
    tree: PlaceTree = survey.tree()
    above = [code for code, children in tree.children.items() if set(children) & set(download.location_codes)]
    hint = "name a place further up"
    return f"{hint}, such as {enumerate_codes(above)}" if above else "name another place or category"
