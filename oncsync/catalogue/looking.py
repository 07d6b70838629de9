"""Answers what exists: the rows of one kind for some filters, and why there are none when there are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import msgspec
from msgspec.structs import replace

from oncsync.api.records import Deployment
from oncsync.catalogue import coverage, products, rows
from oncsync.catalogue.filters import Filters
from oncsync.catalogue.nothing import explain_nothing
from oncsync.catalogue.questions import Questions, Source
from oncsync.catalogue.rows import Row
from oncsync.catalogue.sites import check_other_codes, find_sites, source_of

Kind = Literal[
    "locations", "tree", "deployments", "categories", "devices", "properties", "products", "options", "coverage"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Found(msgspec.Struct, frozen=True):
    """The rows of one kind; `remark` says why there are none although what is asked for exists."""

    kind: Kind
    rows: tuple[Row, ...]
    remark: str | None = None


def look(kind: Kind, filters: Filters, questions: Questions, *, by: coverage.Step = "year") -> Found:
    """Gives what exists and passes the filters; `by` is the step of `coverage`.

    Nothing in the time asked for, or nothing with data, is a finding, with a remark. Raises `InputError` for unknown
    codes and for filters that nothing passes whenever, saying which of them leaves nothing; what the session raises
    for an outage.
    """

    def find(wanted: Filters) -> Sequence[Row]:
        return _FINDERS[kind](wanted, questions) if kind != "coverage" else _coverage(wanted, questions, by)

    found = find(filters)
    if found:
        return Found(kind, tuple(found))
    if kind == "options" and _products(filters, questions):
        return Found(kind, (), "These data products take no options")
    check_other_codes(filters, questions)
    whenever = _deployed_whenever(questions) if kind == "coverage" else find
    others = {
        "products": partial(_products, questions=questions),
        "properties": partial(_properties, questions=questions),
    }
    return Found(kind, (), explain_nothing(kind, filters, questions, find, whenever, others))


def _deployed_whenever(questions: Questions) -> Callable[[Filters], Sequence[Row]]:
    """Makes what stands for the coverage of all times, which would take a question for each year."""
    return lambda filters: _deployments(replace(filters, with_empty=True), questions)


def _locations(filters: Filters, questions: Questions) -> Sequence[Row]:
    tree = questions.tree()
    return rows.place_rows(find_sites(filters, questions, tree), tree, filters)


def _tree(filters: Filters, questions: Questions) -> Sequence[Row]:
    tree = questions.tree()
    return rows.tree_rows(find_sites(filters, questions, tree), tree, filters)


def _deployments(filters: Filters, questions: Questions) -> Sequence[Row]:
    tree = questions.tree()
    return rows.deployment_rows(find_sites(filters, questions, tree), tree, filters)


def _categories(filters: Filters, questions: Questions) -> Sequence[Row]:
    sites = find_sites(filters, questions, questions.tree())
    return rows.category_rows(sites, questions.categories(), filters)


def _devices(filters: Filters, questions: Questions) -> Sequence[Row]:
    tree = questions.tree()
    sites = find_sites(filters, questions, tree)
    empty = filters.with_empty and not (
        filters.location_codes or filters.property_codes or filters.span or filters.names_products
    )
    devices = questions.devices() if empty else questions.devices({one.device_code for one in sites})
    found = rows.device_rows(sites, devices, tree, filters)
    if not empty:
        return found
    return found + rows.never_deployed(devices, (one.device_code for one in sites), filters)


def _properties(filters: Filters, questions: Questions) -> Sequence[Row]:
    narrowed = filters.names_instruments or filters.names_products
    if not narrowed or not (replace(filters, property_codes=()).names_instruments or filters.names_products):
        return products.property_rows([(None, questions.all_properties())], filters)
    sources = _sources(find_sites(filters, questions, questions.tree()), filters)
    answers = questions.in_parallel(questions.properties, sources)
    return products.property_rows(list(zip(sources, answers, strict=True)), filters)


def _listings(filters: Filters, questions: Questions) -> products.Listings:
    if not filters.names_instruments:
        return [(None, questions.all_products())]
    unnarrowed = replace(filters, data_product_codes=(), data_product_names=(), extensions=())
    sources = _sources(find_sites(unnarrowed, questions, questions.tree()), filters)
    answers = questions.in_parallel(lambda source: questions.products(source, filters.property_codes), sources)
    return list(zip(sources, answers, strict=True))


def _sources(sites: Sequence[Deployment], filters: Filters) -> list[Source]:
    return sorted({source_of(one, filters) for one in sites})


def _products(filters: Filters, questions: Questions) -> Sequence[Row]:
    return products.product_rows(_listings(filters, questions), filters)


def _options(filters: Filters, questions: Questions) -> Sequence[Row]:
    return products.option_rows(_listings(filters, questions), filters)


def _coverage(filters: Filters, questions: Questions, by: coverage.Step) -> Sequence[Row]:
    tree = questions.tree()
    wanted = replace(filters, data_product_codes=(), data_product_names=(), extensions=(), with_empty=True)
    sites = find_sites(wanted, questions, tree)
    asked = coverage.stretches(sites, filters.span, by, questions.now())
    archived = questions.in_parallel(
        lambda stretch: questions.available(stretch.source, stretch.span.begin, stretch.last_instant), asked
    )
    sources = sorted({stretch.source for stretch in asked})
    offered = questions.in_parallel(questions.products, sources)
    listing = dict(zip(sources, offered, strict=True))
    return coverage.coverage_rows(sites, list(zip(asked, archived, strict=True)), listing, tree, filters)


_FINDERS: dict[Kind, Callable[[Filters, Questions], Sequence[Row]]] = {
    "locations": _locations,
    "tree": _tree,
    "deployments": _deployments,
    "categories": _categories,
    "devices": _devices,
    "properties": _properties,
    "products": _products,
    "options": _options,
}
