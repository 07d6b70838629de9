"""What a person is shown of data products, their options, and properties. Pure.

Sources: R38-R42, R134, R176, R178, R179, the glossary's "How to read an option".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from oncsync.api.records import NO_OPTION, AllowableRange, DataProduct, ProductOption, Property
from oncsync.catalogue.filters import Filters
from oncsync.catalogue.questions import Source
from oncsync.catalogue.rows import Row, is_named
from oncsync.catalogue.sites import is_wanted
from oncsync.spelling import in_order

Listings = Sequence[tuple[Source | None, Sequence[DataProduct]]]
"""What each source offers; None stands for everything, whatever it is from."""


class PropertyRow(Row, frozen=True, kw_only=True):
    """A measured quantity, and the kinds of instruments in question that measure it."""

    property_code: str
    property_name: str
    uom: str
    device_category_codes: tuple[str, ...] = ()


class ProductRow(Row, frozen=True, kw_only=True):
    """A data product, its formats, and the kinds of instruments in question that offer it."""

    data_product_code: str
    data_product_name: str
    extensions: tuple[str, ...]
    device_category_codes: tuple[str, ...] = ()
    help_document: str | None = None


class OptionRow(Row, frozen=True, kw_only=True):
    """An option of a data product, for all formats and sources that describe it in the same way.

    `only_with` is the value of another option that a sub-option belongs to. A sub-option shows no default: what the
    service calls so is an internal number.
    """

    data_product_code: str
    extensions: tuple[str, ...]
    option: str
    allowable_values: tuple[str, ...] = ()
    allowable_range: AllowableRange | None = None
    default_value: str | None = None
    only_with: str = ""
    documentation: tuple[str, ...] = ()
    help_document: str | None = None
    sources: tuple[str, ...] = ()


def property_rows(answers: Iterable[tuple[Source | None, Sequence[Property]]], filters: Filters) -> list[PropertyRow]:
    """Gives every property once, by code; those without data only when empty ones count."""
    found: dict[str, Property] = {}
    measured: dict[str, set[str]] = {}
    for source, listed in answers:
        for one in listed:
            if filters.with_empty or one.has_device_data or one.has_property_data:
                found.setdefault(one.property_code, one)
                measured.setdefault(one.property_code, set()).update(_category(source))
    return [
        PropertyRow(
            property_code=code,
            property_name=one.property_name,
            uom=one.uom,
            device_category_codes=tuple(sorted(measured[code])),
        )
        for code, one in sorted(found.items())
        if (not filters.property_codes or code in filters.property_codes)
        and is_named(filters.name, one.property_name, code)
    ]


def _category(source: Source | None) -> set[str]:
    return {source.device_category_code} - {""} if source else set()


def product_rows(listings: Listings, filters: Filters) -> list[ProductRow]:
    """Gives every product once, by code, with the formats that fit the filters."""
    found: dict[str, list[tuple[Source | None, DataProduct]]] = {}
    for source, product in _wanted(listings, filters):
        found.setdefault(product.data_product_code, []).append((source, product))
    return [
        ProductRow(
            data_product_code=code,
            data_product_name=pairs[0][1].data_product_name,
            extensions=tuple(sorted({product.extension for _, product in pairs})),
            device_category_codes=tuple(sorted(set().union(*(_category(source) for source, _ in pairs)))),
            help_document=next((product.help_document for _, product in pairs if product.help_document), None),
        )
        for code, pairs in sorted(found.items())
    ]


def _wanted(listings: Listings, filters: Filters) -> Iterator[tuple[Source | None, DataProduct]]:
    for source, listing in listings:
        for product in listing:
            has_data = filters.with_empty or product.has_device_data or product.has_property_data
            is_meant = is_named(filters.name, product.data_product_name, product.data_product_code)
            if has_data and is_meant and is_wanted(product, filters):
                yield source, product


class _Described(msgspec.Struct, frozen=True):
    """An option as the service describes it, and the value of another one that it belongs to."""

    option: ProductOption
    only_with: str


class _OptionSet(msgspec.Struct, frozen=True, order=True):
    """The formats of a product that take the same options at one source."""

    code: str
    extensions: tuple[str, ...]


def option_rows(listings: Listings, filters: Filters) -> list[OptionRow]:
    """Gives the options of the products that fit the filters; formats and sources with equal sets share their rows.

    Of a pair that is listed several times the one with most options counts.
    """
    sources: dict[tuple[_OptionSet, tuple[_Described, ...]], set[str]] = {}
    helps: dict[str, str] = {}
    for source, listing in listings:
        pairs: dict[tuple[str, str], DataProduct] = {}
        for _, product in _wanted([(source, listing)], filters):
            pair = product.data_product_code, product.extension
            pairs[pair] = max(pairs.get(pair, product), product, key=_fullness)
            helps.setdefault(product.data_product_code, product.help_document or "")
        alike: dict[tuple[str, tuple[_Described, ...]], set[str]] = {}
        for (code, extension), product in pairs.items():
            alike.setdefault((code, tuple(_described(product))), set()).add(extension)
        for (code, described), extensions in alike.items():
            key = _OptionSet(code, tuple(sorted(extensions))), described
            sources.setdefault(key, set()).update({_name(source)} - {""})
    order = sorted(sources, key=lambda key: (key[0], sorted(sources[key]), msgspec.json.encode(key[1])))
    return [
        _option_row(known, one, helps[known.code] or None, tuple(sorted(sources[known, described])))
        for known, described in order
        for one in described
    ]


def _fullness(product: DataProduct) -> tuple[int, bytes]:
    return len(product.options), msgspec.json.encode(product)


def _option_row(known: _OptionSet, one: _Described, help_document: str | None, sources: tuple[str, ...]) -> OptionRow:
    return OptionRow(
        data_product_code=known.code,
        extensions=known.extensions,
        option=one.option.option,
        allowable_values=one.option.allowable_values,
        allowable_range=one.option.allowable_range,
        default_value=None if one.only_with else one.option.default_value,
        only_with=one.only_with,
        documentation=one.option.documentation,
        help_document=help_document,
        sources=sources,
    )


def _described(product: DataProduct) -> Iterator[_Described]:
    """Yields the options by name, each followed by its sub-options; values in one order, whatever the service's."""
    for option in sorted(product.options, key=lambda option: option.option):
        yield _Described(_plain(option), "")
        for below in sorted(option.suboptions, key=lambda below: below.option):
            if below.option != NO_OPTION:
                yield _Described(_plain(below), f"{option.option}={below.option.removeprefix('dpo_')}")


def _plain(option: ProductOption) -> ProductOption:
    return msgspec.structs.replace(option, suboptions=(), allowable_values=in_order(option.allowable_values))


def _name(source: Source | None) -> str:
    if source is None:
        return ""
    return source.device_code or "/".join(filter(None, (source.location_code, source.device_category_code)))
