"""Which products and extensions an entry means, and with which options. Pure.

Sources: R39-R42, R46, R47, R123, the glossary's "safe client rule", open question 51.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from oncsync.api.records import AllowableRange, DataProduct, ProductOption
from oncsync.errors import Problem
from oncsync.manifest import Download
from oncsync.resolver.findings import enumerate_codes, suggest, where

PRODUCT_KEYS = ("dataProductCode", "dataProductName", "extension")


class ChosenProduct(msgspec.Struct, frozen=True):
    """A product in one extension, with the options that will be sent and the listing's defaults for the others."""

    code: str
    name: str
    extension: str
    help_document: str
    options: dict[str, str]
    defaults: dict[str, str]


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
    """Gives the pairs that the entry means, by code and extension, each once, after `prefer`."""
    pairs: dict[tuple[str, str], DataProduct] = {}
    for product in listing:
        if is_wanted(product, download):
            pairs.setdefault((product.data_product_code, product.extension), product)
    chosen = [pairs[key] for key in sorted(pairs)]
    if not download.prefer:
        return chosen
    best: dict[str, int] = {}
    for product in chosen:
        rank = _rank(product, download)
        best[product.data_product_code] = min(best.get(product.data_product_code, rank), rank)
    return [product for product in chosen if _rank(product, download) == best[product.data_product_code]]


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


def explain_no_product(listings: Iterable[Sequence[DataProduct]], download: Download) -> Problem:
    """Says which filter left no product, and what would have matched (R42, R123)."""
    products = [product for listing in listings for product in listing]
    if not products:
        return Problem(where(download), f"`{download.name}` matches deployments that offer no data product at all")
    codes = {product.data_product_code for product in products}
    unknown = [code for code in download.data_product_codes if code not in codes]
    if download.data_product_codes and len(unknown) == len(download.data_product_codes):
        return Problem(
            where(download, "dataProductCode"),
            f"`{download.name}`: no instrument there offers the data product {enumerate_codes(unknown)}",
            f"these exist there: {enumerate_codes(codes)}",
        )
    without = msgspec.structs.replace(download, extensions=())
    extensions = {product.extension for product in products if is_wanted(product, without)}
    if download.extensions and extensions:
        of = f" of {enumerate_codes(download.data_product_codes)}" if download.data_product_codes else ""
        return Problem(
            where(download, "extension"),
            f"`{download.name}`: the extension {enumerate_codes(download.extensions)} does not exist there",
            f"these formats{of} exist: {enumerate_codes(extensions)}",
        )
    return Problem(
        where(download, "dataProductName" if download.data_product_names else "dataProductCode"),
        f"`{download.name}`: no data product there passes its filters",
        f"these exist there: {enumerate_codes(codes)}",
    )


# --- Options ---------------------------------------------------------------------------------------------------


def written_options(
    options: Mapping[str, Mapping[str, str]], product: DataProduct, *, is_described: bool = True
) -> dict[str, str]:
    """Gives the options written for a pair: those for all products that it lists, then `CODE`, then `CODE/ext`.

    A listing that describes no options of any product (`is_described`) cannot tell which ones a pair takes.
    """
    listed = _listed_options(product.options)
    code = product.data_product_code
    everywhere = {key: value for key, value in options.get("", {}).items() if key in listed or not is_described}
    return {**everywhere, **options.get(code, {}), **options.get(f"{code}/{product.extension}", {})}


def with_options(product: DataProduct, download: Download, *, is_described: bool = True) -> ChosenProduct:
    """Gives the pair with the options to send; the listing's defaults are kept for review, never sent."""
    options = written_options(download.options, product, is_described=is_described)
    defaults = {
        option.option: option.default_value
        for option in product.options
        if option.option not in options and option.default_value is not None
    }
    return ChosenProduct(
        code=product.data_product_code,
        name=product.data_product_name,
        extension=product.extension,
        help_document=product.help_document or "",
        options=dict(sorted(options.items())),
        defaults=dict(sorted(defaults.items())),
    )


def check_options(chosen: Sequence[DataProduct], download: Download) -> list[Problem]:
    """Gives what is wrong with an entry's options, held against every pair that it chose."""
    problems: dict[tuple[str, str], Problem] = {}
    for scope, options in download.options.items():
        pairs = [product for product in chosen if _in_scope(product, scope)]
        place = where(download, "options")
        if scope and not pairs:
            message = f"`{download.name}` has options for `{scope}`, which it does not download"
            known = {product.data_product_code for product in chosen}
            known |= {f"{product.data_product_code}/{product.extension}" for product in chosen}
            problems[(scope, "")] = Problem(place, message, suggest(scope, known))
        for key, value in options.items():
            problem = _check_option(key, value, pairs, download)
            if problem is not None:
                problems[(scope, key)] = problem
    return list(problems.values())


def _in_scope(product: DataProduct, scope: str) -> bool:
    code = product.data_product_code
    return scope in ("", code, f"{code}/{product.extension}")


def _check_option(key: str, value: str, pairs: Sequence[DataProduct], download: Download) -> Problem | None:
    described = [product for product in pairs if product.options]
    if not described:
        return None
    listed = {name for product in described for name in _listed_options(product.options)}
    place = where(download, "options")
    help_link = next((product.help_document for product in described if product.help_document), None)
    see = f"; see {help_link}" if help_link else ""
    if key not in listed:
        hint = suggest(key, listed) or f"these exist: {enumerate_codes(listed)}"
        return Problem(place, f"`{download.name}`: no product it downloads has the option `{key}`", hint + see)
    for product in described:
        option = _listed_options(product.options).get(key)
        if option is not None and not _allows(option, value):
            pair = f"{product.data_product_code}/{product.extension}"
            return Problem(
                place, f"`{download.name}`: `{key}={value}` is not possible for {pair}", _allowed(option) + see
            )
    return None


def _listed_options(options: Iterable[ProductOption]) -> dict[str, ProductOption]:
    listed: dict[str, ProductOption] = {}
    for option in options:
        listed[option.option] = option
        for below in option.suboptions:
            if below.option != "dpo_none":
                listed.setdefault(below.option, below)
    return listed


def _allows(option: ProductOption, value: str) -> bool:
    if value in option.allowable_values or not (option.allowable_values or option.allowable_range):
        return True
    bounds = option.allowable_range
    if bounds is None:
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    is_above = bounds.lower_bound is None or number >= bounds.lower_bound
    is_below = bounds.upper_bound is None or number <= bounds.upper_bound
    return is_above and is_below and (not bounds.only_integers or number.is_integer())


def _allowed(option: ProductOption) -> str:
    listed = enumerate_codes(option.allowable_values, most=20)
    return f"allowed: {' or '.join(filter(None, [listed, _range_words(option.allowable_range)]))}"


def _range_words(bounds: AllowableRange | None) -> str:
    """Gives `a whole number from 1 to 60 s`, as far as the bounds are known."""
    if bounds is None:
        return ""
    low = f" from {bounds.lower_bound:g}" if bounds.lower_bound is not None else ""
    high = f" to {bounds.upper_bound:g}" if bounds.upper_bound is not None else ""
    unit = f" {bounds.unit_of_measure}" if bounds.unit_of_measure else ""
    return f"{'a whole number' if bounds.only_integers else 'a number'}{low}{high}{unit}"
