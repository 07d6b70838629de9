"""What the tests of the resolver's pure parts are made from: deployments, products and downloads in few words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from oncsync.api import AllowableRange, DataProduct, ProductOption
from oncsync.manifest import Download
from oncsync.resolver.options import ChosenProduct
from oncsync.resolver.requests import Site
from oncsync.timespan import Span, parse_instant

UTC = timezone.utc
NO_RANGE = AllowableRange()


def at(text: str) -> datetime:
    """Reads an instant."""
    return parse_instant(text)


def between(begin: str, end: str) -> Span:
    """Gives a span."""
    return Span(at(begin), at(end))


def site(device: str, begin: str | datetime, end: str | datetime | None, **rest: Any) -> Site:
    """Gives a deployment of a CTD at `HERE`."""
    return Site(
        location_code=rest.pop("location_code", "HERE"),
        device_category_code=rest.pop("device_category_code", "CTD"),
        device_code=device,
        begin=at(begin) if isinstance(begin, str) else begin,
        end=at(end) if isinstance(end, str) else end,
        **rest,
    )


def option(name: str, *values: str, default: str | None = None, **rest: Any) -> ProductOption:
    """Gives an option with the values it takes."""
    return ProductOption(option=name, allowable_values=values, default_value=default, **rest)


RESAMPLE = option(
    "dpo_resample",
    "none",
    "average",
    default="none",
    suboptions=(option("dpo_none"), option("dpo_average", "60", "600", default="41")),
)
QUALITY = option("dpo_qualityControl", "0", "1", default="1")
LIMIT = option("dpo_limit", "-1", default="-1", allowable_range=AllowableRange(lower_bound=0.5, upper_bound=10.0))
COUNT = option("dpo_count", allowable_range=AllowableRange(lower_bound=1.0, upper_bound=60.0, only_integers=True))


def product(pair: str, *options: ProductOption, name: str = "", help_document: str | None = None) -> DataProduct:
    """Gives a product by `CODE/ext`."""
    code, _, extension = pair.partition("/")
    return DataProduct(
        data_product_code=code,
        data_product_name=name or f"Product {code}",
        extension=extension,
        help_document=help_document,
        options=options,
    )


def products(*pairs: str) -> list[DataProduct]:
    """Gives products without options by `CODE/ext`."""
    return [product(pair) for pair in pairs]


def pairs_of(chosen: list[DataProduct]) -> list[str]:
    """Gives products as `CODE/ext`."""
    return [f"{one.data_product_code}/{one.extension}" for one in chosen]


def chosen(pair: str = "TSSD/csv", options: Mapping[str, str] | None = None) -> ChosenProduct:
    """Gives a product as the resolver passes it on."""
    code, _, extension = pair.partition("/")
    return ChosenProduct(code, f"Product {code}", extension, "", dict(options or {}), {})


def wanting(**filters: Any) -> Download:
    """Gives a download named `x`."""
    return Download(name="x", begin="2020-01-01", end="2021-01-01", **filters)
