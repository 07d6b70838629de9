"""Which deployments the filters mean, and codes that nobody knows.

Sources: R34-R47, open questions 12, 37, 38 and 43.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from oncsync.api.places import PlaceTree
from oncsync.api.records import DataProduct, Deployment
from oncsync.catalogue.filters import Filters
from oncsync.catalogue.questions import Questions, Source
from oncsync.errors import InputError, Problem, ProblemsError
from oncsync.spelling import suggest
from oncsync.timespan import LAST_INSTANT, Span


def check_codes(filters: Filters, questions: Questions, tree: PlaceTree) -> None:
    """Raises `InputError` for places, categories and properties that the service does not know, each with its like."""
    problems = []
    hidden = [code for code in filters.location_codes if code not in tree.names and questions.has_place(code)]
    problems += _unknown("locationCode", filters.location_codes, tree.names | dict.fromkeys(hidden, ""))
    if filters.device_category_codes:
        categories = {code: one.device_category_name for code, one in questions.categories().items()}
        problems += _unknown("deviceCategoryCode", filters.device_category_codes, categories)
    if filters.property_codes:
        properties = {one.property_code: one.property_name for one in questions.all_properties()}
        problems += _unknown("propertyCode", filters.property_codes, properties)
    _raise(problems)


def check_other_codes(filters: Filters, questions: Questions) -> None:
    """Raises `InputError` for devices, products and extensions that nobody knows: asked only when nothing is found."""
    problems = []
    if filters.device_codes:
        devices = {code: one.device_name for code, one in questions.devices().items()}
        problems += _unknown("deviceCode", filters.device_codes, devices)
    if filters.data_product_codes or filters.extensions:
        listed = questions.all_products()
        products = {one.data_product_code: one.data_product_name for one in listed}
        problems += _unknown("dataProductCode", filters.data_product_codes, products)
        problems += _unknown("extension", filters.extensions, {one.extension: "" for one in listed})
    _raise(problems)


def _unknown(key: str, codes: Sequence[str], known: Mapping[str, str]) -> list[Problem]:
    return [Problem("", f"ONC knows no `{key}` `{code}`", suggest(code, known)) for code in codes if code not in known]


def _raise(problems: Sequence[Problem]) -> None:
    if len(problems) == 1:
        raise InputError(problems[0].message, hint=problems[0].hint or "`--name TEXT` looks for one by its name")
    if problems:
        raise ProblemsError("ONC does not know all of these codes", problems)


def find_sites(filters: Filters, questions: Questions, tree: PlaceTree) -> list[Deployment]:
    """Gives every deployment that the filters mean, by place, category, device and begin.

    The filters on products keep what offers one of them; those on names are none of its business. `hasDeviceData`
    counts unless the filters keep what is empty. Raises `InputError` for unknown codes.
    """
    check_codes(filters, questions, tree)
    places = tree.below(filters.location_codes) if filters.location_codes else None
    found = [one for one in questions.deployments(places, filters) if passes(one, filters, places)]
    if filters.names_products:
        found = _offering(found, filters, questions)
    return sorted(
        found, key=lambda one: (one.location_code, one.device_category_code or "", one.device_code, one.begin)
    )


def passes(one: Deployment, filters: Filters, places: Collection[str] | None) -> bool:
    """Whether a deployment fits the filters on places, instruments and time; `places` are those that count."""
    return (
        (places is None or one.location_code in places)
        and (not filters.device_category_codes or one.device_category_code in filters.device_category_codes)
        and (not filters.device_codes or one.device_code in filters.device_codes)
        and (filters.span is None or filters.span.overlaps(span_of(one)))
        and (filters.with_empty or one.has_device_data)
    )


def span_of(one: Deployment) -> Span:
    """Gives the time of a deployment; one that lasts has no end (open question 41)."""
    return Span(one.begin, one.end or LAST_INSTANT)


def is_wanted(product: DataProduct, filters: Filters) -> bool:
    """Whether a pair of product and extension fits the filters on products."""
    name = product.data_product_name.casefold()
    return (
        (not filters.data_product_codes or product.data_product_code in filters.data_product_codes)
        and (not filters.extensions or product.extension in filters.extensions)
        and (not filters.data_product_names or any(part.casefold() in name for part in filters.data_product_names))
    )


def source_of(one: Deployment, filters: Filters) -> Source:
    """Gives what is asked for the products of a deployment: its device when one was named, else place and category."""
    if filters.device_codes or not one.device_category_code:
        return Source(device_code=one.device_code)
    return Source(location_code=one.location_code, device_category_code=one.device_category_code)


def _offering(found: Sequence[Deployment], filters: Filters, questions: Questions) -> list[Deployment]:
    """Keeps the deployments whose place and category offer a wanted product; whole categories are ruled out first."""

    def offers(source: Source) -> bool:
        return any(is_wanted(product, filters) for product in questions.products(source))

    categories = sorted({one.device_category_code for one in found if one.device_category_code})
    answers = questions.in_parallel(lambda code: offers(Source(device_category_code=code)), categories)
    possible = {code for code, answer in zip(categories, answers, strict=True) if answer}
    left = [one for one in found if one.device_category_code in possible or not one.device_category_code]
    sources = sorted({source_of(one, filters) for one in left})
    offering = {
        source for source, answer in zip(sources, questions.in_parallel(offers, sources), strict=True) if answer
    }
    return [one for one in left if source_of(one, filters) in offering]
