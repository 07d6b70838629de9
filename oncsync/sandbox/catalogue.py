"""The places, instruments and products that the embedded service knows, read from `catalogue.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from .times import UTC, Span

CATALOGUE_FILE = Path(__file__).with_name("catalogue.json")
WIKI = "https://wiki.oceannetworks.ca/"
VOCABULARY = "http://vocab.nerc.ac.uk/collection/"


@dataclass(frozen=True)
class Bounds:
    """The numbers that an option takes besides its listed values."""

    low: str
    high: str
    integers: bool
    unit: str | None


@dataclass(frozen=True)
class Option:
    """One data product option; a sub-option's default is an internal id, never a value (glossary)."""

    name: str
    values: tuple[str, ...]
    default: str
    bounds: Bounds | None
    suboptions: tuple[Option, ...] | None
    documents: tuple[str, ...]

    def accepts(self, value: str) -> bool:
        """Whether the service takes this value: a listed one, or a number within the bounds."""
        if value in self.values:
            return True
        if self.bounds is None:
            return False
        try:
            number = float(value)
        except ValueError:
            return False
        whole = not self.bounds.integers or number.is_integer()
        return whole and float(self.bounds.low) <= number <= float(self.bounds.high)


@dataclass(frozen=True)
class Product:
    """A data product in one format: the pair that a listing has an entry for."""

    code: str
    name: str
    extension: str
    help_page: int
    device_data: bool
    property_data: bool
    options: tuple[Option, ...]


@dataclass(frozen=True)
class ArchiveRule:
    """A series of archive files: one every `every` seconds of the day, which begins `offset` seconds later."""

    product: str
    extension: str
    every: int
    suffix: str
    offset: int = 0


@dataclass(frozen=True)
class Kind:
    """What instruments of one make have in common: products, what they measure, how often (seconds), archive files."""

    name: str
    products: tuple[Product, ...]
    sensors: tuple[str, ...]
    period: int
    archive: tuple[ArchiveRule, ...] = ()


@dataclass(frozen=True)
class Property:
    """A measured quantity; `term` is the vocabulary term of its unit."""

    code: str
    name: str
    unit: str
    term: str | None


@dataclass(frozen=True)
class Category:
    """A device category; `term` is its vocabulary term."""

    code: str
    name: str
    description: str
    term: str | None


@dataclass(frozen=True)
class Location:
    """A node of the location tree."""

    code: str
    name: str
    parent: str | None
    description: str | None
    property_data: bool


@dataclass(frozen=True)
class Rating:
    """How often a device sampled (seconds) and how much at once, from `begin` to `end` (None: to this day)."""

    begin: datetime
    end: datetime | None
    period: float
    size: int


@dataclass(frozen=True)
class Device:
    """An instrument; `term` is the vocabulary term of its make."""

    code: str
    id: int
    name: str
    category: str
    kind: Kind
    ratings: tuple[Rating, ...]
    term: str | None = None


@dataclass(frozen=True)
class Deployment:
    """A device at a place from `begin` to `end` (None: still there); no data lie in its `gaps`."""

    device: Device
    location: str
    begin: datetime
    end: datetime | None
    lat: float | None
    lon: float | None
    depth: float | None
    heading: float | None
    pitch: float | None
    roll: float | None
    cited: bool
    gaps: tuple[Span, ...]


@dataclass(frozen=True, repr=False)
class Catalogue:
    """Everything that exists at the embedded service; each mapping goes by code, in the file's order."""

    products: tuple[Product, ...]
    properties: dict[str, Property]
    categories: dict[str, Category]
    locations: dict[str, Location]
    devices: dict[str, Device]
    deployments: tuple[Deployment, ...]

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self.locations)} locations, {len(self.devices)} devices>"

    @cached_property
    def children(self) -> dict[str | None, tuple[str, ...]]:
        """The codes right below each location, sorted; the roots stand under None."""
        below: dict[str | None, list[str]] = {}
        for location in self.locations.values():
            below.setdefault(location.parent, []).append(location.code)
        return {parent: tuple(sorted(codes)) for parent, codes in below.items()}

    @cached_property
    def product_codes(self) -> frozenset[str]:
        """Every data product code."""
        return frozenset(product.code for product in self.products)

    @cached_property
    def extensions(self) -> frozenset[str]:
        """Every file extension of some product."""
        return frozenset(product.extension for product in self.products)

    def below(self, code: str) -> tuple[str, ...]:
        """Gives a location and everything under it."""
        found = [code]
        for known in found:
            found.extend(self.children.get(known, ()))
        return tuple(found)


def merged_listing(kinds: Iterable[Kind]) -> tuple[Product, ...]:
    """Gives what instruments of these kinds offer together, by product code and extension.

    A pair that several kinds offer shows the options of the kind that has most of them.
    """
    best: dict[tuple[str, str], list[Product]] = {}
    for kind in kinds:
        own: dict[tuple[str, str], list[Product]] = {}
        for product in kind.products:
            own.setdefault((product.code, product.extension), []).append(product)
        for pair, products in own.items():
            if pair not in best or len(products[0].options) > len(best[pair][0].options):
                best[pair] = products
    return tuple(product for pair in sorted(best) for product in best[pair])


@cache
def read_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """Reads a catalogue file, once in a process; its `about` says what the columns are."""
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    products = _products(raw)
    narrowed = _narrowed(products, raw["narrowed"])
    archives = {kind: tuple(ArchiveRule(*rule) for rule in rules) for kind, rules in raw["archives"].items()}
    kinds = {
        name: replace(_kind(name, row, narrowed), archive=archives.get(name, ())) for name, row in raw["kinds"].items()
    }
    of_category = {code: kinds[name] for code, name in raw["categoryKinds"].items()}
    devices = {
        code: Device(
            code, number, name, category, kinds[kind] if kind else of_category[category],
            tuple(Rating(_instant(r[0]), _instant_or_none(r[1]), r[2], r[3]) for r in ratings),
            _term_of(code, raw["deviceTerms"]),
        )
        for code, (number, name, category, kind, ratings) in raw["devices"].items()
    }  # fmt: skip
    return Catalogue(
        products=products,
        properties={code: Property(code, *row) for code, row in raw["properties"].items()},
        categories={code: Category(code, r[0], r[2], r[1]) for code, r in raw["categories"].items()},
        locations={code: Location(code, r[0], r[1], r[2], len(r) > 3) for code, r in raw["locations"].items()},
        devices=devices,
        deployments=tuple(_deployment(row, devices) for row in raw["deployments"]),
    )


def _term_of(code: str, terms: dict[str, str]) -> str | None:
    """Gives the term of the longest beginning of a device code that has one."""
    fitting = [beginning for beginning in terms if code.startswith(beginning)]
    return terms[max(fitting, key=len)] if fitting else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


def _products(raw: dict[str, Any]) -> tuple[Product, ...]:
    rows: dict[str, dict[str, Any]] = raw["options"]

    def option(key: str) -> Option:
        row = rows[key]
        return Option(
            name=f"dpo_{key.rpartition('.')[0]}",
            values=tuple(row["values"]),
            default=row["default"],
            bounds=Bounds(*row["range"]) if "range" in row else None,
            suboptions=tuple(option(sub) for sub in row["sub"]) if "sub" in row else None,
            documents=tuple(WIKI + page for page in row["docs"]),
        )

    known = {key: option(key) for key in rows}
    return tuple(
        Product(
            code, raw["codes"][code][0], extension, raw["codes"][code][1],
            "d" in flags, "p" in flags, tuple(known[key] for key in keys),
        )
        for code, extension, flags, keys in raw["pairs"]
    )  # fmt: skip


def _narrowed(products: tuple[Product, ...], defaults: dict[str, dict[str, str]]) -> tuple[Product, ...]:
    """Gives the products as a narrowed listing shows them, with the defaults of the devices."""
    return tuple(
        replace(
            product,
            options=tuple(
                replace(option, default=defaults[f"{product.code}:{product.extension}"][option.name])
                if option.name in defaults.get(f"{product.code}:{product.extension}", {})
                else option
                for option in product.options
            ),
        )
        for product in products
    )


def _kind(name: str, row: dict[str, Any], products: tuple[Product, ...]) -> Kind:
    wanted = set(row["products"])
    lacks: set[str] = set(row.get("lacks", ()))
    only: dict[str, list[str]] = row.get("only", {})

    def fitted(product: Product) -> Product:
        options = [
            replace(option, values=tuple(only[option.name]), default=only[option.name][0])
            if option.name in only
            else option
            for option in product.options
            if option.name not in lacks
        ]
        return replace(product, options=tuple(options))

    own = [fitted(p) for p in products if p.code in wanted or f"{p.code}:{p.extension}" in wanted]
    return Kind(name, tuple(own), tuple(row.get("sensors", ())), row.get("period", 3600))


def _deployment(row: list[Any], devices: dict[str, Device]) -> Deployment:
    device, location, begin, end, lat, lon, depth, *rest = row
    extras: dict[str, Any] = rest[0] if rest else {}
    return Deployment(
        device=devices[device],
        location=location,
        begin=_instant(begin),
        end=_instant_or_none(end),
        lat=lat,
        lon=lon,
        depth=depth,
        heading=extras.get("heading"),
        pitch=extras.get("pitch"),
        roll=extras.get("roll"),
        cited=not extras.get("uncited", False),
        gaps=tuple(Span(_instant(gap[0]), _instant(gap[1])) for gap in extras.get("gaps", ())),
    )
