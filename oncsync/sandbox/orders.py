"""What may be ordered: checks a delivery request against the narrowed listing and makes it an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .catalogue import Catalogue, Category, Deployment, Device, Location, Option, Product, Property
from .matching import Question, matching_deployments, narrowed_products
from .parameters import read_window
from .replies import NO_DATA, UNKNOWN_NAME, Complaint, RefusedRequest, invalid_value, missing
from .times import Span

UNORDERABLE = frozenset({("SHV", "png"), ("HSD", "oct")})
"""Pairs that listings name but no order brings (onc-api.md 2.7)."""

ARCHIVED = frozenset({"AD", "LF"})
"""Products that lie ready in the archive although they have options (onc-api.md 3.1)."""

_SOURCES = (
    frozenset({"locationCode", "deviceCategoryCode"}),
    frozenset({"locationCode", "deviceCategoryCode", "propertyCode"}),
    frozenset({"locationCode", "propertyCode"}),
    frozenset({"deviceCode"}),
    frozenset({"deviceCode", "propertyCode"}),
)
_SOURCE_NAMES = ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode")


@dataclass(frozen=True)
class Order:
    """A valid order: its product, source, span, the options in force, and the deployments that feed it.

    `location` is None for an order by device, `category` for one by place and property alone. The span ends at the
    instant of the request at the latest: what was not measured yet cannot be delivered.
    """

    product: Product
    location: Location | None
    category: Category | None
    device: Device | None
    measured: Property | None
    span: Span
    options: tuple[tuple[str, str], ...]
    filled: tuple[str, ...]
    deployments: tuple[Deployment, ...]

    @property
    def is_archived(self) -> bool:
        """Whether the files lie ready in the archive, as they do for products without options."""
        return self.product.code in ARCHIVED or not self.product.options

    def option(self, name: str) -> str | None:
        """Gives an option's value in force, asked for or filled in."""
        return dict(self.options).get(name)


def read_order(catalogue: Catalogue, given: Mapping[str, str], now: datetime) -> Order:
    """Makes an order of a request whose names and codes are known to be valid.

    Raises 128 without a source or with half of one, 127 for a product that the source does not offer, for a bad
    option value and for sources that do not go together, 129 for an option that the product lacks, 23 and 25 for
    the dates, and 33 when nothing was deployed in the span.
    """
    source = {name: given[name] for name in _SOURCE_NAMES if name in given}
    _check_source(source)
    window = read_window(given, now)
    assert window is not None
    product = _offered_product(catalogue, given, source)
    options, filled = _options_in_force(product, given)
    deployments = matching_deployments(catalogue, Question(source, window))
    if not deployments or window.begin == window.end:
        raise RefusedRequest(
            400, Complaint(NO_DATA, "No data: nothing was deployed in this time range", "dateFrom,dateTo")
        )
    deployments = [d for d in deployments if _offers(d.device, product)] or deployments
    return Order(
        product=product,
        location=catalogue.locations.get(source.get("locationCode", "")),
        category=_category(catalogue, source),
        device=catalogue.devices.get(source.get("deviceCode", "")),
        measured=catalogue.properties.get(source.get("propertyCode", "")),
        span=Span(window.begin, min(window.end, now)),
        options=tuple(options.items()),
        filled=filled,
        deployments=tuple(sorted(deployments, key=lambda d: (d.begin, d.device.code))),
    )


def _category(catalogue: Catalogue, source: Mapping[str, str]) -> Category | None:
    device = catalogue.devices.get(source.get("deviceCode", ""))
    return catalogue.categories.get(device.category if device else source.get("deviceCategoryCode", ""))


def _offers(device: Device, product: Product) -> bool:
    return any((p.code, p.extension) == (product.code, product.extension) for p in device.kind.products)


def _check_source(source: Mapping[str, str]) -> None:
    names = frozenset(source)
    if names in _SOURCES:
        return
    if "deviceCode" in names:
        raise invalid_value("deviceCode", "A device is asked for without a location or category")
    if "locationCode" in names:
        raise missing("deviceCategoryCode/propertyCode")
    raise missing("locationCode/deviceCode")


def _offered_product(catalogue: Catalogue, given: Mapping[str, str], source: Mapping[str, str]) -> Product:
    pair = (given["dataProductCode"], given["extension"])
    if pair not in UNORDERABLE:
        for product in narrowed_products(catalogue, source):
            if (product.code, product.extension) == pair:
                return product
    names = ",".join(source)
    raise invalid_value(
        f"{names},dataProductCode,extension",
        f"{names} does not have corresponding dataProductCode and extension",
    )


def _options_in_force(product: Product, given: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Gives the options asked for, then the defaults of the others, and the names of those filled in."""
    known = {option.name: option for option in product.options}
    for option in product.options:
        known |= {sub.name: sub for sub in option.suboptions or () if sub.values}
    asked = {name: value for name, value in given.items() if name.startswith("dpo_")}
    unknown = [name for name in asked if name not in known]
    if unknown:
        complaints = (Complaint(UNKNOWN_NAME, "Invalid parameter name", name) for name in unknown)
        raise RefusedRequest(400, *complaints)
    wrong = [name for name, value in asked.items() if not known[name].accepts(value)]
    if wrong:
        complaints = (invalid_value(name, _expected(known[name])).complaints[0] for name in wrong)
        raise RefusedRequest(400, *complaints)
    filled = tuple(option.name for option in product.options if option.name not in asked)
    return asked | {name: known[name].default for name in filled}, filled


def _expected(option: Option) -> str:
    text = f"Invalid parameter value. Expected values: {', '.join(option.values)}"
    bounds = option.bounds
    return text if bounds is None else f"{text}, or {bounds.low} to {bounds.high}"
