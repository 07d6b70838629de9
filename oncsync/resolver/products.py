"""Which products and extensions an entry means, and why there are none when there are none. Pure.

Sources: R39-R42, R46, R47, R123.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from oncsync.api.records import DataProduct
from oncsync.errors import Problem
from oncsync.manifest import Download
from oncsync.resolver.findings import where
from oncsync.spelling import enumerate_codes


def is_wanted(product: DataProduct, download: Download) -> bool:
    """Whether the filters of an entry keep this pair of product and extension."""
    name = product.data_product_name.casefold()
    names = [wanted.casefold() for wanted in download.data_product_names]
    return (
        (not download.data_product_codes or product.data_product_code in download.data_product_codes)
        and (not names or any(wanted in name for wanted in names))
        and not any(dropped.casefold() in name for dropped in download.exclude.get("dataProductName", ()))
        and (not download.extensions or product.extension in download.extensions)
        and product.data_product_code not in download.exclude.get("dataProductCode", ())
        and product.extension not in download.exclude.get("extension", ())
    )


def choose_products(listing: Iterable[DataProduct], download: Download) -> list[DataProduct]:
    """Gives the pairs that the entry means, by code and extension, each once, after `prefer`.

    Of a pair that is listed several times the one with most options counts, whatever the order of the listing.
    """
    pairs: dict[tuple[str, str], list[DataProduct]] = {}
    for product in listing:
        if is_wanted(product, download):
            pairs.setdefault((product.data_product_code, product.extension), []).append(product)
    chosen = [min(pairs[key], key=_fullness) for key in sorted(pairs)]
    if not download.prefer:
        return chosen
    best: dict[str, int] = {}
    for product in chosen:
        rank = _rank(product, download)
        best[product.data_product_code] = min(best.get(product.data_product_code, rank), rank)
    return [product for product in chosen if _rank(product, download) == best[product.data_product_code]]


def _fullness(product: DataProduct) -> tuple[int, bytes]:
    return -len(product.options), msgspec.json.encode(product)


def _rank(product: DataProduct, download: Download) -> int:
    try:
        return download.prefer.index(product.extension)
    except ValueError:
        return len(download.prefer)


def impossible_pairs(listings: Iterable[Sequence[DataProduct]], download: Download) -> list[str]:
    """Gives what the entry names but no listing has: `CODE/ext`, or the code or extension alone (R47)."""
    products = [product for listing in listings for product in listing]
    codes, extensions = sorted(set(download.data_product_codes)), sorted(set(download.extensions))
    if codes and extensions:
        pairs = {(product.data_product_code, product.extension) for product in products}
        return [f"{code}/{extension}" for code in codes for extension in extensions if (code, extension) not in pairs]
    known_codes, known_extensions = codes_of(products)
    return [*(code for code in codes if code not in known_codes), *(e for e in extensions if e not in known_extensions)]


def codes_of(products: Iterable[DataProduct]) -> tuple[frozenset[str], frozenset[str]]:
    """Gives the product codes and the extensions that a listing knows."""
    listed = list(products)
    return frozenset(one.data_product_code for one in listed), frozenset(one.extension for one in listed)


def describe_existing(listings: Iterable[Sequence[DataProduct]], download: Download) -> str:
    """Says what exists there of the kind that an entry names: pairs, products or formats."""
    products = [product for listing in listings for product in listing]
    if not download.data_product_codes:
        return f"there are {enumerate_codes(product.extension for product in products)}"
    if not download.extensions:
        return f"there are {enumerate_codes(product.data_product_code for product in products)}"
    named = [product for product in products if product.data_product_code in download.data_product_codes]
    return f"there are {enumerate_codes(f'{one.data_product_code}/{one.extension}' for one in named)}"


class _Filter(msgspec.Struct, frozen=True):
    """A filter that may be what empties the set: the entry without it, and how to say so."""

    key: str
    without: Download
    message: str
    hint: str
    called: Callable[[DataProduct], str]


def explain_no_product(
    listings: Iterable[Sequence[DataProduct]], download: Download, measured: Iterable[str] = ()
) -> Problem:
    """Says which filter left no product, and what would have matched (R42, R123).

    `measured` are the properties that the instruments measure, when the entry names others.
    """
    products = [product for listing in listings for product in listing]
    name = f"`{download.name}`"
    if not products and download.property_codes:
        known = enumerate_codes(measured)
        message = f"{name}: no instrument there measures {enumerate_codes(download.property_codes)}"
        return Problem(where(download, "propertyCode"), message, f"these exist there: {known}" if known else None)
    if not products:
        return Problem(where(download), f"{name} matches deployments that offer no data product at all")
    codes = {product.data_product_code for product in products}
    unknown = [code for code in download.data_product_codes if code not in codes]
    if download.data_product_codes and len(unknown) == len(download.data_product_codes):
        message = f"{name}: no instrument there offers the data product {enumerate_codes(unknown)}"
        return Problem(where(download, "dataProductCode"), message, f"these exist there: {enumerate_codes(codes)}")
    for one in _filters(download):
        kept = {one.called(product) for product in products if is_wanted(product, one.without)}
        if kept:
            return Problem(where(download, one.key), f"{name}: {one.message}", f"{one.hint} {enumerate_codes(kept)}")
    message = f"{name}: no data product there passes its filters"
    return Problem(where(download, "dataProductCode"), message, f"these exist there: {enumerate_codes(codes)}")


def _filters(download: Download) -> tuple[_Filter, ...]:
    """Gives the filters of an entry, in the order in which they are suspected."""
    replace = msgspec.structs.replace
    of = f" of {enumerate_codes(download.data_product_codes)}" if download.data_product_codes else ""
    return (
        _Filter(
            "exclude",
            replace(download, exclude={}),
            "`exclude` drops every data product that the other filters keep",
            "those are",
            lambda product: f"{product.data_product_code}/{product.extension}",
        ),
        _Filter(
            "dataProductName",
            replace(download, data_product_names=()),
            f"no data product there is called {enumerate_codes(download.data_product_names)}",
            "these exist there:",
            lambda product: product.data_product_name,
        ),
        _Filter(
            "extension",
            replace(download, extensions=()),
            f"the extension {enumerate_codes(download.extensions)} does not exist there",
            f"these formats{of} exist:",
            lambda product: product.extension,
        ),
    )
