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
    """Gives the options to send for a pair: those for all products, then for `CODE`, then for `CODE/ext`.

    Only what the listing has for the pair is sent, and only with a value that it takes (glossary). A listing that
    describes no option of any product (`is_described`) cannot tell, so everything written is sent.
    """
    listed = _listed_options(product.options)
    own = options.get(_pair(product), {}) if not product.options else {}
    return {
        key: value
        for key, value in _merged(options, product).items()
        if not is_described or key in own or (key in listed and _allows(listed[key], value))
    }


def _merged(options: Mapping[str, Mapping[str, str]], product: DataProduct) -> dict[str, str]:
    scopes = ("", product.data_product_code, _pair(product))
    return {key: value for scope in scopes for key, value in options.get(scope, {}).items()}


def _pair(product: DataProduct) -> str:
    return f"{product.data_product_code}/{product.extension}"


def describes_options(products: Iterable[DataProduct]) -> bool:
    """Whether a listing says anything about options; answers from before 2022 do not (onc-api.md 2.7)."""
    return any(product.options for product in products)


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
    """Gives what is wrong with an entry's options, held against every pair that it chose at every place."""
    problems = [
        problem
        for scope, options in download.options.items()
        for problem in _check_scope(scope, options, chosen, download)
    ]
    for products in _by_pair(chosen).values():
        for key, value in _merged(download.options, products[0]).items():
            listed = [known[key] for product in products if key in (known := _listed_options(product.options))]
            if listed and not any(_allows(option, value) for option in listed):
                message = f"`{download.name}`: `{key}={value}` is not possible for {_pair(products[0])}"
                hint = _allowed(listed[0]) + _see(products)
                problems.append(Problem(where(download, "options"), message, hint))
    return list(dict.fromkeys(problems))


def uneven_options(chosen: Sequence[DataProduct], download: Download) -> list[str]:
    """Gives what a person should know of values that one place takes and another does not."""
    return [
        f"`{key}={value}` is not possible everywhere for {pair}; it is not sent where it is not"
        for pair, products in _by_pair(chosen).items()
        for key, value in _merged(download.options, products[0]).items()
        if len(
            {_allows(known[key], value) for product in products if key in (known := _listed_options(product.options))}
        )
        > 1
    ]


def _by_pair(chosen: Iterable[DataProduct]) -> dict[str, list[DataProduct]]:
    pairs: dict[str, list[DataProduct]] = {}
    for product in chosen:
        pairs.setdefault(_pair(product), []).append(product)
    return pairs


def _check_scope(
    scope: str, options: Mapping[str, str], chosen: Sequence[DataProduct], download: Download
) -> list[Problem]:
    """Gives what is wrong with where options are written: for no product of the entry, or for none that takes them."""
    place = where(download, "options")
    pairs = [product for product in chosen if scope in ("", product.data_product_code, _pair(product))]
    if not pairs:
        known = {name for product in chosen for name in (product.data_product_code, _pair(product))}
        message = f"`{download.name}` has options for `{scope}`, which it does not download"
        return [Problem(place, message, suggest(scope, known))]
    is_silent = not describes_options(pairs if "/" in scope else chosen)
    listed = {name for product in pairs for name in _listed_options(product.options)}
    of = f"`{scope}`" if scope else "no product it downloads"
    verb = "has no option" if scope else "has the option"
    exist = f"these exist: {enumerate_codes(listed)}" if listed else "it takes no options"
    return [
        Problem(place, f"`{download.name}`: {of} {verb} `{key}`", (suggest(key, listed) or exist) + _see(pairs))
        for key in options
        if key not in listed and not is_silent
    ]


def _see(products: Iterable[DataProduct]) -> str:
    link = next((product.help_document for product in products if product.help_document), None)
    return f"; see {link}" if link else ""


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
