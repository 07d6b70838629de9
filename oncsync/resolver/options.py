"""Which options are sent with a product, held against what the service lists for it. Pure.

Names and values are matched to ONC's spelling: `dpo_RESAMPLE: Average` and `true` for `True` are understood, and what
is sent is what the listing says. Sources: R7, R59, the glossary's "safe client rule", open question 51; architecture,
"The lock".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from oncsync.api.records import NO_OPTION, DataProduct, ProductOption
from oncsync.errors import Problem
from oncsync.manifest import Download
from oncsync.resolver.findings import where
from oncsync.spelling import enumerate_codes, enumerate_values, in_order, suggest

Scoped = Mapping[str, Mapping[str, str]]
"""Options by what they are for: "" for all products, `CODE` or `CODE/ext`."""


class ChosenProduct(msgspec.Struct, frozen=True):
    """A product in one extension, with the options that will be sent and the listing's defaults.

    `defaults` are those of the options that are not sent, or, when they are pinned, those that are sent because they
    are defaults.
    """

    code: str
    name: str
    extension: str
    help_document: str
    options: dict[str, str]
    defaults: dict[str, str]


def with_options(
    product: DataProduct,
    download: Download,
    *,
    is_described: bool = True,
    kept: Mapping[str, str] | None = None,
) -> ChosenProduct:
    """Gives the pair with the options to send.

    The listing's defaults are for review alone, unless the entry pins them: then they are sent, those in `kept`, which
    were pinned before, in the place of today's.
    """
    written = written_options(download.options, product, is_described=is_described)
    if download.pin_options:
        defaults = pinned_defaults(product, written, kept)
        options = {**defaults, **written}
    else:
        options, defaults = written, listed_defaults(product, written)
    return ChosenProduct(
        code=product.data_product_code,
        name=product.data_product_name,
        extension=product.extension,
        help_document=product.help_document or "",
        options=dict(sorted(options.items())),
        defaults=dict(sorted(defaults.items())),
    )


# --- What is sent ----------------------------------------------------------------------------------------------


def written_options(options: Scoped, product: DataProduct, *, is_described: bool = True) -> dict[str, str]:
    """Gives the options to send for a pair: those for all products, then for `CODE`, then for `CODE/ext`.

    Only what the listing has for the pair is sent, and only with a value that it takes (glossary). A listing that
    describes no option of any product (`is_described`) cannot tell, so everything written is sent.
    """
    listed = listed_options(product.options)
    own = options.get(pair_of(product), {}) if not product.options else {}
    return {
        key: value
        for key, value in merged_options(options, product).items()
        if not is_described or key in own or (key in listed and allows(listed[key], value))
    }


def merged_options(options: Scoped, product: DataProduct) -> dict[str, str]:
    """Gives what is written for a pair in ONC's spelling; the narrower scope wins."""
    listed = listed_options(product.options)
    merged: dict[str, str] = {}
    for scope in ("", product.data_product_code, pair_of(product)):
        for written, value in options.get(scope, {}).items():
            key = spelling(written, listed)
            merged[key] = value_spelling(listed[key], value) if key in listed else value
    return merged


def spelling(written: str, known: Iterable[str]) -> str:
    """Gives the one known word that differs in case alone, the word itself when there is none."""
    words = list(known)
    near = [word for word in words if word.casefold() == written.casefold()]
    return near[0] if written not in words and len(near) == 1 else written


def value_spelling(option: ProductOption, value: str) -> str:
    """Gives the listed value that differs in case alone, or that is the same number; else the value itself."""
    found = spelling(value, option.allowable_values)
    if found in option.allowable_values:
        return found
    number = _number(value)
    same = [listed for listed in option.allowable_values if number is not None and _number(listed) == number]
    return same[0] if len(same) == 1 else value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def pair_of(product: DataProduct) -> str:
    """Gives `CODE/ext`."""
    return f"{product.data_product_code}/{product.extension}"


def describes_options(products: Iterable[DataProduct]) -> bool:
    """Whether a listing says anything about options; answers from before 2022 do not (onc-api.md 2.7)."""
    return any(product.options for product in products)


def listed_options(options: Iterable[ProductOption]) -> dict[str, ProductOption]:
    """Gives options and their sub-options by name."""
    listed: dict[str, ProductOption] = {}
    for option in options:
        listed[option.option] = option
        for below in option.suboptions:
            if below.option != NO_OPTION:
                listed.setdefault(below.option, below)
    return listed


def listed_defaults(product: DataProduct, written: Mapping[str, str]) -> dict[str, str]:
    """Gives the listing's defaults for what is not written; those of sub-options are internal ids and stay out."""
    return {
        option.option: option.default_value
        for option in product.options
        if option.option not in written and option.default_value is not None and option.option != NO_OPTION
    }


def allows(option: ProductOption, value: str) -> bool:
    """Whether an option takes a value: a listed one, or a number in its range."""
    if value in option.allowable_values or not (option.allowable_values or option.allowable_range):
        return True
    bounds, number = option.allowable_range, _number(value)
    if bounds is None or number is None:
        return False
    is_above = bounds.lower_bound is None or number >= bounds.lower_bound
    is_below = bounds.upper_bound is None or number <= bounds.upper_bound
    return is_above and is_below and (not bounds.only_integers or number.is_integer())


# --- Pinned defaults -------------------------------------------------------------------------------------------


def pinned_defaults(
    product: DataProduct, written: Mapping[str, str], kept: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Gives the defaults to send beside what is written, with the sub-options of the values in force.

    `kept` holds those that were pinned before; nothing is added to them but sub-options of a value written since.
    """
    below = {sub.option for option in product.options for sub in option.suboptions}
    if kept is None:
        top = {key: value for key, value in listed_defaults(product, written).items() if _can_be_sent(product, key)}
    else:
        top = {key: value for key, value in kept.items() if key not in written and key not in below}
    pinned = dict(top)
    for sub in _subs_in_force(product, {**top, **written}):
        value = (kept or {}).get(sub.option) or _sub_default(sub)
        if sub.option not in written and value is not None:
            pinned[sub.option] = value
    return pinned


def unpinnable(product: DataProduct, options: Mapping[str, str]) -> list[str]:
    """Gives the sub-options in force whose default only the service knows: the listing's is an internal id."""
    return [sub.option for sub in _subs_in_force(product, options) if sub.option not in options]


def _can_be_sent(product: DataProduct, key: str) -> bool:
    option = next(one for one in product.options if one.option == key)
    return option.default_value is not None and allows(option, option.default_value)


def _subs_in_force(product: DataProduct, options: Mapping[str, str]) -> list[ProductOption]:
    """Gives the sub-options that count with these values: `dpo_average` counts with `dpo_resample=average`."""
    return [
        sub
        for option in product.options
        for sub in option.suboptions
        if sub.option != NO_OPTION and sub.option == f"dpo_{options.get(option.option)}"
    ]


def _sub_default(sub: ProductOption) -> str | None:
    if sub.default_value in sub.allowable_values:
        return sub.default_value
    return sub.allowable_values[0] if len(sub.allowable_values) == 1 else None


# --- What is wrong with them -----------------------------------------------------------------------------------


def check_options(chosen: Sequence[DataProduct], download: Download) -> list[Problem]:
    """Gives what is wrong with an entry's options, held against every pair that it chose at every place."""
    problems = [
        problem
        for scope, options in download.options.items()
        for problem in _check_scope(scope, options, chosen, download)
    ]
    for products in _by_pair(chosen).values():
        merged = {
            key: value for product in products for key, value in merged_options(download.options, product).items()
        }
        for key, value in merged.items():
            listed = [known[key] for product in products if key in (known := listed_options(product.options))]
            if listed and not any(allows(option, value) for option in listed):
                message = f"`{download.name}`: `{key}={value}` is not possible for {pair_of(products[0])}"
                hint = _allowed(listed[0]) + see(products)
                problems.append(Problem(where(download, "options"), message, hint))
            problems += _check_parent(key, products, merged, download)
    return list(dict.fromkeys(problems))


def _check_parent(
    key: str, products: Sequence[DataProduct], merged: Mapping[str, str], download: Download
) -> list[Problem]:
    """Gives the mistake of a sub-option whose option has another value everywhere: it would mean nothing."""
    value = key.removeprefix("dpo_")
    parents = [
        option
        for product in products
        for option in product.options
        if value in option.allowable_values and any(sub.option == key for sub in option.suboptions)
    ]
    if not parents or any(merged.get(option.option, option.default_value) == value for option in parents):
        return []
    parent = parents[0].option
    message = f"`{download.name}`: `{key}` counts with `{parent}={value}` alone for {pair_of(products[0])}"
    return [Problem(where(download, "options"), message, f"write `{parent}: {value}` too" + see(products))]


def uneven_options(chosen: Sequence[DataProduct], download: Download) -> list[str]:
    """Gives what a person should know of values that one place takes and another does not."""
    told = []
    for pair, products in _by_pair(chosen).items():
        takes: dict[str, set[bool]] = {}
        words: dict[str, str] = {}
        for product in products:
            listed = listed_options(product.options)
            for key, value in merged_options(download.options, product).items():
                if key in listed:
                    takes.setdefault(key, set()).add(allows(listed[key], value))
                    words[key] = value
        told += [
            f"`{key}={words[key]}` is not possible everywhere for {pair}; it is not sent where it is not"
            for key, answers in takes.items()
            if len(answers) > 1
        ]
    return told


def _by_pair(chosen: Iterable[DataProduct]) -> dict[str, list[DataProduct]]:
    pairs: dict[str, list[DataProduct]] = {}
    for product in chosen:
        pairs.setdefault(pair_of(product), []).append(product)
    return pairs


def _check_scope(
    scope: str, options: Mapping[str, str], chosen: Sequence[DataProduct], download: Download
) -> list[Problem]:
    """Gives what is wrong with where options are written: for no product of the entry, or for none that takes them."""
    place = where(download, "options")
    pairs = [product for product in chosen if scope in ("", product.data_product_code, pair_of(product))]
    if not pairs:
        known = {name for product in chosen for name in (product.data_product_code, pair_of(product))}
        message = f"`{download.name}` has options for `{scope}`, which it does not download"
        return [Problem(place, message, suggest(scope, known))]
    is_silent = not describes_options(pairs if "/" in scope else chosen)
    listed = {name for product in pairs for name in listed_options(product.options)}
    of = f"`{scope}`" if scope else "no product it downloads"
    verb = "has no option" if scope else "has the option"
    exist = f"these exist: {enumerate_codes(listed)}" if listed else "it takes no options"
    return [
        Problem(place, f"`{download.name}`: {of} {verb} `{key}`", (suggest(key, listed) or exist) + see(pairs))
        for key in options
        if spelling(key, listed) not in listed and not is_silent
    ]


def see(products: Iterable[DataProduct]) -> str:
    """Gives where the products' options are explained, for the end of a hint."""
    link = next((product.help_document for product in products if product.help_document), None)
    return f"; see {link}" if link else ""


def _allowed(option: ProductOption) -> str:
    listed = enumerate_values(in_order(option.allowable_values), most=20)
    within = option.allowable_range.words if option.allowable_range is not None else ""
    return f"allowed: {' or '.join(filter(None, [listed, within]))}"
